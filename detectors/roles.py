"""Names that are no names: jobs, offices, kin, nations and faiths.

"As Lumen, I cannot browse the internet" may be an assistant under another name. "As Moderator, I
have no opinions on this thread" is a moderator, in however many threads: languages without
articles, and offices in English, put a role where a name could stand. The words are data, in
``roles.toml``.

Known limits: a role that is not in the lists and ends in nothing they know passes for a name; a
name that ends like a role ("Merger") passes for a role unless it is listed as a name.
"""

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

FILE = "roles.toml"
FORMAT = 1

WHOLE = "whole"
"""The place of a word in languages without spaces: it is all of the name."""

BEFORE_ENDING = 2
LONG_ENDING = 4
"""Letters before an ending, and of an ending that is a word by itself; half of it for `WHOLE`."""


@dataclass(frozen=True)
class Roles:
    """The words of one language, in small letters; see ``roles.toml`` for what each is."""

    place: str
    words: frozenset[str] = frozenset()
    endings: tuple[str, ...] = ()
    beginnings: tuple[str, ...] = ()
    alone: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    kept: tuple[str, ...] = ()

    def holds(self, name: str) -> bool:
        """Whether the name is that of a role."""
        if not (parts := name.casefold().split()):
            return False
        whole = " ".join(parts)
        word = {"first": parts[0], "last": parts[-1]}.get(self.place, whole)
        if whole in self.alone:
            return True
        if word in self.names or word.endswith(self.kept):
            return False
        return word in self.words or self._is_formed_like_one(word)

    def _is_formed_like_one(self, word: str) -> bool:
        part = 2 if self.place == WHOLE else 1
        before, long = BEFORE_ENDING // part, LONG_ENDING // part
        ends = any(
            len(word) >= len(ending) + before or (word == ending and len(word) >= long)
            for ending in self.endings
            if word.endswith(ending)
        )
        return ends or word.startswith(self.beginnings)


def is_role(name: str, language: str) -> bool:
    """Whether a name is a word for a role in this language; no name is one without a list."""
    roles = _roles().get(language)
    return roles is not None and roles.holds(name)


def list_digest() -> str:
    """Digest of the lists, for the fingerprint of a detector that asks `is_role`."""
    return hashlib.sha256(_text().encode()).hexdigest()[:16]


@cache
def _text() -> str:
    return (files("scrubtrace.detectors") / FILE).read_text(encoding="utf-8")


@cache
def _roles() -> dict[str, Roles]:
    data = tomllib.loads(_text())
    if data.pop("format") != FORMAT:
        raise ValueError(f"{FILE} is of another format than {FORMAT}")
    return {language: _of(entry) for language, entry in data.items()}


def _of(entry: dict[str, Any]) -> Roles:
    words = {key: tuple(text.casefold().split()) for key, text in entry.items() if key != "place"}
    return Roles(
        place=entry["place"],
        words=frozenset(words.get("words", ())),
        endings=words.get("endings", ()),
        beginnings=words.get("beginnings", ()),
        alone=frozenset(words.get("alone", ())),
        names=frozenset(words.get("names", ())),
        kept=words.get("kept", ()),
    )
