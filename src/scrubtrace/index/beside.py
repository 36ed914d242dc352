"""Reference texts for a review sheet: what stands beside the texts that match them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scrubtrace.detectors.reference.detector import Reference
from scrubtrace.detectors.reference.index import ReferenceIndex
from scrubtrace.detectors.reference.passages import located, shared
from scrubtrace.review.lines import ExportLine

EXCERPT = 500
"""Code points of a reference text that a sheet has, as many as of a row."""

EQUAL = 0.9
"""Share of the words of a passage that must stand in the reference text, in the same order."""

LEAST_SHOWN = 100
"""Code points of a passage that the snippet must have to check it; fewer may be cut in a word."""

_NAMED = ("source", "part", "model", "task")


class ReferenceTexts:
    """The texts of a reference index; raises `ReferenceIndexError` for one that cannot be used."""

    def __init__(self, path: str) -> None:
        self._index = ReferenceIndex(path)
        self._fingerprint = Reference(path).fingerprint()

    def add_to(self, lines: Sequence[ExportLine], items: Sequence[dict[str, Any]]) -> None:
        """Give items of a sheet an excerpt of the reference text that they match, as ``reference``.

        It has text, start and chars, in code points. Left out is a text that the index does not
        have any more, or that cannot be told from others of its name. If the index is not as it was
        when the item was found, the text must have the passages of the item.
        """
        matches = [
            (line, item, found)
            for line, item in zip(lines, items, strict=True)
            if (found := _match(item)) is not None
        ]
        candidates = self._candidates({str(match.get("source")) for _, _, match in matches})
        for line, item, match in matches:
            prints = {entry.get("fingerprint") for entry in line.item.detectors}
            passages = [entry for entry in item["evidence"] if entry.get("there")]
            named = [c for c in candidates.get(str(match.get("source")), ()) if _is_named(c, match)]
            least = 0 if self._fingerprint in prints else 1
            texts = {str(c["text"]) for c in named}
            texts = {text for text in texts if _has(text, item, passages, least)}
            if len(texts) == 1:
                item["reference"] = _excerpt(texts.pop(), passages)

    def _candidates(self, sources: set[str]) -> dict[str, list[dict[str, Any]]]:
        """Reference texts by source."""
        found: dict[str, list[dict[str, Any]]] = {}
        for segment in self._index.segments:
            column = segment.texts.column("source")
            wanted = pc.is_in(column, value_set=pa.array(sorted(sources), column.type))
            for number in np.flatnonzero(wanted.to_numpy()).tolist():
                reference = segment.reference(number)
                found.setdefault(reference["source"], []).append(reference)
        return found


def _match(item: Mapping[str, Any]) -> dict[str, Any] | None:
    matches = (entry["match"] for entry in item["evidence"] if entry.get("match"))
    return next(matches, None)


def _is_named(reference: Mapping[str, Any], match: Mapping[str, Any]) -> bool:
    return all(reference[name] == match.get(name) for name in _NAMED)


def _has(
    text: str, item: Mapping[str, Any], passages: Iterable[Mapping[str, Any]], least: int
) -> bool:
    """Whether a reference text has all passages where they should be, as far as the snippet goes.

    At least ``least`` of them must be in the snippet.
    """
    checked = 0
    for passage in passages:
        start, end = (passage[name] - item["snippet_start"] for name in ("start", "end"))
        there, stop = passage["there"]
        here = item["snippet"][max(start, 0) : max(end, 0)]
        if stop > len(text):
            return False
        if len(here) < min(LEAST_SHOWN, end - start):
            continue
        if shared(located(here), located(text[there:stop])).text_covered < EQUAL:
            return False
        checked += 1
    return checked >= least


def _excerpt(text: str, passages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """At most `EXCERPT` code points around the longest passage, or from the beginning."""
    places = [tuple(passage["there"]) for passage in passages]
    first, last = max(places, key=lambda place: place[1] - place[0], default=(0, 0))
    before = max(0, EXCERPT - (last - first)) // 3
    start = max(0, min(first - before, len(text) - EXCERPT))
    return {"text": text[start : start + EXCERPT], "start": start, "chars": len(text)}
