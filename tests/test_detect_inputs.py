"""The main job on the row shapes of training data, from the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from samples import FLAGGED, PLAIN
from sqlalchemy import text as sql

from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.cli import main
from scrubtrace.review.connection import open_review

Detect = Callable[..., int]


@pytest.fixture
def detect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Detect:
    """Runs ``scrubtrace detect data/*.parquet``; gives its exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    Path("data").mkdir()

    def call(*more: str, out: str = "out") -> int:
        try:
            main(["detect", "data/*.parquet", "--out", out, *more])
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    return call


def write(name: str, **columns: Any) -> None:
    pq.write_table(pa.table(columns), Path("data") / name)


def manifest() -> dict[str, Any]:
    content = json.loads(Path(runs_of("out")[-1].manifest).read_text())
    assert isinstance(content, dict)
    return content


def items() -> list[dict[str, Any]]:
    with open_review("sqlite:///out/review.sqlite").connect() as connection:
        found = connection.execute(
            sql("select * from review_items order by row_index, field, turn")
        )
        return [dict(row._mapping) for row in found]


def places() -> list[tuple[int, str, int | None]]:
    return [(item["row_index"], item["field"], item["turn"]) for item in items()]


def chat(*turns: str, names: tuple[str, str] = ("role", "content")) -> list[dict[str, str]]:
    return [dict(zip(names, turn.split(": ", 1), strict=True)) for turn in turns]


def test_a_plain_column_is_named_as_well(detect: Detect) -> None:
    write("a.parquet", text=[PLAIN, FLAGGED])
    assert detect() == 0
    assert places() == [(1, "text", None)]


def test_chat_rows_are_judged_by_turn(detect: Detect, capsys: pytest.CaptureFixture[str]) -> None:
    asked = f"user: {FLAGGED}"
    chats = [
        chat(asked, f"assistant: {FLAGGED}", "user: Why?", f"assistant: {FLAGGED}"),
        chat(asked, f"Assistant: {PLAIN}"),
        chat(asked),
        None,
    ]
    write("a.parquet", messages=chats, id=["7", "8", "7", None])
    assert detect("--text-column", "messages", "--id-column", "id") == 0
    assert places() == [(0, "messages", 1), (0, "messages", 3)]
    assert len({item["item_key"] for item in items()}) == 2
    told = manifest()
    tally = told["detectors"]["boilerplate"]
    assert (tally["judged"], tally["abstained"]) == (2, {"no_turn_to_judge": 2})
    assert (told["rows"], told["texts"], tally["texts_judged"]) == (4, 3, 3)
    assert told["turns"]["messages"] == {
        "judged": 3,
        "not_judged": 4,
        "roles_not_judged": ["user"],
    }
    shown = capsys.readouterr().out
    assert "4 rows, 3 texts in 1 shards" in shown
    assert "messages: 4 turns of other roles not judged" in shown


def test_several_columns_and_shapes_in_one_run(detect: Detect) -> None:
    sharegpt = chat(f"human: {PLAIN}", f"gpt: {FLAGGED}", names=("from", "value"))
    write("a.parquet", prompt=[FLAGGED], chosen=[sharegpt], id=["1"])
    write("b.parquet", prompt=[PLAIN], chosen=[[FLAGGED, PLAIN, FLAGGED]], id=["1"])
    columns = ("--text-column", "prompt", "--text-column", "chosen", "--id-column", "id")
    assert detect(*columns) == 0
    found = {(i["shard"], i["field"], i["turn"]): i for i in items()}
    assert set(found) == {
        ("a.parquet", "prompt", None),
        ("a.parquet", "chosen", 1),
        ("b.parquet", "chosen", 0),
        ("b.parquet", "chosen", 2),
    }
    assert len({item["item_key"] for item in found.values()}) == 4
    assert found["b.parquet", "chosen", 2]["occurrence"] == 1
    assert manifest()["rows_with_a_repeated_id"] == 1


def test_nested_paths_of_every_column(detect: Detect) -> None:
    turns = chat(f"model: {FLAGGED}")
    meta = {"id": 7, "lang": "en", "stage": "sft", "conversation": {"turns": turns}}
    write("a.parquet", meta=[meta, None])
    options = ("--id-column", "meta.id", "--language-column", "meta.lang")
    groups = ("--group-by", "stage=meta.stage")
    assert detect("--text-column", "meta.conversation.turns", *options, *groups) == 0
    (item,) = items()
    assert (item["row_id"], item["language"], item["stage"]) == ("7", "en", "sft")
    assert (item["field"], item["turn"]) == ("meta.conversation.turns", 0)


def test_flagged_rows_are_counted_by_stage(
    detect: Detect, capsys: pytest.CaptureFixture[str]
) -> None:
    write("a.parquet", text=[FLAGGED, FLAGGED, PLAIN], stage=["sft", "sft", "pretrain"])
    assert detect("--group-by", "stage=stage") == 0
    assert "  by stage: sft 2\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("roles", "turns"),
    [("all", [0, 1, 2]), ("Human", [0]), ("tool,system", [2]), ("assistant,human", [0, 1])],
)
def test_roles_choose_the_turns(detect: Detect, roles: str, turns: list[int]) -> None:
    said = chat(f"human: {FLAGGED}", f"assistant: {FLAGGED}", f"tool: {FLAGGED}")
    write("a.parquet", text=[said])
    assert detect("--roles", roles) == 0
    assert [turn for _, _, turn in places()] == turns


def test_a_column_of_which_no_turn_is_judged_is_said_aloud(
    detect: Detect, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [chat(f"speaker{number}: {FLAGGED}") for number in range(7)]
    write("a.parquet", text=said, other=[PLAIN] * 7)
    assert detect("--text-column", "text", "--text-column", "other") == 3
    roles = ", ".join(f"'speaker{number}'" for number in range(5))
    expected = f"text: NO TURN JUDGED of 7; roles seen: {roles}; name those to judge with --roles"
    assert expected in capsys.readouterr().out.splitlines()
    assert detect("--quiet") == 3
    told = f"run {runs_of('out')[-1].id} is incomplete: no turn of text was judged"
    assert told in capsys.readouterr().err
    assert manifest()["detectors"]["boilerplate"]["abstained"] == {"no_turn_to_judge": 7}


def test_a_chat_column_without_any_turn_is_complete(detect: Detect) -> None:
    turn = pa.struct({"role": pa.string(), "content": pa.string()})
    write("a.parquet", text=pa.array([[], None], pa.list_(turn)))
    assert detect("--quiet") == 0


@pytest.mark.parametrize(
    ("first", "second", "flags"),
    [
        (["--text-column", "prompt"], ["--text-column", "said"], {"prompt": 1}),
        (["--text-column", "said"], ["--text-column", "prompt"], {"said": 1}),
        (["--text-column", "said"], ["--text-column", "said", "--roles", "asistant"], {"said": 1}),
        (["--text-column", "said"], ["--text-column", "said", "--roles", "user"], {"said": 1}),
        (["--text-column", "said"], ["--text-column", "said", "--roles", "gpt,user"], {"said": 1}),
        (["--text-column", "said"], ["--text-column", "said", "--roles", "all"], {"said": 0}),
        (["--text-column", "said"], ["--text-column", "said"], {"said": 0}),
        (["--text-column", "said", "--roles", "Assistant"], ["--text-column", "said"], {"said": 0}),
        (["--text-column", "prompt"], ["--text-column", "prompt"], {"prompt": 0}),
    ],
)
def test_texts_that_a_run_did_not_look_at_lose_their_flag(
    detect: Detect, first: list[str], second: list[str], flags: dict[str, int]
) -> None:
    def data(text: str) -> None:
        said = [chat(f"user: {PLAIN}", f"assistant: {text}", f"user: {PLAIN}")]
        write("a.parquet", prompt=[text], said=said)

    data(FLAGGED)
    assert detect(*first) == 0
    data(PLAIN)
    assert detect(*second) == (3 if "asistant" in second else 0)
    assert {item["field"]: item["flagged"] for item in items()} == flags


def test_turns_lose_their_flag_though_the_folder_of_the_run_is_gone(detect: Detect) -> None:
    write("a.parquet", text=[chat(f"user: {PLAIN}", f"assistant: {FLAGGED}")])
    assert detect() == 0
    table = ("--review", "sqlite:///out/review.sqlite")
    write("a.parquet", text=[chat(f"user: {PLAIN}", f"assistant: {PLAIN}")])
    assert detect(*table, out="other") == 0
    assert [item["flagged"] for item in items()] == [1]
    assert detect(*table, "--roles", "all", out="other") == 0
    assert [item["flagged"] for item in items()] == [0]


def test_dry_run_shows_columns_and_shapes(
    detect: Detect, capsys: pytest.CaptureFixture[str]
) -> None:
    write("a.parquet", x=[chat("user: a")], y=["a"])
    write("b.parquet", x=[["a"]], y=["a"])
    assert detect("--text-column", "x", "--text-column", "y", "--dry-run") == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "text column x: chat (role, content) in 1 shards",
        "text column x: list of texts in 1 shards",
        "text column y: text in 2 shards",
    ]
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"text": [{"body": "a"}]}, [], "name a field of it, for example text.body"),
        ({"text": [[1]]}, [], "has type list<element: int64>; understood are texts"),
        (
            {"text": [[{"who": "a", "content": "b"}]]},
            [],
            "a.parquet: text column 'text' has turns without a role field role or from; their "
            "fields: who, content; name the right one as input.role_field, or judge every turn",
        ),
        ({"text": ["a"]}, ["--roles", ","], "'input.roles': a name is empty"),
        ({"text": ["a"]}, ["--text-column", "text"] * 2, "'text' is named twice"),
        ({"text": [{"a": "b"}]}, ["--text-column", "text.b"], "fields of 'text': a"),
    ],
)
def test_usage_errors_exit_2_before_anything_is_written(
    detect: Detect,
    capsys: pytest.CaptureFixture[str],
    columns: dict[str, Any],
    options: list[str],
    message: str,
) -> None:
    write("a.parquet", **columns)
    assert detect(*options) == 2
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


def test_a_shard_of_another_type_is_dead_and_the_rest_goes_on(detect: Detect) -> None:
    write("a.parquet", text=[chat(f"gpt: {FLAGGED}")])
    write("b.parquet", text=pa.array([[("k", "v")]], pa.map_(pa.string(), pa.string())))
    assert detect() == 3
    (dead,) = manifest()["dead_shards"]
    assert (dead["name"], dead["reason"]) == ("b.parquet", "wrong_type")
    assert "has type map<string, string" in dead["detail"]
    assert "understood are texts" in dead["detail"]
    assert len(items()) == 1


def test_two_workers_give_the_same_bytes(detect: Detect) -> None:
    chats = [chat(f"user: {PLAIN}", f"assistant: {FLAGGED}"), [], chat("assistant: 好的。")]
    for number in range(4):
        write(f"{number}.parquet", x=chats * 20, y=[[FLAGGED], None, [PLAIN, FLAGGED]] * 20)
    options = ("--text-column", "y", "--text-column", "x", "--set", "scan.unit_rows=60")
    assert detect(*options, out="one") == 0
    assert detect(*options, "--workers", "2", out="two") == 0
    one, two = (Path(runs_of(out)[0].path) for out in ("one", "two"))
    names = sorted(
        path.relative_to(one) for path in one.rglob("*.*") if "run.json" not in str(path)
    )
    assert len(names) > 8
    for name in names:
        if name.name not in ("manifest.json", "environment.json"):
            assert (one / name).read_bytes() == (two / name).read_bytes()


def test_a_chat_row_of_50_megabytes_is_judged(detect: Detect) -> None:
    filler = "The tide came in again. " * (1024 * 1024 // 24)
    turns = [{"role": "assistant", "content": filler}] * 50
    write("a.parquet", text=[[*turns, {"role": "assistant", "content": FLAGGED}]])
    assert detect() == 0
    assert places() == [(0, "text", 50)]


def test_columns_without_a_value_in_one_shard(detect: Detect) -> None:
    write("a.parquet", id=["a", "b"], text=[FLAGGED, PLAIN], lang=["en", "en"])
    write("b.parquet", id=["c", "d"], text=pa.nulls(2), lang=pa.nulls(2))
    write("c.parquet", id=pa.nulls(1), text=[FLAGGED + " Again."], lang=pa.nulls(1))
    assert detect("--id-column", "id", "--language-column", "lang", "--quiet") == 0
    assert {item["row_id"] for item in items()} == {"a", None}
    assert manifest()["rows"] == 5


@pytest.mark.parametrize("more", [("data/out/runs/*/parts/*/*.parquet",), ("data/**/*.parquet",)])
def test_parts_of_its_own_are_no_input(
    detect: Detect, more: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    write("a.parquet", text=[FLAGGED])
    assert detect(out="data/out") == 0
    assert detect(*more, out="data/out") == 2
    assert "data/out: give another folder" in capsys.readouterr().err
    assert detect(out="data/out") == 0


def test_a_line_break_in_a_group_makes_no_line_of_the_summary(
    detect: Detect, capsys: pytest.CaptureFixture[str]
) -> None:
    write("a.parquet", text=[FLAGGED], who=["south\nflagged for review: 0\x1b[1m"])
    assert detect("--group-by", "vendor=who") == 0
    assert r"  by vendor: south\nflagged for review: 0\x1b[1m 1" in capsys.readouterr().out


def test_a_long_group_value_is_cut_in_the_summary(
    detect: Detect, capsys: pytest.CaptureFixture[str]
) -> None:
    write("a.parquet", text=[FLAGGED, FLAGGED], who=["x" * 60, "y" * 100_000])
    assert detect("--group-by", "vendor=who") == 0
    said = capsys.readouterr().out
    assert f"  by vendor: {'x' * 60} 1, {'y' * 59}… 1\n" in said


def test_texts_in_the_language_column_are_written_nowhere(
    detect: Detect, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = ["三只白鹅过河回家吃饭", "Geese went over the river, and nobody counted them."]
    write("a.parquet", text=texts)
    assert detect("--language-column", "text") == 0
    written = b"".join(path.read_bytes() for path in Path("out").rglob("*") if path.is_file())
    said = "".join(capsys.readouterr())
    for part in ("白鹅", "geese", "river"):
        assert part.encode() not in written.lower()
        assert part not in said.lower()
