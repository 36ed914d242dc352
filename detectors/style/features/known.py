"""The words of texts looked up once in the lexicon, for all measures that rest on it."""

from dataclasses import dataclass

from numpy import flatnonzero

from scrubtrace.detectors.reference.tokens import Numbers, Words
from scrubtrace.detectors.style.frame import Frame
from scrubtrace.detectors.style.lexicon import Values, lexicon


@dataclass(frozen=True, eq=False)
class KnownWords:
    """Words that do not begin with a digit, and how frequent they are.

    Attributes
    ----------
    tokens : numbers of the tokens, int64 (words,).
    hashes : of the words in lower case, of those that end in ``'s`` without it.
    zipf : Zipf frequencies in steps of the lexicon, -1 for words that it does not have.
    """

    tokens: Numbers
    hashes: Words
    zipf: Values

    @classmethod
    def of(cls, frame: Frame, language: str) -> "KnownWords":
        """The words of a frame; raises ValueError for a language without a lexicon."""
        hashes = _without_s(frame)
        return cls(frame.spelled, hashes, lexicon(language).words.find(hashes))


def _without_s(frame: Frame) -> Words:
    hashes = frame.hashes[frame.spelled]
    starts, ends = frame.token_starts, frame.token_ends[frame.spelled]
    quoted = flatnonzero(frame.codes[ends - 2] == ord("'"))
    last = frame.lowered[ends[quoted] - 1]
    owners = quoted[(last == ord("s")) & (ends[quoted] - starts[frame.spelled[quoted]] > 2)]
    hashes[owners] = frame.span_hashes(starts[frame.spelled[owners]], ends[owners] - 2)
    return hashes
