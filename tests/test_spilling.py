"""Arrays and counts that are written as they come."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.detectors.reference import spilling
from scrubtrace.detectors.reference.spilling import ValueCounts, growing_array

HASHES = st.integers(0, 2**64 - 1) | st.integers(0, 9) | st.integers(2**64 - 9, 2**64 - 1)


@pytest.mark.parametrize("dtype", [np.uint32, np.uint64])
@pytest.mark.parametrize("lengths", [[], [0], [3], [1, 0, 12_345, 7]])
def test_a_growing_array_has_the_bytes_of_the_whole_one(
    tmp_path: Path, lengths: list[int], dtype: type[np.generic]
) -> None:
    parts = [np.arange(length).astype(dtype) for length in lengths]
    with growing_array(tmp_path / "grown.npy", dtype) as append:
        for part in parts:
            append(part)
    np.save(tmp_path / "whole.npy", np.concatenate([np.zeros(0, dtype), *parts]))
    assert (tmp_path / "grown.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


@given(st.lists(st.lists(HASHES, max_size=20)), st.integers(1, 30))
def test_counts_do_not_depend_on_how_much_is_sorted_at_once(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[int]], run_values: int
) -> None:
    hashes = [np.array(part, np.uint64) for part in parts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spilling, "RUN_VALUES", run_values)
        counts = ValueCounts(tmp_path_factory.mktemp("runs"))
        for part in hashes:
            counts.add(part)
        merged = list(counts.merged())
    expected = np.unique(np.concatenate([np.zeros(0, np.uint64), *hashes]), return_counts=True)
    for found, wanted in zip(zip(*merged, strict=True), expected, strict=False):
        assert np.concatenate(found).tolist() == wanted.tolist()
    assert bool(merged) == bool(len(expected[0]))
