"""`verify` on a table that nobody touched, and on one whose log was."""

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import code_of
from controls import fill, flagged, of_both
from decision_files import item, line, saved, unprotected
from sqlalchemy import Engine, select, text, update

from scrubtrace.review.batches.store import create_batch
from scrubtrace.review.connection import open_review, reading
from scrubtrace.review.decisions.importing import import_decisions
from scrubtrace.review.erasing.erase import erase, texts_of
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.export import export_csv
from scrubtrace.review.mixing import Mix
from scrubtrace.review.store import record_run, upsert_items
from scrubtrace.review.table import review_events
from scrubtrace.review.trail import verify as verifying
from scrubtrace.review.trail.events import head
from scrubtrace.review.trail.verify import verify
from scrubtrace.schemas.batches import Batch, Purpose
from scrubtrace.schemas.review import ReviewRun

CALL = {"kind": "call_rule", "flagged": True}
DRAWN = {"kind": "sampled", "flagged": False, "detectors": []}


@pytest.mark.parametrize("about", [CALL, DRAWN], ids=["call_rule", "sampled"])
@pytest.mark.parametrize(
    ("text_chars", "is_gone"), [(0, False), (40, True)], ids=["without text", "with text"]
)
def test_only_a_text_that_was_there_can_be_gone(
    engine: Engine, about: dict[str, object], text_chars: int, is_gone: bool
) -> None:
    found = item(0, snippet="", text_chars=text_chars, **about)
    upsert_items(engine, [found], "run1")
    problem = f"the text of item {found.item_key} is gone, and no event says so"
    assert verify(engine).problems == ([problem] if is_gone else [])


def decide(engine: Engine, folder: Path) -> None:
    path = folder / "decided.csv"
    path.write_bytes(saved([line(0, "concur", "", "a lighthouse has stairs")]))
    assert import_decisions(engine, path, "anna").stored == 1


def fill_log(engine: Engine, folder: Path) -> None:
    """One event of every kind that something is compared with."""
    fill(engine, [flagged(number) for number in range(6)], of_both(3))
    record_run(engine, ReviewRun("run1", "chats", "k", "a" * 64, 2, 0))
    decide(engine, folder)
    export_csv(engine, folder / "out.csv", mix=Mix(controls=0.5))
    create_batch(engine, Batch("b", "chats", Purpose.AUDIT, True, {}), [])
    erase(engine, "asked for", texts_of(engine, item_key=item(1).item_key))
    assert verify(engine).problems == []


ODD: tuple[Any, ...] = (None, "x", [1])


def test_whatever_an_event_says_instead_it_is_named(engine: Engine, tmp_path: Path) -> None:
    fill_log(engine, tmp_path)
    columns = review_events.c
    with reading(engine) as connection:
        query = select(columns.seq, columns.payload).order_by(columns.seq)
        stored = {row.seq: row.payload for row in connection.execute(query)}
    for seq, payload in stored.items():
        said = json.loads(payload)
        changed = [{}, *ODD, *({name: said[name]} for name in said)]
        changed += [said | {name: odd} for name in said for odd in ODD]
        for other in (*map(json.dumps, changed), "", "{"):
            own = update(review_events).where(columns.seq == seq)
            unprotected(engine, own.values(payload=other))
            problems = verify(engine).problems
            assert f"event {seq} was changed: its hash is another one" in problems
        unprotected(engine, own.values(payload=payload))
    assert verify(engine).problems == []


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ("{}", "event 1: 1 decisions are there, it does not say how many were imported"),
        ('{"decisions":"1"}', "event 1: 1 decisions are there, it does not say how many"),
        ('{"decisions":2000}', "event 1: 2,000 decisions imported, 1 are there"),
    ],
)
def test_a_changed_import_ends_with_the_code_of_tampering(
    tmp_path: Path, payload: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path}/review.sqlite"
    engine = open_review(url)
    upsert_items(engine, [item(0)], "run1")
    decide(engine, tmp_path)
    unprotected(engine, update(review_events).values(payload=payload))
    engine.dispose()
    assert code_of("review", "verify", "--review", url) == 4
    said = capsys.readouterr()
    assert "event 1 was changed: its hash is another one" in said.out + said.err
    assert problem in said.out + said.err


def test_an_error_of_this_program_is_none_of_the_database(engine: Engine) -> None:
    with pytest.raises(TypeError), reading(engine):
        len(None)  # type: ignore[arg-type]
    upsert_items(engine, [item(0)], "run1")
    if engine.dialect.name == "sqlite":
        with engine.begin() as connection:
            connection.execute(text("UPDATE review_items SET evidence = '{'"))
        with pytest.raises(ReviewError, match="review database: JSONDecodeError"):
            erase(engine, "asked for", [item(0).text_digest])


@pytest.mark.parametrize("behind", ["_check_decisions", "_check_runs", "erasure_problems"])
def test_an_import_that_comes_in_between_is_no_change(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behind: str
) -> None:
    upsert_items(engine, [item(0)], "run1")
    before = head(engine)
    checking = getattr(verifying, behind)

    def imported_first(*arguments: Any) -> Any:
        decide(engine, tmp_path)
        return checking(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(verifying, behind, imported_first)
        found = verify(engine)
    assert (found.problems, found.decisions, found.head) == ([], 0, before)
    assert (verify(engine).problems, verify(engine).decisions) == ([], 1)
