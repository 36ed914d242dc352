"""Which labelers were referred in which year: a file beside the runs, so that a budget lasts.

One entry a labeler and year, by pseudonym. The same screening called again changes nothing.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scrubtrace.beam_pipelines import storage
from scrubtrace.exits import UsageStop

FORMAT = 1
FOLDER, FILE = "labelers", "referrals.json"


@dataclass(frozen=True)
class Recorded:
    """One labeler referred in a year, and the data set of the first screening that did."""

    year: int
    labeler: str
    dataset: str


def referrals_file(out: str) -> str:
    """Where the referrals of the runs in a folder are remembered."""
    return storage.join(out, FOLDER, FILE)


def read_referrals(out: str) -> list[Recorded]:
    """All that were recorded; raises `UsageStop` for a file that cannot be understood."""
    path = referrals_file(out)
    if not storage.exists(path):
        return []
    try:
        data: dict[str, Any] = json.loads(storage.read_bytes(path))
        if data["format"] != FORMAT:
            raise ValueError
        return [Recorded(int(e["year"]), e["labeler"], e["dataset"]) for e in data["referrals"]]
    except (ValueError, KeyError, TypeError):
        raise UsageStop(
            f"{path} is no record of referrals of this version: restore it, or move it away to "
            "begin a new one"
        ) from None


def renewed(recorded: Iterable[Recorded], pseudonyms: Mapping[str, str]) -> list[Recorded]:
    """The record with pseudonyms by the active key where there are some by retired ones."""
    return [Recorded(r.year, pseudonyms.get(r.labeler, r.labeler), r.dataset) for r in recorded]


def referred_in(recorded: Iterable[Recorded], year: int) -> frozenset[str]:
    """Who was referred in a year."""
    return frozenset(entry.labeler for entry in recorded if entry.year == year)


def write_referrals(
    out: str, recorded: Iterable[Recorded], year: int, dataset: str, labelers: Iterable[str]
) -> None:
    """Adds the labelers that the year does not have yet; raises OSError.

    The caller holds the lock of the output folder.
    """
    entries: dict[tuple[int, str], str] = {}
    for entry in recorded:
        entries.setdefault((entry.year, entry.labeler), entry.dataset)
    for labeler in labelers:
        entries.setdefault((year, labeler), dataset)
    rows = [{"year": y, "labeler": who, "dataset": entries[y, who]} for y, who in sorted(entries)]
    storage.make_folders(storage.join(out, FOLDER))
    content = json.dumps({"format": FORMAT, "referrals": rows}, ensure_ascii=False, indent=1)
    storage.write_atomic(referrals_file(out), content.encode())
