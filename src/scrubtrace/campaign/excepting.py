"""Exceptions: which are valid on a day, and what each of them allows."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

from scrubtrace.schemas.campaign import ExceptionState, ExceptionUse, ScopeException, ShardGap

OF_TEXTS = ("source", "vendor", "language")
"""What an exception may name of texts; with one of these it is not about whole shards."""


class Exceptions:
    """The exceptions of a campaign on a day; counts what each valid one allows.

    The first exception that fits allows something, so that nothing is counted twice.
    """

    def __init__(self, exceptions: Sequence[ScopeException], as_of: date) -> None:
        self._all = exceptions
        self._problems = {one.id: _problem(one, as_of) for one in exceptions}
        self._valid = [one for one in exceptions if self._problems[one.id] is None]
        self._counts: dict[str, Counter[str]] = {one.id: Counter() for one in exceptions}

    def of_shard(self, gap: ShardGap) -> str | None:
        """The exception that allows a gap; counted."""
        for one in self._valid:
            is_of_texts = one.kind or any(getattr(one, name) for name in OF_TEXTS)
            if not is_of_texts and _fits(one, gap.dataset, gap.shard):
                self._counts[one.id].update(shards=1, rows=gap.rows or 0)
                return one.id
        return None

    def of_place(self, dataset: str, row: Any) -> str | None:
        """The exception that leaves out a flagged place of the review table; counted."""
        for one in self._valid:
            named = ((name, getattr(one, name)) for name in (*OF_TEXTS, "kind"))
            if _fits(one, dataset, row.shard) and all(
                value is None or getattr(row, name) == value for name, value in named
            ):
                self._counts[one.id]["places"] += 1
                return one.id
        return None

    def of_texts(self) -> list[ScopeException]:
        """Valid exceptions that are about texts of any kind in any shard."""
        return [
            one
            for one in self._valid
            if any(getattr(one, name) for name in OF_TEXTS) and not one.kind and not one.shards
        ]

    def count_texts(self, dataset: str, cells: Iterable[Mapping[str, Any]]) -> None:
        """Counts texts that detectors abstained from, by rows of `judged_counts`.

        Of several detectors the one that abstained most counts.
        """
        by_detector: dict[str, Counter[str]] = {}
        for cell in cells:
            for one in self.of_texts():
                named = ((name, getattr(one, name)) for name in OF_TEXTS)
                if one.dataset in (None, dataset) and all(
                    value is None or cell[name] == value for name, value in named
                ):
                    counts = by_detector.setdefault(one.id, Counter())
                    counts[cell["detector"]] += cell["abstained"]
        for name, counts in by_detector.items():
            self._counts[name]["abstained_texts"] += max(counts.values())

    def used(self) -> tuple[ExceptionUse, ...]:
        """Every exception, in the order of the file, with what it allows."""
        return tuple(self._use(one) for one in self._all)

    def _use(self, one: ScopeException) -> ExceptionUse:
        problem = self._problems[one.id]
        counts = self._counts[one.id]
        state = ExceptionState.APPLIED if counts.total() else ExceptionState.IDLE
        if problem is not None:
            state, text = problem
            return ExceptionUse(one.id, state, one.reason, one.approver, one.expires, problem=text)
        return ExceptionUse(
            one.id, state, one.reason, one.approver, one.expires,
            counts["shards"], counts["rows"], counts["abstained_texts"], counts["places"],
        )  # fmt: skip


def _fits(one: ScopeException, dataset: str, shard: str) -> bool:
    return one.dataset in (None, dataset) and (one.shards is None or fnmatchcase(shard, one.shards))


def _problem(one: ScopeException, as_of: date) -> tuple[ExceptionState, str] | None:
    """Why an exception does not count on a day; None if it does."""
    needed = {"approver": one.approver, "approved": one.approved, "expires": one.expires}
    missing = [name for name, value in needed.items() if value is None]
    if missing or one.approved is None or one.expires is None:
        return ExceptionState.NOT_APPROVED, f"has no {', no '.join(missing)}"
    if one.approved > as_of:
        return ExceptionState.NOT_APPROVED, f"is approved from {one.approved} on only"
    if one.expires < as_of:
        return ExceptionState.EXPIRED, f"expired on {one.expires}"
    return None
