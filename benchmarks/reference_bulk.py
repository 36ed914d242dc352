"""Building and asking a large reference index: ``python benchmarks/reference_bulk.py DATA``.

References are texts of real model output in DATA (``dev/*.parquet``) with 70% of their words
replaced. Each query is a reference with names and numbers masked, sentences shuffled and 30%
dropped (``scrub``), 60 words of one inside another text (``excerpt``), or made of a text that no
reference is made of (``other``). Memory is that of the process
which no file backs (``RssAnon``), looked at ten times a second, the made texts apart: they come
from a generator.
"""

import argparse
import random
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from reference_lane import distractors, excerpts, scores, scrubbed

from scrubtrace.detectors.reference.building import (
    Reference,
    SegmentWriter,
    extended,
    finish,
    new_manifest,
)
from scrubtrace.detectors.reference.index import ReferenceIndex
from scrubtrace.detectors.reference.matching import Matcher
from scrubtrace.detectors.reference.trusted import Trusted, write_background

WORDS = 150
REPLACED = 0.7
QUERIES = 2_000
TRUSTED = 6_000


class Peak:
    """The most anonymous memory of this process while the block runs, in MiB."""

    def __enter__(self) -> "Peak":
        self._done = threading.Event()
        self.mib = self._now()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            self.mib = max(self.mib, self._now())

    @staticmethod
    def _now() -> float:
        text = Path("/proc/self/status").read_text()
        found = re.search(r"RssAnon:\s+(\d+) kB", text)
        return int(found.group(1)) / 1024 if found else 0.0


class MadeTexts:
    """Real texts with 70% of their words replaced by others, as common as words are.

    So most pairs of words of a text are its own, as in texts of many authors. Text number n is the
    same whenever it is asked for.
    """

    def __init__(self, data: Path, part: int) -> None:
        texts = distractors(data / "dev", random.Random(0))
        words = [word for text in texts[::20] for word in text.split()]
        self._words = np.array(words, dtype=object)
        self._texts = [np.array(text.split()[:WORDS], dtype=object) for text in texts[part:8000:2]]

    def text(self, number: int) -> str:
        """At most `WORDS` words."""
        rng = np.random.default_rng(number)
        words = self._texts[number % len(self._texts)].copy()
        replaced = rng.random(len(words)) < REPLACED
        words[replaced] = self._words[rng.integers(0, len(self._words), int(replaced.sum()))]
        return " ".join(words)

    def texts(self, first: int, count: int) -> Iterator[str]:
        """Texts by number."""
        return (self.text(number) for number in range(first, first + count))


def main() -> None:
    """Builds an index, asks it, and prints what that took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--references", type=int, default=1_000_000)
    parser.add_argument("--scale", type=int, default=4)
    given = parser.parse_args()
    known, other = MadeTexts(given.data, 0), MadeTexts(given.data, 1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        with Peak() as peak:
            begun = time.process_time()
            for text in known.texts(0, 20_000):
                _ = text
            making = (time.process_time() - begun) / 20_000 * given.references
            writer = SegmentWriter(path, given.scale)
            begun = time.process_time()
            texts = known.texts(0, given.references)
            writer.add(Reference(str(n), "completion", text) for n, text in enumerate(texts))
            built = time.process_time() - begun - making
            trusted = (Trusted(text, "en", "") for text in other.texts(10**9, TRUSTED))
            manifest = extended(new_manifest("measuring", given.scale), writer)
            stratum = finish(
                path, replace(manifest, background=write_background(path, trusted, Counter()))
            )
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        print(
            f"{given.references:,} references, scale {given.scale}: "
            f"{given.references / built:,.0f} a CPU second, {len(writer.segments)} segments, "
            f"{size / given.references:,.0f} bytes each, peak {peak.mib:,.0f} MiB anonymous"
        )
        ask(ReferenceIndex(folder), known, other, given.references, stratum.strata[0].strict)


def ask(
    index: ReferenceIndex, known: MadeTexts, other: MadeTexts, references: int, strict: float | None
) -> None:
    """Prints recall at the strict threshold, speed, and memory."""
    numbers = np.random.default_rng(0).integers(0, references, 2 * QUERIES).tolist()
    made = (known.text(number) for number in numbers)
    own = [text for text in made if len(text.split()) >= 80][:QUERIES]
    hosts = list(other.texts(2 * 10**9, QUERIES))
    queries = {
        "scrub": [scrubbed(text) for text in own],
        "excerpt": excerpts(own, hosts),
        "other": list(other.texts(3 * 10**9, QUERIES)),
    }
    matcher = Matcher(index)
    for name, texts in queries.items():
        with Peak() as peak:
            begun = time.process_time()
            found = scores(matcher, texts)
            speed = len(texts) / (time.process_time() - begun)
        share = 100 * (found > (strict or np.inf)).mean()
        print(
            f"  {name:8} strict {share:5.1f}%  {speed:6,.0f} texts/CPU-s, "
            f"peak {peak.mib:,.0f} MiB anonymous",
            flush=True,
        )


if __name__ == "__main__":
    main()
