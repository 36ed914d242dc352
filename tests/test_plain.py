"""Names of the data in lines for people: on one line, none with control characters."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from hypothesis import given
from hypothesis import strategies as st
from samples import FLAGGED
from style_scorer import FakeScorer, essay

from scrubtrace.audit.lines import _table
from scrubtrace.detectors.style import detector as module
from scrubtrace.runs.reading import table
from scrubtrace.schemas.plain import many, plain, plain_lines
from scrubtrace.schemas.style import described
from scrubtrace.style import calibrate

HOSTILE = "es\nsays\u202e\x1b[31m\u2028x"
SOURCE, SOURCE_SHOWN = "es\u202esays\x1b[31m", "es\\u202esays\\x1b[31m"
"""A line break makes a value no name of a source."""
SHOWN = "es\\nsays\\u202e\\x1b[31m\\u2028x"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("essays, 2nd", "essays, 2nd"),
        ("作文\u3000二 é e\u0301 👍🏽", "作文\u3000二 é e\u0301 👍🏽"),
        ("5\u00a0%", "5\u00a0%"),
        (HOSTILE, SHOWN),
        ("\t\r\x7f\x00\x85", "\\t\\r\\x7f\\x00\\x85"),
        ("\u2066a\u2069\u200f\u200b\ufeff", "\\u2066a\\u2069\\u200f\\u200b\\ufeff"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text())
def test_a_line_stays_one_and_is_plain_for_good(text: str) -> None:
    assert len(plain(text).splitlines()) <= 1
    assert plain(plain(text)) == plain(text)
    assert plain_lines([text, text]).split("\n") == [plain(text)] * 2


@pytest.mark.parametrize(
    ("count", "several", "said"),
    [(0, "", "0 rows"), (1, "", "1 row"), (1_200, "", "1,200 rows"), (2, "rowes", "2 rowes")],
)
def test_how_many(count: int, several: str, said: str) -> None:
    assert many(count, "row", several) == said


def test_tables_keep_their_columns() -> None:
    names = [(HOSTILE, "1"), ("a", "22")]
    for lines in (list(table(("name", "n"), names)), list(_table(("name", "n"), 1, names))):
        assert lines == [f"name{' ' * (len(SHOWN) - 4)}   n", f"{SHOWN}   1", lines[2]]
        assert lines[2] == f"a{' ' * (len(SHOWN) - 1)}  22"
    assert described(f"en/{HOSTILE}/0-99") == f"en, {SHOWN}, 0-99 words"


def is_plain(said: str) -> bool:
    return all(line == plain(line) for line in said.split("\n"))


def test_names_of_sources_and_shards_in_summaries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    for place in (module, calibrate):
        monkeypatch.setattr(place, "load_scorer", lambda _: FakeScorer())
    for folder in ("human", "data"):
        Path(folder).mkdir()
        texts = [FLAGGED, *(essay(seed, moreover=seed % 9) for seed in range(200))]
        columns = {"text": texts, "src": [SOURCE] * 201, "lang": ["en"] * 201}
        pq.write_table(pa.table(columns), f"{folder}/a\x1b[31m\n.parquet")
        Path(folder, "b\u202e\n.parquet").write_bytes(b"PAR1")
    columns = ("--language-column", "lang", "--set", "policy.style.alpha=0.01")
    assert code_of(
        "style", "calibrate", "human/*.parquet", "--out", "human.npz", "--origin", "made up",
        "--source-column", "src", *columns,
    ) == 3  # fmt: skip
    told = capfd.readouterr()
    assert f"en, {SOURCE_SHOWN}, 0 words and more" in told.out
    assert "dead shard b\\u202e\\n.parquet: " in told.err
    assert is_plain(told.out + told.err)
    scan = ("detect", "data/*.parquet", "--out", "out", "--group-by", "source=src", *columns)
    assert code_of(*scan, "--style-calibration", "human.npz", "--dry-run") == 0
    assert code_of(*scan, "--style-calibration", "human.npz") == 3
    told = capfd.readouterr()
    assert f"style, en, {SOURCE_SHOWN}, 0 words and more: " in told.out
    assert f"by source: {SOURCE_SHOWN} " in told.out
    assert told.out.count("dead shard b\\u202e\\n.parquet: ") == 2
    assert is_plain(told.out)
