"""Words and shingles of the match lane: what is compared, and what never is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.reference.han import folds
from scrubtrace.detectors.reference.shingles import analyse
from scrubtrace.detectors.reference.tokens import MAX_CHARS, tokenise


@pytest.mark.parametrize(
    ("text", "words", "masks"),
    [
        ("", 0, 0),
        ("...", 0, 0),
        ("Hello, WORLD!", 2, 0),
        ("it's 20 km", 4, 0),
        ("naïve café", 2, 0),
        ("今天天气很好", 6, 0),
        ("今天 is 晴", 4, 0),
        ("ひらがなとカタカナ", 9, 0),
        ("call [NAME] at XXXX now", 3, 2),
        ("<PERSON> met {{NAME}} and {CITY}", 2, 3),
        ("a [link](https://example.org) stays", 6, 0),
        ("**bold** and snake_case stay", 5, 0),
        ("姓名：【姓名】，电话：*****", 4, 2),
        ("maxxx and xxx", 2, 1),
        ("was ███ there", 2, 1),
    ],
)
def test_words_and_masked_tags_are_counted(text: str, words: int, masks: int) -> None:
    found = analyse(TextBatch([text]))
    assert (found.words.tolist(), found.masks.tolist()) == ([words], [masks])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Harbour was full.", "the harbour, was FULL"),
        ("The harbour\nwas  full", "the harbour was full"),
        ("the har\u200bbour was full", "the harbour was full"),
        ("th\u0435 harbour was full", "the harbour was full"),
        ("ｔｈｅ harbour was full", "the harbour was full"),
        ("天气，很好。", "天气很好"),
        ("臺灣後來發展著經濟", "台湾后来发展着经济"),
        ("台灣 İSTANBUL", "臺湾 istanbul"),
        ("DİYARBAKIR İli", "di\u0307yarbakir i\u0307li"),
        ("Di\u0307yarbakır", "DİYARBAKır"),
    ],
)
def test_what_does_not_change_the_words_does_not_change_the_digest(one: str, other: str) -> None:
    found = analyse(TextBatch([one, other]))
    assert found.digests[0] == found.digests[1]
    assert np.array_equal(found.shingles.of(0), found.shingles.of(1))


def test_folding_keeps_characters_in_their_places() -> None:
    assert all(0x3400 <= point <= 0x2FFFF for point in (*folds(), *folds().values()))
    assert set(folds()).isdisjoint("天气很好中文")
    text = "𠀋漢字，漢語 İi\u0307 [NAME] 體"
    tokens = tokenise([text])
    words = [text[s:e] for s, e in zip(tokens.start, tokens.end, strict=True)]
    assert words == ["𠀋", "漢", "字", "漢", "語", "İi\u0307", "體"]


def test_shingles_are_pairs_of_words_and_triples_of_characters() -> None:
    found = analyse(TextBatch(["one two three", "天气很好", "one", "one two two one two"]))
    assert np.diff(found.shingles.bounds).tolist() == [2, 2, 0, 3]


def test_no_shingle_spans_a_masked_tag_or_two_texts() -> None:
    found = analyse(TextBatch(["one [NAME] two", "two one", "one two"]))
    assert len(found.shingles.of(0)) == 0
    assert set(found.shingles.of(1)).isdisjoint(found.shingles.of(2))


WORDS = st.lists(
    st.sampled_from(["sea", "Sea", "boat", "天", "气", "[NAME]", "1", "é"]), max_size=9
)


@given(st.lists(WORDS, min_size=1, max_size=5))
def test_texts_of_a_batch_do_not_change_each_other(texts: list[list[str]]) -> None:
    joined = [" ".join(words) for words in texts]
    together = analyse(TextBatch(joined))
    for place, text in enumerate(joined):
        alone = analyse(TextBatch([text]))
        assert np.array_equal(alone.shingles.of(0), together.shingles.of(place))
        assert alone.digests[0] == together.digests[place]
        assert (alone.words[0], alone.masks[0]) == (together.words[place], together.masks[place])


@given(st.lists(st.text(max_size=20), min_size=2, max_size=2))
def test_words_have_equal_hashes_if_and_only_if_they_are_equal_without_case(
    texts: list[str],
) -> None:
    tokens = tokenise(texts)
    joined = "\n".join(texts) + "\n"
    begins = (0, len(texts[0]) + 1)
    words = [
        joined[begins[t] + s : begins[t] + e]
        for t, s, e in zip(tokens.text, tokens.start, tokens.end, strict=True)
    ]
    folded = [
        word.translate(folds()).lower().replace("i\u0307", "i").replace("\x00", "")
        for word in words
    ]
    for one, first in zip(tokens.hashes, folded, strict=True):
        for other, second in zip(tokens.hashes, folded, strict=True):
            assert (one == other) == (first == second) or any(ord(c) >= 0x30000 for c in joined)


def test_a_long_text_has_the_shingles_of_its_windows() -> None:
    words = [f"word{number}" for number in range(80_000)]
    found = analyse(TextBatch([" ".join(words), "word41 word42"]))
    pairs = len(found.shingles.of(0))
    assert 79_999 <= pairs < 80_020  # some words are cut where a window ends
    assert set(found.shingles.of(1)) <= set(found.shingles.of(0))


def test_too_many_characters_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match=f"more than {MAX_CHARS}"):
        tokenise(["a" * MAX_CHARS])


@pytest.mark.parametrize("scale", [1, 4, 16])
def test_a_sample_keeps_the_same_shingles_of_every_text(scale: int) -> None:
    text = " ".join(f"word{number}" for number in range(4_000))
    shingles = analyse(TextBatch([text, text])).shingles.sampled(scale)
    assert np.array_equal(shingles.of(0), shingles.of(1))
    assert len(shingles.of(0)) == pytest.approx(3_999 / scale, rel=0.2)
