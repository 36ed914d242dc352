"""Frames and n-grams of the style lane against plain definitions."""

from collections.abc import Callable
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from style_plain import lower, plain_grams, plain_sentences, plain_tokens
from style_texts import BATCHES, WRITTEN

from scrubtrace.detectors.style.folding import fold
from scrubtrace.detectors.style.frame import MAX_DOCUMENTS, Frame
from scrubtrace.detectors.style.ngrams import Family, Grams, distinct, grams, matrix

FAMILIES = [
    Family("char", (2, 3, 4), 18, cased=True),
    Family("char", (3,), 14),
    Family("char", (1, 5), 20),
    Family("word", (1, 2, 3), 21),
    Family("word", (2,), 10, cased=True),
    Family("masked", (1, 2, 3), 18),
    Family("masked", (1, 4), 16, language="de"),
]


def _found(frame: Frame) -> list[list[str]]:
    """Tokens of each text as strings, in lower case."""
    texts: list[list[str]] = [[] for _ in range(len(frame))]
    spans = zip(frame.token_starts, frame.token_ends, frame.token_documents, strict=True)
    for start, end, document in spans:
        texts[document].append("".join(map(chr, frame.lowered[start:end])))
    return texts


def _per_text(found: Grams, texts: int) -> list[dict[int, int]]:
    counts: list[dict[int, int]] = [{} for _ in range(texts)]
    rows = zip(found.document, found.bucket, found.count, strict=True)
    for document, bucket, count in rows:
        assert int(bucket) not in counts[document]
        counts[document][int(bucket)] = int(count)
    return counts


@given(BATCHES)
@settings(max_examples=150, deadline=None)
def test_tokens_and_sentences_equal_the_plain_definition(texts: list[str]) -> None:
    folded = fold(texts)
    frame = Frame.of(folded)
    found = _found(frame)
    assert found == [[lower(token) for token in plain_tokens(text)] for text in folded]
    assert [len(tokens) for tokens in found] == frame.token_counts.tolist()
    sentences: list[list[list[str]]] = [[] for _ in folded]
    last = -1
    for number, document, token in zip(
        frame.token_sentences, frame.token_documents, list(chain(*found)), strict=True
    ):
        if number != last:
            sentences[document].append([])
        sentences[document][-1].append(token)
        last = number
    plain = [plain_sentences(text) for text in folded]
    assert sentences == [[[lower(t) for t in tokens] for tokens in text] for text in plain]


@given(BATCHES)
@settings(max_examples=100, deadline=None)
def test_equal_tokens_and_only_they_have_equal_hashes(texts: list[str]) -> None:
    frame = Frame.of(fold(texts))
    tokens = list(chain(*_found(frame)))
    assert len(set(zip(tokens, frame.hashes.tolist(), strict=True))) == len(set(tokens))
    assert len(set(frame.hashes.tolist())) == len(set(tokens))


@pytest.mark.parametrize("family", FAMILIES, ids=str)
@given(texts=BATCHES)
@settings(max_examples=25, deadline=None)
def test_ngrams_equal_the_plain_definition(family: Family, texts: list[str]) -> None:
    folded = fold(texts)
    found = grams(Frame.of(folded), family)
    assert np.all(np.diff(found.document.astype(np.int64) << 32 | found.bucket) > 0)
    assert _per_text(found, len(folded)) == [plain_grams(text, family) for text in folded]


def test_many_texts_are_taken_in_parts_that_have_room_in_a_key() -> None:
    folded = fold([text for text in WRITTEN for _ in range(10)])
    for family in (Family("char", (2, 3), 24), Family("word", (1, 2), 24)):
        together = grams(Frame.of(folded), family)
        counts = _per_text(together, len(folded))
        assert counts[::10] == [plain_grams(text, family) for text in fold(WRITTEN)]
        assert distinct(Frame.of(folded), family).types.tolist() == [*map(len, counts)]


def test_a_long_text_is_framed() -> None:
    text = "word und 词. " * 10_000
    frame = Frame.of([text, "x"])
    assert frame.token_counts.tolist() == [40_000, 1]
    found = grams(frame, Family("word", (1,), 20))
    assert found.count.tolist() == [10_000] * 4 + [1]


def test_hashes_are_the_same_in_every_process() -> None:
    assert Frame.of(["Hello, 世界"]).hashes.tolist() == [
        11487280576882961034, 12427753613712565569, 14038384901597473480, 5216312222461794878
    ]  # fmt: skip
    found = grams(Frame.of(["abc"]), Family("char", (2,), 16))
    assert found.bucket.tolist() == [7359, 37546, 40082, 40424]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Frame.of(["a\0b"]), "must be folded"),
        (lambda: Frame.of(["a"] * (MAX_DOCUMENTS + 1)), "frame fewer"),
        (lambda: Frame.of(["a" * (1 << 20)]), "frame fewer"),
        (lambda: Family("line", (1,), 8), "unit must be"),  # type: ignore[arg-type]
        (lambda: Family("char", (), 8), "orders must be"),
        (lambda: Family("char", (0,), 8), "orders must be"),
        (lambda: Family("char", (1,), 25), "bits must be"),
        (lambda: Family("masked", (1,), 8, language="zh"), "masked words need"),
        (lambda: matrix(grams(Frame.of(["a", "b"]), FAMILIES[0]), 1, FAMILIES[0]), "not of 1"),
    ],
)
def test_what_cannot_be_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
