"""Which controls are mixed into a file: like its lines, of both origins, none given twice."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from scrubtrace.schemas.batches import SAMPLED, Origin
from scrubtrace.schemas.vocabulary import Kind

Look = tuple[str | int | bool, ...]
"""What of a line is seen besides its text and its evidence: a control must not be the only one."""


@dataclass(frozen=True)
class Candidate:
    """A control that may be given out, how often its reviewer has had it, and how often anybody."""

    control_key: str
    origin: Origin
    look: Look
    given_here: int = 0
    given: int = 0


def look_of(flagged: bool, kind: str, priority: int, language: str, blind: bool) -> Look:
    """The look of a line: in a blind export the language alone, else what the policy said, too."""
    if blind:
        return (language,)
    if kind == Kind.LLM_STYLE:  # its priorities are p-values: no line is expected to share one
        return (kind, language, flagged)
    return (kind, language) if kind == SAMPLED else (kind, language, priority, flagged)


def wanted_number(share: float, lines: int) -> int:
    """Number of controls for so many lines: the share of them, rounded, at least one."""
    return max(1, round(share * lines)) if share and lines else 0


def choose(
    lines: Mapping[Look, int], candidates: Sequence[Candidate], number: int, rng: Random
) -> list[Candidate]:
    """So many of the candidates, or all that look like any of the lines if there are fewer.

    Half of them are of either origin as far as there are enough. Looks are as frequent as among the
    lines, likewise. Controls that the reviewer has not had come first.
    """
    alike = [candidate for candidate in candidates if lines.get(candidate.look)]
    rng.shuffle(alike)
    choice = _Choice(lines, number, rng)
    choice.take([candidate for candidate in alike if not candidate.given_here])
    choice.take([candidate for candidate in alike if candidate.given_here])
    return choice.chosen


class _Choice:
    """What was chosen so far, and which origin and look are behind."""

    def __init__(self, lines: Mapping[Look, int], number: int, rng: Random) -> None:
        self.chosen: list[Candidate] = []
        self._number = number
        self._rng = rng
        total = max(1, sum(lines.values()))
        self._due = {look: count / total * number for look, count in lines.items()}
        self._looks: Counter[Look] = Counter()
        self._origins: Counter[Origin] = Counter()

    def take(self, candidates: Sequence[Candidate]) -> None:
        """Choose among these until there are enough; those that were given least come first."""
        queues: dict[Origin, dict[Look, list[Candidate]]] = {}
        for one in sorted(candidates, key=lambda c: (-c.given_here, -c.given)):
            queues.setdefault(one.origin, {}).setdefault(one.look, []).append(one)
        while queues and len(self.chosen) < self._number:
            origins = sorted(queues)
            self._rng.shuffle(origins)
            origin = min(origins, key=lambda name: self._origins[name])
            looks = queues[origin]
            look = max(looks, key=lambda one: (self._due[one] - self._looks[one], repr(one)))
            self.chosen.append(looks[look].pop())
            self._origins[origin] += 1
            self._looks[look] += 1
            if not looks[look]:
                del looks[look]
            if not looks:
                del queues[origin]
