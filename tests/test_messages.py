"""Messages, numbers and dates in a language; reasons that are stored, said again in another."""

import dataclasses
import itertools
import json
from datetime import date
from typing import Any

import pytest
from decision_files import item
from hypothesis import given
from hypothesis import strategies as st
from sheet_pages import span

from scrubtrace.config import PolicySection, StyleSection, load_config
from scrubtrace.exits import UsageStop
from scrubtrace.messages import ENGLISH, LANGUAGES, Messages, matched
from scrubtrace.policy import KINDS_OF_CATEGORIES, RESIDUE, judge
from scrubtrace.schemas.messages import Messages as AnyMessages
from scrubtrace.schemas.style import SIGNAL
from scrubtrace.schemas.vocabulary import Kind, Strength, Use
from scrubtrace.style_words import NOTE, measure_words, note_words, stratum_words
from scrubtrace.why import said_again, why
from scrubtrace.words import CLAIMS, WORDS, in_words, reasons

EVERY = pytest.mark.parametrize("language", LANGUAGES)
OTHERS = pytest.mark.parametrize("language", LANGUAGES[1:])


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("zh", "zh-Hans"), ("zh-CN", "zh-Hans"), ("zh-SG", "zh-Hans"), ("zh-Hans-TW", "zh-Hans"),
        ("zh-TW", "zh-Hant"), ("zh-HK", "zh-Hant"), ("zh-MO", "zh-Hant"), ("ZH-HANT", "zh-Hant"),
        ("zh-Hant-HK", "zh-Hant"), ("zh_TW", "zh-Hant"), ("de", "de"), ("de-AT", "de"),
        ("de-DE-1996", "de"), ("ja-JP", "ja"), ("id", "id"), ("id-ID", "id"), (" en ", "en"),
        ("en-GB", "en"), ("en-x-own", "en"),
    ],
)  # fmt: skip
def test_a_tag_is_matched_to_a_language(tag: str, language: str) -> None:
    assert matched(tag) == language
    assert Messages(tag).language == language


@pytest.mark.parametrize(
    "tag", ["", "fr", "zhh", "german", "d", "de-", "-de", "de DE", "../de", "*"]
)
def test_an_unknown_language_is_refused_with_the_choices(tag: str) -> None:
    with pytest.raises(ValueError, match=r"choices: en, zh-Hans, zh-Hant, ja, de, id$"):
        matched(tag)


def test_the_configuration_names_the_language() -> None:
    assert load_config(None).review.language == "en"
    assert load_config(None, ["review.language=zh-TW"]).review.language == "zh-Hant"
    with pytest.raises(UsageStop, match=r"review\.language.*choices: en, zh-Hans, .*'fr'"):
        load_config(None, ["review.language=fr"])


def test_the_environment_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.setenv(name, "de_DE.UTF-8")
    assert load_config(None).review.language == "en"
    assert Messages("en").text("Undo") == "Undo"
    assert Messages("ja").number(1234.5, 1) == "1,234.5"


def test_what_a_catalog_lacks_is_said_in_english() -> None:
    messages = Messages("de")
    assert messages.text("nobody translated {this}", this="that") == "nobody translated that"
    assert messages.name("state", "made_up") == "made up"
    assert messages.plural("{count} made-up", "{count} made-ups", 2) == "2 made-ups"


@EVERY
def test_values_are_put_in_as_they_are(language: str) -> None:
    messages = Messages(language)
    value = "{0} {claim} {} %s {{"
    assert value in messages.text("{words} ({value})", words="x", value=value)
    assert messages.text("{ no field") == "{ no field"


@pytest.mark.parametrize(
    ("language", "one", "two", "many"),
    [
        ("en", "1 place", "2 places", "1,200 places"),
        ("de", "1 Stelle", "2 Stellen", "1.200 Stellen"),
        ("zh-Hans", "1 处", "2 处", "1,200 处"),
        ("zh-Hant", "1 處", "2 處", "1,200 處"),
        ("ja", "1か所", "2か所", "1,200か所"),
        ("id", "1 tempat", "2 tempat", "1.200 tempat"),
    ],
)
def test_plurals(language: str, one: str, two: str, many: str) -> None:
    messages = Messages(language)
    said = [messages.plural("{count} place", "{count} places", n) for n in (1, 2, 1200)]
    assert said == [one, two, many]
    forms = messages.forms("{count} place", "{count} places")
    assert forms.keys() == ({"one", "other"} if language in ("en", "de") else {"other"})
    assert forms["other"].format(count=2) == two


@pytest.mark.parametrize(
    ("language", "number", "percent", "small", "day"),
    [
        ("en", "1,234.50", "7.1%", "0.00123", "January 5, 2026"),
        ("de", "1.234,50", "7,1\u00a0%", "0,00123", "5. Januar 2026"),
        ("zh-Hans", "1,234.50", "7.1%", "0.00123", "2026年1月5日"),
        ("zh-Hant", "1,234.50", "7.1%", "0.00123", "2026年1月5日"),
        ("ja", "1,234.50", "7.1%", "0.00123", "2026年1月5日"),
        ("id", "1.234,50", "7,1%", "0,00123", "5 Januari 2026"),
    ],
)
def test_numbers_and_dates(language: str, number: str, percent: str, small: str, day: str) -> None:
    messages: AnyMessages = Messages(language)
    assert messages.number(1234.5, 2) == number
    assert messages.percent(0.071, 1) == percent
    assert Messages(language).significant(0.00123, 3) == small
    assert messages.date(date(2026, 1, 5)) == day


@given(st.floats(0, 1e9), st.integers(0, 3))
def test_english_numbers_are_those_of_python(value: float, digits: int) -> None:
    assert ENGLISH.number(value, digits) == f"{value:,.{digits}f}"
    assert ENGLISH.significant(value, digits + 1) == f"{value:.{digits + 1}g}"
    assert ENGLISH.percent(value / 1e9, digits) == f"{value / 1e9:.{digits}%}"


def styled(**changes: Any) -> dict[str, Any]:
    """Style evidence that flags at alpha 0.05."""
    value = {
        "calibrated": True, "alike": True, "n": 1234, "stratum": "en/news/20-99", "raw_score": 1.5,
        "reasons": [
            {"feature": "hedges", "percentile": 0.99, "whose": "calibration",
             "words": "hedges (perhaps, seems) are used more often"},
            {"feature": "mattr", "z": -2.3, "words": "more words come again soon"},
            {"feature": "upper_case", "percentile": 0.02},
        ],
    }  # fmt: skip
    about = {"detector": "stylometry", "signal": SIGNAL, "category": "style", "strength": "weak"}
    return span(0, 0, **about) | {
        "start": None, "end": None, "score": 0.0123, "value": json.dumps(value | changes)
    }  # fmt: skip


def test_style_is_said_in_german() -> None:
    assert reasons(Kind.LLM_STYLE, [styled()], Messages("de")) == (
        "ähnelt im Stil LLM-Text: hat einen hohen Rang unter 1.234 Ihrer von Menschen "
        "geschriebenen Zeilen (en, news, 20-99 Wörter; p\u00a0=\u00a00,0123); mehr abschwächende "
        "Wörter (perhaps, seems) als in 99\u00a0% Ihrer von Menschen geschriebenen Zeilen; mehr "
        "Wörter kommen bald wieder vor als in den von Menschen geschriebenen Zeilen des Modells "
        "(um 2,3 Standardabweichungen); upper case ist niedriger als in 98\u00a0% der von "
        "Menschen geschriebenen Zeilen des Modells"
    )


@OTHERS
def test_measures_of_another_model_stay(language: str) -> None:
    messages = Messages(language)
    for words in ("a {thing} of its own", "its own words", "{", "(x)"):
        assert measure_words(words, messages) == words


@OTHERS
@pytest.mark.parametrize("stratum", ["en/news/20-99", "de//100-", "zh/a, b/c/0-9", "id/x/1000-"])
@pytest.mark.parametrize("expected", ["0.38", "12", "1,234", "0", "3e-05"])
def test_a_note_is_read_and_said_again(language: str, stratum: str, expected: str) -> None:
    messages = Messages(language)
    group = stratum_words(stratum, ENGLISH)
    values = {"flagged": "1,012", "judged": "34,000", "low": "0", "high": "3", "share": "28.3%"}
    note = NOTE.format(group=group, expected=expected, **values)
    assert note_words(note, stratum, ENGLISH) == note
    said = note_words(note, stratum, messages)
    assert said is not None
    assert stratum_words(stratum, messages) in said
    assert messages.number(1012) in said
    evidence = [styled(stratum=stratum)]
    stored = f"{reasons(Kind.LLM_STYLE, evidence)}; {note}"
    again = said_again("llm_style", stored, evidence, messages)
    assert again.language == language
    assert again.because.endswith(said)
    assert note_words(f"{note}, too", stratum, messages) is None
    assert note_words(note, "en/other/0-9", messages) is None


CATEGORIES = sorted(KINDS_OF_CATEGORIES.keys() | RESIDUE - {"style", "passage"})
ENTRIES = st.builds(
    lambda number, category, strength, use, value: span(
        number * 9, number * 9 + 5, signal=f"x.{category}.{number}", category=category,
        strength=strength, use=use, value=value,
    ),
    st.integers(0, 9), st.sampled_from(CATEGORIES), st.sampled_from(list(Strength)),
    st.sampled_from(list(Use)), st.sampled_from([None, "Presidio", "a: b; c"]),
)  # fmt: skip


@given(
    st.lists(ENTRIES, max_size=6), st.booleans(), st.booleans(), st.sampled_from([None, 0.05]),
    st.sampled_from(LANGUAGES[1:]),
)  # fmt: skip
def test_every_verdict_is_said_again_from_what_is_stored(
    entries: list[dict[str, Any]], mentions: bool, alone: bool, alpha: float | None, language: str
) -> None:
    policy = PolicySection(
        count_mentions=mentions, redaction_alone=alone, style=StyleSection(alpha=alpha)
    )
    evidence = [*entries, styled()]
    verdict = judge(evidence, policy)
    if verdict is None:
        return
    english = said_again(verdict.kind, verdict.why, evidence, ENGLISH)
    assert (english.whole, english.language) == (verdict.why, "en")
    again = said_again(verdict.kind, verdict.why, evidence, Messages(language))
    assert again.language == language
    assert again.claim in again.whole
    assert again.because in again.whole


@OTHERS
def test_reasons_that_cannot_be_made_again_stay_as_stored(language: str) -> None:
    messages = Messages(language)
    entry = span(0, 9)
    stored = "resembles LLM text: speaks as an AI assistant (proof)"
    known = item(1, why=stored, evidence=[entry])
    assert why(known, messages).language == language
    for changes in (
        {"why": "resembles LLM text: says so in older words (proof)"},
        {"why": f"{stored}; and something else"},
        {"kind": "of_a_plugin"},
        {"kind": "redaction"},
        {"evidence": []},
        {"evidence": [{"category": "self_disclosure"}]},
        {"evidence": [entry | {"strength": "made_up"}]},
    ):
        found = why(dataclasses.replace(known, **changes), messages)
        assert (found.whole, found.language) == (changes.get("why", stored), "en")
        assert found.claim == "resembles LLM text"


@OTHERS
def test_all_evidence_is_said_in_the_language(language: str) -> None:
    """No English sentence is left; names of tools, models and sources are."""
    messages = Messages(language)
    about = {"source": "call 7", "model": "m-1", "of_text": 0.81, "false_match_bound": 0.01,
             "same_task": True, "thresholds": "same_task"}  # fmt: skip
    values = [None, "Presidio", json.dumps(about), "40-64"]
    uses, strengths = list(Use), list(Strength)
    for category, value, signal in itertools.product(WORDS, values, ("x.y", "reference.y")):
        for use, strength in zip(uses, itertools.cycle(strengths), strict=False):
            entry = span(0, 9, category=category, value=value, signal=signal, use=use,
                         strength=strength)  # fmt: skip
            said, english = in_words(entry, messages), in_words(entry)
            assert said != english
            assert messages.text(WORDS[category]) in said
            assert WORDS[category] not in said
    for kind, claim in CLAIMS.items():
        said = reasons(kind, [span(0, 9)], messages)
        assert said.startswith(messages.text(claim))
