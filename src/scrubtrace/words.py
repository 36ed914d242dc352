"""Kinds, categories and reasons in words that hold: "resembles", never "is".

In English if no messages are given: so they are stored.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from scrubtrace.messages import ENGLISH, Messages
from scrubtrace.schemas.style import CATEGORY
from scrubtrace.schemas.vocabulary import Kind, Strength, Use
from scrubtrace.style_words import UNREAD, style_words

CLAIMS = {
    Kind.LLM_TEXT: "resembles LLM text",
    Kind.LLM_ANNOTATION: "resembles an annotation or judgement by an LLM",
    Kind.API_FORMAT: "holds the format of an LLM API",
    Kind.SPUN_TEXT: "resembles the output of a synonym spinner",
    Kind.REDACTION: "looks de-identified",
    Kind.REFERENCE_MATCH: "matches known model output",
    Kind.INPUT_MATCH: "matches the input of a model call",
    Kind.LLM_STYLE: "resembles LLM text in style",
    Kind.CALL_RULE: "breaks a rule of the register of calls",
}

WORDS = {
    "self_disclosure": "speaks as an AI assistant",
    "knowledge_cutoff": "names the limits of a model's knowledge",
    "refusal": "refuses the way an assistant does",
    "identity_residue": "keeps the rest of a removed assistant identity",
    "unknown_identity": "speaks as an assistant under a name of its own",
    "vendor_conflict": "names a model and a maker that do not belong together",
    "chat_ui_residue": "holds residue of a chat interface",
    "rewrite_wrapper": "wraps a rewritten text the way an assistant does",
    "api_format": "holds residue of an API format",
    "judge": "judges answers the way an LLM judge does",
    "opener": "opens the way an assistant's answer does",
    "closer": "closes the way an assistant's answer does",
    "safety_caveat": "adds an assistant's caveat",
    "structure": "is laid out the way an assistant's answer is",
    "spinner": "holds a phrase of synonym spinners",
    "placeholder": "holds placeholders where personal data stood",
    "hash_token": "holds hashes or tokens where personal data stood",
    "mask": "holds masked numbers or names",
    "cut_residue": "has holes where words were cut out",
    "brand_slot": "has a slot where a brand or model name stood",
    "hidden_characters": "has invisible or look-alike characters inside words",
    "surrogate": "holds stand-ins for personal data",
    "residual_pii": "still holds personal data",
    "verbatim": "has the words of a reference text",
    "edited": "is a reference text with edits",
    "scrubbed": "is a reference text with masked words",
    "excerpt": "shares a long passage with a reference text",
    "paraphrased": "says what a reference text says in other words",
    "input_match": "was part of a prompt",
    "passage": "shares a passage",
    CATEGORY: UNREAD,
}

TOOL_CATEGORIES = frozenset({"placeholder", "hash_token"})
"""Categories whose evidence names, as its value, the tools that leave such a trace."""

EvidenceRow = Mapping[str, Any]


def reasons(kind: Kind, evidence: Sequence[EvidenceRow], messages: Messages = ENGLISH) -> str:
    """What a kind claims and what it rests on, the strongest first; tools are "like", never named.

    Each entry has category, strength and value.
    """
    claim, because = claim_and_reasons(kind, evidence, messages)
    return messages.text("{claim}: {because}", claim=claim, because=because)


def claim_and_reasons(
    kind: Kind, evidence: Sequence[EvidenceRow], messages: Messages
) -> tuple[str, str]:
    """The two parts of `reasons`."""
    ordered = sorted(evidence, key=lambda e: list(Strength).index(Strength(e["strength"])))
    strengths: dict[str, str] = {}
    for entry in ordered:
        strengths.setdefault(entry["category"], entry["strength"])
    claim = messages.text(CLAIMS[kind])
    if kind == Kind.REDACTION and (families := _families(ordered, messages)):
        claim = messages.text("de-identified by a tool like {families}", families=families)
    if kind == Kind.LLM_STYLE:
        parts = [style_words(entry, messages) for entry in ordered]
    else:
        parts = [_with_strength(c, strength, messages) for c, strength in strengths.items()]
    return claim, messages.joined(parts)


def in_words(entry: EvidenceRow, messages: Messages = ENGLISH) -> str:
    """One piece of evidence in words: what it is, whose it looks like, how strong, how used."""
    words = _about(entry, messages)
    strength = messages.name("strength", entry["strength"])
    is_match = entry["signal"].startswith("reference.")
    if entry["use"] == Use.ASSERTED or is_match or entry["category"] == CATEGORY:
        return messages.text("{words}: {strength}", words=words, strength=strength)
    return messages.text(
        "{words}: {strength}, only mentioned ({use})",
        words=words, strength=strength, use=messages.name("use", entry["use"]),
    )  # fmt: skip


def _about(entry: EvidenceRow, messages: Messages) -> str:
    """What a piece of evidence is, and whose it looks like."""
    words = _category(entry["category"], messages)
    value, score = entry.get("value"), entry.get("score")
    if entry["category"] == CATEGORY:
        return style_words(entry, messages)
    if not value:  # also of a text that was erased
        return words
    if entry["signal"].startswith("reference."):
        return _of_reference(words, str(value), messages)
    if entry["category"] in TOOL_CATEGORIES:
        return messages.text("{words}, as {tool} leaves them", words=words, tool=value)
    if score is None:
        return messages.text("{words} ({value})", words=words, value=value)
    number = messages.significant(score, 6)
    return messages.text("{words} ({value}: {number})", words=words, value=value, number=number)


def _of_reference(words: str, value: str, messages: Messages) -> str:
    """Which reference text, how much of the text it has, and how often chance gives as much."""
    if not value.startswith("{"):
        return messages.text("{words} (characters {place} of it)", words=words, place=value)
    about = json.loads(value)
    if not {"source", "of_text"} <= about.keys():  # of another detector, which says it its own way
        return words
    parts = [messages.text("source {source}", source=about["source"])]
    if about.get("same_task"):
        parts.append(messages.text("an answer to the same task"))
    if "model" in about:
        parts.append(messages.text("model {model}", model=about["model"]))
    share = messages.percent(about["of_text"])
    parts.append(messages.text("{share} of the text's weight", share=share))
    if "false_match_bound" in about:
        same = about.get("thresholds") == "same_task"  # not told by earlier versions
        bound = messages.text(
            "at most {share} of trusted answers to tasks of the index come as near"
            if same
            else "at most {share} of trusted rows come as near",
            share=messages.percent(about["false_match_bound"], 2),
        )
        parts.append(bound)
    of_it = messages.joined(parts, "{before}, {after}")
    return messages.text("{words} ({value})", words=words, value=of_it)


def _families(evidence: Sequence[EvidenceRow], messages: Messages) -> str:
    sure = [e for e in evidence if e["strength"] != Strength.WEAK]
    names = [e["value"] for e in sure if e.get("value") and e["category"] in TOOL_CATEGORIES]
    return messages.joined(list(dict.fromkeys(names)), "{before} or {after}")


def _category(category: str, messages: Messages) -> str:
    return messages.text(WORDS[category]) if category in WORDS else category


def _with_strength(category: str, strength: str, messages: Messages) -> str:
    return messages.text(
        "{words} ({strength})",
        words=_category(category, messages), strength=messages.name("strength", strength),
    )  # fmt: skip
