"""Controls, blind exports, quality and learning as a user calls them, after a real scan."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from controls import issued, rows_of
from samples import FLAGGED

from scrubtrace.review.connection import open_review, reading
from scrubtrace.review.controls.store import controls_by_key
from scrubtrace.schemas.batches import SAMPLED, Control, Origin

TABLE = ("--review", "sqlite:///out/review.sqlite")
QUOTED = "en.self_disclosure.as_an_ai_language_model"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)


def write(name: str, **columns: Any) -> None:
    pq.write_table(pa.table(columns), name)


def scanned() -> None:
    """Forty flagged texts, and eighteen rows of known origin in a file of their own."""
    write("data.parquet", text=[f"{FLAGGED} So it says on page {n}." for n in range(40)])
    assert code_of("detect", "data.parquet", "--out", "out", "--quiet") == 0
    known = [(f"Day {n}. {FLAGGED}", "llm") for n in range(6)]
    known += [(f"Reading aloud, {n}. {FLAGGED}", "Human") for n in range(6)]
    known += [(f"We rowed over lake {n} and back before lunch.", "human") for n in range(6)]
    write("known.parquet", body=[t for t, _ in known], who=[o for _, o in known])


def review(*arguments: str) -> int:
    return code_of("review", *arguments, *TABLE)


def add(*more: str) -> int:
    columns = ("--text-column", "body", "--origin-column", "who")
    return review("controls", "add", "known.parquet", *columns, *more)


def stored_controls() -> dict[str, Control]:
    engine = open_review(TABLE[1])
    with reading(engine) as connection:
        keys = connection.exec_driver_sql("select control_key from review_controls").scalars()
        return controls_by_key(connection, keys.all())


def decide(path: str, said: dict[str, tuple[str, str]], default: tuple[str, str]) -> str:
    rows = rows_of(Path(path))
    for row in rows:
        row["decision"], row["reason"] = said.get(row["item_key"], default)
    with Path(f"back-{path}").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return f"back-{path}"


def test_controls_are_judged_as_a_scan_judges_rows(capsys: pytest.CaptureFixture[str]) -> None:
    scanned()
    capsys.readouterr()
    assert add("--source", "spring") == 0
    assert capsys.readouterr().out == (
        "18 controls added (12 human, 6 llm), 0 known already (0 with other evidence now)\n"
    )
    controls = stored_controls().values()
    assert {one.source for one in controls} == {"spring"}
    with_evidence = [one for one in controls if one.kind == "llm_text"]
    assert len(with_evidence) == 12
    assert all(one.flagged and one.evidence[0]["signal"] == QUOTED for one in with_evidence)
    assert all(one.snippet[one.evidence[0]["start"] :].startswith("As an") for one in with_evidence)
    others = [one for one in controls if one not in with_evidence]
    assert {(one.kind, one.why, one.flagged) for one in others} == {(SAMPLED, "", False)}
    assert add() == 0
    assert "0 controls added (0 human, 0 llm), 18 known already (0 with" in capsys.readouterr().out
    off = f'detectors.boilerplate.off=["{QUOTED}"]'
    assert add("--set", off) == 0
    assert "18 known already (12 with other evidence now)" in capsys.readouterr().out
    assert review("controls", "list") == 0
    assert "human   en        sampled  12        12" in capsys.readouterr().out
    assert review("verify") == 0


@pytest.mark.parametrize(
    ("texts", "origins", "problems"),
    [
        (["one", "", None, "four"], ["llm", "llm", "llm", "robot"],
         ["row 1: its text is empty", "row 2: its text", "row 3: its origin is neither"]),
        (["same", "other", "same"], ["llm", "llm", "human"],
         ["row 2: the same text is there as llm"]),
    ],
)  # fmt: skip
def test_bad_rows_are_named_and_nothing_is_stored(
    capsys: pytest.CaptureFixture[str],
    texts: list[str | None],
    origins: list[str],
    problems: Sequence[str],
) -> None:
    scanned()
    write("known.parquet", body=texts, who=origins)
    assert add() == 2
    said = capsys.readouterr().err
    assert "nothing was stored" in said
    assert all(problem in said for problem in problems)
    assert stored_controls() == {}
    assert "robot" not in said


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("controls", "add", "none.parquet"), "none.parquet"),
        (("controls", "add", "known.parquet"), "text"),
        (("controls", "add", "many/*.parquet", "--text-column", "same"), "is several files"),
        (("controls", "list"), "there are no controls"),
        (("export", "--out", "x.csv", "--controls", "0.1"), "4 more are needed, half of them"),
        (("export", "--out", "x.csv", "--batch", "march"), "there is no batch 'march'"),
        (("export", "--out", "x.csv", "--overlap", "0.1"), "--overlap goes with --assign"),
        (("export", "--out", "x", "--blind", "--format", "parquet"), "CSV and Label Studio only"),
        (("export", "--out", "x.csv", "--format", "label-studio"), "ends in .json"),
        (("sheet", "--out", "x.html", "--controls", "0.1"), "4 more are needed, half of them"),
    ],
)
def test_what_cannot_be_done_ends_with_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], problem: str
) -> None:
    scanned()
    Path("many").mkdir()
    for name in ("a", "b"):
        write(f"many/{name}.parquet", same=["one"], origin=["llm"])
    capsys.readouterr()
    assert review(*arguments) == 2
    assert problem in capsys.readouterr().err
    assert list(Path().glob("x*")) == []


def test_from_controls_to_quality_and_learning(capsys: pytest.CaptureFixture[str]) -> None:
    scanned()
    assert add() == 0
    assign = ("--assign", "anna,ben", "--overlap", "0.4")
    export = ("export", "--out", "f.csv", "--controls", "0.2", *assign)
    capsys.readouterr()
    assert review(*export) == 0
    assert "controls (" in capsys.readouterr().out
    given = issued(open_review(TABLE[1]))
    controls = stored_controls()
    llm = [k for k, row in given.items() if controls[row.control_key].origin == Origin.LLM]
    right = {k: ("concur", "copied") if k in llm else ("dismiss", "human") for k in given}
    for name, said in (("anna", right), ("ben", {})):
        path = decide(f"f-{name}.csv", said, ("dismiss", "template"))
        assert review("import", path, "--reviewer", name) == 0
        assert review("import", path, "--reviewer", name) == 0
        assert "0 decisions stored" in capsys.readouterr().out
    assert review("quality", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    anna, ben = found["reviewers"]
    assert (anna["rates"]["sensitivity"]["value"], ben["rates"]["sensitivity"]["value"]) == (1, 0)
    assert (anna["rates"]["specificity"]["value"], ben["rates"]["specificity"]["value"]) == (1, 1)
    (pair,) = found["pairs"]
    assert pair["percent"]["value"] == 1
    assert pair["kappa"]["refusal"] == "one_answer"
    assert {entry["signature"] for entry in found["precision"]} == {None, QUOTED}
    assert [entry["precision"]["units"] for entry in found["precision"]] == [40, 40]
    assert len(found["warnings"]) == 2
    assert review("quality") == 0
    said = capsys.readouterr().out
    assert "anna: sensitivity 100%" in said
    assert "Agreement is not truth" in said
    assert "1 of 1 exports for reviewers showed the evidence" in said
    before = Path("out/review.sqlite").read_bytes()
    assert (
        review("learn", "--set", 'detectors.boilerplate.off=["en.closer.like_me_to_expand"]') == 0
    )
    said = capsys.readouterr().out
    assert f"{QUOTED}: 0 of 40 right, at most 7%; dismissed: template 40" in said
    lines = '[detectors.boilerplate]\noff = [\n  "en.closer.like_me_to_expand",\n  "' + QUOTED
    assert lines in said
    assert Path("out/review.sqlite").read_bytes() == before
    assert review("verify") == 0
    assert review("export", "--out", "d.parquet", "--format", "parquet") == 0
    assert pq.read_metadata("d.parquet").num_rows == 40
    capsys.readouterr()
    assert review("export", "--out", "g.csv", "--controls", "0.2") == 0
    assert "0 rows written to g.csv" in capsys.readouterr().out


def test_a_blind_sheet_and_tasks_go_out_and_come_back(capsys: pytest.CaptureFixture[str]) -> None:
    scanned()
    assert add() == 0
    assert review("sheet", "--out", "s.html", "--blind", "--controls", "0.2") == 0
    assert "of them 8 controls (4 human, 4 llm)" in capsys.readouterr().out
    assert QUOTED not in Path("s.html").read_text("utf-8")
    assert review("export", "--out", "t.json", "--format", "label-studio", "--blind") == 0
    assert "40 rows written to t.json, t.xml" in capsys.readouterr().out
    tasks = json.loads(Path("t.json").read_text("utf-8"))
    result = {"from_name": "decision", "type": "choices", "value": {"choices": ["concur"]}}
    for task in tasks:
        task["annotations"] = [{"completed_by": 3, "result": [result]}]
    tasks[4]["data"]["row_version"] = 8
    Path("back.json").write_text(json.dumps(tasks), encoding="utf-8")
    bring = ("import", "back.json", "--reviewer", "anna")
    assert review(*bring) == 2
    said = capsys.readouterr()
    assert "back.json, task 5: row_version is higher" in said.err
    assert "0 decisions stored" in said.out
    assert review(*bring, "--keep-going") == 3
    assert "39 decisions stored, 0 known already, 0 tasks undecided" in capsys.readouterr().out


@pytest.mark.parametrize(("origin", "unknown"), [("llm", "specificity"), ("human", "sensitivity")])
def test_controls_of_one_origin_are_warned_of(
    origin: str, unknown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    scanned()
    rows = [row for row in pq.read_table("known.parquet").to_pylist() if row["who"] == origin]
    rows += [{"body": f"Day {n}, aloud. {FLAGGED}", "who": origin} for n in range(6)]
    pq.write_table(pa.Table.from_pylist(rows), "known.parquet")
    assert add() == 0
    for command, out in (("export", "f.csv"), ("sheet", "s.html")):
        capsys.readouterr()
        assert review(command, "--out", out, "--controls", "0.1") == 0
        told = capsys.readouterr().err
        assert f"all controls are of origin {origin}: {unknown} will not be measured" in told
