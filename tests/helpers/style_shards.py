"""Shards to train a small style model on, and the command that trains it."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from style_models import SMALL, human_text, llm_text

from scrubtrace.style import train as training


def write(
    path: Path, texts: Sequence[str], sources: Sequence[str] | None = None, language: str = "en"
) -> Path:
    """A shard of texts, with their sources if they are given."""
    columns = {"text": list(texts), "lang": [language] * len(texts)}
    columns |= {"source": list(sources)} if sources else {}
    pq.write_table(pa.table(columns), path)
    return path


def small_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trains the small model, on 60 rows of each label and more."""
    monkeypatch.setattr(training, "recipe_of", lambda language: SMALL)
    monkeypatch.setattr(training, "LEAST_ROWS", 60)


def write_shards(folder: Path) -> Path:
    """``human.parquet`` and ``llm.parquet`` in a folder, 120 rows of four sources each."""
    names = [f"s{n % 4}" for n in range(120)]
    write(folder / "human.parquet", [human_text(n) for n in range(120)], names)
    write(folder / "llm.parquet", [llm_text(n) for n in range(120)], names)
    return folder


def train_on(shards: Path, *more: str) -> int:
    """Exit code of ``scrubtrace style train`` on these shards."""
    return code_of(
        "style", "train", "--human", str(shards / "human.parquet"), "--llm",
        str(shards / "llm.parquet"), "--out", str(shards / "style.npz"),
        "--source-column", "source", *more,
    )  # fmt: skip
