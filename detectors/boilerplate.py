"""Detector `boilerplate`: phrases that assistants write and people hardly ever do.

Evidence: assistant self-disclosure ("As an AI language model, I"), knowledge cut-offs, refusals,
what is left of an assistant's identity after scrubbing ("trained by [COMPANY]", "As a , I
cannot"), residue of chat interfaces, judging and API formats, wrappers around an answer.

Why it works: chat-tuned models repeat these phrases word for word; a word filter or a brand swap
takes the names out and leaves the sentence.

Source: public filter lists and tools, reviewed and measured; each signature names its own.

Known false positives: texts that mention such phrases (see `mention`), help desks and fiction
(hence `strong` is not enough alone). Recall is low: most LLM text has no such phrase at all, and a
paraphraser removes nearly all of them. A phrase proves an LLM, rarely which one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from scrubtrace.detectors.batch import TextBatch, Window
from scrubtrace.detectors.detector import fingerprint_of
from scrubtrace.detectors.mention import MentionGuard
from scrubtrace.detectors.signature_set import (
    MAX_MEMORY,
    Signature,
    SignatureSet,
    load_signatures,
)
from scrubtrace.schemas.evidence import Evidence, Span
from scrubtrace.schemas.vocabulary import UNDETERMINED, Abstained, Lane, Use

ANY = "any"

LEAST_MEMORY = 1 << 24
"""Below some mebibytes the automaton cannot be built, in bytes."""

MARKS = frozenset({"chat_ui_residue"})
"""Categories that stand in list items because the answer they belong to was a list."""


@dataclass(frozen=True)
class Boilerplate:
    """Finds boilerplate phrases; signatures of the row's language and language-neutral ones.

    A text of undetermined language is matched against every language. A text in a language
    without signatures is matched against the neutral ones, and abstained from if none hits.

    Parameters
    ----------
    max_memory : memory of one automaton, in bytes; there is one a language.
    """

    max_memory: int = MAX_MEMORY

    name = "boilerplate"
    version = "1"
    lane = Lane.TRACE

    def __post_init__(self) -> None:
        if self.max_memory < LEAST_MEMORY:
            raise ValueError(f"max_memory is at least {LEAST_MEMORY}, not {self.max_memory}")

    @cached_property
    def signatures(self) -> Mapping[str, tuple[Signature, ...]]:
        """The shipped signatures, by language; ``any`` are language-neutral."""
        return load_signatures(self.name)

    @property
    def languages(self) -> frozenset[str]:
        """Languages that have signatures of their own."""
        return frozenset(self.signatures) - {ANY}

    def fingerprint(self) -> str:
        """Digest of the version and of what every signature matches and means."""
        content = [
            (s.id, s.language, s.category, s.strength, s.expression)
            for language in sorted(self.signatures)
            for s in self.signatures[language]
        ]
        return fingerprint_of(self.name, self.version, content)

    def setup(self) -> None:
        """Compiles one Set a language; later calls do nothing."""
        _ = self._sets

    def detect(self, batch: TextBatch) -> Evidence:
        """Spans of every signature that hits, each with its use; see `Boilerplate`."""
        spans: list[Span] = []
        abstained: dict[int, str] = {}
        for row, language in enumerate(batch.languages):
            signatures = self._sets.get(language, self._sets[ANY])
            found = {
                span
                for window in batch.windows(row)
                for span in _window_spans(row, window, signatures)
            }
            spans += found
            covered = language in self._sets or not batch.texts[row].strip()
            if not found and not covered:
                abstained[row] = Abstained.LANGUAGE_NOT_COVERED
        return Evidence.of(spans, abstained)

    @cached_property
    def _sets(self) -> Mapping[str, SignatureSet]:
        neutral = self.signatures[ANY]
        everything = [s for signatures in self.signatures.values() for s in signatures]
        by_language = {code: [*self.signatures[code], *neutral] for code in self.languages}
        wanted = by_language | {ANY: [*neutral], UNDETERMINED: everything}
        return {code: SignatureSet(sigs, self.max_memory) for code, sigs in wanted.items()}


def _window_spans(row: int, window: Window, signatures: SignatureSet) -> list[Span]:
    text = window.normalised.text
    numbers = signatures.hits(text)
    if not numbers:
        return []
    hits = [
        (number, start, end)
        for number in numbers
        for start, end in signatures.spans(number, text)
        if _is_whole(window, start, end)
    ]
    guard = MentionGuard(text, [(start, end) for _, start, end in hits])
    return [_span(row, window, signatures.signatures[n], s, e, guard) for n, s, e in hits]


def _is_whole(window: Window, start: int, end: int) -> bool:
    """Whether a hit is sure not to be an artefact of where a long text was cut."""
    at_cut = start == 0 and not window.is_first
    return not at_cut and (end < len(window.normalised.text) or window.is_last)


def _span(
    row: int, window: Window, signature: Signature, start: int, end: int, guard: MentionGuard
) -> Span:
    use = guard.use(start, end)
    if use == Use.LISTED and signature.category in MARKS:
        use = Use.ASSERTED
    first, last = window.span(start, end)
    return Span(row, signature.id, signature.category, signature.strength, use, first, last)
