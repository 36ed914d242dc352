"""``scrubtrace style train`` without a column of sources: they are named by side and shard."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from command_line import code_of
from style_models import human_text, llm_text
from style_shards import small_training, write

from scrubtrace.index.sources import read_rows
from scrubtrace.style import labelled


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``human`` and ``llm``, each with ``part-0`` to ``part-3``, in which the test runs."""
    small_training(monkeypatch)
    monkeypatch.chdir(tmp_path)
    for side, text in (("human", human_text), ("llm", llm_text)):
        (tmp_path / side).mkdir()
        for part in range(4):
            texts = [text(part * 1_000 + n) for n in range(30)]
            write(tmp_path / side / f"part-{part}.parquet", texts)
    return tmp_path


def train(*more: str, human: str = "human/*.parquet", llm: str = "llm/*.parquet") -> int:
    return code_of(
        "style", "train", "--human", human, "--llm", llm, "--out", "style.npz", "--base", "none",
        "--language", "en", *more,
    )  # fmt: skip


def rows_of(folder: Path) -> list[str]:
    """The lines of the card that say how many rows a source has."""
    lines = (folder / "style.npz.md").read_text().splitlines()
    return [line for line in lines if line.startswith(("| human/", "| llm/"))]


def test_shards_of_one_name_on_both_sides_are_different_sources(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train() == 0
    told = capsys.readouterr().out
    assert "no source has both labels, so how well the model does cannot be told: name" in told
    assert "AUROC" not in told
    assert rows_of(folder) == [
        *(f"| human/part-{part} | 30 | 0 |" for part in range(4)),
        *(f"| llm/part-{part} | 0 | 30 |" for part in range(4)),
    ]


def test_shards_of_one_name_in_different_folders_are_different_sources(folder: Path) -> None:
    for side in ("human", "llm"):
        for part, place in enumerate(("vendor_a", "vendor_b")):
            (folder / side / place).mkdir()
            shard = folder / side / f"part-{part}.parquet"
            shard.rename(folder / side / place / "data.parquet")
    more = ("--llm", "llm/vendor_b/data.parquet")
    relatives = ("--relatives", "human/vendor_a/data, llm/vendor_a/data")
    assert train(*more, *relatives, human="human/*/data.parquet", llm="llm/vendor_a/*.parquet") == 0
    assert rows_of(folder) == [
        "| human/vendor_a/data | 30 | 0 |", "| human/vendor_b/data | 30 | 0 |",
        "| llm/vendor_a/data | 0 | 30 |", "| llm/vendor_b/data | 0 | 30 |",
    ]  # fmt: skip


def test_relatives_are_named_with_side_and_folders(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--relatives", "human/part-0,llm/part-0") == 0
    assert train("--relatives", "part-0,part-1") == 2
    said = "no row has: part-0, part-1; sources: human/part-0, human/part-1, "
    assert said in capsys.readouterr().err


def test_the_order_of_arguments_changes_nothing(folder: Path) -> None:
    made = []
    for first, second in (("0", "[123]"), ("[123]", "0")):
        more = ("--human", f"human/part-{second}.parquet", "--llm", f"llm/part-{second}.parquet")
        human, llm = (f"{side}/part-{first}.parquet" for side in ("human", "llm"))
        assert train(*more, "--quiet", human=human, llm=llm) == 0
        made.append((folder / "style.npz").read_bytes())
    assert made[0] == made[1]


def test_shards_on_two_file_systems_are_different_sources(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_here(shards: Sequence[str], *more: Any) -> Any:
        return read_rows([path.removeprefix("gs://bucket/") for path in shards], *more)

    monkeypatch.setattr(labelled, "read_rows", read_here)
    shutil.copytree("llm", "more")
    for part in range(4):
        write(folder / "more" / f"part-{part}.parquet", [llm_text(part * 500 + 9_000)])
    assert train("--llm", "gs://bucket/more/*.parquet") == 0
    assert rows_of(folder)[4:] == [
        *(f"| llm/gs:bucket/part-{part} | 0 | 1 |" for part in range(4)),
        *(f"| llm/part-{part} | 0 | 30 |" for part in range(4)),
    ]
