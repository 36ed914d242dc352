"""Control tasks: who gets which, what of it is remembered, and how answers are scored."""

import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from hypothesis import given
from hypothesis import strategies as st
from samples import FLAGGED, PLAIN

from scrubtrace.labelers.canary import REQUEST, Carried, canary_word, carried, with_canary
from scrubtrace.labelers.controls import ControlTask, plan_controls
from scrubtrace.schemas.controls import CONTROLS, HANDOUT, Origin
from scrubtrace.schemas.identity import DigestKey, KeyRing

KEY, NEW = "ab" * 32, "cd" * 32
RING = KeyRing(DigestKey.from_hex(KEY))
DAYS = (date(2026, 1, 1), date(2026, 1, 31))
PEOPLE = [f"Person {number}" for number in range(9)]
TASKS = [ControlTask(f"t{n}", f"Write about boat {n}.", Origin.UNKNOWN) for n in range(30)]

WORD = "bamotirufelo"
ASKED = REQUEST.replace("{token}", WORD)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("The boat was late.", Carried.NO),
        (f"The boat was late. {WORD}", Carried.YES),
        (f"The {WORD.title()} boat.", Carried.YES),
        (f"\uff22{WORD[1:]}", Carried.YES),
        (f"{WORD[:6]} {WORD[6:]}", Carried.NO),
        (ASKED, Carried.QUOTED),
        (f"I was told:\n{ASKED.upper().replace(' ', '  ')} That is odd.", Carried.QUOTED),
        (f"{ASKED} Done: {WORD}", Carried.YES),
        ("", Carried.NO),
    ],
)
def test_canaries_in_answers(answer: str, found: Carried) -> None:
    assert carried(answer, WORD, ASKED) == found


@given(st.text(min_size=1), st.text(), st.text())
def test_a_canary_is_found_in_any_answer(text: str, before: str, after: str) -> None:
    word = canary_word(RING.active, "t", text)
    task, instruction = with_canary(text, REQUEST, word)
    assert len(word) == 12
    assert task.endswith(instruction)
    assert carried(f"{before} {word} {after}", word, instruction) != Carried.NO


def test_words_differ_by_task_labeler_and_key() -> None:
    other = DigestKey.from_hex(NEW)
    words = {canary_word(RING.active, f"t{n}", who) for n in range(300) for who in "abc"}
    assert len(words | {canary_word(other, "t1", "a")}) == 901


def test_nobody_gets_a_task_twice_and_the_order_is_that_of_the_key() -> None:
    planned, short = plan_controls(TASKS, PEOPLE, 5, DAYS, RING)
    assert planned == plan_controls(TASKS, PEOPLE[::-1], 5, DAYS, RING)[0]
    assert short == []
    assert Counter(one.labeler for one in planned) == dict.fromkeys(PEOPLE, 5)
    assert len({(one.labeler, one.task.id) for one in planned}) == 45
    assert {*Counter(one.task.id for one in planned).values()} == {1, 2}
    assert all(DAYS[0] <= one.day <= DAYS[1] for one in planned)
    assert len({one.day for one in planned}) > 10
    other = plan_controls(TASKS, PEOPLE, 5, DAYS, KeyRing(DigestKey.from_hex(NEW)))[0]
    assert {(o.labeler, o.task.id) for o in other} != {(o.labeler, o.task.id) for o in planned}
    had = {(RING.active.pseudonym("labeler", one.labeler), one.task.id) for one in planned}
    rotated = KeyRing(DigestKey.from_hex(NEW), (RING.active,))
    later, short = plan_controls(TASKS, PEOPLE, 26, DAYS, rotated, had)
    assert sorted(short) == PEOPLE
    assert len(later) == 9 * 25
    pairs = {(one.labeler, one.task.id) for one in planned}
    assert not pairs & {(one.labeler, one.task.id) for one in later}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", KEY)


def write_tasks(rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), "controls.parquet")


def task_rows(number: int) -> list[dict[str, Any]]:
    origins = ["human", "llm", "unknown"]
    return [
        {"task": f"t{n}", "text": f"Tell of boat {n}.", "origin": origins[n % 3]}
        for n in range(number)
    ]


def plan(*more: str) -> int:
    return code_of(
        "labelers", "controls", "plan", "--tasks", "controls.parquet", "--labelers", "names.txt",
        "--from", "2026-01-01", "--until", "2026-01-31", "--out", "plan.parquet",
        "--handout", "handout.parquet", *more,
    )  # fmt: skip


def detect(groups: str = "labeler=who,task=job") -> int:
    return code_of(
        "detect", "data/*.parquet", "--out", "out", "--review", "sqlite:///out/review.sqlite",
        "--group-by", groups, "--quiet", "--dataset", "jobs",
    )  # fmt: skip


def score(*more: str) -> int:
    return code_of("labelers", "controls", "score", "--runs", "out", *more)


def answers(handout: list[dict[str, Any]], origins: dict[str, str]) -> list[dict[str, Any]]:
    """The first person pastes: flagged and with the canary; others answer by hand if they can."""
    rows = []
    for given_out in handout:
        word = given_out["text"].split("include the word ")[1].split(" ")[0]
        by_model = given_out["labeler"] == PEOPLE[0] or origins[given_out["task"]] == "llm"
        text = f"{FLAGGED} {word}" if by_model else PLAIN
        rows.append({"text": text, "who": given_out["labeler"], "job": given_out["task"]})
    rows.append({"text": PLAIN, "who": "Somebody else", "job": "t0"})
    rows.append(dict(rows[0]))
    return [*rows, {"text": PLAIN, "who": PEOPLE[0], "job": "another"}]


def test_plan_and_score_through_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("names.txt").write_text("\n".join([*PEOPLE[:3], PEOPLE[0], ""]))
    write_tasks(task_rows(90))
    assert plan("--per-labeler", "80", "--canary") == 0
    told = capsys.readouterr().out
    assert "240 control tasks for 3 labelers; plan.parquet has SHA-256 " in told
    record, handout = pq.read_table("plan.parquet"), pq.read_table("handout.parquet")
    assert Path("handout.parquet").stat().st_mode & 0o777 == 0o600
    assert record.schema.equals(CONTROLS)
    assert handout.schema.equals(HANDOUT)
    assert not any(person.encode() in Path("plan.parquet").read_bytes() for person in PEOPLE)
    origins = dict(zip(*(record[name].to_pylist() for name in ("task", "origin")), strict=True))
    rows = answers(handout.to_pylist(), origins)
    Path("data").mkdir()
    for number in range(2):
        table = pa.Table.from_pylist(
            rows[number::2], pa.schema(dict.fromkeys(rows[0], pa.string()))
        )
        pq.write_table(table, f"data/{number}.parquet")
    assert detect() == 0
    capsys.readouterr()
    assert score("--plan", "plan.parquet", "--json", "score.json") == 0
    told = capsys.readouterr().out
    assert "not counted: 1 answers by labelers who were not given the task" in told
    assert "not counted: 1 further answers by the same labeler" in told
    assert "llm: detection rate 100.0%" in told
    assert "resembles model output" in told
    assert "Person" not in told
    found = json.loads(Path("score.json").read_text())
    assert found["answered"] == 240
    by_origin = {one["origin"]: one for one in found["origins"]}
    firsts = Counter(origins[r["task"]] for r in handout.to_pylist() if r["labeler"] == PEOPLE[0])
    for origin in ("human", "unknown"):
        one = by_origin[origin]
        assert one["flagged"]["hits"] == one["canary"]["hits"] == firsts[origin]
        assert one["kinds"] == {"llm_text": firsts[origin]}
    assert by_origin["human"]["rate"] == "false-positive rate"
    first = DigestKey.from_hex(KEY).pseudonym("labeler", PEOPLE[0])
    of_first = {one["origin"]: one for one in found["labelers"] if one["labeler"] == first}
    assert of_first["unknown"]["flagged"]["hits"] == of_first["unknown"]["flagged"]["n"]
    assert of_first["unknown"]["flagged"]["low"] > 0.8
    assert "llm" not in of_first
    assert score("--plan", "plan.parquet", "--least", "200") == 0
    told = capsys.readouterr().out
    assert "of whom nothing is told: 3" in told
    assert "p-" not in told
    assert score("--plan", "plan.parquet", "--answers", "data/0.parquet") == 0
    told = capsys.readouterr().out
    assert "answered: 120; without an answer so far: 120" in told


def test_a_handout_that_was_changed_is_the_one_of_the_plan(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("names.txt").write_text("\n".join(PEOPLE))
    write_tasks(task_rows(9))
    assert plan("--per-labeler", "2", "--canary") == 0
    check = ("labelers", "controls", "check", "--plan", "plan.parquet", "--handout")
    assert code_of(*check, "handout.parquet") == 0
    assert "18 control tasks are as the plan says" in capsys.readouterr().out
    rows = pq.read_table("handout.parquet").to_pylist()
    rows[3]["text"] += " Hurry."
    pq.write_table(pa.Table.from_pylist(rows[1:], HANDOUT), "other.parquet")
    assert code_of(*check, "other.parquet") == 4
    told = capsys.readouterr().err
    assert "1 control tasks are not in the plan as they were given out, 2 of the plan" in told
    assert code_of(*check, "controls.parquet") == 2
    assert code_of(*check, "names.txt") == 2
    monkeypatch.setenv("SCRUBTRACE_KEY", NEW)
    assert code_of(*check, "handout.parquet") == 2
    monkeypatch.delenv("SCRUBTRACE_KEY")
    assert code_of(*check, "handout.parquet", "--key-file", "nowhere.key") == 2
    assert "there is no key in" in capsys.readouterr().err


def test_a_handout_with_a_task_twice_is_not_the_one_of_the_plan(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("names.txt").write_text("\n".join(PEOPLE[:2]))
    write_tasks(task_rows(9))
    assert plan("--per-labeler", "2") == 0
    table = pq.read_table("handout.parquet")
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), "twice.parquet")
    check = ("labelers", "controls", "check", "--plan", "plan.parquet", "--handout")
    assert code_of(*check, "twice.parquet") == 4
    assert "1 control tasks are not in the plan as they were given out" in capsys.readouterr().err


def test_a_plan_and_a_handout_are_two_files(capsys: pytest.CaptureFixture[str]) -> None:
    Path("names.txt").write_text(PEOPLE[0])
    write_tasks(task_rows(3))
    assert plan("--per-labeler", "2", "--out", "same.parquet", "--handout", "./same.parquet") == 2
    assert "--out and --handout name the same file" in capsys.readouterr().err
    assert not Path("same.parquet").exists()


@pytest.mark.parametrize("kept", ["plan.parquet", "handout.parquet"])
def test_a_plan_that_is_there_is_not_replaced_by_another(
    kept: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("names.txt").write_text("\n".join(PEOPLE[:2]))
    write_tasks(task_rows(9))
    assert plan("--per-labeler", "2") == 0
    before = {name: Path(name).read_bytes() for name in ("plan.parquet", "handout.parquet")}
    assert plan("--per-labeler", "2") == 0
    for name in before.keys() - {kept}:
        Path(name).unlink()
    capsys.readouterr()
    assert plan("--per-labeler", "3") == 2
    assert f"there is a file {kept} already" in capsys.readouterr().err
    assert {path.name for path in Path().glob("*.parquet")} == {kept, "controls.parquet"}
    assert Path(kept).read_bytes() == before[kept]
    assert plan("--per-labeler", "2") == 0
    assert {name: Path(name).read_bytes() for name in before} == before


def test_what_cannot_be_scored(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("names.txt").write_text(PEOPLE[0])
    write_tasks(task_rows(3))
    assert plan("--per-labeler", "3") == 0
    Path("data").mkdir()
    table = pa.table({"text": [PLAIN], "who": [PEOPLE[0]], "job": ["t0"]})
    pq.write_table(table, "data/a.parquet")
    assert detect("labeler=who") == 0
    assert score("--plan", "plan.parquet") == 2
    assert "no column task" in capsys.readouterr().err
    assert detect() == 0
    assert score("--plan", "handout.parquet") == 2
    assert "is no plan" in capsys.readouterr().err
    assert score("--plan", "plan.parquet", "--answers", "controls.parquet") == 2
    assert "not among the shards" in capsys.readouterr().err
    assert score("--plan", "plan.parquet") == 0
    assert "human: false-positive rate 0.0% (0.0% to 97.5%; 0 of 1)" in capsys.readouterr().out
    monkeypatch.setenv("SCRUBTRACE_KEY", f"{NEW}\n{KEY}")
    assert plan("--per-labeler", "3", "--earlier", "plan.parquet") == 2
    assert "no task that a labeler has not had" in capsys.readouterr().err
    monkeypatch.setenv("SCRUBTRACE_KEY", NEW)
    assert plan("--per-labeler", "1", "--earlier", "plan.parquet") == 2
    assert "which the key file has no more" in capsys.readouterr().err
    assert plan("--per-labeler", "1", "--out", "new.parquet", "--handout", "new_handout") == 0
    monkeypatch.setenv("SCRUBTRACE_KEY", KEY)
    assert score("--plan", "new.parquet") == 2
    assert "was made with key" in capsys.readouterr().err
    pq.write_table(table.slice(0, 0), "data/a.parquet")
    assert score("--plan", "plan.parquet") == 3
    assert "is not as it was scanned (ShardChanged)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rows", "more", "message"),
    [
        ([{"task": "a", "text": "b"}], (), "has no column 'origin'"),
        ([{"task": "a", "text": "b", "origin": "robot"}], (), "row 0: origin is one of human, llm"),
        ([{"task": "a", "text": " ", "origin": "llm"}], (), "row 0: a task needs an id and a text"),
        ([{"task": 1, "text": b"\xff", "origin": "llm"}], (), "a text in UTF-8"),
        ([{"task": "a", "text": "b", "origin": "llm"}] * 2, (), "row 1: the id of this task"),
        ([{"task": "a", "text": 5, "origin": "llm"}], (), "'text' has no texts: int64"),
        (task_rows(1), ("--canary-request", "Say hello."), "with {token} in it once"),
        (task_rows(1), ("--until", "2025-01-01"), "is before --from"),
        (task_rows(1), ("--until", "soon"), "--until takes a date"),
        (task_rows(1), ("--labelers", "controls.parquet"), "cannot read controls.parquet"),
        (task_rows(1), ("--labelers", "empty.txt"), "names no labeler"),
        (task_rows(1), ("--tasks", "names.txt"), "cannot read names.txt"),
        (task_rows(1), ("--earlier", "controls.parquet"), "is no plan"),
    ],
)
def test_what_cannot_be_planned(
    rows: list[dict[str, Any]], more: tuple[str, ...], message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    Path("names.txt").write_text("Ann")
    Path("empty.txt").write_text("\n \n")
    write_tasks(rows)
    assert plan("--per-labeler", "1", *more) == 2
    assert message in capsys.readouterr().err
    assert not Path("plan.parquet").exists()
