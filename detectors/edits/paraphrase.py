"""Paraphrase: most words changed while the content and its order stayed.

The statistic: of the content words that occur once in a text, the share that occurs once in the
other as well (of the text with fewer), and the rank correlation of their places (Spearman). Another
answer to the same question shares few such words and in no order; a paraphrase keeps names,
numbers and terms, in order, though hardly a phrase. Content words are those of four letters or
more, cut to six, and numbers; in East Asian text pairs of characters.

Words in longer passages that were left alone do not count: an editor who puts other sentences in
the place of some keeps the rest, which says nothing of what became of those. The content has to be
kept in what was rewritten.

Measured on 1,500 English essays and their DIPPER paraphrases, against pairs of answers to one
prompt from eleven sources; see the benchmark ``desensitization``. Thresholds are for texts of about
60 words or more: short ones never have enough such words.
"""

from collections import Counter
from collections.abc import Iterator
from math import sqrt

import numpy as np

from scrubtrace.detectors.edits.alignment import Alignment, Hunk
from scrubtrace.detectors.edits.change import Change
from scrubtrace.detectors.edits.words import Words, is_east_asian
from scrubtrace.schemas.edits import EditKind

LEAST_CHANGED = 0.3
"""Share of the old words that became others; a spell-check or polish changes fewer."""

LEAST_SHARED = 0.22
LEAST_ORDER = 0.4
LEAST_SURENESS = 3.0
"""Rank correlation x sqrt(shared words - 1): standard deviations from no order."""

LEFT_ALONE, LEFT_ALONE_CHARACTERS = 8, 12
"""Words in a row, or East Asian characters, that count as left alone: about a clause."""

SHORTEST = 4
"""A passage may become this many times shorter and count as rewritten."""

STEM = 6
LEAST_LETTERS = 4


def paraphrase(alignment: Alignment) -> Iterator[Change]:
    """One change for the whole text, if it is a paraphrase; the score is the shared share."""
    changed = sum(_replaced(hunk) for hunk in alignment.hunks)
    if changed < LEAST_CHANGED * max(len(alignment.old), 1):
        return
    old, new = (_places(*side) for side in _rewritten(alignment))
    shared = [word for word in old if word in new]
    share = len(shared) / max(1, min(len(old), len(new)))
    if share < LEAST_SHARED or len(shared) < 3:
        return
    order = _rank_correlation([new[word] for word in shared])
    if order >= LEAST_ORDER and order * sqrt(len(shared) - 1) >= LEAST_SURENESS:
        signal = "any.paraphrase.content_kept"
        before, behind = (w.original(0, len(w.text)) for w in (alignment.old, alignment.new))
        yield Change(EditKind.PARAPHRASED, signal, before, behind, round(share, 4))


def _replaced(hunk: Hunk) -> int:
    """Words that became others; where much less came in, the rest was only cut."""
    return hunk.removed if hunk.inserted * SHORTEST >= hunk.removed else hunk.inserted


def _rewritten(alignment: Alignment) -> tuple[tuple[Words, list[bool]], tuple[Words, list[bool]]]:
    """Both texts, with whether each word is in what was rewritten, not in a passage left alone."""
    old, new = [True] * len(alignment.old), [True] * len(alignment.new)
    end = Hunk(len(old), len(old), len(new), len(new))
    at, there = 0, 0
    for hunk in (*alignment.hunks, end):
        kept = alignment.old.words[at : hunk.old_start]
        if kept and len(kept) >= _left_alone(kept[0]):
            old[at : hunk.old_start] = [False] * len(kept)
            new[there : hunk.new_start] = [False] * (hunk.new_start - there)
        at, there = hunk.old_end, hunk.new_end
    return (alignment.old, old), (alignment.new, new)


def _left_alone(word: str) -> int:
    return LEFT_ALONE_CHARACTERS if is_east_asian(word) else LEFT_ALONE


def _places(words: Words, chosen: list[bool]) -> dict[str, int]:
    """Places of the chosen content words that occur once in the text, in order."""
    units = list(_units(words.words))
    counts = Counter(units)
    return {u: n for n, u in enumerate(units) if chosen[n] and u and counts[u] == 1}


def _units(words: tuple[str, ...]) -> Iterator[str]:
    """The content word at each place, empty where there is none."""
    for number, word in enumerate(words):
        if is_east_asian(word):
            behind = words[number + 1] if number + 1 < len(words) else ""
            yield word + behind if behind and is_east_asian(behind) else ""
        else:
            long = len(word) >= LEAST_LETTERS or any(char.isdigit() for char in word)
            yield word[:STEM] if long else ""


def _rank_correlation(places: list[int]) -> float:
    """Spearman's coefficient of places that are all different with their order."""
    ranks = np.argsort(np.argsort(places))
    count = len(places)
    squares = float(np.sum((ranks - np.arange(count)) ** 2))
    return 1 - 6 * squares / (count * (count * count - 1))
