"""Controls cannot be told from other lines, and reviewers get what they should get."""

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from controls import (
    control,
    decided,
    decisions,
    fill,
    flagged,
    issued,
    of_both,
    rows_of,
    sampled,
    unflagged_control,
)
from decision_files import standings
from sqlalchemy import Engine, select, text, update
from sqlalchemy.exc import DBAPIError

from scrubtrace.messages import ENGLISH
from scrubtrace.review import export
from scrubtrace.review.assigning import shares_of
from scrubtrace.review.decisions.importing import import_decisions
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.export import OPEN, export_csv, export_parquet, export_tasks
from scrubtrace.review.mixing import Mix
from scrubtrace.review.sheet.writing import write_sheet
from scrubtrace.review.store import upsert_items
from scrubtrace.review.table import review_events, review_items
from scrubtrace.review.trail.verify import verify
from scrubtrace.schemas.batches import Origin
from scrubtrace.why import wording
from tests.test_review_sheet import data_of

OWN = {"item_key", "snippet", "text", "text_chars"}
"""What differs from line to line, of controls and others alike."""

BOTH = [*of_both(12), *of_both(6, unflagged_control, 100)]


@pytest.fixture
def filled(engine: Engine) -> Engine:
    """Items of two languages, versions and states, drawn ones among them, and controls."""
    items = [flagged(n, groups={"vendor": f"v{n}"}) for n in range(60)]
    items += [flagged(n, language="de") for n in range(60, 80)]
    drawn = [sampled(n) for n in range(200, 230)]
    fill(engine, [*items, *drawn], BOTH)
    with engine.begin() as connection:
        later = review_items.c.row_index < 20
        connection.execute(update(review_items).where(later).values(row_version=3))
    return engine


def check_alike(lines: Iterable[Mapping[str, Any]], given: Iterable[str]) -> None:
    """Nothing but text says which lines are controls: every other value is one of other lines."""
    lines, given = list(lines), set(given)
    ours = [line for line in lines if line["item_key"] in given]
    others = [line for line in lines if line["item_key"] not in given]
    assert ours
    assert len(others) > len(ours)
    assert {tuple(line) for line in ours} <= {tuple(line) for line in others}
    for line in lines:
        assert re.fullmatch("r[0-9a-f]{32}", line["item_key"])
    for name in set(lines[0]) - OWN:
        seen = {json.dumps(line.get(name), sort_keys=True) for line in others}
        assert {json.dumps(line.get(name), sort_keys=True) for line in ours} <= seen, name


MIXES = [
    Mix(controls=0.2),
    Mix(controls=0.2, sampled=20),
    Mix(controls=0.2, blind=True),
    Mix(controls=0.2, sampled=20, blind=True),
]
MIX_NAMES = ["shown", "shown with sampled", "blind", "blind with sampled"]


@pytest.mark.parametrize("mix", MIXES, ids=MIX_NAMES)
def test_a_csv_tells_no_control(filled: Engine, tmp_path: Path, mix: Mix) -> None:
    result = export_csv(filled, tmp_path / "f.csv", mix=mix)
    lines = rows_of(tmp_path / "f.csv")
    given = issued(filled)
    assert len(lines) == result.rows == 80 + mix.sampled + len(given)
    assert result.controls == {Origin.HUMAN: len(given) / 2, Origin.LLM: len(given) / 2}
    check_alike(lines, given)
    shown = {name for line in lines for name, value in line.items() if value}
    evidence = {"priority", "kind", "flagged", "why", "signals", "evidence_fingerprint"}
    assert shown == {"item_key", "row_version", "snippet", "language"} | (
        set() if mix.blind else evidence
    )
    assert any("⟦" in line["snippet"] for line in lines) != mix.blind


def test_no_file_of_a_reviewer_tells_a_control(filled: Engine, tmp_path: Path) -> None:
    mix = Mix(controls=0.2, sampled=20, overlap=0.2)
    export_csv(filled, tmp_path / "f.csv", reviewers=["anna", "ben"], mix=mix)
    given = issued(filled)
    for name in ("anna", "ben"):
        lines = rows_of(tmp_path / f"f-{name}.csv")
        own = {key for key, row in given.items() if row.reviewer == name}
        assert len(own) == round(0.2 * (len(lines) - len(own)))
        check_alike(lines, own)


@pytest.mark.parametrize("mix", MIXES, ids=MIX_NAMES)
def test_a_sheet_and_tasks_tell_no_control(filled: Engine, tmp_path: Path, mix: Mix) -> None:
    write_sheet(filled, tmp_path / "s.html", OPEN, wording(ENGLISH), mix=mix)
    check_alike(data_of(tmp_path / "s.html")["items"], issued(filled))
    export_tasks(filled, tmp_path / "t.json", wording=wording(ENGLISH), mix=mix)
    tasks = json.loads((tmp_path / "t.json").read_text("utf-8"))
    spans = [str(bool(task.get("predictions"))) for task in tasks]
    data = (task["data"] | {"keys": list(task)} for task in tasks)
    check_alike((d | {"has": s} for d, s in zip(data, spans, strict=True)), issued(filled))


def test_the_order_is_that_of_priority_and_random_keys(filled: Engine, tmp_path: Path) -> None:
    export_csv(filled, tmp_path / "f.csv", mix=Mix(controls=0.3))
    lines = [(line["priority"], line["item_key"]) for line in rows_of(tmp_path / "f.csv")]
    assert lines == sorted(lines)
    export_csv(filled, tmp_path / "b.csv", mix=Mix(controls=0.3, blind=True))
    keys = [line["item_key"] for line in rows_of(tmp_path / "b.csv")]
    assert keys == sorted(keys)


def test_texts_drawn_at_random_stand_all_over_the_file(filled: Engine, tmp_path: Path) -> None:
    export_csv(filled, tmp_path / "f.csv", mix=Mix(sampled=30))
    kinds = [line["kind"] for line in rows_of(tmp_path / "f.csv")]
    assert len(kinds) == 110
    assert 2 <= kinds[:55].count("sampled") <= 28
    assert kinds.count("sampled") == 30


def test_the_log_does_not_say_how_many_controls(filled: Engine, tmp_path: Path) -> None:
    export_csv(filled, tmp_path / "f.csv", mix=Mix(controls=0.2))
    with filled.connect() as connection:
        query = select(review_events.c.payload).order_by(review_events.c.seq.desc()).limit(1)
        payload = json.loads(connection.execute(query).scalar_one())
    given = issued(filled)
    assert payload["rows"] == 80 + len(given)
    assert re.fullmatch("[0-9a-f]{64}", payload.pop("issued"))
    assert len(given) not in payload.values()
    assert not any(key in json.dumps(payload) for key in given)
    assert "controls" not in payload


def test_a_long_text_is_shown_from_within_in_a_blind_export(engine: Engine, tmp_path: Path) -> None:
    words = " ".join(f"word{n}" for n in range(80))
    items = [
        flagged(1, snippet=words, snippet_start=900, text_chars=5000),
        sampled(2, snippet=words, snippet_start=0, text_chars=5000),
    ]
    fill(engine, items, [])
    export_csv(engine, tmp_path / "f.csv", mix=Mix(sampled=1, blind=True))
    for line in rows_of(tmp_path / "f.csv"):
        assert line["snippet"] in words
        assert not words.startswith(line["snippet"])
        assert not words.endswith(line["snippet"])
    write_sheet(engine, tmp_path / "s.html", OPEN, wording(ENGLISH), mix=Mix(sampled=1, blind=True))
    assert [i["snippet_start"] for i in data_of(tmp_path / "s.html")["items"]] == [1, 1]


def test_a_control_has_a_row_version_that_lines_have(engine: Engine, tmp_path: Path) -> None:
    fill(engine, [flagged(n) for n in range(20)], of_both(5))
    with engine.begin() as connection:
        connection.execute(update(review_items).values(row_version=4))
    export_csv(engine, tmp_path / "f.csv", mix=Mix(controls=0.3))
    lines = rows_of(tmp_path / "f.csv")
    assert {line["row_version"] for line in lines} == {"4"}
    found = import_decisions(engine, decided(tmp_path / "f.csv", "concur", [*issued(engine)]), "a")
    assert (found.stored, found.stale) == (6, 0)


def test_a_language_that_no_line_has_is_not_given_out(engine: Engine, tmp_path: Path) -> None:
    others = [dataclasses.replace(one, language="ja") for one in of_both(20)]
    fill(engine, [flagged(n) for n in range(20)], others)
    with pytest.raises(ReviewError, match="like the lines in language"):
        export_csv(engine, tmp_path / "f.csv", mix=Mix(controls=0.1, blind=True))


def test_an_export_that_breaks_off_has_given_out_nothing(
    filled: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object, **named: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(export, "append_event", broken)
    with pytest.raises(ReviewError, match="cannot write"):
        export_csv(filled, tmp_path / "f.csv", mix=Mix(controls=0.2))
    assert issued(filled) == {}
    assert list(tmp_path.glob("*f.csv*")) == []
    assert verify(filled).problems == []


def test_too_few_controls_are_named_with_their_number(engine: Engine, tmp_path: Path) -> None:
    fill(engine, [flagged(n) for n in range(40)], [control(1, Origin.LLM, language="de")])
    with pytest.raises(ReviewError, match=r"4 more are needed.*there are 0 human and 0 llm"):
        export_csv(engine, tmp_path / "f.csv", mix=Mix(controls=0.1))
    assert issued(engine) == {}
    assert list(tmp_path.glob("*f.csv*")) == []


def test_a_control_whose_text_is_data_is_not_given_out(engine: Engine, tmp_path: Path) -> None:
    one = control(1, Origin.LLM, text_digest=f"{3:064x}")
    fill(engine, [flagged(n) for n in range(10)], [one])
    with pytest.raises(ReviewError, match="too few controls"):
        export_csv(engine, tmp_path / "f.csv", mix=Mix(controls=0.1))


def test_decisions_on_controls_touch_no_item(filled: Engine, tmp_path: Path) -> None:
    before = standings(filled)
    path = tmp_path / "f.csv"
    export_csv(filled, path, mix=Mix(controls=0.2))
    saved = decided(path, "concur", list(issued(filled)), "copied")
    found = import_decisions(filled, saved, "anna")
    assert (found.stored, found.known, len(found.bad)) == (len(issued(filled)), 0, 0)
    again = import_decisions(filled, saved, "anna")
    assert (again.stored, again.known) == (0, found.stored)
    assert dict(decisions(filled)) == {k: row.control_key for k, row in issued(filled).items()}
    assert standings(filled) == before
    assert export_parquet(filled, tmp_path / "d.parquet").rows == 80
    assert export_csv(filled, tmp_path / "g.csv").rows == 80
    assert verify(filled).problems == []


def test_a_control_is_refused_as_an_item_is(filled: Engine, tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    export_csv(filled, path, mix=Mix(controls=0.2))
    lines = rows_of(path)
    given = issued(filled)
    ours = next(line for line in lines if line["item_key"] in given)
    other = next(line for line in lines if line["item_key"] not in given)
    for version, problem in (("9", "row_version is higher than the"), ("0", "does not remember")):
        for line in (ours, other):
            cells = f"{line['item_key']},{version},concur\n"
            (tmp_path / "x.csv").write_text("item_key,row_version,decision\n" + cells)
            found = import_decisions(filled, tmp_path / "x.csv", "anna")
            assert [problem in bad.problem for bad in found.bad] == [True]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE review_controls SET origin = 'human'",
        "DELETE FROM review_controls",
    ],
)
def test_a_changed_origin_is_seen(filled: Engine, change: str) -> None:
    with filled.begin() as connection:
        connection.execute(text(change))
    (problem,) = verify(filled).problems
    assert "controls were changed" in problem


def test_what_was_given_out_is_there_for_good(filled: Engine, tmp_path: Path) -> None:
    export_csv(filled, tmp_path / "f.csv", mix=Mix(controls=0.2))
    with pytest.raises(DBAPIError, match="append-only"), filled.begin() as connection:
        connection.execute(text("DELETE FROM review_issued"))
    with filled.begin() as connection:
        first = sorted(issued(filled))[0]
        values = f"'r{'0' * 32}', control_key, 1, NULL, '', event"
        statement = f"INSERT INTO review_issued SELECT {values} FROM review_issued"
        connection.execute(text(f"{statement} WHERE item_key = '{first}'"))
    (problem,) = verify(filled).problems
    assert "given out are not those of its digest" in problem


def test_an_overlap_is_a_stable_share_of_texts() -> None:
    names = ["anna", "ben", "cem"]
    texts = [f"text {n}" for n in range(2000)]
    small = {t: shares_of(t, names, 0.1) for t in texts}
    large = {t: shares_of(t, names, 0.3) for t in texts}
    twice = {t for t, names_of in small.items() if len(names_of) == 2}
    assert 150 < len(twice) < 250
    assert all(large[t] == small[t] for t in twice)
    assert all(len(set(names_of)) == len(names_of) for names_of in large.values())
    assert all(shares_of(t, names, 0.0) == small[t][:1] for t in texts)
    for one in twice:
        without = [name for name in names if name not in small[one]]
        kept = [name for name in names if name not in without]
        assert set(shares_of(one, kept, 0.1)) == set(small[one])


def test_overlapping_texts_stand_in_two_files(engine: Engine, tmp_path: Path) -> None:
    upsert_items(engine, [flagged(n) for n in range(100)], "r1")
    mix = Mix(overlap=0.3)
    export_csv(engine, tmp_path / "f.csv", reviewers=["a", "b", "c"], mix=mix)
    keys = [line["item_key"] for n in "abc" for line in rows_of(tmp_path / f"f-{n}.csv")]
    assert len(set(keys)) == 100
    assert 110 < len(keys) < 150
    with pytest.raises(ReviewError, match="at least two names"):
        export_csv(engine, tmp_path / "f.csv", reviewers=["a"], mix=mix)


def test_views_of_a_control_hide_where_it_is_from(filled: Engine, tmp_path: Path) -> None:
    export_csv(filled, tmp_path / "f.csv", mix=Mix(controls=0.2))
    content = (tmp_path / "f.csv").read_text("utf-8")
    assert "made up" not in content.replace("made_up", "")
    assert "text of the control" not in content
    assert dataclasses.astuple(Mix()) == (0.0, 0, False, None, 0.0)
