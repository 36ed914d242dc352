"""Commit: receipts to a checked balance, evidence to verdicts, verdicts to the review table.

Plain Python, no workers. Committing a run again changes nothing.
"""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
from sqlalchemy import Engine

from scrubtrace.balance import Balance, check_balance
from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import RunFolder
from scrubtrace.config import Config
from scrubtrace.duplicates import Hashes, RepeatedIds
from scrubtrace.policy import Verdict, evidence_fingerprint, judge
from scrubtrace.results import FoundText, read_unit
from scrubtrace.review.store import UpsertCounts, record_run, upsert_items
from scrubtrace.schemas.identity import item_key
from scrubtrace.schemas.plan import DeadShard, RunSpec, Unit
from scrubtrace.schemas.review import ReviewItem, ReviewRun
from scrubtrace.schemas.vocabulary import GROUPS

PACKAGES = ("scrubtrace", "apache-beam", "pyarrow", "google-re2", "numpy")


@dataclass
class Outcome:
    """What a commit found, for the summary and the manifest."""

    run: str
    dataset: str
    balance: Balance
    dead_shards: list[DeadShard]
    flagged: Counter[str] = field(default_factory=Counter)
    reported: Counter[str] = field(default_factory=Counter)
    flagged_by: dict[str, Counter[str]] = field(default_factory=dict)
    repeated_ids: int = 0
    repeated_id_rows: int = 0
    upserts: UpsertCounts | None = None

    @property
    def dead_letters(self) -> int:
        """Dead rows, dead shards and rows that a detector raised on."""
        dead_rows = self.balance.dead.total() + self.balance.detector_errors
        return dead_rows + len(self.dead_shards)

    def count(self, item: ReviewItem) -> None:
        """Counts one item of the review table."""
        (self.flagged if item.flagged else self.reported)[item.kind] += 1
        if item.flagged:
            for name in ("language", "labeler", "source", "vendor"):
                value = item.language if name == "language" else item.groups[name]
                if value is not None:
                    self.flagged_by.setdefault(name, Counter())[value] += 1


def commit_run(folder: RunFolder, config: Config, engine: Engine) -> Outcome:
    """Checks a scanned run, applies the policy, fills the review table, writes the manifest.

    Raises `IncompleteStop` if receipts are missing and `SumsDifferStop` if sums do not match;
    then nothing has been changed.
    """
    spec = folder.spec()
    units, dead_shards = folder.plan()
    balance = check_balance(folder, spec, units)
    outcome = Outcome(folder.id, spec.dataset, balance, dead_shards)
    items = _items(folder, spec, units, config, outcome)
    outcome.upserts = upsert_items(engine, items, folder.id)
    manifest = _manifest(folder, spec, units, config, outcome)
    storage.write_atomic(folder.manifest, manifest)
    record_run(
        engine,
        ReviewRun(
            folder.id,
            spec.dataset,
            spec.key_id,
            hashlib.sha256(manifest).hexdigest(),
            outcome.flagged.total(),
            outcome.reported.total(),
        ),
    )
    return outcome


def _items(
    folder: RunFolder, spec: RunSpec, units: list[Unit], config: Config, outcome: Outcome
) -> Iterator[ReviewItem]:
    repeated = None
    if spec.columns.id:
        keys = [unit.key for unit in units]
        repeated = RepeatedIds(_hash_loader(folder), keys, outcome.balance.rows)
        outcome.repeated_ids, outcome.repeated_id_rows = repeated.ids, repeated.surplus_rows
    for unit in units:
        occurrences = repeated.occurrences(unit.key) if repeated else None
        for text in read_unit(folder, spec, unit):
            verdict = judge(text.evidence, config.policy)
            if verdict is None:
                continue
            occurrence = 0 if occurrences is None else int(occurrences[text.offset])
            item = _item(spec, text, verdict, occurrence)
            outcome.count(item)
            yield item


def _hash_loader(folder: RunFolder) -> Any:
    def load(unit: str) -> Hashes:
        content = io.BytesIO(storage.read_bytes(folder.id_hashes(unit)))
        hashes: Hashes = np.load(content, allow_pickle=False)
        return hashes

    return load


def _item(spec: RunSpec, text: FoundText, verdict: Verdict, occurrence: int) -> ReviewItem:
    row = text.row
    place = (row["shard"], row["row_index"], row["row_id"], occurrence)
    return ReviewItem(
        item_key=item_key(spec.dataset, *place, row["field"], row["turn"]),
        dataset=spec.dataset,
        shard=row["shard"],
        row_index=row["row_index"],
        row_id=row["row_id"],
        occurrence=occurrence,
        field=row["field"],
        turn=row["turn"],
        language=row["language"],
        groups={name: row[name] for name in GROUPS},
        text_digest=row["text_digest"],
        key_id=spec.key_id,
        text_chars=row["text_chars"],
        evidence_fingerprint=evidence_fingerprint(text.evidence),
        flagged=verdict.flagged,
        kind=verdict.kind,
        priority=verdict.priority,
        why=verdict.why,
        detectors=text.detectors,
        evidence=text.evidence,
        spans_left_out=text.spans_left_out,
        snippet=row["snippet"],
        snippet_start=row["snippet_start"],
    )


def _manifest(
    folder: RunFolder, spec: RunSpec, units: list[Unit], config: Config, outcome: Outcome
) -> bytes:
    balance = outcome.balance
    shards = {r.shard.name: r.shard for unit in units for r in unit.ranges}
    content = {
        "format": 1,
        "run": folder.id,
        "committed_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "specification": asdict(spec) | {"key_file": None},
        "policy": config.policy.model_dump(mode="json"),
        "limits": config.limits.model_dump(mode="json"),
        "versions": {name: version(name) for name in PACKAGES},
        "rows": balance.rows,
        "null_texts": balance.null_texts,
        "empty_texts": balance.empty_texts,
        "rows_without_id": balance.null_ids if spec.columns.id else None,
        "repeated_ids": outcome.repeated_ids,
        "rows_with_a_repeated_id": outcome.repeated_id_rows,
        "dead_rows": dict(sorted(balance.dead.items())),
        "detectors": {name: vars(tally) for name, tally in sorted(balance.detectors.items())},
        "languages": dict(sorted(balance.languages.items())),
        "signals": dict(sorted(balance.signals.items())),
        "flagged": dict(sorted(outcome.flagged.items())),
        "reported": dict(sorted(outcome.reported.items())),
        "shards": [asdict(shard) for _, shard in sorted(shards.items())],
        "dead_shards": [asdict(shard) for shard in outcome.dead_shards],
    }
    return json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"
