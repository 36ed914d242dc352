"""Texts by cluster: of one labeler, or of one value of another group that the runs count by."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from scrubtrace.audit.figures import Refusal, Why
from scrubtrace.audit.flags import CellKey, Flags, Tally
from scrubtrace.counted import CELL
from scrubtrace.exits import UsageStop
from scrubtrace.schemas.counts import CELL_GROUPS
from scrubtrace.stats.prevalence.clusters import LEAST_CLUSTERS, Clusters
from scrubtrace.stats.prevalence.result import Reason

UNNAMED = 0.01
"""Share of texts that may have no cluster; together they are one."""

Count = Literal["texts", "judged", "flagged", "by_rule", "styled", "unusual"]


@dataclass(frozen=True)
class ClusterBy:
    """The group whose values are clusters, and the groups of data sets that have others."""

    group: str | None
    of: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, texts: Sequence[str]) -> "ClusterBy | None":
        """From ``GROUP`` and ``DATASET=GROUP``, None without any; raises `UsageStop`."""
        group, of = None, {}
        for text in texts:
            dataset, separator, name = text.rpartition("=")
            if name not in CELL_GROUPS or (separator and not dataset):
                raise UsageStop(
                    f"--cluster takes {', '.join(CELL_GROUPS)}, or DATASET= before one of them; "
                    f"not {text!r}"
                )
            if separator:
                of[dataset] = name
            elif group not in (None, name):
                raise UsageStop("--cluster takes one group for all data sets")
            else:
                group = name
        return cls(group, of) if texts else None

    def group_of(self, flags: Flags) -> str | None:
        """The group that the counts of a data set hold; None if they hold none of this name."""
        name = self.of.get(flags.dataset, self.group)
        return name if name in flags.spec.columns.groups else None

    def check(self, data: Flags, references: Iterable[str]) -> None:
        """Raises `UsageStop` if the data have no such group, or a data set is none of these."""
        if unknown := sorted(set(self.of) - {data.dataset, *references}):
            raise UsageStop(f"--cluster names data set {unknown[0]}, which takes no part")
        if self.group_of(data) is None:
            name = self.of.get(data.dataset, self.group) or "GROUP"
            raise UsageStop(
                f"the counts of data set {data.dataset} do not hold {name}: scan it with "
                f"--group-by {name}=COL and name it with --cluster {name}"
            )


@dataclass(frozen=True)
class Grouped:
    """Texts by cluster. Of data sets in ``lacking`` none is known."""

    groups: tuple[str, ...]
    tallies: Mapping[str | None, Tally]
    lacking: tuple[str, ...] = ()

    def __add__(self, other: "Grouped") -> "Grouped":
        """Both; texts of the same value are of one cluster."""
        sums = dict(self.tallies)
        for name, tally in other.tallies.items():
            sums[name] = sums.get(name, Tally()) + tally
        groups, lacking = (
            tuple(dict.fromkeys((*getattr(self, name), *getattr(other, name))))
            for name in ("groups", "lacking")
        )
        return Grouped(groups, sums, lacking)

    def clusters(self, hits: Count, rows: Count) -> Clusters:
        """Counts of each cluster, in the order of their names."""
        order = sorted(self.tallies, key=lambda name: (name is not None, name or ""))
        own = [self.tallies[name] for name in order]
        pairs = [(getattr(one, hits), getattr(one, rows)) for one in own]
        found = np.array(pairs, np.int64).reshape(-1, 2)
        # What is flagged is of the texts that were read, and of those that one detector judged.
        return Clusters(np.minimum(found[:, 0], found[:, 1]), found[:, 1])

    def problem(self, whose: str, rows: Count = "judged") -> tuple[Why, str] | None:
        """Why it is not known how much clusters differ, or None."""
        if self.lacking:
            return Refusal.NOT_CLUSTERED, f"{whose}: data set {', '.join(self.lacking)}"
        counts = {name: getattr(tally, rows) for name, tally in self.tallies.items()}
        total, unnamed = sum(counts.values()), counts.get(None, 0)
        group = ", ".join(self.groups)
        if unnamed > UNNAMED * total:
            return (
                Refusal.NOT_CLUSTERED,
                f"{whose}: {unnamed:,} of {total:,} texts have no {group}",
            )
        found = sum(count > 0 for count in counts.values())
        if total and found < LEAST_CLUSTERS:
            return Reason.FEW_CLUSTERS, f"{whose}: {found} of {LEAST_CLUSTERS} by {group}"
        return None

    def about(self, hits: Count = "by_rule", rows: Count = "judged") -> dict[str, Any]:
        """What a result says of it; no name of a cluster."""
        found = self.clusters(hits, rows)
        return {
            "groups": list(self.groups),
            "clusters": len(found),
            "design_effect": found.design_effect,
            "lacking": list(self.lacking),
        }


def grouped(
    flags: Flags, cells: Iterable[tuple[CellKey, Tally]], by: ClusterBy
) -> Grouped:  # fmt: skip
    """Texts of some cells of a data set by cluster."""
    group = by.group_of(flags)
    if group is None:
        return Grouped((), {}, (flags.dataset,))
    place = CELL.index(group)
    tallies: dict[str | None, Tally] = {}
    for cell, tally in cells:
        tallies[cell[place]] = tallies.get(cell[place], Tally()) + tally
    return Grouped((group,), tallies)


@dataclass(frozen=True)
class PartClusters:
    """The texts of a part and of its references by cluster; None for no such reference."""

    judged: Grouped
    human: Grouped | None = None
    llm: Grouped | None = None

    def problem(self, *names: Literal["judged", "human", "llm"]) -> tuple[Why, str] | None:
        """Why some of them cannot be widened, or None."""
        return self._problem(names, "judged", "{}")

    def problem_of_scores(self) -> tuple[Why, str] | None:
        """The same of counts of p-values: clusters of the texts that style judged."""
        return self._problem(_WHOSE, "styled", "texts of {} that style judged")

    def _problem(self, names: Iterable[str], rows: Count, whose: str) -> tuple[Why, str] | None:
        for name in names:
            own: Grouped | None = getattr(self, name)
            if own is not None and (found := own.problem(whose.format(_WHOSE[name]), rows)):
                return found
        return None

    def of_flags(self) -> tuple[Clusters, Clusters | None, Clusters | None]:
        """Flags by alpha alone of judged texts."""
        human, llm = (
            None if own is None else own.clusters("by_rule", "judged")
            for own in (self.human, self.llm)
        )
        return self.judged.clusters("by_rule", "judged"), human, llm

    def score_divisors(self) -> tuple[float, float, float]:
        """What the counts of p-values are divided by, if `problem_of_scores` has nothing."""
        judged, human, llm = (
            1.0 if own is None else own.clusters("unusual", "styled").divisor()
            for own in (self.judged, self.human, self.llm)
        )
        return judged, human, llm

    def to_dict(self) -> dict[str, Any]:
        """What a result says of them."""
        own = {"judged": self.judged, "human": self.human, "llm": self.llm}
        return {
            name: None
            if one is None
            else one.about() | {"of_scores": one.about("unusual", "styled")["design_effect"]}
            for name, one in own.items()
        }


_WHOSE = {"judged": "the data", "human": "the human reference", "llm": "the LLM reference"}
