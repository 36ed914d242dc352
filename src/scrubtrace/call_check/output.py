"""The files of a check: calls, findings as Parquet and CSV, bad lines, and the summary."""

import csv
import io
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.call_units import CheckSpec
from scrubtrace.beam_pipelines.layout import table_bytes
from scrubtrace.call_check.findings import Finding
from scrubtrace.calls.register import Register
from scrubtrace.calls.rules import running
from scrubtrace.environment import environment
from scrubtrace.review.cells import plain_cell
from scrubtrace.schemas.call_findings import CALL_FINDINGS

if TYPE_CHECKING:
    from scrubtrace.call_check.job import CheckOutcome

SUMMARY = "summary.json"
REGISTER = "register.json"
CALLS = "calls"
FORMAT = 1

COLUMNS = tuple(name for name in CALL_FINDINGS.names)


@dataclass
class Coverage:
    """What came of reading all logs, added up over units.

    ``counts`` has the numbers of `ReadSummary` by name, ``digests`` SHA-256 by file.
    """

    bad: Counter[str] = field(default_factory=Counter)
    lines: Counter[str] = field(default_factory=Counter)
    not_calls: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    formats: dict[str, str] = field(default_factory=dict)
    empty_files: list[str] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)

    def add(self, receipt: dict[str, Any]) -> None:
        """Adds the receipt of a unit."""
        self.digests |= receipt["files"]
        for name, value in receipt["summary"].items():
            if isinstance(value, int):
                self.counts[name] += value
            elif isinstance(value, list):
                self.empty_files += value
            elif name == "formats":
                self.formats |= value
            else:
                getattr(self, name).update(value)


def write_results(
    out: str, spec: CheckSpec, outcome: "CheckOutcome", register: dict[str, str]
) -> None:
    """Writes all files; the summary of an earlier check goes first and the new one comes last."""
    summary = storage.join(out, SUMMARY)
    if os.path.exists(summary):
        os.unlink(summary)
    for name in storage.names_in(spec.folder("receipts")):
        path = storage.join(spec.folder("receipts"), name)
        outcome.coverage.add(json.loads(storage.read_bytes(path)))
    bad = _publish_calls(out, spec)
    outcome.coverage.bad.update(reason for *_, reason in bad)
    _write_bad_lines(out, spec, bad)
    write_findings(out, outcome.findings, spec.key_id)
    content = _summary(outcome, register)
    outcome.manifest_sha256 = sha256(content).hexdigest()
    storage.write_atomic(summary, content)


def write_register(out: str, register: Register, pseudonym: Callable[[str], str]) -> None:
    """Writes the register as it was read, keys by their pseudonyms, and which rules it applies."""
    content = asdict(register) | {"rules": running(register)}
    content["keys"] = [asdict(key) | {"caller": pseudonym(key.caller)} for key in register.keys]
    text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True)
    storage.write_atomic(storage.join(out, REGISTER), text.encode() + b"\n")


def write_findings(out: str, findings: list[Finding], key_id: str) -> None:
    """Writes findings as Parquet and as CSV that is safe in a spreadsheet."""
    schema = CALL_FINDINGS.with_metadata({"key_id": key_id})
    table = pa.Table.from_pylist(findings, schema)
    storage.write_atomic(storage.join(out, "findings.parquet"), table_bytes(table))
    lines = [[_cell(entry[name]) for name in COLUMNS] for entry in findings]
    storage.write_atomic(storage.join(out, "findings.csv"), csv_bytes(COLUMNS, lines))


def csv_bytes(header: tuple[str, ...], lines: list[list[str]]) -> bytes:
    """A CSV file with all cells in quotes."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(lines)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    if isinstance(value, list):
        places = (f"{entry['file']}:{entry['line']} {entry['call_id']}" for entry in value)
        return plain_cell("\n".join(places))
    return plain_cell("" if value is None else str(value))


def _publish_calls(out: str, spec: CheckSpec) -> list[tuple[str, int, str]]:
    """Moves the parts to their place without calls whose id an earlier unit has; gives those."""
    folder = storage.join(out, CALLS)
    shutil.rmtree(folder, ignore_errors=True)
    storage.make_folders(folder)
    left_out = []
    for name in storage.names_in(spec.folder("calls")):
        part = storage.join(spec.folder("calls"), name)
        stem = name.removesuffix(".parquet")
        duplicates = storage.join(spec.folder("duplicates"), f"{stem}.jsonl")
        target = storage.join(folder, f"part-{name}")
        if os.path.exists(duplicates):
            reasons = dict(map(json.loads, storage.read_bytes(duplicates).splitlines()))
            left_out += _without(part, reasons, target)
        else:
            os.replace(part, target)
    return left_out


def _without(part: str, reasons: dict[int, str], target: str) -> list[tuple[str, int, str]]:
    """Copies a part without some rows; gives file and line of these, and why they are left out."""
    left_out = []
    with (
        pq.ParquetFile(part) as file,
        pq.ParquetWriter(target, file.schema_arrow, compression="zstd") as writer,
    ):
        start = 0
        for batch in file.iter_batches():
            found = [reasons.get(start + row) for row in range(batch.num_rows)]
            start += batch.num_rows
            kept = pa.array([reason is None for reason in found])
            writer.write_table(pa.Table.from_batches([batch]).filter(kept))
            gone = batch.filter(pc.invert(kept)).select(["file", "line"]).to_pylist()
            why = (reason for reason in found if reason is not None)
            left_out += [(row["file"], row["line"], next(why)) for row in gone]
    return left_out


def _write_bad_lines(out: str, spec: CheckSpec, duplicates: list[tuple[str, int, str]]) -> None:
    """All bad lines in the order of files and lines: where they are and why, never their text."""
    found = list(duplicates)
    for name in storage.names_in(spec.folder("bad_lines")):
        content = storage.read_bytes(storage.join(spec.folder("bad_lines"), name)).decode()
        found += (tuple(json.loads(line)) for line in content.splitlines())
    lines = [[plain_cell(file), str(line), reason] for file, line, reason in sorted(found)]
    header = ("file", "line", "reason")
    storage.write_atomic(storage.join(out, "bad_lines.csv"), csv_bytes(header, lines))


def _summary(outcome: "CheckOutcome", register: dict[str, str]) -> bytes:
    coverage = outcome.coverage
    rules = Counter(entry["rule"] for entry in outcome.findings)
    content = {
        "format": FORMAT,
        "checked_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "register": register,
        "key_id": outcome.key_id,
        "environment": environment(),
        "logs": [
            {"file": path, "format": coverage.formats.get(path), "sha256": digest}
            for path, digest in sorted(coverage.digests.items())
        ],
        "reading": {
            "lines": dict(coverage.lines),
            "bad_lines": dict(coverage.bad),
            "not_calls": dict(coverage.not_calls),
            "empty_files": coverage.empty_files,
            **coverage.counts,
        },
        "calls": outcome.counts,
        "not_judged": [
            {"rule": rule, "reason": reason, "calls": number}
            for (rule, reason), number in sorted(outcome.not_judged.items())
        ],
        "findings": [
            {"rule": rule, "findings": number, "calls": outcome.by_rule[rule]}
            for rule, number in sorted(rules.items())
        ],
    }
    return json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"
