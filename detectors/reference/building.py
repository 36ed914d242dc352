"""Building an index: segments of reference texts, trusted rows, and the calibration.

References are analysed as they come; a segment is written whenever its shingles fill
`SEGMENT_SHINGLES`, so that memory does not grow with the number of references.
"""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.reference.calibration import calibrate
from scrubtrace.detectors.reference.index import (
    BACKGROUND_FILES,
    BACKGROUNDS,
    MANIFEST,
    ROWS,
    SEGMENTS,
    TOKENS_VERSION,
    Background,
    ReferenceIndex,
)
from scrubtrace.detectors.reference.matching import Matcher
from scrubtrace.detectors.reference.segments import (
    UNFINISHED,
    ReferenceIndexError,
    digest_of,
    write_segment,
)
from scrubtrace.detectors.reference.shingles import Analysed, Shingles, analyse
from scrubtrace.detectors.reference.tokens import Words
from scrubtrace.schemas.references import REFERENCES, Manifest, Part, Segment

SEGMENT_SHINGLES = 12_000_000
"""Most shingles of a segment, before sampling; sorting them takes 400 MB."""

SEGMENT_TEXTS = 1 << 20
BATCH_TEXTS = 512
LEAST_WORDS = 12
"""Shorter texts are left out: what has fewer words is said by many without a source."""


class Reference(NamedTuple):
    """One text of known model traffic; see `REFERENCES`."""

    source: str
    part: str
    text: str
    model: str | None = None
    task: str | None = None
    created_at: str | None = None


class Trusted(NamedTuple):
    """One row that is known to be by a human: its text, language, and where it is from."""

    text: str
    language: str
    place: str


@dataclass
class SegmentWriter:
    """Takes references and writes them as segments of an index at ``path``.

    ``known`` holds digests of texts that are in the index (`known_as`): a text comes in once as a
    completion and once as a prompt. ``counts`` says
    what was left out. ``told`` is called with the number of texts taken, from time to time.
    """

    path: Path
    scale: int
    known: set[int] = field(default_factory=set)
    told: Callable[[int], None] | None = None
    counts: Counter[str] = field(default_factory=Counter)
    segments: list[Segment] = field(default_factory=list)
    _texts: list[pa.RecordBatch] = field(default_factory=list)
    _analysed: list[Analysed] = field(default_factory=list)

    def add(self, references: Iterable[Reference]) -> None:
        """Takes all the references; each ends in a segment or in ``counts``."""
        waiting: list[Reference] = []
        for reference in references:
            waiting.append(reference)
            if len(waiting) == BATCH_TEXTS:
                self._take(waiting)
                waiting = []
        if waiting:
            self._take(waiting)
        self._flush()

    def _take(self, references: list[Reference]) -> None:
        found = analyse(TextBatch([reference.text for reference in references]))
        kept = []
        for place, reference in enumerate(references):
            if reason := self._left_out(reference, found, place):
                self.counts[reason] += 1
            else:
                self.known.add(known_as(int(found.digests[place]), reference.part))
                self.counts[f"{reference.part}s"] += 1
                kept.append(place)
        columns = zip(*(references[place] for place in kept), strict=True)
        arrays = [pa.array(c, f.type) for c, f in zip(columns, REFERENCES, strict=False)]
        if kept:
            self._texts.append(pa.RecordBatch.from_arrays(arrays, schema=REFERENCES))
            self._analysed.append(_chosen(found, kept))
        if self.told:
            self.told(len(references))
        shingles = sum(len(part.shingles.hashes) for part in self._analysed)
        texts = sum(len(part.shingles) for part in self._analysed)
        if shingles >= SEGMENT_SHINGLES or texts >= SEGMENT_TEXTS:
            self._flush()

    def _left_out(self, reference: Reference, found: Analysed, place: int) -> str | None:
        if not reference.text.strip():
            return "empty"
        if found.words[place] < LEAST_WORDS:
            return "too_short"
        is_known = known_as(int(found.digests[place]), reference.part) in self.known
        return "repeated" if is_known else None

    def _flush(self) -> None:
        if self._texts:
            analysed = _joined(self._analysed)
            self._analysed = []
            segment = write_segment(self.path / SEGMENTS, self._texts, analysed, self.scale)
            self.segments.append(segment)
            self._texts = []


def write_background(path: Path, rows: Iterable[Trusted], counts: Counter[str]) -> str:
    """Writes the trusted rows of an index and gives their digest; their texts are not kept.

    Rows of the same words count once, and rows that are too short to be judged do not count;
    ``counts`` says how many. Raises `ReferenceIndexError` if no row is left. Takes some 8 bytes of
    memory a word.
    """
    hashes: list[Words] = []
    about: dict[str, list[str]] = {"languages": [], "places": []}
    digests: set[int] = set()
    for batch in _batches(rows):
        found = analyse(TextBatch([row.text for row in batch]))
        for place, row in enumerate(batch):
            digest = int(found.digests[place])
            if found.words[place] < LEAST_WORDS or digest in digests:
                counts["trusted_repeated" if digest in digests else "trusted_too_short"] += 1
                continue
            digests.add(digest)
            hashes.append(found.shingles.of(place))
            about["languages"].append(row.language)
            about["places"].append(row.place)
    if not hashes:
        raise ReferenceIndexError(f"no trusted row has {LEAST_WORDS} words or more")
    joined = np.concatenate(hashes)
    keys, found_in = np.unique(joined, return_counts=True)
    arrays: dict[str, Any] = {
        "keys": keys,
        "counts": found_in.astype(np.uint32),
        "hashes": joined,
        "bounds": np.cumsum([0, *(len(row) for row in hashes)]),
        "digests": np.array(sorted(digests), np.uint64),
    }
    return _write_rows(path / BACKGROUNDS, arrays, about)


def _write_rows(folder: Path, arrays: dict[str, Any], about: dict[str, list[str]]) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder))
    for name, array in arrays.items():
        np.save(unfinished / f"{name}.npy", array, allow_pickle=False)
    (unfinished / ROWS).write_text(json.dumps(about), encoding="utf-8")
    digest = digest_of(unfinished, BACKGROUND_FILES)
    if (folder / digest).exists():
        shutil.rmtree(unfinished)
    else:
        unfinished.chmod(0o755)
        unfinished.rename(folder / digest)
    return digest


def scores_of(index: ReferenceIndex, background: Background) -> "np.typing.NDArray[np.float64]":
    """The score of each trusted row with the reference it resembles most; 0 without a match."""
    matcher = Matcher(index)
    scores = np.zeros(background.rows)
    for first in range(0, background.rows, BATCH_TEXTS):
        bounds = np.asarray(background.bounds[first : first + BATCH_TEXTS + 1])
        part = Shingles(np.asarray(background.hashes[bounds[0] : bounds[-1]]), bounds - bounds[0])
        for match in matcher.matches(part, leave_out=1):
            scores[first + match.row] = match.score
    return scores


def finish(path: Path, manifest: Manifest) -> Manifest:
    """Calibrates an index whose files are written, and writes its manifest last of all."""
    index = ReferenceIndex(str(path), manifest.calibrated(()))
    if index.background is not None:
        scores = scores_of(index, index.background)
        manifest = manifest.calibrated(tuple(calibrate(scores, index.background.languages)))
    write_manifest(path, manifest)
    return manifest


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Replaces the manifest in one step."""
    unfinished = path / f".{MANIFEST}"
    unfinished.write_text(manifest.to_json(), encoding="utf-8")
    unfinished.replace(path / MANIFEST)


def known_as(digest: int, part: str) -> int:
    """What a text is known by: the digest of its words, another one for a prompt."""
    return digest ^ (part == Part.PROMPT)


def known_digests(index: ReferenceIndex) -> set[int]:
    """What all reference texts are known by."""
    known: set[int] = set()
    for segment in index.segments:
        parts = segment.texts.column("part").to_pylist()
        pairs = zip(segment.exact.tolist(), segment.exact_texts.tolist(), strict=True)
        known |= {known_as(digest, parts[number]) for digest, number in pairs}
    return known


def new_manifest(basis: str, scale: int) -> Manifest:
    """The manifest of an empty index."""
    return Manifest(basis, scale, TOKENS_VERSION)


def extended(manifest: Manifest, writer: SegmentWriter) -> Manifest:
    """The manifest with the segments that were written, and all counts."""
    counts = Counter(manifest.counts) + writer.counts
    segments = {entry.digest: entry for entry in (*manifest.segments, *writer.segments)}
    return replace(manifest, segments=tuple(segments.values()), counts=dict(sorted(counts.items())))


def _batches(rows: Iterable[Trusted]) -> Iterable[list[Trusted]]:
    batch: list[Trusted] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH_TEXTS:
            yield batch
            batch = []
    if batch:
        yield batch


def _chosen(found: Analysed, kept: Sequence[int]) -> Analysed:
    parts = [found.shingles.of(place) for place in kept]
    bounds = np.cumsum([0, *(len(part) for part in parts)])
    shingles = Shingles(np.concatenate(parts), bounds)
    return Analysed(shingles, found.digests[kept], found.words[kept], found.masks[kept])


def _joined(parts: Sequence[Analysed]) -> Analysed:
    """Texts of several batches as those of one."""
    before = np.cumsum([0, *(len(part.shingles.hashes) for part in parts)])
    bounds = [part.shingles.bounds[:-1] + at for part, at in zip(parts, before, strict=False)]
    hashes = np.concatenate([part.shingles.hashes for part in parts])
    shingles = Shingles(hashes, np.append(np.concatenate(bounds), before[-1]))
    return Analysed(
        shingles,
        np.concatenate([part.digests for part in parts]),
        np.concatenate([part.words for part in parts]),
        np.concatenate([part.masks for part in parts]),
    )
