"""Placeholders that an edit put in.

Evidence: artifacts of the `redaction` detector (placeholders, masks, tokens) in what was put in;
and anything of the shape of a placeholder in the place of words: [NAME], XXX, ***, 某公司, 〇〇.
"""

import re
from collections.abc import Iterator, Set

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.edits.alignment import Alignment, Hunk
from scrubtrace.detectors.edits.change import Change
from scrubtrace.detectors.edits.words import Words
from scrubtrace.detectors.redaction import Redaction
from scrubtrace.schemas.edits import EditKind
from scrubtrace.schemas.vocabulary import Use

CATEGORIES = frozenset({"placeholder", "hash_token", "mask", "brand_slot"})

MOST_REPLACED = 12
"""Words that a placeholder of one's own making replaces at most."""

_SHAPE = re.compile(
    r"(?i)(?:x{2,}|[*#_█■●○〇◯△×✱▇▓░]{2,}|\.{6,}|n\.\s?n\.|_+"
    r"|[\[<{(【〔《「（]{1,3}\s?/?[^\W\d][\w .\-/]{0,40}[\]>})】〕》」）]{1,3}"
    r"|某{1,2}[^\W\d_]{0,4}|[〇○]{2,}(?:社|さん|氏|会社)?"
    r"|(?:redacted|removed|masked|anonymi[sz]ed|deleted|censored|geschwärzt|entfernt|anonymisiert"
    r"|disensor|dihapus|disamarkan|已删除|已刪除|已脱敏|已脫敏|匿名|伏せ字|削除済み))"
)
_LETTERS = re.compile(r"\w+")
_AROUND = " .,;:!?。，、；：！？\"'"


def inserted_placeholders(
    alignment: Alignment, new_text: str, language: str, detector: Redaction, cut: Set[int]
) -> Iterator[Change]:
    """Placeholders of the new text that the old one did not have, one change a hunk.

    ``cut`` are words of the old text that went as boilerplate: no placeholder replaced them.
    """
    signals = dict(_known(alignment, new_text, language, detector))
    for hunk in alignment.hunks:
        signal = signals.get(hunk) or (
            "any.shape.placeholder" if _is_shape(alignment, hunk, cut) else ""
        )
        if signal:
            yield alignment.change(EditKind.PLACEHOLDER_PUT_IN, signal, hunk)


def _known(
    alignment: Alignment, new_text: str, language: str, detector: Redaction
) -> Iterator[tuple[Hunk, str]]:
    new, earlier = alignment.new, alignment.old.text.casefold()
    for span in detector.detect(TextBatch([new_text], [language])).found.to_pylist():
        if span["category"] not in CATEGORIES or span["use"] == Use.CODE or span["start"] is None:
            continue
        literal = new_text[span["start"] : span["end"]].casefold()
        if literal in earlier:
            continue
        hunk = _hunk_at(alignment, new, span["start"], span["end"])
        if hunk is not None:
            yield hunk, span["signal"]


def _hunk_at(alignment: Alignment, new: Words, start: int, end: int) -> Hunk | None:
    """The hunk in whose inserted passage a span of the original new text stands."""
    for hunk in alignment.hunks:
        low, high = new.original(*new.gap(hunk.new_start, hunk.new_end))
        if low <= start and end <= high:
            return hunk
    return None


def _is_shape(alignment: Alignment, hunk: Hunk, cut: Set[int]) -> bool:
    """Whether words became nothing but one thing of the shape of a placeholder."""
    removed = sum(word not in cut for word in range(hunk.old_start, hunk.old_end))
    if not 0 < removed <= MOST_REPLACED or hunk.inserted > MOST_REPLACED:
        return False
    old, new = alignment.old, alignment.new
    taken_out, inserted = alignment.passages(hunk)
    put_in = new.text[slice(*inserted)].strip(_AROUND)
    before = old.text[slice(*taken_out)].strip(_AROUND)
    if not _SHAPE.fullmatch(put_in) or _SHAPE.fullmatch(before):
        return False
    inside = "".join(_LETTERS.findall(put_in)).casefold()
    return not inside or inside not in old.text.casefold()
