"""Blank spaCy pipelines that add hyphenated exceptions only when a text may have them.

An exception keeps a word in one token. spaCy's Indonesian has 15,577 hyphenated ones, which take
seconds to add (`benchmarks/startup.py`). Texts are split as if all were there from the start.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from spacy.language import Language

_HYPHENATED = re.compile(r"\w+(?:-\w+)+")
_MAY_HAVE_SOME = re.compile(r"\b\w++(?:\s*+-\s*+\w++)++")
"""Spaces too: spaCy also looks at words whose hyphen stands between spaces."""

_HYPHEN = re.compile(r"\s*-\s*")


class BlankPipeline:
    """A tokenizer and a sentencizer of one language; raises what ``spacy.blank`` raises."""

    def __init__(self, code: str) -> None:
        from spacy.util import get_lang_class

        language = get_lang_class(code)
        every = language.Defaults.tokenizer_exceptions or {}
        self._later = {word: every[word] for word in every if _HYPHENATED.fullmatch(word)}
        self._most = max((len(word.split("-")) for word in self._later), default=0)
        now = {word: tokens for word, tokens in every.items() if word not in self._later}
        defaults = type("Defaults", (language.Defaults,), {"tokenizer_exceptions": now})
        self.pipeline: Language = type(language.__name__, (language,), {"Defaults": defaults})()
        self.pipeline.add_pipe("sentencizer")

    def prepare(self, text: str) -> None:
        """Adds the exceptions that a text may have, before it is split.

        Not within a memory zone of the pipeline, at whose end they would be lost.
        """
        for word in hyphenated(text, self._most):
            if tokens := self._later.pop(word, None):
                cast(Any, self.pipeline.tokenizer).add_special_case(word, tokens)


def hyphenated(text: str, most: int) -> Iterator[str]:
    """Hyphenated words of at most so many parts within a text, and within longer words of it.

    Of "a-b-c" these are "a-b", "b-c" and "a-b-c". In time linear in the text.
    """
    for found in _MAY_HAVE_SOME.finditer(text) if most else ():
        parts = _HYPHEN.split(found[0])
        for first in range(len(parts)):
            for end in range(first + 2, min(first + most, len(parts)) + 1):
                yield "-".join(parts[first:end])
