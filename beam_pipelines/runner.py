"""Choosing the runner: in-process unless the user asks for another, and never a download.

Beam's ``DirectRunner`` first tries to download another runner. Pinned here is the runner it falls
back to, the in-process FnApiRunner, made with provision information, without which its worker
processes would not receive the pipeline options.
"""

import os
import sys
from collections.abc import Sequence

from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import (
    DirectOptions,
    PipelineOptions,
    StandardOptions,
    WorkerOptions,
)
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.portability.api import beam_provision_api_pb2
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.runners.runner import PipelineRunner, create_runner

from scrubtrace.beam_pipelines import remote, worker
from scrubtrace.beam_pipelines.short_memory import address_space_limit
from scrubtrace.beam_pipelines.worker_processes import WorkerProcessEnvironment

IN_PROCESS = ("", "directrunner", "fnapirunner")
"""Names of the in-process runner; Beam takes them in any case and with the module in front."""


class OptionsError(ValueError):
    """Beam options that cannot be used; found before anything runs."""


def pipeline_options(arguments: Sequence[str], workers: int) -> PipelineOptions:
    """Beam options from the arguments behind ``--``; ``workers`` processes on one machine.

    From now on Beam's file systems have these options, too: inputs are looked up with them.
    Raises `OptionsError` for an option that neither Beam nor the job server knows, or ``workers``
    with a runner that sets its own parallelism; `ClusterError` for a cluster that does not answer
    or whose workers would not have this package.
    """
    try:
        options = PipelineOptions(list(arguments))
        unknown = _unknown(options) if arguments else []
    except SystemExit:
        raise OptionsError(f"Beam cannot read its options {list(arguments)}") from None
    if unknown:
        raise OptionsError(f"Beam has no option {', '.join('--' + name for name in unknown)}")
    if stray := _stray(arguments):
        raise OptionsError(f"Beam's options begin with --, but {stray!r} does not")
    FileSystems.set_options(options)
    if is_in_process(options):
        if workers > 1:
            options.view_as(DirectOptions).direct_num_workers = workers
        if "default_sdk_harness_log_level" not in options_given(arguments):
            options.view_as(WorkerOptions).default_sdk_harness_log_level = "ERROR"
        return options
    runner = str(options.view_as(StandardOptions).runner)
    remote.check_portable(options)
    try:
        problems = PipelineOptionsValidator(options, create_runner(runner)).validate()
    except Exception as error:  # Beam raises all sorts, also for extras that are not installed
        problem = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        raise OptionsError(f"Beam has no runner {runner!r} here: {problem}") from None
    if problems:
        raise OptionsError(f"Beam refuses its options: {'; '.join(problems)}")
    if workers > 1:
        raise OptionsError(f"--workers is for one machine; {runner} sets its own parallelism")
    return options


def _unknown(options: PipelineOptions) -> list[str]:
    """Names of options that neither Beam nor the job server knows; makes all parsers twice."""
    known = set(options.get_all_options()) | remote.server_options(options)
    return sorted(set(options.get_all_options(retain_unknown_options=True)) - known)


def _stray(arguments: Sequence[str]) -> str | None:
    """The first argument that can be neither an option nor the value of the one before it."""
    for before, argument in zip(["", *arguments], arguments, strict=False):
        takes_value = before.startswith("-") and "=" not in before
        if not argument.startswith("-") and not takes_value:
            return argument
    return None


def options_given(arguments: Sequence[str]) -> set[str]:
    """Names of the options among the arguments."""
    return {a.split("=")[0].removeprefix("--") for a in arguments if a.startswith("--")}


def is_in_process(options: PipelineOptions) -> bool:
    """Whether the options ask for no runner but the in-process one."""
    return remote.runner_name(options) in IN_PROCESS


def has_worker_processes(options: PipelineOptions) -> bool:
    """Whether the in-process runner has worker processes: more than one, or a limit of memory.

    Under a limit of the address space, rows that do not fit into it then leave the launcher, which
    says what happened, the memory that it needs.
    """
    several = (options.view_as(DirectOptions).direct_num_workers or 1) > 1
    return is_in_process(options) and (several or address_space_limit() is not None)


def make_runner(
    options: PipelineOptions, worker_command: Sequence[str] | None = None
) -> PipelineRunner | str:
    """The pinned in-process runner, or the name of the runner that the options ask for.

    ``worker_command`` starts a worker process, where the options ask for them; by default one
    that loads everything by itself.
    """
    if not is_in_process(options):
        remote.hide_job_messages()
        return str(options.view_as(StandardOptions).runner)
    encoded = JobServiceHandle.encode_pipeline_options(options.get_all_options())
    information = beam_provision_api_pb2.ProvisionInfo(
        retrieval_token="unused", pipeline_options=encoded
    )
    environment = None
    if has_worker_processes(options):
        alone = [sys.executable, "-m", worker.__name__, str(os.getpid())]
        environment = WorkerProcessEnvironment.of(worker_command or alone)
    return fn_runner.FnApiRunner(
        default_environment=environment,
        provision_info=fn_runner.ExtendedProvisionInfo(information),
    )
