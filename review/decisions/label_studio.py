"""Reading decisions back from Label Studio: its export named "JSON", one object a task.

Looked at are ``item_key`` and ``row_version`` of a task's data, and of its annotations the choices
and the comment that the configuration of `scrubtrace.review.label_studio` has. Numbers in messages
count tasks from 1; messages never repeat what stands in a task. No running server was asked: the
form is that of Label Studio's documented export, as far as it is known here.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scrubtrace.review.decisions.file import (
    BadCell,
    BadLine,
    DecidedLine,
    DecisionFile,
    decided_line,
)
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.label_studio import COMMENT, DECISION, REASON

_HINT = 'export the project from Label Studio as "JSON" (not JSON-MIN or CSV)'


def read_tasks(path: Path, annotator: str | None = None) -> DecisionFile:
    """The annotations of a file that decide; tasks without one are only counted.

    ``annotator`` is the number or the e-mail address of whose annotations count, needed if there
    are several people's. Raises ReviewError for a file that cannot be read or is not an export.
    """
    try:
        content = path.read_bytes()
        tasks = json.loads(content)
    except OSError as error:
        raise ReviewError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ReviewError(f"{path.name} is not JSON in UTF-8: {_HINT}") from None
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise ReviewError(f"{path.name} is not a list of tasks: {_HINT}")
    if tasks and not any("annotations" in task for task in tasks):
        raise ReviewError(f"no task of {path.name} has annotations: {_HINT}")
    _check_annotators(tasks, annotator, path.name)
    found = DecisionFile(hashlib.sha256(content).hexdigest(), unit="task")
    for number, task in enumerate(tasks, start=1):
        _read_task(number, task, annotator, found)
    return found


def _check_annotators(tasks: list[dict[str, Any]], annotator: str | None, name: str) -> None:
    """Raises ReviewError if it is not clear whose decisions the annotations are."""
    people = {
        _person(annotation)
        for task in tasks
        for annotation in _annotations(task)
        if not annotation.get("was_cancelled")
    }
    if annotator is None and len(people) > 1:
        known = ", ".join(sorted(people))
        raise ReviewError(
            f"{name} has annotations of {len(people)} people: import those of each with "
            f"--annotator, which takes one of {known}"
        )
    if annotator is not None and annotator not in people:
        known = ", ".join(sorted(people)) or "nobody"
        raise ReviewError(f"{name} has no annotation of {annotator}; it has those of {known}")


def _annotations(task: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    found = task.get("annotations")
    for annotation in found if isinstance(found, list) else ():
        if isinstance(annotation, dict):
            yield annotation


def _person(annotation: Mapping[str, Any]) -> str:
    """Number or e-mail address of who made an annotation."""
    person = annotation.get("completed_by")
    if isinstance(person, dict):
        person = person.get("email") or person.get("id")
    return "nobody" if person is None else str(person)


def _read_task(
    number: int, task: Mapping[str, Any], annotator: str | None, found: DecisionFile
) -> None:
    own = [a for a in _annotations(task) if annotator is None or _person(a) == annotator]
    own = [annotation for annotation in own if not annotation.get("was_cancelled")]
    lines = []
    try:
        for annotation in own:
            values = _values(annotation)
            if values[DECISION]:
                lines.append(_line(number, task, values))
            else:
                found.notes += bool(values["reason"] or values["comment"])
    except BadCell as bad:
        found.bad.append(BadLine(number, str(bad)))
        return
    found.decided += lines
    found.undecided += not lines


def _line(number: int, task: Mapping[str, Any], values: dict[str, str]) -> DecidedLine:
    data = task.get("data")
    about = data if isinstance(data, dict) else {}
    key, version = about.get("item_key"), about.get("row_version")
    if not isinstance(key, str) or not isinstance(version, int | str):
        raise BadCell("its data has no item_key or row_version: take the task from the export")
    return decided_line(number, values | {"item_key": key, "row_version": str(version)})


def _values(annotation: Mapping[str, Any]) -> dict[str, str]:
    """Decision, reason and comment of an annotation, empty where there is none."""
    chosen: dict[str, list[str]] = {}
    results = annotation.get("result")
    for result in results if isinstance(results, list) else ():
        if isinstance(result, dict) and isinstance(result.get("value"), dict):
            value = result["value"].get("choices") or result["value"].get("text")
            words = [value] if isinstance(value, str) else value
            if isinstance(words, list) and all(isinstance(word, str) for word in words):
                chosen.setdefault(str(result.get("from_name")), []).extend(words)
    decisions = chosen.get(DECISION, [])
    if len(decisions) > 1:
        raise BadCell("it has several decisions: leave one")
    decision = decisions[0] if decisions else ""
    reasons = chosen.get(f"{REASON}_{decision}", [])
    if len(reasons) > 1:
        raise BadCell("it has several reasons: leave one")
    comment = "\n".join(chosen.get(COMMENT, []))
    return {DECISION: decision, "reason": "".join(reasons), "comment": comment.strip()}
