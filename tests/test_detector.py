"""Running detectors: the row at fault is found, the others keep their evidence."""

import pyarrow as pa
import pytest

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.detector import check_evidence, detect_each
from scrubtrace.schemas.evidence import ABSTAINED, Evidence, Span
from scrubtrace.schemas.vocabulary import Lane


class Picky:
    """Finds the letter x; raises on a text that holds "canary"."""

    name = "picky"
    version = "1"
    lane = Lane.TRACE
    languages = frozenset({"en"})

    def fingerprint(self) -> str:
        return "picky-1"

    def setup(self) -> None:
        pass

    def detect(self, batch: TextBatch) -> Evidence:
        if any("canary" in text for text in batch.texts):
            raise ValueError(f"cannot read {batch.texts}")
        spans = [
            Span(row, "x", "letter", "strong", "asserted", text.index("x"), text.index("x") + 1)
            for row, text in enumerate(batch.texts)
            if "x" in text
        ]
        quiet = {row: "empty" for row, text in enumerate(batch.texts) if not text}
        return Evidence.of(spans, quiet)


@pytest.mark.parametrize("bad", [[0], [3], [6], [0, 6], [1, 2, 3], list(range(7))])
def test_rows_at_fault_are_abstained_from_and_the_others_judged(bad: list[int]) -> None:
    texts = ["ax", "", "x", "b", "xx", "", "c"]
    for row in bad:
        texts[row] = "canary"
    errors: list[tuple[int, str]] = []
    evidence = detect_each(Picky(), TextBatch(texts), lambda *error: errors.append(error))
    assert sorted(errors) == [(row, "ValueError") for row in bad]
    reasons = {r["row"]: r["reason"] for r in evidence.abstained.to_pylist()}
    assert reasons == dict.fromkeys(bad, "detector_error") | {
        row: "empty" for row, text in enumerate(texts) if not text
    }
    hits = [row for row, text in enumerate(texts) if "x" in text]
    assert evidence.found.column("row").to_pylist() == hits


def test_without_errors_the_answer_is_the_detectors_own() -> None:
    batch = TextBatch(["ax", "b"])
    assert detect_each(Picky(), batch).found.equals(Picky().detect(batch).found)


def test_evidence_is_sorted_by_row_and_place() -> None:
    spans = [
        Span(1, "b", "c", "strong", "asserted", 0, 1),
        Span(0, "b", "c", "strong", "asserted", 5, 6),
        Span(0, "a", "c", "strong", "asserted", 5, 6),
        Span(0, "z", "c", "strong", "asserted", 1, 2),
    ]
    found = Evidence.of(spans, {}).found.to_pylist()
    assert [(e["row"], e["signal"]) for e in found] == [(0, "z"), (0, "a"), (0, "b"), (1, "b")]


def test_an_answer_for_rows_that_are_not_there_is_refused() -> None:
    evidence = Evidence.of([Span(3, "x", "c", "strong", "asserted")], {})
    with pytest.raises(ValueError, match="'picky' answered for rows outside its batch of 3"):
        check_evidence(evidence, 3, "picky")
    check_evidence(evidence, 4, "picky")


def test_an_answer_with_other_columns_is_refused() -> None:
    wrong = pa.RecordBatch.from_arrays([pa.array([1])], names=["number"])
    empty = pa.RecordBatch.from_arrays([pa.array([], f.type) for f in ABSTAINED], schema=ABSTAINED)
    with pytest.raises(TypeError, match=r"'picky' answered columns \['number'\]"):
        check_evidence(Evidence(wrong, empty), 4, "picky")
