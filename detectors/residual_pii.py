"""Personal data that is still in a text: residual PII beside placeholders.

Evidence: a row that holds placeholders *and* personal data was masked by a tool that did not know
its language or its kinds of numbers, which tells tool output from a form or a manual. Types and
numbers of occurrences are given, never values.

How: RE2 finds in linear time where a text has something of the right shape; only those pieces go
to Presidio's `AnalyzerEngine`, with its recognizers and some of our own, which check digits, dates
and top-level domains. No model is loaded and nothing is looked up on a network. Pieces are taken
out of the text because Presidio's patterns need a word boundary, which Chinese and Japanese text
around a number does not give.

Source: Microsoft Presidio 2.2 (recognizers), `checksums` (own numbers), `surrogates` (what does
not count).

Known false positives: phone numbers and the NIK have no check digit; one in ten numbers passes a
decimal check digit by chance (order numbers as cards, tax or My Numbers), one in ten upper-case
product codes of nine characters is a German identity card number. Role addresses such as info@
count as mail addresses.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from scrubtrace.detectors.detector import fingerprint_of
from scrubtrace.detectors.normalise import normalise
from scrubtrace.detectors.residual_entities import ENTITIES, LEAST_SCORE, Entity, make_engine
from scrubtrace.detectors.surrogates import is_surrogate
from scrubtrace.schemas.vocabulary import UNDETERMINED

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

JOINS = frozenset("./=_&-@#%")
"""Between letters or digits these make one token: a URL, a version, a UUID, a file name."""


MOST_PIECES = 200
"""Pieces of one text that are looked at: counts of a customer list are a lower bound."""


@dataclass(frozen=True)
class ResidualPii:
    """Counts personal data in texts.

    Parameters
    ----------
    entities : which of `ENTITIES` to look for.
    score_threshold : least score of Presidio; never below `LEAST_SCORE`.
    """

    entities: tuple[str, ...] = tuple(ENTITIES)
    score_threshold: float = LEAST_SCORE

    def __post_init__(self) -> None:
        unknown = sorted(set(self.entities) - set(ENTITIES))
        if unknown or not self.entities:
            raise ValueError(f"entities are some of {', '.join(ENTITIES)}, not {unknown}")
        if not LEAST_SCORE <= self.score_threshold <= 1:
            limits = f"from {LEAST_SCORE} to 1"
            raise ValueError(f"score_threshold is {limits}, not {self.score_threshold}")

    def fingerprint(self) -> str:
        """Digest of the options and of the libraries that decide."""
        versions = [version(name) for name in ("presidio-analyzer", "tldextract")]
        return fingerprint_of("residual_pii", 1, self.entities, self.score_threshold, versions)

    def setup(self) -> None:
        """Builds the engine; later calls do nothing."""
        _ = self._engine

    def counts(self, text: str, language: str) -> Counter[str]:
        """Number of occurrences of each entity that is there, in a text of the language.

        Numbers of one country count in its language, and all of them where it is ``und``.
        """
        plain = normalise(text).text
        pieces: dict[Any, list[tuple[int, int]]] = {}
        wanted = [name for name in self.entities if _speaks(ENTITIES[name], language)]
        for shape in {ENTITIES[name].shape: None for name in wanted}:
            pieces[shape] = _pieces(shape, plain)
        wanted = [name for name in wanted if pieces[ENTITIES[name].shape]]
        if not wanted:
            return Counter()
        merged = _merged(span for spans in pieces.values() for span in spans)
        return self._counts(
            "\n".join(plain[start:end] for start, end in merged[:MOST_PIECES]), wanted
        )

    def _counts(self, text: str, entities: list[str]) -> Counter[str]:
        results = self._engine.analyze(
            text, UNDETERMINED, entities, score_threshold=self.score_threshold
        )
        found = [r for r in results if r.score >= ENTITIES[r.entity_type].least_score]
        found.sort(key=lambda r: (-r.score, self.entities.index(r.entity_type), r.start))
        kept: list[Any] = []
        for result in found:
            if all(result.end <= other.start or other.end <= result.start for other in kept):
                kept.append(result)
        values = ((r.entity_type, text[r.start : r.end]) for r in kept)
        return Counter(entity for entity, value in values if not is_surrogate(entity, value))

    @cached_property
    def _engine(self) -> "AnalyzerEngine":
        return make_engine(self.entities)


def _speaks(entity: Entity, language: str) -> bool:
    return not entity.languages or language in (UNDETERMINED, *entity.languages.split())


def _pieces(shape: Any, text: str) -> list[tuple[int, int]]:
    return [f.span() for f in shape.finditer(text) if _stands_alone(text, *f.span())]


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a piece is no part of a longer word, URL, version, UUID or file name."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if _is_word(before[-1:]) or _is_word(after[:1]):
        return False
    joined_before = before[-1:] in JOINS and _is_word(before[:-1])
    return not joined_before and not (after[:1] in JOINS and _is_word(after[1:]))


def _is_word(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged
