"""Trusted human rows of an index: how they are kept, and the thresholds that they set."""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.reference.calibration import (
    LEAST_NEGATIVES,
    calibrate,
    calibrate_same_task,
)
from scrubtrace.detectors.reference.index import (
    BACKGROUND_FILES,
    BACKGROUNDS,
    ROWS,
    Background,
    ReferenceIndex,
)
from scrubtrace.detectors.reference.matching import Matcher
from scrubtrace.detectors.reference.segments import (
    UNFINISHED,
    ReferenceIndexError,
    digest_of,
)
from scrubtrace.detectors.reference.shingles import LEAST_WORDS, Shingles, analyse
from scrubtrace.detectors.reference.spilling import ValueCounts, growing_array
from scrubtrace.schemas.references import Stratum

BATCH_TEXTS = 512


class Trusted(NamedTuple):
    """One row that is known to be by a human: text, language, where it is from, and its task."""

    text: str
    language: str
    place: str
    task: str | None = None


@dataclass
class _Kept:
    """What stays in memory of the rows that count: a few words and numbers each."""

    languages: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    tasks: list[str | None] = field(default_factory=list)
    digests: set[int] = field(default_factory=set)
    bounds: list[int] = field(default_factory=lambda: [0])

    def add(self, row: Trusted, digest: int, shingles: int) -> None:
        """Takes a row with so many shingles."""
        self.languages.append(row.language)
        self.places.append(row.place)
        self.tasks.append(row.task)
        self.digests.add(digest)
        self.bounds.append(self.bounds[-1] + shingles)


def write_background(path: Path, rows: Iterable[Trusted], counts: Counter[str]) -> str:
    """Writes the trusted rows of an index and gives their digest; their texts are not kept.

    Rows of the same words count once, and rows that are too short to be judged do not count;
    ``counts`` says how many. Raises `ReferenceIndexError` if no row is left. Shingles go to the
    disk as they come, 16 to 24 bytes each with those that are sorted; memory grows with the names
    of the rows only.
    """
    folder = path / BACKGROUNDS
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder))
    try:
        kept = _write_shingles(unfinished, rows, counts)
        if not kept.digests:
            raise ReferenceIndexError(f"no trusted row has {LEAST_WORDS} words or more")
        for name, values in (
            ("bounds", np.array(kept.bounds, np.int64)),
            ("digests", np.array(sorted(kept.digests), np.uint64)),
        ):
            np.save(unfinished / f"{name}.npy", values, allow_pickle=False)
        about = {"languages": kept.languages, "places": kept.places, "tasks": kept.tasks}
        (unfinished / ROWS).write_text(json.dumps(about), encoding="utf-8")
        digest = digest_of(unfinished, BACKGROUND_FILES)
        if not (folder / digest).exists():
            unfinished.chmod(0o755)
            unfinished.rename(folder / digest)
        return digest
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write_shingles(folder: Path, rows: Iterable[Trusted], counts: Counter[str]) -> _Kept:
    """Writes the shingles of each row, then all of them with how many rows have them."""
    kept = _Kept()
    runs = folder / "runs"
    runs.mkdir()
    met = ValueCounts(runs)
    with growing_array(folder / "hashes.npy", np.uint64) as append:
        rest = iter(rows)
        while batch := list(islice(rest, BATCH_TEXTS)):
            found = analyse(TextBatch([row.text for row in batch]))
            for place, row in enumerate(batch):
                digest = int(found.digests[place])
                if found.words[place] < LEAST_WORDS or digest in kept.digests:
                    is_known = digest in kept.digests
                    counts["trusted_repeated" if is_known else "trusted_too_short"] += 1
                    continue
                own = found.shingles.of(place)
                kept.add(row, digest, len(own))
                append(own)
                met.add(own)
    with (
        growing_array(folder / "keys.npy", np.uint64) as append_keys,
        growing_array(folder / "counts.npy", np.uint32) as append_counts,
    ):
        for values, rows_with in met.merged():
            append_keys(values)
            append_counts(rows_with)
    shutil.rmtree(runs)
    return kept


def thresholds(index: ReferenceIndex) -> tuple[Stratum, ...]:
    """The strata that the trusted rows of an index give, each row scored without itself.

    Rows whose task is in the index give strata of their own, too, where they are enough: there they
    are compared with the answers to their task, as rows that are judged are.
    """
    background = index.background
    if background is None:
        return ()
    strata = calibrate(scores_of(index, background), background.languages)
    answering = np.array([index.has_task(task) for task in background.tasks], np.bool_)
    if answering.sum() >= LEAST_NEGATIVES:
        scores = scores_of(index, background, background.tasks)[answering]
        languages = np.array(background.languages)[answering].tolist()
        strata += calibrate_same_task(scores, languages)
    return tuple(strata)


def scores_of(
    index: ReferenceIndex, background: Background, tasks: Sequence[str | None] = ()
) -> "np.typing.NDArray[np.float64]":
    """The score of each trusted row with the reference it resembles most; 0 without a match.

    With ``tasks``, one a row, rows are compared with the answers to their task, too.
    """
    matcher = Matcher(index)
    scores = np.zeros(background.rows)
    for first, part in _parts(background):
        own = tasks[first : first + BATCH_TEXTS]
        for match in matcher.matches(part, own, leave_out=1):
            scores[first + match.row] = match.score
    return scores


def _parts(background: Background) -> Iterator[tuple[int, Shingles]]:
    for first in range(0, background.rows, BATCH_TEXTS):
        bounds = np.asarray(background.bounds[first : first + BATCH_TEXTS + 1])
        hashes = np.asarray(background.hashes[bounds[0] : bounds[-1]])
        yield first, Shingles(hashes, bounds - bounds[0])
