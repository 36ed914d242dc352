"""An audit sample in a removal record, and drawing it again from the purged shards."""

import csv
import hashlib
import hmac
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from audits import Base
from command_line import code_of
from purges import ROWS, decisions, purge, record, text, write_data
from samples import FLAGGED

from scrubtrace.review.trail.events import sha256_of
from scrubtrace.schemas.identity import item_key

RECORD = "purged/removal/record.json"
GROUPS = "vendor=vendor,labeler=labeler"


def add_columns(repeated: bool = False) -> None:
    """Vendors and labelers in the data, and a flagged text in each shard.

    With ``repeated`` the rows 12 and 15 of each shard have the same id.
    """
    for path in sorted(Path("data").glob("*.parquet")):
        table = pq.read_table(path)
        texts = table.column("text").to_pylist()
        texts[3] = f"{texts[3]} {FLAGGED}"
        ids = table.column("id").to_pylist()
        columns = {
            "id": [*ids[:12], "id", *ids[13:15], "id", *ids[16:]] if repeated else ids,
            "text": texts,
            "vendor": ["n" if row % 2 else "s" for row in range(ROWS)],
            "labeler": ["ida" if row % 3 else "udo" for row in range(ROWS)],
        }
        pq.write_table(pa.table(columns), path, row_group_size=8)


def decide(base: Base, name: str) -> None:
    """No text of the batch is a hit."""
    assert base.run("review", "export", "--batch", name, "--out", "sheet.csv") == 0
    with open("sheet.csv", encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    with open("decided.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(line | {"decision": "dismiss"} for line in lines)
    assert base.run("review", "import", "decided.csv", "--reviewer", "anna") == 0


def attach(base: "Audited", *more: str) -> int:
    given = (*base.purged_by, *base.ids, "--audit-batch", "after")
    return purge(*given, "--review", base.url, *more)


class Audited(Base):
    """A purge of the data with a batch that was drawn from what is left."""

    ids: tuple[str, ...] = ()
    purged_by: tuple[str, ...] = ("--decisions", "decided.parquet")

    def prepare(
        self, ids: tuple[str, ...], *options: object, purged_by: tuple[str, ...] = ()
    ) -> None:
        self.ids, self.purged_by = ids, purged_by or self.purged_by
        decisions([(0, 4), (2, 9)], with_ids=bool(ids))
        assert purge(*self.purged_by, *ids) == 0
        self.make_seed()
        given = ("--dataset", "data", "--group-by", GROUPS)
        assert self.detect("purged/shards/*.parquet", *ids, *given) == 0
        assert self.plan("after", *options) == 0
        decide(self, "after")
        given = ("--out", str(self.out), "--sensitivity", "0.9", "--json", "bound.json")
        assert self.run("audit", "run", "after", *given) == 0
        assert attach(self, "--bound", "bound.json") == 0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Ids in the rows, strata by vendor and labeler."""
    place = tmp_path_factory.mktemp("sampled")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("SCRUBTRACE_KEY", "ab" * 32)
        write_data()
        add_columns()
        base = Audited(place)
        base.prepare(("--id-column", "id"), "--total", 24, "--by", "vendor,labeler")
        yield place


@pytest.fixture
def base(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Audited:
    """A copy, to be changed."""
    shutil.copytree(made, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    copy = Audited(tmp_path / "copy")
    copy.ids = ("--id-column", "id")
    return copy


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Audited:
    """The data, not yet purged."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    write_data()
    add_columns(repeated=True)
    return Audited(tmp_path)


def drawn_again(base: Base, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str], str]:
    """Exit code, what is different in the sample, and the notes."""
    capsys.readouterr()
    code = code_of("verify", RECORD, "--sample-seed", str(base.seed))
    said = capsys.readouterr()
    lines = said.out.splitlines()
    return code, [line for line in lines if line.startswith("sample: ") or not code], said.err


def sample() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table("purged/removal/sample.parquet").to_pylist()
    return found


def change(shard: str, changed: Callable[[pa.Table], pa.Table]) -> None:
    path = f"purged/shards/{shard}"
    pq.write_table(changed(pq.read_table(path)), path)


def test_the_record_has_plan_bound_and_what_was_drawn(base: Audited) -> None:
    said = record()
    batch, items = base.batch("after")
    plan = said["sample_plan"]
    assert (plan["batch"], plan["event"], plan["drawn"]) == ("after", batch.event, 24)
    assert plan["content"] == batch.plan
    assert plan["sha256"] == sha256_of(batch.plan)
    bound = said["post_removal_bound"]["content"]["entries"][-1]
    assert (bound["drawn"], bound["decided"], bound["hits"]) == (24, 24, 0)
    assert 0 < bound["figures"]["upper_bound"]["upper"] < 0.3
    assert bound["sensitivity"]["given"] == 0.9
    assert [entry["item_key"] for entry in sample()] == [item.item_key for item in items]
    assert {entry["text_digest"] for entry in sample()} == {item.text_digest for item in items}
    assert "removal/sample.parquet" in said["side_files"]
    content = json.dumps(said)
    assert base.seed.read_text().strip() not in content
    assert "ida" not in content
    assert "soup" not in content


def test_the_same_texts_are_drawn_again(base: Audited, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, notes = drawn_again(base, capsys)
    assert (code, notes) == (0, "")
    assert said == ["3 shards are as the record says, drawn again are the 24 texts of batch after"]


def test_edited_removed_and_added_texts_are_named(
    base: Audited, capsys: pytest.CaptureFixture[str]
) -> None:
    edited, removed = (
        next(entry for entry in sample() if entry["shard"] == shard)
        for shard in ("p0.parquet", "p1.parquet")
    )

    def edit(table: pa.Table) -> pa.Table:
        texts = table.column("text").to_pylist()
        texts[edited["row_index"]] = "This is another text."
        return table.set_column(1, "text", pa.array(texts))

    change("p0.parquet", edit)
    code, said, _ = drawn_again(base, capsys)
    place = f"p0.parquet: row {edited['row_index']}: text of column 'text'"
    another = f"sample: {place} is another text than the one that was drawn"
    assert (code, said) == (4, [another])

    row = removed["row_index"]
    change("p1.parquet", lambda t: pa.concat_tables([t.slice(0, row), t.slice(row + 1)]))
    code, said, _ = drawn_again(base, capsys)
    stratum = removed["stratum"]
    there = record()["sample_plan"]["content"]["strata"][stratum]
    counts = f"has {there['population'] - 1} texts, by the plan {there['population']}"
    gone = f"was drawn from {stratum} as {removed['item_key']}, and is not now"
    expected = [
        f"sample: stratum {stratum} {counts}",
        another,
        f"sample: p1.parquet: row {row}: text of column 'text' {gone}",
    ]
    assert code == 4
    rest = [line for line in said if line not in expected]
    assert [line for line in said if line in expected] == expected
    (added,) = rest
    assert added.endswith(f"is drawn from {stratum} now, and was not")


def test_a_row_with_the_smallest_rank_is_drawn_and_another_is_not(
    base: Audited, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = bytes.fromhex(base.seed.read_text())

    def rank(row_id: str) -> bytes:
        key = item_key("data", "", 0, row_id, 0, "text")
        return hmac.new(secret, key.encode(), hashlib.sha256).digest()

    first = min((f"new-{number}" for number in range(2_000)), key=rank)
    new = {"id": [first], "text": ["It rained."], "vendor": ["n"], "labeler": ["ida"]}
    change("p2.parquet", lambda t: pa.concat_tables([t, pa.table(new).cast(t.schema)]))
    code, said, _ = drawn_again(base, capsys)
    assert code == 4
    added = [line for line in said if line.endswith("now, and was not")]
    assert [line.partition(" is drawn")[0] for line in added] == [
        f"sample: p2.parquet: row {ROWS - 1}: text of column 'text'"
    ]
    assert sum(line.endswith("and is not now") for line in said) == 1
    assert sum("by the plan" in line for line in said) == 1
    assert len(said) == 3


def test_a_row_of_a_new_stratum_is_told(base: Audited, capsys: pytest.CaptureFixture[str]) -> None:
    new = {"id": ["new"], "text": ["It rained."], "vendor": ["w"], "labeler": [None]}
    change("p2.parquet", lambda t: pa.concat_tables([t, pa.table(new).cast(t.schema)]))
    code, said, _ = drawn_again(base, capsys)
    foreign = "vendor=w, labeler=(none)"
    expected = f"sample: 1 texts are of stratum {foreign}, which the plan does not have"
    assert (code, said) == (4, [expected])


def damage(path: Path, row: int) -> None:
    """The texts of the row group of ``row`` can no longer be read."""
    footer = pq.ParquetFile(path).metadata
    group = row // footer.row_group(0).num_rows
    column = footer.row_group(group).column(footer.schema.names.index("text"))
    start = column.dictionary_page_offset or column.data_page_offset
    content = bytearray(path.read_bytes())
    content[start : start + column.total_compressed_size] = bytes(column.total_compressed_size)
    path.write_bytes(bytes(content))


def test_shards_that_are_gone_or_damaged(base: Audited, capsys: pytest.CaptureFixture[str]) -> None:
    Path("purged/shards/p0.parquet").unlink()
    drawn = next(entry for entry in sample() if entry["shard"] == "p1.parquet")
    damage(Path("purged/shards/p1.parquet"), drawn["row_index"])
    code, said, _ = drawn_again(base, capsys)
    assert code == 4
    lost = [line for line in said if line.endswith("and is not now")]
    of_gone = [entry for entry in sample() if entry["shard"] == "p0.parquet"]
    assert len(of_gone) == sum(line.startswith("sample: p0.parquet: row ") for line in lost)
    row = f"sample: p1.parquet: row {drawn['row_index']}: "
    assert [line for line in lost if line.startswith(row) and drawn["item_key"] in line]


@pytest.mark.parametrize("shards", [("p0.parquet",), ("p0.parquet", "p1.parquet", "p2.parquet")])
def test_a_column_that_is_gone(
    base: Audited, shards: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    for shard in shards:
        change(shard, lambda t: t.drop_columns(["vendor"]))
    code, said, _ = drawn_again(base, capsys)
    assert code == 4
    assert any("p0.parquet: " in line and "'vendor'" in line for line in said), said


def test_turns_of_chats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)

    def chat(row: int, last: str) -> list[dict[str, str]]:
        said = [("user", "Was it good?"), ("assistant", text(0, row)), ("user", "And then?")]
        turns = [*said, ("assistant", last)]
        return [{"role": role, "content": content} for role, content in turns]

    def chats(last: str) -> pa.Table:
        ids, texts = [f"c{row}" for row in range(9)], [chat(row, last) for row in range(9)]
        return pa.table({"id": ids, "text": texts, "vendor": ["n"] * 9, "labeler": ["ida"] * 9})

    Path("data").mkdir()
    pq.write_table(chats("Then it rained."), "data/p0.parquet")
    Path("list.csv").write_text("row_id\nc8\n")
    base = Audited(tmp_path)
    listed = ("--list", "list.csv")
    base.prepare(("--id-column", "id"), "--total", 16, "--by", "none", purged_by=listed)
    assert drawn_again(base, capsys)[0] == 0
    change("p0.parquet", lambda _: chats("Then it snowed.").slice(0, 8))
    code, said, _ = drawn_again(base, capsys)
    place = "sample: p0.parquet: row {}: text of column 'text' turn 3"
    another = "is another text than the one that was drawn"
    assert (code, said) == (4, [f"{place.format(row)} {another}" for row in range(8)])


def test_another_seed_and_no_sample(base: Audited, capsys: pytest.CaptureFixture[str]) -> None:
    other = Path("other.seed")
    other.write_text("cd" * 32)
    assert code_of("verify", RECORD, "--sample-seed", str(other)) == 2
    assert "this is another seed: batch after was drawn with" in capsys.readouterr().err
    assert purge("--decisions", "decided.parquet", *base.ids, out="bare") == 0
    bare = "bare/removal/record.json"
    assert code_of("verify", bare, "--sample-seed", str(base.seed)) == 2
    assert "has no sample that can be drawn again" in capsys.readouterr().err


def test_a_changed_list_of_what_was_drawn(
    base: Audited, capsys: pytest.CaptureFixture[str]
) -> None:
    path = "purged/removal/sample.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    code, _, notes = drawn_again(base, capsys)
    assert code == 4
    assert "the sample was not drawn again" in notes


def test_without_the_key_of_the_pseudonyms(
    base: Audited, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCRUBTRACE_KEY", "cd" * 32)
    assert code_of("verify", RECORD, "--sample-seed", str(base.seed)) == 2
    assert "by pseudonyms of key" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ids", "options"),
    [
        ((), ("--total", 10, "--by", "none")),
        (("--id-column", "id"), ("--total", 55, "--by", "vendor", "--flagged", 2)),
        ((), ("--total", 12, "--by", "vendor,labeler", "--merge-below", 15)),
    ],
)
def test_other_plans(
    empty: Audited,
    ids: tuple[str, ...],
    options: tuple[object, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    empty.prepare(ids, *options)
    code, said, _ = drawn_again(empty, capsys)
    assert code == 0, said
    assert ("removal/flagged.parquet" in record()["side_files"]) == ("--flagged" in options)
    if "labeler" in str(options):
        return
    monkeypatch.setenv("SCRUBTRACE_KEY", "cd" * 32)
    code, _, notes = drawn_again(empty, capsys)
    assert code == 0
    assert "drawn texts have digests of keys that are not here" in notes


def test_refused_for_the_record(
    empty: Audited, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    decisions([(0, 4)])
    assert attach(empty) == 2
    assert "purge first" in capsys.readouterr().err
    empty.prepare((), "--total", 5, "--by", "none")
    assert empty.run("review", "sample", "3", "--out", empty.out, "--name", "free") == 0
    for more, words in (
        (("--audit-batch", "free"), "its seed was not committed"),
        (("--audit-batch", "nobody"), "there is no batch 'nobody'"),
        (("--bound", "other.json"), "is not what audit run after --json writes"),
        (("--sample-plan", "other.json"), "not both"),
        (("--review", "sqlite:///none.sqlite"), "there is no review table"),
    ):
        Path("other.json").write_text('{"batch": {"name": "march", "event": 3}}')
        capsys.readouterr()
        assert attach(empty, *more) == 2
        assert words in capsys.readouterr().err
    assert purge("--decisions", "decided.parquet") == 2
    assert "no sample plan (--audit-batch or --sample-plan)" in capsys.readouterr().err
    assert Path("purged/removal/sample.parquet").exists()
    change("p1.parquet", lambda t: t.slice(1))
    monkeypatch.setattr("scrubtrace.purge.job.give_up_damaged", lambda *_: [])
    assert attach(empty) == 2
    assert "was not drawn from the purged shards as they are" in capsys.readouterr().err
