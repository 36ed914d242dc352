"""What comparing two versions of a data set writes: one row a text that was scrubbed."""

from enum import StrEnum

import pyarrow as pa

from scrubtrace.schemas.vocabulary import GROUPS


class EditKind(StrEnum):
    """What an edit did, if it did what scrubbing does."""

    NAME_REMOVED = "name_removed"
    BOILERPLATE_CUT = "boilerplate_cut"
    PLACEHOLDER_PUT_IN = "placeholder_put_in"
    PARAPHRASED = "paraphrased"
    CHARACTERS_HIDDEN = "characters_hidden"
    EDITED_AFTER_FLAG = "edited_after_flag"


CHANGE = pa.struct(
    [
        pa.field("kind", pa.string(), nullable=False),
        pa.field("signal", pa.string(), nullable=False),
        pa.field("old_start", pa.int64(), nullable=False),
        pa.field("old_end", pa.int64(), nullable=False),
        pa.field("new_start", pa.int64(), nullable=False),
        pa.field("new_end", pa.int64(), nullable=False),
        pa.field("score", pa.float64()),
        pa.field("removed", pa.string(), nullable=False),
        pa.field("inserted", pa.string(), nullable=False),
    ]
)
"""One change: offsets are code points of the old and the new text, half open.

``removed`` is what stood in the old text and ``inserted`` what stands in the new one, each cut to
``scan.snippet_chars``. ``signal`` names what was found, ``score`` is set where it is measured.
"""

KEYED_CHANGE = pa.struct([*CHANGE, pa.field("key", pa.int64(), nullable=False)])

EDIT_FINDINGS = pa.schema(
    [
        pa.field("old_shard", pa.string(), nullable=False),
        pa.field("old_row_index", pa.int64(), nullable=False),
        pa.field("new_shard", pa.string(), nullable=False),
        pa.field("new_row_index", pa.int64(), nullable=False),
        pa.field("row_id", pa.string()),
        pa.field("field", pa.string(), nullable=False),
        pa.field("old_turn", pa.int32()),
        pa.field("new_turn", pa.int32()),
        pa.field("language", pa.string(), nullable=False),
        *(pa.field(name, pa.string()) for name in GROUPS),
        pa.field("old_chars", pa.int64(), nullable=False),
        pa.field("new_chars", pa.int64(), nullable=False),
        pa.field("kinds", pa.list_(pa.string()), nullable=False),
        pa.field("changes", pa.list_(CHANGE), nullable=False),
        pa.field("changes_left_out", pa.int64(), nullable=False),
    ]
)
"""One row a pair of texts with findings, sorted by old shard, old row, field and turn.

Language and groups are those of the old version. ``changes`` holds at most
``scan.spans_per_signal`` of each signal; ``changes_left_out`` counts the others.
"""

EDIT_PART = EDIT_FINDINGS.append(pa.field("if_recurring", pa.list_(KEYED_CHANGE), nullable=False))
"""A part of one partition, before it is known what recurs: ``key`` is a hash of the words cut.

A row may have no other changes; then ``kinds`` is empty.
"""
