"""The boilerplate detector: what it finds, where, in which language, and where it abstains."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.boilerplate import Boilerplate
from scrubtrace.schemas.vocabulary import Use

DETECTOR = Boilerplate()
FRENCH = "Le train de Brest avait encore du retard, alors nous avons attendu à la gare."


def found(text: str, language: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = DETECTOR.detect(TextBatch([text], [language])).found.to_pylist()
    return rows


def check(text: str, language: str, category: str, use: Use = Use.ASSERTED) -> None:
    entries = [entry for entry in found(text, language) if entry["category"] == category]
    assert entries, f"no {category}"
    assert {entry["use"] for entry in entries} == {use}


@pytest.mark.parametrize(
    ("text", "language", "category"),
    [
        ("As an AI language model, I cannot swim.", "en", "self_disclosure"),
        ("\u0410s an AI l\u0430nguage mo\u200bdel, I cannot swim.", "en", "self_disclosure"),
        ("\uff21\uff53 an AI\u3000language\u00a0model, I cannot swim.", "en", "self_disclosure"),
        ("As an AI lang\x01uage mod\0el, I cannot swim.", "en", "self_disclosure"),
        ("As an AI lang\u3164uage mod\U000e0065el, I cannot swim.", "en", "self_disclosure"),
        ("作为一个AI语\u180b言\U000e0100模型，我没有个人感情。", "zh", "self_disclosure"),
        ("So. As an AI\n   language\nmodel, I cannot swim.", "en", "self_disclosure"),
        ("As of my last knowledge update in 2021, the pier stood.", "en", "knowledge_cutoff"),
        ("I am a large language model trained by [COMPANY].", "en", "identity_residue"),
        ("As a , I cannot swim.", "en", "identity_residue"),
        ("The pier stood:contentReference[oaicite:2]{index=2}.", "en", "chat_ui_residue"),
        ("作为一个AI语言模型，我没有个人感情。", "zh", "self_disclosure"),
        (r'{"a": "Sure.\n\nAs an AI language model, I cannot swim."}', "en", "self_disclosure"),
        (json.dumps({"a": "作为一个AI语言模型，我没有个人感情。"}), "zh", "self_disclosure"),
        ("作為一個AI語言模型，我沒有個人感情。", "zh", "self_disclosure"),
        ("作为一个人工智\n能语言模\n型，我没有个人感情。", "zh", "self_disclosure"),
        ("我是由[公司]训练的大型语言模型。", "zh", "identity_residue"),
        ("身為 AI 助理，我無法替您\n撥打電話。", "zh", "self_disclosure"),
        ("私はＡＩ言語モデルですので、泳げません。", "ja", "self_disclosure"),
        ("私は大規模言\n語モデルです。", "ja", "self_disclosure"),
        ("わたしの知識は２０２１年９月までのものです。", "ja", "knowledge_cutoff"),
        ("私は「[会社名]」によって訓練された言語モデルです。", "ja", "identity_residue"),
        ("Als KI\u00adSprachmodell kann ich nicht schwimmen.", "de", "self_disclosure"),
        ("Als KI\u2011Sprachmodell kann ich nicht schwimmen.", "de", "self_disclosure"),
        ("Als KI\u2013Sprachmodell kann ich nicht schwimmen.", "de", "self_disclosure"),
        ("My knowledge cut\u2010off is June 2021.", "en", "knowledge_cutoff"),
        ("Als kuenstliche Intelligenz habe ich keine Gefuehle.", "de", "self_disclosure"),
        ("Als  ,  ein KI-Modell, sehe ich nichts.", "de", "identity_residue"),
        ("Hier ist die umformulierte Version deines Satzes: Es schneit.", "de", "rewrite_wrapper"),
        ("S\u0435bagai model b\u0430hasa AI, aku nggak bisa berenang.", "id", "self_disclosure"),
        ("Saya model bahasa yang dilatih oleh <PERUSAHAAN>.", "id", "identity_residue"),
    ],
)
def test_phrases_are_found_also_in_disguise(text: str, language: str, category: str) -> None:
    check(text, language, category)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("As an AI researcher, I have strong views on this.", "en"),
        ("As a pharmacist, I cannot give you that without a prescription.", "en"),
        ("The house was developed by . . . nobody knows.", "en"),
        ("Dear Ms Reed, the parcel left on Monday. Sincerely, [Your Name]", "en"),
        ("Call <PERSON> at <PHONE_NUMBER> tomorrow.", "en"),
        ("作为一名药剂师，我不能这样给您。", "zh"),
        ("希望对您有帮助，请注意休息。", "zh"),
        ("", "en"),
        ("薬剤師として、処方箋なしでお渡しすることはできません。", "ja"),
        ("申し訳ございませんが、本日は休業です。またのお越しを。", "ja"),
        ("Als Apothekerin kann ich Ihnen das nicht ohne Rezept geben.", "de"),
        ("Als KI-Forscherin kann ich dazu leider nichts sagen.", "de"),
        ("Sebagai apoteker, saya tidak dapat memberikannya tanpa resep.", "id"),
        ("Sebagai asisten virtual, saya tidak bisa bekerja hari Minggu.", "id"),
        ("People see it as an AI, I don't.", "en"),
        ("The bot plays as an AI, I can't beat it.", "en"),
        ("They sell it as an AI model I can't afford.", "en"),
        ("My knowledge cutoff for the exam is chapter 9.", "en"),
        ("It was derived from [[B (letter)|B]] and led to [[C]]", "en"),
        ("y <- x[[a]]", "en"),
        ("Assistant 1's answer was wrong, so the professor asked assistant 2.", "en"),
    ],
)
def test_people_write_this(text: str, language: str) -> None:
    assert not [entry for entry in found(text, language) if entry["strength"] == "proof"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (
            "Es tut mir leid, aber ich kann Ihnen dabei nicht helfen, der Schalter ist zu. "
            "Falls Sie weitere Fragen haben, stehe ich Ihnen gerne zur Verfügung.",
            "de",
        ),
        (
            "Maaf, saya tidak dapat memenuhi permintaan tersebut karena stok habis. "
            "Ada lagi yang bisa saya bantu? Jika ada pertanyaan, hubungi kami.",
            "id",
        ),
        (
            "申し訳ございませんが、その件には対応いたしかねます。"
            "他にご質問がございましたら、お気軽にお問い合わせください。",
            "ja",
        ),
        ("很抱歉，這項要求我們無法處理。如需進一步協助，請撥打客服專線。", "zh"),
        ("I've revised the leaflet draft for clarity, please check page 3 before Friday.", "en"),
        ("Klar, hier ist die überarbeitete Version mit deinen Änderungen. Gruß, Uwe", "de"),
        ("Baik, berikut versi yang sudah diperbaiki. Mohon dicek ya Bu.", "id"),
        ("はい、こちらが修正した文章です。来週またお願いします。", "ja"),
    ],
)
def test_help_desks_and_editors_do_not_reach_two_categories(text: str, language: str) -> None:
    assert len({entry["category"] for entry in found(text, language)}) < 2
    assert not [entry for entry in found(text, language) if entry["strength"] == "proof"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Aku membaca surat yang dibuat oleh <PERSON> semalam.", "id"),
        ("Kami berdiri di jembatan yang dirancang oleh xxx pada 1931.", "id"),
        ("Die Skizze wurde als Anlage von <PERSON> erstellt und verschickt.", "de"),
        ("Ich wurde von <PERSON> trainiert, bis das Bad schloss.", "de"),
        ("Der Turm wurde 1908 als Wasserspeicher von XXX gebaut.", "de"),
        ("Ich bin [NAME], ein Chatbot-Entwickler aus Jena.", "de"),
        ("I am <PERSON>, an AI researcher.", "en"),
        ("I'm [NAME], a chatbot developer.", "en"),
        ("I spent a year as an assistant trained by <PERSON> in the kitchen.", "en"),
        ("I am a sales assistant trained by [COMPANY] in Leeds.", "en"),
        ("我是某公司的AI模型工程师。", "zh"),
        ("我叫【姓名】，是一名大模型工程师。", "zh"),
        ("我是[姓名]，负责AI模型的训练。", "zh"),
        ("作为【买家】，我无法获取发票，请尽快处理。", "zh"),
        ("作为[乙方]，我无法提供上述材料。", "zh"),
        ("〇〇社が開発したAIが話題になっている。", "ja"),
    ],
)
def test_masked_texts_of_people_hold_no_residue_of_an_assistant(text: str, language: str) -> None:
    assert not [entry for entry in found(text, language) if entry["strength"] != "weak"]


def test_mentions_keep_their_evidence_with_its_use() -> None:
    text = 'The robot said "As an AI language model, I cannot swim" and the class laughed loudly.'
    check(text, "en", "self_disclosure", Use.QUOTED)


def test_interface_marks_in_a_list_are_asserted() -> None:
    text = "- Rain fell\u30103\u2020source\u3011.\n- It stopped\u30103\u2020source\u3011.\n"
    check(text + "- Sun\u30104\u2020source\u3011.", "en", "chat_ui_residue")


@pytest.mark.parametrize("prefix", ["", "Wait\u2026 ", "\u200b\u200b", "好的\u3000", "e\u0301 "])
def test_spans_are_of_the_original_text(prefix: str) -> None:
    text = f"{prefix}As an A\u200bI language model, I cannot swim."
    (span,) = {(entry["start"], entry["end"]) for entry in found(text, "en")}
    assert text[slice(*span)].startswith("As an A\u200bI language model")


def test_undetermined_texts_are_matched_in_every_language() -> None:
    assert found("As an AI language model, I cannot swim.", "und")
    assert found("作为一个AI语言模型，我没有个人感情。", "und")


def test_a_language_without_signatures_is_abstained_from() -> None:
    evidence = DETECTOR.detect(TextBatch([FRENCH, "", FRENCH + " turn0search3"], ["fr"] * 3))
    assert evidence.abstained.to_pylist() == [{"row": 0, "reason": "language_not_covered"}]
    assert {entry["row"] for entry in evidence.found.to_pylist()} == {2}


TEXTS = st.sampled_from(
    [
        "As an AI language model, I cannot swim.",
        "As of my last knowledge update in 2021, the pier stood.",
        "The soup was too salty.",
        "作为一个AI语言模型，我没有个人感情。",
        FRENCH,
        "",
    ]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(TEXTS, st.sampled_from(["en", "zh", "fr", "und"])), max_size=8))
def test_evidence_does_not_depend_on_the_rest_of_the_batch(rows: list[tuple[str, str]]) -> None:
    whole = DETECTOR.detect(TextBatch([text for text, _ in rows], [code for _, code in rows]))
    together = whole.found.to_pylist()
    apart = [e | {"row": n} for n, (text, code) in enumerate(rows) for e in found(text, code)]
    assert together == apart


def test_fingerprint_is_of_what_matches_not_of_examples() -> None:
    first, *others = DETECTOR.signatures["en"]

    def fingerprint_with(**changes: Any) -> str:
        changed = Boilerplate()
        signatures = {"en": (dataclasses.replace(first, **changes), *others)}
        changed.__dict__["signatures"] = {**DETECTOR.signatures, **signatures}
        return changed.fingerprint()

    assert fingerprint_with(match=("another example",)) == DETECTOR.fingerprint()
    assert fingerprint_with(pattern="another pattern") != DETECTOR.fingerprint()
    assert fingerprint_with(category="closer") != DETECTOR.fingerprint()
