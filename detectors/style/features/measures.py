"""`Measure`: what one stylometric number is, for the model card and for reviewers."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

ONE_WORD = "the word "
"""How what is counted begins if it is one word and not several."""

Column: TypeAlias = npt.NDArray[np.float64]
Counts: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Measure:
    """One column of the stylometric measures.

    Parameters
    ----------
    name : the field's name for it.
    unit : what 1 means.
    higher, lower : what reviewers read before "than in 97% of your human rows".
    source : where it is defined, or who used it.
    depends_on_length : whether it differs between texts for their length alone, so that texts of
        very different lengths should not be compared by it.
    """

    name: str
    unit: str
    higher: str
    lower: str
    source: str
    depends_on_length: bool = False

    def words(self, is_higher: bool) -> str:
        """The measure in words, for a text where it is higher or lower than usual."""
        return self.higher if is_higher else self.lower


def rate(name: str, what: str, source: str, unit: str = "per 100 words") -> Measure:
    """A measure that says how often something occurs."""
    used = f"{what} is used" if what.startswith(ONE_WORD) else f"{what} are used"
    return Measure(name, unit, f"{used} more often", f"{used} less often", source)


def more(name: str, what: str, source: str, depends_on_length: bool = False) -> Measure:
    """A measure that says of what share something holds."""
    return Measure(name, "share", f"more {what}", f"fewer {what}", source, depends_on_length)


def share(numerator: npt.NDArray[np.generic], denominator: npt.NDArray[np.generic]) -> Column:
    """Quotients, 0 where the denominator is 0."""
    quotients: Column = np.zeros(numerator.shape)
    np.divide(numerator, denominator, out=quotients, where=denominator != 0)
    return quotients


def total_of(
    documents: Counts, values: "npt.NDArray[np.int64] | npt.NDArray[np.bool_]", texts: int
) -> Column:
    """Sum of whole numbers, or number of flags, in each text, given in order of texts: exact."""
    bounds = np.searchsorted(documents, np.arange(texts + 1))
    if values.dtype == np.bool_:
        return np.diff(np.searchsorted(np.flatnonzero(values), bounds)).astype(np.float64)
    found, filled = np.zeros(texts), np.flatnonzero(bounds[1:] > bounds[:-1])
    if len(filled):
        found[filled] = np.add.reduceat(values, bounds[filled])
    return found


def count_of(documents: Counts, texts: int) -> Counts:
    """How often each text is among texts in order."""
    return np.diff(np.searchsorted(documents, np.arange(texts + 1)))


def moments(values: Counts, documents: Counts, texts: int) -> tuple[Column, Column, Counts]:
    """Mean, standard deviation (divided by n) and number of whole numbers, in order of texts."""
    count = count_of(documents, texts)
    mean = share(total_of(documents, values, texts), count)
    square = share(total_of(documents, values * values, texts), count)
    return mean, np.sqrt(np.maximum(square - mean * mean, 0)), count


def extreme(ufunc: np.ufunc, values: Counts, documents: Counts, texts: int) -> Column:
    """The largest (``numpy.maximum``) or smallest value of each text, in order of texts; else 0."""
    found = np.zeros(texts)
    if len(documents):
        begins = np.flatnonzero(np.diff(documents, prepend=-1))
        found[documents[begins]] = ufunc.reduceat(values, begins)
    return found
