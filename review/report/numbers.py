"""How numbers are written in the figures of a report."""

from typing import Protocol


class Numbers(Protocol):
    """Numbers in one language; `scrubtrace.schemas.messages.Messages` are such."""

    @property
    def language(self) -> str:
        """BCP 47 tag of the language."""

    def number(self, value: float, digits: int = 0) -> str:
        """A number with so many decimal places."""

    def percent(self, value: float, digits: int = 0) -> str:
        """A share, 0 to 1, in percent with so many decimal places."""


class EnglishNumbers:
    """Numbers as Python writes them."""

    language = "en"

    def number(self, value: float, digits: int = 0) -> str:
        """With commas between thousands."""
        return f"{value:,.{digits}f}"

    def percent(self, value: float, digits: int = 0) -> str:
        """With no space before the sign."""
        return f"{value:.{digits}%}"


ENGLISH: Numbers = EnglishNumbers()
