"""Shards and rows that cannot be read: the first of them by name, with the reason."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from scrubtrace import log
from scrubtrace.beam_pipelines.decoding import Dead, Rows
from scrubtrace.schemas.plain import plain
from scrubtrace.schemas.plan import DeadShard
from scrubtrace.schemas.vocabulary import DeadReason

SHOWN = 10


def tell_dead(shards: Sequence[DeadShard]) -> None:
    """Names shards that cannot be read, and why."""
    for shard in shards[:SHOWN]:
        line = f"dead shard {_described(shard)}"
        log.tell("dead_shard", line, level="warning", shard=shard.name, reason=shard.reason)
    if len(shards) > SHOWN:
        log.tell("dead_shards", f"... and {len(shards) - SHOWN:,} more dead shards", "warning")


@dataclass
class NotRead:
    """Names on standard error what cannot be read while it is read, and remembers the shards."""

    shards: list[DeadShard] = field(default_factory=list)
    rows: int = 0
    _told: int = field(default=0, init=False, repr=False)

    def take_shards(self, shards: Sequence[DeadShard]) -> None:
        """Dead shards of inputs, all at once."""
        self.shards += shards
        tell_dead(shards)

    def take_rows(self, shard: str, rows: Rows) -> None:
        """Neighbouring rows of a shard, some of them dead; those that lie together are one line."""
        self.rows += len(rows.dead)
        for first, last, dead in _runs(rows):
            self._told += 1
            if self._told <= SHOWN:
                where = f"row {first:,}" if first == last else f"rows {first:,} to {last:,}"
                line = plain(f"dead {where} of {shard}: {dead.reason}: {dead.error}")
                given = {"shard": shard, "row": first, "last_row": last, "reason": dead.reason}
                log.tell("dead_row", line, "warning", **given)
            elif self._told == SHOWN + 1:
                log.tell("dead_rows", "... and more dead rows", "warning")

    def why(self) -> str:
        """Why there may be nothing, in words to stand behind that; empty if all could be read."""
        said = []
        if self.shards:
            said.append(f"{len(self.shards):,} dead shards, the first {_described(self.shards[0])}")
        if self.rows:
            said.append(f"{self.rows:,} dead rows")
        return f" ({'; '.join(said)})" if said else ""


def _runs(rows: Rows) -> Iterator[tuple[int, int, Dead]]:
    """First and last row, in the shard, of dead rows; unreadable neighbours are one run."""
    for _, run in groupby(enumerate(sorted(rows.dead.items())), _run_of):
        numbers = [(number, dead) for _, (number, dead) in run]
        (first, dead), (last, _) = numbers[0], numbers[-1]
        yield rows.start + first, rows.start + last, dead


def _run_of(dead_row: tuple[int, tuple[int, Dead]]) -> tuple[int, Dead]:
    """What is equal for rows of one run; ``dead_row`` is its place among dead rows, and itself."""
    place, (number, dead) = dead_row
    return number - place if dead.reason == DeadReason.UNREADABLE else number, dead


def _described(shard: DeadShard) -> str:
    return plain(f"{shard.name}: {shard.reason}: {shard.detail}")
