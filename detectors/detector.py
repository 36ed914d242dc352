"""The contract of a detector, and running detectors so that one bad row harms no other."""

import hashlib
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.schemas.evidence import (
    ABSTAINED,
    CATEGORY,
    END,
    FOUND,
    REASON,
    ROW,
    SCORE,
    SIGNAL,
    START,
    STRENGTH,
    USE,
    Evidence,
    Span,
)
from scrubtrace.schemas.vocabulary import Abstained, Lane, Strength, Use

MOST_COUNTS = 100_000
"""Most names that the counts of one batch may have."""

NAME_CHARS = 200
"""Longest name of a count, a signal or a category."""

_REASON = re.compile(r"[\w.-]{1,64}")

NEVER_NULL = frozenset({ROW, SIGNAL, CATEGORY, STRENGTH, USE, REASON})


class ContractError(ValueError):
    """A detector's answer that breaks the contract."""


@runtime_checkable
class Detector(Protocol):
    """What every detector is, ours or a plugin's.

    A detector class takes its options as keyword arguments, is cheap to construct, does its
    costly loading in `setup`, and gives the same evidence for a text whatever else is in the
    batch. Plugins register the class in the entry-point group ``scrubtrace.detectors``.
    """

    @property
    def name(self) -> str:
        """Short name, unique among the installed detectors."""

    @property
    def version(self) -> str:
        """Version of the code: raised when the same input can give other evidence."""

    @property
    def lane(self) -> Lane:
        """What its evidence is worth."""

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1 codes of the languages it can speak on."""

    def fingerprint(self) -> str:
        """Digest of version, options, signatures and models: equal means equal results."""

    def setup(self) -> None:
        """Loads what is costly, once per process; calling it again does nothing."""

    def detect(self, batch: TextBatch) -> Evidence:
        """Evidence and abstentions for the rows of the batch."""


def fingerprint_of(*parts: Any) -> str:
    """SHA-256 of JSON-able parts, as 16 hexadecimal digits."""
    content = json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()
    return hashlib.sha256(content).hexdigest()[:16]


def _shift(on_error: Callable[[int, str], None], start: int, row: int, error: str) -> None:
    on_error(start + row, error)


def _ignore(row: int, error: str) -> None:
    """The default of `detect_each`."""


def detect_each(
    detector: Detector,
    batch: TextBatch,
    on_error: Callable[[int, str], None] = _ignore,
) -> Evidence:
    """Evidence of the batch; where the detector raises, halves it down to the rows at fault.

    An answer that breaks the contract counts as raising `ContractError`.

    A row at fault gets the abstention ``detector_error``, and ``on_error`` its number and the
    name of the exception's class, never its message, which may hold text of the row. Whatever is
    raised counts, also what is no Exception (``asyncio.CancelledError``, a panic of Rust), but for
    MemoryError, and for KeyboardInterrupt, which is raised again with a message of our own.
    """
    try:
        return checked_evidence(detector, batch)
    except MemoryError:
        raise
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"raised by detector {detector.name!r}") from None
    except BaseException as error:
        if len(batch) == 1:
            on_error(0, type(error).__name__)
            return Evidence.of([], {0: Abstained.DETECTOR_ERROR})
    middle = len(batch) // 2
    spans: list[Span] = []
    abstained: dict[int, str] = {}
    counts: Counter[str] = Counter()
    grouped: defaultdict[str, list[int]] = defaultdict(list)
    for half in (range(middle), range(middle, len(batch))):
        shifted = partial(_shift, on_error, half.start)
        evidence = detect_each(detector, batch.take(half), shifted)
        for found in evidence.found.to_pylist():
            spans.append(Span(**(found | {"row": found["row"] + half.start})))
        for entry in evidence.abstained.to_pylist():
            abstained[entry["row"] + half.start] = entry["reason"]
        counts.update(evidence.counts)
        for name, rows in evidence.grouped.items():
            grouped[name] += [row + half.start for row in rows]
    return Evidence.of(spans, abstained, counts, grouped)


def checked_evidence(detector: Detector, batch: TextBatch) -> Evidence:
    """The detector's answer; raises `ContractError` if it breaks the contract."""
    evidence = detector.detect(batch)
    check_evidence(evidence, batch)
    return evidence


def check_evidence(evidence: Any, batch: TextBatch) -> None:
    """Raises `ContractError` if an answer breaks the contract; its message holds no text."""
    if not isinstance(evidence, Evidence):
        raise ContractError(f"answered {type(evidence).__name__}, not Evidence")
    for table, schema in ((evidence.found, FOUND), (evidence.abstained, ABSTAINED)):
        found = getattr(table, "schema", pa.schema([]))
        if found.names != schema.names or found.types != schema.types:
            raise ContractError("answered other columns than those of the contract")
        if any(table.column(name).null_count for name in NEVER_NULL & set(schema.names)):
            raise ContractError("answered null where a value is needed")
        if any(not 0 <= row < len(batch) for row in table.column(ROW).to_pylist()):
            raise ContractError("answered for rows outside its batch")
    _check_found(evidence.found, batch)
    if not all(map(_REASON.fullmatch, set(evidence.abstained.column(REASON).to_pylist()))):
        raise ContractError("answered a reason that is not one short word (letters, digits, _-.)")
    if not _are_counts(evidence.counts):
        raise ContractError("answered counts that are no whole numbers by short names")
    if not _are_groups(evidence.grouped, len(batch)):
        raise ContractError("answered groups that are no rows of the batch by short names")


def _check_found(found: pa.RecordBatch, batch: TextBatch) -> None:
    for name, choices in ((STRENGTH, Strength), (USE, Use)):
        if not set(found.column(name).to_pylist()) <= set(choices):
            raise ContractError(f"answered a {name} that there is not")
    for name in (SIGNAL, CATEGORY):
        if any(len(value) > NAME_CHARS for value in set(found.column(name).to_pylist())):
            raise ContractError(f"answered a {name} of more than {NAME_CHARS} characters")
    if not all(map(math.isfinite, found.column(SCORE).drop_null().to_pylist())):
        raise ContractError("answered a score that is no finite number")
    columns = (found.column(name).to_pylist() for name in (ROW, START, END))
    places = zip(*columns, strict=True)
    if not all(_is_place(start, end, batch.texts[row]) for row, start, end in places):
        raise ContractError("answered a span outside its text")


def _has_short_names(found: Any) -> bool:
    if not isinstance(found, Mapping) or len(found) > MOST_COUNTS:
        return False
    return all(isinstance(name, str) and len(name) <= NAME_CHARS for name in found)


def _are_counts(counts: Any) -> bool:
    return _has_short_names(counts) and all(
        isinstance(count, int) and not isinstance(count, bool) and count >= 0
        for count in counts.values()
    )


def _are_groups(groups: Any, rows: int) -> bool:
    return _has_short_names(groups) and all(
        isinstance(own, Sequence) and all(isinstance(row, int) and 0 <= row < rows for row in own)
        for own in groups.values()
    )


def _is_place(start: int | None, end: int | None, text: str) -> bool:
    if start is None or end is None:
        return start is end
    return 0 <= start <= end <= len(text)
