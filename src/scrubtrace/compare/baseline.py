"""What batches are compared with: samples of the index and of trusted human rows.

Trusted rows are split by their digest. One half (`anchors`) says, with the references, which way of
writing is nearer to the model; the other half (`controls`) is compared with the batches. A row that
the index was calibrated on is no control: its shingles weigh less for that.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from scrubtrace.compare.measuring import LEAST_WORDS, Meter, Sample
from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.language import identify
from scrubtrace.detectors.reference.calibration import calibrate
from scrubtrace.detectors.reference.features import (
    Contrast,
    Features,
    Floats,
    contrast,
    counted,
    joined,
)
from scrubtrace.detectors.reference.index import ReferenceIndex
from scrubtrace.detectors.reference.shingles import analyse
from scrubtrace.detectors.reference.trusted import Trusted
from scrubtrace.schemas.references import Part, Stratum

REFERENCES = 20_000
ANCHORS = 4_000
CONTROLS = 10_000
"""Most references in all, and most trusted rows of each kind and language, that are kept."""

LEAST_TEXTS = 50
"""References, and anchors, of a language below which there is no contrast."""

HELD_OUT = 5
"""Every fifth reference is held out: with these it is said how much would have been seen."""

BATCH = 512


@dataclass
class Reservoir:
    """A sample of texts of bounded size, each as likely as any other (Vitter's algorithm R)."""

    most: int
    texts: list[str] = field(default_factory=list)
    met: int = 0

    def add(self, text: str, rng: random.Random) -> None:
        """Offers a text."""
        self.met += 1
        if len(self.texts) < self.most:
            self.texts.append(text)
        elif (place := rng.randrange(self.met)) < self.most:
            self.texts[place] = text


@dataclass(frozen=True)
class Baseline:
    """What rows are measured by, the controls of each language, and scores of references.

    ``held_out`` are scores of references that the contrast was not made of, less the mean of the
    controls of their length; by language.
    """

    meter: Meter
    controls: dict[str, Sample]
    held_out: dict[str, Floats]


def baseline(index: ReferenceIndex, trusted: Iterable[Trusted], seed: int) -> Baseline:
    """Reads the trusted rows once; at most `ANCHORS` and `CONTROLS` of a language are kept."""
    meter = Meter(index)
    rng = random.Random(seed)
    anchors, controls = _split(meter, trusted, rng)
    fitted, held_out = _contrasts(_references(index, rng), anchors)
    meter = Meter(index, _thresholds(meter, anchors), fitted)
    samples = {
        language: _sample(meter, kept.texts, language) for language, kept in controls.items()
    }
    held = {
        language: scores
        for language, texts in held_out.items()
        if language in samples
        and len(scores := _residuals(meter, samples[language], texts, language))
    }
    return Baseline(meter, samples, held)


def batches(rows: Iterable[Trusted]) -> Iterator[list[Trusted]]:
    """Rows, at most `BATCH` of them at a time."""
    waiting: list[Trusted] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == BATCH:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _split(
    meter: Meter, trusted: Iterable[Trusted], rng: random.Random
) -> tuple[dict[str, Reservoir], dict[str, Reservoir]]:
    """Anchors and controls of each language; a text that comes again is left out."""
    anchors: dict[str, Reservoir] = defaultdict(lambda: Reservoir(ANCHORS))
    controls: dict[str, Reservoir] = defaultdict(lambda: Reservoir(CONTROLS))
    seen: set[int] = set()
    for rows in batches(trusted):
        found = analyse(TextBatch([row.text for row in rows]))
        known = meter.trusted(found)
        for place, row in enumerate(rows):
            digest = int(found.digests[place])
            if digest not in seen and found.words[place] >= LEAST_WORDS:
                side = anchors if known[place] or digest & 1 else controls
                side[row.language].add(row.text, rng)
            seen.add(digest)
    return dict(anchors), dict(controls)


def _references(index: ReferenceIndex, rng: random.Random) -> dict[str, list[str]]:
    """Completions of the index by language, sampled and in random order."""
    numbers = list(range(index.manifest.references))
    texts: dict[str, list[str]] = defaultdict(list)
    for number in rng.sample(numbers, min(REFERENCES, len(numbers))):
        row = index.reference(number)
        if row["part"] == Part.COMPLETION:
            texts[identify(row["text"])].append(row["text"])
    return dict(texts)


def _contrasts(
    references: dict[str, list[str]], anchors: dict[str, Reservoir]
) -> tuple[dict[str, Contrast], dict[str, list[str]]]:
    """The contrast of each language that has texts enough, and the references held out of it."""
    fitted, held_out = {}, {}
    for language, texts in sorted(references.items()):
        own = anchors[language].texts if language in anchors else []
        kept = [text for place, text in enumerate(texts) if place % HELD_OUT]
        if min(len(kept), len(own)) >= LEAST_TEXTS:
            fitted[language] = contrast(_features(kept), _features(own))
            held_out[language] = texts[::HELD_OUT]
    return fitted, held_out


def _features(texts: list[str]) -> Features:
    pieces = range(0, len(texts), BATCH)
    return joined([counted(TextBatch(texts[first : first + BATCH])) for first in pieces])


def _thresholds(meter: Meter, anchors: dict[str, Reservoir]) -> dict[str | None, Stratum]:
    """The thresholds of the index; of languages for which it has none, those of the anchors."""
    of_index = (stratum for stratum in meter.index.manifest.strata if not stratum.same_task)
    strata = {stratum.language: stratum for stratum in of_index}
    lacking = {language: kept for language, kept in anchors.items() if language not in strata}
    if lacking:
        pairs = [(language, text) for language, kept in lacking.items() for text in kept.texts]
        languages, texts = zip(*pairs, strict=True)
        scores = [
            meter.match_scores(texts[first : first + BATCH])
            for first in range(0, len(texts), BATCH)
        ]
        strata |= {found.language: found for found in calibrate(np.concatenate(scores), languages)}
    return strata


def _sample(meter: Meter, texts: list[str], language: str) -> Sample:
    sample = Sample()
    for first in range(0, len(texts), BATCH):
        sample.take(meter.measure(texts[first : first + BATCH], language))
    return sample


def _residuals(meter: Meter, controls: Sample, texts: list[str], language: str) -> Floats:
    own = _sample(meter, texts, language)
    return np.array(
        [
            score - np.mean(controls.scores[stratum])
            for stratum, scores in sorted(own.scores.items())
            if controls.size(stratum)
            for score in scores
        ]
    )
