"""Receipts: the proof of what a scan did with every row of a unit."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scrubtrace.schemas.different import DifferentTexts

ROLES_SEEN = 20
"""At most so many names of roles are kept."""

NO_NAME = "(not a plain name)"
"""Stands for roles that could be text of a row: where the role field is not the field of roles."""

_ROLE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,23}")


@dataclass
class Turns:
    """The turns of a chat column by whether their role is judged; roles that are not, as seen."""

    judged: int = 0
    not_judged: int = 0
    roles_not_judged: list[str] = field(default_factory=list)

    def add(self, other: "Turns") -> None:
        """Adds other turns to these."""
        self.judged += other.judged
        self.not_judged += other.not_judged
        roles = (*self.roles_not_judged, *other.roles_not_judged)
        named = (role if _ROLE_NAME.fullmatch(role) else NO_NAME for role in roles)
        self.roles_not_judged = list(dict.fromkeys(named))[:ROLES_SEEN]


@dataclass
class Tally:
    """What became of the rows of one shard range under one detector, and of their texts.

    ``counts`` are the detector's own, see `Evidence`: texts judged, by group. ``different`` says of
    some of those groups how many different texts were judged.
    """

    judged: int = 0
    sampled_out: int = 0
    abstained: Counter[str] = field(default_factory=Counter)
    dead: Counter[str] = field(default_factory=Counter)
    texts_judged: int = 0
    texts_abstained: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    different: dict[str, DifferentTexts] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows accounted for: judged + abstained + dead + sampled out."""
        return self.judged + self.sampled_out + self.abstained.total() + self.dead.total()

    def add(self, other: "Tally") -> None:
        """Adds another tally to this one."""
        self.judged += other.judged
        self.sampled_out += other.sampled_out
        self.abstained.update(other.abstained)
        self.dead.update(other.dead)
        self.texts_judged += other.texts_judged
        self.texts_abstained.update(other.texts_abstained)
        self.counts.update(other.counts)
        self.add_different(other.different)

    def add_different(self, other: Mapping[str, DifferentTexts]) -> None:
        """Adds texts by group to those that were judged."""
        for group, texts in other.items():
            self.different.setdefault(group, DifferentTexts()).add(texts)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Tally":
        """The tally read back from JSON."""
        return cls(
            data["judged"],
            data["sampled_out"],
            Counter(data["abstained"]),
            Counter(data["dead"]),
            data["texts_judged"],
            Counter(data["texts_abstained"]),
            Counter(data.get("counts", {})),  # receipts before the style lane have none
            {name: DifferentTexts(**t) for name, t in data.get("different", {}).items()},
        )


@dataclass
class RangeReceipt:
    """One range of one shard: rows asked for, their texts, and a tally for every detector.

    ``turns`` are those of the chat columns, by the path of the column.
    """

    shard: str
    start: int
    stop: int
    texts: int = 0
    null_texts: int = 0
    empty_texts: int = 0
    null_ids: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    turns: dict[str, Turns] = field(default_factory=dict)
    detectors: dict[str, Tally] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "RangeReceipt":
        """The range receipt read back from JSON."""
        fields = data | {
            "dead": Counter(data["dead"]),
            "languages": Counter(data["languages"]),
            "turns": {path: Turns(**turns) for path, turns in data["turns"].items()},
            "detectors": {n: Tally.from_dict(t) for n, t in data["detectors"].items()},
        }
        return cls(**fields)


@dataclass
class PartReceipt:
    """One part that a unit wrote: which detector, how many findings, and its bytes' digest."""

    detector: str
    fingerprint: str
    file: str
    sha256: str
    findings: int
    signals: Counter[str] = field(default_factory=Counter)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "PartReceipt":
        """The part receipt read back from JSON."""
        return cls(**(data | {"signals": Counter(data["signals"])}))


@dataclass
class Receipt:
    """One scanned unit, written last: a unit without a receipt has not been scanned.

    ``counts_sha256`` is the digest of its counts of texts; receipts of earlier versions have none.
    """

    unit: str
    rows: int
    ranges: list[RangeReceipt]
    parts: list[PartReceipt]
    dead_letters: int = 0
    counts_sha256: str | None = None

    @property
    def findings(self) -> int:
        """Texts with any evidence, summed over detectors."""
        return sum(part.findings for part in self.parts)

    def to_json(self) -> bytes:
        """The receipt as JSON, keys sorted, so that equal scans give equal bytes."""
        return json.dumps(self, default=vars, sort_keys=True, indent=1).encode() + b"\n"

    @classmethod
    def from_json(cls, content: bytes) -> "Receipt":
        """The receipt read back."""
        data = json.loads(content)
        data["ranges"] = [RangeReceipt.from_dict(entry) for entry in data["ranges"]]
        data["parts"] = [PartReceipt.from_dict(entry) for entry in data["parts"]]
        return cls(**data)
