"""A real PostgreSQL server that goes away in the middle of a run, and comes back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from own_server import own_server
from sqlalchemy import text as sql

from scrubtrace import commit
from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.cli import main
from scrubtrace.exits import Exit
from scrubtrace.review.connection import open_review

FLAGGED = "As an AI language model, I have never seen the walnut canary."
WAYS = {"stop": lambda server: server.stop(), "kill": lambda server: server.kill()}


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with own_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    (tmp_path / "data").mkdir()
    texts = [FLAGGED if number % 2 else "Soup." for number in range(60)]
    pq.write_table(pa.table({"text": texts}), "data/a.parquet")


def detect(out: str, review: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["detect", "data/*.parquet", "--out", out, "--review", review, "--quiet"])
    return int(ended.value.code or 0)


def items(review: str) -> list[tuple[Any, ...]]:
    engine = open_review(review)
    with engine.connect() as connection:
        wanted = "item_key, flagged, kind, why, evidence::text, snippet, row_version"
        found = connection.execute(sql(f"SELECT {wanted} FROM review_items ORDER BY item_key"))
        rows = [tuple(row) for row in found]
    engine.dispose()
    return rows


@pytest.mark.parametrize(
    ("step", "way"), [("upsert_items", "kill"), ("withdraw_flags", "stop"), ("record_run", "stop")]
)
def test_a_server_that_stops_in_the_commit_loses_nothing(
    server: Any,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    step: str,
    way: str,
) -> None:
    whole, review = (server.database(f"{step}_{way}_{name}") for name in ("whole", "stopped"))
    assert detect("whole", whole) == Exit.DONE
    doing = getattr(commit, step)

    def stopping(*arguments: Any, **named: Any) -> Any:
        WAYS[way](server)
        return doing(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(commit, step, stopping)
        assert detect("out", review) == Exit.INCOMPLETE
    said = capfd.readouterr().err
    assert "cannot write to the review database" in said
    assert "the same command goes on from there" in said
    assert "canary" not in said
    server.start()
    assert detect("out", review) == Exit.DONE
    assert items(review) == items(whole) != []
    assert [run.is_committed() for run in runs_of("out")] == [True]
