"""Checking controls, and what was given out of them, against the event log."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, select

from scrubtrace.review.controls.store import control_line, issued_line
from scrubtrace.review.table import review_controls, review_issued
from scrubtrace.review.trail.events import lines_sha256
from scrubtrace.schemas.batches import Issued


def control_problems(
    connection: Connection, events: Mapping[int, Mapping[str, Any]]
) -> Iterator[str]:
    """What of the controls is not as the events say that added them or gave them out.

    ``events`` are the payloads of both kinds of events, by number.
    """
    added: dict[int, list[str]] = defaultdict(list)
    issued: dict[int, list[str]] = defaultdict(list)
    columns = review_controls.c
    for row in connection.execute(select(columns.event, columns.control_key, columns.origin)):
        added[row.event].append(control_line(row.control_key, row.origin))
    for row in connection.execute(select(review_issued)):
        one = Issued(row.item_key, row.control_key, row.row_version, row.batch, row.reviewer)
        issued[row.event].append(issued_line(one))
    for number, payload in sorted(events.items()):
        given = issued.pop(number, [])
        if "issued" in payload and lines_sha256(given) != payload["issued"]:
            yield f"event {number}: the controls that were given out are not those of its digest"
        elif given and "issued" not in payload:
            yield f"event {number} gave out no controls, and some name it"
        named = added.pop(number, [])
        if "llm" in payload and lines_sha256(named) != payload.get("sha256"):
            yield f"event {number}: controls were changed, added or taken out"
    for number in sorted({*issued, *added}):
        yield f"controls name event {number}, which is not one of theirs"
