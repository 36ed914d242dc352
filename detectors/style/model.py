"""The style model: linear models over n-grams and trees over stylometric measures, one sum.

Words in runs of one to three and runs of four characters say how a text is put, trees say how its
sentences, words and marks are spread. Each part's logit is centred and scaled by what it gave to
texts of sources that it was not fitted on, so that none drowns the others. From the sum half of
what the kind of a text explains is taken out, and a loss for its errors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.style.adjustment import Adjustment
from scrubtrace.detectors.style.features import measure, measures, places_of
from scrubtrace.detectors.style.folding import fold
from scrubtrace.detectors.style.frame import IDEOGRAPH, WORD, Frame
from scrubtrace.detectors.style.heads import Floats, Head, Heads
from scrubtrace.detectors.style.scorer import HumanMeasures, Measured, Reason, Scored
from scrubtrace.detectors.style.trees import Trees
from scrubtrace.schemas.vocabulary import Abstained

FRAME_TEXTS = 96
"""Texts framed at once: so many stay in the cache of a core."""

CHARS_A_WORD = 1.7
"""Han and kana characters that count as one word, about as in segmented Chinese."""

COVARIATES = (
    "digits", "upper_case", "not_ascii", "parentheses", "symbols", "colons", "slashes",
    "question_marks", "exclamation_marks", "double_quotes", "second_person",
)  # fmt: skip
"""Measures that every language has and that tell kinds of text apart more than writers.

Of rows of 24 sources 1.4% of the LLM rows (at most 5% in one source) are unlike their source's
human rows by these, 0.9% of its other human rows (`docs/accuracy.md`)."""

SHARES = np.linspace(0, 1, 101)
"""Shares of human rows for which quantiles of the measures are kept."""

EXTREME = 0.1
"""A measure outside of all but this share of the human rows, on one side, is a reason."""


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """The model of one language.

    Parameters
    ----------
    language : ISO 639-1 code.
    least_words : texts with fewer words are not scored.
    heads, trees : the parts; in ``centres``, ``scales`` and ``weights`` the trees come after the
        heads, and last the base.
    centres, scales, weights : of each part, float64 (parts,).
    human_scores : float64 (n,), rising: quantiles of the scores of human rows of sources that were
        held out.
    human_measures : float64 (101, measures), quantiles of the measures of human rows.
    llm_medians : float64 (measures,), medians of the LLM rows.
    base : a model fitted on other rows, whose score is one more part.
    adjustment : for the kind of a text and for its errors, taken out of the sum.
    """

    language: str
    least_words: int
    heads: tuple[Head, ...]
    trees: Trees
    centres: Floats
    scales: Floats
    weights: Floats
    human_scores: Floats
    human_measures: Floats
    llm_medians: Floats
    base: "LanguageModel | None" = None
    adjustment: Adjustment | None = None

    def scores(self, frame: Frame, measured: Measured) -> Floats:
        """One score a text: float64 (texts,)."""
        return self.combined(self.parts(frame, measured), measured)

    def parts(self, frame: Frame, measured: Measured) -> Floats:
        """Logits of every part: float64 (texts, parts)."""
        base, logits = self.base, self._all_heads.logits(frame)
        if base is None:
            return np.column_stack([logits, self.trees.logits(measured)])
        own, of_base = np.split(logits, [len(self.heads)], axis=1)
        below = base.combined(np.column_stack([of_base, base.trees.logits(measured)]), measured)
        return np.column_stack([own, self.trees.logits(measured), below])

    @cached_property
    def _all_heads(self) -> Heads:
        """Its own heads, and those of the base."""
        return Heads((*self.heads, *(self.base.heads if self.base else ())))

    def combined(self, parts: Floats, measured: Measured) -> Floats:
        """One score a text from the logits of the parts and the measures: float64 (texts,)."""
        total = self.total(parts)
        if self.adjustment is None:
            return total
        return self.adjustment.adjusted(total, measured, self.language)

    def total(self, parts: Floats) -> Floats:
        """The weighted mean of the scaled logits, before any adjustment: float64 (texts,)."""
        spread = (parts - self.centres) / self.scales * self.weights
        return np.asarray(spread.sum(axis=1) / self.weights.sum())

    def reasons(self, measured: Measured, human: HumanMeasures | None = None) -> list[Reason]:
        """Measures (measures,) that are rare among human rows and nearer to LLM rows.

        The rarest come first. Without ``human`` the rows are the model's own.
        """
        human = human or HumanMeasures(SHARES, self.human_measures)
        is_higher = measured > human.median
        share = human.shares_below(measured)
        is_rare = np.where(is_higher, 1 - share, share) <= EXTREME + 1e-9
        is_nearer = ((self.llm_medians > human.median) == is_higher) & (measured != human.median)
        entries = measures(self.language)
        found = []
        for column in np.flatnonzero(is_rare & is_nearer).tolist():
            value, rank, entry = float(measured[column]), float(share[column]), entries[column]
            found.append(
                Reason(entry.name, value, rank, None, human.whose, entry.higher, entry.lower)
            )
        return sorted(found, key=_rarity)


def _rarity(reason: Reason) -> tuple[float, str]:
    share = reason.percentile or 0.0
    return min(share, 1 - share), reason.feature


@dataclass(frozen=True)
class _Explained(Scored):
    """Scores that keep the measures of their rows, to say what they rest on."""

    measured: dict[int, tuple[LanguageModel, Measured]] = field(default_factory=dict)

    def measured_of(self, rows: Sequence[int]) -> Measured | None:
        """The measures of the rows' language."""
        return np.stack([self.measured[row][1] for row in rows])

    def explain(self, row: int, human: HumanMeasures | None = None) -> Sequence[Reason]:
        """See `LanguageModel.reasons`."""
        if row not in self.measured:
            return ()
        model, values = self.measured[row]
        return model.reasons(values, human)


@dataclass(frozen=True, eq=False)
class StyleModel:
    """Models of several languages, as the scorer of the style lane.

    ``digest`` names the content of the file; ``about`` is what the file says of itself;
    ``human_rows`` are the human rows it was fitted on (`packs.row_number`): they score lower than
    others, so they may not calibrate.
    """

    models: Mapping[str, LanguageModel]
    digest: str
    about: Mapping[str, object]
    human_rows: frozenset[int] = frozenset()

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1 codes of the languages with a model."""
        return frozenset(self.models)

    def score(self, batch: TextBatch) -> Scored:
        """Scores of a batch; texts without a model for their language, or too short, have none."""
        count = len(batch)
        reasons: dict[int, str] = {}
        covariates = np.zeros((count, len(COVARIATES)), np.float32)
        scores, words = np.full(count, np.nan), np.zeros(count, np.int64)
        found = _Explained(scores, reasons, words, covariates, COVARIATES)
        rows_of: dict[str, list[int]] = {}
        for row, language in enumerate(batch.languages):
            rows_of.setdefault(language, []).append(row)
        for language, rows in rows_of.items():
            model = self.models.get(language)
            if model is None:
                reasons.update(dict.fromkeys(rows, str(Abstained.LANGUAGE_NOT_COVERED)))
                continue
            for at in range(0, len(rows), FRAME_TEXTS):
                some = rows[at : at + FRAME_TEXTS]
                reasons.update(_add(found, model, some, [batch.texts[row] for row in some]))
        return found

    def reference_percentile(self, scores: Floats, languages: Sequence[str]) -> Floats:
        """Share of the model's held-out human rows of a language with a lower score.

        The row counts as one of them, so that one minus the share is never 0.
        """
        shares = np.full(len(scores), np.nan)
        for row, (score, language) in enumerate(zip(scores, languages, strict=True)):
            model = self.models.get(language)
            if model is not None and len(model.human_scores):
                below = np.searchsorted(model.human_scores, score, side="left")
                shares[row] = below / (len(model.human_scores) + 1)
        return shares


def _add(
    found: _Explained, model: LanguageModel, rows: Sequence[int], texts: Sequence[str]
) -> dict[int, str]:
    """Scores some rows, of one language; gives the reasons of those that are too short."""
    frame = Frame.of(fold(texts))
    values = measure(frame, model.language)
    scores, words = model.scores(frame, values), words_of(frame)
    found.words[rows] = words
    found.covariates[rows] = values[:, covariate_columns(model.language)]
    for place in np.flatnonzero(words >= model.least_words).tolist():
        found.scores[rows[place]] = scores[place]
        found.measured[rows[place]] = (model, values[place])
    short = np.flatnonzero(words < model.least_words).tolist()
    return {rows[place]: str(Abstained.TOO_SHORT) for place in short}


def covariate_columns(language: str) -> list[int]:
    """Places of `COVARIATES` among the measures of a language."""
    return places_of(language, COVARIATES)


def words_of(frame: Frame) -> npt.NDArray[np.int64]:
    """Words of each text; Han and kana characters count as `CHARS_A_WORD` a word."""
    words, ideographs = (
        frame.tokens_of_text(np.flatnonzero(frame.token_kinds == kind))
        for kind in (WORD, IDEOGRAPH)
    )
    return np.asarray(words + (ideographs / CHARS_A_WORD), np.int64)
