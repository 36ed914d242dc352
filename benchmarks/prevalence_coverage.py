"""Do estimates and bounds of prevalence keep their promise on real scores.

    python benchmarks/prevalence_scores.py DATA CACHE.npz --language en
    python benchmarks/prevalence_coverage.py CACHE.npz
    python benchmarks/prevalence_coverage.py CACHE.npz --expected

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

An estimate whose standard error to expect at 10% (`expected_error`) is above ``--max-error`` is
refused, as in ``scrubtrace audit run``. Beside it stands what it is *at any error*: given all the
same. ``--expected`` prints the error to expect of each source for sizes of its samples instead.
"""

import argparse
import zlib
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from prevalence_scores import Cache, read_cache
from scipy.stats import binom

from scrubtrace.stats.intervals import interval
from scrubtrace.stats.prevalence.expected_error import MOST, expected_error
from scrubtrace.stats.prevalence.lower_bound import prevalence_lower_bound, two_bounds
from scrubtrace.stats.prevalence.quantify import (
    Sample,
    maximum_likelihood,
    pacc,
    reference_bins,
)
from scrubtrace.stats.prevalence.result import CONFIDENCE, Figure, Reason, refused
from scrubtrace.stats.prevalence.rogan_gladen import Flags, rogan_gladen
from scrubtrace.stats.ranking import auroc

Floats = npt.NDArray[np.float64]

PREVALENCES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
THRESHOLD_ROWS = 190
FALSE = 0.02
"""Share of the rows that set the threshold which exceed it."""

UNSEEN = 2
"""Generators of a source that are in turn the only ones of the reference."""

DRAWS = 200
FEW = (0.0, 0.1)
"""Prevalences of the last setting, which shows only what goes wrong."""

ANY = ", any error"
METHODS = ("Rogan-Gladen", "Rogan-Gladen" + ANY, "likelihood", "likelihood" + ANY, "PACC")
GROUPS = ("estimates", "bounds", "pacc")
BOUNDS = ("lower bound", "two bounds")
GRID = ((300, 200, 500), (1_000, 500, 500), (1_000, 500, 2_000), (3_000, 1_000, 10_000))
"""Human and LLM reference rows and judged rows of ``--expected``."""

TARGET_HELD, TARGET_ERROR, TARGET_LOWER = 0.925, 0.03, 0.95


@dataclass(frozen=True)
class Sizes:
    """Rows of the references and judged rows, and the error to expect that refuses."""

    human: int = 300
    llm: int = 200
    judged: int = 500
    max_error: float = MOST

    def most_llm(self, prevalence: float) -> int:
        """Judged LLM rows that are hardly ever exceeded."""
        return int(binom.ppf(1 - 1e-9, self.judged, prevalence))


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

    @property
    def share_wrong(self) -> float:
        """Intervals that are given and do not hold, of all repetitions."""
        return (self.given - self.held) / (self.given + self.refused)

    def cell(self) -> str:
        """Held, bias and error, and refused if any was."""
        if not self.errors:
            return f"{'refused':>24}"
        told = f"{self.share_held:.3f} {np.mean(self.errors):+.3f} {self.error:.3f}"
        return f"{told + (f' r{self.refused}' if self.refused else ''):>24}"


def settings_of(cache: Cache, sizes: Sizes, most: float = PREVALENCES[-1]) -> Iterator[Setting]:
    """Every setting for which there are rows enough up to a prevalence."""
    judged = sizes.most_llm(most)
    least_human = THRESHOLD_ROWS + sizes.human + sizes.judged
    pools = {}
    for name in sorted(set(cache.source.tolist())):
        own = cache.source == name
        human = cache.score[own & ~cache.is_llm]
        if len(human) >= least_human and (own & cache.is_llm).sum() >= sizes.llm + judged:
            pools[name] = human
    for name, human in pools.items():
        own = (cache.source == name) & cache.is_llm
        yield Setting("matched", name, human, cache.score[own])
    for name, human in pools.items():
        own = (cache.source == name) & cache.is_llm
        plain = own & (cache.attack == "none") if (cache.attack[own] == "none").any() else own
        names, counts = np.unique(cache.generator[plain], return_counts=True)
        large = [n for n, size in zip(names.tolist(), counts, strict=True) if size >= sizes.llm]
        for one in large[:UNSEEN]:
            others = plain & (cache.generator != one)
            if others.sum() >= judged:
                reference = cache.score[plain & (cache.generator == one)]
                yield Setting("unseen", f"{name}: {one}", human, reference, cache.score[others])
        rewritten = own & np.char.startswith(cache.attack, "paraphrase")
        if plain.sum() >= sizes.llm and rewritten.sum() >= judged and not plain[rewritten].any():
            yield Setting("rewritten", name, human, cache.score[plain], cache.score[rewritten])
    ordered = sorted(pools)
    others = [*ordered[1:], *ordered[:1]] if len(ordered) > 1 else []
    for name, other in zip(ordered, others, strict=False):
        own = (cache.source == name) & cache.is_llm
        yield Setting(
            "elsewhere", f"{name} by {other}", pools[name], cache.score[own], None, pools[other]
        )


def repetition(
    setting: Setting,
    prevalence: float,
    rng: np.random.Generator,
    sizes: Sizes,
    groups: Container[str] = GROUPS,
) -> dict[str, Figure]:
    """Figures of one random split, those of some `GROUPS`."""
    human = rng.permutation(setting.human)
    count = int(rng.binomial(sizes.judged, prevalence))
    llm = rng.permutation(setting.llm)
    reference, rest = llm[: sizes.llm], llm[sizes.llm :]
    added = rest if setting.judged_llm is None else rng.permutation(setting.judged_llm)
    judged = np.concatenate([added[:count], human[: sizes.judged - count]])
    trusted = human[sizes.judged :]
    if setting.elsewhere is not None:
        trusted = rng.permutation(setting.elsewhere)
    threshold = np.quantile(trusted[:THRESHOLD_ROWS], 1 - FALSE, method="higher")
    own = trusted[THRESHOLD_ROWS : THRESHOLD_ROWS + sizes.human]
    hits = [int((scores > threshold).sum()) for scores in (judged, own, reference)]
    counts = (hits[0], len(judged), hits[1], len(own))
    samples = Sample(judged), Sample(own), Sample(reference)
    figures = {}
    if "bounds" in groups:
        figures["lower bound"] = prevalence_lower_bound(*counts)
        simple = two_bounds(*counts)
        figures["two bounds"] = Figure("two bounds", simple, simple, None, CONFIDENCE, len(judged))
    if "estimates" in groups:
        flags = Flags(*counts, hits[2], len(reference))
        figures |= both("Rogan-Gladen", rogan_gladen(flags), flags.references, sizes.max_error)
        references = reference_bins(*samples[1:])
        figures |= both("likelihood", maximum_likelihood(*samples), references, sizes.max_error)
    if "pacc" in groups and setting.kind == "matched":
        figures["PACC"] = pacc(*samples, rng, draws=DRAWS)
    return figures


def both(
    method: str, figure: Figure, references: tuple[Floats, Floats], most: float
) -> dict[str, Figure]:
    """A figure as it is, and as it is printed: refused if the error to expect is too large."""
    too_large = expected_error(figure.n, *references) > most
    printed = refused(method, CONFIDENCE, figure.n, Reason.IMPRECISE) if too_large else figure
    return {method: printed, method + ANY: figure}


def expected_lines(settings: Iterable[Setting]) -> Iterator[str]:
    """Error of `maximum_likelihood` to expect at 10% for sizes of the samples, by source."""
    yield f"{'source':37}{'AUROC':>6}" + "".join(f"{h}/{g}/{n}".rjust(16) for h, g, n in GRID)
    for setting in settings:
        references = reference_bins(Sample(setting.human), Sample(setting.llm))
        cells = [
            expected_error(judged, *references, human_times=human / len(setting.human),
                           llm_times=llm / len(setting.llm))
            for human, llm, judged in GRID
        ]  # fmt: skip
        area = auroc(setting.human, setting.llm).value
        yield f"{setting.name[:36]:37}{area:6.3f}" + "".join(f"{cell:16.4f}" for cell in cells)


def measured(
    setting: Setting, prevalence: float, repetitions: Mapping[str, int], sizes: Sizes
) -> tuple[dict[str, Tally], str]:
    """Tallies of every method, each group over so many repetitions; the line of the table."""
    seed = zlib.crc32(f"{setting.kind} {setting.name} {prevalence}".encode())
    rng = np.random.default_rng(seed)
    tallies = {name: Tally() for name in BOUNDS}
    for number in range(max(repetitions.values())):
        groups = [group for group, count in repetitions.items() if number < count]
        for method, figure in repetition(setting, prevalence, rng, sizes, groups).items():
            tallies.setdefault(method, Tally()).add(figure, prevalence)
    bound, simple = (tallies[name] for name in BOUNDS)
    line = (
        f"{setting.kind:10}{setting.name[:36]:37}{prevalence:5.2f} "
        f"{bound.share_held:6.3f} {np.median(bound.lowers or [np.nan]):6.3f} "
        f"{np.median(simple.lowers or [np.nan]):6.3f}"
        + "".join(tallies[name].cell() for name in METHODS if name in tallies)
    )
    return tallies, line


def verdicts(found: Sequence[tuple[Setting, float, dict[str, Tally]]]) -> Iterator[str]:
    """Each requirement, and in how many cells it is met."""
    matched = [(s, p, t) for s, p, t in found if s.kind == "matched"]
    for method in METHODS:
        every = [(s, p, t[method]) for s, p, t in matched if method in t]
        kept = [(s, p, cell) for s, p, cell in every if cell.given > cell.refused]
        cells = [cell for _, _, cell in kept]
        low = [entry for entry in kept if entry[1] <= 0.1]
        if not cells:
            continue
        held = [cell.share_held >= TARGET_HELD for cell in cells]
        close = [cell.error <= TARGET_ERROR for _, _, cell in low]
        far = [f"{s.name} {p:g}" for s, p, cell in low if cell.error > TARGET_ERROR]
        yield (
            f"{method}, matched, less than half refused: held in at least {TARGET_HELD:.1%} "
            f"in {sum(held)} of {len(held)} cells (lowest "
            f"{min(c.share_held for c in cells):.3f}); error at most {TARGET_ERROR} in "
            f"{sum(close)} of {len(close)} (not: {', '.join(far) or 'none'})"
        )
        rest = [cell for _, _, cell in every if cell.given <= cell.refused]
        wrong = [cell.share_wrong for _, _, cell in every]
        yield (
            f"{method}, matched: the other {len(rest)} cells have "
            f"{max([cell.given for cell in rest], default=0)} estimates at most; "
            f"given and wrong in at most {max(wrong):.1%} of the repetitions of any cell"
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
    for method in METHODS[:-1]:
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
    for group in GROUPS:
        parser.add_argument(f"--{group}", type=int, default=1_000, help="repetitions that have it")
    parser.add_argument("--kind", action="append", help="only these settings")
    parser.add_argument("--source", action="append", help="only these sources")
    parser.add_argument("--prevalence", action="append", type=float, help="only these")
    parser.add_argument("--human-rows", type=int, default=Sizes.human, help="of the reference")
    parser.add_argument("--llm-rows", type=int, default=Sizes.llm, help="of the reference")
    parser.add_argument("--judged", type=int, default=Sizes.judged)
    parser.add_argument(
        "--max-error", type=float, default=MOST, help="error to expect that refuses; 1: none does"
    )
    parser.add_argument("--expected", action="store_true")
    given = parser.parse_args()
    sizes = Sizes(given.human_rows, given.llm_rows, given.judged, given.max_error)
    chosen = [
        setting
        for setting in settings_of(read_cache(given.cache), sizes, max(given.prevalence or [0.5]))
        if (not given.kind or setting.kind in given.kind)
        and (not given.source or setting.name in given.source)
    ]
    if given.expected:
        print("\n".join(expected_lines(one for one in chosen if one.kind == "matched")))
        return
    print(
        f"{'setting':10}{'source':37}{'share':>5} {'lower:':>6} {'median':>6} {'two':>6}"
        + "".join(f"{name:>24}" for name in METHODS)
    )
    found = []
    for setting in chosen:
        area = auroc(setting.human, setting.llm)
        print(f"{setting.kind} {setting.name}: AUROC of the reference {area.value:.3f}")
        own = FEW if setting.kind == "elsewhere" else PREVALENCES
        for prevalence in given.prevalence or own:
            repetitions = {group: getattr(given, group) for group in GROUPS}
            tallies, line = measured(setting, prevalence, repetitions, sizes)
            print(line, flush=True)
            found.append((setting, prevalence, tallies))
    print("\n".join(verdicts(found)))


if __name__ == "__main__":
    main()
