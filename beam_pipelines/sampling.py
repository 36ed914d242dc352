"""A sample of rows, chosen by a keyed hash of what identifies each row.

Whoever does not have the key cannot tell which rows a sample will take. Which rows they are does
not depend on workers, units or order, and a smaller sample is part of each larger one.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from scrubtrace.beam_pipelines.decoding import Rows
from scrubtrace.schemas.identity import DigestKey

_PURPOSE = b"scrubtrace row"
_BYTES = 8


def sampled(rows: Rows, shard: str, key: DigestKey, rate: float) -> Rows:
    """The rows with the texts of a ``rate`` of them only; the others count as sampled out.

    Rows are told apart by their id, or by shard and row number where they have none.
    """
    taken = [_is_taken(_identity(rows, shard, row), key, rate) for row in range(len(rows))]
    out = sum(not chosen for row, chosen in enumerate(taken) if row not in rows.dead)
    kept = [number for number, row in enumerate(rows.text_rows) if taken[row]]
    return replace(
        rows,
        texts=_only(rows.texts, kept),
        text_rows=_only(rows.text_rows, kept),
        places=_only(rows.places, kept),
        sampled_out=out,
    )


def _identity(rows: Rows, shard: str, row: int) -> list[Any]:
    row_id = rows.ids[row] if rows.ids is not None else None
    return [shard, rows.start + row] if row_id is None else [row_id]


def _is_taken(identity: list[Any], key: DigestKey, rate: float) -> bool:
    content = json.dumps(identity).encode()
    digest = hashlib.blake2b(content, digest_size=_BYTES, key=key.secret, person=_PURPOSE).digest()
    return int.from_bytes(digest, "big") < rate * (1 << 8 * _BYTES)


def _only(values: Sequence[Any], numbers: Sequence[int]) -> list[Any]:
    return [values[number] for number in numbers]
