"""How many texts the signatures of prompts hit that are no such request.

    python benchmarks/prompt_signatures.py DATA [--column prompt]

DATA is a folder of Parquet files with columns text, lang and label, some with prompts. Different
texts are searched as if each were the message of a user. This bounds hits by chance, and says
nothing of how many requests are found. Printed are counts only.
"""

import argparse
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from scrubtrace.calls.prompt_patterns import patterns
from scrubtrace.schemas.calls import Message


def main() -> None:
    """Counts texts and hits by language, and hits by signature."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("--column", default="text")
    given = parser.parse_args()
    seen: set[str] = set()
    texts: Counter[tuple[str, str]] = Counter()
    hit: Counter[tuple[str, str]] = Counter()
    signatures: Counter[str] = Counter()
    for path in sorted(given.data.rglob("*.parquet")):
        file = pq.ParquetFile(path)
        if given.column not in file.schema_arrow.names:
            continue
        for batch in file.iter_batches(1024, columns=[given.column, "lang", "label"]):
            for row in batch.to_pylist():
                text = row[given.column]
                if not text or text in seen:
                    continue
                seen.add(text)
                stratum = (str(row["lang"]), str(row["label"]))
                found = patterns().find((Message("user", text),))
                texts[stratum] += 1
                hit[stratum] += bool(found)
                signatures.update({one.signature for one in found})
    for (language, label), count in sorted(texts.items()):
        print(f"{language:4} {label:6} {hit[language, label]:5,} of {count:9,} texts")
    print(f"all         {hit.total():5,} of {texts.total():9,} texts")
    for signature, count in signatures.most_common():
        print(f"{signature:40} {count:,}")


if __name__ == "__main__":
    main()
