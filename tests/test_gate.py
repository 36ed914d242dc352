"""The gate: every limit against sums, and the command as a scheduler calls it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.cli import main
from scrubtrace.config import GateSection
from scrubtrace.gate import RunSums, check_limits

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SUMS: dict[str, Any] = {
    "run": "r",
    "committed_at": NOW - timedelta(hours=3),
    "rows": 1000,
    "texts": 800,
    "empty": 150,
    "judged": 950,
    "flagged": {"llm_text": 6, "llm_annotation": 2},
    "reported": 5,
    "dead_rows": 1,
    "dead_shards": 0,
    "detector_errors": 2,
}

NOTHING = {"texts": 0, "empty": 0, "judged": 0, "flagged": {}}
ALL_DEAD = NOTHING | {"rows": 0, "reported": 0, "dead_shards": 1}


@pytest.mark.parametrize(
    ("limit", "changes", "value", "verdict"),
    [
        ({"max_flagged": 8}, {}, 8, "ok"),
        ({"max_flagged": 7}, {}, 8, "exceeded"),
        ({"max_flagged": 0}, {"flagged": {}}, 0, "ok"),
        ({"max_flagged_share": 0.01}, {}, 0.01, "ok"),
        ({"max_flagged_share": 0.0099}, {}, 0.01, "exceeded"),
        ({"max_flagged_share": 0.5}, {"judged": 0, "flagged": {}}, None, "unknown"),
        ({"max_flagged_share": 0.01}, {"empty": 10**9, "judged": 10**9}, 0.01, "ok"),
        ({"max_flagged_share": 0.0099}, {"empty": 10**9, "judged": 10**9}, 0.01, "exceeded"),
        ({"max_flagged_share": 0.5}, {"texts": 0, "empty": 950, "flagged": {}}, None, "unknown"),
        ({"max_flagged_share": 0}, NOTHING | {"rows": 0}, 0, "ok"),
        ({"max_flagged_share": 0.1}, ALL_DEAD, None, "unknown"),
        ({"max_flagged": 0}, ALL_DEAD, None, "unknown"),
        ({"max_reported": 0}, ALL_DEAD, None, "unknown"),
        ({"max_flagged_of": {"llm_text": 0}}, ALL_DEAD, None, "unknown"),
        ({"max_dead_shards": 1}, ALL_DEAD, 1, "ok"),
        ({"max_flagged": 0}, {"judged": 0, "flagged": {}}, 0, "ok"),
        ({"max_flagged_of": {"llm_annotation": 2}}, {}, 2, "ok"),
        ({"max_flagged_of": {"llm_text": 5}}, {}, 6, "exceeded"),
        ({"max_flagged_of": {"redaction": 0}}, {}, 0, "ok"),
        ({"max_reported": 5}, {}, 5, "ok"),
        ({"max_reported": 4}, {}, 5, "exceeded"),
        ({"max_dead_rows": 1}, {}, 1, "ok"),
        ({"max_dead_rows": 0}, {}, 1, "exceeded"),
        ({"max_dead_shards": 0}, {}, 0, "ok"),
        ({"max_dead_shards": 0}, {"dead_shards": 1}, 1, "exceeded"),
        ({"max_detector_errors": 1}, {}, 2, "exceeded"),
        ({"min_rows": 1000}, {}, 1000, "ok"),
        ({"min_rows": 1001}, {}, 1000, "exceeded"),
        ({"max_age_hours": 3}, {}, 3, "ok"),
        ({"max_age_hours": 2.9}, {}, 3, "exceeded"),
        ({"max_age_hours": 1}, {"committed_at": NOW + timedelta(minutes=5)}, 0, "ok"),
        ({"max_age_hours": 1}, {"committed_at": NOW + timedelta(hours=1)}, None, "unknown"),
    ],
)
def test_one_limit(
    limit: dict[str, Any], changes: dict[str, Any], value: float | None, verdict: str
) -> None:
    (checked,) = check_limits(GateSection(**limit), RunSums(**(SUMS | changes)), NOW)
    assert checked.key.split(".")[0] == next(iter(limit))
    assert checked.value == (None if value is None else pytest.approx(value))
    assert checked.verdict == verdict


def test_what_is_not_configured_is_not_checked() -> None:
    assert check_limits(GateSection(), RunSums(**SUMS), NOW) == []


def test_every_limit_is_checked() -> None:
    limits = dict.fromkeys(GateSection.model_fields, 1) | {"max_flagged_of": {"llm_text": 1}}
    checked = check_limits(GateSection(**limits), RunSums(**SUMS), NOW)
    assert {limit.key.split(".")[0] for limit in checked} == set(GateSection.model_fields)


Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """The command line in an empty folder: exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    texts = ["As an AI language model, I cannot swim.", "Plain.", "Plain, too."]
    pq.write_table(pa.table({"text": texts}), "a.parquet")

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = 0
        try:
            main(arguments)
        except SystemExit as ended:
            code = int(ended.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_gate_of_a_committed_run(call: Call) -> None:
    assert call("detect", "a.parquet", "--out", "out", "--quiet")[0] == 0
    limits = ("--set", "gate.max_flagged=1", "--set", "gate.max_age_hours=1")
    code, shown, problem = call("gate", "--out", "out", *limits)
    assert (code, problem) == (0, "")
    assert "OK        gate.max_flagged: 1, at most 1" in shown
    share = ("--set", "gate.max_flagged_share=0.3")
    code, shown, problem = call("gate", "--out", "out", *limits, *share)
    assert code == 5
    assert "EXCEEDED  gate.max_flagged_share: 0.333333, at most 0.3 (1 of 3 texts)" in shown
    assert "1 of 3 limits not kept: gate.max_flagged_share" in problem


def test_null_and_empty_texts_hide_no_flags(call: Call) -> None:
    texts = ["As an AI language model, I cannot taste soup."] * 2 + [None] * 50 + [""] * 48
    pq.write_table(pa.table({"text": texts}), "b.parquet")
    review = ("--review", "sqlite:///n.sqlite")
    assert call("detect", "b.parquet", "--out", "out", "--quiet", *review)[0] == 0
    code, shown, _ = call("gate", "--out", "out", "--set", "gate.max_flagged_share=0.1")
    assert code == 5
    assert "at most 0.1 (2 of 2 texts; 98 null or empty ones not counted)" in shown
    assert call("report", "--runs", "out", *review, "--out", "n.md")[0] == 0
    assert "Of 2 texts in 100 rows, 2 (100.00%) were flagged" in Path("n.md").read_text()


def test_gate_reads_the_section_and_prints_json(call: Call) -> None:
    assert call("detect", "a.parquet", "--out", "out", "--quiet")[0] == 0
    Path("scrubtrace.toml").write_text("[gate]\nmax_flagged_of = { llm_text = 0 }\nmin_rows = 3\n")
    code, shown, _ = call("gate", "--out", "out", "--json")
    assert code == 5
    content = json.loads(shown)
    assert content["passed"] is False
    verdicts = {limit["key"]: limit["verdict"] for limit in content["limits"]}
    assert verdicts == {"max_flagged_of.llm_text": "exceeded", "min_rows": "ok"}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--out", "none"], 2, "no limit is configured"),
        (["--out", "none", "--set", "gate.min_rows=1"], 3, "no committed run in none: run scrub"),
        (["--out", "none", "--run", "x", "--set", "gate.min_rows=1"], 2, "there are none"),
        (["--out", "none", "--set", "gate.max_flagd=1"], 2, "choices: max_flagged, "),
        (["--out", "none", "--set", "gate.max_flagged=-1"], 2, "greater than or equal to 0"),
        (["--out", "none", "--set", "gate.max_flagged_share=2"], 2, "less than or equal to 1"),
        (["--out", "none", "--set", "gate.max_flagged_of={gpt=1}"], 2, "'llm_text', "),
    ],
)
def test_a_gate_that_cannot_check_does_not_pass(
    call: Call, arguments: list[str], code: int, message: str
) -> None:
    found, _, problem = call("gate", *arguments)
    assert found == code
    assert message in problem
    assert not Path("none").exists()


def test_unfinished_and_damaged_runs(call: Call) -> None:
    limit = ("--set", "gate.min_rows=1")
    assert call("detect", "a.parquet", "--out", "out", "--quiet")[0] == 0
    assert call("detect", "a.parquet", "--out", "out", "--quiet")[0] == 0
    first, second = runs_of("out")
    Path(second.manifest).unlink()
    code, shown, _ = call("gate", "--out", "out", *limit)
    assert code == 0
    assert f"run {first.id}, committed" in shown
    assert f"run {second.id} is newer and not committed" in shown
    code, _, problem = call("gate", "--out", "out", "--run", second.id, *limit)
    assert code == 3
    assert "is not committed in out: run scrubtrace detect first" in problem
    for content in ("{", "[]", '{"run": "x"}'):
        Path(first.manifest).write_text(content)
        code, _, problem = call("gate", "--out", "out", *limit)
        assert code == 3
        assert f"scrubtrace commit {first.id} --out out, with the --review" in problem


def test_the_gate_asks_which_data_set(call: Call) -> None:
    detect = ("detect", "a.parquet", "--out", "out", "--quiet", "--dataset")
    for name in ("one", "two"):
        assert call(*detect, name)[0] == 0
    limit = ("gate", "--out", "out", "--set", "gate.max_flagged=1")
    code, _, problem = call(*limit)
    assert (code, "name one of them with --dataset: one, two" in problem) == (2, True)
    assert call(*limit, "--dataset", "one")[0] == 0
    code, _, problem = call(*limit, "--dataset", "three")
    assert (code, "no run of data set 'three', but of: one, two" in problem) == (2, True)


def test_the_gate_checks_full_scans(call: Call) -> None:
    assert call("detect", "a.parquet", "--out", "out", "--quiet")[0] == 0
    assert call("detect", "a.parquet", "--out", "out", "--quiet", "--sample", "0.0001")[0] == 0
    assert call("gate", "--out", "out", "--set", "gate.max_flagged=0")[0] == 5


def test_a_run_of_nothing_but_dead_shards_does_not_pass(call: Call) -> None:
    Path("dead.parquet").write_text("no Parquet")
    assert call("detect", "dead.parquet", "--out", "out", "--quiet")[0] == 3
    code, told, _ = call("gate", "--out", "out", "--set", "gate.max_flagged_share=0.1")
    assert code == 5
    assert "gate.max_flagged_share: not known, at most 0.1 (no text was judged)" in told
