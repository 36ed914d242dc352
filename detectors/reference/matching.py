"""Which reference text a text resembles most, and how much.

The score of a text and a reference is the weight of the shingles that they share, divided by the
fourth root of the weights of all shingles of either: their TF-IDF cosine times the geometric mean
of their norms. So a long passage in a long document counts as much as in a short one, which the
cosine alone would not do, and chance in long texts is held down, which a plain sum would not do.

Two steps, as in copy detection: postings of rare shingles give candidates, a text that shares fewer
than two with any reference ends there; the candidates are then compared by all their shingles.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.reference.index import ReferenceIndex, Weights, located
from scrubtrace.detectors.reference.shingles import Shingles, analyse
from scrubtrace.detectors.reference.tokens import Numbers, Words

RARE_TEXTS = 48
"""A shingle that more reference texts have gives no candidate."""

CANDIDATES = 3
"""References that a text is compared with, the most promising ones."""

LEAST_SHARED = 2
TINY = 1e-9
CACHED_SHINGLES = 8_000_000
"""Shingles of references kept at hand; 16 bytes each."""


@dataclass(frozen=True)
class Match:
    """A text of a batch and the reference it resembles most; containment of either in the other.

    Containment is the share of the weight of one text's shingles that the other has.
    """

    row: int
    reference: int
    score: float
    in_reference: float
    in_text: float


@dataclass(frozen=True)
class _Reference:
    hashes: Words
    weights: "np.typing.NDArray[np.float64]"
    total: float


class Matcher:
    """Compares texts with an index; keeps the references that it met last."""

    def __init__(self, index: ReferenceIndex) -> None:
        self._index = index
        self._cache: OrderedDict[int, _Reference] = OrderedDict()
        self._cached = 0
        sizes = [np.asarray(segment.sizes) for segment in index.segments]
        self._norms = np.maximum(np.concatenate(sizes), 1).astype(np.float32) ** 0.25

    def matches(
        self, shingles: Shingles, tasks: Sequence[str | None] = (), leave_out: int = 0
    ) -> list[Match]:
        """The best match of each text that has any, in the order of the texts.

        A text with a task is compared with the completions of that task, too. ``leave_out`` is 1
        for trusted rows of the index, which are weighed without themselves.
        """
        sampled = shingles.sampled(self._index.manifest.scale)
        distinct, which = np.unique(sampled.hashes, return_inverse=True)
        if not len(distinct):
            return []
        weights = self._index.weigh(distinct, leave_out)
        rows, references = self._candidates(sampled, distinct, which, weights)
        rows, references = self._of_same_task(sampled, tasks, rows, references)
        self._fetch(np.unique(references).tolist())
        each = weights.weights[which]
        totals = np.add.reduceat(np.append(each, 0.0), sampled.bounds[:-1])
        totals[np.diff(sampled.bounds) == 0] = 0.0
        best: dict[int, Match] = {}
        for row, number in zip(rows.tolist(), references.tolist(), strict=True):
            part = slice(*sampled.bounds[row : row + 2].tolist())
            own = _Reference(sampled.hashes[part], each[part], float(totals[row]))
            match = self._compared(row, own, number)
            if row not in best or match.score > best[row].score:
                best[row] = match
        return [best[row] for row in sorted(best)]

    def match_with(self, shingles: Words, row: int, number: int) -> Match:
        """How near a text with these shingles is to one reference."""
        found = Shingles(shingles, np.array([0, len(shingles)]))
        sampled = found.sampled(self._index.manifest.scale).hashes
        weights = self._index.weigh(sampled).weights
        self._fetch([number])
        return self._compared(row, _Reference(sampled, weights, float(weights.sum())), number)

    def _of_same_task(
        self,
        sampled: Shingles,
        tasks: Sequence[str | None],
        rows: Numbers,
        references: Numbers,
    ) -> tuple[Numbers, Numbers]:
        """The pairs, and those of texts and references of one task."""
        pairs = set(zip(rows.tolist(), references.tolist(), strict=True))
        for row, task in enumerate(tasks):
            if task is not None and len(sampled.of(row)):
                pairs |= {(row, number) for number in self._index.of_task(task)}
        if len(pairs) == len(rows):
            return rows, references
        more = np.array(sorted(pairs), np.int64)
        return more[:, 0], more[:, 1]

    def _compared(self, row: int, own: _Reference, number: int) -> Match:
        reference = self._cache[number]
        at, found = located(own.hashes, reference.hashes)
        shared = float(own.weights[at[found]].sum())
        total, other = max(own.total, TINY), max(reference.total, TINY)
        return Match(
            row, number, shared / (total * other) ** 0.25, shared / total, shared / other
        )  # fmt: skip

    def _candidates(
        self, sampled: Shingles, distinct: Words, which: Numbers, weights: Weights
    ) -> tuple[Numbers, Numbers]:
        """Pairs of a text and a reference that share rare shingles, the best of each text."""
        rare = (weights.in_references > 0) & (weights.texts <= RARE_TEXTS)
        rows, references, values = [], [], []
        text, chosen = sampled.text, rare[which]
        places, rows_of = which[chosen], text[chosen]
        for first, segment in zip(self._index.firsts.tolist(), self._index.segments, strict=False):
            at, found = located(segment.keys, distinct)
            here = found[places]
            begins = segment.offsets[at[places[here]]]
            counts = segment.offsets[at[places[here]] + 1] - begins
            steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            references.append(first + segment.postings[np.repeat(begins, counts) + steps])
            rows.append(np.repeat(rows_of[here], counts))
            values.append(np.repeat(weights.weights[places[here]], counts))
        pair_rows, pair_references = np.concatenate(rows), np.concatenate(references)
        keys = pair_rows * np.int64(self._index.firsts[-1]) + pair_references.astype(np.int64)
        pairs, members, shared = np.unique(keys, return_inverse=True, return_counts=True)
        sums = np.bincount(members, np.concatenate(values), len(pairs))
        enough = shared >= LEAST_SHARED
        pairs, sums = pairs[enough], sums[enough]
        rows_found, numbers = np.divmod(pairs, np.int64(max(self._index.firsts[-1], 1)))
        ranks = sums / self._norms[numbers]
        order = np.lexsort((numbers, -ranks, rows_found))
        rows_found, numbers = rows_found[order], numbers[order]
        position = np.arange(len(rows_found)) - np.searchsorted(rows_found, rows_found)
        return rows_found[position < CANDIDATES], numbers[position < CANDIDATES]

    def _fetch(self, numbers: list[int]) -> None:
        """Brings the shingles of references to hand, many at a time."""
        missing = [number for number in numbers if number not in self._cache]
        for number in numbers:
            if number in self._cache:
                self._cache.move_to_end(number)
        if missing:
            texts = [self._index.reference(number)["text"] for number in missing]
            found = analyse(TextBatch(texts)).shingles.sampled(self._index.manifest.scale)
            distinct, which = np.unique(found.hashes, return_inverse=True)
            weights = self._index.weigh(distinct).weights[which]
            for place, number in enumerate(missing):
                part = slice(*found.bounds[place : place + 2].tolist())
                total = float(weights[part].sum())
                self._cache[number] = _Reference(found.hashes[part], weights[part], total)
                self._cached += part.stop - part.start
        while self._cached > CACHED_SHINGLES and len(self._cache) > len(numbers):
            _, dropped = self._cache.popitem(last=False)
            self._cached -= len(dropped.hashes)
