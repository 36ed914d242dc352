"""Strata of a plan: none lost, whatever the values are; small ones merged; two phases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.audit.allocation import Allocation
from scrubtrace.audit.sizes import Goal
from scrubtrace.audit.strata import (
    ALIKE,
    ALL,
    SMALL,
    Phases,
    PlannedStratum,
    keep_for,
    plan_strata,
)
from scrubtrace.beam_pipelines.drawing.partial import CANDIDATE, Partial, Values

BY = ("vendor", "source")
GOAL = Goal(total=10)
VALUES = st.tuples(*[st.none() | st.text("a\0,= ()none2", max_size=8)] * 2)


def partial_of(texts: dict[Values, tuple[int, int]], phases: Phases = ALIKE) -> Partial:
    """Strata with so many texts, unflagged and flagged, of random ranks."""
    chance = np.random.default_rng(3)
    partial = Partial(keep_for(GOAL, 1, phases))
    for number, (values, counts) in enumerate(texts.items()):
        for flagged, size in enumerate(counts):
            found = np.zeros(size, CANDIDATE)
            found["rank"] = chance.integers(0, 2**63, size)
            found["row"], found["shard"] = range(size), number
            partial.stratum(values).add(bool(flagged), size, found, partial.keep)
    return partial


def planned(partial: Partial, phases: Phases = ALIKE, merge_below: int = 0) -> list[PlannedStratum]:
    return plan_strata(partial, BY, GOAL, Allocation.EQUAL, 1, phases, merge_below)


@given(st.dictionaries(VALUES, st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=8),
       st.integers(0, 8), st.sampled_from([ALIKE, Phases(ALL), Phases(3), Phases(0)]))  # fmt: skip
def test_no_text_is_lost(
    texts: dict[Values, tuple[int, int]], merge_below: int, phases: Phases
) -> None:
    strata = planned(partial_of(texts, phases), phases, merge_below)
    assert sum(stratum.population for stratum in strata) == sum(map(sum, texts.values()))
    assert len({stratum.name for stratum in strata}) == len(strata)
    assert sum(len(stratum.members) for stratum in strata) == len(texts)
    for stratum in strata:
        assert "\0" not in stratum.name
        assert sum(cell.population for cell in stratum.cells) == stratum.population
        for cell in stratum.cells:
            assert 0 <= cell.drawn <= cell.population
            assert cell.drawn or cell.flagged == (True,)
    if phases.flagged == ALL:
        cells = [c for stratum in strata for c in stratum.cells if c.flagged == (True,)]
        assert all(cell.drawn == cell.population for cell in cells)


def test_values_that_look_alike_are_strata_of_their_own() -> None:
    texts: dict[Values, tuple[int, int]] = {
        (None, "web"): (2, 0),
        ("(none)", "web"): (3, 0),
        ("a, source=b", "c"): (1, 0),
        ("a", "b, source=c"): (1, 0),
    }
    names = [stratum.name for stratum in planned(partial_of(texts))]
    assert names == [
        "vendor=(none), source=web",
        "vendor=(none), source=web (2)",
        "vendor=a, source=b, source=c",
        "vendor=a, source=b, source=c (2)",
    ]


@pytest.mark.parametrize(
    ("merge_below", "names"),
    [
        (0, ["vendor=a, source=x", "vendor=b, source=x", "vendor=c, source=x"]),
        (3, ["vendor=a, source=x", "vendor=b, source=x", "vendor=c, source=x"]),
        (4, ["vendor=c, source=x", SMALL]),
        (99, [SMALL]),
    ],
)
def test_small_strata_are_merged(merge_below: int, names: list[str]) -> None:
    texts: dict[Values, tuple[int, int]] = {
        ("a", "x"): (2, 0),
        ("b", "x"): (2, 1),
        ("c", "x"): (9, 0),
    }
    strata = planned(partial_of(texts), merge_below=merge_below)
    assert [stratum.name for stratum in strata] == names
    if SMALL in names:
        last = strata[-1].to_dict()
        assert {"vendor": "a", "source": "x"} in last["merged"]
        assert "values" not in last
