"""``audit run`` with style: estimates from p-values of all texts, and flags by alpha alone."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from audits import Base
from command_line import code_of
from style_scorer import FakeScorer, essay

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.style import detector as module
from scrubtrace.detectors.style import loading
from scrubtrace.exits import Exit
from scrubtrace.stats.prevalence.binned import (
    binned_likelihood,
    binned_mixture_p_value,
    reference_bins,
)
from scrubtrace.stats.prevalence.expected_error import expected_error
from scrubtrace.style import calibrate

ALPHA = ("--set", "policy.style.alpha=0.05")
SCAN = (
    "--group-by", "source=source", "--language-column", "lang",
    "--set", "scan.detectors=['stylometry']",
)  # fmt: skip


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Base:
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    for place in (module, calibrate, loading):
        monkeypatch.setattr(place, "load_scorer", lambda _: FakeScorer())
    made = Base(tmp_path)
    write(made, "known", human(0, 400))
    known = tmp_path / "known" / "a.parquet"
    found = code_of(
        "style", "calibrate", str(known), "--out", str(tmp_path / "human.npz"),
        "--origin", "made up", "--source-column", "source", "--language-column", "lang",
        "--set", "scan.detectors=['stylometry']", "--quiet",
    )  # fmt: skip
    assert found == 0
    return made


def human(first: int, rows: int) -> list[str]:
    return [essay(seed, 60) for seed in range(first, first + rows)]


def llm(first: int, rows: int) -> list[str]:
    return [essay(seed, 60, moreover=8) for seed in range(first, first + rows)]


def write(base: Base, name: str, texts: list[str]) -> Path:
    path = base.folder / name / "a.parquet"
    path.parent.mkdir(exist_ok=True)
    rows = len(texts)
    pq.write_table(pa.table({"text": texts, "source": ["s"] * rows, "lang": ["en"] * rows}), path)
    return path


def scan(base: Base, name: str, texts: list[str], policy: tuple[str, ...] = ALPHA) -> None:
    path = write(base, name, texts)
    calibration = ("--style-calibration", str(base.folder / "human.npz"))
    assert base.detect(path, "--dataset", name, *SCAN, *calibration, *policy) == 0


def audited(base: Base, *options: object, policy: tuple[str, ...] = ALPHA) -> dict[str, Any]:
    path = base.folder / "audit.json"
    given = ("--out", base.out, "--dataset", "data", "--json", path, *policy)
    assert base.run("audit", "run", *given, *options) == 0
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def test_scores_of_all_texts(base: Base, capsys: pytest.CaptureFixture[str]) -> None:
    scan(base, "data", [*human(1_000, 270), *llm(1_000, 30)])
    scan(base, "human", human(2_000, 200))
    scan(base, "llm", llm(3_000, 100))
    references = ("--human-reference", "human", "--llm-reference", "llm")
    found = audited(base, *references)
    whole = found["entries"][-1]
    part = whole["parts"][0]
    counts = [part[name] for name in ("scores", "human_scores", "llm_scores")]
    assert [sum(own) for own in counts] == [300, 200, 100]
    assert counts[2][-1] == 100, "texts by models have the smallest p-values, the last bin"
    expected = binned_likelihood(*counts)
    figure = whole["figures"]["estimate_by_scores"]
    assert (figure["estimate"], figure["lower"]) == (expected.estimate, expected.lower)
    assert figure["lower"] < 0.1 < figure["upper"]
    assert part["mixture_p"] == binned_mixture_p_value(*counts)
    said = capsys.readouterr().out
    assert "scores of en: may be a mixture of the references" in said
    assert "estimate by scores of all texts: standard error to expect " in said
    assert figure["expected_error"] == pytest.approx(
        expected_error(300, *reference_bins(*counts[1:]))
    )
    assert whole["figures"]["lower_bound"]["lower"] < 0.1
    by_source = audited(base, *references, "--by", "source,language")["entries"][0]
    assert by_source["figures"]["estimate_by_scores"] == figure
    capsys.readouterr()
    strict = audited(base, *references, "--max-error", "0.01")
    refused = strict["entries"][-1]["figures"]
    assert strict["max_error"] == 0.01
    assert [refused[what]["refusal"] for what in ("estimate_by_flags", "estimate_by_scores")] == [
        "imprecise", "imprecise",
    ]  # fmt: skip
    assert refused["lower_bound"] == whole["figures"]["lower_bound"]
    assert "above 1.00 (--max-error); it takes " in capsys.readouterr().out


def test_a_human_reference_of_another_kind_gives_no_number(
    base: Base, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = human(1_000, 600)
    scores = FakeScorer().score(TextBatch(texts, ["en"] * 600)).scores
    alike = [texts[place] for place in scores.argsort()[:200]]
    scan(base, "data", [*alike, *llm(1_000, 30)])
    scan(base, "human", human(2_000, 200))
    scan(base, "llm", llm(3_000, 100))
    found = audited(base, "--human-reference", "human", "--llm-reference", "llm")
    figures = found["entries"][-1]["figures"]
    for kind in ("lower_bound", "estimate_by_flags", "estimate_by_scores"):
        assert figures[kind]["refusal"] == "not_a_mixture"
        assert figures[kind]["lower"] is None
    said = capsys.readouterr().out
    assert "one of them is of another kind" in said
    assert "scores of en: no mixture of the references" in said


def test_a_budget_does_not_change_what_references_are_compared_with(
    base: Base, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = (*ALPHA, "--set", "policy.style.budget=5")
    scan(base, "data", [*human(1_000, 100), *llm(1_000, 30)], policy)
    scan(base, "human", human(2_000, 200), policy)
    found = audited(base, "--human-reference", "human", policy=policy)
    whole = found["entries"][-1]
    assert (whole["flagged"], whole["by_rule"] >= 30) == (5, True)
    assert whole["figures"]["flagged"]["estimate"] == pytest.approx(5 / 130)
    assert whole["figures"]["lower_bound"]["lower"] > 0.1
    assert "by_rule" in found["notes"]
    assert "those of policy.style.alpha alone" in capsys.readouterr().out


def test_rows_that_calibrated_are_no_reference(
    base: Base, capsys: pytest.CaptureFixture[str]
) -> None:
    scan(base, "data", human(1_000, 60))
    scan(base, "known", human(0, 400))
    given = ("--out", base.out, "--dataset", "data", *ALPHA)
    assert base.run("audit", "run", *given, "--human-reference", "known") == Exit.USAGE
    assert "calibrated style" in capsys.readouterr().err
