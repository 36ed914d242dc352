"""The error to expect of an estimate that is added up from parts, and what would make it smaller.

It comes from the references and the number of texts alone, so an estimate that is refused by it is
not refused for what it says. Texts in clusters count for what they tell, which is known by how much
flags differ between clusters, of the judged texts as well. There it does depend on what was found.
See `scrubtrace.stats.prevalence.expected_error`.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scrubtrace.stats.prevalence.expected_error import PREVALENCE, expected_error, times_needed

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Compared:
    """Texts to judge in a part, and its references counted in the same bins (bins,).

    ``judged`` is what the ``texts`` are worth, as are the counts of the references: fewer if
    ``is_clustered``.
    """

    language: str
    texts: int
    is_clustered: bool
    judged: float
    human: Floats
    llm: Floats


def error_to_expect(
    parts: Sequence[Compared],
    judged_times: float = 1.0,
    human_times: float = 1.0,
    llm_times: float = 1.0,
) -> float:
    """Standard error of the share of all parts together, with so many times as many texts.

    Parts of one language may have a reference in common, so their errors are added; languages are
    independent.
    """
    texts = sum(part.texts for part in parts)
    errors: dict[str, float] = defaultdict(float)
    for part in parts:
        counts = (judged_times * part.judged, part.human, part.llm)
        own = expected_error(*counts, human_times=human_times, llm_times=llm_times)
        errors[part.language] += own * part.texts / texts
    return math.hypot(*errors.values())


def error_words(error: float) -> str:
    """The error to expect in points, and where."""
    return f"standard error to expect {100 * error:.2f} points at a share of {PREVALENCE:.0%}"


def imprecise_words(parts: Sequence[Compared], error: float, most: float) -> str:
    """Why there is no estimate, and with how many texts there would be one.

    More texts of the same clusters tell little more, so it says how many times as many clusters.
    """
    judged = times_needed(lambda times: error_to_expect(parts, times), most)
    human = times_needed(lambda times: error_to_expect(parts, 1, times), most)
    every = times_needed(lambda times: error_to_expect(parts, times, times, times), most)
    texts = sum(part.texts for part in parts)
    own = sum(float(part.human.sum()) for part in parts)
    is_clustered = any(part.is_clustered for part in parts)
    of, kind = ("clusters of ", "clusters ") if is_clustered else ("", "")
    only_times = len(parts) > 1 or is_clustered
    ways = [
        f"{_number(times, now, only_times)} {of}{named}"
        for times, now, named in (
            (judged, texts, "texts to judge"), (human, own, "human reference texts")
        )
        if times is not None
    ]  # fmt: skip
    if every is not None:
        ways.append(f"{_times(every)} {kind}of all, also of LLM reference texts")
    told = f"{error_words(error)}, above {100 * most:.2f} (--max-error)"
    told += f"; it takes {', or '.join(ways)}" if ways else ""
    if judged is None:
        told += f"; no number of {of}texts to judge does with these references"
    return told


def _number(times: float, now: float, only_times: bool) -> str:
    """So many texts, rounded up to two digits; or how many times as many."""
    if only_times:
        return _times(times)
    unit = 10 ** max(0, math.floor(math.log10(times * now)) - 1)
    return f"{math.ceil(times * now / unit) * unit:,}"


def _times(times: float) -> str:
    return f"{math.ceil(10 * times) / 10:,.1f} times as many"
