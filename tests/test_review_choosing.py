"""Choosing controls: as many as asked for, of both origins, like the lines, none twice."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.review.controls.choosing import Candidate, Look, choose, look_of, wanted_number
from scrubtrace.schemas.batches import SAMPLED, Origin

LOOKS: list[Look] = [("en",), ("de",), ("ja",)]
CANDIDATES = st.lists(
    st.builds(
        Candidate,
        st.uuids().map(str),
        st.sampled_from(Origin),
        st.sampled_from(LOOKS),
        st.integers(0, 2),
        st.integers(0, 3),
    ),
    max_size=40,
    unique_by=lambda candidate: candidate.control_key,
)


@given(
    st.dictionaries(st.sampled_from(LOOKS), st.integers(0, 50), min_size=1),
    CANDIDATES,
    st.integers(0, 30),
    st.integers(),
)
def test_what_is_chosen(
    lines: dict[Look, int], candidates: list[Candidate], number: int, seed: int
) -> None:
    alike = [c for c in candidates if lines.get(c.look)]
    chosen = choose(lines, candidates, number, Random(seed))
    assert len(chosen) == min(number, len(alike))
    assert len({c.control_key for c in chosen}) == len(chosen)
    assert set(chosen) <= set(alike)
    fresh = [c for c in alike if not c.given_here]
    assert sum(not c.given_here for c in chosen) == min(len(fresh), len(chosen))
    origins = Counter(c.origin for c in chosen)
    there = Counter(c.origin for c in fresh)
    if all(there[origin] >= (number + 1) // 2 for origin in Origin):
        assert abs(origins[Origin.HUMAN] - origins[Origin.LLM]) <= 1


def test_looks_are_as_frequent_as_among_the_lines() -> None:
    lines: dict[Look, int] = {("en",): 60, ("de",): 30, ("ja",): 10}
    candidates = [
        Candidate(f"{look}{origin}{n}", origin, look)
        for look in lines
        for origin in Origin
        for n in range(50)
    ]
    chosen = choose(lines, candidates, 40, Random(1))
    looks = Counter(candidate.look for candidate in chosen)
    assert looks == {("en",): 24, ("de",): 12, ("ja",): 4}


@pytest.mark.parametrize(
    ("share", "lines", "number"),
    [(0.0, 100, 0), (0.1, 0, 0), (0.1, 100, 10), (0.1, 3, 1), (0.5, 3, 2), (1.0, 7, 7)],
)
def test_the_number_is_a_share_of_the_lines(share: float, lines: int, number: int) -> None:
    assert wanted_number(share, lines) == number


def test_in_a_blind_export_only_the_language_counts() -> None:
    assert look_of(True, "llm_text", 2, "en", True) == look_of(False, SAMPLED, 0, "en", True)
    assert look_of(True, "llm_text", 2, "en", False) != look_of(True, "llm_text", 4, "en", False)
    assert look_of(False, SAMPLED, 1, "en", False) == look_of(False, SAMPLED, 9, "en", False)
    first, other = (look_of(True, "llm_style", rank, "en", False) for rank in (20, 31))
    assert first == other
