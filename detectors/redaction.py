"""Detector `redaction`: traces of machine de-identification and of cut or swapped names.

Evidence: placeholders of masking tools, with the tools that write them so; hashes and tokens;
masked numbers and names after national practice; slots and holes where a name stood; a model
beside another maker; invisible and look-alike characters; stand-ins for personal data, which
count when they are of several kinds or repeat where chance would not; personal data that is still
there beside placeholders.

Why it works: tools leave the same few strings everywhere, and whoever deletes a name seldom mends
the sentence.

Source: each signature names its own; most were read in the tools' sources.

Known false positives: manuals and templates that hold the same slots (see `context`), court and
news prose, forms. A placeholder proves de-identification, not an LLM and not who did it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property

from scrubtrace.detectors.batch import TextBatch, Window
from scrubtrace.detectors.combine import Thresholds, kept, together
from scrubtrace.detectors.context import ContextGuard
from scrubtrace.detectors.cut_residue import CutResidue
from scrubtrace.detectors.detector import fingerprint_of
from scrubtrace.detectors.mention import MentionGuard
from scrubtrace.detectors.options import (
    check_flag,
    check_keys,
    check_memory,
    check_names,
    check_texts,
)
from scrubtrace.detectors.residual_pii import ResidualPii
from scrubtrace.detectors.signature import (
    ANY,
    ByLanguage,
    Signature,
    chosen_signatures,
    fingerprint_parts,
    flat,
)
from scrubtrace.detectors.signature_set import MAX_MEMORY, Hit, SignatureSet, compiled
from scrubtrace.detectors.vendors import is_conflict
from scrubtrace.schemas.evidence import Evidence, Span
from scrubtrace.schemas.vocabulary import UNDETERMINED, Lane, Strength, Use

CUT = "cut_residue"
MASKING = frozenset({"placeholder", "hash_token", "mask"})
SURE = (Strength.PROOF, Strength.STRONG)
CONFLICT = "vendor_conflict"
"""A sentence: quoting or reporting one is a mention."""

VALUES_ARE_TEXT = frozenset({"surrogate"})
NO_VALUE = frozenset({CONFLICT, "placeholder", "hash_token"})
"""What stands in their place is text of the row; only a family is the name of tools."""


@dataclass(frozen=True)
class Redaction:
    """Finds redaction artifacts: signatures of the row's language and language-neutral ones.

    A pattern screen reads every row. Rows with masked data go through Presidio for personal data
    that is left; rows in which the screen suspects a hole, through spaCy. It never abstains: the
    artifacts of tools are the same in every language.

    Parameters
    ----------
    signatures_toml : signature files of your own, their TOML texts by name.
    off : ids of signatures that are switched off.
    residual_pii : whether to look for personal data beside masks (with Presidio).
    look_at_sentences : whether to look for holes in sentences (with spaCy).
    models : installed spaCy models by language, for holes; blank pipelines without.
    max_memory : memory of one automaton, in bytes; there is one a language.
    thresholds : numbers of `Thresholds` that are to be others.

    Raises `SignatureError` for signatures that cannot be used, ValueError for other options that
    cannot, such as a model that is not installed.
    """

    signatures_toml: Mapping[str, str] = field(default_factory=dict)
    off: Sequence[str] = ()
    residual_pii: bool = True
    look_at_sentences: bool = True
    models: Mapping[str, str] = field(default_factory=dict)
    max_memory: int = MAX_MEMORY
    thresholds: Mapping[str, int] = field(default_factory=dict)

    name = "redaction"
    version = "3"
    lane = Lane.TRACE

    def __post_init__(self) -> None:
        check_texts("signatures_toml", self.signatures_toml)
        check_texts("models", self.models)
        check_names("off", self.off)
        check_memory(self.max_memory)
        check_flag("residual_pii", self.residual_pii)
        check_flag("look_at_sentences", self.look_at_sentences)
        check_keys("thresholds", self.thresholds, [entry.name for entry in fields(Thresholds)])
        _ = self.signatures, self._cuts, self._thresholds

    @cached_property
    def signatures(self) -> ByLanguage:
        """The signatures in use, by language; ``any`` are language-neutral."""
        return chosen_signatures(self.name, self.signatures_toml, self.off)

    @property
    def languages(self) -> frozenset[str]:
        """Languages that have signatures of their own."""
        return frozenset(self.signatures) - {ANY}

    def fingerprint(self) -> str:
        """Digest of version, signatures, thresholds and options."""
        stages = [self.residual_pii, self.look_at_sentences]
        options = [stages, dict(self.models), vars(self._thresholds)]
        options += [self._pii.fingerprint() if self.residual_pii else "", self._cuts.fingerprint()]
        parts = fingerprint_parts(self.signatures)
        return fingerprint_of(self.name, self.version, parts, options)

    def setup(self) -> None:
        """Compiles the Sets; Presidio and spaCy are loaded when a row first needs them."""
        _ = self._sets, self._original

    def detect(self, batch: TextBatch) -> Evidence:
        """Spans of artifacts with their use; see `Redaction`."""
        found = {row: spans for row in range(len(batch)) if (spans := self._screen(row, batch))}
        self._decide_cuts(found, batch)
        if self.residual_pii:
            self._add_residual_pii(found, batch)
        return Evidence.of([s for spans in found.values() for s in kept(spans)], {})

    def _screen(self, row: int, batch: TextBatch) -> list[Span]:
        signatures = self._sets.get(batch.languages[row], self._sets[ANY])
        spans: set[Span] = set()
        text = batch.texts[row]
        is_changed = not text.isascii()
        for window in batch.windows(row):
            spans |= _window_spans(row, window, signatures.find_in(window))
            is_changed |= bool(window.normalised.edits)
        if is_changed:
            spans |= {
                _span(row, hit, hit.start, hit.end, Use.ASSERTED)
                for hit in self._original.find(text)
            }
        return [_without_data(s) for s in spans] + together(row, spans, self._thresholds)

    def _decide_cuts(self, found: dict[int, list[Span]], batch: TextBatch) -> None:
        """Puts what spaCy makes of the sentences in the place of the screen's suspicion."""
        rows = [
            row
            for row, spans in found.items()
            if any(s.category == CUT or (s.category in MASKING and _counts(s)) for s in spans)
        ]
        texts = [(batch.texts[row], batch.languages[row]) for row in rows]
        looked = self._cuts.find(texts) if self.look_at_sentences else [()] * len(rows)
        for row, cuts in zip(rows, looked, strict=True):
            enough = len(cuts) >= self._thresholds.cuts
            strength = Strength.STRONG if enough else Strength.WEAK
            spans = [s for s in found[row] if s.category != CUT]
            spans += [
                Span(row, f"{ANY}.{CUT}.{c.kind}", CUT, strength, Use.ASSERTED, c.start, c.end)
                for c in cuts
            ]
            found[row] = spans

    def _add_residual_pii(self, found: dict[int, list[Span]], batch: TextBatch) -> None:
        for row, spans in found.items():
            if any(s.category in MASKING and _counts(s) for s in spans):
                counts = self._pii.counts(batch.texts[row], batch.languages[row])
                spans += [_pii_span(row, entity, n) for entity, n in sorted(counts.items())]

    @cached_property
    def _sets(self) -> Mapping[str, SignatureSet]:
        normal = {code: _of(sigs, False) for code, sigs in self.signatures.items()}
        neutral = normal[ANY]
        wanted = {code: [*normal[code], *neutral] for code in self.languages}
        wanted |= {ANY: neutral, UNDETERMINED: _of(flat(self.signatures), False)}
        return {code: compiled(tuple(sigs), self.max_memory) for code, sigs in wanted.items()}

    @cached_property
    def _original(self) -> SignatureSet:
        return compiled(tuple(_of(flat(self.signatures), True)), self.max_memory)

    @cached_property
    def _thresholds(self) -> Thresholds:
        return Thresholds(**self.thresholds)

    @cached_property
    def _cuts(self) -> CutResidue:
        return CutResidue(self.models)

    @cached_property
    def _pii(self) -> ResidualPii:
        return ResidualPii()


def _of(signatures: Iterable[Signature], on_original: bool) -> list[Signature]:
    return [s for s in signatures if s.on_original == on_original]


def _window_spans(row: int, window: Window, hits: Sequence[Hit]) -> set[Span]:
    if not hits:
        return set()
    text = window.normalised.text
    guard = ContextGuard(text, window.in_code)
    mentions = MentionGuard(text, [(hit.start, hit.end) for hit in hits], window.in_code)
    spans = set()
    for hit in hits:
        if hit.signature.category != CONFLICT:
            use = guard.use(hit)
        elif is_conflict(hit.value or ""):
            use = mentions.use(hit.start, hit.end)
        else:
            continue
        spans.add(_span(row, hit, *window.span(hit.start, hit.end), use))
    return spans


def _without_data(span: Span) -> Span:
    """A stand-in's value is text of the row; it was kept until now to see whether it repeats."""
    return replace(span, value=None) if span.category in VALUES_ARE_TEXT else span


def _span(row: int, hit: Hit, start: int, end: int, use: Use) -> Span:
    s = hit.signature
    value = s.family or (None if s.category in NO_VALUE else hit.value)
    return Span(row, s.id, s.category, s.strength, use, start, end, value=value)


def _counts(span: Span) -> bool:
    return span.strength in SURE and span.use == Use.ASSERTED


def _pii_span(row: int, entity: str, count: int) -> Span:
    """Type and count only; where the data stand is not said."""
    signal = f"{ANY}.residual_pii.{entity.lower()}"
    return Span(
        row, signal, "residual_pii", Strength.WEAK, Use.ASSERTED, score=float(count), value=entity
    )
