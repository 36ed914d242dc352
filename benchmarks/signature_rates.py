"""Measures every signature on labelled files; writes what ``scrubtrace signatures`` shows.

    python benchmarks/signature_rates.py DATA

DATA is a folder of files with columns text, label (human | llm), lang and attack; human rows
rewritten by a machine (attack ``human+...``) are left out. Written are counts only. They are
optimistic where signatures were reviewed on the same rows.
"""

import argparse
import json
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
from verdicts import asserted, detectors, evidence_of

from scrubtrace.detectors.measured import FILE
from scrubtrace.detectors.signature import flat

TARGET = Path(__file__).parents[1] / "detectors" / "signatures" / FILE

Key = tuple[str, str, str]


def measure(path: Path) -> tuple[Counter[Key], Counter[tuple[str, str]]]:
    """Rows with an asserted hit by (signature, language, label), and rows by (language, label)."""
    hits: Counter[Key] = Counter()
    rows: Counter[tuple[str, str]] = Counter()
    columns = ["text", "label", "lang", "attack"]
    for batch in pq.ParquetFile(path).iter_batches(1024, columns=columns):
        kept = [r for r in batch.to_pylist() if not (r["attack"] or "").startswith("human+")]
        found = evidence_of([r["text"] or "" for r in kept], [r["lang"] for r in kept])
        for row, evidence in zip(kept, found, strict=True):
            stratum = (row["lang"], row["label"])
            rows[stratum] += 1
            hits.update((signal, *stratum) for signal in {e["signal"] for e in asserted(evidence)})
    return hits, rows


def main() -> None:
    """Writes the file and says what it was measured on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    given = parser.parse_args()
    hits: Counter[Key] = Counter()
    rows: Counter[tuple[str, str]] = Counter()
    with ProcessPoolExecutor() as pool:
        for found, counted in pool.map(measure, sorted(given.data.glob("*.parquet"))):
            hits += found
            rows += counted
    languages = sorted({language for language, _ in rows})
    rates = {}
    for signature in sorted(s.id for d in detectors() for s in flat(getattr(d, "signatures", {}))):
        own = signature.split(".")[0]
        spoken = languages if own == "any" else [own]
        rates[signature] = {
            label: [
                sum(hits[signature, code, label] for code in spoken),
                sum(rows[code, label] for code in spoken),
            ]
            for label in ("human", "llm")
        }
    about = {"rows": {f"{lang} {label}": n for (lang, label), n in sorted(rows.items())}}
    content = json.dumps(about | {"signatures": rates}, indent=0, sort_keys=True)
    TARGET.write_text(content + "\n", encoding="utf-8")
    print(f"{len(rates):,} signatures on {sum(rows.values()):,} rows: {TARGET.name} written")


if __name__ == "__main__":
    main()
