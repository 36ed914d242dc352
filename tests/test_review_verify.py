"""`verify` on a table that nobody touched, and on one whose log was."""

import pytest
from decision_files import item
from sqlalchemy import Engine

from scrubtrace.review.store import upsert_items
from scrubtrace.review.trail.verify import verify

CALL = {"kind": "call_rule", "flagged": True}
DRAWN = {"kind": "sampled", "flagged": False, "detectors": []}


@pytest.mark.parametrize("about", [CALL, DRAWN], ids=["call_rule", "sampled"])
@pytest.mark.parametrize(
    ("text_chars", "is_gone"), [(0, False), (40, True)], ids=["without text", "with text"]
)
def test_only_a_text_that_was_there_can_be_gone(
    engine: Engine, about: dict[str, object], text_chars: int, is_gone: bool
) -> None:
    found = item(0, snippet="", text_chars=text_chars, **about)
    upsert_items(engine, [found], "run1")
    problem = f"the text of item {found.item_key} is gone, and no event says so"
    assert verify(engine).problems == ([problem] if is_gone else [])
