"""Scrubs and ordinary edits of real rows: which of them does ``scrubtrace diff`` report?

    python benchmarks/desensitization.py DATA [--pairs FILE] [--rows 2000] [--part held_out]

DATA holds labelled Parquet files (text, label, lang, attack, pair_id). A scrub is a row with
wording of an assistant, a name or a placeholder put in or taken out; an ordinary edit is what
editors and pipelines do. Wording and sources are split: ``tune`` and ``second`` were looked at
while the rules were written, no rule is fitted to ``held_out``; the last two use other sources than
``tune``. FILE has pairs of texts and paraphrases (original, rewritten). Texts are never printed.
"""

import argparse
import random
import tomllib
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from constructed_edits import ORDINARY, SCRUBS, Row

from scrubtrace.detectors.edits.compare import EditJudge, Examined
from scrubtrace.diff.recurring import LEAST_ROWS
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


def sampled(folder: Path, part: str, count: int, rng: random.Random) -> list[Row]:
    """About so many rows, evenly from the languages, within one evenly from its sources."""
    by_language: dict[str, dict[str, list[Row]]] = defaultdict(dict)
    for path in sorted(folder.glob("*.parquet")):
        if (path.stem in HELD_OUT) == (part != "tune"):
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

    def table(self, title: str) -> None:
        """Prints shares and counts, by kind of edit and language, and in all."""
        print(title)
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
    parser.add_argument("--part", choices=["tune", "second", "held_out"], default="held_out")
    given = parser.parse_args()
    rng = random.Random(20231215)
    wording = tomllib.loads(WORDING.read_text(encoding="utf-8"))[given.part]
    judge = EditJudge()
    rows = sampled(given.data, given.part, given.rows, rng)
    examined: list[Case] = []
    for number, row in enumerate(rows):
        name, (edit, kinds) = list(SCRUBS.items())[number % len(SCRUBS)]
        is_hant = row.language == "zh" and rng.random() < 0.3
        spoken = TRADITIONAL if is_hant else row.language
        if made := edit(row, wording[spoken], rng):
            examined.append(Case(name, spoken, kinds, judge.examine(*made, row.language)))
        for step in (0, 5):
            name, change = list(ORDINARY.items())[(number + step) % len(ORDINARY)]
            if made := change(row, {}, rng):
                examined.append(Case(name, row.language, None, judge.examine(*made, row.language)))
    counts = Counter(key for case in examined for key in case.keys)
    recurring = {key for key, count in counts.items() if count >= LEAST_ROWS}
    print(f"{given.part}: each row by itself")
    print_scores(examined, set())
    print(f"\n{given.part}: as in one data set, with sentences that {LEAST_ROWS} rows lose")
    print_scores(examined, recurring)
    if given.pairs:
        print_paraphrases(given.pairs, judge)


@dataclass(frozen=True)
class Case:
    """One edit and what was found; ``kinds`` are those that a scrub is to be reported with."""

    edit: str
    language: str
    kinds: frozenset[EditKind] | None
    found: Examined

    @property
    def keys(self) -> set[int]:
        """Keys of the sentences that were cut and no rule knows."""
        return {key for _, key in self.found.if_recurring}


def print_scores(cases: list[Case], recurring: set[int]) -> None:
    """Prints recall of scrubs, and which ordinary edits are reported."""
    scrubs, ordinary, disclosed = Score(), Score(), Counter[str]()
    for case in cases:
        signals = {(change.kind, change.signal) for change in case.found.changes}
        again = [c for c, key in case.found.if_recurring if key in recurring]
        signals |= {(change.kind, change.signal) for change in again}
        if case.kinds is not None:
            kinds = {kind for kind, _ in signals}
            scrubs.add(case.edit, case.language, case.kinds <= kinds)
        else:
            ordinary.add(case.edit, case.language, bool(signals))
            ordinary.why.update(f"{case.edit}: {signal}" for _, signal in signals)
            disclosed[case.language] += any(is_disclosure(signal) for _, signal in signals)
    scrubs.table("scrubs, reported with their kinds")
    ordinary.table("ordinary edits, reported at all")
    reports, edits = ordinary.reported.total(), ordinary.rows.total()
    print(f"upper bound of false reports, 95%: {upper_bound(reports, edits):.2%}")
    print(f"reported for a disclosure or refusal that the row had: {dict(disclosed)}")
    print("  " + "; ".join(f"{why} {count}" for why, count in ordinary.why.most_common(8)))


def is_disclosure(signal: str) -> bool:
    """Whether a signal is one of what an assistant says of itself: such a row was no person's."""
    return signal.split(".")[1] in ("self_disclosure", "identity_residue", "refusal")


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
