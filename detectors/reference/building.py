"""Building an index: segments of reference texts, and the manifest with the calibration.

References are analysed as they come; a segment is written whenever its shingles fill
`SEGMENT_SHINGLES`, so that memory does not grow with the number of references.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.reference.index import (
    MANIFEST,
    SEGMENTS,
    ReferenceIndex,
)
from scrubtrace.detectors.reference.segments import UNFINISHED, write_segment
from scrubtrace.detectors.reference.shingles import LEAST_WORDS, Analysed, Shingles, analyse
from scrubtrace.detectors.reference.tokens import tokens_version
from scrubtrace.detectors.reference.trusted import thresholds
from scrubtrace.schemas.references import REFERENCES, Manifest, Part, Segment

SEGMENT_SHINGLES = 12_000_000
"""Most shingles of a segment, before sampling; sorting them takes 400 MB."""

SEGMENT_TEXTS = 1 << 20
BATCH_TEXTS = 512


class Reference(NamedTuple):
    """One text of known model traffic; see `REFERENCES`."""

    source: str
    part: str
    text: str
    model: str | None = None
    task: str | None = None
    created_at: str | None = None


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


def finish(path: Path, manifest: Manifest) -> Manifest:
    """Calibrates an index whose files are written, and writes its manifest last of all."""
    manifest = manifest.calibrated(())
    manifest = manifest.calibrated(thresholds(ReferenceIndex(str(path), manifest)))
    write_manifest(path, manifest)
    return manifest


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Replaces the manifest in one step, as soon as the new one is on disk."""
    descriptor, unfinished = tempfile.mkstemp(prefix=UNFINISHED, dir=path)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(manifest.to_json())
            file.flush()
            os.fsync(file.fileno())
        os.chmod(unfinished, 0o644)
        os.replace(unfinished, path / MANIFEST)
    except BaseException:
        os.unlink(unfinished)
        raise


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
    return Manifest(basis, scale, tokens_version())


def extended(manifest: Manifest, writer: SegmentWriter) -> Manifest:
    """The manifest with the segments that were written, and all counts."""
    counts = Counter(manifest.counts) + writer.counts
    segments = {entry.digest: entry for entry in (*manifest.segments, *writer.segments)}
    return replace(manifest, segments=tuple(segments.values()), counts=dict(sorted(counts.items())))


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
