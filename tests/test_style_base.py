"""A model that rests on another one: its score is one more part, weighted on held-out rows."""

from dataclasses import replace
from pathlib import Path

import pytest
from style_models import SMALL, human_text, labelled_rows, llm_text, trained

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.style.folding import fold
from scrubtrace.detectors.style.frame import Frame
from scrubtrace.detectors.style.heads import Heads
from scrubtrace.detectors.style.model import LanguageModel, StyleModel
from scrubtrace.detectors.style.packs import model_bytes, model_of
from scrubtrace.exits import UsageStop
from scrubtrace.style import held_out
from scrubtrace.style import train as training
from scrubtrace.style.columns import columns_of

TEXTS = [human_text(60_001), llm_text(60_001), human_text(60_002), llm_text(60_002)]


def scores_of(model: LanguageModel) -> list[float]:
    found = StyleModel({"en": model}, "digest", {}).score(TextBatch(TEXTS, ["en"] * len(TEXTS)))
    return list(found.scores.tolist())


def based(weights: tuple[float, ...], monkeypatch: pytest.MonkeyPatch) -> training.Trained:
    monkeypatch.setattr(held_out, "BASE_WEIGHTS", weights)
    rows = labelled_rows(3, 30)
    return training.train_language("en", rows, recipe=SMALL, base=trained().model)


def test_the_score_of_the_base_is_one_more_part(monkeypatch: pytest.MonkeyPatch) -> None:
    model = based((2.0,), monkeypatch).model
    assert model.base is not None
    assert model.weights.tolist() == [2.0, 1.0, 1.0, 2.0]
    frame = Frame.of(fold(TEXTS))
    columns = columns_of("en", TEXTS, [False] * 4, ["s"] * 4, SMALL, trained().model)
    assert columns.based is not None
    parts = model.parts(frame, columns.measured)
    assert parts[:, -1] == pytest.approx(columns.based)
    assert parts[:, -1] == pytest.approx(scores_of(trained().model))
    assert parts[:, :2] == pytest.approx(Heads(model.heads).logits(frame))


def test_a_base_of_no_weight_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with_none = based((0.0,), monkeypatch).model
    without = training.train_language("en", labelled_rows(3, 30), recipe=SMALL).model
    assert with_none.base is None
    assert scores_of(with_none) == scores_of(without)


def test_a_base_that_ranks_backwards_gets_no_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    backwards = replace(trained().model, scales=-trained().model.scales)
    monkeypatch.setattr(held_out, "BASE_WEIGHTS", (8.0, 0.0))
    rows = labelled_rows(3, 30)
    found = training.train_language("en", rows, recipe=SMALL, base=backwards)
    assert found.model.base is None


def test_a_file_holds_its_base(monkeypatch: pytest.MonkeyPatch) -> None:
    model = based((2.0,), monkeypatch).model
    content = model_bytes({"en": model}, {})
    again = model_of(content, "again").models["en"]
    assert scores_of(again) == scores_of(model)
    assert model_bytes({"en": again}, {}) == content
    assert training.card_text([training.Trained(model, (), True)], content, "").count("base model")


def test_which_base_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, resting = tmp_path / "plain.npz", tmp_path / "resting.npz"
    plain.write_bytes(model_bytes({"en": trained().model}, {}))
    resting.write_bytes(model_bytes({"en": based((2.0,), monkeypatch).model}, {}))
    assert training.base_of("none", "en") is None
    assert training.base_of("shipped", "en") is not None
    assert training.base_of("shipped", "zh") is None
    assert training.base_of(str(plain), "de") is None
    found = training.base_of(str(plain), "en")
    assert found is not None
    assert scores_of(found) == scores_of(trained().model)
    with pytest.raises(UsageStop, match="has a base itself"):
        training.base_of(str(resting), "en")
    with pytest.raises(UsageStop, match="cannot be read"):
        training.base_of(str(tmp_path / "missing.npz"), "en")
