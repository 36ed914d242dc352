"""Assistant names that recur, end to end: candidates of the scan become proof at commit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text as sql

from scrubtrace.cli import main
from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.boilerplate import Boilerplate
from scrubtrace.recurrence import CATEGORY
from scrubtrace.review.connection import open_review

PLAIN = ["The soup was too salty.", "Der Zug kam spät.", "冷氣漏水多半是排水管堵了。"]
CLAIMS = {
    "en": "Day {n} at the pier. As {name}, I cannot browse the internet for the tide.",
    "zh": "第{n}天在码头。作为{name}，我无法浏览互联网查潮汐。",
    "ja": "桟橋の{n}日目。{name}として、リアルタイムの潮位情報にアクセスすることはできません。",
    "de": "Tag {n} am Steg. Als {name} kann ich leider keine Echtzeitdaten zur Flut abrufen.",
    "id": "Hari ke-{n} di dermaga. Sebagai {name}, saya tidak dapat mengakses informasi pasang.",
}
NAMES = {"en": "Lumen", "zh": "小嵐", "ja": "ルーメン", "de": "Lumen", "id": "Lumen"}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    Path("data").mkdir()


def claims(language: str, count: int, name: str = "") -> list[str]:
    wanted = name or NAMES[language]
    return [CLAIMS[language].format(n=n, name=wanted) for n in range(count)]


def write(name: str, texts: Sequence[str]) -> None:
    pq.write_table(pa.table({"text": list(texts)}), Path("data") / name)


def flagged(*options: str, out: str = "out") -> set[str]:
    """Scans everything in the folder; the snippets of what is flagged."""
    with pytest.raises(SystemExit) as ended:
        main(["detect", "data/*.parquet", "--out", out, "--quiet", *options])
    assert not ended.value.code
    with open_review(f"sqlite:///{out}/review.sqlite").connect() as connection:
        found = connection.execute(sql("select snippet, why from review_items where flagged"))
        rows = [dict(row._mapping) for row in found]
    assert all("speaks as an assistant under a name of its own (proof)" in r["why"] for r in rows)
    return {row["snippet"] for row in rows}


@pytest.mark.parametrize("language", sorted(CLAIMS))
def test_five_texts_under_one_name_flag_and_four_do_not(language: str) -> None:
    write("a.parquet", [*claims(language, 4), *PLAIN])
    assert flagged(out="four") == set()
    write("b.parquet", [claims(language, 5)[4]])
    assert flagged(out="five") == set(claims(language, 5))


def test_repeats_of_a_text_and_other_names_do_not_add_up() -> None:
    write("a.parquet", [*claims("en", 4), *claims("en", 4), *claims("en", 4, "Odo"), *PLAIN])
    assert flagged() == set()


def test_neither_shards_nor_units_nor_runs_nor_workers_matter() -> None:
    texts = [*claims("en", 3), *PLAIN, *claims("de", 2), *claims("en", 4, "Odo")]
    write("a.parquet", texts)
    whole = flagged(out="whole")
    assert whole == {*claims("en", 3), *claims("de", 2)}
    Path("data/a.parquet").unlink()
    for number, text in enumerate(reversed(texts)):
        write(f"{number:02}.parquet", [text])
    assert flagged("--set", "scan.unit_rows=2", out="apart") == whole
    assert flagged("--set", "scan.unit_rows=2", "--workers", "2", out="apart") == whole
    assert flagged("--set", "policy.recurring_identity=0", out="off") == set()


ROLES = {
    "en": "As {name}, I do not have personal opinions on thread {n}.",
    "zh": "今天是第{n}场。作为{name}，我没有个人观点。",
    "ja": "{n}回目です。{name}として、私には個人的な意見がありません。",
    "de": "Thema {n}. Als {name} habe ich keine persönlichen Meinungen dazu.",
    "id": "Acara ke-{n}. Sebagai {name}, saya tidak memiliki pendapat pribadi.",
}
NAMES_OF_ROLES = {
    "en": ["Moderator", "Treasurer", "Head Coach", "Judge", "Norwegian", "Mother", "CEO"],
    "zh": ["主持人", "裁判", "班主任", "會計", "辩论赛主席"],
    "ja": ["司会者", "審判", "コーチ", "日本人"],
    "de": ["Moderatorin", "Schiedsrichter", "Vereinsvorsitzender", "Laie", "Assistent"],
    "id": ["Moderator", "Wasit", "Ketua RT", "Muslim"],
}


@pytest.mark.parametrize("language", sorted(ROLES))
def test_roles_do_not_recur_as_names(language: str) -> None:
    texts = [
        ROLES[language].format(name=role, n=n)
        for role in NAMES_OF_ROLES[language]
        for n in range(6)
    ]
    write("a.parquet", texts)
    assert flagged() == set()


@pytest.mark.parametrize(
    ("language", "name"),
    [
        *NAMES.items(),
        *[("en", name) for name in ("Jasper", "Bram Assistant", "Adrian", "Finn", "Copilot")],
        *[("de", name) for name in ("Merlin", "Oliver", "Nordlicht-Assistent", "Vincent")],
        *[("zh", name) for name in ("青石助手", "小管家", "聊天机器人")],
        *[("ja", name) for name in ("ノヴァ", "アシスタント", "みらい")],
        ("id", "Petra"),
    ],
)
def test_names_stay_candidates(language: str, name: str) -> None:
    text = ROLES[language].format(name=name, n=3)
    found = Boilerplate().detect(TextBatch([text], [language])).found.to_pylist()
    assert name in {entry["value"] for entry in found if entry["category"] == CATEGORY}


PEOPLE = [
    ("As President, I cannot agree to provide the funds.", "en"),
    ("As Christians, we cannot access that kind of hate.", "en"),
    ("As Treasurer, I cannot provide the receipts before Monday.", "en"),
    ("As a Norwegian, I do not have feelings about skiing, I have knees.", "en"),
    ("My name is Ida and I am an aide to the mayor.", "en"),
    ("作为会长，我无法同意这个方案。", "zh"),
    ("身為基督徒，我們沒有仇恨的情感。", "zh"),
    ("我是王磊，由公司派来修空调。", "zh"),
    ("会長として、賛成することはできません。", "ja"),
    ("私は森田で、北灯社で働いています。", "ja"),
    ("Als Präsident kann ich keine Zusage geben.", "de"),
    ("Als Christen können wir das nicht gutheißen.", "de"),
    ("Ich bin Petra, die Assistentin der Leitung.", "de"),
    ("Sebagai Presiden, saya tidak dapat menyetujui usul itu.", "id"),
    ("Nama saya Sari dan saya asisten apoteker.", "id"),
]


@pytest.mark.parametrize(("text", "language"), PEOPLE)
def test_people_are_not_even_candidates(text: str, language: str) -> None:
    found: list[dict[str, Any]] = (
        Boilerplate().detect(TextBatch([text], [language])).found.to_pylist()
    )
    assert not [entry for entry in found if entry["category"] == CATEGORY]
