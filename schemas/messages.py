"""What every room may ask of the language that its user reads."""

from datetime import date
from typing import Protocol


class Messages(Protocol):
    """Messages, numbers and dates in one language.

    A message is its English text, with values in braces: ``text("row {row}", row=3)``.
    """

    @property
    def language(self) -> str:
        """BCP 47 tag of the language."""

    def text(self, message: str, /, **values: object) -> str:
        """The message in this language, with its values."""

    def name(self, what: str, code: str) -> str:
        """The name of a code of a kind of codes, such as ``state``."""

    def plural(self, one: str, other: str, count: int, /, **values: object) -> str:
        """The message for so many; ``{count}`` is the number."""

    def forms(self, one: str, other: str) -> dict[str, str]:
        """All forms of a message by their plural category (CLDR), values still in braces."""

    def number(self, value: float, digits: int = 0) -> str:
        """A number with so many decimal places."""

    def percent(self, value: float, digits: int = 0) -> str:
        """A share, 0 to 1, in percent with so many decimal places."""

    def date(self, value: date) -> str:
        """A date with the name of its month."""
