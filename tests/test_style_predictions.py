"""Predictions of labelled rows: one line a row, p-values from the other half, abstentions."""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from style_models import human_text, llm_text, model_file

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
HUMAN, LLM, MIXED, SHORT = 700, 60, 20, 5


@pytest.fixture
def predictions(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import style_predictions

    yield style_predictions
    for name in ("style_predictions", "style_transfer", "style_rows", "verdicts"):
        sys.modules.pop(name, None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texts = [human_text(90_000 + n) for n in range(HUMAN)]
    texts += [llm_text(90_000 + n) for n in range(LLM)]
    texts += [human_text(95_000 + n) for n in range(MIXED)]
    texts += [human_text(97_000 + n, words=8) for n in range(SHORT)]
    labels = ["human"] * HUMAN + ["llm"] * LLM + ["llm"] * MIXED + ["human"] * SHORT
    attacks = ["none"] * (HUMAN + LLM) + ["human+polish"] * MIXED + [None] * SHORT
    data = {"text": texts, "label": labels, "attack": attacks, "lang": ["en"] * len(texts)}
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table(data), tmp_path / "data" / "essays.parquet")
    small = {"text": [human_text(1), llm_text(1)], "label": ["human", "llm"]}
    small |= {"attack": ["none"] * 2, "lang": ["en", "fr"]}
    small = {name: [*values, values[0]] for name, values in small.items()} | {
        "text": [*small["text"], None]
    }
    pq.write_table(pa.table(small), tmp_path / "data" / "small.parquet")
    (tmp_path / "model.npz").write_bytes(model_file())
    return tmp_path


def predicted(
    predictions: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, object]]:
    out = folder / "found" / "predictions.parquet"
    arguments = [str(folder / "data"), str(out), "--model", str(folder / "model.npz")]
    monkeypatch.setattr(sys, "argv", ["style_predictions.py", *arguments])
    predictions.main()
    return pq.read_table(out).to_pylist()


def test_every_row_has_a_line_and_says_why_it_is_not_judged(
    predictions: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    rows = predicted(predictions, folder, monkeypatch)
    texts = pq.read_table(folder / "data" / "essays.parquet")["text"].to_pylist()
    digests = [hashlib.sha1(text.encode()).hexdigest() for text in texts]
    essays, small = rows[: len(texts)], rows[len(texts) :]
    assert [row["sha1"] for row in essays] == digests
    assert {row["abstained"] for row in essays[-SHORT:]} == {"too_short"}
    assert all(row["score"] is not None and row["p_value"] is None for row in essays[-SHORT:])
    reasons = ["not_calibrated", "language_not_covered", "too_short"]
    assert [row["abstained"] for row in small] == reasons
    assert [row["score"] is None for row in small][:2] == [False, True]
    flagged = [bool(row["lanes"]) for row in essays]
    assert sum(flagged[:HUMAN]) <= 0.03 * HUMAN
    assert sum(flagged[HUMAN : HUMAN + LLM]) >= 0.7 * LLM
    told = capsys.readouterr().out
    assert "human+machine" in told
    assert not any(text in told for text in texts)


def test_a_row_is_compared_with_human_rows_of_the_other_half_only(
    predictions: ModuleType, folder: Path
) -> None:
    rows = predictions.read_data(folder / "data")[: HUMAN + LLM + MIXED]
    covariates = predictions.score(rows, predictions.read_model(str(folder / "model.npz")))
    predictions.rank(rows, covariates, 0.01)
    scores = {
        half: [row.score for row in rows if row.label == "human" and row.half == half]
        for half in (0, 1)
    }
    for row in rows:
        others = scores[1 - row.half]
        expected = (1 + sum(score >= row.score for score in others)) / (1 + len(others))
        assert row.p_value == pytest.approx(expected)


def test_the_folders_are_named_when_they_hold_nothing(
    predictions: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for arguments, words in (
        ([str(folder), "out.parquet"], "has no Parquet file with rows"),
        ([str(folder / "data"), "out.parquet"], "names no folder with Parquet files"),
    ):
        monkeypatch.setattr(sys, "argv", ["style_predictions.py", *arguments])
        with pytest.raises(SystemExit, match="2"):
            predictions.main()
        assert words in capsys.readouterr().err
