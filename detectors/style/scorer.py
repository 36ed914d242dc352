"""The contract between the style lane and its model: texts in, scores and what they rest on out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.batch import TextBatch

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reason:
    """One quantity that speaks for a score, in plain data.

    ``percentile`` is the share (0 to 1) of the model's human rows with a smaller value, ``z`` the
    distance from their mean in standard deviations; either may be None. ``whose`` is ``model`` for
    the model's human rows, ``calibration`` for the user's. ``higher`` and ``lower`` are what
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

    def explain(self, row: int) -> Sequence[Reason]:
        """What the score of a row rests on, the strongest first; for rows that become evidence."""
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
