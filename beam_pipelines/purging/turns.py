"""Taking turns out of chat rows: the other turns and columns keep their values."""

from collections.abc import Mapping, Set

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Turns = Mapping[int, Set[int]]
"""The turns to take out, by row of the batch."""


def can_cut(kind: pa.DataType) -> bool:
    """Whether turns can be taken out of a column of this type."""
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return False
    try:
        pa.array([], kind.value_type).filter(pa.array([], pa.bool_()))
    except pa.ArrowNotImplementedError:  # views, up to now
        return False
    return True


def without_turns(
    batch: pa.RecordBatch, steps: tuple[str, ...], turns: Turns
) -> tuple[pa.RecordBatch, list[int]]:
    """The batch without turns of the lists at ``steps``, and how many turns are left of each row.

    The counts are of the rows in ``turns``, in their order.
    """
    number = batch.schema.get_field_index(steps[0])
    column, left = _cut(batch.column(number), steps[1:], turns)
    arrays = [*batch.columns[:number], column, *batch.columns[number + 1 :]]
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema), left


def _cut(column: pa.Array, steps: tuple[str, ...], turns: Turns) -> tuple[pa.Array, list[int]]:
    if not steps:
        return _cut_lists(column, turns)
    kind = column.type
    children = [pc.struct_field(column, [n]) for n in range(kind.num_fields)]
    number = kind.get_field_index(steps[0])
    children[number], left = _cut(children[number], steps[1:], turns)
    fields = [kind.field(n) for n in range(kind.num_fields)]
    mask = pc.is_null(column) if column.null_count else None
    return pa.StructArray.from_arrays(children, fields=fields, mask=mask), left


def _cut_lists(column: pa.Array, turns: Turns) -> tuple[pa.Array, list[int]]:
    values = pc.list_flatten(column)
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy().astype(np.int64)
    starts = np.cumsum(lengths) - lengths
    keep = np.ones(len(values), np.bool_)
    for row, gone in turns.items():
        keep[[starts[row] + turn for turn in gone if turn < lengths[row]]] = False
    cumulative = np.concatenate([[0], np.cumsum(keep)])
    ends = cumulative[starts + lengths]
    is_large = pa.types.is_large_list(column.type)
    offsets = pa.array(np.concatenate([[0], ends]), pa.int64() if is_large else pa.int32())
    make = pa.LargeListArray if is_large else pa.ListArray
    mask = pc.is_null(column) if column.null_count else None
    cut = make.from_arrays(offsets, values.filter(pa.array(keep)), type=column.type, mask=mask)
    left = np.diff(np.concatenate([[0], ends]))
    return cut, [int(left[row]) for row in turns]
