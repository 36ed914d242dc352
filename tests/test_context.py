"""Where a placeholder stands: in prose it is a trace, in code, slots and manuals it is not."""

import pytest

from scrubtrace.detectors.context import ContextGuard
from scrubtrace.detectors.signature import Signature
from scrubtrace.detectors.signature_set import Hit
from scrubtrace.schemas.vocabulary import Strength, Use


def use_of(text: str, found: str, category: str = "placeholder") -> Use:
    start = text.index(found)
    signature = Signature("x", "en", category, Strength.STRONG, "x", "made up")
    return ContextGuard(text).use(Hit(signature, start, start + len(found)))


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
    ],
)
def test_code_is_code(text: str, found: str) -> None:
    assert use_of(text, found) == Use.CODE


@pytest.mark.parametrize("before", ["sha256: ", "commit ", "The checksum is "])
def test_a_digest_behind_a_word_for_digests_is_code(before: str) -> None:
    digest = "ab" * 32
    assert use_of(before + digest, digest, "hash_token") == Use.CODE
    assert use_of(f"{before}<PERSON>", "<PERSON>") == Use.ASSERTED


PROSE = """Am Montag <PERSON> traf ich nicht.
I recalled <PERSON> from school.
He called <PERSON> and told her to write <PERSON> a letter.
On our block lives <PERSON>, who keeps bees.
She would not commit to <PERSON> before spring.
The import tax for <PERSON> was high.
public <PERSON> was angry
return <PERSON> to the mill
My name is <PERSON>; please call me (at noon);
<PERSON>: hello there
Name: <PERSON>
Guten Tag <PERSON>, wie geht es?
Cities such as <PERSON> are far."""


@pytest.mark.parametrize("text", PROSE.splitlines())
def test_prose_that_only_looks_like_code_or_manuals_asserts(text: str) -> None:
    assert use_of(text, "<PERSON>") == Use.ASSERTED


@pytest.mark.parametrize(
    ("text", "found", "category"),
    [
        ("[NAME]: hello there\n[NAME]: how are you?", "[NAME]", "placeholder"),
        ("联系电话：138****4471\n联系人：王*", "138****4471", "mask"),
        ("Name: [REDACTED_PERSON_1]", "[REDACTED_PERSON_1]", "placeholder"),
    ],
)
def test_transcripts_and_masked_forms_assert(text: str, found: str, category: str) -> None:
    assert use_of(text, found, category) == Use.ASSERTED


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
