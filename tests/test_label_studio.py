"""Label Studio: tasks with spans, their configuration, and annotations that come back."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from controls import SPAN, flagged
from decision_files import key, stored
from sqlalchemy import Engine

from scrubtrace.messages import ENGLISH
from scrubtrace.review.connection import open_review
from scrubtrace.review.decisions.importing import import_decisions
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.export import export_tasks
from scrubtrace.review.label_studio import labeling_config
from scrubtrace.review.store import upsert_items
from scrubtrace.schemas.review import REASONS
from scrubtrace.why import wording

SUN = "\N{SUN WITH FACE}"


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_review(f"sqlite:///{tmp_path}/review.sqlite")


def exported(engine: Engine, path: Path) -> list[dict[str, Any]]:
    export_tasks(engine, path, wording=wording(ENGLISH))
    tasks = json.loads(path.read_text("utf-8"))
    assert isinstance(tasks, list)
    return tasks


def annotated(
    task: dict[str, Any], *results: tuple[str, dict[str, Any]], **about: Any
) -> dict[str, Any]:
    """The task as Label Studio exports it, with one annotation."""
    named = [
        {"from_name": name, "to_name": "text", "type": "choices", "value": value}
        for name, value in results
    ]
    annotation = {"id": 5, "completed_by": 1, "was_cancelled": False, "result": named} | about
    return {"id": 71, "data": task["data"], "annotations": [annotation]}


def choice(name: str, *values: str) -> tuple[str, dict[str, Any]]:
    return name, {"choices": list(values)}


def saved(tmp_path: Path, tasks: Any) -> Path:
    path = tmp_path / "back.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return path


def test_spans_are_code_points_of_the_text_that_is_shown(engine: Engine, tmp_path: Path) -> None:
    snippet = f"{SUN} Sorry, no lift."
    spans = [
        SPAN | {"start": 102, "end": 107},
        SPAN | {"start": 90, "end": 101, "use": "quoted"},
        SPAN | {"start": None, "end": None},
        SPAN | {"start": 500, "end": 510},
    ]
    about = {"snippet": snippet, "snippet_start": 100, "text_chars": 900, "evidence": spans}
    upsert_items(engine, [flagged(1, **about)], "r1")
    (task,) = exported(engine, tmp_path / "t.json")
    assert task["data"]["text"] == snippet
    (prediction,) = task["predictions"]
    values = [result["value"] for result in prediction["result"]]
    assert [(v["start"], v["end"], v["text"], v["labels"]) for v in values] == [
        (2, 7, "Sorry", ["proof"]),
        (0, 1, SUN, ["mentioned"]),
    ]
    assert all(v["text"] == snippet[v["start"] : v["end"]] for v in values)
    assert (tmp_path / "t.xml").read_text("utf-8") == labeling_config()


def test_the_configuration_has_every_decision_label_and_reason() -> None:
    root = ElementTree.fromstring(labeling_config())
    names = {tag.get("name"): [one.get("value") for one in tag] for tag in root if tag.get("name")}
    assert names["evidence"] == ["proof", "strong", "weak", "mentioned"]
    assert names["decision"] == list(REASONS)
    assert all(names[f"reason_{decision}"] == list(REASONS[decision]) for decision in REASONS)
    values = {tag.get("value") for tag in root if str(tag.get("value", "")).startswith("$")}
    assert values == {"$why", "$text"}


def test_annotations_come_back_as_decisions(engine: Engine, tmp_path: Path) -> None:
    upsert_items(engine, [flagged(n) for n in range(4)], "r1")
    tasks = sorted(exported(engine, tmp_path / "t.json"), key=lambda t: str(t["data"]["item_key"]))
    back = [
        annotated(tasks[0], choice("decision", "concur"), choice("reason_concur", "copied")),
        annotated(tasks[1], choice("decision", "dismiss"), ("comment", {"text": ["as said "]})),
        annotated(tasks[2], choice("decision", "concur"), was_cancelled=True),
        annotated(tasks[3], ("comment", {"text": "who knows"})),
    ]
    path = saved(tmp_path, back)
    found = import_decisions(engine, path, "anna")
    counts = (found.stored, found.known, found.undecided, found.notes, found.bad)
    assert counts == (2, 0, 2, 1, [])
    said = {(r["line"], r["decision"], r["reason"], r["comment"]) for r in stored(engine)}
    assert said == {(1, "concur", "copied", ""), (2, "dismiss", "", "as said")}
    assert import_decisions(engine, path, "anna").known == 2


def test_bad_tasks_are_named_by_their_number(engine: Engine, tmp_path: Path) -> None:
    upsert_items(engine, [flagged(n) for n in range(5)], "r1")
    tasks = exported(engine, tmp_path / "t.json")
    back = [annotated(task, choice("decision", "concur")) for task in tasks]
    back[0]["annotations"][0]["result"][0]["value"]["choices"] = ["perhaps"]
    back[1]["data"] = {"text": "without a key"}
    back[2]["annotations"][0]["result"].append(back[3]["annotations"][0]["result"][0])
    back[3]["data"] |= {"item_key": key(99)}
    back[4]["data"] |= {"row_version": 7}
    found = import_decisions(engine, saved(tmp_path, back), "anna")
    assert [bad.number for bad in found.bad] == [1, 2, 3, 4, 5]
    problems = [bad.problem for bad in found.bad]
    for problem, part in zip(
        problems, ("none of", "no item_key", "several", "no such item", "higher"), strict=True
    ):
        assert part in problem
    assert (found.stored, found.unit) == (0, "task")
    twice = [annotated(tasks[0], choice("decision", d)) for d in ("concur", "dismiss")]
    found = import_decisions(engine, saved(tmp_path, twice), "anna")
    assert "contradicts task 2" in found.bad[0].problem


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("no json", "not JSON"),
        ('{"id": 1}', "not a list of tasks"),
        ('[{"decision": "concur", "item_key": "r"}]', "JSON-MIN"),
        ("[1]", "not a list of tasks"),
    ],
)
def test_other_files_are_refused(
    engine: Engine, tmp_path: Path, content: str, problem: str
) -> None:
    path = tmp_path / "back.json"
    path.write_text(content)
    with pytest.raises(ReviewError, match=problem):
        import_decisions(engine, path, "anna")


def test_annotations_of_several_people_are_told_apart(engine: Engine, tmp_path: Path) -> None:
    upsert_items(engine, [flagged(n) for n in range(2)], "r1")
    one, other = exported(engine, tmp_path / "t.json")
    anna, ben = {"id": 1, "email": "anna@example.org"}, {"id": 2, "email": "ben@example.org"}
    back = [
        annotated(one, choice("decision", "concur"), completed_by=anna),
        annotated(other, choice("decision", "dismiss"), completed_by=ben),
    ]
    path = saved(tmp_path, back)
    with pytest.raises(ReviewError, match=r"annotations of 2 people.*ben@example.org"):
        import_decisions(engine, path, "anna")
    with pytest.raises(ReviewError, match="no annotation of cem"):
        import_decisions(engine, path, "cem", annotator="cem")
    found = import_decisions(engine, path, "anna", annotator="anna@example.org")
    assert (found.stored, found.undecided) == (1, 1)
    assert [row["decision"] for row in stored(engine)] == ["concur"]
