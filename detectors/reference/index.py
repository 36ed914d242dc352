"""An opened reference index: manifest, segments, and how common shingles are."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from scrubtrace.detectors.reference.copies import cache_folder, copy, is_remote, read
from scrubtrace.detectors.reference.segments import FILES, OpenSegment, ReferenceIndexError
from scrubtrace.detectors.reference.tokens import Numbers, Words, tokens_version
from scrubtrace.schemas.references import Manifest, Part

MANIFEST = "index.json"
SEGMENTS = "segments"
BACKGROUNDS = "backgrounds"
ROWS = "rows.json"
ARRAYS = ("bounds", "counts", "digests", "hashes", "keys")
BACKGROUND_FILES = (*(f"{name}.npy" for name in ARRAYS), ROWS)
SAME_TASK = 16
"""References of one task that a text is compared with."""


@dataclass(frozen=True)
class Background:
    """Trusted human rows: how many have each shingle, and the shingles of the negatives.

    ``keys`` and ``counts`` are about all rows; ``hashes`` and ``bounds`` are the shingles of each
    negative, ``digests`` (sorted) those of their words, ``languages``, ``places`` and ``tasks`` its
    language, where it came from and what it answers.
    """

    keys: Words
    counts: "np.typing.NDArray[np.uint32]"
    hashes: Words
    bounds: Numbers
    digests: Words
    languages: Sequence[str]
    places: Sequence[str]
    tasks: Sequence[str | None]

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
    """An opened reference index: opening it reads the manifest and maps the files.

    Files of an index on a Beam file system are copied to ``cache`` first, those that are not there
    (see `copies`). ``manifest`` stands for the one at ``path`` while an index is built. Raises
    `ReferenceIndexError` for an index that is unfinished, damaged or of another version, or that
    cannot be copied.
    """

    def __init__(
        self, path: str, manifest: Manifest | None = None, cache: str | None = None
    ) -> None:
        self.manifest = read_manifest(path) if manifest is None else manifest
        self.path = _copied(path, self.manifest, cache) if is_remote(path) else Path(path)
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

    def map_files(self) -> None:
        """Maps every file now: what is removed or replaced later does not matter any more."""
        for segment in self.segments:
            segment.map_files()
        _ = self.background

    def is_trusted(self, digest: int) -> bool:
        """Whether a trusted row has the words of this digest."""
        return self.background is not None and _has(self.background.digests, digest)

    def weigh(self, hashes: Words, leave_out: int = 0) -> Weights:
        """Weights of sorted distinct shingles, as if so many of the texts that have them were not.

        A trusted row is weighed without itself, like any other row.
        """
        texts = np.zeros(len(hashes), np.int64)
        for segment in self.segments:
            at, found = located(segment.keys, hashes)
            texts[found] += segment.offsets[at[found] + 1] - segment.offsets[at[found]]
        in_references = texts.copy()
        if self.background is not None:
            at, found = located(self.background.keys, hashes)
            texts[found] += self.background.counts[at[found]]
        texts = np.maximum(texts - leave_out, 0)
        information = math.log(self.texts + 1 - leave_out) - np.log(texts + 0.5)
        return Weights(np.maximum(information, 0.0) ** 2, texts, in_references)

    def reference(self, number: int) -> dict[str, Any]:
        """One reference text of all segments, by column."""
        which = int(np.searchsorted(self.firsts, number, "right")) - 1
        return self.segments[which].reference(number - int(self.firsts[which]))

    def of_task(self, task: str) -> list[int]:
        """Completions with this task id, at most `SAME_TASK`."""
        return self._tasks.get(task, [])

    def has_task(self, task: str | None) -> bool:
        """Whether a completion has this task id."""
        return task is not None and task in self._tasks

    @cached_property
    def _tasks(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for first, segment in zip(self.firsts.tolist(), self.segments, strict=False):
            parts = segment.texts.column("part").to_pylist()
            tasks = segment.texts.column("task").to_pylist()
            for number, (task, part) in enumerate(zip(tasks, parts, strict=True)):
                if task is None or part == Part.PROMPT:
                    continue
                if len(found.setdefault(task, [])) < SAME_TASK:
                    found[task].append(first + number)
        return found

    def verbatim(self, digest: int) -> int | None:
        """The first reference text with this digest of its words, completions before prompts."""
        prompt = None
        for first, segment in zip(self.firsts.tolist(), self.segments, strict=False):
            begin = int(np.searchsorted(segment.exact, np.uint64(digest), "left"))
            end = int(np.searchsorted(segment.exact, np.uint64(digest), "right"))
            for number in segment.exact_texts[begin:end].tolist():
                if segment.reference(number)["part"] == Part.COMPLETION:
                    return int(first + number)
                prompt = int(first + number) if prompt is None else prompt
        return prompt


def _has(digests: Words, digest: int) -> bool:
    at = int(np.searchsorted(digests, np.uint64(digest)))
    return at < len(digests) and int(digests[at]) == digest


def located(keys: Words, hashes: Words) -> "tuple[Numbers, np.typing.NDArray[np.bool_]]":
    """Where hashes stand in sorted keys, and which of them do."""
    at = np.searchsorted(keys, hashes)
    found = np.zeros(len(hashes), np.bool_)
    inside = at < len(keys)
    found[inside] = keys[at[inside]] == hashes[inside]
    return at, found


def _copied(path: str, manifest: Manifest, cache: str | None) -> Path:
    """The folder with copies of all files that the manifest names; raises `ReferenceIndexError`."""
    folder = cache_folder(cache)
    for entry in manifest.segments:
        source = f"{path.rstrip('/')}/{SEGMENTS}/{entry.digest}"
        copy(source, folder / SEGMENTS / entry.digest, FILES)
    if digest := manifest.background:
        source = f"{path.rstrip('/')}/{BACKGROUNDS}/{digest}"
        copy(source, folder / BACKGROUNDS / digest, BACKGROUND_FILES)
    return folder


def read_manifest(path: str) -> Manifest:
    """The manifest of an index; raises `ReferenceIndexError`."""
    file = f"{path.rstrip('/')}/{MANIFEST}"
    try:
        manifest = Manifest.from_json(read(file).decode())
    except FileNotFoundError:
        raise ReferenceIndexError(
            f"{path} is no finished index: it has no {MANIFEST}; run scrubtrace index build"
        ) from None
    except (OSError, ValueError) as error:
        raise ReferenceIndexError(f"cannot read {file}: {error}") from None
    if manifest.tokens_version != tokens_version():
        raise ReferenceIndexError(
            f"{path} was built with words of version {manifest.tokens_version}, this is version "
            f"{tokens_version()} (the part behind the dot is that of OpenCC's tables): build the "
            "index again"
        )
    return manifest


def read_background(folder: Path) -> Background:
    """The trusted rows of an index; raises `ReferenceIndexError`."""
    try:
        bounds, counts, digests, hashes, keys = (
            np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ARRAYS
        )
        rows = json.loads((folder / ROWS).read_text(encoding="utf-8"))
        languages, places, tasks = rows["languages"], rows["places"], rows["tasks"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReferenceIndexError(
            f"cannot read the trusted rows in {folder} ({type(error).__name__}): build the index "
            "again"
        ) from None
    return Background(keys, counts, hashes, bounds, digests, languages, places, tasks)


def fingerprint(path: str) -> str:
    """Digest of what decides: equal where the same texts give the same evidence."""
    manifest = read_manifest(path)
    decides = replace(manifest, basis="", counts={})
    return hashlib.sha256(decides.to_json().encode()).hexdigest()[:16]
