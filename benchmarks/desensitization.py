"""Scrubs and ordinary edits of real rows: which of them does ``scrubtrace diff`` report?

    python benchmarks/desensitization.py DATA [--pairs FILE] [--rows 2000] [--part held_out]

DATA holds labelled Parquet files (text, label, lang, attack, pair_id). A scrub is a row with
wording of an assistant, a name or a placeholder put in or taken out; an ordinary edit is what
editors and pipelines do. Wording and sources are split: ``tune`` was looked at while the rules were
written, ``held_out`` has other wording on rows of other sources. FILE has pairs of texts and
paraphrases (original, rewritten). Texts are never printed.
"""

import argparse
import random
import re
import tomllib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from scrubtrace.detectors.edits.compare import EditJudge
from scrubtrace.schemas.edits import EditKind
from scrubtrace.stats.intervals import upper_bound

HELD_OUT = frozenset(
    {"agt2025", "hc3plus", "hc3_zh", "cudrt_zh", "huatuo", "moss", "takeda_ja", "rhr_ja"}
    | {"rakuda_ja", "gnad_de", "dayjay_de", "nusax_id", "indonlu_id", "esai_id_dev", "l2r"}
    | {"oasst_small", "lamp_creative", "outfox", "autext_en", "so_chatgpt", "seqxgpt"}
)
"""Sources that rules were not tuned on; related ones are on one side."""

WORDING = Path(__file__).with_suffix(".toml")
LANGUAGES = ("en", "zh", "zh-Hant", "ja", "de", "id")
TRADITIONAL = "zh-Hant"
"""Wording in traditional characters is put into the Chinese rows, most of which are simplified."""

LEAST_CHARS, MOST_CHARS = 80, 6000
SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
WORD = re.compile(r"[^\W\d_]{4,}")
EAST_ASIAN = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]{2,}")

Words = dict[str, list[str]]


@dataclass(frozen=True)
class Row:
    """A row to edit, another row of its source, and another answer to its prompt, if any."""

    text: str
    language: str
    other: str
    answer: str | None


Edit = Callable[[Row, Words, random.Random], tuple[str, str] | None]


def sentences(text: str) -> list[str]:
    """The sentences of a text with what is between them."""
    ends = [0, *(found.end() for found in SENTENCE.finditer(text)), len(text)]
    return [text[a:b] for a, b in pairwise(ends) if a < b]


def with_sentence(text: str, sentence: str, rng: random.Random) -> str:
    """The text with a sentence more, between two of its own."""
    parts = sentences(text)
    return joined([*parts[: (at := rng.randint(0, len(parts)))], sentence + " ", *parts[at:]])


def joined(parts: list[str]) -> str:
    """Sentences as one text, never without white space or a full stop between two."""
    text = ""
    for part in parts:
        needs_space = text and text[-1].isascii() and not text[-1].isspace()
        text += (" " if needs_space else "") + part
    return text.strip()


def name_removed(row: Row, words: Words, rng: random.Random) -> tuple[str, str]:
    """A name swapped, or taken out."""
    template = with_sentence(row.text, rng.choice(words["sentences"]), rng)
    name, replacement = rng.choice(words["names"]), rng.choice(words["replacements"])
    return template.replace("{n}", name), template.replace("{n}", replacement)


def around(where: str) -> Edit:
    """An opener, closer or caveat cut."""

    def edit(row: Row, words: Words, rng: random.Random) -> tuple[str, str]:
        said, text = rng.choice(words[where]), row.text.strip()
        gap = rng.choice([" ", "\n\n"])
        at_start = where == "openers" or (where == "caveats" and rng.random() < 0.5)
        return (said + gap + text if at_start else text + gap + said), text

    return edit


def placeholder(row: Row, words: Words, rng: random.Random) -> tuple[str, str] | None:
    """One or two words replaced by a placeholder."""
    found = list((EAST_ASIAN if row.language in ("zh", "ja") else WORD).finditer(row.text))
    if not found:
        return None
    start, end = rng.choice(found).span()
    end = min(end, start + 3) if row.language in ("zh", "ja") else end
    return row.text, row.text[:start] + rng.choice(words["placeholders"]) + row.text[end:]


def hidden(row: Row, words: Words, rng: random.Random) -> tuple[str, str] | None:
    """Zero-width characters inside words, or look-alikes in place of some letters."""
    zero, text = rng.choice("\u200b\u200c\u2060\ufeff"), row.text
    if rng.random() < 0.5 and len(re.findall("[a-zA-Z][aeo]", text)) > 20:
        table = str.maketrans("aeo", "\u0430\u0435\u043e")
        return text, "".join(c.translate(table) if rng.random() < 0.2 else c for c in text)
    pairs = [n for n in range(1, len(text)) if text[n - 1].isalpha() and text[n].isalpha()]
    if len(pairs) < 10:
        return None
    places = set(rng.sample(pairs, max(3, len(pairs) // 50)))
    return text, "".join(zero + c if n in places else c for n, c in enumerate(text))


def combined(row: Row, words: Words, rng: random.Random) -> tuple[str, str]:
    """An opener and a closer cut, a name swapped."""
    old, new = name_removed(row, words, rng)
    opener, closer = rng.choice(words["openers"]), rng.choice(words["closers"])
    return f"{opener}\n\n{old}\n\n{closer}", new


SCRUBS: dict[str, tuple[Edit, frozenset[EditKind]]] = {
    "name removed": (name_removed, frozenset({EditKind.NAME_REMOVED})),
    "opener cut": (around("openers"), frozenset({EditKind.BOILERPLATE_CUT})),
    "closer cut": (around("closers"), frozenset({EditKind.BOILERPLATE_CUT})),
    "caveat cut": (around("caveats"), frozenset({EditKind.BOILERPLATE_CUT})),
    "placeholder": (placeholder, frozenset({EditKind.PLACEHOLDER_PUT_IN})),
    "hidden": (hidden, frozenset({EditKind.CHARACTERS_HIDDEN})),
    "combined": (combined, frozenset({EditKind.NAME_REMOVED, EditKind.BOILERPLATE_CUT})),
}


def typos(row: Row, _: Words, rng: random.Random) -> tuple[str, str]:
    """Letters swapped, dropped and doubled; which version has them is left to chance."""
    chars = list(row.text)
    for at in sorted(rng.sample(range(len(chars) - 1), max(1, len(chars) // 80)), reverse=True):
        if chars[at].isalpha():
            swapped = chars[at + 1] + chars[at]
            chars[at : at + 2] = rng.choice([swapped, chars[at] * 2 + chars[at + 1], chars[at + 1]])
    return pair_of(row.text, "".join(chars), rng)


def pair_of(a: str, b: str, rng: random.Random) -> tuple[str, str]:
    """Two versions, either of which is the older."""
    return (a, b) if rng.random() < 0.5 else (b, a)


def formatting(row: Row, _: Words, rng: random.Random) -> tuple[str, str]:
    """Markdown put in or stripped, white space and Unicode normalised."""
    marked = WORD.sub(lambda m: f"**{m[0]}**" if rng.random() < 0.1 else m[0], row.text)
    parts = [rng.choice(["- ", "## ", "", ""]) + part for part in sentences(marked)]
    styled = "\n".join(parts).replace('"', "\u201d").replace(" - ", " \u2013 ")
    return pair_of(unicodedata.normalize("NFKC", row.text), styled, rng)


def casing(row: Row, _: Words, rng: random.Random) -> tuple[str, str]:
    """Upper or lower case throughout."""
    return row.text, rng.choice([row.text.upper(), row.text.lower(), row.text.title()])


def spelling(row: Row, _: Words, rng: random.Random) -> tuple[str, str]:
    """British or American spelling, eszett or ss, long vowels."""
    other = row.text
    for a, b in (("or ", "our "), ("ize", "ise"), ("er ", "re "), ("\u00df", "ss"), ("ll", "l")):
        other = other.replace(a, b)
    return pair_of(row.text, other, rng)


def sentence_out(row: Row, _: Words, rng: random.Random) -> tuple[str, str] | None:
    """A sentence removed or added."""
    parts = sentences(row.text)
    if len(parts) < 3:
        return None
    at = rng.randrange(len(parts))
    return pair_of(row.text, joined(parts[:at] + parts[at + 1 :]), rng)


def paragraph_in(row: Row, _: Words, rng: random.Random) -> tuple[str, str]:
    """Sentences of another row added."""
    more = joined(sentences(row.other)[:4])
    return row.text, rng.choice([f"{row.text}\n\n{more}", f"{more}\n\n{row.text}"])


def truncated(row: Row, _: Words, rng: random.Random) -> tuple[str, str]:
    """The end cut off."""
    return row.text, row.text[: int(len(row.text) * rng.uniform(0.3, 0.95))]


def numbers(row: Row, _: Words, rng: random.Random) -> tuple[str, str] | None:
    """Numbers and dates updated."""
    changed = re.sub(r"\d+", lambda m: str(int(m[0][:9]) + rng.randint(1, 9)), row.text)
    return (row.text, changed) if changed != row.text else None


def another_answer(row: Row, _: Words, rng: random.Random) -> tuple[str, str] | None:
    """Another answer to the same prompt."""
    return (row.text, row.answer) if row.answer else None


def another_text(row: Row, _: Words, rng: random.Random) -> tuple[str, str]:
    """Another text of the same source."""
    return row.text, row.other


def word_swapped(row: Row, _: Words, rng: random.Random) -> tuple[str, str] | None:
    """A few words exchanged for words of another text."""
    pattern = EAST_ASIAN if row.language in ("zh", "ja") else WORD
    found, others = list(pattern.finditer(row.text)), pattern.findall(row.other)
    if len(found) < 5 or not others:
        return None
    chosen = {m.start() for m in rng.sample(found, min(3, len(found) // 4))}

    def swap(match: re.Match[str]) -> str:
        return rng.choice(others) if match.start() in chosen else match[0]

    return row.text, pattern.sub(swap, row.text)


ORDINARY: dict[str, Edit] = {
    "typos": typos,
    "formatting": formatting,
    "casing": casing,
    "spelling": spelling,
    "sentence": sentence_out,
    "paragraph": paragraph_in,
    "truncation": truncated,
    "numbers": numbers,
    "other answer": another_answer,
    "other text": another_text,
    "words": word_swapped,
}


def sampled(folder: Path, part: str, count: int, rng: random.Random) -> list[Row]:
    """About so many rows, evenly from the languages, within one evenly from its sources."""
    by_language: dict[str, dict[str, list[Row]]] = defaultdict(dict)
    for path in sorted(folder.glob("*.parquet")):
        if (path.stem in HELD_OUT) == (part == "held_out"):
            for language, rows in source_rows(path, rng).items():
                by_language[language][path.stem] = rows
    chosen = []
    for language in ("en", "zh", "ja", "de", "id"):
        share, queues = count // 5, list(by_language[language].values())
        order = [row for rows in zip(*_cycled(queues, share), strict=True) for row in rows]
        chosen += order[:share]
    return chosen


def _cycled(queues: list[list[Row]], share: int) -> list[list[Row]]:
    """Each list as long as the share, from the beginning again where it is too short."""
    return [(rows * (share // len(rows) + 1))[:share] for rows in queues if rows]


def source_rows(path: Path, rng: random.Random) -> dict[str, list[Row]]:
    """The rows of a source by language, in random order."""
    columns = ["text", "lang", "attack", "pair_id"]
    by_language: dict[str, list[dict[str, Any]]] = defaultdict(list)
    answers: dict[str, list[str]] = defaultdict(list)
    for row in pq.read_table(path, columns=columns).to_pylist():
        text = (row["text"] or "").strip()
        least = LEAST_CHARS // 2 if row["lang"] in ("zh", "ja") else LEAST_CHARS
        if least <= len(text) <= MOST_CHARS:
            by_language[row["lang"]].append(row | {"text": text})
            if row["pair_id"] and (row["attack"] or "none") == "none":
                answers[row["pair_id"]].append(text)
    found = {}
    for language, rows in by_language.items():
        rng.shuffle(rows)
        others = [row["text"] for row in rows[1:] + rows[:1]]
        found[language] = [
            Row(row["text"], language, other, _answer(row, answers))
            for row, other in zip(rows[:2000], others, strict=False)
        ]
    return found


def _answer(row: dict[str, Any], answers: dict[str, list[str]]) -> str | None:
    """Another answer than the row's own; paraphrases of the row are none."""
    if (row["attack"] or "none") != "none":
        return None
    return next((t for t in answers.get(row["pair_id"] or "", ()) if t != row["text"]), None)


class Score:
    """Rows and reports by kind of edit and language."""

    def __init__(self) -> None:
        self.rows: Counter[tuple[str, str]] = Counter()
        self.reported: Counter[tuple[str, str]] = Counter()
        self.why: Counter[str] = Counter()

    def add(self, edit: str, language: str, reported: bool) -> None:
        """One row."""
        self.rows[edit, language] += 1
        self.reported[edit, language] += reported

    def table(self) -> None:
        """Prints shares and counts, by kind of edit and language, and in all."""
        languages = sorted({language for _, language in self.rows})
        print(f"{'':16}{'all':>18}" + "".join(f"{language:>16}" for language in languages))
        for edit in [*dict.fromkeys(edit for edit, _ in self.rows), "all"]:
            cells = [self._cell(edit, language) for language in ("all", *languages)]
            print(f"{edit:16}{cells[0]:>18}" + "".join(f"{cell:>16}" for cell in cells[1:]))

    def _cell(self, edit: str, language: str) -> str:
        keys = [k for k in self.rows if edit in (k[0], "all") and language in (k[1], "all")]
        rows, hits = sum(self.rows[k] for k in keys), sum(self.reported[k] for k in keys)
        return f"{hits / rows:.1%} {hits}/{rows}" if rows else "-"


def main() -> None:
    """Prints recall of scrubs and the share of ordinary edits that are reported."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--part", choices=["tune", "held_out"], default="held_out")
    given = parser.parse_args()
    rng = random.Random(20231215)
    wording = tomllib.loads(WORDING.read_text(encoding="utf-8"))[given.part]
    judge = EditJudge()
    rows = sampled(given.data, given.part, given.rows, rng)
    scrubs, ordinary = Score(), Score()
    for number, row in enumerate(rows):
        name, (edit, kinds) = list(SCRUBS.items())[number % len(SCRUBS)]
        is_hant = row.language == "zh" and rng.random() < 0.3
        if made := edit(row, wording[TRADITIONAL if is_hant else row.language], rng):
            found = {change.kind for change in judge.changes(*made, row.language)}
            scrubs.add(name, TRADITIONAL if is_hant else row.language, kinds <= found)
    for number, row in enumerate(rows):
        for step in (0, 5):
            name, change = list(ORDINARY.items())[(number + step) % len(ORDINARY)]
            if made := change(row, {}, rng):
                changes = judge.changes(*made, row.language)
                ordinary.add(name, row.language, bool(changes))
                ordinary.why.update(f"{name}: {c.signal}" for c in changes)
    print(f"scrubs of {given.part} rows and wording, reported with their kinds")
    scrubs.table()
    print("\nordinary edits, reported at all")
    ordinary.table()
    reports, edits = ordinary.reported.total(), ordinary.rows.total()
    print(f"upper bound of false reports, 95%: {upper_bound(reports, edits):.2%}")
    print("  " + "; ".join(f"{why} {count}" for why, count in ordinary.why.most_common(12)))
    if given.pairs:
        print_paraphrases(given.pairs, judge)


def print_paraphrases(path: Path, judge: EditJudge) -> None:
    """Prints the share of paraphrases that are reported as such; no part was kept apart."""
    pairs = pq.read_table(path, columns=["original", "rewritten", "lang"]).to_pylist()
    hits = sum(
        EditKind.PARAPHRASED
        in {c.kind for c in judge.changes(pair["original"], pair["rewritten"], pair["lang"])}
        for pair in pairs
    )
    print(
        f"\nparaphrase pairs reported as paraphrased: {hits / len(pairs):.1%} {hits}/{len(pairs)}"
    )


if __name__ == "__main__":
    main()
