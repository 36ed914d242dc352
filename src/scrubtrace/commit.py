"""Commit: receipts to a checked balance, evidence to verdicts, verdicts to the review table.

Plain Python, no workers. Committing a run again changes nothing.
"""

import hashlib
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from sqlalchemy import Engine

from scrubtrace.balance import check_balance
from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import RunFolder
from scrubtrace.config import Config
from scrubtrace.duplicates import Hashes, RepeatedIds
from scrubtrace.keys import check_same_key
from scrubtrace.manifest import manifest_bytes
from scrubtrace.outcome import Outcome
from scrubtrace.policy import Verdict, evidence_fingerprint, judge, policy_digest
from scrubtrace.recurrence import CATEGORY, promoted, recurring_identities
from scrubtrace.results import FoundText, read_unit
from scrubtrace.review.store import key_ids, record_run, upsert_items, withdraw_flags
from scrubtrace.schemas.identity import item_key
from scrubtrace.schemas.plan import RunSpec, Unit
from scrubtrace.schemas.review import ReviewItem, ReviewRun
from scrubtrace.schemas.vocabulary import GROUPS


def commit_run(folder: RunFolder, config: Config, engine: Engine) -> Outcome:
    """Checks a scanned run, applies the policy, fills the review table, writes the manifest.

    Raises `UsageStop` if the table was made with another digest key, `IncompleteStop` if receipts
    are missing and `SumsDifferStop` if sums do not match; then nothing has been changed.
    """
    spec = folder.spec()
    check_same_key(spec.key_id, key_ids(engine))
    units, dead_shards = folder.plan()
    balance = check_balance(folder, spec, units)
    outcome = Outcome(folder.id, spec.dataset, balance, dead_shards)
    items = _items(folder, spec, units, config, outcome)
    outcome.upserts = upsert_items(engine, items, folder.id)
    withdraw_flags(engine, folder.id, policy_digest(config.policy))
    manifest = manifest_bytes(folder, spec, units, config, outcome)
    storage.write_atomic(folder.manifest, manifest)
    storage.remove_temporary(folder.path)
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
    repeated, policy = None, policy_digest(config.policy)
    if spec.columns.id:
        keys = [unit.key for unit in units]
        repeated = RepeatedIds(_hash_loader(folder), keys, outcome.balance.rows)
        outcome.repeated_ids, outcome.repeated_id_rows = repeated.ids, repeated.surplus_rows
    names = _recurring(folder, spec, units, config, outcome)
    outcome.recurring_identities = len(names)
    for unit in units:
        occurrences = repeated.occurrences(unit.key) if repeated else None
        for text in read_unit(folder, spec, unit):
            text.evidence = promoted(text.evidence, names)
            verdict = judge(text.evidence, config.policy)
            if verdict is None:
                continue
            occurrence = 0 if occurrences is None else int(occurrences[text.offset])
            item = _item(spec, text, verdict, occurrence, policy)
            outcome.count(item)
            yield item


def _recurring(
    folder: RunFolder, spec: RunSpec, units: list[Unit], config: Config, outcome: Outcome
) -> frozenset[str]:
    """Names that recur over all parts; parts are read for it only if there are candidates."""
    if not any(f".{CATEGORY}." in signal for signal in outcome.balance.signals):
        return frozenset()
    found = (text for unit in units for text in read_unit(folder, spec, unit))
    texts = ((text.row["text_digest"], text.evidence) for text in found)
    return recurring_identities(texts, config.policy.recurring_identity)


def _hash_loader(folder: RunFolder) -> Any:
    def load(unit: str) -> Hashes:
        content = io.BytesIO(storage.read_bytes(folder.id_hashes(unit)))
        hashes: Hashes = np.load(content, allow_pickle=False)
        return hashes

    return load


def _item(
    spec: RunSpec, text: FoundText, verdict: Verdict, occurrence: int, policy: str
) -> ReviewItem:
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
        policy=policy,
        detectors=text.detectors,
        evidence=text.evidence,
        spans_left_out=text.spans_left_out,
        snippet=row["snippet"],
        snippet_start=row["snippet_start"],
    )
