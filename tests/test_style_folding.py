"""Folding for the style lane: each step by cases, and the plain definition as a property."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrubtrace.detectors.invisible import DEFAULT_IGNORABLE
from scrubtrace.detectors.style.folding import FOLDED_CHARS, LEAST_CUT, READ_CHARS, READ_MORE, fold

CASES = [
    ("", ""),
    (" \n\t ", ""),
    ("It’s “fine” — really…", 'It\'s "fine" - really...'),
    ("zero\u200bwidth soft\u00adhyphen", "zerowidth softhyphen"),
    ("ta\U000e0067gged fi\u3164ller vari\U000e0100ant \u180bfree", "tagged filler variant free"),
    ("ﬁne ＡＢＣ １２", "fine ABC 12"),
    ("a **bold** and *slanted* `code` and __strong__", "a bold and slanted code and strong"),
    ("# Heading\n\ntext # no heading", "Heading text # no heading"),
    ("- one\n- two\n* three\n+ four\n• five", "one two three four five"),
    ("> quoted\n>> twice\na > b", "quoted twice a > b"),
    ("well-known - as is", "well-known - as is"),
    ("1. first\r\n2. second", "1. first 2. second"),
    ("#tag stays", "#tag stays"),
    ("Hello , world ! ( yes ) [ no ] 5 % .", "Hello, world! (yes) [no] 5%."),
    ("it 's I 've they 're do n't she 'd we 'll I 'm", "it's I've they're don't she'd we'll I'm"),
    ("he said 'so 'tis 'strange", "he said 'so 'tis 'strange"),
    ("中文 分 词 ， 好 。", "中文分词,好。"),
    ("日本 の カ タ カナ", "日本のカタカナ"),
    ("中文 and English 文", "中文 and English 文"),
    ("e\u200b\u0301", "é"),
    ("e`\u0301", "é"),
    ("a\0b", "a b"),
    ("-", ""),
    ("snake_case and _one_", "snake_case and _one_"),
]

PIECES = st.sampled_from(
    [*" \n\t\r\0-#>+*`_,.;:!?)(][%'\"sdn1aZ", "’", "“", "—", "…", "\u00a0", "，", "。", "中", "の",
     "カ", "\u3099", "\u0301", "é", "´", "＊", "｀", "＞", "\u200b", "\u00ad", "\u3164", "İ", "½",
     "ﷺ", "•",
     "😀", "\ud800", " n't", " 's", "\n- ", "\n# ", "中 文", "word "]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=25).map("".join))


def plain_fold(text: str, read: int = READ_CHARS) -> str:
    """The definition, one text and one step at a time."""
    folded = plain_steps(text[:read])
    is_enough = read >= len(text) or len(folded) >= LEAST_CUT
    return folded if is_enough else plain_fold(text, READ_MORE * read)


def is_ignorable(char: str) -> bool:
    of_notation = 0x1BCA0 <= ord(char) <= 0x1D17A
    return not of_notation and any(low <= ord(char) <= high for low, high in DEFAULT_IGNORABLE)


def plain_steps(text: str) -> str:
    text = text.replace("\0", " ")
    text = "".join(char for char in text if not is_ignorable(char))
    text = unicodedata.normalize("NFKC", text.replace("´", "'"))
    text = re.sub("[‘’‚‛′ʼ‵]", "'", text)
    text = re.sub("[“”„‟″«»‶]", '"', text)
    text = re.sub("[‐‒–—―−⸺⸻]", "-", text)
    text = text.replace("*", "").replace("`", "").replace("__", "")
    lines = ("\n" + text).split("\n")
    lines = [re.sub(r"^(([-+•◦▪‣●]|#{1,6})(\s+|$)|>\s*)*", "", line.strip()) for line in lines]
    text = " ".join(" ".join(lines).split())
    text = re.sub(r" (?=[,.;:!?)\]%])", "", text)
    text = re.sub(r"(?<=[(\[]) ", "", text)
    text = re.sub(r" (?='(s|d|m|re|ve|ll|S|D|M|RE|VE|LL)\b)", "", text)
    text = re.sub(r" (?=n't\b)", "", text)
    cjk = r"[\u3001-\u3029\u3030-\u3098\u309b-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    cjk += "\U00020000-\U0003ffff]"
    text = re.sub(f"(?<={cjk[:-1]},;:!?)]) (?={cjk})", "", text)
    if not unicodedata.is_normalized("NFKC", text):
        return plain_steps(text)
    if len(text) > FOLDED_CHARS and text[FOLDED_CHARS] != " ":
        words, _, part = text[:FOLDED_CHARS].rpartition(" ")
        return words if words and len(part) <= 40 else text[:FOLDED_CHARS]
    return text[:FOLDED_CHARS].rstrip()


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_steps(text: str, expected: str) -> None:
    assert fold([text]) == [expected]


@given(st.lists(TEXTS, max_size=6))
@settings(max_examples=300, deadline=None)
def test_a_batch_equals_the_plain_definition(texts: list[str]) -> None:
    assert fold(texts) == [plain_fold(text) for text in texts]


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_folding_a_folded_text_changes_nothing(text: str) -> None:
    once = fold([text])
    assert fold(once) == once


@pytest.mark.parametrize(
    "text",
    ["word " * 5_000, "词" * 50_000, "x" * 100_000, "\n" * 1_000_000, "- " * 500_000,
     "it 's " * 4_000, "\n-\n>" * 100_000, "é" * 3_001, "don 't " * 600],
    ids=range(9),
)  # fmt: skip
def test_long_texts_are_cut_at_a_word(text: str) -> None:
    folded = fold([text])
    assert folded == [plain_fold(text)]
    assert len(folded[0]) <= FOLDED_CHARS
    assert fold(folded) == folded


@pytest.mark.parametrize("nothing", [" ", "\n", "\u200b", "*", "\0", "\n- "])
def test_what_folds_away_hides_nothing_behind_it(nothing: str) -> None:
    text = "She rowed across the lake before the wind came up. " * 9
    for times in (READ_CHARS, 20 * READ_CHARS):
        assert fold([nothing * times + text]) == fold([text])
        assert fold(["So: " + nothing * times + text])[0].endswith("before the wind came up.")
