"""``purge --dry-run`` counts what the purge then removes."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from purges import (
    KEY,
    ROWS,
    decided,
    decisions,
    purge,
    record,
    text,
    write_data,
    write_decisions,
)

GIVEN = ("--decisions", "decided.parquet")


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    write_data()


def foreseen(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    capsys.readouterr()
    assert purge(*GIVEN, "--dry-run", *more) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def counted(out: str = "purged") -> dict[str, Any]:
    """What the record of a purge says, as a dry run does."""
    said = record(out)
    removed = said["removed"]
    return {
        "compared": True,
        "rows": said["rows"]["removed"],
        "turns": said["rows"]["turns_removed"],
        **{name: removed[name] for name in ("by_reason", "by_source", "by_stage")},
        "named_but_not_removed": said["named_but_not_removed"],
        "shards_not_written": {e["name"]: e["reason"] for e in said["shards_not_written"]},
    }


def edit(shard: int, rows: dict[int, str], drop: int = 0) -> None:
    """Gives rows another text, and drops rows at the beginning."""
    path = f"data/p{shard}.parquet"
    table = pq.read_table(path)
    texts = [rows.get(n, value) for n, value in enumerate(table["text"].to_pylist())]
    place = table.schema.get_field_index("text")
    table = table.set_column(place, "text", pa.array(texts)).slice(drop)
    pq.write_table(table, path, row_group_size=8)


def damage(shard: int, group: int, column: int) -> None:
    """Turns a byte of a page over."""
    path = Path(f"data/p{shard}.parquet")
    pq.write_table(pq.read_table(path), path, row_group_size=8, write_page_checksum=True,
                   use_dictionary=False, compression="none")  # fmt: skip
    chunk = pq.ParquetFile(path).metadata.row_group(group).column(column)
    content = bytearray(path.read_bytes())
    content[chunk.data_page_offset + chunk.total_compressed_size - 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("ids", [True, False])
def test_rows_that_changed_since_are_not_counted(
    ids: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    decisions([(0, 1), (0, 9), (1, 2), (1, 19), (2, 5)], with_ids=ids)
    edit(0, {9: "another text"})
    edit(1, {}, drop=2)
    more = ("--id-column", "id") if ids else ()
    said = foreseen(capsys, *more)
    assert said["rows"] == (4 if ids else 2)
    assert sum(said["named_but_not_removed"].values()) == (1 if ids else 3)
    assert not Path("purged").exists()
    assert purge(*GIVEN, *more) == 3
    assert counted() == said
    named = foreseen(capsys, *more, "--no-compare")
    assert (named["compared"], named["rows"]) == (False, 5 if ids else 4)


def test_shards_that_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    decisions([(0, 1), (0, 2), (1, 9), (2, 5)])
    damage(0, 0, 1)
    Path("data/p1.parquet").write_bytes(b"PAR1")
    said = foreseen(capsys)
    assert (said["rows"], said["named_but_not_removed"]) == (1, {"unreadable": 3})
    assert set(said["shards_not_written"]) == {"p0.parquet", "p1.parquet"}
    assert purge(*GIVEN) == 3
    assert counted() == said


def test_a_column_that_is_gone(capsys: pytest.CaptureFixture[str]) -> None:
    decisions([(0, 1)])
    pq.write_table(pq.read_table("data/p0.parquet").drop(["text"]), "data/p0.parquet")
    said = foreseen(capsys)
    assert said["named_but_not_removed"] == {"no_text": 1}
    assert purge(*GIVEN) == 3
    assert counted() == said


CHATS = [["a", "b", "c"], ["d"], [], ["e", "f"], ["g", "h"]]


@pytest.mark.parametrize("nested", [False, True])
def test_turns(nested: bool, capsys: pytest.CaptureFixture[str]) -> None:
    chats: list[Any] = [[{"role": "user", "content": t} for t in turns] for turns in CHATS]
    column, field = ("m", "m.chat") if nested else ("chat", "chat")
    rows = [{"chat": chat} for chat in chats] if nested else chats
    Path("data/p0.parquet").unlink()
    pq.write_table(pa.table({"n": range(len(rows)), column: rows}), "data/p0.parquet")
    places = [(0, 1, "b"), (1, 0, "d"), (3, 0, "e"), (3, 1, "f"), (4, 1, "another"), (4, 0, "g")]
    write_decisions(
        Path("decided.parquet"),
        [decided("p0.parquet", n, own, field=field, turn=turn) for n, turn, own in places],
    )
    more = ("--set", "purge.chat=turn")
    said = foreseen(capsys, *more)
    assert (said["rows"], said["turns"]) == (2, 2)
    assert said["named_but_not_removed"] == {"changed": 1}
    assert purge(*GIVEN, *more) == 3
    assert counted() == said


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture],
          deadline=None)  # fmt: skip
@given(st.data())
def test_a_dry_run_counts_what_the_purge_removes(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    data: st.DataObject,
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("own"))
    write_data()
    places = st.lists(st.tuples(st.integers(0, 2), st.integers(0, ROWS - 1)), unique=True)
    ids = data.draw(st.booleans())
    decisions(data.draw(places.filter(bool)), with_ids=ids)
    for shard in range(3):
        edit(shard, dict.fromkeys(data.draw(st.sets(st.integers(0, ROWS - 1))), "another"),
             data.draw(st.integers(0, 9)))  # fmt: skip
    more = ("--id-column", "id") if ids else ()
    said = foreseen(capsys, *more)
    assert purge(*GIVEN, *more) in (0, 3)
    assert counted() == said


def test_the_key_and_text_of_the_data_are_those_of_the_decisions() -> None:
    """What the tests above rest on."""
    digest = decided("p0.parquet", 3, text(0, 3))["text_digest"]
    assert digest == KEY.digest(pq.read_table("data/p0.parquet")["text"][3].as_py())
