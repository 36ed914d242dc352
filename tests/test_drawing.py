"""Drawing: ranks that can be computed again, results in any order, ranges as scanned."""

import hashlib
import hmac
import json
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.beam_pipelines.decoding import Place, Rows
from scrubtrace.beam_pipelines.drawing.labels import row_labels
from scrubtrace.beam_pipelines.drawing.partial import (
    CANDIDATE,
    Keep,
    Outside,
    Partial,
    Problem,
    Stratum,
    smallest,
)
from scrubtrace.beam_pipelines.drawing.projecting import Held
from scrubtrace.beam_pipelines.drawing.ranges import DrawSpec, Known, Task, draw_range
from scrubtrace.beam_pipelines.drawing.ranking import Ranker, text_keys
from scrubtrace.beam_pipelines.planning import read_inputs
from scrubtrace.schemas.counts import month_of
from scrubtrace.schemas.identity import item_key
from scrubtrace.schemas.plan import Chat, Columns, RowRange, RunSpec

Write = Callable[..., Path]

SEED = bytes(range(32))
TEXT = st.text(max_size=20)


@given(TEXT, TEXT, st.lists(st.none() | TEXT, max_size=5), TEXT, st.none() | st.integers(0, 9))
def test_keys_are_those_of_items(
    dataset: str, shard: str, ids: list[str | None], field: str, turn: int | None
) -> None:
    rows = Rows(7, len(ids), [], [], [], ids=ids)
    places = [Place(field, turn)] * len(ids)
    occurrences = {8: 3}
    keys = text_keys(dataset, shard, rows, range(len(ids)), places, occurrences)
    expected = []
    for row, row_id in enumerate(ids, 7):
        occurrence = occurrences.get(row, 0) if row_id is not None else 0
        expected.append(item_key(dataset, shard, row, row_id, occurrence, field, turn))
    assert keys == expected


@given(st.binary(min_size=32, max_size=32), st.lists(st.text("0123456789abcdefr", max_size=40)))
def test_ranks_are_beginnings_of_the_hmac(seed: bytes, keys: list[str]) -> None:
    digests = [hmac.digest(seed, key.encode(), hashlib.sha256) for key in keys]
    expected = [int.from_bytes(digest[:8], "big") for digest in digests]
    assert Ranker(seed).ranks(keys).tolist() == expected


def test_a_seed_of_another_length_is_refused_without_being_shown() -> None:
    with pytest.raises(ValueError, match="32 bytes, this one 3"):
        Ranker(b"abc")
    assert "001f" not in repr(Ranker(SEED))
    assert str(SEED) not in repr(Ranker(SEED))


def candidates(ranks: list[int]) -> Any:
    found = np.zeros(len(ranks), CANDIDATE)
    found["rank"] = ranks
    found["row"] = range(len(ranks))
    return found


@given(st.lists(st.integers(0, 20)), st.integers(0, 30))
def test_smallest(ranks: list[int], most: int) -> None:
    found = smallest(candidates(ranks), most)
    pairs = list(zip(found["rank"].tolist(), found["row"].tolist(), strict=True))
    assert pairs == sorted((rank, row) for row, rank in enumerate(ranks))[:most]


RANKS = st.lists(
    st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 2**64 - 1)), max_size=40
)


@given(RANKS, st.integers(0, 6), st.integers(0, 6), st.randoms(use_true_random=False))
def test_partial_results_add_up_in_any_order(
    texts: list[tuple[str, bool, int]], unflagged: int, flagged: int, chance: random.Random
) -> None:
    keep = Keep(unflagged, flagged)

    def partial_of(numbers: list[int]) -> Partial:
        partial = Partial(keep, rows=len(numbers))
        for number in numbers:
            value, flag, rank = texts[number]
            found = candidates([rank])
            found["row"] = number
            partial.stratum((value, None)).add(flag, 1, found, keep)
            partial.stratum((value, None)).outside[Outside.NULL_TEXT] += 1
        return partial

    whole = partial_of(list(range(len(texts))))
    numbers = list(range(len(texts)))
    chance.shuffle(numbers)
    pieces = [partial_of(numbers[n::3]) for n in range(3)]
    total = Partial(keep)
    for piece in pieces:
        total.merge(Partial.from_bytes(piece.to_bytes()))
    assert total.to_bytes() == whole.to_bytes()
    for (value, _), stratum in total.strata.items():
        for flag, most in ((False, unflagged), (True, flagged)):
            ranked = sorted(
                (rank, number)
                for number, (v, f, rank) in enumerate(texts)
                if (v, f) == (value, flag)
            )
            assert stratum.texts[flag] == len(ranked)
            assert stratum.candidates[flag]["row"].tolist() == [n for _, n in ranked[:most]]


def test_too_many_strata_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scrubtrace.beam_pipelines.drawing.partial.MOST_STRATA", 3)
    partial = Partial(Keep(1, 1))
    for number in range(5):
        partial.stratum((str(number),))
    assert partial.problems == {(Problem.TOO_MANY_STRATA, "")}


def test_labels_are_values_as_items_show_them() -> None:
    berlin = pa.timestamp("us", "Europe/Berlin")
    new_year = datetime(2023, 12, 31, 23, 30, tzinfo=UTC)
    cases: list[tuple[pa.Array, list[str | None], int]] = [
        (pa.array([new_year, None], berlin), ["2023-12", None], 0),
        (pa.array(["2024-03-01T10:00", None, "03/04/2024"]), ["2024-03", None, None], 1),
        (pa.array(["2024-13"], pa.string_view()), [None], 1),
        (pa.array([b"2024-03", b"\xff"], pa.binary_view()), ["2024-03", None], 1),
        (pa.array(["2024-03", None]).dictionary_encode(), ["2024-03", None], 0),
        (pa.array(["2023/04/01", "20230401", " 2023-04"]), ["2023-04"] * 3, 0),
        (pa.array(["2023-04-01T09:00", "2023-04-01\u0663"]), ["2023-04", None], 1),
        (pa.array(["2023-04x", "2023-04-01x"]), [None, "2023-04"], 1),
        (pa.array([b"2023-04-01 09", b"2023-04-01\xff"]), ["2023-04", "2023-04"], 0),
        (pa.array([1700000000, None]), ["2023-11", None], 0),
        (pa.array([1700000000000, 12]), ["2023-11", None], 1),
        (pa.array([1700000000.5]), ["2023-11"], 0),
        (pa.array([Decimal("1700000000.25")]), ["2023-11"], 0),
        (pa.array([date(2024, 3, 1)]), ["2024-03"], 0),
        (pa.array([datetime(2024, 3, 1, 10, 5)], pa.timestamp("ns")), ["2024-03"], 0),
        (pa.array([time(10, 5)]), [None], 1),
        (pa.nulls(2), [None, None], 0),
        (pa.array([True, None]), [None, None], 1),
    ]
    for column, months, undated in cases:
        rows = Rows(0, len(column), [], [], [], groups={"vendor": column, "created_at": column})
        labels = row_labels(rows, ("vendor", "month"))
        values = [labels.values[code] for code in labels.codes]
        shown = [rows.group_value("vendor", row) for row in range(len(column))]
        assert values == list(zip(shown, months, strict=True))
        assert labels.undated == undated
        dated = [rows.group_value("created_at", row) for row in range(len(column))]
        assert months == [month_of(value) for value in dated]


_DATES = st.from_regex(
    r"\s?2023[-/.]?0[1-9][-/.]?[0-3][0-9](.[0-9:\u0663\n]{0,9})?|1[0-9]{9}([0-9]{3}|\.[0-9])?",
    fullmatch=True,
)


@given(st.lists(_DATES | st.text(max_size=12) | st.none(), min_size=1))
def test_months_of_strata_are_those_of_counts(times: list[str | None]) -> None:
    encoded = [None if time is None else time.encode() for time in times]
    expected = [(month_of(time),) for time in times]
    for column in (pa.array(times, pa.string()), pa.array(encoded, pa.binary())):
        labels = row_labels(
            Rows(0, len(column), [], [], [], groups={"created_at": column}), ["month"]
        )
        assert [labels.values[code] for code in labels.codes] == expected


def spec_of(by: tuple[str, ...], identify: bool = False, **columns: Any) -> DrawSpec:
    given: dict[str, Any] = {"text": "text", "groups": {}} | columns
    caps = (64, 1 << 20, 8, 500)
    run = RunSpec("data", Columns(**given), (), "", None, "", *caps)
    return DrawSpec(run, by, Keep(1000, 1000), identify)


def task_of(path: Path, spec: DrawSpec, start: int, stop: int, held: Held) -> Task:
    shard = read_inputs([str(path)], spec.run.columns).shards[0]
    return Task(0, RowRange(shard, start, stop), held)


def test_a_whole_range_is_drawn_as_if_its_texts_were_read(write_shard: Write) -> None:
    count = 200
    path = write_shard(
        "a.parquet",
        row_group_size=37,
        id=[f"i{n}" if n % 7 else None for n in range(count)],
        vendor=[["north", "south", None][n % 3] for n in range(count)],
        lang=["en-US" if n % 2 else "en" for n in range(count)],
        text=[f"text {n}" for n in range(count)],
        other=[f"other {n}" for n in range(count)],
    )
    spec = spec_of(
        ("vendor", "language"),
        text=("text", "other"),
        id="id",
        language="lang",
        groups={"vendor": "vendor"},
    )
    key = item_key("data", "a.parquet", 50, "i50", 2, "other", None)
    known = Known({key}, {50: 2})
    for start, stop in ((0, count), (30, 80), (36, 38), (5, 5)):
        drawn = [
            draw_range(task_of(path, spec, start, stop, held), spec, Ranker(SEED), known)
            for held in Held
        ]
        assert drawn[0].to_bytes() == drawn[1].to_bytes() == drawn[2].to_bytes()
        assert sum(s.texts.total() for s in drawn[0].strata.values()) == 2 * (stop - start)
    assert set(drawn[0].strata) <= {(v, "en") for v in ("north", "south", None)}
    whole = draw_range(task_of(path, spec, 0, count, Held.ALL), spec, Ranker(SEED), known)
    assert sum(s.texts[True] for s in whole.strata.values()) == 1


def test_what_cannot_be_drawn_is_counted_outside(write_shard: Write) -> None:
    path = write_shard(
        "a.parquet",
        vendor=["n", "n", "s", "s", "s"],
        text=pa.array([b"a text", None, b"", b"\xff", b"another"], pa.binary()),
    )
    spec = spec_of(("vendor",), groups={"vendor": "vendor"})
    found = draw_range(task_of(path, spec, 0, 5, Held.UNKNOWN), spec, Ranker(SEED), Known())
    outside = {values: dict(stratum.outside) for values, stratum in found.strata.items()}
    assert outside == {
        ("n",): {Outside.NULL_TEXT: 1},
        ("s",): {Outside.EMPTY_TEXT: 1, Outside.DEAD_ROW: 1},
    }
    assert {values: s.texts[False] for values, s in found.strata.items()} == {("n",): 1, ("s",): 1}


KINDS = [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.binary_view()]


@pytest.mark.parametrize("kind", [*KINDS, pa.dictionary(pa.int32(), pa.string())])
def test_null_and_empty_texts_are_counted_without_decoding(
    write_shard: Write, kind: pa.DataType
) -> None:
    texts = ["a text", None, "", "\u4eca\u65e5", None, ""] * 20
    column = pa.array(texts, pa.string()).cast(kind)
    path = write_shard("a.parquet", row_group_size=7, text=column, other=column)
    spec = spec_of((), text=("other", "text"))
    drawn = [
        draw_range(task_of(path, spec, 3, 110, held), spec, Ranker(SEED), Known())
        for held in (Held.ALIVE, Held.UNKNOWN)
    ]
    assert drawn[0].to_bytes() == drawn[1].to_bytes()
    assert drawn[0].strata[()].outside[Outside.NULL_TEXT] == 2 * texts[3:110].count(None)


CHAT = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))


def test_turns_of_chat_rows_are_texts(write_shard: Write) -> None:
    chats = [
        [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}],
        [{"role": "user", "content": "Well?"}],
        [{"role": "assistant", "content": "A."}, {"role": "assistant", "content": None}],
    ]
    path = write_shard("a.parquet", chat=pa.array(chats, CHAT))
    spec = spec_of((), text="chat", chat=Chat())
    for held in (Held.ALIVE, Held.UNKNOWN):
        found = draw_range(task_of(path, spec, 0, 3, held), spec, Ranker(SEED), Known())
        stratum = found.strata[()]
        assert stratum.texts == Counter({False: 2})
        assert dict(stratum.outside) == {Outside.NO_TURN: 1, Outside.NULL_TEXT: 1}
        places = {(int(c["row"]), int(c["turn"])) for c in stratum.candidates[False]}
        assert places == {(0, 1), (2, 0)}


PARTS = pa.list_(pa.struct([("type", pa.string()), ("text", pa.string())]))


@pytest.mark.parametrize("content", [pa.string(), PARTS])
def test_roles_are_enough_where_every_turn_has_a_text(
    write_shard: Write, content: pa.DataType
) -> None:
    said: Any = "Yes." if content == pa.string() else [{"type": "text", "text": "Yes."}]
    roles = ["user", "Assistant", None, "assistant", "gpt"]
    chats = [
        None if n % 11 == 5 else [{"from": roles[(n + k) % 5], "value": said} for k in range(n % 7)]
        for n in range(90)
    ]
    kind = pa.list_(pa.struct([("from", pa.string()), ("value", content)]))
    path = write_shard("a.parquet", row_group_size=40, chat=pa.array(chats, kind), id=[*range(90)])
    spec = spec_of((), text="chat", chat=Chat(), id="id")
    for start, stop in ((0, 90), (13, 71)):
        drawn = [
            draw_range(task_of(path, spec, start, stop, held), spec, Ranker(SEED), Known())
            for held in Held
        ]
        assert drawn[0].to_bytes() == drawn[1].to_bytes() == drawn[2].to_bytes()
        assert drawn[0].strata[()].texts[False] > 50


def test_languages_are_identified_only_if_asked(write_shard: Write) -> None:
    texts = ["The soup was too salty, but we ate all of it.", "今日はとても暑いですね。"]
    path = write_shard("a.parquet", text=texts, lang=pa.array([None, "fr"], pa.string()))
    for identify, expected in ((False, {None, "fr"}), (True, {"en", "fr"})):
        spec = spec_of(("language",), identify, language="lang")
        found = draw_range(task_of(path, spec, 0, 2, Held.ALL), spec, Ranker(SEED), Known())
        assert {values[0] for values in found.strata} == expected


def test_a_shard_that_changed_or_is_gone_is_a_problem(write_shard: Write) -> None:
    path = write_shard("a.parquet", text=["one", "two"])
    spec = spec_of(())
    task = task_of(path, spec, 0, 2, Held.ALL)
    write_shard("a.parquet", text=["one", "three", "four"])
    for held in Held:
        changed = Task(0, task.rows, held)
        found = draw_range(changed, spec, Ranker(SEED), Known())
        assert found.problems == {(Problem.CHANGED, "a.parquet")}
    path.unlink()
    assert draw_range(task, spec, Ranker(SEED), Known()).problems == {
        (Problem.UNREADABLE, "a.parquet")
    }


def test_rows_that_cannot_be_read_belong_to_no_stratum(write_shard: Write) -> None:
    path = write_shard("a.parquet", row_group_size=50, text=["a text"] * 100, vendor=["n"] * 100)
    content = bytearray(path.read_bytes())
    content[4:60] = b"\0" * 56
    path.write_bytes(bytes(content))
    spec = spec_of(("vendor",), groups={"vendor": "vendor"})
    found = draw_range(task_of(path, spec, 0, 100, Held.UNKNOWN), spec, Ranker(SEED), Known())
    assert (found.unread, found.rows) == (50, 100)
    assert found.strata[("n",)].texts == Counter({False: 50})


def test_specifications_and_tasks_come_back(write_shard: Write) -> None:
    path = write_shard("a.parquet", text=["one"])
    spec = spec_of(("language",), True)
    assert DrawSpec.from_json(spec.to_json()) == spec
    task = task_of(path, spec, 0, 1, Held.ALIVE)
    assert Task.from_dict(json.loads(json.dumps(task.to_dict()))) == task


def test_a_stratum_without_room_keeps_nothing() -> None:
    stratum = Stratum()
    stratum.add(False, 3, candidates([1, 2, 3]), Keep(0, 0))
    assert (stratum.texts[False], len(stratum.candidates[False])) == (3, 0)
