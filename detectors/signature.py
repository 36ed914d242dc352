"""Signatures: patterns that are evidence, with an id, a strength, examples and a source.

They are data, in one TOML file a language and detector. `SignatureSet` matches them.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

import re2

from scrubtrace.detectors.language import normalise_code
from scrubtrace.detectors.normalise import normalise
from scrubtrace.schemas.vocabulary import Strength

FORMAT = 1
ANY = "any"
"""The language of signatures that are language-neutral."""

KEYS = (
    "id", "category", "strength", "pattern", "source", "match", "no_match", "family", "on_original",
)  # fmt: skip
"""Keys of one ``[[signature]]``; the last two may be left out."""

_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("id", "category", "strength", "pattern", "source", "family"), (str,)),
    "match": (list, tuple),
    "no_match": (list, tuple),
    "on_original": (bool,),
}

_CODE = re.compile("[a-z]{2,3}")
_TOKENS = re.compile(
    r"(?P<plain>\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\])| "
    r"|(?P<han>[\u3041-\u30fa\u3400-\u9fff])(?P<times>[?*+]\??|\{[0-9,]+\}\??)?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Signature:
    """One pattern that is evidence.

    ``pattern`` is RE2 in which a space stands for any run of white space; case does not matter
    unless the pattern begins with ``(?-i)``. A group named ``value`` is kept with the evidence; a
    group named ``span`` is the place of the evidence, where the pattern looks at what is around.
    ``match`` and ``no_match`` are examples and near misses, kept with it so that tests can run
    them. ``family`` names the tools that leave such a trace. Signatures ``on_original`` are
    matched against the text as it is, not against its normalised form.
    """

    id: str
    language: str
    category: str
    strength: Strength
    pattern: str
    source: str
    match: tuple[str, ...] = ()
    no_match: tuple[str, ...] = ()
    family: str = ""
    on_original: bool = False

    @cached_property
    def expression(self) -> str:
        """The pattern for RE2: a space is any white space, CJK text may be wrapped anywhere."""
        return _TOKENS.sub(_written_out, self.pattern)


def _written_out(found: re.Match[str]) -> str:
    if found["han"]:
        return f"{found['han']}{found['times'] or ''}\n?"
    return found["plain"] or r"(?:\s+)"


class SignatureError(ValueError):
    """A signature file that cannot be used; the message names file and signature."""


ByLanguage = Mapping[str, tuple[Signature, ...]]


def load_signatures(detector: str) -> dict[str, tuple[Signature, ...]]:
    """Signatures shipped for a detector, by language, from its folder of TOML files.

    Raises `SignatureError` for a file of another format, a missing key, an unknown strength or
    an id used twice.
    """
    return by_language(_shipped(detector))


@cache
def _shipped(detector: str) -> tuple[Signature, ...]:
    folder = files("scrubtrace.detectors") / "signatures" / detector
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    return tuple(
        signature
        for entry in entries
        if entry.name.endswith(".toml")
        for signature in parse_signatures(entry.read_text(encoding="utf-8"), entry.name)
    )


def chosen_signatures(
    detector: str, more: Mapping[str, str] | None = None, off: Sequence[str] = ()
) -> dict[str, tuple[Signature, ...]]:
    """The shipped signatures and a user's, without those switched off.

    ``more`` holds TOML texts by the names of their files, ``off`` ids. Raises `SignatureError`,
    also for an id that there is not.
    """
    shipped = [s for signatures in load_signatures(detector).values() for s in signatures]
    users = [s for name, text in (more or {}).items() for s in _of_user(text, name)]
    everything = by_language([*shipped, *users])
    known = {s.id for signatures in everything.values() for s in signatures}
    if unknown := sorted(set(off) - known):
        raise SignatureError(f"cannot switch off {unknown[0]!r}: there is no such signature")
    return {
        language: tuple(s for s in signatures if s.id not in off)
        for language, signatures in everything.items()
    }


def _of_user(text: str, name: str) -> Iterator[Signature]:
    """Signatures that nobody has tested, compiled once and tried on their examples."""
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    for signature in parse_signatures(text, name):
        try:
            compiled = re2.compile(signature.expression, options)
        except re2.error as error:
            raise SignatureError(f"{name}: signature {signature.id!r}: {error}") from None
        if compiled.search(""):
            raise SignatureError(f"{name}: signature {signature.id!r} matches the empty text")
        for key, examples in (("match", signature.match), ("no_match", signature.no_match)):
            for number, example in enumerate(examples, 1):
                if (problem := _problem(signature, compiled, key, example)) is not None:
                    where = f"{name}: signature {signature.id!r}: {key} example {number}"
                    raise SignatureError(f"{where} {problem}")
        yield signature


def _problem(signature: Signature, compiled: Any, key: str, example: object) -> str | None:
    """What is wrong with an example, as a detector would search it."""
    if not isinstance(example, str):
        return "is no text"
    hits = compiled.search(example if signature.on_original else normalise(example).text)
    if key == "match":
        return None if hits else "does not hit"
    return "hits" if hits else None


def by_language(signatures: Iterable[Signature]) -> dict[str, tuple[Signature, ...]]:
    """Signatures grouped by language in their order; raises `SignatureError` for an id twice."""
    found: dict[str, list[Signature]] = {}
    ids: set[str] = set()
    for signature in signatures:
        if signature.id in ids:
            raise SignatureError(f"signature id {signature.id!r} is used twice")
        ids.add(signature.id)
        found.setdefault(signature.language, []).append(signature)
    return {language: tuple(group) for language, group in found.items()}


def parse_signatures(text: str, name: str) -> tuple[Signature, ...]:
    """Signatures of one TOML file; ``name`` is the file's, for errors."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SignatureError(f"{name}: {error}") from None
    if data.get("format") != FORMAT:
        raise SignatureError(f"{name}: format is {data.get('format')!r}, this version reads 1")
    if not isinstance(data.get("language"), str):
        raise SignatureError(f'{name}: has no language, for example language = "en"')
    entries = data.get("signature", [])
    if not entries:
        raise SignatureError(f"{name}: has no [[signature]]")
    language = data["language"].strip().lower()
    _check_language(language, name)
    return tuple(_signature(entry, language, name) for entry in entries)


def _check_language(language: str, name: str) -> None:
    """Raises `SignatureError` for a language that no text ever has."""
    code = normalise_code(language)
    if language != ANY and (code != language or not _CODE.fullmatch(code)):
        example = code if _CODE.fullmatch(code) else "en"
        raise SignatureError(
            f"{name}: language {language!r} is no code of a language: write one, for example "
            f'"{example}", or "{ANY}"'
        )


def _signature(entry: dict[str, Any], language: str, name: str) -> Signature:
    where = f"{name}: signature {entry.get('id')!r}"
    if unknown := sorted(set(entry) - set(KEYS)):
        raise SignatureError(f"{where}: unknown key {unknown[0]!r}; keys: {', '.join(KEYS)}")
    for key, kinds in _KINDS.items():
        if not isinstance(entry.get(key, kinds[0]()), kinds):
            raise SignatureError(f"{where}: key {key!r} is no {kinds[0].__name__}")
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
            family=entry.get("family", ""),
            on_original=entry.get("on_original", False),
        )
    except KeyError as error:
        raise SignatureError(f"{where}: key {error} is missing") from None
    except ValueError as error:
        raise SignatureError(f"{where}: {error}") from None


def flat(signatures: ByLanguage) -> Iterator[Signature]:
    """Every signature, language by language in alphabetical order."""
    return (s for language in sorted(signatures) for s in signatures[language])


def fingerprint_parts(signatures: ByLanguage) -> list[tuple[object, ...]]:
    """What decides what the signatures match and mean, for a detector's fingerprint."""
    return [
        (s.id, s.language, s.category, s.strength, s.expression, s.family, s.on_original)
        for s in flat(signatures)
    ]
