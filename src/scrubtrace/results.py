"""Reading results: texts with their evidence from all detectors, wherever the parts lie.

The parts of one shard may lie in several runs and units. They come back as if one scan had made
them: by shard, within it by row, then by text column and turn.
"""

import hashlib
import heapq
import io
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import RunFolder, read_table
from scrubtrace.duplicates import Hashes
from scrubtrace.exits import IncompleteStop, SumsDifferStop
from scrubtrace.schemas.plan import RowRange, RunSpec, Shard, Unit
from scrubtrace.schemas.receipts import Receipt

NO_TURN = -1
"""Sorts the one text of a column before any turn."""

CHUNK_ROWS = 1_000
"""Findings decoded at a time."""

CACHE_BYTES = 256 << 20
"""Arrow bytes of parts kept at hand: one part may have the findings of many shards."""


CACHED_HASHES = 16
"""Units whose hashes of ids are kept at hand, a megabyte each: shards of several may take turns."""


class Pair(NamedTuple):
    """What results are kept by: the name of a shard, and of a detector."""

    shard: str
    detector: str


class Piece(NamedTuple):
    """A range of a shard as one unit of a run scanned it; ``before`` rows of the unit precede."""

    run: str
    unit: Unit
    rows: RowRange
    before: int


@dataclass
class FoundText:
    """One judged text with the evidence of every detector that has any.

    ``row`` has the columns of `FINDINGS` as the first detector wrote them; ``evidence`` entries
    name their detector.
    """

    row: dict[str, Any]
    detectors: list[dict[str, str]] = field(default_factory=list)
    evidence: list[dict[str, Any]] = field(default_factory=list)
    spans_left_out: int = 0


class Results:
    """Results of shards and detectors, each from one run.

    Parameters
    ----------
    spec : specification of the newest run; says in which order fields and detectors come.
    pairs : the shard and the id of the run with its results, by shard and detector.
    folders : the runs by id.

    Raises `IncompleteStop` if a run cannot be read, `SumsDifferStop` if one is about other files.
    """

    def __init__(
        self,
        spec: RunSpec,
        pairs: Mapping[Pair, tuple[Shard, str]],
        folders: Mapping[str, RunFolder],
    ) -> None:
        self.spec = spec
        self.folders = folders
        self.shards = {p.shard: shard for p, (shard, _) in sorted(pairs.items())}
        self._runs: dict[str, dict[str, str]] = defaultdict(dict)
        for pair, (_, run) in sorted(pairs.items()):
            self._runs[pair.shard][pair.detector] = run
        self._fields = {path: number for number, path in enumerate(spec.columns.texts)}
        self._about = {run: _about(folder) for run, folder in folders.items()}
        self._units: dict[str, tuple[Unit, ...]] = {}
        self._pieces = self._find_pieces(pairs)
        self._parts: OrderedDict[tuple[str, str, str], _Part] = OrderedDict()
        self._cached = 0
        self.left_out: Set[str] = frozenset()
        """Shards that changed while they were scanned: what was found is about other files."""
        self._findings: dict[tuple[str, str], dict[str, tuple[str, int]]] = {}
        self._hashes: OrderedDict[tuple[str, str], Hashes] = OrderedDict()

    def runs(self, shard: str) -> Mapping[str, str]:
        """The run that has a shard's results, by detector."""
        return self._runs[shard]

    def pieces(self, shard: str, detector: str) -> list[Piece]:
        """The ranges that a detector's results of a shard are in, by their first row."""
        return self._pieces[self._runs[shard][detector], shard]

    def receipts(self) -> Iterator[tuple[str, Unit, Receipt]]:
        """Run, unit and receipt of every unit with results that count.

        Raises `IncompleteStop` if one is missing.
        """
        for run, units in self._units.items():
            folder = self.folders[run]
            scanned = folder.scanned_units()
            missing = [unit.key for unit in units if unit.key not in scanned]
            if missing:
                raise IncompleteStop(_without_receipts(folder, missing, len(units)))
            for unit in units:
                receipt = folder.read_receipt(unit.key)
                self._findings[run, unit.key] = {
                    part.detector: (part.sha256, part.findings) for part in receipt.parts
                }
                yield run, unit, receipt

    def texts(self, shard: str) -> Iterator[FoundText]:
        """Texts of a shard that have evidence, in order; none of a shard that is left out.

        Raises `SumsDifferStop` if a part is not the one that its receipt is for.
        """
        if shard in self.left_out:
            return
        names = [d.name for d in self.spec.detectors if d.name in self._runs[shard]]
        found = (self._rows(shard, name) for name in names)
        merged = heapq.merge(*found, key=lambda entry: entry[0])
        for _, entries in groupby(merged, key=lambda entry: entry[0]):
            text: FoundText | None = None
            for _, name, row in entries:
                text = text or FoundText(row)
                text.detectors.append(self._about[self._runs[shard][name]][name])
                text.evidence += [{"detector": name} | entry for entry in row["evidence"]]
                text.spans_left_out += row["spans_left_out"]
            if text is not None:
                yield text

    def all_texts(self) -> Iterator[FoundText]:
        """Texts of all shards that have evidence, in order."""
        for shard in self.shards:
            yield from self.texts(shard)

    def found_by(self, detector: str) -> Iterator[dict[str, Any]]:
        """Findings of one detector, in all shards that it judged, in order."""
        for shard in self.shards:
            if shard not in self.left_out and detector in self._runs[shard]:
                for _, _, row in self._rows(shard, detector):
                    yield row

    def id_hashes(self, shard: str) -> Hashes:
        """Hashes of the row ids of a shard, in order, 0 where there is no id; shape (rows,)."""
        pieces = self.pieces(shard, min(self._runs[shard]))
        found = [self._unit_hashes(p.run, p.unit.key)[p.before :][: p.rows.rows] for p in pieces]
        return np.concatenate([np.empty(0, np.uint64), *found])

    def _find_pieces(
        self, pairs: Mapping[Pair, tuple[Shard, str]]
    ) -> dict[tuple[str, str], list[Piece]]:
        """Pieces by run and shard, by their first row; remembers the units that they are of."""
        wanted = {(run, pair.shard): shard for pair, (shard, run) in pairs.items()}
        pieces: dict[tuple[str, str], list[Piece]] = {key: [] for key in wanted}
        for run, folder in self.folders.items():
            used: dict[str, Unit] = {}
            for unit in folder.work().units:
                before = 0
                for rows in unit.ranges:
                    if shard := wanted.get((run, rows.shard.name)):
                        if shard.footer_digest != rows.shard.footer_digest:
                            raise SumsDifferStop(f"run {run} is about another file {shard.name}")
                        pieces[run, shard.name].append(Piece(run, unit, rows, before))
                        used[unit.key] = unit
                    before += rows.rows
            self._units[run] = tuple(used.values())
        for found in pieces.values():
            found.sort(key=lambda piece: (piece.rows.start, piece.rows.stop))
        return pieces

    def _rows(
        self, shard: str, detector: str
    ) -> Iterator[tuple[tuple[int, int, int], str, dict[str, Any]]]:
        """Place in the shard, detector and finding, of one detector's findings in order."""
        for piece in self.pieces(shard, detector):
            if not self._known(piece)[detector][1]:
                continue
            for row in self._part(piece, detector).rows(shard):
                turn = NO_TURN if row["turn"] is None else row["turn"]
                number = self._fields.get(row["field"], len(self._fields))
                yield (row["row_index"], number, turn), detector, row

    def _known(self, piece: Piece) -> dict[str, tuple[str, int]]:
        key = (piece.run, piece.unit.key)
        if key not in self._findings:
            receipt = self.folders[piece.run].read_receipt(piece.unit.key)
            self._findings[key] = {p.detector: (p.sha256, p.findings) for p in receipt.parts}
        return self._findings[key]

    def _part(self, piece: Piece, detector: str) -> "_Part":
        key = (piece.run, piece.unit.key, detector)
        if key in self._parts:
            self._parts.move_to_end(key)
            return self._parts[key]
        path = self.folders[piece.run].part(detector, piece.unit.key)
        try:
            part = _Part.load(path, self._known(piece)[detector][0])
        except SumsDifferStop as error:
            raise SumsDifferStop(f"{error}{_remedy(self.folders[piece.run])}") from None
        self._parts[key] = part
        self._cached += part.size
        while len(self._parts) > 1 and self._cached > CACHE_BYTES:
            self._cached -= self._parts.popitem(last=False)[1].size
        return part

    def _unit_hashes(self, run: str, unit: str) -> Hashes:
        key = (run, unit)
        if key not in self._hashes:
            content = io.BytesIO(storage.read_bytes(self.folders[run].id_hashes(unit)))
            self._hashes[key] = np.load(content, allow_pickle=False)
            if len(self._hashes) > CACHED_HASHES:
                self._hashes.popitem(last=False)
        return self._hashes[key]


@dataclass(frozen=True)
class _Part:
    """One part in memory, and where in it the findings of each shard are."""

    table: pa.Table
    places: dict[str, tuple[int, int]]

    @property
    def size(self) -> int:
        return int(self.table.nbytes)

    @classmethod
    def load(cls, path: str, sha256: str) -> "_Part":
        try:
            content = storage.read_bytes(path)
        except OSError as error:
            raise SumsDifferStop(f"part {path} cannot be read: {error.strerror}") from None
        if hashlib.sha256(content).hexdigest() != sha256:
            raise SumsDifferStop(f"part {path} is not the one that its receipt is for")
        table = read_table(content)
        places, start = {}, 0
        for shard, rows in groupby(table.column("shard").to_pylist()):
            stop = start + sum(1 for _ in rows)
            places[shard] = (start, stop)
            start = stop
        return cls(table, places)

    def rows(self, shard: str) -> Iterator[dict[str, Any]]:
        start, stop = self.places.get(shard, (0, 0))
        for batch in self.table.slice(start, stop - start).to_batches(CHUNK_ROWS):
            yield from batch.to_pylist()


def _without_receipts(folder: RunFolder, missing: list[str], units: int) -> str:
    """What to say of units that have no receipt: lost ones, if the run was committed."""
    count = f"{len(missing):,} of {units:,} units of run {folder.id}"
    if remedy := _remedy(folder):
        return f"receipts of {count} are gone ({missing[0]} is the first){remedy}"
    return (
        f"{count} have not been scanned ({missing[0]} is the first); the same detect command goes "
        "on from here"
    )


def _remedy(folder: RunFolder) -> str:
    """What helps where files of a committed run are gone or were changed, to stand behind that.

    Nothing of it is scanned again by itself: its results are current, and later runs keep them.
    """
    if not folder.is_committed():
        return ""
    return (
        f"; the run was committed, and later runs keep its results: restore {folder.path} from a "
        "copy, or scan everything again with detect --force"
    )


def _about(folder: RunFolder) -> dict[str, dict[str, str]]:
    """What identifies the results of each detector of a run, by its name."""
    return {
        d.name: {
            "name": d.name,
            "version": d.version,
            "lane": d.lane,
            "fingerprint": d.fingerprint,
        }
        for d in folder.spec().detectors
    }
