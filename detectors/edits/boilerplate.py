"""Boilerplate that an edit cut while the rest stayed.

Evidence: phrases of the `boilerplate` detector (disclosures, refusals, wrappers) that the old text
asserts and the new one lacks; openers at the start, closers at the end, caveats at either (see
`courtesies`). Around them the text stayed, or was paraphrased: in an answer that was written anew
every phrase is gone and none of it counts. What only moved does not count.
"""

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.boilerplate import Boilerplate
from scrubtrace.detectors.edits.alignment import Alignment, Hunk
from scrubtrace.detectors.edits.change import Change
from scrubtrace.detectors.edits.courtesies import caveat_of, closer_of, opener_of
from scrubtrace.detectors.edits.words import Span, Words
from scrubtrace.schemas.edits import EditKind
from scrubtrace.schemas.vocabulary import Use

MOST_KEPT = 0.34
"""Share of the words of a phrase that may be kept: some stand elsewhere in the text."""

MOST_KEPT_OF_PHRASE = 0.6
"""Of a phrase of the detector, which reaches into the sentence: "As an AI model, I have never"."""

LEAST_KEPT_AROUND = 0.5
LEAST_KEPT_WORDS = 3
MOST_REPLACED = 0.5
"""Words that came in the place of a courtesy, of its own."""

MOST_WORDS = 60
RECURRING = "any.recurring.cut"

LONG_CUT = 20
LEAST_OF_CUT = 0.4
"""Of a cut of so many words or more, the share that must be of phrases."""

EDGE_SENTENCES = 3
"""Sentences at either end of a text that openers, closers and caveats are looked for in."""

OTHER_FORMATS = frozenset({"api_format", "judge", "spinner"})
"""Categories that say nothing of an assistant's answer."""

Rule = Callable[[str, str], str | None]


@dataclass(frozen=True)
class Cut:
    """A phrase that was cut: its signal, and its words in the old text."""

    signal: str
    words: range
    most_kept: float = MOST_KEPT


def cut_boilerplate(
    alignment: Alignment, old_text: str, language: str, detector: Boilerplate, is_paraphrased: bool
) -> list[Cut]:
    """Phrases that were cut, each with its signal."""
    found = list(_phrases(alignment.old, old_text, language, detector))
    known = {word for cut in found for word in cut.words}
    for edge in _edges(alignment, language):
        if known.isdisjoint(edge.words):
            found.append(edge)
            known.update(edge.words)
    gone = [cut for cut in found if _is_gone(alignment, cut.words, cut.most_kept)]
    words = {word for cut in gone for word in cut.words}
    if not (is_paraphrased or _stayed(alignment, words)):
        return []
    return [cut for cut in gone if not _is_lost_in(alignment, cut.words, words)]


def plain_cuts(alignment: Alignment, known: Set[int]) -> list[Cut]:
    """Sentences cut at either end that no rule knows; of note only if many rows lose the same.

    ``known`` are words that went as boilerplate.
    """
    found = [Cut(RECURRING, alignment.old.within(*span)) for span, _, _ in _pieces(alignment)]
    gone = [
        cut
        for cut in found
        if len(cut.words) <= MOST_WORDS
        and known.isdisjoint(cut.words)
        and _is_gone(alignment, cut.words, MOST_KEPT)
        and not _is_replaced(alignment, cut.words)
    ]
    words = {word for cut in gone for word in cut.words}.union(known)
    if not _stayed(alignment, words):
        return []
    return [cut for cut in gone if not _is_lost_in(alignment, cut.words, words)]


def _phrases(old: Words, text: str, language: str, detector: Boilerplate) -> Iterator[Cut]:
    evidence = detector.detect(TextBatch([text], [language])).found
    for span in evidence.to_pylist():
        if span["use"] == Use.ASSERTED and span["category"] not in OTHER_FORMATS:
            words = old.within_original(span["start"], span["end"])
            yield Cut(span["signal"], words, MOST_KEPT_OF_PHRASE)


def _edges(alignment: Alignment, language: str) -> Iterator[Cut]:
    """Openers, closers and caveats among the first and last sentences, each counted once."""
    old = alignment.old
    for span, is_first, is_last in _pieces(alignment):
        words = old.within(*span)
        if alignment.kept_share(words) > MOST_KEPT or _is_replaced(alignment, words):
            continue
        if signal := _signal(old.text[slice(*span)], language, is_first, is_last):
            yield Cut(signal, words)


def _is_replaced(alignment: Alignment, words: range) -> bool:
    """Whether about as many words came in its place: a sentence that was rewritten, not cut."""
    came = sum(hunk.inserted for hunk in alignment.hunks if _overlaps(hunk, words))
    return came > MOST_REPLACED * len(words)


def _pieces(alignment: Alignment) -> Iterator[tuple[Span, bool, bool]]:
    """Sentences at either end, then those that a cut at the end divides: what was cut of them.

    An opener may end with a colon in the middle of a line; a closer may follow a text that ends
    without a full stop.
    """
    old, sentences = alignment.old, alignment.old.sentences
    last = max(len(sentences) - EDGE_SENTENCES, 0)
    edges = [
        (span, number < EDGE_SENTENCES, number >= last)
        for number, span in enumerate(sentences)
        if number < EDGE_SENTENCES or number >= last
    ]
    yield from edges
    if not alignment.hunks:
        return
    head, tail = alignment.hunks[0], alignment.hunks[-1]
    for (start, end), is_first, is_last in edges:
        stop = old.gap(head.old_end, head.old_end)[1]
        if head.old_start == 0 and start < stop < end:
            yield (start, stop), is_first, False
        if (
            tail.old_end == len(old)
            and start < (begin := old.gap(tail.old_start, len(old))[0]) < end
        ):
            yield (begin, end), False, is_last


def _signal(sentence: str, language: str, is_first: bool, is_last: bool) -> str | None:
    rules: list[Rule] = [caveat_of]
    if is_last:
        rules.insert(0, closer_of)
    if is_first:
        rules.insert(0, opener_of)
    return next((signal for rule in rules if (signal := rule(sentence, language))), None)


def _is_gone(alignment: Alignment, words: range, most_kept: float) -> bool:
    if not words or alignment.kept_share(words) > most_kept:
        return False
    old = alignment.old
    phrase = " ".join(old.words[words.start : words.stop])
    return phrase not in " ".join(alignment.new.words)


def _stayed(alignment: Alignment, gone: set[int]) -> bool:
    """Whether most of what stood around the phrases was kept."""
    around = [kept for number, kept in enumerate(alignment.kept) if number not in gone]
    return sum(around) >= max(LEAST_KEPT_WORDS, LEAST_KEPT_AROUND * len(around))


def _is_lost_in(alignment: Alignment, words: range, gone: set[int]) -> bool:
    """Whether a phrase went along with much else: a text cut short loses its closer, too."""
    hunk = alignment.hunk_with(words)
    if hunk is None or hunk.removed < LONG_CUT:
        return False
    of_phrases = sum(word in gone for word in range(hunk.old_start, hunk.old_end))
    return of_phrases < LEAST_OF_CUT * hunk.removed


def change_of(alignment: Alignment, cut: Cut) -> Change:
    """A cut as a change, with what stands in its place."""
    old, new, words = alignment.old, alignment.new, cut.words
    span = (old.spans[words.start][0], old.spans[words.stop - 1][1])
    hunks = [hunk for hunk in alignment.hunks if _overlaps(hunk, words)]
    place = _inserted(new, hunks[0].new_start, hunks[-1].new_end) if hunks else (0, 0)
    return Change(EditKind.BOILERPLATE_CUT, cut.signal, old.original(*span), new.original(*place))


def _overlaps(hunk: Hunk, words: range) -> bool:
    return hunk.old_start < words.stop and words.start < hunk.old_end


def _inserted(new: Words, first: int, last: int) -> Span:
    if first < last:
        return new.spans[first][0], new.spans[last - 1][1]
    start = new.passage(first, last)[0]
    return start, start
