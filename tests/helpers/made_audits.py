"""Results of audits, made up so that each says something else."""

from typing import Any

from scrubtrace.audit.estimates import WHOLE
from scrubtrace.audit.figures import ASSUMPTIONS, NOTES, REFUSALS, What
from scrubtrace.report.audit_file import Audited
from scrubtrace.stats.prevalence.result import Reason

NO_NUMBER = {
    "estimate": None, "lower": None, "upper": None, "refusal": None, "detail": "", "n": 1_000,
    "method": "exact",
}  # fmt: skip


def number(**values: float | str) -> dict[str, Any]:
    """A figure of an audit with these numbers."""
    return NO_NUMBER | values


ESTIMATE = number(estimate=0.1, lower=0.08, upper=0.13)


def refused(reason: str = Reason.NO_HUMAN_REFERENCE) -> dict[str, Any]:
    """A figure without a number."""
    return NO_NUMBER | {"refusal": str(reason), "detail": "0"}


def entry(name: str, otherwise: dict[str, Any], **figures: dict[str, Any]) -> dict[str, Any]:
    """An entry with ``otherwise`` where no figure is given."""
    found = {str(what): figures.get(what.name.lower(), otherwise) for what in What}
    values = {} if name == "all" else {"vendor": name}
    counts = {"texts": 1_000, "flagged": 30, "trusted": 0, "decided": 100, "hits": 7}
    about = {"name": name, "values": values, "figures": found, "sensitivity": None}
    return about | counts


def audited(*entries: dict[str, Any], notes: bool = False) -> Audited:
    """An audit under every assumption, and with every note."""
    return Audited({
        "format": 2, "dataset": "soups", "policy": "1b", "confidence": 0.95, "max_error": 0.03,
        "by": ["vendor"], "batch": None, "cluster": None,
        "references": {"human": [], "llm": [], "trusted": {"before": None, "sources": []}},
        "data": {"runs_with_results": ["r1"], "shards_sha256": "d0"},
        "assumptions": {str(one): words for one, words in ASSUMPTIONS.items()},
        "notes": {str(one): words for one, words in NOTES.items()} if notes else {},
        "entries": list(entries),
    })  # fmt: skip


def made_audits() -> list[Audited]:
    """One for each sentence of the summary; the last has every refusal."""
    lower, upper = number(lower=0.02), number(upper=0.2)
    weighted = ESTIMATE | {"method": WHOLE}
    strata = [entry("0", refused(), reviewed=ESTIMATE), entry("1", refused(), reviewed=weighted)]
    reasons = [entry(str(place), refused(reason)) for place, reason in enumerate(REFUSALS)]
    return [
        audited(*strata, entry("all", refused(), by_flags=ESTIMATE)),
        audited(entry("all", refused(), by_flags=ESTIMATE | {"n": 100}) | {"trusted": 900}),
        audited(entry("all", refused(), by_flags=ESTIMATE | {"n": 999}) | {"trusted": 1}),
        audited(entry("all", refused(), lower_bound=lower, upper_bound=upper)),
        audited(entry("all", refused(), lower_bound=lower)),
        audited(entry("all", refused(), upper_bound=upper), notes=True),
        audited(*reasons[:8], entry("all", refused())),
        audited(*reasons[8:], entry("all", refused())),
    ]
