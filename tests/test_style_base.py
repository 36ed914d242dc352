"""A model that rests on another one: its score is one more part, weighted on held-out rows."""

from dataclasses import replace
from pathlib import Path

import pytest
from style_models import SMALL, human_text, labelled_rows, llm_text, trained
from style_shards import small_training, train_on, write_shards

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


def base_file(path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> str:
    resting = based((2.0,), monkeypatch).model
    models = {"one that rests on another": {"en": resting}}
    if kind == "one that rests, and one that does not":
        german = training.train_language("de", labelled_rows(2, 30), recipe=SMALL).model
        models[kind] = {"en": resting, "de": german}
    if kind in models:
        path.write_bytes(model_bytes(models[kind], {}))
    elif kind == "damaged":
        path.write_bytes(b"PK of old")
    return str(path)


@pytest.mark.parametrize(
    ("kind", "more", "said"),
    [
        ("missing", (), "base.npz cannot be read: No such file"),
        ("damaged", (), "base.npz"),
        ("one that rests on another", (), "base.npz has a base itself"),
        ("one that rests, and one that does not", ("--language", "en"), "has a base itself"),
    ],
)
def test_a_base_that_cannot_be_used_is_refused_before_rows_are_read(
    kind: str, more: tuple[str, ...], said: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    base = base_file(tmp_path / "base.npz", kind, monkeypatch)
    monkeypatch.setattr(training, "LabelledRows", None)
    assert train_on(write_shards(tmp_path), "--base", base, *more) == 2
    assert said in capsys.readouterr().err


def test_a_base_of_other_languages_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = base_file(tmp_path / "base.npz", "one that rests on another", monkeypatch)
    small_training(monkeypatch)
    assert train_on(write_shards(tmp_path), "--base", base, "--language", "de", "--quiet") == 0
