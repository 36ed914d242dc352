"""Whether an entry with a call id that was read before is that call again, or another call.

Logs are exported in pieces that overlap, and an observation that was exported before its call had
ended is exported again with the answer. Such an entry says the same of what was asked, when, by
whom and what for. An entry that says anything else is another call, whatever its id: caches give
one answer, with its id, to many calls, and ids that are made of a clock or are short come again.
"""

import hashlib

from scrubtrace.schemas.calls import CallRecord

_BITS = 31


def judged_digest(record: CallRecord) -> int:
    """62 bits of what rules judge a call by; the lower 31 are of its prompt, 0 without one.

    The answer is not among it, nor what comes with it: model, tokens, status. Of a record with a
    trace the trace stands for all of it: client and server of one call have spans of their own,
    with other times and names.
    """
    if record.trace is not None:
        return _digest(record.trace) << _BITS
    judged = (
        record.timestamp, record.zone_assumed, record.provider, record.model_requested,
        record.project, record.purpose, record.market, record.caller, record.key,
    )  # fmt: skip
    prompt = [(message.role, message.text) for message in record.prompt]
    return _digest(judged) << _BITS | (_digest(prompt) | 1 if prompt else 0)


def is_repetition(first: int, other: int) -> bool:
    """Whether the other says nothing that the first does not; its prompt may be missing."""
    prompt = other & (1 << _BITS) - 1
    return first == other or (not prompt and first >> _BITS == other >> _BITS)


def _digest(value: object) -> int:
    digest = hashlib.blake2b(repr(value).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1
