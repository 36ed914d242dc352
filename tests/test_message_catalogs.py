"""The catalogs: complete, up to date, with the values of their messages, and careful."""

import re
import shutil
from importlib.resources import files
from pathlib import Path

import catalogs
import pytest

from scrubtrace.detectors.style.features import measures
from scrubtrace.detectors.style.word_lists import LANGUAGES as STYLE_LANGUAGES
from scrubtrace.detectors.style.word_lists import word_lists
from scrubtrace.messages import Messages
from scrubtrace.policy import KINDS_OF_CATEGORIES, RESIDUE
from scrubtrace.review.sheet import labels
from scrubtrace.style_words import measure_words
from scrubtrace.words import CLAIMS, WORDS

EVERY = pytest.mark.parametrize("language", catalogs.TRANSLATED)
UPDATE = "call make messages, and translate what is new"
SCRIPTS = ("text.js", "page.js", "control.js")
IS = {
    "zh-Hans": r"是",
    "zh-Hant": r"是",
    "ja": r"である|です",
    "de": r"\bist\b",
    "id": r"\badalah\b",
}
"""What a claim about a text never says."""


@EVERY
def test_a_catalog_has_every_message_translated_and_compiled(language: str) -> None:
    assert catalogs.problems(language) == [], UPDATE


def test_the_template_is_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "scrubtrace.pot"
    catalogs.write(made, catalogs.template())
    assert made.read_text("utf-8") == catalogs.TEMPLATE.read_text("utf-8"), UPDATE


@EVERY
def test_writing_a_catalog_again_changes_nothing(language: str, tmp_path: Path) -> None:
    path = catalogs.LOCALE / language.replace("-", "_") / "LC_MESSAGES" / "scrubtrace.po"
    again = tmp_path / path.name
    catalogs.write(again, catalogs.catalog_of(language))
    assert again.read_text("utf-8") == path.read_text("utf-8"), UPDATE


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ('msgstr "Rückgängig"', 'msgstr ""', "has no translation: 'Undo'"),
        ('msgid "Undo"', 'msgid "Do"', "is not in the code: 'Do'"),
        ('msgid "Undo"', 'msgid "Do"', "is not in the catalog: 'Undo'"),
        ('"Priorität {priority}"', '"Priorität {rank}"', "has other values than ['priority']"),
        ('msgid "Undo"', '#, fuzzy\nmsgid "Undo"', "is marked as fuzzy: 'Undo'"),
        ('msgstr[1] "{count} Stellen"', 'msgstr[1] ""', "has no translation"),
        ('"Rückgängig"', '"Zurück"', "the compiled file is not up to date"),
    ],
)
def test_what_is_wrong_with_a_catalog_is_said(
    before: str, after: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(catalogs.LOCALE, tmp_path / "locale")
    path = folder / "de" / "LC_MESSAGES" / "scrubtrace.po"
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after), "utf-8")
    monkeypatch.setattr(catalogs, "LOCALE", folder)
    assert any(found.startswith(problem) for found in catalogs.problems("de"))


def test_messages_are_found_in_calls() -> None:
    source = """
messages.text("a {b}", b=1)
self.messages.text("x" if yes else "y")
messages.plural("one", "{count}", n)
messages.joined(parts, "{before} or {after}")
other.text("no message")
text("none either")
messages.text(name)
"""
    found = ["a {b}", "x", "y", ("one", "{count}"), "{before} or {after}"]
    assert list(catalogs.calls(source)) == found


def test_what_the_script_and_the_template_say_is_among_the_labels() -> None:
    sheet = files("scrubtrace.review.sheet")
    script = "".join(sheet.joinpath(name).read_text("utf-8") for name in SCRIPTS)
    named = set(re.findall(r"\b(?:label|listed)\((?:[^()\"]*, )?\"(\w+)\"", script))
    assert named - {"listed"} <= labels.SCRIPT.keys()
    unused = [name for name in labels.SCRIPT if f'"{name}"' not in script and name != "listed"]
    assert [name for name in unused if not name.endswith("_means")] == []
    assert set(re.findall(r'\bcounted\([^()"]*"(\w+)"', script)) <= labels.PLURALS.keys()
    assert [name for name in labels.PLURALS if f'"{name}"' not in script] == []
    page = set(re.findall(r"\$(\w+)", sheet.joinpath("page.html").read_text("utf-8")))
    assert page == {*labels.PAGE, "help", "language", "policy", "style", "script"}


@EVERY
def test_no_claim_says_that_a_text_is_something(language: str) -> None:
    messages = Messages(language)
    for claim in CLAIMS.values():
        assert not re.search(IS[language], messages.text(claim)), messages.text(claim)


def test_every_category_has_words() -> None:
    assert KINDS_OF_CATEGORIES.keys() | RESIDUE <= WORDS.keys()


@EVERY
@pytest.mark.parametrize("of_text", STYLE_LANGUAGES)
def test_every_measure_is_said_in_the_language(language: str, of_text: str) -> None:
    """What is left in English is words that the text's own language has."""
    messages = Messages(language)
    own = {entry for group in word_lists(of_text).groups for entry in group.entries}
    for measure in measures(of_text):
        for is_higher in (True, False):
            words = measure.words(is_higher)
            said = measure_words(words, messages)
            assert said != words
            if of_text == "en":
                continue
            left = set(re.findall(r"[a-z]{3,}", said.lower())) & {"used", "more", "less", "words"}
            assert not left - own, said
