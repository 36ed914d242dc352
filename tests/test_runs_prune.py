"""Removing runs: what is needed stays, and an interrupted prune leaves nothing half."""

import itertools
import json
import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from samples import FLAGGED, PLAIN

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import RunFolder, runs_of, started_at
from scrubtrace.exits import UsageStop
from scrubtrace.lock import output_lock
from scrubtrace.resolver import current_results, current_sources
from scrubtrace.results import FoundText
from scrubtrace.runs.pruning import Rule, Stays, plan_prune, prune


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    Path("data").mkdir()


def detect(*more: str, shards: str = "data/*.parquet") -> int:
    given = ["detect", shards, "--out", "out", "--id-column", "id", "--quiet", "--root", "data"]
    return code_of(*given, "--set", "scan.detectors=['boilerplate']", *more)


def pruned(*arguments: str) -> int:
    return code_of("runs", "prune", "--out", "out", *arguments)


def write(name: str, *texts: str) -> None:
    ids = [f"{name}:{number}" for number in range(len(texts))]
    pq.write_table(pa.table({"id": ids, "text": texts}), Path("data") / name)


def ids() -> list[str]:
    return [folder.id for folder in runs_of("out")]


def current(dataset: str = "data") -> tuple[set[tuple[str, str, str]], list[FoundText]]:
    """Everything that is current: which run has it, and what it says."""
    sources = current_sources(runs_of("out"), dataset)
    held = {(shard.name, detector, run) for _, shard, detector, run in sources}
    return held, list(current_results("out", dataset).all_texts())


def nights(count: int) -> None:
    """Each night has a new shard, and the first one anew."""
    for number in range(count):
        write("a.parquet", *[PLAIN, FLAGGED] * (number + 1))
        write(f"n{number}.parquet", FLAGGED)
        assert detect() == 0


def test_a_run_that_has_kept_results_stays() -> None:
    nights(3)
    runs = ids()
    assert pruned("--keep", "1") == 0
    assert ids() == runs, "each has the results of a shard of its own"
    for number in range(2):
        Path(f"data/n{number}.parquet").unlink()
    assert detect("--force") == 0
    runs = ids()
    assert pruned("--keep", "1") == 0
    assert ids() == runs, "the third is the last that knew the two shards that are gone"


def test_what_is_superseded_goes_and_the_newest_of_each_data_set_stays(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write("a.parquet", FLAGGED)
    assert detect("--dataset", "other") == 0
    for _ in range(3):
        assert detect("--force") == 0
    assert detect("--sample", "0.5") == 0
    runs = ids()
    assert pruned("--keep", "1", "--dry-run") == 0
    assert "would remove 2 runs" in capsys.readouterr().out
    assert ids() == runs
    assert pruned("--keep", "1", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert ids() == [runs[0], runs[3], runs[4]]
    assert [entry["run"] for entry in told["removed"]] == [runs[2], runs[1]]
    assert told["bytes"] > 1000
    assert set(told["stays"]) == set(ids())
    assert pruned("--keep", "1") == 0
    assert "nothing to remove" in capsys.readouterr().out


def test_a_run_that_says_which_file_is_the_newest_stays() -> None:
    write("a.parquet", FLAGGED)
    assert detect() == 0
    first, times = Path("data/a.parquet").read_bytes(), os.stat("data/a.parquet")
    write("a.parquet", PLAIN, FLAGGED)
    write("b.parquet", FLAGGED)
    write("c.parquet", FLAGGED)
    assert detect() == 0
    Path("data/a.parquet").write_bytes(first)
    os.utime("data/a.parquet", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert detect() == 0
    assert detect("--force", shards="data/b.parquet") == 0
    assert detect("--force", shards="data/b.parquet") == 0
    runs, before = ids(), current()
    assert pruned("--keep", "1") == 0
    assert ids() == [*runs[:3], runs[4]]
    assert current() == before


def test_runs_by_age() -> None:
    write("a.parquet", FLAGGED)
    for _ in range(4):
        assert detect("--force") == 0
    runs = ids()
    second = started_at(runs[1])
    assert second is not None
    plan = plan_prune("out", Rule(days=10), second + timedelta(days=10))
    assert [removal.run for removal in plan.removals] == [runs[1], runs[0]]
    late = plan_prune("out", Rule(days=10), datetime.now(UTC) + timedelta(days=99))
    assert [removal.run for removal in late.removals] == runs[2::-1]
    assert late.stays == {runs[3]: Stays.NEWEST}


def test_unfinished_runs_go_only_if_asked() -> None:
    write("a.parquet", FLAGGED)
    for _ in range(4):
        assert detect("--force") == 0
    runs = ids()
    for number in (1, 3):
        Path(runs_of("out")[number].manifest).unlink()
    assert pruned("--keep", "2") == 0
    assert ids() == runs
    assert pruned("--keep", "2", "--unfinished") == 0
    assert ids() == [runs[0], runs[2], runs[3]], "the newest is still to be finished"
    assert pruned("--keep", "1", "--unfinished") == 0
    assert ids() == runs[2:]


def test_what_an_unfinished_run_kept_stays() -> None:
    nights(2)
    first, second = runs_of("out")
    Path(second.manifest).unlink()
    assert detect("--force") == 0
    assert pruned("--keep", "1") == 0
    assert ids()[:2] == [first.id, second.id]


def test_runs_of_another_format_stay() -> None:
    nights(1)
    assert detect("--force") == 0
    (Path(runs_of("out")[0].path) / "run.json").write_text('{"format": 1}')
    assert plan_prune("out", Rule(keep=1)).stays[ids()[0]] == Stays.FOREIGN
    assert pruned("--keep", "1") == 0
    assert len(ids()) == 2


def _something(rng: random.Random) -> None:
    name = rng.choice("abc") + ".parquet"
    if rng.random() < 0.2 and len(os.listdir("data")) > 1:
        Path("data", rng.choice(sorted(os.listdir("data")))).unlink()
    write(name, *rng.choices([PLAIN, FLAGGED], k=rng.randrange(1, 5)))
    one_shard = rng.random() < 0.3
    more = rng.choice([(), (), ("--force",), ("--sample", "0.5"), ("--set", "scan.unit_rows=2")])
    own = rng.choice([(), (), ("--set", "scan.snippet_chars=40")])
    assert detect(*more, *own, shards=f"data/{name}" if one_shard else "data/*.parquet") == 0
    if rng.random() < 0.2:
        Path(runs_of("out")[-1].manifest).unlink()


@pytest.mark.parametrize("seed", range(2))
def test_a_prune_changes_nothing_that_is_current(seed: int) -> None:
    rng = random.Random(seed)
    _something(rng)
    assert detect() == 0
    for _ in range(2):
        for _ in range(4):
            _something(rng)
        before, newest = current(), [folder for folder in runs_of("out") if folder.is_committed()]
        options = ["--unfinished"] * rng.randrange(2)
        assert pruned("--keep", str(rng.randrange(1, 3)), *options) == 0
        assert current() == before
        assert code_of("commit", newest[-1].id, "--out", "out") == 0
        assert current() == before
    assert detect() == 0
    runs = ids()
    assert pruned("--keep", "1", "--unfinished") == 0
    assert detect() == 0
    assert ids()[:-1] == [run for run in runs if run in ids()]
    assert runs_of("out")[-1].work().units == (), "all that was current still is"


def test_an_interrupted_prune_leaves_no_run_that_looks_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write("a.parquet", FLAGGED)
    for _ in range(3):
        assert detect("--force") == 0
    runs, before = ids(), current()
    unlink = os.unlink
    for stop in itertools.count(1):
        count = itertools.count(1)

        def failing(path: str, count: "itertools.count[int]" = count, stop: int = stop) -> None:
            if next(count) == stop:
                raise PermissionError(13, "Permission denied", path)
            unlink(path)

        with monkeypatch.context() as patch:
            patch.setattr(storage.os, "unlink", failing)
            code = pruned("--keep", "1")
        assert current() == before
        whole = {"plan.parquet", "manifest.json", "run.json"}
        for run in ids():
            assert whole <= set(os.listdir(f"out/runs/{run}"))
        if code == 0:
            break
        assert code == 3
        assert "Permission denied; the same command goes on" in capsys.readouterr().err
    assert os.listdir("out/runs") == runs[-1:]
    assert stop > 3


def test_folders_that_are_no_rest_of_a_run_stay() -> None:
    nights(1)
    for name in ("notes", "29990101T000000.000000-abcdef"):
        Path("out/runs", name).mkdir()
    assert pruned("--keep", "1") == 0
    assert len(os.listdir("out/runs")) == 3


@pytest.mark.parametrize(
    "arguments", [(), ("--keep", "1", "--older-than", "3"), ("--keep", "0"), ("--older-than", "-1")]
)
def test_which_runs_to_keep_has_to_be_said(arguments: tuple[str, ...]) -> None:
    assert pruned(*arguments) == 2


def test_no_prune_beside_a_run() -> None:
    write("a.parquet", FLAGGED)
    assert detect() == 0
    assert detect("--force") == 0
    with output_lock("out"):
        assert pruned("--keep", "1") == 2
    assert len(ids()) == 2


def test_a_prune_where_nothing_is_makes_no_folder() -> None:
    assert code_of("runs", "prune", "--out", "nowhere", "--keep", "1") == 2
    assert not Path("nowhere").exists()


def test_a_plan_that_cannot_be_read_stops_the_prune() -> None:
    write("a.parquet", FLAGGED)
    for _ in range(3):
        assert detect("--force") == 0
    Path(runs_of("out")[1].plan_file).write_bytes(b"damaged")
    assert pruned("--keep", "1") == 3
    assert len(ids()) == 3


def test_rule_and_folder_by_hand() -> None:
    with pytest.raises(UsageStop, match="--keep N"):
        Rule()
    nights(1)
    plan = plan_prune("out", Rule(keep=1))
    prune("out", plan)
    assert [RunFolder(f"out/runs/{run}").is_committed() for run in plan.stays] == [True]
