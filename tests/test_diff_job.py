"""``scrubtrace diff`` from the command line."""

import errno
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from samples import FLAGGED

from scrubtrace.config import Config, InputSection
from scrubtrace.diff.job import DiffJob, run_diff
from scrubtrace.schemas.edits import EDIT_FINDINGS

Diff = Callable[..., int]

MILL = "The mill by the river grinds rye. Olga Brandt bought it in 1954. It has nine rooms."
FERRY = "The ferry leaves at noon. Two goats stand on deck, and the captain reads a novel."
CHOIR = "Our choir sings on Tuesdays. The tenor has a cold, so the altos are louder than ever."
BREAD = "Rye bread needs a day of rest. The crust turns dark, the crumb stays moist for a week."
TEXTS = [MILL, FERRY, CHOIR, BREAD]
SCRUBBED = [f"Certainly! {MILL}", f"{FERRY} ChatGPT wrote this.", CHOIR, f"{BREAD} Sold out."]
AFTERWARDS = [MILL, f"{FERRY} The assistant wrote this.", CHOIR.replace("tenor", "[NAME]"), BREAD]


@pytest.fixture
def diff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Diff:
    """Runs ``scrubtrace diff old/*.parquet new/*.parquet``; gives its exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    for folder in ("old", "new"):
        Path(folder).mkdir()
    return lambda *more: code_of("diff", "old/*.parquet", "new/*.parquet", "--out", "out", *more)


def write(name: str, **columns: Any) -> None:
    pq.write_table(pa.table(columns), name)


def findings() -> list[dict[str, Any]]:
    table = pq.read_table("out/findings.parquet")
    assert table.schema.equals(EDIT_FINDINGS)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def manifest() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path("out/manifest.json").read_text())
    rows = content["rows"]
    for side, alone in (("old", "gone"), ("new", "new")):
        dead = sum(content[side]["dead_rows"].values())
        assert content[side]["rows"] == rows["matched"] + rows[alone] + dead
    assert rows["matched"] == rows["same"] + rows["edited"]
    return content


def kinds_by_row() -> dict[int, list[str]]:
    return {row["old_row_index"]: row["kinds"] for row in findings()}


@pytest.mark.parametrize("options", [("--id-column", "id"), ()])
def test_golden(diff: Diff, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    write("old/a.parquet", id=[1, 2, 3, 4, 9], text=[*SCRUBBED, "A row that is gone, of lamps."])
    order = [3, 1, 0, 2]
    new = [AFTERWARDS[n] for n in order]
    write("new/a.parquet", id=[4, 2, 1, 3, 7], text=[*new, "Another matter: tulips."])
    assert diff(*options) == 0
    assert kinds_by_row() == {
        0: ["boilerplate_cut"],
        1: ["name_removed"],
        2: ["placeholder_put_in"],
    }
    [swap] = [row for row in findings() if row["old_row_index"] == 1]
    [change] = swap["changes"]
    assert (change["removed"], change["inserted"]) == ("ChatGPT", "The assistant")
    assert SCRUBBED[1][change["old_start"] : change["old_end"]] == "ChatGPT"
    told = manifest()
    assert told["rows"] == {"matched": 4, "same": 0, "edited": 4, "gone": 1, "new": 1}
    assert told["kinds"] == {"boilerplate_cut": 1, "name_removed": 1, "placeholder_put_in": 1}
    shown = capsys.readouterr()
    assert "4 rows, 0 the same, 4 edited" in shown.out
    assert not any(word in shown.out + shown.err for word in ("Olga", "goats", "ChatGPT"))
    assert not Path("out/.work").exists()


@pytest.mark.parametrize("options", [("--id-column", "id"), ()])
def test_the_same_rows_in_another_order_are_quiet(diff: Diff, options: tuple[str, ...]) -> None:
    write("old/a.parquet", id=range(8), text=TEXTS * 2)
    write("new/a.parquet", id=[*range(7, -1, -1)], text=(TEXTS * 2)[::-1])
    assert diff(*options) == 0
    assert findings() == []
    assert manifest()["rows"] == {"matched": 8, "same": 8, "edited": 0, "gone": 0, "new": 0}


def test_the_same_bytes_again_and_with_workers(diff: Diff) -> None:
    ids = range(40)
    for side, texts in (("old", SCRUBBED), ("new", AFTERWARDS)):
        for shard in range(2):
            rows = [f"{text} Number {n}." for n, text in zip(ids, texts * 10, strict=True)]
            write(f"{side}/{shard}.parquet", id=[f"{shard}-{n}" for n in ids], text=rows)
    seen = set()
    for more in ((), ("--workers", "2"), ("--set", "scan.batch_rows=7")):
        assert diff("--id-column", "id", "--quiet", *more) == 0
        names = ("findings.parquet", "findings.csv", "manifest.json")
        seen.add(tuple(Path("out", name).read_bytes() for name in names))
    assert len(seen) == 1


@pytest.mark.parametrize("id_column", ["id", None])
def test_more_partitions_find_the_same(diff: Diff, id_column: str | None) -> None:
    for side, texts in (("old", SCRUBBED), ("new", AFTERWARDS)):
        rows = [f"{text} Number {n} is {'x' * n}." for n, text in enumerate(texts * 6)]
        write(f"{side}/a.parquet", id=range(24), text=rows)
    config = Config(input=InputSection(id_column=id_column))
    found = []
    for size in (1 << 20, 300):
        job = DiffJob(["old/a.parquet"], ["new/a.parquet"], "out", config, quiet=True)
        run_diff(replace(job, partition_bytes=size))
        found.append(findings())
    assert found[0] == found[1]
    assert len(found[0]) == 24


def test_chat_rows_are_compared_by_turn(diff: Diff) -> None:
    def chat(*turns: str) -> list[dict[str, str]]:
        roles = ["user", "assistant"] * len(turns)
        return [{"role": r, "content": t} for r, t in zip(roles, turns, strict=False)]

    write("old/a.parquet", id=["x"], messages=[chat("Hi", FERRY, "More", SCRUBBED[0])])
    after = chat("Hi", FERRY, "Well", CHOIR, "More", MILL)
    write("new/a.parquet", id=["x"], messages=[after])
    assert diff("--text-column", "messages", "--id-column", "id") == 0
    [row] = findings()
    assert (row["old_turn"], row["new_turn"], row["kinds"]) == (3, 5, ["boilerplate_cut"])
    assert manifest()["texts"] == {"same": 1, "edited": 1, "gone": 0, "new": 1}


def test_an_id_twice_is_told_apart_by_content(diff: Diff) -> None:
    write("old/a.parquet", id=["x", "x", "x", None], text=[SCRUBBED[0], CHOIR, FERRY, SCRUBBED[3]])
    write("new/a.parquet", id=["x", "x", None], text=[CHOIR, MILL, BREAD])
    assert diff("--id-column", "id") == 0
    assert kinds_by_row() == {0: ["boilerplate_cut"]}
    told = manifest()
    assert told["rows"] == {"matched": 3, "same": 1, "edited": 2, "gone": 1, "new": 0}
    assert [told[s]["rows_of_a_repeated_id"] for s in ("old", "new")] == [2, 1]
    assert [told[s]["rows_without_an_id"] for s in ("old", "new")] == [1, 1]


def test_a_sentence_that_many_rows_lose_is_reported(diff: Diff) -> None:
    cut = "Brought to you by the purple llama of Dorset."
    for count, expected in ((4, 0), (5, 5)):
        texts = [f"{TEXTS[n % 4]} Page {n} of the book." for n in range(count)]
        write("old/a.parquet", id=range(count), text=[f"{text} {cut}" for text in texts])
        write("new/a.parquet", id=range(count), text=texts)
        assert diff("--id-column", "id", "--quiet") == 0
        assert len(findings()) == expected
    assert {c["signal"] for row in findings() for c in row["changes"]} == {"any.recurring.cut"}


def test_groups_and_cells(diff: Diff) -> None:
    text = f"=1+1 {FERRY}"
    write("old/a.parquet", id=["=7"], text=[f"{text} ChatGPT wrote this."], who=["@ann"])
    write("new/a.parquet", id=["=7"], text=[f"{text} =HYPERLINK(1) wrote this."])
    assert diff("--id-column", "id", "--group-by", "vendor=who") == 2
    write("new/a.parquet", id=["=7"], text=[f"{text} Nova wrote this."], who=["@ann"])
    assert diff("--id-column", "id", "--group-by", "vendor=who") == 0
    assert manifest()["by_group"]["vendor"] == {"@ann": {"name_removed": 1}}
    assert '"\'=7"' in Path("out/findings.csv").read_text()


def test_a_group_value_is_one_line(diff: Diff, capsys: pytest.CaptureFixture[str]) -> None:
    for side, name in (("old", "ChatGPT"), ("new", "Nova")):
        write(
            f"{side}/a.parquet", id=[1], text=[f"{FERRY} {name} wrote this."], who=["\x1b[2Jx\ny"]
        )
    assert diff("--id-column", "id", "--group-by", "vendor=who") == 0
    assert r"by vendor: \x1b[2Jx\ny 1" in capsys.readouterr().out


def test_flagged_rows_that_were_edited_instead_of_removed(diff: Diff) -> None:
    edited = FLAGGED.replace("soup", "stew")
    texts = [f"{FLAGGED} {n}" for n in "abc"]
    write("old/a.parquet", id=[1, 2, 3, 4], text=[*texts, MILL])
    assert code_of("detect", "old/*.parquet", "--out", "runs", "--quiet") == 0
    write("new/a.parquet", id=[1, 2, 4], text=[f"{edited} a", texts[1], MILL])
    assert diff("--id-column", "id", "--flagged", "sqlite:///runs/review.sqlite") == 0
    assert kinds_by_row() == {0: ["edited_after_flag"]}
    [change] = findings()[0]["changes"]
    assert (change["removed"], change["inserted"]) == ("oup", "tew")
    assert manifest()["flagged"] == {"texts_in_the_table": 3, "edited": 1, "same": 1, "gone": 1}


def test_flagged_rows_are_known_by_the_key_in_its_default_place(
    diff: Diff, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCRUBTRACE_KEY")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(Path.cwd()))
    write("old/a.parquet", id=[1, 2], text=[FLAGGED, MILL])
    assert code_of("detect", "old/*.parquet", "--out", "runs", "--quiet") == 0
    write("new/a.parquet", id=[1, 2], text=[FLAGGED.replace("soup", "stew"), MILL])
    assert diff("--id-column", "id", "--flagged", "sqlite:///runs/review.sqlite") == 0
    assert kinds_by_row() == {0: ["edited_after_flag"]}


def test_flagged_rows_need_the_key_they_were_flagged_with(
    diff: Diff, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for side in ("old", "new"):
        write(f"{side}/a.parquet", text=[FLAGGED])
    assert code_of("detect", "old/*.parquet", "--out", "runs", "--quiet") == 0
    monkeypatch.setenv("SCRUBTRACE_KEY", "cd" * 32)
    assert diff("--flagged", "sqlite:///runs/review.sqlite") == 2
    assert "--key-file" in capsys.readouterr().err
    assert diff("--flagged", "sqlite:///none.sqlite") == 2
    assert not Path("none.sqlite").exists()


def test_an_empty_version(diff: Diff) -> None:
    write("old/a.parquet", id=pa.array([], pa.int64()), text=pa.array([], pa.string()))
    write("new/a.parquet", id=[1], text=[MILL])
    assert diff("--id-column", "id") == 0
    assert findings() == []
    assert manifest()["rows"] == {"matched": 0, "same": 0, "edited": 0, "gone": 0, "new": 1}


@pytest.mark.parametrize("pattern", ["v2/*.parquet", "**/*.parquet", "v2/findings.parquet"])
def test_findings_among_the_shards_of_a_version(
    diff: Diff, pattern: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("v2").mkdir()
    write("old.parquet", text=["A plain text."])
    write("v2/findings.parquet" if "find" in pattern else "v2/a.parquet", text=["A plain text."])
    before = sorted(Path().rglob("*"))
    assert code_of("diff", "old.parquet", pattern, "--out", "v2") == 2
    assert "--out v2/findings.parquet " in capsys.readouterr().err
    assert sorted(Path().rglob("*")) == before


def test_a_column_that_one_version_lacks(diff: Diff, capsys: pytest.CaptureFixture[str]) -> None:
    write("old/a.parquet", id=[1], text=[MILL])
    write("new/a.parquet", id=[1], body=[MILL])
    assert diff("--id-column", "id") == 2
    assert "new version" in capsys.readouterr().err
    write("new/b.parquet", id=[1], text=[MILL])
    assert diff("--id-column", "id") == 3
    [shard] = manifest()["new"]["dead_shards"]
    assert (shard["name"], shard["reason"]) == ("a.parquet", "missing_column")


def test_types_that_changed_still_match(diff: Diff) -> None:
    write("old/a.parquet", id=[1, 2], text=[SCRUBBED[0], FERRY])
    write("new/a.parquet", id=["1", "2"], text=pa.array([MILL.encode(), b"\xff"], pa.binary()))
    assert diff("--id-column", "id") == 3
    assert kinds_by_row() == {0: ["boilerplate_cut"]}
    told = manifest()
    assert told["new"]["dead_rows"] == {"invalid_utf8": 1}
    assert told["rows"]["gone"] == 1
    assert diff("--id-column", "id", "--set", "limits.max_dead_letters=1") == 0


def test_a_truncated_shard(diff: Diff) -> None:
    write("old/a.parquet", text=TEXTS)
    write("new/a.parquet", text=TEXTS)
    whole = Path("new/a.parquet").read_bytes()
    Path("new/b.parquet").write_bytes(whole[: len(whole) // 2])
    assert diff() == 3
    assert manifest()["rows"]["same"] == 4


def test_what_a_killed_call_left_is_done_again(diff: Diff) -> None:
    write("old/a.parquet", id=[1], text=[SCRUBBED[0]])
    write("new/a.parquet", id=[1], text=[MILL])
    left = Path("out/.work/ids/old")
    left.mkdir(parents=True)
    (left / "000000.arrows").write_bytes(b"half")
    assert diff("--id-column", "id") == 0
    assert kinds_by_row() == {0: ["boilerplate_cut"]}
    assert not Path("out/.work").exists()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "", "out/findings.csv"), "out/findings.csv: the disk is full"),
        (MemoryError(), "not enough memory"),
        (KeyboardInterrupt(), "interrupted"),
    ],
)
def test_a_comparison_that_ended_early_starts_from_the_beginning(
    diff: Diff,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    said: str,
) -> None:
    def fail(*_: Any) -> None:
        raise error

    write("old/a.parquet", id=[1], text=[SCRUBBED[0]])
    write("new/a.parquet", id=[1], text=[MILL])
    with monkeypatch.context() as patch:
        patch.setattr("scrubtrace.diff.job.write_results", fail)
        assert diff("--id-column", "id") == 3
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.endswith("; the same command starts from the beginning\n")
    assert not Path("out/.work").exists()
    assert diff("--id-column", "id") == 0


def test_workers_end_when_the_command_is_gone() -> None:
    script = (
        "import os, time; from scrubtrace.diff.job import _pool; pool = _pool(1);"
        "worker = pool.submit(os.getpid).result(); pool.submit(time.sleep, 120);"
        "print(worker, flush=True); time.sleep(120)"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        process.kill()
    until = time.monotonic() + 60
    while Path(f"/proc/{worker}").exists():
        assert time.monotonic() < until, "the worker is left"
        time.sleep(0.1)
