"""Shards and rows that cannot be read: the first of them by name, with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from scrubtrace import log
from scrubtrace.beam_pipelines.decoding import Rows
from scrubtrace.schemas.plan import DeadShard

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

    def take_shards(self, shards: Sequence[DeadShard]) -> None:
        """Dead shards of inputs, all at once."""
        self.shards += shards
        tell_dead(shards)

    def take_rows(self, shard: str, rows: Rows) -> None:
        """Neighbouring rows of a shard, some of them dead."""
        for number, dead in sorted(rows.dead.items()):
            self.rows += 1
            if self.rows <= SHOWN:
                row = rows.start + number
                line = f"dead row {row:,} of {shard}: {dead.reason}: {dead.error}"
                log.tell("dead_row", line, "warning", shard=shard, row=row, reason=dead.reason)
            elif self.rows == SHOWN + 1:
                log.tell("dead_rows", "... and more dead rows", "warning")

    def why(self) -> str:
        """Why there may be nothing, in words to stand behind that; empty if all could be read."""
        said = []
        if self.shards:
            said.append(f"{len(self.shards):,} dead shards, the first {_described(self.shards[0])}")
        if self.rows:
            said.append(f"{self.rows:,} dead rows")
        return f" ({'; '.join(said)})" if said else ""


def _described(shard: DeadShard) -> str:
    return f"{shard.name}: {shard.reason}: {shard.detail}"
