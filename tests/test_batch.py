"""`TextBatch`: views, windows of long texts, and what it refuses."""

import pyarrow as pa
import pytest

from scrubtrace.detectors.batch import OVERLAP_CHARS, WINDOW_CHARS, TextBatch
from scrubtrace.detectors.boilerplate import Boilerplate
from scrubtrace.detectors.redaction import Redaction

PHRASE = "As an AI language model, I cannot swim."
STEP = WINDOW_CHARS - OVERLAP_CHARS


def test_a_short_text_is_one_window_computed_once() -> None:
    batch = TextBatch(["wait\u2026"])
    (window,) = batch.windows(0)
    assert window.normalised.text == "wait..."
    assert (window.first, window.last, window.in_code) == (0, None, False)
    assert next(batch.windows(0)) is window


@pytest.mark.parametrize("length", [WINDOW_CHARS + 1, 2 * STEP, 3 * WINDOW_CHARS + 7])
def test_windows_cover_a_long_text_and_overlap(length: int) -> None:
    windows = list(TextBatch(["a" * length]).windows(0))
    assert (windows[0].first, windows[-1].last) == (0, None)
    assert [window.last for window in windows[:-1]] == [window.first for window in windows[1:]]
    ends = [window.offset + len(window.normalised.text) for window in windows]
    assert ends[-1] == length
    for end, following in zip(ends, windows[1:], strict=False):
        assert end - following.offset == OVERLAP_CHARS


@pytest.mark.parametrize(
    "position", [0, STEP - 20, STEP, STEP + 1, WINDOW_CHARS - 20, WINDOW_CHARS, 2 * STEP - 5]
)
def test_a_phrase_at_a_cut_is_found_once_where_it_is(position: int) -> None:
    filler = "The tide came in. " * (3 * WINDOW_CHARS // 18)
    text = filler[:position][:-1] + ". " + PHRASE + " " + filler
    found = Boilerplate().detect(TextBatch([text], ["en"])).found.to_pylist()
    hits = [(entry["signal"], entry["start"], entry["end"]) for entry in found]
    assert hits
    assert len(hits) == len(set(hits))
    (span,) = {(start, end) for _, start, end in hits}
    assert text[slice(*span)].startswith("As an AI language model")


@pytest.mark.parametrize("before", [STEP - 3000, STEP - 100, WINDOW_CHARS - 1500, WINDOW_CHARS])
def test_a_fence_across_a_cut_is_one_fence(before: int) -> None:
    filler, code, hit = "tide\n" * (before // 5), "code\n" * 240, f"{PHRASE} <PERSON>"
    text = f"{filler}\n```\n{code}{hit}\n```\n" + "tide\n" * 100 + f"{hit} {filler}"
    for detector in (Boilerplate(), Redaction()):
        evidence = detector.detect(TextBatch([text], ["en"]))
        found = evidence.found.to_pylist()
        uses = [(e["start"] < text.index("```\ntide"), e["use"]) for e in found]
        assert set(uses) == {(True, "code"), (False, "asserted")}
        assert len({(e["signal"], e["start"]) for e in found}) == len(found)


def test_a_cut_does_not_count_as_the_start_of_the_text() -> None:
    opener = "Certainly! Here is a more cheerful version of the paragraph: the rain had stopped."
    filler = "x" * STEP
    detector = Boilerplate()
    assert detector.detect(TextBatch([opener], ["en"])).found.num_rows > 0
    assert detector.detect(TextBatch([filler + opener + filler], ["en"])).found.num_rows == 0


def test_nulls_become_empty_texts_of_undetermined_language() -> None:
    batch = TextBatch.from_arrow(pa.array(["a", None]), pa.array(["en", None]))
    assert list(batch.texts) == ["a", ""]
    assert list(batch.languages) == ["en", "und"]
    assert len(TextBatch.from_arrow(pa.array(["a"]))) == 1


def test_taken_rows_keep_text_and_language() -> None:
    batch = TextBatch(["a", "b", "c"], ["en", "zh", "de"]).take([2, 0])
    assert (list(batch.texts), list(batch.languages)) == (["c", "a"], ["de", "en"])


@pytest.mark.parametrize("name", ["texts", "languages", "tasks", "sources"])
def test_a_batch_keeps_what_it_was_made_of(name: str) -> None:
    given = {key: ["a", "b"] for key in ("texts", "languages", "tasks", "sources")}
    batch = TextBatch(**given)
    given[name][0] = "c"
    for made in (batch, batch.take([0, 1]), TextBatch.from_arrow(pa.array(["a", "b"]))):
        assert isinstance(getattr(made, name), tuple)
    assert getattr(batch, name) == ("a", "b")


def test_a_language_a_text_or_none_at_all() -> None:
    with pytest.raises(ValueError, match="2 texts and 1 languages"):
        TextBatch(["a", "b"], ["en"])


def test_a_batch_needs_a_source_for_each_text_or_none() -> None:
    batch = TextBatch(["a", "b", "c"], sources=["news", None, "essays"])
    assert batch.take([2, 1]).sources == ("essays", None)
    assert TextBatch(["a"]).take([0]).sources == ()
    with pytest.raises(ValueError, match="one source a text or none, but has 2 texts and 1 sou"):
        TextBatch(["a", "b"], sources=["news"])
