"""Names of people in group columns: pseudonyms everywhere but in the data, and who asked whose."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from hypothesis import given
from hypothesis import strategies as st
from samples import FLAGGED, PLAIN
from sqlalchemy import text as sql

from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.review.connection import open_review
from scrubtrace.review.trail import log
from scrubtrace.schemas.identity import PSEUDONYM, DigestKey

OLD, NEW = "ab" * 32, "cd" * 32
NAMES = ("Wilhelmina Quax", "Bartolo Vint", "Ines Ogre")
URL = "sqlite:///out/review.sqlite"
TABLE = ("--review", URL)
GROUPS = ("--group-by", "labeler=who,vendor=vendor")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", OLD)
    Path("data").mkdir()
    texts = [f"{FLAGGED} {number}" for number in range(3)]
    table = {"text": [*texts, PLAIN], "who": [*NAMES, "Nobody"], "vendor": ["north"] * 4}
    pq.write_table(pa.table(table), "data/a.parquet")


def detect(*more: str) -> int:
    return code_of("detect", "data/*.parquet", "--out", "out", *GROUPS, *more)


def rows(query: str) -> list[dict[str, Any]]:
    engine = open_review(URL)
    with engine.connect() as connection:
        found = [dict(row._mapping) for row in connection.execute(sql(query))]
    engine.dispose()
    return found


def labelers() -> list[str]:
    return [row["labeler"] for row in rows("SELECT labeler FROM review_items ORDER BY row_index")]


def pseudonym(name: str, key: str = OLD) -> str:
    return DigestKey.from_hex(key).pseudonym("labeler", name)


def unmask(*given: str, out: str = "out") -> int:
    return code_of("review", "unmask", *given, "--out", out, *TABLE)


def events(kind: str) -> list[dict[str, Any]]:
    found = rows(f"SELECT payload FROM review_events WHERE kind = '{kind}' ORDER BY seq")
    return [json.loads(row["payload"]) for row in found]


@given(st.text(), st.text())
def test_pseudonyms_are_stable_and_tell_groups_and_keys_apart(one: str, other: str) -> None:
    old, new = DigestKey.from_hex(OLD), DigestKey.from_hex(NEW)
    assert PSEUDONYM.fullmatch(old.pseudonym("labeler", one))
    assert old.pseudonym("labeler", one) == old.pseudonym("labeler", one)
    assert old.pseudonym("labeler", one) != old.pseudonym("vendor", one)
    assert old.pseudonym("labeler", one) != new.pseudonym("labeler", one)
    assert (old.pseudonym("labeler", one) == old.pseudonym("labeler", other)) == (one == other)


def test_table_files_and_summary_have_pseudonyms_only(capfd: pytest.CaptureFixture[str]) -> None:
    assert detect() == 0
    assert labelers() == [pseudonym(name) for name in NAMES]
    for name in ("f.csv", "f.html"):
        verb = "export" if name.endswith("csv") else "sheet"
        assert code_of("review", verb, *TABLE, "--out", name) == 0
    export = ("review", "export", "--format", "parquet", *TABLE, "--out", "f.parquet")
    assert code_of(*export) == 0
    assert pq.read_table("f.parquet").column("labeler").to_pylist() == labelers()
    said = "".join(capfd.readouterr())
    assert f"{pseudonym(NAMES[0])} 1" in said
    assert "by vendor: north 3" in said
    written = [path.read_bytes() for path in Path().glob("f.*")]
    written += [path.read_bytes() for path in Path("out").glob("review.sqlite*")]
    written.append(Path(runs_of("out")[-1].manifest).read_bytes())
    for name in NAMES:
        assert name not in said
        assert not [content for content in written if name.encode() in content]
    assert pseudonym(NAMES[1]).encode() in Path("f.csv").read_bytes()


@pytest.mark.parametrize("off", [(), ("--set", "privacy.pseudonymous=[]")])
def test_an_empty_value_is_nobody(off: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    table = pq.read_table("data/a.parquet")
    for name in ("who", "vendor"):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pa.array(["", None, "", ""], pa.string()))
    pq.write_table(table, "data/a.parquet")
    assert detect(*off) == 0
    assert rows("SELECT DISTINCT labeler, vendor FROM review_items") == [
        {"labeler": None, "vendor": None}
    ]
    assert "by labeler" not in capsys.readouterr().out


def test_an_empty_list_switches_them_off_and_any_group_can_have_them() -> None:
    assert detect("--set", "privacy.pseudonymous=[]") == 0
    assert labelers() == list(NAMES)
    assert detect("--set", "privacy.pseudonymous=['vendor']", "--force") == 0
    (vendor,) = rows("SELECT DISTINCT vendor FROM review_items")
    assert PSEUDONYM.fullmatch(vendor["vendor"])
    assert labelers() == list(NAMES)
    assert detect("--set", "privacy.pseudonymous=['color']") == 2


def test_names_from_before_become_pseudonyms_with_the_next_commit() -> None:
    assert detect("--set", "privacy.pseudonymous=[]") == 0
    with open_review(URL).begin() as connection:
        connection.execute(sql("UPDATE review_items SET labeler = 'Long Gone' WHERE row_index = 2"))
    run = runs_of("out")[-1].id
    assert code_of("commit", run, "--out", "out", *TABLE) == 0
    assert labelers() == [pseudonym(name) for name in (*NAMES[:2], "Long Gone")]
    (renewed,) = events("pseudonyms_renewed")
    assert (renewed["group"], renewed["values"], renewed["items"]) == ("labeler", 3, 3)
    assert "Quax" not in json.dumps(renewed)
    assert code_of("commit", run, "--out", "out", *TABLE) == 0
    assert len(events("pseudonyms_renewed")) == 1
    assert code_of("review", "verify", *TABLE) == 0


def test_a_rotation_renews_the_pseudonyms_of_everybody_that_is_seen_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert detect() == 0
    elsewhere = {"labeler": pseudonym(NAMES[0])}
    with open_review(URL).begin() as connection:
        one = "SELECT * FROM review_items WHERE row_index = 0"
        row = dict(connection.execute(sql(one)).mappings().one()) | elsewhere
        row |= {"item_key": "r" + "0" * 32, "shard": "gone.parquet", "row_index": 7}
        names = ", ".join(f":{name}" for name in row)
        connection.execute(sql(f"INSERT INTO review_items VALUES ({names})"), row)
    monkeypatch.setenv("SCRUBTRACE_KEY", f"{NEW},{OLD}")
    assert detect() == 0
    assert labelers() == [pseudonym(name, NEW) for name in (*NAMES, NAMES[0])]
    assert unmask(pseudonym(NAMES[1], OLD), "--reason", "an older export") == 0


def test_a_commit_without_the_key_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert detect("--set", "privacy.pseudonymous=[]") == 0
    monkeypatch.setenv("SCRUBTRACE_KEY", NEW)
    run = runs_of("out")[-1].id
    assert code_of("commit", run, "--out", "out", *TABLE) == 2
    said = capsys.readouterr().err
    assert "pseudonyms for labeler need the keys of the run" in said
    assert "put it below the first one there, or call detect again" in said
    assert labelers() == list(NAMES)


@pytest.mark.parametrize(
    "command",
    [
        ("commit", "RUN", "--out", "out", *TABLE),
        ("report", "--runs", "out", *TABLE, "--out", "report.md"),
    ],
    ids=lambda command: command[0],
)
def test_what_was_scanned_after_a_rotation_needs_no_dropped_key(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert detect() == 0
    monkeypatch.setenv("SCRUBTRACE_KEY", f"{NEW},{OLD}")
    assert detect() == 0
    monkeypatch.setenv("SCRUBTRACE_KEY", NEW)
    run = runs_of("out")[-1].id
    given = [run if part == "RUN" else part for part in command]
    capsys.readouterr()
    assert code_of(*given) == 0, capsys.readouterr().err
    assert labelers() == [pseudonym(name, NEW) for name in NAMES]


def test_unmasking_is_logged_before_the_name_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert detect("--quiet") == 0
    assert unmask(pseudonym(NAMES[2]).upper(), "--reason", " double\nentry ") == 0
    assert capsys.readouterr().out == f"{pseudonym(NAMES[2])} is labeler {NAMES[2]}\n"
    (event,) = events("unmasked")
    expected = {"pseudonym": pseudonym(NAMES[2]), "reason": "double entry", "group": "labeler"}
    assert event == expected | {"shards": 1}
    (actor,) = rows("SELECT name FROM review_people")
    assert actor["name"]
    assert rows("SELECT at FROM review_events WHERE kind = 'unmasked'")

    def refused(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(log, "append_event", refused)
    assert unmask(pseudonym(NAMES[0]), "--reason", "x") == 1
    said = capsys.readouterr()
    assert NAMES[0] not in said.out + said.err


def test_what_is_not_found_is_logged_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert detect("--quiet") == 0
    Path("data/a.parquet").rename("data/b.parquet")
    assert detect("--quiet") == 0
    assert unmask("p-00000-00000", "--reason", "a letter") == 3
    said = capsys.readouterr().err
    assert "1 shards could not be read" in said
    assert "p-00000-00000 was not found in labeler, vendor of 1 shards of 2 runs" in said
    assert [event["group"] for event in events("unmasked")] == [None]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (["p-00000-00000"], "--reason"),
        (["p-00000-00000", "--reason", " "], "a reason has 1 to 500"),
        (["Wilhelmina", "--reason", "x"], "a pseudonym looks like p-"),
        (["p-00000-00000", "--reason", "x", "--run", "1999"], "1999"),
    ],
)
def test_what_cannot_be_unmasked_ends_with_2(
    capsys: pytest.CaptureFixture[str], given: list[str], problem: str
) -> None:
    assert detect("--quiet") == 0
    assert unmask(*given) == 2
    assert problem in capsys.readouterr().err
    assert events("unmasked") == []
