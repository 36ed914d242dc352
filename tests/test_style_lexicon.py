"""The lexicon: what a table finds, and that the shipped one knows words, pairs and their order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lexicon import table_of
from style_plain_predictability import nats_of, zipf_of

from scrubtrace.detectors.reference.tokens import mixed
from scrubtrace.detectors.style.lexicon import MOST, HashTable, lexicon

BITS = 10
HASHES = st.integers(0, (1 << 64) - 1).map(lambda n: int(mixed(np.array([n], np.uint64))[0]))


@given(st.dictionaries(HASHES, st.integers(0, MOST), max_size=60), st.lists(HASHES, max_size=40))
@settings(max_examples=60, deadline=None)
def test_a_table_finds_what_is_in_it(values: dict[int, int], others: list[int]) -> None:
    table = HashTable(table_of(values, BITS))
    assert table.bits == BITS
    found = table.find(np.array(list(values), np.uint64)).tolist()
    # Another entry with the same eight bits may stand in the other slot: then the lower value is
    # found.
    assert all(0 <= got <= value for got, value in zip(found, values.values(), strict=True))
    assert set(found) <= set(values.values())
    strange = table.find(np.array([one for one in others if one not in values], np.uint64))
    assert set(strange.tolist()) <= {-1, *values.values()}


def test_most_others_are_not_found() -> None:
    numbers = np.random.default_rng(7).integers(0, 1 << 63, 20_300, dtype=np.uint64)
    table = HashTable(table_of(dict.fromkeys(numbers[:300].tolist(), 5), BITS))
    assert (table.find(numbers[:300]) == 5).all()
    assert (table.find(numbers[300:]) >= 0).mean() < 0.006


def test_an_empty_table_finds_nothing() -> None:
    table = HashTable(np.zeros(1 << BITS, np.uint16))
    assert (table.find(np.array([0, 1, (1 << 64) - 1], np.uint64)) == -1).all()


def test_the_english_one_knows_common_and_rare_words() -> None:
    the, dog, ermine = (zipf_of(word) or 0.0 for word in ("the", "dog", "ermine"))
    assert the > 7 > dog > 4 > ermine > 0
    assert zipf_of("zqxj") is None


def test_the_english_one_knows_what_follows() -> None:
    usual, unusual = nats_of(("of", "course")), nats_of(("ermine", "the"))
    assert usual is not None
    assert usual < 7
    assert unusual is None
    assert (nats_of(("united", "states")) or 9) < 2


def test_a_language_without_one_is_refused() -> None:
    with pytest.raises(ValueError, match="no lexicon for 'de': languages are en"):
        lexicon("de")
