"""References: texts that are known to be by people, or by models, and were scanned alike."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from scrubtrace.audit.flags import (
    LANGUAGE_AT,
    MONTH_AT,
    SOURCE_AT,
    CellKey,
    Flags,
    Histogram,
    Tally,
    count_flags,
)
from scrubtrace.config import Config
from scrubtrace.detectors.style.calibration import Calibration
from scrubtrace.exits import UsageStop
from scrubtrace.schemas.counts import is_month
from scrubtrace.schemas.style import STYLOMETRY, StyleError

EMPTY = 0.01
"""Share of the texts of a reference that may be null or empty where these are not left out."""


@dataclass(frozen=True)
class Trusted:
    """Texts of the audited data set itself that are known to be by people.

    ``before`` is a month: texts of earlier ones are. ``sources``: texts of these are.
    """

    before: str | None = None
    sources: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.before or self.sources)

    def includes(self, cell: CellKey) -> bool:
        """Whether texts of a cell are."""
        month = cell[MONTH_AT]
        is_early = bool(self.before and month and month < self.before)
        return is_early or cell[SOURCE_AT] in self.sources


@dataclass(frozen=True)
class Named:
    """A data set of the same runs folder; with ``sources`` only these, each for its own."""

    dataset: str
    sources: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str, option: str) -> "Named":
        """From ``DATASET`` or ``DATASET=SOURCE,...``; raises `UsageStop` for anything else."""
        dataset, separator, rest = text.partition("=")
        sources = tuple(name.strip() for name in rest.split(",")) if separator else ()
        if not dataset.strip() or (separator and not all(sources)):
            raise UsageStop(f"{option} takes DATASET or DATASET=SOURCE,..., not {text!r}")
        return cls(dataset.strip(), sources)


@dataclass(frozen=True)
class Reference:
    """Counted texts that stand for others of the same language.

    With ``own_source`` they stand for texts of the same source only. ``which`` says which cells of
    ``flags`` belong to it, ``sources`` which of the histograms; none do if that is None.
    """

    flags: Flags
    which: Callable[[CellKey], bool]
    own_source: bool
    sources: frozenset[str] | None = frozenset()

    def tally(self, language: str, source: str | None) -> Tally:
        """Texts that stand for those of a language and, if one is given, a source."""
        return sum((tally for _, tally in self.cells(language, source)), Tally())

    def cells(self, language: str, source: str | None) -> list[tuple[CellKey, Tally]]:
        """The same by cell."""
        return self._by_part.get((language, source if self.own_source else None), [])

    @cached_property
    def _by_part(self) -> dict[tuple[str, str | None], list[tuple[CellKey, Tally]]]:
        """All cells of it by language and, with ``own_source``, source."""
        found: dict[tuple[str, str | None], list[tuple[CellKey, Tally]]] = {}
        for cell, tally in self.flags.tallies.items():
            if self.which(cell):
                key = (cell[LANGUAGE_AT] or "", cell[SOURCE_AT] if self.own_source else None)
                found.setdefault(key, []).append((cell, tally))
        return found

    def histogram(self, language: str, source: str | None) -> Histogram | None:
        """Style p-values of these texts; None if they are not counted apart."""
        if self.sources is None:
            return None
        found = [
            counts
            for (its_language, its_source), counts in self.flags.p_values.items()
            if its_language == language
            and (not self.sources or its_source in self.sources)
            and (not self.own_source or its_source == (source or ""))
        ]
        return sum_histograms(found)


@dataclass(frozen=True)
class References:
    """All references of an audit; ``trusted`` texts are of the audited data set itself."""

    human: tuple[Reference, ...] = ()
    llm: tuple[Reference, ...] = ()
    trusted: Trusted = field(default_factory=Trusted)

    @property
    def by_source(self) -> bool:
        """Whether any stands for texts of its own source only."""
        return any(one.own_source for one in (*self.human, *self.llm))


def sum_histograms(found: Iterable[Histogram | None]) -> Histogram | None:
    """Histograms added up; None if one is missing or there is none."""
    counts = list(found)
    if not counts or None in counts:
        return None
    return tuple(sum(bins) for bins in zip(*filter(None, counts), strict=True))


def check_trusted(trusted: Trusted, human: Sequence[Named]) -> None:
    """Raises `UsageStop` for a month that is none, or two kinds of human references."""
    if trusted.before is not None and not is_month(trusted.before):
        raise UsageStop(f"--human-before takes a month, as 2022-11, not {trusted.before!r}")
    if trusted and human:
        raise UsageStop(
            "human texts are of another data set (--human-reference) or of the same one "
            "(--human-before, --human-source), not both"
        )


def load_references(
    out: str,
    config: Config,
    data: Flags,
    human: Sequence[Named],
    llm: Sequence[Named],
    trusted: Trusted,
    quiet: bool = True,
) -> References:
    """Counts the references and checks that they can be compared with the audited data set.

    Raises `UsageStop` if one is the same data set, was scanned with other detectors, has none of
    its sources, or calibrated style.
    """
    check_trusted(trusted, human)
    own = (_own_reference(data, trusted),) if trusted else ()
    found = References(
        (*own, *(_named(out, config, data, one, quiet) for one in human)),
        tuple(_named(out, config, data, one, quiet) for one in llm),
        trusted,
    )
    _check_not_calibrated_on(data, found.human, config)
    return found


def _own_reference(data: Flags, trusted: Trusted) -> Reference:
    if not data.sum_of(trusted.includes).judged:
        raise UsageStop(
            f"data set {data.dataset} has no texts that --human-before or --human-source mean: "
            "scan it with the columns created_at or source in --group-by"
        )
    sources = None if trusted.before else frozenset(trusted.sources)
    return Reference(data, trusted.includes, own_source=False, sources=sources)


def _named(out: str, config: Config, data: Flags, named: Named, quiet: bool) -> Reference:
    if named.dataset == data.dataset:
        raise UsageStop(
            f"data set {named.dataset} cannot be its own reference: name trusted texts of it with "
            "--human-before or --human-source"
        )
    flags = count_flags(out, named.dataset, config, data.names, quiet)
    if flags.detectors != data.detectors:
        different = ", ".join(sorted({name for name, _ in flags.detectors ^ data.detectors}))
        raise UsageStop(
            f"data sets {data.dataset} and {named.dataset} were scanned with different detectors "
            f"or options ({different}): scan the reference as the data were"
        )
    read = flags.sum_of().texts
    if flags.empty > EMPTY * read:
        raise UsageStop(
            f"{flags.empty:,} of {read:,} texts of data set {named.dataset} are null or empty, "
            "which would count as texts that are not flagged, as the version that scanned them "
            "did not count them apart: scan it again with detect --force"
        )
    there = {cell[SOURCE_AT] for cell in flags.tallies}
    if missing := sorted(set(named.sources) - there):
        raise UsageStop(f"data set {named.dataset} has no texts of source {missing[0]!r}")
    sources = frozenset(named.sources)
    return Reference(
        flags,
        lambda cell: not sources or cell[SOURCE_AT] in sources,
        own_source=bool(sources),
        sources=sources,
    )


def _check_not_calibrated_on(data: Flags, human: Sequence[Reference], config: Config) -> None:
    """Rows that calibrated style say nothing new of how many human rows it flags."""
    digests = _calibration_files(data)
    if config.policy.style.alpha is None or not digests:
        return
    for reference in human:
        for shard, footer in sorted(reference.flags.footers.items()):
            if footer in digests:
                raise UsageStop(
                    f"shard {shard} of data set {reference.flags.dataset} calibrated style: a "
                    "human reference is other texts, which took no part in choosing thresholds"
                )


def _calibration_files(data: Flags) -> frozenset[str]:
    """Footer digests of the shards that calibrated; none without a file that can be read."""
    options = next((d.options for d in data.spec.detectors if d.name == STYLOMETRY), {})
    if not options.get("calibration"):
        return frozenset()
    try:
        manifest = Calibration.read(options["calibration"]).manifest
    except (OSError, StyleError):
        return frozenset()
    return frozenset(file.footer_digest for file in manifest.files)
