"""Speed of the text side of the style lane: ``python benchmarks/style_speed.py [FILES]``.

Printed are documents per CPU second of each stage and of all together, in batches of several sizes,
the best of `REPEATS` passes. Texts are English of about 1,200 characters: put together from the
sentences below, or rows of 800 to 1,600 characters from the column ``text`` of Parquet FILES. With
scikit-learn installed, its HashingVectorizer (characters 2-4) and one product are measured on the
same texts, folded one at a time. The tables of the heads are random numbers.
"""

import argparse
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from scrubtrace.detectors.style.features import measure
from scrubtrace.detectors.style.folding import fold
from scrubtrace.detectors.style.frame import Frame
from scrubtrace.detectors.style.heads import Head, Heads
from scrubtrace.detectors.style.ngrams import Family

DOCUMENTS = 1_920
CHARS = 1_200
REPEATS = 3
BATCHES = (16, 32, 64, 128, 256)
CHAR_3, CHAR_2_4 = Family("char", (3,), 16, cased=True), Family("char", (2, 3, 4), 18, cased=True)
WORDS, MASKED = Family("word", (1, 2, 3), 20), Family("masked", (1, 2, 3), 18)

SUBJECTS = (
    "The committee", "My neighbour", "A small group of students", "Nobody in the village",
    "The old bridge over the river", "Her second book", "This kind of engine", "The new museum",
    "An unusually cold winter", "Every bakery on our street", "The report", "One of the engineers",
)  # fmt: skip
VERBS = (
    "didn't change", "has often been compared with", "would later explain", "hardly ever mentions",
    "was built before", "depends on", "makes it easier to understand", "had nothing to do with",
    "quickly replaced", "could not have predicted", "is known for", "never quite matched",
)  # fmt: skip
OBJECTS = (
    "the way people travel to work", "what happened in 1987", "a long list of expenses",
    "the taste of fresh bread", "questions about money and time", "the first version of the plan",
    "several smaller towns nearby", "the noise of the harbour", "an argument between two brothers",
    "the price of a simple repair", "a map with 42 mistakes", "the rest of the collection",
)  # fmt: skip
ENDS = (
    ".", ", which surprised me.", "; that much is certain.", ", or so they say!", " - once.",
    ", because the weather was bad.", " (see the second chapter).", ", isn't it?", " after all.",
    ", and we agreed.", ".\n\nThen something else came up.", " “as usual”.",
)  # fmt: skip


def written(documents: int) -> list[str]:
    """Texts of about `CHARS` characters from the sentences of this file."""
    draw = random.Random(6)
    texts: list[str] = []
    for _ in range(documents):
        text = ""
        while len(text) < CHARS - 50:
            parts = (draw.choice(SUBJECTS), draw.choice(VERBS), draw.choice(OBJECTS))
            text += " ".join(parts) + draw.choice(ENDS) + " "
        texts.append(text)
    return texts


def rows(files: Sequence[Path], documents: int) -> list[str]:
    """Texts of 800 to 1,600 characters from Parquet files, the same number of each if it can be."""
    texts: list[str] = []
    for path in files:
        column = pq.read_table(path, columns=["text"]).column("text").to_pylist()
        found = [text for text in column if text and 800 <= len(text) <= 1_600]
        texts += found[: -(-documents // len(files))]
    random.Random(6).shuffle(texts)
    return texts[:documents]


def rate(run: Callable[[Any], object], batches: Sequence[Any], documents: int) -> float:
    """Documents per CPU second, the best of `REPEATS` passes over the batches."""
    best = float("inf")
    for _ in range(REPEATS):
        begun = time.process_time()
        for batch in batches:
            run(batch)
        best = min(best, time.process_time() - begun)
    return documents / best


def framed(folded: Sequence[str]) -> Frame:
    """A frame with what the other stages share."""
    frame = Frame.of(folded)
    _ = frame.hashes, frame.token_sentences, frame.char_document
    return frame


def head_of(family: Family, is_idf: bool = False) -> Head:
    """A head with tables of random numbers, counts ``sublinear`` if it has an idf."""
    draw = np.random.default_rng(6)
    table = draw.integers(-127, 128, family.buckets, np.int8)
    if not is_idf:
        return Head(family, "presence", table, 0.01)
    idf = draw.integers(1, 256, family.buckets, np.uint8)
    return Head(family, "sublinear", table, 0.01, idf, 0.05)


def end_to_end(texts: Sequence[str], heads: Heads) -> None:
    """From the text to the logits of the heads and all measures."""
    frame = Frame.of(fold(texts))
    heads.logits(frame)
    measure(frame, "en")


def stages(texts: list[str], size: int) -> dict[str, float]:
    """Documents per CPU second of each stage, in batches of one size."""
    batches = [texts[first : first + size] for first in range(0, len(texts), size)]
    folded = [fold(batch) for batch in batches]
    found = {
        "fold": rate(fold, batches, len(texts)),
        "frame": rate(framed, folded, len(texts)),
    }
    fold_frame = [framed(batch) for batch in folded]
    for name, family in (
        ("char 3", CHAR_3), ("char 2-4", CHAR_2_4), ("word 1-3", WORDS), ("masked 1-3", MASKED)
    ):  # fmt: skip
        found[f"{name} presence"] = rate(Heads((head_of(family),)).logits, fold_frame, len(texts))
    words = head_of(WORDS, is_idf=True)
    found["word 1-3 sublinear, idf"] = rate(Heads((words,)).logits, fold_frame, len(texts))
    found["measures"] = rate(partial(measure, language="en"), fold_frame, len(texts))
    for name, family in (("char 3", CHAR_3), ("char 2-4", CHAR_2_4)):
        run = partial(end_to_end, heads=Heads((head_of(family), words)))
        found[f"end to end, {name}"] = rate(run, batches, len(texts))
    return found


def scikit_learn(texts: list[str]) -> float | None:
    """Documents per CPU second of folding, HashingVectorizer and product, or None without it."""
    try:
        from sklearn.feature_extraction.text import (  # type: ignore[import-not-found, unused-ignore]
            HashingVectorizer,
        )
    except ImportError:
        return None
    vectorizer = HashingVectorizer(
        analyzer="char", ngram_range=(2, 4), n_features=1 << 18, binary=True, lowercase=False,
        alternate_sign=False,
    )  # fmt: skip
    table = np.random.default_rng(6).normal(size=1 << 18)

    def score(batch: list[str]) -> object:
        return vectorizer.transform([fold([text])[0] for text in batch]) @ table

    part = texts[:640]
    return rate(score, [part[first : first + 64] for first in range(0, len(part), 64)], len(part))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    files = parser.parse_args().files
    texts = rows(files, DOCUMENTS) if files else written(DOCUMENTS)
    chars = sum(map(len, texts)) / len(texts)
    print(f"{len(texts)} texts of {chars:.0f} characters on average; documents per CPU second")
    found = {size: stages(texts, size) for size in BATCHES}
    print(f"{'in batches of':28}" + "".join(f"{size:>10}" for size in BATCHES))
    for name in found[BATCHES[0]]:
        print(f"{name:28}" + "".join(f"{found[size][name]:>10,.0f}" for size in BATCHES))
    reference = scikit_learn(texts)
    print(
        f"{'scikit-learn, char 2-4':28}",
        "not installed" if reference is None else f"{reference:9,.0f}",
    )


if __name__ == "__main__":
    main()
