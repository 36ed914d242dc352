"""Labelled rows for training: human and LLM shards, or the completions of a reference index.

At most so many different texts of each source and label are kept, those with the smallest digest,
so that the same rows are kept whatever their order. A text that several sources have belongs to the
one with the smallest name, and takes a place in the others before that is known: so it is on one
side only when sources are held out. Texts that are too short to be fitted take no place of others.
A text that is among the human and the LLM rows counts as the label read first.
"""

import hashlib
import heapq
import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from scrubtrace.beam_pipelines.decoding import Rows
from scrubtrace.beam_pipelines.scanning import SOURCE
from scrubtrace.detectors.language import identify
from scrubtrace.detectors.style.folding import fold
from scrubtrace.detectors.style.frame import Frame
from scrubtrace.detectors.style.model import FRAME_TEXTS, words_of
from scrubtrace.index.sources import read_rows
from scrubtrace.not_read import NotRead
from scrubtrace.schemas.plan import Columns
from scrubtrace.style.completions import completions, index_names
from scrubtrace.style.names import check_sources, language_code
from scrubtrace.style.progress import Told
from scrubtrace.style.recipes import recipe_of

UNNAMED = "(no source)"
NO_CODE = "(no language code)"
SIDES = {False: "human", True: "llm"}
BOTH = "with_both_labels"


@dataclass(frozen=True, order=True)
class Labelled:
    """One text; ``digest`` of the text decides which are kept and in which order."""

    digest: bytes
    source: str
    is_llm: bool
    text: str = field(compare=False)


class _Cell(NamedTuple):
    """Where texts are kept. The smallest of those that have a text is its own; one without a source
    is the last."""

    is_unnamed: bool
    source: str
    language: str
    is_llm: bool


@dataclass
class LabelledRows:
    """Collects labelled texts by language.

    Parameters
    ----------
    columns : of the shards; its group ``source``, if any, names the source of a row.
    most : texts kept of each language, source and label.
    language : of all rows, as an ISO 639-1 code; identified, or read from a column, without it.
    no_codes : of each shard, how many rows have a language that is no code: that is `NO_CODE`.
    """

    columns: Columns
    most: int
    language: str | None = None
    told: Told = field(default_factory=lambda: Told(quiet=True))
    counts: Counter[str] = field(default_factory=Counter)
    no_codes: Counter[str] = field(default_factory=Counter)
    _not_read: NotRead = field(default_factory=NotRead)
    _kept: dict[_Cell, list[tuple[int, Labelled]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _cells: dict[bytes, tuple[_Cell, ...]] = field(default_factory=dict)
    _alone: dict[_Cell, tuple[_Cell]] = field(default_factory=dict)
    _short: set[bytes] = field(default_factory=set)

    def read(self, shards: Sequence[str], is_llm: bool) -> None:
        """Rows of shards; raises `UsageStop` if none can be read, or if sources are no names.

        Without a column, the source of a row is its side and its shard's name below the folder that
        all of them lie in: ``human/vendor_a/data``. So no source has both labels then.
        """
        places = _by_file_system(shards)
        for place, own in places.items():
            above = f"{SIDES[is_llm]}/{place}" if place and len(places) > 1 else SIDES[is_llm]
            dead = self._not_read.take_shards
            for shard, rows in read_rows(own, self.columns, self.counts, dead):
                name = f"{shard} (--{SIDES[is_llm]})"
                self._not_read.take_rows(name, rows)
                check_sources(rows, self.columns.groups.get(SOURCE), name)
                self._read_batch(rows, is_llm, name, f"{above}/{posixpath.splitext(shard)[0]}")

    def _read_batch(self, rows: Rows, is_llm: bool, shard: str, source: str) -> None:
        """Rows of a shard; ``source`` is that of rows without a column of sources."""
        own: list[tuple[_Cell, Labelled]] = []
        for row, text in zip(rows.text_rows, rows.texts, strict=True):
            named = rows.group_value(SOURCE, row) if rows.groups else source
            self.counts["without_source"] += not named
            language = self._language(rows.languages[row] if rows.languages else None)
            if language == NO_CODE and text and text.strip():
                self.no_codes[shard] += 1
            own += self._new(text, language, is_llm, named or UNNAMED)
        self._add(own)
        self.told(len(rows), len(self._cells))

    def read_indexes(self, paths: Sequence[str]) -> None:
        """Completions of reference indexes, as LLM rows of one source each: ``llm/``, its folder.

        Raises `UsageStop` if one cannot be used.
        """
        for path, name in zip(paths, index_names(paths), strict=True):
            source = f"{SIDES[True]}/{name}"
            for texts in completions(path):
                self._add(
                    [new for text in texts for new in self._new(text, self.language, True, source)]
                )
                self.told(len(texts), len(self._cells))

    def sources(self) -> set[str]:
        """Names of all sources that texts are kept of."""
        return {cell.source for cell in self._kept if self._owned(cell)}

    def languages(self) -> Iterator[tuple[str, list[Labelled]]]:
        """Texts by language, in an order that depends on them only."""
        found: dict[str, list[Labelled]] = defaultdict(list)
        for cell in self._kept:
            found[cell.language] += self._owned(cell)
        for language in sorted(name for name, rows in found.items() if rows):
            yield language, sorted(found[language])

    def told_counts(self) -> dict[str, int]:
        """What became of the rows, by name; what did not happen is left out."""
        counts = self.counts + Counter(no_language_code=self.no_codes.total())
        for digest, cells in self._cells.items():
            label = SIDES[cells[0].is_llm]
            counts["too_short" if digest in self._short else label] += 1
        kept = sum(len(self._owned(cell)) for cell in self._kept)
        counts["beyond_most"] = counts["human"] + counts["llm"] - kept
        return {name: count for name, count in sorted(counts.items()) if count}

    def _owned(self, cell: _Cell) -> list[Labelled]:
        """The texts kept there that no smaller cell has."""
        kept = (row for _, row in self._kept[cell])
        return [
            row
            for row in kept
            if row.digest not in self._short and min(self._cells[row.digest]) == cell
        ]

    def _language(self, value: str | None) -> str | None:
        """The language of a row by its value in the column; None if it is to be identified."""
        if self.language or not value:
            return self.language
        return language_code(value) or NO_CODE

    def _new(
        self, text: str | None, language: str | None, is_llm: bool, source: str
    ) -> list[tuple[_Cell, Labelled]]:
        """The text with its cell, if the cell did not have it before; else nothing."""
        if not text or not text.strip():
            self.counts["empty"] += 1
            return []
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
        known = self._cells.get(digest, ())
        if known and known[0].is_llm != is_llm:
            self.counts[BOTH] += 1
            return []
        self.counts["repeated"] += bool(known)
        cell = _Cell(source == UNNAMED, source, language or identify(text), is_llm)
        if cell in known:
            return []
        alone = self._alone.setdefault(cell, (cell,))
        self._cells[digest] = (*known, cell) if known else alone
        return [(cell, Labelled(digest, source, is_llm, text))]

    def _add(self, rows: Sequence[tuple[_Cell, Labelled]]) -> None:
        """Keeps texts with so many words that they can be fitted, as far as there are places."""
        for at in range(0, len(rows), FRAME_TEXTS):
            some = rows[at : at + FRAME_TEXTS]
            words = words_of(Frame.of(fold([row.text for _, row in some]))).tolist()
            for (cell, row), count in zip(some, words, strict=True):
                if count < recipe_of(cell.language).least_fitted:
                    self._short.add(row.digest)
                else:
                    self._keep(cell, row)

    def _keep(self, cell: _Cell, row: Labelled) -> None:
        kept = self._kept[cell]
        entry = (-int.from_bytes(row.digest, "big"), row)
        if len(kept) < self.most:
            heapq.heappush(kept, entry)
        else:
            heapq.heappushpop(kept, entry)


def _by_file_system(shards: Sequence[str]) -> dict[str, list[str]]:
    """Paths by the file system or bucket that they are on; the local one has no name."""
    found: dict[str, list[str]] = {}
    for path in shards:
        scheme, _, rest = path.rpartition("://")
        found.setdefault(f"{scheme}:{rest.partition('/')[0]}" if scheme else "", []).append(path)
    return {place: found[place] for place in sorted(found)}
