"""The comparison of a batch, from shards to the report."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from scrubtrace import log
from scrubtrace.beam_pipelines import storage
from scrubtrace.compare.baseline import baseline
from scrubtrace.compare.judging import Judged, Settings, Verdict, judge
from scrubtrace.compare.measuring import Meter, Sample
from scrubtrace.compare.own_rows import check_not_the_same
from scrubtrace.detectors.language import identify, normalise_code
from scrubtrace.detectors.reference.index import ReferenceIndex, fingerprint
from scrubtrace.detectors.reference.segments import ReferenceIndexError
from scrubtrace.detectors.reference.trusted import Trusted
from scrubtrace.exits import UsageStop
from scrubtrace.index.sources import read_rows, trusted_rows
from scrubtrace.lock import make_output_folder
from scrubtrace.not_read import NotRead
from scrubtrace.pseudonyms import Shown
from scrubtrace.resumable import resumable
from scrubtrace.schemas.plan import Columns

Group: TypeAlias = tuple[tuple[str, str | None], ...]
Parts: TypeAlias = dict[tuple[Group, str], Sample]

LINE_SECONDS = 10.0
TAKEN = 4_096
"""Rows of the batch that are measured at once."""

CAUTION = (
    "Subject and kind of text count as way of writing: trusted rows have to be of the same tasks. "
    "A reference to review is a reason to look at rows, not a finding about anyone."
)


@dataclass
class Told:
    """Says now and then how many rows were read, unless it is quiet."""

    quiet: bool
    counts: Counter[str] = field(default_factory=Counter)
    shown: float = field(default_factory=time.monotonic)

    def __call__(self, kind: str, rows: int = 1) -> None:
        """Counts rows of a kind."""
        self.counts[kind] += rows
        if not self.quiet and time.monotonic() - self.shown >= LINE_SECONDS:
            self.shown = time.monotonic()
            line = ", ".join(f"{count:,} {name} rows" for name, count in self.counts.items())
            log.tell("comparing", line, rows=self.counts.total())


@resumable(keeps=False)
def compare(
    batch: Sequence[str],
    index_path: str,
    human: Sequence[str],
    columns: Columns,
    shown: Shown,
    human_columns: Columns,
    settings: Settings,
    quiet: bool,
    counts: Counter[str],
) -> dict[str, Any]:
    """The report on a batch; raises `UsageStop` for an index or shards that cannot be used.

    ``columns.groups`` names the groups, ``shown`` gives their values as they are written.
    ``counts`` gets rows and shards that cannot be read.
    """
    told, of_humans, of_batch = Told(quiet), NotRead(), NotRead()
    if {*human_columns.texts} & {*columns.texts}:
        check_not_the_same(batch, human)
    try:
        index = ReferenceIndex(index_path)
        trusted = _counted(human, human_columns, counts, of_humans, told)
        base = baseline(index, trusted, settings.seed)
    except ReferenceIndexError as error:
        raise UsageStop(str(error)) from None
    if not told.counts["trusted"]:
        raise UsageStop(f"there is no trusted row in --human{of_humans.why()}")
    if not base.controls:
        raise UsageStop(
            f"{told.counts['trusted']:,} trusted rows{of_humans.why()}, but none that could be "
            "compared with: they need 12 words, and must not be those that the index was "
            "calibrated on"
        )
    parts: Parts = {}
    rows = _grouped(batch, columns, shown, counts, of_batch)
    while taken := list(islice(rows, TAKEN)):
        told("batch", len(taken))
        _take(parts, taken, base.meter)
    if not parts:
        raise UsageStop(f"the batch has no text{of_batch.why()}")
    ordered = dict(sorted(parts.items(), key=lambda part: _sortable(part[0])))
    judged = judge(ordered, base, settings)
    return _report(judged, settings, fingerprint(index_path), told, counts)


def write_report(report: dict[str, Any], out: str) -> None:
    """Writes the report as JSON, replacing it in one step."""
    make_output_folder(str(Path(out).parent))
    path = Path(out).absolute()
    content = json.dumps(report, ensure_ascii=False, indent=1).encode()
    storage.write_atomic(str(path), content)


def described(report: dict[str, Any]) -> Iterator[str]:
    """The report in lines of text."""
    for group in report["groups"]:
        yield f"{_name(group['group'])}: {group['verdict']}"
        for part in group["parts"]:
            if part["verdict"] != Verdict.TOO_FEW:
                yield f"  {part['language']}, {part['counts']['compared']:,} rows: {_told(part)}"
    yield report["caution"]


def _told(part: dict[str, Any]) -> str:
    said = [str(part["verdict"])]
    if part["matched"]:
        strict, loose = part["matched"]["strict"], part["matched"]["loose"]
        said.append(
            f"{strict['rows']:,} match strictly, {loose['rows']:,} ({loose['share']:.1%}) at the "
            f"1% threshold, of trusted rows {loose['trusted']['share']:.1%}"
        )
    if part["resembles"]:
        low, high = part["resembles"]["interval"]
        said.append(
            f"way of writing like {part['resembles']['equivalent_share']:.0%} model text "
            f"({low:.0%} to {high:.0%}), alignment {part['resembles']['alignment']:.2f}"
        )
    seen = part["smallest_share_seen"]
    shares = [f"{seen[name]:.1%} {_words(name)}" for name in seen if seen[name] is not None]
    if shares:
        said.append(f"would have seen {', '.join(shares)}")
    return "; ".join([*said, *part["reasons"]])


def _words(name: str) -> str:
    return name.replace("_", " ")


def _counted(
    human: Sequence[str], columns: Columns, counts: Counter[str], not_read: NotRead, told: Told
) -> Iterator[Trusted]:
    for row in trusted_rows(human, columns, counts, not_read):
        told("trusted")
        yield row


def _grouped(
    batch: Sequence[str],
    columns: Columns,
    shown: Shown,
    counts: Counter[str],
    not_read: NotRead,
) -> Iterator[tuple[tuple[Group, str], str]]:
    """Texts of the batch with their group and language."""
    told = (not_read.take_shards, not_read.take_rows)
    for _, rows in read_rows(batch, columns, counts, *told):
        for row, text in zip(rows.text_rows, rows.texts, strict=True):
            if text and text.strip():
                code = rows.languages[row] if rows.languages else None
                language = normalise_code(code) if code else identify(text)
                yield (tuple(shown(rows.group_values(row)).items()), language), text


def _take(parts: Parts, taken: list[tuple[tuple[Group, str], str]], meter: Meter) -> None:
    """Measures rows, all of a language at once, and puts them into their parts."""
    by_language: dict[str, dict[tuple[Group, str], list[str]]] = {}
    for key, text in taken:
        by_language.setdefault(key[1], {}).setdefault(key, []).append(text)
    for language, own in by_language.items():
        found = meter.measure([text for texts in own.values() for text in texts], language)
        first = 0
        for key, texts in own.items():
            parts.setdefault(key, Sample()).take(found.part(first, first + len(texts)))
            first += len(texts)


def _sortable(key: tuple[Group, str]) -> tuple[list[tuple[bool, str]], str]:
    return [(value is None, value or "") for _, value in key[0]], key[1]


def _report(
    judged: list[Judged], settings: Settings, index: str, told: Told, counts: Counter[str]
) -> dict[str, Any]:
    groups: dict[str, dict[str, Any]] = {}
    for result in judged:
        name = json.dumps(result.group)
        entry = groups.setdefault(name, {"group": result.group, "verdict": "", "parts": []})
        entry["parts"].append(
            {key: value for key, value in asdict(result).items() if key != "group"}
        )
    for entry in groups.values():
        found = {part["verdict"] for part in entry["parts"]}
        entry["verdict"] = next(verdict for verdict in Verdict if verdict in found)
    return {
        "index": index,
        "settings": asdict(settings),
        "rows": dict(told.counts),
        "not_read": {name: count for name, count in sorted(counts.items()) if count},
        "groups": list(groups.values()),
        "caution": CAUTION,
    }


def _name(group: dict[str, str | None]) -> str:
    return ", ".join(f"{name} {value}" for name, value in group.items()) or "batch"
