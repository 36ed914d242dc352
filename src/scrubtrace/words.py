"""Kinds, categories and reasons in words that hold: "resembles", never "is"."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from scrubtrace.schemas.style import CATEGORY, described, style_value
from scrubtrace.schemas.vocabulary import Kind, Strength, Use

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
    "style": "is written as few human rows are",
}

TOOL_CATEGORIES = frozenset({"placeholder", "hash_token"})
"""Categories whose evidence names, as its value, the tools that leave such a trace."""

EvidenceRow = Mapping[str, Any]


def reasons(kind: Kind, evidence: Sequence[EvidenceRow]) -> str:
    """What a kind claims and what it rests on, the strongest first; tools are "like", never named.

    Each entry has category, strength and value.
    """
    ordered = sorted(evidence, key=lambda e: list(Strength).index(Strength(e["strength"])))
    strengths: dict[str, str] = {}
    for entry in ordered:
        strengths.setdefault(entry["category"], entry["strength"])
    claim = CLAIMS[kind]
    if kind == Kind.REDACTION and (families := _families(ordered)):
        claim = f"de-identified by a tool like {families}"
    parts = [f"{WORDS.get(c, c)} ({strength})" for c, strength in strengths.items()]
    if kind == Kind.LLM_STYLE:
        parts = [style_words(entry) for entry in ordered]
    return f"{claim}: {'; '.join(parts)}"


def in_words(entry: EvidenceRow) -> str:
    """One piece of evidence in words: what it is, whose it looks like, how strong, how used."""
    words = str(WORDS.get(entry["category"], entry["category"]))
    value = entry.get("value")
    if entry["category"] == CATEGORY:
        return f"{style_words(entry)}: {entry['strength']}"
    if entry["signal"].startswith("reference."):
        return f"{words}{_of_reference(entry)}: {entry['strength']}"
    if value and entry["category"] in TOOL_CATEGORIES:
        words += f", as {value} leaves them"
    elif value:
        score = entry.get("score")
        words += f" ({value})" if score is None else f" ({value}: {score:g})"
    used = "" if entry["use"] == Use.ASSERTED else f", only mentioned ({entry['use']})"
    return f"{words}: {entry['strength']}{used}"


def style_words(entry: EvidenceRow) -> str:
    """Where a text ranks among which human rows, and what that rests on."""
    value = style_value(entry)
    if not value:
        return WORDS[CATEGORY]
    p = f"p = {entry['score']:.3g}"
    if not value.get("calibrated"):
        parts = [f"ranks high among the model's own human rows ({p}); not calibrated, never flags"]
    else:
        group = described(value["stratum"])
        parts = [f"ranks high among {value['n']:,} of your human rows ({group}; {p})"]
        if not value.get("alike"):
            parts.append("but is unlike them, so the rank says little; never flags")
    parts += [words for reason in value["reasons"] if (words := reason_words(reason))]
    return "; ".join(parts)


def reason_words(reason: Mapping[str, Any]) -> str:
    """One quantity of a text's style beside that of human rows; empty if it is not known."""
    feature = str(reason.get("feature"))
    share, z = (
        value if isinstance(value := reason.get(name), int | float) else None
        for name in ("percentile", "z")
    )
    whose = "your" if reason.get("whose") == "calibration" else "the model's"
    is_higher = share >= 0.5 if share is not None else z is not None and z >= 0
    fallback = f"{feature.replace('_', ' ')} is {'higher' if is_higher else 'lower'}"
    words = reason.get("words") or fallback
    if share is not None:
        of = share if is_higher else 1 - share
        return f"{words} than in {of:.0%} of {whose} human rows"
    if z is not None:
        return f"{words} than in {whose} human rows (by {abs(z):.1f} standard deviations)"
    return ""


def _of_reference(entry: EvidenceRow) -> str:
    """Which reference text, how much of the text it has, and how often chance gives as much."""
    value = str(entry["value"])
    if not value.startswith("{"):
        return f" (characters {value} of it)"
    about = json.loads(value)
    if not {"source", "of_text"} <= about.keys():  # of another detector, which says it its own way
        return ""
    parts = [f"source {about['source']}", f"{about['of_text']:.0%} of the text's weight"]
    if "model" in about:
        parts.insert(1, f"model {about['model']}")
    if about.get("same_task"):
        parts.insert(1, "an answer to the same task")
    if "false_match_bound" in about:
        same = about.get("thresholds") == "same_task"  # not told by earlier versions
        whose = "trusted answers to tasks of the index" if same else "trusted rows"
        parts.append(f"at most {about['false_match_bound']:.2%} of {whose} come as near")
    return f" ({', '.join(parts)})"


def _families(evidence: Sequence[EvidenceRow]) -> str:
    sure = [e for e in evidence if e["strength"] != Strength.WEAK]
    names = [e["value"] for e in sure if e.get("value") and e["category"] in TOOL_CATEGORIES]
    return " or ".join(dict.fromkeys(names))
