"""The style model: trees, heads, files, scores that do not depend on the batch, refusals."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from made_texts import prose
from style_models import human_text, llm_text, model_file

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.style.adjustment import Adjustment
from scrubtrace.detectors.style.archive import archive_arrays, archive_bytes
from scrubtrace.detectors.style.features import measures
from scrubtrace.detectors.style.heads import quantised, quantised_idf
from scrubtrace.detectors.style.model import (
    COVARIATES,
    LanguageModel,
    StyleModel,
    covariate_columns,
)
from scrubtrace.detectors.style.packs import model_bytes, model_of, read_model
from scrubtrace.detectors.style.scorer import HumanMeasures
from scrubtrace.detectors.style.trees import ROWS, Trees
from scrubtrace.schemas.style import StyleError
from scrubtrace.schemas.vocabulary import Abstained

Array: TypeAlias = npt.NDArray[Any]
Change: TypeAlias = Callable[[dict[str, Array], Any], None]
"""Changes the arrays of a file, and what it says of itself."""

STUMP = Trees(
    np.array([0, 3], np.int32),
    np.array([0, 0, 0, 1, 0, 0], np.int32),
    np.array([0.5, 0, 0, 2.0, 0, 0]),
    np.array([1, 1, 2, 4, 4, 5], np.int32),
    np.array([2, 1, 2, 5, 4, 5], np.int32),
    np.array([0, -1.0, 1.0, 0, -10.0, 10.0]),
    1,
)
"""One tree splits column 0 at 0.5 into -1 and 1, the other column 1 at 2 into -10 and 10."""


@pytest.mark.parametrize(
    ("row", "logit"),
    [((0.5, 2.0), -11.0), ((0.6, 2.0), -9.0), ((0.0, 2.5), 9.0), ((9.0, 9.0), 11.0)],
)
def test_a_row_goes_left_up_to_the_threshold(row: tuple[float, float], logit: float) -> None:
    assert STUMP.logits(np.array([row], np.float32)).tolist() == [logit]


def test_trees_give_a_row_the_same_in_any_batch() -> None:
    rows = np.random.default_rng(3).normal(size=(ROWS + 9, 2)).astype(np.float32)
    alone = np.concatenate([STUMP.logits(row[None]) for row in rows])
    assert (STUMP.logits(rows) == alone).all()
    assert len(STUMP.logits(rows[:0])) == 0


def test_trees_end_after_their_depth_and_leaves_stay() -> None:
    deeper = dataclasses.replace(STUMP, depth=3)
    rows = np.random.default_rng(3).normal(size=(20, 2)).astype(np.float32)
    assert deeper.logits(rows).tolist() == STUMP.logits(rows).tolist()
    none = dataclasses.replace(STUMP, depth=0)
    assert none.logits(rows).tolist() == [0.0] * 20


@pytest.mark.parametrize(
    "change",
    [
        {"value": np.zeros(2)},
        {"left": np.array([9] * 6, np.int32)},
        {"roots": np.array([0, 0, 0], np.int32)},
        {"left": np.array([0, 1, 2, 4, 4, 5], np.int32), "depth": 3},
    ],
)
def test_arrays_that_are_no_trees_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="trees"):
        dataclasses.replace(STUMP, **change)


def test_quantising_keeps_order_and_what_is_met() -> None:
    weights = np.array([-2.0, 0.0, 1e-9, 1.0, 2.0])
    table, step = quantised(weights)
    assert (np.abs(table * step - weights) <= step).all()
    assert quantised(np.zeros(3))[0].tolist() == [0, 0, 0]
    small, unit = quantised_idf(np.array([0.0, 1e-6, 12.0]))
    assert small.tolist() == [0, 1, 255]
    assert unit == pytest.approx(12 / 255)


def model() -> StyleModel:
    return model_of(model_file(), "test")


def test_a_model_tells_its_two_kinds_of_made_texts_apart() -> None:
    texts = [human_text(900 + n) for n in range(40)] + [llm_text(900 + n) for n in range(40)]
    scores = model().score(TextBatch(texts, ["en"] * 80)).scores
    assert scores[:40].max() < scores[40:].min()


def test_a_score_has_the_same_bits_in_any_batch() -> None:
    texts = [human_text(n) if n % 2 else llm_text(n) for n in range(70)]
    whole = model().score(TextBatch(texts, ["en"] * 70))
    alone = [model().score(TextBatch([text], ["en"])) for text in texts]
    assert whole.scores.tobytes() == np.concatenate([one.scores for one in alone]).tobytes()
    assert (whole.covariates == np.concatenate([one.covariates for one in alone])).all()


@pytest.mark.parametrize(
    ("text", "language", "reason"),
    [
        ("", "en", Abstained.TOO_SHORT),
        ("a", "en", Abstained.TOO_SHORT),
        ("2 3 4 5", "en", Abstained.TOO_SHORT),
        ("🙂" * 200, "en", Abstained.TOO_SHORT),
        (prose(1, 60), "de", Abstained.LANGUAGE_NOT_COVERED),
        (prose(1, 60), "und", Abstained.LANGUAGE_NOT_COVERED),
    ],
)
def test_it_abstains_with_a_reason(text: str, language: str, reason: str) -> None:
    scored = model().score(TextBatch([text, human_text(5)], [language, "en"]))
    assert scored.reasons == {0: reason}
    assert np.isnan(scored.scores[0])
    assert not np.isnan(scored.scores[1])


@pytest.mark.parametrize(
    "text",
    [
        "word " * 200_000,
        "7 " * 500,
        prose(2, 40) + " 這是一個繁體中文的句子。" * 20,
        "def f(x):\n    return x + 1\n" * 30,
        "| a | b |\n|---|---|\n" * 40,
    ],
)
def test_any_text_has_a_finite_score_and_measures(text: str) -> None:
    scored = model().score(TextBatch([text], ["en"]))
    assert np.isfinite(scored.scores).all()
    assert np.isfinite(scored.covariates).all()


def test_reasons_are_rare_among_human_rows_and_on_the_side_of_llm_rows() -> None:
    scored = model().score(TextBatch([llm_text(77)], ["en"]))
    reasons = scored.explain(0)
    assert reasons
    for reason in reasons:
        assert reason.percentile is not None
        assert min(reason.percentile, 1 - reason.percentile) <= 0.1
        assert reason.words


def test_reasons_say_where_a_text_is_among_the_rows_that_calibrate() -> None:
    texts = [llm_text(number) for number in range(200)]
    scored = model().score(TextBatch([*texts, human_text(0)], ["en"] * 201))
    measured = scored.measured_of(range(200))
    assert measured is not None
    assert measured.shape == (200, len(measures("en")))
    like_them = scored.explain(0, HumanMeasures.of_user(measured))
    assert len(like_them) < len(scored.explain(0)), "all of the calibration rows are written so"
    assert {reason.whose for reason in scored.explain(0)} == {"model"}
    people = model().score(TextBatch([human_text(n) for n in range(200)], ["en"] * 200))
    human = people.measured_of(range(200))
    assert human is not None
    reasons = scored.explain(0, HumanMeasures.of_user(human))
    assert {reason.whose for reason in reasons} == {"calibration"}
    places = {entry.name: place for place, entry in enumerate(measures("en"))}
    for reason in reasons:
        column, share = human[:, places[reason.feature]], reason.percentile or 0.0
        above, below = (column > reason.value).mean(), (column < reason.value).mean()
        assert below >= share - 0.01 if share >= 0.5 else above >= 1 - share - 0.01


def test_ranks_among_the_models_own_human_rows() -> None:
    found = model().reference_percentile(np.array([-1e9, 1e9, 0.0]), ["en", "en", "de"])
    n = len(model().models["en"].human_scores)
    assert found[:2].tolist() == [0.0, n / (n + 1)]
    assert np.isnan(found[2])


def test_the_covariates_are_measures_of_every_language() -> None:
    for language in ("en", "de", "id", "zh", "ja"):
        assert len(covariate_columns(language)) == len(COVARIATES)


def test_a_file_gives_the_same_model_and_bytes() -> None:
    first = model()
    content = model_bytes(first.models, first.about)
    again = model_of(content, "again")
    batch = TextBatch([human_text(1), llm_text(1)], ["en", "en"])
    assert (first.score(batch).scores == again.score(batch).scores).all()
    assert content == model_bytes(again.models, again.about)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content[:-40], "damaged or cut off"),
        (lambda content: b"no archive", "damaged or cut off"),
        (lambda content: archive_bytes({"scores": np.ones(1)}), "is no style model"),
        (lambda content: _with(content, b'"format": 1', b'"format": 9'), "has format 9"),
        (lambda content: _with(content, b'"mattr"', b'"mttra"'), "other stylometric measures"),
        (lambda content: archive_bytes(
            archive_arrays(content) | {"en.scales": np.ones(1)}), "without a scale"),
    ],
)  # fmt: skip
def test_other_files_are_refused(tmp_path: Path, change: object, words: str) -> None:
    file = tmp_path / "style.npz"
    file.write_bytes(change(model_file()))  # type: ignore[operator]
    with pytest.raises(StyleError, match=words) as raised:
        read_model(str(file))
    assert str(file) in str(raised.value)


NAN = float("nan")


def _array(name: str, change: Callable[[Array], Array]) -> Change:
    return lambda arrays, about: arrays.update({name: change(arrays[name])})


def _about(*path: str | int, value: object) -> Change:
    def change(arrays: dict[str, Array], about: Any) -> None:
        for name in path[:-1]:
            about = about[name]
        about[path[-1]] = value

    return change


def _first(value: float) -> Callable[[Array], Array]:
    """Puts a value in the first place of an array."""

    def change(array: Array) -> Array:
        made = array.copy()
        made.flat[0] = value
        return made

    return change


EN = ("models", "en")
WRONG: list[tuple[Change, str]] = [
    (_array("en.centres", _first(NAN)), "centres are no finite numbers"),
    (_array("en.scales", _first(NAN)), "scales are no finite numbers"),
    (_array("en.scales", _first(np.inf)), "scales are no finite numbers"),
    (_array("en.scales", _first(0.0)), "a scale, or the sum of the weights, is less than"),
    (_array("en.scales", _first(-1.0)), "a scale, or the sum of the weights, is less than"),
    (_array("en.weights", np.zeros_like), "a scale, or the sum of the weights, is less than"),
    (_array("en.weights", lambda array: array.astype(str)), "weights are no finite numbers"),
    (_array("en.weights", lambda array: array[:-1]), "has parts without a scale"),
    (_array("en.human_scores", _first(NAN)), "human_scores are no finite numbers"),
    (_array("en.human_scores", lambda array: array[::-1]), "human_scores do not rise"),
    (_array("en.human_measures", lambda array: array[1:]), "human_measures are not 101 quantiles"),
    (_array("en.llm_medians", lambda array: array[1:]), "llm_medians are not of"),
    (_array("en.trees.feature", _first(999)), "the trees name columns that are none of"),
    (_array("en.trees.feature", _first(-1)), "the trees name columns that are none of"),
    (_array("en.trees.feature", lambda array: array * 1.0), "by other than whole numbers"),
    (_array("en.trees.left", _first(10**6)), "name nodes that are not there"),
    (_array("en.trees.threshold", _first(NAN)), "thresholds or values that are no numbers"),
    (_array("en.trees.value", _first(np.inf)), "thresholds or values that are no numbers"),
    (_array("en.trees.value", lambda array: array[:, None]), "have different lengths"),
    (_array("en.0.table", lambda array: array * 1.0), "is not of bytes"),
    (_array("en.0.table", lambda array: array[:-1]), "one a bucket"),
    (_array("human_rows", lambda array: array * 1.0), "numbers of its human rows"),
    (_about(*EN, "least_words", value="x"), "least_words are 'x', no number of words"),
    (_about(*EN, "least_words", value=-1), "least_words are -1, no number of words"),
    (_about(*EN, "depth", value="x"), "the depth 'x'"),
    (_about(*EN, "depth", value=10**9), "the depth 1000000000"),
    (_about(*EN, "adjustment", "upper_case", value="a"), "the slope 'a', which is no number"),
    (_about(*EN, "adjustment", "upper_case", value=NAN), "the slope nan, which is no number"),
    (_about(*EN, "adjustment", "no_measure", value=1.0), "measures that it does not have"),
    (_about(*EN, "heads", 0, "step", value=NAN), "the unit of a table is nan"),
    (_about(*EN, "heads", 0, "step", value="x"), "the unit of a table is 'x'"),
    (_about(*EN, "heads", 0, "idf_step", value=0.0), "the unit of a table is 0.0"),
    (_about(*EN, "heads", 0, "counts", value="all"), "counts are 'all'"),
    (_about(*EN, "heads", 0, "unit", value="line"), "unit must be char, word or masked"),
    (_about(*EN, "heads", 0, "orders", value=[1.5]), "orders and bits are no whole numbers"),
    (_about(*EN, "heads", 0, "orders", value=[1, 10**9]), "orders and bits are no whole numbers"),
    (_about(*EN, "heads", 0, "cased", value="no"), "cased is 'no'"),
    (_about("about", value="x"), "damaged or cut off"),
    (_about(*EN, "heads", value=3), "damaged or cut off"),
    (_about(*EN, value={}), "damaged or cut off"),
]


@pytest.mark.parametrize(("change", "words"), WRONG)
def test_files_with_values_that_cannot_score_are_refused(
    tmp_path: Path, change: Change, words: str
) -> None:
    arrays = archive_arrays(model_bytes(with_slopes(), {}, [1, 2]))
    about = json.loads(arrays["about"].tobytes())
    change(arrays, about)
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    file = tmp_path / "style.npz"
    file.write_bytes(archive_bytes(arrays))
    with pytest.raises(StyleError) as raised:
        read_model(str(file))
    assert str(raised.value).startswith(f"style model {file} ")
    assert words in str(raised.value)
    assert "is wrong: is wrong" not in str(raised.value)
    assert "is wrong: has" not in str(raised.value)


def test_values_of_a_base_are_checked_as_well() -> None:
    own = with_slopes()["en"]
    base = dataclasses.replace(own, adjustment=None)
    more = {name: np.append(getattr(own, name), 1.0) for name in ("centres", "scales", "weights")}
    arrays = archive_arrays(model_bytes({"en": dataclasses.replace(own, **more, base=base)}, {}))
    assert model_of(archive_bytes(arrays), "whole").models["en"].base is not None
    arrays["en.base.scales"] = np.zeros(3)
    with pytest.raises(StyleError, match="style model F is wrong: a scale"):
        model_of(archive_bytes(arrays), "F")


def with_slopes() -> dict[str, LanguageModel]:
    """The small model, adjusted for one measure."""
    adjustment = Adjustment(("upper_case",), (0.5,))
    return {"en": dataclasses.replace(model().models["en"], adjustment=adjustment)}


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(StyleError, match=r"nowhere\.npz cannot be read: No such file"):
        read_model("nowhere.npz")


def _with(content: bytes, old: bytes, new: bytes) -> bytes:
    arrays = archive_arrays(content)
    about = arrays["about"].tobytes().replace(old, new)
    return archive_bytes(arrays | {"about": np.frombuffer(about, np.uint8)})
