"""Building and extending a reference index: one builder at a time, the manifest last of all."""

import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from scrubtrace import log
from scrubtrace.detectors.reference.building import (
    Reference,
    SegmentWriter,
    extended,
    finish,
    known_digests,
    new_manifest,
)
from scrubtrace.detectors.reference.copies import is_remote
from scrubtrace.detectors.reference.index import (
    BACKGROUNDS,
    MANIFEST,
    SEGMENTS,
    ReferenceIndex,
    read_manifest,
)
from scrubtrace.detectors.reference.segments import UNFINISHED, ReferenceIndexError
from scrubtrace.detectors.reference.trusted import Trusted, write_background
from scrubtrace.exits import UsageStop
from scrubtrace.lock import output_lock
from scrubtrace.resumable import resumable
from scrubtrace.schemas.references import Manifest

LINE_SECONDS = 10.0


@dataclass
class Told:
    """Says how many texts were taken: on one line of a terminal, else a line now and then."""

    quiet: bool
    done: int = 0
    started: float = field(default_factory=time.monotonic)
    shown: float = 0.0

    def __call__(self, texts: int) -> None:
        """Counts texts that were taken."""
        self.done += texts
        seconds = time.monotonic() - self.started
        waited = 0.2 if sys.stderr.isatty() else LINE_SECONDS
        if not self.quiet and seconds - self.shown >= waited:
            self.shown = seconds
            line = f"{self.done:,} reference texts, {self.done / seconds:,.0f} a second"
            if sys.stderr.isatty() and not log.is_json():
                sys.stderr.write(f"\r{line}")
            else:
                log.tell("indexing", line, texts=self.done)

    def close(self) -> None:
        """Leaves the line."""
        if self.shown and sys.stderr.isatty() and not log.is_json():
            sys.stderr.write("\n")


@resumable(keeps=False)
def build_index(
    out: str,
    references: Iterable[Reference],
    trusted: Iterable[Trusted] | None,
    basis: str,
    scale: int,
    quiet: bool,
    counts: Counter[str],
) -> Manifest:
    """Writes a new index; raises `UsageStop` if there is one or another builder is at work."""
    path = _local(out)
    with output_lock(out):
        if (path / MANIFEST).exists():
            raise UsageStop(
                f"{out} is an index already, and it is whole; to put more sources into it, call "
                "scrubtrace index add"
            )
        manifest = new_manifest(basis, scale)
        if trusted is not None:
            try:
                background = write_background(path, trusted, counts)
            except ReferenceIndexError as error:
                raise UsageStop(f"--trusted: {error}") from None
            manifest = replace(manifest, background=background)
        return _written(path, manifest, references, set(), quiet, counts)


@resumable(keeps=False)
def add_to_index(
    out: str, references: Iterable[Reference], quiet: bool, counts: Counter[str]
) -> Manifest:
    """Adds segments to an index and calibrates it again from its stored trusted rows."""
    path = _local(out)
    try:
        read_manifest(out)
        with output_lock(out):
            index = ReferenceIndex(out)
            return _written(path, index.manifest, references, known_digests(index), quiet, counts)
    except ReferenceIndexError as error:
        raise UsageStop(str(error)) from None


def _local(out: str) -> Path:
    """The folder to build in; raises `UsageStop` for one that is on a Beam file system."""
    if is_remote(out):
        raise UsageStop(
            f"an index is built on a local disk, not at {out}: build or extend it here, then copy "
            "the folder there, index.json last (see docs/match.md)"
        )
    return Path(out)


def _written(
    path: Path,
    manifest: Manifest,
    references: Iterable[Reference],
    known: set[int],
    quiet: bool,
    counts: Counter[str],
) -> Manifest:
    told = Told(quiet)
    writer = SegmentWriter(path, manifest.scale, known, told)
    writer.add(references)
    told.close()
    writer.counts.update({name: count for name, count in counts.items() if count})
    if not writer.segments and not manifest.segments:
        raise UsageStop(f"no text for the index was found: {dict(writer.counts)}")
    finished = finish(path, extended(manifest, writer))
    _remove_unused(path, finished)
    return finished


def _remove_unused(path: Path, manifest: Manifest) -> None:
    """Removes what unfinished builds left; what the manifest names stays."""
    used = {segment.digest for segment in manifest.segments} | {manifest.background}
    for parent in (path / SEGMENTS, path / BACKGROUNDS):
        for folder in parent.iterdir() if parent.exists() else ():
            if folder.is_dir() and folder.name not in used:
                shutil.rmtree(folder, ignore_errors=True)
    for left in path.glob(f"{UNFINISHED}*"):
        left.unlink()
