"""``scrubtrace purge`` as a user calls it: policies, refusals, going on, what is there then."""

import csv
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from purges import (
    KEY,
    ROWS,
    decided,
    decisions,
    ids,
    purge,
    record,
    text,
    without,
    write_data,
    write_decisions,
)

from scrubtrace.beam_pipelines.purging import unit
from scrubtrace.schemas.identity import item_key


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    write_data()


def test_reviewed_rows_go(capsys: pytest.CaptureFixture[str]) -> None:
    decisions([(0, 3), (0, 4), (1, 19)])
    assert code_of("purge", "data/*.parquet", "--decisions", "decided.parquet", "--out", "purged",
                   "--set", "purge.hold_decision=hold-12") == 0  # fmt: skip
    assert "3 of 60 rows removed" in capsys.readouterr().out
    assert ids() == without("id-0-3", "id-0-4", "id-1-19")
    assert Path("purged/shards/p2.parquet").read_bytes() == Path("data/p2.parquet").read_bytes()
    said = record()
    assert said["policy"]["hold_decision"] == "hold-12"
    assert said["rows"] == {"before": 60, "after": 57, "removed": 3, "turns_removed": 0}
    assert said["removed"]["by_reason"] == {"reviewed": 3}
    assert said["removed"]["by_source"] == {"s0": 2, "s1": 1}
    assert said["removed"]["by_stage"] == {"sft": 3}
    assert said["review_head"] == "h" * 64
    assert said["lineage"]["derived_rows_kept"] == "lineage not supplied"
    assert (
        said["inputs"][0]["digest"]["sha256"]
        == hashlib.sha256(Path("data/p0.parquet").read_bytes()).hexdigest()
    )
    assert code_of("verify", "purged/removal/record.json", "--every-row") == 0
    left = pq.read_table("purged/quarantine/p0.parquet").to_pylist()
    assert [(row["id"], row["scrubtrace_reasons"]) for row in left] == [
        ("id-0-3", ["reviewed"]), ("id-0-4", ["reviewed"])
    ]  # fmt: skip


def test_rows_and_items_are_found_again() -> None:
    decisions([(0, 3), (0, 9), (0, 4)])
    table = pq.read_table("decided.parquet").to_pylist()
    table[0]["decision"] = table[0]["state"] = "concur"
    for row in table[1:]:
        row["decision"], row["state"] = None, "pending"
    write_decisions(Path("decided.parquet"), table)
    assert purge("--decisions", "decided.parquet") == 0
    rows = pq.read_table("purged/removal/rows.parquet").to_pylist()
    assert [tuple(row.values()) for row in rows if row["shard"] == "p0.parquet"] == [
        ("p0.parquet", 0, 3, 0), ("p0.parquet", 3, 4, None), ("p0.parquet", 4, ROWS, 3)
    ]  # fmt: skip
    items = pq.read_table("purged/removal/items.parquet").to_pylist()
    assert [(row["row_index"], row["new_row_index"]) for row in items] == [
        (3, None),
        (4, 3),
        (9, 8),
    ]
    assert items[1]["new_item_key"] == item_key("data", "p0.parquet", 3, None, 0, "text")


def test_item_keys_stay_with_ids() -> None:
    decisions([(0, 3), (0, 9)], with_ids=True)
    assert purge("--decisions", "decided.parquet", "--id-column", "id") == 0
    decisions([(0, 3), (0, 9)], with_ids=True, decision=None, state="pending")
    keys = pq.read_table("decided.parquet").column("item_key").to_pylist()
    assert purge("--decisions", "decided.parquet", "--id-column", "id", "--set",
                 "purge.reviewed=false", "--list", "listed.csv", out="two") == 2  # fmt: skip
    Path("listed.csv").write_text("row_id\nid-0-3\n")
    assert purge("--decisions", "decided.parquet", "--id-column", "id", "--set",
                 "purge.reviewed=false", "--list", "listed.csv", out="two") == 0  # fmt: skip
    items = pq.read_table("two/removal/items.parquet").to_pylist()
    assert [(row["item_key"], row["new_item_key"]) for row in items] == [
        (keys[0], None), (keys[1], keys[1])
    ]  # fmt: skip
    assert record("two")["removed"]["by_reason"] == {"listed": 1}


def test_rows_that_moved_are_found_by_id() -> None:
    decisions([(0, 3), (2, 5)], with_ids=True)
    whole = pa.concat_tables([pq.read_table(f"data/p{n}.parquet") for n in (2, 0, 1)])
    Path("other").mkdir()
    pq.write_table(whole, "other/all.parquet")
    given = ("--decisions", "decided.parquet", "--id-column", "id", "--dataset", "data")
    assert purge(*given, data="other/all.parquet") == 0
    assert sorted(ids()) == sorted(without("id-0-3", "id-2-5"))
    items = pq.read_table("purged/removal/items.parquet").to_pylist()
    assert [(row["shard"], row["new_item_key"]) for row in items] == [
        ("p0.parquet", None), ("p2.parquet", None)
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("by", ["row_id", "item_key", "place"])
def test_lists(suffix: str, by: str) -> None:
    decisions([(0, 3), (1, 4), (2, 5)], decision=None, state="pending")
    keys = pq.read_table("decided.parquet").column("item_key").to_pylist()
    rows: list[dict[str, Any]] = {
        "row_id": [{"row_id": "id-0-3"}, {"row_id": "id-2-5"}],
        "item_key": [{"item_key": keys[0]}, {"item_key": keys[2]}],
        "place": [
            {"shard": f"p{n}.parquet", "row_index": row, "field": "text", "turn": None,
             "text_digest": KEY.digest(text(n, row)), "key_id": KEY.id}
            for n, row in ((0, 3), (2, 5))
        ],
    }[by]  # fmt: skip
    path = f"list.{suffix}"
    if suffix == "csv":
        with Path(path).open("w", newline="") as file:
            writer = csv.DictWriter(file, [*rows[0]])
            writer.writeheader()
            writer.writerows(rows)
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    given = ("--id-column", "id") if by == "row_id" else ("--decisions", "decided.parquet")
    assert purge("--list", path, *given) == 0
    assert ids() == without("id-0-3", "id-2-5")


def test_listed_ids_that_no_row_has() -> None:
    Path("list.csv").write_text("row_id\nid-0-3\nid-9-9\n")
    assert purge("--list", "list.csv", "--id-column", "id") == 3
    assert ids() == without("id-0-3")
    assert record()["named_but_not_removed"] == {"gone": 1}


def test_changed_rows_stay_and_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    decisions([(0, 3), (1, 4)])
    table = pq.read_table("data/p1.parquet")
    texts = table.column("text").to_pylist()
    texts[4] = "Another text stands here now."
    pq.write_table(table.set_column(1, "text", pa.array(texts)), "data/p1.parquet")
    given = ("--decisions", "decided.parquet", "--hold-decision", "none", "--out", "purged")
    assert code_of("purge", "data/*.parquet", *given) == 3
    assert "p1.parquet, row 4: changed" in capsys.readouterr().out
    assert ids() == without("id-0-3")
    left = pq.read_table("purged/removal/not_removed.parquet").to_pylist()
    assert [(row["shard"], row["row_index"], row["problem"]) for row in left] == [
        ("p1.parquet", 4, "changed")
    ]
    assert record()["named_but_not_removed"] == {"changed": 1}
    assert code_of("verify", "purged/removal/record.json") == 0


def test_other_shards_are_not_missed() -> None:
    decisions([(0, 3), (1, 4)])
    assert purge("--decisions", "decided.parquet", "--root", "data", data="data/p0.parquet") == 0
    assert record()["named_but_not_removed"] == {"elsewhere": 1}


def test_ids_that_repeat() -> None:
    table = pq.read_table("data/p0.parquet")
    pq.write_table(pa.concat_tables([table, table.slice(3, 1)]), "data/p0.parquet")
    decisions([(0, 3)], with_ids=True)
    assert purge("--decisions", "decided.parquet", "--id-column", "id") == 0
    assert ids().count("id-0-3") == 1
    decisions([(0, 3)], with_ids=True)
    moved = pq.read_table("decided.parquet").to_pylist()[0] | {"row_index": 7}
    write_decisions(Path("decided.parquet"), [moved])
    assert purge("--decisions", "decided.parquet", "--id-column", "id", out="two") == 3
    assert record("two")["named_but_not_removed"] == {"ambiguous": 1}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--decisions", "decided.parquet"), "purge.hold_decision"),
        (("--hold-decision", "none"), "the policy removes nothing"),
        (("--hold-decision", "none", "--decisions", "gone.parquet"), "cannot read gone.parquet"),
        (("--hold-decision", "none", "--decisions", "data/p0.parquet"), "has no column item_key"),
        (("--hold-decision", "none", "--decisions", "decided.parquet", "--dataset", "x"),
         "is about data set data, not 'x'"),
        (("--hold-decision", "none", "--list", "ids.csv"), "--id-column"),
        (("--hold-decision", "none", "--list", "bad.csv"), "needs a column row_id or item_key"),
        (("--hold-decision", "none", "--list", "short.csv"), "short.csv, line 3"),
        (("--hold-decision", "none", "--list", "keys.csv"), "--decisions"),
        (("--hold-decision", "none", "--decisions", "decided.parquet", "--list", "keys.csv"),
         "1 item keys are not in the decisions file"),
        (("--hold-decision", "none", "--set", "purge.match_verbatim=true"), "--results"),
        (("--hold-decision", "none", "--decisions", "decided.parquet", "--bound", "ids.csv"),
         "is not JSON"),
        (("--hold-decision", "none", "--decisions", "other_key.parquet"), "0123456789ab"),
        (("--hold-decision", "none", "--decisions", "decided.parquet", "--out", "."),
         "lies in --out"),
        (("--hold-decision", "none", "--decisions", "decided.parquet", "--lineage-column", "x"),
         "shard p0.parquet has no lineage column 'x'"),
        (("--hold-decision", "none", "--decisions", "decided.parquet", "--set", "purge.chat=x"),
         "purge.chat"),
        (("--hold-decision", "none", "--decisions", "decided.parquet", "--lineage-column", "score"),
         "of type double has no ids"),
        (("--hold-decision", "none", "--list", "nulls.parquet", "--id-column", "id"),
         "a row without row_id"),
        (("--hold-decision", "none", "--list", "places.parquet"), "no whole number"),
        (("--hold-decision", "none", "--list", "shards.parquet"), "a row without shard"),
        (("--hold-decision", "none", "--decisions", "decided.parquet", "--training-runs",
          "ids.csv"), "needs the columns run"),
        (("--hold-decision", "none", "--decisions", "decided.parquet", "--training-runs",
          "runs.csv"), "no shard or row_index"),
        (("--hold-decision", "none", "--decisions", "decided.parquet", "--training-runs",
          "nameless.parquet"), "a row without run"),
        (("--hold-decision", "none", "--list", "lists.parquet", "--id-column", "id"),
         "column row_id of type list<element: string> is no text or number"),
        (("--hold-decision", "none", "--decisions", "decided.parquet", "--sign-key", "ids.csv"),
         "is no private key"),
        (("**/*.parquet", "--hold-decision", "none", "--decisions", "decided.parquet", "--root",
          "data"), "would take in --out purged"),
    ],
)  # fmt: skip
def test_refusals(given: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    decisions([(0, 3)], key_id="0123456789ab")
    Path("decided.parquet").rename("other_key.parquet")
    decisions([(0, 3)])
    Path("ids.csv").write_text("row_id\nid-0-3\n")
    Path("bad.csv").write_text("number\n3\n")
    Path("short.csv").write_text("row_id,reason\na,b\nc\n")
    Path("keys.csv").write_text("item_key\nr0\n")
    Path("runs.csv").write_text("run,shard,row_index\none,p0.parquet,first\n")
    pq.write_table(pa.table({"row_id": ["id-0-3", None]}), "nulls.parquet")
    pq.write_table(pa.table({"row_id": ["a", "b"], "run": [None, "one"]}), "nameless.parquet")
    pq.write_table(pa.table({"row_id": [["id-0-3"]]}), "lists.parquet")
    place: dict[str, Any] = dict.fromkeys(("field", "text_digest", "key_id"), "x")
    for name, own in (("places", {"shard": "p0", "row_index": None}),
                      ("shards", {"shard": None, "row_index": 1})):  # fmt: skip
        pq.write_table(pa.Table.from_pylist([place | own]), f"{name}.parquet")
    if "**/*.parquet" in given:
        for path in Path().glob("*.parquet"):
            path.rename(path.with_suffix(".file" if path.stem != "decided" else ".decided"))
        given = tuple(part.replace("decided.parquet", "decided.decided") for part in given)
    table = pq.read_table("data/p0.parquet")
    pq.write_table(table.append_column("score", pa.array([1.5] * ROWS)), "data/p0.parquet")
    out = () if "--out" in given else ("--out", "purged")
    before = sorted(Path().rglob("*"))
    assert code_of("purge", "data/*.parquet", *given, *out) == 2
    assert said in capsys.readouterr().err
    assert sorted(Path().rglob("*")) == before


def test_dry_run_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    decisions([(0, 3), (0, 4), (1, 19)])
    assert purge("--decisions", "decided.parquet", "--dry-run") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["rows"] == 3
    assert said["by_reason"] == {"reviewed": 3}
    assert said["by_source"] == {"s0": 2, "s1": 1}
    assert said["by_stage"] == {"sft": 3}
    assert not Path("purged").exists()


def files(out: str) -> dict[str, bytes]:
    root = Path(out)
    return {
        str(path.relative_to(root)): path.read_bytes()
        for name in ("shards", "quarantine", "removal")
        for path in sorted((root / name).rglob("*"))
        if path.is_file()
    }


def test_a_killed_purge_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scrubtrace.purge.job.UNIT_SHARDS", 1)
    decisions([(0, 3), (1, 4), (2, 5)])
    assert purge("--decisions", "decided.parquet", out="whole") == 0
    real = unit.purge_unit
    done: list[str] = []

    def fails(own: Any, *arguments: Any) -> Any:
        if len(done) == 1:
            raise OSError(28, "No space left on device")
        done.append(own.key)
        return real(own, *arguments)

    monkeypatch.setattr(unit, "purge_unit", fails)
    assert purge("--decisions", "decided.parquet") == 3
    assert not Path("purged/removal/record.json").exists()
    first = Path("purged/shards/p0.parquet")
    times = first.stat().st_mtime_ns
    monkeypatch.setattr(unit, "purge_unit", real)
    assert purge("--decisions", "decided.parquet") == 0
    assert first.stat().st_mtime_ns == times
    made, whole = files("purged"), files("whole")
    own = [json.loads(f.pop("removal/record.json"))["predicate"] for f in (made, whole)]
    assert made == whole
    for predicate in own:
        del predicate["begun_at"], predicate["statement_sha256"]
    assert own[0] == own[1]
    content = Path("purged/removal/record.json").read_bytes()
    assert purge("--decisions", "decided.parquet") == 0
    assert Path("purged/removal/record.json").read_bytes() == content


def test_another_purge_does_not_write_over_one(capsys: pytest.CaptureFixture[str]) -> None:
    decisions([(0, 3)])
    assert purge("--decisions", "decided.parquet") == 0
    before = files("purged")
    decisions([(0, 3), (1, 4)])
    assert purge("--decisions", "decided.parquet") == 2
    assert "another purge" in capsys.readouterr().err
    assert files("purged") == before


def test_a_record_is_not_written_over_when_its_work_is_gone() -> None:
    decisions([(0, 3)])
    assert purge("--decisions", "decided.parquet") == 0
    before = files("purged")
    shutil.rmtree("purged/work")
    decisions([(0, 4)])
    assert purge("--decisions", "decided.parquet") == 2
    assert files("purged") == before


def test_shards_that_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    decisions([(0, 3), (1, 4)])
    Path("data/p1.parquet").write_bytes(b"no Parquet file")
    given = ("--decisions", "decided.parquet", "--hold-decision", "none", "--out", "purged")
    assert code_of("purge", "data/*.parquet", *given) == 3
    assert "shard p1.parquet was not written" in capsys.readouterr().out
    assert [entry["name"] for entry in record()["shards_not_written"]] == ["p1.parquet"]
    assert record()["named_but_not_removed"] == {"unreadable": 1}
    capsys.readouterr()
    assert code_of("verify", "purged/removal/record.json") == 0
    assert "1 shards were not written: p1.parquet" in capsys.readouterr().err
    assert not Path("purged/shards/p1.parquet").exists()


def test_a_shard_with_a_name_that_is_not_utf8(capsys: pytest.CaptureFixture[str]) -> None:
    decisions([(0, 3)])
    Path("data/p2.parquet").rename(os.fsdecode(b"data/p\xfc.parquet"))
    assert code_of("detect", "data/*.parquet", "--out", "out", "--quiet") == 3
    given = ("--decisions", "decided.parquet", "--hold-decision", "none", "--out", "purged")
    assert code_of("purge", "data/*.parquet", *given) == 3
    assert "shard p\\xfc.parquet was not written" in capsys.readouterr().out
    assert [entry["name"] for entry in record()["shards_not_written"]] == ["p\\xfc.parquet"]
    assert record()["rows"]["removed"] == 1


def test_chat_rows_lose_turns() -> None:
    chats = [[{"role": "user", "content": "q"}, {"role": "assistant", "content": f"a{n}"}]
             for n in range(4)]  # fmt: skip
    pq.write_table(pa.table({"chat": chats}), "chats.parquet")
    about = {"field": "chat", "turn": 1, "dataset": "data"}
    rows = [decided("chats.parquet", n, f"a{n}", **about) for n in (1, 2)]
    rows.append(decided("chats.parquet", 3, "q", **(about | {"turn": 0, "decision": None})))
    write_decisions(Path("decided.parquet"), rows)
    given = ("--decisions", "decided.parquet", "--dataset", "data", "--set", "purge.chat=turn")
    assert purge(*given, data="chats.parquet") == 0
    kept = pq.read_table("purged/shards/chats.parquet").column("chat").to_pylist()
    assert kept == [chats[0], chats[1][:1], chats[2][:1], chats[3]]
    assert record()["rows"] == {"before": 4, "after": 4, "removed": 0, "turns_removed": 2}
    assert code_of("verify", "purged/removal/record.json", "--every-row") == 0
    views = pa.array(
        chats, pa.list_view(pa.struct([("role", pa.string()), ("content", pa.string())]))
    )
    pq.write_table(pa.table({"chat": views}), "chats.parquet")
    assert purge(*given, data="chats.parquet", out="two") == 2
