"""Strata of a plan: named, small ones merged if wanted, cut into cells that are drawn from."""

import json
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from scrubtrace.audit.allocation import Allocation, allocate
from scrubtrace.audit.sizes import Goal
from scrubtrace.beam_pipelines.drawing.partial import Keep, Partial, Stratum

ALL = 1 << 62
"""As many texts as there are."""

EVERYTHING = "all"
SMALL = "small strata"
NO_VALUE = "(none)"


@dataclass(frozen=True)
class Phases:
    """How flagged texts are drawn.

    With ``flagged`` None like all others; else for themselves, so many in all, and the goal is
    about the texts that are not flagged.
    """

    flagged: int | None = None

    @property
    def kinds(self) -> tuple[tuple[bool, ...], ...]:
        """Which texts are drawn from together."""
        return ((False, True),) if self.flagged is None else ((False,), (True,))


ALIKE = Phases()
"""Flagged texts are drawn like all others."""


@dataclass(frozen=True)
class Cell:
    """Texts of a stratum that are drawn from together, and how many are drawn."""

    stratum: str
    flagged: tuple[bool, ...]
    population: int
    drawn: int

    @property
    def probability(self) -> float:
        """The probability of each text to be drawn."""
        return self.drawn / self.population


@dataclass(frozen=True)
class PlannedStratum:
    """A stratum with its cells; ``members`` are the values of each stratum that it was made of."""

    name: str
    members: tuple[dict[str, str | None], ...]
    texts: Counter[bool]
    outside: Counter[str]
    cells: tuple[Cell, ...]
    found: Stratum

    @property
    def population(self) -> int:
        """Texts that can be drawn."""
        return self.texts.total()

    def to_dict(self) -> dict[str, Any]:
        """The stratum for the plan of a batch."""
        about: dict[str, Any] = {"population": self.population, "flagged": self.texts[True]}
        about["drawn"] = sum(cell.drawn for cell in self.cells)
        about["drawn_from"] = [
            {"of": kind_words(c.flagged), "population": c.population, "drawn": c.drawn}
            for c in self.cells
        ]
        about["outside"] = dict(sorted(self.outside.items()))
        values = self.members[0] if len(self.members) == 1 else None
        return about | ({"values": values} if values is not None else {"merged": [*self.members]})


def kind_words(flagged: tuple[bool, ...]) -> str:
    """Which texts of a stratum these are."""
    return "all" if len(flagged) == 2 else "flagged" if flagged[0] else "unflagged"


def keep_for(goal: Goal, minimum: int, phases: Phases) -> Keep:
    """How many texts of each stratum may be drawn at most, before it is known how many there are.

    Also strata that are merged later are drawn from by the same ranks.
    """
    most = max(goal.size, minimum)
    return Keep(most, most if phases.flagged is None else phases.flagged)


def plan_strata(
    partial: Partial,
    by: Sequence[str],
    goal: Goal,
    rule: Allocation,
    minimum: int,
    phases: Phases,
    merge_below: int = 0,
) -> list[PlannedStratum]:
    """Strata by name with what is drawn of each.

    With ``merge_below``, strata with fewer texts than that become one.
    """
    merged = _merged(partial, by, merge_below)
    drawn: dict[tuple[str, tuple[bool, ...]], int] = {}
    for kinds in phases.kinds:
        sizes = {name: _size(stratum, kinds) for name, (_, stratum) in merged.items()}
        names = [name for name, size in sizes.items() if size]
        wanted = _allocated([sizes[name] for name in names], goal, rule, minimum, phases, kinds)
        drawn |= {(name, kinds): number for name, number in zip(names, wanted, strict=True)}
    return [
        PlannedStratum(
            name,
            members,
            stratum.texts,
            stratum.outside,
            tuple(
                Cell(name, kinds, _size(stratum, kinds), drawn[name, kinds])
                for kinds in phases.kinds
                if (name, kinds) in drawn
            ),
            stratum,
        )
        for name, (members, stratum) in merged.items()
    ]


def _allocated(
    sizes: Sequence[int],
    goal: Goal,
    rule: Allocation,
    minimum: int,
    phases: Phases,
    kinds: tuple[bool, ...],
) -> list[int]:
    if kinds != (True,) or phases.flagged is None:
        return allocate(sizes, goal, rule, minimum) if sizes else []
    if phases.flagged >= sum(sizes):
        return list(sizes)
    if not phases.flagged:
        return [0] * len(sizes)
    return allocate(sizes, Goal(total=phases.flagged), rule, 1)


def _size(stratum: Stratum, kinds: tuple[bool, ...]) -> int:
    return sum(stratum.texts[flagged] for flagged in kinds)


def _merged(
    partial: Partial, by: Sequence[str], merge_below: int
) -> dict[str, tuple[tuple[dict[str, str | None], ...], Stratum]]:
    """Members and texts of each stratum, by its name; the merged one comes last."""
    named: dict[str, tuple[dict[str, str | None], Stratum]] = {}
    for values, found in sorted(partial.strata.items(), key=lambda item: json.dumps(item[0])):
        shown = dict(zip(by, map(storable, values), strict=True))
        named[_free(stratum_name(shown), named)] = (shown, found)
    small = [name for name, (_, found) in named.items() if found.texts.total() < merge_below]
    if len(small) < 2:
        small = []
    plain: dict[str, tuple[tuple[dict[str, str | None], ...], Stratum]] = {
        name: ((member,), found)
        for name, (member, found) in sorted(named.items())
        if name not in small
    }
    if not small:
        return plain
    total = Stratum()
    members = []
    for name in sorted(small):
        member, found = named[name]
        members.append(member)
        total.merge(found, partial.keep)
    return plain | {SMALL: (tuple(members), total)}


def stratum_name(values: Mapping[str, str | None]) -> str:
    """The name of a stratum with these values."""
    shown = (f"{n}={NO_VALUE if value is None else value}" for n, value in values.items())
    return ", ".join(shown) or EVERYTHING


def _free(name: str, taken: Container[str]) -> str:
    """The name, with a number if it is taken: values may look like other values, or like none."""
    numbered = (f"{name} ({number})" for number in count(2))
    return next(free for free in chain([name], numbered) if free not in taken and free != SMALL)


def storable(value: str | None) -> str | None:
    """A value as both databases can store it; see `scrubtrace.review.table.StoredText`."""
    return None if value is None else value.replace("\0", "\N{SYMBOL FOR NULL}")
