"""The lexicon of English words: frequencies, and surprisals of words after others.

    python tools/lexicon.py symspellpy-6.10.1-py3-none-any.whl detectors/style/words/en.npz

What the counts are and whose is said in `scrubtrace.detectors.style.lexicon`.
"""

import argparse
import math
import sys
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.style.archive import archive_bytes
from scrubtrace.detectors.style.folding import fold
from scrubtrace.detectors.style.frame import WORD, Frame
from scrubtrace.detectors.style.lexicon import (
    MOST,
    NAT_STEPS,
    ZIPF_STEPS,
    HashTable,
    pair_hashes,
    slots_of,
)

WORDS = "symspellpy/frequency_dictionary_en_82_765.txt"
PAIRS = "symspellpy/frequency_bigramdictionary_en_243_342.txt"
WORD_BITS, PAIR_BITS = 18, 20
TOGETHER = 1_000
MOVES = 10_000

Hashes = npt.NDArray[np.uint64]


def counts(wheel: Path, name: str, words: int) -> dict[tuple[str, ...], float]:
    """Counts of single words or pairs, from lines of words and a count."""
    with zipfile.ZipFile(wheel) as archive:
        lines = archive.read(name).decode("utf-8-sig").splitlines()
    split = (line.split() for line in lines)
    return {tuple(parts[:words]): float(parts[words]) for parts in split}


def hashes_of(words: Iterable[str]) -> dict[str, int]:
    """Hash of each word that is one token."""
    found: dict[str, int] = {}
    given = list(words)
    for at in range(0, len(given), TOGETHER):
        some = given[at : at + TOGETHER]
        frame = Frame.of(fold(some))
        for number, word in enumerate(some):
            first, after = frame.token_bounds[number : number + 2].tolist()
            if after - first == 1 and frame.token_kinds[first] == WORD:
                found[word] = int(frame.hashes[first])
    return found


def table_of(values: Mapping[int, int], bits: int) -> npt.NDArray[np.uint16]:
    """Slots of a `HashTable`; raises SystemExit if they do not suffice."""
    hashes: Hashes = np.array(list(values), np.uint64)
    first, second, check = (part.tolist() for part in slots_of(hashes, bits))
    entries = [kept | (value + 1) for kept, value in zip(check, values.values(), strict=True)]
    owner: dict[int, int] = {}
    for number in range(len(entries)):
        mover, slot = number, first[number]
        for _ in range(MOVES):
            mover, owner[slot] = owner.get(slot, -1), mover
            if mover < 0:
                break
            slot = second[mover] if slot == first[mover] else first[mover]
        else:
            raise SystemExit(f"2^{bits} slots do not suffice for {len(entries):,} entries")
    slots = np.zeros(1 << bits, np.uint16)
    for slot, number in owner.items():
        slots[slot] = entries[number]
    return slots


def main() -> None:
    """Writes the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    words = {word: count for (word,), count in counts(given.wheel, WORDS, 1).items()}
    pairs = counts(given.wheel, PAIRS, 2)
    hashes = hashes_of(words)
    total = sum(words.values())
    of_words = {
        hashes[word]: _step(ZIPF_STEPS * math.log10(count / total * 1e9))
        for word, count in words.items()
        if word in hashes
    }
    known = [(a, b) for a, b in pairs if a in hashes and b in hashes]
    both = [np.array([hashes[pair[place]] for pair in known], np.uint64) for place in (0, 1)]
    keys = pair_hashes(*both).tolist()
    of_pairs = {
        key: _step(NAT_STEPS * -math.log(pairs[a, b] / words[a]))
        for key, (a, b) in zip(keys, known, strict=True)
    }
    slots = {"words": table_of(of_words, WORD_BITS), "pairs": table_of(of_pairs, PAIR_BITS)}
    for name, made in (("words", of_words), ("pairs", of_pairs)):
        found = HashTable(slots[name]).find(np.array(list(made), np.uint64))
        wrong = int((found != list(made.values())).sum())
        told = f"{name}: {len(made):,}, of which {wrong} are found with another's value\n"
        sys.stdout.write(told)
    given.out.write_bytes(archive_bytes(slots))
    sys.stdout.write(f"{given.out}: {given.out.stat().st_size:,} bytes\n")


def _step(value: float) -> int:
    return min(max(round(value), 0), MOST)


if __name__ == "__main__":
    main()
