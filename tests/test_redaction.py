"""The redaction detector: what it names, what it leaves alone, and where personal data stay."""

import logging
from typing import Any

import pytest

from scrubtrace.detectors.batch import OVERLAP_CHARS, WINDOW_CHARS, TextBatch
from scrubtrace.detectors.redaction import Redaction
from scrubtrace.detectors.signature import SignatureError

DETECTOR = Redaction()


def found(text: str, language: str = "en") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = DETECTOR.detect(TextBatch([text], [language])).found.to_pylist()
    return rows


def signals(text: str, language: str = "en") -> set[str]:
    return {entry["signal"] for entry in found(text, language)}


@pytest.mark.parametrize(
    ("text", "language", "signal", "value"),
    [
        ("Then <PERSON> called.", "en", "any.placeholder.presidio_word", "Presidio"),
        ("Er schrieb an <EMAIL_ADDRESS>.", "de", "any.placeholder.presidio_entity", "Presidio"),
        ("她说[REDACTED_PERSON_1]来了。", "zh", "any.placeholder.llm_guard", "LLM Guard"),
        ("Tulis ke |||EMAIL_ADDRESS||| besok.", "id", "any.placeholder.dolma", "Dolma"),
        ("电话138****4471，晚上打。", "zh", "zh.mask.phone", None),
        ("私は●●株式会社で働く。", "ja", "ja.mask.filled_circles", None),
        ("Konto DE12 **** **** **** **** 07", "de", "de.mask.iban", None),
        ("NIK 3174************ sudah ada.", "id", "id.mask.identity_number", None),
        ("The mоdel of a barn.", "en", "any.hidden_characters.look_alike", None),
        ("bonjour <PERSON>, merci", "fr", "any.placeholder.presidio_word", "Presidio"),
        ("@@ <PERSON> @@", "und", "any.placeholder.presidio_word", "Presidio"),
    ],
)
def test_artifacts_are_named_in_every_language(
    text: str, language: str, signal: str, value: str | None
) -> None:
    entries = [entry for entry in found(text, language) if entry["signal"] == signal]
    assert [entry["value"] for entry in entries] == [value]
    assert entries[0]["use"] == "asserted"


def test_spans_point_into_the_original_text() -> None:
    text = "语\u200b言 电话138****4471，打来吧"
    (entry,) = [e for e in found(text, "zh") if e["signal"] == "zh.mask.phone"]
    assert text[entry["start"] : entry["end"]] == "138****4471"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Please send the form to the office.", "en"),
        ("Write to alto@example.org about the choir.", "en"),
        ("A certain Jane Doe rented the barn.", "en"),
        ("〇〇さんへ、いつもありがとう。", "ja"),
        ("某公司的李某来过。数据脱敏是一门手艺。", "zh"),
        ("Uwe (Name geändert) backt wieder.", "de"),
        ("Pelaku AB (34) menjual itik.", "id"),
        ("Quoi\u202f? Mais oui\u202f! «\u202fvoilà\u202f»", "fr"),
        ("می\u200cخواهم بروم", "fa"),
        ("क्\u200dष", "hi"),
        ("닉네임 \u3164 님이 들어왔습니다. \u3164\u3164\u3164", "ko"),
        ("葛\U000e0100城市の\u2764\ufe0fと\U0001f468\u200d\U0001f469", "ja"),
        ("An e\x0ecient way to the o\x0ece, a \x0ene \x02 one.", "en"),
        ("2 ** 10 is 1024, 12*34*56 is a product.", "en"),
        ("", "en"),
    ],
)
def test_ordinary_text_gives_nothing(text: str, language: str) -> None:
    assert found(text, language) == []


@pytest.mark.parametrize(
    "text",
    [
        "greeting = render('Hello <NAME>')",
        "Dear [Your Boss],\nI, [NAME], resign.",
        "<NAME>Ida</NAME>",
        "The tool writes `[REDACTED_PERSON_1]` for a name.",
        "Names are replaced with <PERSON> by the tool.",
    ],
)
def test_code_templates_and_manuals_do_not_assert(text: str) -> None:
    assert {entry["use"] for entry in found(text)} <= {"code", "template", "reported"}


@pytest.mark.parametrize(
    "hidden", ["\u200b", "\U000e0067", "\u3164", "\U000e0100", "\u180b", "\x01"]
)
def test_several_invisible_characters_inside_words_are_named(hidden: str) -> None:
    text = f"The lan{hidden}guage of an ow{hidden}lish pigeo{hidden}ns' ba{hidden}rn."
    assert "any.hidden_characters.several" in signals(text)


def test_a_claim_of_a_model_and_another_maker() -> None:
    conflict = "en.vendor_conflict.i_am_model_by_maker"
    assert conflict in signals("I am Claude, an assistant trained by OpenAI.")
    assert conflict not in signals("I am Claude, an assistant trained by Anthropic.")
    said = found('She read: "I am Claude, trained by OpenAI." Then she slept, as usual, till noon.')
    assert [entry["use"] for entry in said] == ["quoted"]


def test_weak_stand_ins_of_two_kinds_are_strong_evidence() -> None:
    text = "Jane Doe lives here; write to jane@example.com."
    assert "any.surrogate.several_kinds" in signals(text)


def test_a_signature_can_be_switched_off_and_added() -> None:
    mine = """
format = 1
language = "en"
[[signature]]
id = "en.placeholder.ours"
category = "placeholder"
strength = "proof"
family = "our masker"
pattern = '''(?-i)~~[A-Z]+~~'''
match = ["Then ~~NAME~~ called.", "Ask ~~NAME~~."]
no_match = ["Then ~name~ called."]
source = "our own tool"
"""
    off = ["any.placeholder.presidio_word"]
    detector = Redaction(signatures_toml={"ours.toml": mine}, off=off)
    batch = TextBatch(["Then ~~NAME~~ met <PERSON>."], ["en"])
    entries = detector.detect(batch).found.to_pylist()
    assert [(e["signal"], e["value"]) for e in entries] == [("en.placeholder.ours", "our masker")]
    assert detector.fingerprint() != DETECTOR.fingerprint()


def test_a_group_of_a_users_pattern_is_never_taken_for_a_tool() -> None:
    mine = """
format = 1
language = "en"
[[signature]]
id = "en.placeholder.ours"
category = "placeholder"
strength = "proof"
pattern = '(?-i)~~(?P<value>[A-Z]+)~~'
match = ["~~NAME~~"]
no_match = ["name"]
source = "ours"
"""
    detector = Redaction(signatures_toml={"ours.toml": mine})
    (entry,) = detector.detect(TextBatch(["Ask ~~LARK~~."], ["en"])).found.to_pylist()
    assert entry["value"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"off": ["en.no.such"]}, "cannot switch off 'en.no.such'"),
        ({"signatures_toml": {"ours.toml": "format = 2"}}, r"ours\.toml: format is 2"),
    ],
)
def test_options_that_cannot_be_used(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SignatureError, match=message):
        Redaction(**arguments)


def test_a_placeholder_across_the_cut_of_a_long_text_is_found_once() -> None:
    step = WINDOW_CHARS - OVERLAP_CHARS
    text = "a " * ((step - 10) // 2) + "<EMAIL_ADDRESS> " + "b " * WINDOW_CHARS
    entries = found(text)
    assert [text[e["start"] : e["end"]] for e in entries] == ["<EMAIL_ADDRESS>"]


def test_rows_do_not_depend_on_their_neighbours() -> None:
    texts = ["Then <PERSON> called.", "Plain.", "Call 138****4471.", "x\u200by <PERSON>"]
    languages = ["en", "en", "zh", "en"]
    together = DETECTOR.detect(TextBatch(texts, languages)).found.to_pylist()
    alone = [
        entry | {"row": row}
        for row, (text, language) in enumerate(zip(texts, languages, strict=True))
        for entry in DETECTOR.detect(TextBatch([text], [language])).found.to_pylist()
    ]
    assert together == alone


def test_values_appear_nowhere(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "ida.lark@lanternmail.net"
    detector = Redaction()
    batch = TextBatch([f"Ask <PERSON> or write to {secret}."], ["en"])
    found = detector.detect(batch).found.to_pylist()
    (entry,) = [e for e in found if e["category"] == "residual_pii"]
    assert (entry["value"], entry["score"], entry["strength"]) == ("EMAIL_ADDRESS", 1.0, "weak")
    assert (entry["start"], entry["end"]) == (None, None)
    assert secret not in str(found)
    assert secret not in caplog.text
    assert secret not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("text", "looked"),
    [
        ("Write to ida.lark@lanternmail.net.", False),
        ("`<PERSON>` or ida.lark@lanternmail.net.", False),
        ("Ask <PERSON> or ida.lark@lanternmail.net.", True),
    ],
)
def test_only_rows_with_masks_are_looked_at(text: str, looked: bool) -> None:
    found = Redaction().detect(TextBatch([text], ["en"])).found.to_pylist()
    assert any(e["category"] == "residual_pii" for e in found) == looked


def test_it_can_be_switched_off() -> None:
    batch = TextBatch(["Ask <PERSON> or ida.lark@lanternmail.net."], ["en"])
    found = Redaction(residual_pii=False).detect(batch).found.to_pylist()
    assert [e["category"] for e in found] == ["placeholder"]
