"""Log lines as JSON, one object a line, in the launcher and in worker processes.

The format is chosen by the environment variable `FORMAT_VARIABLE`, which workers inherit. No line
holds what was in a row: of exceptions only class and place are told.
"""

import json
import logging
import os
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

FORMAT_VARIABLE = "SCRUBTRACE_LOG_FORMAT"
FORMATS = ("text", "json")


def is_json() -> bool:
    """Whether log lines are JSON; text unless the environment says so."""
    return os.environ.get(FORMAT_VARIABLE) == "json"


def json_line(level: str, event: str, run: str | None, fields: Mapping[str, Any]) -> str:
    """One event as JSON: time in UTC, level, event, run (null: none yet), then the fields."""
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    about = {"time": time, "level": level, "event": event, "run": run}
    return json.dumps(about | dict(fields), ensure_ascii=False, default=str)


def error_fields(error: BaseException) -> dict[str, Any]:
    """Class of an exception and the places in the code it came through, without its message."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
    return {"error": type(error).__name__, "places": places}


class LineFormatter(logging.Formatter):
    """Formats records of `logging` as text, or as events ``log`` where JSON is asked for."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON, or as text."""
        if not is_json():
            return super().format(record)
        fields: dict[str, Any] = {"logger": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[1]:
            fields |= error_fields(record.exc_info[1])
        return json_line(record.levelname.lower(), "log", None, fields)


def set_up_logging(text_format: str) -> None:
    """Errors that libraries log go to standard error, in the format that is asked for."""
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter(text_format))
    logging.basicConfig(level=logging.ERROR, handlers=[handler])
