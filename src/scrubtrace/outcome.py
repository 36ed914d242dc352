"""What a commit found: for the summary and for the manifest."""

from collections import Counter
from dataclasses import dataclass, field

from scrubtrace.balance import Balance
from scrubtrace.review.store import UpsertCounts
from scrubtrace.schemas.plan import DeadShard
from scrubtrace.schemas.review import ReviewItem
from scrubtrace.style.flagging import StyleOutcome


@dataclass
class Outcome:
    """What a commit found, for the summary and the manifest.

    ``kept_rows`` counts, by detector, the rows whose results earlier runs have. ``signals`` counts
    the texts in which each signal occurs.
    """

    run: str
    dataset: str
    balance: Balance
    dead_shards: list[DeadShard]
    kept_rows: dict[str, int] = field(default_factory=dict)
    signals: Counter[str] = field(default_factory=Counter)
    flagged: Counter[str] = field(default_factory=Counter)
    reported: Counter[str] = field(default_factory=Counter)
    flagged_by: dict[str, Counter[str]] = field(default_factory=dict)
    recurring_identities: int = 0
    style: StyleOutcome = field(default_factory=lambda: StyleOutcome({}, {}, {}))
    repeated_ids: int = 0
    repeated_id_rows: int = 0
    upserts: UpsertCounts | None = None
    no_longer_flagged: int = 0

    @property
    def dead_letters(self) -> int:
        """Dead rows, dead shards and rows that a detector raised on."""
        dead_rows = self.balance.dead.total() + self.balance.detector_errors
        return dead_rows + len(self.dead_shards)

    @property
    def columns_not_judged(self) -> list[str]:
        """Chat columns that have turns, of which not one was judged."""
        turns = sorted(self.balance.turns.items())
        return [path for path, counts in turns if counts.not_judged and not counts.judged]

    def count(self, item: ReviewItem) -> None:
        """Counts one item of the review table."""
        (self.flagged if item.flagged else self.reported)[item.kind] += 1
        if item.flagged:
            for name in ("language", "labeler", "source", "stage", "vendor"):
                value = item.language if name == "language" else item.groups[name]
                if value is not None:
                    self.flagged_by.setdefault(name, Counter())[value] += 1
