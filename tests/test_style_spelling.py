"""Misspelled words: which words are taken for such, and how forms of a dictionary are made."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spelling import affixes, british, forms, shortened
from style_plain_errors import is_misspelled

from scrubtrace.detectors.style.folding import fold
from scrubtrace.detectors.style.frame import Frame
from scrubtrace.detectors.style.spelling import misspelled, placed, spelling
from scrubtrace.detectors.style.word_lists import word_lists

RULES = """
SET UTF-8
PFX U Y 1
PFX U   0     un         .
SFX D Y 3
SFX D   0     d          e
SFX D   y     ied        [^aeiou]y
SFX D   0     ed         [^ey]
SFX Y N 1
SFX Y   0     ly         .
""".splitlines()


@pytest.mark.parametrize(
    ("entry", "made"),
    [
        ("cat", {"cat"}),
        ("bake/D", {"bake", "baked"}),
        ("carry/D", {"carry", "carried"}),
        ("play/D", {"play"}),
        ("lock/UD", {"lock", "locked", "unlock", "unlocked"}),
        ("kind/YU", {"kind", "kindly", "unkind", "unkindly"}),
        ("odd/Z", {"odd"}),
    ],
)
def test_forms_of_a_dictionary(entry: str, made: set[str]) -> None:
    assert set(forms(entry, affixes(RULES))) == made


def test_words_without_one_of_their_letters_and_with_its_place() -> None:
    found = shortened(["abba"])
    hashes = Frame.of(["bba", "aba", "abb"]).hashes
    assert set(hashes.tolist()) < set(found)
    assert set(placed(hashes[[0, 1, 1, 2]], np.arange(4)).tolist()) < set(found)
    assert len(found) == 3 + 4
    assert all(0 <= bits < 128 for bits in found.values())


def test_british_spellings() -> None:
    assert british("colorize") == {"colorise", "colourize"}
    assert british("bake") == set()


@pytest.mark.parametrize(
    "word",
    ["beleive", "recieve", "enviroment", "becuase", "goverment", "thier", "untill", "wich",
     "definately", "seperate", "occured", "tommorow", "companys"],
)  # fmt: skip
def test_usual_misspellings_are_found(word: str) -> None:
    assert is_misspelled(word)


@pytest.mark.parametrize(
    "word",
    ["believe", "colour", "color", "favourite", "favorite", "analyse", "analyze", "organisation",
     "organization", "travelling", "traveling", "centre", "center", "neighbourhood", "smartphones",
     "influencer", "podcasts", "genome", "tokenizer", "legislations", "zxqvw"],
)  # fmt: skip
def test_spellings_of_either_side_of_the_atlantic_and_new_words_are_not(word: str) -> None:
    assert not is_misspelled(word)


def test_listed_errors_are_no_misspellings_as_well() -> None:
    entries = [entry for group in word_lists("en").errors for entry in group.entries]
    assert not [
        entry for entry in entries if len(entry) > 3 and entry.isalpha() and is_misspelled(entry)
    ]


@given(st.lists(st.text("abcdeé's", min_size=1, max_size=9), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_hashes_without_a_character_are_those_of_the_rest(words: list[str]) -> None:
    frame = Frame.of(fold(words))
    for text in range(len(frame)):
        first, after = int(frame.starts[text]) + 1, int(frame.starts[text + 1]) - 2
        whole = "".join(map(chr, frame.lowered[first:after].tolist()))
        for place in range(len(whole)):
            spans = (np.array([first]), np.array([first + place]), np.array([after]))
            rest = Frame.of([f"x {whole[:place]}{whole[place + 1 :]} x"])
            expected = rest.span_hashes(np.array([3]), np.array([3 + len(whole) - 1]))
            assert frame.hashes_without(*spans).tolist() == expected.tolist()


def test_texts_without_any_word() -> None:
    for texts in ([], [""], ["1 2 3", "!"]):
        frame = Frame.of(texts)
        assert misspelled(frame, frame.spelled, "en").tolist() == []


def test_a_language_without_a_dictionary_is_refused() -> None:
    with pytest.raises(ValueError, match="no dictionary for 'de': there are en"):
        spelling("de")
