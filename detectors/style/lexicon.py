"""How frequent the words of a language are, and which words follow which: a lookup by hash.

``words/en.npz`` is made by ``tools/lexicon.py`` from counts that the package ``symspellpy`` (MIT)
carries: those of the Google Books n-grams, version 2 (CC-BY-3.0), whose words are in the word lists
SCOWL. Books were printed up to 2012: no language model wrote them.
"""

import io
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.reference.tokens import Words, mixed
from scrubtrace.detectors.style.frame import NEXT_WORD

LANGUAGES = ("en",)
"""Languages with a lexicon."""

ZIPF_STEPS = 32
"""Steps of the scale of Zipf frequencies: log10 of occurrences in 10^9 words."""

NAT_STEPS = 16
"""Steps of the scale of surprisals, which are in nats."""

MOST = 254
"""The highest value of a table."""

_KEPT = np.uint16(0xFF00)

Values = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class HashTable:
    """Values up to `MOST` of 64-bit hashes, found in two gathers.

    A hash has two slots, at its lowest bits and at those above, and is in one of them ("cuckoo
    hashing", Pagh and Rodler 2004). A slot is 0, or the first 8 bits of the hash and the value plus
    1: of hashes that are not in the table about one in 500 is taken for one that is.

    Attributes
    ----------
    slots : uint16 (a power of two,).
    """

    slots: npt.NDArray[np.uint16]

    @property
    def bits(self) -> int:
        """Bits that name a slot."""
        return len(self.slots).bit_length() - 1

    def find(self, hashes: Words) -> Values:
        """Value of each hash, -1 for those that are not in the table."""
        first, second, kept = slots_of(hashes, self.bits)
        # What is left of a slot of this hash is 0 to 254; of another one it is more.
        one = (self.slots[first] ^ kept) - np.uint16(1)
        other = (self.slots[second] ^ kept) - np.uint16(1)
        found: Values = np.minimum(one, other).astype(np.int64)
        found[found > MOST] = -1
        return found


@dataclass(frozen=True, eq=False)
class Lexicon:
    """Frequencies of words, and surprisals of words after others.

    Attributes
    ----------
    words : of a word in lower case its Zipf frequency in 1/`ZIPF_STEPS`.
    pairs : of a pair of words the surprisal of the second after the first in 1/`NAT_STEPS` nats.
    """

    words: HashTable
    pairs: HashTable


def slots_of(
    hashes: Words, bits: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.uint16]]:
    """The two slots of each hash in a table of 2^bits, and what a slot keeps of it."""
    mask = np.uint64((1 << bits) - 1)
    first = (hashes & mask).astype(np.intp)
    second = ((hashes >> np.uint64(bits)) & mask).astype(np.intp)
    return first, second, (hashes >> np.uint64(48)).astype(np.uint16) & _KEPT


def pair_hashes(first: Words, second: Words) -> Words:
    """Hashes of pairs of words from the hashes of both."""
    return mixed(first * NEXT_WORD + second)


@cache
def lexicon(language: str) -> Lexicon:
    """The lexicon of a language of `LANGUAGES`; raises ValueError for any other."""
    if language not in LANGUAGES:
        raise ValueError(f"no lexicon for {language!r}: languages are {', '.join(LANGUAGES)}")
    content = files("scrubtrace.detectors.style").joinpath(f"words/{language}.npz").read_bytes()
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return Lexicon(HashTable(arrays["words"]), HashTable(arrays["pairs"]))
