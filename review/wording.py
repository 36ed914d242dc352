"""How findings are put into words for a reviewer: handed in, as words are the face's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from scrubtrace.schemas.messages import Messages
from scrubtrace.schemas.review import ReviewItem

Entry = Mapping[str, Any]

STORED_LANGUAGE = "en"
"""Language of the reasons in the review table."""


class Why(NamedTuple):
    """Why an item is under review: what is claimed, what it rests on, and both in one sentence.

    ``language`` is the BCP 47 tag of the words.
    """

    claim: str
    because: str
    whole: str
    language: str


@dataclass(frozen=True)
class Wording:
    """The reviewer's language: messages, one piece of evidence in words, reasons of an item."""

    messages: Messages
    in_words: Callable[[Entry], str]
    why: Callable[[ReviewItem], Why]


def parted(stored: str) -> Why:
    """Reasons in the words of the commit."""
    claim, _, because = stored.partition(": ")
    return Why(claim, because, stored, STORED_LANGUAGE)
