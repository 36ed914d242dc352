"""Language identification: the languages we speak, and what is no language."""

import json

import pytest

from scrubtrace.detectors.language import START_CHARS, identify, normalise_code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("The ferry was late again, so we waited on the pier.", "en"),
        ("Where is my umbrella?", "en"),
        ("Der Zug nach Kiel hatte wieder Verspätung.", "de"),
        ("Kapal itu terlambat lagi, jadi kami menunggu di dermaga.", "id"),
        ("今天的雨一直下到傍晚。", "zh"),
        ("這家照相館已經開了三十年。", "zh"),
        ("招牌上写着一个の字，老板说那只是装饰，别的都是中文，没有别的意思。", "zh"),
        ("昨日は雨だったので、家で本を読んだ。", "ja"),
        ("新しいパソコンを買いました", "ja"),
        ("어제는 비가 와서 집에 있었다.", "ko"),
        ("Le train de nuit est arrivé en retard ce matin.", "fr"),
        ("We call it 好的 here, which means that all is well and agreed.", "en"),
    ],
)
def test_languages(text: str, code: str) -> None:
    assert identify(text) == code


def test_escapes_of_json_are_read() -> None:
    assert identify(json.dumps({"text": "渡轮又晚点了，我们只好在码头等着。"})) == "zh"


@pytest.mark.parametrize(
    "text", ["", "   ", "12345 67", "\U0001f600\U0001f680", "https://a.example/b/c", "ok"]
)
def test_what_is_no_language_is_undetermined(text: str) -> None:
    assert identify(text) == "und"


@pytest.mark.parametrize(
    ("plain", "code"),
    [
        ("As an AI language model, I cannot swim across the bay.", "en"),
        ("Kapal itu terlambat lagi, jadi kami menunggu di dermaga.", "id"),
        ("Der Zug nach Kiel hatte wieder Versp\u00e4tung.", "de"),
    ],
)
def test_a_disguise_does_not_change_the_language(plain: str, code: str) -> None:
    lookalikes = str.maketrans("aeiopcxyAEIOPCMT", "аеіорсхуАЕІОРСМТ")
    wide = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
    disguised = ["\u200b".join(plain), plain.translate(lookalikes), plain.translate(wide)]
    assert [identify(text) for text in (plain, *disguised)] == [code] * 4
    assert identify("\u200b".join(plain * 100)) == code


@pytest.mark.parametrize("nothing", [" ", "\n", "\u200b", "*", "7"])
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Das Boot liegt seit gestern wieder am Ufer des Sees.", "de"),
        ("这条船从昨天起又停在湖边了。", "zh"),
    ],
)
def test_the_beginning_is_where_letters_begin(nothing: str, text: str, code: str) -> None:
    for times in (START_CHARS, 100_000):
        assert identify(nothing * times + text) == code


def test_only_the_beginning_is_looked_at() -> None:
    assert identify("The ferry was late again. " * 20 + "雨" * 10_000) == "en"


@pytest.mark.parametrize(
    ("given", "code"),
    [("en", "en"), ("EN", "en"), ("zh-Hant", "zh"), ("pt_BR", "pt"), (" de ", "de"), ("", "und")],
)
def test_codes_are_reduced_to_their_primary_subtag(given: str, code: str) -> None:
    assert normalise_code(given) == code


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("eng_Latn", "en"),
        ("English (US)", "en"),
        ("zho-Hant", "zh"),
        ("cmn_Hani", "zh"),
        ("Chinese (Simplified)", "zh"),
        ("日本語", "ja"),
        ("jpn", "ja"),
        ("Deutsch", "de"),
        ("ger", "de"),
        ("Indonesian", "id"),
        ("fra_Latn", "fra"),
        ("Bahasa Melayu", "bahasa"),
        ("Chinese (Simplified, as in the north of the country)", "zh"),
    ],
)
def test_other_names_of_the_languages_of_the_detectors_are_known(given: str, code: str) -> None:
    assert normalise_code(given) == code


@pytest.mark.parametrize(
    "given",
    [
        "我们昨天在河边看到三只白鹅",
        "Прочее",
        "The geese crossed the yard before noon.",
        "goose" * 8,
    ],
)
def test_a_text_is_no_code_and_not_repeated(given: str) -> None:
    assert normalise_code(given) == "mis"
