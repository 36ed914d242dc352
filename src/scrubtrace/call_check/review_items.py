"""Findings about calls as items of the review table: a kind and a lane of their own, no text."""

import json
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from sqlalchemy import Engine

from scrubtrace.beam_pipelines.layout import new_run_id
from scrubtrace.call_check.findings import Finding
from scrubtrace.keys import find_keys
from scrubtrace.policy import evidence_fingerprint
from scrubtrace.review.rotation import key_ids
from scrubtrace.review.store import (
    UpsertCounts,
    record_run,
    run_ids,
    upsert_items,
    withdraw_unseen,
)
from scrubtrace.schemas.call_rules import Severity
from scrubtrace.schemas.identity import KeyRing, item_key
from scrubtrace.schemas.review import ReviewItem, ReviewRun
from scrubtrace.schemas.vocabulary import CALL_LANE, UNDETERMINED, Kind, Strength, Use

DETECTOR = "calls"
OVER_TIME = "over time"
"""Stands for the shard of findings about many calls of a caller: they are in the scope of no file,
so that a check of other logs takes back none of them."""

STRENGTHS = {
    Severity.CRITICAL: Strength.PROOF,
    Severity.HIGH: Strength.STRONG,
    Severity.MEDIUM: Strength.WEAK,
    Severity.LOW: Strength.WEAK,
}


def store_findings(
    engine: Engine,
    findings: list[Finding],
    about: tuple[str, list[str], str],
    severity: Severity,
    key_file: str | None,
) -> UpsertCounts:
    """Brings findings into the review table, those from ``severity`` on flagged.

    ``about`` is the data set, the files that were looked at, and the digest of what was written.
    Findings whose first example lies in one of the files, and that are not there again, are flagged
    no longer. Raises ReviewError.
    """
    dataset, files, digest = about
    keys, _ = find_keys(key_file, key_ids(engine))
    run_id = new_run_id(run_ids(engine))
    items = list(review_items(findings, dataset, severity, keys))
    counts = upsert_items(engine, items, run_id, ran={DETECTOR})
    withdraw_unseen(engine, run_id, dataset, {file: {DETECTOR} for file in files})
    flagged = sum(item.flagged for item in items)
    reported = len(items) - flagged
    record_run(engine, ReviewRun(run_id, dataset, keys.active.id, digest, flagged, reported))
    return counts


def review_items(
    findings: list[Finding], dataset: str, severity: Severity, keys: KeyRing
) -> Iterator[ReviewItem]:
    """One item a finding; its text digest is that of what makes the finding the same again."""
    for found in findings:
        own = Severity(found["severity"])
        evidence = [
            {
                "detector": DETECTOR,
                "signal": f"{DETECTOR}.{found['rule']}",
                "category": found["rule"],
                "strength": str(STRENGTHS[own]),
                "use": str(Use.ASSERTED),
                "start": None,
                "end": None,
                "score": None,
                "value": found["value"] or found["terms"],
            }
        ]
        examples = found["examples"] or [{"file": OVER_TIME, "line": 0}]
        first: dict[str, Any] = examples[0]
        identity = json.dumps([dataset, found["finding"]])
        place = (str(first["file"]), int(first["line"]), str(found["finding"]), 0, found["rule"])
        yield ReviewItem(
            item_key=item_key(dataset, *place),
            dataset=dataset,
            shard=place[0],
            row_index=place[1],
            row_id=place[2],
            occurrence=0,
            field=found["rule"],
            turn=None,
            language=UNDETERMINED,
            groups={"market": found["market"], "created_at": found["last"]},
            text_digest=keys.active.digest(identity),
            key_id=keys.active.id,
            text_chars=0,
            evidence_fingerprint=evidence_fingerprint(evidence),
            flagged=own.rank <= severity.rank,
            kind=str(Kind.CALL_RULE),
            priority=1 + own.rank,
            why=_why(found),
            policy=str(severity),
            detectors=[_detector()],
            evidence=evidence,
            spans_left_out=0,
            snippet="",
            snippet_start=0,
            earlier_digests=keys.earlier_digests(identity),
        )


def _detector() -> dict[str, str]:
    installed = version("scrubtrace")
    about = {"name": DETECTOR, "version": installed, "lane": CALL_LANE}
    return about | {"fingerprint": f"{DETECTOR}-{installed}"}


def _why(found: Finding) -> str:
    """What was found, in words, with the numbers that a reviewer needs first."""
    about = [found["title"]]
    names = ("value", "terms", "project", "purpose", "market", "model", "caller")
    about += [f"{name} {found[name]}" for name in names if found[name]]
    when = f", {found['first']} to {found['last']}" if found["first"] else ""
    numbers = f"{found['calls']:,} calls, {found['tokens']:,} tokens{when}"
    return "; ".join([*about, numbers, f"what to do: {found['action']}"])
