"""The graph of ``calls check``: files of calls in, totals out; no text moves between stages.

Rates are counted in windows of a minute that are a part of the key, not of Beam's windowing: the
time of a call is data of the log, and equal logs give equal totals on every runner. Totals are
integers, dates and sets, so that the order in which they are added does not matter.
"""

import dataclasses
import errno
import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import MIN_TIMESTAMP
from apache_beam.utils.windowed_value import WindowedValue

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.call_units import CheckSpec, CheckUnit, check_unit, pseudonyms
from scrubtrace.beam_pipelines.failures import NAMESPACE, UNWRITTEN, place_of
from scrubtrace.calls.register import Register
from scrubtrace.calls.register_file import parse_register
from scrubtrace.calls.repeated import is_repetition
from scrubtrace.calls.totals import Brief, Total, TotalKey, added, merged, totals_of
from scrubtrace.calls.use import is_notable, regrouped
from scrubtrace.schemas.calls import BadReason

SHARDS = 16
"""Files that the totals are written to."""

HELD_TOTALS = 50_000
"""Totals that one bundle adds up before it hands them on."""


class CheckError(RuntimeError):
    """A file could not be checked; the message says where in the code, never what was in it."""


class CheckUnitFn(beam.DoFn):
    """Reads and judges the calls of units, writes them to a part, gives a `Brief` of each.

    A unit whose part cannot be written is counted and left without a receipt.
    """

    def __init__(self, spec: CheckSpec) -> None:
        self._spec = spec

    def process(self, element: CheckUnit) -> Iterator[Brief]:
        """Checks one unit."""
        try:
            yield from check_unit(element, self._spec)
        except (OSError, storage.RemoteError, MemoryError) as error:
            code = errno.ENOMEM if isinstance(error, MemoryError) else error.errno
            name = errno.errorcode.get(code or 0, type(error).__name__)
            Metrics.counter(NAMESPACE, UNWRITTEN + name).inc()
        except Exception as error:
            raise CheckError(f"unit {element.number}: {place_of(error)}") from None


class FirstFn(beam.DoFn):
    """Of calls with one id the first; the others go to the output ``duplicates``.

    They are units with their numbers in them, and why they are left out, as lines of JSON.
    """

    def process(self, element: tuple[bytes, Iterable[Brief]]) -> Iterator[Any]:
        """The first by order of units."""
        first, *others = sorted(element[1], key=lambda call: call.order)
        yield first
        for call in others:
            again = is_repetition(first.judged, call.judged)
            reason = BadReason.DUPLICATE_ID if again else BadReason.ID_TAKEN
            unit, number = call.order
            yield beam.pvalue.TaggedOutput("duplicates", (unit, json.dumps([number, reason])))


class TallyFn(beam.DoFn):
    """Calls to the totals that they add to, added up over a bundle."""

    def __init__(self, spec: CheckSpec) -> None:
        self._spec = spec

    def setup(self) -> None:
        """Reads the register."""
        self._register = _register(self._spec)
        self._totals: dict[TotalKey, Total] = {}

    def start_bundle(self) -> None:
        """Begins with nothing."""
        self._totals = {}

    def process(self, element: Brief) -> Iterator[tuple[TotalKey, Total]]:
        """Adds a call."""
        for key, total in totals_of(element, self._register):
            held = self._totals.get(key)
            self._totals[key] = total if held is None else added(held, total)
        if len(self._totals) > HELD_TOTALS:
            yield from self._totals.items()
            self._totals = {}

    def finish_bundle(self) -> Iterator[WindowedValue]:
        """Hands on what is held."""
        for pair in self._totals.items():
            yield WindowedValue(pair, MIN_TIMESTAMP, [GlobalWindow()])
        self._totals = {}


class AddTotals(beam.CombineFn):
    """Totals of one key to one total."""

    def create_accumulator(self) -> Total:
        """Nothing yet."""
        return Total()

    def add_input(self, mutable_accumulator: Total, element: Total) -> Total:
        """One more."""
        return added(mutable_accumulator, element)

    def merge_accumulators(self, accumulators: Iterable[Total]) -> Total:
        """All of them."""
        return merged(accumulators)

    def extract_output(self, accumulator: Total) -> Total:
        """As it is."""
        return accumulator


class RegroupFn(beam.DoFn):
    """Totals of minutes, openings and projects to those of days and callers."""

    def __init__(self, spec: CheckSpec) -> None:
        self._spec = spec

    def setup(self) -> None:
        """Reads the register."""
        self._register = _register(self._spec)

    def process(self, element: tuple[TotalKey, Total]) -> Iterator[tuple[TotalKey, Total]]:
        """The total under its next key, if it counts."""
        found = regrouped(*element, self._register)
        if found is not None:
            yield found


class NotableFn(beam.DoFn):
    """Totals that go into findings and counts, with the number of the file that they go to."""

    def __init__(self, spec: CheckSpec) -> None:
        self._spec = spec

    def setup(self) -> None:
        """Reads the register, and its keys under their pseudonyms."""
        self._register = _register(self._spec)
        name = pseudonyms(self._spec)
        self._keys = {name(key.caller): key for key in self._register.keys}

    def process(self, element: tuple[TotalKey, Total]) -> Iterator[tuple[int, str]]:
        """The total as a line of JSON."""
        key, total = element
        if is_notable(key, total, self._register, self._keys):
            line = json.dumps([key, total._replace(bits=0), f"{total.bits:x}"])
            digest = hashlib.blake2b(json.dumps(key).encode(), digest_size=4).digest()
            yield int.from_bytes(digest, "big") % SHARDS, line


class WriteLinesFn(beam.DoFn):
    """Writes the lines of one file, sorted."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def process(self, element: tuple[int, Iterable[str]]) -> None:
        """Writes one file, the same however often it is done."""
        number, lines = element
        content = "".join(f"{line}\n" for line in sorted(lines))
        path = storage.join(self._folder, f"{number:06d}.jsonl")
        try:
            storage.write_atomic(path, content.encode())
        except (OSError, storage.RemoteError) as error:
            name = errno.errorcode.get(error.errno or 0, type(error).__name__)
            Metrics.counter(NAMESPACE, UNWRITTEN + name).inc()


@dataclasses.dataclass
class CheckCalls(beam.PTransform):
    """Units of call logs to files of totals in the work folder of ``spec``."""

    spec: CheckSpec
    several: bool

    def expand(self, units: beam.PCollection[CheckUnit]) -> None:
        """Checks each unit, leaves out calls that an earlier unit has, adds up, writes."""
        calls = (
            units
            | "Spread units" >> beam.Reshuffle()
            | "Check calls" >> beam.ParDo(CheckUnitFn(self.spec))
        )
        if self.several:
            calls, duplicates = (
                calls
                | "By call id" >> beam.Map(lambda call: (_digest(call.call_id), call))
                | "Together" >> beam.GroupByKey()
                | "First" >> beam.ParDo(FirstFn()).with_outputs("duplicates", main="calls")
            )
            _ = (
                duplicates
                | "Duplicates together" >> beam.GroupByKey()
                | "Write duplicates" >> beam.ParDo(WriteLinesFn(self.spec.folder("duplicates")))
            )
        _ = (
            calls
            | "Tally" >> beam.ParDo(TallyFn(self.spec))
            | "Add up" >> beam.CombinePerKey(AddTotals())
            | "Regroup" >> beam.ParDo(RegroupFn(self.spec))
            | "Add up groups" >> beam.CombinePerKey(AddTotals())
            | "Notable" >> beam.ParDo(NotableFn(self.spec))
            | "Totals together" >> beam.GroupByKey()
            | "Write totals" >> beam.ParDo(WriteLinesFn(self.spec.folder("totals")))
        )


def _digest(call_id: str) -> bytes:
    return hashlib.blake2b(call_id.encode(), digest_size=16).digest()


def _register(spec: CheckSpec) -> Register:
    return parse_register(spec.register_text, spec.register_file)
