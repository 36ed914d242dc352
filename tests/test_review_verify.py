"""`verify` on a table that nobody touched, and on one whose log was."""

from pathlib import Path
from typing import Any

import pytest
from decision_files import item, line, saved
from sqlalchemy import Engine

from scrubtrace.review.decisions.importing import import_decisions
from scrubtrace.review.store import upsert_items
from scrubtrace.review.trail import verify as verifying
from scrubtrace.review.trail.events import head
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


@pytest.mark.parametrize("behind", ["_check_decisions", "_check_runs", "erasure_problems"])
def test_an_import_that_comes_in_between_is_no_change(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behind: str
) -> None:
    upsert_items(engine, [item(0)], "run1")
    path = tmp_path / "decided.csv"
    path.write_bytes(saved([line(0, "concur", "", "a lighthouse has stairs")]))
    before = head(engine)
    checking = getattr(verifying, behind)

    def imported_first(*arguments: Any) -> Any:
        assert import_decisions(engine, path, "anna").stored == 1
        return checking(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(verifying, behind, imported_first)
        found = verify(engine)
    assert (found.problems, found.decisions, found.head) == ([], 0, before)
    assert (verify(engine).problems, verify(engine).decisions) == ([], 1)
