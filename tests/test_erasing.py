"""Erasing: what is gone stays gone, the log stays whole, and every other change is still found."""

import json
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from command_line import code_of
from decision_files import HEADER, events, item, key, line, saved, standings, stored, unprotected
from sqlalchemy import Engine, delete, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from scrubtrace.messages import ENGLISH
from scrubtrace.review import export
from scrubtrace.review.connection import open_review, writing
from scrubtrace.review.decisions.importing import Repeated, import_decisions
from scrubtrace.review.erasing.erase import check_has_comment, erase, persons_named, texts_of
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.export import export_csv, export_parquet, record_export
from scrubtrace.review.lines import Wanted
from scrubtrace.review.sheet import writing as writing_sheet
from scrubtrace.review.sheet.writing import write_sheet
from scrubtrace.review.store import iter_items, upsert_items
from scrubtrace.review.table import (
    METADATA,
    review_comments,
    review_decisions,
    review_erased,
    review_events,
    review_items,
    review_people,
    review_salts,
)
from scrubtrace.review.trail.salted import PERSON
from scrubtrace.review.trail.verify import verify
from scrubtrace.schemas.identity import DigestKey, KeyRing
from scrubtrace.schemas.review import ReviewItem, State
from scrubtrace.why import wording
from tests.test_review_sheet import data_of

SECRET = "Mrs Abernathy of Larch Lane says the boiler"
COMMENT = "the writer is my neighbour Ottoline"
REVIEWER = "Crispin Mallory"
OLD_KEY, NEW_KEY = (DigestKey.from_hex(f"{number:064x}") for number in (1, 2))


def secret_item(number: int = 0, **changes: Any) -> ReviewItem:
    """An item whose snippet and evidence hold the text that is erased."""
    span = {"detector": "reference", "signal": "reference.verbatim", "category": "verbatim",
            "strength": "proof", "use": "asserted", "start": 4, "end": 13, "score": None,
            "value": json.dumps({"source": "calls", "words": SECRET})}  # fmt: skip
    about = {"snippet": SECRET, "snippet_start": 2, "text_chars": 90, "evidence": [span]}
    return item(number, **(about | {"text_digest": OLD_KEY.digest(SECRET)} | changes))


@pytest.fixture
def table(engine: Engine, tmp_path: Path) -> Engine:
    """Items 0 and 1 have the same text, 2 another; decisions with comments by two reviewers."""
    upsert_items(engine, [secret_item(0), secret_item(1, row_id="row-1"), item(2)], "run1")
    bring(engine, tmp_path, [line(0, "concur", "", COMMENT), line(2, "dismiss", "", "a form")])
    bring(engine, tmp_path, [line(2, "concur", "", "looks right")], "ben")
    return engine


def bring(
    engine: Engine, tmp_path: Path, rows: list[list[str]], reviewer: str = REVIEWER, **more: Any
) -> tuple[int, int]:
    path = tmp_path / "decided.csv"
    path.write_bytes(saved(rows, HEADER))
    found = import_decisions(engine, path, reviewer, **more)
    assert found.bad == []
    return found.stored, found.known


def everything(engine: Engine) -> str:
    """All rows of all tables, as text."""
    with engine.connect() as connection:
        rows = [tuple(r) for t in METADATA.sorted_tables for r in connection.execute(select(t))]
    return repr(rows)


def snippets(engine: Engine) -> list[str]:
    return [entry.item.snippet for entry in iter_items(engine)]


def comment_id(engine: Engine) -> str:
    return str(next(row["decision_id"] for row in stored(engine) if row["comment"] == COMMENT))


def erase_all(engine: Engine) -> None:
    """The text of items 0 and 1, one comment and one name."""
    assert erase(engine, "asked for", texts=texts_of(engine, item_key=key(0))).items == 2
    assert erase(engine, "asked for", comments=[comment_id(engine)]).comments == 1
    assert erase(engine, "asked for", names=persons_named(engine, REVIEWER)).names == 1


def test_what_is_erased_is_nowhere_and_the_rest_can_be_verified(table: Engine) -> None:
    before = events(table)
    erase_all(table)
    left = everything(table)
    assert not [word for word in (SECRET, COMMENT, REVIEWER) if word in left]
    found = verify(table)
    assert (found.problems, found.events) == ([], before + 3)
    assert found.erased == {"text": 1, "comment": 1, "name": 1}
    assert sorted(snippets(table)) == ["", "", item(2).snippet]
    kept = next(iter_items(table)).item
    assert [span["value"] for span in kept.evidence] == [None]
    assert (kept.evidence[0]["start"], kept.evidence_fingerprint) == (4, "e" * 16)
    assert standings(table)[key(0)].state == State.CONCUR
    assert standings(table)[key(2)].state == State.NEEDS_SECOND
    people = {row["reviewer"] for row in stored(table)}
    assert "ben" in people
    assert len([name for name in people if PERSON.fullmatch(name)]) == 1


def test_nothing_that_is_left_is_a_digest_of_a_guess(table: Engine, tmp_path: Path) -> None:
    import hashlib

    export_csv(table, tmp_path / "out.csv")
    guesses = [SECRET, COMMENT, REVIEWER]
    files = [tmp_path / "out.csv", tmp_path / "decided.csv"]
    erase_all(table)
    digests = {hashlib.sha256(guess.encode()).hexdigest() for guess in guesses}
    digests |= {hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    left = everything(table)
    assert not [digest for digest in digests if digest[:24] in left]
    with table.connect() as connection:
        salts = connection.execute(select(review_salts.c.event)).scalars().all()
        kept = connection.execute(select(review_comments.c.comment)).scalars().all()
    assert salts == []
    assert sorted(kept) == ["a form", "looks right"]


def test_the_same_again_is_nothing_new(table: Engine) -> None:
    decision = comment_id(table)
    erase_all(table)
    before = events(table)
    texts = texts_of(table, item_key=key(0))
    assert not any(vars(erase(table, "again", texts, [decision], ["u" + "0" * 24])).values())
    assert events(table) == before


@pytest.mark.parametrize("run", ["run1", "run2"])
def test_later_runs_do_not_bring_a_text_back(table: Engine, run: str) -> None:
    erase(table, "asked for", texts=texts_of(table, row_id="row-1"))
    new = secret_item(5, shard="part-9.parquet")
    changed = secret_item(0, evidence_fingerprint="f" * 16)
    upsert_items(table, [changed, secret_item(1), new], run)
    assert SECRET not in everything(table)
    assert len(snippets(table)) == 4
    assert verify(table).problems == []
    other = secret_item(0, snippet="Another text.", text_digest="9" * 64, evidence=[])
    upsert_items(table, [other], "run3")
    assert "Another text." in snippets(table)
    assert verify(table).problems == []


def test_nor_under_another_key(engine: Engine) -> None:
    upsert_items(engine, [secret_item(0), secret_item(1)], "run1")
    ring = KeyRing(NEW_KEY, (OLD_KEY,))
    about = {"text_digest": NEW_KEY.digest(SECRET), "key_id": NEW_KEY.id}
    rotated = about | {"earlier_digests": ring.earlier_digests(SECRET)}
    seen = replace(secret_item(0), key_id=OLD_KEY.id)
    upsert_items(engine, [seen], "run2")
    erase(engine, "asked for", texts=[OLD_KEY.digest(SECRET)])
    upsert_items(engine, [secret_item(0, **rotated), secret_item(3, **rotated)], "run3")
    upsert_items(engine, [secret_item(4, **about)], "run4")
    assert SECRET not in everything(engine)
    found = verify(engine)
    assert (found.problems, found.erased) == ([], {"text": 1})


def test_a_file_does_not_bring_a_comment_back(table: Engine, tmp_path: Path) -> None:
    time = datetime(2026, 1, 1, tzinfo=UTC)
    first = [line(1, "concur", "", COMMENT)]
    assert bring(table, tmp_path, first, "cara", decided_at=time) == (1, 0)
    assert bring(table, tmp_path, [line(1, "dismiss", "", "no")], "cara") == (1, 0)
    said = {row["decision_id"]: row["comment"] for row in stored(table)}
    erase(table, "asked for", comments=[i for i, comment in said.items() if comment == COMMENT])
    for more in ({"decided_at": time}, {"repeated": Repeated.KNOWN}):
        assert bring(table, tmp_path, first, "cara", **more) == (0, 1)
    assert bring(table, tmp_path, [line(0, "concur", "", COMMENT)]) == (0, 1)
    assert COMMENT not in everything(table)
    assert bring(table, tmp_path, [line(0, "concur", "", "another")]) == (0, 1)
    assert bring(table, tmp_path, [line(1, "dismiss", "", "yes")], "cara") == (1, 0)
    assert verify(table).problems == []


CHANGES = [
    (update(review_people).values(name="cara").where(review_people.c.name == "ben"),
     "the name of u"),
    (delete(review_people).where(review_people.c.name == "ben"), "is gone, and no event says so"),
    (update(review_comments).values(comment="-").where(review_comments.c.comment == "a form"),
     "was changed"),
    (delete(review_comments).where(review_comments.c.comment == "a form"),
     "is gone, and no event says so"),
    (update(review_decisions).values(decision="concur").where(
        review_decisions.c.decision == "dismiss"), "was changed"),
    (update(review_decisions).values(comment_digest=""), "was changed"),
    (update(review_decisions).values(comment="-"), "was changed"),
    (insert(review_erased).values(kind="comment", subject="d1", event=1),
     "1 erasures name event 1, which is not an erasure"),
    (insert(review_erased).values(kind="name", subject="u1", event=4),
     "event 4: other erasures are recorded than it says"),
    (delete(review_erased), "event 4: 1 erasures, 0 are recorded"),
    (update(review_items).values(snippet="").where(review_items.c.item_key == key(2)),
     f"the text of item {key(2)} is gone, and no event says so"),
    (update(review_items).values(snippet=SECRET).where(review_items.c.item_key == key(1)),
     f"the text of item {key(1)} was erased, but is there"),
    (insert(review_comments).values(decision_id="d9", comment="-", salt="-"),
     "a comment was added to decision d9"),
    (update(review_events).values(payload="{}").where(review_events.c.seq == 5),
     "event 5 was changed"),
]  # fmt: skip
TABLES = ("review_people", "review_comments", "review_decisions", "review_erased", "review_events")


@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_every_other_change_is_found_after_an_erasure(table: Engine, number: int) -> None:
    change, problem = CHANGES[number]
    erase_all(table)
    assert verify(table).problems == []
    of = change.table.name
    if of in TABLES:
        unprotected(table, change, of)
    else:
        with table.begin() as connection:
            connection.execute(change)
    problems = verify(table).problems
    assert [told for told in problems if problem in told]


def test_a_salt_that_is_changed_or_gone_is_found(engine: Engine, tmp_path: Path) -> None:
    upsert_items(engine, [item(0)], "run1")
    for name in ("one.csv", "two.csv"):
        export_csv(engine, tmp_path / name)
    assert verify(engine).problems == []
    salts = review_salts.c
    unprotected(
        engine, update(review_salts).values(salt="x").where(salts.event == 1), "review_salts"
    )
    unprotected(engine, delete(review_salts).where(salts.event == 2), "review_salts")
    changed = ["event 1: its salt was changed", "event 2: its salt is gone, and no event says so"]
    assert verify(engine).problems == changed


REFUSED = [
    "UPDATE review_people SET name = 'x'",
    "DELETE FROM review_people",
    "UPDATE review_comments SET comment = ''",
    "DELETE FROM review_comments",
    "UPDATE review_salts SET salt = 'x'",
    "DELETE FROM review_salts WHERE event > 5",
    "UPDATE review_erased SET subject = 'x'",
    "DELETE FROM review_erased",
    "UPDATE review_decisions SET comment_digest = ''",
    "DELETE FROM review_decisions",
    "UPDATE review_events SET payload = '{}'",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_triggers_refuse_everything_but_an_erasure(
    table: Engine, tmp_path: Path, statement: str
) -> None:
    erase_all(table)
    export_csv(table, tmp_path / "out.csv")
    before = everything(table)
    with pytest.raises(SQLAlchemyError, match="append-only"), table.begin() as connection:
        connection.execute(text(statement))
    if table.dialect.name == "sqlite" and statement.startswith("DELETE"):
        of = statement.split()[2]
        again = f"INSERT OR REPLACE INTO {of} SELECT * FROM {of}"
        with pytest.raises(SQLAlchemyError, match="append-only"), table.begin() as connection:
            connection.execute(text(again))
    assert everything(table) == before


def test_sqlite_files_do_not_have_the_bytes_any_more(tmp_path: Path) -> None:
    engine = open_review(f"sqlite:///{tmp_path}/review.sqlite")
    upsert_items(engine, [secret_item(n, text_chars=n) for n in range(300)], "run1")
    bring(engine, tmp_path, [line(0, "concur", "", COMMENT)])
    erase_all_of(engine)
    engine.dispose()
    files = [path.read_bytes() for path in tmp_path.glob("review.sqlite*")]
    assert not [word for word in (SECRET, COMMENT) for file in files if word.encode() in file]
    with sqlite3.connect(tmp_path / "review.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def erase_all_of(engine: Engine) -> None:
    erase(engine, "x", texts_of(engine, item_key=key(0)), [comment_id(engine)])


def test_runs_that_store_a_text_while_it_is_erased_do_not_win(url: str) -> None:
    engine = open_review(url)
    upsert_items(engine, [secret_item(0)], "run1")

    def store() -> None:
        own = open_review(url)
        for run in range(2, 8):
            upsert_items(own, [secret_item(number) for number in range(20)], f"run{run}")
        own.dispose()

    storing = threading.Thread(target=store)
    storing.start()
    erase(engine, "asked for", texts=[OLD_KEY.digest(SECRET)])
    storing.join()
    assert set(snippets(engine)) == {""}
    assert verify(engine).problems == []
    engine.dispose()


def test_decisions_from_before_are_not_erased(table: Engine) -> None:
    old = {**stored(table)[0], "decision_id": "d0", "comment": "old", "comment_digest": ""}
    with writing(table) as connection:
        values = {name: old[name] for name in (c.name for c in review_decisions.columns)}
        connection.execute(insert(review_decisions), values | {"reviewer": "dora"})
    for check in (lambda: check_has_comment(table, "d0"), lambda: persons_named(table, "dora")):
        with pytest.raises(ReviewError, match="before the table had salted digests"):
            check()


def test_through_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    review = ("--review", "sqlite:///review.sqlite")
    engine = open_review(review[1])
    upsert_items(engine, [secret_item(0), secret_item(1, row_id="row-1"), item(2)], "run1")
    bring(engine, tmp_path, [line(0, "concur", "", COMMENT)])
    decision = comment_id(engine)

    def erasing(*given: str) -> int:
        return code_of("review", "erase", *given, *review, "--reason", "letter 12")

    for given, problem in (
        ((), "erase takes one of"),
        (("--item", key(0), "--row-id", "row-1"), "erase takes one of"),
        (("--item", key(0), "--dataset", "chats"), "--dataset goes with"),
        (("--item", "r0"), "has no such item"),
        (("--row-id", "row-1", "--dataset", "other"), "has no such item"),
        (("--comment", "d0"), "there is no such decision"),
        (("--reviewer", "nobody"), "knows nobody of this name"),
    ):
        assert erasing(*given) == 2
        assert problem in capsys.readouterr().err
    assert code_of("review", "erase", "--item", key(0), *review) == 2
    assert erasing("--row-id", "row-1", "--dataset", "chats") == 0
    assert "erased: text of 2 items, 0 comments, 0 names" in capsys.readouterr().out
    assert erasing("--text", OLD_KEY.digest(SECRET)) == 0
    assert "nothing to erase, or it was erased before" in capsys.readouterr().out
    assert erasing("--comment", decision) == 0
    assert erasing("--reviewer", REVIEWER) == 0
    capsys.readouterr()
    assert code_of("review", "verify", *review) == 0
    assert "erased: 1 comments, 1 names, 1 texts; head" in capsys.readouterr().out
    for verb, name in (("export", "out.csv"), ("sheet", "out.html")):
        assert code_of("review", verb, *review, "--out", name, "--state", "all") == 0
        assert SECRET.encode() not in Path(name).read_bytes()
    engine.dispose()


def test_an_erased_match_is_put_into_words(table: Engine, tmp_path: Path) -> None:
    erase(table, "asked for", texts=texts_of(table, item_key=key(0)))
    write_sheet(table, tmp_path / "s.html", Wanted(), wording(ENGLISH))
    words = [e["words"] for i in data_of(tmp_path / "s.html")["items"] for e in i["evidence"]]
    assert "has the words of a reference text: proof" in words
    assert "None" not in " ".join(words)


Write = Callable[[Engine, Path], Any]
WRITERS: dict[str, Write] = {
    "csv": export_csv,
    "parquet": export_parquet,
    "sheet": lambda engine, path: write_sheet(engine, path, Wanted(), wording(ENGLISH)),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_file_that_was_begun_before_an_erasure_does_not_appear(
    table: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write
) -> None:
    def erased_meanwhile(*arguments: Any, **choices: Any) -> None:
        erase(table, "asked for", texts=texts_of(table, item_key=key(0)))
        record_export(*arguments, **choices)

    for module in (export, writing_sheet):
        monkeypatch.setattr(module, "record_export", erased_meanwhile)
    path = tmp_path / "files" / "f"
    path.parent.mkdir()
    with pytest.raises(ReviewError, match="erased while the file was written: export again"):
        write(table, path)
    assert list(path.parent.iterdir()) == []
    assert verify(table).problems == []
