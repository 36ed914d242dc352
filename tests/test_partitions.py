"""Columns in the paths of shards, and columns of types that other programs write."""

import json
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from samples import FLAGGED, PLAIN

from scrubtrace.beam_pipelines.columns import ColumnError, find_columns
from scrubtrace.beam_pipelines.partitions import above_partitions, partition_keys
from scrubtrace.beam_pipelines.planning import read_inputs
from scrubtrace.review.connection import open_review
from scrubtrace.review.store import iter_items
from scrubtrace.schemas.plan import Columns

URL = "sqlite:///review.sqlite"
IDS = [uuid.UUID(int=number) for number in range(4)]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("/data/a.parquet", {}),
        ("/data/vendor=north/dt=2026-01-05/a.parquet", {"vendor": "north", "dt": "2026-01-05"}),
        ("s3://bucket/lake/lang=de/a.parquet", {"lang": "de"}),
        ("/data/vendor=north%20%2F%20s%C3%BCd/a.parquet", {"vendor": "north / süd"}),
        ("/data/vendor=__HIVE_DEFAULT_PARTITION__/a.parquet", {"vendor": None}),
        ("/data/vendor=/a.parquet", {"vendor": ""}),
        ("/data/rule=a=b/a.parquet", {"rule": "a=b"}),
        ("/data/=north/a.parquet", {}),
        ("/data/vendor=old/vendor=new/a.parquet", {"vendor": "new"}),
        ("/data/vendor=north.parquet", {}),
    ],
)
def test_folders_are_keys_and_values(path: str, keys: dict[str, str | None]) -> None:
    assert partition_keys(path) == keys


@pytest.mark.parametrize(
    ("folder", "above"),
    [
        ("/data/lake", "/data/lake"),
        ("/data/lake/vendor=north/dt=2026-01-05", "/data/lake"),
        ("/data/vendor=north/raw", "/data/vendor=north/raw"),
        ("s3://bucket/dt=2026-01-05", "s3://bucket"),
        ("/data/=x", "/data/=x"),
        ("/dt=2026-01-05", "/"),
        ("/", "/"),
    ],
)
def test_a_data_set_lies_above_its_partitions(folder: str, above: str) -> None:
    assert above_partitions(folder) == above


def test_one_partition_is_of_the_data_set_that_all_are_of() -> None:
    _lake()
    some = read_inputs(["lake/vendor=north/dt=2026-01-05/*/*.parquet"], Columns("text"))
    every = read_inputs(["lake/**/*.parquet"], Columns("text"))
    assert some.dataset == every.dataset == "lake"
    assert {shard.name for shard in some.shards} < {shard.name for shard in every.shards}


def test_a_column_goes_before_the_path() -> None:
    schema = pa.schema({"text": pa.string(), "vendor": pa.int64()})
    columns = Columns("text", groups={"vendor": "vendor", "task": "task"})
    found = find_columns(schema, columns, "/data/vendor=north/task=mail/a.parquet")
    assert found.groups["vendor"].steps == ("vendor",)
    assert (found.groups["task"].steps, found.groups["task"].value) == ((), "mail")
    assert list(found.wanted()) == [("text",), ("vendor",)]


def test_texts_and_ids_are_never_in_the_path() -> None:
    schema = pa.schema({"text": pa.string()})
    for columns in (Columns("body"), Columns("text", "key")):
        with pytest.raises(ColumnError, match=r"has no (text|id) column"):
            find_columns(schema, columns, "/data/body=x/key=y/a.parquet")


def test_what_is_in_the_path_is_told_where_a_column_is_missing() -> None:
    schema, columns = pa.schema({"text": pa.string()}), Columns("text", groups={"vendor": "vendr"})
    with pytest.raises(ColumnError, match=r"columns: text; in its path: vendor, dt$"):
        find_columns(schema, columns, "/data/vendor=north/dt=2026-01-05/a.parquet")


def _lake() -> None:
    """Four shards of two vendors and two months, one of their four texts flagged in each."""
    for vendor in ("north", "__HIVE_DEFAULT_PARTITION__"):
        for day in ("2026-01-05", "2026-02-07"):
            folder = Path(f"lake/vendor={vendor}/dt={day}/lang=en")
            folder.mkdir(parents=True)
            texts = [f"{FLAGGED} {vendor} {day}", f"{PLAIN} {vendor} {day}", f"{vendor}{day}", ""]
            pq.write_table(pa.table({"text": texts}), folder / "part-0.parquet")


def _detect() -> int:
    groups = ("--language-column", "lang", "--group-by", "vendor=vendor,created_at=dt,labeler=dt")
    return code_of(
        "detect", "lake/**/*.parquet", "--out", "out", "--review", URL, "--quiet", *groups
    )


def test_rows_are_grouped_and_drawn_by_what_is_in_the_path(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _lake()
    assert code_of("audit", "seed", "--out", "a.seed", "--review", URL) == 0
    assert _detect() == 0
    engine = open_review(URL)
    items = [stored.item for stored in iter_items(engine)]
    engine.dispose()
    found = [
        (item.groups.get("vendor"), item.groups["created_at"], item.language) for item in items
    ]
    assert sorted(found, key=str) == [
        ("north", "2026-01-05", "en"),
        ("north", "2026-02-07", "en"),
        (None, "2026-01-05", "en"),
        (None, "2026-02-07", "en"),
    ]
    capsys.readouterr()
    plan = ("audit", "plan", "--out", "out", "--review", URL, "--seed-file", "a.seed")
    by = ("--name", "a", "--by", "vendor,language,month", "--total", "8", "--json")
    assert code_of(*plan, *by) == 0
    strata = json.loads(capsys.readouterr().out)["strata"]
    assert len(strata) == 4
    assert {stratum["population"] for stratum in strata.values()} == {3}


def test_a_pseudonym_of_a_path_is_undone(capsys: pytest.CaptureFixture[str]) -> None:
    _lake()
    assert _detect() == 0
    engine = open_review(URL)
    (name,) = {i.item.groups["labeler"] for i in iter_items(engine) if i.item.shard.count("01-05")}
    engine.dispose()
    assert name
    capsys.readouterr()
    asked = ("review", "unmask", name, "--out", "out", "--review", URL, "--reason", "asked by hr")
    assert code_of(*asked) == 0
    assert "labeler 2026-01-05" in capsys.readouterr().out


def _of_json(texts: list[str | None]) -> pa.Array:
    return pa.ExtensionArray.from_storage(pa.json_(pa.string()), pa.array(texts, pa.string()))


def _of_uuids(ids: list[uuid.UUID | None]) -> pa.Array:
    stored = pa.array([value and value.bytes for value in ids], pa.binary(16))
    return pa.ExtensionArray.from_storage(pa.uuid(), stored)


@pytest.mark.parametrize("store_schema", [True, False])
def test_columns_of_json_and_uuids(store_schema: bool) -> None:
    texts = _of_json([f'"{FLAGGED}"', None, f'"{PLAIN}"', f'{{"a": "{FLAGGED}"}}'])
    turns = pa.StructArray.from_arrays(
        [pa.array(["assistant"] * 4), _of_json([None, f'"{FLAGGED}"', None, None])],
        names=["role", "content"],
    )
    chats = pa.ListArray.from_arrays(pa.array([0, 1, 2, 3, 4], pa.int32()), turns)
    within = pa.StructArray.from_arrays([_of_uuids([*IDS[:3], None])], names=["by"])
    table = pa.table({"id": _of_uuids([*IDS]), "text": texts, "chat": chats, "meta": within})
    pq.write_table(table, "a.parquet", store_schema=store_schema)
    options = ("--id-column", "id", "--group-by", "vendor=meta.by", "--text-column", "text")
    out = ("--out", "out", "--review", URL, "--quiet", "--text-column", "chat")
    assert code_of("detect", "a.parquet", *out, *options) == 0
    engine = open_review(URL)
    items = [stored.item for stored in iter_items(engine)]
    engine.dispose()
    found = {(item.row_id, item.field, item.groups.get("vendor")) for item in items}
    assert found == {
        (str(IDS[0]), "text", str(IDS[0])),
        (str(IDS[1]), "chat", str(IDS[1])),
        (str(IDS[3]), "text", None),
    }


def test_rows_go_by_their_uuids() -> None:
    pq.write_table(pa.table({"id": _of_uuids([*IDS]), "text": _of_json(list("abcd"))}), "a.parquet")
    Path("ids.csv").write_text(f"row_id\n{IDS[2]}\n")
    options = ("--list", "ids.csv", "--out", "purged", "--hold-decision", "none", "--quiet")
    assert code_of("purge", "a.parquet", *options, "--id-column", "id") == 0
    left = pq.read_table("purged/shards/a.parquet")
    assert left.schema.types == [pa.uuid(), pa.json_(pa.string())]
    assert left.column("id").to_pylist() == [IDS[0], IDS[1], IDS[3]]
