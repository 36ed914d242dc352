"""The gate: limits of the configuration against what a committed run adds up to.

Flagged and reported are counted in texts: of a row with two text columns both can be flagged.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from scrubtrace.config import GateSection
from scrubtrace.schemas.vocabulary import Abstained

CLOCK_TOLERANCE_HOURS = 0.1
"""Clocks of two machines may differ by so much."""


class Verdict(StrEnum):
    """What one limit says. `UNKNOWN` fails the gate, too: what cannot be told is not within."""

    OK = "ok"
    EXCEEDED = "exceeded"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class RunSums:
    """What the gate reads of a manifest.

    ``texts`` are the texts that a report counts: all that were read, without ``empty`` ones (null
    or empty), also where an earlier version scanned. ``judged`` is the number of texts, with empty
    ones, that the detector with the most of them judged.
    """

    run: str
    committed_at: datetime
    rows: int
    texts: int
    empty: int
    judged: int
    flagged: Mapping[str, int]
    reported: int
    dead_rows: int
    dead_shards: int
    detector_errors: int

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> "RunSums":
        """Raises KeyError, TypeError or ValueError for what is no manifest of ours."""
        tallies = manifest["detectors"].values()
        errors = (tally["abstained"].get(Abstained.DETECTOR_ERROR, 0) for tally in tallies)
        empty = manifest["null_texts"] + manifest["empty_texts"]
        return cls(
            run=manifest["run"],
            committed_at=datetime.fromisoformat(manifest["committed_at"]),
            rows=manifest["rows"],
            texts=manifest["texts"] - empty,
            empty=empty,
            judged=max((tally["texts_judged"] for tally in tallies), default=0),
            flagged=manifest["flagged"],
            reported=sum(manifest["reported"].values()),
            dead_rows=sum(manifest["dead_rows"].values()),
            dead_shards=len(manifest["dead_shards"]),
            detector_errors=sum(errors),
        )


@dataclass(frozen=True)
class Checked:
    """One limit: its key in the configuration, value (None: cannot be told), limit, verdict."""

    key: str
    value: float | None
    limit: float
    verdict: Verdict
    about: str = ""


def check_limits(limits: GateSection, sums: RunSums, now: datetime) -> list[Checked]:
    """Every limit that is configured, checked; empty if none is."""
    return list(_checked(limits, sums, now))


def _checked(limits: GateSection, sums: RunSums, now: datetime) -> Iterator[Checked]:
    yield from _found(limits, sums)
    for key, value, limit in (
        ("max_dead_rows", sums.dead_rows, limits.max_dead_rows),
        ("max_dead_shards", sums.dead_shards, limits.max_dead_shards),
        ("max_detector_errors", sums.detector_errors, limits.max_detector_errors),
    ):
        if limit is not None:
            yield _at_most(key, value, limit)
    if limits.min_rows is not None:
        verdict = Verdict.OK if sums.rows >= limits.min_rows else Verdict.EXCEEDED
        yield Checked("min_rows", sums.rows, limits.min_rows, verdict)
    if limits.max_age_hours is not None:
        yield _age((now - sums.committed_at).total_seconds() / 3600, limits.max_age_hours)


def _found(limits: GateSection, sums: RunSums) -> Iterator[Checked]:
    """Limits of what was found. Dead shards alone do not show that there is nothing to find."""
    flagged = sum(sums.flagged.values())
    counts = {"max_flagged": (flagged, limits.max_flagged)}
    counts["max_reported"] = (sums.reported, limits.max_reported)
    for kind, limit in sorted(limits.max_flagged_of.items()):
        counts[f"max_flagged_of.{kind}"] = (sums.flagged.get(kind, 0), limit)
    for key, (value, most) in counts.items():
        if most is not None and sums.dead_shards and not sums.judged:
            yield _not_judged(key, most)
        elif most is not None:
            yield _at_most(key, value, most)
    if limits.max_flagged_share is not None:
        yield _share(flagged, sums, limits.max_flagged_share)


def _not_judged(key: str, limit: float) -> Checked:
    return Checked(key, None, limit, Verdict.UNKNOWN, "no text was judged")


def _at_most(key: str, value: float, limit: float, about: str = "") -> Checked:
    verdict = Verdict.OK if value <= limit else Verdict.EXCEEDED
    return Checked(key, value, limit, verdict, about)


def _share(flagged: int, sums: RunSums, limit: float) -> Checked:
    """The share of the texts of a report, so that both say the same of a run."""
    if (sums.rows or sums.dead_shards) and not (sums.judged and sums.texts):
        return _not_judged("max_flagged_share", limit)
    share = flagged / sums.texts if sums.texts else 0.0
    about = f"{flagged:,} of {sums.texts:,} texts"
    if sums.empty:
        about += f"; {sums.empty:,} null or empty ones not counted"
    return _at_most("max_flagged_share", share, limit, about)


def _age(hours: float, limit: float) -> Checked:
    if hours < -CLOCK_TOLERANCE_HOURS:
        about = "the commit lies in the future: check the clock of this machine"
        return Checked("max_age_hours", None, limit, Verdict.UNKNOWN, about)
    return _at_most("max_age_hours", max(hours, 0.0), limit)
