"""Predictions of labelled rows: one line a row, p-values from the other half, abstentions."""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from style_models import human_text, llm_text, model_file, trained

from scrubtrace.detectors.style.model import StyleModel
from scrubtrace.detectors.style.packs import model_bytes, read_model, row_number

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
        ([str(folder / "data"), "out.parquet", "--model", "no.npz"], "no.npz cannot be read"),
    ):
        monkeypatch.setattr(sys, "argv", ["style_predictions.py", *arguments])
        with pytest.raises(SystemExit, match="2"):
            predictions.main()
        assert words in capsys.readouterr().err


def test_a_given_model_tells_which_human_rows_it_was_fitted_on(
    predictions: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    predicted(predictions, folder, monkeypatch)
    assert "does not say which human rows it was fitted on" in capsys.readouterr().out
    spaced = human_text(90_002).replace(" ", "\n ")
    texts = [human_text(90_000), human_text(90_001), spaced, llm_text(90_000), human_text(95_000)]
    content = model_bytes({"en": trained().model}, {}, map(row_number, texts))
    (folder / "model.npz").write_bytes(content)
    predicted(predictions, folder, monkeypatch)
    lines = [line for line in capsys.readouterr().out.splitlines() if "fitted on" in line]
    assert lines == [
        "en: 3 of 705 human rows of essays are among those that the model was fitted on: "
        "their scores are no test"
    ]


def test_a_fitted_model_tells_which_human_rows_its_shipped_part_was_fitted_on(
    predictions: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    train = folder / "train"
    train.mkdir()
    texts = [human_text(80_000 + n) for n in range(20)] + [llm_text(80_000 + n) for n in range(20)]
    texts[0] = human_text(90_005)
    rows = {"text": texts, "label": ["human"] * 20 + ["llm"] * 20, "lang": ["en"] * 40}
    pq.write_table(pa.table(rows), train / "notes.parquet")
    numbers = frozenset(row_number(human_text(90_000 + n)) for n in range(4))
    monkeypatch.setattr(predictions, "LEAST_ROWS", 20)
    monkeypatch.setattr(predictions, "shipped", lambda: StyleModel({}, "", {}, numbers))
    monkeypatch.setattr(predictions, "base_of", lambda name, language: trained().model)
    monkeypatch.setattr(predictions, "train_language", lambda *given, **more: trained())
    monkeypatch.setattr(predictions, "with_known", lambda found, rows, base: found)
    out = folder / "out.parquet"
    given = ["style_predictions.py", str(folder / "data"), str(out), "--train", str(train)]
    monkeypatch.setattr(sys, "argv", given)
    predictions.main()
    lines = [line for line in capsys.readouterr().out.splitlines() if "are no test" in line]
    assert lines == [
        f"en: 1 texts of {train} are also in DATA: their scores are no test",
        "en: 4 of 705 human rows of essays are among those that the shipped part was fitted on: "
        "their scores are no test",
    ]
    made = read_model(f"{out}.model.npz").human_rows
    assert made == numbers | {row_number(text) for text in texts[:20]}
