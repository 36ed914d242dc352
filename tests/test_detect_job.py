"""The main job as a user runs it: from the command line, on good and on bad shards."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from samples import FLAGGED, PLAIN
from sqlalchemy import text as sql

from scrubtrace.beam_pipelines import scanning, storage
from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.cli import main
from scrubtrace.lock import output_lock
from scrubtrace.review.connection import open_review

EXAMPLES = Path(__file__).parents[1] / "examples" / "shards"

Run = Callable[..., int]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    Path("data").mkdir()


@pytest.fixture
def run() -> Run:
    """Runs the command line; gives its exit code."""

    def call(*arguments: str) -> int:
        try:
            main(list(arguments))
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    return call


def write(name: str, **columns: Any) -> None:
    pq.write_table(pa.table(columns), Path("data") / name)


def detect(run: Run, *more: str, out: str = "out") -> int:
    return run("detect", "data/*.parquet", "--out", out, *more)


def manifest(out: str = "out") -> dict[str, Any]:
    content = json.loads(Path(runs_of(out)[-1].manifest).read_text())
    assert isinstance(content, dict)
    return content


def rows_of(table: str, out: str = "out") -> list[dict[str, Any]]:
    with open_review(f"sqlite:///{out}/review.sqlite").connect() as connection:
        found = connection.execute(sql(f"select * from {table} order by 1"))
        return [dict(row._mapping) for row in found]


def parts(folder: RunFolder) -> dict[str, bytes]:
    root = Path(folder.path)
    return {
        str(path.relative_to(root)): path.read_bytes()
        for name in ("parts", "receipts", "id_hashes", "counts", "dead_letters", "plan.parquet")
        for path in sorted([root / name, *(root / name).rglob("*")])
        if path.is_file()
    }


def test_examples_are_flagged_exactly_where_they_say_so(run: Run) -> None:
    columns = ("--id-column", "id", "--language-column", "lang", "--group-by", "labeler=labeler")
    assert run("detect", f"{EXAMPLES}/*.parquet", "--out", "out", *columns) == 0
    expected = {
        row["id"]
        for path in EXAMPLES.glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
        if row["expect"] == "flag"
    }
    items = rows_of("review_items")
    assert {item["row_id"] for item in items if item["flagged"]} == expected
    assert {item["kind"] for item in items if item["flagged"]} == {"llm_text", "llm_annotation"}
    reported = {item["kind"] for item in items if not item["flagged"]}
    assert reported == {"api_format", "redaction"}
    assert all(item["labeler"] for item in items)
    tally = manifest()["detectors"]["boilerplate"]
    assert tally["judged"] + sum(tally["abstained"].values()) == manifest()["rows"] == 363


def test_evidence_points_at_the_phrase_and_names_its_detector(run: Run) -> None:
    write("a.parquet", text=[PLAIN, f"{PLAIN} {FLAGGED}"])
    assert detect(run) == 0
    (item,) = rows_of("review_items")
    (span,) = json.loads(item["evidence"])
    shown = f"{PLAIN} {FLAGGED}"[span["start"] : span["end"]]
    assert shown.startswith("As an AI language model")
    assert json.loads(item["detectors"])[0]["name"] == span["detector"] == "boilerplate"
    assert item["snippet"] == f"{PLAIN} {FLAGGED}"
    assert item["why"] == "resembles LLM text: speaks as an AI assistant (proof)"


def _truncated(path: Path) -> None:
    write(path.name, text=[PLAIN])
    path.write_bytes(path.read_bytes()[:-20])


def _wrong_type(path: Path) -> None:
    write(path.name, text=[1, 2])


def _without_column(path: Path) -> None:
    write(path.name, body=[PLAIN])


@pytest.mark.parametrize(
    ("make", "reason", "detail"),
    [
        (_truncated, "unreadable", "is no readable Parquet file"),
        (Path.touch, "unreadable", "is no readable Parquet file"),
        (Path.mkdir, "unreadable", "is a directory"),
        (_wrong_type, "wrong_type", "text column 'text' has type int64"),
        (_without_column, "missing_column", "has no text column 'text'; columns: body"),
    ],
)
def test_a_bad_shard_is_a_dead_shard_and_the_rest_goes_on(
    run: Run,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], None],
    reason: str,
    detail: str,
) -> None:
    write("a.parquet", text=[FLAGGED])
    make(Path("data/b.parquet"))
    assert detect(run) == 3
    assert len(rows_of("review_items")) == 1
    (dead,) = manifest()["dead_shards"]
    assert dead["name"] == "b.parquet"
    assert dead["reason"] == reason
    assert detail in dead["detail"]
    assert f"dead shard b.parquet: {reason}: " in capsys.readouterr().out
    assert detect(run, "--set", "limits.max_dead_letters=1") == 0


def test_a_missing_shard_is_a_dead_shard(run: Run) -> None:
    write("a.parquet", text=[PLAIN])
    assert run("detect", "data/a.parquet", "data/gone.parquet", "--out", "out") == 3
    assert manifest()["dead_shards"][0]["detail"] == "No such file or directory"


def test_no_rows_are_fine(run: Run) -> None:
    write("a.parquet", text=pa.array([], pa.string()))
    assert detect(run) == 0
    assert manifest()["rows"] == 0
    assert manifest()["shards"] == 1


def test_null_and_empty_texts_are_judged_and_counted(run: Run) -> None:
    write("a.parquet", text=[None, "", PLAIN])
    assert detect(run) == 0
    assert manifest()["detectors"]["boilerplate"]["judged"] == 3
    assert (manifest()["null_texts"], manifest()["empty_texts"]) == (1, 1)


def test_text_that_is_not_utf8_is_a_dead_row_and_leaks_nowhere(
    run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = b"canary phrase \xff\xfe As an AI language model, I"
    write("a.parquet", id=["x", "y"], text=pa.array([bad, FLAGGED.encode()], pa.binary()))
    assert detect(run, "--id-column", "id") == 3
    assert manifest()["dead_rows"] == {"invalid_utf8": 1}
    (letters,) = Path("out/runs").glob("*/dead_letters/*.parquet")
    (letter,) = pq.read_table(letters).to_pylist()
    assert (letter["shard"], letter["row_index"], letter["row_id"]) == ("a.parquet", 0, "x")
    captured = capfd.readouterr()
    written = b"".join(path.read_bytes() for path in Path("out").rglob("*") if path.is_file())
    assert "canary" not in captured.out + captured.err
    assert b"canary" not in written


def test_one_text_of_50_megabytes_is_judged(run: Run) -> None:
    filler = "The tide came in again. " * (50 * 1024 * 1024 // 24)
    write("a.parquet", text=[filler + FLAGGED])
    assert detect(run) == 0
    (item,) = rows_of("review_items")
    assert item["text_chars"] > 50_000_000
    assert len(item["snippet"]) == 500
    assert "As an AI language model" in item["snippet"]


def test_repeated_ids_are_reported_and_told_apart(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    write("a.parquet", id=["7", "7", None], text=[PLAIN, FLAGGED, FLAGGED])
    write("b.parquet", id=["7", "8", "9"], text=[FLAGGED, FLAGGED, PLAIN])
    assert detect(run, "--id-column", "id") == 0
    items = {(i["shard"], i["row_index"]): i for i in rows_of("review_items")}
    assert [items["a.parquet", 1]["occurrence"], items["b.parquet", 0]["occurrence"]] == [1, 2]
    assert items["a.parquet", 2]["row_id"] is None
    assert len({item["item_key"] for item in items.values()}) == 4
    assert "row ids that repeat: 1 " in capsys.readouterr().out
    assert manifest()["rows_with_a_repeated_id"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data/*.csv"], "no file matches 'data/*.csv'"),
        (["data/*.parquet", "--text-column", "body"], "has no text column 'body'; columns: text"),
        (["data/*.parquet", "--set", "scan.detectors=['none']"], "installed: boilerplate"),
        (["data/*.parquet", "--set", "detectors.boilerplate.colour=1"], "has no option"),
        (["data/*.parquet", "--group-by", "labeler"], "--group-by takes NAME=COL"),
        (["data/*.parquet", "--group-by", "labeler=a, labeler=b"], "names 'labeler' twice"),
        (["data/*.parquet", "--root", "elsewhere"], "lies outside the root"),
        (["data/*.parquet", "--", "--no_such_option=1"], "Beam has no option --no_such_option"),
        (["data/*.parquet", "--review", "mysql://x/y"], "postgresql://"),
        (["data/*.parquet", "--workers", "0"], "'scan.workers'"),
        (["data/*.parquet", "--", "--runner=Nope"], "Beam has no runner 'Nope' here"),
        (["data/*.parquet", "--set", "detectors.boilerplate.max_memory=1"], "max_memory is at"),
    ],
)
def test_usage_errors_exit_2_and_leave_no_run(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    write("a.parquet", text=[PLAIN])
    shards, _, beam = "\0".join(arguments).partition("\0--\0")
    behind = ["--", *beam.split("\0")] if beam else []
    assert run("detect", *shards.split("\0"), "--out", "out", *behind) == 2
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


def test_a_malformed_key_exits_2_before_anything_is_written(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.parquet", text=[PLAIN])
    monkeypatch.setenv("SCRUBTRACE_KEY", "short")
    assert detect(run) == 2
    assert not Path("out").exists()


def test_dry_run_writes_nothing(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    write("a.parquet", text=[PLAIN])
    assert detect(run, "--dry-run") == 0
    assert "1 rows in 1 shards" in capsys.readouterr().out
    assert not Path("out").exists()


def _disk_full_for(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomic = storage.write_atomic

    def failing(path: str, content: bytes) -> None:
        if f"{unit}." in path:
            raise OSError(28, "No space left on device")
        write_atomic(path, content)

    monkeypatch.setattr(scanning.storage, "write_atomic", failing)


def test_a_full_disk_stops_with_3_and_the_same_command_goes_on(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.parquet", "b.parquet", "c.parquet"):
        write(name, id=[name + str(i) for i in range(9)], text=[PLAIN, FLAGGED, PLAIN] * 3)
    arguments = ("--id-column", "id", "--set", "scan.unit_rows=9")
    assert detect(run, *arguments, out="whole") == 0
    with monkeypatch.context() as patch:
        _disk_full_for("u0000001", patch)
        assert detect(run, *arguments) == 3
    assert "the disk is full" in capsys.readouterr().err
    (unfinished,) = runs_of("out")
    assert not unfinished.is_committed()
    assert unfinished.scanned_units() == {"u0000000", "u0000002"}
    assert detect(run, *arguments) == 0
    (finished,) = runs_of("out")
    assert finished.id == unfinished.id
    assert parts(finished) == parts(runs_of("whole")[0])


def test_another_command_does_not_go_on_with_an_unfinished_run(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("a.parquet", text=[FLAGGED])
    with monkeypatch.context() as patch:
        _disk_full_for("u0000000", patch)
        assert detect(run) == 3
    write("a.parquet", text=[FLAGGED, PLAIN])
    assert detect(run) == 0
    assert [folder.is_committed() for folder in runs_of("out")].count(False) == 1
    assert manifest()["rows"] == 2


def test_two_runs_at_once_on_one_output_are_refused(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    write("a.parquet", text=[PLAIN])
    with output_lock("out"):
        assert detect(run) == 2
    assert f"in use by process {os.getpid()} on " in capsys.readouterr().err
    assert runs_of("out") == []
    assert detect(run) == 0


def test_two_workers_give_the_same_bytes(run: Run) -> None:
    for number in range(4):
        write(f"{number}.parquet", text=[PLAIN, FLAGGED, "", None, "好的，我们走吧。"] * 20)
    assert detect(run, "--set", "scan.unit_rows=100", out="one") == 0
    assert detect(run, "--set", "scan.unit_rows=100", "--workers", "2", out="two") == 0
    assert parts(runs_of("one")[0]) == parts(runs_of("two")[0])


def test_committing_again_changes_nothing(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    write("a.parquet", text=[FLAGGED, PLAIN])
    assert detect(run) == 0
    tables = ("review_items", "review_events")
    before = [rows_of(table) for table in tables], Path(runs_of("out")[0].manifest).read_bytes()
    assert run("commit", runs_of("out")[0].id, "--out", "out") == 0
    assert "0 new, 0 updated, 1 unchanged" in capsys.readouterr().out
    after = [rows_of(table) for table in tables], Path(runs_of("out")[0].manifest).read_bytes()
    assert after == before


def test_committing_under_another_policy_reviews_the_flags(run: Run) -> None:
    write("a.parquet", text=[FLAGGED, f'The bot said "{FLAGGED}" and stopped. {PLAIN}'])
    assert detect(run) == 0
    assert [item["flagged"] for item in rows_of("review_items")] == [1]
    again = ("commit", runs_of("out")[0].id, "--out", "out")
    assert run(*again, "--set", "policy.count_mentions=true") == 0
    assert sum(item["flagged"] for item in rows_of("review_items")) == 2
    assert run(*again, "--set", "policy.proof_hits=3") == 0
    assert sum(item["flagged"] for item in rows_of("review_items")) == 0


@pytest.mark.parametrize(
    ("harm", "code", "message"),
    [
        (lambda run: os.unlink(run.receipt("u0000000")), 3, "receipts of 1 of 1 units of run"),
        (lambda run: shutil.copy(run.manifest, run.part("boilerplate", "u0000000")), 4, "is for"),
        (lambda run: os.unlink(run.part("boilerplate", "u0000000")), 4, "cannot be read"),
    ],
)
def test_commit_refuses_what_does_not_add_up(
    run: Run,
    capsys: pytest.CaptureFixture[str],
    harm: Callable[[RunFolder], None],
    code: int,
    message: str,
) -> None:
    write("a.parquet", text=[FLAGGED])
    assert detect(run) == 0
    harm(runs_of("out")[0])
    assert run("commit", runs_of("out")[0].id, "--out", "out") == code
    assert message in capsys.readouterr().err


def test_commit_refuses_receipts_that_lose_a_row(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    write("a.parquet", text=[FLAGGED, PLAIN])
    assert detect(run) == 0
    receipt = Path(runs_of("out")[0].receipt("u0000000"))
    receipt.write_text(receipt.read_text().replace('"judged": 2', '"judged": 1'))
    assert run("commit", runs_of("out")[0].id, "--out", "out") == 4
    assert "the footer has 2 rows, but detector boilerplate accounts for 1" in (
        capsys.readouterr().err
    )


def test_unknown_run_says_which_there_are(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("commit", "nothing", "--out", "out") == 2
    assert "no run 'nothing' in out" in capsys.readouterr().err
