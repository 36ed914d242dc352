"""Labelled files of the benchmarks: what is read, and that wrong data end with 2 and are named."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
GOOD = {
    "text": pa.array(["Rain fell all day.", "The sun shone."]),
    "label": pa.array(["human", "llm"]),
    "lang": pa.array(["en", "en"]),
    "attack": pa.array(["none", None]),
}
OTHERS = ("flag_rates", "style_transfer", "style_in_source", "style_calibration")


@pytest.fixture(autouse=True)
def path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in (*OTHERS, "style_predictions", "style_rows", "style_scores", "verdicts"):
        sys.modules.pop(name, None)


@pytest.fixture
def labelled_files() -> Iterator[ModuleType]:
    yield importlib.import_module("labelled_files")
    sys.modules.pop("labelled_files")


def written(folder: Path, **columns: Any) -> Path:
    """A file with good columns but for those given; None leaves one out."""
    table = {name: column for name, column in (GOOD | columns).items() if column is not None}
    file = folder / "essays.parquet"
    pq.write_table(pa.table(table), file)
    return file


def ended_with(
    name: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> str:  # fmt: skip
    """What a benchmark that has to end with 2 says on standard error."""
    monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments])
    with pytest.raises(SystemExit) as raised:
        importlib.import_module(name).main()
    assert raised.value.code == 2
    return capsys.readouterr().err


WRONG = [
    ({"text": None}, "no column text"),
    ({"label": None}, "no column label"),
    ({"lang": None}, "no column lang"),
    ({"text": pa.array([1, 2])}, "column text is int64"),
    ({"text": pa.nulls(2)}, "column text is null"),
    ({"text": pa.array([["a"], ["b"]])}, "column text is list"),
    ({"text": pa.array([b"plain", b"\xff\xfe"])}, "column text has bytes that are not UTF-8"),
    ({"lang": pa.array([1, 2])}, "column lang is int64"),
    ({"source": pa.array([1, 2])}, "column source is int64"),
    ({"attack": pa.array([0, 1])}, "column attack is int64"),
    ({"label": pa.array([0, 1])}, "column label is int64"),
    ({"label": pa.array([True, False])}, "column label is bool"),
    ({"label": pa.array(["Human", "AI"])}, "column label has 'Human', 'AI' in 2 of 2 rows"),
    ({"label": pa.array(["human", None])}, "column label has null in 1 of 2 rows"),
    ({"label": pa.array(["human", "x" * 99])}, "a text of 99 characters in 1 of 2 rows"),
]


@pytest.mark.parametrize(("columns", "words"), WRONG)
def test_wrong_columns_are_named(
    labelled_files: ModuleType, tmp_path: Path, columns: dict[str, Any], words: str
) -> None:
    file = written(tmp_path, **columns)
    for read, where in ((labelled_files.labelled_rows, file),
                        (labelled_files.labelled_files, tmp_path)):  # fmt: skip
        if read is labelled_files.labelled_files and "UTF-8" in words:
            continue  # texts are read with the rows
        with pytest.raises(labelled_files.LabelledError) as raised:
            read(where)
        assert str(raised.value).startswith(f"{file}: ")
        assert words in str(raised.value)


def test_two_columns_of_one_name_and_broken_files_are_named(
    labelled_files: ModuleType, tmp_path: Path
) -> None:
    table = pa.table([*GOOD.values(), GOOD["text"]], names=[*GOOD, "text"])
    pq.write_table(table, tmp_path / "essays.parquet")
    with pytest.raises(labelled_files.LabelledError, match="2 columns text"):
        labelled_files.labelled_files(tmp_path)
    file = written(tmp_path)
    for content in (file.read_bytes()[:-9], b"", b"no Parquet"):
        file.write_bytes(content)
        with pytest.raises(labelled_files.LabelledError, match=r"essays\.parquet: cannot be read"):
            labelled_files.labelled_files(tmp_path)


@pytest.mark.parametrize(
    "columns",
    [
        {"text": GOOD["text"].cast(pa.large_string())},
        {"text": GOOD["text"].cast(pa.binary())},
        {"text": GOOD["text"].dictionary_encode(), "label": GOOD["label"].dictionary_encode()},
        {"lang": pa.array(["en-GB", "eng"])},
        {"lang": pa.nulls(2)},
        {"attack": None, "source": pa.nulls(2), "domain": pa.array([1, 2])},
    ],
)
def test_texts_of_other_types_are_read(
    labelled_files: ModuleType, tmp_path: Path, columns: dict[str, Any]
) -> None:
    rows = labelled_files.labelled_rows(written(tmp_path, **columns), ["domain", "prompt"])
    assert [row["text"] for row in rows] == ["Rain fell all day.", "The sun shone."]
    assert [row["label"] for row in rows] == ["human", "llm"]
    assert {(row["lang"], row["attack"], row["source"]) for row in rows} == {
        ("en", "none", "essays")
    }
    assert [row.get("domain") for row in rows] == ([1, 2] if "domain" in columns else [None] * 2)


@pytest.mark.parametrize("name", [*OTHERS, "style_predictions"])
def test_every_benchmark_ends_with_2(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, label=pa.array(["Human", "AI"]))
    more = ["out.parquet", "--train", str(tmp_path)] if name == "style_predictions" else []
    told = ended_with(name, [str(tmp_path), *more], monkeypatch, capsys)
    assert told.startswith(f"{file}: column label has 'Human'")


def test_wrong_rows_to_train_on_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("data", "train"):
        (tmp_path / folder).mkdir()
    written(tmp_path / "data")
    file = written(tmp_path / "train", lang=None)
    arguments = [str(tmp_path / "data"), str(tmp_path / "out.parquet")]
    arguments += ["--train", str(tmp_path / "train")]
    told = ended_with("style_predictions", arguments, monkeypatch, capsys)
    assert told.startswith(f"{file}: no column lang")
    assert not (tmp_path / "out.parquet").exists()


def test_predictions_within_a_folder_that_is_read_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("data", "train"):
        (tmp_path / folder).mkdir()
        written(tmp_path / folder)
    monkeypatch.chdir(tmp_path / "data")
    for out, words in (
        ("out.parquet", "out.parquet is within DATA"),
        (f"{tmp_path}/data/../train/out.parquet", "is within TRAIN"),
        (str(tmp_path), "is a folder: name a file"),
    ):
        told = ended_with(
            "style_predictions", [".", out, "--train", str(tmp_path / "train")], monkeypatch, capsys
        )
        assert words in told
    assert sorted(file.name for file in tmp_path.rglob("*.parquet")) == ["essays.parquet"] * 2
