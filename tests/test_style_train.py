"""Training the style model: held-out sources, the same bytes, what is refused, the command."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import code_of
from made_texts import prose
from sklearn.linear_model import LogisticRegression
from style_models import SMALL, human_text, labelled_rows, llm_text, model_file, trained
from style_shards import small_training, train_on, write, write_shards

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.style.folding import fold
from scrubtrace.detectors.style.frame import Frame
from scrubtrace.detectors.style.heads import Heads
from scrubtrace.detectors.style.ngrams import Family
from scrubtrace.detectors.style.packs import model_bytes, read_model
from scrubtrace.schemas.plan import Columns as ShardColumns
from scrubtrace.style import held_out
from scrubtrace.style import train as training
from scrubtrace.style.columns import Columns, Flags, columns_of
from scrubtrace.style.fitting import INTERCEPT, NOT_MET, fit_head, row_weights
from scrubtrace.style.labelled import LabelledRows
from scrubtrace.style.parts import fit_parts
from scrubtrace.style.recipes import Fit, HeadRecipe, Intercepts, Recipe
from scrubtrace.style.transfer import folds_of, transfer_lines


@pytest.fixture
def shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    small_training(monkeypatch)
    return write_shards(tmp_path)


def small_columns(sources: Sequence[str], labels: Sequence[bool]) -> Columns:
    texts = [llm_text(n) if label else human_text(n) for n, label in enumerate(labels)]
    return columns_of("en", texts, labels, sources, SMALL)


def every(columns: Columns) -> Flags:
    return np.ones(len(columns), np.bool_)


def test_whole_sources_are_held_out_with_their_relatives() -> None:
    sources = [name for name in "abcdefgh" for _ in range(4)]
    columns = small_columns(sources, [False, True] * 16)
    fold, by_source = folds_of(columns, every(columns), [("b", "g"), ("x", "a")], 5)
    assert by_source
    of_source = {name: set(fold[columns.source == n]) for n, name in enumerate(columns.sources)}
    assert all(len(found) == 1 for found in of_source.values())
    assert of_source["b"] == of_source["g"]
    assert len(set(fold)) == 5


def test_relatives_of_relatives_are_held_out_together() -> None:
    columns = small_columns([name for name in "abcdefgh" for _ in range(4)], [False, True] * 16)
    fold, _ = folds_of(columns, every(columns), [("a", "b"), ("b", "c"), ("e", "d"), ("d", "c")], 5)
    of_first_five = fold[columns.source < 5]
    assert len(set(of_first_five)) == 1
    assert not set(of_first_five) & set(fold[columns.source >= 5])


def test_too_few_sources_of_both_labels_leave_out_rows_and_say_so() -> None:
    columns = small_columns(["a"] * 4 + ["b"] * 4 + ["c"] * 4, [False, True] * 4 + [False] * 4)
    fold, by_source = folds_of(columns, every(columns), (), 5)
    assert not by_source
    assert set(fold[columns.source == 0]) == {0, 1, 2, 3}
    assert "expect much less" in next(transfer_lines(trained().found, by_source))


def test_held_out_results_name_each_source() -> None:
    found = trained().found
    assert [row.source for row in found] == ["source0", "source1", "source2", "source3"]
    assert all(row.human == row.llm == 50 for row in found)
    assert all(row.auroc.low <= row.auroc.value <= row.auroc.high for row in found)
    assert min(row.auroc.value for row in found) > 0.9
    told = "\n".join(trained().lines())
    assert "without it and its relatives" in told
    assert "source3" in told
    assert "mean" in told


def test_the_same_rows_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    rows = labelled_rows(3, 30)
    again = training.train_language("en", sorted(rows), recipe=SMALL)
    first = training.train_language("en", rows, recipe=SMALL)
    assert model_bytes({"en": first.model}, {}) == model_bytes({"en": again.model}, {})


TYPICAL = replace(
    SMALL,
    heads=(
        *SMALL.heads,
        HeadRecipe("typicality", Family("char", (2, 3), 12), "share", False, (), 1),
    ),
)


@pytest.mark.parametrize("recipe", [SMALL, TYPICAL], ids=["small", "with typicality"])
def test_logits_of_columns_are_those_of_the_model(recipe: Recipe) -> None:
    rows = labelled_rows(2, 20)
    columns = columns_of(
        "en", [r.text for r in rows], [r.is_llm for r in rows], [r.source for r in rows], recipe
    )
    every = np.ones(len(rows), np.bool_)
    fitted = fit_parts(columns, every, recipe)
    frame = Frame.of(fold([row.text for row in rows]))
    by_model = np.column_stack(
        [Heads(fitted.heads).logits(frame), fitted.trees.logits(columns.measured)]
    )
    assert fitted.logits(columns, every) == pytest.approx(by_model, abs=1e-5)


def test_typicality_is_the_mean_log_frequency_among_llm_rows() -> None:
    columns = small_columns(["a"] * 6, [True, False] * 3)
    every = np.ones(6, np.bool_)
    head = fit_head(
        columns, every, HeadRecipe("t", next(iter(columns.counts)), "share", False, (), 1)
    )
    counts = columns.counts[head.family].toarray()
    expected = np.log(counts[columns.is_llm].sum(axis=0) + NOT_MET) - np.log(NOT_MET)
    assert head.table * head.step == pytest.approx(expected, abs=head.step)
    assert not head.table[counts[columns.is_llm].sum(axis=0) == 0].any()


def test_breadth_of_sources_weighs_more_than_rows_of_one() -> None:
    columns = small_columns(["a"] * 400 + ["b"] * 100, [False, True] * 250)
    weights = row_weights(columns, np.ones(500, np.bool_))
    of_a, of_b = weights[columns.source == 0].sum(), weights[columns.source == 1].sum()
    assert of_a / of_b == pytest.approx(np.sqrt(200) / np.sqrt(50))


def test_sources_of_one_label_weigh_as_little_as_the_recipe_says() -> None:
    columns = small_columns(["a"] * 200 + ["b"] * 100, [False, True] * 100 + [True] * 100)
    weights = row_weights(columns, np.ones(300, np.bool_), one_sided=0.1)
    of_a, of_b = weights[columns.source == 0], weights[columns.source == 1]
    assert of_b == pytest.approx(0.1 * of_a[0])
    assert weights.mean() == pytest.approx(1)


def test_a_linear_part_is_at_its_optimum() -> None:
    """Where a fit that stops early would be, depends on the rows' order and on the solver."""
    columns = small_columns(["a"] * 60 + ["b"] * 60 + ["c"] * 30, [False, True] * 60 + [True] * 30)
    every, family = np.ones(150, np.bool_), Family("char", (3,), 12, cased=True)
    recipe = HeadRecipe("p", family, "presence", False, (Fit(Intercepts.OWN, 10.0),), 1)
    present = (columns.counts[family] > 0).toarray().astype(float)
    values = present / np.sqrt(present.sum(axis=1, keepdims=True))
    logits = values @ fit_head(columns, every, recipe).table
    of_source = INTERCEPT * np.eye(3)[columns.source]
    model = LogisticRegression(C=10.0, tol=1e-8, max_iter=20_000, solver="newton-cg")
    model.fit(np.hstack([values, of_source]), columns.is_llm, row_weights(columns, every))
    expected = values @ model.coef_[0][: family.buckets]
    centred = [(found - found.mean()) / found.std() for found in (logits, expected)]
    assert centred[0] == pytest.approx(centred[1], abs=0.025)


def test_rows_are_kept_by_digest_whatever_their_order(tmp_path: Path) -> None:
    texts = [human_text(n) for n in range(30)]
    kept = []
    for name, order in (("a", texts), ("b", texts[::-1] + texts[:3] + ["", " "])):
        rows = LabelledRows(ShardColumns(("text",)), 10, "en")
        folder = tmp_path / name
        folder.mkdir()
        rows.read([str(write(folder / "same.parquet", order))], is_llm=False)
        kept.append([(r.text, r.source) for _, own in rows.languages() for r in own])
    assert kept[0] == kept[1]
    assert len(kept[0]) == 10
    assert kept[0][0][1] == "human/same"
    assert rows.counts["repeated"] == 3
    assert rows.counts["empty"] == 2


def test_the_command_writes_a_model_and_its_card(
    shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_on(shards, "--language", "en", "--terms", "made up for this test") == 0
    told = capsys.readouterr()
    assert "s3" in told.out
    assert "fit 1 of" in told.err
    model = read_model(str(shards / "style.npz"))
    scores = model.score(TextBatch([human_text(999), llm_text(999)], ["en", "en"])).scores
    assert scores[0] < scores[1]
    card = (shards / "style.npz.md").read_text()
    assert "made up for this test" in card
    assert model.digest in card
    assert "| s0 | 30 | 30 |" in card
    content = (shards / "style.npz").read_bytes()
    assert train_on(shards, "--language", "en", "--terms", "made up for this test", "--quiet") == 0
    assert capsys.readouterr().out == ""
    assert (shards / "style.npz").read_bytes() == content


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--source-column", "nowhere"], "nowhere"),
        (["--out", "."], "is a folder"),
        (["--language", "zh", "--text-column", "source"], "too_short 4"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(
    shards: Path, more: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_on(shards, *more) == 2
    assert words in capsys.readouterr().err


def test_too_few_rows_are_counted(shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(shards / "llm.parquet", [prose(1, 50)], ["s1"])
    assert train_on(shards, "--language", "en") == 2
    assert (
        "en: 120 human and 1 LLM rows of 30 words or more, and 60 of each are needed"
        in capsys.readouterr().err
    )


def test_short_texts_are_too_few_rows(shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(shards / "llm.parquet", [llm_text(n, words=10) for n in range(120)], ["s1"] * 120)
    assert train_on(shards, "--language", "en") == 2
    assert "en: 120 human and 0 LLM rows of 30 words" in capsys.readouterr().err


def test_a_language_that_is_left_out_is_named(
    shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(shards / "human2.parquet", [human_text(n) for n in range(500, 510)], ["s1"] * 10, "fr")
    more = ("--human", str(shards / "human2.parquet"), "--language-column", "lang")
    assert train_on(shards, *more) == 0
    told = capsys.readouterr().err
    assert "left out: fr: 10 rows, but only en, de, id, zh, ja can be trained" in told
    assert train_on(shards, "--language", "fr") == 2
    assert "no language can be trained; fr: 240 rows, but only" in capsys.readouterr().err


def test_a_region_of_a_language_is_the_language(shards: Path) -> None:
    assert train_on(shards, "--language", "EN-us", "--quiet") == 0
    assert set(read_model(str(shards / "style.npz")).models) == {"en"}


def test_relatives_that_no_row_has_are_refused(
    shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_on(shards, "--language", "en", "--relatives", "s1, s7") == 2
    assert "no row has: s7; sources: s0, s1, s2, s3" in capsys.readouterr().err


def test_a_shard_that_cannot_be_read_is_named(
    shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shards / "cut.parquet").write_bytes((shards / "human.parquet").read_bytes()[:500])
    more = ("--human", str(shards / "cut.parquet"), "--language", "en")
    assert train_on(shards, *more) == 3
    told = capsys.readouterr().err
    assert "dead shard cut.parquet: " in told
    assert "1 row or shard could not be read" in told
    assert read_model(str(shards / "style.npz")).models


def test_rows_that_trained_a_model_do_not_calibrate_it(
    shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_on(shards, "--language", "en", "--quiet") == 0
    fresh = [human_text(n) for n in range(3_000, 3_050)]
    write(shards / "trusted.parquet", [*fresh, *[human_text(n) for n in range(120)]])
    command = [
        "style", "calibrate", str(shards / "trusted.parquet"), "--model",
        str(shards / "style.npz"), "--out", str(shards / "c.npz"), "--origin", "made up",
        "--language", "en",
    ]  # fmt: skip
    assert code_of(*command) == 0
    assert "trained_on 120, kept 50" in capsys.readouterr().out
    write(shards / "trusted.parquet", [human_text(n) for n in range(120)])
    assert code_of(*command) == 2
    assert "rows that the model was trained on cannot calibrate it" in capsys.readouterr().err


def test_human_rows_that_the_base_knows_are_told(
    shards: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train_on(shards, "--language", "en", "--base", "none") == 0
    assert "flatters" not in capsys.readouterr().out
    (shards / "style.npz").rename(shards / "base.npz")
    write(shards / "human.parquet", [human_text(n) for n in range(100, 220)],
          [f"s{n % 4}" for n in range(120)])  # fmt: skip
    monkeypatch.setattr(held_out, "BASE_WEIGHTS", (3.0,))
    base = str(shards / "base.npz")
    assert train_on(shards, "--language", "en", "--base", base) == 0
    told = "the base model was fitted on 20 of these human rows, so the table flatters"
    assert told in capsys.readouterr().out
    assert told in (shards / "style.npz.md").read_text()
    assert len(read_model(str(shards / "style.npz")).human_rows) == 220


def test_the_model_calibrates_and_detects(shards: Path) -> None:
    (shards / "style.npz").write_bytes(model_file())
    write(shards / "trusted.parquet", [human_text(5_000 + n) for n in range(220)])
    assert code_of(
        "style", "calibrate", str(shards / "trusted.parquet"), "--model",
        str(shards / "style.npz"), "--out", str(shards / "human.npz"), "--origin",
        "made up for this test", "--language", "en", "--quiet",
    ) == 0  # fmt: skip
    texts = [llm_text(7_000 + n) for n in range(10)] + [human_text(7_000 + n) for n in range(10)]
    write(shards / "new.parquet", texts)
    assert code_of(
        "detect", str(shards / "new.parquet"), "--out", str(shards / "out"),
        "--language-column", "lang", "--style-model", str(shards / "style.npz"),
        "--style-calibration", str(shards / "human.npz"), "--set", "policy.style.alpha=0.02",
        "--workers", "1", "--quiet",
    ) == 0  # fmt: skip
    from sqlalchemy import create_engine, text

    engine = create_engine(f"sqlite:///{shards / 'out' / 'review.sqlite'}")
    with engine.connect() as connection:
        rows = connection.execute(
            text("select row_index, kind, why from review_items where flagged")
        ).all()
    found = {
        row.row_index for row in rows if row.kind == "llm_style" and "your human rows" in row.why
    }
    assert len(found & set(range(10))) >= 8
    assert len(found & set(range(10, 20))) <= 1
