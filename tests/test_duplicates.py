"""Repeated row ids: counted right, whatever the units and the number of passes."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace import duplicates
from scrubtrace.duplicates import RepeatedIds

UNITS = st.lists(st.lists(st.integers(0, 6), max_size=12), min_size=1, max_size=5)


@given(UNITS, st.integers(1, 20))
def test_occurrences_count_earlier_rows_with_the_same_id(
    units: list[list[int]], pass_rows: int
) -> None:
    arrays = {f"u{i}": np.array(unit, np.uint64) for i, unit in enumerate(units)}
    ids = [value for unit in units for value in unit]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "PASS_ROWS", pass_rows)
        repeated = RepeatedIds(arrays.__getitem__, arrays, len(ids))
    counts = Counter(value for value in ids if value)
    assert repeated.ids == sum(count > 1 for count in counts.values())
    assert repeated.surplus_rows == sum(count - 1 for count in counts.values())
    found = np.concatenate([repeated.occurrences(unit) for unit in arrays]).tolist()
    seen: Counter[int] = Counter()
    for value, occurrence in zip(ids, found, strict=True):
        assert occurrence == (seen[value] if value else 0)
        seen[value] += 1
