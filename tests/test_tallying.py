"""Tallying: what is said of texts becomes what is said of their rows."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.beam_pipelines.decoding import Dead, Place, Rows
from scrubtrace.beam_pipelines.tallying import tally_rows
from scrubtrace.schemas.receipts import Tally


def rows_of(counts: list[int], dead: tuple[int, ...] = ()) -> Rows:
    """Rows with so many texts each."""
    text_rows = [row for row, count in enumerate(counts) for _ in range(count)]
    places = [Place("x", None)] * len(text_rows)
    causes = {row: Dead("unreadable", "OSError") for row in dead}
    return Rows(0, len(counts), [""] * len(text_rows), text_rows, places, dead=causes)


ERROR = "detector_error"


@pytest.mark.parametrize(
    ("reasons", "abstained"),
    [
        ([None, None, None], {}),
        (["b", None, "b"], {}),
        (["b", "a", "b"], {"b": 1}),
        (["b", "a", "c"], {"a": 1}),
        ([None, ERROR, None], {ERROR: 1}),
        (["a", "a", ERROR], {ERROR: 1}),
        ([], {"no_turn_to_judge": 1}),
    ],
)
def test_a_row_is_what_its_texts_make_it(
    reasons: list[str | None], abstained: dict[str, int]
) -> None:
    given_reasons = {number: reason for number, reason in enumerate(reasons) if reason}
    tally = tally_rows(rows_of([len(reasons)]), given_reasons)
    assert tally.abstained == abstained
    assert tally.judged == 1 - sum(abstained.values())
    assert tally.texts_judged == reasons.count(None)
    assert tally.texts_abstained == Counter(given_reasons.values())


@given(st.lists(st.integers(0, 4), max_size=12), st.data())
def test_every_row_is_accounted_for(counts: list[int], data: st.DataObject) -> None:
    dead = tuple(row for row, count in enumerate(counts) if not count and data.draw(st.booleans()))
    rows = rows_of(counts, dead)
    said = st.sampled_from([None, "a", "b", ERROR])
    reasons = {n: r for n in range(len(rows.texts)) if (r := data.draw(said))}
    tally = tally_rows(rows, reasons)
    assert tally.rows == len(counts)
    assert tally.dead.total() == len(dead)
    assert tally.texts_judged + tally.texts_abstained.total() == len(rows.texts)
    assert all(count > 0 for count in tally.abstained.values())


def test_counts_of_a_detector_add_up_and_older_receipts_have_none() -> None:
    tally = Tally(judged=2, counts=Counter(en=2))
    tally.add(Tally(judged=1, counts=Counter(en=1, zh=4)))
    assert tally.counts == {"en": 3, "zh": 4}
    read = Tally.from_dict(json.loads(json.dumps(vars(tally))))
    assert read == tally
    older = {name: value for name, value in vars(tally).items() if name != "counts"}
    assert Tally.from_dict(older).counts == {}
