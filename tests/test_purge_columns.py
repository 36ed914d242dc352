"""``scrubtrace purge`` where ids, lists and turns are not as most people have them."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from purges import decided, decisions, ids, purge, record, without, write_data, write_decisions


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    write_data()


def test_other_columns_of_a_list_may_be_of_any_type() -> None:
    times = pa.array([1, 2], pa.timestamp("ns"))
    pq.write_table(pa.table({"row_id": ["id-0-3", "id-2-5"], "seen": times}), "list.parquet")
    assert purge("--list", "list.parquet", "--id-column", "id") == 0
    assert ids() == without("id-0-3", "id-2-5")


def test_item_keys_of_a_list_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    decisions([(0, 3)])
    pq.write_table(pa.table({"item_key": [17]}), "list.parquet")
    assert purge("--list", "list.parquet", "--decisions", "decided.parquet") == 2
    assert "'17' is the first" in capsys.readouterr().err


def test_ids_that_are_not_utf_8_hide_no_others() -> None:
    named = [b"i0", b"\xff", b"i2", b"i3"]
    columns = {"id": named, "text": ["a", "b", "c", "d"], "parent": [b"i2", b"\xff", b"x", b"i2"]}
    pq.write_table(pa.table(columns), "bytes.parquet")
    Path("list.csv").write_text("row_id\ni2\n")
    given = ("--list", "list.csv", "--id-column", "id", "--lineage-column", "parent")
    assert purge(*given, data="bytes.parquet") == 0
    kept = pq.read_table("purged/shards/bytes.parquet").column("id").to_pylist()
    assert kept == [b"i0", b"\xff", b"i3"]
    assert record()["lineage"]["derived_rows_kept"]["rows"] == 2


def test_ids_that_may_be_in_an_unreadable_shard_are_not_said_to_be_gone() -> None:
    content = bytearray(Path("data/p1.parquet").read_bytes())
    content[4:600] = bytes(596)
    Path("data/p1.parquet").write_bytes(content)
    Path("list.csv").write_text("row_id\nid-0-3\nid-1-4\n")
    assert purge("--list", "list.csv", "--id-column", "id") == 3
    assert record()["named_but_not_removed"] == {"unreadable": 1}


@pytest.mark.parametrize("dry", [False, True])
def test_turns_whose_fields_have_names_of_their_own(
    dry: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    chats = [[{"who": "user", "body": "q"}, {"who": "assistant", "body": f"a{n}"}]
             for n in range(3)]  # fmt: skip
    pq.write_table(pa.table({"chat": chats}), "chats.parquet")
    write_decisions(
        Path("decided.parquet"),
        [decided("chats.parquet", 1, "a1", field="chat", turn=1, dataset="data")],
    )
    given = ["--decisions", "decided.parquet", "--dataset", "data", "--set", "purge.chat=turn"]
    given += ["--set", "input.content_field=body", "--set", "input.role_field=who"]
    assert purge(*given, *(["--dry-run"] if dry else []), data="chats.parquet") == 0
    if dry:
        assert json.loads(capsys.readouterr().out)["turns"] == 1
        return
    kept = pq.read_table("purged/shards/chats.parquet").column("chat").to_pylist()
    assert kept == [chats[0], chats[1][:1], chats[2]]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("list.csv", b"Row_id\nid-0-3\n", "needs a column row_id or item_key"),
        ("list.csv", b"", "needs a column row_id or item_key"),
        ("list.csv", b"row_id;why\nid-0-3;x\n", "semicolons"),
        ("list.parquet", None, "needs a column row_id or item_key"),
    ],
)
def test_a_list_without_its_columns_is_refused(
    name: str, content: bytes | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is None:
        pq.write_table(pa.table({"id": ["id-0-3"]}), name)
    else:
        Path(name).write_bytes(content)
    assert purge("--list", name, "--id-column", "id") == 2
    assert said in capsys.readouterr().err


def test_an_empty_list_with_a_header_removes_nothing() -> None:
    Path("list.csv").write_text("row_id\n")
    assert purge("--list", "list.csv", "--id-column", "id") == 0
    assert len(ids()) == 60


def test_two_lists_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.csv", "b.csv"):
        Path(name).write_text("row_id\nid-0-3\n")
    assert purge("--list", "a.csv", "--list", "b.csv", "--id-column", "id") == 2
    assert "given twice" in capsys.readouterr().err


def test_a_key_file_that_is_not_there_compares_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    decisions([(0, 3)])
    assert purge("--decisions", "decided.parquet") == 0
    record_file = "purged/removal/record.json"
    assert code_of("verify", record_file, "--every-row", "--key-file", "wrong.key") == 2
    assert "wrong.key" in capsys.readouterr().err
