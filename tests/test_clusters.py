"""Design effects: known numbers, what widened figures promise, and what is refused."""

import sys
from pathlib import Path

import numpy as np
import pytest

from scrubtrace.stats.intervals import effective_interval
from scrubtrace.stats.prevalence.clusters import Clusters, clustered_rate
from scrubtrace.stats.prevalence.lower_bound import clustered_lower_bound, prevalence_lower_bound
from scrubtrace.stats.prevalence.rates import raw_rate
from scrubtrace.stats.prevalence.result import Reason
from scrubtrace.stats.prevalence.rogan_gladen import (
    CLUSTERS,
    LANG_REICZIGEL,
    rogan_gladen_clusters,
)

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def clusters(hits: list[int], rows: list[int]) -> Clusters:
    return Clusters(np.array(hits, np.int64), np.array(rows, np.int64))


@pytest.mark.parametrize(
    ("found", "effect"),
    [
        (clusters([1] * 40, [10] * 40), 1.0),
        (clusters([0] * 40, [10] * 40), 1.0),
        (clusters([10] * 40, [10] * 40), 1.0),
        # Each cluster is all or nothing: as many rows as there are clusters, times k / (k - 1).
        (clusters([10] * 20 + [0] * 20, [10] * 40), 10 * 40 / 39),
        # Half of the clusters at 4 and half at 2 of 10: 40 / 39 x 1 / (10 x .3 x .7) is below 1.
        (clusters([4] * 20 + [2] * 20, [10] * 40), 1.0),
        (clusters([8] * 20 + [2] * 20, [10] * 40), 40 / 39 * 9 / (10 * 0.25)),
        (clusters([5], [10]), 1.0),
    ],
)
def test_the_design_effect_is_the_variance_between_clusters(found: Clusters, effect: float) -> None:
    assert found.design_effect == pytest.approx(effect)


def test_one_text_a_cluster_is_worth_a_little_less_than_one() -> None:
    found = clusters([1] * 50 + [0] * 450, [1] * 500)
    hits, rows = found.effective()
    assert rows == pytest.approx(500, rel=0.05)
    assert hits / rows == pytest.approx(0.1)


def test_few_clusters_with_most_of_the_hits_have_few_degrees_of_freedom() -> None:
    even = clusters([2, 4] * 50, [20] * 100)
    uneven = clusters([100] + [2] * 99, [200] * 100)
    assert even.freedom == 99
    assert uneven.freedom < 3
    assert uneven.divisor() > 2 * uneven.design_effect


def test_clusters_without_rows_are_none() -> None:
    assert len(clusters([0, 3, 0], [0, 10, 5])) == 2
    for wrong in (([1], [1, 2]), ([-1], [3]), ([4], [3])):
        with pytest.raises(ValueError, match=r"cluster"):
            clusters(*wrong)


def test_the_interval_of_a_rate_is_that_of_effective_rows() -> None:
    found = clusters([8] * 20 + [2] * 20, [10] * 40)
    figure = clustered_rate(200, 400, found)
    size = found.effective()[1]
    assert (figure.lower, figure.upper) == effective_interval(0.5, size)
    plain = raw_rate(200, 400)
    assert figure.lower is not None
    assert plain.lower is not None
    assert figure.lower < plain.lower
    assert clustered_rate(0, 0, found).refusal == Reason.NO_ROWS


def test_a_bound_is_that_of_the_whole_rows_these_are_worth() -> None:
    judged = clusters([8] * 20 + [2] * 20, [20] * 40)
    human = clusters([1] * 10 + [0] * 30, [20] * 40)
    found = clustered_lower_bound(judged, human)
    (x, m), (k, n) = judged.effective(), human.effective()
    expected = prevalence_lower_bound(int(x), int(np.ceil(m)), int(np.ceil(k)), int(n))
    assert (found.lower, found.n) == (expected.lower, 800)
    plain = prevalence_lower_bound(200, 800, 10, 800)
    assert found.lower is not None
    assert plain.lower is not None
    assert 0 < found.lower < plain.lower
    small = clustered_lower_bound(judged, clusters([20] * 3 + [0] * 37, [20] * 40))
    assert small.refusal == Reason.SMALL_HUMAN_REFERENCE


def test_rounding_never_makes_a_bound_higher() -> None:
    """Of the numbers around what is worth, those that say least; none has a higher rate."""
    rng = np.random.default_rng(8)
    human = clusters([1] * 10 + [0] * 30, [20] * 40)
    for _ in range(40):
        judged = clusters(rng.binomial(20, rng.beta(1, 4, 40)).tolist(), [20] * 40)
        (x, m), (k, n) = judged.effective(), human.effective()
        found = clustered_lower_bound(judged, human)
        around = [
            prevalence_lower_bound(hits, rows, int(np.ceil(k)), int(n)).lower or 0.0
            for hits in (int(x), int(np.ceil(x)))
            for rows in (int(m), int(np.ceil(m)))
        ]
        assert found.lower == min(around)
        assert int(x) / np.ceil(m) <= judged.rate


def test_clusters_that_tell_less_than_one_row_are_no_missing_texts() -> None:
    human, llm = clusters([1] * 10 + [0] * 30, [20] * 40), clusters([14] * 40, [20] * 40)
    uneven = clusters([100] + [0] * 29, [100] + [4] * 29)
    assert uneven.effective()[1] < 1
    rng = np.random.default_rng(1)
    for found, whose in (
        (clustered_lower_bound(uneven, human), "judged"),
        (clustered_lower_bound(human, uneven), "human reference"),
        (rogan_gladen_clusters(uneven, human, llm, rng), "judged"),
        (rogan_gladen_clusters(human, human, uneven, rng), "LLM reference"),
    ):
        assert (found.refusal, found.lower) == (Reason.FEW_CLUSTERS, None)
        assert found.detail == f"{whose} rows are worth less than one"
        assert found.n in (216, 800)
    assert clustered_lower_bound(clusters([], []), human).refusal == Reason.NO_ROWS


def test_a_confidence_that_few_draws_lie_beyond_is_not_resampled() -> None:
    judged = clusters([4, 16] * 50, [40] * 100)
    human, llm = clusters([0, 1] * 30, [20] * 60), clusters([12, 16] * 30, [20] * 60)
    rng = np.random.default_rng(1)
    found = [
        rogan_gladen_clusters(judged, human, llm, rng, level) for level in (0.95, 0.999, 0.9999)
    ]
    assert [one.method for one in found] == [CLUSTERS, LANG_REICZIGEL, LANG_REICZIGEL]
    widths = [(one.upper or 0.0) - (one.lower or 0.0) for one in found]
    assert widths[0] < widths[1] < widths[2]


@pytest.mark.parametrize(("hits", "method"), [([1, 3], LANG_REICZIGEL), ([4, 16], CLUSTERS)])
def test_estimates_of_clusters(hits: list[int], method: str) -> None:
    judged = clusters(hits * 50, [40] * 100)
    human, llm = clusters([0, 1] * 30, [20] * 60), clusters([12, 16] * 30, [20] * 60)
    found = rogan_gladen_clusters(judged, human, llm, np.random.default_rng(1))
    again = rogan_gladen_clusters(judged, human, llm, np.random.default_rng(1))
    assert found == again
    assert (found.method, found.n) == (method, 4_000)
    assert found.lower is not None
    assert found.upper is not None
    assert found.estimate is not None
    assert found.lower < found.estimate < found.upper


def test_widened_intervals_hold_where_labelers_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import clustered_texts as benchmark

    try:
        rng = np.random.default_rng(4)
        scenario = benchmark.Scenario(60, 40, 0.03, 0.2)
        found = [
            benchmark.rate_and_estimate(benchmark.made(scenario, rng), scenario.prevalence, rng)
            for _ in range(150)
        ]
        for name in ("rate", "estimate"):
            plain, widened = np.mean([one[name] for one in found if name in one], axis=0)
            assert widened >= 0.925, name
            assert plain < 0.85, name
        # Texts that are drawn at random stand for all, whoever wrote them.
        drawn = [benchmark.by_decisions(scenario, rng)["drawn"][0] for _ in range(300)]
        assert np.mean(drawn) >= 0.94
        assert len(list(benchmark.lines(scenario, benchmark.measured(scenario, 1, rng)))) == 1
    finally:
        sys.modules.pop("clustered_texts", None)
