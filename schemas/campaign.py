"""Campaigns: a named review of data sets as its owner writes it, and what a check of it finds."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

FORMAT = 1
"""Of the file of a campaign."""

RECORD_FORMAT = 1
"""Of the record of a check."""


@dataclass(frozen=True)
class ExpectedData:
    """One data set of a campaign: the shards that there should be, by globs or by an inventory.

    ``root`` is the folder that names of shards are relative to, as for a scan.
    """

    name: str
    inputs: tuple[str, ...] = ()
    inventory: str | None = None
    root: str | None = None


@dataclass(frozen=True)
class ScopeException:
    """Something that the campaign leaves out on purpose, and who approved that.

    ``approver`` is a role or a ticket. What is not named (None) is any; ``shards`` is a glob over
    names of shards, ``kind`` one of items of the review table.
    """

    id: str
    reason: str
    approver: str | None = None
    approved: date | None = None
    expires: date | None = None
    dataset: str | None = None
    shards: str | None = None
    source: str | None = None
    vendor: str | None = None
    language: str | None = None
    kind: str | None = None


@dataclass(frozen=True)
class Action:
    """Something that somebody has to do; ``state`` is that of a case, ``closed_by`` a reference."""

    id: str
    what: str
    owner: str
    due: date
    state: str
    closed_by: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is still to be done."""
        return self.state not in ("closed", "dismissed")


@dataclass(frozen=True)
class Steps:
    """The steps that a campaign requires; None, or no entry, for one that it does not.

    ``scan`` has the names of the detectors that every shard needs results of. ``review`` is the
    share of the flagged places that must be decided. ``audit`` has the names of batches, empty for
    any audit batch of the time of the campaign. ``controls`` is how many answers on controls there
    must be. ``purge`` has the paths of the records.
    """

    scan: tuple[str, ...] | None = None
    review: float | None = None
    audit: tuple[str, ...] | None = None
    controls: int | None = None
    purge: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Campaign:
    """A campaign as its file has it; ``sha256`` is the digest of the file."""

    name: str
    purpose: str
    owner: str
    begins: date
    ends: date
    policy: str
    datasets: tuple[ExpectedData, ...]
    steps: Steps
    exceptions: tuple[ScopeException, ...] = ()
    actions: tuple[Action, ...] = ()
    sha256: str = ""


class Gap(StrEnum):
    """Why something of the expected data was not scanned."""

    MISSING = "missing"
    CHANGED = "changed"
    DEAD_SHARD = "dead_shard"
    DEAD_ROWS = "dead_rows"
    DETECTOR_ERRORS = "detector_errors"
    NO_DETECTOR = "no_detector"


@dataclass(frozen=True)
class ShardGap:
    """A shard, or rows of it, without results; numbers are None where nobody knows them.

    ``exception`` is the id of the exception that allows it.
    """

    dataset: str
    gap: Gap
    shard: str
    rows: int | None = None
    bytes: int | None = None
    detail: str = ""
    exception: str | None = None


@dataclass(frozen=True)
class DetectorUse:
    """One detector as it scanned: the same fingerprint gives the same evidence."""

    name: str
    version: str
    fingerprint: str
    shards: int
    rows: int


@dataclass(frozen=True)
class DataScope:
    """What the current results of one data set cover, and what they do not.

    Rows, texts and bytes are those of the expected shards with current results, null and empty
    texts among them. ``abstained``
    counts texts by detector and reason, ``turns_not_judged`` turns of chats by column.
    ``not_expected`` counts shards with results that the campaign does not expect. ``policy`` is the
    digest that the newest run was committed with.
    """

    dataset: str
    expected_shards: int
    shards: int = 0
    rows: int = 0
    bytes: int = 0
    texts: int = 0
    null_texts: int = 0
    empty_texts: int = 0
    not_expected: int = 0
    policy: str | None = None
    newest_run: str | None = None
    languages: dict[str, int] = field(default_factory=dict)
    detectors: tuple[DetectorUse, ...] = ()
    gaps: tuple[ShardGap, ...] = ()
    abstained: dict[str, dict[str, int]] = field(default_factory=dict)
    sampled_out: int = 0
    dead_rows: int = 0
    columns: tuple[str, ...] = ()
    columns_not_judged: tuple[str, ...] = ()
    turns_not_judged: dict[str, int] = field(default_factory=dict)
    manifests: dict[str, str] = field(default_factory=dict)

    def open_gaps(self) -> Iterator[ShardGap]:
        """Gaps that no exception allows."""
        return (gap for gap in self.gaps if gap.exception is None)


class StepName(StrEnum):
    """The steps of a campaign."""

    SCAN = "scan"
    REVIEW = "review"
    AUDIT = "audit"
    CONTROLS = "controls"
    PURGE = "purge"
    LOG = "log"


@dataclass(frozen=True)
class StepResult:
    """How far one step is: ``done`` of ``wanted``, in ``unit``; ``open`` says what is missing.

    ``about`` is the data set, batch or record; ``counts`` has more numbers by name.
    """

    step: StepName
    about: str
    done: int
    wanted: int
    unit: str
    required: bool = True
    counts: dict[str, int] = field(default_factory=dict)
    open: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.open


class ExceptionState(StrEnum):
    """Whether an exception is in use; only `APPLIED` and `IDLE` ones are valid."""

    APPLIED = "applied"
    IDLE = "idle"
    EXPIRED = "expired"
    NOT_APPROVED = "not_approved"


@dataclass(frozen=True)
class ExceptionUse:
    """What an exception allows: shards, rows, texts abstained from, flagged places."""

    id: str
    state: ExceptionState
    reason: str
    approver: str | None
    expires: date | None
    shards: int = 0
    rows: int = 0
    abstained_texts: int = 0
    places: int = 0
    problem: str = ""


@dataclass(frozen=True)
class ActionUse:
    """An action, and whether it is open and its due date is over."""

    id: str
    what: str
    owner: str
    due: date
    state: str
    closed_by: str | None
    is_open: bool
    is_overdue: bool


@dataclass(frozen=True)
class KindChange:
    """What became of flagged places of one data set and kind since the record before.

    ``flagged`` and ``open`` are before and now. ``new`` were first seen since; ``solved`` are
    older, and closed by decisions made since or not seen again since. They are None if the review
    table is another one. They do not add up to the difference: the policy and the evidence may
    have changed, too.
    """

    dataset: str
    kind: str
    flagged: tuple[int, int]
    open: tuple[int, int]
    new: int | None = None
    solved: int | None = None


@dataclass(frozen=True)
class ScopeChange:
    """Shards, rows and bytes with results of one data set, before and now."""

    dataset: str
    shards: tuple[int, int]
    rows: tuple[int, int]
    bytes: tuple[int, int]


@dataclass(frozen=True)
class Comparison:
    """This check beside the record before; ``differs`` says why flags are not comparable."""

    previous_sha256: str
    previous_as_of: str
    previous_name: str
    differs: tuple[str, ...] = ()
    kinds: tuple[KindChange, ...] = ()
    scope: tuple[ScopeChange, ...] = ()
    exceptions_added: tuple[str, ...] = ()
    exceptions_removed: tuple[str, ...] = ()
    exceptions_expired: tuple[str, ...] = ()
    actions_added: tuple[str, ...] = ()
    actions_closed: tuple[str, ...] = ()
    actions_overdue: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Checked:
    """Everything that a check of a campaign found, for the record, the summary and a report.

    ``flagged`` counts flagged places by data set, kind and state. ``required`` is what is open and
    required, ``notes`` what is worth knowing.
    """

    campaign: Campaign
    as_of: date
    scope: tuple[DataScope, ...]
    steps: tuple[StepResult, ...]
    exceptions: tuple[ExceptionUse, ...]
    actions: tuple[ActionUse, ...]
    flagged: dict[str, dict[str, dict[str, int]]]
    review_head: str
    comparison: Comparison | None = None
    required: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
