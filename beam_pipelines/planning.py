"""Planning a run on the launcher: inputs to shards, footers to a schema check, stale to units."""

import os
import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.changes import footer_digest
from scrubtrace.beam_pipelines.columns import ColumnError, find_columns
from scrubtrace.beam_pipelines.partitions import above_partitions
from scrubtrace.beam_pipelines.units import Footer, make_units
from scrubtrace.schemas.plan import Columns, DeadShard, Kept, Shard, Work
from scrubtrace.schemas.vocabulary import DeadReason

NAMED = 3
"""Inputs that are named where none is a file."""

Shapes = dict[str, Counter[str]]
"""For each text column, how many shards have it in which shape."""


class PlanError(ValueError):
    """Inputs that cannot be planned at all: a usage error, found before anything is written."""


@dataclass(frozen=True)
class Inputs:
    """Shards that can be scanned, those that cannot, the data set's name, the texts' shapes.

    ``has_files`` is false if nothing that was named is a file.
    """

    dataset: str
    footers: tuple[Footer, ...]
    dead: tuple[DeadShard, ...]
    shapes: Shapes = field(default_factory=dict)
    has_files: bool = True

    @property
    def shards(self) -> list[Shard]:
        """The shards that can be scanned, by path."""
        return [footer.shard for footer in self.footers]


def read_inputs(
    inputs: Sequence[str],
    columns: Columns,
    dataset: str | None = None,
    root: str | None = None,
    threads: int = 16,
) -> Inputs:
    """Paths and globs, local or on any Beam file system, to shards with their footers checked.

    Raises `PlanError` if a glob matches nothing or cannot be looked up, a file lies outside
    ``root``, or no readable shard has the columns. A path that cannot be read as asked becomes a
    dead shard instead.
    """
    infos = _expand(inputs)
    paths = [info.path for info in infos]
    base = root.rstrip("/") if root else above_partitions(_common_parent(paths))
    return read_files(infos, columns, base, dataset, threads)


def read_files(
    infos: Sequence[storage.FileInfo],
    columns: Columns,
    root: str,
    dataset: str | None = None,
    threads: int = 16,
) -> Inputs:
    """Files below ``root`` to shards with their footers checked; raises as `read_inputs`."""
    base = root if storage.is_remote(root) else os.path.abspath(root)
    with ThreadPoolExecutor(threads) as pool:
        read = list(pool.map(lambda info: _read_footer(info, _name(info.path, base)), infos))
    footers = [entry for entry in read if isinstance(entry, Footer)]
    dead = [entry for entry in read if isinstance(entry, DeadShard)]
    fit, unfit, shapes = _checked(footers, columns)
    if footers and not fit:
        raise PlanError(f"no shard fits: {unfit[0].name}: {unfit[0].detail}")
    has_files = any(map(_is_file, infos))
    return Inputs(dataset or _dataset(base), tuple(fit), tuple(dead + unfit), shapes, has_files)


def check_files(inputs: Inputs) -> None:
    """Raises `PlanError` if no input is a file: there would be a run about nothing."""
    if not inputs.has_files:
        named = [f"{shard.path}: {shard.detail}" for shard in inputs.dead[:NAMED]]
        more = len(inputs.dead) - len(named)
        told = "; ".join([*named, *([f"and {more:,} more"] if more else [])])
        raise PlanError(f"no input is a file, so nothing was written: {told}")


def plan_work(
    inputs: Inputs,
    detectors: Sequence[str],
    current: Mapping[str, Mapping[str, str]],
    unit_rows: int | None = None,
) -> Work:
    """Units for every shard and detector without current results; the others are kept.

    ``current`` gives the run that has current results, by name of the shard and of the detector.
    """
    stale: dict[str, tuple[str, ...]] = {}
    kept: list[Kept] = []
    for shard in inputs.shards:
        runs = current.get(shard.name, {})
        stale[shard.name] = tuple(name for name in detectors if name not in runs)
        for run in sorted(set(runs.values())):
            kept.append(Kept(shard, run, tuple(n for n in detectors if runs.get(n) == run)))
    return Work(tuple(make_units(inputs.footers, stale, unit_rows)), tuple(kept), inputs.dead)


def _checked(
    footers: list[Footer], columns: Columns
) -> tuple[list[Footer], list[DeadShard], Shapes]:
    """The shards that have the columns, those that do not, and the shapes of the texts."""
    fit: list[Footer] = []
    unfit: list[DeadShard] = []
    shapes: Shapes = {path: Counter() for path in columns.texts}
    for footer in footers:
        try:
            found = find_columns(footer.schema, columns, footer.shard.path)
        except ColumnError as error:
            shard = footer.shard
            unfit.append(DeadShard(shard.path, shard.name, error.reason, error.detail))
            continue
        fit.append(footer)
        for text in found.texts:
            shapes[text.column.path][text.shape] += 1
    return fit, unfit, shapes


def _expand(inputs: Sequence[str]) -> list[storage.FileInfo]:
    found: dict[str, storage.FileInfo] = {}
    for pattern in inputs:
        matches = _match(pattern)
        if not matches and any(char in pattern for char in "*?["):
            raise PlanError(f"no file matches {pattern!r}")
        if not matches:
            path = pattern if storage.is_remote(pattern) else os.path.abspath(pattern)
            matches = [storage.FileInfo(path, 0, "")]
        found |= {info.path: info for info in matches}
    return [found[path] for path in sorted(found)]


def _is_file(info: storage.FileInfo) -> bool:
    """Whether an input is a file; what no file matches on a store has no time of a change."""
    if storage.is_remote(info.path):
        return bool(info.modified)
    return os.path.exists(info.path) and not os.path.isdir(info.path)


def _match(pattern: str) -> list[storage.FileInfo]:
    scheme, mark, place = pattern.partition("://")
    bucket, _, path = place.partition("/")
    if mark and not path:
        example = f"{scheme}://{bucket or 'bucket'}/folder/*.parquet"
        raise PlanError(f"{pattern!r} names no file: give {example}")
    try:
        return storage.match(pattern)
    except (OSError, storage.RemoteError, ValueError) as error:
        why = error.strerror if isinstance(error, storage.RemoteError) else error
        raise PlanError(f"cannot look up {pattern!r}: {why}") from None


def _common_parent(paths: list[str]) -> str:
    parents = [posixpath.dirname(path) for path in paths]
    if not any(storage.is_remote(path) for path in paths):
        return os.path.commonpath(parents)
    shared: list[str] = []
    for names in zip(*(parent.split("/") for parent in parents), strict=False):
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    parent = "/".join(shared)
    if not storage.is_remote(parent):
        raise PlanError("the inputs lie on different file systems or buckets: scan each in a run")
    return parent


def _name(path: str, base: str) -> str:
    prefix = base.rstrip("/") + "/"
    if not path.startswith(prefix):
        raise PlanError(f"{path!r} lies outside the root {base!r}")
    return path.removeprefix(prefix)


def _dataset(base: str) -> str:
    return _escaped(posixpath.basename(base.rstrip("/"))) or "dataset"


def _escaped(path: str) -> str:
    """The path, with the bytes that are not UTF-8 as ``\\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _read_footer(info: storage.FileInfo, name: str) -> Footer | DeadShard:
    path = _escaped(info.path)
    if path != info.path:
        detail = "has a name that is not UTF-8: rename it"
        return DeadShard(path, _escaped(name), DeadReason.UNREADABLE, detail)
    if not storage.is_remote(info.path) and os.path.isdir(info.path):
        inside = f"{info.path}/*.parquet, or {info.path}/**/*.parquet with its folders"
        detail = f"is a directory; to scan what is in it, give {inside}"
        return DeadShard(info.path, name, DeadReason.UNREADABLE, detail)
    try:
        with storage.open_read(info.path) as file:
            parquet = pq.ParquetFile(file)
            metadata, schema = parquet.metadata, parquet.schema_arrow
            digest = footer_digest(file)
    except Exception as error:  # whatever a file system or a damaged footer raises
        return DeadShard(info.path, name, DeadReason.UNREADABLE, _reason(error))
    groups = tuple(metadata.row_group(i).num_rows for i in range(metadata.num_row_groups))
    shard = Shard(info.path, name, info.size, info.modified, digest, metadata.num_rows)
    return Footer(shard, groups, schema)


def _reason(error: Exception) -> str:
    """A footer's error in one line; footers hold schema and statistics, so no value is given."""
    if isinstance(error, OSError | storage.RemoteError) and error.strerror:
        return error.strerror
    return f"is no readable Parquet file ({type(error).__name__})"
