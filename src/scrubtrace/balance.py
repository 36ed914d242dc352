"""The balance of a run: every row that a footer promised, accounted for by receipts."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from scrubtrace.exits import SumsDifferStop
from scrubtrace.results import Pair, Results
from scrubtrace.schemas.plan import Unit
from scrubtrace.schemas.receipts import RangeReceipt, Receipt, Tally, Turns
from scrubtrace.schemas.vocabulary import PASSING, Abstained, DeadReason


@dataclass
class Balance:
    """Sums over all receipts that a run is about.

    ``signals`` are all that occur in the parts read, also in texts that do not count. Pairs in
    ``scan_again`` have results that no later run may keep.
    """

    rows: int = 0
    texts: int = 0
    null_texts: int = 0
    empty_texts: int = 0
    null_ids: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    turns: dict[str, Turns] = field(default_factory=lambda: defaultdict(Turns))
    detectors: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    signals: set[str] = field(default_factory=set)
    shards: dict[str, int] = field(default_factory=dict)
    scan_again: set[Pair] = field(default_factory=set)
    changed_shards: set[str] = field(default_factory=set)
    shards_with_dead_rows: set[str] = field(default_factory=set)
    runs_with_dead_letters: set[str] = field(default_factory=set)

    @property
    def detector_errors(self) -> int:
        """Rows that a detector raised on, counted once a detector."""
        errors = (t.abstained[Abstained.DETECTOR_ERROR] for t in self.detectors.values())
        return sum(errors)

    def add(self, entry: RangeReceipt) -> None:
        """Adds what one range says of its rows and texts."""
        self.rows += entry.stop - entry.start
        self.texts += entry.texts
        self.null_texts += entry.null_texts
        self.empty_texts += entry.empty_texts
        self.null_ids += entry.null_ids
        self.dead.update(entry.dead)
        if entry.dead:
            self.shards_with_dead_rows.add(entry.shard)
        if entry.dead[DeadReason.SHARD_CHANGED]:
            self.changed_shards.add(entry.shard)
        self.languages.update(entry.languages)
        for path, turns in entry.turns.items():
            self.turns[path].add(turns)

    def note_errors(self, entry: RangeReceipt, detector: str) -> None:
        """Remembers what another scan may do better: files that failed, detectors that raised."""
        tally = entry.detectors[detector]
        if tally.abstained[Abstained.DETECTOR_ERROR] or any(tally.dead[r] for r in PASSING):
            self.scan_again.add(Pair(entry.shard, detector))


def check_balance(results: Results) -> Balance:
    """Sums of all receipts, checked against the footers of the shards.

    Per shard and detector: rows in the footer = judged + abstained + dead + sampled out, whichever
    run scanned them. Raises `IncompleteStop` if receipts are missing, `SumsDifferStop` that names
    shard and detector if a sum does not match. Leaves shards that changed out of the results.
    """
    balance = Balance(shards={name: shard.rows for name, shard in results.shards.items()})
    accounted: Counter[Pair] = Counter()
    for run, unit, receipt in results.receipts():
        _check_ranges(run, unit, receipt)
        balance.signals.update(name for part in receipt.parts for name in part.signals)
        if receipt.dead_letters:
            balance.runs_with_dead_letters.add(run)
        for entry in receipt.ranges:
            runs = results.runs(entry.shard) if entry.shard in results.shards else {}
            counted = [name for name in entry.detectors if runs.get(name) == run]
            if counted and min(runs) in counted:
                balance.add(entry)
            for name in counted:
                tally = entry.detectors[name]
                balance.detectors[name].add(tally)
                accounted[Pair(entry.shard, name)] += tally.rows
                balance.note_errors(entry, name)
    for name, shard in results.shards.items():
        for detector in results.runs(name):
            found = accounted[Pair(name, detector)]
            if found != shard.rows:
                raise SumsDifferStop(
                    f"shard {name}: the footer has {shard.rows} rows, but detector {detector} "
                    f"accounts for {found}"
                )
    results.left_out = balance.changed_shards
    return balance


def _check_ranges(run: str, unit: Unit, receipt: Receipt) -> None:
    planned = [(r.shard.name, r.start, r.stop) for r in unit.ranges]
    scanned = [(r.shard, r.start, r.stop) for r in receipt.ranges]
    if planned != scanned or set(unit.detectors) != {part.detector for part in receipt.parts}:
        raise SumsDifferStop(
            f"unit {unit.key} of run {run}: the receipt is for other rows or detectors than planned"
        )
