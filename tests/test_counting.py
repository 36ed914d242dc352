"""Counts of judged texts by language and group, and their sums over runs."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.beam_pipelines.counting import Counts, RowCells
from scrubtrace.beam_pipelines.decoding import Rows
from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.counted import judged_counts
from scrubtrace.exits import IncompleteStop, SumsDifferStop
from scrubtrace.resolver import current_results
from scrubtrace.schemas.counts import COUNTS, month_of
from tests.helpers.command_line import code_of


@pytest.mark.parametrize(
    ("time", "month"),
    [
        ("2022-11-30", "2022-11"),
        ("2022-11-30T23:59:59.5Z", "2022-11"),
        ("2022-11-30 01:00:00+09:00", "2022-11"),
        ("2022-11", "2022-11"),
        ("20221130", "2022-11"),
        ("2022/11/30", "2022-11"),
        (" 2022-11-30 ", "2022-11"),
        ("1669852799", "2022-11"),
        ("1669852800", "2022-12"),
        ("1669852800000", "2022-12"),
        ("1669852799.9", "2022-11"),
        ("2022-13-01", None),
        ("2022-11-32", None),
        ("30.11.2022", None),
        ("November 2022", None),
        ("2022", None),
        ("", None),
        (None, None),
    ],
)
def test_a_month_is_another_one(time: str | None, month: str | None) -> None:
    assert month_of(time) == month


def _rows(count: int, groups: dict[str, pa.Array]) -> Rows:
    numbers = range(count)
    return Rows(0, count, ["x"] * count, numbers, [], groups=groups)


VALUES = st.one_of(st.none(), st.sampled_from(["", "a", "b", "\N{SNOWMAN}"]))


@given(
    st.lists(st.tuples(VALUES, VALUES, st.sampled_from(["en", "ja"]), st.booleans())), st.booleans()
)
def test_counts_differ_from_those_of_single_texts(
    texts: list[tuple[str | None, str | None, str, bool]], encoded: bool
) -> None:
    labelers = pa.array([text[0] for text in texts], pa.string())
    vendors = pa.array([text[1] for text in texts], pa.string())
    groups = {"labeler": labelers.dictionary_encode() if encoded else labelers, "vendor": vendors}
    counts = Counts()
    silent = [number for number, text in enumerate(texts) if text[3]]
    languages = [text[2] for text in texts]
    cells = RowCells(_rows(len(texts), groups))
    empty = [number for number, text in enumerate(texts) if text[0] == "a"]
    counts.add(("s", "d"), cells, range(len(texts)), languages, silent, empty)
    expected = Counter((lang, who or None, vendor or None) for who, vendor, lang, _ in texts)
    abstained = Counter(
        (lang, who or None, vendor or None) for who, vendor, lang, is_silent in texts if is_silent
    )
    found = counts.table().to_pylist()
    for row in found:
        key = (row["language"], row["labeler"], row["vendor"])
        assert row["judged"] + row["abstained"] == expected.pop(key)
        assert row["abstained"] == abstained[key]
        of = ("judged", "abstained")
        nothing = [row[name] if row["labeler"] == "a" else 0 for name in of]
        assert [row[f"empty_{name}"] for name in of] == nothing
    assert not expected
    assert [row["shard"] for row in found] == ["s"] * len(found)


def test_months_of_timestamps_are_not_in_utc() -> None:
    times = [datetime(2022, 11, 30, 23, 59, tzinfo=UTC), datetime(2022, 12, 1, tzinfo=UTC), None]
    column = pa.array(times, pa.timestamp("us", "Asia/Tokyo"))
    cells = RowCells(_rows(3, {"created_at": column}))
    assert [cells.cells[code][-1] for code in cells.codes] == ["2022-11", "2022-12", None]


def test_counts_of_nothing_have_no_schema() -> None:
    assert Counts().table().schema == COUNTS


TEXTS = ["As an AI language model, I never sailed.", "The boat was late.", None, "Low tide."]


def _shard(folder: Path, name: str) -> Path:
    path = folder / name
    columns = {"text": TEXTS, "labeler": ["L1", "L2", "L1", None], "month": ["2023-01-05"] * 4}
    pq.write_table(pa.table(columns | {"language": ["en"] * 4}), path)
    return path


def _detect(folder: Path, *more: str) -> int:
    return code_of(
        "detect", f"{folder}/*.parquet", "--out", f"{folder}/out", "--quiet", "--dataset", "boats",
        "--review", f"sqlite:///{folder}/review.sqlite", "--language-column", "language",
        "--group-by", "labeler=labeler,created_at=month", *more,
    )  # fmt: skip


def _judged(folder: Path) -> dict[tuple[str, str | None, str | None], tuple[int, int]]:
    table = judged_counts(current_results(f"{folder}/out", "boats"))
    return {
        (row["detector"], row["labeler"], row["month"]): (row["judged"], row["abstained"])
        for row in table.to_pylist()
    }


def test_counts_of_kept_and_new_shards_are_not_those_of_all_shards(tmp_path: Path) -> None:
    _shard(tmp_path, "a.parquet")
    config = tmp_path / "one.toml"
    config.write_text('scan.detectors = ["boilerplate"]')
    assert _detect(tmp_path, "--config", str(config)) == 0
    _shard(tmp_path, "b.parquet")
    assert _detect(tmp_path) == 0
    judged = _judged(tmp_path)
    assert judged["boilerplate", "L1", "2023-01"] == (4, 0)
    for detector in ("boilerplate", "redaction"):
        assert sum(sum(found) for key, found in judged.items() if key[0] == detector) == 8


def test_null_texts_are_not_counted_apart(tmp_path: Path) -> None:
    _shard(tmp_path, "a.parquet")
    assert _detect(tmp_path) == 0
    rows = judged_counts(current_results(f"{tmp_path}/out", "boats")).to_pylist()
    empty = {
        (row["detector"], row["labeler"]): row["empty_judged"] + row["empty_abstained"]
        for row in rows
    }
    assert {labeler for (_, labeler), count in empty.items() if count} == {"L1"}
    assert set(empty.values()) == {0, 1}


def test_a_changed_count_is_read(tmp_path: Path) -> None:
    _shard(tmp_path, "a.parquet")
    assert _detect(tmp_path) == 0
    (folder,) = runs_of(f"{tmp_path}/out")
    results = current_results(f"{tmp_path}/out", "boats")
    path = Path(folder.counts("u0000000"))
    pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(SumsDifferStop, match="not the one"):
        judged_counts(results)


def test_a_run_without_counts_gives_rates(tmp_path: Path) -> None:
    _shard(tmp_path, "a.parquet")
    assert _detect(tmp_path) == 0
    (folder,) = runs_of(f"{tmp_path}/out")
    receipt = folder.read_receipt("u0000000")
    receipt.counts_sha256 = None
    Path(folder.receipt("u0000000")).write_bytes(receipt.to_json())
    with pytest.raises(IncompleteStop, match="--force"):
        judged_counts(current_results(f"{tmp_path}/out", "boats"))
