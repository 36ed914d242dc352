"""One unit of ``calls check``: files of a log read together, judged call by call into a part."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.keys import read_keys
from scrubtrace.calls.check import judge_call
from scrubtrace.calls.reading import read_calls
from scrubtrace.calls.register_file import parse_register
from scrubtrace.calls.totals import Brief, brief
from scrubtrace.schemas.call_findings import CHECKED_CALLS
from scrubtrace.schemas.call_rules import Judgement, Violation
from scrubtrace.schemas.calls import BadLine, CallRecord

_VIOLATION = tuple(field.name for field in dataclasses.fields(Violation))

ROWS = 8_192
"""Calls of a row group."""

CACHED_CALLERS = 10_000


@dataclasses.dataclass(frozen=True)
class CheckUnit:
    """Files that are read together; ``log_format`` None: each file's own is recognised."""

    number: int
    paths: tuple[str, ...]
    log_format: str | None


@dataclasses.dataclass(frozen=True)
class CheckSpec:
    """What a worker has to know: the register, the digest key, and the folder to write to."""

    work: str
    register_text: str
    register_file: str
    key_file: str | None
    key_id: str

    def folder(self, name: str) -> str:
        """One of the folders ``calls``, ``bad_lines``, ``receipts``, ``duplicates``, ``totals``."""
        return storage.join(self.work, name)


FOLDERS = ("calls", "bad_lines", "receipts", "duplicates", "totals")


def pseudonyms(spec: CheckSpec) -> Callable[[str], str]:
    """The name of a caller in findings, by the key of the check: 32 hexadecimal digits.

    Raises `DigestKeyError` if the keys cannot be read, KeyError if the key is not among them.
    """
    key = read_keys(spec.key_file).selected(spec.key_id).active

    @lru_cache(CACHED_CALLERS)
    def pseudonym(caller: str) -> str:
        return key.digest(f"caller\0{caller}")[:32]

    return pseudonym


def check_unit(unit: CheckUnit, spec: CheckSpec) -> Iterator[Brief]:
    """Briefs of the calls of a unit; its part and bad lines are written, last its receipt."""
    register = parse_register(spec.register_text, spec.register_file)
    pseudonym = pseudonyms(spec)
    name = f"{unit.number:06d}"
    bad_lines = storage.join(spec.folder("bad_lines"), f"{name}.jsonl")
    unfinished = f"{bad_lines}{storage.TEMPORARY_PREFIX}{os.getpid()}"
    part = CallsPart(storage.join(spec.folder("calls"), f"{name}.parquet"), spec.key_id)
    with open(unfinished, "w", encoding="utf-8") as bad_file, part:

        def tell(line: BadLine) -> None:
            bad_file.write(json.dumps([line.file, line.line, line.reason]) + "\n")

        reading = read_calls(unit.paths, unit.log_format, tell)
        for number, record in enumerate(reading):
            judgement = judge_call(record, register)
            caller = None if record.caller is None else pseudonym(record.caller)
            key = None if record.key is None else pseudonym(record.key)
            call = brief(record, judgement, (unit.number, number), caller, key)
            part.add(record, judgement, call)
            yield call
    os.replace(unfinished, bad_lines)
    receipt = storage.join(spec.folder("receipts"), f"{name}.json")
    about = {"summary": vars(reading.summary), "files": _digests(unit.paths)}
    storage.write_atomic(receipt, json.dumps(about, sort_keys=True, indent=1).encode())


def _digests(paths: tuple[str, ...]) -> dict[str, str]:
    """SHA-256 of files, by path."""
    digests = {}
    for path in paths:
        with open(path, "rb") as file:
            digests[path] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


class CallsPart:
    """A Parquet file of judged calls; it appears when all are written."""

    def __init__(self, path: str, key_id: str) -> None:
        self._path = path
        self._unfinished = f"{path}{storage.TEMPORARY_PREFIX}{os.getpid()}"
        self._schema = CHECKED_CALLS.with_metadata({"key_id": key_id})
        self._rows: list[tuple[Any, ...]] = []

    def __enter__(self) -> "CallsPart":
        self._writer = pq.ParquetWriter(self._unfinished, self._schema, compression="zstd")
        return self

    def __exit__(self, failed: Any, *_: object) -> None:
        try:
            if failed is None:
                self._flush()
            self._writer.close()
            if failed is None:
                os.replace(self._unfinished, self._path)
        finally:
            if os.path.exists(self._unfinished):
                os.unlink(self._unfinished)

    def add(self, record: CallRecord, judgement: Judgement, call: Brief) -> None:
        """One call."""
        tokens = (record.prompt_tokens, record.completion_tokens)
        self._rows.append(
            (
                call.call_id, call.file, call.line, call.at, *call.labels, judgement.terms,
                call.caller, call.key, *tokens,
                [{name: getattr(v, name) for name in _VIOLATION} for v in judgement.violations],
                [{"rule": rule, "reason": reason} for rule, reason in judgement.abstained],
            )
        )  # fmt: skip
        if len(self._rows) == ROWS:
            self._flush()

    def _flush(self) -> None:
        columns = zip(*self._rows, strict=True) if self._rows else ([] for _ in self._schema)
        arrays = [pa.array(column, f.type) for column, f in zip(columns, self._schema, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows = []
