"""Arrays that are written as they come and counts of values, in memory that does not grow."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np

from scrubtrace.detectors.reference.tokens import Numbers, Words

Append: TypeAlias = "Callable[[np.typing.NDArray[Any]], None]"

RUN_VALUES = 2_000_000
"""Values that are sorted at once: 16 MB, and some copies of them."""


@contextmanager
def growing_array(path: Path, dtype: type[np.generic]) -> "Iterator[Append]":
    """A one-dimensional array in a NumPy file; gives what appends values to it.

    The file has the bytes that `numpy.save` writes for the whole array.
    """
    length = 0
    with open(path, "wb") as file:

        def append(values: "np.typing.NDArray[Any]") -> None:
            nonlocal length
            file.write(values.astype(dtype, copy=False).data)
            length += len(values)

        _write_header(file, dtype, 0)
        yield append
        file.seek(0)
        _write_header(file, dtype, length)  # NumPy leaves room in it for a longer first axis


def _write_header(file: BinaryIO, dtype: type[np.generic], length: int) -> None:
    descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
    about = {"descr": descr, "fortran_order": False, "shape": (length,)}
    np.lib.format.write_array_header_1_0(file, about)


class ValueCounts:
    """How often each hash was met: sorted runs on a disk, merged a range of hashes at a time.

    ``folder`` is for the runs; whoever made it removes it. Hashes are taken to be evenly spread.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: list[Words] = []
        self._size = 0
        self._runs: list[tuple[Words, Numbers]] = []

    def add(self, hashes: Words) -> None:
        """Counts hashes, in any order."""
        self._waiting.append(hashes)
        self._size += len(hashes)
        if self._size >= RUN_VALUES:
            self._end_run()

    def merged(self) -> Iterator[tuple[Words, Numbers]]:
        """All hashes, rising, and how often each was met; one piece after the other."""
        self._end_run()
        ranges = -(-sum(len(keys) for keys, _ in self._runs) // RUN_VALUES)
        edges = [number * (1 << 64) // max(ranges, 1) for number in range(1, ranges)]
        cuts = [
            [0, *np.searchsorted(keys, np.array(edges, np.uint64)).tolist(), len(keys)]
            for keys, _ in self._runs
        ]
        for number in range(ranges):
            parts = [slice(*cut[number : number + 2]) for cut in cuts]
            runs = list(zip(self._runs, parts, strict=True))
            keys, which = np.unique(
                np.concatenate([run[0][part] for run, part in runs]), return_inverse=True
            )
            met = np.concatenate([run[1][part] for run, part in runs])
            yield keys, np.bincount(which, met, len(keys)).astype(np.int64)

    def _end_run(self) -> None:
        if not self._waiting:
            return
        run = np.unique(np.concatenate(self._waiting), return_counts=True)
        self._waiting, self._size = [], 0
        paths = [self._folder / f"{len(self._runs)}-{name}.npy" for name in ("keys", "counts")]
        for path, values in zip(paths, run, strict=True):
            np.save(path, values, allow_pickle=False)
        keys, counts = (np.load(path, mmap_mode="r", allow_pickle=False) for path in paths)
        self._runs.append((keys, counts))
