"""A register and calls for tests: `REGISTER` allows `call()`; cases change one thing at a time."""

from dataclasses import replace
from typing import Any

from scrubtrace.calls.check import judge_call
from scrubtrace.calls.register import Register
from scrubtrace.calls.register_file import parse_register
from scrubtrace.calls.rules import RULES
from scrubtrace.schemas.calls import CallRecord, Message

REGISTER = """
format = 1
time_zone = "Asia/Tokyo"

[limits]
calls_per_minute = 10
sustained_share = 0.8
sustained_minutes = 3
bulk_calls_per_day = 20
bulk_same_opening = 0.75
bulk_hours = 20
bulk_completion_tokens = 100
max_gap_days = 2

[[stage]]
id = "support"

[[stage]]
id = "pretraining"
model_output = false

[[purpose]]
id = "drafts"
names = ["drafting", "draft-*"]
use = "assistance"
stage = "support"

[[purpose]]
id = "labels"
use = "labeling"

[[purpose]]
id = "corpus"
use = "research"
stage = "pretraining"

[[purpose]]
id = "games"
use = "entertainment"

[[market]]
id = "jp"
names = ["ja-JP"]
region = "apac"

[[market]]
id = "de"
region = "eu"

[[market]]
id = "br"
region = "latam"

[[model]]
id = "atlas"
names = ["atlas-2*"]
vendor = "atlas-house"
stop = 2026-01-01

[[model]]
id = "birch"
vendor = "birch-house"

[[project]]
id = "helpdesk"
names = ["help desk"]
purposes = ["drafts", "labels", "corpus", "games"]
markets = ["jp", "br"]
models = ["atlas"]
approval = "A-1"
approved_from = 2025-02-01
approval_expires = 2025-11-01
stop = 2025-12-01

[[project]]
id = "lab"

[[terms]]
id = "old"
vendor = "atlas-house"
document_sha256 = "0000000000000000000000000000000000000000000000000000000000000001"
effective_from = 2024-01-01
effective_to = 2025-06-01
permitted_uses = ["assistance", "labeling", "research"]
regions = ["apac", "latam"]
approval = "T-1"

[[terms]]
id = "new"
vendor = "atlas-house"
providers = ["direct"]
document_sha256 = "0000000000000000000000000000000000000000000000000000000000000002"
effective_from = 2025-06-01
effective_to = 2026-06-01
permitted_uses = ["assistance", "research"]
regions = ["apac"]
approval = "T-2"
approved_from = 2025-06-01
approval_expires = 2025-10-01

[[key]]
caller = "gateway"
shared = true
"""


def register(text: str = REGISTER, **changes: Any) -> Register:
    return replace(parse_register(text, "calls.toml", tuple(RULES)), **changes)


def call(**changes: Any) -> CallRecord:
    """A call that breaks no rule of `REGISTER`, with other values."""
    made = CallRecord(
        "c-1",
        "pairs",
        "log.jsonl",
        1,
        timestamp="2025-03-01T09:30:00.000000Z",
        provider="direct",
        model_requested="atlas",
        model_served="atlas-2025",
        operation="chat",
        project="helpdesk",
        purpose="drafting",
        market="ja-JP",
        caller="svc-1",
        prompt=(Message("user", "How long does a kettle take to boil?"),),
        completions=("About three minutes.",),
    )
    return replace(made, **changes)


def broken(record: CallRecord, spec: Register) -> set[str]:
    return {violation.rule for violation in judge_call(record, spec).violations}


def not_judged(record: CallRecord, spec: Register) -> dict[str, str]:
    return {rule: str(reason) for rule, reason in judge_call(record, spec).abstained}
