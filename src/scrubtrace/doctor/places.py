"""What is in place: digest key, output folder, review table, clock, disk. Nothing is written."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.keys import KEY_VARIABLE
from scrubtrace.beam_pipelines.layout import RunFolder, runs_of, started_at
from scrubtrace.doctor.check import Check, broken, missing, ok
from scrubtrace.exits import UsageStop
from scrubtrace.keys import check_same_key, existing_keys
from scrubtrace.lock import holder_of
from scrubtrace.review.connection import sqlite_url
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.probe import ProbedReview, probe_review

TOPIC = "places"
LEAST_FREE_BYTES = 200_000_000
"""A unit's parts are some megabytes, and SQLite needs room for its log: below, a run ends soon."""

CLOCK_TOLERANCE_SECONDS = 300.0


@dataclass(frozen=True)
class Place:
    """What the checks found, and what other checks need: languages of the newest committed run."""

    checks: list[Check]
    languages: Mapping[str, int] = field(default_factory=dict)


def key_check(key_file: str | None, used: frozenset[str]) -> Check:
    """Whether the digest key is there and is the one of the review table; shows its id only."""
    name = "digest key"
    try:
        keys, file = existing_keys(key_file)
        if keys is not None:
            check_same_key(keys.ids, set(used))
    except UsageStop as stop:
        return broken(TOPIC, name, str(stop), "docs/keys.md says how keys are given and kept")
    place = file or f"the environment variable {KEY_VARIABLE}"
    if keys is not None:
        retired = f", retired {', '.join(keys.ids[1:])}" if keys.ids[1:] else ""
        return ok(TOPIC, name, f"id {keys.ids[0]}{retired}, from {place}")
    if used:
        about = f"no {place}, but the review table was made with key {', '.join(sorted(used))}"
        return broken(TOPIC, name, about, "restore the file, or review into a new table")
    return missing(TOPIC, name, f"no {place}", "detect makes it on first use; then back it up")


def review_check(url: str | None, out: str | None) -> tuple[Check, frozenset[str]]:
    """Whether the review table opens, and the keys that it was made with."""
    name = "review table"
    if url is None and out is None:
        about = "not named; detect uses review.sqlite in its output folder"
        return missing(TOPIC, name, about, "name it with --review, or give --out"), frozenset()
    if url is None and storage.is_remote(str(out)):
        about = "the output is not a local folder"
        return broken(TOPIC, name, about, "name the review table with --review"), frozenset()
    if url is None:
        if not os.path.isdir(str(out)):
            return missing(TOPIC, name, f"no folder {out}", "detect makes both"), frozenset()
        url = sqlite_url(storage.join(str(out), "review.sqlite"))
    try:
        probed = probe_review(url)
    except ReviewError as error:
        return broken(TOPIC, name, str(error), ""), frozenset()
    return _review(name, probed), probed.key_ids


def out_checks(out: str) -> Place:
    """Output folder, lock, runs, clock and disk."""
    if storage.is_remote(out):
        return _remote(out)
    checks = [_folder(out), *_space(out)]
    holder = holder_of(out)
    if holder:
        checks.append(ok(TOPIC, "lock", f"{out} is in use by {holder}: another run has to wait"))
    elif os.path.isdir(out):
        checks.append(ok(TOPIC, "lock", "free"))
    runs = runs_of(out)
    return Place([*checks, *_runs(runs, datetime.now(UTC))], _languages(runs))


def _review(name: str, probed: ProbedReview) -> Check:
    if probed.revision is None:
        return missing(TOPIC, name, f"no table at {probed.place}", "detect makes it")
    about = f"{probed.place}, schema revision {probed.revision}"
    if probed.is_old:
        about += ", older than this version: the next command that opens it upgrades it"
    return ok(TOPIC, name, about)


def _folder(out: str) -> Check:
    name = "output folder"
    there = _nearest(out)
    if not there.is_dir():
        return broken(TOPIC, name, f"{there} is not a folder", "give another --out")
    if not os.access(there, os.W_OK | os.X_OK):
        return broken(TOPIC, name, f"{there} cannot be written", "change its permissions")
    if there != Path(out).absolute():
        return missing(TOPIC, name, f"no folder {out}", "detect makes it")
    return ok(TOPIC, name, f"{out} can be written")


def _space(out: str) -> Iterator[Check]:
    free = shutil.disk_usage(_nearest(out)).free
    about = f"{free / 1e9:,.1f} GB free for {out}"
    if free < LEAST_FREE_BYTES:
        yield broken(TOPIC, "disk", about, "make room, or give another --out")
    else:
        yield ok(TOPIC, "disk", about)


def _runs(runs: list[RunFolder], now: datetime) -> Iterator[Check]:
    if not runs:
        yield missing(TOPIC, "runs", "none", "scrubtrace detect makes one")
        return
    newest = runs[-1]
    about = f"{len(runs):,}, the newest {newest.id}"
    if newest.is_committed():
        yield ok(TOPIC, "runs", f"{about}, committed")
    else:
        todo = "the same detect command goes on with it"
        yield missing(TOPIC, "runs", f"{about}, not committed", todo)
    started = started_at(newest.id)
    if started is None:
        return
    ahead = (started - now).total_seconds()
    if ahead > CLOCK_TOLERANCE_SECONDS:
        about = f"now is {now:%Y-%m-%d %H:%M} UTC, {ahead / 3600:,.1f} hours before the newest run"
        yield broken(TOPIC, "clock", about, "set the clock of this machine")
    else:
        yield ok(TOPIC, "clock", f"{now:%Y-%m-%d %H:%M} UTC, later than the newest run")


def _languages(runs: list[RunFolder]) -> Mapping[str, int]:
    """Texts by language of the newest committed run; empty if that cannot be told."""
    for folder in reversed(runs):
        if folder.is_committed():
            try:
                manifest = json.loads(storage.read_bytes(folder.manifest))
                return {str(code): int(texts) for code, texts in manifest["languages"].items()}
            except (OSError, storage.RemoteError, ValueError, KeyError, TypeError, AttributeError):
                return {}
    return {}


def _remote(out: str) -> Place:
    try:
        runs = runs_of(out)
    except storage.RemoteError as error:
        about = f"{out} cannot be listed: {error.strerror}"
        return Place([broken(TOPIC, "output folder", about, "check its name and your credentials")])
    about = f"{out} can be listed; writing was not tried, and there is no lock"
    checks = [ok(TOPIC, "output folder", about), *_runs(runs, datetime.now(UTC))]
    return Place(checks, _languages(runs))


def _nearest(path: str) -> Path:
    """The path, or the nearest folder above it that exists."""
    at = Path(path).absolute()
    while not at.exists() and at != at.parent:
        at = at.parent
    return at
