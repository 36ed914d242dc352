"""Reading a run's parts: texts with their evidence from all detectors, unit by unit."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import RunFolder
from scrubtrace.exits import SumsDifferStop
from scrubtrace.schemas.plan import RunSpec, Unit
from scrubtrace.schemas.receipts import PartReceipt

NO_TURN = -1
"""Sorts the one text of a column before any turn."""

Place = tuple[int, int, int]
"""Row within the unit, number of the text column, turn."""


@dataclass
class FoundText:
    """One judged text with the evidence of every detector that has any.

    ``row`` has the columns of `FINDINGS` as the first detector wrote them; ``evidence`` entries
    name their detector.
    """

    row: dict[str, Any]
    offset: int
    detectors: list[dict[str, str]] = field(default_factory=list)
    evidence: list[dict[str, Any]] = field(default_factory=list)
    spans_left_out: int = 0


def read_unit(folder: RunFolder, spec: RunSpec, unit: Unit) -> Iterator[FoundText]:
    """Texts of a unit that have evidence; ``offset`` is the row within the unit.

    They come in the order of the rows, within a row of the text columns, then of the turns.
    Raises `SumsDifferStop` if a part is not the one that the receipt is for.
    """
    receipt = folder.read_receipt(unit.key)
    offsets = _offsets(unit)
    fields = {path: number for number, path in enumerate(spec.columns.texts)}
    texts: dict[Place, FoundText] = {}
    for part, planned in zip(receipt.parts, spec.detectors, strict=True):
        about = {
            "name": planned.name,
            "version": planned.version,
            "lane": planned.lane,
            "fingerprint": planned.fingerprint,
        }
        for row in _part_rows(folder, unit, part):
            turn = NO_TURN if row["turn"] is None else row["turn"]
            place = (_offset(offsets, row), fields[row["field"]], turn)
            text = texts.setdefault(place, FoundText(row, place[0]))
            text.detectors.append(about)
            text.evidence += [{"detector": planned.name} | entry for entry in row["evidence"]]
            text.spans_left_out += row["spans_left_out"]
    yield from (texts[place] for place in sorted(texts))


def _part_rows(folder: RunFolder, unit: Unit, part: PartReceipt) -> list[dict[str, Any]]:
    path = folder.part(part.detector, unit.key)
    try:
        content = storage.read_bytes(path)
    except OSError as error:
        raise SumsDifferStop(f"part {path} cannot be read: {error.strerror}") from None
    if hashlib.sha256(content).hexdigest() != part.sha256:
        raise SumsDifferStop(f"part {path} is not the one that its receipt is for")
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(content)).to_pylist()
    return rows


def _offsets(unit: Unit) -> list[tuple[str, int, int, int]]:
    """Shard, start and stop of each range of a unit, and the unit's rows before it."""
    offsets, before = [], 0
    for r in unit.ranges:
        offsets.append((r.shard.name, r.start, r.stop, before))
        before += r.rows
    return offsets


def _offset(offsets: list[tuple[str, int, int, int]], row: dict[str, Any]) -> int:
    for shard, start, stop, before in offsets:
        if shard == row["shard"] and start <= row["row_index"] < stop:
            return before + int(row["row_index"]) - start
    raise SumsDifferStop(f"a part has row {row['row_index']} of {row['shard']}, not in its unit")
