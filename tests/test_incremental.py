"""Incremental runs: only what changed is scanned, and the results are those of a full scan."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from samples import BOTH, CLAIMS, FLAGGED, OWN_SIGNATURE, PLAIN
from sqlalchemy import text as sql

from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.exits import IncompleteStop
from scrubtrace.resolver import current_results, results_of
from scrubtrace.review.connection import open_review

Detect = Callable[..., int]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    Path("data").mkdir()


@pytest.fixture
def detect() -> Detect:
    """Scans everything in ``data``; gives the exit code."""

    def call(*more: str, out: str = "out") -> int:
        return code_of(
            "detect", "data/*.parquet", "--out", out, "--id-column", "id", "--quiet", *more
        )

    return call


def write(name: str, *texts: str | None) -> Path:
    path = Path("data") / name
    ids = [f"{name}:{number % 77}" for number in range(len(texts))]
    pq.write_table(pa.table({"id": ids, "text": pa.array(texts, pa.string())}), path)
    return path


def newest(out: str = "out") -> RunFolder:
    return runs_of(out)[-1]


def scanned(out: str = "out") -> dict[str, tuple[str, ...]]:
    """Detectors that the newest run ran, by shard."""
    units = newest(out).work().units
    return {r.shard.name: unit.detectors for unit in units for r in unit.ranges}


def manifest(out: str = "out") -> dict[str, Any]:
    content = json.loads(Path(newest(out).manifest).read_text())
    return {k: content[k] for k in content if k not in OF_THE_RUN}


OF_THE_RUN = {
    "run", "committed_at", "review_head", "plan_sha256", "rows_kept", "environment",
    "specification",
}  # fmt: skip


def items(out: str = "out", run: str = "") -> list[dict[str, Any]]:
    """The review table, or what one run saw, without what tells runs apart."""
    query = "select * from review_items where last_run like :run order by item_key"
    with open_review(f"sqlite:///{out}/review.sqlite").connect() as connection:
        found = connection.execute(sql(query), {"run": run or "%"})
        rows = [dict(row._mapping) for row in found]
    hidden = ("first_run", "last_run", "row_version")
    return [{k: v for k, v in row.items() if k not in hidden} for row in rows]


def same_as_full(detect: Detect, *more: str) -> None:
    """What the newest run of ``out`` says is what a scan of everything says."""
    full = f"full-{random.getrandbits(32)}"
    detect(*more, out=full)
    assert items(run=newest().id) == items(full)
    assert [i for i in items() if i["flagged"]] == [i for i in items(full) if i["flagged"]]
    assert manifest() == manifest(full)
    ours = list(results_of(newest()).all_texts())
    assert ours == list(results_of(newest(full)).all_texts())


def test_nothing_new_scans_nothing(detect: Detect) -> None:
    write("a.parquet", PLAIN, FLAGGED)
    assert detect() == 0
    assert scanned() == {"a.parquet": ("boilerplate", "redaction")}
    assert detect() == 0
    assert scanned() == {}
    same_as_full(detect)


def test_only_new_and_changed_shards_are_scanned(detect: Detect) -> None:
    for name in ("b.parquet", "c.parquet", "d.parquet"):
        write(name, PLAIN, FLAGGED, BOTH)
    assert detect() == 0
    write("a.parquet", FLAGGED)
    write("c.parquet", PLAIN, PLAIN, FLAGGED, PLAIN)
    Path("data/d.parquet").unlink()
    assert detect() == 0
    assert set(scanned()) == {"a.parquet", "c.parquet"}
    assert manifest()["shards"] == 3


def test_one_detector_that_changed_is_scanned_alone(detect: Detect) -> None:
    write("a.parquet", PLAIN, FLAGGED, BOTH)
    assert detect() == 0
    Path("own.toml").write_text(OWN_SIGNATURE)
    own = ("--set", "detectors.boilerplate.signature_files=['own.toml']")
    assert detect(*own) == 0
    assert scanned() == {"a.parquet": ("boilerplate",)}
    assert sum(item["flagged"] for item in items()) == 3
    same_as_full(detect, *own)
    assert detect() == 0
    assert scanned() == {}, "the first run's results are current again"
    assert sum(item["flagged"] for item in items()) == 2
    same_as_full(detect)


def test_names_that_recur_are_counted_over_all_runs(detect: Detect) -> None:
    for number, claim in enumerate(CLAIMS):
        write(f"{number}.parquet", PLAIN, claim)
        assert detect() == 0
        flagged = sum(item["flagged"] for item in items())
        assert flagged == (number + 1 if number >= 4 else 0)
    same_as_full(detect)


def _change_something(rng: random.Random) -> None:
    names = [f"{letter}.parquet" for letter in "abcdef"]
    texts = [PLAIN, FLAGGED, BOTH, None, "", *CLAIMS]
    name = rng.choice(names)
    if rng.random() < 0.2 and len(list(Path("data").iterdir())) > 1:
        rng.choice(sorted(Path("data").iterdir())).unlink()
    write(name, *rng.choices(texts, k=rng.randrange(1, 30)))


@pytest.mark.parametrize("seed", range(3))
def test_a_series_of_runs_equals_one_full_scan(detect: Detect, seed: int) -> None:
    rng = random.Random(seed)
    settings = ["--set", "scan.unit_rows=8"]
    Path("own.toml").write_text(OWN_SIGNATURE)
    own = ["--set", "detectors.boilerplate.signature_files=['own.toml']"]
    for _ in range(4):
        _change_something(rng)
        more = (
            settings + own * rng.randrange(2) + ["--set", f"scan.unit_rows={rng.choice([5, 50])}"]
        )
        if rng.random() < 0.3:
            more += ["--set", "scan.detectors=['boilerplate']"]
        assert detect(*more) == 0
    existing = {path.name for path in Path("data").iterdir()}
    full = "full"
    assert detect(*more, out=full) == 0
    assert manifest() == manifest(full)
    assert list(results_of(newest()).all_texts()) == list(results_of(newest(full)).all_texts())
    flagged = [item for item in items() if item["flagged"] and item["shard"] in existing]
    ran = {name for names in scanned(full).values() for name in names}
    ours = [item for item in flagged if {d["name"] for d in json.loads(item["detectors"])} <= ran]
    assert ours == [item for item in items(full) if item["flagged"]]


def test_a_text_that_is_not_found_again_loses_its_flag(detect: Detect) -> None:
    write("a.parquet", PLAIN, FLAGGED)
    write("b.parquet", FLAGGED)
    assert detect() == 0
    write("a.parquet", PLAIN, PLAIN)
    Path("data/b.parquet").unlink()
    assert detect() == 0
    flags = {item["shard"]: item["flagged"] for item in items()}
    assert flags == {"a.parquet": 0, "b.parquet": 1}, "a shard that is gone says nothing"


@pytest.mark.parametrize("forced", [["--force"], []])
def test_what_is_forced_or_touched_is_scanned_again(detect: Detect, forced: list[str]) -> None:
    path = write("a.parquet", FLAGGED)
    assert detect() == 0
    if not forced:
        os.utime(path, ns=(1, 1))
    assert detect(*forced) == 0
    assert set(scanned()) == {"a.parquet"}
    assert [item["flagged"] for item in items()] == [1]


@pytest.mark.parametrize("setting", ["scan.snippet_chars=40", "input.language_column='id'"])
def test_settings_that_results_depend_on_scan_again(detect: Detect, setting: str) -> None:
    write("a.parquet", FLAGGED)
    assert detect() == 0
    assert detect("--set", setting) == 0
    assert set(scanned()) == {"a.parquet"}


def test_another_policy_scans_nothing_and_decides_anew(detect: Detect) -> None:
    write("a.parquet", FLAGGED)
    assert detect() == 0
    assert detect("--set", "policy.proof_hits=3") == 0
    assert scanned() == {}
    assert [item["flagged"] for item in items()] == [0]


def test_a_sample_is_the_same_rows_however_they_are_cut(detect: Detect) -> None:
    for name in ("a.parquet", "b.parquet"):
        write(name, *[FLAGGED] * 300)
    assert detect("--sample", "0.3", "--set", "scan.unit_rows=50", out="one") == 0
    assert detect("--sample", "0.3", "--workers", "2", out="two") == 0
    assert items("one") == items("two")
    tally = manifest("one")["detectors"]["boilerplate"]
    assert tally["judged"] + tally["sampled_out"] == 600
    assert 100 < tally["judged"] < 260
    assert detect("--sample", "0.6", out="larger") == 0
    assert {i["item_key"] for i in items("one")} < {i["item_key"] for i in items("larger")}


def test_a_sample_never_marks_a_shard_as_done(detect: Detect) -> None:
    write("a.parquet", *[FLAGGED] * 30)
    assert detect("--sample", "0.5") == 0
    assert detect() == 0
    assert set(scanned()) == {"a.parquet"}
    assert len(items()) == 30


def test_a_sample_changes_nothing_that_a_full_scan_found(detect: Detect) -> None:
    for number, claim in enumerate(CLAIMS):
        write(f"{number}.parquet", *[claim] * 3)
    assert detect() == 0
    before = items()
    assert sum(item["flagged"] for item in before) == 18
    assert detect("--sample", "0.2") == 0
    assert items() == before


def test_results_of_a_run_that_is_gone_are_scanned_again(
    detect: Detect, capsys: pytest.CaptureFixture[str]
) -> None:
    write("a.parquet", FLAGGED)
    assert detect() == 0
    first = newest()
    write("b.parquet", FLAGGED)
    assert detect() == 0
    Path(first.path).rename("elsewhere")
    assert code_of("commit", newest().id, "--out", "out") == 3
    assert f"run {first.id}" in capsys.readouterr().err
    assert detect() == 0
    assert set(scanned()) == {"a.parquet"}


def test_current_results_are_the_newest_of_each_shard(detect: Detect) -> None:
    write("a.parquet", FLAGGED)
    write("b.parquet", FLAGGED)
    assert detect() == 0
    write("a.parquet", PLAIN, FLAGGED, FLAGGED)
    one_night = ["detect", "data/a.parquet", "--root", "data", "--out", "out", "--id-column", "id"]
    assert code_of(*one_night, "--quiet") == 0
    results = current_results("out", "data")
    found = [(text.row["shard"], text.row["row_index"]) for text in results.all_texts()]
    assert found == [("a.parquet", 1), ("a.parquet", 2), ("b.parquet", 0)]


def test_a_shard_that_changes_during_the_scan_is_dead_and_scanned_by_the_next_run(
    detect: Detect, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write("a.parquet", FLAGGED, PLAIN)
    write("b.parquet", FLAGGED, PLAIN)
    from scrubtrace import detect as module

    scan = module._scan

    def changed_meanwhile(*arguments: Any) -> None:
        write("b.parquet", PLAIN, PLAIN)
        scan(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(module, "_scan", changed_meanwhile)
        assert detect() == 3
    assert manifest()["dead_rows"] == {"shard_changed": 2}
    assert manifest()["scan_again"] == [["b.parquet", n] for n in ("boilerplate", "redaction")]
    assert detect() == 0
    assert set(scanned()) == {"b.parquet"}
    same_as_full(detect)


def unfinished(detect: Detect, monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    """Plans a run and stops before anything is scanned."""
    from scrubtrace import detect as module

    def stop(*_: Any) -> None:
        raise IncompleteStop("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(module, "_scan", stop)
        assert detect(*more) == 3


def test_an_unfinished_run_that_a_newer_one_overtook_is_left_alone(
    detect: Detect, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.parquet", FLAGGED)
    unfinished(detect, monkeypatch)
    overtaken = newest().id
    assert detect("--set", "scan.unit_rows=1") == 0
    assert detect("--force") == 0
    assert newest().id > overtaken
    assert newest().is_committed()
    assert [item["flagged"] for item in items(run=newest().id)] == [1]


def test_an_unfinished_run_goes_on_after_a_run_over_other_shards(
    detect: Detect, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.parquet", FLAGGED)
    unfinished(detect, monkeypatch)
    first = newest()
    Path("other").mkdir()
    write("b.parquet", FLAGGED).rename("other/b.parquet")
    assert code_of("detect", "other/b.parquet", "--out", "out", "--dataset", "data", "--quiet") == 0
    assert detect() == 0
    assert first.is_committed()


def test_an_older_run_is_not_committed_over_a_newer_one(
    detect: Detect, capsys: pytest.CaptureFixture[str]
) -> None:
    write("a.parquet", PLAIN, FLAGGED)
    assert detect() == 0
    older = newest().id
    write("a.parquet", PLAIN, PLAIN)
    assert detect() == 0
    assert code_of("commit", older, "--out", "out", "--set", "policy.count_mentions=true") == 2
    assert f"{newest().id} was committed later" in capsys.readouterr().err
    assert [item["flagged"] for item in items()] == [0]


def test_a_sample_is_judged_anew_under_another_policy(detect: Detect) -> None:
    write("a.parquet", *[FLAGGED] * 40)
    assert detect("--sample", "0.5") == 0
    flagged = sum(item["flagged"] for item in items())
    again = ["commit", newest().id, "--out", "out", "--set"]
    for setting, expected in (("policy.count_mentions=true", flagged), ("policy.proof_hits=3", 0)):
        assert code_of(*again, setting) == 0
        assert sum(item["flagged"] for item in items()) == expected


def test_a_run_with_fewer_detectors_leaves_what_it_knows_only_in_part(detect: Detect) -> None:
    write("a.parquet", PLAIN, BOTH, FLAGGED)
    assert detect() == 0
    before = items()
    assert sum(item["flagged"] for item in before) == 2
    assert detect("--set", "scan.detectors=['redaction']") == 0
    assert items() == before
    write("a.parquet", PLAIN, f"{BOTH} Indeed.", FLAGGED)
    assert detect("--set", "scan.detectors=['redaction']") == 0
    assert [item["flagged"] for item in items()].count(1) == 1
    assert detect() == 0
    assert sum(item["flagged"] for item in items()) == 2


def test_a_damaged_manifest_scans_again_and_is_written_anew(detect: Detect) -> None:
    write("a.parquet", FLAGGED)
    assert detect() == 0
    whole = Path(newest().manifest).read_text()
    Path(newest().manifest).write_text(whole[:100])
    assert code_of("commit", newest().id, "--out", "out") == 0
    assert json.loads(Path(newest().manifest).read_text())["flagged"] == {"llm_text": 1}
    Path(newest().manifest).write_text("{")
    assert detect() == 0
    assert set(scanned()) == {"a.parquet"}
