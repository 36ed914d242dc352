"""Completeness of a campaign before and after decisions, batches, controls and purges."""

import json
import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from campaigns import REVIEW, SCAN, Site, exception, step
from command_line import code_of
from samples import FLAGGED

from scrubtrace.review.connection import open_review
from scrubtrace.review.trail.events import EventKind
from scrubtrace.review.trail.verify import verify


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    made = Site(tmp_path)
    made.shard(0)
    made.shard(1)
    return made


def test_before_and_after_decisions(site: Site) -> None:
    assert site.scan() == 0
    site.write(SCAN, REVIEW)
    before = site.check()
    assert before["flagged"] == {"answers": {"llm_text": {"pending": 4}}}
    assert before["required"] == ["review, answers: 4 of 4 flagged places are not decided"]
    site.decide("concur", 1)
    half = step(site.check(), "review")
    assert (half["done"], half["wanted"], half["complete"]) == (1, 4, False)
    site.write(SCAN, REVIEW + "share = 0.25\n")
    assert site.code("--gate") == 0
    site.write(SCAN, REVIEW)
    site.decide("dismiss")
    record = site.check()
    assert record["flagged"] == {"answers": {"llm_text": {"concur": 1, "dismissed": 3}}}
    assert record["complete"] is True
    assert site.code("--gate") == 0


def test_what_waits_for_somebody_is_open_at_any_share(site: Site) -> None:
    assert site.scan() == 0
    site.write(REVIEW + "share = 0.5\n")
    site.decide("concur", 2)
    site.decide("escalate", 1)
    site.decide("second", 1)
    record = site.check()
    assert record["required"] == [
        "review, answers: 1 wait for a second opinion",
        "review, answers: 1 are escalated",
    ]
    site.write(REVIEW, exception(vendor="north"), exception("E-2", dataset="answers"))
    record = site.check()
    assert record["complete"] is True
    assert step(record, "review")["counts"]["excepted"] == 4
    assert [one["places"] for one in record["exceptions"]] == [2, 2]


def test_a_run_of_another_review_table(site: Site) -> None:
    assert site.scan() == 0
    site.write(REVIEW)
    site.url = f"sqlite:///{site.folder}/other.sqlite"
    assert site.run("review", "upgrade") == 0
    said = site.check()["required"]
    assert any("was not committed to this review table" in words for words in said)


def test_a_changed_log(site: Site) -> None:
    assert site.scan() == 0
    site.decide("concur")
    site.write(REVIEW)
    with sqlite3.connect(site.folder / "review.sqlite") as connection:
        triggers = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'review_events'"
        ).fetchall()
        for (name,) in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE review_events SET actor = 'x' WHERE seq = 1")
    connection.close()
    record = site.check()
    assert step(record, "log")["complete"] is False
    assert record["required"][0].startswith("log, log: event 1 was changed")


def test_audit_batches(site: Site) -> None:
    site.make_seed()
    assert site.scan() == 0
    site.write("[steps.audit]\n")
    assert site.check()["required"] == ["audit, answers: no audit batch was made since 2020-01-01"]
    assert site.plan("march", "--total", 3, "--by", "none") == 0
    planned = step(site.check(), "audit")
    assert (planned["about"], planned["done"]) == ("march", 0)
    assert planned["wanted"] > 0
    site.decide("dismiss", 1000, "--batch", "march")
    assert site.check()["complete"] is True
    site.write('[steps.audit]\nbatches = ["march", "april"]\n')
    assert site.check()["required"] == ["audit, april: there is no such audit batch"]
    site.write("[steps.audit]\n")
    site.shard(7)
    assert site.scan() == 0
    (said,) = site.check()["required"]
    assert said.startswith("audit, march: was drawn from other shards than those that are scanned")


def test_controls(site: Site) -> None:
    assert site.scan() == 0
    site.write("[steps.controls]\nanswers = 2\n")
    assert site.check()["required"] == ["controls, controls: 0 answers on controls, 2 are required"]
    texts = [f"{FLAGGED} Harbour {n}." for n in range(4)]
    known = pa.table({"text": texts, "origin": ["human", "llm"] * 2, "lang": ["en"] * 4})
    pq.write_table(known, site.folder / "known.parquet")
    assert site.run("review", "controls", "add", site.folder / "known.parquet",
                    "--origin-column", "origin", "--language-column", "lang") == 0  # fmt: skip
    site.decide("concur", 1000, "--controls", "0.5")
    answered = step(site.check(), "controls")
    assert (answered["done"], answered["complete"]) == (2, True)
    assert answered["counts"] == {"given_out": 2}


PURGE = '[steps.purge]\nrecords = ["purged/removal/record.json"]\n'


def purge(site: Site) -> Path:
    """Purges what reviewers concur on; gives the path of the record."""
    decided, purged = site.folder / "decided.parquet", site.folder / "purged"
    export = ("review", "export", "--format", "parquet", "--dataset", "answers")
    assert site.run(*export, "--out", decided) == 0
    given = ("--decisions", str(decided), "--out", str(purged), "--hold-decision", "none")
    data = str(site.folder / "data" / "*.parquet")
    assert code_of("purge", data, "--dataset", "answers", "--quiet", *given) == 0
    return purged / "removal" / "record.json"


def test_a_purge(site: Site) -> None:
    assert site.scan() == 0
    site.write(REVIEW, PURGE)
    site.decide("concur")
    said = site.check()["required"]
    assert said[0].endswith("there is no such record: call scrubtrace purge")
    record = purge(site)
    found = site.check()
    assert found["complete"] is True
    assert step(found, "purge")["counts"] == {"rows_removed": 4}
    site.decide("dismiss", 1, "--state", "concur", who="ben", reason="adjudicated")
    (words,) = site.check()["required"]
    assert "a record knows decisions up to event" in words
    record.write_text(record.read_text().replace('"rows"', '"rowz"', 1))
    assert "was changed" in site.check()["required"][0]


def test_a_purge_does_not_know_of_a_later_decision_in_another_data_set(site: Site) -> None:
    assert site.scan() == 0
    site.write(PURGE)
    site.decide("concur")
    purge(site)
    assert site.detect(site.folder / "data" / "*.parquet", "--dataset", "others",
                       "--language-column", "lang") == 0  # fmt: skip
    assert site.check()["complete"] is True
    about = ("--state", "concur", "--dataset", "others")
    site.decide("dismiss", 1, *about, who="ben", reason="adjudicated")
    (words,) = site.check()["required"]
    assert "a record knows decisions up to event" in words


def test_a_purge_of_fewer_shards(site: Site) -> None:
    assert site.scan() == 0
    site.decide("concur")
    site.write(PURGE)
    path = site.folder / "data" / "p1.parquet"
    aside = path.rename(site.folder / "p1.parquet")
    purge(site)
    aside.rename(path)
    (words, *_) = site.check()["required"]
    assert "rows were named but not removed: elsewhere" in words
    assert "1 of 2 scanned shards are in no record" in site.check()["required"][1]


def test_a_record_in_the_log(site: Site) -> None:
    assert site.scan() == 0
    site.write(SCAN)
    record = site.check("--log")
    engine = open_review(site.url)
    with engine.connect() as connection:
        query = "SELECT kind, payload FROM review_events ORDER BY seq DESC LIMIT 1"
        kind, payload = connection.exec_driver_sql(query).one()
    assert kind == EventKind.CAMPAIGN
    noted = json.loads(payload)
    assert noted["record_sha256"] == record["record_sha256"]
    assert noted["campaign_sha256"] == record["campaign"]["sha256"]
    assert verify(engine).problems == []
    engine.dispose()
