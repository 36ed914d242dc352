"""Human rows by language and source: their scores, and the strata that they make.

Every text is scored once in each language and source, and texts that the style lane reads as equal
(`detectors.style.folding`) count once there: what another source has too must not be missing, or
the rest would be no sample of the source. Beside the style
scores the other lanes judge the same rows, so that it is known how often any lane flags such rows.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from scrubtrace import log
from scrubtrace.beam_pipelines.decoding import Rows
from scrubtrace.beam_pipelines.scanning import SOURCE, cut_texts
from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.language import identify, normalise_code
from scrubtrace.detectors.style.folding import fold
from scrubtrace.detectors.style.model import StyleModel
from scrubtrace.detectors.style.packs import row_number
from scrubtrace.detectors.style.scorer import Measured, Scored, Scorer
from scrubtrace.detectors.style.strata import LEAST_ROWS, Calibrated, HumanRows, calibrated
from scrubtrace.exits import UsageStop
from scrubtrace.index.sources import BATCH_BYTES, BATCH_ROWS
from scrubtrace.runs.reading import counted
from scrubtrace.schemas.style import OtherLanes
from scrubtrace.stats.conformal import conditional_rank, rank_reached
from scrubtrace.stats.typicality import Floats
from scrubtrace.style.lanes import Lanes
from scrubtrace.style.names import ids_hint

TRAINED_ON = "trained_on"
MOST_STRATA = 4_000


@dataclass
class _Group:
    """Scores of the rows of one language and source, in the order they were met."""

    scores: list[Floats] = field(default_factory=list)
    words: list["np.typing.NDArray[np.int64]"] = field(default_factory=list)
    covariates: list[Floats] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)
    elsewhere: list["np.typing.NDArray[np.bool_]"] = field(default_factory=list)


class Collected:
    """Scores of the different texts of each language and source.

    Parameters
    ----------
    scorer : the model; rows that it was trained on are left out.
    lanes : the other lanes.
    source_column : where the sources of the rows are, None if all are of one.
    language : the language of all rows, None if the rows say theirs or it is to be identified.

    ``counts`` says what became of the rows, by reason.
    """

    def __init__(
        self, scorer: Scorer, lanes: Lanes, source_column: str | None, language: str | None
    ) -> None:
        self._scorer, self._lanes = scorer, lanes
        self._fitted_on = scorer.human_rows if isinstance(scorer, StyleModel) else frozenset()
        self._source_column = source_column
        self._language = normalise_code(language) if language else None
        self._groups: dict[tuple[str, str], _Group] = {}
        self._covariates: tuple[str, ...] | None = None
        self._trained_on: Counter[tuple[str, str]] = Counter()
        self._seen: set[bytes] = set()
        self.counts: Counter[str] = Counter()

    @property
    def texts(self) -> int:
        """Number of the different texts so far."""
        return len(self._seen)

    @property
    def covariates(self) -> tuple[str, ...]:
        """Names of the covariates; empty before a row was scored."""
        return self._covariates or ()

    def add(self, rows: Rows) -> None:
        """Scores the texts that were not met before; the sources were checked."""
        kept = self._different(rows)
        for first, stop in cut_texts([text for text, _, _ in kept], BATCH_ROWS, BATCH_BYTES):
            texts, languages, sources = zip(*kept[first:stop], strict=True)
            self._take(TextBatch(texts, languages, sources=sources))

    def strata(self, least: int) -> list[Calibrated]:
        """The strata, by language, source and length, merged until they have ``least`` rows.

        Raises `UsageStop` if there is none, or if there are too many.
        """
        found: list[Calibrated] = []
        for rows, _ in self._human_rows:
            found += calibrated(rows, least)
        self.counts["too_few_of_their_kind"] = self.counts["kept"] - sum(s.n for s in found)
        ids = self._ids_hint()
        if not found:
            told = counted({name: count for name, count in self.counts.items() if count})
            lines = (
                "no stratum has enough rows to calibrate",
                f"one language of one source needs {LEAST_ROWS:,}",
                f"rows: {told}",
                ids,
                self._trained_hint(),
            )
            raise UsageStop("; ".join(filter(None, lines)))
        if ids:
            log.tell("calibrating", ids, "warning", hint=ids)
        if len(found) > MOST_STRATA:
            raise UsageStop(
                f"{len(found):,} strata are more than {MOST_STRATA:,}: is the column of sources "
                f"({self._source_column}) one of ids?"
            )
        return found

    def other_lanes(
        self, strata: Sequence[Calibrated], alpha: float | None, conditional: bool
    ) -> OtherLanes:
        """How many rows other lanes flag, and how many any lane does at ``alpha``.

        With ``conditional`` p-values hold given the calibration set.
        """
        reached = conditional_rank if conditional else rank_reached
        rows = flagged = either = 0
        for human, elsewhere in self._human_rows:
            rows += len(elsewhere)
            flagged += int(elsewhere.sum())
            if alpha is not None:
                either += int((elsewhere | _high(human, strata, lambda n: reached(alpha, n))).sum())
        digest = self._lanes.policy
        return OtherLanes(rows, flagged, None if alpha is None else either, alpha, digest)

    def _ids_hint(self) -> str:
        """What to look at if most sources have one row; empty if they have more."""
        sizes = self._sizes().values()
        return ids_hint(sizes, self._source_column) if sum(sizes) >= LEAST_ROWS else ""

    def _trained_hint(self) -> str:
        """Said if a source would have enough rows with those that the model was trained on."""
        sizes, lost = self._sizes(), self._trained_on.items()
        enough = any(sizes[kind] + n >= LEAST_ROWS for kind, n in lost)
        return "rows that the model was trained on cannot calibrate it" if enough else ""

    def _sizes(self) -> Counter[tuple[str, str]]:
        """How many rows each language and source has."""
        return Counter({kind: sum(map(len, own.scores)) for kind, own in self._groups.items()})

    def _different(self, rows: Rows) -> list[tuple[str, str, str | None]]:
        """Text, language and source of each text that was not met before in the two."""
        kept: list[tuple[str, str, str | None]] = []
        folded = fold([text or "" for text in rows.texts])
        for row, text, read in zip(rows.text_rows, rows.texts, folded, strict=True):
            if not text or not text.strip():
                self.counts["empty"] += 1
                continue
            source = rows.group_value(SOURCE, row) if rows.groups else ""
            if source is None or (rows.groups and not source):
                self.counts["without_source"] += 1
                continue
            code = rows.languages[row] if rows.languages else None
            language = self._language or (normalise_code(code) if code else identify(text))
            digest = _digest(read, language, source)
            if digest in self._seen:
                self.counts["repeated"] += 1
                continue
            self._seen.add(digest)
            if self._fitted_on and row_number(text) in self._fitted_on:
                self.counts[TRAINED_ON] += 1
                self._trained_on[language, source] += 1
                continue
            kept.append((text, language, source))
        return kept

    def _take(self, batch: TextBatch) -> None:
        scored = self._scorer.score(batch)
        if self._covariates is None:
            self._covariates = tuple(scored.covariate_names)
        usable = ~np.isnan(scored.scores) & np.isfinite(scored.covariates).all(axis=1)
        self.counts.update(str(reason) for reason in scored.reasons.values())
        self.counts["kept"] += int(usable.sum())
        flagged = self._lanes.flagged(batch)
        keys = list(zip(batch.languages, batch.sources, strict=True))
        for key in dict.fromkeys(keys):
            rows = np.array([place for place, own in enumerate(keys) if own == key])
            self._add(key[0], key[1] or "", scored, flagged, rows[usable[rows]])

    def _add(
        self,
        language: str,
        source: str,
        scored: Scored,
        flagged: "np.typing.NDArray[np.bool_]",
        rows: "np.typing.NDArray[np.int64]",
    ) -> None:
        if len(rows):
            group = self._groups.setdefault((language, source), _Group())
            group.scores.append(scored.scores[rows])
            group.words.append(scored.words[rows])
            group.covariates.append(scored.covariates[rows].astype(np.float64))
            if (measured := scored.measured_of(rows.tolist())) is not None:
                group.measured.append(measured)
            group.elsewhere.append(flagged[rows])

    @cached_property
    def _human_rows(self) -> "list[tuple[HumanRows, np.typing.NDArray[np.bool_]]]":
        """The rows by language and source, and which of them other lanes flag."""
        found = []
        for (language, source), group in sorted(self._groups.items()):
            scores, words = np.concatenate(group.scores), np.concatenate(group.words)
            covariates = np.concatenate(group.covariates)
            measured = np.concatenate(group.measured) if group.measured else None
            elsewhere = np.concatenate(group.elsewhere)
            # So that sums, and with them the file, do not depend on the order of the rows.
            order = np.lexsort((elsewhere, *covariates.T, words, scores))
            of_row = None if measured is None else measured[order]
            arrays = (scores[order], words[order], covariates[order], of_row)
            found.append((HumanRows(language, source, *arrays), elsewhere[order]))
        return found


def _digest(text: str, language: str, source: str) -> bytes:
    """What is equal for equal texts of one language and source; 16 bytes."""
    kind = repr((language, source)).encode()  # no NUL in it
    return hashlib.sha256(kind + b"\0" + text.encode("utf-8", "surrogatepass")).digest()[:16]


def _high(
    human: HumanRows, strata: Sequence[Calibrated], reached: Callable[[int], int]
) -> "np.typing.NDArray[np.bool_]":
    """Rows that would flag among the others of their stratum.

    ``reached`` gives the greatest rank that flags among so many calibration rows.
    """
    high = np.zeros(len(human.scores), np.bool_)
    for entry in strata:
        own = entry.stratum
        if (own.language, own.source) == (human.language, human.source):
            end = math.inf if own.high is None else own.high
            inside = (human.words >= own.low) & (human.words < end)
            above = entry.n - np.searchsorted(entry.scores, human.scores[inside], side="left")
            high[inside] = above <= reached(entry.n - 1)
    return high
