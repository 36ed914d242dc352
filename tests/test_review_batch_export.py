"""Exports of a batch: exactly its texts, in whatever state, blind if it is."""

from pathlib import Path

import pytest
from controls import control, decided, fill, flagged, issued, of_both, rows_of, sampled
from sqlalchemy import Engine

from scrubtrace.review.batches.store import create_batch
from scrubtrace.review.decisions.importing import import_decisions
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.export import OPEN, export_csv
from scrubtrace.review.lines import Wanted
from scrubtrace.review.mixing import Mix
from scrubtrace.schemas.batches import Batch, BatchItem, Origin, Purpose
from scrubtrace.schemas.review import ReviewItem


def make(engine: Engine, name: str, blind: bool) -> list[ReviewItem]:
    """A batch of flagged, reported and drawn items among others of each, with controls."""
    reported = [flagged(n, flagged=False) for n in range(20, 25)]
    items = [*(flagged(n) for n in range(10)), *reported, *(sampled(n) for n in range(30, 40))]
    fill(engine, items, [*of_both(10), *(control(60 + n, Origin.LLM) for n in range(2))])
    chosen = items[::2]
    batch = Batch(name, "chats", Purpose.AUDIT, blind, {})
    rows = [
        BatchItem(i.item_key, 1, i.text_digest, i.evidence_fingerprint, "all", 0.5, i.flagged)
        for i in chosen
    ]
    create_batch(engine, batch, rows)
    return chosen


@pytest.mark.parametrize("blind", [True, False])
def test_a_batch_has_exactly_its_texts(engine: Engine, tmp_path: Path, blind: bool) -> None:
    chosen = make(engine, "march", blind)
    path = tmp_path / "f.csv"
    export_csv(engine, path, Wanted(), mix=Mix(batch="march"))
    lines = rows_of(path)
    assert {line["item_key"] for line in lines} == {item.item_key for item in chosen}
    assert [line["item_key"] for line in lines] == sorted(line["item_key"] for line in lines)
    assert all(line["why"] == "" for line in lines) == blind
    import_decisions(engine, decided(path, "concur", [lines[0]["item_key"]]), "anna")
    assert export_csv(engine, path, Wanted(), mix=Mix(batch="march")).rows == len(chosen)
    assert export_csv(engine, path, OPEN, mix=Mix(batch="march")).rows == len(chosen) - 1


def test_a_batch_can_be_shown_blind_with_controls_of_its_own(
    engine: Engine, tmp_path: Path
) -> None:
    chosen = make(engine, "march", False)
    path = tmp_path / "f.csv"
    export_csv(engine, path, mix=Mix(controls=0.2))
    ordinary = set(issued(engine))
    mix = Mix(batch="march", blind=True, controls=0.2)
    result = export_csv(engine, path, Wanted(), mix=mix)
    assert result.rows == len(chosen) + sum(result.controls.values())
    given = issued(engine)
    own = {key for key, row in given.items() if row.batch == "march"}
    assert own
    assert own.isdisjoint(ordinary)
    assert own <= {line["item_key"] for line in rows_of(path)}
    again = export_csv(engine, path, Wanted(), mix=mix)
    assert again.rows == result.rows
    assert set(issued(engine)) == set(given)


def test_an_unknown_batch_is_refused(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(ReviewError, match="there is no batch 'april'"):
        export_csv(engine, tmp_path / "f.csv", mix=Mix(batch="april"))
    with pytest.raises(ReviewError, match="has its own texts"):
        export_csv(engine, tmp_path / "f.csv", mix=Mix(batch="april", sampled=2))
