"""Helpers of the style benchmarks: rows of one prompt stay together, and how many flags chance
gives."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scrubtrace.stats.conformal import false_flags

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def style_rows(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import style_rows

    yield style_rows
    sys.modules.pop("style_rows")


@pytest.fixture
def style_calibration(
    style_rows: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModuleType]:
    import style_calibration

    yield style_calibration
    for name in ("style_calibration", "style_scores", "style_transfer"):
        sys.modules.pop(name, None)


def test_rows_of_one_prompt_have_one_number(style_rows: ModuleType) -> None:
    row = style_rows.Row
    rows = [
        row("Rain fell all day.", False, "a", "1", "Describe the weather."),
        row("The sun shone.", True, "a", "2", "describe  the weather"),  # the prompt, folded
        row("Wind.", True, "a", "2", "Describe a storm."),  # the pair of the row before
        row("Snow.", False, "b", "1", "Describe the winter."),  # a pair of another source
        row("snow", True, "c", "", ""),  # the text, folded
        row("Ice on the lake.", False, "a", "", "Describe ice."),
    ]
    found = style_rows.prompts_of(rows).tolist()
    assert found[0] == found[1] == found[2]
    assert found[3] == found[4]
    assert len({found[0], found[3], found[5]}) == 3


def test_without_pair_and_prompt_the_opening_joins(style_rows: ModuleType) -> None:
    opening = "It was the first morning of the long holiday and nobody was awake"
    rows = [
        style_rows.Row(f"{opening} yet.", False, "a"),
        style_rows.Row(f"{opening}, not even the dog.", True, "a"),
        style_rows.Row(f"{opening} at six.", True, "a", "7"),
    ]
    found = style_rows.prompts_of(rows).tolist()
    assert found[0] == found[1] != found[2]


def test_a_prompt_of_most_rows_is_an_instruction(style_rows: ModuleType) -> None:
    rows = [style_rows.Row(f"Text {n}.", False, "a", "", "Write a text.") for n in range(9)]
    assert len(set(style_rows.prompts_of(rows).tolist())) == 9


def test_halves_keep_prompts_together_and_are_alike_in_size(style_rows: ModuleType) -> None:
    prompts = np.repeat(np.arange(40), np.arange(1, 41))
    half = style_rows.halves(prompts)
    assert all(len(set(half[prompts == number].tolist())) == 1 for number in range(40))
    assert abs(int((half == 0).sum()) - int((half == 1).sum())) <= 1


def test_equal_texts_of_a_label_and_rewritten_human_ones_are_left_out(
    style_rows: ModuleType, tmp_path: Path
) -> None:
    columns = {
        "text": ["One.", "One.", "One.", "Two.", "Three.", None],
        "label": ["human", "human", "llm", "human", "llm", "human"],
        "lang": ["en", "en", "en", "de", "en", "en"],
        "attack": ["none", "none", "none", "none", "human+polish", "none"],
    }
    pq.write_table(pa.table(columns), tmp_path / "source.parquet")
    rows = style_rows.read_rows(tmp_path, "en")
    assert [(row.text, row.is_llm, row.source) for row in rows] == [
        ("One.", False, "source"),
        ("One.", True, "source"),
    ]
    assert style_rows.places(rows).tolist() == [0, 0]


@pytest.mark.parametrize("alpha", [0.01, 0.05])
@pytest.mark.parametrize(("n", "m"), [(200, 150), (999, 1_000)])
def test_one_stratum_has_the_range_of_the_package(
    style_calibration: ModuleType, alpha: float, n: int, m: int
) -> None:
    found = style_calibration.false_flag_interval([(n, m)], alpha, 0.95)
    assert found == false_flags(alpha, n, m)


def test_several_strata_have_the_range_of_their_sum(style_calibration: ModuleType) -> None:
    sizes, draws = [(250, 300), (400, 350), (1_000, 900)], 200_000
    rng = np.random.default_rng(7)
    total = np.zeros(draws, np.int64)
    for n, m in sizes:
        r = (n + 1) // 20
        total += rng.binomial(m, rng.beta(r, n + 1 - r, draws))
    low, high = style_calibration.false_flag_interval(sizes, 0.05, 0.95)
    expected = np.quantile(total, [0.025, 0.975])
    assert abs(low - expected[0]) <= 1
    assert abs(high - expected[1]) <= 1
    rate = style_calibration.expected_rate(sizes, 0.05)
    assert rate == pytest.approx(total.mean() / 1_550, rel=0.01)


def test_strata_that_cannot_reach_alpha_flag_nothing(style_calibration: ModuleType) -> None:
    assert style_calibration.false_flag_interval([(50, 100)], 0.01, 0.95) == (0, 0)
    assert style_calibration.expected_rate([(50, 100)], 0.01) == 0.0
