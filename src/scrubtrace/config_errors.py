"""What is wrong in a configuration, in the words of its keys and of TOML, a line for each key."""

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

SHOWN_CHARS = 80
"""Characters of a value that are shown."""

_PASSWORD = re.compile(r"(://[^:/@\s]*:)[^\s'\"]*@")

_SHOULD = {
    "int": "should be a whole number",
    "float": "should be a number",
    "bool": "should be true or false",
    "string": "should be a text",
    "list": "should be a list",
    "tuple": "should be a list",
    "dict": "should be a table of keys and values",
    "model": "is a section with keys of its own",
}
_WRONG_KIND = ("type", "parsing", "from", "attributes")
"""Second words of the error types that are about the type of a value."""

_KINDS = (
    (bool, "true or false"),
    (int, "a whole number"),
    (float, "a number"),
    (str, "a text"),
    (list, "a list"),
    (dict, "a table"),
    ((datetime.date, datetime.time), "a date or time"),
)


def explained(
    error: ValidationError,
    model: type[BaseModel],
    data: Mapping[str, Any],
    file: str,
    put: Sequence[str],
) -> str:
    """What is wrong in ``data``; ``put`` are the keys that the ``file`` does not decide."""
    found = [(_steps(problem["loc"], data), problem) for problem in error.errors(include_url=False)]
    lines = dict.fromkeys(_lines(found, model, file, put))
    return "\n".join(lines)


def _lines(
    found: Sequence[tuple[list[str], Any]], model: type[BaseModel], file: str, put: Sequence[str]
) -> Iterator[str]:
    for steps, problem in found:
        if problem["type"] == "too_short" and any(steps == s[:-1] for s, _ in found):
            continue  # what is wrong are entries of it, which then are not counted
        key = ".".join(steps)
        where = repr(key) if any(_lies_in(key, other) for other in put) else f"{key!r} in {file}"
        if problem["type"] == "extra_forbidden":
            yield f"unknown configuration key {where}; choices: {_choices(model, steps)}"
        else:
            yield f"configuration key {where}: {_told(problem)}"


def _steps(location: Sequence[int | str], data: Any) -> list[str]:
    """The keys and numbers of entries on the way to what is wrong; no names of types."""
    steps = []
    for part in location:
        is_key = isinstance(data, Mapping) and part in data
        if is_key or (isinstance(data, list) and isinstance(part, int)):
            data = data[part]
            steps.append(str(part))
    return steps


def _told(problem: Any) -> str:
    given = _PASSWORD.sub(r"\1...@", repr(problem["input"]))[:SHOWN_CHARS]
    first, _, rest = problem["type"].partition("_")
    if first in _SHOULD and rest.partition("_")[0] in _WRONG_KIND:
        kinds = (words for kind, words in _KINDS if isinstance(problem["input"], kind))
        if isinstance(problem["input"], datetime.date | datetime.time):
            given = str(problem["input"])
        return f"{_SHOULD[first]}, but is {given} ({next(kinds, 'something else')})"
    said = problem["msg"].removeprefix("Value error, ")
    said = said.replace("Input should", "should", 1).replace(" after validation, not 0", "")
    for word in ("List", "Tuple", "String", "Dictionary"):
        said = said.removeprefix(f"{word} ")
    return f"{said}, but is {given}"


def _lies_in(key: str, other: str) -> bool:
    """Whether one of two dotted keys is the other, or a part of it."""
    return f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}.")


def _choices(model: Any, steps: Sequence[str]) -> str:
    for step in steps[:-1]:
        model = model.model_fields[step].annotation
    return ", ".join(model.model_fields)
