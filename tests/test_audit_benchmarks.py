"""The simulations behind the figures of audits: what they draw and what they count."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
MODULES = ("prevalence_coverage", "prevalence_scores", "labeler_screening", "rate_steps",
           "style_rows", "style_transfer", "audit_intervals")  # fmt: skip


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def coverage() -> ModuleType:
    import prevalence_coverage

    return prevalence_coverage


@pytest.fixture
def labelers() -> ModuleType:
    import labeler_screening

    return labeler_screening


def source(
    rng: np.random.Generator, name: str, human: int, kinds: dict[tuple[str, str], int]
) -> list[tuple[float, bool, str, str, str]]:
    rows = [(float(score), False, name, "none", "human") for score in rng.normal(size=human)]
    for (generator, attack), size in kinds.items():
        rows += [(float(s), True, name, attack, generator) for s in rng.normal(3, size=size)]
    return rows


def test_settings_keep_generators_and_attacks_apart(coverage: ModuleType) -> None:
    rng = np.random.default_rng(1)
    kinds = {("one", "none"): 400, ("two", "none"): 350, ("one", "paraphrase:made"): 320}
    rows = source(rng, "a", 1_000, kinds) + source(rng, "b", 1_000, {("one", "none"): 600})
    rows += source(rng, "small", 900, {("one", "none"): 600})
    score, is_llm, names, attack, generator = map(np.array, zip(*rows, strict=True))
    cache = coverage.Cache(score, is_llm, names, attack, generator)
    found = list(coverage.settings_of(cache, coverage.Sizes()))
    assert [(s.kind, s.name) for s in found] == [
        ("matched", "a"), ("matched", "b"), ("unseen", "a: one"), ("unseen", "a: two"),
        ("rewritten", "a"), ("elsewhere", "a by b"), ("elsewhere", "b by a"),
    ]  # fmt: skip
    unseen = found[2]
    assert (len(unseen.llm), len(unseen.judged_llm)) == (400, 350)
    assert not set(unseen.llm.tolist()) & set(unseen.judged_llm.tolist())


def test_a_cell_counts_what_holds(coverage: ModuleType) -> None:
    rng = np.random.default_rng(2)
    setting = coverage.Setting("matched", "made", rng.normal(size=1_200), rng.normal(3, size=700))
    repetitions = {"estimates": 6, "bounds": 12, "pacc": 3}
    tallies, line = coverage.measured(setting, 0.1, repetitions, coverage.Sizes())
    assert (tallies["lower bound"].given, tallies["PACC"].given) == (12, 3)
    assert tallies["likelihood"].given + tallies["likelihood"].refused == 6
    assert tallies["lower bound"].share_held >= 0.75
    assert tallies["likelihood"].error < 0.05
    assert "made" in line
    assert len(list(coverage.verdicts([(setting, 0.1, tallies)]))) == 15


def test_estimates_are_refused_by_the_error_to_expect(coverage: ModuleType) -> None:
    rng = np.random.default_rng(6)
    setting = coverage.Setting("matched", "made", rng.normal(size=1_200), rng.normal(2, size=700))
    repetitions = {"estimates": 3, "bounds": 0, "pacc": 0}
    for most, refused in ((1.0, 0), (0.001, 3)):
        sizes = coverage.Sizes(max_error=most)
        tallies, _ = coverage.measured(setting, 0.1, repetitions, sizes)
        for method in ("likelihood", "Rogan-Gladen"):
            assert (tallies[method].refused, tallies[method].given) == (refused, 3 - refused)
            assert tallies[method + coverage.ANY].given == 3


def test_larger_samples_need_more_rows(coverage: ModuleType) -> None:
    rng = np.random.default_rng(7)
    rows = source(rng, "a", 1_000, {("one", "none"): 600})
    cache = coverage.Cache(*map(np.array, zip(*rows, strict=True)))
    assert len(list(coverage.settings_of(cache, coverage.Sizes(human=310)))) == 1
    assert not list(coverage.settings_of(cache, coverage.Sizes(human=311)))
    assert not list(coverage.settings_of(cache, coverage.Sizes(llm=300)))
    assert list(coverage.settings_of(cache, coverage.Sizes(llm=300), most=0.1))
    lines = list(coverage.expected_lines(coverage.settings_of(cache, coverage.Sizes())))
    errors = [float(cell) for cell in lines[1].split()[2:]]
    assert errors == sorted(errors, reverse=True)


def test_half_of_a_source_is_scored_by_a_model_of_the_other_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import prevalence_scores

    fitted_on: list[set[int]] = []

    def hold_out(columns: Any, recipe: Any, usable: Any, fold: Any, told: Any) -> Any:
        fitted_on.append(set(np.flatnonzero(usable & (fold < 0)).tolist()))
        return np.where((fold == 0)[:, None], columns.words[:, None] * np.ones((1, 1)), np.nan)

    monkeypatch.setattr(prevalence_scores, "hold_out", hold_out)
    monkeypatch.setattr(prevalence_scores, "combined", lambda *given: given[2][:, 0])
    words = ["bread", "water", "stone", "cloud", "river", "glass"]
    texts = [" ".join([words[n % 6], str(n), *words] * 12) for n in range(24)]
    rows = [
        prevalence_scores.PromptRow(text, n % 2 == 1, "a" if n < 12 else "b", str(n // 2))
        for n, text in enumerate(texts)
    ]
    found = prevalence_scores.scored_source(rows, "en", "a", 100, own_half=False)
    assert found.source.tolist() == ["a"] * 12
    half = prevalence_scores.scored_source(rows, "en", "a", 100, own_half=True)
    assert half.source.tolist() == ["a, own half"] * 6
    others, rest = fitted_on
    assert others == set(range(12, 24))
    assert len(rest) == 6
    assert rest < set(range(12))
    with pytest.raises(ValueError, match="no rows of source 'c'"):
        prevalence_scores.scored_source(rows, "en", "c", 100, own_half=True)


@pytest.mark.parametrize(
    ("shape", "dispersion"),
    [
        ("beta", 0.0),
        ("beta", 0.01),
        ("logit-normal", 0.01),
        ("two rates", 0.01),
        ("two rates", 0.03),
    ],
)
def test_clean_rates_have_the_mean_and_the_dispersion(
    labelers: ModuleType, shape: str, dispersion: float
) -> None:
    scenario = labelers.Scenario(shape, dispersion)
    rates = labelers.clean_rates(scenario, 200_000, np.random.default_rng(3))
    assert rates.mean() == pytest.approx(labelers.MEAN, rel=0.03)
    expected = dispersion * labelers.MEAN * (1 - labelers.MEAN)
    assert rates.var() == pytest.approx(expected, rel=0.1, abs=1e-9)
    assert (rates >= 0).all()


def test_a_year_of_screening(labelers: ModuleType) -> None:
    scenario = labelers.Scenario("beta", 0.0)
    found = labelers.repetition(scenario, 150, 0.02, np.random.default_rng(4))
    assert set(found) == set(labelers.WAYS)
    assert found["among"].found >= found["among"].cheaters - 2
    assert all(outcome.wrong + outcome.found == outcome.referred for outcome in found.values())
    assert len(list(labelers.lines({way: [one, one] for way, one in found.items()}, scenario))) == 4


def test_a_simulated_step_is_seen() -> None:
    import rate_steps

    rng = np.random.default_rng(5)
    assert (rate_steps.simulated((24, 6), 0.0, 1, 3.0, rng).p_value or 1) < 0.01


def test_intervals_of_an_audit_are_counted_where_they_are_given() -> None:
    import audit_intervals

    rng = np.random.default_rng(2)
    figures = [audit_intervals.by_flags(rng, 0.1, 0.02, 0.7) for _ in range(200)]
    assert 0.9 <= float(audit_intervals.held(figures, 0.1)) <= 1
    assert audit_intervals.held(figures, 0.9) == "0.000"
    scores = audit_intervals.by_scores(rng, 0.3)
    assert scores.lower < 0.3 < scores.upper
    refused = [audit_intervals.by_flags(rng, 0.1, 0.2, 0.2) for _ in range(5)]
    assert audit_intervals.held(refused, 0.1) == "all refused"
