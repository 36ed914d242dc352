"""Completions of a reference index, local or on a Beam file system."""

import os
from collections.abc import Iterator, Sequence
from glob import has_magic

from scrubtrace.beam_pipelines import storage
from scrubtrace.detectors.reference.index import MANIFEST, SEGMENTS, ReferenceIndex
from scrubtrace.detectors.reference.segments import ReferenceIndexError
from scrubtrace.detectors.style.model import FRAME_TEXTS
from scrubtrace.exits import UsageStop
from scrubtrace.schemas.references import Part


def is_index(path: str) -> bool:
    """Whether a path is a folder with a reference index, also with one that is not finished.

    Raises `UsageStop` for a file system that cannot be asked.
    """
    if not storage.is_remote(path):
        return any(os.path.exists(os.path.join(path, name)) for name in (MANIFEST, SEGMENTS))
    if has_magic(path):
        return False
    try:
        return storage.exists(storage.join(path, MANIFEST))
    except storage.RemoteError as error:
        raise UsageStop(f"cannot look up {path!r}: {error.strerror}") from None


def index_names(paths: Sequence[str]) -> list[str]:
    """Names of the folders of indexes, with as many folders above as make them different."""
    parts = [storage.absolute(path).rstrip("/").split("/") for path in paths]
    different = {tuple(own) for own in parts}
    longest = max(map(len, parts), default=0)
    depths = (d for d in range(1, longest) if len({tuple(p[-d:]) for p in parts}) == len(different))
    depth = next(depths, longest)
    return ["/".join(own[-depth:]).strip("/") for own in parts]


def completions(path: str) -> Iterator[list[str]]:
    """Texts of the completions, in order; raises `UsageStop` if the index cannot be used."""
    try:
        index = ReferenceIndex(path)
        index.map_files()
        for segment in index.segments:
            table = segment.texts.select(["part", "text"])
            for at in range(0, table.num_rows, FRAME_TEXTS):
                rows = table.slice(at, FRAME_TEXTS).to_pylist()
                yield [row["text"] for row in rows if row["part"] == Part.COMPLETION]
    except ReferenceIndexError as error:
        raise UsageStop(str(error)) from None
    except (OSError, ValueError) as error:  # also what NumPy, Arrow and UTF-8 raise
        raise UsageStop(
            f"{path} cannot be read as a reference index ({type(error).__name__}): restore it, or "
            "build it again"
        ) from None
