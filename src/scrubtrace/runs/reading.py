"""What the folder of a run says about it without its parts."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from shlex import quote
from typing import Any

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import RunFolder
from scrubtrace.exits import UsageStop
from scrubtrace.resolver import find_run, spec_or_none
from scrubtrace.schemas.plain import plain
from scrubtrace.schemas.plan import RunSpec

FOREIGN = "was written by a version of scrubtrace with another format, or its run.json is damaged"

NEEDED = frozenset({
    "committed_at", "rows", "texts", "null_texts", "empty_texts", "repeated_ids",
    "rows_with_a_repeated_id", "dead_rows", "detectors", "languages", "signals",
    "recurring_identities", "flagged", "reported", "shards", "rows_kept", "scan_again",
    "dead_shards", "policy", "limits",
})  # fmt: skip
"""Keys of a manifest without which it is not one of this version."""


def manifest_of(folder: RunFolder) -> dict[str, Any]:
    """The manifest of a run; raises `UsageStop` if it has none or it cannot be read."""
    try:
        content = json.loads(storage.read_bytes(folder.manifest))
    except OSError:
        raise UsageStop(
            f"run {folder.id} is not committed: the same detect command goes on with it"
        ) from None
    except ValueError:
        content = None
    if not isinstance(content, dict) or not content.keys() >= NEEDED:
        raise UsageStop(
            f"the manifest {folder.manifest} is damaged, or of another version: if no newer run is "
            f"about its shards, {commit_again(folder)} writes it again"
        )
    return content


def commit_again(folder: RunFolder) -> str:
    """The command that writes the manifest of a run again; the review table is that of detect."""
    out = folder.path.rstrip("/").rsplit("/", 2)[0]
    return f"scrubtrace commit {folder.id} --out {quote(out)}, with the --review that detect had,"


def known_run(out: str, run_id: str) -> tuple[RunFolder, RunSpec]:
    """The run with this id or prefix, and its specification; raises `UsageStop`."""
    folder = find_run(out, run_id)
    spec = spec_or_none(folder)
    if spec is None:
        raise UsageStop(f"run {folder.id} {FOREIGN}")
    return folder, spec


def age(since: datetime | None, now: datetime) -> str:
    """Time since the run began, in its greatest unit; a dash if it is not known."""
    if since is None:
        return "-"
    passed = max(now - since, timedelta())
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if passed.total_seconds() >= seconds:
            return f"{passed.total_seconds() // seconds:,.0f} {unit}"
    return f"{passed.total_seconds():.0f} s"


def counted(counts: Mapping[str, int], most: int | None = None) -> str:
    """Counts in words, the greatest first; "none" if there are none."""
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    shown = [f"{name} {count:,}" for name, count in ordered[:most]]
    if len(ordered) > len(shown):
        shown.append(f"and {len(ordered) - len(shown):,} more")
    return ", ".join(shown) or "none"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    """Lines of a table; numbers stand to the right, names of data on one line."""
    lines = [list(head), *([plain(cell) for cell in row] for row in rows)]
    widths = [max(len(line[number]) for line in lines) for number in range(len(head))]
    right = [all(_is_number(line[number]) for line in lines[1:]) for number in range(len(head))]
    for line in lines:
        cells = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ]
        yield "  ".join(cells).rstrip()


def _is_number(cell: str) -> bool:
    return cell == "-" or cell.replace(",", "").replace("/", "").isdigit()
