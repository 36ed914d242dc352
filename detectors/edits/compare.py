"""`EditJudge`: what of an edit is what scrubbing does. Pure: two texts in, changes out."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from scrubtrace.detectors.boilerplate import Boilerplate
from scrubtrace.detectors.edits.alignment import align
from scrubtrace.detectors.edits.boilerplate import change_of, cut_boilerplate, plain_cuts
from scrubtrace.detectors.edits.change import Change
from scrubtrace.detectors.edits.hidden import hidden_characters
from scrubtrace.detectors.edits.names import removed_names
from scrubtrace.detectors.edits.paraphrase import paraphrase
from scrubtrace.detectors.edits.placeholders import inserted_placeholders
from scrubtrace.detectors.edits.words import words_of
from scrubtrace.detectors.redaction import Redaction
from scrubtrace.schemas.vocabulary import UNDETERMINED

LEAST_KEPT = 0.3
"""Share of the old words that must be kept, unless the text was paraphrased: else it is another
text, and what is in it was not put in."""

MOST_CHARS = 1 << 20
"""Code points of a text that are compared; what follows is not looked at."""


@dataclass(frozen=True)
class EditJudge:
    """Finds in an edit what scrubbing does; see the modules for each kind and its limits."""

    _boilerplate: Boilerplate = field(default_factory=Boilerplate)
    _redaction: Redaction = field(
        default_factory=lambda: Redaction(residual_pii=False, look_at_sentences=False)
    )

    def setup(self) -> None:
        """Compiles the signatures; later calls do nothing."""
        self._boilerplate.setup()
        self._redaction.setup()

    def changes(self, old: str, new: str, language: str = UNDETERMINED) -> list[Change]:
        """What an edit of a text did that scrubbing does, in the order of the old text.

        Offsets are code points of the texts as given. Nothing for equal texts, and for edits of
        white space, punctuation, markup, case and spelling alone.
        """
        return self.examine(old, new, language).changes

    def examine(self, old: str, new: str, language: str = UNDETERMINED) -> "Examined":
        """What `changes` gives, and the sentences that count only if many rows lose the same."""
        if old == new:
            return Examined([])
        old, new = old[:MOST_CHARS], new[:MOST_CHARS]
        hidden = list(hidden_characters(old, new))
        before, behind = words_of(old), words_of(new)
        if before.words == behind.words:
            return Examined(hidden)
        alignment = align(before, behind)
        found = list(paraphrase(alignment))
        whole = bool(found)
        cuts = cut_boilerplate(alignment, old, language, self._boilerplate, whole)
        found += [change_of(alignment, cut) for cut in cuts]
        cut_words = {word for cut in cuts for word in cut.words}
        found += removed_names(alignment, cut_words, whole)
        if whole or alignment.kept_share(range(len(before))) >= LEAST_KEPT:
            found += hidden
            found += inserted_placeholders(alignment, new, language, self._redaction, cut_words)
        more = [
            (change_of(alignment, cut), _key(before.words[cut.words.start : cut.words.stop]))
            for cut in plain_cuts(alignment, cut_words)
        ]
        return Examined(sorted(set(found), key=_place), more)


@dataclass(frozen=True)
class Examined:
    """Changes, and further ones, each with a 64-bit key of the words that were cut."""

    changes: list[Change]
    if_recurring: list[tuple[Change, int]] = field(default_factory=list)


def _key(words: Sequence[str]) -> int:
    digest = hashlib.blake2b(" ".join(words).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def _place(change: Change) -> tuple[object, ...]:
    return (change.old, change.new, change.kind, change.signal)
