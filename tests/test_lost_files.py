"""Receipts and parts of a committed run that are gone: what is said, and that it helps."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of

from scrubtrace.beam_pipelines.layout import RunFolder, runs_of


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)


def detect(*more: str) -> int:
    return code_of("detect", "a.parquet", "--out", "out", "--quiet", *more)


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (lambda run: os.unlink(run.receipt("u0000000")), 3),
        (lambda run: os.unlink(run.part("boilerplate", "u0000000")), 4),
        (lambda run: shutil.copy(run.manifest, run.part("boilerplate", "u0000000")), 4),
    ],
)
def test_files_of_a_committed_run_that_are_gone_and_what_helps(
    capsys: pytest.CaptureFixture[str], harm: Callable[[RunFolder], None], code: int
) -> None:
    pq.write_table(pa.table({"text": ["As an AI language model, I cannot swim."]}), "a.parquet")
    assert detect() == 0
    first = runs_of("out")[0]
    copy = shutil.copytree(first.path, "copy")
    harm(first)
    capsys.readouterr()
    for _ in range(2):
        assert detect() == code
        said = capsys.readouterr().err
        assert f"later runs keep its results: restore {first.path} from a copy" in said
        assert "or scan everything again with detect --force" in said
        assert "goes on from here" not in said
    shutil.copytree(copy, first.path, dirs_exist_ok=True)
    assert detect() == 0
    harm(first)
    assert detect("--force") == 0
    assert detect() == 0
