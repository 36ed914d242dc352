"""Files on local disks, and on a Beam file system that lives in memory."""

import io
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import S3Options
from apache_beam.options.value_provider import RuntimeValueProvider
from command_line import code_of
from memory_files import FILES, MemoryFileSystem, Written
from purges import decisions, purge, write_data

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.beam_pipelines.planning import plan_work, read_inputs
from scrubtrace.beam_pipelines.runner import pipeline_options
from scrubtrace.beam_pipelines.scan import ScanUnits
from scrubtrace.detectors.reference import copies
from scrubtrace.runs.pruning import Rule, plan_prune, prune
from scrubtrace.schemas.plan import Columns


@pytest.fixture(autouse=True)
def _empty() -> None:
    FILES.clear()


def write(path: str, texts: list[str]) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": texts}), sink)
    FILES[path] = sink.getvalue()


def fail(*_: Any, **__: Any) -> None:
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize("runtime", [None, {}])
def test_a_store_has_options_before_there_is_a_pipeline(
    monkeypatch: pytest.MonkeyPatch, runtime: Any
) -> None:
    for read in (storage.read_bytes, copies.read):
        monkeypatch.setattr(FileSystems, "_pipeline_options", None)
        monkeypatch.setattr(RuntimeValueProvider, "runtime_options", runtime)
        FILES["mem://bucket/a"] = b"1"
        assert read("mem://bucket/a") == b"1"


def test_a_store_has_the_options_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileSystems, "_pipeline_options", None)
    pipeline_options(["--s3_region_name=eu-central-1"], 1)
    storage.match("mem://bucket/*")
    assert FileSystems._pipeline_options.view_as(S3Options).s3_region_name == "eu-central-1"


def test_a_run_from_and_to_a_beam_file_system(make_run: Any, eager: Any) -> None:
    write("mem://bucket/data/a.parquet", ["As an AI language model, I cannot swim.", "Plain."])
    write("mem://bucket/data/b.parquet", ["Plain."])
    FILES["mem://bucket/data/broken.parquet"] = b"no parquet"
    inputs = read_inputs(["mem://bucket/data/*.parquet"], Columns("text"))
    plan = plan_work(inputs, ["boilerplate"], {})
    assert inputs.dataset == "data"
    assert [shard.name for shard in plan.dead] == ["broken.parquet"]
    assert plan.rows == 3
    _, spec, _ = make_run(pattern="mem://bucket/data/*.parquet")
    folder = RunFolder("mem://bucket/out/runs/20240101T000000-abc")
    folder.create(spec, plan)
    scanned = [unit.key for unit in plan.units] | eager | ScanUnits(folder.path)
    assert scanned == [("u0000000", 3)]
    assert [run.id for run in runs_of("mem://bucket/out")] == [folder.id]
    assert folder.work() == plan
    assert folder.scanned_units() == {"u0000000"}
    assert folder.read_receipt("u0000000").findings == 1
    assert not folder.is_committed()
    assert not [path for path in FILES if storage.TEMPORARY_PREFIX in path]


def test_a_file_on_an_object_store_is_replaced_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryFileSystem, "delete", fail)
    for content in (b"first", b"second"):
        storage.write_atomic("mem://bucket/a.json", content)
    assert FILES == {"mem://bucket/a.json": b"second"}


def test_a_store_that_replaces_nothing_is_written_to_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rename = MemoryFileSystem.rename

    def strict(files: MemoryFileSystem, sources: list[str], destinations: list[str]) -> None:
        if FILES.keys() & set(destinations):
            raise OSError(17, "File exists")
        rename(files, sources, destinations)

    monkeypatch.setattr(MemoryFileSystem, "rename", strict)
    monkeypatch.setattr(MemoryFileSystem, "has_dirs", lambda _: True)
    for content in (b"first", b"second"):
        storage.write_atomic("mem://bucket/a.json", content)
    assert FILES == {"mem://bucket/a.json": b"second"}


def test_a_store_that_cannot_rename_keeps_the_earlier_file(monkeypatch: pytest.MonkeyPatch) -> None:
    storage.write_atomic("mem://bucket/a.json", b"first")
    monkeypatch.setattr(MemoryFileSystem, "rename", fail)
    with pytest.raises(storage.RemoteError, match="Input/output error"):
        storage.write_atomic("mem://bucket/a.json", b"second")
    assert FILES == {"mem://bucket/a.json": b"first"}


def test_runs_on_a_beam_file_system_are_pruned(make_run: Any) -> None:
    write("mem://bucket/data/a.parquet", ["Plain."])
    _, spec, work = make_run(pattern="mem://bucket/data/*.parquet")
    folders = [RunFolder(f"mem://bucket/out/runs/2024010{n}T000000.000000-abc") for n in (1, 2, 3)]
    for folder in folders:
        folder.create(spec, work)
        storage.write_atomic(folder.manifest, b"{}")
        storage.write_atomic(folder.part("boilerplate", "u0000000"), b"part")
    storage.remove([folders[0].plan_file])
    pruning = plan_prune("mem://bucket/out", Rule(keep=1))
    assert [removal.what for removal in pruning.removals] == ["committed", "the rest of a run"]
    assert pruning.removals[0].files == 4
    prune("mem://bucket/out", pruning)
    left = {path.rsplit("/runs/")[1].split("/")[0] for path in FILES if "/runs/" in path}
    assert left == {folders[2].id}


@pytest.mark.parametrize("when", ["create", "rename"])
def test_a_failed_write_on_a_beam_file_system_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    place = (Written, "write") if when == "create" else (MemoryFileSystem, "rename")
    monkeypatch.setattr(*place, fail)
    with pytest.raises(storage.RemoteError, match="Input/output"):
        storage.write_atomic("mem://bucket/a.json", b"x")
    assert FILES == {}


def test_a_glob_on_a_beam_file_system_stays_in_its_folder() -> None:
    for path in ("d/b.parquet", "d/a.parquet", "d/deeper/c.parquet", "d/a.csv", "other/a.parquet"):
        FILES[f"mem://bucket/{path}"] = b"12345"
    found = storage.match("mem://bucket/d/*.parquet")
    assert [(info.path, info.size) for info in found] == [
        ("mem://bucket/d/a.parquet", 5),
        ("mem://bucket/d/b.parquet", 5),
    ]
    assert storage.match("mem://bucket/none") == []
    assert storage.names_in("mem://bucket/d") == ["a.csv", "a.parquet", "b.parquet"]


@pytest.mark.parametrize("name", ["out[1]", "o?t", "o*t", "out[!a"])
def test_a_folder_on_a_beam_file_system_is_no_glob(make_run: Any, name: str) -> None:
    write("mem://bucket/data/a.parquet", ["Plain."])
    _, spec, work = make_run(pattern="mem://bucket/data/*.parquet")
    for folder in (name, "out1", "oat"):
        FILES[f"mem://bucket/{folder}/other.json"] = b"1"
    out = f"mem://bucket/{name}"
    run = RunFolder(f"{out}/runs/20240101T000000-abc")
    run.create(spec, work)
    storage.write_atomic(run.receipt("u0000000"), b"{}")
    assert [found.path for found in runs_of(out)] == [run.path]
    assert run.scanned_units() == {"u0000000"}
    assert storage.names_in(out) == ["other.json"]
    below = [info.path for info in storage.files_below(out)]
    assert below == [path for path in sorted(FILES) if path.startswith(f"{out}/")]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a[1].parquet", ["a[1].parquet"]),
        ("a?.parquet", ["a?.parquet"]),
        ("a[12].parquet", ["a1.parquet"]),
        (
            "**/*.parquet",
            ["a1.parquet", "a?.parquet", "a[1].parquet", "d/b.parquet", "d/e/b.parquet"],
        ),
        ("**/b.parquet", ["d/b.parquet", "d/e/b.parquet"]),
        ("d/**/**/b.parquet", ["d/b.parquet", "d/e/b.parquet"]),
        ("**/e/**/b.parquet", ["d/e/b.parquet"]),
    ],
)
def test_a_literal_path_wins_over_a_glob_on_a_beam_file_system(
    pattern: str, expected: list[str]
) -> None:
    for name in ("a1.parquet", "a?.parquet", "a[1].parquet", "d/b.parquet", "d/e/b.parquet"):
        FILES[f"mem://bucket/s/{name}"] = b"123"
    FILES["mem://bucket/b.parquet"] = b"123"
    found = storage.match(f"mem://bucket/s/{pattern}")
    assert [info.path.removeprefix("mem://bucket/s/") for info in found] == expected
    assert {(info.size, info.modified) for info in found} == {(3, "7.0")}


def test_an_open_file_can_be_read_from_its_end() -> None:
    FILES["mem://bucket/a"] = b"0123456789"
    with storage.open_read("mem://bucket/a") as file:
        file.seek(-3, os.SEEK_END)
        assert file.read() == b"789"


def test_writing_again_replaces_the_file() -> None:
    storage.write_atomic("mem://bucket/x.json", b"1")
    storage.write_atomic("mem://bucket/x.json", b"2")
    assert storage.read_bytes("mem://bucket/x.json") == b"2"
    assert storage.names_in("mem://bucket") == ["x.json"]


def test_a_missing_file_is_an_os_error() -> None:
    with pytest.raises(OSError, match="No such file"):
        storage.read_bytes("mem://bucket/none.json")


@pytest.mark.parametrize("call", ["replace", "fsync", "chmod"])
def test_a_failed_local_write_keeps_the_old_file_and_leaves_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(OSError, match="Input/output"):
            storage.write_atomic(str(path), b"new")
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"a.json": b"old"}
    storage.write_atomic(str(path), b"new")
    assert path.read_bytes() == b"new"


def test_an_interrupted_local_write_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        storage.write_atomic(str(tmp_path / "a.json"), b"x")
    assert list(tmp_path.iterdir()) == []


def test_writing_into_a_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        storage.write_atomic(str(tmp_path / "none" / "a.json"), b"x")


@pytest.mark.parametrize("folder", ["mem://bucket/run", "local"])
def test_names_of_unfinished_files_are_not_listed(tmp_path: Path, folder: str) -> None:
    if folder == "local":
        folder = str(tmp_path)
        (tmp_path / f"{storage.TEMPORARY_PREFIX}x1").touch()
    else:
        FILES[f"{folder}/u2.json{storage.TEMPORARY_PREFIX}x1"] = b""
    storage.write_atomic(storage.join(folder, "u1.json"), b"{}")
    assert storage.names_in(folder) == ["u1.json"]
    assert storage.names_in(storage.join(folder, "none")) == []


@pytest.mark.parametrize("name", ["out", "out[1]", "o?t*"])
def test_only_unfinished_files_are_removed(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    (folder / "parts").mkdir(parents=True)
    for file in ("a.json", f"{storage.TEMPORARY_PREFIX}1", f"parts/{storage.TEMPORARY_PREFIX}2"):
        (folder / file).touch()
    storage.remove_temporary(str(folder))
    assert sorted(entry.name for entry in folder.iterdir()) == ["a.json", "parts"]
    assert list((folder / "parts").iterdir()) == []


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a[1].parquet", ["a[1].parquet"]),
        ("a?.parquet", ["a?.parquet"]),
        ("a[12].parquet", ["a1.parquet"]),
        ("*.parquet", ["a1.parquet", "a?.parquet", "a[1].parquet"]),
        ("**/*.parquet", ["a1.parquet", "a?.parquet", "a[1].parquet", "d/b.parquet"]),
        ("gone.parquet", []),
    ],
)
def test_a_literal_path_wins_over_a_glob(tmp_path: Path, pattern: str, expected: list[str]) -> None:
    (tmp_path / "d").mkdir()
    for name in ("a1.parquet", "a?.parquet", "a[1].parquet", "d/b.parquet"):
        (tmp_path / name).write_bytes(b"123")
    found = storage.match(str(tmp_path / pattern))
    assert [os.path.relpath(info.path, tmp_path) for info in found] == expected
    assert {info.size for info in found} <= {3}


def test_a_file_that_changes_has_another_time(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    (before,) = storage.match(str(path))
    os.utime(path, ns=(0, 1))
    (after,) = storage.match(str(path))
    assert before.modified != after.modified


def test_a_link_to_nowhere_is_found_and_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").symlink_to(tmp_path / "none")
    (found,) = storage.match(str(tmp_path / "*.parquet"))
    with pytest.raises(OSError, match="No such file"):
        storage.read_bytes(found.path)


def test_a_purge_on_a_beam_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    monkeypatch.chdir(tmp_path)
    write_data()
    for path in Path("data").iterdir():
        FILES[f"mem://data/{path.name}"] = path.read_bytes()
    decisions([(0, 3), (2, 5)])
    given = ("--decisions", "decided.parquet", "--dataset", "data")
    assert purge(*given, out="mem://out/purged", data="mem://data/*.parquet") == 0
    made = {name for name in FILES if name.startswith("mem://out/purged/shards/")}
    assert made == {f"mem://out/purged/shards/p{n}.parquet" for n in range(3)}
    assert code_of("verify", "mem://out/purged/removal/record.json", "--every-row") == 0
    FILES["mem://out/purged/shards/p0.parquet"] = FILES["mem://data/p0.parquet"]
    assert code_of("verify", "mem://out/purged/removal/record.json") == 4
