"""Signatures of what prompts ask for: RE2 patterns in TOML, one file a language.

All are matched at once, whatever the language of the prompt: requests are often in another language
than the text that they are about. A space in a pattern stands for any white space, also between the
words of a line that is wrapped; case does not matter.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import re2

from scrubtrace.schemas.calls import Message

FORMAT = 1
KEYS = {"id", "rule", "pattern", "match", "no_match"}
_SPACE = re.compile(r"\[(?:\\.|[^\]\\])*\]| \??")
MAX_MEMORY = 64 << 20
ASKING = frozenset({"system", "user", "developer", "human"})
"""Roles whose messages ask; what an assistant answered before, or a tool returned, asks nothing."""

LOOKED_AT = 20_000
"""Code points at the beginning of a message, and as many at its end, that are searched.

What is asked stands there; what lies between is the text that it is about.
"""


class PromptPatternError(ValueError):
    """A file of signatures that cannot be used; names file and signature."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One pattern, the rule that it is evidence for, and examples and near misses of it."""

    id: str
    rule: str
    pattern: str
    match: tuple[str, ...]
    no_match: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """One match: the number of the message, from 0, and code points of it, half open."""

    signature: str
    rule: str
    message: int
    start: int
    end: int


def shipped() -> tuple[Signature, ...]:
    """The signatures of this package, file by file; raises PromptPatternError."""
    folder = files("scrubtrace.calls") / "prompt_signatures"
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    texts = {e.name: e.read_text(encoding="utf-8") for e in entries if e.name.endswith(".toml")}
    found = tuple(s for name, text in texts.items() for s in parse(text, name))
    if len({signature.id for signature in found}) < len(found):
        raise PromptPatternError("an id of a prompt signature is used twice")
    return found


def parse(text: str, name: str) -> Iterator[Signature]:
    """Signatures of one TOML file; raises PromptPatternError."""
    data = tomllib.loads(text)
    if data.get("format") != FORMAT:
        raise PromptPatternError(f"{name}: format is not {FORMAT}")
    for entry in data["signature"]:
        if set(entry) != KEYS:
            raise PromptPatternError(f"{name}: {entry.get('id')!r} has not just {sorted(KEYS)}")
        examples = (tuple(entry["match"]), tuple(entry["no_match"]))
        yield Signature(entry["id"], entry["rule"], entry["pattern"], *examples)


@cache
def patterns() -> "PromptPatterns":
    """The shipped signatures, compiled once a process."""
    return PromptPatterns(shipped())


class PromptPatterns:
    """Signatures compiled for matching."""

    def __init__(self, signatures: tuple[Signature, ...]) -> None:
        self.signatures = signatures
        options = re2.Options()
        options.case_sensitive = False
        options.log_errors = False
        options.max_mem = MAX_MEMORY
        self._set = re2.Set.SearchSet(options)
        self._compiled = []
        for signature in signatures:
            pattern = _SPACE.sub(_any_white_space, signature.pattern)
            try:
                self._set.Add(pattern)
                self._compiled.append(re2.compile(pattern, options))
            except re2.error as error:
                raise PromptPatternError(f"signature {signature.id!r}: {error}") from None
        self._set.Compile()
        self._last: tuple[object, tuple[Hit, ...]] = ((), ())

    def find(self, prompt: tuple[Message, ...]) -> tuple[Hit, ...]:
        """The first match of each signature in each message that asks.

        The last prompt is remembered: each rule asks about the same one.
        """
        last = self._last
        if last[0] is not prompt:
            last = self._last = (prompt, tuple(self._found(prompt)))
        return last[1]

    def _found(self, prompt: tuple[Message, ...]) -> Iterator[Hit]:
        for number, message in enumerate(prompt):
            if message.role.lower() in ASKING:
                for at, part in _parts(message.text):
                    for which in sorted(self._set.Match(part) or ()):
                        signature = self.signatures[which]
                        found = self._compiled[which].search(part)
                        start, end = at + found.start(), at + found.end()
                        yield Hit(signature.id, signature.rule, number, start, end)


def _any_white_space(found: re.Match[str]) -> str:
    """A space of a pattern, one that may be missing, or a class of characters that may hold one."""
    if found[0][0] == "[":
        return found[0].replace(" ", r"\s")
    return r"\s+" if found[0] == " " else r"\s*"


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """The parts of a message that are searched, with where they begin."""
    if len(text) <= 2 * LOOKED_AT:
        yield 0, text
        return
    yield 0, text[:LOOKED_AT]
    yield len(text) - LOOKED_AT, text[-LOOKED_AT:]
