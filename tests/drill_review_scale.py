"""The review table at the size of a large data set, and many writers at once (``make drill``)."""

import csv
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import at_once
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from decision_files import events, line, saved, stored
from many_findings import REVIEWERS, RUN_A, RUN_B, Found, Model, digest
from own_server import own_server
from sqlalchemy import Engine

from scrubtrace.review.connection import open_review
from scrubtrace.review.store import (
    UpsertCounts,
    iter_items,
    record_run,
    upsert_items,
    withdraw_unseen,
)
from scrubtrace.review.trail.verify import verify
from scrubtrace.schemas.review import ReviewRun, State

FINDINGS = int(os.environ.get("SCRUBTRACE_FINDINGS", 100_000))
SERVER = os.environ.get("SCRUBTRACE_TEST_POSTGRESQL", "")
FILES = 4
"""Files of each reviewer in the drill with many writers."""


def committed(engine: Engine, model: Model, run: str) -> UpsertCounts:
    """Commits a run as `commit_run` does."""
    items = (found.item() for found in model.found(run))
    counts = upsert_items(engine, items, run, ran={"boilerplate"})
    scope = {found.shard: {"boilerplate"} for found in model.found(run)}
    withdraw_unseen(engine, run, "chats", scope)
    record_run(engine, ReviewRun(run, "chats", "k", run, model.rows, 0))
    return counts


def decided(model: Model, exported: Path) -> tuple[dict[str, int], set[str]]:
    """Fills in a file for each reviewer; gives the decisions in each, and the keys decided on."""
    text_of = {digest(text): text for text in range(model.rows)}
    written, keys = dict.fromkeys(REVIEWERS, 0), set()
    with exported.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for reviewer in REVIEWERS:
        with Path(f"{reviewer}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            for row in rows:
                said = model.says(text_of[row["text_digest"]], reviewer)
                written[reviewer] += bool(said)
                keys |= {row["item_key"]} if said else set()
                writer.writerow(row | {"decision": said})
    return written, keys


def imported(capsys: pytest.CaptureFixture[str], table: str, reviewer: str) -> list[int]:
    """Decisions stored, known already, undecided and bad, as the command says."""
    capsys.readouterr()
    arguments = ("review", "import", f"{reviewer}.csv", "--review", table, "--reviewer", reviewer)
    assert code_of(*arguments) == 0
    numbers = re.findall(r"([\d,]+) (?:dec|known|lines)", capsys.readouterr().out)
    return [int(number.replace(",", "")) for number in numbers]


def test_no_finding_and_no_decision_is_lost_when_data_are_sharded_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    model, table = Model(FINDINGS), "sqlite:///review.sqlite"
    engine = open_review(table)
    assert committed(engine, model, RUN_A) == UpsertCounts(FINDINGS, 0, 0)
    assert code_of("review", "export", "--review", table, "--out", "f.csv") == 0
    written, keys = decided(model, Path("f.csv"))
    lines = FINDINGS - FINDINGS // 20
    assert 0.48 * lines < len(keys) < 0.52 * lines
    for reviewer in REVIEWERS:
        own = written[reviewer]
        assert imported(capsys, table, reviewer) == [own, 0, lines - own, 0]
    before = stored(engine)

    keys_of = {run: {found.key for found in model.found(run)} for run in (RUN_A, RUN_B)}
    both = len(keys_of[RUN_A] & keys_of[RUN_B])
    new = len(keys_of[RUN_B]) - both
    assert committed(engine, model, RUN_B) == UpsertCounts(new, both, 0)
    for reviewer in REVIEWERS:
        own = written[reviewer]
        assert imported(capsys, table, reviewer) == [0, own, lines - own, 0]

    assert stored(engine) == before
    assert len(before) == sum(written.values())
    export = ("review", "export", "--review", table, "--format", "parquet", "--out", "d.parquet")
    assert code_of(*export) == 0
    places = pq.read_table("d.parquet", columns=["item_key", "state"])
    assert places.num_rows == len(keys_of[RUN_A] | keys_of[RUN_B])
    states = dict(zip(places["item_key"].to_pylist(), places["state"].to_pylist(), strict=True))
    expected = model.states(keys)
    assert Counter(states.values()) == Counter(map(str, expected.values()))
    assert states == expected
    assert {*expected.values()} == {*State} - {State.ESCALATED}
    check_moved(model, states)
    capsys.readouterr()
    assert code_of("review", "verify", "--review", table) == 0
    assert f"6 events, {len(before):,} decisions" in capsys.readouterr().out
    counts = ", ".join(f"{n:,} {state}" for state, n in sorted(Counter(states.values()).items()))
    sys.stdout.write(f"{len(states):,} items, {len(before):,} decisions: {counts}\n")
    engine.dispose()


def check_moved(model: Model, states: dict[str, str]) -> None:
    """Rows under new keys have the verdict that was given at their old place, by their text."""

    def is_carried(found: Found) -> bool:
        agreed = model.texts[found.text].decided in ("anna", "ben", "agree")
        return agreed and not found.has_id and model.texts[found.text].later == "same"

    moved = [states[found.key] for found in model.found(RUN_B) if is_carried(found)]
    assert Counter(moved).keys() == {"concur", "dismissed"}


@pytest.fixture(params=["sqlite", "postgresql"])
def own_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database: SQLite, the server of the tests, or else one of the drill's own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/review.sqlite"
    elif SERVER:
        yield request.getfixturevalue("schema_url")
    else:
        with own_server() as server:
            yield server.database("at_once")


def decision_files(folder: Path) -> tuple[list[list[tuple[str, str]]], int]:
    """Files of two importers, and the decisions in all of them.

    Each has those of a reviewer of its own, about a part of the base each, and one that both have.
    """
    part = at_once.BASE // FILES
    importers = []
    for reviewer, word in zip(REVIEWERS, ("concur", "dismiss"), strict=True):
        files = [(f"{reviewer}-{number}.csv", reviewer) for number in range(FILES)]
        for number, (name, _) in enumerate(files):
            rows = [line(n, word) for n in range(number * part, (number + 1) * part)]
            (folder / name).write_bytes(saved(rows))
        importers.append([(str(folder / name), who) for name, who in files])
    shared = folder / "shared.csv"
    shared.write_bytes(saved([line(n, "second", "unsure") for n in range(part)]))
    importers = [[*files, (str(shared), "cara")] for files in importers]
    return importers, 2 * FILES * part + part


def test_four_commits_and_two_imports_at_once(own_url: str, tmp_path: Path) -> None:
    engine = open_review(own_url)
    run = at_once.first_run()
    upsert_items(engine, at_once.found_by(run, range(at_once.BASE)), run)
    record_run(engine, ReviewRun(run, "base", "k", run, at_once.BASE, 0))
    importers, decisions = decision_files(tmp_path)
    commits, imports = at_once.all_at_once(own_url, importers)

    newest = dict.fromkeys(range(at_once.BASE), run)
    for committer in range(at_once.COMMITTERS):
        newest |= dict.fromkeys(at_once.numbers_of(committer), at_once.run_of(committer))
    items = {entry.item.row_index: entry for entry in iter_items(engine)}
    assert len(list(iter_items(engine))) == len(items) == len(newest)
    assert {number: entry.last_run for number, entry in items.items()} == newest
    for number, entry in items.items():
        assert entry.item.evidence_fingerprint == at_once.evidence_of(newest[number])
    assert sum(inserted for inserted, *_ in commits) == len(newest) - at_once.BASE
    for committer, counts in enumerate(commits):
        assert sum(counts) == len(at_once.numbers_of(committer))

    assert sum(stored for stored, *_ in imports) == decisions
    assert sum(known for _, known, _ in imports) == at_once.BASE // FILES
    assert [bad for *_, bad in imports] == [0, 0]
    said = stored(engine)
    assert len(said) == len({row["decision_id"] for row in said}) == decisions
    assert Counter(row["reviewer"] for row in said) == {
        "anna": at_once.BASE,
        "ben": at_once.BASE,
        "cara": at_once.BASE // FILES,
    }
    assert {row["evidence_fingerprint"] for row in said} == {at_once.evidence_of(run)}
    checked = verify(engine)
    assert (checked.problems, checked.decisions) == ([], decisions)
    assert checked.events == events(engine) == 1 + at_once.COMMITTERS + 2 * FILES + 1
    engine.dispose()
