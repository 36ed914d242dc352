"""The words of the sheet itself, in English, by the names that page and script call them by."""

from html import escape
from typing import Any

from scrubtrace.schemas.messages import Messages
from scrubtrace.schemas.review import REASONS, Decision, State
from scrubtrace.schemas.vocabulary import GROUPS, Kind, MatchClass

PAGE = {
    "title": "Review sheet",
    "skip": "Skip to the text",
    "undo": "Undo",
    "keys": "Keys",
    "save": "Save decisions",
    "items": "Items",
    "search": "Search",
    "search_in": "Search text and reasons",
    "filters": "Filters",
    "clear_filters": "Clear filters",
    "texts": "Texts",
    "decision": "Decision",
    "decide": "Decide",
    "reason": "Reason",
    "comment": "Comment",
    "row_only": "this row only",
    "single_keys": "single keys decide and move",
    "close": "Close",
    "no_script": "This page needs JavaScript, which the browser has switched off.",
}
"""Labels of the template."""

HELP = (
    "Decisions stay in this page until you save them. {button} writes a CSV for {command}; the "
    "browser keeps nothing."
)

SCRIPT = {
    "concur": "Concur",
    "concur_means": "the flag is right",
    "dismiss": "Dismiss",
    "dismiss_means": "the flag is wrong, or does not matter",
    "second": "Second look",
    "second_means": "somebody else should look, too",
    "escalate": "Escalate",
    "escalate_means": "somebody else has to decide",
    "proof": "proof",
    "strong": "strong",
    "weak": "weak",
    "mentioned": "only mentioned",
    "shared": "shared with a reference text",
    "then_a_reason": "Then a reason, if you like: keys 1 to 5 once something is decided.",
    "rate": "{done}, {rate} a minute",
    "not_saved": "{count} not saved",
    "text_of": "Text {number} of {count}: {claim}",
    "decided_text": "{decision}: text {number} of {count}",
    "taken_back": "Decision taken back",
    "no_such_reason": "{decision} has no reason {number}",
    "decide_first": "Decide first, then give a reason",
    "no_reason": "No reason",
    "reason_given": "Reason: {reason}",
    "comment_kept": "Comment kept",
    "about_row": "About this row only",
    "about_text": "About every row with this text",
    "nothing_to_undo": "Nothing to undo",
    "undone": "Undone: text {number} is {decision}",
    "undone_undecided": "Undone: text {number} is undecided",
    "all_decided": "Every text here is decided",
    "filters_on": "({count} on)",
    "any": "any",
    "value_count": "{value} ({count})",
    "written": "{decisions} written to {file}",
    "written_and_left": "{decisions} written to {file}; {comments}",
    "next_text": "next text",
    "text_before": "text before",
    "next_undecided": "next undecided text",
    "key_decides": "{decision}: {meaning}",
    "key_comment": "comment; Escape ends it",
    "key_scope": "about this row only, or every row with this text",
    "key_undo": "undo, step by step",
    "key_search": "search; Escape ends it",
    "key_help": "these keys",
    "key_reason": "reason of the decision",
    "key_save": "save decisions",
    "none_fits": "No text fits the filters.",
    "nothing_to_decide": "Nothing is to be decided.",
    "number_of": "{number} of {count}",
    "priority": "priority {priority}",
    "reported": "reported, not flagged",
    "characters": "characters {start}\u2013{end}",
    "characters_there": "characters {start}\u2013{end} of the reference text",
    "evidence": "Evidence",
    "reference": "Reference: {names}",
    "unnamed": "unnamed",
    "this_text": "This text",
    "of_text": "{share} of this text",
    "of_reference": "{share} of the reference text",
    "no_reference_kept": "The review table keeps no reference text.",
    "text_erased": "This text was erased from the review table.",
    "match_title": "Match with a reference text: {match}",
    "shared_weight": "Shared weight: {shares}.",
    "outside": "outside of the excerpt",
    "same_words": "the same words",
    "where": "Where it is",
    "dataset": "Data set",
    "shard": "Shard",
    "row": "Row",
    "id": "Id",
    "field": "Field",
    "turn": "Turn",
    "other_places": "Other places",
    "detectors": "Detectors",
    "runs": "Runs",
    "key": "Key",
    "first_to_last": "{first} to {last}",
    "listed": "{before}, {after}",
    "listed_long": "{before}; {after}",
    "sentences": "{before} {after}",
    "control": "control character",
    "control_picture": "picture of a control character",
    "invisible": "invisible character",
}
"""Messages of the script."""

PLURALS = {
    "decided_of": ("{decided} of {count} text decided", "{decided} of {count} texts decided"),
    "shown": ("{count} text shown", "{count} texts shown"),
    "decisions": ("{count} decision", "{count} decisions"),
    "comments_left": (
        "{count} comment without a decision, which import does not store",
        "{count} comments without a decision, which import does not store",
    ),
    "places": ("{count} place", "{count} places"),
    "whole_text": ("text of {count} character", "text of {count} characters"),
    "part_of_text": ("from a text of {count} character", "from a text of {count} characters"),
    "left_out": (
        "{count} more piece of such evidence, not kept in the table",
        "{count} more pieces of such evidence, not kept in the table",
    ),
}
"""Messages of the script that differ with a number."""

NAMES: dict[str, tuple[str, ...]] = {
    "kind": tuple(Kind),
    "state": tuple(State),
    "decision": ("undecided", *Decision),
    "reason": tuple(dict.fromkeys(code for codes in REASONS.values() for code in codes)),
    "match": tuple(MatchClass),
    "field": ("decision", "kind", "language", "state", "detector", *GROUPS),
}
"""Codes that have a name, by what they are codes of."""


def page_labels(messages: Messages) -> dict[str, str]:
    """What the template takes, as HTML."""
    labels = {name: escape(messages.text(label)) for name, label in PAGE.items()}
    button, command = f"<strong>{labels['save']}</strong>", "<code>scrubtrace review import</code>"
    words = escape(messages.text(HELP)).format(button=button, command=command)
    return labels | {"help": words, "language": messages.language}


def script_labels(messages: Messages) -> dict[str, Any]:
    """What the script takes: texts, forms of texts with a number, names of codes, reasons."""
    return {
        "texts": {name: messages.text(label) for name, label in SCRIPT.items()},
        "forms": {name: messages.forms(*forms) for name, forms in PLURALS.items()},
        "names": {
            what: {code: messages.name(what, code) for code in codes}
            for what, codes in NAMES.items()
        },
        "reasons": {
            decision: {code: messages.text(words) for code, words in codes.items()}
            for decision, codes in REASONS.items()
        },
    }


def place_words(
    messages: Messages, dataset: str | None, shard: str, row: int, turn: int | None
) -> str:
    """Another place of a text; with its data set if that is another one."""
    if turn is None:
        place = messages.text("{shard} row {row}", shard=shard, row=row)
    else:
        place = messages.text("{shard} row {row} turn {turn}", shard=shard, row=row, turn=turn)
    if dataset is None:
        return place
    return messages.text("{dataset}: {place}", dataset=dataset, place=place)
