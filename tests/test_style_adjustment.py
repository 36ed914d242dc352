"""What the kind of a text explains of its score is taken out; what the writer explains stays."""

import json
from dataclasses import replace

import numpy as np
import pytest
from style_models import SMALL, human_text, labelled_rows, llm_text, model_file, trained

from scrubtrace.detectors.style.adjustment import ERRORS, KIND, Adjustment, kind_of
from scrubtrace.detectors.style.archive import archive_arrays, archive_bytes
from scrubtrace.detectors.style.features import measure, measures, places_of
from scrubtrace.detectors.style.folding import fold
from scrubtrace.detectors.style.frame import Frame
from scrubtrace.detectors.style.model import LanguageModel
from scrubtrace.detectors.style.packs import ABOUT, model_bytes, model_of
from scrubtrace.schemas.style import StyleError
from scrubtrace.style import held_out
from scrubtrace.style.adjusting import SHARE, adjusted_across, adjustment_of
from scrubtrace.style.card import card_text
from scrubtrace.style.columns import Columns
from scrubtrace.style.recipes import recipe_of
from scrubtrace.style.train import train_language

PLACES = [[entry.name for entry in measures("en")].index(name) for name in KIND]
SLOPES = (-0.25, -0.5, -2.0)


def measured(kind: list[tuple[float, float, float]]) -> "np.typing.NDArray[np.float32]":
    """Rows of measures that are 7 but for those of the kind."""
    values = np.full((len(kind), len(measures("en"))), 7.0, np.float32)
    values[:, PLACES] = kind
    return values


def columns(sources: int = 3, rows: int = 200) -> Columns:
    """Rows of both labels, more LLM rows of a high kind, in each source but the last two.

    The last but one is human, the last LLM: their kinds differ by far, as their labels do.
    """
    random = np.random.default_rng(1)
    source = np.repeat(np.arange(sources + 2), rows)
    is_llm = np.where(source == sources, False, random.random(len(source)) < 0.5)
    is_llm |= source == sources + 1
    kind = random.gamma(2.0, 1.0, (len(source), 3)) + is_llm[:, None] * 3.0
    kind[source >= sources] *= 9
    names = tuple(f"source{number}" for number in range(sources + 2))
    words = np.full(len(source), 90)
    values = measured(list(map(tuple, kind.tolist())))
    return Columns("en", is_llm, source, names, {}, values, words)


@pytest.mark.parametrize(
    ("kind", "score"),
    [((0, 0, 0), 1.0), ((4, 0, 0), 1.5), ((0, 4, 0), 2.0), ((0, 0, 4), 5.0), ((4, 4, 4), 6.5)],
)
def test_a_score_rises_by_the_roots_of_what_lowered_it(
    kind: tuple[float, float, float], score: float
) -> None:
    found = Adjustment(KIND, SLOPES).adjusted(np.ones(1), measured([kind]), "en")
    assert found.tolist() == [score]


def test_slopes_are_found_although_the_label_goes_with_the_kind() -> None:
    rows = columns()
    kinds = kind_of(rows.measured, "en")
    noise = np.random.default_rng(2).normal(size=len(rows))
    scores = 3.0 * rows.is_llm + kinds @ np.array(SLOPES) + noise
    found = adjustment_of(rows, scores, KIND)
    assert found is not None
    assert found.names == KIND
    assert found.slopes == pytest.approx(SHARE * np.array(SLOPES), abs=0.1)


def test_sources_of_one_label_and_rows_without_a_score_count_for_nothing() -> None:
    rows = columns()
    scores = 3.0 * rows.is_llm + kind_of(rows.measured, "en") @ np.array(SLOPES)
    other = np.where(rows.source >= 3, -50.0 * rows.is_llm, scores)
    unscored = np.where(rows.source >= 3, np.nan, scores)
    found = [adjustment_of(rows, some, KIND) for some in (scores, other, unscored)]
    assert found[0] is not None
    for one in found:
        assert one is not None
        assert one.slopes == pytest.approx(found[0].slopes)


@pytest.mark.parametrize("case", ["names", "labels", "scores", "sources", "rows"])
def test_without_enough_of_everything_there_is_none(case: str) -> None:
    rows = columns(sources=2 if case == "sources" else 3, rows=100 if case == "rows" else 200)
    scores = np.where(rows.is_llm & (case == "labels"), np.nan, 1.0)
    scores = np.full(len(rows), np.nan) if case == "scores" else scores
    assert adjustment_of(rows, scores, () if case == "names" else KIND) is None


def test_a_measure_that_never_differs_has_no_slope() -> None:
    rows = columns()
    values = rows.measured.copy()
    values[:, PLACES[0]] = 1.0
    scores = 3.0 * rows.is_llm - kind_of(rows.measured, "en")[:, 2]
    found = adjustment_of(replace(rows, measured=values), scores, KIND)
    assert found is not None
    assert found.slopes[0] == pytest.approx(0.0, abs=1e-9)


def test_one_slope_a_measure() -> None:
    with pytest.raises(ValueError, match="one slope a measure"):
        Adjustment(KIND, (1.0,))


def adjusted_model() -> LanguageModel:
    return replace(trained().model, adjustment=Adjustment(KIND, SLOPES))


def test_scores_are_adjusted_in_a_model_and_its_file() -> None:
    model = adjusted_model()
    texts = [human_text(7) + " WHY? NO! " * 9, llm_text(7)]
    frame = Frame.of(fold(texts))
    again = model_of(model_bytes({"en": model}, {}), "again").models["en"]
    assert again.adjustment == model.adjustment
    values = measure(frame, "en")
    plain = replace(model, adjustment=None).scores(frame, values)
    expected = Adjustment(KIND, SLOPES).adjusted(plain, values, "en")
    assert model.scores(frame, values).tolist() == expected.tolist()
    assert again.scores(frame, values).tolist() == expected.tolist()
    assert expected[0] != plain[0]


def test_a_file_without_an_adjustment_is_read_as_before() -> None:
    model = replace(trained().model, adjustment=None)
    assert model_of(model_bytes({"en": model}, {}), "plain").models["en"].adjustment is None


def test_the_card_says_what_scores_are_adjusted_for() -> None:
    adjusted = replace(trained(), model=adjusted_model())
    told = "Half of what exclamation_marks, question_marks, upper_case explain"
    assert told in card_text([adjusted], b"", "")
    assert "Half of what" not in card_text([trained()], b"", "")


def test_the_card_says_what_errors_cost() -> None:
    model = replace(trained().model, adjustment=Adjustment((ERRORS,), (0.25,)))
    told = card_text([replace(trained(), model=model)], b"", "")
    assert "A score loses 0.25 for each root of an error" in told
    assert "Half of what" not in told
    assert "A score loses" not in card_text([replace(trained(), model=adjusted_model())], b"", "")


def test_a_file_adjusted_for_an_unknown_measure_is_refused() -> None:
    arrays = dict(archive_arrays(model_file()))
    about = json.loads(arrays[ABOUT].tobytes())
    about["models"]["en"]["adjustment"] = {"loudness": 1.0}
    arrays[ABOUT] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    with pytest.raises(StyleError, match=r"adjusted for measures .* style train"):
        model_of(archive_bytes(arrays), "loud")


def test_a_recipe_without_measures_of_the_kind_trains_without() -> None:
    rows = labelled_rows(3, 20)
    found = train_language("en", rows, recipe=replace(SMALL, adjusted=()))
    assert found.model.adjustment is None


@pytest.mark.parametrize(("language", "names"), [("en", KIND), ("de", KIND), ("zh", ())])
def test_languages_with_spaces_are_adjusted(language: str, names: tuple[str, ...]) -> None:
    assert recipe_of(language).adjusted == names


@pytest.mark.parametrize("helps", [True, False])
def test_a_model_is_adjusted_only_if_held_out_sources_are_ranked_better(helps: bool) -> None:
    rows = columns(sources=5)
    fold = rows.source % 5
    kinds = kind_of(rows.measured, "en")[:, 0]
    # Where it does not help, what lowers a score in four sources raises it in the fifth, far more.
    slope = np.where(rows.source == 0, -1.0 if helps else 9.0, -1.0)
    noise = np.random.default_rng(3).normal(size=len(rows))
    parts = (1.5 * rows.is_llm + slope * kinds + noise)[:, None]
    start = replace(trained().model, heads=(), centres=np.zeros(1), scales=np.ones(1),
                    weights=np.ones(1))  # fmt: skip
    recipe = replace(recipe_of("en"), error_slope=0.0)
    model, scores = held_out.adjusted(rows, start, parts, fold, recipe)
    assert (model.adjustment is not None) is helps
    crossed = adjusted_across(rows, model.total(parts), fold, recipe)
    assert scores.tolist() == (crossed if helps else model.total(parts)).tolist()


@pytest.mark.parametrize("people_err", [True, False])
def test_errors_lower_a_score_only_if_held_out_sources_are_ranked_better(people_err: bool) -> None:
    rows = columns(sources=2)
    values = rows.measured.copy()
    values[:, places_of("en", (ERRORS,))[0]] = np.where(rows.is_llm != people_err, 4.0, 0.0)
    rows = replace(rows, measured=values)
    noise = np.random.default_rng(5).normal(size=len(rows))[:, None]
    start = replace(trained().model, heads=(), centres=np.zeros(1), scales=np.ones(1),
                    weights=np.ones(1))  # fmt: skip
    recipe = replace(recipe_of("en"), error_slope=0.5)
    model, scores = held_out.adjusted(rows, start, noise, rows.source, recipe)
    if not people_err:
        assert model.adjustment is None
        return
    assert model.adjustment == Adjustment((ERRORS,), (0.5,))
    assert scores.tolist() == model.combined(noise, rows.measured).tolist()
    assert (scores - noise[:, 0]).tolist() == pytest.approx(np.where(rows.is_llm, 0.0, -1.0))
