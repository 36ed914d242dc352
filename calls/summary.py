"""What came of reading call logs: each line is counted once; and how many calls have texts."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from scrubtrace.calls.bodies import TEXTLESS
from scrubtrace.schemas.calls import BadReason, CallRecord


class LineEnd(StrEnum):
    """What became of one line, row or array element (in OTLP: of one span)."""

    RECORD = "record"
    PART = "part"
    NOT_A_CALL = "not_a_call"
    BLANK = "blank"
    BAD = "bad"


@dataclass
class ReadSummary:
    """Counts of one reading; complete when its records are read to the end.

    ``lines`` adds up to the number of lines, rows or elements, ``bad`` to its bad ones and
    ``not_calls`` to the entries that are no calls, by kind. ``records`` may differ from
    ``lines["record"]`` where a call is spread over rows. The other counts are of problems that only
    show when several lines are seen together:

    ``unmatched_outputs``   batch outputs whose ``custom_id`` is in no input: records without prompt
    ``unmatched_inputs``    batch inputs without an output: no records
    ``ambiguous_outputs``   batch outputs whose ``custom_id`` is given twice: records without prompt
    ``rows_not_reassembled``  rows of split messages whose other rows are missing or do not fit
    """

    lines: Counter[LineEnd] = field(default_factory=Counter)
    bad: Counter[BadReason] = field(default_factory=Counter)
    not_calls: Counter[str] = field(default_factory=Counter)
    formats: dict[str, str] = field(default_factory=dict)
    empty_files: list[str] = field(default_factory=list)
    records: int = 0
    text_calls: int = 0
    with_prompt: int = 0
    with_completion: int = 0
    empty_completions: int = 0
    unmatched_outputs: int = 0
    unmatched_inputs: int = 0
    ambiguous_outputs: int = 0
    rows_not_reassembled: int = 0

    @property
    def duplicates(self) -> int:
        """Calls, batch inputs and rows that were read before; the first one is kept."""
        return self.bad[BadReason.DUPLICATE_ID]

    @property
    def prompt_coverage(self) -> float | None:
        """Share of the calls that return text whose prompt is in the log; None without calls."""
        return self.with_prompt / self.text_calls if self.text_calls else None

    @property
    def completion_coverage(self) -> float | None:
        """Share of the calls that return text whose completion is in the log."""
        return self.with_completion / self.text_calls if self.text_calls else None

    def add(self, record: CallRecord) -> None:
        """Count a record that is handed on."""
        self.records += 1
        self.empty_completions += record.empty_completions
        if record.operation not in TEXTLESS:
            self.text_calls += 1
            self.with_prompt += any(message.text for message in record.prompt)
            self.with_completion += bool(record.completions)
