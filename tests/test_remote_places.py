"""Places on Beam file systems that cannot be reached: what a command says of them."""

import io
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.io.filesystem import BeamIOError
from command_line import code_of
from memory_files import FILES, MemoryFileSystem
from purges import decisions, write_data

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.drawing.jobs import DrawFolder
from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.beam_pipelines.reading import read_range
from scrubtrace.beam_pipelines.storage import RemoteError
from scrubtrace.exits import Exit
from scrubtrace.resolver import spec_or_none
from scrubtrace.schemas.plan import Columns, RowRange, Shard

REVIEW = ("--review", "sqlite:///review.sqlite")
NOWHERE = "nosuch://bucket/out"


class ClientError(Exception):
    """Like those of clients of stores: no OSError."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 403)
        self.message = message


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FILES.clear()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)


def deny(*_: Any, **__: Any) -> None:
    raise ClientError("access\ndenied")


def deny_as_beam_does(*_: Any, **__: Any) -> None:
    inner = BeamIOError("List operation failed", {"mem://bucket": ClientError("access denied")})
    raise BeamIOError("Match operation failed", {"mem://bucket/*": inner})


@pytest.mark.parametrize(
    "arguments",
    [
        ("detect", "data/*.parquet", "--out", NOWHERE, "--quiet", *REVIEW),
        ("detect", "nosuch://bucket/out/*.parquet", "--out", "here"),
        ("runs", "list", "--out", NOWHERE),
        ("runs", "show", "20260101", "--out", NOWHERE),
        ("runs", "prune", "--out", NOWHERE, "--keep", "1"),
        ("report", "--runs", NOWHERE, "--out", "report.html", *REVIEW),
        ("review", "sample", "3", "--out", NOWHERE, "--name", "a", *REVIEW),
        ("audit", "plan", "--out", NOWHERE, "--name", "a", "--seed-file", "seed",
         "--total", "9", *REVIEW),
        ("gate", "--out", NOWHERE, "--set", "gate.max_flagged=1"),
        ("commit", "20260101", "--out", NOWHERE, *REVIEW),
        ("labelers", "screen", "--runs", NOWHERE),
        ("labelers", "controls", "score", "--runs", "first", "--plan", f"{NOWHERE}/plan.json"),
        ("verify", f"{NOWHERE}/removal/record.json"),
        ("purge", "data/*.parquet", "--out", NOWHERE, "--decisions", "decided.parquet",
         "--dataset", "data", "--hold-decision", "none"),
        ("purge", "data/*.parquet", "--out", "here", "--results", NOWHERE,
         "--set", "purge.match_verbatim=true", "--dataset", "data", "--hold-decision", "none"),
        ("doctor", "--out", NOWHERE, *REVIEW),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)  # fmt: skip
def test_a_place_that_cannot_be_reached_is_named(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    write_data()
    decisions([(0, 3)])
    assert code_of("detect", "data/*.parquet", "--out", "first", "--quiet", *REVIEW) == 0
    seed = ("audit", "seed", "--out", "seed", *REVIEW)
    assert code_of(*seed) == 0
    capsys.readouterr()
    assert code_of(*arguments) == Exit.USAGE
    told = capsys.readouterr()
    assert NOWHERE in told.out + told.err
    assert "Beam has no file system nosuch://" in told.out + told.err


def test_the_extra_that_a_scheme_needs_is_named() -> None:
    error = ValueError("Unable to get filesystem from specified path")
    assert storage._problem("gs://b/a", error).endswith("(pip install 'apache-beam[gcp]')")
    assert "in lower case" in storage._problem("S3://b/a", error)


@pytest.mark.parametrize("fails", [deny, deny_as_beam_does])
@pytest.mark.parametrize(
    ("method", "call"),
    [
        ("_list", lambda: storage.match("mem://bucket/*")),
        ("_list", lambda: storage.names_in("mem://bucket")),
        ("_list", lambda: storage.files_below("mem://bucket")),
        ("exists", lambda: storage.exists("mem://bucket/a")),
        ("open", lambda: storage.read_bytes("mem://bucket/a")),
        ("create", lambda: storage.write_atomic("mem://bucket/a", b"2")),
        ("rename", lambda: storage.write_atomic("mem://bucket/a", b"2")),
        ("delete", lambda: storage.remove(["mem://bucket/a"])),
    ],
)
def test_what_a_client_raises_becomes_one_error_with_the_path(
    monkeypatch: pytest.MonkeyPatch, fails: Any, method: str, call: Any
) -> None:
    FILES["mem://bucket/a"] = b"1"
    monkeypatch.setattr(MemoryFileSystem, method, fails)
    with pytest.raises(RemoteError) as caught:
        call()
    assert not isinstance(caught.value, OSError)  # which would be an answer about the file
    assert str(caught.value).startswith("mem://bucket")
    assert str(caught.value).endswith(": ClientError: access denied")
    assert caught.value.strerror == "ClientError: access denied"


@pytest.mark.parametrize("name", ["read", "write"])
def test_a_whole_file_that_breaks_off_is_that_error_too(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    class Broken(io.BytesIO):
        read = write = deny  # type: ignore[assignment]

    place = {"read": "open", "write": "create"}[name]
    monkeypatch.setattr(MemoryFileSystem, place, lambda *_, **__: Broken())
    call = {"read": storage.read_bytes, "write": partial(storage.write_atomic, content=b"1")}[name]
    with pytest.raises(RemoteError, match="access denied"):
        call("mem://bucket/a")


def test_a_draw_on_an_object_store_notes_what_is_done() -> None:
    folder = DrawFolder("mem://bucket/out/draw-1")
    folder.note_done(3)
    assert folder.done() == {3}


def test_what_the_caller_raises_stays_as_it_is() -> None:
    FILES["mem://bucket/a"] = b"1"
    with pytest.raises(KeyError), storage.open_read("mem://bucket/a"):
        raise KeyError("of the caller")
    with pytest.raises(KeyError), storage.open_write("mem://bucket/a"):
        raise KeyError("of the caller")
    assert FILES == {"mem://bucket/a": b"1"}


def test_a_file_that_is_not_there_is_told_from_one_that_cannot_be_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(MemoryFileSystem, "open", deny)
    with pytest.raises(FileNotFoundError, match="mem://bucket/none"):
        storage.read_bytes("mem://bucket/none")


def test_rows_of_a_store_that_cannot_be_reached_are_not_dead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": ["a", "b"]}), sink)
    FILES["mem://bucket/a.parquet"] = sink.getvalue()
    shard = Shard("mem://bucket/a.parquet", "a.parquet", 1, "7.0", "", 2)
    rows = RowRange(shard, 0, 2)
    with monkeypatch.context() as patched:
        patched.setattr(MemoryFileSystem, "open", deny)
        with pytest.raises(RemoteError, match="access denied"):
            list(read_range(rows, Columns(("text",)), 10, 1 << 20))
    FILES.clear()
    (dead,) = read_range(rows, Columns(("text",)), 10, 1 << 20)
    assert len(dead) == 2


def test_a_run_on_a_store_that_cannot_be_reached_is_not_foreign(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(MemoryFileSystem, "open", deny)
    FILES["mem://bucket/out/runs/a/run.json"] = b"{}"
    with pytest.raises(RemoteError, match="access denied"):
        spec_or_none(RunFolder("mem://bucket/out/runs/a"))


@pytest.mark.parametrize("method", ["open", "create"])
def test_a_store_that_fails_during_a_scan_leaves_units_to_go_on_with(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], method: str
) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": ["a", "b"]}), sink)
    FILES["mem://bucket/data/a.parquet"] = sink.getvalue()
    detect = ("detect", "mem://bucket/data/*.parquet", "--out", "mem://bucket/out", *REVIEW)
    call = getattr(MemoryFileSystem, method)
    asked: list[str] = []

    def fails_later(files: MemoryFileSystem, path: str, *more: Any, **named: Any) -> Any:
        asked.append(path)
        planned = asked.count("mem://bucket/data/a.parquet") < 2 and "/parts/" not in path
        return call(files, path, *more, **named) if planned else deny()

    with monkeypatch.context() as patched:
        patched.setattr(MemoryFileSystem, method, fails_later)
        assert code_of(*detect) == Exit.INCOMPLETE
    told = capsys.readouterr().err
    assert "1 units could not be written: an object store cannot be reached, or refuses" in told
    assert code_of(*detect) == Exit.DONE
    assert len(runs_of("mem://bucket/out")) == 1
