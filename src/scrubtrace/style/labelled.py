"""Labelled rows for training: human and LLM shards, or the completions of a reference index.

At most so many different texts of each source and label are kept, those with the smallest digest,
so that the same rows are kept whatever their order. Texts that are too short to be fitted take no
place of others. A text that is among the human and the LLM rows counts as the label read first.
"""

import hashlib
import heapq
import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.scanning import SOURCE
from scrubtrace.detectors.language import identify, normalise_code
from scrubtrace.detectors.style.folding import fold
from scrubtrace.detectors.style.frame import Frame
from scrubtrace.detectors.style.model import FRAME_TEXTS, words_of
from scrubtrace.index.sources import read_rows
from scrubtrace.not_read import tell_dead
from scrubtrace.schemas.plan import Columns
from scrubtrace.style.completions import completions
from scrubtrace.style.progress import Told
from scrubtrace.style.recipes import recipe_of

UNNAMED = "(no source)"
BOTH = "with_both_labels"


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
    _seen: dict[bytes, bool] = field(default_factory=dict)

    def read(self, shards: Sequence[str], is_llm: bool) -> None:
        """Rows of shards; raises `UsageStop` if none can be read."""
        for shard, rows in read_rows(shards, self.columns, self.counts, tell_dead):
            own: list[Labelled] = []
            codes: list[str | None] = []
            for row, text in zip(rows.text_rows, rows.texts, strict=True):
                named = rows.group_value(SOURCE, row) if rows.groups else Path(shard).stem
                self.counts["without_source"] += not named
                if labelled := self._new(text, is_llm, named or UNNAMED):
                    own.append(labelled)
                    codes.append(rows.languages[row] if rows.languages else None)
            self._add(own, codes)
            self.told(len(rows), len(self._seen))

    def read_index(self, path: str) -> None:
        """Completions of a reference index, as LLM rows of one source by its folder's name.

        Raises `UsageStop` if it cannot be used.
        """
        name = posixpath.basename(storage.absolute(path).rstrip("/"))
        for texts in completions(path):
            found = (self._new(text, True, name) for text in texts)
            own = [labelled for labelled in found if labelled]
            self._add(own, [None] * len(own))
            self.told(len(texts), len(self._seen))

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

    def told_counts(self) -> dict[str, int]:
        """What became of the rows, by name; what did not happen is left out."""
        return {name: count for name, count in sorted(self.counts.items()) if count}

    def _new(self, text: str | None, is_llm: bool, source: str) -> Labelled | None:
        """A text that was not met before."""
        if not text or not text.strip():
            self.counts["empty"] += 1
            return None
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
        if digest in self._seen:
            self.counts["repeated" if self._seen[digest] == is_llm else BOTH] += 1
            return None
        self._seen[digest] = is_llm
        return Labelled(digest, source, is_llm, text)

    def _add(self, rows: Sequence[Labelled], codes: Sequence[str | None]) -> None:
        """Keeps texts with so many words that they can be fitted, as far as there are places."""
        for at in range(0, len(rows), FRAME_TEXTS):
            some = rows[at : at + FRAME_TEXTS]
            words = words_of(Frame.of(fold([row.text for row in some]))).tolist()
            for row, code, count in zip(some, codes[at : at + FRAME_TEXTS], words, strict=True):
                named = normalise_code(code) if code else identify(row.text)
                language = self.language or named
                if count < recipe_of(language).least_fitted:
                    self.counts["too_short"] += 1
                else:
                    self._keep(language, row)

    def _keep(self, language: str, row: Labelled) -> None:
        kept = self._kept[language, row.source, row.is_llm]
        entry = (-int.from_bytes(row.digest, "big"), row)
        self.counts["llm" if row.is_llm else "human"] += 1
        if len(kept) < self.most:
            heapq.heappush(kept, entry)
        else:
            heapq.heappushpop(kept, entry)
            self.counts["beyond_most"] += 1
