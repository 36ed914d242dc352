"""Which stratum each row is of: the values of its group columns, its language, its month."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scrubtrace.beam_pipelines.columns import is_text
from scrubtrace.beam_pipelines.decoding import Rows
from scrubtrace.beam_pipelines.drawing.partial import Values
from scrubtrace.detectors.language import normalise_code
from scrubtrace.schemas.counts import month_of
from scrubtrace.schemas.plan import Columns

LANGUAGE, MONTH = "language", "month"
TIME = "created_at"
"""The group column that months come from."""

STRATA_BY = ("vendor", "source", "stage", LANGUAGE, MONTH, "labeler", "market", "task")
"""What strata can be made by. The first five are the default, as far as a run has them."""

_MONTH_CHARS = len("2026-01")
_DAY_AND_REST = r"^(\d{4}[-/.]?(0[1-9]|1[0-2])[-/.]?(0[1-9]|[12]\d|3[01]))[ -/:-~].*$"
"""Of times that begin so, `month_of` takes the day alone: far fewer distinct ones."""

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Labels:
    """The strata of neighbouring rows: ``values[codes[row]]`` are those of a row.

    ``undated`` rows have a time of which `month_of` knows no month.
    """

    values: list[Values]
    codes: Codes
    undated: int = 0


def columns_for(columns: Columns, by: Sequence[str]) -> Columns:
    """The columns with only those groups that the strata are made by."""
    names = {TIME if name == MONTH else name for name in by}
    groups = {name: path for name, path in columns.groups.items() if name in names}
    return replace(columns, groups=groups, language=columns.language if LANGUAGE in by else None)


def row_labels(rows: Rows, by: Sequence[str]) -> Labels:
    """The strata of rows that were read; what a row has no value for is None."""
    codes: Codes = np.zeros(len(rows), np.int64)
    values: list[Values] = [()]
    undated = 0
    for name in by:
        if name == MONTH:
            times = _shortened(rows.groups[TIME])
            found, which = _distinct(times)
            found = [month_of(text) for text in found]
            no_month = np.array([text is None for text in found], np.bool_)[which]
            undated += int(no_month.sum()) - times.null_count
        elif name == LANGUAGE:
            found, which = _distinct(pa.array(rows.languages or [None] * len(rows), pa.string()))
            found = [normalise_code(code) if code else None for code in found]
        else:
            found, which = _distinct(rows.groups[name])
        codes, values = _combined(codes, values, which, found)
    return Labels(values, codes, undated)


def _combined(
    codes: Codes, values: list[Values], which: Codes, found: list[str | None]
) -> tuple[Codes, list[Values]]:
    """Both numberings as one, of the combinations that occur."""
    pairs, combined = np.unique(codes * len(found) + which, return_inverse=True)
    return combined.reshape(-1), [
        (*values[pair // len(found)], found[pair % len(found)]) for pair in pairs.tolist()
    ]


def _distinct(column: pa.Array) -> tuple[list[str | None], Codes]:
    """The distinct values of a column as they are shown elsewhere, and which each row has."""
    if pa.types.is_null(column.type):
        return [None], np.zeros(len(column), np.int64)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if is_text(column.type):
        column = column.cast(pa.large_binary())
    encoded = pc.dictionary_encode(column, null_encoding="encode")
    distinct = Rows(0, len(encoded.dictionary), [], [], [], groups={"": encoded.dictionary})
    shown = [distinct.group_value("", number) for number in range(len(distinct))]
    return shown, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _shortened(column: pa.Array) -> pa.Array:
    """Times without what their month does not depend on; those with a zone in UTC."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        column = column.cast(pa.timestamp(column.type.unit, "UTC"))
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return pc.utf8_slice_codeunits(column.cast(pa.string()), 0, _MONTH_CHARS)
    if not is_text(column.type):
        return column
    return pc.replace_substring_regex(column.cast(pa.large_binary()), _DAY_AND_REST, r"\1")
