"""Flag rates per source, language and label on labelled Parquet files: ``make eval DATA=folder``.

Each file is a source with columns text, label (human | llm), lang and attack. Rows whose attack
starts with ``human+`` are human text rewritten by a machine and stand apart. Nothing is fitted
here: signatures and policy are as shipped. Reported are the rate with the use-not-mention guard
and without it, and for pooled human rows the exact 95% upper bound (one-sided, Clopper and
Pearson 1934). Texts are never printed.
"""

import argparse
import hashlib
import os
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from scrubtrace.config import PolicySection
from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.boilerplate import Boilerplate
from scrubtrace.detectors.language import identify
from scrubtrace.policy import judge
from scrubtrace.schemas.vocabulary import Kind, Strength
from scrubtrace.stats.intervals import upper_bound

KNOWN = Path(__file__).with_name("known_mislabelled.toml")
GUARDED = PolicySection()
UNGUARDED = PolicySection(count_mentions=True)
BATCH = 1024

Stratum = tuple[str, str, str]


@dataclass
class Counts:
    """Rows of one stratum and how many of them the policy flags or reports."""

    rows: int = 0
    flagged: int = 0
    unguarded: int = 0
    proof: int = 0
    reported: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Counts") -> None:
        """Adds another stratum to this one."""
        self.rows += other.rows
        self.flagged += other.flagged
        self.unguarded += other.unguarded
        self.proof += other.proof
        self.reported.update(other.reported)


@cache
def _detector() -> Boilerplate:
    detector = Boilerplate()
    detector.setup()
    return detector


@cache
def _known_mislabelled() -> dict[str, str]:
    entries = tomllib.loads(KNOWN.read_text())["row"]
    return {entry["sha256"]: entry["name"] for entry in entries}


def measure(path: Path, forced: str | None) -> tuple[dict[Stratum, Counts], list[str]]:
    """Counts by (source, language, label) of one file, and known mislabelled rows seen."""
    counts: dict[Stratum, Counts] = {}
    mislabelled: list[str] = []
    for rows in _batches(path):
        texts = [row["text"] or "" for row in rows]
        batch = TextBatch(texts, [forced or identify(text) for text in texts])
        evidence: dict[int, list[dict[str, Any]]] = {}
        for found in _detector().detect(batch).found.to_pylist():
            evidence.setdefault(found["row"], []).append(found | {"detector": "boilerplate"})
        for number, row in enumerate(rows):
            digest = hashlib.sha256(texts[number].encode()).hexdigest()
            name = _known_mislabelled().get(digest)
            if name:
                mislabelled.append(name)
            label = "mislabelled" if name else _label(row)
            stratum = counts.setdefault((path.stem, row["lang"], label), Counts())
            _count(stratum, evidence.get(number, []))
    return counts, mislabelled


def _batches(path: Path) -> Iterator[list[dict[str, Any]]]:
    columns = ["text", "label", "lang", "attack"]
    for batch in pq.ParquetFile(path).iter_batches(BATCH, columns=columns):
        yield batch.to_pylist()


def _label(row: dict[str, Any]) -> str:
    return "human+machine" if (row["attack"] or "").startswith("human+") else row["label"]


def _count(counts: Counts, evidence: list[dict[str, Any]]) -> None:
    counts.rows += 1
    unguarded = judge(evidence, UNGUARDED)
    counts.unguarded += unguarded is not None and unguarded.flagged
    verdict = judge(evidence, GUARDED)
    if verdict is None:
        return
    counts.flagged += verdict.flagged
    if not verdict.flagged:
        counts.reported[verdict.kind] += 1
    asserted = (e for e in evidence if e["use"] == "asserted")
    counts.proof += verdict.flagged and any(e["strength"] == Strength.PROOF for e in asserted)


def table(counts: dict[Stratum, Counts]) -> Iterator[str]:
    """Lines of the table: every stratum, then pooled by language and label."""
    header = ("source", "lang", "label", "rows", "flagged", "%", "unguarded %", "proof", "reported")
    yield "{:26} {:4} {:14} {:>7} {:>8} {:>7} {:>12} {:>6}  {}".format(*header)
    pooled: dict[Stratum, Counts] = {}
    for stratum in sorted(counts, key=lambda s: (s[1], s[2], s[0])):
        yield _line(stratum, counts[stratum])
        pooled.setdefault(("ALL", *stratum[1:]), Counts()).add(counts[stratum])
    yield ""
    for stratum, total in sorted(pooled.items()):
        line = _line(stratum, total)
        if stratum[2] == "human":
            bound = 100 * upper_bound(total.flagged, total.rows)
            line += f"  95% upper bound {bound:.3f}%"
        yield line


def _line(stratum: Stratum, c: Counts) -> str:
    source, lang, label = stratum
    rate, bare = 100 * c.flagged / c.rows, 100 * c.unguarded / c.rows
    reported = ", ".join(f"{kind} {n}" for kind, n in sorted(c.reported.items()))
    return (
        f"{source:26} {lang:4} {label:14} {c.rows:7,} {c.flagged:8,} {rate:7.3f} {bare:12.3f} "
        f"{c.proof:6,}  {reported}"
    )


def articles(folder: Path) -> Iterator[str]:
    """Verdicts on the text files of a folder, also forced through every language's Set."""
    for path in sorted(folder.glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        codes = [identify(text), *sorted(_detector().languages)]
        kinds = []
        for code in codes:
            found = _detector().detect(TextBatch([text], [code])).found.to_pylist()
            verdict = judge([entry | {"detector": "boilerplate"} for entry in found], GUARDED)
            flagged = verdict is not None and verdict.kind == Kind.LLM_TEXT
            kinds.append(f"{code}: {'FLAGGED' if flagged else 'not flagged'}")
        yield f"{path.name}: {', '.join(kinds)}"


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of labelled Parquet files")
    parser.add_argument("--force-language", help="match every row as this language")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    given = parser.parse_args()
    paths = sorted(given.data.glob("*.parquet"))
    if not paths:
        sys.exit(f"no Parquet file in {given.data}")
    counts: dict[Stratum, Counts] = {}
    mislabelled: list[str] = []
    with ProcessPoolExecutor(given.processes) as pool:
        for found, names in pool.map(measure, paths, [given.force_language] * len(paths)):
            counts |= found
            mislabelled += names
    print("\n".join(table(counts)))
    print("\nknown mislabelled rows, counted apart:", ", ".join(sorted(mislabelled)) or "none")
    print("\n".join(articles(given.data.parent / "articles_about_gpt")))


if __name__ == "__main__":
    main()
