"""Flag rates on labelled Parquet files, with all installed detectors: ``make eval DATA=folder``.

Each file is a source with columns text, label (human | llm), lang and attack. Rows whose attack
starts with ``human+`` are human text rewritten by a machine and stand apart. Nothing is fitted
here: signatures and policy are as shipped. Tables: per source, language and label; pooled, with the
exact 95% upper bound for human rows (one-sided, Clopper and Pearson 1934); LLM rows per attack; and
rows with evidence per category and strength. Texts are never printed.
"""

import argparse
import hashlib
import os
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from labelled_files import labelled_files, labelled_rows, wrong_data_is_named
from verdicts import (
    UNGUARDED,
    EvidenceRow,
    asserted,
    detectors,
    evidence_of,
    flagged_kind,
    reported_kind,
)

from scrubtrace.detectors.language import identify
from scrubtrace.schemas.vocabulary import Strength
from scrubtrace.stats.intervals import upper_bound

KNOWN = Path(__file__).with_name("known_mislabelled.toml")
BATCH = 1024

Stratum = tuple[str, str, str, str]
"""Source, language, label, attack."""


@dataclass
class Counts:
    """Rows of one stratum, and how many of them flag, are reported or have evidence."""

    rows: int = 0
    flagged: Counter[str] = field(default_factory=Counter)
    unguarded: int = 0
    proof: int = 0
    reported: Counter[str] = field(default_factory=Counter)
    evidence: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, other: "Counts") -> None:
        """Adds another stratum to this one."""
        self.rows += other.rows
        self.flagged.update(other.flagged)
        self.unguarded += other.unguarded
        self.proof += other.proof
        self.reported.update(other.reported)
        self.evidence.update(other.evidence)

    def count(self, evidence: list[EvidenceRow]) -> None:
        """Counts one row."""
        said = asserted(evidence)
        self.rows += 1
        self.unguarded += flagged_kind(evidence, UNGUARDED) is not None
        if kind := flagged_kind(evidence):
            self.flagged[kind] += 1
            self.proof += any(e["strength"] == Strength.PROOF for e in said)
        if kind := reported_kind(evidence):
            self.reported[kind] += 1
        self.evidence.update({(e["category"], e["strength"]) for e in said})


Strata = dict[Stratum, Counts]


@cache
def _known_mislabelled() -> dict[str, str]:
    entries = tomllib.loads(KNOWN.read_text())["row"]
    return {entry["sha256"]: entry["name"] for entry in entries}


def measure(path: Path, forced: str | None) -> tuple[Strata, list[str]]:
    """Counts of one file by stratum, and the known mislabelled rows seen."""
    counts: Strata = {}
    mislabelled: list[str] = []
    for rows in _batches(path):
        texts = [row["text"] for row in rows]
        found = evidence_of(texts, [forced or identify(text) for text in texts])
        for row, text, evidence in zip(rows, texts, found, strict=True):
            digest = hashlib.sha256(text.encode()).hexdigest()
            if name := _known_mislabelled().get(digest):
                mislabelled.append(name)
            label = "mislabelled" if name else _label(row)
            stratum = (path.stem, row["lang"], label, row["attack"])
            counts.setdefault(stratum, Counts()).count(evidence)
    return counts, mislabelled


def _batches(path: Path) -> Iterator[list[dict[str, Any]]]:
    rows = labelled_rows(path)
    for at in range(0, len(rows), BATCH):
        yield rows[at : at + BATCH]


def _label(row: dict[str, Any]) -> str:
    return "human+machine" if row["attack"].startswith("human+") else row["label"]


def pooled(counts: Strata, key: Callable[[Stratum], Any]) -> dict[Any, Counts]:
    """Counts added up over all strata with the same key, in the order of the keys."""
    found: dict[Any, Counts] = {}
    for stratum, part in counts.items():
        found.setdefault(key(stratum), Counts()).add(part)
    return dict(sorted(found.items()))


def rate_table(counts: Strata) -> Iterator[str]:
    """Every source, language and label, then pooled by language and label."""
    header = ("source", "lang", "label", "rows", "flagged", "%", "unguarded %", "proof")
    yield "{:26} {:4} {:14} {:>7} {:>8} {:>7} {:>12} {:>6}  by kind; reported".format(*header)
    for (lang, label, source), c in pooled(counts, lambda s: (s[1], s[2], s[0])).items():
        yield _line((source, lang, label), c)
    yield ""
    for (lang, label), c in pooled(counts, lambda s: (s[1], s[2])).items():
        line = _line(("ALL", lang, label), c)
        if label == "human":
            bound = 100 * upper_bound(c.flagged.total(), c.rows)
            line += f"  95% upper bound {bound:.3f}%"
        yield line


def _line(names: tuple[str, str, str], c: Counts) -> str:
    flagged = c.flagged.total()
    rate, bare = 100 * flagged / c.rows, 100 * c.unguarded / c.rows
    kinds = "; ".join(
        ", ".join(f"{kind} {n}" for kind, n in sorted(found.items()))
        for found in (c.flagged, c.reported)
    )
    return (
        f"{names[0]:26} {names[1]:4} {names[2]:14} {c.rows:7,} {flagged:8,} {rate:7.3f} "
        f"{bare:12.3f} {c.proof:6,}  {kinds if kinds != '; ' else ''}"
    )


def attack_table(counts: Strata) -> Iterator[str]:
    """Rows of machine text by language and attack."""
    yield f"{'lang':5}{'attack':40}{'rows':>8}{'flagged':>9}{'%':>9}"
    machine = {s: c for s, c in counts.items() if s[2] not in ("human", "mislabelled")}
    for (lang, attack), c in pooled(machine, lambda s: (s[1], s[3])).items():
        flagged = c.flagged.total()
        yield f"{lang:5}{attack:40}{c.rows:8,}{flagged:9,}{100 * flagged / c.rows:9.3f}"


def category_table(counts: Strata) -> Iterator[str]:
    """Rows with asserted evidence by category, strength and language; human rows with a bound."""
    yield f"{'category':20}{'strength':9}{'lang':5}{'human rows':>11}{'bound %':>9}{'LLM rows':>10}"
    by_label = pooled(counts, lambda s: (s[1], s[2]))
    pairs = sorted({pair for c in by_label.values() for pair in c.evidence})
    for category, strength in pairs:
        for lang in sorted({lang for lang, _ in by_label}):
            human = by_label.get((lang, "human"), Counts())
            llm = by_label.get((lang, "llm"), Counts())
            hits, machine = (c.evidence[category, strength] for c in (human, llm))
            if hits or machine:
                bound = 100 * upper_bound(hits, human.rows)
                yield (
                    f"{category:20}{strength:9}{lang:5}{hits:11,}{bound:9.3f}{machine:10,}"
                    f"  of {human.rows:,} and {llm.rows:,}"
                )


def articles(folder: Path) -> Iterator[str]:
    """Verdicts on the text files of a folder, also forced through every language's signatures."""
    languages = sorted({code for detector in detectors() for code in detector.languages})
    for path in sorted(folder.glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        codes = [identify(text), *languages]
        kinds = [flagged_kind(evidence_of([text], [code])[0]) for code in codes]
        said = (f"{c}: {'FLAGGED' if k else 'not'}" for c, k in zip(codes, kinds, strict=True))
        yield f"{path.name}: {', '.join(said)}"


@wrong_data_is_named()
def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder of labelled Parquet files")
    parser.add_argument("--force-language", help="match every row as this language")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    given = parser.parse_args()
    paths = labelled_files(given.data)
    if not paths:
        sys.exit(f"no Parquet file in {given.data}")
    counts: Strata = {}
    mislabelled: list[str] = []
    with ProcessPoolExecutor(given.processes) as pool:
        for found, names in pool.map(measure, paths, [given.force_language] * len(paths)):
            counts |= found
            mislabelled += names
    for table in (category_table, attack_table, rate_table):
        print("\n".join(table(counts)) + "\n")
    print("known mislabelled rows, counted apart:", ", ".join(sorted(mislabelled)) or "none")
    print("\n".join(articles(given.data.parent / "articles_about_gpt")))


if __name__ == "__main__":
    main()
