"""`TextBatch`: the texts of one batch and the views of them that detectors share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from scrubtrace.detectors.normalise import Normalised, normalise
from scrubtrace.detectors.regions import count_fences
from scrubtrace.schemas.vocabulary import UNDETERMINED

WINDOW_CHARS = 1 << 18
"""Longest piece of a text that is normalised and matched at once, in code points."""

OVERLAP_CHARS = 1 << 12
"""How far neighbouring windows of one text overlap: longer than any signature can match."""


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of one text in its normalised form; nearly always the whole text.

    ``offset`` is where the piece starts in the original, in code points. What begins from ``first``
    to before ``last`` (of the original) is this window's to decide; the rest is a neighbour's.
    ``in_code`` says that the piece begins inside a fenced block.
    """

    normalised: Normalised
    offset: int = 0
    first: int = 0
    last: int | None = None
    in_code: bool = False

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original text of a span of the normalised window."""
        first, last = self.normalised.original(start, end)
        return self.offset + first, self.offset + last

    def owns(self, start: int, end: int) -> bool:
        """Whether a span of the normalised window is this window's to decide.

        Every place of a text belongs to one window, so that nothing is found twice, and lies far
        enough from where that window was cut that no match of less than `OVERLAP_CHARS` / 2 is
        changed by it.
        """
        place = self.span(start, end)[0]
        return self.first <= place and (self.last is None or place < self.last)


@dataclass(frozen=True)
class TextBatch:
    """Texts of equal standing with what is known of them; views are computed once, when used.

    All detectors are given the same batch, so what it is made of is kept as tuples.

    Parameters
    ----------
    texts : one text a row; an empty string where there is none.
    languages : ISO 639-1 code a row, or ``und``; all ``und`` if left out.
    tasks : what each text is an answer to, by an id of the user's, or None; empty if not known.
    sources : what each text is from (the group ``source``), or None; empty if not known.
    """

    texts: Sequence[str]
    languages: Sequence[str] = ()
    tasks: Sequence[str | None] = ()
    sources: Sequence[str | None] = ()
    _windows: dict[int, Window] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("texts", "languages", "tasks", "sources"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.languages:
            object.__setattr__(self, "languages", (UNDETERMINED,) * len(self.texts))
        if len(self.languages) != len(self.texts):
            counts = f"{len(self.texts)} texts and {len(self.languages)} languages"
            raise ValueError(f"a batch needs one language a text, but has {counts}")
        for what, values in (("task", self.tasks), ("source", self.sources)):
            if values and len(values) != len(self.texts):
                counts = f"{len(self.texts)} texts and {len(values)} {what}s"
                raise ValueError(f"a batch needs one {what} a text or none, but has {counts}")

    @classmethod
    def from_arrow(cls, texts: pa.Array, languages: pa.Array | None = None) -> "TextBatch":
        """Batch from Arrow string columns; nulls become empty texts and ``und``."""
        codes = (
            [] if languages is None else [code or UNDETERMINED for code in languages.to_pylist()]
        )
        return cls([text or "" for text in texts.to_pylist()], codes)

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Sequence[int]) -> "TextBatch":
        """A batch of some of the rows, in the order given."""
        return TextBatch(
            tuple(self.texts[r] for r in rows),
            tuple(self.languages[r] for r in rows),
            tuple(self.tasks[r] for r in rows) if self.tasks else (),
            tuple(self.sources[r] for r in rows) if self.sources else (),
        )

    def windows(self, row: int) -> Iterator[Window]:
        """The normalised windows of one text: one for a text of up to `WINDOW_CHARS`.

        A longer text is normalised a window at a time, so that memory does not grow with it.
        """
        text = self.texts[row]
        if len(text) > WINDOW_CHARS:
            yield from _long_text_windows(text)
            return
        window = self._windows.get(row)
        if window is None:
            window = self._windows[row] = Window(normalise(text))
        yield window


def _long_text_windows(text: str) -> Iterator[Window]:
    step, half = WINDOW_CHARS - OVERLAP_CHARS, OVERLAP_CHARS // 2
    in_code, counted = False, 0
    for offset in range(0, len(text), step):
        piece = normalise(text[offset : offset + WINDOW_CHARS])
        in_code ^= bool(count_fences(text[counted:offset]) % 2)
        counted = offset
        is_last = offset + WINDOW_CHARS >= len(text)
        first = offset + half if offset else 0
        yield Window(piece, offset, first, None if is_last else offset + step + half, in_code)
        if is_last:
            return
