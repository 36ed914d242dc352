"""Made-up prose for tests of matching: sentences of random words, the same for the same seed."""

import random

SYLLABLES = ("ka", "lo", "mi", "ter", "ran", "so", "vel", "ni", "dor", "pa", "shi", "gu", "bren")
COMMON = ("the", "of", "and", "to", "in", "a", "is", "that", "for", "on", "with", "as", "it", "was")


def vocabulary(words: int = 3_000) -> list[str]:
    """Made-up words, all different."""
    rng = random.Random(7)
    found: dict[str, None] = {}
    while len(found) < words:
        found["".join(rng.choices(SYLLABLES, k=rng.randint(2, 4)))] = None
    return list(found)


VOCABULARY = vocabulary()


def prose(seed: int, words: int = 120) -> str:
    """A text of so many words; rare ones are rarer than common ones, as in prose."""
    rng = random.Random(seed)
    chosen = [
        rng.choice(COMMON) if rng.random() < 0.4 else VOCABULARY[int(3_000 * rng.random() ** 2)]
        for _ in range(words)
    ]
    sentences = [" ".join(chosen[first : first + 12]) for first in range(0, words, 12)]
    return " ".join(f"{sentence.capitalize()}." for sentence in sentences)
