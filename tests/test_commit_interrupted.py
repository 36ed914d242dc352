"""A commit that ends between recording its run and writing the manifest: one run, one event."""

import errno
import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from samples import FLAGGED, PLAIN
from sqlalchemy import text as sql

from scrubtrace import commit
from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.review.connection import open_review

TABLE = ("--review", "sqlite:///review.sqlite")
DETECT = ("detect", "data/*.parquet", "--out", "out", "--quiet", *TABLE)


@pytest.fixture(autouse=True)
def _interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    Path("data").mkdir()
    pq.write_table(pa.table({"text": [FLAGGED, PLAIN]}), "data/a.parquet")

    def full(_: str) -> None:
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(commit.storage, "remove_temporary", full)
        assert code_of(*DETECT) == 3
    (run,) = runs_of("out")
    assert not run.is_committed()


def run_events() -> list[dict[str, object]]:
    engine = open_review(TABLE[1])
    with engine.connect() as connection:
        found = connection.execute(sql("SELECT payload FROM review_events ORDER BY seq"))
        payloads = [json.loads(payload) for payload in found.scalars()]
    engine.dispose()
    return payloads


def test_the_same_command_again_records_the_same_manifest() -> None:
    before = run_events()
    assert code_of(*DETECT) == 0
    assert run_events() == before
    (run,) = runs_of("out")
    manifest = Path(run.manifest).read_bytes()
    assert [event["manifest_sha256"] for event in before] == [hashlib.sha256(manifest).hexdigest()]
    assert not Path(run.draft).exists()
    assert code_of("review", "verify", *TABLE, "--head", json.loads(manifest)["review_head"]) == 0


def test_under_another_policy_it_is_another_commit() -> None:
    assert code_of(*DETECT, "--set", "policy.proof_hits=2") == 0
    assert len(run_events()) == 2
    assert code_of("review", "verify", *TABLE) == 0


def test_a_damaged_draft_is_written_anew() -> None:
    (run,) = runs_of("out")
    Path(run.draft).write_text("{")
    assert code_of(*DETECT) == 0
    assert len(run_events()) == 2
    assert code_of("review", "verify", *TABLE) == 0
