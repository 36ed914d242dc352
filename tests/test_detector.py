"""Running detectors: the row at fault is found, the others keep their evidence."""

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.detector import ContractError, check_evidence, detect_each
from scrubtrace.schemas.evidence import ABSTAINED, FOUND, Evidence, Span
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


def _table(schema: pa.Schema, **columns: list[object]) -> pa.RecordBatch:
    arrays = [pa.array(columns.get(field.name, []), field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, names=schema.names)


def _spans(*spans: Span) -> Evidence:
    return Evidence.of(list(spans), {})


GOOD = ("signal", "category", "strong", "asserted")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (None, "answered NoneType, not Evidence"),
        ([Span(0, *GOOD)], "answered list, not Evidence"),
        (Evidence("found", "abstained"), "answered other columns"),
        (Evidence(_table(ABSTAINED), _table(ABSTAINED)), "answered other columns"),
        (Evidence(_table(FOUND), _table(pa.schema([("row", pa.int64()), ("reason", "string")]))),
         "answered other columns"),
        (Evidence(_table(FOUND), _table(ABSTAINED, row=[0], reason=[None])), "answered null"),
        (_spans(Span(3, *GOOD)), "answered for rows outside its batch"),
        (_spans(Span(-1, *GOOD)), "answered for rows outside its batch"),
        (Evidence.of([], {3: "reason"}), "answered for rows outside its batch"),
        (_spans(Span(0, "s", "c", "certain", "asserted")), "a strength that there is not"),
        (_spans(Span(0, "s", "c", "weak", "meant")), "a use that there is not"),
        (Evidence.of([], {0: "the soup was salty"}), "a reason that is not one short word"),
        (Evidence.of([], {0: ""}), "a reason that is not one short word"),
        (Evidence.of([], {0: "x" * 65}), "a reason that is not one short word"),
        (_spans(Span(0, "s" * 201, *GOOD[1:])), "a signal of more than 200 characters"),
        (_spans(Span(0, "s", "c" * 201, *GOOD[2:])), "a category of more than 200 characters"),
        (_spans(Span(0, *GOOD, 0, 1, float("nan"))), "a score that is no finite number"),
        (_spans(Span(0, *GOOD, 0, 1, float("-inf"))), "a score that is no finite number"),
        (_spans(Span(0, *GOOD, 0, 6)), "answered a span outside its text"),
        (_spans(Span(0, *GOOD, 2, 1)), "answered a span outside its text"),
        (_spans(Span(0, *GOOD, -1, 1)), "answered a span outside its text"),
        (_spans(Span(0, *GOOD, 0, None)), "answered a span outside its text"),
    ],
)  # fmt: skip
def test_an_answer_that_breaks_the_contract(answer: object, problem: str) -> None:
    with pytest.raises(ContractError, match=problem):
        check_evidence(answer, TextBatch(["brief", "", "x"]))


@pytest.mark.parametrize(
    "answer",
    [
        Evidence.of([], {}),
        _spans(Span(0, *GOOD), Span(0, *GOOD, 0, 5), Span(1, *GOOD, 0, 0)),
        Evidence.of([Span(0, *GOOD)], {1: "reason"}),
    ],
)
def test_an_answer_that_keeps_the_contract(answer: Evidence) -> None:
    check_evidence(answer, TextBatch(["brief", "", "x"]))


@pytest.mark.parametrize("garbage", [None, "text", Evidence.of([Span(9, *GOOD)], {})])
def test_garbage_for_a_row_costs_that_row(garbage: object) -> None:
    class Careless(Picky):
        def detect(self, batch: TextBatch) -> Evidence:
            return garbage if "bad" in batch.texts else super().detect(batch)  # type: ignore[return-value]

    errors: list[tuple[int, str]] = []
    batch = TextBatch(["x", "bad", "b", "xx"])
    evidence = detect_each(Careless(), batch, lambda *error: errors.append(error))
    assert errors == [(1, "ContractError")]
    assert evidence.found.column("row").to_pylist() == [0, 3]


@pytest.mark.parametrize(
    ("counts", "fits"),
    [
        ({}, True),
        ({"en/essays/0-": 3, "en": 0}, True),
        ({"en": -1}, False),
        ({"en": True}, False),
        ({"en": 1.5}, False),
        ({"en": "1"}, False),
        ({1: 1}, False),
        ({"x" * 201: 1}, False),
        ({f"n{number}": 1 for number in range(100_001)}, False),
        ([("en", 1)], False),
    ],
)
def test_counts_are_whole_numbers_by_short_names(counts: Any, fits: bool) -> None:
    answer = replace(Evidence.of([], {}), counts=counts)
    if fits:
        check_evidence(answer, TextBatch(["a"]))
    else:
        with pytest.raises(ContractError, match="counts that are no whole numbers"):
            check_evidence(answer, TextBatch(["a"]))
