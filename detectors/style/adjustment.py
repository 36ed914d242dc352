"""What the kind of a text explains of its score, and what its errors say, is taken out of it.

Texts with capitals, exclamation marks and question marks (posts, dialogue, lists of names) score
lower than other prose, written by people or by models. In a source that mixes kinds this hides the
writer: its formal human texts score like its informal LLM texts.

Errors of spelling and grammar are the work of people: what n-grams and trees make of them is less
than they say, because most sources they learn from have few.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.style.features import places_of
from scrubtrace.detectors.style.heads import Floats

KIND = ("exclamation_marks", "question_marks", "upper_case")
"""Measures of the kind: three of the eleven covariates of the style lane, chosen together on the
sources that were held out (`docs/accuracy.md`)."""

ERRORS = "errors"
"""The measure of errors; a text's score is lowered by a multiple of the root of its rate."""


@dataclass(frozen=True)
class Adjustment:
    """A linear adjustment for covariates: ``slopes`` times the roots of ``names``, measures.

    Raises ValueError if they are not equally many, or a slope is no number.
    """

    names: tuple[str, ...]
    slopes: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.names) != len(self.slopes):
            raise ValueError("an adjustment needs one slope a measure")
        for slope in self.slopes:
            if not isinstance(slope, float | int) or not math.isfinite(slope):
                raise ValueError(f"an adjustment has the slope {slope!r}, which is no number")

    def adjusted(self, scores: Floats, measured: npt.NDArray[np.float32], language: str) -> Floats:
        """Scores (texts,) without what the measures (texts, measures) explain."""
        roots = kind_of(measured, language, self.names)
        for column, slope in enumerate(self.slopes):  # in this order in any batch
            scores = scores - slope * roots[:, column]
        return scores


def kind_of(
    measured: npt.NDArray[np.float32], language: str, names: tuple[str, ...] = KIND
) -> Floats:
    """Roots of some measures: float64 (texts, names).

    Rates of marks are skewed, and a root has the same bits on every machine.
    """
    return np.sqrt(measured[:, places_of(language, names)].astype(np.float64))
