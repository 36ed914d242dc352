import pytest

from scrubtrace.calls.prompt_patterns import (
    LOOKED_AT,
    PromptPatternError,
    PromptPatterns,
    Signature,
    parse,
    patterns,
    shipped,
)
from scrubtrace.calls.rules import RULES
from scrubtrace.schemas.calls import Message

SIGNATURES = shipped()
HIT = [(s, example) for s in SIGNATURES for example in s.match]
MISS = [(s, example) for s in SIGNATURES for example in s.no_match]


def found(text: str, role: str = "user") -> set[str]:
    return {hit.signature for hit in patterns().find((Message(role, text),))}


@pytest.mark.parametrize(("signature", "text"), HIT)
def test_signature_finds_its_examples(signature: Signature, text: str) -> None:
    assert signature.id in found(text)


@pytest.mark.parametrize(("signature", "text"), MISS)
def test_near_misses_are_found_by_no_signature(signature: Signature, text: str) -> None:
    assert not found(text)


def test_every_language_has_every_rule_with_examples_and_near_misses() -> None:
    rules = {name for name in RULES if name.startswith("prompt.")}
    for language in ("en", "zh", "ja", "de", "id"):
        own = [s for s in SIGNATURES if s.id.startswith(f"{language}.")]
        assert {s.rule for s in own} == rules
        assert all(s.match and s.no_match for s in own)


@pytest.mark.parametrize(
    ("simplified", "traditional"),
    [
        ("请把答案改写,让人认不出原文。", "請把答案改寫,讓人認不出原文。"),
        ("删除所有提到语言模型的句子。", "刪除所有提到語言模型的句子。"),
        ("别让人看出是AI写的。", "別讓人看出是AI寫的。"),
    ],
)
def test_both_chinese_scripts_are_found_alike(simplified: str, traditional: str) -> None:
    assert found(simplified) == found(traditional) != set()


def test_offsets_are_code_points_of_the_message() -> None:
    asked = "去掉AI味"
    prompt = (Message("system", "🙂"), Message("user", f"🙂🙂 {asked},谢谢"))
    (hit,) = patterns().find(prompt)
    assert prompt[hit.message].text[hit.start : hit.end] == asked
    assert (hit.message, hit.rule) == (1, "prompt.undetectable")


@pytest.mark.parametrize(
    ("role", "asks"),
    [("system", True), ("User", True), ("developer", True), ("assistant", False), ("tool", False)],
)
def test_only_messages_that_ask_are_searched(role: str, asks: bool) -> None:
    assert bool(found("Humanize this answer.", role)) is asks


@pytest.mark.parametrize("before", [0, LOOKED_AT, 5 * LOOKED_AT])
def test_requests_at_either_end_of_a_long_message_are_found(before: int) -> None:
    padding = "a kettle boils. " * (before // 16)
    asked = "Humanize this answer."
    for text in (padding + asked, asked + padding):
        (hit,) = patterns().find((Message("user", text),))
        assert text[hit.start : hit.end] == "Humanize this answer"


def test_words_may_be_wrapped_over_lines_and_written_in_capitals() -> None:
    assert found("REWRITE THIS SO IT WILL PASS\n  EVERY AI\nDETECTOR") == {
        "en.undetectable.ai_detector"
    }


@pytest.mark.parametrize("text", ["red kettle", "redkettle", "red\n kettle"])
def test_a_space_that_may_be_missing(text: str) -> None:
    own = PromptPatterns((Signature("x", "prompt.identity", "red ?kettle", (), ()),))
    assert own.find((Message("user", text),))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("format = 2", "format is not 1"),
        ('format = 1\n[[signature]]\nid = "x"', "'x' has not just"),
    ],
)
def test_unusable_files_are_named(text: str, problem: str) -> None:
    with pytest.raises(PromptPatternError, match=f"own.toml: {problem}"):
        list(parse(text, "own.toml"))


def test_unusable_patterns_are_named() -> None:
    with pytest.raises(PromptPatternError, match="'x'"):
        PromptPatterns((Signature("x", "prompt.identity", "(", (), ()),))
