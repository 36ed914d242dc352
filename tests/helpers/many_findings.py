"""Findings by the hundred thousand: two runs over re-sharded data, and what reviewers say of them.

A plain model beside the review table: what the state of every row has to be.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from decision_files import item

from scrubtrace.schemas.identity import item_key
from scrubtrace.schemas.review import ReviewItem, State

RUN_A, RUN_B = "20260101T000000.000000-aaaaaa", "20260102T000000.000000-bbbbbb"
REVIEWERS = ("anna", "ben")
SAYS = {"nobody": "", "anna": "c-", "ben": "-d", "agree": "dd", "differ": "cd"}
"""What both reviewers say of a text: concur, dismiss, or nothing."""

_WORDS = {"c": "concur", "d": "dismiss"}
_ROWS_PER_SHARD = {RUN_A: 1_000, RUN_B: 1_300}
_OLD, _NEW = "a" * 32, "b" * 32


@dataclass(frozen=True)
class Text:
    """A text: who decides on it, and whether the later run finds it ``same``, ``changed``, no more.

    ``changed`` is its evidence; ``gone`` is the text.
    """

    decided: str
    later: str


@dataclass(frozen=True)
class Found:
    """A finding as a run saw it: row number, text number, place."""

    row: int
    text: int
    has_id: bool
    shard: str
    row_index: int
    run: str
    evidence: str

    @property
    def key(self) -> str:
        """Key of its item."""
        row_id = f"row-{self.row}" if self.has_id else None
        return item_key("chats", self.shard, self.row_index, row_id, 0, "text")

    def item(self) -> ReviewItem:
        """It as the run gives it to the review table."""
        snippet = f"As an AI language model, I cannot count {self.text} kettles.\n烧水壶, «again»"
        return item(
            self.row,
            item_key=self.key,
            shard=self.shard,
            row_index=self.row_index,
            row_id=f"row-{self.row}" if self.has_id else None,
            text_digest=digest(self.text),
            evidence_fingerprint=self.evidence,
            priority=self.text % 7,
            snippet=snippet,
        )


class Model:
    """``rows`` findings, one in twenty with the text of the row before, half with ids of their own.

    Half of the texts are decided on. The later run has the rows in the opposite order, in shards of
    another size; a tenth of the texts have other evidence then, and a tenth are gone.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        chance = random.Random(20260101)
        says = chance.choices(list(SAYS), (50, 20, 20, 6, 4), k=rows)
        later = chance.choices(("same", "changed", "gone"), (80, 10, 10), k=rows)
        self.texts = [Text(*pair) for pair in zip(says, later, strict=True)]
        self._has_id = [chance.random() < 0.5 for _ in range(rows)]

    def found(self, run: str) -> Iterator[Found]:
        """What a run finds, shard by shard."""
        rows = range(self.rows)
        if run == RUN_B:
            rows = rows[::-1]
        here = (row for row in rows if run == RUN_A or self._text(row).later != "gone")
        for at, row in enumerate(here):
            shard, row_index = divmod(at, _ROWS_PER_SHARD[run])
            changed = run == RUN_B and self._text(row).later == "changed"
            place = (f"part-{shard:04}.parquet", row_index, run, _NEW if changed else _OLD)
            yield Found(row, text_of(row), self._has_id[row], *place)

    def says(self, text: int, reviewer: str) -> str:
        """The decision of a reviewer on a text, empty for none."""
        both = SAYS[self.texts[text].decided] or "--"
        return _WORDS.get(both[REVIEWERS.index(reviewer)], "")

    def states(self, decided_keys: set[str]) -> dict[str, State]:
        """The state of every item after both runs; ``decided_keys`` are those of lines decided."""
        stored = {found.key: found for found in self.found(RUN_A)}
        stored |= {found.key: found for found in self.found(RUN_B)}
        seen_again = {found.shard for found in self.found(RUN_B)}
        states = {}
        for key, found in stored.items():
            if found.run == RUN_A and found.shard in seen_again:
                states[key] = State.NOT_SEEN_AGAIN
            else:
                states[key] = self._state(found, key in decided_keys)
        return states

    def _state(self, found: Found, key_was_decided: bool) -> State:
        """Decisions follow the text; a key on which another text was decided is open again."""
        said = {self.says(found.text, reviewer) for reviewer in REVIEWERS} - {""}
        if said and found.evidence == _OLD:
            verdict = State.CONCUR if said == {"concur"} else State.DISMISSED
            return State.NEEDS_SECOND if len(said) > 1 else verdict
        return State.REOPENED if said or key_was_decided else State.PENDING

    def _text(self, row: int) -> Text:
        return self.texts[text_of(row)]


def text_of(row: int) -> int:
    """The number of a row's text: one row in twenty repeats that of the row before."""
    return row - 1 if row % 20 == 19 else row


def digest(text: int) -> str:
    """Stands for the keyed digest of a text."""
    return f"{text:064x}"
