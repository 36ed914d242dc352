"""Linear models over n-grams against products of matrices, alone, together and in any batch."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from style_texts import BATCHES, WRITTEN

from scrubtrace.detectors.style.folding import fold
from scrubtrace.detectors.style.frame import Frame
from scrubtrace.detectors.style.heads import Head, Heads
from scrubtrace.detectors.style.ngrams import Counts, Family, grams, matrix

CHARS, WORDS = Family("char", (2, 3, 4), 18, cased=True), Family("word", (1, 2, 3), 21)
FAMILIES = [CHARS, Family("char", (3,), 14), WORDS, Family("masked", (1, 2, 3), 18)]
KINDS: list[tuple[Counts, bool]] = [
    ("presence", False), ("presence", True), ("sublinear", False), ("sublinear", True),
    ("share", False),
]  # fmt: skip


def head(family: Family, counts: Counts, with_idf: bool, seed: int = 6) -> Head:
    """Tables of random bytes."""
    draw = np.random.default_rng(seed)
    table = draw.integers(-127, 128, family.buckets, np.int8)
    idf = draw.integers(1, 256, family.buckets, np.uint8) if with_idf else None
    return Head(family, counts, table, 0.013, idf, 0.037)


def by_matrix(one: Head, frame: Frame) -> npt.NDArray[np.float64]:
    """Logits by a matrix of texts and buckets."""
    data, indices, indptr = matrix(grams(frame, one.family), len(frame), one.family)
    values = {"presence": np.ones_like(data), "sublinear": 1 + np.log(data), "share": data}
    shape = (len(frame), one.family.buckets)
    rows = csr_matrix((values[one.counts], indices, indptr), shape=shape).astype(float)
    if one.idf is not None:
        rows = rows.multiply(one.idf * one.idf_step).tocsr()
    is_share = one.counts == "share"
    norm = rows.sum(axis=1).A1 if is_share else np.sqrt(rows.multiply(rows).sum(axis=1).A1)
    found: npt.NDArray[np.float64] = (rows @ (one.table * one.step)) / np.where(norm > 0, norm, 1)
    return found


@pytest.mark.parametrize(("counts", "with_idf"), KINDS)
@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_logits_equal_those_by_the_matrix(family: Family, counts: Counts, with_idf: bool) -> None:
    one, frame = head(family, counts, with_idf), Frame.of(fold([*WRITTEN, ""]))
    logits = Heads((one,)).logits(frame)[:, 0]
    np.testing.assert_allclose(logits, by_matrix(one, frame), rtol=1e-5, atol=1e-6)
    assert logits[-1] == 0


def test_heads_together_are_those_alone() -> None:
    heads = [
        head(family, counts, with_idf, seed)
        for seed, (counts, with_idf) in enumerate(KINDS)
        for family in (CHARS, WORDS)
    ]
    assert len(heads) == 10
    frame = Frame.of(fold(WRITTEN))
    together = Heads(tuple(heads)).logits(frame)
    alone = np.hstack([Heads((one,)).logits(frame) for one in heads])
    assert together.tobytes() == alone.tobytes()


@pytest.mark.parametrize("family", [FAMILIES[1], WORDS], ids=str)
@given(texts=BATCHES, cut=st.integers(0, 6))
@settings(max_examples=15, deadline=None)
def test_logits_have_the_same_bits_in_any_batch(family: Family, texts: list[str], cut: int) -> None:
    heads, folded = (
        Heads((head(family, "sublinear", True), head(family, "share", False))),
        fold(texts),
    )

    def logits(some: list[str]) -> npt.NDArray[np.float64]:
        return heads.logits(Frame.of(some))

    whole = logits(folded)
    assert whole.tobytes() == np.vstack([logits(folded[:cut]), logits(folded[cut:])]).tobytes()
    alone = [logits([text]) for text in folded]
    assert whole.tobytes() == np.vstack([np.zeros((0, 2)), *alone]).tobytes()


def test_threads_do_not_disturb_each_other() -> None:
    batches = [Frame.of(fold(WRITTEN[first:])) for first in range(len(WRITTEN))] * 10
    run = Heads((head(CHARS, "sublinear", True),)).logits
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(run, batches))
    assert [one.tobytes() for one in found] == [run(batch).tobytes() for batch in batches]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"table": np.zeros(15, np.int8)}, "one a bucket"),
        ({"idf": np.zeros(15, np.uint8)}, "one a bucket"),
        ({"table": np.zeros(1 << 14, np.float32)}, "not of bytes"),
        ({"idf": np.zeros(1 << 14, np.int16)}, "not of bytes"),
        ({"counts": "log"}, "counts are 'log'"),
        ({"step": 0.0}, "no positive number"),
        ({"idf_step": float("inf")}, "no positive number"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], message: str) -> None:
    one = head(FAMILIES[1], "sublinear", True)
    with pytest.raises(ValueError, match=message):
        replace(one, **change)
