"""Style commands given a wrong column: texts become no names, and no message repeats them."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from style_models import human_text, llm_text
from style_shards import small_training, train_on, write, write_shards

from scrubtrace.style.names import few, is_source_name, language_code


@pytest.fixture
def shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    small_training(monkeypatch)
    return write_shards(tmp_path)


@pytest.mark.parametrize(
    ("value", "is_name"),
    [
        ("essays", True),
        ("s" * 100, True),
        ("s" * 101, False),
        ("Forum of gardeners, posts up to 2012 (random 5,000 rows of each board)", True),
        ("https://archive.example.org/dumps/2019/forum-of-gardeners", True),
        ("Acme Inc.", True),
        ("gardens\nand what grows there", False),
        ("My neighbour waters his beans at noon.", False),
        ('Then she said: "Nobody waters beans at noon."', False),
        ("北京某某网络科技有限公司上海分公司（二〇一九年）", True),
        ("ヤフー！知恵袋", True),
        ("青い鳥。", True),
        ("邻居中午给豆子浇水，谁也不明白为什么。", False),
        ("豆" * 33, True),
        ("豆" * 34, False),
        ("콩" * 34, False),
    ],
)
def test_names_of_sources_are_no_sentences(value: str, is_name: bool) -> None:
    assert is_source_name(value) == is_name


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("en", "en"),
        (" EN_us ", "en"),
        ("zh-Hant-TW", "zh"),
        ("eng_Latn", "en"),
        ("German", "de"),
        ("中文", "zh"),
        ("Chinese (traditional)", "zh"),
        ("yue", "yue"),
        ("und", "und"),
        (" ", "und"),
        ("In the garden beans grow", None),
        ("it was", None),
        ("garden", None),
        ("邻居中午给豆子浇水", None),
        ("de (wo die Bohnen im Garten des Nachbarn wachsen)", None),
        ("7", None),
    ],
)
def test_what_is_no_code_of_a_language(value: str, code: str | None) -> None:
    assert language_code(value) == code


def test_a_few_are_named_and_the_rest_counted() -> None:
    assert few(["a", "b"]) == "a, b"
    assert few([str(n) for n in range(1_300)], 2) == "0, 1 and 1,298 more"


def nothing_of(texts: Sequence[str], said: str) -> bool:
    """Whether no long word of the texts is repeated."""
    words = {word for text in texts for word in text.split() if len(word) > 5}
    return bool(words) and not any(word.strip(".,") in said for word in words)


HUMAN, LLM = ([text(n) for n in range(120)] for text in (human_text, llm_text))


@pytest.mark.parametrize("more", [("--relatives", "zz,yy"), ("--base", "none")])
def test_texts_are_no_sources_of_training(
    more: Sequence[str], shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_on(shards, "--language", "en", "--source-column", "text", *more) == 2
    said = capsys.readouterr().err
    assert "human.parquet (--human), row 0: column 'text' does not name sources" in said
    assert nothing_of(HUMAN, said)
    assert not (shards / "style.npz").exists()


def test_a_column_of_ids_is_told_of(shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hint = "most sources have one row: is the column of sources (source) one of ids?"
    assert train_on(shards, "--language", "en", "--quiet") == 0
    assert hint not in capsys.readouterr().err
    write(shards / "human.parquet", HUMAN, [f"id{n}" for n in range(120)])
    assert train_on(shards, "--language", "en", "--quiet") == 0
    assert hint in capsys.readouterr().err


def chinese(seed: int) -> str:
    """60 characters without a stop."""
    return "".join(chr(0x4E00 + (seed * 7 + n * 13) % 900) for n in range(60))


def test_chinese_texts_are_no_sources_of_a_calibration(
    shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [chinese(n) for n in range(40)]
    names = ["s1"] * 3 + texts[3:]
    pq.write_table(pa.table({"text": texts, "from": names}), shards / "a.parquet")
    command = ("style", "calibrate", str(shards / "a.parquet"), "--origin", "made up")
    more = ("--source-column", "from", "--out", str(shards / "c.npz"))
    assert code_of(*command, *more) == 2
    said = capsys.readouterr().err
    assert "a.parquet, row 3: column 'from' does not name sources" in said
    assert not any(text[:9] in said for text in texts)


def test_texts_are_no_languages(shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_on(shards, "--language-column", "text") == 2
    said = capsys.readouterr().err
    for side in ("human", "llm"):
        assert f"{side}.parquet (--{side}): column 'text' has no language code in 120 rows" in said
    assert "no language can be trained; (no language code): 240 rows; rows read: " in said
    assert "no_language_code 240" in said
    assert nothing_of([*HUMAN, *LLM], said)


def test_some_rows_without_a_code_are_counted(
    shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = [human_text(n) for n in range(500, 504)]
    write(shards / "odd.parquet", odd, ["s1"] * 4, "as far as one can tell English")
    more = ("--human", str(shards / "odd.parquet"), "--language-column", "lang", "--quiet")
    assert train_on(shards, *more) == 0
    said = capsys.readouterr().err
    assert "odd.parquet (--human): column 'lang' has no language code in 4 rows, which are" in said
    assert "as far" not in said
    assert "no_language_code 4" in (shards / "style.npz.md").read_text()


def test_with_one_language_for_all_the_column_does_not_matter(shards: Path) -> None:
    given = ("--language-column", "text", "--language", "en", "--quiet")
    assert train_on(shards, *given) == 0


def test_shards_without_codes_are_a_few_and_a_number(
    shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shards / "odd").mkdir()
    for number in range(9):
        write(shards / "odd" / f"p{number}.parquet", [human_text(600 + number)], ["s1"], "?")
    more = ("--human", str(shards / "odd" / "*.parquet"), "--language-column", "lang")
    assert train_on(shards, *more) == 0
    said = capsys.readouterr().err
    assert said.count("has no language code in 1 rows") == 5
    assert "... and 4 more shards with languages that are no codes" in said


def test_languages_and_sources_in_messages_are_a_few_and_a_number(
    shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes = [first + second for first in "qx" for second in "abcdefghijklmnopq"]
    columns = {"text": [human_text(n) for n in range(34)], "lang": codes, "source": codes}
    pq.write_table(pa.table(columns), shards / "human.parquet")
    assert train_on(shards, "--language-column", "lang") == 2
    said = capsys.readouterr().err
    assert "; and qe, qf, " in said
    assert " and 10 more; rows read: " in said
    assert train_on(shards, "--language", "en", "--relatives", ",".join("abcdefgh")) == 2
    said = capsys.readouterr().err
    assert "no row has: a, b, c, d, e and 3 more; sources: qa, qb, qc, qd, qe and 33 more" in said
