"""What the style lane says, in words: ranks, measures, and what is flagged of a stratum.

Evidence has the words of its measures in English, as the model has them. They are taken apart here
to be said in another language; words of the text's own language in them stay.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from scrubtrace.messages import ENGLISH, Messages
from scrubtrace.schemas.messages import Messages as AnyMessages
from scrubtrace.schemas.style import described, stratum_parts, style_value

UNREAD = "is written as few human rows are"
"""What is said of style evidence whose value cannot be read."""

NOTE = (
    "{flagged} of {judged} texts of {group} are flagged so; if all were by humans, about "
    "{expected} would be ({low} to {high}), so up to about {share} of these are false"
)
"""What it means that a text of a stratum is flagged."""

TOO_FEW = (
    "alpha {alpha} cannot be reached with {rows} calibration rows: {more} more are needed "
    "({needed})"
)
OTHER_KIND = (
    "at least {shift} of its source's rows are of another kind than those that calibrated it (by "
    "{measure}), and up to {drift} may be: is it the same source, has it changed, or are most of "
    "its rows by models? Calibrate on human rows of this kind, or set policy.style.drift"
)
NO_RATE = "{rows} calibration rows cannot reach a false discovery rate of {level}"
NO_TEXT = (
    "no text has a false discovery rate of {level}: {least} different texts would need the "
    "smallest p-value, {p}"
)
PROBLEMS = (TOO_FEW, OTHER_KIND, NO_RATE, NO_TEXT)
"""Why nothing of a stratum can be flagged."""

RATES = (
    "{what} are used more often", "{what} are used less often",
    "{what} is used more often", "{what} is used less often",
)  # fmt: skip
GROUPS = ("the word '{words}'", "forms of '{words}'", "words in {words}")
"""Messages that the words of measures are made of, beside those that are whole."""

_EXAMPLES = re.compile(r"(?P<what>[^(){}]+) \((?P<words>[^()]+)\)")
_NUMBER = re.compile(r"(?P<number>\d+(\.(?P<decimals>\d+))?)(?P<percent>%)?")
_FIELD = re.compile(r"\\\{(\w+)\\\}")


def style_words(entry: Mapping[str, Any], messages: Messages = ENGLISH) -> str:
    """Where a text ranks among which human rows, and what that rests on."""
    value = style_value(entry)
    if not value:
        return messages.text(UNREAD)
    p = messages.significant(entry["score"], 3)
    if value.get("calibrated"):
        group, count = stratum_words(value["stratum"], messages), messages.number(value["n"])
        rank = messages.text(
            "ranks high among {count} of your human rows ({group}; p = {p})",
            count=count, group=group, p=p,
        )  # fmt: skip
    else:
        rank = messages.text(
            "ranks high among the model's own human rows (p = {p}); not calibrated, never flags",
            p=p,
        )
    parts = [rank]
    if value.get("calibrated") and not value.get("alike"):
        parts.append(messages.text("but is unlike them, so the rank says little; never flags"))
    reasons = (reason_words(reason, messages) for reason in value["reasons"])
    return messages.joined([*parts, *filter(None, reasons)])


def reason_words(reason: Mapping[str, Any], messages: Messages = ENGLISH) -> str:
    """One quantity of a text's style beside that of human rows; empty if it is not known."""
    share, z = (
        value if isinstance(value := reason.get(name), int | float) else None
        for name in ("percentile", "z")
    )
    is_higher = share >= 0.5 if share is not None else z is not None and z >= 0
    words = _measure(reason, is_higher, messages)
    is_own = reason.get("whose") == "calibration"
    if share is not None:
        return messages.text(
            "{words} than in {share} of your human rows"
            if is_own
            else "{words} than in {share} of the model's human rows",
            words=words,
            share=messages.percent(share if is_higher else 1 - share),
        )
    if z is not None:
        return messages.text(
            "{words} than in your human rows (by {distance} standard deviations)"
            if is_own
            else "{words} than in the model's human rows (by {distance} standard deviations)",
            words=words,
            distance=messages.number(abs(z), 1),
        )
    return ""


def measure_words(words: str, messages: Messages) -> str:
    """A measure, given in English, in the language of the messages."""
    if "{" in words:  # of no model of ours
        return words
    for template in RATES:
        if found := values_of(template, words):
            return messages.text(template, what=_measured(found["what"], messages))
    return _measured(words, messages)


def stratum_words(name: str, messages: AnyMessages) -> str:
    """The rows that are compared with each other: their language, source and length."""
    language, source, low, high = stratum_parts(name)
    if high:
        length = messages.text("{low}-{high} words", low=low, high=high)
    else:
        length = messages.text("{low} words and more", low=low)
    return messages.text(
        "{language}, {source}, {length}",
        language=language, source=source or messages.text("no source"), length=length,
    )  # fmt: skip


def note_words(note: str, stratum: str, messages: Messages) -> str | None:
    """A note that was made from `NOTE`, in another language; None if it was not."""
    found = values_of(NOTE, note)
    if found is None or found.pop("group") != described(stratum):
        return None
    try:
        return messages.text(NOTE, group=stratum_words(stratum, messages), **_read(found, messages))
    except ValueError:
        return None


def problem_words(problem: str, messages: AnyMessages) -> str:
    """One of `PROBLEMS` with its values, in another language; any other text as it is."""
    for template in PROBLEMS:
        if (found := values_of(template, problem)) is not None:
            values = {name: _said(value, messages) for name, value in found.items()}
            return messages.text(template, **values)
    return problem


def values_of(template: str, text: str) -> dict[str, str] | None:
    """What stands in a text where its template has names in braces; None if it does not fit."""
    found = _pattern(template).fullmatch(text)
    return None if found is None else found.groupdict()


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(_FIELD.sub(r"(?P<\1>.+)", re.escape(template)), re.DOTALL)


def _read(found: Mapping[str, str], messages: Messages) -> dict[str, str]:
    """Numbers written in English, in another language; raises ValueError for what is none."""
    values = {}
    for name, text in found.items():
        plain = text.replace(",", "")
        if name == "share":
            values[name] = messages.percent(float(plain.removesuffix("%")) / 100, 1)
        elif plain.isdecimal():
            values[name] = messages.number(int(plain))
        else:
            values[name] = messages.significant(float(plain), 2)
    return values


def _said(value: str, messages: AnyMessages) -> str:
    """A number or a share of whole percent, written in English, in another language."""
    found = _NUMBER.fullmatch(value.replace(",", ""))
    if found is None:
        return value
    if found["percent"]:
        return messages.percent(float(found["number"]) / 100)
    return messages.number(float(found["number"]), len(found["decimals"] or ""))


def _measure(reason: Mapping[str, Any], is_higher: bool, messages: Messages) -> str:
    if words := reason.get("words"):
        return measure_words(str(words), messages)
    feature = str(reason.get("feature")).replace("_", " ")
    return messages.text(
        "{feature} is higher" if is_higher else "{feature} is lower", feature=feature
    )


def _measured(words: str, messages: Messages) -> str:
    for template in GROUPS:
        if found := values_of(template, words):
            return messages.text(template, **found)
    if listed := _EXAMPLES.fullmatch(words):
        return messages.text(f"{listed['what']} ({{words}})", words=listed["words"])
    return messages.text(words)
