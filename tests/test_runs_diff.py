"""Why counts moved between two runs: causes that add up to the difference."""

import itertools
import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from samples import BOTH, CLAIMS, FLAGGED, OWN_SIGNATURE, PLAIN

from scrubtrace.balance import check_balance
from scrubtrace.beam_pipelines import scanning
from scrubtrace.beam_pipelines.changes import ShardChanged
from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.commit import judged_texts
from scrubtrace.outcome import Outcome
from scrubtrace.resolver import results_of
from scrubtrace.runs.differing import Difference, compare, policy_config, told
from scrubtrace.schemas.identity import item_key

LETTERS = "We rec\u0435iv\u0435d th\u0435 l\u0435tt\u0435r of the town about the old bridge."
OWN = ("--set", "detectors.boilerplate.signature_files=['own.toml']")
ONE_DETECTOR = ("--set", "scan.detectors=['boilerplate']")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    Path("data").mkdir()
    Path("own.toml").write_text(OWN_SIGNATURE)


def detect(*more: str, ids: bool = True) -> str:
    """Scans everything in ``data``; gives the id of the run."""
    given = ["detect", "data/*.parquet", "--out", "out", "--quiet", *["--id-column", "id"] * ids]
    assert code_of(*given, *more) in (0, 3)
    return runs_of("out")[-1].id


def write(name: str, *texts: str | None, first: int = 0) -> None:
    ids = [f"{name[0]}{first + number % 7}" for number in range(len(texts))]
    columns = {"id": ids, "text": pa.array(texts, pa.string()), "code": ["zu"] * len(texts)}
    pq.write_table(pa.table(columns), Path("data") / name)


def causes(difference: Difference) -> dict[str, tuple[int, int]]:
    assert difference.attribution is not None
    return {
        str(cause): (counts.gained.total(), counts.lost.total())
        for cause, counts in difference.attribution.causes.items()
    }


def test_data_that_is_added_gone_and_changed() -> None:
    write("a.parquet", FLAGGED, PLAIN)
    write("b.parquet", FLAGGED, FLAGGED)
    write("c.parquet", FLAGGED, PLAIN, FLAGGED)
    write("e.parquet", PLAIN)
    first = detect(*ONE_DETECTOR)
    Path("data/b.parquet").unlink()
    write("c.parquet", FLAGGED, FLAGGED, PLAIN, PLAIN)
    write("d.parquet", FLAGGED)
    os.utime("data/e.parquet", ns=(1, 1))
    second = detect(*ONE_DETECTOR)
    difference = compare("out", first, second, items=2)
    assert causes(difference) == {"data": (2, 3)}
    found = [(c.name, c.what, c.rows_before, c.rows_after) for c in difference.changes.shards]
    assert found == [
        ("b.parquet", "gone", 2, None),
        ("c.parquet", "changed", 3, 4),
        ("d.parquet", "added", None, 1),
        ("e.parquet", "touched", 1, 1),
    ]
    assert not difference.changes.detectors
    assert not difference.changes.policy
    assert not difference.changes.settings
    assert difference.attribution is not None
    (counts,) = difference.attribution.causes.values()
    assert len(counts.items) == 2


def test_rows_with_ids_that_moved_to_another_shard_are_no_difference() -> None:
    write("a.parquet", FLAGGED, PLAIN)
    first = detect(*ONE_DETECTOR)
    Path("data/a.parquet").rename("data/z.parquet")
    second = detect(*ONE_DETECTOR)
    assert causes(compare("out", first, second)) == {}
    assert causes(compare("out", first, detect(*ONE_DETECTOR, ids=False))) == {"data": (1, 1)}


def test_the_same_id_in_a_shard_that_came_is_data() -> None:
    write("b.parquet", FLAGGED)
    first = detect(*ONE_DETECTOR)
    shutil.copy("data/b.parquet", "data/a.parquet")
    assert causes(compare("out", first, detect(*ONE_DETECTOR))) == {"data": (1, 0)}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((), (), {}),
        ((), OWN, {"detector": (1, 0)}),
        (OWN, (), {"detector": (0, 1)}),
        (ONE_DETECTOR, (), {}),
        ((), ("--set", "policy.proof_hits=3"), {"policy": (1, 2)}),
        ((), ("--set", "policy.redaction_alone=true"), {"policy": (1, 0)}),
        ((), ("--set", "policy.flag_kinds=['redaction']"), {"policy": (2, 2)}),
        ((), ("--set", "policy.recurring_identity=3"), {"policy": (4, 0)}),
        (("--set", "policy.recurring_identity=0"), OWN, {"detector": (1, 0)}),
        ((), (*OWN, "--set", "policy.proof_hits=3"), {"policy": (1, 2)}),
        ((), ("--language-column", "code"), {"settings": (0, 2)}),
        ((), ("--set", "scan.snippet_chars=40"), {}),
        ((), ("--dataset", "other"), {"data": (2, 2)}),
    ],
)
def test_one_cause_each(
    before: tuple[str, ...], after: tuple[str, ...], expected: dict[str, tuple[int, int]]
) -> None:
    write("a.parquet", PLAIN, FLAGGED, BOTH, LETTERS)
    write("q.parquet", *CLAIMS[:4])
    first, second = detect(*before), detect(*after)
    there = compare("out", first, second)
    assert causes(there) == expected
    back = compare("out", second, first)
    assert causes(back) == {cause: (lost, gained) for cause, (gained, lost) in expected.items()}


def test_what_is_said_of_detector_policy_and_settings() -> None:
    write("a.parquet", PLAIN, FLAGGED)
    first = detect(*ONE_DETECTOR)
    second = detect(*OWN, "--set", "policy.proof_hits=2", "--language-column", "code")
    manifest = Path("out/runs", second, "manifest.json")
    content = json.loads(manifest.read_text())
    content["environment"]["scan"][0]["python"] = "9.9"
    manifest.write_text(json.dumps(content))
    difference = compare("out", first, second)
    said = "\n".join(told(difference))
    for words in (
        ", is 9.9",
        "data: the same shards",
        "detector boilerplate changed",
        "signatures_toml.own.toml: none -> sha256 ",
        "detector redaction added",
        "proof_hits: 1 -> 2",
        "columns.language: none -> code",
        "no calibration is in use",
        "flagged: 1 -> 0 (llm_text 1 -> 0)",
    ):
        assert words in said
    assert difference.as_dict()["changes"]["calibration"] is None
    json.dumps(difference.as_dict())


def test_names_that_recur_by_what_other_shards_say() -> None:
    write("a.parquet", *CLAIMS[:4])
    first = detect(*ONE_DETECTOR)
    write("b.parquet", CLAIMS[4])
    second = detect(*ONE_DETECTOR)
    expected = {"recurring names": (4, 0), "data": (1, 0)}
    assert causes(compare("out", first, second)) == expected


def test_a_sample_leaves_rows_out() -> None:
    write("a.parquet", *[FLAGGED] * 40)
    first = detect(*ONE_DETECTOR, "--sample", "0.3")
    second = detect(*ONE_DETECTOR, "--sample", "0.7")
    third = detect(*ONE_DETECTOR)
    for smaller, larger in itertools.combinations((first, second, third), 2):
        difference = compare("out", larger, smaller)
        before, after = (sum(counts.values()) for counts in difference.flagged)
        assert causes(difference) == {"sampling": (0, before - after)}
        assert before > after


def test_a_scan_that_failed_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    write("a.parquet", FLAGGED)
    first = detect(*ONE_DETECTOR)

    def failing(*_: Any) -> Any:
        raise ShardChanged

    with monkeypatch.context() as patch:
        patch.setattr(scanning, "read_range", failing)
        second = detect(*ONE_DETECTOR, "--force")
    assert causes(compare("out", first, second)) == {"failure": (0, 1)}


def test_other_evidence_without_a_reason_is_unexplained(monkeypatch: pytest.MonkeyPatch) -> None:
    write("a.parquet", FLAGGED)
    first = detect(*ONE_DETECTOR)
    with monkeypatch.context() as patch:
        patch.setattr(scanning, "identify", lambda _: "zu")
        second = detect(*ONE_DETECTOR, "--force")
    assert causes(compare("out", first, second)) == {"unexplained": (0, 1)}
    os.utime("data/a.parquet", ns=(1, 1))
    assert causes(compare("out", second, detect(*ONE_DETECTOR))) == {"data": (1, 0)}


def flagged(folder: RunFolder) -> set[tuple[str, str]]:
    """Keys and kinds of the items that a run flags."""
    manifest = json.loads(Path(folder.manifest).read_text())
    results = results_of(folder)
    config = policy_config(folder, manifest)
    outcome = Outcome(folder.id, results.spec.dataset, check_balance(results), [])
    found = []
    for text, verdict, occurrence in judged_texts(results, config, outcome):
        row = text.row
        place = (row["shard"], row["row_index"], row["row_id"], occurrence)
        key = item_key(results.spec.dataset, *place, row["field"], row["turn"])
        found += [(key, str(verdict.kind))] * verdict.flagged
    assert len(found) == len(set(found)) == sum(manifest["flagged"].values())
    return set(found)


def _something(rng: random.Random) -> None:
    name = rng.choice("abcd") + ".parquet"
    texts = [PLAIN, FLAGGED, BOTH, LETTERS, None, "", *CLAIMS]
    if rng.random() < 0.3 and len(os.listdir("data")) > 1:
        Path("data", rng.choice(sorted(os.listdir("data")))).unlink()
    if rng.random() < 0.7:
        write(name, *rng.choices(texts, k=rng.randrange(1, 20)), first=rng.randrange(3))
    options: list[Callable[[], tuple[str, ...]]] = [
        lambda: OWN,
        lambda: ONE_DETECTOR,
        lambda: ("--sample", str(rng.choice([0.3, 0.8]))),
        lambda: ("--set", f"policy.proof_hits={rng.randrange(1, 3)}"),
        lambda: ("--set", f"policy.recurring_identity={rng.randrange(6)}"),
        lambda: ("--set", "policy.redaction_alone=true"),
        lambda: ("--set", "policy.flag_kinds=['redaction']"),
        lambda: ("--set", f"scan.unit_rows={rng.randrange(3, 30)}"),
        lambda: ("--language-column", "code"),
    ]
    chosen = [option for make in options if rng.random() < 0.25 for option in make()]
    detect(*chosen, ids=rng.random() < 0.8)


@pytest.mark.parametrize("seed", range(3))
def test_causes_add_up_to_the_difference(seed: int) -> None:
    rng = random.Random(seed)
    write("a.parquet", FLAGGED, BOTH, *CLAIMS)
    for _ in range(6):
        _something(rng)
    items = {folder.id: flagged(folder) for folder in runs_of("out")}
    for before, after in itertools.permutations(items, 2):
        difference = compare("out", before, after)
        assert difference.is_recounted
        assert difference.attribution is not None
        gained: Counter[str] = Counter()
        lost: Counter[str] = Counter()
        for counts in difference.attribution.causes.values():
            gained += counts.gained
            lost += counts.lost
        assert gained == Counter(kind for _, kind in items[after] - items[before])
        assert lost == Counter(kind for _, kind in items[before] - items[after])
        old, new = (Counter(found) for found in difference.flagged)
        for kind in {*old, *new}:
            assert new[kind] - old[kind] == gained[kind] - lost[kind]


def test_results_that_are_gone_stop_the_causes_but_not_the_rest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write("a.parquet", FLAGGED)
    first = detect(*ONE_DETECTOR)
    write("b.parquet", FLAGGED)
    second = detect(*ONE_DETECTOR)
    third = detect(*ONE_DETECTOR, "--force")
    part = next(Path("out/runs", second, "parts").rglob("*.parquet"))
    part.rename("part")
    assert code_of("runs", "diff", second, third, "--out", "out") == 3
    said = capsys.readouterr()
    assert "flagged: 2 -> 2" in said.out
    assert f"{part.name} is gone" in said.err
    Path("part").rename(part)
    assert code_of("runs", "diff", second, third, "--out", "out") == 0
    Path("out/runs", first).rename("elsewhere")
    assert code_of("runs", "diff", second, third, "--out", "out", "--json") == 3
    said = capsys.readouterr()
    assert f"run {first}" in said.err
    assert "scan again with detect" in said.err


def test_runs_that_cannot_be_compared(capsys: pytest.CaptureFixture[str]) -> None:
    write("a.parquet", FLAGGED)
    first, second = detect(*ONE_DETECTOR), detect(*ONE_DETECTOR)
    manifest = Path("out/runs", second, "manifest.json")
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(content | {"policy": {"of_tomorrow": 1}}))
    assert code_of("runs", "diff", first, second, "--out", "out") == 2
    assert "does not know" in capsys.readouterr().err
    manifest.write_text(json.dumps(content | {"flagged": {"llm_text": 7}}))
    assert code_of("runs", "diff", first, second, "--out", "out", "--items", "1") == 0
    assert "NOT AS IN THE MANIFESTS" in capsys.readouterr().out
    manifest.unlink()
    assert code_of("runs", "diff", first, second, "--out", "out") == 2
    assert "is not committed" in capsys.readouterr().err
    (manifest.parent / "run.json").write_text("{}")
    assert code_of("runs", "diff", first, second, "--out", "out") == 2
    assert "another format" in capsys.readouterr().err
