"""Sentences that an assistant puts around an answer: openers, closers, caveats.

Each is a rule over one sentence: a pattern for its language, and, where words are written apart,
that nearly all of its words are those of such phrases. A person writes such sentences as well: it
counts only that somebody cut them off an answer that stayed. Patterns and words are in the folder
``courtesies``, one file a language.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

LEAST_SHARE = 0.6
"""Share of the words of a sentence that must be words of courtesies, beside a pattern."""

MOST_WORDS = 40
MOST_EAST_ASIAN_CHARS = 60
MOST_SENTENCE_CHARS = 400

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_ANNOUNCES = re.compile(r"[:：!！…]\W*\Z|\n\Z|(?:ます|です|如下)[。.]\s*\Z")


@dataclass(frozen=True)
class _Courtesies:
    """What is said in one language; ``words`` is None where words are not written apart."""

    reply: re.Pattern[str]
    announcement: re.Pattern[str]
    closer: re.Pattern[str]
    caveat: re.Pattern[str]
    words: frozenset[str] | None

    def announces(self, sentence: str) -> bool:
        """Whether a sentence ends like an announcement, and has the words of one."""
        return bool(_ANNOUNCES.search(sentence) and self.announcement.search(sentence))

    def is_courtesy(self, sentence: str) -> bool:
        """Whether nearly all words are those of courtesies; of East Asian text length decides."""
        if self.words is None:
            return len(sentence.strip()) <= MOST_EAST_ASIAN_CHARS
        words = _WORD.findall(sentence.casefold())
        known = sum(word in self.words for word in words)
        return 0 < len(words) <= MOST_WORDS and known >= LEAST_SHARE * len(words)


def opener_of(sentence: str, language: str) -> str | None:
    """The signal if a sentence at the start of an answer opens it; None otherwise."""
    for code, said in _tried(language, sentence):
        if said.reply.search(sentence) and (said.is_courtesy(sentence) or said.announces(sentence)):
            return f"{code}.opener.reply"
        if said.announces(sentence):
            return f"{code}.opener.announcement"
    return None


def closer_of(sentence: str, language: str) -> str | None:
    """The signal if a sentence at the end of an answer closes it; None otherwise."""
    for code, said in _tried(language, sentence):
        if said.closer.search(sentence) and said.is_courtesy(sentence):
            return f"{code}.closer.offer"
    return None


def caveat_of(sentence: str, language: str) -> str | None:
    """The signal if a sentence is a disclaimer or refusal; None otherwise."""
    for code, said in _tried(language, sentence):
        if said.caveat.search(sentence):
            return f"{code}.caveat.disclaimer"
    return None


def _tried(language: str, sentence: str) -> Iterable[tuple[str, _Courtesies]]:
    """The courtesies of a language, or of all where it has none."""
    if len(sentence) > MOST_SENTENCE_CHARS:
        return ()
    known = _all_courtesies()
    return [(language, known[language])] if language in known else known.items()


@cache
def _all_courtesies() -> dict[str, _Courtesies]:
    folder = files("scrubtrace.detectors.edits") / "courtesies"
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    return {entry.name.removesuffix(".toml"): _read(entry.read_bytes()) for entry in entries}


def _read(content: bytes) -> _Courtesies:
    data = tomllib.loads(content.decode())
    reply, announcement, closer, caveat = (
        re.compile(f"(?i){data[name]}") for name in ("reply", "announcement", "closer", "caveat")
    )
    words = frozenset(data["words"].split()) if "words" in data else None
    return _Courtesies(reply, announcement, closer, caveat, words)
