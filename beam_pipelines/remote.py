"""Portable runners (Flink, Spark, any Beam job server): what is asked of them before a run starts.

A job server that does not answer, workers without this package or a Flink job on a single slot
are found here, in seconds, and not by a job that waits or fails on the cluster.
"""

import json
import logging
import os
import re
import urllib.request
from collections.abc import Set
from dataclasses import dataclass

import grpc
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    PipelineOptions,
    PortableOptions,
    SparkRunnerOptions,
    StandardOptions,
    WorkerOptions,
)
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

PORTABLE = ("portablerunner", "flinkrunner", "sparkrunner")
"""Names of runners that hand the pipeline to a Beam job server."""

ANSWER_SECONDS = 10.0

_CAUSE = re.compile(r"^(?:RuntimeError: )?(\S*(?:Error|Exception): .*?) \[while running", re.M)
"""What a worker raised, as Beam repeats it; what `ScanUnitFn` raises holds no text of a row."""

_OWN_CLUSTER = re.compile(r"\[local\]|\[auto\]|local(\[.+\])?")
"""Masters that stand for a cluster inside the job server: Beam runs the workers here then."""

_RUNNER_CAUSE = re.compile(r"failed in state \w+: ([\w.$]+: .*)")
"""What the runner says itself, to the end of the line; rows never pass through it."""


class ClusterError(ValueError):
    """A cluster that cannot be used as asked; found before anything runs."""


@dataclass(frozen=True)
class Slots:
    """Task slots of a Flink cluster, and how many task managers share them."""

    slots: int
    task_managers: int

    @property
    def per_task_manager(self) -> int:
        """Slots of one task manager, rounded up."""
        return -(-self.slots // max(self.task_managers, 1))


def runner_name(options: PipelineOptions) -> str:
    """The runner that the options ask for, as Beam spells it in lower case; empty for none."""
    name = options.view_as(StandardOptions).runner or ""
    return str(name).rsplit(".", 1)[-1].lower()


def is_portable(options: PipelineOptions) -> bool:
    """Whether the runner hands the pipeline to a Beam job server."""
    return runner_name(options) in PORTABLE


def server_options(options: PipelineOptions) -> set[str]:
    """Names of the options that the job server of a portable runner knows; empty if none is named.

    Raises `ClusterError` if no job server answers at ``--job_endpoint``.
    """
    endpoint = options.view_as(PortableOptions).job_endpoint
    if not is_portable(options) or endpoint in (None, "embed"):
        return set()
    try:
        with grpc.insecure_channel(endpoint) as channel:
            grpc.channel_ready_future(channel).result(timeout=ANSWER_SECONDS)
            service = beam_job_api_pb2_grpc.JobServiceStub(channel)
            request = beam_job_api_pb2.DescribePipelineOptionsRequest()
            answer = service.DescribePipelineOptions(request, timeout=ANSWER_SECONDS)
    except grpc.FutureTimeoutError:
        raise ClusterError(
            f"no Beam job server answers at {endpoint} (waited {ANSWER_SECONDS:.0f} s): start it, "
            "or correct --job_endpoint=HOST:PORT"
        ) from None
    except grpc.RpcError as error:
        code = error.code().name if isinstance(error, grpc.Call) else type(error).__name__
        raise ClusterError(
            f"what answers at {endpoint} is no Beam job server ({code}); "
            "correct --job_endpoint=HOST:PORT"
        ) from None
    return {option.name for option in answer.options}


def check_portable(options: PipelineOptions) -> None:
    """Raises `ClusterError` if a portable runner has no job server or its workers no package."""
    if not is_portable(options):
        return
    _check_job_server(options)
    portable = options.view_as(PortableOptions)
    image = (
        portable.environment_config
        or portable.lookup_environment_option("docker_container_image")
        or options.view_as(WorkerOptions).sdk_container_image
    )
    kind = (portable.environment_type or "DOCKER").upper()
    here = portable.environment_type is None and _runs_here(options)
    if kind == "DOCKER" and not image and not here:
        raise ClusterError(
            "Beam's own worker image does not have scrubtrace: say where the workers find it with "
            "--environment_type=PROCESS, EXTERNAL or DOCKER and --environment_config "
            "(see docs/scale-out.md)"
        )


def _check_job_server(options: PipelineOptions) -> None:
    """A portable runner takes a job server that runs, or a jar; it would download one else."""
    name = runner_name(options)
    if options.view_as(PortableOptions).job_endpoint:
        return
    if name == "portablerunner":
        raise ClusterError(
            "PortableRunner needs the address of a Beam job server: --job_endpoint=HOST:PORT"
        )
    system = "flink" if name == "flinkrunner" else "spark"
    jar = options.get_all_options()[f"{system}_job_server_jar"]
    if jar is None:
        raise ClusterError(
            f"{options.view_as(StandardOptions).runner} would download a job server: give the "
            f"address of one that runs with --job_endpoint=HOST:PORT, or a jar with "
            f"--{system}_job_server_jar=PATH"
        )
    if "://" not in jar and not os.path.exists(jar):
        raise ClusterError(f"there is no {jar}; correct --{system}_job_server_jar")


def _runs_here(options: PipelineOptions) -> bool:
    """Whether Beam runs the workers inside the launching process unless told otherwise."""
    masters = {
        "flinkrunner": options.view_as(FlinkRunnerOptions).flink_master,
        "sparkrunner": options.view_as(SparkRunnerOptions).spark_master_url,
    }
    return bool(_OWN_CLUSTER.fullmatch(masters.get(runner_name(options), "")))


def choose_parallelism(options: PipelineOptions, given: Set[str]) -> None:
    """Sets what the user did not give for Flink: tasks at a time, worker processes a machine.

    ``given`` are the names of the options the user gave. There are as many tasks at a time as the
    cluster has slots, and as many workers on each task manager as it has, because a Python process
    uses one core. Raises `ClusterError` if the slots cannot be counted: Flink's own default is one
    task at a time, however many machines there are.
    """
    flink = options.view_as(FlinkRunnerOptions)
    asked = {"parallelism", "sdk_worker_parallelism"} - given
    if not asked or not is_flink(options):
        return
    if _OWN_CLUSTER.fullmatch(flink.flink_master):
        if "parallelism" in asked:
            raise ClusterError(
                "Flink runs one task at a time unless told otherwise: give --parallelism=N, or "
                "--flink_master=HOST:PORT (the address of its REST interface), whose slots are "
                "then counted"
            )
        return
    slots = flink_slots(flink.flink_master)
    if "parallelism" in asked:
        flink.parallelism = slots.slots
    if "sdk_worker_parallelism" in asked:
        options.view_as(PortableOptions).sdk_worker_parallelism = str(slots.per_task_manager)


def limit_parallelism(options: PipelineOptions, units: int) -> None:
    """Not more tasks at a time than units: the others would take slots and do nothing."""
    flink = options.view_as(FlinkRunnerOptions)
    flink.parallelism = min(flink.parallelism, units)


def is_flink(options: PipelineOptions) -> bool:
    """Whether the pipeline goes to Flink; asks the job server if the runner's name does not say."""
    name = runner_name(options)
    if name == "portablerunner":
        return "flink_master" in server_options(options)
    return name == "flinkrunner"


def flink_slots(master: str) -> Slots:
    """Slots of the Flink cluster whose REST interface is at ``master``.

    Raises `ClusterError` if it cannot be asked, or has none.
    """
    url = master if re.match("https?://", master) else f"http://{master}"
    try:
        with urllib.request.urlopen(f"{url}/overview", timeout=ANSWER_SECONDS) as answer:
            overview = json.load(answer)
        slots = Slots(int(overview["slots-total"]), int(overview["taskmanagers"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ClusterError(
            f"no Flink cluster answers at {url} ({type(error).__name__}): start it, or correct "
            "--flink_master=HOST:PORT, the address of its REST interface"
        ) from None
    if slots.slots == 0:
        raise ClusterError(f"the Flink cluster at {url} has no task slots: start task managers")
    return slots


def hide_job_messages() -> None:
    """Keeps the Java traces that job servers send off the terminal; `failed_job` says the cause."""
    logging.getLogger().addFilter(_is_no_job_message)


def _is_no_job_message(record: logging.LogRecord) -> bool:
    return record.module != "portable_runner"


def failed_job(error: Exception) -> str:
    """What to tell the user about a job that failed on its cluster, or could not be handed over."""
    found = _CAUSE.findall(str(error)) or _RUNNER_CAUSE.findall(str(error))
    cause = found[-1] if found else f"{type(error).__name__}; the logs of the runner say more"
    return (
        f"the job failed on the cluster: {cause}; what is written is kept, and the same command "
        "goes on from there"
    )
