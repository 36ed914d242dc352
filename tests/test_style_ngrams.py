"""Frames and n-grams of the style lane against plain definitions, and no effect of the batch."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from style_plain import lower, plain_grams, plain_sentences, plain_tokens
from style_texts import BATCHES, WRITTEN

from scrubtrace.detectors.style.folding import fold
from scrubtrace.detectors.style.frame import MAX_DOCUMENTS, Frame
from scrubtrace.detectors.style.ngrams import Family, Grams, Weighing, grams, matrix, weighed

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


def weighted(frame: Frame, family: Family, table: Any, **more: Any) -> Any:
    """The two sums of one linear model, a column a text."""
    return weighed(frame, family, [Weighing(table, **more)])[0].T


@pytest.mark.parametrize("family", FAMILIES, ids=str)
@given(texts=BATCHES)
@settings(max_examples=25, deadline=None)
def test_ngrams_equal_the_plain_definition(family: Family, texts: list[str]) -> None:
    folded = fold(texts)
    found = grams(Frame.of(folded), family)
    assert np.all(np.diff(found.document.astype(np.int64) << 32 | found.bucket) > 0)
    assert _per_text(found, len(folded)) == [plain_grams(text, family) for text in folded]


@pytest.mark.parametrize("family", FAMILIES[:4], ids=str)
def test_shares_are_the_mean_of_the_table_over_all_ngrams(family: Family) -> None:
    table = np.random.default_rng(6).normal(size=family.buckets).astype(np.float32)
    frame = Frame.of(fold(WRITTEN))
    data, indices, indptr = matrix(grams(frame, family), len(frame), family)
    rows = csr_matrix((data, indices, indptr), shape=(len(frame), family.buckets)).astype(float)
    dot, norm2 = weighted(frame, family, table, counts="share")
    total = rows.sum(axis=1).A1
    np.testing.assert_allclose(np.sqrt(norm2), total)
    np.testing.assert_allclose(dot, rows @ table.astype(float), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("counts", ["presence", "sublinear"])
@pytest.mark.parametrize("with_idf", [False, True])
@pytest.mark.parametrize("family", FAMILIES[:4], ids=str)
def test_weights_equal_those_by_the_matrix(family: Family, with_idf: bool, counts: Any) -> None:
    draw = np.random.default_rng(6)
    table = draw.normal(size=family.buckets).astype(np.float32)
    idf = draw.uniform(0.5, 9, family.buckets).astype(np.float32) if with_idf else None
    frame = Frame.of(fold(WRITTEN))
    data, indices, indptr = matrix(grams(frame, family), len(frame), family)
    data = np.ones_like(data) if counts == "presence" else 1 + np.log(data)
    rows = csr_matrix((data, indices, indptr), shape=(len(frame), family.buckets)).astype(float)
    if idf is not None:
        rows = rows.multiply(idf).tocsr()
    dot, norm2 = weighted(frame, family, table, idf=idf, counts=counts)
    np.testing.assert_allclose(dot, rows @ table.astype(float), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(norm2, rows.multiply(rows).sum(axis=1).A1, rtol=1e-6)


def _score(texts: list[str], family: Family, kind: Any) -> Any:
    table = (np.arange(family.buckets) * 7919 % 251 - 125).astype(kind)
    idf = (1 + np.arange(family.buckets) % 97 / 7).astype(np.float32)
    return weighted(Frame.of(texts), family, table, idf=idf, counts="sublinear")


@pytest.mark.parametrize("kind", [np.float32, np.float16, np.int8])
@pytest.mark.parametrize("family", [FAMILIES[1], FAMILIES[4], FAMILIES[5]], ids=str)
@given(texts=BATCHES, cut=st.integers(0, 6))
@settings(max_examples=15, deadline=None)
def test_weights_have_the_same_bits_in_any_batch(
    kind: Any, family: Family, texts: list[str], cut: int
) -> None:
    folded = fold(texts)
    whole = _score(folded, family, kind)
    parts = [_score(folded[:cut], family, kind), _score(folded[cut:], family, kind)]
    alone = [_score([text], family, kind) for text in folded]
    assert whole.tobytes() == np.concatenate(parts, axis=1).tobytes()
    assert whole.tobytes() == np.concatenate([np.zeros((2, 0)), *alone], axis=1).tobytes()


def test_many_texts_are_taken_in_parts_that_have_room_in_a_key() -> None:
    folded = fold([text for text in WRITTEN for _ in range(10)])
    for family in (Family("char", (2, 3), 24), Family("word", (1, 2), 24)):
        together = grams(Frame.of(folded), family)
        counts = _per_text(together, len(folded))
        assert counts[::10] == [plain_grams(text, family) for text in fold(WRITTEN)]
        ones = np.ones(family.buckets, np.int8)
        assert weighted(Frame.of(folded), family, ones)[0].tolist() == [*map(len, counts)]


def test_threads_do_not_disturb_each_other() -> None:
    batches = [fold(WRITTEN[first:]) for first in range(len(WRITTEN))] * 10
    run = partial(_score, family=FAMILIES[0], kind=np.float32)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(run, batches))
    assert [one.tobytes() for one in found] == [run(batch).tobytes() for batch in batches]


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
        (lambda: weighted(Frame.of(["a"]), FAMILIES[0], np.zeros(3, np.float32)), "needs shape"),
        (lambda: matrix(grams(Frame.of(["a", "b"]), FAMILIES[0]), 1, FAMILIES[0]), "not of 1"),
    ],
)
def test_what_cannot_be_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
