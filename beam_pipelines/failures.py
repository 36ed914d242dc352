"""How workers tell the launcher what went wrong: names of counters, and errors without text."""

import traceback

NAMESPACE = "scrubtrace"
UNWRITTEN = "units_not_written:"
"""Counter of units that could not be written; the name of the error follows."""

UNREADY = "worker_not_ready:"
"""Counter of units that a worker could not begin; what is wrong with the worker follows."""

UNREADY_CHARS = 400


class ScanError(RuntimeError):
    """A unit crashed; the message says where in the code, never what was in the row."""


def place_of(error: BaseException) -> str:
    """Class of an exception and its place in the code; a message could hold text of a row."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {frame.name} ({frame.filename}:{frame.lineno})"
