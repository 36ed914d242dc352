"""A table of revision 0002, with decisions that name reviewers and comments, under this version."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from decision_files import HEADER, item, key, line, saved, standings, stored, unprotected
from sqlalchemy import Engine, inspect, select, text

from scrubtrace.review import connection as opening
from scrubtrace.review.connection import open_review, writing
from scrubtrace.review.decisions.importing import import_decisions
from scrubtrace.review.decisions.record import content_line, id_of
from scrubtrace.review.erasing.erase import check_has_comment, erase, persons_named
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.store import upsert_items
from scrubtrace.review.table import review_decisions
from scrubtrace.review.trail.events import BEFORE_ALL, Event, canonical, lines_sha256
from scrubtrace.review.trail.verify import verify
from scrubtrace.schemas.review import State

TIME = datetime(2026, 1, 1, tzinfo=UTC)


def of_second_version(url: str) -> Engine:
    """A table of revision 0002 with one item and one imported file of one decision."""
    parsed = opening.parse_url(url)
    is_file = parsed.drivername == "sqlite"
    engine = opening._sqlite(parsed) if is_file else opening.postgresql_engine(parsed)
    config = opening._alembic_config()
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        tables = inspect(connection)
        assert not tables.has_table("review_people")
    return engine


def decide(engine: Engine, batch: str) -> None:
    """Stores what an import of this file stored then."""
    one = item(0)
    row: dict[str, Any] = {
        "text_digest": one.text_digest, "key_id": one.key_id, "item_key": key(0),
        "dataset": "chats", "scope": "text", "decision": "concur", "reason": "", "comment": "sure",
        "reviewer": "anna", "run_id": "run1", "evidence_fingerprint": one.evidence_fingerprint,
        "row_version": 1, "decided_at": TIME, "imported_at": TIME, "batch": batch, "line": 2,
        "event": 1,
    }  # fmt: skip
    row["decision_id"] = id_of(row, 1)
    payload = {"batch": batch, "reviewer": "anna", "decisions": 1, "known": 0, "bad": 0}
    payload["sha256"] = lines_sha256([content_line(row, 1)])
    about = (1, TIME, "root", "decisions_imported", canonical(payload), BEFORE_ALL)
    event = Event(*about, "")
    with engine.begin() as connection:
        for table, values in (
            ("review_decisions", row),
            ("review_events", vars(event) | {"hash": event.computed_hash()}),
        ):
            names = ", ".join(f":{name}" for name in values)
            columns = ", ".join(values)
            connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({names})"), values)


@pytest.fixture
def upgraded(url: str, tmp_path: Path) -> Engine:
    content = saved([line(0, "concur", "", "sure")], HEADER)
    path = tmp_path / "decided.csv"
    path.write_bytes(content)
    engine = of_second_version(url)
    import hashlib

    decide(engine, hashlib.sha256(content).hexdigest())
    engine.dispose()
    engine = open_review(url)
    upsert_items(engine, [item(0)], "run1")
    return engine


def test_it_is_verified_and_goes_on(upgraded: Engine, tmp_path: Path) -> None:
    assert verify(upgraded).problems == []
    assert standings(upgraded)[key(0)].state == State.CONCUR
    again = import_decisions(
        upgraded, tmp_path / "decided.csv", "anna", decided_at=datetime.now(UTC)
    )
    assert (again.stored, again.known) == (0, 1)
    path = tmp_path / "other.csv"
    path.write_bytes(saved([line(0, "dismiss", "", "no")], HEADER))
    assert import_decisions(upgraded, path, "anna").stored == 1
    assert standings(upgraded)[key(0)].state == State.DISMISSED
    found = verify(upgraded)
    assert (found.problems, found.events, found.decisions) == ([], 2, 2)
    upgraded.dispose()


def test_what_is_changed_in_it_is_found(upgraded: Engine) -> None:
    changed = text("UPDATE review_decisions SET comment = ''")
    unprotected(upgraded, changed, "review_decisions")
    (row,) = stored(upgraded)
    assert verify(upgraded).problems == [f"event 1: decision {row['decision_id']} was changed"]
    upgraded.dispose()


def test_what_the_old_log_has_is_not_erased(upgraded: Engine) -> None:
    with upgraded.connect() as connection:
        (decision,) = connection.execute(select(review_decisions.c.decision_id)).scalars()
    with pytest.raises(ReviewError, match="go on with a new table"):
        check_has_comment(upgraded, decision)
    with pytest.raises(ReviewError, match="go on with a new table"):
        persons_named(upgraded, "anna")
    assert erase(upgraded, "asked for", texts=[item(0).text_digest]).items == 1
    assert verify(upgraded).problems == []
    upgraded.dispose()
