"""Read call logs as one stream of records: ``read_calls``."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from os import PathLike, fspath
from typing import Any

from scrubtrace.calls.containers import BLANK, Entry, entries, first_line
from scrubtrace.calls.files import CallLogError, checked
from scrubtrace.calls.formats import FORMATS
from scrubtrace.calls.formats.base import Blank, LogFormat, NotACall, Outcome, Part, Place
from scrubtrace.calls.repeated import is_repetition, judged_digest
from scrubtrace.calls.summary import LineEnd, ReadSummary
from scrubtrace.calls.values import UnknownShape
from scrubtrace.schemas.calls import BadLine, BadReason, CallRecord

LOOKED_AT = 20
"""Entries at the start of a file by which its format is recognised."""

WRAPPERS = ("data", "records", "value", "observations")
"""Names under which answers of APIs and event hubs hold a list of entries."""

_SHOWN_KEY = re.compile(r"[A-Za-z_][\w.$-]{0,39}")

OnBad = Callable[[BadLine], None]


def read_calls(
    paths: Sequence[str | PathLike[str]],
    log_format: str | None = None,
    on_bad: OnBad | None = None,
) -> "CallReading":
    """Records of the calls in the files, which may be of several formats.

    ``log_format`` is a name of FORMATS for all files; without it each file's own is recognised from
    its first LOOKED_AT entries. ``on_bad`` is called for each line that becomes no record. Files of
    one format are read together, batch inputs before outputs, formats in the order of their first
    files. A call id that was seen before is a bad line; the first record is kept, and
    the reason says whether it is that call again (see `repeated`).

    Raises CallLogError, before anything is read, if a file is missing, is a folder or is of no
    known format. In memory are one entry, 64 MiB of waiting parts and some 150 bytes a call.
    """
    return CallReading(_files(paths, log_format), on_bad)


def reading_units(
    paths: Sequence[str | PathLike[str]], log_format: str | None = None
) -> list[tuple[list[str], str | None]]:
    """Files that have to be read together, with their format, in the order of their first files.

    Each file is on its own, unless its format spreads calls over files. The format of a file
    without entries is None. Raises CallLogError like `read_calls`.
    """
    units: dict[str, tuple[list[str], str | None]] = {}
    for number, file in enumerate(_files(paths, log_format)):
        together = file.format is not None and FORMATS[file.format].joins_files
        name = str(file.format) if together else f"{number}"
        units.setdefault(name, ([], file.format))[0].append(file.path)
    return list(units.values())


def _files(paths: Sequence[str | PathLike[str]], log_format: str | None) -> list["_File"]:
    if log_format is not None and log_format not in FORMATS:
        raise CallLogError(f"{log_format!r} is no format of call logs: give one of {_known()}")
    return [_sorted_out(checked(fspath(path)), log_format) for path in paths]


@dataclass(frozen=True)
class _File:
    path: str
    format: str | None
    sample: tuple[Any, ...]


class CallReading(Iterator[CallRecord]):
    """The records, one after the other, and the ``summary``, complete when they are at an end."""

    def __init__(self, files: Sequence[_File], on_bad: OnBad | None) -> None:
        self.summary = ReadSummary()
        self._on_bad = on_bad
        self._seen: dict[int, int] = {}
        self._records = self._read(files)

    def __next__(self) -> CallRecord:
        return next(self._records)

    def _read(self, files: Sequence[_File]) -> Iterator[CallRecord]:
        for file in files:
            if file.format is None:
                before = self.summary.bad.total()
                yield from self._file(file, Blank())
                if self.summary.bad.total() == before:
                    self.summary.empty_files.append(file.path)
            else:
                self.summary.formats[file.path] = file.format
        for name in dict.fromkeys(file.format for file in files if file.format):
            log_format = FORMATS[name]()
            try:
                yield from self._together([f for f in files if f.format == name], log_format)
            finally:
                log_format.close()

    def _together(self, files: list[_File], log_format: LogFormat) -> Iterator[CallRecord]:
        first = [f for f in files if any(map(log_format.comes_first, f.sample[:1]))]
        for file in first + [file for file in files if file not in first]:
            yield from self._file(file, log_format)
        for record in log_format.finish(self.summary):
            place = Place(record.source_file, record.source_line)
            if repeated := self._repeated(record):
                self._report(repeated, place)
            else:
                self.summary.add(record)
                yield record

    def _file(self, file: _File, log_format: LogFormat) -> Iterator[CallRecord]:
        for number, entry in entries(file.path):
            place = Place(file.path, number)
            for outcome in _outcomes(entry, log_format, place):
                if self._counted(outcome, place) and isinstance(outcome, CallRecord):
                    yield outcome

    def _counted(self, outcome: Outcome | None, place: Place) -> bool:
        """Count what became of an entry; whether it is to be handed on."""
        lines = self.summary.lines
        if isinstance(outcome, CallRecord):
            outcome = self._repeated(outcome) or outcome
        if isinstance(outcome, CallRecord):
            lines[LineEnd.RECORD] += 1
            self.summary.add(outcome)
            return True
        if isinstance(outcome, BadReason):
            lines[LineEnd.BAD] += 1
            self._report(outcome, place)
        elif isinstance(outcome, NotACall):
            lines[LineEnd.NOT_A_CALL] += 1
            self.summary.not_calls[outcome.kind] += 1
        else:
            lines[LineEnd.PART if isinstance(outcome, Part) else LineEnd.BLANK] += 1
        return False

    def _report(self, reason: BadReason, place: Place) -> None:
        self.summary.bad[reason] += 1
        if self._on_bad is not None:
            self._on_bad(BadLine(place.file, place.line, reason))

    def _repeated(self, record: CallRecord) -> BadReason | None:
        """Why a record is dropped: its call was read before, or another one with its id."""
        digest = hashlib.blake2b(record.call_id.encode(), digest_size=8).digest()
        call_id = int.from_bytes(digest, "big")
        judged = judged_digest(record)
        first = self._seen.get(call_id)
        if first is None:
            self._seen[call_id] = judged
            return None
        again = is_repetition(first, judged)
        return BadReason.DUPLICATE_ID if again else BadReason.ID_TAKEN


def _outcomes(entry: Entry, log_format: LogFormat, place: Place) -> Iterator[Outcome | None]:
    """What an entry is; one that wraps a list of entries is each of them."""
    if entry is BLANK or isinstance(entry, BadReason):
        yield entry
        return
    for inner in _unwrapped(entry, [type(log_format)]):
        if not isinstance(inner, dict):
            yield BadReason.NOT_AN_OBJECT
            continue
        try:
            yield from log_format.read(inner, place)
        except UnknownShape:
            yield BadReason.UNKNOWN_SHAPE
        except RecursionError:
            yield BadReason.TOO_DEEP


def _unwrapped(entry: dict[str, Any], kinds: Iterable[type[LogFormat]]) -> list[Any]:
    if any(kind.recognises(entry) for kind in kinds):
        return [entry]
    for key in WRAPPERS:
        inner = entry.get(key)
        if isinstance(inner, list) and inner and len(entry) <= 3 and isinstance(inner[0], dict):
            return inner
    return [entry]


def _sorted_out(path: str, log_format: str | None) -> _File:
    """The file with its format; raises if none is recognised.

    The format is None if there is no entry at all, or only one that is cut off.
    """
    filled = (entry for _, entry in entries(path) if entry is not BLANK)
    looked_at = list(islice(filled, LOOKED_AT))
    if not looked_at or (log_format is None and _is_cut_off(path, looked_at)):
        return _File(path, None, ())
    kinds = [FORMATS[log_format]] if log_format else list(FORMATS.values())
    sample = tuple(
        inner
        for entry in looked_at
        if isinstance(entry, dict)
        for inner in islice(_unwrapped(entry, kinds), LOOKED_AT)
        if isinstance(inner, dict)
    )
    if log_format is not None:
        return _File(path, log_format, sample[:1])
    for entry in sample:
        for kind in kinds:
            if kind.recognises(entry):
                return _File(path, kind.name, (entry,))
    raise CallLogError(_unrecognised(path, sample))


def _is_cut_off(path: str, looked_at: Sequence[Entry]) -> bool:
    """Whether nothing is there but the start of a first entry, or a packed file without its end."""
    start = first_line(path)
    return looked_at == [BadReason.TRUNCATED] and (not start or start[0] in "{[")


def _unrecognised(path: str, sample: Sequence[dict[str, Any]]) -> str:
    """Says which keys were seen (names, never values), and what can be read."""
    keys = sorted({key for entry in sample for key in entry if _SHOWN_KEY.fullmatch(key)})[:20]
    seen = f"its entries have the keys {', '.join(keys)}" if keys else "no entry is a JSON object"
    return (
        f"{path} is no call log that is known: {seen}. Formats: {_known()}. If it is one of them,"
        " name the format; else convert it to pairs"
    )


def _known() -> str:
    return "; ".join(f"{name} ({kind.title})" for name, kind in FORMATS.items())
