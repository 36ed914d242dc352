"""Bytes and lines of a log file: plain or gzip, UTF-8 or UTF-16, cut off or damaged."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from scrubtrace.schemas.calls import BadReason

LONGEST_LINE = 128 * 1024 * 1024
"""Bytes of a line, or characters of an array element, that are read; longer ones are bad.

A completion of 20 million characters, each written as an escape of six bytes, still fits.
"""

GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
UNMARKED = (
    (b"{\x00", "utf-16-le"),
    (b"[\x00", "utf-16-le"),
    (b"\x00{", "utf-16-be"),
    (b"\x00[", "utf-16-be"),
)
BROKEN = (EOFError, zlib.error, gzip.BadGzipFile)


class CallLogError(ValueError):
    """A file that cannot be read as a call log at all; the message says which and what to do."""


def checked(path: str) -> str:
    """The path, if it is of a file that can be opened; raises CallLogError otherwise."""
    found = Path(path)
    if found.is_dir():
        raise CallLogError(f"{path} is a folder: name the log files in it, such as {path}/*.jsonl")
    try:
        found.open("rb").close()
    except OSError as error:
        raise CallLogError(f"{path} cannot be read: {error.strerror}") from None
    return path


def is_parquet(path: str) -> bool:
    """Whether the file begins as Parquet does."""
    with Path(path).open("rb") as file:
        return file.read(4) == PARQUET


@contextmanager
def opened(path: str) -> Iterator[tuple[io.BufferedReader, str]]:
    """The unpacked bytes after a byte order mark, and their encoding."""
    with Path(path).open("rb") as raw:
        file: io.BufferedReader = raw
        if raw.peek(2).startswith(GZIP):
            file = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=raw)))
        try:
            start = file.peek(4)
        except BROKEN:
            start = b""  # the first reading says so again
        for mark, encoding in MARKS:
            if start.startswith(mark):
                file.read(len(mark))
                yield file, encoding
                return
        yield file, next((code for mark, code in UNMARKED if start.startswith(mark)), "utf-8")


def lines(path: str) -> Iterator[str | BadReason]:
    """Lines of a file with their line feeds, or why one cannot be read."""
    with opened(path) as (file, encoding):
        yield from _wide_lines(file, encoding) if encoding != "utf-8" else _byte_lines(file)


def _byte_lines(file: io.BufferedReader) -> Iterator[str | BadReason]:
    while True:
        try:
            line = file.readline(LONGEST_LINE + 1)
            long = len(line) > LONGEST_LINE
            while long and line and not line.endswith(b"\n"):
                line = file.readline(1 << 20)
        except BROKEN as error:
            yield broken(error)
            return
        if long:
            yield BadReason.TOO_LONG
        elif not line:
            return
        else:
            yield _decoded(line)


def _decoded(line: bytes) -> str | BadReason:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return BadReason.INVALID_ENCODING


def _wide_lines(file: io.BufferedReader, encoding: str) -> Iterator[str | BadReason]:
    text = io.TextIOWrapper(file, encoding, errors="surrogatepass", newline="\n")
    while True:
        try:
            line = text.readline(LONGEST_LINE + 1)
            long = len(line) > LONGEST_LINE
            while long and line and not line.endswith("\n"):
                line = text.readline(1 << 20)
        except (*BROKEN, UnicodeDecodeError) as error:
            yield broken(error)
            return
        if long:
            yield BadReason.TOO_LONG
        elif not line:
            return
        else:
            yield line if valid(line) else BadReason.INVALID_ENCODING


def valid(text: str) -> bool:
    """Whether the text has no lone surrogates, which stand for bytes that are no text."""
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def broken(error: Exception) -> BadReason:
    """Reason of an error that ends a file: it was cut off, or its bytes were changed."""
    cut = isinstance(error, EOFError) or "truncated" in getattr(error, "reason", "")
    return BadReason.TRUNCATED if cut else BadReason.DAMAGED
