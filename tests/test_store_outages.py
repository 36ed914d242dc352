"""An object store that refuses is no answer about a file: not "none", "changed" or "gone"."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from memory_files import FILES, MemoryFileSystem
from purges import decisions, purge, write_data

from scrubtrace.audit import redrawing
from scrubtrace.audit.seeds import Seed
from scrubtrace.beam_pipelines.drawing.partial import Keep
from scrubtrace.beam_pipelines.drawing.projecting import Held, Place
from scrubtrace.beam_pipelines.drawing.ranges import DrawSpec, Known, Task, draw_range
from scrubtrace.beam_pipelines.drawing.ranking import Ranker
from scrubtrace.beam_pipelines.drawing.texts import Drawn, Reading
from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.beam_pipelines.planning import read_inputs
from scrubtrace.beam_pipelines.storage import RemoteError
from scrubtrace.call_check.join import join_calls
from scrubtrace.exits import Exit
from scrubtrace.labelers import scoring
from scrubtrace.purge.locating import locate
from scrubtrace.schemas.identity import DigestKey, KeyRing
from scrubtrace.schemas.plan import Columns, RowRange, RunSpec, Shard
from scrubtrace.schemas.removal import WANTED, Reason
from scrubtrace.unmask import Search, _look_in

KEY = "ab" * 32
DATA = "mem://bucket/data/a.parquet"
OUT = "mem://bucket/out"
NOT_USED: Any = None
REVIEW = ("--review", "sqlite:///review.sqlite")

Refuse = Callable[[str], None]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    FILES.clear()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", KEY)
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": ["x", "y"], "text": ["Soup at noon.", "The tram."]}), sink)
    FILES[DATA] = sink.getvalue()


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Lets the store refuse to open files with this in their path."""

    def refuse(part: str) -> None:
        opened = MemoryFileSystem.open

        def open_(files: MemoryFileSystem, path: str, *more: Any, **named: Any) -> Any:
            if part in path:
                raise ConnectionResetError("no answer")
            return opened(files, path, *more, **named)

        monkeypatch.setattr(MemoryFileSystem, "open", open_)

    return refuse


@pytest.fixture
def break_off(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Lets the connection break where a shard's rows are read; its end can be.

    A column that compresses badly keeps the texts out of the end, which is read at once.
    """
    sink, noise = io.BytesIO(), Random(6)
    columns = {"text": ["Soup at noon.", "The tram."], "id": ["x", "y"]}
    columns["noise"] = [noise.randbytes(100_000).hex() for _ in range(2)]
    pq.write_table(pa.table(columns), sink)
    FILES[DATA] = sink.getvalue()

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() < 60:
                raise ConnectionResetError("no answer")
            return super().read(size)

    def break_off() -> None:
        opened = MemoryFileSystem.open

        def open_(files: MemoryFileSystem, path: str, *more: Any, **named: Any) -> Any:
            file = opened(files, path, *more, **named)
            return Broken(file.read()) if path == DATA else file

        monkeypatch.setattr(MemoryFileSystem, "open", open_)

    return break_off


def scanned() -> RunFolder:
    detect = ("detect", DATA, "--out", OUT, "--id-column", "id", "--dataset", "data", "--quiet")
    assert code_of(*detect, *REVIEW) == Exit.DONE
    (run,) = runs_of(OUT)
    return run


def planned() -> Shard:
    (shard,) = read_inputs([DATA], Columns(("text",), "id")).shards
    return shard


@pytest.mark.parametrize(
    ("part", "arguments"),
    [
        ("run.json", ("runs", "list", "--out", OUT)),
        ("plan.parquet", ("runs", "prune", "--out", OUT, "--keep", "1")),
        (DATA, ("runs", "replay", "RUN", "--out", OUT, "--quiet")),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else value,
)
def test_a_command_says_that_the_store_refuses(
    part: str, arguments: tuple[str, ...], refuse: Refuse, capsys: pytest.CaptureFixture[str]
) -> None:
    run = scanned()
    refuse(part)
    capsys.readouterr()
    asked = [run.id if argument == "RUN" else argument for argument in arguments]
    assert code_of(*asked) == Exit.USAGE
    told = capsys.readouterr().err
    assert part in told
    assert told.endswith("ConnectionResetError: no answer\n")


def test_a_check_on_a_store_that_refuses_is_not_called_unfinished(refuse: Refuse) -> None:
    FILES["mem://bucket/checked/summary.json"] = b"{}"
    refuse("checked")
    with pytest.raises(RemoteError, match="no answer"):
        join_calls("mem://bucket/checked", OUT, None, NOT_USED, "joined")


def test_answers_on_a_store_that_refuses_need_no_new_scan(refuse: Refuse) -> None:
    columns = Columns(("text",), groups={"task": "id", "labeler": "id"})
    results = SimpleNamespace(spec=SimpleNamespace(columns=columns))
    current: Any = SimpleNamespace(results=results)
    shard = planned()
    refuse(DATA)
    with pytest.raises(RemoteError, match="no answer"):
        list(scoring._rows(current, shard))


@pytest.mark.parametrize("by", [{"row_id": "x"}, {"shard": "a.parquet", "row_index": 0}])
def test_rows_to_purge_are_not_left_because_a_store_refuses(
    by: dict[str, Any], refuse: Refuse
) -> None:
    shard = planned()
    wanted = pa.Table.from_pylist([{"reason": Reason.LISTED} | by], WANTED)
    assert locate(wanted, [shard], "id").wanted["row_id"].to_pylist() == ["x"]
    refuse(DATA)
    with pytest.raises(RemoteError, match="no answer"):
        locate(wanted, [shard], "id")


def test_a_shard_on_a_store_that_refuses_is_not_drawn_again_as_another(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard, spec = planned(), run_spec()
    drawn = Reading(shard, (Drawn(0, Place("text", None), 1),))
    monkeypatch.setattr(redrawing, "readings", lambda *_: [drawn])
    key = DigestKey.from_hex(KEY)
    refuse(DATA)
    told: list[str] = []
    with pytest.raises(RemoteError, match="no answer"):
        redrawing._digests([], {}, spec, Seed(bytes(32)), {shard.name: Known()}, KeyRing(key), told)
    assert told == []


@pytest.mark.parametrize("held", Held)
def test_a_shard_on_a_store_that_refuses_is_not_called_unreadable(
    held: Held, refuse: Refuse
) -> None:
    shard = planned()
    task = Task(0, RowRange(shard, 0, 2), held)
    refuse(DATA)
    with pytest.raises(RemoteError, match="no answer"):
        draw_range(task, DrawSpec(run_spec(), (), Keep(1, 1)), Ranker(bytes(32)), Known())


def test_rows_of_a_shard_that_breaks_off_are_scanned_later(
    break_off: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    detect = ("detect", DATA, "--out", OUT, "--id-column", "id", "--dataset", "data", "--quiet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryFileSystem, "open", MemoryFileSystem.open)  # is brought back after it
        break_off()
        assert code_of(*detect, *REVIEW) == Exit.INCOMPLETE
    told = capsys.readouterr().err
    assert "units could not be written: an object store cannot be reached, or refuses" in told
    assert not list(dead_letters())
    assert code_of(*detect, *REVIEW) == Exit.DONE


def test_a_shard_that_could_not_be_planned_is_scanned_by_the_next_run(
    refuse: Refuse, capsys: pytest.CaptureFixture[str]
) -> None:
    detect = ("detect", DATA, "--out", OUT, "--id-column", "id", "--dataset", "data", "--quiet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryFileSystem, "open", MemoryFileSystem.open)
        refuse(DATA)
        assert code_of(*detect, *REVIEW) == Exit.INCOMPLETE
    assert code_of(*detect, *REVIEW) == Exit.DONE
    assert len([path for path in FILES if "/receipts/" in path]) == 1


def test_a_draw_or_a_purge_stops_where_a_shard_breaks_off(
    break_off: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    scanned()
    break_off()
    sample = ("review", "sample", "1", "--out", OUT, "--name", "a", *REVIEW)
    assert code_of(*sample) == Exit.INCOMPLETE
    assert "shard a.parquet cannot be read: nothing was drawn" in capsys.readouterr().err
    wanted = pa.Table.from_pylist([{"reason": Reason.LISTED, "row_id": "x"}], WANTED)
    with pytest.raises(RemoteError, match="no answer"):
        locate(wanted, [planned()], "text")


@pytest.mark.parametrize("name", ["shards/p0.parquet", "removal/removed.parquet"])
def test_a_file_that_breaks_off_while_it_is_compared_is_not_called_missing(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_data()
    decisions([(0, 3)])
    assert purge("--decisions", "decided.parquet") == Exit.DONE
    for path in filter(Path.is_file, Path("purged").rglob("*")):
        FILES[f"mem://bucket/{path}"] = path.read_bytes()
    opened = MemoryFileSystem.open

    class Broken(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            raise ConnectionResetError("no answer")

    def open_(files: MemoryFileSystem, path: str, *more: Any, **named: Any) -> io.BytesIO:
        return Broken() if path.endswith(name) else opened(files, path, *more, **named)

    monkeypatch.setattr(MemoryFileSystem, "open", open_)
    capsys.readouterr()
    assert code_of("verify", "mem://bucket/purged/removal/record.json") == Exit.USAGE
    told = capsys.readouterr()
    assert f"{name}: ConnectionResetError: no answer" in told.err
    assert "no such file" not in told.out + told.err


def test_a_draw_over_workers_stops_where_a_store_refuses(
    refuse: Refuse, capsys: pytest.CaptureFixture[str]
) -> None:
    scanned()
    sample = ("review", "sample", "1", "--out", OUT, "--name", "a", *REVIEW)
    refuse(DATA)
    assert code_of(*sample) == Exit.INCOMPLETE
    assert "shard a.parquet cannot be read: nothing was drawn" in capsys.readouterr().err


def test_a_shard_on_a_store_that_refuses_is_told_where_a_pseudonym_is_looked_for(
    refuse: Refuse,
) -> None:
    shard, found = planned(), Search()
    key = DigestKey.from_hex(KEY)
    refuse(DATA)
    _look_in(shard, {"source": "id"}, key.pseudonym("source", "x"), (key,), found)
    assert (found.unread, found.shards) == ([shard.name], 0)


def test_a_run_that_a_store_does_not_remove_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scanned()
    first = runs_of(OUT)[0]
    detect = ("detect", DATA, "--out", OUT, "--id-column", "id", "--dataset", "data", "--quiet")
    assert code_of(*detect, "--force", *REVIEW) == Exit.DONE
    monkeypatch.setattr(MemoryFileSystem, "delete", no_answer)
    capsys.readouterr()
    assert code_of("runs", "prune", "--out", OUT, "--keep", "1") == Exit.INCOMPLETE
    told = capsys.readouterr().err
    assert f"run {first.id} could not be removed: ConnectionResetError: no answer" in told


def test_a_purge_goes_on_after_a_store_refused_to_take_shards(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_data()
    decisions([(0, 3)])
    given = ("--decisions", "decided.parquet")
    create = MemoryFileSystem.create

    def refusing(files: MemoryFileSystem, path: str, *more: Any, **named: Any) -> Any:
        return no_answer() if "/shards/" in path else create(files, path, *more, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryFileSystem, "create", refusing)
        assert purge(*given, out="mem://bucket/purged") == Exit.INCOMPLETE
    told = capsys.readouterr().err
    assert "units could not be written: an object store cannot be reached, or refuses" in told
    assert purge(*given, out="mem://bucket/purged") == Exit.DONE
    assert "mem://bucket/purged/shards/p0.parquet" in FILES


def dead_letters() -> Iterator[str]:
    """Paths of all dead letters."""
    return (path for path in FILES if "dead" in path)


def no_answer(*_: Any, **__: Any) -> Any:
    raise ConnectionResetError("no answer")


def run_spec() -> RunSpec:
    caps = {"batch_rows": 10, "batch_bytes": 1 << 20, "spans_per_signal": 1, "snippet_chars": 9}
    about = RunSpec("data", Columns(("text",)), (), DigestKey.from_hex(KEY).id, None, "i", **caps)
    return replace(about, columns=Columns(("text",), "id"))
