"""Data sets with flags, references and decisions, for ``audit run``."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from audits import Base
from samples import FLAGGED, PLAIN

GROUPS = ("--group-by", "vendor=vendor,source=source,created_at=day", "--language-column", "lang")


def texts(flagged: int, rows: int, name: str) -> list[str]:
    """So many texts, the first of them flagged."""
    return [f"{FLAGGED if n < flagged else PLAIN} That was {name} {n}." for n in range(rows)]


def shard(path: Path, *groups: dict[str, Any]) -> None:
    """Writes groups of rows; each has its texts and what they have in common."""
    path.parent.mkdir(exist_ok=True)
    defaults = {"vendor": "north", "source": "web", "day": "2026-01-05", "lang": "en"}
    rows = [
        defaults | group | {"text": text}
        for group in groups
        for text in group["texts"]
    ]  # fmt: skip
    columns = {name: [row[name] for row in rows] for name in ("text", *defaults)}
    pq.write_table(pa.table(columns), path)


def scanned(base: Base, name: str, *groups: dict[str, Any], more: tuple[str, ...] = ()) -> None:
    """Scans a data set of one shard into the runs of the audit."""
    path = base.folder / name / "a.parquet"
    shard(path, *groups)
    assert base.detect(path, "--dataset", name, *GROUPS, *more) == 0


def audited(base: Base, *options: object) -> dict[str, Any]:
    """What ``audit run`` writes, by name of the entry."""
    path = base.folder / "audit.json"
    assert base.run("audit", "run", *options, "--out", base.out, "--json", path) == 0
    content = json.loads(path.read_text())
    return content | {entry["name"]: entry for entry in content["entries"]}


def controls_added(base: Base, number: int) -> None:
    """Controls of both origins that nothing flags."""
    rows = [
        f"The {origin} kettle {n} was on." for n in range(number) for origin in ("human", "llm")
    ]
    origins = [origin for _ in range(number) for origin in ("human", "llm")]
    path = base.folder / "known.parquet"
    languages = ["en"] * len(rows)
    pq.write_table(pa.table({"text": rows, "origin": origins, "lang": languages}), path)
    assert base.run("review", "controls", "add", path, "--language-column", "lang") == 0


def decided(base: Base, batch: str, missed: int, share: str = "0.45") -> None:
    """Exports a batch with controls, calls every LLM control one but for so many, and imports."""
    path = base.folder / "batch.csv"
    given = ("--batch", batch, "--controls", share, "--out", path)
    assert base.run("review", "export", *given) == 0
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        is_control = "kettle" in row["snippet"]
        is_llm = "llm kettle" in row["snippet"] or (not is_control and FLAGGED in row["snippet"])
        if is_control and is_llm and missed:
            missed, is_llm = missed - 1, False
        row["decision"] = "concur" if is_llm else "dismiss"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert base.run("review", "import", path, "--reviewer", "anna") == 0
