"""Reading signature files and matching many signatures at once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrubtrace.detectors.signature import (
    Signature,
    SignatureError,
    load_signatures,
    parse_signatures,
)
from scrubtrace.detectors.signature_set import SignatureSet, compiled
from scrubtrace.schemas.vocabulary import Strength

FILE = """
format = 1
language = "en"
[[signature]]
id = "en.closer.bye"
category = "closer"
strength = "strong"
pattern = 'good bye'
match = ["Good bye!"]
no_match = ["Goodbye!"]
source = "made up"
"""


def signature(pattern: str, number: int = 0) -> Signature:
    return Signature(f"en.closer.s{number}", "en", "closer", Strength.STRONG, pattern, "made up")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("good bye", "so, Good   \n Bye then"),
        ("good(?: bye)?!", "good!"),
        (r"good\ bye", "good bye"),
        ("x[ -]y", "x y"),
        ("a ?b", "ab"),
        ("a ?b", "a\nb"),
        ("a {2}b", "a  b"),
        ("[^ ]b", "ab"),
        ("语言模型", "语\n言模型"),
        ("语言模?型", "语言\n型"),
        ("(?:语言){1}模型", "语言\n模型"),
    ],
)
def test_spaces_and_cjk_text_may_be_wrapped(pattern: str, text: str) -> None:
    assert SignatureSet([signature(pattern)]).hits(text) == [0]


@pytest.mark.parametrize(
    ("pattern", "text"), [("good bye", "goodbye"), ("[^ ]b", " b"), (r"\[ai\]", "ai")]
)
def test_what_must_not_match(pattern: str, text: str) -> None:
    assert SignatureSet([signature(pattern)]).hits(text) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("format = 1", "format = 2", "format is 2, this version reads 1"),
        ('strength = "strong"', 'strength = "sure"', "'en.closer.bye': 'sure'"),
        ("source", "sauce", "'en.closer.bye': unknown key 'sauce'; keys: id, category"),
        ('source = "made up"\n', "", "'en.closer.bye': key 'source' is missing"),
        ("[[signature]]", "[signature", "line 4"),
    ],
)
def test_a_broken_file_says_where(old: str, new: str, message: str) -> None:
    with pytest.raises(SignatureError, match=r"en\.toml: ") as raised:
        parse_signatures(FILE.replace(old, new), "en.toml")
    assert message in str(raised.value)


def test_a_file_without_signatures_is_an_error() -> None:
    with pytest.raises(SignatureError, match="has no"):
        parse_signatures('format = 1\nlanguage = "en"\n', "en.toml")


def test_a_broken_pattern_names_its_signature() -> None:
    with pytest.raises(SignatureError, match=r"signature 'en\.closer\.s0'"):
        SignatureSet([signature("(good")])


def test_too_little_memory_is_an_error_not_silence() -> None:
    with pytest.raises(SignatureError, match="bytes are too few for"):
        SignatureSet(load_signatures("boilerplate")["en"], max_memory=1 << 20)


def test_spans_count_code_points() -> None:
    found = SignatureSet([signature("bye")])
    assert [(h.start, h.end) for h in found.find("再见 bye — BYE")] == [(3, 6), (9, 12)]


EXAMPLES = [
    example
    for signatures in load_signatures("boilerplate").values()
    for entry in signatures
    for example in (*entry.match, *entry.no_match)
]
WHOLE = SignatureSet([s for found in load_signatures("boilerplate").values() for s in found])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(EXAMPLES) | st.text(max_size=40), max_size=6))
def test_the_set_finds_what_each_pattern_finds_alone(pieces: list[str]) -> None:
    text = "\n".join(pieces)
    alone = [n for n in range(len(WHOLE.signatures)) if any(WHOLE._matches(n, text))]
    assert WHOLE.hits(text) == alone


def test_a_long_hostile_text_is_matched_all_the_same() -> None:
    hostile = "as an ai as a language " * 20_000 + "作为一个" * 20_000
    assert WHOLE.hits(hostile + "\nAs an AI language model, I cannot swim.")


def test_equal_signatures_are_compiled_once_a_process() -> None:
    again = [(signature("bye"), signature("hello", 1)) for _ in range(2)]
    assert again[0][0] is not again[1][0]
    assert compiled(again[0]) is compiled(again[1])
    assert compiled(again[0][:1]) is not compiled(again[0])
    assert compiled(again[0], 64 << 20) is not compiled(again[0])
