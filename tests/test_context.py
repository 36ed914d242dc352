"""Where a placeholder stands: in prose it is a trace, in code, slots and manuals it is not."""

import pytest

from scrubtrace.detectors.context import ContextGuard
from scrubtrace.schemas.vocabulary import Use


def use_of(text: str, found: str) -> Use:
    start = text.index(found)
    return ContextGuard(text).use(start, start + len(found))


@pytest.mark.parametrize(
    "text",
    [
        "Then <PERSON> went home.",
        "Then <PERSON> went home;\nshe slept.",
        "Yesterday <PERSON> said: it rains. Ask <PERSON> (she knows).",
        "- <PERSON> brought plums\n- <LOCATION> is far",
        "<p>Then <PERSON> went home.</p>",
        "My aunt <PERSON> writes to me about the weather: cold, mostly.",
        "He paid |||PHONE_NUMBER||| a visit, <PERSON> did not.",
    ],
)
def test_prose_asserts(text: str) -> None:
    assert use_of(text, "<PERSON>") == Use.ASSERTED


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Run it:\n```\nhello <PERSON>\n```\nDone.", "<PERSON>"),
        ("The tag `<PERSON>` is fine.", "<PERSON>"),
        ("<NAME>Ida</NAME> lives here.", "<NAME>"),
        ('greeting = "Hello <NAME>"', "<NAME>"),
        ("usage: greet <NAME> [options]", "<NAME>"),
        ("greet --to <NAME>", "<NAME>"),
        ('{"user": "<PERSON>"}', "<PERSON>"),
        ("if (user == NAME_1) {", "NAME_1"),
        ("{% if guest %}[NAME]{% endif %}", "[NAME]"),
        ("sha256: " + "ab" * 32, "ab" * 32),
        ("commit " + "ab" * 32, "ab" * 32),
    ],
)
def test_code_is_code(text: str, found: str) -> None:
    assert use_of(text, found) == Use.CODE


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("See [NAME](https://a.test) for more.", "[NAME]"),
        ("See [NAME][2] for more.", "[NAME]"),
        ("[NAME]: https://a.test", "[NAME]"),
        ("Name: [NAME]\nStreet: [ADDRESS]", "[NAME]"),
        ("姓名：【姓名】\n电话：", "【姓名】"),
        ("Dear [Your Boss],\nI, [NAME], resign.\n[Your Name]", "[NAME]"),
        ("Hello {{ user.name }}, I am [NAME].", "[NAME]"),
    ],
)
def test_slots_are_to_be_filled_in(text: str, found: str) -> None:
    assert use_of(text, found) == Use.TEMPLATE


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Names are replaced with <PERSON> by the tool.", "<PERSON>"),
        ("It knows tags such as <PERSON>.", "<PERSON>"),
        ("The placeholder [NAME] stands for a name.", "[NAME]"),
        ("姓名会被替换为【姓名】再入库。", "【姓名】"),
        ("Namen werden ersetzt durch [NAME] und gezählt.", "[NAME]"),
    ],
)
def test_manuals_speak_of_placeholders(text: str, found: str) -> None:
    assert use_of(text, found) == Use.REPORTED
