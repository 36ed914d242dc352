"""How far training and calibrating are."""

import sys
import time
from dataclasses import dataclass, field

from scrubtrace import log

LINE_SECONDS = 10.0


@dataclass
class Told:
    """Says how many rows were read: on one line of a terminal, else a line now and then."""

    quiet: bool
    event: str = "calibrating"
    rows: int = 0
    shown: float = field(default_factory=time.monotonic)
    is_open: bool = False

    def __call__(self, rows: int, texts: int) -> None:
        """Counts rows; ``texts`` are the different texts among all of them."""
        self.rows += rows
        is_terminal = sys.stderr.isatty() and not log.is_json()
        waited = 0.2 if is_terminal else LINE_SECONDS
        if self.quiet or time.monotonic() - self.shown < waited:
            return
        self.shown = time.monotonic()
        line = f"{self.rows:,} rows read, {texts:,} different texts"
        if is_terminal:
            self.is_open = True
            sys.stderr.write(f"\r{line}")
        else:
            log.tell(self.event, line, rows=self.rows)

    def close(self) -> None:
        """Leaves the line."""
        if self.is_open:
            sys.stderr.write("\n")


def say(line: str, quiet: bool) -> None:
    """One line of progress of a long step."""
    if not quiet:
        log.tell("training", line)
