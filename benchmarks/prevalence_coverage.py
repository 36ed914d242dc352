"""Do estimates and bounds of prevalence keep their promise on real scores.

    python benchmarks/prevalence_scores.py DATA CACHE.npz --language en
    python benchmarks/prevalence_coverage.py CACHE.npz

CACHE holds scores of labelled rows by models that knew none of their sources. In each repetition
the rows of a source are split at random: human rows that set the threshold, a human and an LLM
reference, and judged rows, a binomial number of them by models. References have no row in common
with what is judged. Settings:

    matched    reference and judged LLM rows are drawn from the same rows
    unseen     the judged LLM rows are by another generator than the reference
    rewritten  the judged LLM rows are paraphrased, the reference is not
    elsewhere  the human reference, and the threshold, are of another source

*Held* is the share of repetitions in which the 95% interval holds the prevalence; of the lower
bound, in which it is not above it. Refused repetitions have no interval and are counted apart.
"""

import argparse
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from prevalence_scores import Cache, read_cache

from scrubtrace.stats.intervals import interval
from scrubtrace.stats.prevalence.lower_bound import prevalence_lower_bound, two_bounds
from scrubtrace.stats.prevalence.quantify import Sample, maximum_likelihood, pacc
from scrubtrace.stats.prevalence.result import Figure
from scrubtrace.stats.prevalence.rogan_gladen import Flags, rogan_gladen
from scrubtrace.stats.ranking import auroc

Floats = npt.NDArray[np.float64]

PREVALENCES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
THRESHOLD_ROWS, HUMAN_ROWS, LLM_ROWS, JUDGED = 190, 300, 200, 500
FALSE = 0.02
"""Share of the rows that set the threshold which exceed it."""

UNSEEN = 2
"""Generators of a source that are in turn the only ones of the reference."""

DRAWS = 200
FEW = (0.0, 0.1)
"""Prevalences of the last setting, which shows only what goes wrong."""

METHODS = ("Rogan-Gladen", "likelihood", "PACC")
TARGET_HELD, TARGET_ERROR, TARGET_LOWER = 0.925, 0.03, 0.95


@dataclass(frozen=True)
class Setting:
    """Scores that repetitions are drawn from; ``judged_llm`` is None if it is the reference's."""

    kind: str
    name: str
    human: Floats
    llm: Floats
    judged_llm: Floats | None = None
    elsewhere: Floats | None = None


@dataclass
class Tally:
    """What one method gave in the repetitions of one setting and prevalence."""

    refused: int = 0
    held: int = 0
    errors: list[float] | None = None
    lowers: list[float] | None = None
    widths: list[float] | None = None

    def add(self, figure: Figure, prevalence: float) -> None:
        """Counts one repetition."""
        self.errors, self.lowers = self.errors or [], self.lowers or []
        self.widths = self.widths or []
        if figure.refusal:
            self.refused += 1
            return
        assert figure.estimate is not None
        assert figure.lower is not None
        upper = 1.0 if figure.upper is None else figure.upper
        self.held += figure.lower <= prevalence + 1e-12 and prevalence <= upper + 1e-12
        self.errors.append(figure.estimate - prevalence)
        self.lowers.append(figure.lower)
        self.widths.append(upper - figure.lower)

    @property
    def given(self) -> int:
        """Repetitions that were not refused."""
        return len(self.errors or ())

    @property
    def error(self) -> float:
        """Root mean square error."""
        return float(np.sqrt(np.mean(np.square(self.errors)))) if self.errors else np.nan

    @property
    def share_held(self) -> float:
        """Of the repetitions that were not refused."""
        return self.held / self.given if self.given else np.nan

    def cell(self) -> str:
        """Held, bias and error, and refused if any was."""
        if not self.errors:
            return f"{'refused':>24}"
        told = f"{self.share_held:.3f} {np.mean(self.errors):+.3f} {self.error:.3f}"
        return f"{told + (f' r{self.refused}' if self.refused else ''):>24}"


def settings_of(cache: Cache) -> Iterator[Setting]:
    """Every setting for which there are rows enough."""
    judged = int(JUDGED * PREVALENCES[-1] * 1.2)
    least_human = THRESHOLD_ROWS + HUMAN_ROWS + JUDGED
    pools = {}
    for name in sorted(set(cache.source.tolist())):
        own = cache.source == name
        human = cache.score[own & ~cache.is_llm]
        if len(human) >= least_human and (own & cache.is_llm).sum() >= LLM_ROWS + judged:
            pools[name] = human
    for name, human in pools.items():
        own = (cache.source == name) & cache.is_llm
        yield Setting("matched", name, human, cache.score[own])
    for name, human in pools.items():
        own = (cache.source == name) & cache.is_llm
        plain = own & (cache.attack == "none") if (cache.attack[own] == "none").any() else own
        names, sizes = np.unique(cache.generator[plain], return_counts=True)
        large = [n for n, size in zip(names.tolist(), sizes, strict=True) if size >= LLM_ROWS]
        for one in large[:UNSEEN]:
            others = plain & (cache.generator != one)
            if others.sum() >= judged:
                reference = cache.score[plain & (cache.generator == one)]
                yield Setting("unseen", f"{name}: {one}", human, reference, cache.score[others])
        rewritten = own & np.char.startswith(cache.attack, "paraphrase")
        if plain.sum() >= LLM_ROWS and rewritten.sum() >= judged and not plain[rewritten].any():
            yield Setting("rewritten", name, human, cache.score[plain], cache.score[rewritten])
    ordered = sorted(pools)
    for name, other in zip(ordered, [*ordered[1:], ordered[0]], strict=True):
        own = (cache.source == name) & cache.is_llm
        yield Setting(
            "elsewhere", f"{name} by {other}", pools[name], cache.score[own], None, pools[other]
        )


def repetition(
    setting: Setting, prevalence: float, rng: np.random.Generator, estimates: bool = True
) -> tuple[dict[str, Figure], float]:
    """Figures of one random split, and the lower bound by `two_bounds`."""
    human = rng.permutation(setting.human)
    count = int(rng.binomial(JUDGED, prevalence))
    llm = rng.permutation(setting.llm)
    reference, rest = llm[:LLM_ROWS], llm[LLM_ROWS:]
    added = rest if setting.judged_llm is None else rng.permutation(setting.judged_llm)
    judged = np.concatenate([added[:count], human[: JUDGED - count]])
    trusted = human[JUDGED:]
    if setting.elsewhere is not None:
        trusted = rng.permutation(setting.elsewhere)
    threshold = np.quantile(trusted[:THRESHOLD_ROWS], 1 - FALSE, method="higher")
    own = trusted[THRESHOLD_ROWS : THRESHOLD_ROWS + HUMAN_ROWS]
    hits = [int((scores > threshold).sum()) for scores in (judged, own, reference)]
    counts = (hits[0], len(judged), hits[1], len(own))
    samples = Sample(judged), Sample(own), Sample(reference)
    figures = {"lower bound": prevalence_lower_bound(*counts)}
    if estimates:
        figures["Rogan-Gladen"] = rogan_gladen(Flags(*counts, hits[2], len(reference)))
        figures["likelihood"] = maximum_likelihood(*samples)
    if estimates and setting.kind == "matched":
        figures["PACC"] = pacc(*samples, rng, draws=DRAWS)
    return figures, two_bounds(*counts)


def measured(
    setting: Setting, prevalence: float, repetitions: int, estimates: int
) -> tuple[dict[str, Tally], str]:
    """Tallies of every method, and the line of the table."""
    seed = zlib.crc32(f"{setting.kind} {setting.name} {prevalence}".encode())
    rng = np.random.default_rng(seed)
    tallies: dict[str, Tally] = {}
    simple = []
    for number in range(repetitions):
        figures, other = repetition(setting, prevalence, rng, number < estimates)
        simple.append(other)
        for method, figure in figures.items():
            tallies.setdefault(method, Tally()).add(figure, prevalence)
    bound = tallies["lower bound"]
    line = (
        f"{setting.kind:10}{setting.name[:36]:37}{prevalence:5.2f} "
        f"{bound.share_held:6.3f} {np.median(bound.lowers or [np.nan]):6.3f} "
        f"{np.median(simple):6.3f}"
        + "".join(tallies[name].cell() for name in METHODS if name in tallies)
    )
    return tallies, line


def verdicts(found: Sequence[tuple[Setting, float, dict[str, Tally]]]) -> Iterator[str]:
    """Each requirement, and in how many cells it is met."""
    matched = [(s, p, t) for s, p, t in found if s.kind == "matched"]
    for method in METHODS:
        kept = [(s, p, t[method]) for s, p, t in matched if t[method].given > t[method].refused]
        cells = [tally for _, _, tally in kept]
        low = [entry for entry in kept if entry[1] <= 0.1]
        if not cells:
            continue
        held = [cell.share_held >= TARGET_HELD for cell in cells]
        close = [cell.error <= TARGET_ERROR for _, _, cell in low]
        far = sorted({s.name for s, _, cell in low if cell.error > TARGET_ERROR})
        yield (
            f"{method}, matched, less than half refused: held in at least {TARGET_HELD:.1%} "
            f"in {sum(held)} of {len(held)} cells (lowest "
            f"{min(c.share_held for c in cells):.3f}); error at most {TARGET_ERROR} in "
            f"{sum(close)} of {len(close)} (not: {', '.join(far) or 'none'})"
        )
    for kind in ("matched", "unseen", "rewritten", "elsewhere"):
        cells = [t["lower bound"] for s, _, t in found if s.kind == kind and t["lower bound"].given]
        if cells:
            held = [cell.share_held >= TARGET_LOWER for cell in cells]
            worst = min(cells, key=lambda cell: cell.share_held)
            low_end, high_end = interval(worst.held, worst.given)
            yield (
                f"lower bound, {kind}: held in at least {TARGET_LOWER:.0%} in {sum(held)} of "
                f"{len(held)} cells, lowest {worst.share_held:.3f} ({low_end:.3f}-{high_end:.3f})"
            )
    for method in ("Rogan-Gladen", "likelihood"):
        for kind in ("matched", "unseen", "rewritten", "elsewhere"):
            own = [t[method] for s, _, t in found if s.kind == kind]
            given = sum(tally.given for tally in own)
            count = given + sum(tally.refused for tally in own)
            if count:
                yield f"{method}, {kind}: refused in {1 - given / count:.1%} of repetitions"


def main() -> None:
    """Prints the table and the requirements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--repetitions", type=int, default=1_000)
    parser.add_argument(
        "--estimates", type=int, default=1_000, help="repetitions that have estimates as well"
    )
    parser.add_argument("--kind", action="append", help="only these settings")
    given = parser.parse_args()
    print(
        f"{'setting':10}{'source':37}{'share':>5} {'lower:':>6} {'median':>6} {'two':>6}"
        + "".join(f"{name:>24}" for name in METHODS)
    )
    found = []
    for setting in settings_of(read_cache(given.cache)):
        if given.kind and setting.kind not in given.kind:
            continue
        area = auroc(setting.human, setting.llm)
        print(f"{setting.kind} {setting.name}: AUROC of the reference {area.value:.3f}")
        for prevalence in FEW if setting.kind == "elsewhere" else PREVALENCES:
            tallies, line = measured(setting, prevalence, given.repetitions, given.estimates)
            print(line, flush=True)
            found.append((setting, prevalence, tallies))
    print("\n".join(verdicts(found)))


if __name__ == "__main__":
    main()
