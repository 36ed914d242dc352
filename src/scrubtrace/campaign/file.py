"""Reading the file of a campaign."""

import glob
import hashlib
import os
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from scrubtrace.beam_pipelines import storage
from scrubtrace.bundle.case import CaseState
from scrubtrace.campaign.entries import Entry
from scrubtrace.config import Config, load_config, text_of
from scrubtrace.exits import UsageStop
from scrubtrace.policy import policy_digest
from scrubtrace.schemas.campaign import (
    FORMAT,
    Action,
    Campaign,
    ExpectedData,
    ScopeException,
    Steps,
)
from scrubtrace.schemas.vocabulary import Kind

KEYS = ("format", "name", "purpose", "owner", "from", "to", "policy_file", "policy_digest",
        "steps", "dataset", "exception", "action")  # fmt: skip
SUBJECT = ("dataset", "shards", "source", "vendor", "language", "kind")
"""What an exception may name."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

_DIGEST = re.compile("[0-9a-f]{16}")


def read_campaign(file: str) -> Campaign:
    """The campaign in a TOML file; paths in it are relative to its folder.

    Raises `UsageStop` that names table and key, and what to write.
    """
    content = text_of(Path(file))
    try:
        entry = Entry(file, "", tomllib.loads(content))
    except tomllib.TOMLDecodeError as error:
        raise UsageStop(f"{file}: {error}") from None
    if entry.data.get("format") != FORMAT:
        entry.refuse("format", f"must be {FORMAT}")
    entry.known(KEYS)
    begins, ends = entry.day("from"), entry.day("to")
    if ends < begins:
        entry.refuse("to", "is before 'from'")
    name = entry.text("name")
    if not NAME.fullmatch(name):
        entry.refuse("name", "must be letters, digits, dots, - and _, at most 100")
    datasets = _datasets(entry)
    return Campaign(
        name,
        entry.text("purpose"),
        _role(entry, "owner"),
        begins,
        ends,
        _policy(entry),
        datasets,
        _steps(entry),
        tuple(_exceptions(entry, {data.name for data in datasets})),
        tuple(_actions(entry)),
        hashlib.sha256(content.encode()).hexdigest(),
    )


def _role(entry: Entry, key: str) -> str:
    return entry.reference(key) or entry.text(key)


def _path(entry: Entry, path: str) -> str:
    if storage.is_remote(path):
        return path
    return os.path.join(os.path.dirname(os.path.abspath(entry.file)), path)


def _pattern(entry: Entry, pattern: str) -> str:
    """As `_path`; the folder stands for itself, and a literal path wins over a glob."""
    path = _path(entry, pattern)
    if storage.is_remote(path) or os.path.lexists(path):
        return path
    return os.path.join(glob.escape(os.path.dirname(os.path.abspath(entry.file))), pattern)


def _policy(entry: Entry) -> str:
    """The digest of the policy, given as such or by a configuration."""
    if ("policy_file" in entry.data) == ("policy_digest" in entry.data):
        entry.refuse("policy_file", "or 'policy_digest' must be given, one of them")
    if "policy_file" in entry.data:
        path = _path(entry, entry.text("policy_file"))
        if not os.path.exists(path):
            entry.refuse(
                "policy_file",
                f"names {path}, which is not there: correct it, or give 'policy_digest' instead, "
                f"digests.policy of a manifest ({policy_digest(Config().policy)}: the defaults)",
            )
        return policy_digest(load_config(path).policy)
    digest = entry.text("policy_digest")
    if not _DIGEST.fullmatch(digest):
        entry.refuse("policy_digest", "must be 16 hexadecimal digits: digests.policy of a manifest")
    return digest


def _datasets(entry: Entry) -> tuple[ExpectedData, ...]:
    found: dict[str, ExpectedData] = {}
    for own in entry.tables("dataset"):
        own.known(("name", "inputs", "inventory", "root"))
        name = own.text("name")
        if name in found:
            own.refuse("name", f"is that of another [[dataset]], too: {name}")
        if ("inputs" in own.data) == ("inventory" in own.data):
            own.refuse("inputs", "or 'inventory' must be given, one of them")
        inputs = tuple(_pattern(entry, pattern) for pattern in own.texts("inputs"))
        if "inputs" in own.data and not inputs:
            own.refuse("inputs", "must name at least one file or glob")
        inventory, root = own.text_or_none("inventory"), own.text_or_none("root")
        found[name] = ExpectedData(
            name,
            inputs,
            inventory and _path(entry, inventory),
            root and _path(entry, root),
        )
    if not found:
        entry.refuse("dataset", "is missing: write at least one [[dataset]]")
    return tuple(found.values())


def _steps(entry: Entry) -> Steps:
    steps = entry.table("steps")
    if steps is None:
        entry.refuse("steps", "is missing: write at least one of [steps.scan], [steps.review]")
    steps.known(("scan", "review", "audit", "controls", "purge"))
    scan, review, audit = (steps.table(name) for name in ("scan", "review", "audit"))
    controls, purge = steps.table("controls"), steps.table("purge")
    for table, keys in (
        (scan, ("detectors",)),
        (review, ("share",)),
        (audit, ("batches",)),
        (controls, ("answers",)),
        (purge, ("records",)),
    ):
        if table is not None:
            table.known(keys)
    return Steps(
        scan.texts("detectors") if scan else None,
        _share(review) if review else None,
        audit.texts("batches") if audit else None,
        _answers(controls) if controls else None,
        _records(entry, purge) if purge else None,
    )


def _share(entry: Entry) -> float:
    value = entry.data.get("share", 1.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        entry.refuse("share", "must be a number above 0, at most 1")
    return float(value)


def _answers(entry: Entry) -> int:
    value = entry.data.get("answers", 1)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        entry.refuse("answers", "must be a whole number, at least 1")
    return value


def _records(entry: Entry, purge: Entry) -> tuple[str, ...]:
    records = purge.texts("records")
    if not records:
        purge.refuse("records", "must name the record of at least one purge, removal/record.json")
    return tuple(_path(entry, record) for record in records)


def _exceptions(entry: Entry, datasets: set[str]) -> Iterable[ScopeException]:
    seen: set[str] = set()
    for own in entry.tables("exception"):
        own.known(("id", "reason", "approver", "approved", "expires", *SUBJECT))
        _once(own, seen)
        subject = {name: own.text_or_none(name) for name in SUBJECT}
        if not any(subject.values()):
            own.refuse("dataset", f"or another of {', '.join(SUBJECT)} must say what it is about")
        if subject["dataset"] not in (None, *datasets):
            own.refuse("dataset", f"must be one of the campaign: {', '.join(sorted(datasets))}")
        if subject["kind"] not in (None, *Kind):
            own.refuse("kind", f"must be one of {', '.join(Kind)}")
        approved, expires = own.day_or_none("approved"), own.day_or_none("expires")
        if approved and expires and expires < approved:
            own.refuse("expires", "is before 'approved'")
        yield ScopeException(
            own.text("id"),
            own.text("reason"),
            own.reference("approver"),
            approved,
            expires,
            **subject,
        )


def _actions(entry: Entry) -> Iterable[Action]:
    seen: set[str] = set()
    for own in entry.tables("action"):
        own.known(("id", "what", "owner", "due", "state", "closed_by"))
        _once(own, seen)
        state = own.data.get("state")
        if state not in set(CaseState):
            own.refuse("state", f"must be one of {', '.join(CaseState)}")
        closed_by = own.reference("closed_by")
        about = (own.text("what"), _role(own, "owner"), own.day("due"), str(state))
        action = Action(own.text("id"), *about, closed_by)
        if action.is_open and closed_by:
            own.refuse("closed_by", f"is given, but the state is {state}")
        if not action.is_open and not closed_by:
            own.refuse("closed_by", "must say what closed it: a ticket, a commit, a record")
        yield action


def _once(entry: Entry, seen: set[str]) -> None:
    if (own := entry.text("id")) in seen:
        entry.refuse("id", f"is used twice: {own}")
    seen.add(own)
