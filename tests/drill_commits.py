"""Commits killed at random moments (``make drill``), over a table with decisions.

After the same command again the table is as an uninterrupted commit leaves it: items, versions,
decisions, states and events.
"""

import csv
import hashlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from decision_files import standings
from own_server import own_server
from samples import FLAGGED, PLAIN
from sqlalchemy import Engine, select

from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.review.connection import open_review
from scrubtrace.review.table import (
    review_comments,
    review_decisions,
    review_events,
    review_items,
    review_runs,
    review_versions,
)
from scrubtrace.review.trail.verify import verify

KILLS = int(os.environ.get("SCRUBTRACE_KILLS", 50))
ROWS = 2_000
COMMITS = """
import json, os, signal, sys, time
import scrubtrace.commit, scrubtrace.detect
from scrubtrace.cli import main
for line in sys.stdin:
    command, after = json.loads(line)
    started, child = time.monotonic(), os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        try:
            main(command)
        finally:
            os._exit(0)
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print(time.monotonic() - started, flush=True)
"""
"""Commits, each in a process of its own with everything loaded, killed after so many seconds."""

NewTable = Callable[[str, str | None], str]
"""URL of a new table of this name, empty or a copy of the one at a URL."""


@contextmanager
def sqlite_tables(folder: Path) -> Iterator[NewTable]:
    """Files in a folder."""

    def new(name: str, of: str | None) -> str:
        path = folder / f"{name}.sqlite"
        for stale in folder.glob(f"{name}.sqlite*"):
            stale.unlink()
        if of is not None:
            source = of.removeprefix("sqlite:///")
            with closing(sqlite3.connect(source)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            shutil.copy(source, path)
        return f"sqlite:///{path}"

    yield new


@contextmanager
def postgresql_tables(_: Path) -> Iterator[NewTable]:
    """Databases of a server of the drill's own."""
    with own_server() as server:

        def new(name: str, of: str | None) -> str:
            template = "template0" if of is None else of.rsplit("/", 1)[1]
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                    (template,),
                )
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
                connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
            return f"{server.url.rsplit('/', 1)[0]}/{name}"

        yield new


def write_shards(version: int) -> None:
    """Rows with boilerplate; in version 2 a third of them changed, and a third is gone."""
    texts, who = [], []
    for number in range(ROWS):
        changed = f" Since {version}." if number % 3 == 1 else ""
        gone = version == 2 and number % 3 == 2
        texts.append(PLAIN if gone else f"{FLAGGED} Row {number}.{changed}")
        who.append(f"Labeler {number % 17}")
    ids = [f"row-{number}" for number in range(ROWS)]
    pq.write_table(pa.table({"id": ids, "text": texts, "who": who}), "data/a.parquet")


def detect(url: str) -> None:
    groups = ("--id-column", "id", "--group-by", "labeler=who")
    assert code_of("detect", "data/*.parquet", "--out", "out", *groups, "--review", url,
                   "--quiet") == 0  # fmt: skip


def decide(url: str) -> None:
    """Two reviewers decide on two thirds of the texts, with comments; on some they differ."""
    assert code_of("review", "export", "--review", url, "--out", "f.csv") == 0
    with Path("f.csv").open(encoding="utf-8", newline="") as file:
        places = [(row["item_key"], row["row_version"]) for row in csv.DictReader(file)]
    for at, reviewer in enumerate(("anna", "ben"), start=1):
        words = [("concur", "dismiss", "")[number * at // 4 % 3] for number in range(len(places))]
        lines = [f"{key},{version},{word},about {key}\n"
                 for (key, version), word in zip(places, words, strict=True)]  # fmt: skip
        Path("d.csv").write_text("".join(["item_key,row_version,decision,comment\n", *lines]))
        assert code_of("review", "import", "d.csv", "--review", url, "--reviewer", reviewer) == 0


def state_of(engine: Engine) -> dict[str, Any]:
    """Everything that must not depend on interruptions; a manifest has the time of its commit."""
    found: dict[str, Any] = {}
    with engine.connect() as connection:
        for table in (review_items, review_versions, review_decisions, review_comments):
            found[table.name] = sorted(map(repr, connection.execute(select(table))))
        run = (review_runs.c.run_id, review_runs.c.flagged, review_runs.c.reported)
        found["runs"] = sorted(map(tuple, connection.execute(select(*run))))
        events = select(review_events.c.kind, review_events.c.payload).order_by(review_events.c.seq)
        found["events"] = [
            (kind, json.loads(payload) | {"manifest_sha256": ""})
            for kind, payload in connection.execute(events)
        ]
    found["states"] = {key: str(standing.state) for key, standing in standings(engine).items()}
    return found


def check_whole(url: str, run: RunFolder, expected: dict[str, Any]) -> None:
    engine = open_review(url)
    manifest = Path(run.manifest).read_bytes()
    found = verify(engine, [json.loads(manifest)["review_head"]])
    assert found.problems == []
    with engine.connect() as connection:
        query = select(review_runs.c.manifest_sha256).where(review_runs.c.run_id == run.id)
        assert connection.execute(query).scalar_one() == hashlib.sha256(manifest).hexdigest()
    now = state_of(engine)
    engine.dispose()
    for name, value in expected.items():
        assert now[name] == value, name
    assert not Path(run.draft).exists()


class Commits:
    """Commits in other processes, one at a time."""

    def __init__(self) -> None:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen([sys.executable, "-c", COMMITS], **pipes)

    def killed(self, command: list[str], after: float | None) -> float:
        """Starts a commit and kills it ``after`` seconds, or waits; gives the seconds it took."""
        into, out = self._process.stdin, self._process.stdout
        assert into is not None
        assert out is not None
        into.write(json.dumps([command, after]) + "\n")
        into.flush()
        return float(out.readline())

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()


def where_it_stopped(url: str, run: RunFolder) -> str:
    """How far the commit came."""
    if run.is_committed():
        return "done"
    engine = open_review(url)
    with engine.connect() as connection:
        recorded = connection.execute(select(review_runs.c.run_id)).scalars().all()
        items = select(review_items.c.item_key).where(review_items.c.last_run == run.id)
        some = connection.execute(items.limit(1)).first()
    engine.dispose()
    return "run recorded" if run.id in recorded else "items stored" if some else "nothing stored"


@pytest.mark.parametrize("tables", [sqlite_tables, postgresql_tables], ids=["sqlite", "postgresql"])
def test_commits_killed_at_random_moments(
    tables: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    Path("data").mkdir()
    with tables(tmp_path) as new, closing(Commits()) as commits:
        first = new("first", None)
        write_shards(1)
        detect(first)
        decide(first)
        whole = new("whole", first)
        write_shards(2)
        detect(whole)
        engine = open_review(whole)
        expected = state_of(engine)
        engine.dispose()
        assert len({*expected["states"].values()}) >= 5
        assert len(expected["review_decisions"]) > ROWS
        run = runs_of("out")[-1]

        def once(after: float | None) -> tuple[str, float]:
            url = new("killed", first)
            Path(run.manifest).unlink(missing_ok=True)
            command = ["commit", run.id, "--out", "out", "--review", url]
            took = commits.killed(command, after)
            place = where_it_stopped(url, run)
            assert code_of(*command) == 0
            check_whole(url, run, expected)
            return place, took

        longest = max(once(None)[1] for _ in range(2))
        chance = random.Random(20)
        found = Counter(once(chance.uniform(0, longest))[0] for _ in range(KILLS))
    with capsys.disabled():
        told = ", ".join(f"{count} times {place}" for place, count in sorted(found.items()))
        sys.stdout.write(f"{KILLS} kills within {longest:.2f} s: {told}\n")
    assert found["items stored"] > 0 or KILLS < 20
