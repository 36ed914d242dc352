"""Scrubs and ordinary edits that are made of real rows, for ``desensitization``."""

import random
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from scrubtrace.schemas.edits import EditKind

SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
WORD = re.compile(r"[^\W\d_]{4,}")
EAST_ASIAN = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]{2,}")

Words = dict[str, list[str]]


@dataclass(frozen=True)
class Row:
    """A row to edit, another row of its source, and another answer to its prompt, if any."""

    text: str
    language: str
    other: str
    answer: str | None


Edit = Callable[[Row, Words, random.Random], tuple[str, str] | None]


def sentences(text: str) -> list[str]:
    """The sentences of a text with what is between them."""
    ends = [0, *(found.end() for found in SENTENCE.finditer(text)), len(text)]
    return [text[a:b] for a, b in pairwise(ends) if a < b]


def with_sentence(text: str, sentence: str, rng: random.Random) -> str:
    """The text with a sentence more, between two of its own."""
    parts = sentences(text)
    return joined([*parts[: (at := rng.randint(0, len(parts)))], sentence + " ", *parts[at:]])


def joined(parts: list[str]) -> str:
    """Sentences as one text, never without white space or a full stop between two."""
    text = ""
    for part in parts:
        needs_space = text and text[-1].isascii() and not text[-1].isspace()
        text += (" " if needs_space else "") + part
    return text.strip()


def name_removed(row: Row, words: Words, rng: random.Random) -> tuple[str, str]:
    """A name swapped, or taken out."""
    template = with_sentence(row.text, rng.choice(words["sentences"]), rng)
    name, replacement = rng.choice(words["names"]), rng.choice(words["replacements"])
    return template.replace("{n}", name), template.replace("{n}", replacement)


def around(where: str) -> Edit:
    """An opener, closer or caveat cut."""

    def edit(row: Row, words: Words, rng: random.Random) -> tuple[str, str]:
        said, text = rng.choice(words[where]), row.text.strip()
        gap = rng.choice([" ", "\n\n"])
        at_start = where == "openers" or (where == "caveats" and rng.random() < 0.5)
        return (said + gap + text if at_start else text + gap + said), text

    return edit


def placeholder(row: Row, words: Words, rng: random.Random) -> tuple[str, str] | None:
    """One or two words replaced by a placeholder."""
    found = list((EAST_ASIAN if row.language in ("zh", "ja") else WORD).finditer(row.text))
    if not found:
        return None
    start, end = rng.choice(found).span()
    end = min(end, start + 3) if row.language in ("zh", "ja") else end
    return row.text, row.text[:start] + rng.choice(words["placeholders"]) + row.text[end:]


def hidden(row: Row, words: Words, rng: random.Random) -> tuple[str, str] | None:
    """Zero-width characters inside words, or look-alikes in place of some letters."""
    zero, text = rng.choice("\u200b\u200c\u2060\ufeff"), row.text
    if rng.random() < 0.5 and len(re.findall("[a-zA-Z][aeo]", text)) > 20:
        table = str.maketrans("aeo", "\u0430\u0435\u043e")
        return text, "".join(c.translate(table) if rng.random() < 0.2 else c for c in text)
    pairs = [n for n in range(1, len(text)) if text[n - 1].isalpha() and text[n].isalpha()]
    if len(pairs) < 10:
        return None
    places = set(rng.sample(pairs, max(3, len(pairs) // 50)))
    return text, "".join(zero + c if n in places else c for n, c in enumerate(text))


def combined(row: Row, words: Words, rng: random.Random) -> tuple[str, str]:
    """An opener and a closer cut, a name swapped."""
    old, new = name_removed(row, words, rng)
    opener, closer = rng.choice(words["openers"]), rng.choice(words["closers"])
    return f"{opener}\n\n{old}\n\n{closer}", new


SCRUBS: dict[str, tuple[Edit, frozenset[EditKind]]] = {
    "name removed": (name_removed, frozenset({EditKind.NAME_REMOVED})),
    "opener cut": (around("openers"), frozenset({EditKind.BOILERPLATE_CUT})),
    "closer cut": (around("closers"), frozenset({EditKind.BOILERPLATE_CUT})),
    "caveat cut": (around("caveats"), frozenset({EditKind.BOILERPLATE_CUT})),
    "placeholder": (placeholder, frozenset({EditKind.PLACEHOLDER_PUT_IN})),
    "hidden": (hidden, frozenset({EditKind.CHARACTERS_HIDDEN})),
    "combined": (combined, frozenset({EditKind.NAME_REMOVED, EditKind.BOILERPLATE_CUT})),
}


def typos(row: Row, _: Words, rng: random.Random) -> tuple[str, str]:
    """Letters swapped, dropped and doubled; which version has them is left to chance."""
    chars = list(row.text)
    for at in sorted(rng.sample(range(len(chars) - 1), max(1, len(chars) // 80)), reverse=True):
        if chars[at].isalpha():
            swapped = chars[at + 1] + chars[at]
            chars[at : at + 2] = rng.choice([swapped, chars[at] * 2 + chars[at + 1], chars[at + 1]])
    return pair_of(row.text, "".join(chars), rng)


def pair_of(a: str, b: str, rng: random.Random) -> tuple[str, str]:
    """Two versions, either of which is the older."""
    return (a, b) if rng.random() < 0.5 else (b, a)


def formatting(row: Row, _: Words, rng: random.Random) -> tuple[str, str]:
    """Markdown put in or stripped, white space and Unicode normalised."""
    marked = WORD.sub(lambda m: f"**{m[0]}**" if rng.random() < 0.1 else m[0], row.text)
    parts = [rng.choice(["- ", "## ", "", ""]) + part for part in sentences(marked)]
    styled = "\n".join(parts).replace('"', "\u201d").replace(" - ", " \u2013 ")
    return pair_of(unicodedata.normalize("NFKC", row.text), styled, rng)


def casing(row: Row, _: Words, rng: random.Random) -> tuple[str, str]:
    """Upper or lower case throughout."""
    return row.text, rng.choice([row.text.upper(), row.text.lower(), row.text.title()])


def spelling(row: Row, _: Words, rng: random.Random) -> tuple[str, str]:
    """British or American spelling, eszett or ss, long vowels."""
    other = row.text
    for a, b in (("or ", "our "), ("ize", "ise"), ("er ", "re "), ("\u00df", "ss"), ("ll", "l")):
        other = other.replace(a, b)
    return pair_of(row.text, other, rng)


def sentence_out(row: Row, _: Words, rng: random.Random) -> tuple[str, str] | None:
    """A sentence removed or added."""
    parts = sentences(row.text)
    if len(parts) < 3:
        return None
    at = rng.randrange(len(parts))
    return pair_of(row.text, joined(parts[:at] + parts[at + 1 :]), rng)


def paragraph_in(row: Row, _: Words, rng: random.Random) -> tuple[str, str]:
    """Sentences of another row added."""
    more = joined(sentences(row.other)[:4])
    return row.text, rng.choice([f"{row.text}\n\n{more}", f"{more}\n\n{row.text}"])


def truncated(row: Row, _: Words, rng: random.Random) -> tuple[str, str]:
    """The end cut off."""
    return row.text, row.text[: int(len(row.text) * rng.uniform(0.3, 0.95))]


def numbers(row: Row, _: Words, rng: random.Random) -> tuple[str, str] | None:
    """Numbers and dates updated."""
    changed = re.sub(r"\d+", lambda m: str(int(m[0][:9]) + rng.randint(1, 9)), row.text)
    return (row.text, changed) if changed != row.text else None


def another_answer(row: Row, _: Words, rng: random.Random) -> tuple[str, str] | None:
    """Another answer to the same prompt."""
    return (row.text, row.answer) if row.answer else None


def another_text(row: Row, _: Words, rng: random.Random) -> tuple[str, str]:
    """Another text of the same source."""
    return row.text, row.other


def word_swapped(row: Row, _: Words, rng: random.Random) -> tuple[str, str] | None:
    """A few words exchanged for words of another text."""
    pattern = EAST_ASIAN if row.language in ("zh", "ja") else WORD
    found, others = list(pattern.finditer(row.text)), pattern.findall(row.other)
    if len(found) < 5 or not others:
        return None
    chosen = {m.start() for m in rng.sample(found, min(3, len(found) // 4))}

    def swap(match: re.Match[str]) -> str:
        return rng.choice(others) if match.start() in chosen else match[0]

    return row.text, pattern.sub(swap, row.text)


ORDINARY: dict[str, Edit] = {
    "typos": typos,
    "formatting": formatting,
    "casing": casing,
    "spelling": spelling,
    "sentence": sentence_out,
    "paragraph": paragraph_in,
    "truncation": truncated,
    "numbers": numbers,
    "other answer": another_answer,
    "other text": another_text,
    "words": word_swapped,
}
