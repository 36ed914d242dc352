"""Comparing batches with known model output, through the command line, with made-up texts."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from made_texts import VOCABULARY, prose

from scrubtrace.compare.judging import Verdict

PHRASES = [" ".join(random.Random(n).choices(VOCABULARY, k=3)) for n in range(40)]


def modelled(seed: int, phrases: int = 6) -> str:
    """Prose with phrases that this model likes, a different text for each seed."""
    rng = random.Random(seed)
    words = prose(seed).split()
    for _ in range(phrases):
        words.insert(rng.randrange(len(words)), rng.choice(PHRASES))
    return " ".join(words)


def write(path: Path, texts: list[str], **columns: list[str | None]) -> Path:
    pq.write_table(pa.table({"text": texts, "lang": ["en"] * len(texts), **columns}), path)
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with an index, trusted rows that it was calibrated on, and others."""
    folder = tmp_path_factory.mktemp("compare")
    calls = write(folder / "calls.parquet", [modelled(n) for n in range(400)])
    known = write(folder / "known.parquet", [prose(10_000 + n) for n in range(400)])
    write(folder / "human.parquet", [prose(20_000 + n) for n in range(900)])
    index = (
        "--trusted", str(known), "--trusted-language-column", "lang",
        "--out", str(folder / "index"), "--basis", "a test",
    )  # fmt: skip
    assert code_of("index", "build", str(calls), *index, "--quiet") == 0
    return folder


def compared(place: Path, batch: Path, *more: str) -> tuple[int, dict[str, Any]]:
    """Exit code and report of a comparison."""
    out = batch.with_suffix(".json")
    code = code_of(
        "compare", str(batch), "--reference", str(place / "index"),
        "--human", str(place / "human.parquet"), "--human-language-column", "lang",
        "--language-column", "lang", "--out", str(out), *more,
    )  # fmt: skip
    return code, json.loads(out.read_text(encoding="utf-8"))


SUBJECT = "zu wo gra nem " * 12
HUMAN = [prose(30_000 + n) for n in range(100)]
CASES = {
    "human": (HUMAN, Verdict.PASS),
    "copied": (HUMAN[:90] + [modelled(n) for n in range(10)], Verdict.REFER),
    "same model": (HUMAN[:50] + [modelled(5_000 + n) for n in range(50)], Verdict.REFER),
    "few": (HUMAN[:19], Verdict.TOO_FEW),
    "one text again and again": ([modelled(1)] * 60, Verdict.TOO_FEW),
    "short": (["three words here"] * 60, Verdict.TOO_FEW),
    "another subject": (
        [f"{SUBJECT}{modelled(40_000 + n, 1)}" for n in range(100)],
        Verdict.NOT_COMPARABLE,
    ),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_verdicts(place: Path, tmp_path: Path, name: str) -> None:
    texts, verdict = CASES[name]
    code, report = compared(place, write(tmp_path / "batch.parquet", texts), "--quiet")
    assert code == 0
    assert [group["verdict"] for group in report["groups"]] == [verdict]


def test_groups_are_judged_apart_and_the_gate_closes(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [*HUMAN[:40], *HUMAN[40:70], *(modelled(n) for n in range(10)), *HUMAN[70:75]]
    vendors = [*["a"] * 40, *["b"] * 40, *[None] * 5]
    batch = write(tmp_path / "batch.parquet", texts, vendor=vendors)
    code, report = compared(place, batch, "--group-by", "vendor=vendor", "--gate")
    found = {group["group"]["vendor"]: group["verdict"] for group in report["groups"]}
    assert found == {"a": Verdict.PASS, "b": Verdict.REFER, None: Verdict.TOO_FEW}
    assert code == 5
    part = report["groups"][1]["parts"][0]
    assert part["matched"]["strict"]["rows"] == 10
    assert part["matched"]["strict"]["trusted"]["rows"] == 0
    assert part["smallest_share_seen"]["copied"] <= 0.25
    told = capsys.readouterr()
    assert "vendor b: refer" in told.out
    assert "not a finding about anyone" in told.out
    assert "1 of 3 groups are referred to review" in told.err
    assert not any(text in told.out + told.err + json.dumps(report) for text in texts)


def test_the_same_command_gives_the_same_report(place: Path, tmp_path: Path) -> None:
    batch = write(tmp_path / "batch.parquet", CASES["same model"][0])
    first, second = (compared(place, batch, "--quiet")[1] for _ in range(2))
    assert first == second


def test_rows_the_index_was_calibrated_on_are_no_comparison(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = write(tmp_path / "batch.parquet", HUMAN)
    known = ("--human", str(place / "known.parquet"), "--out", str(tmp_path / "out.json"))
    assert code_of("compare", str(batch), "--reference", str(place / "index"), *known) == 2
    assert "must not be those that the index was calibrated on" in capsys.readouterr().err


def test_the_batch_is_no_trusted_row_of_its_own(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = write(tmp_path / "batch.parquet", HUMAN, answer=HUMAN[::-1])
    copy, link = tmp_path / "human" / "copy.parquet", tmp_path / "link.parquet"
    copy.parent.mkdir()
    shutil.copy(batch, copy)
    link.symlink_to(batch)
    write(copy.with_name("others.parquet"), [prose(50_000 + n) for n in range(100)])
    out = ("--out", str(tmp_path / "out.json"), "--quiet")
    command = ("compare", str(batch), "--reference", str(place / "index"), *out)
    globs = (str(batch), str(link), f"{copy.parent}/*.parquet", f"{tmp_path}/b*.parquet")
    for human in globs:
        assert code_of(*command, "--human", human) == 2
        told = capsys.readouterr().err
        assert "is a shard of the batch" in told
        assert "give other rows to --human" in told
    assert not (tmp_path / "out.json").exists()
    more = ("--human", str(batch), "--human-column", "answer")
    assert code_of(*command, *more) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--reference": "nowhere"}, "no finished index"),
        (
            {"--human": "nowhere.parquet"},
            "there is no trusted row in --human (1 dead shards, the first nowhere",
        ),
        ({"--human-column": "body"}, "body"),
        ({"--text-column": "body"}, "body"),
        ({"--group-by": "vendor=worker"}, "worker"),
        ({"--group-by": "worker"}, "NAME=COL"),
        ({"batch": "empty"}, "the batch has no text\n"),
    ],
)
def test_what_cannot_be_compared(
    place: Path,
    tmp_path: Path,
    change: dict[str, str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    texts = ["", "  "] if change.pop("batch", None) else HUMAN
    batch = write(tmp_path / "batch.parquet", texts)
    options = {
        "--reference": str(place / "index"),
        "--human": str(place / "human.parquet"),
        "--out": str(tmp_path / "out.json"),
    } | change
    flat = [part for option in options.items() for part in option]
    assert code_of("compare", str(batch), "--quiet", *flat) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()


def test_references_written_like_trusted_rows_say_nothing_of_the_way_of_writing(
    tmp_path: Path,
) -> None:
    write(tmp_path / "human.parquet", [prose(20_000 + n) for n in range(600)])
    calls = write(tmp_path / "calls.parquet", [prose(n) for n in range(200)])
    index = ("--out", str(tmp_path / "index"), "--basis", "a test", "--quiet")
    assert code_of("index", "build", str(calls), *index) == 0
    _, report = compared(tmp_path, write(tmp_path / "batch.parquet", HUMAN))
    (part,) = report["groups"][0]["parts"]
    assert part["verdict"] == Verdict.PASS
    assert part["resembles"] is None
    assert part["reasons"] == ["references and trusted rows are written alike: nothing to compare"]
