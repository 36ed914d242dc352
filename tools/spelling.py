"""The dictionary of English words, for telling which are misspelled.

    python tools/spelling.py spylls-0.1.7-py2.py3-none-any.whl symspellpy-6.10.1-py3-none-any.whl \
        detectors/style/words/en_spelling.npz

What the words are and whose is said in `scrubtrace.detectors.style.spelling`. Forms of the words
are made by the rules of the dictionary's ``.aff`` file, in the format of Hunspell.
"""

import argparse
import math
import re
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from lexicon import WORDS, counts, hashes_of, table_of

from scrubtrace.detectors.style.archive import archive_bytes
from scrubtrace.detectors.style.spelling import (
    COMMON,
    LEAST_LETTERS,
    MOST_LETTERS,
    bits_of,
    placed,
)
from scrubtrace.detectors.style.word_lists import word_lists

DICTIONARY = "spylls/hunspell/data/en/en_US"
ACCEPTED_BITS, SHORTENED_BITS = 17, 19

BRITISH = (("iz", "is"), ("yz", "ys"), ("olor", "olour"), ("avor", "avour"), ("abor", "abour"),
           ("umor", "umour"), ("onor", "onour"), ("ighbor", "ighbour"), ("arbor", "arbour"),
           ("apor", "apour"), ("armor", "armour"), ("ehavior", "ehaviour"))  # fmt: skip
"""How parts of words are spelled in America and in Britain."""


@dataclass(frozen=True)
class Affix:
    """A rule of Hunspell: what is stripped and added where a word fits, at its end or beginning."""

    at_end: bool
    strip: str
    add: str
    fits: re.Pattern[str]

    def applied(self, word: str) -> str | None:
        """The form of a word; None where the rule is not for it."""
        if not self.fits.search(word):
            return None
        if self.at_end:
            return word.removesuffix(self.strip) + self.add
        return self.add + word.removeprefix(self.strip)


def affixes(lines: list[str]) -> dict[str, list[Affix]]:
    """The rules of an ``.aff`` file by their flag."""
    rules: dict[str, list[Affix]] = defaultdict(list)
    for parts in (line.split() for line in lines):
        if len(parts) >= 5 and parts[0] in ("SFX", "PFX"):
            kind, flag, strip, add, condition = parts[:5]
            at_end = kind == "SFX"
            fits = re.compile(f"{condition}$" if at_end else f"^{condition}")
            blank = {"0": ""}
            rules[flag].append(Affix(at_end, blank.get(strip, strip), blank.get(add, add), fits))
    return rules


def forms(entry: str, rules: dict[str, list[Affix]]) -> Iterator[str]:
    """A word of a ``.dic`` file and its forms."""
    word, _, flags = entry.partition("/")
    yield word
    own = [rule for flag in flags for rule in rules.get(flag, ())]
    ended = [form for rule in own if rule.at_end and (form := rule.applied(word))]
    yield from ended
    for rule in own:
        if not rule.at_end:
            yield from (form for base in (word, *ended) if (form := rule.applied(base)))


def american(wheel: Path) -> set[str]:
    """All forms of the dictionary in lower case."""
    with zipfile.ZipFile(wheel) as archive:
        rules = affixes(archive.read(f"{DICTIONARY}.aff").decode().splitlines())
        entries = archive.read(f"{DICTIONARY}.dic").decode().splitlines()[1:]
    return {form.lower() for entry in entries if entry for form in forms(entry.strip(), rules)}


def british(word: str) -> set[str]:
    """Spellings of an American word that are British, with some that are none."""
    return {word.replace(here, there) for here, there in BRITISH if here in word}


def shortened(words: Iterable[str]) -> dict[int, int]:
    """Hashes of words without one of their letters, as they are and with its place, and bits."""
    given = [(word[:n] + word[n + 1 :], n) for word in words for n in range(len(word))]
    hashes = hashes_of(sorted({less for less, _ in given}))
    kept = [(hashes[less], place) for less, place in given if less in hashes]
    less = np.array([key for key, _ in kept], np.uint64)
    places = np.array([place for _, place in kept])
    keys = np.unique(np.concatenate([less, placed(less, places)]))
    return with_bits(keys.tolist())


def with_bits(hashes: Iterable[int]) -> dict[int, int]:
    """Hashes and the bits that a `Spelling` keeps of them."""
    keys = np.array(sorted(set(hashes)), np.uint64)
    return dict(zip(keys.tolist(), bits_of(keys).tolist(), strict=True))


def main() -> None:
    """Writes the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dictionary", type=Path)
    parser.add_argument("frequencies", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    known = {word: count for (word,), count in counts(given.frequencies, WORDS, 1).items()}
    total = sum(known.values())
    lists = word_lists("en")
    listed = {entry for group in lists.errors for entry in group.entries if " " not in entry}
    words = american(given.dictionary)
    words = words.union(*map(british, sorted(words)))
    accepted = (words | set(lists.newer) | listed) - set(known)
    accepted = {word for word in accepted if word.isascii() and len(word) >= LEAST_LETTERS}
    common = {
        word
        for word, count in known.items()
        if math.log10(count / total * 1e9) >= COMMON and LEAST_LETTERS <= len(word) <= MOST_LETTERS
    }
    less = shortened(sorted(common))
    slots = {
        "accepted": table_of(with_bits(hashes_of(sorted(accepted)).values()), ACCEPTED_BITS),
        "shortened": table_of(less, SHORTENED_BITS),
    }
    given.out.write_bytes(archive_bytes(slots))
    told = f"{len(accepted):,} words accepted, {len(common):,} common, {len(less):,} shortened"
    sys.stdout.write(f"{told}; {given.out}: {given.out.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
