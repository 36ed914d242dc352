"""Tokenizers that are made without their hyphenated exceptions split texts as whole ones do."""

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language

from scrubtrace.detectors.blank_pipelines import BlankPipeline, hyphenated

PARTS = [
    "anak",
    "laki",
    "buku",
    "kupu",
    "nya",
    "ke",
    "1",
    "-",
    "-",
    " - ",
    " ",
    ". ",
    ", ",
    "(",
    ")",
]


def tokens(pipeline: Language, text: str) -> list[tuple[str, str]]:
    return [(token.text, token.whitespace_) for token in pipeline(text)]


@pytest.fixture(scope="module")
def indonesian() -> tuple[Language, BlankPipeline]:
    return spacy.blank("id"), BlankPipeline("id")


def test_a_hyphenated_word_stays_one_token(indonesian: tuple[Language, BlankPipeline]) -> None:
    whole, made = indonesian
    text = "Anak-anak membaca buku-buku, lalu pulang."
    made.prepare(text)
    assert [token for token, _ in tokens(made.pipeline, text)][:3] == [
        "Anak-anak", "membaca", "buku-buku",
    ]  # fmt: skip
    assert tokens(made.pipeline, text) == tokens(whole, text)


@settings(deadline=None)
@given(parts=st.lists(st.sampled_from(PARTS), max_size=12))
def test_texts_are_split_as_with_all_exceptions(
    indonesian: tuple[Language, BlankPipeline], parts: list[str]
) -> None:
    whole, made = indonesian
    text = "".join(parts)
    made.prepare(text)
    assert tokens(made.pipeline, text) == tokens(whole, text)


@pytest.mark.parametrize("code", ["en", "de", "xx"])
def test_other_languages(code: str) -> None:
    text = "Don't stop, z.B. a well-known 24-7 shop :-) by . o_o e-mail"
    made = BlankPipeline(code)
    made.prepare(text)
    assert tokens(made.pipeline, text) == tokens(spacy.blank(code), text)


def test_words_within_longer_ones() -> None:
    assert list(hyphenated("a-b-c d", 3)) == ["a-b", "a-b-c", "b-c"]
    assert list(hyphenated("a-b-c d", 2)) == ["a-b", "b-c"]
    assert list(hyphenated("a - b", 2)) == ["a-b"]
    assert list(hyphenated("a b -c -", 2)) == ["b-c"]
    assert not list(hyphenated("a-b", 0))


def test_a_long_text_takes_no_more_than_its_share() -> None:
    assert len(list(hyphenated("a-" * 30_000 + "a", 3))) == 59_999
    assert not list(hyphenated("a" * 100_000, 3))
    assert not list(hyphenated(("a" + " " * 50) * 2_000, 3))
