"""What stands in the files of an export, and in which order: lines, sampled texts, controls."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from heapq import merge, nsmallest
from itertools import islice

from sqlalchemy import Connection, select

from scrubtrace.review.assigning import fraction_of, shares_of
from scrubtrace.review.batches.store import find_batch
from scrubtrace.review.controls.choosing import Look, look_of
from scrubtrace.review.controls.issuing import Census, Given, Order, give
from scrubtrace.review.controls.store import last_issued
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.lines import ExportLine, Wanted, export_lines, known_run
from scrubtrace.review.table import review_events
from scrubtrace.review.views import View, seen
from scrubtrace.schemas.batches import SAMPLED, Issued, Origin

Shared = tuple[ExportLine, tuple[str, ...]]
"""A line and the reviewers whose files it stands in; a file of nobody has an empty name."""


@dataclass(frozen=True)
class Mix:
    """What an export has besides the lines that are wanted, and how it is shown.

    ``controls`` is a share of the lines, ``sampled`` a number of texts that were drawn at random
    and not flagged. ``batch`` names the only texts of the export. ``overlap`` is the share of texts
    that go to two reviewers.
    """

    controls: float = 0.0
    sampled: int = 0
    blind: bool = False
    batch: str | None = None
    overlap: float = 0.0


@dataclass
class Mixture:
    """The lines of an export, ready to be written once; ``issued`` are controls not given before.

    ``origins`` counts all controls in it by their origin. ``last_issued`` is the event before it
    that gave out controls, 0 for none.
    """

    wanted: Wanted
    blind: bool
    lines: Iterator[Shared]
    issued: list[Issued] = field(default_factory=list)
    origins: Counter[Origin] = field(default_factory=Counter)
    last_issued: int = 0


def mixture(
    connection: Connection,
    wanted: Wanted,
    mix: Mix = Mix(),
    budget: int | None = None,
    reviewers: Sequence[str] = (),
) -> Mixture:
    """What stands in the files of these reviewers, or in the one file of nobody.

    At most ``budget`` of the lines that are wanted; sampled texts and controls come on top. Memory:
    the lines of a budget, if others are mixed in or the order is that of keys. The connection must
    read one state of the database. Raises ReviewError.
    """
    if mix.sampled and mix.batch is not None:
        raise ReviewError("a batch has its own texts: leave out the sampled ones")
    if mix.overlap and len(reviewers) < 2:
        raise ReviewError("an overlap needs at least two names to assign to")
    if wanted.new_since is not None:
        wanted = replace(wanted, new_since=known_run(connection, wanted.new_since))
    if mix.batch is not None:
        batch = find_batch(connection, mix.batch)
        mix = replace(mix, blind=mix.blind or batch.blind)
        wanted = replace(wanted, batch=batch.name)
    return _Mixing(connection, wanted, mix, budget, reviewers or ("",)).mixture()


@dataclass
class _Mixing:
    connection: Connection
    wanted: Wanted
    mix: Mix
    budget: int | None
    reviewers: Sequence[str]

    @property
    def _by_key(self) -> bool:
        """Whether the order does not depend on evidence; a batch holds texts with and without."""
        return self.mix.blind or self.mix.batch is not None

    def mixture(self) -> Mixture:
        sampled = self._sampled()
        given = self._controls(sampled) if self.mix.controls else []
        issued = [one.issued for one in given if one.is_new]
        origins = Counter(one.origin for one in given)
        before = last_issued(self.connection, self.wanted.batch) if issued else 0
        lines = self._lines(sampled, given)
        return Mixture(self.wanted, self.mix.blind, lines, issued, origins, before)

    def _main(self) -> Iterator[Shared]:
        lines = export_lines(self.connection, self.wanted, self._by_key)
        if self.budget is not None and (self._by_key or self.mix.controls or self.mix.sampled):
            return iter(self._within_budget)
        return map(self._shared, islice(lines, self.budget))

    @cached_property
    def _within_budget(self) -> list[Shared]:
        """The lines of a budget, by priority, then at random: not those with the smallest keys.

        Others are mixed in whose keys are any.
        """
        lines = export_lines(self.connection, self.wanted, self._by_key)
        chosen = nsmallest(
            self.budget or 0,
            map(self._shared, lines),
            key=lambda shared: (self._place(shared)[0], self._drawn(shared[0])),
        )
        return sorted(chosen, key=self._place)

    def _drawn(self, line: ExportLine) -> float:
        """From 0 to below 1, the same in every export; who has only the file cannot tell it."""
        return fraction_of(f"{self._first_event}\0{line.item.item_key}")

    @cached_property
    def _first_event(self) -> str:
        query = select(review_events.c.hash).where(review_events.c.seq == 1)
        return str(self.connection.execute(query).scalar())

    def _shared(self, line: ExportLine) -> Shared:
        return line, shares_of(line.text, self.reviewers, self.mix.overlap)

    def _sampled(self) -> list[Shared]:
        """Some open texts of those that were drawn at random and not flagged."""
        if not self.mix.sampled:
            return []
        wanted = replace(self.wanted, kind=SAMPLED)
        lines = export_lines(self.connection, wanted, by_key=True)
        return list(map(self._shared, nsmallest(self.mix.sampled, lines, key=self._drawn)))

    def _controls(self, sampled: Iterable[Shared]) -> list[Given]:
        """Controls for each file, chosen after a look at all its lines."""
        files = {name: Census() for name in self.reviewers}
        for lines in (self._main(), sampled):
            for line, names in lines:
                for name in names:
                    files[name].add(line, self._look(line))
        mix = self.mix
        order = Order(mix.controls, self.wanted, mix.blind)
        return give(self.connection, files, order)

    def _look(self, line: ExportLine) -> Look:
        item = line.item
        about = (item.flagged, item.kind, item.priority, item.language)
        return look_of(*about, self.mix.blind)

    def _lines(self, sampled: Sequence[Shared], given: Sequence[Given]) -> Iterator[Shared]:
        controls = [(one.line, (one.reviewer,)) for one in given]
        extra = sorted([*sampled, *controls], key=self._place)
        lines: Iterator[Shared]
        if self._by_key:
            lines = merge(self._main(), extra, key=self._place)
        else:
            by_priority = [shared for shared in extra if shared[0].item.kind != SAMPLED]
            spread = [shared for shared in extra if shared[0].item.kind == SAMPLED]
            lines = merge(self._main(), by_priority, key=self._place)
            if spread:
                total = sum(1 for _ in self._main()) + len(by_priority)
                lines = _spread(lines, spread, total)
        return ((self._viewed(line), names) for line, names in lines)

    def _place(self, shared: Shared) -> tuple[int, str]:
        item = shared[0].item
        return (0 if self._by_key else item.priority, item.item_key)

    def _viewed(self, line: ExportLine) -> ExportLine:
        view = View.WHOLE
        if self.mix.blind:
            view = View.BLIND
        elif self.mix.controls:
            view = View.UNFLAGGED if line.item.kind == SAMPLED else View.PLACELESS
        if view == View.WHOLE:
            return line
        stored = replace(line.stored, item=seen(line.item, view))
        return replace(line, stored=stored, view=view)


def _spread(lines: Iterable[Shared], others: Iterable[Shared], total: int) -> Iterator[Shared]:
    """The lines, with the others in between where their keys, which are random, say."""
    placed = sorted(
        (fraction_of(f"place\0{shared[0].item.item_key}"), n, shared)
        for n, shared in enumerate(others)
    )
    waiting = iter(placed)
    following = next(waiting, None)
    for number, line in enumerate(lines):
        while following is not None and following[0] * total <= number:
            yield following[2]
            following = next(waiting, None)
        yield line
    while following is not None:
        yield following[2]
        following = next(waiting, None)
