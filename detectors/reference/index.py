"""An opened reference index: manifest, segments, and how common shingles are."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from scrubtrace.detectors.reference.segments import OpenSegment, ReferenceIndexError
from scrubtrace.detectors.reference.tokens import Numbers, Words
from scrubtrace.schemas.references import Manifest

MANIFEST = "index.json"
SEGMENTS = "segments"
BACKGROUNDS = "backgrounds"
SAME_TASK = 16
"""References of one task that a text is compared with."""

TOKENS_VERSION = "1"
"""Version of words and shingles; an index of another one is refused."""


@dataclass(frozen=True)
class Background:
    """Trusted human rows: how many have each shingle, and the shingles of the negatives.

    ``keys`` and ``counts`` are about all rows; ``hashes`` and ``bounds`` are the shingles of each
    negative, ``languages`` and ``places`` its language and where it came from.
    """

    keys: Words
    counts: "np.typing.NDArray[np.uint32]"
    hashes: Words
    bounds: Numbers
    languages: Sequence[str]
    places: Sequence[str]

    @property
    def rows(self) -> int:
        """Number of negatives."""
        return len(self.bounds) - 1


@dataclass(frozen=True)
class Weights:
    """What shingles weigh, and in how many reference texts each of them is.

    The weight is the square of ln((N + 1) / (n + 1/2)), for n of N texts that have it, references
    and trusted rows together.
    """

    weights: "np.typing.NDArray[np.float64]"
    texts: Numbers
    in_references: Numbers


class ReferenceIndex:
    """A reference index on a local disk; opening it reads the manifest and maps the files.

    Raises `ReferenceIndexError` for an index that is unfinished, damaged or of another version.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.manifest = read_manifest(self.path)
        self.segments = [
            OpenSegment(self.path / SEGMENTS / entry.digest, entry)
            for entry in self.manifest.segments
        ]
        self.firsts = np.cumsum([0, *(entry.references for entry in self.manifest.segments)])

    @cached_property
    def background(self) -> Background | None:
        """The trusted human rows; None if the index was built without any."""
        digest = self.manifest.background
        return None if digest is None else read_background(self.path / BACKGROUNDS / digest)

    @property
    def texts(self) -> int:
        """Texts that the weights rest on: references and trusted rows."""
        return self.manifest.references + (self.background.rows if self.background else 0)

    def weigh(self, hashes: Words) -> Weights:
        """Weights of sorted distinct shingles."""
        texts = np.zeros(len(hashes), np.int64)
        for segment in self.segments:
            at, found = located(segment.keys, hashes)
            texts[found] += segment.offsets[at[found] + 1] - segment.offsets[at[found]]
        in_references = texts.copy()
        if self.background is not None:
            at, found = located(self.background.keys, hashes)
            texts[found] += self.background.counts[at[found]]
        information = math.log(self.texts + 1) - np.log(texts + 0.5)
        return Weights(np.maximum(information, 0.0) ** 2, texts, in_references)

    def reference(self, number: int) -> dict[str, Any]:
        """One reference text of all segments, by column."""
        which = int(np.searchsorted(self.firsts, number, "right")) - 1
        return self.segments[which].reference(number - int(self.firsts[which]))

    def of_task(self, task: str) -> list[int]:
        """Reference texts with this task id, at most `SAME_TASK`."""
        return self._tasks.get(task, [])

    @cached_property
    def _tasks(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for first, segment in zip(self.firsts.tolist(), self.segments, strict=False):
            for number, task in enumerate(segment.texts.column("task").to_pylist()):
                if task is not None and len(found.setdefault(task, [])) < SAME_TASK:
                    found[task].append(first + number)
        return found

    def verbatim(self, digest: int) -> int | None:
        """The first reference text with this digest of its words."""
        for first, segment in zip(self.firsts.tolist(), self.segments, strict=False):
            at = int(np.searchsorted(segment.exact, np.uint64(digest)))
            if at < len(segment.exact) and int(segment.exact[at]) == digest:
                return int(first + segment.exact_texts[at])
        return None


def located(keys: Words, hashes: Words) -> "tuple[Numbers, np.typing.NDArray[np.bool_]]":
    """Where hashes stand in sorted keys, and which of them do."""
    at = np.searchsorted(keys, hashes)
    found = np.zeros(len(hashes), np.bool_)
    inside = at < len(keys)
    found[inside] = keys[at[inside]] == hashes[inside]
    return at, found


def read_manifest(path: Path) -> Manifest:
    """The manifest of an index; raises `ReferenceIndexError`."""
    file = path / MANIFEST
    try:
        manifest = Manifest.from_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReferenceIndexError(
            f"{path} is no finished index: it has no {MANIFEST}; run scrubtrace index build"
        ) from None
    except (OSError, ValueError) as error:
        raise ReferenceIndexError(f"cannot read {file}: {error}") from None
    if manifest.tokens_version != TOKENS_VERSION:
        raise ReferenceIndexError(
            f"{path} was built with words of version {manifest.tokens_version}, this is version "
            f"{TOKENS_VERSION}: build the index again"
        )
    return manifest


def read_background(folder: Path) -> Background:
    """The trusted rows of an index; raises `ReferenceIndexError`."""
    try:
        keys, counts, hashes, bounds = (
            np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            for name in ("keys", "counts", "hashes", "bounds")
        )
        lines = (folder / "rows.tsv").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ReferenceIndexError(
            f"cannot read the trusted rows in {folder} ({type(error).__name__}): build the index "
            "again"
        ) from None
    languages, places = zip(*(line.split("\t", 1) for line in lines), strict=True)
    return Background(keys, counts, hashes, bounds, languages, places)


def fingerprint(path: str) -> str:
    """Digest of the manifest: equal where the same texts give the same evidence."""
    return hashlib.sha256(read_manifest(Path(path)).to_json().encode()).hexdigest()[:16]
