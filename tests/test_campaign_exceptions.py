"""Exceptions: which are valid on a day, what they allow, and that nothing is allowed twice."""

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.campaign.excepting import Exceptions
from scrubtrace.schemas.campaign import ExceptionState, Gap, ScopeException, ShardGap

DAY = date(2030, 6, 15)
VALID: dict[str, Any] = {
    "reason": "r", "approver": "T-1", "approved": date(2030, 1, 1), "expires": DAY
}  # fmt: skip


def gap(shard: str = "old/a.parquet", dataset: str = "answers") -> ShardGap:
    return ShardGap(dataset, Gap.MISSING, shard, 7)


def place(**own: Any) -> Any:
    about = {"shard": "a", "source": None, "vendor": "north", "language": "en", "kind": "llm_text"}
    return SimpleNamespace(**(about | own))


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({}, ExceptionState.APPLIED, ""),
        ({"shards": "new/*"}, ExceptionState.IDLE, ""),
        ({"dataset": "other"}, ExceptionState.IDLE, ""),
        ({"language": "en"}, ExceptionState.IDLE, ""),
        ({"expires": date(2030, 6, 14)}, ExceptionState.EXPIRED, "expired on 2030-06-14"),
        ({"approved": date(2030, 6, 16)}, ExceptionState.NOT_APPROVED, "from 2030-06-16 on only"),
        ({"approver": None}, ExceptionState.NOT_APPROVED, "has no approver"),
        ({"expires": None}, ExceptionState.NOT_APPROVED, "has no expires"),
        (
            {"approver": None, "approved": None},
            ExceptionState.NOT_APPROVED,
            "has no approver, no approved",
        ),
    ],
)
def test_of_a_shard(changes: dict[str, Any], state: ExceptionState, words: str) -> None:
    given = {"dataset": "answers", "shards": "old/*"} | VALID | changes
    exceptions = Exceptions([ScopeException("E-1", **given)], DAY)
    allowed = exceptions.of_shard(gap())
    (used,) = exceptions.used()
    assert (used.state, allowed) == (state, "E-1" if state == ExceptionState.APPLIED else None)
    assert words in used.problem
    assert bool(used.problem) == bool(words)
    assert used.rows == (7 if allowed else 0)


@pytest.mark.parametrize(
    ("subject", "row", "is_allowed"),
    [
        ({"vendor": "north"}, {}, True),
        ({"vendor": "south"}, {}, False),
        ({"vendor": "north", "language": "fr"}, {}, False),
        ({"kind": "llm_text"}, {}, True),
        ({"kind": "llm_style"}, {}, False),
        ({"shards": "a"}, {}, True),
        ({"shards": "a", "source": "mail"}, {"source": "mail"}, True),
        ({"dataset": "other"}, {}, False),
    ],
)
def test_of_a_place(subject: dict[str, Any], row: dict[str, Any], is_allowed: bool) -> None:
    exceptions = Exceptions([ScopeException("E-1", **(VALID | subject))], DAY)
    assert (exceptions.of_place("answers", place(**row)) == "E-1") == is_allowed
    assert exceptions.used()[0].places == is_allowed


def test_the_first_that_fits_counts() -> None:
    both = [ScopeException(name, **(VALID | {"shards": "*"})) for name in ("E-1", "E-2")]
    exceptions = Exceptions(both, DAY)
    assert exceptions.of_shard(gap()) == "E-1"
    assert [used.state for used in exceptions.used()] == ["applied", "idle"]


def test_texts_count_for_the_detector_that_abstained_most() -> None:
    one = ScopeException("E-1", **(VALID | {"language": "fr"}))
    exceptions = Exceptions([one], DAY)
    cells = [
        {"detector": name, "language": language, "source": None, "vendor": None, "abstained": n}
        for name, language, n in (("a", "fr", 3), ("a", "fr", 2), ("b", "fr", 4), ("b", "en", 9))
    ]
    exceptions.count_texts("answers", cells)
    assert exceptions.used()[0].abstained_texts == 5


VENDORS = st.sampled_from([None, "north", "south"])
LANGUAGES = st.sampled_from([None, "en", "fr"])


@given(st.lists(st.tuples(VENDORS, LANGUAGES)), st.lists(st.tuples(VENDORS, LANGUAGES)))
def test_every_place_counts_for_one_exception_at_most(
    subjects: list[tuple[str | None, str | None]], rows: list[tuple[str | None, str | None]]
) -> None:
    named = [
        ScopeException(f"E-{n}", **(VALID | {"vendor": vendor, "language": language}))
        for n, (vendor, language) in enumerate(subjects)
    ]
    exceptions = Exceptions(named, DAY)
    allowed = [
        exceptions.of_place("answers", place(vendor=vendor, language=language))
        for vendor, language in rows
    ]
    for used in exceptions.used():
        assert used.places == allowed.count(used.id)
        assert (used.state == ExceptionState.IDLE) == (used.places == 0)
