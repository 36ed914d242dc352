"""Labelled texts as columns for fitting: n-grams counted once, measures, labels, sources."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from scrubtrace.detectors.style.features import measure
from scrubtrace.detectors.style.folding import fold
from scrubtrace.detectors.style.frame import Frame
from scrubtrace.detectors.style.heads import Floats
from scrubtrace.detectors.style.model import FRAME_TEXTS, LanguageModel, words_of
from scrubtrace.detectors.style.ngrams import Family, grams, matrix
from scrubtrace.style.recipes import Recipe

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Columns:
    """Texts of one language, ready to be fitted on.

    Parameters
    ----------
    language : ISO 639-1 code.
    is_llm : bool (rows,), the label.
    source : int64 (rows,), which of ``sources`` a row is of.
    counts : CSR matrix (rows, buckets) of each family: how often each n-gram occurs.
    measured : float32 (rows, measures).
    words : int64 (rows,).
    based : float64 (rows,), scores by a base model, if there is one.
    """

    language: str
    is_llm: Flags
    source: Numbers
    sources: tuple[str, ...]
    counts: dict[Family, Any]
    measured: npt.NDArray[np.float32]
    words: Numbers
    based: Floats | None = None

    def __len__(self) -> int:
        return len(self.is_llm)

    @cached_property
    def cell(self) -> Numbers:
        """Source and label of each row as one number."""
        return self.source * 2 + self.is_llm

    def one_sided(self, rows: Flags) -> Flags:
        """bool (sources,): whether all of a source's rows among ``rows`` have one label."""
        met = np.bincount(self.cell[rows], minlength=2 * len(self.sources)).reshape(-1, 2)
        return np.asarray((met > 0).sum(axis=1) < 2)


def columns_of(
    language: str,
    texts: Sequence[str],
    is_llm: Sequence[bool],
    sources: Sequence[str],
    recipe: Recipe,
    base: LanguageModel | None = None,
    told: Callable[[int], None] = lambda rows: None,
) -> Columns:
    """Columns of texts; rows shorter than the recipe's ``least_words`` stay, for the caller."""
    families = tuple(dict.fromkeys(head.family for head in recipe.heads))
    parts: dict[Family, list[Any]] = {family: [] for family in families}
    measured, words, based = [], [], []
    for at in range(0, len(texts), FRAME_TEXTS):
        frame = Frame.of(fold(texts[at : at + FRAME_TEXTS]))
        measured.append(measure(frame, language))
        words.append(words_of(frame))
        if base is not None:
            based.append(base.scores(frame, measured[-1]))
        for family in families:
            data, indices, bounds = matrix(grams(frame, family), len(frame), family)
            shape = (len(frame), family.buckets)
            parts[family].append(sparse.csr_matrix((data, indices, bounds), shape=shape))
        told(len(frame))
    names, numbers = np.unique(np.array(sources, object).astype(str), return_inverse=True)
    return Columns(
        language,
        np.array(is_llm, np.bool_),
        numbers.astype(np.int64),
        tuple(names.tolist()),
        {family: sparse.vstack(found, format="csr") for family, found in parts.items()},
        np.concatenate(measured),
        np.concatenate(words),
        np.concatenate(based) if based else None,
    )
