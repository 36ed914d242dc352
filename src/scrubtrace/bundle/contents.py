"""What goes into a bundle: findings, their calls, training rows and decisions."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, Engine, select

from scrubtrace.bundle.case import Case
from scrubtrace.call_check.output import CALLS, SUMMARY
from scrubtrace.calls.files import CallLogError
from scrubtrace.calls.flow import FLOW, Flow
from scrubtrace.calls.reading import read_calls
from scrubtrace.calls.use import USE_RULES
from scrubtrace.exits import UsageStop
from scrubtrace.index.call_sources import expanded
from scrubtrace.review.connection import reading_as_one
from scrubtrace.review.decisions.stored import decisions_with_names
from scrubtrace.review.table import review_decisions, review_items
from scrubtrace.review.texts import chunks
from scrubtrace.review.trail.events import head_of
from scrubtrace.schemas.call_findings import CHECKED_CALLS, JOINED_CALLS, LABELS
from scrubtrace.schemas.references import Part
from scrubtrace.schemas.vocabulary import Kind

Row = dict[str, Any]

_OVER_TIME = {rule.id for rule in USE_RULES}


def case_findings(case: Case, folders: Sequence[str]) -> list[Row]:
    """The findings of a case from the folders of checks and joins; raises `UsageStop`."""
    known: dict[str, Row] = {}
    for folder in folders:
        for row in table_rows(folder, "findings.parquet"):
            known.setdefault(row["finding"], row)
    if missing := [finding for finding in case.findings if finding not in known]:
        raise UsageStop(
            f"finding {missing[0]} of the case is in no findings.parquet of {', '.join(folders)}"
        )
    return [known[finding] for finding in case.findings]


def calls_of(findings: Sequence[Row], checked: str, joined: Sequence[Row]) -> pa.Table:
    """Every call that the findings are about, in the order of the log.

    Of findings over time: the calls of the caller in its period. Of findings about markets: the
    calls that ``joined`` has for them.
    """
    flowing = {
        row["call_id"]
        for row in joined
        for found in findings
        if found["rule"] == FLOW.id and same_labels(found, row) and _flow(found, row)
    }
    tables = []
    folder = Path(checked) / CALLS
    for path in sorted(folder.glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                kept = [
                    row["call_id"] in flowing or any(_is_about(f, row) for f in findings)
                    for row in batch.to_pylist()
                ]
                tables.append(pa.Table.from_batches([batch]).filter(pa.array(kept, pa.bool_())))
    schema = tables[0].schema if tables else CHECKED_CALLS
    return pa.concat_tables(tables) if tables else schema.empty_table()


def joined_rows(joined: str | None) -> list[Row]:
    """The rows of a join; none without one."""
    return [] if joined is None else table_rows(joined, "joined.parquet")


def joined_with(joined: str) -> tuple[str, str] | None:
    """The folder of detect as the join named it, and the data set; None if the join does not say.

    Raises `UsageStop` for a folder that is no join.
    """
    metadata = _schema(joined, "joined.parquet").metadata or {}
    named = [metadata.get(name, b"").decode() for name in (b"detected", b"dataset")]
    return (named[0], named[1]) if all(named) else None


def training_rows(joined: Sequence[Row], calls: pa.Table) -> pa.Table:
    """The training rows that match one of the calls."""
    ids = set(calls["call_id"].to_pylist())
    return pa.Table.from_pylist([row for row in joined if row["call_id"] in ids], JOINED_CALLS)


def decisions_about(case: Case, engine: Engine, with_text: bool) -> Row:
    """Items of the findings, their decisions by whom, and the head of the event log as of both.

    Comments are in it only ``with_text``: they may quote. What was erased is not: then a comment is
    empty, and the reviewer a person of the table. Raises ReviewError.
    """
    with reading_as_one(engine) as connection:
        items = _items_of(connection, case.findings)
        names = {item["item_key"]: item["finding"] for item in items}
        made = _decisions_on(connection, sorted(names))
        review_head = head_of(connection)
    if not with_text:
        made = [{name: row[name] for name in row if name != "comment"} for row in made]
    return {
        "review_head": review_head,
        "items": items,
        "decisions": [{"finding": names[row["item_key"]], **row} for row in made],
    }


def _items_of(connection: Connection, findings: Sequence[str]) -> list[Row]:
    """The items of findings, in the order of reviewers."""
    columns = review_items.c
    shown = (columns.priority, columns.item_key, columns.row_id, columns.flagged, columns.why)
    found: list[Any] = []
    for chunk in chunks(sorted(set(findings))):
        of_them = (columns.kind == str(Kind.CALL_RULE), columns.row_id.in_(chunk))
        found += connection.execute(select(*shown).where(*of_them)).all()
    return [
        {"finding": finding, "item_key": item_key, "flagged": flagged, "why": why}
        for _, item_key, finding, flagged, why in sorted(found)
    ]


def _decisions_on(connection: Connection, item_keys: Sequence[str]) -> list[Row]:
    """The decisions on items as they were imported, with comments and names, oldest first."""
    made = []
    for chunk in chunks(item_keys):
        query = decisions_with_names(review_decisions.c.item_key.in_(chunk))
        for row in map(dict, connection.execute(query).mappings()):
            kept, who = row.pop("kept"), row.pop("who")
            made.append(row | {"comment": kept or row["comment"], "reviewer": who})
    return sorted(made, key=lambda row: (row["event"], row["line"]))


def check_summary(checked: str) -> Row:
    """The summary of a check; raises `UsageStop` for a folder without one."""
    try:
        found: Row = json.loads((Path(checked) / SUMMARY).read_bytes())
    except (OSError, ValueError):
        raise UsageStop(
            f"{checked} is no finished check: give the folder of scrubtrace calls check --out"
        ) from None
    return found


def check_keys(key_id: str, joined: str | None, retest: str | None) -> None:
    """Raises `UsageStop` unless callers are named alike in all folders: by one digest key.

    With another key no caller of a later check would be one of the findings.
    """
    named = {}
    if joined is not None:
        metadata = _schema(joined, "joined.parquet").metadata or {}
        named[joined] = metadata.get(b"key_id", b"").decode()
    if retest is not None:
        named[retest] = check_summary(retest)["key_id"]
    for folder, other in named.items():
        if other != key_id:
            raise UsageStop(
                f"callers in {folder} are named by key {other}, those of the findings by {key_id}: "
                "check again with that key (--key-file)"
            )


def texts_of(calls: pa.Table, logs: Sequence[str]) -> Iterator[Row]:
    """Prompts and completions of the calls, read from the logs again; raises `UsageStop`."""
    ids = set(calls["call_id"].to_pylist())
    try:
        for record in read_calls(expanded(logs)):
            if record.call_id in ids:
                prompt = [{"role": m.role, "text": m.text} for m in record.prompt]
                about = {"call_id": record.call_id, "prompt": prompt}
                yield about | {"completions": list(record.completions)}
    except CallLogError as error:
        raise UsageStop(str(error)) from None


def table_rows(folder: str, name: str) -> list[Row]:
    """The rows of a table of a check or join; raises `UsageStop` if there is none."""
    path = Path(folder) / name
    try:
        rows: list[Row] = pq.read_table(path).to_pylist()
    except OSError:
        raise UsageStop(
            f"there is no {path}: give the folder of a finished check or join"
        ) from None
    return rows


def _schema(folder: str, name: str) -> pa.Schema:
    path = Path(folder) / name
    try:
        return pq.read_schema(path)
    except OSError:
        raise UsageStop(
            f"there is no {path}: give the folder of a finished check or join"
        ) from None


def same_labels(found: Row, row: Row) -> bool:
    """Whether labels and caller are those of a finding."""
    return all(found[name] == row[name] for name in (*LABELS, "caller"))


def _flow(found: Row, row: Row) -> bool:
    flows = row["market_flow"] == Flow.OTHER_MARKET and row["part"] == Part.COMPLETION
    return bool(flows and found["terms"] == row["terms"])


def _is_about(found: Row, row: Row) -> bool:
    if found["rule"] in _OVER_TIME:
        own = found["caller"] in (row["caller"], row["key"])
        own = own and found["project"] in (None, row["project"])
        return bool(own) and _within(row["at"], found["first"], found["last"])
    broken = [(v["rule"], v["value"], v["terms"]) for v in row["violations"]]
    return same_labels(found, row) and (found["rule"], found["value"], found["terms"]) in broken


def _within(at: str | None, first: str | None, last: str | None) -> bool:
    """Whether a call was made from ``first`` to the end of the minute of ``last``."""
    if at is None or first is None or last is None:
        return False
    return first <= at and at[:16] <= last[:16]
