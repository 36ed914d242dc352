"""Style commands and rows that cannot be read: shard, rows and reason are named."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from style_models import human_text, model_file
from style_shards import small_training, train_on, write_shards


@pytest.fixture
def shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    small_training(monkeypatch)
    return write_shards(tmp_path)


def write_damaged(path: Path, group: int) -> None:
    """Three row groups of 40 texts, one with a page that does not fit its checksum."""
    names = [f"s{n % 4}" for n in range(120)]
    table = pa.table({"text": [human_text(2_000 + n) for n in range(120)], "source": names})
    pq.write_table(table, path, row_group_size=40, write_page_checksum=True, use_dictionary=False,
                   compression="none")  # fmt: skip
    chunk = pq.ParquetFile(path).metadata.row_group(group).column(0)
    content = bytearray(path.read_bytes())
    content[chunk.data_page_offset + chunk.total_compressed_size - 2] ^= 1
    path.write_bytes(content)


def write_undecoded(path: Path, bad: Sequence[int]) -> None:
    texts = [b"\xff" if n in bad else human_text(4_000 + n).encode() for n in range(40)]
    column = pa.array(texts, pa.binary()).cast(pa.string(), safe=False)
    pq.write_table(pa.table({"text": column, "source": ["s1"] * 40}), path)


def command(name: str, shards: Path) -> int:
    if name == "train":
        more = ("--human", str(shards / "mix" / "*.parquet"), "--language", "en", "--quiet")
        return train_on(shards, *more)
    (shards / "style.npz").write_bytes(model_file())
    return code_of(
        "style", "calibrate", str(shards / "mix" / "*.parquet"), "--model",
        str(shards / "style.npz"), "--source-column", "source", "--origin", "made up", "--quiet",
        "--language", "en", "--out", str(shards / "c.npz"),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["train", "calibrate"])
def test_rows_that_cannot_be_read_are_named(
    name: str, shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shards / "mix").mkdir()
    write_damaged(shards / "mix" / "a.parquet", 1)
    write_undecoded(shards / "mix" / "b.parquet", [7, 8])
    (shards / "mix" / "c.parquet").write_bytes(b"PAR1 no more")
    assert command(name, shards) == 3
    said = capsys.readouterr().err
    above, side = ("mix/", " (--human)") if name == "train" else ("", "")
    for line in (
        f"dead rows 40 to 79 of {above}a.parquet{side}: unreadable: ",
        f"dead row 7 of {above}b.parquet{side}: invalid_utf8: ",
        f"dead row 8 of {above}b.parquet{side}: invalid_utf8: ",
        f"dead shard {above}c.parquet: unreadable: ",
        "43 rows or shards could not be read",
    ):
        assert said.count(line) == 1, line


@pytest.mark.parametrize("name", ["train", "calibrate"])
def test_a_few_are_named_and_all_counted(
    name: str, shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shards / "mix").mkdir()
    write_undecoded(shards / "mix" / "a.parquet", range(1, 40, 2))
    write_undecoded(shards / "mix" / "b.parquet", [])
    assert command(name, shards) == 3
    said = capsys.readouterr().err
    assert said.count("dead row ") == 10
    assert said.count("... and more dead rows") == 1
    assert "20 rows or shards could not be read" in said
