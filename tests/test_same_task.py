"""Trusted rows that answer tasks of the index, and the thresholds of their own that they set."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_texts import prose

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.reference.building import (
    Reference,
    SegmentWriter,
    extended,
    finish,
    new_manifest,
)
from scrubtrace.detectors.reference.detector import Reference as Detector
from scrubtrace.detectors.reference.trusted import Trusted, write_background
from scrubtrace.index.show import described
from scrubtrace.schemas.references import Manifest
from scrubtrace.words import in_words

TASKS = 120
ANSWERS = [Reference(f"call-{n}", "completion", prose(n), task=f"t{n}") for n in range(TASKS)]
UNRELATED = [Trusted(prose(10_000 + n), "en", "") for n in range(200)]


def on_the_same(task: int, seed: int) -> str:
    """A new answer to a task: it has a third of the pairs of words of the model's answer."""
    rng = random.Random(seed)
    words = ANSWERS[task].text.split()
    starts = range(0, len(words), 6)
    kept = [words[at : at + 6] if rng.random() < 0.35 else prose(seed, 6).split() for at in starts]
    return " ".join(word for part in kept for word in part)


def build(path: Path, trusted: Sequence[Trusted]) -> Manifest:
    path.mkdir()
    writer = SegmentWriter(path, 1)
    writer.add(ANSWERS)
    manifest = extended(new_manifest("a test", 1), writer)
    return finish(path, replace(manifest, background=write_background(path, trusted, Counter())))


def answering(rows: int) -> list[Trusted]:
    return [Trusted(on_the_same(n, 500 + n), "en", "", f"t{n}") for n in range(rows)]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("same") / "index"
    build(path, [*UNRELATED, *answering(TASKS)])
    return path


def matches(index: Path, text: str, task: str | None) -> list[dict[str, Any]]:
    found = Detector(str(index)).detect(TextBatch([text], ["en"], [task])).found.to_pylist()
    return [span for span in found if span["start"] is None]


def test_rows_for_tasks_of_the_index_have_thresholds_of_their_own(tmp_path: Path) -> None:
    manifest = build(tmp_path / "index", [*UNRELATED, *answering(TASKS)])
    of_language, same = manifest.strata[1:]
    assert (of_language.same_task, of_language.negatives) == (False, 320)
    assert (same.same_task, same.language, same.negatives) == (True, "en", TASKS)
    assert same.loose > of_language.tail[-1]
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_another_answer_to_the_task_is_judged_by_them(index: Path, tmp_path: Path) -> None:
    build(tmp_path / "unrelated", UNRELATED)
    texts = [(on_the_same(n, 9_000 + n), f"t{n}") for n in range(40)]
    by_language = [text for text, task in texts if matches(tmp_path / "unrelated", text, task)]
    by_task = [text for text, task in texts if matches(index, text, task)]
    assert len(by_language) >= 36
    assert len(by_task) <= 4


@pytest.mark.parametrize(
    ("task", "thresholds", "rows", "whose"),
    [
        ("t7", "same_task", TASKS, "of trusted answers to tasks of the index"),
        ("t8", "same_task", TASKS, "of trusted answers to tasks of the index"),
        ("other", "language", 320, "of trusted rows"),
        (None, "language", 320, "of trusted rows"),
    ],
)
def test_the_evidence_says_whose_thresholds_were_used(
    index: Path, task: str | None, thresholds: str, rows: int, whose: str
) -> None:
    (match,) = matches(index, ANSWERS[7].text, task)
    about = json.loads(match["value"])
    assert (about["thresholds"], about["trusted_rows"]) == (thresholds, rows)
    assert whose in in_words(match)


@pytest.mark.parametrize(
    ("trusted", "lacking"),
    [
        ([*UNRELATED, *answering(99)], True),
        ([*UNRELATED, *answering(TASKS)], False),
        ([row._replace(task="other") for row in UNRELATED], True),
        ([row._replace(task="t1") for row in UNRELATED], False),
    ],
)
def test_too_few_such_rows_are_said(tmp_path: Path, trusted: list[Trusted], lacking: bool) -> None:
    manifest = build(tmp_path / "index", trusted)
    told = "\n".join(described(manifest))
    assert ("en: no thresholds of their own for answers to tasks" in told) == lacking
    assert ("trusted rows for tasks of the index" in told) != lacking
    assert len(manifest.strata) == 3 - lacking
