"""Scanning one unit: rows to evidence, evidence to parts, and last of all the receipt.

Plain functions, usable without a pipeline; `ScanUnits` runs them in Beam.
"""

import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.findings import FindingMaker
from scrubtrace.beam_pipelines.layout import RunFolder, table_bytes
from scrubtrace.beam_pipelines.reading import Rows, read_range
from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.detector import Detector, check_evidence, detect_each
from scrubtrace.detectors.language import identify, normalise_code
from scrubtrace.schemas.evidence import Evidence
from scrubtrace.schemas.findings import DEAD_LETTERS, FINDINGS
from scrubtrace.schemas.identity import DigestKey, id_hashes
from scrubtrace.schemas.plan import RowRange, RunSpec, Unit
from scrubtrace.schemas.receipts import PartReceipt, RangeReceipt, Receipt, Tally
from scrubtrace.schemas.vocabulary import Abstained


@dataclass
class _Collected:
    """What a unit has given so far, for all its ranges."""

    findings: dict[str, list[pa.Table]] = field(default_factory=dict)
    signals: dict[str, Counter[str]] = field(default_factory=dict)
    dead_letters: list[dict[str, Any]] = field(default_factory=list)
    id_hashes: list["np.typing.NDArray[np.uint64]"] = field(default_factory=list)


def scan_unit(
    unit: Unit, folder: RunFolder, spec: RunSpec, detectors: Sequence[Detector], key: DigestKey
) -> Receipt:
    """Scans a unit and writes its parts, then its receipt; gives the receipt.

    The same unit gives the same bytes, however often and wherever it is scanned. Raises OSError
    if a file cannot be written; then there is no receipt and the unit counts as not scanned.
    """
    maker = FindingMaker(key, spec.spans_per_signal, spec.snippet_chars)
    collected = _Collected()
    ranges = [_scan_range(r, spec, detectors, maker, collected) for r in unit.ranges]
    parts = [_write_part(unit, folder, d, maker, collected) for d in detectors]
    if collected.dead_letters:
        table = pa.Table.from_pylist(collected.dead_letters, DEAD_LETTERS)
        storage.write_atomic(folder.dead_letters(unit.key), table_bytes(table))
    if spec.columns.id:
        hashes = np.concatenate([np.empty(0, np.uint64), *collected.id_hashes])
        storage.write_atomic(folder.id_hashes(unit.key), _npy_bytes(hashes))
    receipt = Receipt(unit.key, unit.rows, ranges, parts, len(collected.dead_letters))
    storage.write_atomic(folder.receipt(unit.key), receipt.to_json())
    return receipt


def _scan_range(
    row_range: RowRange,
    spec: RunSpec,
    detectors: Sequence[Detector],
    maker: FindingMaker,
    collected: _Collected,
) -> RangeReceipt:
    shard = row_range.shard.name
    receipt = RangeReceipt(shard, row_range.start, row_range.stop)
    receipt.detectors = {detector.name: Tally() for detector in detectors}
    for rows in read_range(row_range, spec.columns, spec.batch_rows, spec.batch_bytes):
        alive = [row for row in range(len(rows)) if row not in rows.dead]
        languages = [_language(rows, row) for row in alive]
        batch = TextBatch([rows.texts[row] or "" for row in alive], languages)
        _count(receipt, rows, batch)
        _bury(collected, shard, rows)
        if spec.columns.id:
            ids: list[str | None] = rows.ids or [None] * len(rows)
            receipt.null_ids += ids.count(None)
            collected.id_hashes.append(id_hashes(ids))
        for detector in detectors:
            on_error = partial(_bury_one, collected, shard, rows, alive, detector.name)
            evidence = detect_each(detector, batch, on_error)
            check_evidence(evidence, len(batch), detector.name)
            _tally(receipt.detectors[detector.name], evidence, len(batch), rows)
            found = maker.findings(evidence, shard, rows, alive, batch)
            if found.num_rows:
                collected.findings.setdefault(detector.name, []).append(found)
                signals = collected.signals.setdefault(detector.name, Counter())
                signals.update(_signals(evidence))
    return receipt


def _language(rows: Rows, row: int) -> str:
    if rows.languages is not None and (given := rows.languages[row]):
        return normalise_code(given)
    return identify(rows.texts[row] or "")


def _count(receipt: RangeReceipt, rows: Rows, batch: TextBatch) -> None:
    receipt.null_texts += rows.texts.count(None) - len(rows.dead)
    receipt.empty_texts += rows.texts.count("")
    receipt.dead.update(reason for reason, _ in rows.dead.values())
    receipt.languages.update(batch.languages)


def _bury(collected: _Collected, shard: str, rows: Rows) -> None:
    for row, (reason, error) in sorted(rows.dead.items()):
        collected.dead_letters.append(_dead_letter(shard, rows, row, None, reason, error))


def _bury_one(
    collected: _Collected,
    shard: str,
    rows: Rows,
    alive: Sequence[int],
    detector: str,
    number: int,
    error: str,
) -> None:
    row, reason = alive[number], Abstained.DETECTOR_ERROR
    collected.dead_letters.append(_dead_letter(shard, rows, row, detector, reason, error))


def _dead_letter(
    shard: str, rows: Rows, row: int, detector: str | None, reason: str, error: str
) -> dict[str, Any]:
    return {
        "shard": shard,
        "row_index": rows.start + row,
        "row_id": rows.ids[row] if rows.ids is not None else None,
        "detector": detector,
        "reason": reason,
        "error": error,
    }


def _tally(tally: Tally, evidence: Evidence, judged_rows: int, rows: Rows) -> None:
    reasons = Counter(evidence.abstained.column("reason").to_pylist())
    tally.judged += judged_rows - reasons.total()
    tally.abstained.update(reasons)
    tally.dead.update(reason for reason, _ in rows.dead.values())


def _signals(evidence: Evidence) -> Counter[str]:
    """Number of texts of a batch in which each signal occurs."""
    found = evidence.found
    pairs = set(
        zip(found.column("row").to_pylist(), found.column("signal").to_pylist(), strict=True)
    )
    return Counter(signal for _, signal in pairs)


def _write_part(
    unit: Unit, folder: RunFolder, detector: Detector, maker: FindingMaker, collected: _Collected
) -> PartReceipt:
    metadata = {
        "detector": detector.name,
        "version": detector.version,
        "lane": str(detector.lane),
        "fingerprint": detector.fingerprint(),
        "key_id": maker.key.id,
    }
    schema = FINDINGS.with_metadata(metadata)
    tables = collected.findings.get(detector.name, [])
    table = pa.concat_tables([schema.empty_table(), *tables]).replace_schema_metadata(metadata)
    content = table_bytes(table.combine_chunks())
    file = folder.part(detector.name, unit.key)
    storage.write_atomic(file, content)
    return PartReceipt(
        detector.name,
        detector.fingerprint(),
        f"parts/{detector.name}/{unit.key}.parquet",
        hashlib.sha256(content).hexdigest(),
        table.num_rows,
        collected.signals.get(detector.name, Counter()),
    )


def _npy_bytes(array: "np.typing.NDArray[np.uint64]") -> bytes:
    sink = io.BytesIO()
    np.save(sink, array, allow_pickle=False)
    return sink.getvalue()
