"""Trying things in processes of their own: one that hangs, crashes or exits harms no other.

The child reads what to try from standard input and answers one line of JSON for each; what
libraries and plugins print goes nowhere.
"""

import json
import os
import subprocess
import sys
from importlib import import_module
from typing import IO, Any

TIMEOUT_SECONDS = 60.0
TRIED_TEXT = "This is a plain sentence, written to see whether a detector answers."

Answer = dict[str, Any]


def try_imports(modules: list[str], timeout: float = TIMEOUT_SECONDS) -> dict[str, str]:
    """What went wrong by module that cannot be imported.

    A module that ends the process is to blame itself; the others are tried without it.
    """
    problems: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        answers, how = _ask({"modules": waiting}, timeout)
        problems |= {a["name"]: a["problem"] for a in answers if a["problem"]}
        waiting = waiting[len(answers) :]
        if waiting:
            problems[waiting.pop(0)] = how
    return problems


def try_detector(
    name: str, options: dict[str, Any], timeout: float = TIMEOUT_SECONDS
) -> tuple[Answer | None, str]:
    """What a detector says of itself once it is made, set up and has answered; else the problem.

    The answer has version, lane, languages, fingerprint.
    """
    answers, how = _ask({"detector": name, "options": options}, timeout)
    if not answers:
        return None, how
    return (None, answers[0]["problem"]) if answers[0]["problem"] else (answers[0], "")


def _ask(question: dict[str, Any], timeout: float) -> tuple[list[Answer], str]:
    """The child's answers, and how it ended."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        shown, _ = process.communicate(json.dumps(question).encode(), timeout)
        how = f"it ends the process with {_ending(process.returncode)}"
    except subprocess.TimeoutExpired:
        process.kill()
        shown, _ = process.communicate()
        how = f"it takes longer than {timeout:.0f} s"
    return [json.loads(line) for line in shown.splitlines() if line.endswith(b"}")], how


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _child(question: dict[str, Any], answers: IO[str]) -> None:
    if "detector" in question:
        answer = _tried(question["detector"], question["options"])
        print(json.dumps(answer), file=answers, flush=True)
    for module in question.get("modules", ()):
        answer = {"name": module, "problem": _import_problem(module)}
        print(json.dumps(answer), file=answers, flush=True)


def _import_problem(module: str) -> str:
    try:
        import_module(module)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _tried(name: str, options: dict[str, Any]) -> Answer:
    from scrubtrace.detectors.batch import TextBatch
    from scrubtrace.detectors.detector import checked_evidence
    from scrubtrace.detectors.registry import DetectorError, find_detector

    try:
        installed = find_detector(name)
        detector = installed.make(options)
        installed.set_up(detector)
    except DetectorError as error:
        return {"problem": str(error)}
    try:
        checked_evidence(detector, TextBatch([TRIED_TEXT], ["en"]))
    except BaseException as error:
        return {"problem": f"it fails on a plain text: {type(error).__name__}: {error}"}
    return {
        "problem": "",
        "version": detector.version,
        "lane": str(detector.lane),
        "languages": sorted(detector.languages),
        "fingerprint": detector.fingerprint(),
    }


def _main() -> None:
    own = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _child(json.load(sys.stdin), own)


if __name__ == "__main__":
    _main()
