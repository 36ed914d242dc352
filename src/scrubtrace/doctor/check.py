"""One line of the doctor's report."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """`MISSING` may be as it is meant to be; `BROKEN` is there, or asked for, and does not work."""

    OK = "ok"
    MISSING = "missing"
    BROKEN = "broken"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    ``todo`` says what to do if it is not ok. ``asked`` is whether the configuration asks for it: a
    broken thing that it does not ask for is shown and does not count.
    """

    topic: str
    name: str
    state: State
    about: str
    todo: str = ""
    asked: bool = True

    @property
    def counts(self) -> bool:
        """Whether it keeps the configuration from working."""
        return self.state == State.BROKEN and self.asked


def ok(topic: str, name: str, about: str) -> Check:
    """A thing that is as it should be."""
    return Check(topic, name, State.OK, about)


def missing(topic: str, name: str, about: str, todo: str) -> Check:
    """A thing that is not there and need not be."""
    return Check(topic, name, State.MISSING, about, todo)


def broken(topic: str, name: str, about: str, todo: str, asked: bool = True) -> Check:
    """A thing that does not work."""
    return Check(topic, name, State.BROKEN, about, todo, asked)
