"""How often what a detector or a signature found was confirmed, and what speaks against it."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from scrubtrace.review.lines import ExportLine, Wanted, export_lines
from scrubtrace.review.table import review_events
from scrubtrace.review.trail.events import EventKind
from scrubtrace.schemas.review import Decision, State
from scrubtrace.schemas.vocabulary import Use
from scrubtrace.stats.agreement import Agreement, rate_with_interval
from scrubtrace.stats.intervals import upper_bound
from scrubtrace.stats.two_samples import holm

RIGHT_REASONS = ("quotation", "allowed")
"""Reasons of dismissals that say the signature matched rightly, though the flag does not stand."""

_DECIDED = frozenset({State.CONCUR, State.DISMISSED, State.NOT_SEEN_AGAIN})


@dataclass
class Decided:
    """Distinct texts with evidence of one detector or signature on which reviewers agree.

    ``dismissed`` counts dismissals by reason, the empty one included.
    """

    detector: str
    signal: str | None
    concur: int = 0
    dismissed: Counter[str] = field(default_factory=Counter)

    @property
    def texts(self) -> int:
        """Number of texts with a verdict."""
        return self.concur + self.dismissed.total()

    @property
    def name(self) -> str:
        """The signature, or the detector."""
        return self.signal or self.detector

    @property
    def right(self) -> int:
        """Texts in which it matched rightly: confirmed, or dismissed as `RIGHT_REASONS` say."""
        return self.concur + sum(self.dismissed[reason] for reason in RIGHT_REASONS)

    def precision(self) -> Agreement:
        """Share of confirmed texts among those with a verdict, with its exact interval."""
        return rate_with_interval(self.concur, self.texts)


@dataclass(frozen=True)
class Suspect:
    """A detector or signature that decisions speak against.

    ``upper`` is the one-sided 95% limit of the share in which it matched rightly, ``p_value`` that
    of this share being at the bar or above, ``adjusted`` the same for the number looked at.
    """

    decided: Decided
    upper: float
    p_value: float
    adjusted: float


@dataclass(frozen=True)
class Learned:
    """What decisions speak against, of so many detectors and signatures with enough texts."""

    looked_at: int
    suspects: list[Suspect]


@dataclass(frozen=True)
class Exports:
    """Number of files for reviewers that showed the evidence, and of those that did not."""

    shown: int
    blind: int


def decided_texts(connection: Connection) -> list[Decided]:
    """Verdicts by detector, then by signature; each text counts once, with evidence it asserts.

    A text counts with its evidence of today: if that has changed since, it has no verdict. Texts
    that were drawn at random are left out.
    """
    verdicts: dict[tuple[str, str | None], dict[str, tuple[Decision, str]]] = {}
    wanted = Wanted(include_reported=True, states=_DECIDED)
    for line in export_lines(connection, wanted):
        if line.standing.verdict is not None:
            verdict = line.standing.verdict, _reason(line)
            for name in _named(line.item.evidence):
                verdicts.setdefault(name, {})[line.text] = verdict
    found = []
    ordered = sorted(verdicts.items(), key=lambda pair: (pair[0][1] is not None, str(pair[0])))
    for (detector, signal), texts in ordered:
        decided = Decided(detector, signal)
        for decision, reason in texts.values():
            if decision == Decision.CONCUR:
                decided.concur += 1
            else:
                decided.dismissed[reason] += 1
        found.append(decided)
    return found


def _reason(line: ExportLine) -> str:
    """Reason of the newest opinion that gives the verdict."""
    standing = line.standing
    own = [o.reason for o in standing.counted if o.decision == standing.verdict]
    return own[-1] if own else ""


def _named(evidence: Sequence[Mapping[str, Any]]) -> set[tuple[str, str | None]]:
    asserted = [entry for entry in evidence if entry["use"] == Use.ASSERTED]
    signals = {(entry["detector"], entry["signal"]) for entry in asserted}
    return signals | {(entry["detector"], None) for entry in asserted}


def learn(decided: Sequence[Decided], below: float, least: int, level: float = 0.05) -> Learned:
    """Which of them match rightly in less than the share ``below`` of texts.

    Looked at are those with at least ``least`` texts. The exact binomial test of each is corrected
    by Holm's method, which holds although signatures stand in the same texts.
    """
    from scipy.stats import binom

    enough = [one for one in decided if one.texts >= least]
    p_values = [float(binom.cdf(one.right, one.texts, below)) for one in enough]
    suspects = [
        Suspect(one, upper_bound(one.right, one.texts), p_value, adjusted)
        for one, p_value, adjusted in zip(enough, p_values, holm(p_values), strict=True)
        if adjusted <= level
    ]
    return Learned(len(enough), suspects)


def exports_by_view(connection: Connection) -> Exports:
    """How many files for reviewers were written with and without evidence, as the log says."""
    kind = review_events.c.kind == str(EventKind.EXPORT)
    payloads = connection.execute(select(review_events.c.payload).where(kind)).scalars()
    views = [json.loads(payload) for payload in payloads]
    blind = [bool(view.get("blind")) for view in views if view.get("format") != "parquet"]
    return Exports(blind.count(False), blind.count(True))
