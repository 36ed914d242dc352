"""What comes again in later exports, and that it tells no control."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from controls import (
    decided,
    fill,
    flagged,
    issued,
    of_both,
    rows_of,
    sampled,
    unflagged_control,
)
from sqlalchemy import Engine

from scrubtrace.messages import ENGLISH
from scrubtrace.review import export as exporting
from scrubtrace.review.batches.store import create_batch
from scrubtrace.review.decisions.importing import import_decisions
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.export import OPEN, export_csv
from scrubtrace.review.mixing import Mix, Mixture
from scrubtrace.review.sheet import writing as writing_sheet
from scrubtrace.review.sheet.writing import write_sheet
from scrubtrace.review.store import record_run, upsert_items
from scrubtrace.review.trail.verify import verify
from scrubtrace.schemas.batches import Batch, BatchItem, Purpose
from scrubtrace.schemas.review import ReviewRun
from scrubtrace.why import wording


def test_what_is_undecided_comes_again_under_its_key(engine: Engine, tmp_path: Path) -> None:
    fill(engine, [flagged(n) for n in range(40)], of_both(10))
    path = tmp_path / "f.csv"
    export_csv(engine, path, mix=Mix(controls=0.2))
    first = set(issued(engine))
    assert len(first) == 8
    done = sorted(first)[:3]
    import_decisions(engine, decided(path, "concur", done), "anna")
    export_csv(engine, path, mix=Mix(controls=0.2))
    again = {line["item_key"] for line in rows_of(path)}
    assert first - set(done) <= again
    assert not set(done) & again
    assert set(issued(engine)) == first
    upsert_items(engine, [flagged(n) for n in range(40, 55)], "20260102T000000.000000-aaaaaa")
    export_csv(engine, path, mix=Mix(controls=0.2))
    new = set(issued(engine)) - first
    assert len(new) == 3
    texts = [row.control_key for row in issued(engine).values()]
    assert len(set(texts)) == len(texts)
    asked = sorted(new)[0]
    import_decisions(engine, decided(path, "second", [asked]), "anna")
    export_csv(engine, path, mix=Mix(controls=0.2))
    assert asked in {line["item_key"] for line in rows_of(path)}


@pytest.mark.parametrize("written", ["f.csv", "f.html"])
def test_two_exports_at_once_do_not_both_give_out_controls(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    fill(engine, [flagged(n) for n in range(40)], of_both(10))
    path, other = tmp_path / written, tmp_path / "other.csv"
    other_mixture = exporting.mixture

    def after_another_export(*given: Any) -> Mixture:
        mixed = other_mixture(*given)
        with monkeypatch.context() as patch:
            patch.setattr(exporting, "mixture", other_mixture)
            export_csv(engine, other, mix=Mix(controls=0.2))
        return mixed

    def write() -> None:
        if path.suffix == ".csv":
            export_csv(engine, path, mix=Mix(controls=0.2))
        else:
            write_sheet(engine, path, OPEN, wording(ENGLISH), mix=Mix(controls=0.2))

    with monkeypatch.context() as patch:
        for module in (exporting, writing_sheet):
            patch.setattr(module, "mixture", after_another_export)
        with pytest.raises(ReviewError, match="gave out controls meanwhile: export again"):
            write()
    assert [file.name for file in tmp_path.iterdir() if file.stem == "f"] == []
    first = set(issued(engine))
    assert len(first) == 8
    write()
    assert set(issued(engine)) == first
    assert verify(engine).problems == []


def test_exports_of_other_batches_meanwhile_do_not_matter(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(engine, [flagged(n) for n in range(40)], of_both(10))
    texts = [
        BatchItem(one.item_key, 1, one.text_digest, one.evidence_fingerprint, "all", 0.5, True)
        for one in map(flagged, range(10))
    ]
    create_batch(engine, Batch("b", "chats", Purpose.AUDIT, False, {}), texts)
    other_mixture = exporting.mixture

    def after_a_batch(*given: Any) -> Mixture:
        mixed = other_mixture(*given)
        with monkeypatch.context() as patch:
            patch.setattr(exporting, "mixture", other_mixture)
            export_csv(engine, tmp_path / "b.csv", mix=Mix(controls=0.2, batch="b"))
        return mixed

    monkeypatch.setattr(exporting, "mixture", after_a_batch)
    export_csv(engine, tmp_path / "f.csv", mix=Mix(controls=0.2))
    assert len(issued(engine)) == 10


def test_no_reviewer_gets_a_control_twice_before_all_are_used_up(
    engine: Engine, tmp_path: Path
) -> None:
    fill(engine, [], of_both(4))
    path = tmp_path / "f.csv"
    for number in range(4):
        before = set(issued(engine))
        lines = [flagged(n) for n in range(40 * number, 40 * number + 40)]
        upsert_items(engine, lines, "20260101T000000.000000-aaaaaa")
        export_csv(engine, path, reviewers=["anna", "ben"], mix=Mix(controls=0.1))
        for name in ("anna", "ben"):
            own = tmp_path / f"f-{name}.csv"
            keys = [line["item_key"] for line in rows_of(own) if line["item_key"] in issued(engine)]
            assert keys
            import_decisions(engine, decided(own, "dismiss", keys), name)
        new = [row for key, row in issued(engine).items() if key not in before]
        assert len({(row.reviewer, row.control_key) for row in new}) == len(new)
    for name in ("anna", "ben"):
        texts = [row.control_key for row in issued(engine).values() if row.reviewer == name]
        most = max(texts.count(one) for one in texts)
        assert len(set(texts)) == 8 or most == 1


def test_no_control_stands_twice_in_a_file(engine: Engine, tmp_path: Path) -> None:
    fill(engine, [flagged(n) for n in range(40)], of_both(2))
    path = tmp_path / "f.csv"
    export_csv(engine, path, reviewers=["anna", "ben"], mix=Mix(controls=0.15))
    export_csv(engine, path, mix=Mix(controls=0.1))
    given = issued(engine)
    texts = [given[line["item_key"]].control_key for line in rows_of(path)
             if line["item_key"] in given]  # fmt: skip
    assert len(texts) == len(set(texts)) == 4


BUDGETS = {
    "shown": Mix(controls=0.25),
    "blind": Mix(controls=0.25, blind=True),
    "blind with sampled": Mix(controls=0.25, sampled=20, blind=True),
}


@pytest.mark.parametrize("mix", BUDGETS.values(), ids=BUDGETS)
def test_a_budget_does_not_cut_the_keys_of_lines(engine: Engine, tmp_path: Path, mix: Mix) -> None:
    drawn = [sampled(n) for n in range(1000, 1400)]
    items = [flagged(n, priority=1) for n in range(400)]
    controls = [*of_both(20), *of_both(20, unflagged_control, 100)]
    fill(engine, [*items, *drawn], [dataclasses.replace(one, priority=1) for one in controls])
    export_csv(engine, tmp_path / "f.csv", budget=40, mix=mix)
    lines = [line["item_key"] for line in rows_of(tmp_path / "f.csv")]
    flagged_keys = {one.item_key for one in items}
    for own in (flagged_keys, {one.item_key for one in drawn}, set(issued(engine))):
        of_kind = sorted(own & set(lines))
        if of_kind:
            assert of_kind[-1] > "r8"
    assert len(flagged_keys & set(lines)) == 40
    export_csv(engine, tmp_path / "f.csv", budget=40, mix=mix)
    assert flagged_keys & {line["item_key"] for line in rows_of(tmp_path / "f.csv")} == (
        flagged_keys & set(lines)
    )


def test_no_key_is_new_in_a_later_export_unless_lines_are(engine: Engine, tmp_path: Path) -> None:
    fill(engine, [flagged(n) for n in range(40)], of_both(20))
    path = tmp_path / "f.csv"
    export_csv(engine, path, reviewers=["anna", "ben"], mix=Mix(controls=0.2))
    own = path.with_name("f-anna.csv")
    seen, given = {line["item_key"] for line in rows_of(own)}, set(issued(engine))
    asked, *others = sorted(seen & given)
    import_decisions(engine, decided(own, "concur", [*others, *sorted(seen - given)[:3]]), "anna")
    import_decisions(engine, decided(own, "second", [asked, min(seen - given)]), "anna")
    for _ in range(2):
        export_csv(engine, path, reviewers=["anna", "ben"], mix=Mix(controls=0.2))
        assert {line["item_key"] for line in rows_of(own)} < seen
    assert set(issued(engine)) == given
    upsert_items(engine, [flagged(n) for n in range(40, 80)], "20260102T000000.000000-aaaaaa")
    export_csv(engine, path, reviewers=["anna", "ben"], mix=Mix(controls=0.2))
    assert len(issued(engine)) == 2 * len(given)


@pytest.mark.parametrize("other", [{"dataset": "letters"}, {"new_since": "20260101T"}])
def test_controls_of_other_lines_do_not_come_again(
    engine: Engine, tmp_path: Path, other: dict[str, str]
) -> None:
    runs = ("20260101T000000.000000-aaaaaa", "20260102T000000.000000-aaaaaa")
    path = tmp_path / "f.csv"
    fill(engine, [flagged(n) for n in range(20)], of_both(10))
    record_run(engine, ReviewRun(runs[0], "chats", "0123456789ab", "f" * 64, 1, 0))
    export_csv(engine, path, dataclasses.replace(OPEN, dataset="chats"), mix=Mix(controls=0.2))
    first = set(issued(engine))
    upsert_items(engine, [flagged(n, dataset="letters") for n in range(20, 40)], runs[1])
    record_run(engine, ReviewRun(runs[1], "letters", "0123456789ab", "f" * 64, 1, 0))
    wanted = dataclasses.replace(OPEN, **other)
    export_csv(engine, path, wanted, mix=Mix(controls=0.2))
    lines = {line["item_key"] for line in rows_of(path)}
    assert not first & lines
    assert len(set(issued(engine)) & lines) == 4
    export_csv(engine, path, mix=Mix(controls=0.2))
    assert set(issued(engine)) < {line["item_key"] for line in rows_of(path)}
