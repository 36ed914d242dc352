"""How the lines of an export stand in a file: as CSV, or as tasks for Label Studio."""

import csv
import json
from typing import Any, Protocol, TextIO

from scrubtrace.review.columns import COLUMNS, cells_of
from scrubtrace.review.label_studio import task_of
from scrubtrace.review.lines import ExportLine
from scrubtrace.review.wording import Wording


class Form(Protocol):
    """How lines stand in a file."""

    encoding: str

    def begin(self, file: TextIO) -> None:
        """Write what stands above the lines."""

    def write(self, file: TextIO, line: ExportLine) -> None:
        """Write a line."""

    def end(self, file: TextIO) -> None:
        """Write what stands below the lines."""


class CsvForm:
    """RFC 4180 with every field quoted, under a header."""

    def __init__(self, encoding: str, wording: Wording | None = None) -> None:
        self.encoding = encoding
        self._wording = wording
        self._writer: Any = None

    def begin(self, file: TextIO) -> None:
        """Write the header."""
        self._writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        self._writer.writerow(COLUMNS)

    def write(self, file: TextIO, line: ExportLine) -> None:
        """Write the cells of a line."""
        self._writer.writerow(cells_of(line, self._wording))

    def end(self, file: TextIO) -> None:
        """A CSV has nothing below its lines."""


class TaskForm:
    """A JSON list with a task a line."""

    encoding = "utf-8"

    def __init__(self, wording: Wording) -> None:
        self._wording = wording
        self._between = ""

    def begin(self, file: TextIO) -> None:
        """Begin the list."""
        self._between = "\n"
        file.write("[")

    def write(self, file: TextIO, line: ExportLine) -> None:
        """Write a task."""
        task = json.dumps(task_of(line, self._wording), ensure_ascii=False)
        file.write(self._between + task)
        self._between = ",\n"

    def end(self, file: TextIO) -> None:
        """End the list."""
        file.write("\n]\n")
