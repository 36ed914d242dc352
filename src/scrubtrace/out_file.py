"""Whether a file can be written where the user says, before hours of work go into it."""

import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from glob import escape, has_magic

from scrubtrace.beam_pipelines import storage
from scrubtrace.exits import UsageStop
from scrubtrace.lock import make_output_folder

CSV = "CSV"
PARQUET = "a Parquet file"
SHEET = "a file for reviewers"

_HEADS = {b"PAR1": PARQUET, b"SQLite format 3\0": "a SQLite database"}
"""How files begin that hold data, and what they are."""
_ENDINGS = {CSV: (".csv", ".tsv", ".txt"), PARQUET: (".parquet",)}
"""How names end that are of a format; the first of each is the usual one."""
_OTHER_ENDINGS = (
    *(".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers", ".docx", ".odt", ".pdf"),
    *(".html", ".htm", ".json", ".jsonl", ".npz", ".zip", ".gz", ".zst"),
    *(".sqlite", ".db", ".arrow", ".feather"),
)
_SECRET = re.compile(rb"\s*[0-9a-fA-F]{64}\s*")
_SHEET_COLUMNS = ("item_key", "row_version", "decision")
_HEAD_BYTES = 8_192


def check_local(path: str | None, option: str = "--out") -> None:
    """Raises `UsageStop` for a file on a Beam file system, of a command that reads or writes here.

    None is an option that was not given.
    """
    if path is not None and storage.is_remote(path):
        raise UsageStop(f"{option} must be a local file, not {path}")


def check_ending(out: str, writes: str, option: str = "--out", hint: str = "") -> None:
    """Raises `UsageStop` for a name that is of another format than `CSV` or `PARQUET`, which is
    written. ``hint`` says what else to do, to stand behind that."""
    others = [end for kind, ends in _ENDINGS.items() if kind != writes for end in ends]
    ending = os.path.splitext(out)[1].lower()
    if ending in (*_OTHER_ENDINGS, *others):
        opens = ", which every spreadsheet opens" if writes == CSV else ""
        raise UsageStop(
            f"{option} {out}: {writes} is written here, which a name that ends in {ending} is not "
            f"for; name a file that ends in {_ENDINGS[writes][0]}{opens}{hint}"
        )


def check_target(
    out: str,
    read: Iterable[str | None] = (),
    option: str = "--out",
    example: str = "",
    writes: str = "",
) -> str:
    """The absolute path of ``out``; makes nothing.

    Raises `UsageStop` if it is a folder, is ``read`` or would be, as a path, a glob or a file in a
    folder, or holds data of another kind than the command ``writes``: `PARQUET`, a database, a
    `SHEET`, a seed or a key. ``example`` is a name for the message.
    """
    path = storage.absolute(out)
    if not storage.is_remote(path) and os.path.isdir(path):
        hint = f", as {out}/{example}" if example else ""
        raise UsageStop(f"{option} {out} is a folder; name a file{hint}")
    for other in filter(None, read):
        if _is_read(path, other):
            raise UsageStop(f"{option} {out} is a file that is read: name another one")
        if would_fit(path, other):
            raise UsageStop(f"{option} {out} would be read as a part of {other}: name another one")
    if not storage.is_remote(path):
        _refuse_data(path, out, option, writes)
    return path


def check_out(
    out: str,
    read: Iterable[str | None] = (),
    option: str = "--out",
    example: str = "",
    writes: str = "",
) -> str:
    """As `check_target`, for a command that makes the folder of the file.

    Raises `UsageStop` also if no file can be written there.
    """
    path = check_target(out, read, option, example, writes)
    if storage.is_remote(path):
        return path
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise UsageStop(f"{option} {out} cannot be written: {error.strerror}") from None
    make_output_folder(os.path.dirname(out) or ".")
    try:
        with tempfile.TemporaryFile(dir=os.path.dirname(path)):
            pass
    except OSError as error:
        raise UsageStop(f"{option} {out} cannot be written: {error.strerror}") from None
    return path


def check_different(files: Mapping[str, str | None]) -> None:
    """Raises `UsageStop` if two options name the same file to write."""
    seen: dict[str, str] = {}
    for option, file in files.items():
        if file is None:
            continue
        path = file if storage.is_remote(file) else os.path.realpath(file)
        if path in seen:
            raise UsageStop(f"{seen[path]} and {option} name the same file, {file}: name two")
        seen[path] = option


def files_of(patterns: Sequence[str]) -> list[str]:
    """Local files that paths and globs name; those that cannot be looked up are left out."""
    found: list[str] = []
    for pattern in patterns:
        if not storage.is_remote(pattern):
            found += [info.path for info in storage.match(pattern)]
    return found


def would_fit(path: str, pattern: str) -> bool:
    """Whether a glob would take in a local file, or a folder hold it, if the file were there."""
    if storage.is_remote(path) or storage.is_remote(pattern):
        return False
    if os.path.lexists(pattern) or not has_magic(pattern):
        return os.path.isdir(pattern) and (
            os.path.realpath(path).startswith(f"{os.path.realpath(pattern)}/")
        )
    parts = pattern.split("/")
    plain = next(number for number, part in enumerate(parts) if has_magic(part))
    above = "/".join(parts[:plain]) or ("/" if pattern.startswith("/") else ".")
    above = escape(os.path.realpath(above)).rstrip("/")
    return _fits(os.path.realpath(path).split("/"), [*above.split("/"), *parts[plain:]])


def _fits(names: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether names of folders and a file fit the parts of a glob."""
    if not parts:
        return not names
    if parts[0] == "**":
        return any(_fits(names[start:], parts[1:]) for start in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], parts[0]) and _fits(names[1:], parts[1:])


def _is_read(path: str, other: str) -> bool:
    if storage.is_remote(path) or storage.is_remote(other):
        return path == other
    try:
        own = os.stat(path)
        return any(os.path.samestat(own, os.stat(file)) for file in files_of([other]))
    except OSError:
        return False


def _refuse_data(path: str, out: str, option: str, writes: str) -> None:
    if not os.path.isfile(path):
        return
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return
    if (kind := _kind_of(head)) and kind != writes:
        raise UsageStop(
            f"{option} {out} is {kind}, which this command does not write: name another one"
        )


def _kind_of(head: bytes) -> str:
    """What a file that begins so holds, if nobody could make it again; else an empty text."""
    for known, kind in _HEADS.items():
        if head.startswith(known):
            return kind
    if _SECRET.fullmatch(head):
        return "a seed or a key"
    # Spreadsheets also save UTF-16: without its zeros, names in ASCII are the same in all.
    lines = head.replace(b"\0", b"").decode(errors="replace").lower().splitlines()[:2]
    names = re.split(r"[,;\t\ufeff\ufffd]", ",".join(lines).replace('"', ""))
    return SHEET if {*_SHEET_COLUMNS} <= {name.strip() for name in names} else ""
