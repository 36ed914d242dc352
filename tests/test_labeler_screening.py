"""Screening of labelers: who is compared with what, who is referred, and what is never told."""

import random
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrubtrace.labelers.cells import Cell
from scrubtrace.labelers.model import LabelerScreening
from scrubtrace.labelers.periods import Settings
from scrubtrace.labelers.screening import screen_labelers
from scrubtrace.labelers.telling import lines
from scrubtrace.stats.screening import Reason


def cell(
    labeler: str | None, month: str | None, language: str = "en", source: str | None = None,
    stage: str | None = None, vendor: str | None = None,
) -> Cell:  # fmt: skip
    return (language, labeler, vendor, source, stage, None, month)


def counted(rows: list[tuple[Cell, int, int]]) -> tuple[Counter[Cell], Counter[Cell]]:
    texts: Counter[Cell] = Counter()
    flagged: Counter[Cell] = Counter()
    for where, count, hits in rows:
        texts[where] += count
        flagged[where] += hits
    return texts, flagged


def clean(labelers: int = 60, month: str = "2022-10", **more: Any) -> list[tuple[Cell, int, int]]:
    return [(cell(f"p-{n}", month, **more), 200, n % 4) for n in range(labelers)]


def later(hits: dict[int, int], labelers: int = 60, **more: Any) -> list[tuple[Cell, int, int]]:
    return [(cell(f"p-{n}", "2023-01", **more), 200, hits.get(n, n % 4)) for n in range(labelers)]


def screened(
    rows: list[tuple[Cell, int, int]], settings: Settings | None = None, **more: Any
) -> LabelerScreening:
    return screen_labelers(*counted(rows), settings or Settings(), **more)


def referred(found: LabelerScreening) -> list[str]:
    return [referral.labeler for referral in found.referrals]


def test_a_labeler_is_compared_with_the_null_of_another_task_type() -> None:
    """A rate that is usual in one kind of work is unusual in another."""
    busy = [(cell(f"q-{n}", "2022-10", source="forms"), 200, 40 + n % 9) for n in range(60)]
    now = [(cell(f"q-{n}", "2023-01", source="forms"), 200, 40 + n % 9) for n in range(60)]
    rows = [*clean(source="letters"), *later({3: 45}, source="letters"), *busy, *now]
    found = screened(rows, Settings(("source",)))
    assert referred(found) == ["p-3"]
    assert [task.null is not None for task in found.tasks] == [True, True]
    assert found.referrals[0].tasks == ((("language", "en"), ("source", "letters")),)
    forms, letters = found.tasks
    assert (forms.null and forms.null.rate) == pytest.approx(0.22, abs=0.01)
    assert (letters.null and letters.null.rate) == pytest.approx(0.0075, abs=0.003)


@pytest.mark.parametrize(
    ("rows", "reason", "unmatched"),
    [
        (later({3: 150}), Reason.FEW_LABELERS, 60),
        ([*clean(49), *later({3: 150})], Reason.FEW_LABELERS, 60),
        ([*clean(month="2022-12"), *later({3: 150})], Reason.FEW_LABELERS, 60),
        ([*clean(language="de"), *later({3: 150})], Reason.FEW_LABELERS, 60),
        # Five labelers over twelve months are still five labelers.
        (
            [row for m in range(1, 12) for row in clean(5, f"2021-{m:02d}")] + later({3: 150}),
            Reason.FEW_LABELERS,
            60,
        ),
    ],
)
def test_without_a_null_of_the_task_type_somebody_is_named(
    rows: list[tuple[Cell, int, int]], reason: Reason, unmatched: int
) -> None:
    found = screened(rows)
    (task,) = found.tasks
    assert (task.refused and task.refused.reason) == reason
    assert (task.entries, found.referrals, found.tested) == ((), (), 0)
    assert found.unmatched == unmatched
    told = "\n".join(lines(found))
    assert "no null of this task type" in told
    assert "p-" not in told.replace("over-dispersion", "")


def test_labelers_with_few_texts_are_not_counted_as_such() -> None:
    few = [(cell(f"new-{n}", "2023-01"), 49, 49) for n in range(7)]
    found = screened([*clean(), *later({}), *few])
    assert (found.tested, found.few, found.unmatched) == (60, 7, 0)
    assert found.referrals == ()
    assert not any("new-" in line for line in lines(found))


def test_task_types_of_one_labeler_count_once_in_the_false_discovery_rate() -> None:
    types = [f"s{n}" for n in range(5)]
    rows = [row for s in types for row in [*clean(source=s), *later({}, source=s)]]
    rows.append((cell("p-3", "2023-01", source="s0"), 50, 12))
    one = screened([row for row in rows if row[0][3] == "s0"], Settings(("source",)))
    all_ = screened(rows, Settings(("source",)))
    (entry,) = [e for t in one.tasks for e in t.entries if e.labeler == "p-3"]
    (same,) = [e for t in all_.tasks[:1] for e in t.entries if e.labeler == "p-3"]
    assert same.p_value == entry.p_value == entry.adjusted
    assert same.adjusted == pytest.approx(5 * same.p_value)
    assert all_.tested == one.tested == 60


def test_clean_periods_are_as_long_as_the_screened_one() -> None:
    """One entry a labeler, of the newest period with enough texts."""
    months = ["2022-03", "2022-06", "2022-09", "2022-11"]
    rows = [row for month in months for row in clean(60, month)]
    (task,) = screened([*rows, *later({})]).tasks
    assert task.null is not None
    assert (task.null.labelers, task.null.rows) == (60, 60 * 200)
    longer = [(cell(f"p-{n}", "2023-03"), 200, 0) for n in range(60)]
    (task,) = screened([*rows, *later({}), *longer]).tasks
    assert task.null is not None
    assert (task.null.labelers, task.null.rows) == (60, 60 * 400)
    assert {entry.past_texts for entry in task.entries} == {800}


def test_clean_sources_take_the_place_of_clean_months() -> None:
    rows = [*clean(month="2023-01", source="lab"), *later({9: 60}, source="field")]
    found = screened(rows, Settings((), clean_sources=("lab",)))
    assert referred(found) == ["p-9"]
    assert found.months == ("2023-01", "2023-01")


def test_own_past_makes_the_usual_usual_and_same_work_finds_more() -> None:
    past = [(cell("p-3", "2022-10"), 5_000, 500)]
    assert referred(screened([*clean(), *past, *later({3: 25})])) == []
    modest = [*[(cell(f"p-{n}", "2022-10"), 3_000, 8 + n) for n in range(60)], *later({0: 12})]
    assert referred(screened(modest)) == []
    assert referred(screened(modest, Settings(same_work=True))) == ["p-0"]


def test_the_budget_counts_those_of_the_year_once() -> None:
    rows = [*clean(), *later({1: 60, 2: 150, 3: 100})]
    assert referred(screened(rows)) == ["p-2", "p-3", "p-1"]
    assert referred(screened(rows, budget=1)) == ["p-2"]
    again = screened(rows, budget=1, earlier={"p-2"})
    assert referred(again) == ["p-2"]
    assert again.referrals[0].again
    assert again.unusual == 3
    assert referred(screened(rows, budget=2, earlier={"gone"})) == ["p-2"]
    assert referred(screened(rows, budget=0)) == []


def test_what_was_left_out_is_counted() -> None:
    rows = [*clean(), *later({}), (cell(None, "2023-01"), 5, 5), (cell("p-1", None), 4, 4)]
    early = [(cell("p-1", "2019-01"), 3, 3), (cell("p-1", "2022-12"), 2, 2)]
    settings = Settings(clean_from="2020-01", since="2023-01")
    found = screened([*rows, *early], settings)
    assert (found.without_labeler, found.without_month, found.neither) == (5, 4, 5)


def test_limits_of_the_funnel_are_where_p_values_pass_the_cut() -> None:
    found = screened([*clean(), *later({3: 60})])
    (task,) = found.tasks
    assert task.null is not None
    cut = max(found.cut, 0.02 / found.tested)
    assert [n for n, _, _ in task.limits] == sorted({n for n, _, _ in task.limits})
    for n, low, high in task.limits:
        assert 0 <= low <= task.null.rate <= high < 1
        at = round(high * n)
        usual, unusual = task.null.p_values(np.array([n, n]), np.array([at, at + 1]))
        assert unusual <= cut < usual


def test_a_shrunken_rate_is_the_clean_mean_for_whoever_is_far_from_it() -> None:
    alike = [(cell(f"p-{n}", "2022-10"), 200, 2) for n in range(60)]
    for labelers in (60, 40):
        (task,) = screened([*alike, *later({3: 100}, labelers)]).tasks
        assert task.null is not None
        assert task.null.dispersion < 1e-4
        entry = next(entry for entry in task.entries if entry.labeler == "p-3")
        assert 2 * task.null.rate < entry.low < entry.shrunken < 0.5
        assert entry.shrunken < entry.high
        assert (entry.low > 0.2) == (labelers == 60)


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.integers(0, 5), st.sampled_from(["", "source"]))
def test_whatever_the_counts_only_who_was_compared_is_referred(
    seed: int, budget: int, task_by: str
) -> None:
    rng = random.Random(seed)
    rows = []
    for n in range(70):
        for month in ("2022-09", "2022-10", "2023-01", "2023-02"):
            for source in rng.sample(["a", "b"], rng.randint(0, 2)):
                count = rng.randint(0, 150)
                hits = rng.randint(0, count // rng.choice([2, 20, 50]))
                rows.append((cell(f"p-{n}", month, source=source), count, hits))
    by = Settings(tuple(filter(None, [task_by])))
    found = screened(rows, by, budget=budget, earlier={"p-1", "p-2"})
    rng.shuffle(rows)
    assert found.referrals == screened(rows, by, budget=budget, earlier={"p-1", "p-2"}).referrals
    entries = [entry for task in found.tasks for entry in task.entries]
    assert all(entry.texts >= 50 and entry.p_value <= entry.adjusted <= 1 for entry in entries)
    assert {entry.labeler for entry in entries if entry.referred} == {*referred(found)}
    assert found.tested == len({entry.labeler for entry in entries})
    assert sum(not r.again for r in found.referrals) <= max(0, budget - 2)
    assert found.unusual >= len(found.referrals)
    assert all(r.adjusted <= found.cut and r.tasks for r in found.referrals)


def test_rates_by_group_are_told_of_many_labelers_only() -> None:
    rows = [*clean(60, vendor="north"), *later({}, vendor="north")]
    rows += [(cell(f"s-{n}", "2022-10", vendor="south"), 200, 1) for n in range(9)]
    (task,) = screened(rows, Settings(by_group="vendor")).tasks
    assert task.groups["north"].rate == pytest.approx(0.0075)
    assert task.groups["south"].rate is None
    told = "\n".join(lines(screened(rows, Settings(by_group="vendor"))))
    assert "false positives in south: not told of 9 labelers" in told


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(clean_until="2023-01"), "nothing to screen: labelers have no text after 2023-01"),
        (Settings(since="2024-01"), "nothing to screen: labelers have no text from 2024-01 on"),
        (
            Settings(clean_sources=("chat",)),
            "nothing to screen: labelers have texts of the clean sources (chat) only",
        ),
    ],
)
def test_where_nothing_is_screened_it_is_said(settings: Settings, words: str) -> None:
    rows = [*clean(source="chat"), *later({3: 150}, source="chat")]
    told = "\n".join(lines(screened(rows, settings)))
    assert told.startswith(words)
    assert "nobody is referred" not in told
