"""Detector `reference`: texts that match known model output, or the input of a model.

Evidence: a text shares more with one text of the reference index than trusted human rows do. The
index holds completions and prompts of the user's own API logs, distillation sets or answers
regenerated for each task; a text found in a prompt was annotated, scored or judged by the model.

Why it works: masks, reordering, cut phrases and paraphrase leave pairs of words; those that few
texts have say which text they are from. Source: copy detection by fingerprints (Schleimer,
Wilkerson and Aiken, 2003; sampled as in FracMinHash), retrieval as a defence against paraphrase
(Krishna et al., 2023).

Known false positives: both texts quote a third; answers to one question that leave little choice;
trusted rows that were not by humans set the thresholds too high instead. Thresholds hold for this
index and for texts like the trusted rows: without any in the language of a text, only long shared
passages are more than weak. It cannot say who copied from whom.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.detector import fingerprint_of
from scrubtrace.detectors.reference.calibration import false_match_bound
from scrubtrace.detectors.reference.index import ReferenceIndex, fingerprint
from scrubtrace.detectors.reference.matching import Match, Matcher
from scrubtrace.detectors.reference.passages import Shared, located, shared
from scrubtrace.detectors.reference.shingles import LEAST_WORDS, Analysed, analyse
from scrubtrace.schemas.evidence import Evidence, Span
from scrubtrace.schemas.references import Part, Stratum
from scrubtrace.schemas.vocabulary import Abstained, Lane, MatchClass, Strength, Use

LONG_PASSAGE = 20
"""Words in a row that two texts do not share by chance, unless both quote; proof of a match."""

COVERED = 0.5
"""Share of a text's words in shared passages from which on it counts as that text, edited."""

SCRUBBED = 0.25
"""The same for a text with masked tags, which break passages up."""

SHOWN_PASSAGES = 8
PASSAGE = "passage"
SAME_TASK, OF_LANGUAGE = "same_task", "language"
"""Whose thresholds a match was judged by: of trusted answers to the same tasks, or of all rows."""


@dataclass(frozen=True)
class Reference:
    """Compares texts with a reference index.

    Parameters
    ----------
    index : folder of the index: on a disk that every worker sees under the same path, or on a Beam
        file system.
    cache : folder for copies of an index on a Beam file system, on the disk of each worker; by
        default that of the user, see `copies`.

    Raises `ReferenceIndexError` for an index that cannot be used.
    """

    index: str
    cache: str | None = None

    name = "reference"
    version = "2"
    lane = Lane.MATCH
    languages = frozenset({"en", "zh", "ja", "de", "id"})

    def fingerprint(self) -> str:
        """Digest of the version and of the index as it was when first asked for."""
        return self._fingerprint

    def setup(self) -> None:
        """Maps the files of the index; later calls do nothing."""
        _ = self._matcher

    def detect(self, batch: TextBatch) -> Evidence:
        """One match a text at most, the passages it rests on as spans; see `Reference`."""
        found = analyse(batch)
        matches = {match.row: match for match in self._matcher.matches(found.shingles, batch.tasks)}
        spans: list[Span] = []
        abstained: dict[int, str] = {}
        for row, words in enumerate(found.words.tolist()):
            own = self._spans(batch, row, found, matches.get(row)) if words >= LEAST_WORDS else []
            spans += own
            if not own and batch.texts[row].strip():
                if words < LEAST_WORDS:
                    abstained[row] = Abstained.TOO_SHORT
                elif self._stratum(batch, row) is None:
                    abstained[row] = Abstained.NOT_CALIBRATED
        return Evidence.of(spans, abstained)

    @cached_property
    def _fingerprint(self) -> str:
        return fingerprint_of(self.name, self.version, fingerprint(self.index))

    @cached_property
    def _opened(self) -> ReferenceIndex:
        opened = ReferenceIndex(self.index, cache=self.cache)
        opened.map_files()
        return opened

    @cached_property
    def _matcher(self) -> Matcher:
        return Matcher(self._opened)

    @cached_property
    def _strata(self) -> dict[tuple[str | None, bool], Stratum]:
        strata = self._opened.manifest.strata
        return {(stratum.language, stratum.same_task): stratum for stratum in strata}

    def _stratum(self, batch: TextBatch, row: int) -> Stratum | None:
        """The thresholds for a row: of its language, for answers to tasks of the index if any."""
        language = batch.languages[row]
        of_language = self._strata.get((language, False))
        if batch.tasks and self._opened.has_task(batch.tasks[row]):
            return self._strata.get((language, True), of_language)
        return of_language

    def _spans(
        self, batch: TextBatch, row: int, found: Analysed, match: Match | None
    ) -> list[Span]:
        stratum = self._stratum(batch, row)
        digest = int(found.digests[row])
        same = self._opened.verbatim(digest)
        if same is not None and (match is None or match.reference != same):
            match = self._matcher.match_with(found.shingles.of(row), row, same)
        if match is None or (same is None and stratum and match.score <= stratum.loose):
            return []
        reference = self._opened.reference(match.reference)
        parts = shared(located(batch.texts[row]), located(reference["text"]))
        kind = MatchClass.VERBATIM if same is not None else _class(parts, int(found.masks[row]))
        strength = _strength(kind, match.score, parts, stratum)
        if self._opened.is_trusted(digest):
            strength = Strength.WEAK  # people say the same
        if stratum is None and strength == Strength.WEAK:
            return []
        is_prompt = reference["part"] == Part.PROMPT
        category = MatchClass.INPUT_MATCH if is_prompt else kind
        about = self._about(reference, kind, match, parts, stratum)
        if batch.tasks and batch.tasks[row] is not None:
            about["same_task"] = batch.tasks[row] == reference["task"] and not is_prompt
        value = json.dumps(about, ensure_ascii=False)
        main = (row, f"{self.name}.{kind}", category, strength, Use.ASSERTED)
        return [
            Span(*main, score=round(match.score, 4), value=value),
            *_passage_spans(row, parts, f"{self.name}.{PASSAGE}"),
        ]

    def _about(
        self,
        reference: dict[str, Any],
        kind: MatchClass,
        match: Match,
        parts: Shared,
        stratum: Stratum | None,
    ) -> dict[str, Any]:
        """What is known of a match, for programs and people."""
        bound = false_match_bound(stratum, match.score) if stratum else None
        about = {
            "source": reference["source"],
            "part": reference["part"],
            "class": kind,
            "model": reference["model"],
            "task": reference["task"],
            "of_text": round(match.in_reference, 3),
            "of_reference": round(match.in_text, 3),
            "longest_passage_words": parts.longest,
            "false_match_bound": bound,
            "references": self._opened.manifest.references,
        }
        if stratum:
            about["trusted_rows"] = stratum.negatives
            about["thresholds"] = SAME_TASK if stratum.same_task else OF_LANGUAGE
        return {name: value for name, value in about.items() if value is not None}


def _passage_spans(row: int, parts: Shared, signal: str) -> list[Span]:
    """The longest passages, each with its place in the reference as value."""
    longest = sorted(parts.passages, key=lambda p: (-p.words, p.start))[:SHOWN_PASSAGES]
    return [
        Span(
            row, signal, PASSAGE, Strength.WEAK, Use.ASSERTED, passage.start, passage.end,
            value=f"{passage.reference_start}-{passage.reference_end}",
        )
        for passage in longest
    ]  # fmt: skip


def _class(parts: Shared, masks: int) -> MatchClass:
    """How a text is related to its reference, from the words that are in shared passages."""
    most = max(parts.text_covered, parts.reference_covered)
    least = min(parts.text_covered, parts.reference_covered)
    if masks and parts.text_covered >= SCRUBBED:
        return MatchClass.SCRUBBED
    if least >= COVERED:
        return MatchClass.EDITED
    if most >= COVERED or parts.longest >= LONG_PASSAGE:
        return MatchClass.EXCERPT
    return MatchClass.PARAPHRASED


def _strength(kind: MatchClass, score: float, parts: Shared, stratum: Stratum | None) -> Strength:
    """Proof: the same words, or a long passage; strong: above the strict threshold if any."""
    threshold = stratum.strict if stratum else None
    if kind == MatchClass.VERBATIM:
        return Strength.PROOF
    if parts.longest >= LONG_PASSAGE and (threshold is None or score > threshold):
        return Strength.PROOF
    return Strength.STRONG if threshold is not None and score > threshold else Strength.WEAK
