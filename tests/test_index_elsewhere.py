"""A reference index on a Beam file system: copied once to each machine, checked, or refused."""

import errno
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from made_texts import prose
from shared_files import OPENED
from sqlalchemy import create_engine, text

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.reference.copies import CACHE_VARIABLE, cache_folder
from scrubtrace.detectors.reference.detector import Reference
from scrubtrace.detectors.reference.index import ReferenceIndex
from scrubtrace.detectors.reference.segments import ReferenceIndexError
from scrubtrace.exits import Exit

ANSWERS = [prose(n) for n in range(30)]
HELPERS = Path(__file__).parent / "helpers"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    pq.write_table(pa.table({"text": ANSWERS}), folder / "log.parquet")
    trusted = {"text": [prose(5_000 + n) for n in range(200)], "lang": ["en"] * 200}
    pq.write_table(pa.table(trusted), folder / "trusted.parquet")
    code = code_of(
        "index", "build", str(folder / "log.parquet"), "--basis", "b", "--quiet",
        "--trusted", str(folder / "trusted.parquet"), "--trusted-language-column", "lang",
        "--out", str(folder / "index"),
    )  # fmt: skip
    assert code == Exit.DONE
    return folder / "index"


@pytest.fixture
def index(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder behind the index at `elsewhere`; nothing of it has been copied yet."""
    folder = tmp_path / "bucket" / "index"
    for path in (path for path in built.rglob("*") if path.is_file()):
        copied = folder / path.relative_to(built)
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "cd" * 32)
    monkeypatch.setenv(OPENED, str(tmp_path / "opened"))
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(HELPERS))
    return folder


def elsewhere(index: Path) -> str:
    return f"shared://{index}"


def opened(tmp_path: Path) -> Counter[str]:
    """How often each file was opened for reading where the index is."""
    lines = (tmp_path / "opened").read_text().splitlines()
    return Counter(line.rsplit("/", 1)[1] for line in lines)


def cached(tmp_path: Path) -> set[str]:
    files = (path for path in (tmp_path / "cache").rglob("*") if path.is_file())
    return {str(path.relative_to(tmp_path / "cache")) for path in files}


def test_it_says_what_the_index_says(index: Path, built: Path) -> None:
    texts = [ANSWERS[3], f"Sure! {ANSWERS[4]}", prose(9_000)]
    batch = TextBatch(texts, ["en"] * 3)
    here, there = Reference(str(built)), Reference(elsewhere(index))
    assert there.fingerprint() == here.fingerprint()
    assert there.detect(batch) == here.detect(batch)
    assert here.detect(batch).found.num_rows > 0


def test_it_is_copied_once_and_the_manifest_read_each_time(index: Path, tmp_path: Path) -> None:
    for _ in range(3):
        assert ReferenceIndex(elsewhere(index)).manifest.references == 30
    counts = opened(tmp_path)
    assert counts.pop("index.json") == 3
    assert set(counts.values()) == {1, 2}  # keys.npy is in the segment and in the trusted rows
    assert counts["texts.arrow"] == 1
    folders = {Path(name).parts[0] for name in cached(tmp_path)}
    assert folders == {"segments", "backgrounds"}


def test_the_option_of_the_detector_names_the_folder(index: Path, tmp_path: Path) -> None:
    Reference(elsewhere(index), cache=str(tmp_path / "scratch")).setup()
    assert (tmp_path / "scratch" / "segments").is_dir()
    assert not (tmp_path / "cache").exists()


def test_processes_of_one_machine_copy_it_once(index: Path, tmp_path: Path) -> None:
    code = (
        "import sys, shared_files\n"
        "from scrubtrace.detectors.reference.index import ReferenceIndex\n"
        "index = ReferenceIndex(sys.argv[1]); index.map_files(); print(index.texts)"
    )
    command = [sys.executable, "-c", code, elsewhere(index)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate()[0] for process in running] == ["230\n"] * 3
    assert opened(tmp_path)["texts.arrow"] == 1
    assert opened(tmp_path)["index.json"] == 3


def test_what_a_killed_process_left_is_removed(index: Path, tmp_path: Path) -> None:
    digest = next((index / "segments").iterdir()).name
    left = tmp_path / "cache" / "segments" / f".unfinished-{digest}-abc"
    left.mkdir(parents=True)
    ReferenceIndex(elsewhere(index))
    assert not left.exists()


def test_a_grown_index_brings_its_new_segment_only(index: Path, built: Path) -> None:
    ReferenceIndex(elsewhere(index))
    before = cached(index.parents[1])
    pq.write_table(pa.table({"text": [prose(777)]}), "more.parquet")
    code_of("index", "add", "more.parquet", "--index", str(index), "--quiet")
    assert ReferenceIndex(elsewhere(index)).manifest.references == 31
    assert before < cached(index.parents[1])
    assert opened(index.parents[1])["texts.arrow"] == 2


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: (path / "index.json").unlink(), "no finished index"),
        (lambda path: (path / "index.json").write_text("{"), "cannot read"),
        (lambda path: outside(path / "index.json"), "cannot read"),
        (lambda path: next(path.glob("segments/*/keys.npy")).unlink(), "keys.npy is missing"),
        (lambda path: next(path.glob("backgrounds/*/rows.json")).unlink(), "rows.json is missing"),
        (lambda path: os.utime(shorten(next(path.glob("segments/*/keys.npy")))), "were altered"),
        (lambda path: os.utime(change(next(path.glob("segments/*/texts.arrow")))), "were altered"),
        (
            lambda path: os.utime(change(next(path.glob("backgrounds/*/hashes.npy")))),
            "were altered",
        ),
    ],
)
def test_a_damaged_index_is_refused_and_not_kept(
    index: Path, tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(index)
    with pytest.raises(ReferenceIndexError, match=message):
        ReferenceIndex(elsewhere(index))
    assert not [name for name in cached(tmp_path) if "unfinished" in name]


def outside(manifest: Path) -> None:
    data = json.loads(manifest.read_text())
    data["segments"][0]["digest"] = f"../../{data['segments'][0]['digest']}"
    manifest.write_text(json.dumps(data))


def shorten(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-8])
    return path


def change(path: Path) -> Path:
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.ENOLCK])
def test_a_folder_that_cannot_be_written_is_named_with_a_way_out(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(ReferenceIndexError, match=f"{os.strerror(number)}.*{CACHE_VARIABLE}"):
            ReferenceIndex(elsewhere(index))
    assert all(name.endswith(".lock") for name in cached(tmp_path))
    assert ReferenceIndex(elsewhere(index)).manifest.references == 30


@pytest.mark.parametrize(
    ("given", "variables", "folder"),
    [
        ("a", {CACHE_VARIABLE: "b"}, "a"),
        (None, {CACHE_VARIABLE: "b", "XDG_CACHE_HOME": "c"}, "b"),
        (None, {"XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/scrubtrace"),
        (None, {"HOME": "/h"}, "/h/.cache/scrubtrace"),
    ],
)
def test_where_copies_are_kept(
    monkeypatch: pytest.MonkeyPatch, given: str | None, variables: dict[str, str], folder: str
) -> None:
    for name in (CACHE_VARIABLE, "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder(given) == Path(folder)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_detect_reads_it_in_every_worker(index: Path, tmp_path: Path, workers: str) -> None:
    texts = {"text": [ANSWERS[0], prose(9_000)], "lang": ["en", "en"]}
    pq.write_table(pa.table(texts), "data.parquet")
    run = (
        "detect", "data.parquet", "--out", "out", "--quiet", "--language-column", "lang",
        "--workers", workers, "--reference", elsewhere(index),
        "--", "--beam_plugins=shared_files",
    )  # fmt: skip
    assert code_of(*run) == Exit.DONE
    assert opened(tmp_path)["texts.arrow"] == 1
    engine = create_engine("sqlite:///out/review.sqlite")
    with engine.connect() as connection:
        found = connection.execute(text("select row_index, kind from review_items"))
        assert [tuple(row) for row in found] == [(0, "reference_match")]


@pytest.mark.parametrize(
    ("verb", "found"),
    [(("info",), "30 reference texts"), (("trace", ANSWERS[5], "--index"), "has the words of a")],
)
def test_other_verbs_read_it_too(
    index: Path, capsys: pytest.CaptureFixture[str], verb: tuple[str, ...], found: str
) -> None:
    assert code_of("index", *verb, elsewhere(index)) == Exit.DONE
    assert found in capsys.readouterr().out


@pytest.mark.parametrize(
    ("verb", "message"),
    [
        (("build", "log.parquet", "--basis", "b", "--out"), "built on a local disk"),
        (("add", "log.parquet", "--index"), "built on a local disk"),
    ],
)
def test_building_elsewhere_is_refused(
    index: Path, capsys: pytest.CaptureFixture[str], verb: tuple[str, ...], message: str
) -> None:
    pq.write_table(pa.table({"text": ANSWERS}), "log.parquet")
    assert code_of("index", *verb, elsewhere(index)) == Exit.USAGE
    assert message in capsys.readouterr().err


def test_an_unknown_scheme_is_a_clear_error() -> None:
    with pytest.raises(ReferenceIndexError, match=r"nosuch://bucket/index/index\.json"):
        ReferenceIndex("nosuch://bucket/index")
