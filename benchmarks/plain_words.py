"""A plain model beside ``make eval DATA=... PREDICTIONS=...``: words 1-3, TF-IDF, C = 3.

    python benchmarks/plain_words.py DATA --train TRAIN

Fitted on rows of TRAIN of any length, at most 4,000 of a source and label; every file of DATA is
ranked (columns text, label). What it finds at 1% and 5% is at thresholds of the file's own human
rows.
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from open_pack_transfer import hashed, plain_model
from style_transfer import read_rows

from scrubtrace.detectors.style.folding import fold
from scrubtrace.stats.ranking import auroc, share_found


def main() -> None:
    """Fits, ranks and prints a line a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--language", default="en")
    parser.add_argument("--most", type=int, default=4_000)
    given = parser.parse_args()
    rows = read_rows(given.train, given.language, given.most)
    model = plain_model()
    model.fit(hashed(fold([row[0] for row in rows])), [row[1] for row in rows])
    found = []
    for file in sorted(given.data.glob("*.parquet")):
        table = pq.read_table(file, columns=["text", "label"])
        scores = model.decision_function(hashed(fold(table["text"].to_pylist())))
        is_llm = np.array([label == "llm" for label in table["label"].to_pylist()])
        human, llm = scores[~is_llm], scores[is_llm]
        shares = (share_found(human, llm, rate).value for rate in (0.01, 0.05))
        found.append((auroc(human, llm).value, *shares))
        area, one, five = found[-1]
        print(f"{file.stem:26} {len(human):6,} {len(llm):6,} {area:.3f} {one:.2f} {five:.2f}")
    area, one, five = np.mean(found, axis=0)
    print(f"{'mean':40} {area:.3f} {one:.2f} {five:.2f}")


if __name__ == "__main__":
    main()
