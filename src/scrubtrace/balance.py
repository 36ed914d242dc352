"""The balance of a run: every row that a footer promised, accounted for by receipts."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from scrubtrace.beam_pipelines.layout import RunFolder
from scrubtrace.exits import IncompleteStop, SumsDifferStop
from scrubtrace.schemas.plan import RunSpec, Unit
from scrubtrace.schemas.receipts import RangeReceipt, Receipt, Tally, Turns
from scrubtrace.schemas.vocabulary import Abstained


@dataclass
class Balance:
    """Sums over all receipts of a run."""

    rows: int = 0
    texts: int = 0
    null_texts: int = 0
    empty_texts: int = 0
    null_ids: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    turns: dict[str, Turns] = field(default_factory=lambda: defaultdict(Turns))
    detectors: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    signals: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    shards: dict[str, int] = field(default_factory=dict)

    @property
    def detector_errors(self) -> int:
        """Rows that a detector raised on, counted once a detector."""
        errors = (t.abstained[Abstained.DETECTOR_ERROR] for t in self.detectors.values())
        return sum(errors)

    def add(self, entry: RangeReceipt) -> None:
        """Adds what one range says."""
        self.rows += entry.stop - entry.start
        self.texts += entry.texts
        self.null_texts += entry.null_texts
        self.empty_texts += entry.empty_texts
        self.null_ids += entry.null_ids
        self.dead.update(entry.dead)
        self.languages.update(entry.languages)
        for path, turns in entry.turns.items():
            self.turns[path].add(turns)
        for name, tally in entry.detectors.items():
            self.detectors[name].add(tally)


def check_balance(folder: RunFolder, spec: RunSpec, units: list[Unit]) -> Balance:
    """Sums of all receipts, checked against the plan.

    Per shard and detector: rows in the footer = judged + abstained + dead + sampled out. Raises
    `IncompleteStop` if receipts are missing, `SumsDifferStop` that names shard and detector if a
    sum does not match.
    """
    scanned = folder.scanned_units()
    missing = [unit.key for unit in units if unit.key not in scanned]
    if missing:
        raise IncompleteStop(
            f"{len(missing)} of {len(units)} units have not been scanned ({missing[0]} is the "
            "first); the same detect command goes on from here"
        )
    balance = Balance()
    accounted: Counter[tuple[str, str]] = Counter()
    for unit in units:
        receipt = folder.read_receipt(unit.key)
        _check_ranges(unit, receipt)
        for entry in receipt.ranges:
            balance.add(entry)
            for name, tally in entry.detectors.items():
                accounted[entry.shard, name] += tally.rows
        for part in receipt.parts:
            balance.signals.update(part.signals)
            balance.findings[part.detector] += part.findings
        balance.shards |= {r.shard.name: r.shard.rows for r in unit.ranges}
    for shard, rows in balance.shards.items():
        for planned in spec.detectors:
            found = accounted[shard, planned.name]
            if found != rows:
                raise SumsDifferStop(
                    f"shard {shard}: the footer has {rows} rows, but detector {planned.name} "
                    f"accounts for {found}"
                )
    return balance


def _check_ranges(unit: Unit, receipt: Receipt) -> None:
    planned = [(r.shard.name, r.start, r.stop) for r in unit.ranges]
    scanned = [(r.shard, r.start, r.stop) for r in receipt.ranges]
    if planned != scanned:
        raise SumsDifferStop(f"unit {unit.key}: the receipt is for other rows than the plan")
