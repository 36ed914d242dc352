"""The table that the cases result in."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from harness import Trial

HEAD = "| case | variant | times | exit codes | said | equal after | s each | not as expected |"
MESSAGE_CHARS = 160


@dataclass
class Row:
    """All trials of one variant of a case."""

    case: str
    variant: str
    times: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    message: str = ""
    equal: int = 0
    seconds: float = 0.0
    skipped: bool = False
    problems: Counter[str] = field(default_factory=Counter)

    def add(self, trial: Trial) -> None:
        """Adds one trial."""
        self.times += 1
        self.codes[", then ".join(map(str, trial.codes))] += 1
        self.message = trial.message or self.message
        self.equal += trial.equal
        self.seconds += trial.seconds
        self.skipped = not trial.codes
        self.problems.update(trial.problems)


def add(rows: list[Row], case: str, trial: Trial) -> None:
    """Adds a trial to the row of its variant; a new one comes last."""
    for row in rows:
        if (row.case, row.variant) == (case, trial.variant):
            break
    else:
        row = Row(case, trial.variant)
        rows.append(row)
    row.add(trial)


def as_markdown(rows: list[Row]) -> str:
    """The table in Markdown."""
    lines = [HEAD, "| --- | --- | ---: | --- | --- | ---: | ---: | --- |"]
    return "\n".join([*lines, *map(_line, rows)]) + "\n"


def _line(row: Row) -> str:
    codes = "; ".join(f"{c} ({n}x)" if len(row.codes) > 1 else c for c, n in row.codes.items())
    problems = "; ".join(f"{p} ({n}x)" if n > 1 else p for p, n in row.problems.items())
    message = row.message.replace("|", "/")
    if len(message) > MESSAGE_CHARS:
        message = message[:MESSAGE_CHARS] + " ..."
    equal = "skipped" if row.skipped else f"{row.equal} of {row.times}"
    seconds = f"{row.seconds / row.times:.0f}"
    cells = (row.case, row.variant, row.times, codes, message, equal, seconds, problems or "-")
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def write(folder: Path, rows: list[Row]) -> None:
    """Writes ``faults.md`` and ``faults.json``; other cases that are in them already stay."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "faults.json"
    earlier = json.loads(file.read_text()) if file.exists() else []
    new = {row.case for row in rows}
    rows = [Row(**row) for row in earlier if row["case"] not in new] + rows
    file.write_text(json.dumps([vars(row) for row in rows], indent=1) + "\n")
    (folder / "faults.md").write_text(as_markdown(rows))
