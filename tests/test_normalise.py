"""Normalising: disguises come off, offsets lead back, other text is left alone."""

import re
import unicodedata

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scrubtrace.detectors.invisible import DEFAULT_IGNORABLE
from scrubtrace.detectors.normalise import has_escapes, normalise

PHRASE = "As an AI model, I can't."


@pytest.mark.parametrize(
    ("disguised", "plain"),
    [
        ("As an A\u200bI mo\u2060del, I can't.", PHRASE),
        ("As an AI mo\u00addel, I can\u2019t.", PHRASE),
        ("\ufeffAs an AI model, I can't.", PHRASE),
        ("As an AI\x00 mo\x01d\x7fel, I ca\x1bn't.", PHRASE),
        ("As an A\ufffbI mo\ufff9del, I can't.", PHRASE),
        ("a\x85b\x92c", "a\x85b\x92c"),
        ("As an AI mo\U000e0064del, I\U000e0001 can't.", PHRASE),
        ("As an AI mo\U000e0100d\ufe0fe\U000e01efl, I can't.", PHRASE),
        ("As\x1fan\x1cAI\vmodel, I can't.", PHRASE),
        ("\u0410s \u0430n \u0410I m\u043edel, I c\u0430n't.", PHRASE),
        ("\u0391s an AI m\u03bfdel, I can't.", PHRASE),
        ("\uff21\uff53 an \uff21\uff29 model\uff0c I can't.", PHRASE),
        ("As\u00a0an\u2009AI\u3000model,\tI can't.", PHRASE),
        ("As an \U0001d400\U0001d408 model, I can't.", PHRASE),
        ("wait\u2026 of\ufb01ce", "wait... office"),
        ("e\u0301te\u0301", "\u00e9t\u00e9"),
        ("\uff76\uff9e", "\u30ac"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("\u201cyes\u201d \u00abno\u00bb", '"yes" "no"'),
        ("KI\u2011Modell, cut\u2010off, GPT\u20114, a\ufe63b", "KI-Modell, cut-off, GPT-4, a-b"),
        ("cut\u2012off cut\u2013off \u00fc\u2212\u00df", "cut-off cut-off \u00fc-\u00df"),
        ("cut\u200b\u2013off, \u0430\u2013b", "cut-off, a-b"),
        ("\u597d\u7684\uff0c\u6211\u4eec\u8d70\uff01", "\u597d\u7684,\u6211\u4eec\u8d70!"),
    ],
)
def test_disguises_come_off(disguised: str, plain: str) -> None:
    assert normalise(disguised).text == plain


@pytest.mark.parametrize(("low", "high"), DEFAULT_IGNORABLE)
def test_what_unicode_calls_ignorable_hides_nothing(low: int, high: int) -> None:
    for code in {low, (low + high) // 2, high}:
        text = f"As an AI mo{chr(code)}del, I can't."
        found = normalise(text)
        assert found.text == PHRASE, hex(code)
        assert text[slice(*found.original(9, 14))] == f"mo{chr(code)}del"


def test_the_ranges_are_those_of_unicode() -> None:
    regex = pytest.importorskip("regex")
    ignorable = regex.compile(r"\p{Default_Ignorable_Code_Point}")
    listed = {code for low, high in DEFAULT_IGNORABLE for code in range(low, high + 1)}
    assert listed == {code for code in range(0x110000) if ignorable.match(chr(code))}


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        (r'{"a": "Sure.\n\nAs an AI"}', '{"a": "Sure.\n\nAs an AI"}'),
        (r'["x\ty\r\nz"]', '["x y \nz"]'),
        (r'[{"a": "\u4f5c\u4E3A"}]', '[{"a": "作为"}]'),
        (r'{"a": "\ud83d\ude00 \ud83d"}', '{"a": "\U0001f600 \\ud83d"}'),
        (r'{"a": "\u200bno\u0000ne"}', '{"a": "none"}'),
        (r'{"a": "\\n \\u4f5c \" \u0022 \/"}', None),
        (r"Line \n and \u4f5c in prose", None),
        (r"{\nabla \nu}", None),
    ],
)
def test_escapes_of_json_are_what_they_stand_for(written: str, plain: str | None) -> None:
    found = normalise(written)
    assert found.text == (written if plain is None else plain)
    for place, char in enumerate(found.text):
        start, end = found.original(place, place + 1)
        assert written[start:end] == char or written[start] == "\\"


@pytest.mark.parametrize(
    "text",
    [
        "Привет, как дела? Хорошо.",
        "Το τρένο άργησε πάλι.",
        "plain ASCII, isn't it?\nYes.",
        "今天我们去公园。「好」",
        "한국어 문장입니다.",
        "1990\u20132000, 5 \u2212 3, x\u22123, \u2013 yes \u2013 no, a\u2014b",
        "",
    ],
)
def test_other_text_is_left_alone(text: str) -> None:
    assert normalise(text).text == unicodedata.normalize("NFKC", text)


SAMPLES = st.lists(
    st.sampled_from(
        ["a", " ", "\u200b", "\ufb01", "\u2026", "e\u0301", "\r\n", "\t", "\uff76\uff9e", "\u0430",
         "\U0001f600", "\u597d", "\uff0c", "\u2019", "\u3000", "\U0001d400", "\U000e0041", "\x00",
         "\u3164"]
    )
    | st.characters(exclude_categories=["Cs"]),
    max_size=30,
).map("".join)  # fmt: skip


@given(SAMPLES)
def test_offsets_lead_back_to_what_a_character_came_from(text: str) -> None:
    normalised = normalise(text)
    before = 0
    for number, char in enumerate(normalised.text):
        start, end = normalised.original(number, number + 1)
        assert before <= start < end <= len(text)
        alone = normalise(text[start:end]).text
        # a look-alike is mapped, or not, by what surrounds it
        assert char in alone or char.isascii() or char in text[start:end]
        before = start


@given(SAMPLES)
def test_a_span_covers_the_spans_of_its_characters(text: str) -> None:
    normalised = normalise(text)
    length = len(normalised.text)
    for start in range(0, length, 3):
        for end in range(start + 1, length + 1, 4):
            first, last = normalised.original(start, end)
            assert first == normalised.original(start, start + 1)[0]
            assert last == normalised.original(end - 1, end)[1]


@given(SAMPLES)
def test_normalising_again_changes_nothing_but_what_had_become_neighbours(text: str) -> None:
    once = normalise(text).text
    assert len(normalise(once).text) <= len(once)


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"], include_characters="\n")))
def test_ascii_text_is_passed_through(text: str) -> None:
    assume(not has_escapes(text))
    normalised = normalise(text)
    assert normalised.text is text
    assert normalised.edits == ()


@given(st.text(st.sampled_from("aZ1 -жλüаеοАΒ"), max_size=30))
def test_lookalikes_are_mapped_in_whole_words(text: str) -> None:
    plain = dict(zip("аеοАΒ", "aeoAB", strict=True))
    alone = not re.search("[жλ]", text)
    expected = "".join(
        "".join(plain.get(char, char) for char in word)
        if alone or re.search("[A-Za-z]", word)
        else word
        for word in re.split("([1 \\-жλü])", text)
    )
    assert normalise(text).text == expected


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("an α-ο: " + "ACGT" * 250_000, "an a-o: " + "ACGT" * 250_000),
        ("the λ-ο " + "о" * 1_000_000, "the λ-ο " + "о" * 1_000_000),
        ("e" + "\u0301\u0323" * 500_000, None),
    ],
    ids=["letters", "look-alikes", "marks"],
)
def test_long_runs_take_no_longer_than_their_length(text: str, plain: str | None) -> None:
    found = normalise(text).text
    assert found == plain if plain is not None else found[0] == "\u1eb9"
