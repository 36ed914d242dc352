"""Use or mention, case by case, in English and Chinese."""

import pytest

from scrubtrace.detectors.mention import MentionGuard
from scrubtrace.schemas.vocabulary import Use

AI = "As an AI language model, I"
ZH = "作为一个AI语言模型"


def use_of(text: str, phrase: str) -> str:
    hits = []
    start = text.find(phrase)
    while start >= 0:
        hits.append((start, start + len(phrase)))
        start = text.find(phrase, start + 1)
    assert hits, "the case does not hold its phrase"
    guard = MentionGuard(text, hits)
    (use,) = {guard.use(*hit) for hit in hits}
    return use


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        (f"{AI} cannot swim.", AI),
        (f"Sorry. {AI} don't know the score.", AI),
        (f'"{AI} cannot swim. Ask a fish."', AI),
        (f"I'm sorry, but it's late. {AI} can't go.", AI),
        (f'He said "no". {AI} cannot say more.', AI),
        (f'The screen is 5" wide. {AI} cannot see it.', AI),
        (f"{AI} was trained by OpenAI. ChatGPT and GPT-4 are its products.", AI),
        (f"- Bread\n- Milk\n\n{AI} cannot shop.", AI),
        (f"Here is the code:\n```\nprint(1)\n```\n{AI} cannot run it.", AI),
        (f"{ZH}，我没有感情。", ZH),
        (f"抱歉，{ZH}，我无法回答。", ZH),
        (f"他说「你好」。{ZH}，我没有感情。", ZH),
    ],
)
def test_asserted(text: str, phrase: str) -> None:
    assert use_of(text, phrase) == Use.ASSERTED


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        (f'The robot said "{AI} cannot swim" and the whole class laughed out loud.', AI),
        (f"Students paste '{AI} cannot' without reading what they paste into it.", AI),
        (f"论文里出现了「{ZH}，我无法」这样的句子，审稿人都笑了，编辑也笑了。", ZH),
        (f'学生把"{ZH}"一起抄进了作业，老师看了一眼就放下了红笔。', ZH),
    ],
)
def test_quoted(text: str, phrase: str) -> None:
    assert use_of(text, phrase) == Use.QUOTED


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        (f"The test is short:\n```python\nassert '{AI}' in reply\n```\nIt passes.", AI),
        (f"```\n{AI} cannot swim", AI),
        (f"Search for `{AI}` in the logs.", AI),
    ],
)
def test_code(text: str, phrase: str) -> None:
    assert use_of(text, phrase) == Use.CODE


def test_listed() -> None:
    text = f"Phrases to delete:\n1. {AI} cannot\n2. {AI} do not\n3. {AI} am unable\nThen save."
    assert use_of(text, AI) == Use.LISTED


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        (f"It begins with {AI} cannot, and then it goes on for pages.", AI),
        (f"Remove phrases such as {AI} cannot.", AI),
        (f"Words to watch: on the other hand, {AI} cannot.", AI),
        (f"常见套话有，{ZH}等等。", ZH),
        (f"它总是回答{ZH}，然后就没有了。", ZH),
        (f"比如{ZH}这种话。", ZH),
        (
            "ChatGPT and its rival Gemini were asked about the weather at noon and again later "
            f"and every time the answer in the log began, with no change, {AI} cannot know.",
            AI,
        ),
    ],
)
def test_reported(text: str, phrase: str) -> None:
    assert use_of(text, phrase) == Use.REPORTED


def test_a_quotation_over_paragraphs_is_a_known_miss() -> None:
    text = f'The bot wrote "Hello.\n\n{AI} cannot swim.\n\nGood bye." and that was all it wrote.'
    assert use_of(text, AI) == Use.ASSERTED
