"""Texts, a signature file and a review item that several tests are about."""

from scrubtrace.schemas.review import ReviewItem

FLAGGED = "As an AI language model, I have never tasted soup."
PLAIN = "The soup was too salty, but we ate it."
BOTH = "We rec\u0435iv\u0435d th\u0435 l\u0435tt\u0435r. As an AI language model, I cannot."
"""Evidence of both detectors: letters of another script, and a phrase."""

CLAIMS = [f"Day {n}. As Quillon, I cannot browse the internet for the tide." for n in range(6)]
"""The same name claimed in different texts."""

OWN_SIGNATURE = """
format = 1
language = "en"
[[signature]]
id = "en.self_disclosure.soup_test"
category = "self_disclosure"
strength = "proof"
pattern = "too salty"
match = ["It was too salty.", "too salty"]
no_match = ["It was salty."]
source = "made up for this test"
"""
"""A signature file that makes `PLAIN` flag."""

ITEM = ReviewItem(
    item_key="r00000000",
    dataset="chats",
    shard="part-0.parquet",
    row_index=0,
    row_id=None,
    occurrence=0,
    field="text",
    turn=None,
    language="en",
    groups={},
    text_digest="d" * 64,
    key_id="0123456789ab",
    text_chars=40,
    evidence_fingerprint="e" * 16,
    flagged=True,
    kind="llm_text",
    priority=10,
    why="one strong phrase",
    policy="p1",
    detectors=[{"name": "boilerplate"}],
    evidence=[],
    spans_left_out=0,
    snippet="Sorry, the lighthouse has no lift today.",
    snippet_start=0,
)
