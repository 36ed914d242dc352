"""Segments: immutable, digest-named parts of an index, memory-mapped.

A segment has the distinct shingles of its reference texts as a sorted array, for each the texts
that have it (postings), a digest of the words of each text, and the texts themselves as Arrow.
Files are NumPy's own format, read without pickle, and Arrow IPC.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from scrubtrace.detectors.reference.shingles import Analysed
from scrubtrace.detectors.reference.tokens import Numbers, Words
from scrubtrace.schemas.references import REFERENCES, Part, Segment

KEYS, OFFSETS, POSTINGS = "keys.npy", "offsets.npy", "postings.npy"
SIZES, EXACT, EXACT_TEXTS = "sizes.npy", "exact.npy", "exact_texts.npy"
TEXTS = "texts.arrow"
FILES = (KEYS, OFFSETS, POSTINGS, SIZES, EXACT, EXACT_TEXTS, TEXTS)
HASHED_BYTES = 1 << 20
DIGEST_CHARS = 32
UNFINISHED = ".unfinished-"
"""How the names of folders begin that are being written."""


class ReferenceIndexError(ValueError):
    """An index that cannot be used: damaged, of another version, or unfinished."""


@dataclass(frozen=True)
class OpenSegment:
    """One segment, memory-mapped; raises `ReferenceIndexError` if a file is not as it was."""

    folder: Path
    segment: Segment

    def __post_init__(self) -> None:
        for name, size in self.segment.files.items():
            path = self.folder / name
            found = path.stat().st_size if path.exists() else None
            if found != size:
                problem = "is missing" if found is None else f"has {found} bytes, not {size}"
                raise ReferenceIndexError(f"{path} {problem}: restore it, or build the index again")

    @cached_property
    def keys(self) -> Words:
        """Sorted distinct shingles."""
        return self._array(KEYS)

    @cached_property
    def offsets(self) -> Numbers:
        """Where in ``postings`` the texts of each shingle begin; one more than keys."""
        return self._array(OFFSETS)

    @cached_property
    def postings(self) -> "np.typing.NDArray[np.uint32]":
        """Numbers of texts."""
        return self._array(POSTINGS)

    @cached_property
    def sizes(self) -> "np.typing.NDArray[np.uint32]":
        """Number of distinct shingles of each text."""
        return self._array(SIZES)

    @cached_property
    def exact(self) -> Words:
        """Sorted digests of the words of texts."""
        return self._array(EXACT)

    @cached_property
    def exact_texts(self) -> "np.typing.NDArray[np.uint32]":
        """The text of each entry of ``exact``."""
        return self._array(EXACT_TEXTS)

    @cached_property
    def texts(self) -> pa.Table:
        """The reference texts, with the columns of `REFERENCES`."""
        with pa.memory_map(str(self.folder / TEXTS)) as source:
            return pa.ipc.open_file(source).read_all()

    def map_files(self) -> None:
        """Maps every file now."""
        for array in (self.keys, self.offsets, self.postings, self.sizes, self.exact):
            _ = array
        _ = self.exact_texts, self.texts

    def reference(self, number: int) -> dict[str, Any]:
        """One reference text, by column."""
        row: dict[str, Any] = self.texts.slice(number, 1).to_pylist()[0]
        return row

    def _array(self, name: str) -> "np.typing.NDArray[Any]":
        array: np.typing.NDArray[Any] = np.load(
            self.folder / name, mmap_mode="r", allow_pickle=False
        )
        return array


def write_segment(
    segments: Path, texts: Sequence[pa.RecordBatch], analysed: Analysed, scale: int
) -> Segment:
    """Writes a segment and gives its entry for the manifest; the same input gives the same bytes.

    ``texts`` have the columns of `REFERENCES`, ``analysed`` is about them in order. Shingles above
    the limit of ``scale`` are left out. An unfinished segment is left under another name.
    """
    segments.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=segments))
    for name, array in _arrays(analysed, scale).items():
        np.save(folder / name, array, allow_pickle=False)
    with pa.OSFile(str(folder / TEXTS), "wb") as sink, pa.ipc.new_file(sink, REFERENCES) as writer:
        for batch in texts:
            writer.write_batch(batch)
    digest = digest_of(folder, FILES)
    parts = pa.Table.from_batches(texts, REFERENCES).column("part").to_pylist()
    segment = Segment(
        digest,
        len(parts),
        sum(part == Part.PROMPT for part in parts),
        int(np.load(folder / KEYS, mmap_mode="r").size),
        {name: (folder / name).stat().st_size for name in FILES},
    )
    if (segments / digest).exists():
        shutil.rmtree(folder)
    else:
        os.chmod(folder, 0o755)
        folder.rename(segments / digest)
    return segment


def _arrays(analysed: Analysed, scale: int) -> "dict[str, np.typing.NDArray[Any]]":
    shingles = analysed.shingles.sampled(scale)
    order = np.argsort(shingles.hashes, kind="stable")
    hashes = shingles.hashes[order]
    new = np.ones(len(hashes), np.bool_)
    new[1:] = hashes[1:] != hashes[:-1]
    firsts = np.flatnonzero(new)
    by_digest = np.argsort(analysed.digests, kind="stable")
    return {
        KEYS: hashes[firsts],
        OFFSETS: np.append(firsts, len(hashes)).astype(np.int64),
        POSTINGS: shingles.text[order].astype(np.uint32),
        SIZES: np.diff(shingles.bounds).astype(np.uint32),
        EXACT: analysed.digests[by_digest],
        EXACT_TEXTS: by_digest.astype(np.uint32),
    }


def digest_of(folder: Path, names: Sequence[str]) -> str:
    """Digest of files of a folder, their names included."""
    total = hashlib.sha256()
    for name in names:
        total.update(name.encode())
        with open(folder / name, "rb") as file:
            while piece := file.read(HASHED_BYTES):
                total.update(piece)
    return total.hexdigest()[:DIGEST_CHARS]
