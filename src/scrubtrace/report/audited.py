"""What an audit found: how much LLM text there is at least, at most, and by an estimate."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scrubtrace.audit.estimates import WHOLE
from scrubtrace.audit.figures import ASSUMPTIONS, NOTES, REFUSALS, Assumption, Note, What
from scrubtrace.messages import ENGLISH
from scrubtrace.report.audit_file import Audited, Found, figure_of
from scrubtrace.report.shares import value_words
from scrubtrace.review.report.model import Drawn, Forest, Section, Share, Table
from scrubtrace.schemas.messages import Messages

STRATA = 60
NAMED = 3
"""Most strata named beside a reason that they share."""


def audit_sections(audited: Audited | None, messages: Messages) -> list[Section]:
    """One section, also where nothing can be said, with the reasons; none without an audit."""
    if audited is None:
        return []
    tables = [_table(audited, messages), _refusals(audited, messages)]
    drawn = _drawn(audited, messages)
    assumed = [
        messages.text("Assumed: {assumption}.", assumption=messages.text(ASSUMPTIONS[one]))
        for one in map(Assumption, audited.data["assumptions"])
    ]
    return [
        Section(
            "audit",
            messages.text("How much"),
            (
                messages.text(
                    "Bounds and estimates of the share of LLM text, each at {confidence} "
                    "confidence. Where a reference or reviewers are missing, there is no number.",
                    confidence=messages.percent(audited.data["confidence"]),
                ),
            ),
            (*((" ".join(assumed),) if assumed else ()), *_notes(audited, messages)),
            (drawn,) if drawn else (),
            tuple(table for table in tables if table.rows),
        )
    ]


def audit_sentence(audited: Audited | None, messages: Messages) -> str:
    """The sentence of the summary on how much LLM text there is, and of how many texts it is."""
    if audited is None:
        return messages.text(
            "How much LLM text there is has not been estimated: that takes a random sample that is "
            "reviewed (scrubtrace audit)."
        )
    return " ".join([_claim(audited, messages), *_left_out(audited, messages)])


def _claim(audited: Audited, messages: Messages) -> str:
    estimate, lower, upper = (
        audited.whole(what) for what in (What.BY_FLAGS, What.LOWER_BOUND, What.UPPER_BOUND)
    )
    if estimate["estimate"] is not None:
        return messages.text(
            "An estimated {share} ({lower} to {upper}) of {count} texts are LLM text, if the "
            "references are like them.",
            count=messages.number(estimate["n"]),
            share=messages.percent(estimate["estimate"], 1),
            lower=messages.percent(estimate["lower"], 1),
            upper=messages.percent(estimate["upper"], 1),
        )
    if lower["lower"] is not None and upper["upper"] is not None:
        return messages.text(
            "At least {lower} and at most {upper} of {count} texts are LLM text, each at "
            "{confidence} confidence and under the assumptions below.",
            count=messages.number(audited.entries[-1]["texts"]),
            lower=messages.percent(lower["lower"], 2), upper=messages.percent(upper["upper"], 2),
            confidence=messages.percent(audited.data["confidence"]),
        )  # fmt: skip
    return _one_sided(audited, lower["lower"], upper["upper"], messages)


def _one_sided(
    audited: Audited, lower: float | None, upper: float | None, messages: Messages
) -> str:
    confidence = messages.percent(audited.data["confidence"])
    count = messages.number(audited.entries[-1]["texts"])
    if lower is not None:
        return messages.text(
            "At least {lower} of {count} texts are LLM text at {confidence} confidence, if the "
            "human reference is like them; no upper bound is known.",
            lower=messages.percent(lower, 2), count=count, confidence=confidence,
        )  # fmt: skip
    if upper is not None:
        return messages.text(
            "At most {upper} of {count} texts are LLM text at {confidence} confidence, as far as "
            "reviewers find it; no lower bound is known.",
            upper=messages.percent(upper, 2), count=count, confidence=confidence,
        )  # fmt: skip
    return messages.text(
        "How much LLM text there is cannot be said: the section on it has the reasons."
    )


def _left_out(audited: Audited, messages: Messages) -> Iterator[str]:
    """What the claim is not about."""
    whole, estimate = audited.entries[-1], audited.whole(What.BY_FLAGS)
    if estimate["estimate"] is not None and (left := whole["texts"] - estimate["n"]) > 0:
        yield messages.plural(
            "It says nothing of {count} text more, whose language is not known or which no "
            "detector judged.",
            "It says nothing of {count} texts more, whose language is not known or which no "
            "detector judged.",
            left,
        )
    if whole["trusted"]:
        yield _trusted_words(whole["trusted"], messages)
    if Note.OTHER_SHARDS in audited.data["notes"]:
        yield messages.text("Since the texts were drawn, shards were added or changed.")


def _notes(audited: Audited, messages: Messages) -> Iterator[str]:
    """What else is to be known of the figures."""
    for note in map(Note, audited.data["notes"]):
        yield messages.text("Note: {note}.", note=messages.text(NOTES[note]))


def _trusted_words(trusted: int, messages: Messages) -> str:
    return messages.plural(
        "Beside them {count} text is taken for human and not judged.",
        "Beside them {count} texts are taken for human and not judged.",
        trusted,
    )


def _table(audited: Audited, messages: Messages) -> Table:
    """Bounds of the strata, and the estimates of each kind that any of them has."""
    words = {
        What.BY_FLAGS: messages.text("estimate by flags"),
        What.BY_SCORES: messages.text("estimate by scores"),
        What.REVIEWED: messages.text("share by reviewers"),
    }
    kinds = [what for what in words if any(_has_interval(e, what) for e in _shown(audited))]
    columns = (
        messages.text("stratum"),
        messages.text("texts"),
        messages.text("flagged"),
        messages.text("at least"),
        *(words[what] for what in kinds),
        messages.text("at most"),
    )
    rows = tuple(_row(entry, kinds, messages) for entry in _shown(audited))
    trusted = audited.entries[-1]["trusted"]
    note = _trusted_words(trusted, messages) if trusted else ""
    return Table(columns, rows, frozenset(columns[1:]), note)


def _shown(audited: Audited) -> Iterator[Mapping[str, Any]]:
    """All texts first, then the strata."""
    yield audited.entries[-1]
    yield from audited.entries[:-1][:STRATA]


def _row(entry: Mapping[str, Any], kinds: Sequence[What], messages: Messages) -> tuple[str, ...]:
    lower, upper = (figure_of(entry, what) for what in (What.LOWER_BOUND, What.UPPER_BOUND))
    least, most = (
        messages.percent(value, 2) if value is not None else "–"
        for value in (lower["lower"], upper["upper"])
    )
    counts = (messages.number(entry["texts"]), messages.number(entry["flagged"]))
    estimates = (_estimate(entry, what, messages) for what in kinds)
    return (_name(entry, messages), *counts, least, *estimates, most)


def _has_interval(entry: Mapping[str, Any], what: What) -> bool:
    found = figure_of(entry, what)
    return found["estimate"] is not None and found["lower"] is not None


def _estimate(entry: Mapping[str, Any], what: What, messages: Messages) -> str:
    """An estimate with its interval, and how many texts it is about if these are not all."""
    if not _has_interval(entry, what):
        return "–"
    found = figure_of(entry, what)
    share, low, high = (messages.percent(found[name], 2) for name in ("estimate", "lower", "upper"))
    return f"{share} ({low} – {high})" + _of_fewer(what, found, entry, messages)


def _of_fewer(what: What, found: Found, entry: Mapping[str, Any], messages: Messages) -> str:
    """How many texts an estimate from references is about, if these are not all of the entry."""
    if what == What.REVIEWED or found["n"] >= entry["texts"]:
        return ""
    return " " + messages.text("of {count} texts", count=messages.number(found["n"]))


def _drawn(audited: Audited, messages: Messages) -> Drawn | None:
    """The strata by what reviewers found in their random texts, if they have decided any."""
    shares = []
    for entry in audited.entries[:-1][:STRATA]:
        found = figure_of(entry, What.REVIEWED)
        if None not in (found["estimate"], found["lower"], found["upper"]):
            shares.append(
                Share(
                    _name(entry, messages),
                    entry["hits"],
                    entry["decided"],
                    found["estimate"],
                    found["lower"],
                    found["upper"],
                    is_weighted=found["method"] == WHOLE,
                )
            )
    if len(shares) < 2:
        return None
    about = [messages.text("Share of the randomly drawn texts that reviewers took for LLM text.")]
    if any(one.is_weighted for one in shares):
        about.append(
            messages.text("Shares without counts are weighted by the chance of a text to be drawn.")
        )
    top = max(shares, key=lambda one: one.lower)
    return Drawn(
        Forest(tuple(shares), messages.text("LLM text by reviewers")),
        " ".join(about),
        messages.text(
            "{name} has the highest lower limit, {lower}.",
            name=top.name, lower=messages.percent(top.lower, 2),
        ),
    )  # fmt: skip


def _refusals(audited: Audited, messages: Messages) -> Table:
    """A row for each figure and reason, with the strata that it is the reason of."""
    columns = (messages.text("figure"), messages.text("why none"), messages.text("stratum"))
    alike: dict[tuple[str, str], list[tuple[str, Found]]] = {}
    for entry in _shown(audited):
        for what, found in entry["figures"].items():
            if found["refusal"] is not None:
                named = (_name(entry, messages), found)
                alike.setdefault((what, found["refusal"]), []).append(named)
    rows = [
        (messages.name("figure", what), _why(found, messages), _names(found, messages))
        for (what, _), found in alike.items()
    ]
    return Table(columns, tuple(rows))


def _names(found: Sequence[tuple[str, Found]], messages: Messages) -> str:
    """The first strata by name, and how many more there are."""
    names = "; ".join(name for name, _ in found[:NAMED])
    if len(found) <= NAMED:
        return names
    count = messages.number(len(found) - NAMED)
    return messages.text("{names} and {count} more", names=names, count=count)


def _why(alike: Sequence[tuple[str, Found]], messages: Messages) -> str:
    """The reason of all; details, where all have the same, are in English reports only."""
    words = messages.text(REFUSALS[alike[0][1]["refusal"]])
    details = {found["detail"] for _, found in alike}
    told = len(details) == 1 and all(details) and messages.language == ENGLISH.language
    return f"{words} ({details.pop()})" if told else words


def _name(entry: Mapping[str, Any], messages: Messages) -> str:
    values = entry["values"]
    if not values:
        return messages.text("all texts") if entry["name"] == "all" else str(entry["name"])
    return ", ".join(value_words(v if v is None else str(v), messages) for v in values.values())
