"""Planning: every row in exactly one unit, every unreadable input a dead shard."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.planning import PlanError, Shapes, plan_work, read_inputs
from scrubtrace.beam_pipelines.units import MIN_UNIT_ROWS
from scrubtrace.schemas.plan import Columns, DeadShard, Unit

TEXT = Columns("text")
NAMES = ["boilerplate", "redaction"]

Write = Callable[..., Path]


class Planned(NamedTuple):
    dataset: str
    units: tuple[Unit, ...]
    dead: tuple[DeadShard, ...]
    rows: int
    shapes: Shapes


def make_plan(
    inputs: list[str],
    columns: Columns,
    dataset: str | None = None,
    root: str | None = None,
    unit_rows: int | None = None,
    threads: int = 16,
) -> Planned:
    """A plan over the inputs with nothing current yet."""
    read = read_inputs(inputs, columns, dataset, root, threads)
    work = plan_work(read, NAMES, {}, unit_rows)
    return Planned(read.dataset, work.units, work.dead, work.rows, read.shapes)


def test_a_shard_without_rows_stays_in_the_plan(write_shard: Write) -> None:
    path = write_shard("a.parquet", text=pa.array([], pa.string()))
    (unit,) = make_plan([str(path)], TEXT).units
    assert unit.ranges[0].shard.rows == unit.rows == 0


def test_units_are_at_least_the_default_size(write_shard: Write) -> None:
    path = write_shard("a.parquet", text=["x"] * 20_000)
    units = make_plan([str(path)], TEXT).units
    assert [unit.rows for unit in units] == [9000, 9000, 2000]
    assert units[0].rows >= MIN_UNIT_ROWS


def test_units_depend_on_the_shards_only(write_shard: Write, tmp_path: Path) -> None:
    for number in range(12):
        write_shard(f"{number:02}.parquet", row_group_size=7, text=["x"] * (number * 5))
    (tmp_path / "data" / "dead.parquet").touch()
    paths = sorted(str(path) for path in (tmp_path / "data").iterdir())
    plans = [
        make_plan(paths, TEXT, unit_rows=20, threads=1),
        make_plan(paths[::-1], TEXT, unit_rows=20),
        make_plan([f"{tmp_path}/data/*"], Columns("text", groups={"task": "text"}), unit_rows=20),
        make_plan([*paths, *paths, f"{tmp_path}/*/0?.parquet"], TEXT, "other", unit_rows=20),
    ]
    expected: tuple[Unit, ...] = plans[0].units
    assert len(expected) > 10
    assert all(plan.units == expected for plan in plans)


def test_names_come_from_the_common_parent(write_shard: Write, tmp_path: Path) -> None:
    write_shard("x/a.parquet", text=["a"])
    write_shard("y/b.parquet", text=["b"])
    plan = make_plan([f"{tmp_path}/data/*/*.parquet"], TEXT)
    assert plan.dataset == "data"
    names = [r.shard.name for unit in plan.units for r in unit.ranges]
    assert names == ["x/a.parquet", "y/b.parquet"]
    plan = make_plan([f"{tmp_path}/data/x/*"], TEXT, dataset="mine", root=f"{tmp_path}/data")
    assert plan.dataset == "mine"
    assert plan.units[0].ranges[0].shard.name == "x/a.parquet"


@pytest.mark.parametrize(
    ("inputs", "dataset", "names"),
    [
        (["mine/a.parquet"], "mine", ["a.parquet"]),
        (["mine/a.parquet", "mine/deep/b.parquet"], "mine", ["a.parquet", "deep/b.parquet"]),
        (["mine/**/*.parquet"], "mine", ["a.parquet", "deep/b.parquet"]),
        (["./mine/../mine/a.parquet"], "mine", ["a.parquet"]),
    ],
)
def test_relative_inputs_get_the_same_names(
    write_shard: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    inputs: list[str],
    dataset: str,
    names: list[str],
) -> None:
    write_shard("mine/a.parquet", text=["a"])
    write_shard("mine/deep/b.parquet", text=["b"])
    monkeypatch.chdir(tmp_path / "data")
    plan = make_plan(inputs, TEXT)
    assert plan.dataset == dataset
    assert [r.shard.name for unit in plan.units for r in unit.ranges] == names


def test_a_relative_root_is_understood(
    write_shard: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shard("mine/a.parquet", text=["a"])
    monkeypatch.chdir(tmp_path)
    plan = make_plan(["data/mine/a.parquet"], TEXT, root="data/")
    assert plan.units[0].ranges[0].shard.name == "mine/a.parquet"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (["data/*.csv"], r"no file matches 'data/\*\.csv'"),
        (["data/a.parquet", "elsewhere/b.parquet"], "lies outside the root"),
        (["s3://bucket"], "'s3://bucket' names no file: give s3://bucket/folder/"),
        (["s3://bucket/"], "'s3://bucket/' names no file: give s3://bucket/folder/"),
        (["s3://"], "'s3://' names no file: give s3://bucket/folder/"),
        (["nosuch://bucket/a.parquet"], "cannot look up 'nosuch://bucket/a.parquet'"),
        (["nosuch://bucket/*.parquet"], "cannot look up 'nosuch://bucket/.*'"),
    ],
)
def test_inputs_that_cannot_be_planned_are_usage_errors(
    write_shard: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    inputs: list[str],
    message: str,
) -> None:
    write_shard("a.parquet", text=["a"])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PlanError, match=message):
        make_plan(inputs, TEXT, root="data")


@pytest.mark.parametrize("other", ["mem://b/y.parquet", "/data/y.parquet"])
def test_two_file_systems_in_one_run_are_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    monkeypatch.setattr(storage, "match", lambda path: [storage.FileInfo(path, 0, "")])
    with pytest.raises(PlanError, match="different file systems or buckets"):
        make_plan(["mem://a/x.parquet", other], TEXT)


def test_a_shard_named_twice_is_planned_once(write_shard: Write, tmp_path: Path) -> None:
    path = write_shard("a.parquet", text=["a"])
    assert make_plan([str(path), f"{tmp_path}/data/*"], TEXT).rows == 1


def test_a_literal_name_with_glob_characters_is_taken_literally(write_shard: Write) -> None:
    path = write_shard("a[1].parquet", text=["a"])
    assert make_plan([str(path)], TEXT).rows == 1


STRINGS = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.dictionary(pa.int32(), pa.string()),
    pa.binary(),
    pa.large_binary(),
    pa.binary_view(),
]


def test_string_kinds_may_differ_between_shards(write_shard: Write, tmp_path: Path) -> None:
    for number, kind in enumerate(STRINGS):
        plain = pa.array(["a"])
        column = plain.dictionary_encode() if pa.types.is_dictionary(kind) else plain.cast(kind)
        write_shard(f"{number}.parquet", text=column)
    plan = make_plan([f"{tmp_path}/data/*"], TEXT)
    assert plan.rows == len(STRINGS)
    assert plan.dead == ()


@pytest.mark.parametrize(
    ("columns", "reason", "detail"),
    [
        (Columns("text"), "wrong_type", "text column 'text' has type double"),
        (Columns("list"), "wrong_type", "has type list<element: int64>; understood are texts"),
        (Columns(("good", "text")), "wrong_type", "text column 'text' has type double"),
        (Columns("good", id="text"), "wrong_type", "has type double; understood are texts "
         "(string or binary) and whole numbers"),
        (Columns("good", language="number"), "wrong_type",
         "language column 'number' has type int64; understood are strings"),
        (Columns("good", groups={"labeler": "list"}), "wrong_type",
         "understood are single values: texts, numbers, truth values, times"),
        (Columns("gone"), "missing_column", "has no text column 'gone'; columns: text, number"),
    ],
)  # fmt: skip
def test_a_shard_whose_columns_are_not_as_asked_is_dead(
    write_shard: Write, tmp_path: Path, columns: Columns, reason: str, detail: str
) -> None:
    values = {"text": [0.5], "number": [1], "list": [[1]], "good": ["x"]}
    write_shard("bad.parquet", **values)
    names = {*columns.texts, columns.id, columns.language, *columns.groups.values()} - {None}
    write_shard("good.parquet", **{name: ["x"] for name in names})
    plan = make_plan([f"{tmp_path}/data/*"], columns)
    (dead,) = plan.dead
    assert (dead.name, dead.reason) == ("bad.parquet", reason)
    assert detail in dead.detail
    assert plan.rows == 1


def test_a_column_name_that_occurs_twice_is_dead(write_shard: Write, tmp_path: Path) -> None:
    write_shard("good.parquet", text=["a"])
    twice = pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(twice, tmp_path / "data" / "twice.parquet")
    (dead,) = make_plan([f"{tmp_path}/data/*"], TEXT).dead
    assert "has 2 columns named, not one, text column 'text'" in dead.detail


@pytest.mark.parametrize("kind", [*STRINGS, pa.int8(), pa.uint64()], ids=str)
def test_every_kind_of_text_and_integer_can_identify_rows(
    write_shard: Write, kind: pa.DataType
) -> None:
    plain = pa.array(["7"])
    column = plain.dictionary_encode() if pa.types.is_dictionary(kind) else plain.cast(kind)
    path = write_shard("a.parquet", text=["a"], id=column)
    assert make_plan([str(path)], Columns("text", id="id")).dead == ()


def _zero_bytes(path: Path) -> None:
    path.touch()


def _truncated(path: Path) -> None:
    pq.write_table(pa.table({"text": ["canary"]}), path)
    path.write_bytes(path.read_bytes()[:-9])


def _text_file(path: Path) -> None:
    path.write_text("canary\n" * 100)


def _garbage_footer(path: Path) -> None:
    pq.write_table(pa.table({"text": ["canary"]}), path)
    content = bytearray(path.read_bytes())
    content[-60:-8] = b"canary-canary-canary-canary-canary-canary-canary-can"
    path.write_bytes(content)


def _footer_longer_than_the_file(path: Path) -> None:
    path.write_bytes(b"PAR1canary" + (1 << 30).to_bytes(4, "little") + b"PAR1")


def _missing(path: Path) -> None:
    """Nothing is written."""


def _folder(path: Path) -> None:
    path.mkdir()


def _link_to_nowhere(path: Path) -> None:
    path.symlink_to(path.with_name("none"))


NO_PARQUET = r"is no readable Parquet file \(\w+\)"


@pytest.mark.parametrize(
    ("make", "detail"),
    [
        (_zero_bytes, NO_PARQUET),
        (_truncated, NO_PARQUET),
        (_text_file, NO_PARQUET),
        (_garbage_footer, NO_PARQUET),
        (_footer_longer_than_the_file, NO_PARQUET),
        (_missing, "No such file or directory"),
        (_link_to_nowhere, "No such file or directory"),
        (
            _folder,
            r"is a directory; to scan what is in it, give .*/bad\.parquet/\*\.parquet, or .*",
        ),
    ],
)
def test_what_cannot_be_read_is_a_dead_shard_with_its_reason(
    write_shard: Write, make: Callable[[Path], None], detail: str
) -> None:
    good = write_shard("good.parquet", text=["a"])
    bad = good.with_name("bad.parquet")
    make(bad)
    plan = make_plan([str(good), str(bad)], TEXT)
    (dead,) = plan.dead
    assert (dead.path, dead.name, dead.reason) == (str(bad), "bad.parquet", "unreadable")
    assert re.fullmatch(detail, dead.detail)
    assert "canary" not in dead.detail
    assert plan.rows == 1


def test_a_shard_with_a_name_that_is_not_utf8_is_dead(write_shard: Write, tmp_path: Path) -> None:
    write_shard("good.parquet", text=["a"])
    path = write_shard("bad.parquet", text=["b"])
    path.rename(path.with_name(os.fsdecode(b"b\xe4d.parquet")))
    plan = make_plan([str(tmp_path / "data" / "*.parquet")], TEXT)
    [dead] = plan.dead
    assert dead.path == str(tmp_path / "data" / "b\\xe4d.parquet")
    assert (dead.name, dead.reason) == ("b\\xe4d.parquet", "unreadable")
    assert dead.detail == "has a name that is not UTF-8: rename it"
    assert plan.rows == 1


def test_a_folder_with_a_name_that_is_not_utf8(write_shard: Write, tmp_path: Path) -> None:
    write_shard("a.parquet", text=["a"])
    folder = tmp_path / os.fsdecode(b"d\xe4ta")
    (tmp_path / "data").rename(folder)
    plan = make_plan([str(folder / "*.parquet")], TEXT)
    assert plan.dataset == "d\\xe4ta"
    assert [shard.name for shard in plan.dead] == ["a.parquet"]


def test_dead_shards_alone_are_a_plan_without_units(tmp_path: Path) -> None:
    plan = make_plan([str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")], TEXT)
    assert [shard.name for shard in plan.dead] == ["a.parquet", "b.parquet"]
    assert plan.units == ()


@pytest.mark.parametrize("columns", [Columns("gone"), Columns("number")])
def test_a_dead_shard_names_columns_and_never_values(write_shard: Write, columns: Columns) -> None:
    write_shard("bad.parquet", text=["canary"] * 3, number=[31415926] * 3)
    path = write_shard("good.parquet", gone=["a"], number=["a"])
    (dead,) = make_plan([f"{path.parent}/*"], columns).dead
    assert columns.texts[0] in dead.detail
    assert "canary" not in dead.detail
    assert "31415926" not in dead.detail


def test_the_plan_says_which_shapes_the_texts_have(write_shard: Write) -> None:
    turns = [[{"from": "gpt", "value": "a"}]]
    write_shard("a.parquet", prompt=["a"], turns=turns)
    write_shard("b.parquet", prompt=[["a"]], turns=turns)
    path = write_shard("c.parquet", prompt=["a"], turns=["a"])
    plan = make_plan([f"{path.parent}/*"], Columns(("turns", "prompt")))
    assert plan.dead == ()
    assert plan.shapes == {
        "turns": {"chat (from, value)": 2, "text": 1},
        "prompt": {"text": 2, "list of texts": 1},
    }
    assert list(plan.shapes) == ["turns", "prompt"]


def test_no_shard_that_fits_is_a_usage_error(write_shard: Write) -> None:
    path = write_shard("a.parquet", body=["a"])
    with pytest.raises(PlanError, match=r"no shard fits: a\.parquet: .*columns: body"):
        make_plan([str(path)], TEXT)
