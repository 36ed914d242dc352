"""Decisions over time: any order of files, key rotations, changed evidence, and kill -9."""

import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from decision_files import HEADER, events, item, key, line, saved, standings, stored, unprotected
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from scrubtrace.review.connection import open_review
from scrubtrace.review.decisions.importing import import_decisions
from scrubtrace.review.rotation import give_up_digests
from scrubtrace.review.store import upsert_items, withdraw_unseen
from scrubtrace.review.trail.verify import verify
from scrubtrace.schemas.identity import DigestKey, KeyRing
from scrubtrace.schemas.review import ReviewItem, Scope, State

OLD_KEY, NEW_KEY = (DigestKey.from_hex(f"{number:064x}") for number in (1, 2))
OLD, NEW = KeyRing(OLD_KEY), KeyRing(NEW_KEY, (OLD_KEY,))

IMPORT = """
import signal, sys
from pathlib import Path
from scrubtrace.review.connection import open_review
from scrubtrace.review.decisions import importing
url, path, step = sys.argv[1:]
doing = getattr(importing, step)
def pausing(*arguments, **named):
    print("ready", flush=True)
    signal.pause()
def after(*arguments, **named):
    doing(*arguments, **named)
    pausing()
setattr(importing, step, after if step == "append_event" else pausing)
importing.import_decisions(open_review(url), Path(path), "anna")
"""


def decide(engine: Engine, tmp_path: Path, *rows: list[str], reviewer: str = "anna") -> None:
    path = tmp_path / "decided.csv"
    path.write_bytes(saved(rows))
    assert import_decisions(engine, path, reviewer).bad == []


def seen(number: int, words: str, ring: KeyRing) -> ReviewItem:
    digest, earlier = ring.active.digest(words), ring.earlier_digests(words)
    return item(number, text_digest=digest, key_id=ring.active.id, earlier_digests=earlier)


def states(engine: Engine) -> list[State]:
    found = standings(engine)
    return [found[key(number)].state for number in range(len(found))]


SAID = ("item_key", "reviewer", "decision", "scope", "decided_at", "line")

SPEECH = st.lists(
    st.tuples(
        st.sampled_from(["anna", "ben"]),
        st.lists(
            st.tuples(
                st.integers(0, 3),
                st.sampled_from(["concur", "dismiss", "escalate", "second", ""]),
                st.sampled_from(list(Scope)),
            ),
            max_size=3,
            unique_by=lambda decided: decided[0],
        ),
    ),
    max_size=5,
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of four items, two of them of one text."""
    folder = tmp_path_factory.mktemp("template")
    engine = open_review(f"sqlite:///{folder}/review.sqlite")
    items = [item(0), item(1), item(2), item(3, text_digest=item(2).text_digest)]
    upsert_items(engine, items, "run1")
    engine.dispose()
    return folder / "review.sqlite"


@given(speech=SPEECH, data=st.data())
@settings(max_examples=25)
def test_files_in_any_order_and_twice_give_the_same_states(
    template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    speech: list[tuple[str, list[tuple[int, str, Scope]]]],
    data: st.DataObject,
) -> None:
    folder = tmp_path_factory.mktemp("any_order")
    numbers = range(len(speech))
    mixed = data.draw(st.permutations([*numbers, *numbers]))
    results = []
    for name, order in (("plain", list(numbers)), ("mixed", mixed)):
        path = folder / f"{name}.sqlite"
        shutil.copy(template, path)
        engine = open_review(f"sqlite:///{path}")
        for number in order:
            reviewer, decided = speech[number]
            rows = [
                [str(scope), *line(at, word, "", "", f"file {number}")]
                for at, word, scope in decided
            ]
            file = folder / f"{number}.csv"
            file.write_bytes(saved(rows, ("scope", *HEADER)))
            time = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
            import_decisions(engine, file, reviewer, keep_going=True, decided_at=time)
        assert verify(engine).problems == []
        of_items = {k: (s.state, s.verdict) for k, s in standings(engine).items()}
        said = sorted([str(row[name]) for name in SAID] for row in stored(engine))
        results.append((of_items, said))
        engine.dispose()
    assert results[0] == results[1]


def test_a_decision_on_a_text_is_found_after_a_rotation(engine: Engine, tmp_path: Path) -> None:
    upsert_items(engine, [seen(0, "tide", OLD), seen(1, "tide", OLD), seen(2, "ebb", OLD)], "run1")
    decide(engine, tmp_path, line(0, "dismiss"), line(2, "concur"))
    found = [seen(0, "tide", NEW), seen(3, "tide", NEW)]
    upsert_items(engine, found, "run2")
    expected = ["dismissed", "dismissed", "concur", "dismissed"]
    assert states(engine) == expected
    decide(engine, tmp_path, line(3, "concur"), reviewer="ben")
    assert states(engine) == ["needs_second", "needs_second", "concur", "needs_second"]
    upsert_items(engine, found, "run2")
    assert verify(engine).problems == []


def test_a_decision_made_after_a_rotation_is_about_rows_with_the_old_digest_too(
    engine: Engine, tmp_path: Path
) -> None:
    upsert_items(engine, [seen(0, "tide", OLD), seen(1, "tide", OLD)], "run1")
    upsert_items(engine, [seen(1, "tide", NEW)], "run2")
    decide(engine, tmp_path, line(1, "concur"))
    assert states(engine) == ["concur", "concur"]


def test_a_decision_stands_on_digests_that_were_given_up_until_the_text_is_seen_again(
    engine: Engine, tmp_path: Path
) -> None:
    upsert_items(engine, [seen(0, "tide", OLD)], "run1")
    decide(engine, tmp_path, line(0, "concur"))
    give_up_digests(engine, OLD_KEY.id)
    assert states(engine) == ["concur"]
    upsert_items(engine, [seen(0, "tide", KeyRing(NEW_KEY))], "run2")
    assert states(engine) == ["reopened"]


def test_changed_evidence_reopens_and_a_lost_item_is_not_seen_again(
    engine: Engine, tmp_path: Path
) -> None:
    upsert_items(engine, [item(number) for number in range(3)], "run1")
    decide(engine, tmp_path, *(line(number, "dismiss") for number in range(3)))
    again = [item(0, why="other words"), item(1, evidence_fingerprint="f" * 16)]
    upsert_items(engine, again, "run2")
    withdraw_unseen(engine, "run2", "chats", {"part-0.parquet": {"boilerplate"}})
    assert states(engine) == ["dismissed", "reopened", "not_seen_again"]
    decide(engine, tmp_path, line(1, "dismiss", "human"))
    assert states(engine) == ["dismissed", "reopened", "not_seen_again"]
    decide(engine, tmp_path, line(1, "dismiss", version=2))
    upsert_items(engine, [item(2)], "run3")
    assert states(engine) == ["dismissed", "dismissed", "dismissed"]


def test_another_shard_layout_orphans_no_decision(engine: Engine, tmp_path: Path) -> None:
    upsert_items(engine, [item(0), item(1)], "run1")
    decide(engine, tmp_path, line(0, "dismiss"), line(1, "concur"))
    moved = [replace(item(4 + n), text_digest=item(n).text_digest, shard="b") for n in range(2)]
    upsert_items(engine, moved, "run2")
    found = standings(engine)
    assert [found[key(number)].state for number in (4, 5)] == ["dismissed", "concur"]


@pytest.mark.parametrize("step", ["lock_log", "_store", "append_event"])
def test_an_import_killed_on_the_way_stores_nothing_and_then_all(
    url: str, tmp_path: Path, step: str
) -> None:
    engine = open_review(url)
    upsert_items(engine, [item(number) for number in range(2_500)], "run1")
    path = tmp_path / "decided.csv"
    path.write_bytes(saved([line(number, "dismiss", "human") for number in range(2_500)]))
    command = [sys.executable, "-c", IMPORT, url, str(path), step]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert (stored(engine), events(engine), verify(engine).problems) == ([], 0, [])
    assert import_decisions(engine, path, "anna").stored == 2_500
    found = verify(engine)
    assert (found.events, found.decisions, found.problems) == (1, 2_500, [])
    engine.dispose()


TAMPERING: dict[str, tuple[str, str]] = {
    "another decision": ("UPDATE review_decisions SET decision = 'concur' WHERE line = 2",
                         "event 1: decision {id} was changed"),
    "another text": ("UPDATE review_decisions SET text_digest = 'x' WHERE line = 2",
                     "event 1: a decision was changed or replaced"),
    "one less": ("DELETE FROM review_decisions WHERE line = 2",
                 "event 1: 2 decisions imported, 1 are there"),
    "none left": ("DELETE FROM review_decisions", "event 1: 2 decisions imported, 0 are there"),
}  # fmt: skip


@pytest.mark.parametrize(("statement", "problem"), TAMPERING.values(), ids=TAMPERING)
def test_a_decision_that_was_changed_is_told(
    engine: Engine,
    tmp_path: Path,
    statement: str,
    problem: str,
) -> None:
    upsert_items(engine, [item(0), item(1)], "run1")
    decide(engine, tmp_path, line(0, "dismiss"), line(1, "dismiss"))
    first = stored(engine)[0]["decision_id"]
    unprotected(engine, text(statement), "review_decisions")
    assert verify(engine).problems == [problem.format(id=first)]
