"""Counting the texts of a unit by language and group, for each detector.

These are the denominators of every rate: what was judged, not only what was found.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scrubtrace.beam_pipelines.decoding import Rows, shown_group
from scrubtrace.schemas.counts import CELL_GROUPS, COUNTS, month_of

CREATED_AT = "created_at"

Cell = tuple[str | None, ...]
"""Values of `CELL_GROUPS`, and the month."""


class RowCells:
    """The cell of each of some rows, found once for all detectors and batches of texts."""

    def __init__(self, rows: Rows) -> None:
        codes = np.zeros(len(rows), np.int64)
        named: list[Cell] = [()]
        for name in (*CELL_GROUPS, CREATED_AT):
            if name not in rows.groups:
                named = [(*cell, None) for cell in named]
                continue
            own, values = _encoded(rows.groups[name], is_time=name == CREATED_AT)
            # Only combinations that occur get a code, so that the product cannot grow.
            pairs, codes = np.unique(codes * len(values) + own, return_inverse=True)
            parts = (divmod(int(pair), len(values)) for pair in pairs)
            named = [(*named[before], values[at]) for before, at in parts]
        self.codes = codes
        self.cells = named


@dataclass
class Counts:
    """Texts of a unit, by shard, detector, language and cell."""

    judged: Counter[tuple[str, str, str, Cell]] = field(default_factory=Counter)
    abstained: Counter[tuple[str, str, str, Cell]] = field(default_factory=Counter)
    empty_judged: Counter[tuple[str, str, str, Cell]] = field(default_factory=Counter)
    empty_abstained: Counter[tuple[str, str, str, Cell]] = field(default_factory=Counter)

    def add(
        self,
        place: tuple[str, str],
        cells: RowCells,
        rows: Sequence[int],
        languages: Sequence[str],
        abstained: Iterable[int],
        empty: Iterable[int] = (),
    ) -> None:
        """Counts a batch of texts of one shard under one detector (``place``).

        ``rows`` and ``languages`` are those of each text; ``abstained`` numbers texts of the batch,
        ``empty`` those that are null or empty.
        """
        codes = cells.codes[np.asarray(rows, np.int64)].tolist()
        of_texts = list(zip(languages, codes, strict=True))
        quiet = frozenset(abstained)
        silent = Counter(of_texts[number] for number in quiet)
        for (language, code), count in Counter(of_texts).items():
            key = (*place, language, cells.cells[code])
            out = silent[language, code]
            self.judged[key] += count - out
            self.abstained[key] += out
        for number in empty:
            language, code = of_texts[number]
            counted = self.empty_abstained if number in quiet else self.empty_judged
            counted[*place, language, cells.cells[code]] += 1

    def update(self, other: "Counts") -> None:
        """Adds what another range counted."""
        self.judged.update(other.judged)
        self.abstained.update(other.abstained)
        self.empty_judged.update(other.empty_judged)
        self.empty_abstained.update(other.empty_abstained)

    def table(self) -> pa.Table:
        """The counts as a table with the columns of `COUNTS`, sorted."""
        ordered = sorted(self.judged, key=_order)
        kinds = (self.judged, self.abstained, self.empty_judged, self.empty_abstained)
        rows = [(*key[:3], *key[3], *(counted[key] for counted in kinds)) for key in ordered]
        columns = zip(*rows, strict=True) if rows else ((),) * len(COUNTS)
        return pa.table([list(column) for column in columns], COUNTS)


def _encoded(column: pa.Array, is_time: bool) -> tuple[NDArray[np.int64], list[str | None]]:
    """The number of each row's value, and the values as text; the first is null."""
    coded = pc.dictionary_encode(column)
    indices = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    used, inverse = np.unique(indices, return_inverse=True)
    shown = [None if at < 0 else shown_group(coded.dictionary, int(at)) for at in used]
    if is_time:
        shown = [month_of(value) for value in shown]
    numbered = {value: number for number, value in enumerate(dict.fromkeys([None, *shown]))}
    numbers = np.asarray([numbered[value] for value in shown], np.int64)
    return numbers[inverse], list(numbered)


def _order(key: tuple[str, str, str, Cell]) -> tuple[object, ...]:
    """Nulls first, as an empty text sorts, but apart from it."""
    return (*key[:3], *((value is not None, value or "") for value in key[3]))
