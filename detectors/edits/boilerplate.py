"""Boilerplate that an edit cut while the rest stayed.

Evidence: phrases of the `boilerplate` detector (disclosures, refusals, wrappers) that the old text
asserts and the new one lacks; openers at the start, closers at the end, caveats at either (see
`courtesies`). Around them the text stayed, or was paraphrased: in an answer that was written anew
every phrase is gone and none of it counts. What only moved does not count.
"""

from collections.abc import Callable, Iterator

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

LEAST_KEPT_AROUND = 0.5
LEAST_KEPT_WORDS = 3
EDGE_SENTENCES = 3
"""Sentences at either end of a text that openers, closers and caveats are looked for in."""

OTHER_FORMATS = frozenset({"api_format", "judge", "spinner"})
"""Categories that say nothing of an assistant's answer."""

Rule = Callable[[str, str], str | None]


def cut_boilerplate(
    alignment: Alignment, old_text: str, language: str, detector: Boilerplate, is_paraphrased: bool
) -> Iterator[Change]:
    """Phrases that were cut, each with its signal."""
    found = list(_phrases(alignment.old, old_text, language, detector))
    known = {word for _, words in found for word in words}
    found += [edge for edge in _edges(alignment, language) if known.isdisjoint(edge[1])]
    gone = [(signal, words) for signal, words in found if _is_gone(alignment, words)]
    if not gone or not (is_paraphrased or _stayed(alignment, [words for _, words in gone])):
        return
    for signal, words in gone:
        yield _change(alignment, signal, words)


def _phrases(
    old: Words, text: str, language: str, detector: Boilerplate
) -> Iterator[tuple[str, range]]:
    evidence = detector.detect(TextBatch([text], [language])).found
    for span in evidence.to_pylist():
        if span["use"] == Use.ASSERTED and span["category"] not in OTHER_FORMATS:
            yield span["signal"], old.within_original(span["start"], span["end"])


def _edges(alignment: Alignment, language: str) -> Iterator[tuple[str, range]]:
    """Openers, closers and caveats among the first and last sentences."""
    old = alignment.old
    sentences = old.sentences
    last = max(len(sentences) - EDGE_SENTENCES, 0)
    for number, span in enumerate(sentences):
        if EDGE_SENTENCES <= number < last:
            continue
        words = old.within(*span)
        if alignment.kept_share(words) > MOST_KEPT:
            continue
        signal = _signal(old.text[slice(*span)], language, number < EDGE_SENTENCES, number >= last)
        if signal:
            yield signal, words


def _signal(sentence: str, language: str, is_first: bool, is_last: bool) -> str | None:
    rules: list[Rule] = [caveat_of]
    if is_last:
        rules.insert(0, closer_of)
    if is_first:
        rules.insert(0, opener_of)
    return next((signal for rule in rules if (signal := rule(sentence, language))), None)


def _is_gone(alignment: Alignment, words: range) -> bool:
    if not words or alignment.kept_share(words) > MOST_KEPT:
        return False
    old = alignment.old
    phrase = " ".join(old.words[words.start : words.stop])
    return phrase not in " ".join(alignment.new.words)


def _stayed(alignment: Alignment, gone: list[range]) -> bool:
    """Whether most of what stood around the phrases was kept."""
    cut = {word for words in gone for word in words}
    around = [kept for number, kept in enumerate(alignment.kept) if number not in cut]
    return sum(around) >= max(LEAST_KEPT_WORDS, LEAST_KEPT_AROUND * len(around))


def _change(alignment: Alignment, signal: str, words: range) -> Change:
    old, new = alignment.old, alignment.new
    span = (old.spans[words.start][0], old.spans[words.stop - 1][1])
    hunks = [hunk for hunk in alignment.hunks if _overlaps(hunk, words)]
    place = _inserted(new, hunks[0].new_start, hunks[-1].new_end) if hunks else (0, 0)
    return Change(EditKind.BOILERPLATE_CUT, signal, old.original(*span), new.original(*place))


def _overlaps(hunk: Hunk, words: range) -> bool:
    return hunk.old_start < words.stop and words.start < hunk.old_end


def _inserted(new: Words, first: int, last: int) -> Span:
    if first < last:
        return new.spans[first][0], new.spans[last - 1][1]
    start = new.passage(first, last)[0]
    return start, start
