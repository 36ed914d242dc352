"""The contract between the style lane and its model: texts in, scores and what they rest on out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.batch import TextBatch

Floats = npt.NDArray[np.float64]
Measured = npt.NDArray[np.float32]

TAILS = np.concatenate([np.linspace(0, 0.1, 11), [0.5], np.linspace(0.9, 1, 11)])
"""Shares for which quantiles of the user's human rows are kept: what is rare, and the middle."""


@dataclass(frozen=True)
class HumanMeasures:
    """Quantiles of what is measured of human rows: ``values`` (q, measures) at ``shares`` (q,).

    ``whose`` rows they are: ``model`` or ``calibration``, as `Reason` has it.
    """

    shares: Floats
    values: npt.NDArray[np.floating[Any]]
    whose: str = "model"

    @classmethod
    def of_user(cls, measured: Measured) -> "HumanMeasures":
        """The quantiles at `TAILS` of rows (n, measures) that calibrate."""
        values = np.quantile(measured, TAILS, axis=0).astype(np.float32)
        return cls(TAILS, values, "calibration")

    @property
    def median(self) -> npt.NDArray[np.floating[Any]]:
        """Medians, (measures,)."""
        found: npt.NDArray[np.floating[Any]] = self.values[self._middle]
        return found

    def shares_below(self, measured: Measured) -> Floats:
        """Share of the rows with a smaller value of each measure of a row (measures,).

        Rounded towards the middle: of a high value at least so many rows have a smaller one, of a
        low value at least as many as are left have a larger one.
        """
        below = (self.values < measured).sum(axis=0)
        up_to = (self.values <= measured).sum(axis=0)
        place = np.where(measured > self.median, below - 1, np.minimum(up_to, self._middle))
        found: Floats = self.shares[np.clip(place, 0, len(self.shares) - 1)]
        return found

    @property
    def _middle(self) -> int:
        return int(np.searchsorted(self.shares, 0.5))


@dataclass(frozen=True)
class Reason:
    """One quantity that speaks for a score, in plain data.

    ``percentile`` is the share (0 to 1) of human rows with a smaller value, ``z`` the distance from
    their mean in standard deviations; either may be None. ``whose`` is ``model`` for the model's
    human rows, ``calibration`` for the user's. ``higher`` and ``lower`` are what
    reviewers read before "than in 97% of your human rows": "sentence lengths vary less".
    """

    feature: str
    value: float
    percentile: float | None = None
    z: float | None = None
    whose: str = "model"
    higher: str = ""
    lower: str = ""

    @property
    def words(self) -> str:
        """The quantity in words, for the side that this value is on; empty if there are none."""
        is_higher = self.percentile >= 0.5 if self.percentile is not None else (self.z or 0) >= 0
        return self.higher if is_higher else self.lower


@dataclass(frozen=True)
class Scored:
    """Scores of the rows of one batch.

    Parameters
    ----------
    scores : float64 (rows,), higher is more like LLM text, NaN where the model abstains.
    reasons : why, for each row with NaN: an `Abstained` value.
    words : int64 (rows,), length in words; of languages without spaces, characters / 1.7.
    covariates : float32 (rows, k), what a row is like whoever wrote it: word length, punctuation,
        digits, upper case, lines.
    covariate_names : the k names of them.
    """

    scores: Floats
    reasons: Mapping[int, str]
    words: npt.NDArray[np.int64]
    covariates: npt.NDArray[np.float32]
    covariate_names: tuple[str, ...] = ()

    def measured_of(self, rows: Sequence[int]) -> Measured | None:
        """All that is measured of scored rows of one language: float32 (rows, measures).

        None of a model that explains nothing.
        """
        return None

    def explain(self, row: int, human: HumanMeasures | None = None) -> Sequence[Reason]:
        """What the score of a row rests on, the strongest first; for rows that become evidence.

        Compared with the rows in ``human``, without it with the model's own human rows.
        """
        return ()


class Scorer(Protocol):
    """A loaded model. The score of a text does not depend on the rest of its batch."""

    @property
    def digest(self) -> str:
        """Digest of the model file: a calibration holds for one digest only."""

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1 codes of the languages that it can score."""

    def score(self, batch: TextBatch) -> Scored:
        """The scores of a batch."""


@runtime_checkable
class HasReference(Protocol):
    """A scorer with human rows of its own, which rank texts that have no calibration."""

    def reference_percentile(self, scores: Floats, languages: Sequence[str]) -> Floats:
        """Share of the model's human rows of a language with a lower score; NaN without any.

        Below 1: one minus it is shown as a p-value.
        """
