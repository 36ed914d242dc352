"""Signatures matched all at once by RE2.

RE2 runs in time linear in the text whatever the pattern. One ``re2.Set`` finds which signatures
hit; only then is each of those run alone, for its spans.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import re2

from scrubtrace.detectors.batch import Window
from scrubtrace.detectors.normalise import normalise
from scrubtrace.detectors.signature import Signature, SignatureError

MAX_MEMORY = 256 << 20
"""Memory that one Set may take for its automaton, in bytes; RE2 starts over when it is full."""

KEPT_SETS = 64
"""Sets that one process keeps compiled for whoever needs them again; a detector takes at most 8."""

VALUE = "value"
SPAN = "span"
VALUE_CHARS = 80
"""Longest value that a match keeps, in code points."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One match of a signature: offsets in the text that was searched, and what it captured."""

    signature: Signature
    start: int
    end: int
    value: str | None = None


class SignatureSet:
    """Signatures compiled for matching; building one takes some tens of milliseconds."""

    def __init__(self, signatures: Iterable[Signature], max_memory: int = MAX_MEMORY) -> None:
        self.signatures = tuple(signatures)
        options = _options(max_memory)
        self._set = re2.Set.SearchSet(options)
        self._patterns = []
        for signature in self.signatures:
            try:
                self._set.Add(signature.expression)
                self._patterns.append(re2.compile(signature.expression, options))
            except re2.error as error:
                raise SignatureError(f"signature {signature.id!r}: {error}") from None
        self._compile(max_memory)

    def _compile(self, max_memory: int) -> None:
        """A Set with too little memory may find nothing and say nothing, so examples are tried."""
        too_few = f"{max_memory} bytes are too few for {len(self.signatures)} signatures"
        try:
            self._set.Compile()
        except re2.error:
            raise SignatureError(too_few) from None
        for number, signature in enumerate(self.signatures):
            for example in signature.match[:1]:
                text = example if signature.on_original else normalise(example).text
                if self._patterns[number].search(text) and number not in self.hits(text):
                    raise SignatureError(too_few)

    def hits(self, text: str) -> list[int]:
        """Numbers of the signatures that occur in a text, ascending."""
        return sorted(self._set.Match(text) or ())

    def find(self, text: str) -> list[Hit]:
        """Every match in a text, signature by signature, from left to right."""
        return [hit for number in self.hits(text) for hit in self._matches(number, text)]

    def find_in(self, window: Window) -> list[Hit]:
        """The matches in a normalised window that this window decides on; see `Window.owns`."""
        found = self.find(window.normalised.text)
        return [hit for hit in found if window.owns(hit.start, hit.end)]

    def _matches(self, number: int, text: str) -> Iterator[Hit]:
        signature, pattern = self.signatures[number], self._patterns[number]
        captures = VALUE in pattern.groupindex
        whole = pattern.groupindex.get(SPAN, 0)
        for found in pattern.finditer(text):
            value = found[VALUE][:VALUE_CHARS] if captures and found[VALUE] else None
            start, end = found.span(whole) if found.start(whole) >= 0 else found.span()
            yield Hit(signature, start, end, value)


@lru_cache(maxsize=KEPT_SETS)
def compiled(signatures: tuple[Signature, ...], max_memory: int = MAX_MEMORY) -> SignatureSet:
    """The Set of these signatures, compiled once a process: matching changes nothing in it.

    Threads of a worker that each set up a detector share its Sets. Raises `SignatureError`.
    """
    return SignatureSet(signatures, max_memory)


def _options(max_memory: int) -> re2.Options:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = max_memory
    return options
