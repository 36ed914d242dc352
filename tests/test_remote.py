"""Portable runners: what is found wrong before a job is handed to a cluster."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import grpc
import pytest
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    PipelineOptions,
    PortableOptions,
)
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

from scrubtrace.beam_pipelines import remote
from scrubtrace.beam_pipelines.remote import (
    ClusterError,
    Slots,
    check_portable,
    choose_parallelism,
    failed_job,
    flink_slots,
    limit_parallelism,
    server_options,
)
from scrubtrace.beam_pipelines.runner import OptionsError, options_given, pipeline_options

PROCESS = ("--environment_type=PROCESS", '--environment_config={"command": "worker"}')
ENDPOINT = "--job_endpoint=localhost:1"


class JobServer(beam_job_api_pb2_grpc.JobServiceServicer):
    """Knows the options of Flink, and runs nothing."""

    def DescribePipelineOptions(  # noqa: N802 -- gRPC's name
        self, request: Any, context: Any
    ) -> beam_job_api_pb2.DescribePipelineOptionsResponse:
        names = ("flink_master", "parallelism", "execution_mode_for_batch")
        described = [beam_job_api_pb2.PipelineOptionDescriptor(name=name) for name in names]
        return beam_job_api_pb2.DescribePipelineOptionsResponse(options=described)


@pytest.fixture
def job_server() -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(1))
    beam_job_api_pb2_grpc.add_JobServiceServicer_to_server(JobServer(), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield f"localhost:{port}"
    server.stop(None)


@pytest.fixture
def other_server() -> Iterator[str]:
    """A gRPC server that is no job server."""
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield f"localhost:{port}"
    server.stop(None)


@pytest.fixture
def flink(request: pytest.FixtureRequest) -> Iterator[str]:
    """Flink's REST interface with one answer, by default two task managers of two slots."""
    default = {"taskmanagers": 2, "slots-total": 4}
    content = json.dumps(getattr(request, "param", default)).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("localhost", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"localhost:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "ANSWER_SECONDS", 0.2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--runner=PortableRunner"], "needs the address of a Beam job server: --job_endpoint"),
        (["--runner=FlinkRunner"], "FlinkRunner would download a job server"),
        (["--runner=SparkRunner"], "--spark_job_server_jar=PATH"),
        (["--runner=FlinkRunner", "--flink_job_server_jar=no.jar"], "there is no no.jar"),
        (["--runner=PortableRunner", ENDPOINT], "worker image does not have scrubtrace"),
        (
            ["--runner=FlinkRunner", ENDPOINT, "--flink_master=host:8081"],
            "worker image does not have scrubtrace",
        ),
        (
            ["--runner=PortableRunner", ENDPOINT, "--environment_type=DOCKER"],
            "worker image does not have scrubtrace",
        ),
    ],
    ids=str,
)
def test_clusters_that_cannot_be_used(arguments: list[str], message: str) -> None:
    with pytest.raises(ClusterError, match=message):
        check_portable(PipelineOptions(arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--runner=DirectRunner"],
        ["--runner=DataflowRunner"],
        ["--runner=PortableRunner", ENDPOINT, *PROCESS],
        ["--runner=PortableRunner", ENDPOINT, "--environment_config=image:1"],
        ["--runner=PortableRunner", ENDPOINT, "--sdk_container_image=image:1"],
        ["--runner=PortableRunner", ENDPOINT, "--environment_option=docker_container_image=i:1"],
        ["--runner=PortableRunner", ENDPOINT, "--environment_type=LOOPBACK"],
        ["--runner=FlinkRunner", ENDPOINT],
        ["--runner=SparkRunner", ENDPOINT],
        ["--runner=FlinkRunner", "--flink_job_server_jar=https://host/a.jar"],
    ],
    ids=str,
)
def test_clusters_that_can_be_tried(arguments: list[str]) -> None:
    check_portable(PipelineOptions(arguments))


@pytest.mark.usefixtures("_impatient")
def test_a_job_server_that_does_not_answer_is_found_at_once() -> None:
    with pytest.raises(ClusterError, match="no Beam job server answers at localhost:1"):
        pipeline_options(["--runner=PortableRunner", ENDPOINT, *PROCESS], 1)


def test_what_answers_must_be_a_job_server(other_server: str) -> None:
    options = PipelineOptions(["--runner=PortableRunner", f"--job_endpoint={other_server}"])
    with pytest.raises(ClusterError, match=r"is no Beam job server \(UNIMPLEMENTED\)"):
        server_options(options)


def test_options_of_the_job_server_are_options(job_server: str) -> None:
    endpoint = ["--runner=PortableRunner", f"--job_endpoint={job_server}", *PROCESS]
    pipeline_options([*endpoint, "--execution_mode_for_batch=BATCH_FORCED"], 1)
    with pytest.raises(OptionsError, match="Beam has no option --no_such"):
        pipeline_options([*endpoint, "--no_such=1"], 1)


def test_what_beam_refuses_is_refused_before_the_plan(job_server: str) -> None:
    arguments = ["--runner=PortableRunner", f"--job_endpoint={job_server}"]
    with pytest.raises(OptionsError, match="external_service_address is required"):
        pipeline_options([*arguments, "--environment_type=EXTERNAL"], 1)


@pytest.mark.parametrize(
    ("given", "units", "parallelism", "workers"),
    [
        ([], 100, 4, "2"),
        ([], 3, 3, "2"),
        (["--parallelism=7"], 100, 7, "2"),
        (["--parallelism=7"], 3, 3, "2"),
        (["--parallelism=-1"], 3, -1, "2"),
        (["--sdk_worker_parallelism=5"], 100, 4, "5"),
    ],
)
def test_parallelism_is_the_slots_but_not_more_than_units(
    flink: str, given: list[str], units: int, parallelism: int, workers: str
) -> None:
    arguments = ["--runner=FlinkRunner", f"--flink_master={flink}", *given]
    options = PipelineOptions(arguments)
    choose_parallelism(options, options_given(arguments))
    limit_parallelism(options, units)
    assert options.view_as(FlinkRunnerOptions).parallelism == parallelism
    assert str(options.view_as(PortableOptions).sdk_worker_parallelism) == workers


def test_flink_on_one_slot_by_accident_is_refused(job_server: str) -> None:
    arguments = ["--runner=PortableRunner", f"--job_endpoint={job_server}"]
    with pytest.raises(ClusterError, match="give --parallelism=N, or --flink_master"):
        choose_parallelism(PipelineOptions(arguments), options_given(arguments))
    arguments.append("--parallelism=3")
    choose_parallelism(PipelineOptions(arguments), options_given(arguments))


@pytest.mark.parametrize("runner", ["DirectRunner", "SparkRunner", "DataflowRunner"])
def test_other_runners_set_their_own_parallelism(runner: str) -> None:
    options = PipelineOptions([f"--runner={runner}"])
    choose_parallelism(options, set())
    assert options.view_as(FlinkRunnerOptions).parallelism == -1


@pytest.mark.parametrize(
    ("flink", "message"),
    [
        ({"taskmanagers": 0, "slots-total": 0}, "has no task slots: start task managers"),
        ({}, "no Flink cluster answers at"),
        ([], "no Flink cluster answers at"),
    ],
    indirect=["flink"],
)
def test_a_flink_cluster_without_slots(flink: str, message: str) -> None:
    with pytest.raises(ClusterError, match=message):
        flink_slots(flink)


def test_no_flink_cluster_at_all() -> None:
    with pytest.raises(ClusterError, match="no Flink cluster answers at http://localhost:1"):
        flink_slots("localhost:1")


def test_slots_of_a_task_manager_are_rounded_up() -> None:
    assert [Slots(n, 2).per_task_manager for n in (1, 2, 3, 4)] == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            "java.lang.X: Traceback\n  File ...\n"
            "RuntimeError: a.b.ScanError: unit u1: KeyError in f (g.py:3) [while running 'Scan']\n"
            "\tat org.apache.beam",
            "cluster: a.b.ScanError: unit u1: KeyError in f (g.py:3);",
        ),
        (
            "Job failed in state FAILED: java.io.IOException: error=2, No such file\n\tat",
            "cluster: java.io.IOException: error=2, No such file;",
        ),
        ("some text of nobody knows what", "RuntimeError; the logs of the runner say more"),
    ],
)
def test_a_failed_job_gives_its_cause_and_no_other_text(message: str, shown: str) -> None:
    told = failed_job(RuntimeError(message))
    assert shown in told
    assert "nobody" not in told
    assert "the same command goes on from there" in told
