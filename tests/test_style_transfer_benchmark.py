"""The benchmark of held-out sources: thresholds by length, and adjustments that know no own row."""

import importlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow.parquet as pq
import pytest
from style_models import SMALL, labelled_rows

from scrubtrace.detectors.style.adjustment import KIND, kind_of
from scrubtrace.style.columns import Columns, columns_of

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
MODULES = ("style_transfer", "style_rows", "public_rows")


def imported(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module(name)
    for other in MODULES:
        sys.modules.pop(other, None)


@pytest.fixture
def style_transfer(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    yield from imported("style_transfer", monkeypatch)


@pytest.fixture
def public_rows(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    yield from imported("public_rows", monkeypatch)


def columns(words: "np.typing.NDArray[np.int64]", is_llm: "np.typing.NDArray[np.bool_]") -> Columns:
    count = len(words)
    return Columns("en", is_llm, np.zeros(count, np.int64), ("one",), {},
                   np.zeros((count, 0), np.float32), words)  # fmt: skip


def test_each_range_of_lengths_has_its_own_threshold(style_transfer: ModuleType) -> None:
    human, llm = 1_000, 100
    words = np.repeat([40, 500, 40, 500], [human, human, llm, llm])
    is_llm = np.repeat([False, True], [2 * human, 2 * llm])
    # Short human rows score up to 1, long ones up to 10; LLM rows 2 and 20.
    ramp = np.linspace(0, 1, human)
    scores = np.concatenate([ramp, 10 * ramp, np.full(llm, 2.0), np.full(llm, 20.0)])
    assert style_transfer.found_by_range(columns(words, is_llm), scores) == {"one": 1.0}
    scores[-llm:] = 5.0
    assert style_transfer.found_by_range(columns(words, is_llm), scores) == {"one": 0.5}


def test_a_range_with_few_human_rows_takes_the_threshold_of_its_neighbour(
    style_transfer: ModuleType,
) -> None:
    words = np.repeat([40, 500, 500], [1_000, 30, 70])
    is_llm = np.repeat([False, False, True], [1_000, 30, 70])
    # The 30 long human rows score below the LLM rows, the short ones above.
    scores = np.concatenate([np.full(1_000, 3.0), np.zeros(30), np.ones(70)])
    assert style_transfer.found_by_range(columns(words, is_llm), scores) == {"one": 0.0}


def test_a_fold_is_adjusted_by_the_other_folds(style_transfer: ModuleType) -> None:
    rows = labelled_rows(4, 100)
    recipe = replace(SMALL, heads=())
    made = columns_of("en", [r.text for r in rows], [r.is_llm for r in rows],
                      [r.source for r in rows], recipe)  # fmt: skip
    first = made.source < 3
    kind = kind_of(made.measured, "en")[:, KIND.index("upper_case")]
    parts = np.where(first, made.is_llm - 5.0 * kind, made.is_llm)[:, None].astype(np.float64)
    alone = style_transfer.combined(made, recipe, parts, np.where(first, 0, 1))
    plain = style_transfer.combined(made, replace(recipe, adjusted=()), parts, made.source)
    assert alone[first] == pytest.approx(plain[first], abs=1e-9)  # the other fold shows no slope
    assert np.abs(alone[~first] - plain[~first]).max() > 0.1
    once = style_transfer.combined(made, recipe, parts, np.zeros(len(rows), np.int64))
    assert once.tolist() == plain.tolist()


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_public_sets_are_read_at_their_commit(
    public_rows: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = tmp_path / "clones" / "some" / "set.git"
    folder = clone / "exp_gpt3to4" / "data"
    folder.mkdir(parents=True)
    pair = {"original": ["Rain fell.", "Rain fell.", "Known."], "sampled": ["It rained."]}
    (folder / "xsum_davinci.raw_data.json").write_text(json.dumps(pair), "utf-8")
    git = ("git", "-C", str(clone), "-c", "user.name=t", "-c", "user.email=t@example.org")
    for command in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "texts")):
        subprocess.run([*git, *command], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    (folder / "xsum_davinci.raw_data.json").write_text("{}", "utf-8")  # later than the commit
    monkeypatch.setattr(public_rows, "FAST", ("some/set", commit.stdout.strip()))
    monkeypatch.setattr(public_rows, "GENRES", ("xsum",))
    monkeypatch.setattr(public_rows, "MODELS", ("davinci",))
    monkeypatch.setattr(public_rows, "PAIRS", ())
    monkeypatch.setattr(public_rows, "known_texts", lambda train: {"Known."})
    out = tmp_path / "out"
    given = ["public_rows.py", str(tmp_path / "clones"), str(out), "--train", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", given)
    public_rows.main()
    rows = pq.read_table(out / "xsum_davinci.parquet").to_pylist()
    assert [(row["text"], row["label"]) for row in rows] == [
        ("Rain fell.", "human"), ("It rained.", "llm"),
    ]  # fmt: skip


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize(("more", "ends"), [([], "--beside"), (["BASE=p.npz"], "--base p.npz")])
def test_make_eval_has_the_shipped_part_where_its_scores_are_given(
    more: list[str], ends: str
) -> None:
    told = subprocess.run(
        ["make", "--dry-run", "eval", "DATA=rows", *more],
        cwd=BENCHMARKS.parent, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    (line,) = [line for line in told.splitlines() if "transfer.py rows --language en" in line]
    assert line.rstrip().endswith(ends)


def test_a_base_that_is_no_file_is_named(
    style_transfer: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["style_transfer.py", str(tmp_path), "--base", "no.npz"])
    with pytest.raises(SystemExit, match="2"):
        style_transfer.main()
    assert "no.npz is no file" in capsys.readouterr().err
