"""The batch job's graph: unit keys in, scanned units out. Text never moves between stages."""

import dataclasses
import errno
import gc
from collections.abc import Collection, Iterator
from contextlib import suppress

import apache_beam as beam
from apache_beam.metrics import Metrics

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.failures import (
    NAMESPACE,
    UNREADY,
    UNREADY_CHARS,
    UNWRITTEN,
    ScanError,
    place_of,
)
from scrubtrace.beam_pipelines.keys import DigestKeyError, planned_keys
from scrubtrace.beam_pipelines.layout import RunFolder
from scrubtrace.beam_pipelines.scanning import scan_unit
from scrubtrace.detectors.detector import Detector
from scrubtrace.detectors.language import identify
from scrubtrace.detectors.registry import DetectorError, find_detector
from scrubtrace.schemas.plan import DetectorSpec, RunSpec

_prepared: dict[str, dict[str, Detector]] = {}
"""Detectors by run and name, set up and not yet in use."""


def prepare(run: str, needed: Collection[str]) -> None:
    """Loads what a worker of the run needs, for processes that are forked from this one.

    What cannot be loaded is left to the workers, which say what is wrong.
    """
    with suppress(Exception):
        _prepared[storage.absolute(run)] = ready_detectors(RunFolder(run).spec(), needed)
        identify("The model of the languages is loaded with the first text.")
    gc.freeze()  # collecting garbage would write to pages that are shared


class ScanUnitFn(beam.DoFn):
    """Scans units of a run by their keys; gives (key, rows) of each unit that was written.

    A unit that cannot be written, say because the disk is full, or that does not fit into memory
    is counted and left without a receipt; the other units go on. So is every unit of a worker that
    lacks the key or a detector. A unit that has its receipt is not scanned again: a runner that
    repeats a stage after it lost a machine goes on where it was.
    """

    def __init__(self, run: str) -> None:
        self._run = storage.absolute(run)

    def setup(self) -> None:
        """Reads plan and specification, makes the detectors, checks them against the plan."""
        self._folder = RunFolder(self._run)
        self._spec = self._folder.spec()
        self._units = {unit.key: unit for unit in self._folder.work().units}
        needed = {name for unit in self._units.values() for name in unit.detectors}
        self._problem, self._no_memory = "", False
        try:
            self._keys = planned_keys(self._spec)
            prepared = _prepared.pop(self._run, None)
            self._detectors = ready_detectors(self._spec, needed) if prepared is None else prepared
        except (DigestKeyError, DetectorError) as error:
            # Raised from here, it would reach the user as a crash of Beam.
            self._problem = str(error)[:UNREADY_CHARS]
        except MemoryError:
            self._no_memory = True

    def process(self, element: str) -> Iterator[tuple[str, int]]:
        """Scans the unit with this key."""
        if self._problem:
            Metrics.counter(NAMESPACE, UNREADY + self._problem).inc()
            return
        unit = self._units[element]
        if storage.exists(self._folder.receipt(element)):
            yield element, unit.rows
            return
        if self._no_memory:
            Metrics.counter(NAMESPACE, UNWRITTEN + "ENOMEM").inc()
            return
        detectors = [self._detectors[name] for name in unit.detectors]
        try:
            receipt = scan_unit(unit, self._folder, self._spec, detectors, self._keys)
        except (OSError, storage.RemoteError) as error:
            name = errno.errorcode.get(error.errno or 0, type(error).__name__)
            Metrics.counter(NAMESPACE, UNWRITTEN + name).inc()
            return
        except MemoryError:
            Metrics.counter(NAMESPACE, UNWRITTEN + "ENOMEM").inc()
            return
        except Exception as error:
            raise ScanError(f"unit {element}: {place_of(error)}") from None
        Metrics.counter(NAMESPACE, "rows").inc(receipt.rows)
        yield element, receipt.rows


def ready_detectors(spec: RunSpec, needed: Collection[str]) -> dict[str, Detector]:
    """The detectors of a run that are needed, by name, set up; raises `DetectorError`."""
    planned = (entry for entry in spec.detectors if entry.name in needed)
    return {entry.name: ready_detector(entry) for entry in planned}


def ready_detector(planned: DetectorSpec) -> Detector:
    """The detector as planned, set up; raises `DetectorError` if this process has another one."""
    installed = find_detector(planned.name)
    detector = installed.make(planned.options)
    if detector.fingerprint() != planned.fingerprint:
        raise DetectorError(
            f"detector {planned.name!r} of {installed.distribution} is not the one that was "
            f"planned: its fingerprint is {detector.fingerprint()}, planned {planned.fingerprint}"
        )
    installed.set_up(detector)
    return detector


@dataclasses.dataclass
class ScanUnits(beam.PTransform):
    """Keys of units of the run in ``run`` to (key, rows) of each unit scanned."""

    run: str

    def expand(self, keys: beam.PCollection[str]) -> beam.PCollection[tuple[str, int]]:
        """Spreads the keys over the workers and scans."""
        return (
            keys
            | "Spread units" >> beam.Reshuffle()
            | "Scan units" >> beam.ParDo(ScanUnitFn(self.run))
        )
