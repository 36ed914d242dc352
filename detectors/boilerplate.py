"""Detector `boilerplate`: phrases that assistants write and people hardly ever do.

Evidence: assistant self-disclosure ("As an AI language model, I"), knowledge cut-offs, refusals,
what is left of an assistant's identity after scrubbing ("trained by [COMPANY]", "As a , I
cannot"), residue of chat interfaces, judging and API formats, wrappers around an answer.

Why it works: chat-tuned models repeat these phrases word for word; a word filter or a brand swap
takes the names out and leaves the sentence.

Source: public filter lists and tools, reviewed and measured; each signature names its own.

A claim under a name is none under that of a role ("As Moderator, I have no opinions"; see `roles`).

Known false positives: texts that mention such phrases (see `mention`), help desks and fiction
(hence `strong` is not enough alone). Recall is low: most LLM text has no such phrase at all, and a
paraphraser removes nearly all of them. A phrase proves an LLM, rarely which one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from scrubtrace.detectors.batch import TextBatch, Window
from scrubtrace.detectors.detector import fingerprint_of
from scrubtrace.detectors.mention import MentionGuard
from scrubtrace.detectors.options import check_memory, check_names, check_texts
from scrubtrace.detectors.roles import is_role, list_digest
from scrubtrace.detectors.signature import (
    ANY,
    ByLanguage,
    chosen_signatures,
    fingerprint_parts,
)
from scrubtrace.detectors.signature_set import MAX_MEMORY, Hit, SignatureSet, compiled
from scrubtrace.schemas.evidence import Evidence, Span
from scrubtrace.schemas.vocabulary import UNDETERMINED, Abstained, Lane, Use

MARKS = frozenset({"chat_ui_residue"})
"""Categories that stand in list items because the answer they belong to was a list."""

NAMED = "unknown_identity"
"""Category of claims under a name; under that of a role they are no evidence."""


@dataclass(frozen=True)
class Boilerplate:
    """Finds boilerplate phrases; signatures of the row's language and language-neutral ones.

    A text of undetermined language is matched against every language. A text in a language
    without signatures is matched against the neutral ones, and abstained from if none hits.

    Parameters
    ----------
    max_memory : memory of one automaton, in bytes; there is one a language.
    signatures_toml : signature files of your own, their TOML texts by name.
    off : ids of signatures that are switched off.

    Raises ValueError for a memory that is too small, `SignatureError` for signatures that cannot
    be used.
    """

    max_memory: int = MAX_MEMORY
    signatures_toml: Mapping[str, str] = field(default_factory=dict)
    off: Sequence[str] = ()

    name = "boilerplate"
    version = "4"
    lane = Lane.TRACE

    def __post_init__(self) -> None:
        check_memory(self.max_memory)
        check_texts("signatures_toml", self.signatures_toml)
        check_names("off", self.off)
        _ = self.signatures

    @cached_property
    def signatures(self) -> ByLanguage:
        """The signatures in use, by language; ``any`` are language-neutral."""
        return chosen_signatures(self.name, self.signatures_toml, self.off)

    @property
    def languages(self) -> frozenset[str]:
        """Languages that have signatures of their own."""
        return frozenset(self.signatures) - {ANY}

    def fingerprint(self) -> str:
        """Digest of the version, of what every signature matches and means, and of the roles."""
        parts = fingerprint_parts(self.signatures)
        return fingerprint_of(self.name, self.version, parts, list_digest())

    def setup(self) -> None:
        """Compiles one Set a language; later calls do nothing."""
        _ = self._sets

    def detect(self, batch: TextBatch) -> Evidence:
        """Spans of every signature that hits, each with its use; see `Boilerplate`."""
        spans: list[Span] = []
        abstained: dict[int, str] = {}
        for row, language in enumerate(batch.languages):
            sets = self._sets.get(language, self._sets[ANY])
            found = {
                span for window in batch.windows(row) for span in _window_spans(row, window, sets)
            }
            spans += found
            covered = language in self._sets or not batch.texts[row].strip()
            if not found and not covered:
                abstained[row] = Abstained.LANGUAGE_NOT_COVERED
        return Evidence.of(spans, abstained)

    @cached_property
    def _sets(self) -> Mapping[str, Sequence[SignatureSet]]:
        """By language; one Set of all languages would take longer to compile than all of these."""
        neutral = tuple(self.signatures[ANY])
        own = {
            code: compiled((*self.signatures[code], *neutral), self.max_memory)
            for code in sorted(self.languages)
        }
        alone = [compiled(neutral, self.max_memory)]
        by_language = {code: [signatures] for code, signatures in own.items()}
        return by_language | {ANY: alone, UNDETERMINED: [*own.values()] or alone}


def _window_spans(row: int, window: Window, sets: Sequence[SignatureSet]) -> list[Span]:
    found: list[Hit] = []
    for signatures in sets:
        found += signatures.find_in(window)
    if not found:
        return []
    hits = [hit for hit in dict.fromkeys(found) if not _under_a_role(hit)]
    spans = [(hit.start, hit.end) for hit in hits]
    guard = MentionGuard(window.normalised.text, spans, window.in_code)
    return [_span(row, window, hit, guard.use(hit.start, hit.end)) for hit in hits]


def _under_a_role(hit: Hit) -> bool:
    """A claim "As Moderator, I ...": a person's."""
    signature = hit.signature
    return signature.category == NAMED and is_role(hit.value or "", signature.language)


def _span(row: int, window: Window, hit: Hit, use: Use) -> Span:
    signature = hit.signature
    if use == Use.LISTED and signature.category in MARKS:
        use = Use.ASSERTED
    first, last = window.span(hit.start, hit.end)
    return Span(
        row, signature.id, signature.category, signature.strength, use, first, last,
        value=hit.value,
    )  # fmt: skip
