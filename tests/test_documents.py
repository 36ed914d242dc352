"""What the documents show of commands that need no data: it is what the commands print."""

import io
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import code_of

ROOT = Path(__file__).parents[1]
CUT = "..."
"""A line of a document that stands for lines that are left out."""

COMMAND = re.compile(
    r"(?:(?P<before>printf .*)\| *)?(?:venv/bin/)?scrubtrace (?P<what>explain|signatures|detectors)"
    r"(?P<rest>.*)"
)


def shown() -> Iterator[tuple[str, str, list[str]]]:
    """File and line, command, and the lines that a document shows of its output.

    But for a command that the plug-in of a document is needed for.
    """
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        lines = iter(enumerate(path.read_text(encoding="utf-8").split("\n"), 1))
        number, line = next(lines)
        while True:
            found = line.startswith("    $ ")
            start, command, output = number, line[6:], []
            while found and command.endswith("\\"):
                command = command[:-1] + next(lines)[1].strip()
            following = next(lines, None)
            while found and following and re.match(r"    (?!\$ )", following[1]):
                output.append(following[1][4:])
                following = next(lines, None)
            if found and output and COMMAND.fullmatch(command) and "BUY TWO" not in command:
                yield f"{path.name}:{start}", command, output
            if following is None:
                break
            number, line = following


SHOWN = list(shown())


def test_there_are_such_commands() -> None:
    assert len(SHOWN) >= 8


@pytest.mark.parametrize(("command", "output"), [s[1:] for s in SHOWN], ids=[s[0] for s in SHOWN])
def test_documents_show_what_is_printed(
    command: str,
    output: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = COMMAND.fullmatch(command)
    assert found
    if found["before"]:
        printed = subprocess.run(["bash", "-c", found["before"]], capture_output=True, check=True)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(printed.stdout), "utf-8"))
    assert code_of(found["what"], *shlex.split(found["rest"])) == 0
    lines = capsys.readouterr().out.rstrip("\n").split("\n")
    if found["what"] == "detectors":  # with a plug-in of the document that is not installed here
        output = [line for line in output if not line.startswith("shouting ")]
    assert fits(lines, output), "\n".join(lines)


def fits(lines: list[str], output: list[str]) -> bool:
    """Whether the lines are those of the output, with others where that is cut."""
    expected = "\n".join(".*" if line.strip() == CUT else re.escape(line) for line in output)
    return bool(re.fullmatch(expected, "\n".join(lines), re.DOTALL))
