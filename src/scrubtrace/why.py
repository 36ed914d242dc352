"""Why an item is under review, in the language of a reviewer, from what the review table has."""

from collections.abc import Iterator, Sequence
from functools import partial

from scrubtrace.messages import ENGLISH, Messages
from scrubtrace.policy import EvidenceRow, kind_of, residue_of
from scrubtrace.review.wording import Why, Wording, parted
from scrubtrace.schemas.review import ReviewItem
from scrubtrace.schemas.style import style_value
from scrubtrace.schemas.vocabulary import Kind, Use
from scrubtrace.style_words import note_words
from scrubtrace.words import claim_and_reasons, in_words, reasons


def wording(messages: Messages) -> Wording:
    """How the review room puts evidence and reasons into these messages' language."""
    return Wording(messages, partial(in_words, messages=messages), partial(why, messages=messages))


def why(item: ReviewItem, messages: Messages) -> Why:
    """The stored reasons of an item in the language of the messages."""
    return said_again(item.kind, item.why, item.evidence, messages)


def said_again(kind: str, stored: str, evidence: Sequence[EvidenceRow], messages: Messages) -> Why:
    """Reasons that are stored in English, in the language of the messages.

    They are made anew of those pieces of evidence that give the stored reasons letter for letter.
    Where none do, as after a version that used other words, the stored ones are given.
    """
    if messages.language != ENGLISH.language:
        try:
            if found := _again(Kind(kind), stored, evidence, messages):
                return found
        except (KeyError, ValueError):  # a kind or evidence of another version
            pass
    return parted(stored)


def _again(
    kind: Kind, stored: str, evidence: Sequence[EvidenceRow], messages: Messages
) -> Why | None:
    for chosen in _choices(kind, evidence):
        said = reasons(kind, chosen)
        note = "" if stored == said else _note(stored.removeprefix(f"{said}; "), chosen, messages)
        if note is None:
            continue
        claim, because = claim_and_reasons(kind, chosen, messages)
        because = messages.joined([because, note]) if note else because
        whole = messages.text("{claim}: {because}", claim=claim, because=because)
        return Why(claim, because, whole, messages.language)
    return None


def _choices(kind: Kind, evidence: Sequence[EvidenceRow]) -> Iterator[list[EvidenceRow]]:
    """What reasons may have been made of: the table does not say what the policy counted."""
    if kind == Kind.LLM_STYLE:
        yield from ([entry] for entry in evidence if kind_of(entry) == kind)
        return
    asserted = [entry for entry in evidence if entry["use"] == Use.ASSERTED]
    for counted in (asserted, list(evidence)):
        of_kind = [entry for entry in counted if kind_of(entry) == kind]
        if kind == Kind.REDACTION and (residue := residue_of(counted)):
            yield [*of_kind, *residue]
        yield of_kind


def _note(note: str, chosen: Sequence[EvidenceRow], messages: Messages) -> str | None:
    stratum = style_value(chosen[0]).get("stratum") if len(chosen) == 1 else None
    return note_words(note, stratum, messages) if stratum else None
