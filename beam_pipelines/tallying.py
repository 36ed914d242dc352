"""From what a detector says of texts to what became of their rows."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from scrubtrace.beam_pipelines.decoding import Rows
from scrubtrace.schemas.receipts import Tally
from scrubtrace.schemas.vocabulary import Abstained


def tally_rows(rows: Rows, reasons: Mapping[int, str]) -> Tally:
    """The tally of one detector, from the reasons of the texts that it abstained from.

    A row is judged if one of its texts is. It counts as an error if the detector raised on any of
    them, and as abstained if it abstained from all or if there are none: for the most frequent
    reason, of equally frequent ones the first by name.
    """
    tally = Tally()
    tally.sampled_out = rows.sampled_out
    tally.texts_judged = len(rows.texts) - len(reasons)
    tally.texts_abstained.update(reasons.values())
    tally.dead.update(dead.reason for dead in rows.dead.values())
    texts = Counter(rows.text_rows)
    by_row: dict[int, list[str]] = defaultdict(list)
    for text, reason in reasons.items():
        by_row[rows.text_rows[text]].append(reason)
    for row, found in by_row.items():
        if Abstained.DETECTOR_ERROR in found:
            tally.abstained[Abstained.DETECTOR_ERROR] += 1
        elif len(found) == texts[row]:
            tally.abstained[_most_frequent(found)] += 1
    alive = len(rows) - len(rows.dead) - rows.sampled_out
    if alive > len(texts):
        tally.abstained[Abstained.NO_TURN_TO_JUDGE] += alive - len(texts)
    tally.judged = alive - tally.abstained.total()
    return tally


def _most_frequent(reasons: list[str]) -> str:
    counts = Counter(reasons)
    return min(counts, key=lambda reason: (-counts[reason], reason))
