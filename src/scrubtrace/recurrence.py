"""Names that recur: what a whole data set shows and a single row cannot.

"As Lumen, I cannot access the internet" may be fiction. When many different texts of one data set
say it under the same name, the name stands where a brand was swapped out. The candidates of all
current parts are counted, so that it does not matter in which run each part was scanned.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from scrubtrace.schemas.vocabulary import Strength, Use

CATEGORY = "unknown_identity"

EvidenceRow = dict[str, Any]


def recurring_identities(
    texts: Iterable[tuple[str, Iterable[EvidenceRow]]], least: int
) -> frozenset[str]:
    """Names under which at least ``least`` different texts speak as an assistant; none for 0.

    ``texts`` gives the digest and the evidence of each text; the same text twice counts once.
    Memory: the names, and at most ``least`` digests for each.
    """
    digests: defaultdict[str, set[str]] = defaultdict(set)
    for digest, evidence in texts if least else ():
        for entry in evidence:
            if _is_candidate(entry) and len(digests[_folded(entry["value"])]) < least:
                digests[_folded(entry["value"])].add(digest)
    return frozenset(name for name, found in digests.items() if len(found) >= least)


def promoted(evidence: Sequence[EvidenceRow], names: frozenset[str]) -> list[EvidenceRow]:
    """The evidence of one text; what it says under one of the names becomes proof."""
    return [
        entry | {"strength": Strength.PROOF.value}
        if _is_candidate(entry) and _folded(entry["value"]) in names
        else entry
        for entry in evidence
    ]


def _is_candidate(entry: EvidenceRow) -> bool:
    is_claim = entry["category"] == CATEGORY and entry["use"] == Use.ASSERTED
    return is_claim and bool(entry["value"])


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
