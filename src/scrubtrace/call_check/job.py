"""The job of ``scrubtrace calls check``: judge each call, add up, write findings."""

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.metrics import MetricsFilter
from sqlalchemy import Engine

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.call_units import FOLDERS, CheckSpec, CheckUnit, pseudonyms
from scrubtrace.beam_pipelines.checking_calls import CheckCalls
from scrubtrace.beam_pipelines.failures import NAMESPACE, UNWRITTEN
from scrubtrace.beam_pipelines.remote import ClusterError
from scrubtrace.beam_pipelines.runner import OptionsError, make_runner, pipeline_options
from scrubtrace.call_check.findings import Finding, findings_of, read_totals
from scrubtrace.call_check.output import Coverage, write_register, write_results
from scrubtrace.calls.check import load_register
from scrubtrace.calls.files import CallLogError
from scrubtrace.calls.reading import reading_units
from scrubtrace.calls.register import Register
from scrubtrace.calls.register_file import RegisterError
from scrubtrace.config import text_of
from scrubtrace.exits import IncompleteStop, UsageStop
from scrubtrace.index.call_sources import expanded
from scrubtrace.keys import find_keys
from scrubtrace.lock import output_lock
from scrubtrace.resumable import REFUSED, resumable
from scrubtrace.review.rotation import key_ids
from scrubtrace.schemas.calls import BadReason

WORK = ".work"


@dataclass(frozen=True)
class CheckJob:
    """One call of ``scrubtrace calls check``."""

    logs: Sequence[str]
    register: str
    out: str
    log_format: str | None = None
    key_file: str | None = None
    workers: int = 1
    quiet: bool = False
    beam_arguments: Sequence[str] = ()


@dataclass
class CheckOutcome:
    """What a check came to.

    ``counts`` has the numbers of calls by name, ``by_rule`` of different calls that break a rule,
    ``not_judged`` of calls by rule and reason.
    """

    findings: list[Finding]
    coverage: Coverage
    counts: dict[str, int]
    not_judged: dict[tuple[str, str], int]
    key_id: str
    by_rule: Mapping[str, int] = field(default_factory=dict)
    manifest_sha256: str = ""
    files: list[str] = field(default_factory=list)

    @property
    def bad_lines(self) -> int:
        """Lines that became no record, and calls whose id was read before."""
        return sum(self.coverage.bad.values())

    @property
    def not_checked(self) -> dict[str, int]:
        """Lines that were not judged, by reason; calls that were read before are not among them."""
        bad = self.coverage.bad
        return {why: n for why, n in sorted(bad.items()) if n and why != BadReason.DUPLICATE_ID}


@resumable(keeps=False)
def check_calls(job: CheckJob, engine: Engine | None = None) -> CheckOutcome:
    """Checks the logs and writes what is found to ``job.out``, the summary last.

    With ``engine`` the digest key has to be that of the review table. Raises `UsageStop` before
    anything is written, `IncompleteStop` if a disk gave out.
    """
    if storage.is_remote(job.out):
        raise UsageStop(f"--out must be a folder that all workers share, not {job.out}")
    register, units = _prepared(job)
    try:
        options = pipeline_options(job.beam_arguments, job.workers)
    except (OptionsError, ClusterError) as error:
        raise UsageStop(str(error)) from None
    keys, key_file = find_keys(job.key_file, key_ids(engine) if engine is not None else set())
    work = storage.join(os.path.abspath(job.out), WORK)
    text = text_of_register(job.register)
    spec = CheckSpec(work, text, job.register, key_file, keys.active.id)
    with output_lock(job.out):
        shutil.rmtree(work, ignore_errors=True)
        storage.make_folders(*(spec.folder(name) for name in FOLDERS))
        try:
            _run(spec, units, options)
            _check_written(spec, units)
            name = pseudonyms(spec)
            own_keys = {name(key.caller): key for key in register.keys}
            totals = read_totals(spec.folder("totals"))
            findings, counts = findings_of(totals, register, own_keys)
            calls = (counts.by_name, counts.not_judged)
            outcome = CheckOutcome(findings, Coverage(), *calls, keys.active.id, counts.by_rule)
            outcome.files = [path for unit in units for path in unit.paths]
            digest = hashlib.sha256(text.encode()).hexdigest()
            write_register(job.out, register, name)
            write_results(job.out, spec, outcome, {"file": job.register, "sha256": digest})
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return outcome


def registered(path: str) -> Register:
    """The register in a file; raises `UsageStop`."""
    try:
        return load_register(path)
    except RegisterError as error:
        raise UsageStop(str(error)) from None


def text_of_register(path: str) -> str:
    """The text of a register that was read before; raises `UsageStop`."""
    return text_of(Path(path))


def _prepared(job: CheckJob) -> tuple[Register, list[CheckUnit]]:
    register = registered(job.register)
    try:
        units = reading_units(expanded(job.logs), job.log_format)
    except CallLogError as error:
        raise UsageStop(str(error)) from None
    return register, [
        CheckUnit(number, tuple(os.path.abspath(path) for path in paths), log_format)
        for number, (paths, log_format) in enumerate(units)
    ]


def _run(spec: CheckSpec, units: list[CheckUnit], options: Any) -> None:
    pipeline = beam.Pipeline(make_runner(options), options=options)
    _ = pipeline | "Units" >> beam.Create(units) | CheckCalls(spec, len(units) > 1)
    result = pipeline.run()
    result.wait_until_finish()
    counters = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]
    names = sorted({c.key.metric.name for c in counters if c.key.metric.name.startswith(UNWRITTEN)})
    if names:
        codes = [name.removeprefix(UNWRITTEN) for name in names]
        reasons = ", ".join(REFUSED.get(code, code) for code in codes)
        raise IncompleteStop(f"the check could not write everything: {reasons}; run it again")


def _check_written(spec: CheckSpec, units: list[CheckUnit]) -> None:
    written = storage.names_in(spec.folder("receipts"))
    if len(written) < len(units):
        missing = len(units) - len(written)
        raise IncompleteStop(f"{missing:,} of {len(units):,} units of logs were not checked")
