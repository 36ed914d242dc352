"""Findings from evidence: one row a text, its spans capped, a snippet around them, a digest."""

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa

from scrubtrace.beam_pipelines.decoding import Rows
from scrubtrace.detectors.batch import TextBatch
from scrubtrace.schemas.evidence import Evidence
from scrubtrace.schemas.findings import FINDINGS
from scrubtrace.schemas.identity import KeyRing
from scrubtrace.schemas.vocabulary import Strength, Use

_STRENGTHS = list(Strength)
_BEFORE_SHARE = 0.4
"""Share of a snippet that stands before the evidence it is centred on."""

EvidenceRow = dict[str, Any]


@dataclass(frozen=True)
class FindingMaker:
    """Makes findings of one run: its digest keys and its caps."""

    keys: KeyRing
    spans_per_signal: int
    snippet_chars: int

    def findings(
        self, evidence: Evidence, shard: str, rows: Rows, first: int, batch: TextBatch
    ) -> pa.Table:
        """Findings of one batch, with the columns of `FINDINGS`, in the order of the texts.

        The texts of the batch are those of ``rows`` from the text ``first`` on.
        """
        by_row = itemgetter("row")
        found = groupby(sorted(evidence.found.to_pylist(), key=by_row), by_row)
        records = [
            self._finding(shard, rows, first, batch, number, list(entries))
            for number, entries in found
        ]
        return pa.Table.from_pylist(records, FINDINGS)

    def _finding(
        self,
        shard: str,
        rows: Rows,
        first: int,
        batch: TextBatch,
        number: int,
        entries: list[EvidenceRow],
    ) -> dict[str, Any]:
        text = batch.texts[number]
        row, place = rows.text_rows[first + number], rows.places[first + number]
        kept = capped(entries, self.spans_per_signal)
        start, snippet = snippet_around(text, kept, self.snippet_chars)
        return {
            "shard": shard,
            "row_index": rows.start + row,
            "row_id": rows.ids[row] if rows.ids is not None else None,
            "field": place.field,
            "turn": place.turn,
            "language": batch.languages[number],
            **rows.group_values(row),
            "text_digest": self.keys.active.digest(text),
            "earlier_digests": [
                {"key_id": key_id, "digest": digest}
                for key_id, digest in self.keys.earlier_digests(text).items()
            ],
            "text_chars": len(text),
            "evidence": kept,
            "spans_left_out": len(entries) - len(kept),
            "snippet": snippet,
            "snippet_start": start,
        }


def capped(entries: list[EvidenceRow], spans_per_signal: int) -> list[EvidenceRow]:
    """At most ``spans_per_signal`` spans of each signal and use, without their row."""
    seen: Counter[tuple[str, str]] = Counter()
    kept = []
    for entry in entries:
        signal = (entry["signal"], entry["use"])
        seen[signal] += 1
        if seen[signal] <= spans_per_signal:
            kept.append({name: value for name, value in entry.items() if name != "row"})
    return kept


def snippet_around(text: str, entries: list[EvidenceRow], limit: int) -> tuple[int, str]:
    """Where a snippet of at most ``limit`` code points starts, and the snippet.

    It surrounds the strongest span that the text asserts; spans without offsets get the start of
    the text.
    """
    spans = [entry for entry in entries if entry["start"] is not None]
    if not spans or len(text) <= limit:
        return 0, text[:limit]
    best = min(spans, key=_rank)
    before = int(_BEFORE_SHARE * max(0, limit - (best["end"] - best["start"])))
    start = max(0, min(best["start"] - before, len(text) - limit))
    return start, text[start : start + limit]


def _rank(entry: EvidenceRow) -> tuple[bool, int, int]:
    asserted = entry["use"] == Use.ASSERTED
    return not asserted, _STRENGTHS.index(Strength(entry["strength"])), entry["start"]
