"""Reading decisions back from a file that a spreadsheet has saved.

Only the columns of `READ` are looked at, whatever their order; text of rows is never read back.
Messages name lines and columns, never what stands in a cell.
"""

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO, TypeVar

from scrubtrace.review.cells import unguard
from scrubtrace.review.errors import ReviewError
from scrubtrace.schemas.review import REASONS, Decision, Scope

NEEDED = ("item_key", "row_version", "decision")
READ = (*NEEDED, "reason", "comment", "scope")
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}

_BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,18}")
_UNDECODED = re.compile("[\ud800-\udfff]")
_SAVE_AS = "save it as CSV in UTF-8, with comma, semicolon or tab"


Word = TypeVar("Word", Decision, Scope)


class BadCell(ValueError):
    """What is wrong with a line, and what to do."""


@dataclass(frozen=True, slots=True)
class DecidedLine:
    """A line with a decision; ``number`` is the physical line, from 1, on which it begins."""

    number: int
    item_key: str
    row_version: int
    scope: Scope
    decision: Decision
    reason: str
    comment: str

    @property
    def said(self) -> tuple[object, ...]:
        """All that it says of its item."""
        return (self.row_version, self.scope, self.decision, self.reason, self.comment)


@dataclass(frozen=True)
class BadLine:
    """A line that cannot be used, why, and what to do."""

    number: int
    problem: str


@dataclass
class DecisionFile:
    """What a file says.

    ``undecided`` counts lines without a decision, ``notes`` those of them that have a reason or a
    comment all the same. ``sha256`` is the digest of the file, ``unit`` what numbers count in it.
    """

    sha256: str
    decided: list[DecidedLine] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)
    undecided: int = 0
    notes: int = 0
    unit: str = "line"


def read_decisions(path: Path) -> DecisionFile:
    """The lines of a file with a decision; lines without one are only counted.

    Raises ReviewError for a file that cannot be read or is not one of an export.
    """
    try:
        with path.open("rb") as binary:
            found = DecisionFile(_digest(binary))
            _read(binary, found, path.name)
            if _digest(binary) != found.sha256:
                raise ReviewError(f"{path.name} changed while it was read: try again")
    except OSError as error:
        raise ReviewError(f"cannot read {path}: {error.strerror}") from None
    return found


def _digest(binary: io.BufferedReader) -> str:
    binary.seek(0)
    digest = hashlib.file_digest(binary, "sha256").hexdigest()
    binary.seek(0)
    return digest


def _read(binary: io.BufferedReader, found: DecisionFile, name: str) -> None:
    text = _decoded(binary)
    try:
        header, separator, above = _header(text, name)
        reader = csv.reader(text, delimiter=separator, strict=True)
        last = above
        try:
            for cells in reader:
                first, last = last + 1, above + reader.line_num
                _read_line(cells, first, header, found)
        except csv.Error:
            raise ReviewError(
                f"{name}, line {last + 1}: a double quote is missing or one too many, or a cell is "
                f"too long; nothing was stored; {_SAVE_AS}"
            ) from None
    finally:
        text.detach()


def _decoded(binary: io.BufferedReader) -> io.TextIOWrapper:
    """The file as text; bytes that are not UTF-8 are kept apart, until a cell is read."""
    begins = binary.read(3)
    binary.seek(0)
    marks = (encoding for mark, encoding in _BYTE_ORDER_MARKS.items() if begins.startswith(mark))
    encoding = next(marks, "utf-8")
    errors = "replace" if encoding == "utf-16" else "surrogateescape"
    return io.TextIOWrapper(binary, encoding, errors, newline="")


def _header(text: TextIO, name: str) -> tuple[dict[str, int], str, int]:
    """Where each column stands, the separator, and the number of lines read for it."""
    line, above = text.readline(), 1
    if _SEPARATOR_LINE.fullmatch(line):
        line, above = text.readline(), 2
    headers = {separator: _names(line, separator) for separator in SEPARATORS}
    separator = max(headers, key=lambda s: len({*NEEDED} & {*headers[s]}))
    names = headers[separator]
    if missing := [column for column in NEEDED if column not in names]:
        raise ReviewError(
            f"{name} has no column {', '.join(missing)} in its first line: give a file of "
            f"review export, with its header; {_SAVE_AS}"
        )
    if twice := [column for column in READ if names.count(column) > 1]:
        raise ReviewError(f"{name} has the column {twice[0]} twice: remove one")
    header = {column: names.index(column) for column in READ if column in names}
    return header | {"": len(names)}, separator, above


def _names(line: str, separator: str) -> list[str]:
    try:
        (cells,) = csv.reader([line], delimiter=separator, strict=True)
    except (csv.Error, ValueError):
        return []
    return [unguard(cell).strip().lower() for cell in cells]


def _read_line(
    cells: Sequence[str], number: int, header: dict[str, int], found: DecisionFile
) -> None:
    if not any(cell.strip() for cell in cells):
        return
    try:
        _check_width(cells, header)
        values = {
            name: _value(name, cells[at]) for name, at in header.items() if name and at < len(cells)
        }
        if values["decision"]:
            found.decided.append(decided_line(number, values))
        else:
            found.undecided += 1
            found.notes += bool(values.get("reason") or values.get("comment"))
    except BadCell as bad:
        found.bad.append(BadLine(number, str(bad)))


def _check_width(cells: Sequence[str], header: dict[str, int]) -> None:
    width = header[""]
    if len(cells) <= max(header[name] for name in NEEDED):
        raise BadCell(f"{len(cells)} of {width} cells: the line was cut; take it from the export")
    if any(cell.strip() for cell in cells[width:]):
        raise BadCell(
            f"{len(cells)} cells under a header of {width}: a cell was added, or was split at a "
            "separator; take the line from the export"
        )


def _value(name: str, cell: str) -> str:
    if _UNDECODED.search(cell):
        raise BadCell(f"{name} is not UTF-8: {_SAVE_AS}")
    value = unguard(cell).replace("\r\n", "\n").replace("\0", "\N{SYMBOL FOR NULL}")
    return value.strip()


def decided_line(number: int, values: dict[str, str]) -> DecidedLine:
    """The line or task of that number from what stands in it; raises `BadCell`."""
    version = values["row_version"]
    if not _NUMBER.fullmatch(version):
        raise BadCell("row_version is not a whole number: copy it from the export")
    decision = _one_of(Decision, values["decision"], "decision")
    scope = _one_of(Scope, values.get("scope") or Scope.TEXT, "scope")
    reason = _code(values.get("reason", ""))
    if reason and reason not in REASONS[decision]:
        known = ", ".join(REASONS[decision])
        raise BadCell(f"reason is not one of {decision}: write {known}, or leave it empty")
    comment = values.get("comment", "")
    return DecidedLine(number, values["item_key"], int(version), scope, decision, reason, comment)


def _one_of(words: type[Word], value: str, column: str) -> Word:
    try:
        return words(_code(value))
    except ValueError:
        raise BadCell(f"{column} is none of {', '.join(words)}") from None


def _code(value: str) -> str:
    return "_".join(value.casefold().split())
