"""Agreement of reviewers against published and library values."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.stats.agreement import (
    cohens_kappa,
    kappa_of_table,
    krippendorffs_alpha,
    percent_agreement,
    rate_with_interval,
)
from scrubtrace.stats.intervals import interval

ANSWERS = st.lists(st.sampled_from("abc"), min_size=10, max_size=60)

TEXTBOOK = (
    "* * * * * 3 4 1 2 1 1 3 3 * 3",
    "1 * 2 1 3 3 4 3 * * * * * * *",
    "* * 2 1 3 4 4 * 2 1 1 3 3 * 4",
)
"""Three reviewers of fifteen rows, with gaps: alpha is 0.691 (Krippendorff, 2004)."""


def ratings() -> list[list[int | None]]:
    columns = [[None if cell == "*" else int(cell) for cell in row.split()] for row in TEXTBOOK]
    return [list(row) for row in zip(*columns, strict=True)]


@pytest.mark.parametrize(
    ("table", "kappa", "low", "high"),
    [  # kappa and interval as statsmodels 0.15 gives them
        ([[45, 15], [25, 15]], 0.1304348, -0.0629383, 0.3238078),
        ([[25, 10], [15, 50]], 0.4680851, 0.2905216, 0.6456486),
        ([[48, 12, 0], [1, 41, 8], [2, 5, 13]], 0.6539924, 0.5431740, 0.7648107),
    ],
)
def test_known_kappas(table: list[list[int]], kappa: float, low: float, high: float) -> None:
    found = kappa_of_table(np.array(table, np.float64))
    assert (found.value, found.low, found.high) == pytest.approx((kappa, low, high), abs=1e-6)


def test_kappa_of_answers_is_that_of_their_table() -> None:
    first, second = (
        ["yes"] * 60 + ["no"] * 40,
        ["yes"] * 45 + ["no"] * 15 + ["yes"] * 25 + ["no"] * 15,
    )
    assert cohens_kappa(first, second).value == pytest.approx(0.1304348)
    found = percent_agreement(first, second)
    assert (found.value, found.low, found.high) == (0.6, *interval(60, 100))


def test_known_alpha() -> None:
    found = krippendorffs_alpha(ratings())
    assert found.value == pytest.approx(0.6913580)
    assert found.units == 11 + 1
    assert (found.low, found.high) == (None, None)


def test_the_interval_of_alpha_holds_its_value_and_depends_on_the_seed_only() -> None:
    found = krippendorffs_alpha(ratings(), np.random.default_rng(1))
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.6913580 < found.high
    assert found == krippendorffs_alpha(ratings(), np.random.default_rng(1))


@given(ANSWERS)
def test_who_always_agrees_agrees_perfectly(answers: list[str]) -> None:
    kappa = cohens_kappa(answers, answers)
    alpha = krippendorffs_alpha([[answer, answer] for answer in answers])
    if len(set(answers)) == 1:
        assert (kappa.refusal, alpha.refusal) == ("one_answer", "one_answer")
    else:
        assert (kappa.value, alpha.value) == pytest.approx((1.0, 1.0))
    assert percent_agreement(answers, answers).value == 1.0


@pytest.mark.parametrize("second", ["ab" * 30, "ba" * 30])
def test_without_any_variation_there_is_no_interval(second: str) -> None:
    first = "ab" * 30
    found = cohens_kappa(first, second)
    assert found.value == pytest.approx(1.0 if first == second else -1.0)
    assert (found.low, found.high, found.refusal) == (None, None, None)
    pairs = list(zip(first, second, strict=True))
    alpha = krippendorffs_alpha(pairs, np.random.default_rng(1))
    assert alpha.value is not None
    if first == second:
        assert (alpha.value, alpha.low, alpha.high) == (1.0, None, None)
    one_apart = cohens_kappa(first, "bb" + first[2:])
    assert one_apart.low is not None
    assert one_apart.high is not None
    assert one_apart.low < one_apart.high


@given(ANSWERS, st.randoms(use_true_random=False))
def test_the_order_of_reviewers_and_of_rows_does_not_matter(
    answers: list[str], random: Random
) -> None:
    other = [random.choice("abc") for _ in answers]
    pairs = list(zip(answers, other, strict=True))
    assert cohens_kappa(answers, other).value == pytest.approx(cohens_kappa(other, answers).value)
    mixed = random.sample([pair[::-1] for pair in pairs], len(pairs))
    assert krippendorffs_alpha(mixed).value == pytest.approx(krippendorffs_alpha(pairs).value)


def test_alpha_of_two_reviewers_is_nearly_kappa() -> None:
    rng = np.random.default_rng(2)
    first = rng.integers(0, 3, 4_000)
    second = np.where(rng.random(4_000) < 0.7, first, rng.integers(0, 3, 4_000))
    pairs = list(zip(first.tolist(), second.tolist(), strict=True))
    kappa = cohens_kappa(first.tolist(), second.tolist()).value
    assert krippendorffs_alpha(pairs).value == pytest.approx(kappa, abs=2e-3)


def test_the_interval_of_kappa_holds() -> None:
    rng = np.random.default_rng(3)
    held = []
    for _ in range(300):
        first = rng.random(150) < 0.3
        second = np.where(rng.random(150) < 0.6, first, rng.random(150) < 0.3)
        found = cohens_kappa(first.tolist(), second.tolist())
        assert found.low is not None
        assert found.high is not None
        held.append(found.low <= 0.6 <= found.high)
    assert np.mean(held) >= 0.92


def test_few_rows_give_no_value() -> None:
    few = ["a", "b"] * 4
    for found in (
        cohens_kappa(few, few),
        percent_agreement(few, few),
        krippendorffs_alpha([["a", None]] * 50),
        rate_with_interval(0, 0),
    ):
        assert (found.value, found.refusal) == (None, "few_units")


def test_answers_that_are_no_pairs_are_an_error() -> None:
    with pytest.raises(ValueError, match="2 answers of the first reviewer, 1 of the second"):
        cohens_kappa(["a", "b"], ["a"])


def test_sensitivity_has_its_exact_interval() -> None:
    found = rate_with_interval(27, 30)
    assert (found.value, found.low, found.high) == (0.9, *interval(27, 30))
