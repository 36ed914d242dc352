"""Rows of another kind than those that calibrated: counts that add up, and when nothing flags."""

import json
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from scrubtrace.config import Config, PolicySection, StyleSection
from scrubtrace.detectors.style.kinds import LEAST_ROWS, kind_counts
from scrubtrace.detectors.style.strata import Calibrated, HumanRows, calibrated
from scrubtrace.schemas.style import KindCount
from scrubtrace.style.drift import LEAST_JUDGED, drifts
from scrubtrace.style.flagging import decide
from scrubtrace.style.telling import style_lines

NAME = "en/essays/100-199"
NAMES = ("digits", "symbols")
Floats = npt.NDArray[np.float64]


def covariates(rows: int, seed: int, shift: float = 0.0) -> Floats:
    """One measure that varies, one that is 0 in two thirds of the rows."""
    rng = np.random.default_rng(seed)
    sparse = np.where(rng.random(rows) < 2 / 3, 0.0, rng.random(rows))
    return np.column_stack([rng.normal(shift, 1, rows), sparse])


def stratum(rows: int = 999) -> Calibrated:
    human = HumanRows(
        "en", "essays", np.arange(rows, dtype=np.float64), np.full(rows, 150), covariates(rows, 0)
    )
    (found,) = calibrated(human, rows)
    return found


def shift(*batches: Floats) -> dict[str, tuple[float, str]]:
    counts: Counter[str] = Counter()
    for batch in batches:
        counts.update(kind_counts(stratum(), batch, NAMES))
    return {group: tuple(found) for group, found in drifts(counts).items()}


def candidates(*ranks: int) -> list[dict[str, Any]]:
    """Findings of the stratum `NAME`, of the given ranks of 1,000."""
    about = {"raw_score": 0.0, "stratum": NAME, "calibrated": True, "alike": True, "n": 999}
    entry = {"signal": "stylometry.llm_like", "value": json.dumps(about)}
    return [
        {"text_digest": f"d{rank}", "evidence": [entry | {"score": rank / 1_000}]} for rank in ranks
    ]


@pytest.mark.parametrize("source", ["essays", "a/b", "", "x (kind digits 0-0)", "two\nlines"])
def test_names_of_counts_are_read_as_written(source: str) -> None:
    kind = KindCount(f"en/{source}", "digits", 3, 12)
    assert KindCount.read(kind.name) == kind
    assert KindCount.read(f"en/{source}/0-99 (unlike)") is None
    assert KindCount.read(f"en/{source}/0-99") is None


def test_rows_like_the_calibration_hardly_differ() -> None:
    found = shift(covariates(2_000, 1))
    assert found["en/essays"][0] < 0.06


def test_counts_add_up_over_batches() -> None:
    rows = covariates(900, 2)
    assert shift(rows) == shift(rows[:10], rows[10:500], rows[500:])


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_the_shift_is_at_most_the_share_of_other_rows(share: float) -> None:
    other = round(3_000 * share)
    ((value, measure),) = shift(
        covariates(3_000 - other, 3), covariates(other, 4, shift=50.0)
    ).values()
    assert measure == "digits"
    assert share - 0.12 < value < share + 0.05


def test_a_value_that_all_rows_have_is_a_shift() -> None:
    rows = covariates(1_000, 5)
    rows[:, 1] = 0.0
    ((value, measure),) = shift(rows).values()
    assert measure == "symbols"
    assert value == pytest.approx(1 / 3, abs=0.03)  # all are under a quantile just above zeros
    rows[:, 1] = 0.5
    ((value, measure),) = shift(rows).values()
    assert value == pytest.approx(0.8)  # none is up to the 80% quantile


def test_few_rows_say_nothing() -> None:
    assert shift(covariates(LEAST_JUDGED - 1, 6, shift=9.0)) == {}
    assert set(shift(covariates(LEAST_JUDGED, 6, shift=9.0))) == {"en/essays"}
    assert kind_counts(stratum(LEAST_ROWS - 1), covariates(50, 7), NAMES) == {}


def test_a_source_of_another_kind_flags_nothing_and_says_so() -> None:
    counts = {NAME: 1_000} | {KindCount("en/essays", "digits", 19, 19).name: 1_000}
    rows, policy = candidates(1, 2, 3), StyleSection(alpha=0.01)
    outcome = decide(rows, counts, policy)
    assert outcome.cuts == {}
    assert (set(outcome.strata), outcome.strata[NAME].flagged) == ({NAME}, 0)
    told = "\n".join(style_lines(outcome, Config(policy=PolicySection(style=policy))))
    assert "at least 95% of its source's rows are of another kind" in told
    assert "(by digits), and up to 25% may be" in told
    assert decide(rows, counts, StyleSection(alpha=0.01, drift=0.96)).strata[NAME].flagged == 3


def test_a_source_without_a_candidate_says_that_it_is_of_another_kind() -> None:
    counts = {NAME: 1_000, f"{NAME} (unlike)": 1_000}
    counts |= {KindCount("en/essays", "digits", 19, 19).name: 1_000}
    policy = StyleSection(alpha=0.01)
    told = "\n".join(
        style_lines(decide([], counts, policy), Config(policy=PolicySection(style=policy)))
    )
    assert "1,000 judged, 0 candidates, none flagged" in told
    assert "at least 95% of its source's rows are of another kind" in told
    assert "1,000 are unlike the calibration rows" in told


def test_other_sources_flag_as_before() -> None:
    counts = {NAME: 1_000} | {KindCount("en/news", "digits", 19, 19).name: 1_000}
    outcome = decide(candidates(1, 2, 3), counts, StyleSection(alpha=0.01))
    assert outcome.strata[NAME].flagged == 3
    assert outcome.strata[NAME].shift is None
