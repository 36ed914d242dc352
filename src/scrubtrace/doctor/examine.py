"""All checks in order; what one of them finds broken hides nothing of the others."""

from collections.abc import Iterator
from dataclasses import dataclass

from scrubtrace.config import Config
from scrubtrace.doctor.check import Check, State, broken, ok
from scrubtrace.doctor.detectors import lane_checks, language_checks, policy_checks, try_detectors
from scrubtrace.doctor.packages import package_checks
from scrubtrace.doctor.places import Place, key_check, out_checks, review_check
from scrubtrace.doctor.trial import TIMEOUT_SECONDS


@dataclass(frozen=True)
class Question:
    """What to look at. ``problem`` is what is wrong with the configuration, if it cannot be read.

    Then ``config`` is the default one.
    """

    config: Config
    problem: str = ""
    out: str | None = None
    key_file: str | None = None
    timeout: float = TIMEOUT_SECONDS


def examine(question: Question) -> Iterator[Check]:
    """The report, line by line as it is found out."""
    if question.problem:
        todo = "correct it; below stands what holds without it"
        yield broken("configuration", "configuration", question.problem, todo)
    else:
        yield ok("configuration", "configuration", "can be read")
    yield from package_checks(question.timeout)
    place = out_checks(question.out) if question.out is not None else Place([])
    tried = try_detectors(question.config, question.timeout)
    yield from (entry.check for entry in tried)
    yield from lane_checks(tried)
    yield from policy_checks(question.config, tried)
    yield from language_checks(tried, place.languages)
    review, used = review_check(question.config.review.url, question.out)
    yield key_check(question.key_file, used)
    yield from place.checks
    yield review


def as_line(check: Check) -> str:
    """One line for people."""
    name = check.name if check.topic != "detectors" else f"detector {check.name}"
    asked = "" if check.asked or check.state == State.OK else " (not asked for)"
    todo = f" -> {check.todo}" if check.todo and check.state != State.OK else ""
    return f"{check.state:8} {name}: {check.about}{asked}{todo}"
