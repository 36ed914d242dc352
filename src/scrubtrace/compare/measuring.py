"""What is measured of each row before anything is compared, and the samples that rows end in.

All of it is fixed by the index and by trusted rows that are not compared afterwards, so that rows
of a batch and the trusted rows that are compared with them are measured alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.reference.features import Contrast, Features, Floats, counted
from scrubtrace.detectors.reference.index import ReferenceIndex, located
from scrubtrace.detectors.reference.matching import Matcher
from scrubtrace.detectors.reference.shingles import Analysed, analyse
from scrubtrace.schemas.references import Stratum

LEAST_WORDS = 12
"""Shorter rows are not judged, as in the match lane."""

LENGTHS = (40, 120, 360)
"""Words at which the strata of length begin; rows are compared within one."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Measured:
    """Rows of one language: an entry a row in each array; ``vectors`` None without a contrast.

    ``usable`` rows are long enough and not known to the index as trusted rows.
    """

    digests: Sequence[int]
    usable: Flags
    stratum: npt.NDArray[np.int64]
    loose: Flags
    strict: Flags
    scores: Floats
    vectors: Features | None

    def part(self, first: int, last: int) -> "Measured":
        """The rows of a range, half open."""
        own = slice(first, last)
        return Measured(
            self.digests[own],
            self.usable[own],
            self.stratum[own],
            self.loose[own],
            self.strict[own],
            self.scores[own],
            None if self.vectors is None else self.vectors.part(first, last),
        )


@dataclass
class Meter:
    """Measures rows against an index, the thresholds of its matches and contrasts by language."""

    index: ReferenceIndex
    thresholds: Mapping[str | None, Stratum] = field(default_factory=dict)
    contrasts: Mapping[str, Contrast] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._matcher = Matcher(self.index)
        self._digests = [np.asarray(segment.exact) for segment in self.index.segments]

    def measure(self, texts: Sequence[str], language: str) -> Measured:
        """Measures rows of one language."""
        batch = TextBatch(list(texts), [language] * len(texts))
        found = analyse(batch)
        matches = np.zeros(len(texts))
        for match in self._matcher.matches(found.shingles):
            matches[match.row] = match.score
        vectors, scores = None, np.zeros(len(texts))
        if language in self.contrasts:
            contrast = self.contrasts[language]
            vectors = contrast.weighted(counted(batch))
            scores = contrast.scores(vectors)
        same = self._verbatim(found)
        stratum = self.thresholds.get(language)
        return Measured(
            found.digests.tolist(),
            (found.words >= LEAST_WORDS) & ~self.trusted(found),
            np.searchsorted(LENGTHS, found.words, "right"),
            same | (matches > (np.inf if stratum is None else stratum.loose)),
            same | (matches > _strict(stratum)),
            scores,
            vectors,
        )

    def match_scores(self, texts: Sequence[str]) -> Floats:
        """Score of the best match of each text, 0 without one."""
        scores = np.zeros(len(texts))
        for match in self._matcher.matches(analyse(TextBatch(list(texts))).shingles):
            scores[match.row] = match.score
        return scores

    def trusted(self, found: Analysed) -> Flags:
        """Rows all of whose shingles the trusted rows of the index have: probably one of them."""
        background = self.index.background
        sizes = np.diff(found.shingles.bounds)
        if background is None:
            return np.zeros(len(sizes), np.bool_)
        _, known = located(background.keys, found.shingles.hashes)
        having = np.bincount(found.shingles.text[known], minlength=len(sizes))
        known_rows: Flags = (having == sizes) & (sizes > 0)
        return known_rows

    def _verbatim(self, found: Analysed) -> Flags:
        same = np.zeros(len(found.digests), np.bool_)
        for digests in self._digests:
            same |= located(digests, found.digests)[1]
        return same


@dataclass
class Sample:
    """Distinct rows of one language that are compared, by stratum of length; no text is kept.

    ``rows`` counts all rows, ``left_out`` those that are too short or trusted rows of the index,
    ``repeated`` those whose words came before. ``sums`` are sums of vectors.
    """

    rows: int = 0
    left_out: int = 0
    repeated: int = 0
    scores: dict[int, list[float]] = field(default_factory=dict)
    loose: dict[int, int] = field(default_factory=dict)
    strict: dict[int, int] = field(default_factory=dict)
    sums: dict[int, npt.NDArray[np.float32]] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)

    def take(self, found: Measured) -> None:
        """Takes measured rows."""
        fresh = np.zeros(len(found.digests), np.bool_)
        for place, digest in enumerate(found.digests):
            if found.usable[place] and digest not in self._seen:
                self._seen.add(digest)
                fresh[place] = True
        self.rows += len(fresh)
        self.left_out += int((~found.usable).sum())
        self.repeated += int((found.usable & ~fresh).sum())
        for stratum in np.unique(found.stratum[fresh]).tolist():
            chosen = fresh & (found.stratum == stratum)
            self.scores.setdefault(stratum, []).extend(found.scores[chosen].tolist())
            for counts, hits in ((self.loose, found.loose), (self.strict, found.strict)):
                counts[stratum] = counts.get(stratum, 0) + int(hits[chosen].sum())
            if found.vectors is not None:
                total = found.vectors.sums(chosen).astype(np.float32)
                self.sums[stratum] = self.sums.get(stratum, np.float32(0)) + total

    @property
    def distinct(self) -> int:
        """Number of rows that can be compared."""
        return len(self._seen)

    def size(self, stratum: int) -> int:
        """Number of distinct rows of a stratum."""
        return len(self.scores.get(stratum, ()))


def _strict(stratum: Stratum | None) -> float:
    return np.inf if stratum is None or stratum.strict is None else stratum.strict
