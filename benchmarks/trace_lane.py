"""Documents per CPU second of the trace lane on labelled rows, and the share of its second stage.

    python benchmarks/trace_lane.py DATA

DATA holds labelled Parquet files (text, lang). Measured are `boilerplate`, `redaction` and both at
the natural hit rates of those rows, the same with `redaction` without its second stage (Presidio
and spaCy), and both on a corpus in which every row is hit: the rows with a masked sentence in
front. Normalisation is in, language identification is not. All cases take turns on the same batches
in one process. Texts are never printed.
"""

import argparse
import random
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.boilerplate import Boilerplate
from scrubtrace.detectors.detector import Detector
from scrubtrace.detectors.redaction import Redaction

BATCH = 512
MASKED = (
    "Ask <PERSON> or call 138****4471; the heron was painted by , who left. The card ends in "
    "**** **** **** 4821, the mail is ida.lark@lanternmail.net. "
)


def sample(folder: Path, count: int) -> list[tuple[str, str]]:
    """(text, language) of so many rows, drawn from all files alike."""
    rows: list[tuple[str, str]] = []
    for path in sorted(folder.glob("*.parquet")):
        table = pq.read_table(path, columns=["text", "lang"]).to_pylist()
        rows += [(row["text"] or "", row["lang"]) for row in table]
    random.Random(0).shuffle(rows)
    return rows[:count]


def batches(rows: list[tuple[str, str]]) -> list[tuple[list[str], list[str]]]:
    """Texts and languages in batches; a `TextBatch` keeps its views, so each run makes its own."""
    cut = (rows[i : i + BATCH] for i in range(0, len(rows), BATCH))
    return [([text for text, _ in part], [code for _, code in part]) for part in cut]


def cpu(detectors: list[Detector], texts: list[str], languages: list[str]) -> float:
    """CPU seconds of the detectors on one batch, its normalisation included."""
    batch = TextBatch(texts, languages)
    begun = time.process_time()
    for detector in detectors:
        detector.detect(batch)
    return time.process_time() - begun


def main() -> None:
    """Prints a line a case and the share of the second stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", type=int, default=20_000)
    given = parser.parse_args()
    rows = sample(given.data, given.rows)
    hit = [(MASKED + text, code) for text, code in rows[: given.rows // 10]]
    boilerplate, redaction = Boilerplate(), Redaction()
    screen = Redaction(residual_pii=False, look_at_sentences=False)
    cases: dict[str, tuple[list[Detector], list[Any]]] = {
        "boilerplate": ([boilerplate], batches(rows)),
        "redaction": ([redaction], batches(rows)),
        "redaction, screen only": ([screen], batches(rows)),
        "both": ([boilerplate, redaction], batches(rows)),
        "both, every row hit": ([boilerplate, redaction], batches(hit)),
    }
    for detectors, _ in cases.values():
        for detector in detectors:
            detector.setup()
            detector.detect(TextBatch([MASKED], ["en"]))
    spent = dict.fromkeys(cases, 0.0)
    for number in range(len(batches(rows))):
        for name, (detectors, parts) in cases.items():
            if number < len(parts):
                spent[name] += cpu(detectors, *parts[number])
    chars = sum(len(text) for text, _ in rows) / len(rows)
    print(f"{len(rows):,} rows of {chars:,.0f} characters on average")
    for name, (_, parts) in cases.items():
        count = sum(len(texts) for texts, _ in parts)
        print(f"{name:24}{count / spent[name]:12,.0f} documents/CPU-s")
    second = spent["redaction"] - spent["redaction, screen only"]
    print(f"second stage: {second / spent['both']:.1%} of the time of both detectors")


if __name__ == "__main__":
    main()
