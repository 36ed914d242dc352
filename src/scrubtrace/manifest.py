"""The manifest of a run: everything that decided its results, and what they add up to."""

import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import RunFolder
from scrubtrace.config import Config
from scrubtrace.environment import environment, scan_environments
from scrubtrace.outcome import Outcome
from scrubtrace.policy import policy_digest
from scrubtrace.review.trail.events import head, is_in_log
from scrubtrace.schemas.plan import RunSpec
from scrubtrace.schemas.receipts import Tally
from scrubtrace.schemas.style import STYLOMETRY
from scrubtrace.style.telling import union_bounds


def manifest_bytes(
    folder: RunFolder, spec: RunSpec, config: Config, outcome: Outcome, engine: Engine
) -> bytes:
    """The manifest as JSON, with the head of the event log of the review table.

    A run that is committed again unchanged to the same table keeps its first time and head, also
    if the first commit was interrupted after it had recorded the run.
    """
    content = _content(folder, spec, config, outcome)
    earlier = _earlier(folder)
    circumstances = {name: earlier.pop(name, None) for name in ("committed_at", "review_head")}
    is_same = None not in circumstances.values() and earlier == json.loads(json.dumps(content))
    if not (is_same and is_in_log(engine, str(circumstances["review_head"]))):
        time = datetime.now(UTC).isoformat(timespec="seconds")
        circumstances = {"committed_at": time, "review_head": head(engine)}
    text = json.dumps(circumstances | content, indent=1, ensure_ascii=False)
    return text.encode() + b"\n"


def _earlier(folder: RunFolder) -> dict[str, Any]:
    places = (path for path in (folder.draft, folder.manifest) if storage.exists(path))
    path = next(places, None)
    if path is None:
        return {}
    try:
        content = json.loads(storage.read_bytes(path))
    except ValueError:  # damaged: written anew
        return {}
    return content if isinstance(content, dict) else {}


def _content(folder: RunFolder, spec: RunSpec, config: Config, outcome: Outcome) -> dict[str, Any]:
    balance = outcome.balance
    return {
        "format": 1,
        "run": folder.id,
        "specification": asdict(spec) | {"key_file": None},
        "policy": config.policy.model_dump(mode="json"),
        "limits": config.limits.model_dump(mode="json"),
        "digests": _digests(spec, config),
        "environment": {"scan": scan_environments(folder), "commit": environment()},
        "rows": balance.rows,
        "texts": balance.texts,
        "null_texts": balance.null_texts,
        "empty_texts": balance.empty_texts,
        "rows_without_id": balance.null_ids if spec.columns.id else None,
        "repeated_ids": outcome.repeated_ids,
        "rows_with_a_repeated_id": outcome.repeated_id_rows,
        "dead_rows": dict(sorted(balance.dead.items())),
        "detectors": {name: _counted(tally) for name, tally in sorted(balance.detectors.items())},
        "turns": {path: vars(turns) for path, turns in sorted(balance.turns.items())},
        "languages": dict(sorted(balance.languages.items())),
        "signals": dict(sorted(outcome.signals.items())),
        "recurring_identities": outcome.recurring_identities,
        **({"style": _style(config, outcome)} if STYLOMETRY in balance.detectors else {}),
        "flagged": dict(sorted(outcome.flagged.items())),
        "reported": dict(sorted(outcome.reported.items())),
        "shards": len(balance.shards),
        "plan_sha256": hashlib.sha256(storage.read_bytes(folder.plan_file)).hexdigest(),
        "rows_kept": dict(sorted(outcome.kept_rows.items())),
        "scan_again": sorted(balance.scan_again),
        "dead_shards": [asdict(shard) for shard in outcome.dead_shards],
    }


def _counted(tally: Tally) -> dict[str, Any]:
    """The sums of a detector; how many texts differ, the strata of the style lane say."""
    return {name: value for name, value in vars(tally).items() if name != "different"}


def _style(config: Config, outcome: Outcome) -> dict[str, Any]:
    bounds = union_bounds(outcome.style, config)
    return outcome.style.for_manifest() | {"human_rows_flagged_by_any_lane_at_most": bounds}


def _digests(spec: RunSpec, config: Config) -> dict[str, Any]:
    """Digests and versions of everything that decides: equal means equal results."""
    files = {
        planned.name: {
            file: hashlib.sha256(text.encode()).hexdigest()
            for file, text in planned.options.get("signatures_toml", {}).items()
        }
        for planned in spec.detectors
    }
    return {
        "detectors": {planned.name: planned.fingerprint for planned in spec.detectors},
        "signature_files": {name: digests for name, digests in files.items() if digests},
        "language_identifier": spec.language_identifier,
        "policy": policy_digest(config.policy),
        "key_id": spec.key_id,
    }
