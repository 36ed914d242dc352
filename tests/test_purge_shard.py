"""Writing a shard again: what stays is what it was, what goes is what was decided on."""

import hashlib
import json
import tempfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from arrow_tables import tables
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from purges import KEY, SPEC, purged, text_at

from scrubtrace.beam_pipelines.columns import find_columns
from scrubtrace.beam_pipelines.purging.digests import RowDigester
from scrubtrace.schemas.plan import Chat, Columns
from scrubtrace.schemas.removal import Problem

TEXTS = [f"The soup of day {n} was too salty." for n in range(10)]


def shard(tmp_path: Path, table: pa.Table, **options: Any) -> Path:
    path = tmp_path / "data" / "a.parquet"
    path.parent.mkdir(exist_ok=True)
    pq.write_table(table, path, **options)
    return path


def written(out: Path) -> pq.ParquetFile:
    return pq.ParquetFile(out / "shards" / "a.parquet")


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(tables(), st.data())
def test_kept_rows_are_identical(table: pa.Table, data: Any) -> None:
    gone = data.draw(st.sets(st.integers(0, max(0, table.num_rows - 1))) if table.num_rows else
                     st.just(set()))  # fmt: skip
    size = data.draw(st.integers(1, 5))
    group_bytes = data.draw(st.sampled_from([1, 1 << 28]))
    codec = data.draw(st.sampled_from(["none", "snappy", "zstd", "gzip"]))
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "out"
        path = shard(Path(place), table, row_group_size=size, compression=codec)
        batch_bytes = data.draw(st.sampled_from([1, 1 << 20]))
        spec = replace(SPEC, group_bytes=group_bytes, batch_bytes=batch_bytes)
        _, done = purged(path, out, [{"row_index": row} for row in gone], spec)
        before, after = pq.ParquetFile(path), written(out)
        assert done.receipt.error == ""
        assert done.receipt.rows_after == after.metadata.num_rows == table.num_rows - len(gone)
        assert after.schema_arrow.equals(before.schema_arrow, check_metadata=True)
        assert after.metadata.metadata == before.metadata.metadata
        kept = [row for row in range(table.num_rows) if row not in gone]
        source, made = before.read(), after.read()
        for name in source.column_names:
            values = source.column(name).to_pylist()
            assert repr(made.column(name).to_pylist()) == repr([values[row] for row in kept])
        if not gone:
            assert path.read_bytes() == (out / "shards" / "a.parquet").read_bytes()
        elif group_bytes > 1:
            groups = [
                range(n, min(n + size, table.num_rows)) for n in range(0, table.num_rows, size)
            ]
            left = [count for g in groups if (count := len(set(g) - gone))]
            metadata = after.metadata
            own = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
            assert own == left
        digests = pq.read_table(out / "removal" / "digests" / "a.parquet")
        digester = RowDigester(KEY)
        found = [d for batch in made.to_batches() for d in digester.digests(batch)]
        assert b"".join(digests.column("rows").to_pylist()) == b"".join(found)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": {"text": "zstd", "n": "none", "s": "gzip"}},
        {"use_dictionary": ["s"]},
        {"use_dictionary": False, "column_encoding": {"n": "DELTA_BINARY_PACKED"}},
        {"write_statistics": ["n"]},
        {"version": "1.0"},
        {"version": "2.4"},
        {"write_page_index": True},
        {"store_schema": False},
        {"use_compliant_nested_type": False},
        {"use_deprecated_int96_timestamps": True},
        {"sorting_columns": [pq.SortingColumn(1)]},
        {"store_decimal_as_integer": True},
    ],
)
def test_properties_of_the_file_are_kept(tmp_path: Path, options: dict[str, Any]) -> None:
    decimals = pa.array([Decimal(n) / 4 for n in range(10)], pa.decimal128(9, 2))
    columns = {"text": TEXTS, "n": range(10), "s": ["a", "b"] * 5, "d": decimals}
    moments = pa.array(range(10), pa.timestamp("us"))
    table = pa.table(columns | {"l": [[n] for n in range(10)], "t": moments})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"a": 1})})
    path = shard(tmp_path, table, row_group_size=4, **options)
    _, done = purged(path, tmp_path / "out", [{"row_index": 5}])
    assert done.receipt.not_kept == []
    before, after = (pq.ParquetFile(p).metadata for p in (path, tmp_path / "out/shards/a.parquet"))
    for number in range(before.num_columns):
        old, new = before.row_group(0).column(number), after.row_group(0).column(number)
        for name in ("compression", "encodings", "is_stats_set", "has_offset_index"):
            assert getattr(old, name) == getattr(new, name), (old.path_in_schema, name)
    assert before.row_group(0).sorting_columns == after.row_group(0).sorting_columns
    assert before.format_version == after.format_version


def test_same_shard_gives_same_bytes(tmp_path: Path) -> None:
    path = shard(tmp_path, pa.table({"text": TEXTS}), row_group_size=3)
    made = []
    for out in ("one", "two"):
        _, done = purged(path, tmp_path / out, [text_at(2, TEXTS[2])])
        own = {
            p.relative_to(tmp_path / out): p.read_bytes()
            for p in (tmp_path / out).rglob("*.parquet")
        }
        made.append((done.receipt, own))
    assert made[0] == made[1]
    content = made[0][1][Path("shards/a.parquet")]
    assert made[0][0].sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (text_at(2, "another text"), Problem.CHANGED),
        (text_at(2, TEXTS[2], field="body"), Problem.NO_TEXT),
        (text_at(2, TEXTS[2], turn=0), Problem.NO_TEXT),
        (text_at(2, TEXTS[2]) | {"row_id": "id 3"}, Problem.OTHER_ID),
        ({"row_index": 2, "row_id": "id 3"}, Problem.OTHER_ID),
    ],
)
def test_another_row_is_never_removed(
    tmp_path: Path, wanted: dict[str, Any], problem: Problem
) -> None:
    ids = [f"id {n}" for n in range(10)]
    path = shard(tmp_path, pa.table({"id": ids, "text": TEXTS}), row_group_size=4)
    spec = replace(SPEC, id_column="id")
    _, done = purged(path, tmp_path / "out", [wanted], spec)
    (table,) = done.not_removed
    assert table.column("problem").to_pylist() == [problem]
    assert done.receipt.copied
    assert not done.removed
    assert (tmp_path / "out/shards/a.parquet").read_bytes() == path.read_bytes()
    assert not (tmp_path / "out/quarantine/a.parquet").exists()
    both = [wanted, text_at(7, TEXTS[7])]
    _, done = purged(path, tmp_path / "more", both, spec)
    assert pq.read_table(tmp_path / "more/shards/a.parquet").column("id").to_pylist() == [
        own for own in ids if own != "id 7"
    ]


CHATS = [
    [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": f"a{n}"}]
    for n in range(5)
]


@pytest.mark.parametrize("kind", [pa.list_, pa.large_list])
def test_turns(tmp_path: Path, kind: Any) -> None:
    turn = pa.struct([("role", pa.string()), ("content", pa.string())])
    chats = pa.array([*CHATS, None, []], kind(turn))
    nested = pa.StructArray.from_arrays([chats], ["chat"], mask=pa.array([False] * 6 + [True]))
    path = shard(tmp_path, pa.table({"n": range(7), "meta": nested}), row_group_size=4)
    wanted = [
        text_at(1, "a1", "meta.chat", 1),
        text_at(3, "q3", "meta.chat", 0),
        text_at(3, "a3", "meta.chat", 1),
    ]
    _, done = purged(path, tmp_path / "out", wanted, replace(SPEC, by_turn=True))
    assert (done.receipt.rows_removed, done.receipt.turns_removed) == (1, 1)
    rows = written(tmp_path / "out").read().to_pylist()
    assert [row["n"] for row in rows] == [0, 1, 2, 4, 5, 6]
    kept = [row["meta"] and row["meta"]["chat"] for row in rows]
    assert kept == [CHATS[0], CHATS[1][:1], CHATS[2], CHATS[4], None, None]
    left = pq.read_table(tmp_path / "out/quarantine/a.parquet").to_pylist()
    assert [(row["n"], row["scrubtrace_turns"]) for row in left] == [(1, [1]), (3, [])]
    assert left[0]["meta"]["chat"] == CHATS[1]
    _, done = purged(path, tmp_path / "rows", wanted)
    assert done.receipt.rows_removed == 2


def test_steps_of_a_chat_column_are_found() -> None:
    kind = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    schema = pa.schema([("meta", pa.struct([("chat", kind)]))])
    columns = Columns("meta.chat", chat=Chat(roles=("all",)))
    assert find_columns(schema, columns).texts[0].column.steps == ("meta", "chat")


def test_a_damaged_shard_is_not_written(tmp_path: Path) -> None:
    path = shard(tmp_path, pa.table({"text": TEXTS}), row_group_size=5, write_page_checksum=True)
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(bytes(content))
    _, done = purged(path, tmp_path / "out", [text_at(7, TEXTS[7])])
    assert "row group 0" in done.receipt.error
    assert done.not_removed[0].column("problem").to_pylist() == [Problem.UNREADABLE]
    assert [p for p in (tmp_path / "out").rglob("*") if p.is_file()] == []


def test_delete_keeps_nothing_apart(tmp_path: Path) -> None:
    path = shard(tmp_path, pa.table({"text": TEXTS}))
    _, done = purged(
        path, tmp_path / "out", [text_at(7, TEXTS[7])], replace(SPEC, quarantine=False)
    )
    assert done.receipt.rows_removed == 1
    assert not (tmp_path / "out/quarantine/a.parquet").exists()
