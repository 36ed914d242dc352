"""What could not be read: which shards and rows, and why."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of

from scrubtrace.beam_pipelines.decoding import Dead, Rows
from scrubtrace.not_read import NotRead

CLUSTERS = ("clusters", "--group-by", "labeler=who,task=job", "--out", "found.parquet")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)


def write(name: str, texts: list[bytes]) -> None:
    groups = {"who": ["ida"] * len(texts), "job": ["j1"] * len(texts)}
    pq.write_table(pa.table({"text": pa.array(texts).cast(pa.binary()), **groups}), name)


def test_shards_and_rows_are_named_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    write("a.parquet", [b"A text of words.", b"\xff", b"Another text of words."])
    Path("b.parquet").write_bytes(b"PAR1 no more")
    assert code_of(*CLUSTERS, "a.parquet", "b.parquet", "gone.parquet", "--quiet") == 3
    said = capsys.readouterr().err
    for words in (
        "dead shard b.parquet: unreadable: is no readable Parquet file",
        "dead shard gone.parquet: unreadable: No such file or directory",
        "dead row 1 of a.parquet: invalid_utf8: ",
        "3 rows or shards could not be read",
    ):
        assert words in said


def test_only_the_first_rows_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    write("a.parquet", [b"A text of words.", *[b"\xff"] * 30])
    assert code_of(*CLUSTERS, "a.parquet", "--quiet") == 3
    said = capsys.readouterr().err
    assert said.count("dead row ") == 10
    assert said.count("... and more dead rows") == 1


def test_a_batch_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(*CLUSTERS, "gone.parquet") == 2
    words = "the batch has no text (1 dead shards, the first gone.parquet: unreadable: "
    assert f"{words}No such file or directory)" in capsys.readouterr().err


def test_unreadable_rows_that_lie_together_are_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lost, bad = Dead("unreadable", "OSError"), Dead("invalid_utf8", "UnicodeDecodeError")
    dead = {0: lost, 1: lost, 2: bad, 3: bad, 4: lost, 6: lost, 7: lost}
    not_read = NotRead()
    not_read.take_rows("a.parquet", Rows(1_000, 8, [], [], [], dead=dead))
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(" of a.parquet: ")[0] for line in said] == [
        "dead rows 1,000 to 1,001", "dead row 1,002", "dead row 1,003", "dead row 1,004",
        "dead rows 1,006 to 1,007",
    ]  # fmt: skip
    assert not_read.rows == 7
