"""Evidence: what a detector says of the rows of one batch, as columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

ROW = "row"
SIGNAL = "signal"
CATEGORY = "category"
STRENGTH = "strength"
USE = "use"
START = "start"
END = "end"
SCORE = "score"
VALUE = "value"
REASON = "reason"

SPAN_FIELDS = [
    pa.field(SIGNAL, pa.string(), nullable=False),
    pa.field(CATEGORY, pa.string(), nullable=False),
    pa.field(STRENGTH, pa.string(), nullable=False),
    pa.field(USE, pa.string(), nullable=False),
    pa.field(START, pa.int64()),
    pa.field(END, pa.int64()),
    pa.field(SCORE, pa.float64()),
    pa.field(VALUE, pa.string()),
]
"""One piece of evidence: offsets are code points of the original text, half open.

``value`` is what the evidence names, such as the identity that a text claims or the tools that
write a placeholder; the signal says which.
"""

FOUND = pa.schema([pa.field(ROW, pa.int32(), nullable=False), *SPAN_FIELDS])
ABSTAINED = pa.schema([pa.field(ROW, pa.int32(), nullable=False), pa.field(REASON, pa.string())])


@dataclass(frozen=True)
class Span:
    """One piece of evidence for one row of a batch."""

    row: int
    signal: str
    category: str
    strength: str
    use: str
    start: int | None = None
    end: int | None = None
    score: float | None = None
    value: str | None = None


def _place(span: Span) -> tuple[object, ...]:
    """A total order, so that equal evidence gives equal bytes whatever the order it came in."""
    place = (span.row, span.start or 0, span.signal, span.end or 0)
    return (*place, span.use, span.category, span.strength, span.value or "", span.score or 0.0)


@dataclass(frozen=True)
class Evidence:
    """What one detector says of one batch; rows that are in neither table were judged clean.

    ``found`` has the columns of `FOUND`, ``abstained`` those of `ABSTAINED`; ``row`` counts from
    0 within the batch. ``counts`` adds up over batches into the receipts: how many rows were judged
    as part of which group, by a name that never holds text of a row. ``grouped`` are rows by the
    group in which they are compared with others; the receipts then say how many different texts
    each group has.
    """

    found: pa.RecordBatch
    abstained: pa.RecordBatch
    counts: Mapping[str, int] = field(default_factory=dict)
    grouped: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        spans: list[Span],
        abstained: dict[int, str],
        counts: Mapping[str, int] | None = None,
        grouped: Mapping[str, Sequence[int]] | None = None,
    ) -> "Evidence":
        """Evidence from spans in any order and the reasons of the rows abstained from."""
        ordered = sorted(spans, key=_place)
        columns = [[getattr(span, name) for span in ordered] for name in FOUND.names]
        rows = sorted(abstained)
        return cls(
            pa.RecordBatch.from_arrays(
                [pa.array(c, f.type) for c, f in zip(columns, FOUND, strict=True)], schema=FOUND
            ),
            pa.RecordBatch.from_arrays(
                [pa.array(rows, pa.int32()), pa.array([abstained[r] for r in rows], pa.string())],
                schema=ABSTAINED,
            ),
            dict(counts or {}),
            dict(grouped or {}),
        )
