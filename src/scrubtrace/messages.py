"""Messages in the language of the user, from gettext catalogs; numbers and dates as in CLDR.

A message is its English text, with values in braces. What a catalog lacks is said in English. The
environment's locale is not looked at: the same call gives the same words everywhere.
"""

import gettext
import re
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import cache, cached_property
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel import Locale

LANGUAGES = ("en", "zh-Hans", "zh-Hant", "ja", "de", "id")
"""Languages with messages, by BCP 47 tag; English is the source and has no catalog."""

DOMAIN = "scrubtrace"

_SAME = {
    "zh": "zh-Hans",
    "zh-cn": "zh-Hans",
    "zh-sg": "zh-Hans",
    "zh-tw": "zh-Hant",
    "zh-hk": "zh-Hant",
    "zh-mo": "zh-Hant",
}
"""Script that a region writes, where a tag names none (CLDR, likely subtags)."""

_KNOWN = {tag.lower(): tag for tag in LANGUAGES} | _SAME
_TAG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8})*")
_SAMPLES = 200
"""Every plural category of a language has a number below this."""


def matched(tag: str) -> str:
    """The language of `LANGUAGES` that a BCP 47 tag asks for (RFC 4647, section 3.4).

    Raises ValueError if there is none; the message names the choices.
    """
    asked = tag.strip().replace("_", "-").lower()
    parts = asked.split("-") if _TAG.fullmatch(asked) else []
    for length in range(len(parts), 0, -1):
        if found := _KNOWN.get("-".join(parts[:length])):
            return found
    raise ValueError(f"no messages in language {tag!r}; choices: {', '.join(LANGUAGES)}")


class Messages:
    """Messages, numbers and dates in the language that a BCP 47 tag asks for.

    Raises ValueError for a language without messages. See `scrubtrace.schemas.messages.Messages`.
    """

    def __init__(self, tag: str) -> None:
        self.language = matched(tag)
        self._catalog = _catalog(self.language)

    def text(self, message: str, /, **values: object) -> str:
        """The message with its values, which are put in as they are."""
        said = self._catalog.gettext(message)
        return said.format(**values) if values else said

    def name(self, what: str, code: str) -> str:
        """The name of a code; one without a name is itself, with spaces for underscores."""
        return self._catalog.pgettext(what, code.replace("_", " "))

    def plural(self, one: str, other: str, count: int, /, **values: object) -> str:
        """The message for so many; ``{count}`` is the number as the language writes it."""
        said = self._catalog.ngettext(one, other, count)
        return said.format(count=self.number(count), **values)

    def forms(self, one: str, other: str) -> dict[str, str]:
        """All forms by plural category, of which every language has ``other``."""
        rule = self._locale.plural_form
        samples = {rule(number): number for number in reversed(range(_SAMPLES))}
        return {name: self._catalog.ngettext(one, other, n) for name, n in sorted(samples.items())}

    def joined(self, parts: Sequence[str], between: str = "{before}; {after}") -> str:
        """Parts one after the other; ``between`` is the message that puts two together."""
        whole = parts[0] if parts else ""
        for part in parts[1:]:
            whole = self.text(between, before=whole, after=part)
        return whole

    def number(self, value: float, digits: int = 0) -> str:
        """Rounded as Python does, so that every language shows the same digits."""
        from babel.numbers import format_decimal

        rounded = Decimal(f"{value:.{digits}f}")
        return format_decimal(rounded, _pattern("#,##0", digits), locale=self._locale)

    def significant(self, value: float, digits: int) -> str:
        """A number with so many significant digits, small ones as 1e-05."""
        from babel.numbers import get_decimal_symbol

        return f"{value:.{digits}g}".replace(".", get_decimal_symbol(self._locale))

    def percent(self, value: float, digits: int = 0) -> str:
        """Rounded as Python does."""
        from babel.numbers import format_percent

        rounded = Decimal(f"{value:.{digits}%}".rstrip("%")) / 100
        pattern = _pattern(self._locale.percent_formats[None].pattern, digits)
        return format_percent(rounded, pattern, locale=self._locale)

    def date(self, value: date) -> str:
        """A date with the name of its month, as 31 January 2026."""
        from babel.dates import format_date

        return format_date(value, "long", locale=self._locale)

    @cached_property
    def _locale(self) -> "Locale":
        from babel import Locale

        return Locale.parse(self.language, sep="-")


@cache
def _catalog(language: str) -> gettext.NullTranslations:
    if language == LANGUAGES[0]:
        return gettext.NullTranslations()
    path = f"locale/{language.replace('-', '_')}/LC_MESSAGES/{DOMAIN}.mo"
    with files("scrubtrace").joinpath(path).open("rb") as file:
        return gettext.GNUTranslations(file)


def _pattern(pattern: str, digits: int) -> str:
    return pattern.replace("##0", "##0." + "0" * digits) if digits else pattern


ENGLISH = Messages("en")
"""The source of all messages, in which they are stored."""
