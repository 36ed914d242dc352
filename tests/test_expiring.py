"""Retention: what expires when, by kind; what is open stays; twice is nothing new."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from command_line import code_of
from decision_files import HEADER, events, item, key, line, saved, stored
from sqlalchemy import Engine, update

from scrubtrace.commands.privacy import _ages
from scrubtrace.config import RetentionSection, load_config
from scrubtrace.exits import UsageStop
from scrubtrace.review.batches.store import store_drawn
from scrubtrace.review.connection import open_review
from scrubtrace.review.decisions.importing import import_decisions
from scrubtrace.review.erasing.expire import Ages, Expired, expire, too_old
from scrubtrace.review.store import iter_items, record_run, upsert_items, withdraw_unseen
from scrubtrace.review.table import review_runs
from scrubtrace.review.trail.verify import verify
from scrubtrace.schemas.batches import SAMPLED
from scrubtrace.schemas.review import ReviewRun

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TEXTS = {"llm_text": DAY * 30, "redaction": DAY * 90}


def run(engine: Engine, run_id: str, age: timedelta) -> None:
    """Records a run that was committed so long before NOW."""
    record_run(engine, ReviewRun(run_id, "chats", "k", "a" * 64, 1, 1))
    with engine.begin() as connection:
        old = update(review_runs).where(review_runs.c.run_id == run_id)
        connection.execute(old.values(committed_at=NOW - age))


def decide(engine: Engine, tmp_path: Path, number: int, word: str, age: timedelta) -> None:
    path = tmp_path / "decided.csv"
    path.write_bytes(saved([line(number, word, "", f"about {number}")], HEADER))
    assert import_decisions(engine, path, "anna", decided_at=NOW - age).stored == 1


@pytest.fixture
def table(engine: Engine, tmp_path: Path) -> Engine:
    """0 confirmed, 1 dismissed, 2 pending, 3 escalated, 4 reported, 5 redaction, 6 of a new run.

    7 has the text of 0 and is pending for its other evidence; 8 was not seen again.
    """
    first = [item(number) for number in (0, 1, 2, 3)]
    first += [item(4, flagged=False), item(5, flagged=False, kind="redaction")]
    first += [item(8, shard="gone.parquet")]
    upsert_items(engine, first, "run1")
    run(engine, "run1", DAY * 60)
    upsert_items(engine, [*first[:-1], item(6, flagged=False)], "run2")
    withdraw_unseen(engine, "run2", "chats", {"gone.parquet": {"boilerplate"}})
    run(engine, "run2", DAY)
    for number, word in ((0, "concur"), (1, "dismiss"), (3, "escalate")):
        decide(engine, tmp_path, number, word, DAY * 10)
    return engine


def numbers(expired: Expired) -> tuple[list[int], list[int]]:
    """Numbers of the items whose snippets are too old, and of those that are dismissed."""
    found = ([int(d, 16) for d in digests] for digests in (expired.snippets, expired.dismissed))
    snippets, dismissed = (sorted(its) for its in found)
    return snippets, dismissed


@pytest.mark.parametrize(
    ("ages", "include_open", "expected"),
    [
        (Ages(), False, ([], [])),
        (Ages(TEXTS), False, ([0, 1, 4, 8], [])),
        (Ages(TEXTS), True, ([0, 1, 2, 3, 4, 8], [])),
        (Ages({"redaction": DAY * 60}), False, ([5], [])),
        (Ages(dismissed=DAY * 10), False, ([], [1])),
        (Ages(dismissed=DAY * 11), False, ([], [])),
        (Ages(TEXTS, dismissed=DAY), False, ([0, 1, 4, 8], [])),
    ],
)
def test_what_is_too_old(
    table: Engine, ages: Ages, include_open: bool, expected: tuple[list[int], list[int]]
) -> None:
    before = events(table)
    assert numbers(too_old(table, ages, NOW, include_open)) == expected
    assert events(table) == before


def test_a_text_that_is_open_elsewhere_stays(table: Engine) -> None:
    other = item(7, text_digest=item(0).text_digest, evidence_fingerprint="f" * 16)
    upsert_items(table, [other], "run2")
    assert numbers(too_old(table, Ages(TEXTS), NOW))[0] == [1, 4, 8]


def test_texts_that_were_drawn_stay_for_ever(table: Engine, tmp_path: Path) -> None:
    drawn = [item(number, flagged=False, kind=SAMPLED) for number in (10, 11)]
    store_drawn(table, drawn, "run1")
    decide(table, tmp_path, 10, "dismiss", DAY * 10)
    ages = Ages({SAMPLED: DAY * 30})
    assert numbers(too_old(table, ages, NOW)) == ([10], [])
    assert numbers(too_old(table, ages, NOW, include_open=True)) == ([10, 11], [])
    assert 10 in numbers(too_old(table, Ages(dismissed=DAY), NOW))[1]
    assert SAMPLED in _ages(load_config(None, ["retention.snippet=30d"]).retention).snippets


def test_comments_expire_unless_their_item_is_open(table: Engine) -> None:
    about = {row["decision_id"]: row["comment"] for row in stored(table)}

    def old(age: timedelta, include_open: bool = False) -> list[str]:
        found = too_old(table, Ages(comments=age), NOW, include_open)
        return sorted(about[decision] for decision in found.comments)

    assert old(DAY * 11) == []
    assert old(DAY * 10) == ["about 0", "about 1"]
    assert old(DAY * 10, include_open=True) == ["about 0", "about 1", "about 3"]


def test_expiring_is_logged_verified_and_done_once(table: Engine) -> None:
    ages = Ages(TEXTS, DAY, DAY)
    before = events(table)
    done = expire(table, too_old(table, ages, NOW))
    assert (done.items, done.comments) == (4, 2)
    assert events(table) == before + 2
    left = {int(e.item.text_digest, 16) for e in iter_items(table) if e.item.snippet}
    assert left == {2, 3, 5, 6}
    found = too_old(table, ages, NOW)
    assert not any(found.by_kind.values())
    assert expire(table, found).items == 0
    assert events(table) == before + 2
    assert verify(table).problems == []


def test_through_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    review = ("--review", "sqlite:///review.sqlite")
    engine = open_review(review[1])
    upsert_items(engine, [item(0, flagged=False), item(1)], "run1")
    record_run(engine, ReviewRun("run1", "chats", "k", "a" * 64, 1, 1))
    assert code_of("review", "expire", *review) == 2
    assert "set ages in [retention]" in capsys.readouterr().err
    Path("scrubtrace.toml").write_text('[retention]\nsnippet = "0d"\ncomments = "9d"\n')
    assert code_of("review", "expire", *review, "--dry-run") == 0
    said = "snippets: 1 are too old\ndismissed: 0 are too old\ncomments: 0 are too old\n"
    assert capsys.readouterr().out == said
    assert key(0) in {e.item.item_key for e in iter_items(engine) if e.item.snippet}
    assert code_of("review", "expire", *review) == 0
    assert "erased: text of 1 items" in capsys.readouterr().out
    assert code_of("review", "expire", *review) == 0
    assert "nothing to erase, or it was erased before" in capsys.readouterr().out
    assert code_of("review", "expire", *review, "--include-open") == 0
    assert [e.item.snippet for e in iter_items(engine)] == ["", ""]
    assert code_of("review", "verify", *review) == 0
    engine.dispose()


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("retention.snippet=180d", RetentionSection(snippet=DAY * 180)),
        ('retention.snippet={llm_text="7d"}', RetentionSection(snippet={"llm_text": DAY * 7})),
        ("retention.dismissed= 30d ", RetentionSection(dismissed=DAY * 30)),
    ],
)
def test_ages_are_written_in_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, expected: RetentionSection
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(None, [setting]).retention == expected


@pytest.mark.parametrize(
    "setting",
    ["retention.snippet=180", "retention.comments=6m", 'retention.snippet={none="7d"}'],
)
def test_other_ages_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageStop, match="retention"):
        load_config(None, [setting])
