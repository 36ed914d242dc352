"""Running a pipeline over units to its end."""

from collections.abc import Sequence

import apache_beam as beam
from apache_beam.metrics import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions

from scrubtrace.beam_pipelines.failures import NAMESPACE, UNREADY, UNWRITTEN
from scrubtrace.beam_pipelines.remote import ClusterError, choose_parallelism, failed_job
from scrubtrace.beam_pipelines.runner import (
    OptionsError,
    is_in_process,
    options_given,
    pipeline_options,
)
from scrubtrace.beam_pipelines.worker_processes import WORKER_DIED
from scrubtrace.exits import IncompleteStop, UsageStop
from scrubtrace.resumable import GOES_ON, REFUSED


def beam_options(arguments: Sequence[str], workers: int) -> PipelineOptions:
    """Beam's options of a command, with the parallelism of its cluster; raises `UsageStop`."""
    try:
        options = pipeline_options(arguments, workers)
        choose_parallelism(options, options_given(arguments))
    except (OptionsError, ClusterError) as error:
        raise UsageStop(str(error)) from None
    return options


def run_to_end(pipeline: beam.Pipeline, options: PipelineOptions) -> None:
    """Runs a pipeline over units, and says what an end by an error or by counters means.

    Raises `UsageStop` if workers could not begin, `IncompleteStop` if units could not be written,
    a worker died or the job of a cluster failed; whatever else the pipeline raises.
    """
    try:
        result = pipeline.run()
        result.wait_until_finish()
    except Exception as error:
        raise _stopped(error, options) from None
    counters = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]
    names = {c.key.metric.name: c.committed or c.attempted for c in counters}
    _raise_if_unready(names)
    _raise_if_unwritten(names)


def _stopped(error: Exception, options: PipelineOptions) -> Exception:
    """What the end of a pipeline by an error means to the user, if not a crash."""
    if not is_in_process(options):
        return IncompleteStop(failed_job(error))
    if WORKER_DIED in str(error):
        help = "if memory is short, use fewer --workers, or a smaller scan.batch_bytes"
        return IncompleteStop(f"{error}; {GOES_ON}; {help}")
    return error


def _raise_if_unready(names: dict[str, int]) -> None:
    """Raises `UsageStop` if workers could not begin; ``names`` are counters of a pipeline."""
    problems = sorted(n.removeprefix(UNREADY) for n in names if n.startswith(UNREADY))
    if problems:
        raise UsageStop(
            f"workers could not begin: {'; '.join(problems)}; scrubtrace doctor says more; once "
            "that is mended, the same command goes on"
        )


def _raise_if_unwritten(names: dict[str, int]) -> None:
    """Raises `IncompleteStop` if units could not be written; ``names`` are counters."""
    problems = {n.removeprefix(UNWRITTEN): c for n, c in names.items() if n.startswith(UNWRITTEN)}
    if problems:
        count = sum(problems.values())
        reasons = ", ".join(REFUSED.get(name, name) for name in sorted(problems))
        raise IncompleteStop(f"{count} units could not be written: {reasons}; {GOES_ON}")
