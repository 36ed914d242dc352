"""Detector `stylometry`: texts written in a way that few human rows of their kind are.

Evidence: the p-value of a text's score among the scores of human rows of its stratum (language x
source x length), which the user gave and vouches for. It is a rank, not a probability that a model
wrote the text; "at most a share p of such human rows scores as high".

Why it works: models vary less in how long sentences are, repeat fewer words, and prefer words and
turns that people rarely use. Source: conformal p-values (Vovk, Gammerman and Shafer, 2005; Bates
et al., 2023, for outliers).

Known false positives: human rows unlike those that calibrated it: another source, another task,
non-native writers, edited prose, templates. Rows of a stratum without calibration, and rows unlike
their calibration, are ranked and never flag. Short texts are not judged. Whether all rows of a
source are still of the kind that calibrated it is counted here, and decided at commit.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.detector import fingerprint_of
from scrubtrace.detectors.style.calibration import Calibration
from scrubtrace.detectors.style.features import measures as measures_of
from scrubtrace.detectors.style.folding import FOLDED_CHARS
from scrubtrace.detectors.style.kinds import kind_counts
from scrubtrace.detectors.style.loading import load_scorer
from scrubtrace.detectors.style.model import COVARIATES, StyleModel
from scrubtrace.detectors.style.other_model import remedies
from scrubtrace.detectors.style.scorer import HasReference, Reason, Scored, Scorer
from scrubtrace.detectors.style.strata import Calibrated, measures
from scrubtrace.schemas.evidence import Evidence, Span
from scrubtrace.schemas.style import (
    CATEGORY,
    KEEP,
    NOT_CALIBRATED_SUFFIX,
    P_BINS,
    SIGNAL,
    STYLOMETRY,
    UNLIKE,
    UNLIKE_SUFFIX,
    PValueCount,
    RankedAmong,
    StyleError,
)
from scrubtrace.schemas.vocabulary import Abstained, Lane, Strength, Use
from scrubtrace.stats.conformal import p_values, smallest_p

SHOWN_REASONS = 6


class Ranked(NamedTuple):
    """A row's place among human rows; ``stratum`` None: among the model's own, not the user's."""

    p: float
    stratum: Calibrated | None
    typicality: float


@dataclass(frozen=True)
class Stylometry:
    """Ranks texts among human rows by the score of a style model.

    Parameters
    ----------
    model : file of the model; the shipped one without it.
    calibration : file that ``scrubtrace style calibrate`` made with this model. Without it rows
        are ranked among the model's own human rows if it has any, and nothing can flag.
    keep : rows with a p-value up to this become evidence.

    Raises `StyleError` for files that cannot be used or do not belong together.
    """

    model: str | None = None
    calibration: str | None = None
    keep: float = KEEP

    name = STYLOMETRY
    version = "7"
    lane = Lane.STYLE

    def __post_init__(self) -> None:
        if not isinstance(self.keep, int | float) or not 0 < self.keep < 1:
            raise StyleError(f"keep is a p-value between 0 and 1, not {self.keep!r}")

    @property
    def languages(self) -> frozenset[str]:
        """Languages of the model."""
        return self._scorer.languages

    def fingerprint(self) -> str:
        """Digest of the version, the model, the calibration and the options."""
        calibration = self._calibration.digest if self._calibration else None
        return fingerprint_of(
            self.name, self.version, self._scorer.digest, calibration, float(self.keep)
        )

    def setup(self) -> None:
        """Loads model and calibration; later calls do nothing."""
        _ = self._scorer, self._calibration

    def detect(self, batch: TextBatch) -> Evidence:
        """One span a row with a small p-value, and how many rows each stratum has; see above."""
        scored = self._scorer.score(batch)
        ranked, counts = self._ranked(batch, scored)
        abstained = {row: str(reason) for row, reason in scored.reasons.items()}
        for row in np.flatnonzero(~np.isnan(scored.scores)).tolist():
            if row not in ranked:
                abstained[row] = str(Abstained.NOT_CALIBRATED)
        spans = [
            self._span(row, scored, found)
            for row, found in sorted(ranked.items())
            if found.p <= self.keep
        ]
        return Evidence.of(spans, abstained, counts, _by_stratum(ranked))

    @cached_property
    def _scorer(self) -> Scorer:
        return load_scorer(self.model)

    @cached_property
    def _calibration(self) -> Calibration | None:
        if self.calibration is None:
            return None
        read = Calibration.read(self.calibration)
        made_by = (read.manifest.detector_version, read.manifest.folded_chars)
        other = {
            "another model": read.manifest.model != self._scorer.digest,
            "another version of the detector": made_by != (self.version, FOLDED_CHARS),
        }
        if named := [what for what, differs in other.items() if differs]:
            mended = remedies(self.calibration, read.manifest, self.model, self._scorer)
            raise StyleError(
                f"calibration {self.calibration} was calibrated with {' and '.join(named)}: "
                f"{mended}"
            )
        if isinstance(self._scorer, StyleModel) and not _is_measured(read):
            raise StyleError(
                f"calibration {self.calibration} has other measures than the model compares: make "
                "it anew with `scrubtrace style calibrate`"
            )
        return read

    def _ranked(self, batch: TextBatch, scored: Scored) -> tuple[dict[int, Ranked], Counter[str]]:
        """The rank of each row that has one, and how many rows were judged in which stratum."""
        groups: dict[int, tuple[Calibrated, list[int]]] = {}
        others: list[int] = []
        sources = batch.sources or (None,) * len(batch)
        for row in np.flatnonzero(~np.isnan(scored.scores)).tolist():
            words = int(scored.words[row])
            found = self._find(batch.languages[row], sources[row], words)
            if found is None:
                others.append(row)
            else:
                groups.setdefault(id(found), (found, []))[1].append(row)
        counts: Counter[str] = Counter()
        ranked = self._ranked_by_model(batch, scored, others, counts)
        for stratum, rows in groups.values():
            ranked |= _ranked_in(stratum, scored, rows, counts)
        return ranked, counts

    def _find(self, language: str, source: str | None, words: int) -> Calibrated | None:
        """The stratum of a row, if its p-values can be small enough to be kept."""
        found = self._calibration.find(language, source, words) if self._calibration else None
        return found if found and smallest_p(found.n) <= self.keep else None

    def _ranked_by_model(
        self, batch: TextBatch, scored: Scored, rows: list[int], counts: Counter[str]
    ) -> dict[int, Ranked]:
        """Rows without calibration among the model's own human rows; none if it has none."""
        if not rows or not isinstance(self._scorer, HasReference):
            return {}
        languages = [batch.languages[row] for row in rows]
        shares = self._scorer.reference_percentile(scored.scores[rows], languages)
        known = [(row, share) for row, share in zip(rows, shares, strict=True) if share == share]
        counts.update(f"{batch.languages[row]}{NOT_CALIBRATED_SUFFIX}" for row, _ in known)
        return {row: Ranked(1.0 - float(share), None, 1.0) for row, share in known}

    def _span(self, row: int, scored: Scored, found: Ranked) -> Span:
        value = json.dumps(_about(row, scored, found), ensure_ascii=False)
        return Span(row, SIGNAL, CATEGORY, Strength.WEAK, Use.ASSERTED, score=found.p, value=value)


def _by_stratum(ranked: Mapping[int, Ranked]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row, rank in ranked.items():
        if rank.stratum:
            found.setdefault(rank.stratum.stratum.name, []).append(row)
    return found


def _ranked_in(
    found: Calibrated, scored: Scored, rows: list[int], counts: Counter[str]
) -> dict[int, Ranked]:
    like = found.typical.p_values(measures(scored.covariates[rows], scored.words[rows]))
    ranks = p_values(scored.scores[rows], found.scores)
    counts[found.stratum.name] += len(rows)
    counts[RankedAmong(found.stratum.name, found.n).name] += len(rows)
    if unlike := int((like <= UNLIKE).sum()):
        counts[found.stratum.name + UNLIKE_SUFFIX] += unlike
    bins = np.minimum(np.ceil(ranks * P_BINS - 1e-9).astype(int) - 1, P_BINS - 1)
    counts.update(PValueCount(found.stratum.name, int(number)).name for number in bins)
    counts.update(kind_counts(found, scored.covariates[rows], scored.covariate_names))
    columns = zip(rows, ranks.tolist(), like.tolist(), strict=True)
    return {row: Ranked(p, found, typicality) for row, p, typicality in columns}


def _about(row: int, scored: Scored, found: Ranked) -> dict[str, Any]:
    """What is known of one rank, for programs and people."""
    stratum = found.stratum
    reasons = scored.explain(row, stratum.human if stratum else None)[:SHOWN_REASONS]
    about: dict[str, Any] = {
        "raw_score": round(float(scored.scores[row]), 6),
        "stratum": stratum.stratum.name if stratum else None,
        "calibrated": stratum is not None,
        "alike": stratum is not None and found.typicality > UNLIKE,
        "n": stratum.n if stratum else None,
        "words": int(scored.words[row]),
        "reasons": [_plain(reason) for reason in reasons],
    }
    if stratum:
        about["smallest_p"] = smallest_p(stratum.n)
        about["typicality"] = found.typicality
    return about


def _is_measured(calibration: Calibration) -> bool:
    """Whether a calibration has what this version measures."""
    humans = ((entry.stratum.language, entry.human) for entry in calibration.strata)
    return calibration.manifest.covariates == COVARIATES and all(
        human is not None and human.values.shape[1] == len(measures_of(language))
        for language, human in humans
    )


def _plain(reason: Reason) -> dict[str, Any]:
    numbers = {"value": reason.value, "percentile": reason.percentile, "z": reason.z}
    about = {name: round(value, 6) for name, value in numbers.items() if value is not None}
    words = {"words": reason.words} if reason.words else {}
    return {"feature": reason.feature, "whose": reason.whose} | about | words
