"""Texts for a reference index, and trusted rows, from the Parquet shards that detect reads.

Rows that cannot be read are counted with the others, never dropped silently.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from scrubtrace.beam_pipelines.changes import ShardChanged
from scrubtrace.beam_pipelines.decoding import Rows
from scrubtrace.beam_pipelines.planning import PlanError, read_inputs
from scrubtrace.beam_pipelines.reading import read_range
from scrubtrace.detectors.language import identify, normalise_code
from scrubtrace.detectors.reference.building import Reference
from scrubtrace.detectors.reference.trusted import Trusted
from scrubtrace.exits import IncompleteStop, UsageStop
from scrubtrace.not_read import NotRead
from scrubtrace.schemas.plan import Chat, Columns, DeadShard, RowRange
from scrubtrace.schemas.references import Part
from scrubtrace.schemas.vocabulary import ANSWERING_ROLES

BATCH_ROWS = 1024
BATCH_BYTES = 8 << 20
PROMPTING_ROLES = ("user", "human", "system", "developer", "prompter", "input")
TASK = "task"
GROUPS = ("model", TASK, "created_at")


@dataclass
class ParquetSource:
    """Shards with completions, and prompts if ``prompt_columns`` or chat rows have any.

    ``groups`` maps model, task and created_at to columns. ``counts`` gets dead shards and rows,
    each once, and ``not_read`` names them.
    """

    inputs: Sequence[str]
    text_columns: tuple[str, ...] = ("text",)
    prompt_columns: tuple[str, ...] = ()
    id_column: str | None = None
    groups: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    not_read: NotRead = field(default_factory=NotRead)
    _dead_rows: set[tuple[str, int]] = field(default_factory=set, init=False, repr=False)

    def references(self) -> Iterator[Reference]:
        """Completions, then prompts; raises `UsageStop` if no shard has the columns."""
        for roles, part, paths in (
            (ANSWERING_ROLES, Part.COMPLETION, self.text_columns),
            (PROMPTING_ROLES, Part.PROMPT, self.prompt_columns),
        ):
            if paths:
                chat = Chat(roles=roles)
                columns = Columns(paths, self.id_column, None, dict(self.groups), chat)
                found = read_rows(
                    self.inputs, columns, Counter(), self._take_shards, self._take_rows
                )
                for shard, rows in found:
                    yield from _references(shard, rows, part)

    def _take_shards(self, shards: Sequence[DeadShard]) -> None:
        """Dead shards of completions or prompts; those that are dead for both count once."""
        known = {shard.name for shard in self.not_read.shards}
        new = [shard for shard in shards if shard.name not in known]
        self.counts["dead_shards"] += len(new)
        self.not_read.take_shards(new)

    def _take_rows(self, shard: str, rows: Rows) -> None:
        new = {
            number: dead
            for number, dead in rows.dead.items()
            if (shard, rows.start + number) not in self._dead_rows
        }
        self._dead_rows |= {(shard, rows.start + number) for number in new}
        self.counts["dead_rows"] += len(new)
        self.not_read.take_rows(shard, replace(rows, dead=new))


def trusted_rows(
    inputs: Sequence[str],
    columns: Columns,
    counts: Counter[str],
    not_read: NotRead | None = None,
) -> Iterator[Trusted]:
    """Rows that are known to be by humans, with language and task; raises `UsageStop`."""
    told = (not_read.take_shards, not_read.take_rows) if not_read else ()
    for shard, rows in read_rows(inputs, columns, counts, *told):
        for number, (row, text) in enumerate(zip(rows.text_rows, rows.texts, strict=True)):
            if text and text.strip():
                code = rows.languages[row] if rows.languages else None
                language = normalise_code(code) if code else identify(text)
                task = rows.group_values(row).get(TASK)
                yield Trusted(text, language, _place(shard, rows, row, number), task)


def read_rows(
    inputs: Sequence[str],
    columns: Columns,
    counts: Counter[str],
    dead: Callable[[Sequence[DeadShard]], None] = lambda shards: None,
    dead_rows: Callable[[str, Rows], None] = lambda shard, rows: None,
) -> Iterator[tuple[str, Rows]]:
    """All rows of shards, in order, with the name of their shard.

    ``counts`` gets ``dead_shards`` and ``dead_rows``, ``dead`` the shards, and ``dead_rows`` rows
    with dead ones among them. Raises `UsageStop` if
    nothing fits, `IncompleteStop` if a shard changes while it is read.
    """
    try:
        found = read_inputs(inputs, columns)
    except PlanError as error:
        raise UsageStop(str(error)) from None
    counts["dead_shards"] += len(found.dead)
    dead(found.dead)
    for shard in found.shards:
        try:
            for rows in read_range(
                RowRange(shard, 0, shard.rows), columns, BATCH_ROWS, BATCH_BYTES
            ):
                if rows.dead:
                    counts["dead_rows"] += len(rows.dead)
                    dead_rows(shard.name, rows)
                yield shard.name, rows
        except ShardChanged:
            raise IncompleteStop(
                f"shard {shard.name} changed while it was read; run the same command again"
            ) from None


def _references(shard: str, rows: Rows, part: Part) -> Iterator[Reference]:
    for number, (row, text) in enumerate(zip(rows.text_rows, rows.texts, strict=True)):
        groups = rows.group_values(row)
        rest = [groups.get(name) for name in GROUPS]
        yield Reference(_place(shard, rows, row, number), part, text or "", *rest)


def _place(shard: str, rows: Rows, row: int, number: int) -> str:
    """How people find a text again: its id, else shard and row, and the turn of a chat."""
    own = rows.ids[row] if rows.ids else None
    name = own if own is not None else f"{shard}:{rows.start + row}"
    turn = rows.places[number].turn
    return name if turn is None else f"{name}#{turn}"
