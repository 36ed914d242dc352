"""A check beside the record before: new and solved places, what is comparable, what grew."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from campaigns import AS_OF, REVIEW, SCAN, Site, action, exception
from samples import PLAIN


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """One shard with two flagged texts, and a record from before anything was decided."""
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    made = Site(tmp_path)
    made.shard(0)
    assert made.scan() == 0
    made.write(SCAN, REVIEW, exception(shards="old/*"), action("A-1"), action("A-2"))
    made.check(out="before.json")
    return made


def compared(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = site.check("--previous", site.folder / "before.json")["comparison"]
    return found


def kinds(found: dict[str, Any]) -> list[tuple[Any, ...]]:
    names = ("kind", "flagged", "open", "new", "solved")
    return [tuple(one[name] for name in names) for one in found["kinds"]]


def test_nothing_happened(site: Site) -> None:
    found = compared(site)
    assert (found["previous_as_of"], found["previous_name"]) == (AS_OF, "spring")
    assert found["differs"] == []
    assert kinds(found) == [("llm_text", [2, 2], [2, 2], 0, 0)]
    assert found["note"] == ""


def test_new_and_solved(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.decide("concur", 1)
    site.shard(1)
    assert site.scan() == 0
    found = compared(site)
    assert kinds(found) == [("llm_text", [2, 4], [2, 3], 2, 1)]
    (scope,) = found["scope"]
    assert (scope["shards"], scope["rows"]) == ([1, 2], [4, 8])
    about = (site.folder / "spring.toml", "--runs", site.out, "--as-of", AS_OF)
    capsys.readouterr()
    assert site.run("campaign", "check", *about, "--previous", site.folder / "before.json") == 0
    said = capsys.readouterr().out
    assert "flags are comparable: the same policy and detectors" in said
    assert "answers: shards 1 -> 2, rows 4 -> 8" in said


def test_what_is_not_seen_again_is_solved(site: Site) -> None:
    table = pa.table({name: [PLAIN] * 4 for name in ("text", "note", "vendor", "lang")})
    pq.write_table(table, site.folder / "data" / "p0.parquet")
    assert site.scan() == 0
    assert kinds(compared(site)) == [("llm_text", [2, 0], [2, 0], 0, 2)]


def test_another_policy_and_detectors(site: Site) -> None:
    options = ("--set", "policy.proof_hits=2", "--set", 'scan.detectors=["boilerplate"]')
    assert site.scan(options=options) == 0
    found = compared(site)
    assert any("committed with policy" in words for words in found["differs"])


def test_exceptions_and_actions(site: Site) -> None:
    site.write(
        SCAN,
        exception("E-9", dataset="answers"),
        action("A-1", state="closed", closed_by="TICKET-4"),
        action("A-2").replace("2030-07-01", "2030-06-01"),
        action("A-3"),
    )
    found = compared(site)
    names = ("exceptions_added", "exceptions_removed", "actions_added", "actions_closed",
             "actions_overdue")  # fmt: skip
    assert [found[name] for name in names] == [["E-9"], ["E-1"], ["A-3"], ["A-1"], ["A-2"]]
    site.write(SCAN, exception(shards="old/*").replace("2030-12-31", "2030-06-14"))
    assert compared(site)["exceptions_expired"] == ["E-1"]


def test_another_review_table(site: Site) -> None:
    site.url = f"sqlite:///{site.folder}/other.sqlite"
    assert site.run("review", "upgrade") == 0
    found = compared(site)
    assert "not in this log" in found["note"]
    assert kinds(found) == [("llm_text", [2, 0], [2, 0], None, None)]


def test_a_changed_record(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    path = site.folder / "before.json"
    content = json.loads(path.read_bytes())
    content["complete"] = True
    path.write_text(json.dumps(content))
    assert site.code("--previous", path) == 4
    assert "before.json was changed" in capsys.readouterr().err
