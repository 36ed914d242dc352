"""The words that every room shares: lanes, strengths, uses, finding kinds, group columns."""

from enum import StrEnum

UNDETERMINED = "und"
"""Language code of a text whose language is not known (ISO 639-2 ``und``)."""

GROUPS = ("labeler", "vendor", "source", "stage", "market", "task", "created_at")
"""Names that ``--group-by`` may map to the user's columns; they ride along with every finding."""

ANSWERING_ROLES = ("assistant", "gpt", "model", "bot", "chatgpt", "ai")
"""Roles of turns that are judged by default: the answering side, under its usual names."""

ALL_ROLES = "all"
"""Given as a role: every turn is judged."""


class Lane(StrEnum):
    """What a detector's evidence is worth. Lanes are never mixed into one number."""

    MATCH = "match"
    TRACE = "trace"
    STYLE = "style"


class Strength(StrEnum):
    """How near to certain one piece of evidence is, before its context is looked at."""

    PROOF = "proof"
    STRONG = "strong"
    WEAK = "weak"


class Use(StrEnum):
    """Whether a text uses a phrase itself or only mentions it (use-mention distinction).

    ``template``: a slot that is to be filled in, as in forms, markup and program templates.
    """

    ASSERTED = "asserted"
    QUOTED = "quoted"
    CODE = "code"
    LISTED = "listed"
    REPORTED = "reported"
    TEMPLATE = "template"


class Kind(StrEnum):
    """What a finding says about a row. Only kinds named in ``policy.flag_kinds`` flag.

    ``CALL_RULE`` is about calls, not about a row; the check of calls decides which flag.
    """

    LLM_TEXT = "llm_text"
    LLM_ANNOTATION = "llm_annotation"
    API_FORMAT = "api_format"
    SPUN_TEXT = "spun_text"
    REDACTION = "redaction"
    REFERENCE_MATCH = "reference_match"
    INPUT_MATCH = "input_match"
    LLM_STYLE = "llm_style"
    CALL_RULE = "call_rule"


CALL_LANE = "calls"
"""Lane of findings about API calls, which are about the log and not about any row of data."""


class MatchClass(StrEnum):
    """How a text is related to the reference text that it matches."""

    VERBATIM = "verbatim"
    EDITED = "edited"
    SCRUBBED = "scrubbed"
    EXCERPT = "excerpt"
    PARAPHRASED = "paraphrased"
    INPUT_MATCH = "input_match"


class DeadReason(StrEnum):
    """Why a row or a shard could not be judged. Dead rows are counted, never dropped."""

    INVALID_UTF8 = "invalid_utf8"
    UNREADABLE = "unreadable"
    SHARD_CHANGED = "shard_changed"
    MISSING_COLUMN = "missing_column"
    WRONG_TYPE = "wrong_type"


PASSING = frozenset({DeadReason.UNREADABLE, DeadReason.SHARD_CHANGED})
"""Reasons that may be gone when the shard is scanned again, so that it is."""


class Abstained(StrEnum):
    """Why a detector that read a row says nothing about it."""

    LANGUAGE_NOT_COVERED = "language_not_covered"
    DETECTOR_ERROR = "detector_error"
    NOT_TEXT = "not_text"
    NO_TURN_TO_JUDGE = "no_turn_to_judge"
    TOO_SHORT = "too_short"
    NOT_CALIBRATED = "not_calibrated"
