"""Holes in sentences: what is left when a name was deleted and the punctuation stayed.

Evidence: "The kettle was designed by .", "Dr. , thank you", "According to , the ferry is late",
由开发的. A word filter or Presidio's operator ``redact`` deletes a name and mends nothing.

Why it works: before the deleted name stood a word that does not end a phrase (a maker's "by", an
article, a title), and behind it a space and the old punctuation.

spaCy splits the text into words and sentences; a token matcher finds function words before
punctuation. Blank pipelines do it with word lists that leave out what may end a sentence ("turned
on .", "what I asked for ."). With an installed model its tagger decides on those as well.

Source: own design; rates on human text are in `benchmarks/flag_rates.py`.

Known false positives: hasty typing. A text that puts spaces before its punctuation as a habit, as
tokenised corpora do, gives nothing.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from scrubtrace.detectors.blank_pipelines import BlankPipeline
from scrubtrace.detectors.detector import fingerprint_of
from scrubtrace.detectors.language import normalise_code

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.matcher import Matcher
    from spacy.tokens import Doc

LONGEST_TEXT = 100_000
"""Only so many code points of a text are looked at."""

LEAST_WORDS = 4
LEAST_TITLE_WORDS = 2
"""Fewest words of a sentence around a hole; of one that begins with a title, fewer."""

HABIT = 0.3
MANY_SPACED = 4
"""A text with so many spaces before punctuation, and above this share, is typed that way."""

WINDOW = 250
"""spaCy sees so many code points on both sides of where there may be a hole."""

OTHER = "xx"
PUNCTUATION = [",", ".", ";", "!", "?"]
ENDS = ".!?"
TITLE = "title"

MAKERS = {
    "en": ("by", "developed created trained built made designed written founded owned published "
                 "operated invented"),
    "de": ("von", "entwickelt trainiert erstellt gebaut gegründet geschrieben betrieben erfunden"),
    "id": ("oleh", "dikembangkan dilatih dibuat diciptakan dirancang didirikan ditulis dikelola"),
}  # fmt: skip
"""The maker's preposition and verbs before it: only a name follows, with or without a space."""

BEFORE_NAMES = {
    "en": "by of at from with named the a an my as and",
    "de": "von bei laut namens dem den des einem einen eines als und",
    "id": "oleh di dari bernama menurut kepada sang si sebagai dan",
}
"""Words that do not end a phrase, for blank pipelines."""

TITLES = {
    "en": "mr mr. mrs mrs. ms ms. dr dr. prof prof.",
    "de": "herr herrn frau dr. prof.",
    "id": "bapak ibu pak bu",
}
"""Titles, behind which a name comes; their sentences may be as short as a salutation."""

PHRASES = {
    "en": ["according to", "thanks to", "talked to", "moved to", "lives in", "lived in", "born in",
           "works for", "worked for", "left for"],
    "de": ["wohnt in", "arbeitet für"],
}  # fmt: skip
"""Two words of which the second may end other phrases."""

TAGGED = ("ADP", "DET", "CCONJ")
"""What does not end a phrase where a tagger tells it from particles."""

PAIRS = {"en": [("from", "to")]}
"""Words that do not stand side by side before another word."""

CHARACTERS = {
    "zh": re.compile(
        r"(?<![自理来來缘緣经經事])由(?:开发|開發|训练|訓練|研发|研發|创建|創建|设计|設計|出版|主办|主辦)"
        r"(?=[的了出])|(?:我是一个由|我是一個由|我叫|名叫|来自|來自|位于|位於|任职于|任職於)(?=[，。])"
        r"|(?:作为|作為)(?:一[个個名位])?(?=[，。])"
    ),
    "ja": re.compile(
        r"(?:(?<=[、。\n])|\A)(?:によって|により)(?:開発|訓練|作成|設計|運営)"
        r"|私は、?(?:によって|により)|(?:(?<=[、。\n])|\A)と申します"
    ),
}
"""Languages without spaces: the words on both sides of the hole."""

_MARK = re.compile(r"[,.;!?](?=\s|\Z)")
_SPACED = re.compile(r"(?<=\S) [,.;!?](?=\s|\Z)")
_SUSPICION = re.compile(
    r"\S [,.;!?](?:\s|\Z)|, ?,|\b(?:by|von|oleh)[,.;!?]|\bfrom to\b|\bbetween and\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Cut:
    """One hole: half-open code-point offsets of what stands around it, and what it looks like.

    ``kind``: maker, name, title, commas, pair or phrase.
    """

    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class CutResidue:
    """Finds holes in sentences of English, German, Indonesian, Chinese and Japanese.

    Other languages get the language-neutral part: doubled commas.

    Parameters
    ----------
    models : names or paths of installed spaCy models by language; blank pipelines without.

    Raises ValueError for a model that is not installed, or whose language uses none; nothing is
    ever downloaded. spaCy is loaded, a language at a time, when the first text comes that needs it.
    """

    models: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for code, model in self.models.items():
            _check_code(code)
            if not isinstance(model, str) or not _is_model(model):
                raise ValueError(
                    f"the spaCy model {model!r} for {code!r} is not installed: install its "
                    "package, or leave it out for a blank pipeline"
                )

    def fingerprint(self) -> str:
        """Digest of the models and the library that decide; the rules are this file's."""
        models = {code: [model, _version(model)] for code, model in self.models.items()}
        return fingerprint_of("cut_residue", 1, version("spacy"), models)

    def find(self, texts: Sequence[tuple[str, str]]) -> list[list[Cut]]:
        """The holes of each (text, language), in order."""
        return [self._find(text[:LONGEST_TEXT], language) for text, language in texts]

    def _find(self, text: str, language: str) -> list[Cut]:
        if language in CHARACTERS:
            found = CHARACTERS[language].finditer(text)
            return [Cut(*match.span(), "phrase") for match in found]
        windows = [] if _is_spaced(text) else _windows(text)
        if not windows:
            return []
        code = language if language in self._languages else OTHER
        with _FREE.lent(code, self.models.get(code)) as (pipeline, matcher, prepare):
            for start, end in windows:
                prepare(text[start:end])
            with pipeline.memory_zone():
                return [
                    Cut(start + cut.start, start + cut.end, cut.kind)
                    for start, end in windows
                    for cut in _cuts(pipeline(text[start:end]), matcher)
                ]

    @cached_property
    def _languages(self) -> frozenset[str]:
        return frozenset({*BEFORE_NAMES, *self.models}) - set(CHARACTERS)


class _Pipeline(NamedTuple):
    """What splits a text and finds holes in it, once ``prepare`` has seen the text."""

    split: "Language"
    matcher: "Matcher"
    prepare: Callable[[str], None]


class _Free:
    """Pipelines of this process that nobody uses, for whoever needs the same again.

    A tokenizer may take seconds to make; two threads must not use one at a time.
    """

    def __init__(self) -> None:
        self._pipelines: dict[tuple[str, str | None], list[_Pipeline]] = {}

    @contextmanager
    def lent(self, code: str, model: str | None) -> Iterator[_Pipeline]:
        """A pipeline for nobody else until the end of the block; made if none is free."""
        free = self._pipelines.setdefault((code, model), [])
        try:
            pipeline = free.pop()
        except IndexError:
            pipeline = _make_pipeline(code, model)
        try:
            yield pipeline
        finally:
            free.append(pipeline)


_FREE = _Free()


def _make_pipeline(code: str, model: str | None) -> "_Pipeline":
    import spacy
    from spacy.matcher import Matcher

    prepare: Callable[[str], None] = _is_prepared
    if model is None:
        blank = BlankPipeline(code)
        pipeline, prepare = blank.pipeline, blank.prepare
    else:
        pipeline = spacy.load(model, exclude=["ner", "lemmatizer"])
    matcher = Matcher(pipeline.vocab)
    for kind, patterns in _patterns(code, model is not None).items():
        matcher.add(kind, patterns)
    return _Pipeline(pipeline, matcher, prepare)


def _is_prepared(_: str) -> None:
    """An installed model has all of its exceptions."""


def _check_code(code: str) -> None:
    """Raises ValueError for a language whose texts would never meet the model."""
    if code in CHARACTERS:
        raise ValueError(
            f"there is no spaCy model in use for {code!r}: its texts are searched by characters; "
            "leave it out"
        )
    if normalise_code(code) != code:
        raise ValueError(
            f"the spaCy models are by codes of languages such as {', '.join(BEFORE_NAMES)}, not "
            f"{code!r}"
        )


def _version(model: str) -> str:
    try:
        return version(model)
    except PackageNotFoundError:  # a path, or a package of another name
        return ""


def _is_model(name: str) -> bool:
    """Whether a folder or an installed package holds a spaCy pipeline; spaCy is not loaded."""
    folder = Path(name)
    if not folder.is_dir():
        found = find_spec(name) if name.isidentifier() else None
        if found is None or found.origin is None:
            return False
        folder = Path(found.origin).parent
    return any(folder.glob("meta.json")) or any(folder.glob("*/meta.json"))


def _patterns(code: str, tagged: bool) -> dict[str, list[list[dict[str, Any]]]]:
    mark = {"TEXT": {"IN": PUNCTUATION}}
    patterns: dict[str, list[list[dict[str, Any]]]] = {
        "commas": [[{"IS_ALPHA": True}, {"TEXT": ",", "SPACY": True}, {"TEXT": ","}]],
    }
    if code in MAKERS:
        by, verbs = MAKERS[code]
        verb = {"LOWER": {"IN": verbs.split()}}
        end = {"TEXT": {"IN": list(ENDS)}}
        patterns["maker"] = [[verb, {"LOWER": by, "SPACY": True}, mark], [verb, {"LOWER": by}, end]]
    if code in BEFORE_NAMES:
        words = BEFORE_NAMES[code].split()
        phrases = [phrase.split() for phrase in PHRASES.get(code, [])]
        patterns["name"] = [[{"LOWER": {"IN": words}, "SPACY": True}, mark]]
        patterns["name"] += [[{"LOWER": a}, {"LOWER": b, "SPACY": True}, mark] for a, b in phrases]
        titles = TITLES[code].split()
        patterns[TITLE] = [[{"LOWER": {"IN": titles}, "SPACY": True}, mark]]
    if tagged:
        unfinished = {"POS": {"IN": list(TAGGED)}, "TAG": {"NOT_IN": ["RP"]}, "SPACY": True}
        patterns.setdefault("name", []).append([unfinished, mark])
    for first, second in PAIRS.get(code, []):
        pair: list[dict[str, Any]] = [{"LOWER": first}, {"LOWER": second}, {"IS_ALPHA": True}]
        patterns.setdefault("pair", []).append(pair)
    return patterns


def _is_spaced(text: str) -> bool:
    """Whether a text puts spaces before its punctuation as a habit."""
    spaced, others = len(_SPACED.findall(text)), len(_MARK.findall(text))
    return spaced >= MANY_SPACED and spaced > HABIT * others


def _windows(text: str) -> list[tuple[int, int]]:
    """Where there may be a hole, with what is around it in the same paragraph; none overlap."""
    windows: list[tuple[int, int]] = []
    for found in _SUSPICION.finditer(text):
        low, high = max(0, found.start() - WINDOW), found.end() + WINDOW
        start = max(text.rfind("\n", low, found.start()) + 1, low)
        end = text.find("\n", found.end(), high)
        end = min(high, len(text)) if end < 0 else end
        if windows and start <= windows[-1][1]:
            windows[-1] = (windows[-1][0], max(end, windows[-1][1]))
        else:
            windows.append((start, end))
    return windows


def _cuts(doc: "Doc", matcher: "Matcher") -> Iterator[Cut]:
    """The matches that stand in sentences, from left to right; of overlapping ones the first."""
    found = sorted(matcher(doc, as_spans=True), key=lambda span: (span.start, -span.end))
    starts = [sentence.start for sentence in doc.sents] if found else []
    words = [sum(token.is_alpha for token in sentence) for sentence in doc.sents] if found else []
    reached = -1
    for span in found:
        at = bisect_right(starts, span.start) - 1
        length = (starts[at + 1] if at + 1 < len(starts) else len(doc)) - starts[at]
        least = LEAST_TITLE_WORDS if span.label_ == TITLE else LEAST_WORDS
        if span.start > reached and words[at] >= least and 2 * words[at] >= length - least:
            reached = span.end - 1
            yield Cut(span.start_char, span.end_char, span.label_)
