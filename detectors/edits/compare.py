"""`EditJudge`: what of an edit is what scrubbing does. Pure: two texts in, changes out."""

from dataclasses import dataclass, field

from scrubtrace.detectors.boilerplate import Boilerplate
from scrubtrace.detectors.edits.alignment import align
from scrubtrace.detectors.edits.boilerplate import change_of, cut_boilerplate
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
        if old == new:
            return []
        old, new = old[:MOST_CHARS], new[:MOST_CHARS]
        hidden = list(hidden_characters(old, new))
        before, behind = words_of(old), words_of(new)
        found: list[Change] = []
        if before.words == behind.words:
            found = hidden
        else:
            alignment = align(before, behind)
            found += paraphrase(alignment)
            whole = bool(found)
            stayed = alignment.kept_share(range(len(before))) >= LEAST_KEPT
            found += hidden if stayed or whole else []
            cuts = cut_boilerplate(alignment, old, language, self._boilerplate, whole)
            found += [change_of(alignment, cut) for cut in cuts]
            cut_words = {word for cut in cuts for word in cut.words}
            found += removed_names(alignment, cut_words, whole)
            if stayed or whole:
                found += inserted_placeholders(alignment, new, language, self._redaction, cut_words)
        return sorted(set(found), key=_place)


def _place(change: Change) -> tuple[object, ...]:
    return (change.old, change.new, change.kind, change.signal)
