"""Signatures: phrases with an id, a strength and examples, matched all at once by RE2.

RE2 runs in time linear in the text whatever the pattern. One ``re2.Set`` finds which signatures
hit; only then is each of those run alone, for its spans.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import re2

from scrubtrace.detectors.normalise import normalise
from scrubtrace.schemas.vocabulary import Strength

MAX_MEMORY = 256 << 20
"""Memory that one Set may take for its automaton, in bytes; RE2 starts over when it is full."""

_TOKENS = re.compile(
    r"(?P<plain>\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\])| "
    r"|(?P<han>[\u3041-\u30fa\u3400-\u9fff])(?P<times>[?*+]\??|\{[0-9,]+\}\??)?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Signature:
    """One phrase that is evidence.

    ``pattern`` is RE2 in which a space stands for any run of white space; ``match`` and
    ``no_match`` are examples and near misses, kept with it so that tests can run them.
    """

    id: str
    language: str
    category: str
    strength: Strength
    pattern: str
    source: str
    match: tuple[str, ...] = ()
    no_match: tuple[str, ...] = ()

    @property
    def expression(self) -> str:
        """The pattern for RE2: a space is any white space, CJK text may be wrapped anywhere."""
        return _TOKENS.sub(_written_out, self.pattern)


def _written_out(found: re.Match[str]) -> str:
    if found["han"]:
        return f"{found['han']}{found['times'] or ''}\n?"
    return found["plain"] or r"(?:\s+)"


class SignatureError(ValueError):
    """A signature file that cannot be used; the message names file and signature."""


def load_signatures(detector: str) -> dict[str, tuple[Signature, ...]]:
    """Signatures shipped for a detector, by language, from its folder of TOML files.

    Raises `SignatureError` for a file of another format, a missing key, an unknown strength or
    an id used twice.
    """
    folder = files("scrubtrace.detectors") / "signatures" / detector
    found: dict[str, tuple[Signature, ...]] = {}
    ids: set[str] = set()
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not entry.name.endswith(".toml"):
            continue
        signatures = parse_signatures(entry.read_text(encoding="utf-8"), entry.name)
        for signature in signatures:
            if signature.id in ids:
                raise SignatureError(f"{entry.name}: id {signature.id!r} is used twice")
            ids.add(signature.id)
        found[signatures[0].language] = signatures
    return found


def parse_signatures(text: str, name: str) -> tuple[Signature, ...]:
    """Signatures of one TOML file; ``name`` is the file's, for errors."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SignatureError(f"{name}: {error}") from None
    if data.get("format") != 1:
        raise SignatureError(f"{name}: format is {data.get('format')!r}, this version reads 1")
    entries = data.get("signature", [])
    if not entries:
        raise SignatureError(f"{name}: has no [[signature]]")
    return tuple(_signature(entry, data["language"], name) for entry in entries)


def _signature(entry: dict[str, Any], language: str, name: str) -> Signature:
    try:
        return Signature(
            id=entry["id"],
            language=language,
            category=entry["category"],
            strength=Strength(entry["strength"]),
            pattern=entry["pattern"],
            source=entry["source"],
            match=tuple(entry["match"]),
            no_match=tuple(entry["no_match"]),
        )
    except (KeyError, ValueError) as error:
        raise SignatureError(f"{name}: signature {entry.get('id')!r}: {error}") from None


class SignatureSet:
    """Signatures compiled for matching; building one takes some tens of milliseconds."""

    def __init__(self, signatures: Iterable[Signature], max_memory: int = MAX_MEMORY) -> None:
        self.signatures = tuple(signatures)
        options = _options(max_memory)
        self._set = re2.Set.SearchSet(options)
        self._patterns = []
        for signature in self.signatures:
            try:
                self._set.Add(signature.expression)
                self._patterns.append(re2.compile(signature.expression, options))
            except re2.error as error:
                raise SignatureError(f"signature {signature.id!r}: {error}") from None
        self._compile(max_memory)

    def _compile(self, max_memory: int) -> None:
        """A Set with too little memory may find nothing and say nothing, so examples are tried."""
        too_few = f"{max_memory} bytes are too few for {len(self.signatures)} signatures"
        try:
            self._set.Compile()
        except re2.error:
            raise SignatureError(too_few) from None
        for number, signature in enumerate(self.signatures):
            for example in signature.match[:1]:
                text = normalise(example).text
                if self._patterns[number].search(text) and number not in self.hits(text):
                    raise SignatureError(too_few)

    def hits(self, text: str) -> list[int]:
        """Numbers of the signatures that occur in a normalised text, ascending."""
        return sorted(self._set.Match(text) or ())

    def spans(self, number: int, text: str) -> Iterator[tuple[int, int]]:
        """Code-point spans of one signature in a normalised text, from left to right."""
        return (found.span() for found in self._patterns[number].finditer(text))


def _options(max_memory: int) -> re2.Options:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = max_memory
    return options
