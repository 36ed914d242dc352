"""Use or mention, case by case, in English, Chinese, Japanese, German and Indonesian."""

import pytest

from scrubtrace.detectors.mention import MentionGuard
from scrubtrace.detectors.normalise import normalise
from scrubtrace.schemas.vocabulary import Use

AI = "As an AI language model, I"
ZH = "作为一个AI语言模型"
HANT = "身為一個語言模型"
JA = "AI言語モデルとして、お答えできません"
DE = "Als KI-Sprachmodell kann ich"
ID = "Sebagai model bahasa AI, saya tidak"


def use_of(original: str, phrase: str) -> str:
    text, hits = normalise(original).text, []
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
        (f"很抱歉，{HANT}，我無法替您排隊。", HANT),
        (f"申し訳ありませんが、{JA}。", JA),
        (f"彼は「いいえ」と答えた。{JA}。", JA),
        (f"{JA}ので、駅の窓口でお尋ねください。窓口は九時に開くと聞いています。", JA),
        (f"Es tut mir leid, aber {DE.lower()} den Ofen nicht sehen.", DE.lower()),
        (f"Er sagte „nein“. {DE} mehr nicht sagen.", DE),
        (f"{DE} nicht kochen. Das steht, so heißt es im Dorf, fest.", DE),
        (f"Wie gesagt: Das Brot ist alt. {DE} es nicht riechen.", DE),
        (f"Mohon maaf. {ID} bisa mencium roti itu.", ID),
        (f"Ibu berkata “tidak”. {ID} tahu alasannya.", ID),
        (f"Question: Can you swim?\nAnswer: {AI} cannot swim.", AI),
        (f"Can you swim? Answer: {AI} cannot swim.", AI),
        (f"### Answer\n{AI} cannot swim.", AI),
        (f"**Final answer:** {AI} cannot swim.", AI),
        (f"My answer:\n\n{AI} cannot swim.", AI),
        (f"2. Reply: {AI} cannot swim.", AI),
        (f"Sentence: {AI} cannot swim.", AI),
        (f"回答：{ZH}，我没有感情。", ZH),
        (f"问题：你会游泳吗？\nAI回答：{ZH}，我不会游泳。", ZH),
        (f"助手回复：{ZH}，我不会游泳。", ZH),
        (f"我知道，{ZH}，我不会游泳。", ZH),
        (f"回答：{JA}。", JA),
        (f"Antworten:\n{DE} nicht schwimmen.", DE),
        (f"Menjawab: {ID} bisa berenang.", ID),
        (f'[{{"from":"human","value":"Swim?"}},{{"from":"gpt","value":"{AI} cannot."}}]', AI),
        (f'{{"instruction": "Swim.", "output": "{AI} cannot."}}\n', AI),
        (f'[["Say \\"hi\\", then swim.", "Hi. {AI} cannot."]]', AI),
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
        (f"老師讀出『{HANT}，我無法作答』的時候，全班都笑了出來，連校長也笑了。", HANT),
        (f"画面には「{JA}」の一行だけが残り、祖母は首をかしげて茶をいれなおした。", JA),
        (f"画面には「{JA}」の一行だけが残り、祖母は首をかしげて茶をいれなおした。", f"「{JA}"),
        (f"答案に『{JA}』をそのまま写した生徒がいて、先生は赤ペンを置いて笑った。", JA),
        (f"In der Hausarbeit stand „{DE} keine Noten lesen“, und der Chor lachte lange.", DE),
        (f"In der Hausarbeit stand »{DE} keine Noten lesen«, und der Chor lachte lange.", DE),
        (f"In der Hausarbeit stand «{DE} keine Noten lesen», und der Chor lachte lange.", DE),
        (f"In der Hausarbeit stand ‚{DE} keine Noten lesen‘, und der Chor lachte lange.", DE),
        (f'{{"text": "She read \\"{AI} cannot swim\\" aloud and everybody laughed."}}', AI),
        (f'We had "fish", "{AI} cannot swim", "soup": three titles for one evening at school.', AI),
        (f'A record, {{"output": "{AI} cannot"}}, was shown to the class on the first day.', AI),
        (f"Di makalah itu tertera “{ID} dapat membaca not”, lalu seluruh kelas tertawa.", ID),
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


@pytest.mark.parametrize(
    ("heading", "phrase"),
    [
        ("Diese Sätze löschen:", DE),
        ("Hapus kalimat ini:", ID),
        ("消す文:", JA),
        ("請刪除:", HANT),
    ],
)
@pytest.mark.parametrize("marker", ["- ", "・", "● "])
def test_listed_in_other_languages(heading: str, phrase: str, marker: str) -> None:
    items = "\n".join(f"{marker}{phrase}" for _ in range(3))
    assert use_of(f"{heading}\n{items}\n", phrase) == Use.LISTED


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
        (f"{ZH}，我没有感情之类的话，我听够了。", ZH),
        (f"系統總是回答{HANT}，然後就停了。", HANT),
        (f"例えば{JA}。", JA),
        (f"何を聞いても{JA}と答えるだけだ。", JA),
        (f"機械は{JA}、と返してきた。", JA),
        (f"{JA}という一文が残っていた。", JA),
        (f"{JA}といった表現を消してください。", JA),
        (f"消したい定型文は三つあり、まず{JA}。", JA),
        (f"Sätze wie {DE} nicht schwimmen fliegen sofort raus.", DE),
        (f"The robot replies: {AI} cannot swim.", AI),
        (f"It must answer\n{AI} cannot swim.", AI),
        (f"它总是回答：{ZH}，然后就没有了。", ZH),
        (f"机器人叹道：{ZH}，我没有感情。", ZH),
        (f"Der Bot antwortet: {DE} das nicht sagen.", DE),
        (f"Man liest dort z. B. {DE} nicht helfen.", DE),
        (f"{DE} das nicht beurteilen, antwortete der Automat.", DE),
        (f"{DE} keine Suppe kosten, heißt es dann.", DE),
        (f"Buang kalimat seperti {ID} bisa berenang.", ID),
        (f"Robot itu selalu menjawab {ID} tahu.", ID),
        (f"Misalnya, {ID} bisa.", ID),
        (f"{ID} bisa mencicipi sup, katanya.", ID),
        (f"{AI} cannot swim, said the robot.", AI),
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
