"""Texts for a reference index from logs of API calls: completions, and the messages of prompts."""

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from scrubtrace import log
from scrubtrace.calls.files import CallLogError
from scrubtrace.calls.reading import read_calls
from scrubtrace.calls.summary import ReadSummary
from scrubtrace.detectors.reference.building import Reference
from scrubtrace.exits import UsageStop
from scrubtrace.schemas.calls import BadLine, CallRecord
from scrubtrace.schemas.references import Part

TOLD_LINES = 10
"""Bad lines that are told one by one; all are counted."""

ANSWERING = "assistant"
AUTO = "auto"


@dataclass
class CallSource:
    """Call logs of one format or of several; ``counts`` gets what was met, bad lines among it."""

    inputs: Sequence[str]
    log_format: str = AUTO
    counts: Counter[str] = field(default_factory=Counter)

    def references(self) -> Iterator[Reference]:
        """Completions and prompts of every call; raises `UsageStop` for a file of no format.

        Earlier answers that a prompt repeats are completions; an index takes each text once.
        """
        paths = expanded(self.inputs)
        log_format = None if self.log_format == AUTO else self.log_format
        try:
            reading = read_calls(paths, log_format, self._bad)
            for record in reading:
                yield from _of_call(record)
        except CallLogError as error:
            raise UsageStop(str(error)) from None
        self._count(reading.summary)

    def _bad(self, line: BadLine) -> None:
        self.counts["bad_lines"] += 1
        if self.counts["bad_lines"] <= TOLD_LINES:
            text = f"{line.file}:{line.line}: {line.reason}"
            log.tell("bad_line", text, "warning", file=line.file, line=line.line)

    def _count(self, summary: ReadSummary) -> None:
        self.counts["calls"] += summary.records
        self.counts["text_calls"] += summary.text_calls
        self.counts["calls_with_prompt"] += summary.with_prompt
        self.counts["calls_with_completion"] += summary.with_completion
        self.counts["empty_completions"] += summary.empty_completions
        self.counts["outputs_without_input"] += summary.unmatched_outputs
        self.counts["inputs_without_output"] += summary.unmatched_inputs
        self.counts["rows_not_reassembled"] += summary.rows_not_reassembled


def _of_call(record: CallRecord) -> Iterator[Reference]:
    model = record.model_served or record.model_requested
    about = (model, record.task, record.timestamp)
    for text in record.completions:
        yield Reference(record.call_id, Part.COMPLETION, text, *about)
    for message in record.prompt:
        part = Part.COMPLETION if message.role == ANSWERING else Part.PROMPT
        if message.text:
            yield Reference(record.call_id, part, message.text, *about)


def expanded(inputs: Sequence[str]) -> list[str]:
    """Paths, globs expanded; a literal path wins over a glob.

    Raises `UsageStop` for one that matches nothing.
    """
    paths: list[str] = []
    for pattern in inputs:
        is_glob = glob.has_magic(pattern) and not os.path.lexists(pattern)
        found = sorted(glob.glob(pattern, recursive=True)) if is_glob else [pattern]
        if not found:
            raise UsageStop(f"no file matches {pattern}")
        paths += found
    return paths
