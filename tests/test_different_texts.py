"""Counting different texts by the smallest of their digests: exact if few, a bound if many."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.schemas.different import DIGITS, KEPT, DifferentTexts
from scrubtrace.schemas.receipts import Tally
from scrubtrace.stats.distinct import CONFIDENCE, at_most


def digest(number: int) -> str:
    """Like a keyed digest: the same for the same number, evenly spread."""
    return f"{random.Random(number).getrandbits(64):016x}"


def bound(texts: DifferentTexts) -> int:
    return sum(at_most(smallest, KEPT) for smallest in texts.kept().values())


@pytest.mark.parametrize("count", [0, 1, 20, KEPT - 1])
def test_few_texts_are_counted(count: int) -> None:
    texts = DifferentTexts.of("key", [digest(number) for number in range(count)] * 3)
    assert (texts.texts, bound(texts)) == (3 * count, count)


@pytest.mark.parametrize("count", [KEPT, 1_000, 30_000])
def test_many_texts_have_a_bound_near_their_number(count: int) -> None:
    texts = DifferentTexts.of("key", map(digest, range(count)))
    assert count * 0.95 <= bound(texts) <= count * 1.4
    assert len(texts.smallest["key"]) == KEPT * DIGITS


def test_the_bound_holds_as_often_as_it_says() -> None:
    rng, count, drawn = np.random.default_rng(7), 5_000, 2_000
    held = [
        at_most(np.sort(rng.random(count))[:KEPT].tolist(), KEPT) >= count for _ in range(drawn)
    ]
    assert np.mean(held) > CONFIDENCE - 3 * np.sqrt(CONFIDENCE * (1 - CONFIDENCE) / drawn)


@given(st.lists(st.lists(st.integers(0, 2_000), max_size=400), max_size=6), st.randoms())
def test_parts_add_up_in_any_order(parts: list[list[int]], rng: random.Random) -> None:
    whole = DifferentTexts.of("key", [digest(number) for part in parts for number in part])
    rng.shuffle(parts)
    joined = DifferentTexts(0, {"key": ""})
    for part in parts:
        joined.add(DifferentTexts.of("key", map(digest, part)))
    assert joined == whole


def test_digests_of_two_keys_are_counted_apart() -> None:
    texts = DifferentTexts.of("new", ["aa" * 8])
    texts.add(DifferentTexts.of("old", ["bb" * 8]))
    assert (texts.texts, bound(texts)) == (2, 2)


def received(names: Sequence[str]) -> dict[str, DifferentTexts]:
    return {name: DifferentTexts.of("key", [digest(1)]) for name in names}


def test_receipts_keep_them_and_earlier_receipts_have_none() -> None:
    tally = Tally(different=received(["en/essays/0-"]))
    assert (
        Tally.from_dict(
            vars(tally) | {"different": {"en/essays/0-": vars(tally.different["en/essays/0-"])}}
        )
        == tally
    )
    assert Tally.from_dict({k: v for k, v in vars(tally).items() if k != "different"}) == Tally()
    tally.add(Tally(different=received(["en/essays/0-", "zh/chat/0-"])))
    assert {name: texts.texts for name, texts in tally.different.items()} == {
        "en/essays/0-": 2,
        "zh/chat/0-": 1,
    }
