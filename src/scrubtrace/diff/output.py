"""The files of a comparison: findings as Parquet and CSV, and the manifest."""

import csv
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.diff.joining import PART_ROWS
from scrubtrace.diff.judging import Tally
from scrubtrace.diff.recurring import merged_findings
from scrubtrace.diff.spec import CSV, FINDINGS, MANIFEST, SIDES, DiffSpec
from scrubtrace.review.cells import plain_cell
from scrubtrace.review.export import SHEET_ROWS
from scrubtrace.schemas.edits import EDIT_FINDINGS
from scrubtrace.schemas.vocabulary import GROUPS

if TYPE_CHECKING:
    from scrubtrace.diff.job import DiffOutcome

FORMAT = 1

Finding = dict[str, Any]


def write_results(spec: DiffSpec, outcome: "DiffOutcome") -> None:
    """Writes all files; the manifest of an earlier call goes first and the new one comes last."""
    manifest = storage.join(spec.out, MANIFEST)
    if os.path.exists(manifest):
        os.unlink(manifest)
    outcome.csv_rows = write_findings(spec, outcome.tally)
    write_manifest(spec, outcome)


def write_findings(spec: DiffSpec, tally: Tally) -> int:
    """Merges the parts into one table and one CSV, in order; gives the rows of the CSV.

    ``tally`` counts the findings.

    The CSV ends where a spreadsheet is full; the table has all. Both appear whole or not at all.
    """
    rows = 0
    with ExitStack() as stack:
        table = stack.enter_context(_draft(storage.join(spec.out, FINDINGS)))
        sheet = stack.enter_context(_draft(storage.join(spec.out, CSV)))
        text = stack.enter_context(io.TextIOWrapper(sheet, "utf-8", newline="", write_through=True))
        parquet = stack.enter_context(pq.ParquetWriter(table, EDIT_FINDINGS, compression="zstd"))
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        held: list[Finding] = []
        for finding in merged_findings(spec):
            tally.count(finding)
            held.append(finding)
            if rows < SHEET_ROWS:
                writer.writerow([cell(finding) for cell in _CELLS.values()])
                rows += 1
            if len(held) == PART_ROWS:
                parquet.write_table(pa.Table.from_pylist(held, EDIT_FINDINGS))
                held = []
        if held:
            parquet.write_table(pa.Table.from_pylist(held, EDIT_FINDINGS))
    return rows


@contextmanager
def _draft(path: str) -> Iterator[IO[bytes]]:
    """A file under another name, which gets its own if nothing is raised."""
    descriptor, temporary = tempfile.mkstemp(
        prefix=storage.TEMPORARY_PREFIX, dir=os.path.dirname(path) or "."
    )
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            yield file
        os.fsync(descriptor)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    finally:
        os.close(descriptor)


def write_manifest(spec: DiffSpec, outcome: "DiffOutcome") -> None:
    """Writes the manifest; without clock or machine, so that the same inputs give the same."""
    tally, rows = outcome.tally, outcome.tally.rows
    content = {
        "format": FORMAT,
        "columns": asdict(spec.columns),
        "matched_by": "id" if outcome.by_id else "content",
        "rows": {
            "matched": rows["same"] + rows["edited"],
            **{name: rows[name] for name in ("same", "edited", "gone", "new")},
        },
        **{side: _side(outcome, side) for side in SIDES},
        "texts": {name: tally.texts[name] for name in ("same", "edited", "gone", "new")},
        "findings": tally.findings,
        "findings_in_csv": outcome.csv_rows,
        "kinds": dict(tally.kinds),
        "by_group": {
            group: {value: dict(kinds) for value, kinds in values.items()}
            for group, values in tally.by_group.items()
        },
        "flagged": None,
    }
    if outcome.with_flagged:
        states = {name: tally.flagged[name] for name in ("same", "edited", "gone")}
        content["flagged"] = {"texts_in_the_table": outcome.flagged_texts, **states}
    text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    storage.write_atomic(storage.join(spec.out, MANIFEST), text.encode())


def _side(outcome: "DiffOutcome", side: str) -> dict[str, Any]:
    read, inputs = outcome.read[side], outcome.inputs[side]
    return {
        "rows": read.rows,
        "rows_of_a_repeated_id": outcome.tally.repeated_ids[side],
        "rows_without_an_id": outcome.null_ids[side] if outcome.by_id else None,
        "dead_rows": dict(read.dead),
        "first_dead_rows": read.dead_rows,
        "shards": [
            {"name": s.name, "rows": s.rows, "size": s.size, "footer_digest": s.footer_digest}
            for s in inputs.shards
        ],
        "dead_shards": [
            {"name": s.name, "reason": s.reason, "detail": s.detail} for s in inputs.dead
        ],
    }


def _plain(name: str) -> Callable[[Finding], str]:
    return lambda finding: plain_cell("" if finding[name] is None else str(finding[name]))


def _changes(name: str) -> Callable[[Finding], str]:
    """What was removed or put in, numbered by change."""

    def cell(finding: Finding) -> str:
        said = enumerate(finding["changes"], 1)
        return plain_cell("\n".join(f"{n}. {change[name]}" for n, change in said))

    return cell


def _groups(finding: Finding) -> str:
    named = (f"{name}={finding[name]}" for name in GROUPS if finding[name] is not None)
    return plain_cell("; ".join(named))


_CELLS: dict[str, Callable[[Finding], str]] = {
    "kinds": lambda finding: "; ".join(finding["kinds"]),
    "signals": _changes("signal"),
    "removed": _changes("removed"),
    "inserted": _changes("inserted"),
    "language": _plain("language"),
    "groups": _groups,
    **{
        name: _plain(name)
        for name in (
            "row_id", "field", "old_shard", "old_row_index", "old_turn", "new_shard",
            "new_row_index", "new_turn", "changes_left_out",
        )
    },
}  # fmt: skip

COLUMNS = tuple(_CELLS)
"""Header of the CSV."""
