"""The entry point of workers on a cluster: asks the runner, and ends with who started it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from apache_beam.options.pipeline_options import SetupOptions
from apache_beam.portability.api import (
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
    endpoints_pb2,
)
from apache_beam.runners.portability.portable_runner import JobServiceHandle
from apache_beam.runners.worker import sdk_worker_main
from google.protobuf import text_format

from scrubtrace.beam_pipelines.boot import ask_runner, main, worker_environment
from scrubtrace.beam_pipelines.runner import pipeline_options

OPTIONS = pipeline_options(["--beam_plugin=some.plugin"], 1)
INFORMATION = beam_provision_api_pb2.ProvisionInfo(
    pipeline_options=JobServiceHandle.encode_pipeline_options(OPTIONS.get_all_options()),
    control_endpoint=endpoints_pb2.ApiServiceDescriptor(url="localhost:7"),
    logging_endpoint=endpoints_pb2.ApiServiceDescriptor(url="localhost:8"),
    runner_capabilities=["a", "b"],
)


class Runner(beam_provision_api_pb2_grpc.ProvisionServiceServicer):
    """Tells only the worker ``w1``."""

    def GetProvisionInfo(self, request: Any, context: Any) -> Any:  # noqa: N802 -- gRPC's name
        assert ("worker_id", "w1") in context.invocation_metadata()
        return beam_provision_api_pb2.GetProvisionInfoResponse(info=INFORMATION)


@pytest.fixture
def address() -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(1))
    beam_provision_api_pb2_grpc.add_ProvisionServiceServicer_to_server(Runner(), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield f"localhost:{port}"
    server.stop(None)


def test_the_runner_is_asked_by_id(address: str) -> None:
    assert ask_runner("w1", address) == INFORMATION


def test_beams_worker_finds_what_the_runner_told() -> None:
    variables = worker_environment("w1", INFORMATION)
    options = sdk_worker_main._parse_pipeline_options(variables["PIPELINE_OPTIONS"])
    assert options.view_as(SetupOptions).beam_plugins == ["some.plugin"]
    control = endpoints_pb2.ApiServiceDescriptor()
    text_format.Merge(variables["CONTROL_API_SERVICE_DESCRIPTOR"], control)
    assert control.url == "localhost:7"
    assert variables["WORKER_ID"] == "w1"
    assert variables["RUNNER_CAPABILITIES"] == "a b"
    assert "STATUS_API_SERVICE_DESCRIPTOR" not in variables


def test_a_worker_needs_an_id_and_an_address(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--id=w1"])
    assert "--provision_endpoint" in capsys.readouterr().err
