"""``detect`` where nothing that was named is a file: nothing is written, and the hints stay."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of

from scrubtrace.beam_pipelines.layout import runs_of


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    Path("folder").mkdir()
    pq.write_table(pa.table({"text": ["The soup was good."]}), "good.parquet")
    Path("damaged.parquet").write_text("no Parquet")
    os.symlink("nowhere.parquet", "broken.parquet")


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (["nope.parquet"], ["/nope.parquet: No such file or directory"]),
        (["broken.parquet"], ["/broken.parquet: No such file or directory"]),
        (["folder"], ["/folder: is a directory; to scan what is in it, give ", "/*.parquet"]),
        (["fold*"], ["/folder: is a directory"]),
        (
            ["folder", "a", "b", "c", "d"],
            ["/a: No such file or directory; ", "/c: No ", "; and 2 more"],
        ),
    ],
)
@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_nothing_is_written(
    inputs: list[str], said: list[str], more: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of("detect", *inputs, "--out", "out", *more) == 2
    captured = capsys.readouterr()
    assert "no input is a file, so nothing was written: " in captured.err
    for words in said:
        assert words in captured.err
    assert not Path("out").exists()


@pytest.mark.parametrize("inputs", [["good.parquet", "nope.parquet"], ["damaged.parquet"]])
def test_with_a_file_among_them_there_is_a_run(inputs: list[str]) -> None:
    assert code_of("detect", *inputs, "--out", "out", "--quiet") == 3
    assert len(runs_of("out")) == 1
