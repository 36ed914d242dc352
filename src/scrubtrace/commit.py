"""Commit: receipts to a checked balance, evidence to verdicts, verdicts to the review table.

Plain Python, no workers. Committing a run again changes nothing.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Engine

from scrubtrace import log
from scrubtrace.balance import Balance, check_balance
from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import RunFolder
from scrubtrace.config import Config
from scrubtrace.duplicates import RepeatedIds
from scrubtrace.exits import UsageStop
from scrubtrace.keys import check_same_key
from scrubtrace.looked_at import LookedAt
from scrubtrace.manifest import manifest_bytes
from scrubtrace.outcome import Outcome
from scrubtrace.policy import Verdict, evidence_fingerprint, judge, policy_digest
from scrubtrace.pseudonyms import Pseudonyms, pseudonyms_of
from scrubtrace.recurrence import CATEGORY, promoted, recurring_identities
from scrubtrace.resolver import newer_run, results_of, spec_or_none
from scrubtrace.results import FoundText, Pair, Results
from scrubtrace.review.pseudonyms import renew_pseudonyms
from scrubtrace.review.rotation import key_ids
from scrubtrace.review.store import record_run, upsert_items, withdraw_flags, withdraw_unseen
from scrubtrace.schemas.identity import item_key
from scrubtrace.schemas.plan import RunSpec, Work
from scrubtrace.schemas.review import ReviewItem, ReviewRun
from scrubtrace.schemas.style import STYLOMETRY
from scrubtrace.schemas.vocabulary import GROUPS
from scrubtrace.style.flagging import StyleOutcome, check_style, decide


class JudgedText(NamedTuple):
    """A text with evidence, its verdict, and how many earlier rows have the same id."""

    text: FoundText
    verdict: Verdict
    occurrence: int


def commit_run(folder: RunFolder, config: Config, engine: Engine) -> Outcome:
    """Checks a scanned run, applies the policy, fills the review table, writes the manifest.

    A run is about all its shards: what it scanned, and what it kept of earlier runs. A sampled run
    adds items to the review table but changes none. Where group columns name people, the table, the
    summary and the log have pseudonyms, also of names that are in the table already. Raises
    `UsageStop` if the table has digests of a key that the run lacks or pseudonyms need one that is
    not here, `IncompleteStop` if receipts are missing and `SumsDifferStop` if sums do not match;
    then nothing has been changed.
    """
    log.about_run(folder.id)
    spec = folder.spec()
    check_style(config, spec.detectors)
    check_same_key(spec.key_ids, key_ids(engine))
    work = folder.work()
    results = results_of(folder)
    balance = check_balance(results)
    outcome = Outcome(folder.id, spec.dataset, balance, list(work.dead), _kept_rows(work))
    pseudonyms = pseudonyms_of(spec, config.privacy.pseudonymous)
    items = _items(results, config, outcome, pseudonyms)
    sampled = spec.sample is not None
    ran = {planned.name for planned in spec.detectors}
    outcome.upserts = upsert_items(engine, items, folder.id, only_new=sampled, ran=ran)
    if pseudonyms is not None:
        renew_pseudonyms(engine, pseudonyms.groups, pseudonyms.pseudonym, pseudonyms.renewed)
    outcome.no_longer_flagged = withdraw_flags(engine, folder.id, policy_digest(config.policy))
    if not sampled:
        outcome.no_longer_flagged += withdraw_unseen(
            engine,
            folder.id,
            spec.dataset,
            _scope(results, balance),
            LookedAt(folder, spec, balance),
        )
    manifest = manifest_bytes(folder, spec, config, outcome, engine)
    # Kept before the run is recorded: after an interruption the same manifest is recorded.
    storage.write_atomic(folder.draft, manifest)
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
    # Last of all: a run without a manifest is taken up again, one with it never is.
    storage.remove_temporary(folder.path)
    storage.write_atomic(folder.manifest, manifest)
    storage.remove([folder.draft])
    return outcome


def check_not_superseded(out: str, folder: RunFolder) -> None:
    """Raises `UsageStop` if a newer full scan of its shards is committed, or for a foreign run."""
    spec = spec_or_none(folder)
    if spec is None:
        raise UsageStop(f"run {folder.id} was made by another version of scrubtrace")
    newer = newer_run(out, spec.dataset, folder.id, folder.work().shard_names)
    if newer is not None:
        raise UsageStop(
            f"run {folder.id} is not the newest: {newer} was committed later; commit that "
            "one, or call detect again, which scans only what is not current"
        )


def judged_texts(results: Results, config: Config, outcome: Outcome) -> Iterator[JudgedText]:
    """Texts that qualify for a kind, with their verdicts; ``outcome`` gets what is counted."""
    repeated = repeated_ids(results, outcome)
    names = recurring_names(results, config, outcome)
    outcome.recurring_identities = len(names)
    outcome.style = style_outcome(results, config, outcome)
    for shard in results.shards:
        occurrences = repeated.occurrences(shard) if repeated else None
        for text in results.texts(shard):
            outcome.signals.update({entry["signal"] for entry in text.evidence})
            text.evidence = promoted(text.evidence, names)
            verdict = judge(text.evidence, config.policy, outcome.style.cuts)
            if verdict is not None:
                occurrence = 0 if occurrences is None else int(occurrences[text.row["row_index"]])
                yield JudgedText(text, verdict, occurrence)


def _items(
    results: Results, config: Config, outcome: Outcome, pseudonyms: Pseudonyms | None
) -> Iterator[ReviewItem]:
    policy = policy_digest(config.policy)
    for judged in judged_texts(results, config, outcome):
        item = _item(results.spec, judged.text, judged.verdict, judged.occurrence, policy)
        if pseudonyms is not None:
            item = replace(item, groups=pseudonyms.of(item.groups))
        outcome.count(item)
        yield item


def _kept_rows(work: Work) -> dict[str, int]:
    """Rows whose results were kept of earlier runs, by detector."""
    rows: Counter[str] = Counter()
    for kept in work.kept:
        rows.update(dict.fromkeys(kept.detectors, kept.shard.rows))
    return dict(rows)


def _scope(results: Results, balance: Balance) -> dict[str, set[str]]:
    """Detectors by shard that would have found an item again, were it still there."""
    scope: dict[str, set[str]] = {}
    for shard in results.shards:
        detectors = results.runs(shard)
        if shard not in balance.shards_with_dead_rows:
            again = balance.scan_again
            scope[shard] = {name for name in detectors if Pair(shard, name) not in again}
    return scope


def repeated_ids(results: Results, outcome: Outcome) -> RepeatedIds | None:
    """Ids that occur more than once, None without an id column; ``outcome`` gets the counts."""
    if not results.spec.columns.id:
        return None
    repeated = RepeatedIds(results.id_hashes, list(results.shards), outcome.balance.rows)
    outcome.repeated_ids, outcome.repeated_id_rows = repeated.ids, repeated.surplus_rows
    return repeated


def recurring_names(results: Results, config: Config, outcome: Outcome) -> frozenset[str]:
    """Names that recur over all parts; parts are read for it only if there are candidates."""
    if not any(f".{CATEGORY}." in signal for signal in outcome.balance.signals):
        return frozenset()
    texts = ((text.row["text_digest"], text.evidence) for text in results.all_texts())
    return recurring_identities(texts, config.policy.recurring_identity)


def style_outcome(results: Results, config: Config, outcome: Outcome) -> StyleOutcome:
    """What style flags of each stratum; parts are read for it only if alpha is set."""
    tally = outcome.balance.detectors.get(STYLOMETRY)
    counts = tally.counts if tally else {}
    different = tally.different if tally else {}
    return decide(results.found_by(STYLOMETRY), counts, config.policy.style, different)


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
        # Parts from before keys could be rotated have no such column.
        earlier_digests={e["key_id"]: e["digest"] for e in row.get("earlier_digests", ())},
    )
