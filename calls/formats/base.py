"""What a log format is to the reader: it says what each entry of a file is."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from scrubtrace.calls.bodies import Reply
from scrubtrace.calls.summary import ReadSummary
from scrubtrace.calls.values import Object
from scrubtrace.schemas.calls import BadReason, CallRecord


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entry is: the file as given, and its line or row from 1."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class NotACall:
    """An entry that belongs to the log but is no call; ``kind`` is a word of this module's."""

    kind: str


@dataclass(frozen=True, slots=True)
class Part:
    """An entry that is a part of a record: of a later one, or of one made when all are read."""


Outcome = CallRecord | NotACall | Part | BadReason


class LogFormat(ABC):
    """One format while one set of files is read; made anew for each reading."""

    name: ClassVar[str]
    title: ClassVar[str]
    joins_files: ClassVar[bool] = False
    """Whether parts of one call may lie in several files, which are read together then."""

    @classmethod
    @abstractmethod
    def recognises(cls, entry: Object) -> bool:
        """Whether an entry is of this format, by its keys."""

    def comes_first(self, entry: Object) -> bool:
        """Whether a file that begins with the entry has to be read before the others."""
        return False

    @abstractmethod
    def read(self, entry: Object, place: Place) -> Iterator[Outcome]:
        """What the entry is: one outcome, or one for each call that it holds.

        Raises UnknownShape if the entry is not as the format has it.
        """

    def finish(self, summary: ReadSummary) -> Iterator[CallRecord]:
        """Records made of parts, when all files are read; tells the summary what was left over."""
        return iter(())

    def close(self) -> None:  # noqa: B027 -- most have none
        """Give up temporary files."""


class Blank(LogFormat):
    """What a file is read as that has no entry, blank lines at most."""

    @classmethod
    def recognises(cls, entry: Object) -> bool:
        """No entry is of it."""
        return False

    def read(self, entry: Object, place: Place) -> Iterator[Outcome]:
        """Nothing: there is no entry."""
        return iter(())


def replied(reply: Reply, error: str | None = None, done: bool = False) -> dict[str, Any]:
    """Fields of a record that any response body gives.

    ``error`` is a code that stands outside the body; ``done``: the log says that the call was done.
    """
    failed = error or reply.error
    done = done or bool(reply.completions or reply.empty)
    return {
        "model_served": reply.model,
        "status": "error" if failed else "ok" if done else None,
        "error": failed,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "completions": reply.completions,
        "empty_completions": reply.empty,
    }
