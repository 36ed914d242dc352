"""Stylometric measures: cases a language, the plain definitions, and no effect of the batch."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from style_plain import plain_tokens
from style_plain_measures import plain_measures
from style_plain_predictability import zipf_of
from style_texts import BATCHES, WRITTEN

from scrubtrace.detectors.style.features import measure, measures
from scrubtrace.detectors.style.folding import fold
from scrubtrace.detectors.style.frame import Frame
from scrubtrace.detectors.style.word_lists import LANGUAGES, word_lists

EN = "The dog didn't bark. However, nobody knew why, and the management did not ask."
ZIPF = {word: zipf_of(word) or 0.0 for word in ("the", "dog", "and")}
UNKNOWN = (round(16 * 9 * math.log(10)) + round(-16 * math.log(0.4))) / 16
"""Nats of a word that is not in the lexicon: both terms are kept in steps of 1/16."""

CASES = [
    ("en", EN, "sentence_length_mean", 7),
    ("en", EN, "sentence_length_sd", 3),
    ("en", EN, "sentence_burstiness", -0.4),
    ("en", EN, "commas_per_sentence", 1),
    ("en", EN, "negations", 100 * 3 / 14),
    ("en", EN, "contractions", 100 / 14),
    ("en", EN, "contrast_markers", 100 / 14),
    ("en", EN, "ending_nominal", 100 / 14),
    ("en", EN, "hapax_share", 12 / 14),
    ("en", "as a result of this, on the other hand", "result_markers", 100 / 9),
    ("en", "as a result of this, on the other hand", "contrast_markers", 100 / 9),
    ("en", "one two three " * 40, "mattr", 3 / 50),
    ("en", "one two three " * 40, "repeated_bigrams", 1),
    ("en", "a b c d", "mattr", 1),
    ("en", "12 ab", "digits", 50),
    ("en", "the dog", "word_frequency_sd", (ZIPF["the"] - ZIPF["dog"]) / 2),
    ("en", "the dog's and The Zqxj", "word_frequency_mean", sum(ZIPF.values()) / 3),
    ("en", "the zqxj and dogx", "unknown_words", 0.5),
    ("en", "Zqxj is a name", "unknown_words", 0),
    ("en", "of course they do", "known_pairs", 1),
    ("en", "of; course", "known_pairs", 0),
    ("en", "the zqxj", "known_pairs", 0),
    ("en", "the zqxj", "surprisal_mean", UNKNOWN),
    ("en", "They recieve thier new goverment mail", "misspelled_words", 50),
    ("en", "Recieve the well-beleived neighbour in my neighborhood", "misspelled_words", 0),
    ("en", "a knowl- egde of zxqvb and beleif_x", "misspelled_words", 0),
    ("en", "the adress - recieve it", "misspelled_words", 50),
    ("en", "mae hynx wedix beleive yn", "misspelled_words", 0),
    ("en", "the enviroment, the enviroments", "misspelled_words", 50),
    ("en", "thats what they dont say", "missing_apostrophes", 40),
    ("en", "THATS it", "missing_apostrophes", 0),
    ("en", "it could of been more then that", "confused_words", 100 * 2 / 7),
    ("en", "he don't care", "wrong_agreement", 100 / 3),
    ("en", "to the the end", "repeated_words", 25),
    ("en", "a important day and an car", "wrong_articles", 100 / 3),
    ("en", "what i think is mine", "small_i", 20),
    ("en", "for i in range, the i th, let i be", "small_i", 0),
    ("en", "i'm here on monday (monday)", "missing_capitals", 40),
    ("en", "It works. so there", "small_sentence_starts", 25),
    ("en", "So e.g. this, approx. and that, cold? or hot. b is", "small_sentence_starts", 0),
    ("en", "It works. python_x runs", "small_sentence_starts", 0),
    ("en", "one,two and 1,000 and a,b", "missing_spaces", 100 / 8),
    ("en", "f(aa,bb) or ab@cd,ef or 'aa,bb' or x1,yy", "missing_spaces", 0),
    ("en", "i think recieve thats", "errors", 75),
    ("de", "Ich habe das nicht gewusst, obwohl ich es hätte wissen können.", "negations", 100 / 11),
    ("de", "Die Bedeutung der Möglichkeiten", "ending_heit_keit", 25),
    ("de", "Zum Beispiel ist das so.", "example_markers", 20),
    ("id", "Saya tidak tahu. Oleh karena itu, saya bertanya.", "negations", 100 / 8),
    ("id", "Saya tidak tahu. Oleh karena itu, saya bertanya.", "result_markers", 100 / 8),
    ("id", "Mereka membantu pekerjaannya", "prefix_me", 100 * 2 / 3),
    ("zh", "他来了，我也来了。总之很好！", "aspect_le", 100 * 2 / 11),
    ("zh", "他来了，我也来了。总之很好！", "summary_markers", 100 / 11),
    ("zh", "他来了，我也来了。总之很好！", "clauses_of_four", 2 / 3),
    ("zh", "你好吗？", "sentence_particles", 100 / 3),
    ("ja", "これは本です。", "polite_desu", 100 / 6),
    ("ja", "これは本です。", "hiragana", 100 * 5 / 7),
]


def test_measures_are_said_in_plain_words() -> None:
    for language in LANGUAGES:
        for entry in measures(language):
            for words in (entry.higher, entry.lower):
                assert not words.startswith("the word ") or " is used " in words
                assert "_" not in words


def _named(texts: list[str], language: str) -> list[dict[str, float]]:
    names = [one.name for one in measures(language)]
    values = measure(Frame.of(fold(texts)), language)
    assert values.shape == (len(texts), len(names))
    assert values.dtype == np.float32
    return [dict(zip(names, row, strict=True)) for row in values.tolist()]


@pytest.mark.parametrize(("language", "text", "name", "expected"), CASES)
def test_cases(language: str, text: str, name: str, expected: float) -> None:
    assert _named([text], language)[0][name] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("language", LANGUAGES)
@given(texts=BATCHES)
@settings(max_examples=40, deadline=None)
def test_measures_equal_the_plain_definitions(language: str, texts: list[str]) -> None:
    folded = fold(texts)
    for found, text in zip(_named(texts, language), folded, strict=True):
        assert found == pytest.approx(plain_measures(text, language), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("language", LANGUAGES)
@given(texts=BATCHES, cut=st.integers(0, 6))
@settings(max_examples=25, deadline=None)
def test_measures_have_the_same_bits_in_any_batch(
    language: str, texts: list[str], cut: int
) -> None:
    folded = fold(texts)
    whole = measure(Frame.of(folded), language)
    assert np.isfinite(whole).all()
    parts = [measure(Frame.of(part), language) for part in (folded[:cut], folded[cut:])]
    assert whole.tobytes() == np.concatenate(parts).tobytes()
    alone = [row.tobytes() for text in folded for row in measure(Frame.of([text]), language)]
    assert whole.tobytes() == b"".join(alone)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_empty_text_measures_zero(language: str) -> None:
    assert not measure(Frame.of([""]), language).any()
    assert measure(Frame.of([]), language).shape == (0, len(measures(language)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_long_and_odd_texts_are_measured(language: str) -> None:
    texts = ["ab. " * 30_000, "字" * 100_000, "7" * 100_000, "😀" * 1_000, "\n".join(WRITTEN)]
    frame = Frame.of([*fold(texts), "ab. " * 30_000])
    assert np.isfinite(measure(frame, language)).all()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_measure_is_named_once_and_said_in_words(language: str) -> None:
    found = measures(language)
    assert 60 <= len(found) <= 180
    assert len({one.name for one in found}) == len(found)
    for one in found:
        assert one.words(True) != one.words(False)
        assert all((one.name, one.unit, one.source))


@pytest.mark.parametrize("language", LANGUAGES)
def test_word_lists_hold_what_can_be_found(language: str) -> None:
    lists = word_lists(language)
    for group in lists.groups:
        for entry in group.entries:
            assert fold([entry]) == [entry], f"{group.name}: {entry!r} is not folded"
            assert entry == entry.lower()
            assert 1 <= len(plain_tokens(entry)) <= 4, f"{group.name}: {entry!r}"
    for group in (*lists.suffixes, *lists.prefixes):
        assert all(len(entry) <= 8 and entry.encode("latin-1") for entry in group.entries)


def test_a_language_without_lists_is_refused() -> None:
    with pytest.raises(ValueError, match="no word lists for 'xx'"):
        measures("xx")
    with pytest.raises(ValueError, match="no word lists for 'xx'"):
        measure(Frame.of(["a"]), "xx")
