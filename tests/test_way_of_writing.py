"""Features of the way of writing: what is counted, and what the contrast says of mixtures."""

import numpy as np
import pytest
from made_texts import prose

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.reference.features import Features, contrast, counted, joined


def features(*texts: str) -> Features:
    return counted(TextBatch(list(texts)))


@pytest.mark.parametrize(
    ("text", "grams"),
    [
        ("", 0),
        ("...", 0),
        ("word", 1),
        ("two words", 3),
        ("one [NAME] two", 2),
        ("写作方式", 5),
        ("one 写", 2),
    ],
)
def test_what_is_counted(text: str, grams: int) -> None:
    assert features(text).value.sum() == grams


def test_parts_are_the_texts_one_by_one() -> None:
    texts = ["one two", "", "three four five", "写作方式"]
    together = features(*texts)
    for place, text in enumerate(texts):
        part, alone = together.part(place, place + 1), features(text)
        assert part.bucket.tolist() == alone.bucket.tolist()
        assert part.text.tolist() == [0] * len(alone.bucket)
    again = joined([together.part(0, 2), together.part(2, 4)])
    assert again.text.tolist() == together.text.tolist()


def test_layout_does_not_count() -> None:
    plain, laid_out = "Some words, and more words.", "**Some**  words\n\nand more\twords"
    assert features(plain).bucket.tolist() == features(laid_out).bucket.tolist()


def test_length_of_the_contrast_is_unbiased() -> None:
    lengths = []
    for seed in range(30):
        texts = [prose(1_000 * seed + n, 60) for n in range(40)]
        lengths.append(contrast(features(*texts[:20]), features(*texts[20:])).length)
    assert abs(np.mean(lengths)) < 4 * np.std(lengths) / np.sqrt(len(lengths))


def test_vectors_have_length_one_and_no_text_has_none() -> None:
    fitted = contrast(features(prose(1), prose(2)), features(prose(3), prose(4)))
    vectors = fitted.weighted(features(prose(5), ""))
    lengths = np.bincount(vectors.text, vectors.value**2, 2)
    assert lengths == pytest.approx([1, 0])
    assert fitted.scores(vectors)[1] == 0
