"""Recall and false matches of the match lane: ``python benchmarks/reference_lane.py DATA``.

DATA is a folder with ``dev/*.parquet`` and ``pairs/dev_pairs.parquet`` of labelled texts. One half
of the trusted human rows sets the thresholds, the other measures them. Sources with model output in
the index give no trusted rows, and the other way round, except essays on the same prompts: those
are the hard ones. Printed are percent of texts that match at the 1% and at the strict threshold.

Attacks: ``dipper`` are paraphrases by DIPPER; ``scrub`` is lower case, names and numbers replaced
by tags, sentences shuffled and 30% dropped, all at once; ``excerpt`` is 60 words inside a human
text; ``other model`` are essays by other models on the same prompts, which do not come from the
index and should not match. With rensa installed, MinHash with the parameters of datatrove (words
5-grams, 14 bands of 8) is measured on the same texts.
"""

import argparse
import random
import re
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from opencc import OpenCC

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.reference.building import (
    Reference,
    SegmentWriter,
    extended,
    finish,
    new_manifest,
)
from scrubtrace.detectors.reference.index import ReferenceIndex
from scrubtrace.detectors.reference.matching import Matcher
from scrubtrace.detectors.reference.shingles import analyse
from scrubtrace.detectors.reference.trusted import Trusted, write_background
from scrubtrace.schemas.references import Manifest, Stratum

TRUSTED = (
    "outfox", "detectrl_news_reviews", "ewt_en", "grid_reddit", "dnagpt_human", "nlg_rewrite",
    "abstract_lv", "saf", "wiki_intro_d1", "dolly_small", "essays_lusheeta", "wiki_gpt51",
)  # fmt: skip
"""Sources of trusted English rows. Left out: rows that hold pasted or rewritten model output."""

NEWS = "news_xsum"
"""Domain whose human rows are left out: the index holds rewrites of the same news."""

MODELS = ("chatgpt", "text_davinci_003", "flan_t5_xxl")
CHINESE_SOURCES = ("cudrt_zh", "cs_reports_zh", "ud_gsd", "hc3plus")
LEAST_CHARS = 250
LEAST_DISTRACTOR_CHARS = 120
BATCH = 512
Texts = list[str]


def rows(path: Path, least: int = LEAST_CHARS, **wanted: str) -> list[dict[str, str]]:
    """Rows of a file whose columns have these values, of at least so many characters."""
    found = pq.read_table(path).to_pylist()
    return [
        row
        for row in found
        if len(row["text"]) >= least and all(row[n] == v for n, v in wanted.items())
    ]


def trusted_texts(folder: Path, rng: random.Random, most: int, without: str = "") -> Texts:
    """Human texts, at most so many of a source, shuffled."""
    texts: Texts = []
    for name in (name for name in TRUSTED if name != without):
        found = rows(folder / f"{name}.parquet", label="human", lang="en", attack="none")
        chosen = [row["text"] for row in found if row["domain"] != NEWS]
        rng.shuffle(chosen)
        texts += chosen[:most]
    rng.shuffle(texts)
    return texts


def distractors(folder: Path, rng: random.Random) -> Texts:
    """Model output of sources that give no trusted rows."""
    texts: set[str] = set()
    for path in sorted(folder.glob("*.parquet")):
        if path.stem not in TRUSTED:
            found = rows(path, LEAST_DISTRACTOR_CHARS, label="llm", lang="en", attack="none")
            texts |= {row["text"] for row in found}
    ordered = sorted(texts)
    rng.shuffle(ordered)
    return ordered


def scrubbed(text: str) -> str:
    """All mechanical scrubs at once."""
    rng = random.Random(len(text))
    sentences = re.findall(r"[^.!?]+[.!?]*\s*", text)
    rng.shuffle(sentences)
    text = " ".join(sentences[: max(1, int(0.7 * len(sentences)))])
    text = re.sub(r"\b[A-Z][a-z]+\b", "[NAME]", text)
    text = re.sub(r"\d+", "[NUMBER]", text)
    return re.sub(r"[,';:]", "", text).lower()


def excerpts(texts: Texts, hosts: Texts) -> Texts:
    """60 words of each text in the middle of a longer human text."""
    rng = random.Random(4)
    made = []
    for number, text in enumerate(texts):
        words, host = text.split(), hosts[number % len(hosts)].split()
        first = rng.randrange(max(1, len(words) - 60))
        middle = len(host) // 2
        made.append(" ".join([*host[:middle], *words[first : first + 60], *host[middle:]]))
    return made


def build(path: Path, references: Texts, trusted: Texts, language: str, scale: int) -> Stratum:
    """An index of the references, calibrated on the trusted texts; its thresholds."""
    own = (Reference(str(number), "completion", text) for number, text in enumerate(references))
    rows = (Trusted(text, language, "") for text in trusted)
    return index_of(path, own, rows, scale).strata[0]


def index_of(
    path: Path, references: Iterable[Reference], trusted: Iterable[Trusted], scale: int
) -> Manifest:
    """An index with its calibration."""
    writer = SegmentWriter(path, scale)
    writer.add(references)
    background = write_background(path, trusted, Counter())
    manifest = extended(new_manifest("measuring", scale), writer)
    return finish(path, replace(manifest, background=background))


def scores(
    matcher: Matcher, texts: Sequence[str], tasks: Sequence[str | None] = ()
) -> "np.typing.NDArray[np.float64]":
    """Score of the best match of each text, 0 without one."""
    found = np.zeros(len(texts))
    for first in range(0, len(texts), BATCH):
        batch = analyse(TextBatch(list(texts[first : first + BATCH])))
        for match in matcher.matches(batch.shingles, tasks[first : first + BATCH]):
            found[first + match.row] = match.score
    return found


def percent(found: "np.typing.NDArray[np.float64]", threshold: float | None) -> str:
    """Share of scores above a threshold."""
    return "  -  " if threshold is None else f"{100 * (found > threshold).mean():5.1f}"


def measure(
    references: Texts, trusted: Texts, queries: dict[str, Texts], language: str, scale: int
) -> None:
    """Prints one table: a line for each set of texts, and for the trusted rows held out."""
    half = len(trusted) // 2
    with tempfile.TemporaryDirectory() as folder:
        stratum = build(Path(folder), references, trusted[:half], language, scale)
        matcher = Matcher(ReferenceIndex(folder))
        bound = "none" if stratum.strict_bound is None else f"{stratum.strict_bound:.3%}"
        print(
            f"{len(references):,} references, scale {scale}; thresholds from {half:,} trusted rows:"
            f" 1% {stratum.loose:.2f}, strict {stratum.strict} (at most {bound})"
        )
        for name, texts in {**queries, "trusted rows held out": trusted[half:]}.items():
            begun = time.process_time()
            found = scores(matcher, texts)
            speed = len(texts) / max(time.process_time() - begun, 1e-9)
            print(
                f"  {name:32} n {len(texts):6,}  1%: {percent(found, stratum.loose)}  "
                f"strict: {percent(found, stratum.strict)}  {speed:6,.0f} texts/CPU-s",
                flush=True,
            )


def english(data: Path, sizes: Sequence[int], scale: int) -> None:
    """Essays and their paraphrases, for each model, among distractors."""
    rng = random.Random(0)
    pairs = pq.read_table(data / "pairs" / "dev_pairs.parquet").to_pylist()
    trusted = trusted_texts(data / "dev", rng, 1_000)
    others = distractors(data / "dev", rng)
    hosts = [text for text in trusted[len(trusted) // 2 :] if len(text.split()) > 200]
    for size in sizes:
        for model in MODELS if size == min(sizes) else MODELS[:1]:
            own = [pair for pair in pairs if pair["gen_original"] == model]
            originals = [pair["original"] for pair in own]
            queries = {
                f"{model}: dipper": [pair["rewritten"] for pair in own],
                f"{model}: scrub": [scrubbed(text) for text in originals],
                f"{model}: excerpt": excerpts(originals, hosts),
            } | {
                f"other model: {other}": [
                    pair["original"] for pair in pairs if pair["gen_original"] == other
                ]
                for other in MODELS
                if other != model
            }
            references = [*originals, *others[: size - len(originals)]]
            measure(references, trusted, queries, "en", scale)
            if size == min(sizes) and model == MODELS[0]:
                with_minhash(references, trusted, queries)


def news_and_reviews(data: Path, scale: int) -> None:
    """Attacks of DetectRL; not every attacked text has its original in the data."""
    path = data / "dev" / "detectrl_news_reviews.parquet"
    found = rows(path, label="llm")
    originals = [row["text"] for row in found if row["attack"] == "none"]
    attacks = sorted({row["attack"] for row in found} - {"none"})
    queries = {a: [row["text"] for row in found if row["attack"] == a] for a in attacks}
    trusted = trusted_texts(data / "dev", random.Random(0), 1_000, path.stem)
    print("\nDetectRL; many attacked texts have no original here, so this is less than the recall")
    measure(originals, trusted, queries, "en", scale)


def chinese_human(data: Path, *sources: str) -> Texts:
    """Human texts in Chinese."""
    return [
        row["text"]
        for name in sources
        for row in pq.read_table(data / "dev" / f"{name}.parquet").to_pylist()
        if row["label"] == "human" and row["lang"] == "zh" and len(row["text"]) >= 20
    ]


def clauses(text: str) -> str:
    """Seven of ten clauses in another order."""
    parts = [part for part in re.split("[，。；]", text) if part]
    return "，".join(random.Random(len(text)).sample(parts, max(1, int(0.7 * len(parts)))))


def chinese(data: Path, scale: int) -> None:
    """Chinese answers: clauses dropped and reordered, masked; and rewritten sentences."""
    rng = random.Random(0)
    answers = [
        row["text"]
        for row in pq.read_table(data / "dev" / "hc3_zh.parquet").to_pylist()
        if row["label"] == "llm" and len(row["text"]) >= 100
    ]
    rng.shuffle(answers)
    human = chinese_human(data, "hc3_zh", *CHINESE_SOURCES)
    rng.shuffle(human)

    own = answers[:500]
    queries = {
        "clauses shuffled, 30% dropped": [clauses(text) for text in own],
        "digits and every 20th character": [
            re.sub(
                r"\d+",
                "[数字]",
                "".join("【姓名】" if n % 20 == 19 else c for n, c in enumerate(t)),
            )
            for t in own
        ],
        "in traditional characters": [OpenCC("s2twp").convert(text) for text in own],
        "other answers of the model": answers[1_000:1_500],
    }
    print("\nChinese")
    measure(answers[:1_000], human, queries, "zh", scale)


def chinese_tasks(data: Path, scale: int) -> None:
    """New answers to tasks of the index, by thresholds of the language and by those of tasks."""
    found = pq.read_table(data / "dev" / "hc3_zh.parquet").to_pylist()
    random.Random(0).shuffle(found)
    answers: dict[str, Texts] = defaultdict(list)
    human: dict[str, Texts] = defaultdict(list)
    for row in (row for row in found if len(row["text"]) >= 40):
        (answers if row["label"] == "llm" else human)[row["pair_id"]].append(row["text"])
    tasks = [task for task in answers if human[task]]
    half = set(tasks[::2])
    references = [Reference(task, "completion", answers[task][0], task=task) for task in tasks]
    trusted = [Trusted(text, "zh", "", task) for task in half for text in human[task]]
    trusted += [Trusted(text, "zh", "") for text in chinese_human(data, *CHINESE_SOURCES)]
    with tempfile.TemporaryDirectory() as folder:
        strata = index_of(Path(folder), references, trusted, scale).strata
        matcher = Matcher(ReferenceIndex(folder))
        of_language, same_task = strata[1], strata[2]
        print(
            f"\nChinese, answers to {len(tasks):,} tasks of the index: 1% {of_language.loose:.2f} "
            f"of {of_language.negatives:,} trusted rows, {same_task.loose:.2f} of the "
            f"{same_task.negatives:,} that answer half of the tasks"
        )
        others = [task for task in tasks if task not in half]
        for name, texts in {
            "human answers, other half": [(text, task) for task in others for text in human[task]],
            "other answers of the model": [(t, task) for task in tasks for t in answers[task][1:]],
            "clauses shuffled, 30% dropped": [(clauses(answers[t][0]), t) for t in others],
        }.items():
            alone = scores(matcher, [text for text, _ in texts])
            of_task = scores(matcher, *zip(*texts, strict=True))
            shares = "  ".join(
                f"{which}: {percent(alone, of_language_at)} {percent(of_task, same_task_at)}"
                for which, of_language_at, same_task_at in (
                    ("1%", of_language.loose, same_task.loose),
                    ("strict", of_language.strict, same_task.strict),
                )
            )
            print(f"  {name:32} n {len(texts):6,}  language, tasks: {shares}", flush=True)


def with_minhash(references: Texts, trusted: Texts, queries: dict[str, Texts]) -> None:
    """The same texts by MinHash and LSH as datatrove removes duplicates."""
    try:
        from rensa import RMinHash
    except ImportError:
        print("  (rensa is not installed: no MinHash beside it)")
        return
    bands = {band for text in references for band in _bands(RMinHash, text)}
    for name, texts in {**queries, "trusted rows held out": trusted[len(trusted) // 2 :]}.items():
        begun = time.process_time()
        found = np.array([not bands.isdisjoint(_bands(RMinHash, text)) for text in texts])
        speed = len(texts) / max(time.process_time() - begun, 1e-9)
        share = f"{100 * found.mean():5.1f}  {speed:6,.0f} texts/CPU-s"
        print(f"  MinHash of 5-grams, 14 bands of 8: {name:32} {share}")


def _bands(minhash: Any, text: str) -> list[tuple[int, bytes]]:
    words = re.findall(r"\w+", text.lower())
    signature = minhash(num_perm=112, seed=1)
    signature.update([" ".join(words[at : at + 5]) for at in range(max(1, len(words) - 4))])
    digest = np.array(signature.digest(), np.uint64)
    return [(band, digest[8 * band : 8 * band + 8].tobytes()) for band in range(14)]


def main() -> None:
    """Prints a table for each index."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 10_000, 35_000])
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--only-chinese", action="store_true")
    given = parser.parse_args()
    if not given.only_chinese:
        english(given.data, given.sizes, given.scale)
        news_and_reviews(given.data, given.scale)
    chinese(given.data, given.scale)
    chinese_tasks(given.data, given.scale)


if __name__ == "__main__":
    main()
