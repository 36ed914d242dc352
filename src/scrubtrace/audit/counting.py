"""Strata of an audit with their counted texts, and the parts that are compared with references."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from scrubtrace.audit.clusters import ClusterBy, Grouped, PartClusters, grouped
from scrubtrace.audit.flags import LANGUAGE_AT, SOURCE_AT, CellKey, Flags, Histogram, Tally
from scrubtrace.audit.part import Part
from scrubtrace.audit.references import Reference, References, sum_histograms
from scrubtrace.audit.strata import EVERYTHING, storable, stratum_name
from scrubtrace.beam_pipelines.drawing.partial import Outside
from scrubtrace.counted import CELL

Values = Mapping[str, str | None]

STYLED_BY = {"language", "source"}
"""What style p-values are counted by."""


@dataclass(frozen=True)
class Stratum:
    """Texts of a data set with the same values, by cell.

    ``members`` are the values, several for a merged stratum; empty for all texts. ``planned`` are
    the texts and flagged texts that the plan of a batch names. ``problem`` says why ``cells`` do
    not count these texts; then there are none.
    """

    name: str
    members: tuple[Values, ...] = ()
    cells: Mapping[CellKey, Tally] = field(default_factory=dict)
    planned: tuple[int, int] | None = None
    problem: str = ""

    @property
    def values(self) -> Values:
        """What all texts of the stratum have in common."""
        return self.members[0] if len(self.members) == 1 else {}

    @property
    def texts(self) -> int:
        """Texts of the plan, else those that were read."""
        return self.planned[0] if self.planned else self.counted.texts

    @property
    def counted(self) -> Tally:
        """All texts that the runs count."""
        return sum(self.cells.values(), Tally())


def strata_of_plan(plan: Mapping[str, Any], flags: Flags | None) -> list[Stratum]:
    """The strata of a batch, counted anew if there are runs."""
    by = tuple(plan.get("by", ()))
    strata = []
    for name, about in plan["strata"].items():
        members = (about["values"],) if "values" in about else tuple(about.get("merged", ()))
        planned = (about["population"], about.get("flagged", 0))
        strata.append(Stratum(name, members, planned=planned))
    if flags is None:
        return strata
    if foreign := sorted(set(by) - set(CELL)):
        return [replace(one, problem=f"by {foreign[0]}") for one in strata]
    places = {_key(member, by): one.name for one in strata for member in one.members}
    cells: dict[str, dict[CellKey, Tally]] = {one.name: {} for one in strata}
    for cell, tally in flags.tallies.items():
        name = places.get(_key(_values(cell), by))
        if name is not None:
            cells[name][cell] = tally
    return [
        _checked(replace(one, cells=cells[one.name]), plan["strata"][one.name], plan, flags)
        for one in strata
    ]


def strata_by_values(flags: Flags, by: Sequence[str]) -> list[Stratum]:
    """A stratum for each combination of values that occurs, by name."""
    cells: dict[tuple[str | None, ...], dict[CellKey, Tally]] = {}
    for cell, tally in flags.tallies.items():
        cells.setdefault(_key(_values(cell), by), {})[cell] = tally
    found = []
    for key, own in cells.items():
        values = dict(zip(by, key, strict=True))
        found.append(Stratum(stratum_name(values), (values,), own))
    return sorted(found, key=lambda one: one.name)


def all_texts(plan: Mapping[str, Any] | None, flags: Flags | None) -> Stratum:
    """All texts of the data set; with the plan of a batch, all that it was drawn from.

    These are not counted by runs of other shards: a bound of the one set of texts stands beside no
    figure of the other.
    """
    whole = Stratum(EVERYTHING, (), flags.tallies if flags else {})
    if plan is None:
        return whole
    strata: Sequence[Mapping[str, Any]] = list(plan["strata"].values())
    about: dict[str, Any] = {
        name: sum(one.get(name, 0) for one in strata) for name in ("population", "flagged")
    }
    about["outside"] = sum((Counter(one.get("outside", {})) for one in strata), Counter())
    whole = replace(whole, planned=(about["population"], about["flagged"]))
    if flags is None:
        return whole
    checked = _checked(whole, about, plan, flags)
    if checked.problem or same_shards(plan, flags):
        return checked
    return replace(whole, cells={}, problem="shards were added or changed since the draw")


def same_shards(plan: Mapping[str, Any], flags: Flags) -> bool:
    """Whether the batch of a plan was drawn from the shards that the runs are of."""
    return plan.get("shards_sha256") in (None, flags.shards_sha256)


def parts_of(
    stratum: Stratum, flags: Flags, references: References, cluster: ClusterBy | None = None
) -> tuple[Part, ...]:
    """The parts of a stratum by language, with the references that match; the most texts first."""
    cells: dict[tuple[str, str | None], list[tuple[CellKey, Tally]]] = {}
    for cell, tally in stratum.cells.items():
        if not references.trusted.includes(cell):
            key = (cell[LANGUAGE_AT] or "", cell[SOURCE_AT] if references.by_source else None)
            cells.setdefault(key, []).append((cell, tally))
    parts = {key: sum((tally for _, tally in own), Tally()) for key, own in cells.items()}
    ordered = sorted(
        parts.items(), key=lambda item: (-item[1].judged, item[0][0], item[0][1] or "")
    )
    return tuple(
        Part(
            *key,
            tally,
            _tally(references.human, *key),
            _tally(references.llm, *key),
            _scores(stratum, flags, references, *key),
            _histogram(references.human, *key),
            _histogram(references.llm, *key),
            None if cluster is None else _clusters(cells[key], flags, references, *key, cluster),
        )
        for key, tally in ordered
    )


def _clusters(
    cells: Sequence[tuple[CellKey, Tally]],
    flags: Flags,
    references: References,
    language: str,
    source: str | None,
    by: ClusterBy,
) -> PartClusters:
    """The texts of a part and of its references by cluster."""
    human, llm = (
        [grouped(one.flags, found, by) for one in own if (found := one.cells(language, source))]
        for own in (references.human, references.llm)
    )
    return PartClusters(
        grouped(flags, cells, by),
        reduce(Grouped.__add__, human) if human else None,
        reduce(Grouped.__add__, llm) if llm else None,
    )


def _tally(references: Sequence[Reference], language: str, source: str | None) -> Tally | None:
    if not references:
        return None
    return sum((one.tally(language, source) for one in references), Tally())


def _histogram(
    references: Sequence[Reference], language: str, source: str | None
) -> Histogram | None:
    found = [one for one in references if one.tally(language, source).judged]
    return sum_histograms(one.histogram(language, source) for one in found)


def _scores(
    stratum: Stratum, flags: Flags, references: References, language: str, source: str | None
) -> Histogram | None:
    """Style p-values of the judged texts of a part; None if they are not counted by its values."""
    trusted = references.trusted
    if trusted.before or any(set(member) - STYLED_BY for member in stratum.members):
        return None

    def meant(its_language: str, its_source: str) -> bool:
        about = {"language": its_language, "source": its_source or None}
        is_part = its_language == language and (not references.by_source or its_source == source)
        of_stratum = not stratum.members or any(
            all(about[name] == value for name, value in member.items())
            for member in stratum.members
        )
        return is_part and of_stratum and its_source not in trusted.sources

    return sum_histograms(counts for key, counts in flags.p_values.items() if meant(*key))


def _values(cell: CellKey) -> Values:
    return dict(zip(CELL, cell, strict=True))


def _key(values: Values, by: Sequence[str]) -> tuple[str | None, ...]:
    return tuple(storable(values[name]) for name in by)


def _checked(
    stratum: Stratum, about: Mapping[str, Any], plan: Mapping[str, Any], flags: Flags
) -> Stratum:
    """The stratum without cells, with a problem, if the runs count other texts than the plan.

    The plan has null and empty texts outside; the counts may have them among the others. After a
    change of shards as many texts may be other texts, so as many must be flagged as well.
    """
    outside = about.get("outside", {}) if flags.empty else {}
    planned = about["population"] + sum(
        outside.get(why, 0) for why in (Outside.NULL_TEXT, Outside.EMPTY_TEXT)
    )
    counted, flagged = stratum.counted, about.get("flagged", 0)
    told = ""
    if counted.texts != planned:
        told = f"they count {counted.texts:,} texts, the batch was drawn from {planned:,}"
    elif counted.flagged != flagged and not same_shards(plan, flags):
        told = f"they count {counted.flagged:,} flagged texts, {flagged:,} were when it was drawn"
    return replace(stratum, cells={}, problem=told) if told else stratum
