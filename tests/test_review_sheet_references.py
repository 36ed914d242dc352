"""Reference texts beside what matches them, in a review sheet, from a real index."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from made_texts import prose

ANSWERS = [prose(number) for number in range(12)]
LONG = "\n".join(prose(100 + number) for number in range(20))
CHANGED = f"To begin with, a note of my own. {' '.join(ANSWERS[1].split()[:40])} And so it ended."
DEEP = LONG[len(LONG) // 2 :][:600]
TABLE = ("--review", "sqlite:///out/review.sqlite")


@pytest.fixture(autouse=True)
def _scanned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that match the texts of an index: as they were, in part, and from inside of one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "cd" * 32)
    build([*ANSWERS, LONG], "index")
    Path("data").mkdir()
    texts = [ANSWERS[0], CHANGED, DEEP, "Nothing of the kind."]
    pq.write_table(pa.table({"text": texts}), "data/a.parquet")
    scan = ("detect", "data/*.parquet", "--out", "out", *TABLE, "--reference", "index", "--quiet")
    assert code_of(*scan) == 0


def build(answers: list[str], out: str) -> None:
    ids = [f"call-{number}" for number in range(len(answers))]
    pq.write_table(pa.table({"answer": answers, "id": ids}), "log.parquet")
    assert code_of(
        "index", "build", "log.parquet", "--text-column", "answer", "--id-column", "id",
        "--basis", "made for this test", "--out", out,
    ) == 0  # fmt: skip


def items(*options: str) -> dict[int, dict[str, Any]]:
    """Items of a sheet by row."""
    sheet = ("review", "sheet", *TABLE, "--out", "s.html", "--include-reported", *options)
    assert code_of(*sheet) == 0
    text = Path("s.html").read_text("utf-8")
    data = text.split('id="data">')[1].split("</script>")[0]
    return {item["row_index"]: item for item in json.loads(data)["items"]}


def test_the_reference_text_is_beside_its_match() -> None:
    found = items("--reference", "index")
    assert sorted(found) == [0, 1, 2]
    whole = found[0]["reference"]
    assert (whole["start"], whole["chars"]) == (0, len(ANSWERS[0]))
    assert whole["text"] == ANSWERS[0][:500]
    for number, answer in ((1, ANSWERS[1]), (2, LONG)):
        item = found[number]
        start, text = item["reference"]["start"], item["reference"]["text"]
        assert answer[start : start + len(text)] == text
        assert len(text) <= 500
        passage = next(entry for entry in item["evidence"] if entry.get("there"))
        first, last = passage["there"]
        begins, ends = (passage[name] - item["snippet_start"] for name in ("start", "end"))
        said = item["snippet"][max(begins, 0) : ends]
        assert len(said) > 100
        assert said in answer[first:last]
        assert max(first, start) < min(last, start + len(text))


def test_an_index_that_grew_has_the_texts_still() -> None:
    build([*ANSWERS, LONG, prose(700)], "grown")
    assert all("reference" in item for item in items("--reference", "grown").values())


def test_without_an_index_a_sheet_has_no_reference_text() -> None:
    assert [item for item in items().values() if "reference" in item] == []


def test_a_text_that_changed_since_is_left_out() -> None:
    build([prose(900 + number) for number in range(13)], "other")
    assert [item for item in items("--reference", "other").values() if "reference" in item] == []
    build(ANSWERS[2:], "smaller")
    assert [item for item in items("--reference", "smaller").values() if "reference" in item] == []


def test_an_index_that_is_none_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    sheet = ("review", "sheet", *TABLE, "--out", "s.html", "--reference", "data")
    assert code_of(*sheet) == 2
    assert "data" in capsys.readouterr().err
    assert not Path("s.html").exists()
