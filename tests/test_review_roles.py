"""Roles of PostgreSQL, on a real server: each can do its verbs, and nothing that is another's."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from decision_files import item
from own_server import own_server
from samples import FLAGGED, PLAIN

from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.review.connection import open_review
from scrubtrace.review.roles import EVENTS, GRANTS, ROLES, roles_sql
from scrubtrace.review.store import upsert_items
from scrubtrace.review.table import METADATA, REVISION, VERSION_TABLE
from scrubtrace.review.trail.events import EventKind
from scrubtrace.schemas.identity import DigestKey

KEY = "ab" * 32
TABLES = sorted([*METADATA.tables, VERSION_TABLE])
LATER = "review_of_a_later_version"
"""A table that a later version adds."""


class Database:
    """The review table of one owner, and a user in each role."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        assert code_of("review", "upgrade", "--review", owner) == 0
        with self.connected(owner) as connection:
            connection.execute(f"CREATE TABLE {LATER} (origin TEXT)")
            for _ in range(2):
                connection.execute("\n".join(roles_sql()))
            for role in ROLES:
                connection.execute(f"CREATE ROLE {role}_user LOGIN IN ROLE scrubtrace_{role}")

    def url(self, role: str) -> str:
        """The URL as the user in a role has it."""
        return self.owner.replace("postgres@", f"{role}_user@")

    def connected(self, url: str) -> psycopg.Connection[Any]:
        """A connection that commits every statement."""
        return psycopg.connect(url, autocommit=True)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the owner reads."""
        with self.connected(self.owner) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one shard, for all tests."""
    folder = tmp_path_factory.mktemp("roles")
    (folder / "data").mkdir()
    texts = [f"{FLAGGED} {number}" for number in range(4)] + [PLAIN]
    who = [f"Labeler {number}" for number in range(5)]
    pq.write_table(pa.table({"text": texts, "who": who}), folder / "data/a.parquet")
    return folder


@pytest.fixture(scope="module")
def database(folder: Path) -> Iterator[Database]:
    with own_server() as server, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SCRUBTRACE_KEY", KEY)
        yield Database(server.database("roles"))


@pytest.fixture(autouse=True)
def _here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SCRUBTRACE_KEY", KEY)


def run(verb: str, url: str, tmp_path: Path) -> int:
    """Calls a verb in full; gives its exit code."""
    review = ("--review", url)
    pseudonym = DigestKey.from_hex(KEY).pseudonym("labeler", "Labeler 1")
    detect = ("detect", "data/*.parquet", "--out", "out", "--quiet", "--force")
    calls = {
        "detect": (*detect, "--group-by", "labeler=who"),
        "commit": ("commit", runs_of("out")[-1].id if runs_of("out") else "", "--out", "out"),
        "export": ("review", "export", "--out", str(tmp_path / "f.csv"), "--state", "all"),
        "sheet": ("review", "sheet", "--out", str(tmp_path / "f.html")),
        "import": ("review", "import", "decided.csv", "--reviewer", f"r{tmp_path.name}"),
        "verify": ("review", "verify"),
        "unmask": ("review", "unmask", pseudonym, "--out", "out", "--reason", "x"),
        "erase": ("review", "erase", "--comment", _decision(tmp_path), "--reason", "x"),
        "expire": ("review", "expire", "--set", "retention.snippet=0d", "--include-open"),
    }
    return code_of(*calls[verb], *review)


def _decision(tmp_path: Path) -> str:
    """The decision to erase the comment of, as a test left it in its folder."""
    path = tmp_path / "decision"
    return path.read_text() if path.exists() else "d0"


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def decide(path: Path, out: Path) -> None:
    rows = read_rows(path)
    rows[0] |= {"decision": "concur", "comment": "yes"}
    write_rows(out, rows)


def write_rows(out: Path, rows: list[dict[str, str]]) -> None:
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


VERBS = {
    "pipeline": ("detect", "commit"),
    "reviewer": ("export", "sheet", "import"),
    "coordinator": ("export", "sheet", "import", "verify"),
    "auditor": ("verify",),
    "protection": ("unmask", "erase", "expire", "verify"),
}
ALL = ("detect", "commit", "export", "sheet", "import", "verify", "unmask", "erase", "expire")


def test_each_role_can_do_its_verbs_through_the_command_line(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = {}
    for role, verbs in VERBS.items():
        for verb in verbs:
            if verb == "import":
                decide(tmp_path / "f.csv", Path("decided.csv"))
            if verb == "erase":
                ((decision,),) = database.rows("SELECT decision_id FROM review_comments")
                (tmp_path / "decision").write_text(decision)
            done[role, verb] = run(verb, database.url(role), tmp_path)
    assert set(done.values()) == {0}, capsys.readouterr().err
    assert database.rows("SELECT count(*) FROM review_decisions") == [(1,)]
    assert database.rows("SELECT count(*) FROM review_comments") == [(0,)]
    assert database.rows("SELECT DISTINCT snippet FROM review_items") == [("",)]


def call(database: Database, role: str, *arguments: str) -> int:
    return code_of(*arguments, "--review", database.url(role))


def known_texts(path: Path) -> Path:
    """Texts of known origin that look like the flagged ones."""
    texts = [f"{FLAGGED} And this is control {number}." for number in range(8)]
    pq.write_table(pa.table({"text": texts, "origin": ["human", "llm"] * 4}), path)
    return path


def test_controls_batches_and_audits_work_with_the_roles_that_are_named(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, mixed, batch = "audited", str(tmp_path / "m.csv"), str(tmp_path / "b.csv")
    seed, known = str(tmp_path / "s.seed"), str(known_texts(tmp_path / "known.parquet"))
    drawn = ("--out", out, "--seed-file", seed, "--name", "b", "--total", "4")
    shares = ("--assign", "anna,ben", "--overlap", "0.5")
    detect = ("detect", "data/*.parquet", "--out", out, "--quiet", "--dataset", "audited")
    assert call(database, "pipeline", "audit", "seed", "--out", seed) == 0
    assert call(database, "pipeline", *detect, "--group-by", "labeler=who") == 0
    assert call(database, "pipeline", "audit", "plan", *drawn, "--by", "labeler") == 0
    sample = ("review", "sample", "1", "--out", out, "--name", "more")
    assert call(database, "pipeline", *sample) == 0
    coordinator = [
        ("review", "controls", "add", known),
        ("review", "controls", "list"),
        ("review", "export", "--out", mixed, "--controls", "0.5", "--state", "all", *shares),
        ("review", "export", "--out", batch, "--batch", "b", "--controls", "0.2"),
        ("review", "sheet", "--out", str(tmp_path / "b.html"), "--batch", "b"),
    ]
    done = [call(database, "coordinator", *arguments) for arguments in coordinator]
    assert done == [0] * len(done), capsys.readouterr().err
    for number, file in enumerate(sorted(tmp_path.glob("*.csv"))):
        rows = [row | {"decision": "concur"} for row in read_rows(file)]
        write_rows(tmp_path / f"{number}.csv", rows)
        assert call(database, "coordinator", "review", "import", str(tmp_path / f"{number}.csv"),
                    "--reviewer", file.stem) == 0  # fmt: skip
    assert database.rows("SELECT count(*) > 2 FROM review_issued i JOIN review_decisions d"
                         " ON d.item_key = i.item_key") == [(True,)]  # fmt: skip
    says = [("review", "quality"), ("review", "learn"), ("audit", "run", "b")]
    says += [("report", "--runs", out, "--out", str(tmp_path / "r.md"))]
    for role in ("coordinator", "auditor"):
        done = [call(database, role, *arguments) for arguments in says]
        assert done == [0] * len(done), capsys.readouterr().err
    assert call(database, "auditor", "review", "verify") == 0
    denied = [(role, a) for role in ("reviewer", "pipeline") for a in coordinator[::2]]
    denied += [("auditor", coordinator[2])]
    denied += [(role, arguments) for role in ("reviewer", "pipeline") for arguments in says[:3:2]]
    denied += [(role, (*sample[:-1], "other")) for role in ROLES if role != "pipeline"]
    capsys.readouterr()
    for role, arguments in denied:
        assert call(database, role, *arguments) == 2, (role, arguments)
        said = capsys.readouterr().err
        assert "permission denied for table review_" in said or "row-level security" in said
        assert "controls, quality and learn the role coordinator" in said


def test_a_key_that_a_spreadsheet_changed_is_told_to_a_reviewer(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "changed.csv"
    path.write_text("item_key,row_version,decision\n1E+05,1,concur\n")
    assert call(database, "reviewer", "review", "import", str(path), "--reviewer", "anna") == 2
    assert "changed.csv:2: item_key is not one of an export" in capsys.readouterr().err


DENIED = [(role, verb) for role, verbs in VERBS.items() for verb in ALL if verb not in verbs]


@pytest.mark.parametrize(("role", "verb"), DENIED)
def test_no_role_can_do_what_is_anothers(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str], role: str, verb: str
) -> None:
    if not runs_of("out"):
        assert run("detect", database.owner, tmp_path) == 0
    assert run("export", database.owner, tmp_path) == 0
    decide(tmp_path / "f.csv", Path("decided.csv"))
    if verb == "erase":
        assert run("import", database.owner, tmp_path) == 0
        (decision, *_) = database.rows("SELECT decision_id FROM review_comments")
        (tmp_path / "decision").write_text(decision[0])
    if verb == "expire":
        engine = open_review(database.owner)
        upsert_items(engine, [item(7, key_id=DigestKey.from_hex(KEY).id)], runs_of("out")[0].id)
        engine.dispose()
    queries = [f"SELECT t::text FROM {table} t ORDER BY 1" for table in TABLES]
    before = [database.rows(query) for query in queries]
    capsys.readouterr()
    assert run(verb, database.url(role), tmp_path) == 2
    said = capsys.readouterr().err
    assert "permission denied for table review_" in said or "row-level security" in said
    assert "need the role pipeline" in said
    assert FLAGGED not in said
    assert [database.rows(query) for query in queries] == before


def test_who_may_check_a_campaign_and_note_it_in_the_log(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not runs_of("out"):
        assert run("detect", database.owner, tmp_path) == 0
    Path("policy.toml").write_text("")
    Path("c.toml").write_text(
        'format = 1\nname = "c"\npurpose = "p"\nowner = "o"\nfrom = 2020-01-01\n'
        'to = 2099-01-01\npolicy_file = "policy.toml"\n[[dataset]]\nname = "data"\n'
        'inputs = ["data/*.parquet"]\n[steps.audit]\n[steps.controls]\n[steps.review]\n'
    )
    check = ("campaign", "check", "c.toml", "--runs", "out", "--out", str(tmp_path / "r.json"))
    for role in ("coordinator", "auditor"):
        assert code_of(*check, "--review", database.url(role)) == 0
    assert code_of(*check, "--log", "--review", database.url("coordinator")) == 0
    assert code_of(*check, "--log", "--review", database.url("auditor")) == 2
    assert "permission denied" in capsys.readouterr().err
    newest = "SELECT kind FROM review_events ORDER BY seq DESC LIMIT 1"
    assert database.rows(newest) == [("campaign_checked",)]


RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_the_rights_that_are_named_and_no_other(database: Database, role: str) -> None:
    for table in (*TABLES, LATER):
        named = GRANTS.get(table, {}).get(role, "")
        whole = {right for right in RIGHTS if right in named.replace("(", ",").split(", ")}
        query = "SELECT " + ", ".join(
            f"has_table_privilege('{role}_user', '{table}', '{right}')" for right in RIGHTS
        )
        ((*has,),) = database.rows(query)
        found = {right for right, is_granted in zip(RIGHTS, has, strict=True) if is_granted}
        columns = (
            {"SELECT"} if "SELECT (" in named else {"UPDATE"} if "UPDATE (" in named else set()
        )
        assert found == whole - columns, table


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("reviewer", "UPDATE review_items SET flagged = false"),
        ("reviewer", "UPDATE review_decisions SET decision = 'dismiss'"),
        ("reviewer", "DELETE FROM review_events"),
        ("reviewer", f"SELECT origin FROM {LATER}"),
        ("auditor", f"SELECT origin FROM {LATER}"),
        ("pipeline", "SELECT comment FROM review_decisions"),
        ("pipeline", "SELECT comment FROM review_comments"),
        ("protection", "UPDATE review_items SET flagged = false"),
        ("protection", "INSERT INTO review_comments VALUES ('d', 'x', 'y')"),
        ("reviewer", "INSERT INTO review_events VALUES (99, now(), 'u', 'erased', '{}', '', 'h')"),
        ("auditor", "INSERT INTO review_erased VALUES ('name', 'u', 1)"),
        ("pipeline", "ALTER TABLE review_events DISABLE TRIGGER USER"),
        ("reviewer", "CREATE TABLE review_more (a INTEGER)"),
    ],
)
def test_statements_of_their_own_are_denied(database: Database, role: str, statement: str) -> None:
    with (
        database.connected(database.url(role)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


@pytest.mark.parametrize("role", ROLES)
def test_who_may_not_upgrade_is_told_who_may(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str], role: str
) -> None:
    def set_revision(revision: str) -> None:
        with database.connected(database.owner) as connection:
            connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '{revision}'")

    set_revision("0002")
    try:
        assert run(VERBS[role][0], database.url(role), tmp_path) == 2
    finally:
        set_revision(REVISION)
    said = capsys.readouterr().err
    assert f"has schema 0002, this scrubtrace needs schema {REVISION}" in said
    assert "let the owner of the tables call scrubtrace review upgrade" in said


def test_every_table_and_every_kind_of_event_has_its_roles_named() -> None:
    assert {kind for kinds in EVENTS.values() for kind in kinds} == set(EventKind)
    assert sorted(GRANTS) == TABLES
    assert {role for rights in GRANTS.values() for role in rights} == set(ROLES)


def test_the_sql_is_printed_for_any_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("review", "roles", "--schema", 'odd"name', "--prefix", "ours_") == 0
    said = capsys.readouterr().out
    assert 'GRANT SELECT ON "odd""name".review_items TO "ours_reviewer";' in said
    assert 'review_comments TO "ours_pipeline"' not in said
