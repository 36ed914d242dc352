"""Scanning one unit: rows to evidence, evidence to parts, and last of all the receipt.

Plain functions, usable without a pipeline; `ScanUnits` runs them in Beam.
"""

import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.changes import ShardChanged
from scrubtrace.beam_pipelines.counting import Counts, RowCells
from scrubtrace.beam_pipelines.decoding import Place, Rows
from scrubtrace.beam_pipelines.findings import FindingMaker
from scrubtrace.beam_pipelines.layout import RunFolder, table_bytes
from scrubtrace.beam_pipelines.reading import dead_range, read_range
from scrubtrace.beam_pipelines.sampling import sampled
from scrubtrace.beam_pipelines.tallying import tally_rows
from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.detector import Detector, detect_each
from scrubtrace.detectors.language import identify, normalise_code
from scrubtrace.schemas.different import DifferentTexts
from scrubtrace.schemas.evidence import Evidence
from scrubtrace.schemas.findings import DEAD_LETTERS, FINDINGS
from scrubtrace.schemas.identity import DigestKey, KeyRing, id_hashes
from scrubtrace.schemas.plan import RowRange, RunSpec, Unit
from scrubtrace.schemas.receipts import PartReceipt, RangeReceipt, Receipt, Tally, Turns
from scrubtrace.schemas.vocabulary import Abstained, DeadReason

TASK = "task"
SOURCE = "source"
"""The groups that say what a text is an answer to, and what it is from."""


@dataclass
class _Collected:
    """What a unit has given so far, for all its ranges."""

    findings: dict[str, list[pa.Table]] = field(default_factory=dict)
    signals: dict[str, Counter[str]] = field(default_factory=dict)
    dead_letters: list[dict[str, Any]] = field(default_factory=list)
    id_hashes: list["np.typing.NDArray[np.uint64]"] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)

    def add(self, other: "_Collected") -> None:
        """Adds what another range gave."""
        for name, tables in other.findings.items():
            self.findings.setdefault(name, []).extend(tables)
        for name, signals in other.signals.items():
            self.signals.setdefault(name, Counter()).update(signals)
        self.dead_letters += sorted(other.dead_letters, key=_letter_order)
        self.id_hashes += other.id_hashes
        self.counts.update(other.counts)


def scan_unit(
    unit: Unit, folder: RunFolder, spec: RunSpec, detectors: Sequence[Detector], keys: KeyRing
) -> Receipt:
    """Scans a unit and writes its parts, then its receipt; gives the receipt.

    The same unit gives the same bytes, however often and wherever it is scanned. Raises OSError
    or `storage.RemoteError` if a file cannot be written; then there is no receipt and the unit
    counts as not scanned.
    """
    maker = FindingMaker(keys, spec.spans_per_signal, spec.snippet_chars)
    collected = _Collected()
    ranges = [_scan_range(r, spec, detectors, maker, collected) for r in unit.ranges]
    parts = [_write_part(unit, folder, d, maker, collected) for d in detectors]
    if collected.dead_letters:
        table = pa.Table.from_pylist(collected.dead_letters, DEAD_LETTERS)
        storage.write_atomic(folder.dead_letters(unit.key), table_bytes(table))
    if spec.columns.id:
        hashes = np.concatenate([np.empty(0, np.uint64), *collected.id_hashes])
        storage.write_atomic(folder.id_hashes(unit.key), _npy_bytes(hashes))
    counts = table_bytes(collected.counts.table())
    storage.write_atomic(folder.counts(unit.key), counts)
    digest = hashlib.sha256(counts).hexdigest()
    receipt = Receipt(unit.key, unit.rows, ranges, parts, len(collected.dead_letters), digest)
    storage.write_atomic(folder.receipt(unit.key), receipt.to_json())
    return receipt


def _scan_range(
    row_range: RowRange,
    spec: RunSpec,
    detectors: Sequence[Detector],
    maker: FindingMaker,
    collected: _Collected,
) -> RangeReceipt:
    """Scans a range; all its rows are dead if its shard is no longer the one that was planned."""
    try:
        rows = read_range(row_range, spec.columns, spec.batch_rows, spec.batch_bytes)
        receipt, found = _scan_rows(rows, row_range, spec, detectors, maker)
    except ShardChanged as error:
        rows = dead_range(row_range, DeadReason.SHARD_CHANGED, type(error).__name__)
        receipt, found = _scan_rows(rows, row_range, spec, detectors, maker)
    collected.add(found)
    return receipt


def _scan_rows(
    pieces: Iterator[Rows],
    row_range: RowRange,
    spec: RunSpec,
    detectors: Sequence[Detector],
    maker: FindingMaker,
) -> tuple[RangeReceipt, _Collected]:
    shard = row_range.shard.name
    collected = _Collected()
    receipt = RangeReceipt(shard, row_range.start, row_range.stop)
    receipt.detectors = {detector.name: Tally() for detector in detectors}
    for read in pieces:
        if spec.columns.id:
            ids: list[str | None] = read.ids or [None] * len(read)
            receipt.null_ids += read.ids.count(None) if read.ids else 0
            collected.id_hashes.append(id_hashes(ids))
        rows = read if spec.sample is None else sampled(read, shard, maker.keys.active, spec.sample)
        _count(receipt, rows)
        _bury(collected, shard, rows)
        reasons: dict[str, dict[int, str]] = {detector.name: {} for detector in detectors}
        cells = RowCells(rows)
        for first, stop in cut_texts(rows.texts, spec.batch_rows, spec.batch_bytes):
            batch = _batch(rows, first, stop)
            of_texts = (cells, rows.text_rows[first:stop], batch.languages)
            empty = [number for number, text in enumerate(rows.texts[first:stop]) if not text]
            receipt.languages.update(batch.languages)
            for detector in detectors:
                evidence = _detect(detector, batch, shard, rows, first, maker, collected)
                silent = {e["row"]: e["reason"] for e in evidence.abstained.to_pylist()}
                collected.counts.add((shard, detector.name), *of_texts, silent, empty)
                for number, reason in silent.items():
                    reasons[detector.name][first + number] = reason
                tally = receipt.detectors[detector.name]
                tally.counts.update(evidence.counts)
                tally.add_different(_different(evidence, batch, maker.keys.active))
        for name, found in reasons.items():
            receipt.detectors[name].add(tally_rows(rows, found))
    return receipt, collected


def cut_texts(
    texts: Sequence[str | None], most_texts: int, most_chars: int
) -> Iterator[tuple[int, int]]:
    """Neighbouring texts (half open) to judge at once: so many, of so many code points, or one."""
    start, chars = 0, 0
    for number, text in enumerate(texts):
        length = len(text) if text else 0
        if number > start and (chars + length > most_chars or number - start == most_texts):
            yield start, number
            start, chars = number, 0
        chars += length
    if start < len(texts):
        yield start, len(texts)


def _batch(rows: Rows, first: int, stop: int) -> TextBatch:
    texts = [text or "" for text in rows.texts[first:stop]]
    of_rows = rows.text_rows[first:stop]
    tasks, sources = (
        [rows.group_value(name, row) for row in of_rows] if name in rows.groups else []
        for name in (TASK, SOURCE)
    )
    if rows.languages is None:
        return TextBatch(texts, [identify(text) for text in texts], tasks, sources)
    pairs = zip(texts, (rows.languages[row] for row in of_rows), strict=True)
    languages = [normalise_code(code) if code else identify(text) for text, code in pairs]
    return TextBatch(texts, languages, tasks, sources)


def _detect(
    detector: Detector,
    batch: TextBatch,
    shard: str,
    rows: Rows,
    first: int,
    maker: FindingMaker,
    collected: _Collected,
) -> Evidence:
    """Evidence of one detector on one batch; findings, signals and errors are collected."""
    on_error = partial(_bury_one, collected, shard, rows, first, detector.name)
    evidence = detect_each(detector, batch, on_error)
    found = maker.findings(evidence, shard, rows, first, batch)
    if found.num_rows:
        collected.findings.setdefault(detector.name, []).append(found)
        collected.signals.setdefault(detector.name, Counter()).update(_signals(evidence))
    return evidence


def _different(evidence: Evidence, batch: TextBatch, key: DigestKey) -> dict[str, DifferentTexts]:
    """The texts of each group that a detector compares, as keyed digests."""
    return {
        group: DifferentTexts.of(key.id, (key.digest(batch.texts[row]) for row in rows))
        for group, rows in evidence.grouped.items()
    }


def _count(receipt: RangeReceipt, rows: Rows) -> None:
    receipt.texts += len(rows.texts)
    receipt.null_texts += rows.texts.count(None)
    receipt.empty_texts += rows.texts.count("")
    receipt.dead.update(dead.reason for dead in rows.dead.values())
    for path, turns in rows.turns.items():
        receipt.turns.setdefault(path, Turns()).add(turns)


def _bury(collected: _Collected, shard: str, rows: Rows) -> None:
    for row, dead in sorted(rows.dead.items()):
        letter = _dead_letter(shard, rows, row, dead.place, None, dead.reason, dead.error)
        collected.dead_letters.append(letter)


def _bury_one(
    collected: _Collected,
    shard: str,
    rows: Rows,
    first: int,
    detector: str,
    number: int,
    error: str,
) -> None:
    row, place = rows.text_rows[first + number], rows.places[first + number]
    reason = Abstained.DETECTOR_ERROR
    letter = _dead_letter(shard, rows, row, place, detector, reason, error)
    collected.dead_letters.append(letter)


def _letter_order(letter: dict[str, Any]) -> tuple[int, str]:
    """Dead letters by row and detector, however the rows were cut; texts stay in their order."""
    return letter["row_index"], letter["detector"] or ""


def _dead_letter(
    shard: str,
    rows: Rows,
    row: int,
    place: Place | None,
    detector: str | None,
    reason: str,
    error: str,
) -> dict[str, Any]:
    return {
        "shard": shard,
        "row_index": rows.start + row,
        "row_id": rows.ids[row] if rows.ids is not None else None,
        "field": place.field if place else None,
        "turn": place.turn if place else None,
        "detector": detector,
        "reason": reason,
        "error": error,
    }


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
        "key_id": maker.keys.active.id,
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
