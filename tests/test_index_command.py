"""``scrubtrace index`` and ``detect --reference``, as users call them."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from made_texts import prose
from sqlalchemy import create_engine, text

from scrubtrace.exits import Exit
from scrubtrace.lock import output_lock

ANSWERS = [prose(n) for n in range(40)]
PROMPTS = [prose(1_000 + n) for n in range(40)]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "cd" * 32)
    columns: dict[str, Any] = {
        "answer": ANSWERS,
        "prompt": PROMPTS,
        "id": [f"call-{n}" for n in range(40)],
        "model": ["model-x"] * 40,
        "task": [f"t{n}" for n in range(40)],
    }
    pq.write_table(pa.table(columns), "log.parquet")
    trusted = {"text": [prose(5_000 + n) for n in range(3_000)], "lang": ["en"] * 3_000}
    pq.write_table(pa.table(trusted), "trusted.parquet")


def build(*more: str) -> int:
    return code_of(
        "index", "build", "log.parquet", "--text-column", "answer", "--prompt-column", "prompt",
        "--id-column", "id", "--model-column", "model", "--task-column", "task",
        "--basis", "contract 7", "--out", "index",
        "--trusted", "trusted.parquet",
        "--trusted-language-column", "lang", *more,
    )  # fmt: skip


def chat_log(path: str, calls: int) -> None:
    lines = [
        json.dumps({
            "request": {"model": "model-x", "messages": [{"role": "user", "content": PROMPTS[n]}]},
            "response": {
                "id": f"chat-{n}",
                "model": "model-x",
                "choices": [{"message": {"role": "assistant", "content": ANSWERS[n]}}],
            },
        })
        for n in range(calls)
    ]  # fmt: skip
    content = "\n".join(lines).encode()
    Path(path).write_bytes(gzip.compress(content) if path.endswith(".gz") else content)


def test_build_says_what_the_index_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert build() == Exit.DONE
    said = capsys.readouterr().out
    assert "80 reference texts, 40 of them prompts" in said
    assert "basis: contract 7" in said
    assert "3,000 trusted rows" in said


def test_info_names_the_trusted_rows_that_come_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    pq.write_table(
        pa.table(
            {
                "text": [*(prose(5_000 + n) for n in range(3_000)), ANSWERS[2]],
                "lang": ["en"] * 3_001,
            }
        ),
        "trusted.parquet",
    )
    build("--quiet")
    assert code_of("index", "info", "index") == Exit.DONE
    said = capsys.readouterr().out
    assert said.index("trusted.parquet:3000") < said.index("score", said.index("nearest"))


def test_trace_names_the_source(capsys: pytest.CaptureFixture[str]) -> None:
    build("--quiet")
    assert code_of("index", "trace", "--index", "index", f"Sure! {ANSWERS[3]}") == Exit.DONE
    assert "source call-3, model model-x" in capsys.readouterr().out
    unrelated = ("--language", "en", prose(77_777))
    assert code_of("index", "trace", "--index", "index", *unrelated) == Exit.DONE
    assert capsys.readouterr().out == "no match\n"


def test_add_extends_and_calibrates_again(capsys: pytest.CaptureFixture[str]) -> None:
    build("--quiet")
    more = {"text": [*(prose(2_000 + n) for n in range(5)), ANSWERS[0]]}
    pq.write_table(pa.table(more), "more.parquet")
    assert code_of("index", "add", "more.parquet", "--index", "index") == Exit.DONE
    said = capsys.readouterr().out
    assert "85 reference texts" in said
    assert "repeated 1" in said
    assert "3,000 trusted rows" in said
    code_of("index", "trace", "--index", "index", more["text"][2])
    assert "source more.parquet:2" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz"])
def test_call_logs_are_read_with_their_coverage(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    chat_log(name, 20)
    assert code_of("index", "build", name, "--basis", "b", "--out", "index") == Exit.DONE
    said = capsys.readouterr().out
    assert "40 reference texts, 20 of them prompts" in said
    assert "calls_with_completion 20" in said
    assert "not calibrated" in said


def test_bad_lines_of_a_log_are_told_and_make_it_incomplete(
    capsys: pytest.CaptureFixture[str],
) -> None:
    chat_log("log.jsonl", 5)
    with open("log.jsonl", "a") as file:
        file.write('\nno json: secret words\n{"request": {"messa')
    code = code_of("index", "build", "log.jsonl", "--basis", "b", "--out", "index")
    told = capsys.readouterr()
    assert code == Exit.INCOMPLETE
    assert "log.jsonl:6: not_json" in told.err
    assert "log.jsonl:7: truncated" in told.err
    assert "secret" not in told.err + told.out
    assert "bad_lines 2" in told.out


def review(what: str) -> list[tuple[Any, ...]]:
    engine = create_engine("sqlite:///out/review.sqlite")
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(what))]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_detect_compares_with_the_index(workers: str) -> None:
    build("--quiet")
    masked = " ".join("[NAME]" if n % 6 == 0 else word for n, word in enumerate(ANSWERS[4].split()))
    texts = [ANSWERS[0], f"Certainly. {masked}", PROMPTS[9], *(prose(9_000 + n) for n in range(30))]
    tasks = ["t0", "t4", *[None] * 31]
    columns = {"text": texts, "task": tasks, "lang": ["en"] * 33}
    pq.write_table(pa.table(columns), "data.parquet")
    code = code_of(
        "detect", "data.parquet", "--out", "out", "--reference", "index", "--quiet",
        "--workers", workers, "--group-by", "task=task",
        "--language-column", "lang",
    )  # fmt: skip
    assert code == Exit.DONE
    found = review("select row_index, kind, why from review_items where flagged order by row_index")
    assert [(row, kind) for row, kind, _ in found] == [
        (0, "reference_match"), (1, "reference_match"), (2, "input_match"),
    ]  # fmt: skip
    assert "has the words of a reference text (proof)" in found[0][2]
    assert "masked words" in found[1][2]
    evidence = json.loads(review("select evidence from review_items order by row_index")[1][0])
    about = json.loads(next(e["value"] for e in evidence if e["start"] is None))
    assert (about["source"], about["same_task"]) == ("call-4", True)


def test_an_index_that_grew_is_scanned_with_again() -> None:
    build("--quiet")
    pq.write_table(pa.table({"text": [prose(2_000)]}), "data.parquet")
    run = ("detect", "data.parquet", "--out", "out", "--reference", "index", "--quiet")
    code_of(*run)
    assert review("select count(*) from review_items") == [(0,)]
    pq.write_table(pa.table({"text": [prose(2_000)]}), "more.parquet")
    code_of("index", "add", "more.parquet", "--index", "index", "--quiet")
    code_of(*run)
    assert review("select kind from review_items") == [("reference_match",)]


def test_what_a_killed_build_left_is_removed() -> None:
    left = [Path("index") / ".unfinished-1", Path("index/segments/.unfinished-2/x")]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert build() == 0
    assert [path.name for path in Path("index").rglob(".unfinished*")] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("build", "log.parquet", "--out", "i"), "Missing option '--basis'"),
        (("build", "log.parquet", "--out", "i", "--basis", " "), "cannot be empty"),
        (("build", "log.parquet", "--out", "i", "--basis", "b"), "text"),
        (("build", "none.jsonl", "--out", "i", "--basis", "b"), "none.jsonl"),
        (("build", "log.parquet", "a.jsonl", "--out", "i", "--basis", "b"), "add one to the other"),
        (("build", "*.ndjson", "--out", "i", "--basis", "b"), "no file matches"),
        (("info", "i"), "no finished index"),
        (("add", "log.parquet", "--index", "i"), "no finished index"),
        (("trace", "--index", "i", "text"), "no finished index"),
    ],
)
def test_what_cannot_work_is_refused(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of("index", *arguments) == Exit.USAGE
    assert message in capsys.readouterr().err


def test_an_index_is_built_once_and_by_one_builder(capsys: pytest.CaptureFixture[str]) -> None:
    with output_lock("index"):
        assert build() == Exit.USAGE
    assert "in use" in capsys.readouterr().err
    assert build("--quiet") == Exit.DONE
    assert build() == Exit.USAGE
    assert "index add" in capsys.readouterr().err


def test_a_deleted_segment_is_a_clear_error(capsys: pytest.CaptureFixture[str]) -> None:
    build("--quiet")
    next(Path("index").glob("segments/*/postings.npy")).unlink()
    pq.write_table(pa.table({"text": ANSWERS}), "data.parquet")
    assert code_of("detect", "data.parquet", "--out", "out", "--reference", "index") == Exit.USAGE
    assert "postings.npy is missing" in capsys.readouterr().err


def test_what_cannot_be_read_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    Path("log.parquet").rename("a.parquet")
    pq.write_table(pa.table({"answer": [prose(n) for n in range(50, 60)]}), "b.parquet")
    Path("c.parquet").write_bytes(b"PAR1 cut off")
    broken = pa.array([b"\xff\xfe", b"no prompt"]).cast(pa.string(), safe=False)
    pq.write_table(pa.table({"answer": [prose(60), prose(61)], "prompt": broken}), "d.parquet")
    command = ("index", "build", "a.parquet", "b.parquet", "c.parquet", "d.parquet")
    columns = ("--text-column", "answer", "--prompt-column", "prompt")
    assert (
        code_of(*command, *columns, "--basis", "contract 7", "--out", "index", "--quiet")
        == Exit.INCOMPLETE
    )
    said = capsys.readouterr().err
    for name in ("dead shard b.parquet", "dead shard c.parquet", "dead row 0 of d.parquet"):
        assert said.count(name) == 1
    assert "3 rows, shards or lines could not be read" in said
