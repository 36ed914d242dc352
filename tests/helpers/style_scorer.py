"""A style model for tests: the share of "moreover" in a text, and a digest's noise below it."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from made_texts import VOCABULARY

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.style.calibration import calibration_bytes
from scrubtrace.detectors.style.folding import FOLDED_CHARS
from scrubtrace.detectors.style.scorer import Floats, HumanMeasures, Measured, Reason, Scored
from scrubtrace.detectors.style.strata import HumanRows, calibrated
from scrubtrace.schemas.style import CalibrationManifest
from scrubtrace.schemas.vocabulary import Abstained

LEAST_WORDS = 5
NAMES = ("word_length", "digits")
NOISE = 0.1


@dataclass(frozen=True)
class _Explained(Scored):
    def measured_of(self, rows: Sequence[int]) -> Measured | None:
        return self.covariates[list(rows)]

    def explain(self, row: int, human: HumanMeasures | None = None) -> Sequence[Reason]:
        length = float(self.covariates[row, 0])
        share = float(human.shares_below(self.covariates[row])[0]) if human else None
        longer = {"higher": "words are longer", "lower": "words are shorter"}
        return [
            Reason("word_length", length, share, whose=human.whose if human else "model", **longer),
            Reason("burstiness", 0.2, 0.03),
            Reason("x", 1.0),
        ]


@dataclass(frozen=True)
class FakeScorer:
    """Scores by a word; ``shares`` by language rank texts without calibration."""

    digest: str = "model-1"
    languages: frozenset[str] = field(default=frozenset({"en", "zh"}))

    def score(self, batch: TextBatch) -> Scored:
        words = np.array([len(text.split()) for text in batch.texts], np.int64)
        scores = np.array([_score(text) for text in batch.texts], np.float64)
        reasons: dict[int, str] = {}
        for row, count in enumerate(words.tolist()):
            if batch.languages[row] not in self.languages:
                reasons[row] = Abstained.LANGUAGE_NOT_COVERED
            elif count < LEAST_WORDS:
                reasons[row] = Abstained.TOO_SHORT
        scores[list(reasons)] = np.nan
        covariates = np.array([_covariates(text) for text in batch.texts], np.float32)
        return _Explained(scores, reasons, words, covariates.reshape(-1, 2), NAMES)


class RankingScorer(FakeScorer):
    """The same with human rows of its own, in English."""

    def reference_percentile(self, scores: Floats, languages: Sequence[str]) -> Floats:
        shares = np.clip(scores / (2 * NOISE), 0, 1)
        return np.where(np.array(languages) == "en", shares, np.nan)


def _score(text: str) -> float:
    noise = int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48
    words = text.split()
    return NOISE * noise + words.count("moreover") / max(1, len(words))


def _covariates(text: str) -> tuple[float, float]:
    words = text.split() or [""]
    mean = sum(map(len, words)) / len(words)
    return mean, sum(char.isdigit() for char in text) / max(1, len(text))


def essay(seed: int, words: int = 60, moreover: int = 0, digits: bool = False) -> str:
    """A text of so many words, some of them "moreover"."""
    rng = random.Random(f"{seed} {words}")
    chosen = rng.choices(VOCABULARY, k=words - moreover) + ["moreover"] * moreover
    if digits:
        chosen = [w if w == "moreover" else str(rng.randrange(10**6)) for w in chosen]
    return " ".join(chosen)


def manifest_of(**changes: object) -> CalibrationManifest:
    """A manifest without strata."""
    from scrubtrace.detectors.style.detector import Stylometry  # a worker replaces its scorer first

    fields: dict[str, object] = {
        "model": "model-1",
        "origin": "made up for a test, all rows",
        "sampling": "all",
        "least_rows": 100,
        "covariates": NAMES,
        "strata": (),
        "sizes": (),
        "files": (),
        "command": ("human rows.parquet", "--out", "human.npz"),
        "detector_version": Stylometry.version,
        "folded_chars": FOLDED_CHARS,
    }
    return CalibrationManifest(**(fields | changes))  # type: ignore[arg-type]


def human_rows(texts: Sequence[str], language: str = "en", source: str = "") -> HumanRows:
    """Texts scored as human rows."""
    scored = FakeScorer().score(TextBatch(list(texts), [language] * len(texts)))
    covariates = scored.covariates.astype(np.float64)
    measured = scored.measured_of(range(len(texts)))
    return HumanRows(language, source, scored.scores, scored.words, covariates, measured)


def write_calibration(path: Path, n: int = 999, source: str = "", **changes: object) -> Path:
    """A calibration of one stratum for all lengths, on ``n`` texts of 40 to 79 words."""
    rows = human_rows([essay(seed, 40 + seed % 40) for seed in range(n)], source=source)
    strata = calibrated(rows, n)
    kinds = tuple(entry.stratum for entry in strata)
    manifest = manifest_of(strata=kinds, sizes=tuple(s.n for s in strata), **changes)
    path.write_bytes(calibration_bytes(manifest, strata))
    return path
