"""The result of an audit: an entry for each stratum and one for all texts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from scrubtrace.audit.clusters import ClusterBy, Grouped
from scrubtrace.audit.estimates import Counted, Estimate
from scrubtrace.audit.figures import ASSUMPTIONS, NOTES, Assumption, AuditFigure, Note, What
from scrubtrace.audit.flags import Flags
from scrubtrace.audit.part import Part
from scrubtrace.audit.references import Reference, References
from scrubtrace.audit.reviewed import Reviewed, Sensitivity
from scrubtrace.environment import environment
from scrubtrace.stats.prevalence.clusters import LEAST_CLUSTERS

FORMAT = 2
"""1 counted trusted texts among the texts of an entry."""


@dataclass(frozen=True)
class Entry:
    """What is known of a stratum, or of all texts (the last entry, of name `EVERYTHING`).

    Parameters
    ----------
    values : what the stratum is made by; empty for all texts and for merged strata.
    texts, flagged : texts that are judged, which all figures are about, and those of them that the
        policy flags; by the plan of the batch where no runs are given. ``by_rule`` flags by alpha
        alone, see `scrubtrace.audit.flags`.
    trusted : texts beside them that serve as human reference and are not judged.
    drawn, decided, hits : texts of the batch.
    parts : what was compared with which references.
    clusters : the texts by cluster, where these widen the figures.
    """

    name: str
    values: Mapping[str, str | None]
    texts: int
    flagged: int
    by_rule: int | None
    trusted: int
    drawn: int
    decided: int
    hits: int
    figures: tuple[AuditFigure, ...]
    parts: tuple[Part, ...] = ()
    sensitivity: Sensitivity | None = None
    clusters: Grouped | None = None

    def figure(self, what: What) -> AuditFigure:
        """The figure of a kind; there is one of each, if only to say why there is no number."""
        return next(figure for figure in self.figures if figure.what == what)

    def to_dict(self) -> dict[str, Any]:
        """The entry for JSON."""
        names = ("name", "texts", "flagged", "by_rule", "trusted", "drawn", "decided", "hits")
        return {name: getattr(self, name) for name in names} | {
            "values": dict(self.values),
            "figures": {figure.what: figure.to_dict() for figure in self.figures},
            "sensitivity": self.sensitivity.to_dict() if self.sensitivity else None,
            "parts": [part.to_dict() for part in self.parts],
            "clusters": self.clusters.about("flagged", "texts") if self.clusters else None,
        }


@dataclass(frozen=True)
class AuditResult:
    """What flags, references and decisions say of a data set.

    ``cells`` are those that texts of the batch were drawn from, ``wholes`` all texts of each kind
    (flagged, not flagged). ``policy`` is the digest of the policy that flags.
    ``max_error`` is the error to expect above which estimates are refused.
    """

    dataset: str
    by: tuple[str, ...]
    confidence: float
    max_error: float
    policy: str
    entries: tuple[Entry, ...]
    flags: Flags | None = None
    references: References = field(default_factory=References)
    reviewed: Reviewed | None = None
    review_head: str | None = None
    cells: tuple[tuple[Counted, Estimate], ...] = ()
    wholes: tuple[tuple[Counted, Estimate], ...] = ()
    notes: tuple[Note, ...] = ()
    cluster: ClusterBy | None = None

    @property
    def whole(self) -> Entry:
        """The entry of all texts."""
        return self.entries[-1]

    @property
    def assumptions(self) -> tuple[Assumption, ...]:
        """What the figures with a number assume, each once."""
        assumed = {one for e in self.entries for figure in e.figures for one in figure.assumes}
        return tuple(one for one in Assumption if one in assumed)

    def to_dict(self) -> dict[str, Any]:
        """The result for JSON; the same for the same data, references and decisions."""
        return {
            "format": FORMAT,
            "versions": environment()["packages"],
            "dataset": self.dataset,
            "by": list(self.by),
            "confidence": self.confidence,
            "max_error": self.max_error,
            "policy": self.policy,
            "data": _about_flags(self.flags) if self.flags else None,
            "references": {
                "human": [_about_reference(one) for one in self.references.human],
                "llm": [_about_reference(one) for one in self.references.llm],
                "trusted": asdict(self.references.trusted),
            },
            "cluster": asdict(self.cluster) | {"least": LEAST_CLUSTERS} if self.cluster else None,
            "batch": _about_batch(self.reviewed) if self.reviewed else None,
            "review_head": self.review_head,
            "assumptions": {one: ASSUMPTIONS[one] for one in self.assumptions},
            "notes": {one: NOTES[one] for one in self.notes},
            "entries": [entry.to_dict() for entry in self.entries],
            "drawn_from": [asdict(cell) | asdict(found) for cell, found in self.cells],
            "drawn_from_all": [asdict(cell) | asdict(found) for cell, found in self.wholes],
        }


def _about_flags(flags: Flags) -> dict[str, Any]:
    return {
        "dataset": flags.dataset,
        "run": flags.run,
        "runs_with_results": list(flags.runs),
        "detectors": dict(sorted(flags.detectors)),
        "shards": dict(sorted(flags.footers.items())),
        "shards_sha256": flags.shards_sha256,
    }


def _about_reference(reference: Reference) -> dict[str, Any]:
    found = reference.flags.sum_of(reference.which)
    about = {"texts": found.texts, "flagged_by_rule": found.by_rule}
    sources = None if reference.sources is None else sorted(reference.sources)
    about |= {"judged": found.judged}
    return _about_flags(reference.flags) | about | {"sources": sources}


def _about_batch(reviewed: Reviewed) -> dict[str, Any]:
    batch = reviewed.batch
    seed = {name: value for name, value in batch.plan.get("seed", {}).items() if name != "value"}
    return {
        "name": batch.name,
        "event": batch.event,
        "purpose": batch.purpose,
        "blind": batch.blind,
        "seed": seed,
        "run": batch.plan.get("run"),
        "runs_with_results": batch.plan.get("runs_with_results"),
        "shards_sha256": batch.plan.get("shards_sha256"),
        "goal": batch.plan.get("goal"),
    }
