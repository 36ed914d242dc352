"""Digests of what the style lane computes, to compare two versions of it bit by bit.

    python benchmarks/style_bits.py DATA [--most N]

For each language of labelled Parquet files (see `labelled_files`), of at most N rows of each file:
the number of texts, and digests of their folded texts, measures and word counts, and where the
shipped model has the language of its parts' logits. A version that prints the same lines computes
the same bits. To run it on an earlier version, copy it into its ``benchmarks``.
"""

import argparse
from collections import defaultdict
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from labelled_files import labelled_files, labelled_rows, wrong_data_is_named

from scrubtrace.detectors.style.features import measure
from scrubtrace.detectors.style.folding import fold
from scrubtrace.detectors.style.frame import Frame
from scrubtrace.detectors.style.loading import shipped
from scrubtrace.detectors.style.model import words_of
from scrubtrace.detectors.style.word_lists import LANGUAGES

TEXTS = 64
ODD = ("", "a", "。", "1 2 3", "....", "A" * 5_000)


def rows(folder: Path, most: int) -> dict[str, list[str]]:
    """Texts by language, spread over each file."""
    found: defaultdict[str, list[str]] = defaultdict(lambda: [*ODD])
    for file in labelled_files(folder):
        all_ = labelled_rows(file)
        step = max(1, len(all_) // most)
        for row in islice(all_, 0, None, step):
            found[row["lang"]].append(row["text"])
    return found


def digests(texts: list[str], language: str) -> dict[str, str]:
    """A digest of each kind of result, whatever texts are taken together."""
    model = shipped().models.get(language)
    found: defaultdict[str, Any] = defaultdict(sha256)
    for first in range(0, len(texts), TEXTS):
        folded = fold(texts[first : first + TEXTS])
        frame = Frame.of(folded)
        values = measure(frame, language)
        found["folded"].update("\0".join([*folded, ""]).encode("utf-8", "surrogatepass"))
        found["measures"].update(values.tobytes())
        found["words"].update(words_of(frame).tobytes())
        if model is not None:
            found["logits"].update(np.ascontiguousarray(model.parts(frame, values)).tobytes())
    return {name: digest.hexdigest()[:16] for name, digest in found.items()}


def main() -> None:
    """Prints a line a language."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--most", type=int, default=400)
    given = parser.parse_args()
    with wrong_data_is_named():
        by_language = rows(given.data, given.most)
    for language in LANGUAGES:
        texts = by_language[language]
        told = "  ".join(f"{name} {value}" for name, value in digests(texts, language).items())
        print(f"{language}  {len(texts):,} texts  {told}", flush=True)


if __name__ == "__main__":
    main()
