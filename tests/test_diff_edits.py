"""What of an edit is reported: a table a kind, with near misses."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.detectors.edits.compare import EditJudge
from scrubtrace.detectors.edits.words import words_of

JUDGE = EditJudge()

EN = "The mill by the river grinds rye. Olga Brandt bought it in 1954. It has nine rooms and a cat."
DE = "Die Mühle am Fluss mahlt Roggen. Olga Brandt kaufte sie 1954. Sie hat neun Zimmer."
ID = "Penggilingan di tepi sungai itu menggiling gandum. Olga membelinya pada 1954. Ada kucing."
ZH = "河边的磨坊磨黑麦。奥尔加在1954年买下了它。那里有九个房间和一只猫。"
HANT = "河邊的磨坊磨黑麥。奧爾加在1954年買下了它。那裡有九個房間和一隻貓。"
JA = "川沿いの水車小屋ではライ麦を挽く。オルガは1954年にそれを買った。部屋は九つある。"


def kinds(old: str, new: str, language: str = "en") -> set[str]:
    return {change.kind.value for change in JUDGE.changes(old, new, language)}


@pytest.mark.parametrize(
    ("language", "old", "new"),
    [
        ("en", f"{EN} OpenAI checked it.", f"{EN} Our company checked it."),
        ("en", f"{EN} It was written with ChatGPT today.", f"{EN} It was written today."),
        ("en", f"{EN} I am Claude, an AI model.", f"{EN} I am Nova, an AI model."),
        ("zh", f"{ZH}这是用文心一言写的。", f"{ZH}这是用本公司助手写的。"),
        ("zh", f"{HANT}這是用ChatGPT寫的。", f"{HANT}這是用小幫手寫的。"),
        ("ja", f"{JA}この文はOpenAIが作った。", f"{JA}この文は弊社が作った。"),
        ("de", f"{DE} Das schrieb ChatGPT.", f"{DE} Das schrieb der Assistent."),
        ("id", f"{ID} Ini ditulis oleh GPT-4.", f"{ID} Ini ditulis oleh asisten."),
    ],
)
def test_a_name_taken_out_or_swapped(language: str, old: str, new: str) -> None:
    assert kinds(old, new, language) == {"name_removed"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"{EN} GPT-3.5 checked it.", f"{EN} GPT-4 checked it."),
        (f"{EN} ChatGPT checked it.", f"{EN} Chat GPT checked it."),
        (f"{EN} OpenIA checked it.", f"{EN} OpenAI checked it."),
        (f"{EN} OpenAI chekced it.", f"{EN} OpneAI checked it."),
        (f"{EN} **OpenAI** checked it.", f"{EN} openai checked it!"),
        (f"{EN} Claude painted water lilies.", f"{EN} Monet painted water lilies."),
        (f"{EN} OpenAI has an office in Dublin.", EN),
        (f"OpenAI came first. {EN}", f"{EN} OpenAI came first."),
        (f"{EN} OpenAI checked it.", "Quite another story about ships, harbours and the moon."),
    ],
)
def test_a_name_that_was_not_scrubbed(old: str, new: str) -> None:
    assert kinds(old, new) == set()


@pytest.mark.parametrize(
    ("language", "text", "before", "behind"),
    [
        ("en", EN, "Certainly! ", ""),
        ("en", EN, "Sure, here is the text about the mill: ", ""),
        ("en", EN, "", " I hope this helps! Let me know if you have any questions."),
        ("en", EN, "As an AI language model, I have never seen a mill. ", ""),
        ("en", EN, "", " Please consult a doctor before you eat it."),
        ("zh", ZH, "当然，以下是您要的文字：\n", ""),
        ("zh", ZH, "", "希望对您有所帮助！"),
        ("zh", HANT, "", "如果您還有其他問題，請隨時告訴我。"),
        ("ja", JA, "もちろんです。", ""),
        ("ja", JA, "", "他に質問があれば、お気軽にお尋ねください。"),
        ("de", DE, "Natürlich! Hier ist der Text:\n\n", ""),
        ("de", DE, "", " Ich hoffe, das hilft Ihnen weiter!"),
        ("id", ID, "Tentu, berikut teksnya:\n\n", ""),
        ("id", ID, "", " Semoga membantu!"),
    ],
)
def test_boilerplate_cut(language: str, text: str, before: str, behind: str) -> None:
    assert kinds(before + text + behind, text, language) == {"boilerplate_cut"}
    assert kinds(text, before + text + behind, language) == set()


@pytest.mark.parametrize(
    ("language", "old", "new"),
    [
        ("en", "As an AI language model, I have never seen a mill.", "I have never seen a mill."),
        ("zh", "作为一个人工智能语言模型，我没有见过磨坊。", "我没有见过磨坊。"),
        (
            "de",
            "Als KI-Sprachmodell habe ich keine Mühle gesehen.",
            "Ich habe keine Mühle gesehen.",
        ),
    ],
)
def test_a_clause_cut_out_of_a_sentence(language: str, old: str, new: str) -> None:
    assert kinds(f"{old} {EN}", f"{new} {EN}", language) == {"boilerplate_cut"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("As an AI langauge model, I cannot. " + EN, "As an AI language model, I cannot. " + EN),
        (EN, "Olga Brandt bought it in 1954. It has nine rooms and a cat."),
        (f"Certainly! {EN}", f"Certainly! {EN} Bats live there, too."),
        (f"Certainly! {EN}", "Ships sail at noon. The moon is full and the harbour sleeps."),
        (f"{EN} I hope this helps!", f"I hope this helps! {EN}"),
        ("I'm sorry, but as an AI language model, I cannot.", "Rye bread needs a day of rest."),
    ],
)
def test_no_boilerplate_cut(old: str, new: str) -> None:
    assert kinds(old, new) == set()


@pytest.mark.parametrize(
    "put_in",
    ["[REDACTED]", "<PERSON>", "XXX", "***", "[NAME]", "{{NAME}}", "█████", "(name removed)"],
)
def test_a_placeholder_put_in(put_in: str) -> None:
    assert kinds(EN, EN.replace("Olga Brandt", put_in)) == {"placeholder_put_in"}


@pytest.mark.parametrize(("language", "text", "name"), [("zh", ZH, "奥尔加"), ("ja", JA, "オルガ")])
def test_a_placeholder_in_east_asian_text(language: str, text: str, name: str) -> None:
    for put_in in ("XXX", "某人", "〇〇", "【姓名】"):
        assert kinds(text, text.replace(name, put_in), language) == {"placeholder_put_in"}


@pytest.mark.parametrize(
    "other", ["Olga Brand", "Mrs. Brandt", "Olga Brandt [1]", "**Olga** Brandt"]
)
def test_no_placeholder(other: str) -> None:
    assert kinds(EN, EN.replace("Olga Brandt", other)) == set()
    masked = EN.replace("Olga Brandt", "[NAME]")
    assert kinds(masked, masked.replace("nine", "ten")) == set()


def test_hidden_characters() -> None:
    assert kinds(EN, EN.replace("ll", "l\u200bl").replace("iv", "i\u200bv")) == {
        "characters_hidden"
    }
    for hidden in ("\U000e0067", "\u3164", "\ufe01", "\x01"):
        new = EN.replace("ll", f"l{hidden}l").replace("iv", f"i{hidden}v")
        assert kinds(EN, new) == {"characters_hidden"}
    assert kinds(ZH, ZH.replace("奥尔加", "奥\U000e0100尔\U000e0101加"), "zh") == set()
    assert kinds(EN, EN.replace("mill", "m\u0456ll")) == {"characters_hidden"}
    assert kinds(EN.replace("ll", "l\u200bl"), EN) == set()
    assert kinds(EN, EN.replace("r", "r\u00ad")) == set()


LONG = (
    "In the spring of 1954 the widow Olga Brandt purchased an abandoned watermill near Tarnow. "
    "Neighbours laughed because the wheel had rotted and the roof leaked everywhere. She hired two "
    "carpenters, Marek and Feliks, who replaced forty planks within three weeks. By September the "
    "millstones turned again and farmers arrived with wagons full of barley. The bank in Krakow "
    "refused a loan, so she sold her piano instead. Eleven years later the flood destroyed the dam."
)
REPHRASED = (
    "It was spring, 1954, when Olga Brandt, a widow, bought a watermill that stood abandoned close "
    "to Tarnow. People next door, the neighbours, were laughing at her: its wheel was rotted, its "
    "roof leaked. Two carpenters named Marek and Feliks got the job and put in forty new planks "
    "after three weeks of work. The millstones were moving once more by September, with farmers "
    "bringing wagons of barley. As no loan came from Krakow and its bank, the piano had to go. The "
    "flood took away the dam eleven years afterwards."
)
ANOTHER = (
    "Watermills have a long history in southern Poland. Most of them were built of oak and stood "
    "beside small streams, where families worked for generations. A widow could inherit such a "
    "place, yet few did. Today museums keep some wheels and millstones, and children learn how "
    "barley became flour before electric machines arrived. The last one closed after the war."
)


CLAUSES = (
    "清晨渔夫推着木船驶向远处的灰色海湾，", "码头旁边卖鱼的老人正在修补破旧渔网，",
    "孩子们沿着石阶奔跑追逐一只白猫，", "面包店飘出刚刚烤好的麦香气味，",
    "邮差骑车送来几封盖着蓝章的信件，", "钟楼敲响九下广场渐渐热闹起来。",
)  # fmt: skip
OTHERS = ("图书馆整理旧报纸需要许多耐心，", "冬季登山者必须携带足够绳索与干粮，")


def test_clauses_in_the_place_of_others_are_no_paraphrase() -> None:
    new = [CLAUSES[0], OTHERS[0], *CLAUSES[2:4], OTHERS[1], CLAUSES[5]]
    assert kinds("".join(CLAUSES), "".join(new), "zh") == set()


def test_a_paraphrase_keeps_content_in_order() -> None:
    assert kinds(LONG, REPHRASED) == {"paraphrased"}
    assert kinds(LONG, ANOTHER) == set()
    assert kinds(LONG, LONG[: len(LONG) // 2]) == set()
    assert kinds(LONG, LONG.replace("1954", "1957").replace("forty", "fifty")) == set()


def test_spans_are_offsets_of_the_texts_as_given() -> None:
    old = f"\u200b\u200b{EN} \ufb01rst \u2460 OpenAI checked it."
    new = f"{EN} \ufb01rst \u2460 [ORG] checked it."
    found = {change.kind.value: change for change in JUDGE.changes(old, new, "en")}
    for kind in ("name_removed", "placeholder_put_in"):
        assert old[slice(*found[kind].old)] == "OpenAI"
        assert new[slice(*found[kind].new)] == "[ORG]"


@given(st.text(max_size=200))
def test_a_text_did_not_change_against_itself(text: str) -> None:
    assert JUDGE.examine(text, text).changes == []


@given(st.text(max_size=120), st.text(max_size=120))
def test_spans_lie_within_the_texts(old: str, new: str) -> None:
    examined = JUDGE.examine(old, new)
    for change in (*examined.changes, *(change for change, _ in examined.if_recurring)):
        assert 0 <= change.old[0] <= change.old[1] <= len(old)
        assert 0 <= change.new[0] <= change.new[1] <= len(new)


def test_long_texts_without_common_words_are_compared() -> None:
    places = [a + b + c + d for a, b, c, d in product("bcdfghklmn", "aeiou", "bcdfghklmn", "aeiou")]
    old, new = (" ".join(f"{end}{place}" for place in places * 5) for end in "xy")
    assert JUDGE.changes(old, new, "en") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rained. We stayed in!\nThen 3.5 km", ["It rained.", " We stayed in!", "Then 3.",
                                                  "5 km"]),
        ('"Soup?" he said... "No."', ['"Soup?"', " he said...", ' "No."']),
        ("雨。又是雨。then tea", ["雨。", "又是雨。", "then tea"]),
        ("a" * 300_000 + "。b", ["a" * 300_000 + "。", "b"]),
        ("." * 300_000 + "b", ["b"]),
    ],
)  # fmt: skip
def test_sentences(text: str, expected: list[str]) -> None:
    words = words_of(text)
    assert [words.text[start:end].strip("\n") for start, end in words.sentences] == expected
