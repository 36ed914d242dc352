"""Labelled rows for training: human and LLM shards, or the completions of a reference index.

At most so many different texts of each source and label are kept, those with the smallest digest,
so that the same rows are kept whatever their order.
"""

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scrubtrace.beam_pipelines.scanning import SOURCE
from scrubtrace.detectors.language import identify, normalise_code
from scrubtrace.index.sources import read_rows
from scrubtrace.schemas.plan import Columns
from scrubtrace.schemas.references import Part
from scrubtrace.style.progress import Told, tell_dead

UNNAMED = "(no source)"


@dataclass(frozen=True, order=True)
class Labelled:
    """One text; ``digest`` of the text decides which are kept and in which order."""

    digest: bytes
    source: str
    is_llm: bool
    text: str = field(compare=False)


@dataclass
class LabelledRows:
    """Collects labelled texts by language.

    Parameters
    ----------
    columns : of the shards; its group ``source``, if any, names the source of a row.
    most : texts kept of each language, source and label.
    language : of all rows, as an ISO 639-1 code; identified, or read from a column, without it.
    """

    columns: Columns
    most: int
    language: str | None = None
    told: Told = field(default_factory=lambda: Told(quiet=True))
    counts: Counter[str] = field(default_factory=Counter)
    _kept: dict[tuple[str, str, bool], list[tuple[int, Labelled]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _seen: set[bytes] = field(default_factory=set)

    def read(self, shards: Sequence[str], is_llm: bool) -> None:
        """Rows of shards; raises `UsageStop` if none can be read."""
        for shard, rows in read_rows(shards, self.columns, self.counts, tell_dead):
            for row, text in zip(rows.text_rows, rows.texts, strict=True):
                named = rows.group_value(SOURCE, row) if rows.groups else Path(shard).stem
                code = rows.languages[row] if rows.languages else None
                self._add(text, is_llm, named or UNNAMED, code)
            self.told(len(rows), len(self._seen))

    def read_index(self, path: str) -> None:
        """Completions of a reference index, as LLM rows of one source by its folder's name."""
        from scrubtrace.detectors.reference.index import ReferenceIndex

        index = ReferenceIndex(path)
        index.map_files()
        for number in range(index.texts):
            found = index.reference(number)
            if found["part"] == Part.COMPLETION:
                self._add(found["text"], True, Path(path).name, None)
        self.told(index.texts, len(self._seen))

    def sources(self) -> set[str]:
        """Names of all sources."""
        return {source for _, source, _ in self._kept}

    def languages(self) -> Iterator[tuple[str, list[Labelled]]]:
        """Texts by language, in an order that depends on them only."""
        found: dict[str, list[Labelled]] = defaultdict(list)
        for (language, _, _), kept in self._kept.items():
            found[language] += [entry for _, entry in kept]
        for language in sorted(found):
            yield language, sorted(found[language])

    def _add(self, text: str | None, is_llm: bool, source: str, code: str | None) -> None:
        if not text or not text.strip():
            self.counts["empty"] += 1
            return
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
        if digest in self._seen:
            self.counts["repeated"] += 1
            return
        self._seen.add(digest)
        language = self.language or (normalise_code(code) if code else identify(text))
        kept = self._kept[language, source, is_llm]
        entry = (-int.from_bytes(digest, "big"), Labelled(digest, source, is_llm, text))
        self.counts["llm" if is_llm else "human"] += 1
        if len(kept) < self.most:
            heapq.heappush(kept, entry)
        else:
            heapq.heappushpop(kept, entry)
