"""Rules about what a prompt asks for: to hide where a text comes from, or whose it is.

Evidence: the words of the request. Source: own wording, after what services for rewriting and
prompt collections offer. Known false positives: editors, teachers and privacy teams ask for the
same, so a hit is a reason to look. Prompts that ask in other words or languages are not seen.
"""

from scrubtrace.calls.bodies import TEXTLESS
from scrubtrace.calls.prompt_patterns import patterns
from scrubtrace.calls.rules.base import Call, Check, RowRule
from scrubtrace.schemas.call_rules import NotJudged, RuleInfo, Severity, Violation

PARAPHRASE = RuleInfo(
    "prompt.paraphrase",
    Severity.MEDIUM,
    "the prompt asks to reword a text so that it is no longer recognised",
    "ask what the reworded texts are for, and look for them in training data",
)
UNDETECTABLE = RuleInfo(
    "prompt.undetectable",
    Severity.HIGH,
    "the prompt asks for text that is not recognised as written by a model",
    "ask what the texts are for, and look for them in training data",
)
IDENTITY = RuleInfo(
    "prompt.identity",
    Severity.HIGH,
    "the prompt asks to remove or replace the identity of a model, vendor or author",
    "ask what the cleaned texts are for, and look for them in training data",
)


def _check(info: RuleInfo) -> Check:
    def check(call: Call) -> tuple[Violation, ...] | NotJudged:
        return _matches(call, info)

    return check


def _matches(call: Call, info: RuleInfo) -> tuple[Violation, ...] | NotJudged:
    if call.record.operation in TEXTLESS:
        return ()
    if not any(message.text for message in call.record.prompt):
        return NotJudged.NO_PROMPT
    hits = (hit for hit in patterns().find(call.record.prompt) if hit.rule == info.id)
    return tuple(
        Violation(info.id, info.severity, h.signature, None, h.message, h.start, h.end)
        for h in hits
    )


RULES = tuple(RowRule(info, _check(info)) for info in (PARAPHRASE, UNDETECTABLE, IDENTITY))
