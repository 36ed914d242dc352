"""How often `scrubtrace compare` refers: ``python benchmarks/batch_comparison.py DATA``.

DATA is a folder with ``dev/*.parquet`` and ``pairs/dev_pairs.parquet`` of labelled texts. Batches
of human rows with a share of model text are compared with other human rows. In every repetition the
human rows are divided anew into trusted rows and rows of the batch; anchors, and the trusted rows
that the index was calibrated on, stay apart.

Model text: ``in the index`` word for word; ``paraphrased`` from the index by DIPPER; ``not in the
index`` from the same model on other prompts. Other sources are batches of human rows only, from a
source that gave no trusted rows. Printed are percent of batches with each verdict, and which of the
two tests was below the level (m: matched rows, r: way of writing, before alignment is asked).
"""

import argparse
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from reference_lane import rows, trusted_texts

from scrubtrace.compare.baseline import Baseline
from scrubtrace.compare.judging import Judged, Settings, Verdict, judge
from scrubtrace.compare.measuring import Measured, Meter, Sample
from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.reference.building import (
    Reference,
    SegmentWriter,
    extended,
    finish,
    new_manifest,
)
from scrubtrace.detectors.reference.features import Features, contrast, counted, joined
from scrubtrace.detectors.reference.index import ReferenceIndex
from scrubtrace.detectors.reference.trusted import Trusted, write_background

SIZES = (50, 200, 1_000)
SHARES = (0.02, 0.05, 0.1, 0.25, 0.5)
CONTROLS = 1_000
ALPHA = 0.05
NOTHING = {"equivalent_share": np.nan, "alignment": np.nan}
Texts = list[str]


@dataclass
class Setting:
    """Texts of one measurement. ``human`` are divided anew in each repetition."""

    name: str
    language: str
    references: Texts
    calibrating: Texts
    anchors: Texts
    human: Texts
    model: dict[str, Texts]
    others: dict[str, Texts]
    held_out: str


def essays(data: Path) -> Setting:
    """Essays by pupils as trusted rows, essays by one model in the index."""
    rng = random.Random(0)
    folder = data / "dev"
    human = [
        row["text"]
        for name in ("outfox", "essays_lusheeta")
        for row in rows(folder / f"{name}.parquet", label="human", lang="en", attack="none")
    ]
    rng.shuffle(human)
    others = _others(folder, ("herbold_essays", "ewt_en", "grid_reddit", "abstract_lv",
                              "detectrl_news_reviews", "wiki_intro_d1", "l2r", "appstat_en",
                              "hc3plus", "lamp_creative", "saf"), "en", rng)  # fmt: skip
    return _with_pairs("essays", data, rng, human[:400], human[400:700], human[700:], others, [])


def mixed(data: Path) -> Setting:
    """Trusted rows of twelve kinds; essays by one model in the index among other model output."""
    rng = random.Random(1)
    folder = data / "dev"
    human = trusted_texts(folder, rng, 1_000)
    names = ("herbold_essays", "l2r", "appstat_en", "so_chatgpt", "hc3plus", "lamp_creative",
             "raid_small", "seqxgpt", "mixset", "oasst_small", "autext_en")  # fmt: skip
    others = _others(folder, names, "en", rng)
    distractors = [
        row["text"]
        for name in ("halueval_llm", "alpaca_en", "moss")
        for row in rows(folder / f"{name}.parquet", label="llm", lang="en", attack="none")[:700]
    ]
    parts = human[:3_000], human[3_000:5_000], human[5_000:]
    return _with_pairs("twelve kinds", data, rng, *parts, others, distractors)


def chinese(data: Path) -> Setting:
    """Chinese answers by people and by a model."""
    rng = random.Random(2)
    found = rows(data / "dev" / "hc3_zh.parquet", 80)
    human = [row["text"] for row in found if row["label"] == "human"]
    model = [row["text"] for row in found if row["label"] == "llm"]
    rng.shuffle(human)
    rng.shuffle(model)
    names = ("cudrt_zh", "cs_reports_zh", "agt2025", "hc3plus")
    return Setting(
        "Chinese answers", "zh", model[:2_000], human[:700], human[700:1_200], human[1_200:],
        {"in the index": model[:2_000], "not in the index": model[2_000:3_000]},
        _others(data / "dev", names, "zh", rng, 60), "not in the index",
    )  # fmt: skip


def _with_pairs(
    name: str,
    data: Path,
    rng: random.Random,
    calibrating: Texts,
    anchors: Texts,
    human: Texts,
    others: dict[str, Texts],
    distractors: Texts,
) -> Setting:
    pairs = pq.read_table(data / "pairs" / "dev_pairs.parquet").to_pylist()
    own = [pair for pair in pairs if pair["gen_original"] == "chatgpt"]
    rng.shuffle(own)
    known = own[:250]
    model = {
        "in the index": [pair["original"] for pair in known],
        "paraphrased": [pair["rewritten"] for pair in known],
        "not in the index": [pair["original"] for pair in own[250:]],
    }
    references = [*model["in the index"], *distractors]
    return Setting(
        name, "en", references, calibrating, anchors, human, model, others, "not in the index"
    )


def _others(
    folder: Path, names: Sequence[str], language: str, rng: random.Random, least: int = 250
) -> dict[str, Texts]:
    found = {}
    for name in names:
        path = folder / f"{name}.parquet"
        texts = [r["text"] for r in rows(path, least, label="human", lang=language, attack="none")]
        rng.shuffle(texts)
        if len(texts) >= SIZES[0]:
            found[name] = texts[:1_500]
    return found


def meter_of(setting: Setting, folder: Path) -> Meter:
    """An index of the references, calibrated, and the contrast with the anchors."""
    writer = SegmentWriter(folder, 1)
    writer.add(Reference(str(n), "completion", t) for n, t in enumerate(setting.references))
    background = write_background(
        folder, (Trusted(text, setting.language, "") for text in setting.calibrating), Counter()
    )
    manifest = extended(new_manifest("measuring", 1), writer)
    strata = finish(folder, replace(manifest, background=background)).strata
    sides = [
        joined(
            [counted(TextBatch(side[first : first + 512])) for first in range(0, len(side), 512)]
        )
        for side in (setting.references, setting.anchors)
    ]
    return Meter(
        ReferenceIndex(str(folder)),
        {stratum.language: stratum for stratum in strata},
        {setting.language: contrast(*sides)},
    )


def chosen(found: Measured, wanted: "np.typing.NDArray[np.int64]") -> Measured:
    """Some of the rows that were measured, in the order of ``wanted``."""
    vectors = found.vectors
    assert vectors is not None
    renumbered = np.full(vectors.texts, -1)
    renumbered[wanted] = np.arange(len(wanted))
    kept = renumbered[vectors.text] >= 0
    own = Features(
        len(wanted), renumbered[vectors.text[kept]], vectors.bucket[kept], vectors.value[kept]
    )
    return Measured(
        [found.digests[place] for place in wanted.tolist()],
        found.usable[wanted],
        found.stratum[wanted],
        found.loose[wanted],
        found.strict[wanted],
        found.scores[wanted],
        own,
    )


def sample_of(*parts: Measured) -> Sample:
    """A sample of rows that were measured."""
    sample = Sample()
    for part in parts:
        sample.take(part)
    return sample


@dataclass
class Bench:
    """Everything of a setting measured once, and the batches drawn of it."""

    setting: Setting
    meter: Meter
    permutations: int

    def __post_init__(self) -> None:
        language = self.setting.language
        self.human = self.meter.measure(self.setting.human, language)
        self.model = {n: self.meter.measure(t, language) for n, t in self.setting.model.items()}
        self.others = {n: self.meter.measure(t, language) for n, t in self.setting.others.items()}

    def judged(self, size: int, added: Measured | None, count: int, seed: int) -> Judged | None:
        """One batch, ``count`` of its rows from ``added``; None if there are too few."""
        rng = np.random.default_rng((seed, size, count))
        order = rng.permutation(len(self.human.digests))
        own = size - count
        if own > len(order) - 300 or (added and count > len(added.digests)):
            return None
        parts = [chosen(self.human, order[:own])]
        if added and count:
            parts.append(chosen(added, rng.choice(len(added.digests), count, replace=False)))
        controls = sample_of(chosen(self.human, order[own : own + CONTROLS]))
        language = self.setting.language
        base = Baseline(self.meter, {language: controls}, {language: self._held_out(controls)})
        settings = Settings(ALPHA, self.permutations, seed)
        return judge({((), language): sample_of(*parts)}, base, settings)[0]

    def _held_out(self, controls: Sample) -> "np.typing.NDArray[np.float64]":
        held = self.model[self.setting.held_out]
        means = {s: np.mean(scores) for s, scores in controls.scores.items()}
        pairs = zip(held.scores.tolist(), held.stratum.tolist(), strict=True)
        return np.array([score - means[s] for score, s in pairs if s in means])


def line(name: str, size: int, results: list[Judged]) -> str:
    """Percent of batches with each verdict, means of what was estimated."""
    verdicts = Counter(result.verdict for result in results)
    tests = Counter(
        name
        for result in results
        for name, test in (("m", result.matched), ("r", result.resembles))
        if test and test["adjusted_p_value"] <= ALPHA
    )
    near = [result.resembles for result in results if result.resembles] or [NOTHING]
    share = np.mean([found["equivalent_share"] for found in near])
    aligned = np.median([found["alignment"] for found in near])
    seen = [r.smallest_share_seen for r in results]

    def percent(count: int) -> str:
        return f"{100 * count / len(results):5.1f}"

    smallest = {
        key: np.median([s[key] for s in seen if s.get(key) is not None] or [np.nan])
        for key in ("copied", "by_the_same_model")
    }
    return (
        f"{name:32} {size:5} x{len(results):<4} refer {percent(verdicts[Verdict.REFER])} "
        f"not comparable {percent(verdicts[Verdict.NOT_COMPARABLE])}  m {percent(tests['m'])} "
        f"r {percent(tests['r'])}  like {share:6.1%} aligned {aligned:5.2f}  sees "
        f"{smallest['copied']:.1%} / {smallest['by_the_same_model']:.1%}"
    )


def measure(setting: Setting, repetitions: int, permutations: int) -> None:
    """Prints the table of one setting."""
    with tempfile.TemporaryDirectory() as folder:
        meter = meter_of(setting, Path(folder))
        bench = Bench(setting, meter, permutations)
        print(f"\n{setting.name}: {len(setting.references):,} references, human rows "
              f"{len(setting.calibrating):,} in the index, {len(setting.anchors):,} anchors, "
              f"{len(setting.human):,} divided; alpha {ALPHA}")  # fmt: skip
        for size in SIZES:
            cases: list[tuple[str, Measured | None, float]] = [("human rows only", None, 0.0)]
            cases += [(f"{100 * s:.0f}% {n}", m, s) for n, m in bench.model.items() for s in SHARES]
            cases += [(f"human: {name}", found, 1.0) for name, found in bench.others.items()]
            for name, added, share in cases:
                times = int(repetitions * (2 if added is None else 0.5 if share == 1 else 1))
                drawn = [bench.judged(size, added, round(share * size), n) for n in range(times)]
                if results := [result for result in drawn if result is not None]:
                    print(line(name, size, results), flush=True)


def main() -> None:
    """Prints a table for each setting."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--repetitions", type=int, default=100)
    parser.add_argument("--permutations", type=int, default=299)
    parser.add_argument("--only", choices=["essays", "mixed", "chinese"])
    given = parser.parse_args()
    begun = time.process_time()
    for name, make in (("essays", essays), ("mixed", mixed), ("chinese", chinese)):
        if given.only in (None, name):
            measure(make(given.data), given.repetitions, given.permutations)
    print(f"{time.process_time() - begun:,.0f} CPU-s")


if __name__ == "__main__":
    main()
