"""The removal record: an in-toto Statement about the shards as they were written.

Statement v1: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md. The record is
canonical JSON (keys sorted, no spaces, a line break at the end) and has a digest of itself, so that
a single changed byte shows. Only a signature tells whether somebody wrote another record.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.purging.layout import QUARANTINE, REMOVAL, SHARDS, PurgeFolder
from scrubtrace.config import Config
from scrubtrace.environment import environment
from scrubtrace.exits import UsageStop
from scrubtrace.purge.choosing import Chosen, digest_of
from scrubtrace.purge.lineage import lineage, runs_table
from scrubtrace.purge.maps import Sums
from scrubtrace.purge.sample_files import Sample, remove_others
from scrubtrace.purge.signing import payload_of, sign, signer
from scrubtrace.schemas.plan import RunSpec, Work
from scrubtrace.schemas.removal import FORMAT, PurgeReceipt, PurgeSpec

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:scrubtrace:removal-record:v1"
SELF = "statement_sha256"
"""Key of the predicate with the digest of the statement without it."""

LIMITS = (
    "This record is about these shards at this time: the files named as subjects, as they were "
    "when they were written.",
    "It says nothing about copies of the shards, data derived from them, or weights trained on "
    "them before.",
    "Removed is what the policy named. It is not evidence that no other row has text of a model.",
    "Digests of rows are keyed; without the key only whole files can be compared.",
)

NOT_SUPPLIED = "not supplied"


@dataclass(frozen=True)
class Attachments:
    """Optional inputs of the record: paths of local files.

    ``sample_plan`` and ``bound`` are JSON: how a sample of what is left was drawn (with its seed),
    and the bound on what is left, with the sensitivity of the reviewers. ``training_runs`` says
    which runs read which rows. ``sign_key`` is a private key in PEM. ``audit_batch`` names the
    batch that was drawn from the purged shards, in place of ``sample_plan``.
    """

    sample_plan: str | None = None
    bound: str | None = None
    training_runs: str | None = None
    sign_key: str | None = None
    audit_batch: str | None = None

    def check(self) -> None:
        """Raises `UsageStop` if one cannot be used, before anything is written."""
        if self.sample_plan is not None and self.audit_batch is not None:
            raise UsageStop("give --audit-batch or --sample-plan, not both")
        for path in (self.sample_plan, self.bound):
            _attached(path)
        if self.training_runs is not None:
            runs_table(self.training_runs)
        if self.sign_key is not None:
            signer(self.sign_key)


@dataclass(frozen=True)
class Purge:
    """A finished purge, as the record tells of it."""

    folder: PurgeFolder
    spec: PurgeSpec
    work: Work
    receipts: Sequence[PurgeReceipt]
    sums: Sums
    chosen: Chosen
    begun_at: str


def write_record(
    purge: Purge, config: Config, attachments: Attachments, sample: Sample | None = None
) -> None:
    """Writes the record, last of all, and signs it if there is a key.

    Raises `UsageStop`, also if it would say less than the record that is there; then that stays.
    """
    statement = statement_of(purge, config, attachments, sample)
    content = record_bytes(statement)
    is_signed = attachments.sign_key is not None
    _refuse_less(purge.folder, statement["predicate"], content, is_signed)
    if sample is not None:
        sample.write(purge.folder)
    remove_others(purge.folder, sample)
    if attachments.sign_key is not None:
        storage.write_atomic(purge.folder.envelope, sign(content, attachments.sign_key))
    storage.remove_temporary(purge.folder.path)
    storage.write_atomic(purge.folder.record, content)


def _refuse_less(
    folder: PurgeFolder, predicate: dict[str, Any], content: bytes, is_signed: bool
) -> None:
    """Raises `UsageStop` if what is there has a signature or an input more."""
    lost = sorted(_supplied_before(folder) - _supplied(predicate))
    signed = storage.read_bytes(folder.envelope) if storage.exists(folder.envelope) else None
    if not is_signed and signed is not None and payload_of(signed) != content:
        lost.append("signature (--sign-key)")
    if lost:
        raise UsageStop(
            f"{folder.path} has a record already, and the new one would have no "
            f"{', no '.join(lost)}: give it again, or name another --out"
        )


def _supplied(predicate: dict[str, Any]) -> set[str]:
    """What a record was given besides decisions, with the options for it."""
    given = {
        "sample plan (--audit-batch or --sample-plan)": predicate["sample_plan"],
        "bound (--bound)": predicate["post_removal_bound"],
        "detectors (--results)": predicate["detectors"],
        "training runs (--training-runs)": predicate["lineage"]["training_runs"],
    }
    return {name for name, value in given.items() if isinstance(value, dict | list)}


def _supplied_before(folder: PurgeFolder) -> set[str]:
    """The same of the record that is there; nothing if there is none, or a damaged one."""
    if not storage.exists(folder.record):
        return set()
    try:
        return _supplied(json.loads(storage.read_bytes(folder.record))["predicate"])
    except (ValueError, LookupError, TypeError):
        return set()


def statement_of(
    purge: Purge, config: Config, attachments: Attachments, sample: Sample | None = None
) -> dict[str, Any]:
    """The statement, without its own digest."""
    subjects = [
        {"name": f"{SHARDS}/{entry.shard}", "digest": {"sha256": entry.sha256}}
        for receipt in purge.receipts
        for entry in receipt.shards
        if entry.sha256
    ]
    return {
        "_type": STATEMENT,
        "subject": subjects,
        "predicateType": PREDICATE,
        "predicate": _predicate(purge, config, attachments, sample),
    }


def record_bytes(statement: dict[str, Any]) -> bytes:
    """The record as it is stored, with the digest of itself."""
    predicate = {k: v for k, v in statement["predicate"].items() if k != SELF}
    bare = statement | {"predicate": predicate}
    digest = hashlib.sha256(canonical(bare)).hexdigest()
    return canonical(bare | {"predicate": predicate | {SELF: digest}})


def canonical(content: Mapping[str, Any]) -> bytes:
    """JSON with sorted keys, no spaces, ASCII alone, and a line break at the end."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return text.encode() + b"\n"


def _predicate(
    purge: Purge, config: Config, attachments: Attachments, sample: Sample | None
) -> dict[str, Any]:
    chosen, sums, spec = purge.chosen, purge.sums, purge.spec
    entries = [entry for receipt in purge.receipts for entry in receipt.shards]
    policy = config.purge.model_dump(mode="json")
    if policy["list"] is not None:
        policy["list"] = Path(policy["list"]).name
    return {
        "format": FORMAT,
        "dataset": spec.dataset,
        "begun_at": purge.begun_at,
        "limits": list(LIMITS),
        "policy": policy | {"sha256": hashlib.sha256(canonical(policy)).hexdigest()},
        "inputs": [
            {"name": e.shard, "digest": {"sha256": e.input_sha256}, "rows": e.rows_before}
            for e in entries
            if e.input_sha256
        ],
        "files_read": chosen.files,
        "review_head": chosen.review_head or NOT_SUPPLIED,
        "rows": {
            "before": sum(e.rows_before for e in entries if not e.error),
            "after": sum(e.rows_after for e in entries),
            "removed": sums.rows,
            "turns_removed": sums.turns,
        },
        "removed": {
            "keys_sha256": sums.keys_digest,
            "by_reason": dict(sorted(sums.reasons.items())),
            "by_source": dict(sorted(sums.sources.items())),
            "by_stage": dict(sorted(sums.stages.items())),
        },
        "named_but_not_removed": dict(sorted(sums.problems.items())),
        "shards_not_written": [
            {"name": name, "reason": reason}
            for name, reason in (
                *((shard.name, shard.detail) for shard in purge.work.dead),
                *((entry.shard, entry.error) for entry in entries if entry.error),
            )
        ],
        "shards_copied": sum(e.copied for e in entries),
        "properties_not_kept": {e.shard: e.not_kept for e in entries if e.not_kept},
        "key_id": spec.key_id,
        "side_files": _side_files(purge, sample),
        "detectors": detectors(chosen.spec),
        "detector_run": chosen.run or NOT_SUPPLIED,
        "thresholds": chosen.thresholds or NOT_SUPPLIED,
        "indexes": indexes(chosen.spec),
        "sample_plan": sample.to_dict() if sample else _attached(attachments.sample_plan),
        "post_removal_bound": _attached(attachments.bound),
        "lineage": lineage(purge.folder, spec, entries, attachments.training_runs),
        "environment": environment(),
    }


def _side_files(purge: Purge, sample: Sample | None) -> dict[str, str]:
    """SHA-256 of every file that belongs to the record, by path in the output folder."""
    found: dict[str, str] = {}
    for receipt in purge.receipts:
        for entry in receipt.shards:
            if entry.digests_sha256:
                found[f"{REMOVAL}/digests/{entry.shard}"] = entry.digests_sha256
            if entry.quarantine_sha256:
                found[f"{QUARANTINE}/{entry.shard}"] = entry.quarantine_sha256
    names = ("removed.parquet", "not_removed.parquet", "rows.parquet", "items.parquet")
    for name, content in (sample.files if sample else {}).items():
        found[f"{REMOVAL}/{name}"] = hashlib.sha256(content).hexdigest()
    for name in names:
        path = purge.folder.removal(name)
        if storage.exists(path):
            with storage.open_read(path) as file:
                found[f"{REMOVAL}/{name}"] = storage.sha256(file)
    return found


def detectors(spec: RunSpec | None) -> Any:
    """What identifies the results of each detector."""
    if spec is None:
        return NOT_SUPPLIED
    names = ("name", "version", "lane", "fingerprint")
    return [{name: getattr(planned, name) for name in names} for planned in spec.detectors]


def indexes(spec: RunSpec | None) -> Any:
    """SHA-256 of the manifests of the reference indexes, as they are now."""
    if spec is None:
        return NOT_SUPPLIED
    from scrubtrace.detectors.reference.index import MANIFEST

    found = []
    for planned in spec.detectors:
        path = planned.options.get("index")
        if isinstance(path, str):
            digest = storage.sha256_of(storage.join(path, MANIFEST)) or "index is gone"
            found.append({"detector": planned.name, "manifest_sha256": digest})
    return found


def _attached(path: str | None) -> Any:
    """What a JSON file says, and its digest; raises `UsageStop`."""
    if path is None:
        return NOT_SUPPLIED
    digest = digest_of(path)
    try:
        content = json.loads(Path(path).read_bytes())
    except ValueError:
        raise UsageStop(f"{path} is not JSON") from None
    return {"sha256": digest, "content": content}
