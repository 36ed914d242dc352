"""Entry point of SDK workers on a cluster: the console script ``scrubtrace-worker``.

Runners start it as they start the boot program of a Beam container (environment PROCESS, or a
worker pool's ``--container_executable``): with the worker's id and an address that tells the rest.
The worker uses the package that is installed here; files staged with the pipeline are not fetched.
"""

import argparse
import os
import sys
import threading
from collections.abc import Sequence

import grpc
from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc
from google.protobuf import json_format

from scrubtrace.beam_pipelines.worker import end_with_parent

ANSWER_SECONDS = 60.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one SDK worker until the runner, or the process that started it, is gone.

    A task manager that was killed leaves no worker behind that goes on writing.
    """
    parser = argparse.ArgumentParser(prog="scrubtrace-worker", description=__doc__)
    parser.add_argument("--id", required=True, help="id that the runner gave this worker")
    parser.add_argument("--provision_endpoint", required=True, help="address of the runner")
    given, _ = parser.parse_known_args(arguments)
    threading.Thread(target=end_with_parent, args=(os.getppid(),), daemon=True).start()
    os.environ.update(worker_environment(given.id, ask_runner(given.id, given.provision_endpoint)))
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)


def ask_runner(worker: str, address: str) -> beam_provision_api_pb2.ProvisionInfo:
    """What the runner at ``address`` tells the worker; raises `grpc.RpcError`."""
    with grpc.insecure_channel(address) as channel:
        service = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        request = beam_provision_api_pb2.GetProvisionInfoRequest()
        answer = service.GetProvisionInfo(
            request,
            metadata=[("worker_id", worker)],
            timeout=ANSWER_SECONDS,
            wait_for_ready=True,
        )
    return answer.info


def worker_environment(
    worker: str, information: beam_provision_api_pb2.ProvisionInfo
) -> dict[str, str]:
    """The environment variables in which Beam's SDK worker finds what the runner told."""
    variables = {
        "WORKER_ID": worker,
        "PIPELINE_OPTIONS": json_format.MessageToJson(information.pipeline_options),
        "CONTROL_API_SERVICE_DESCRIPTOR": str(information.control_endpoint),
        "RUNNER_CAPABILITIES": " ".join(information.runner_capabilities),
    }
    if information.logging_endpoint.url:
        variables["LOGGING_API_SERVICE_DESCRIPTOR"] = str(information.logging_endpoint)
    if information.status_endpoint.url:
        variables["STATUS_API_SERVICE_DESCRIPTOR"] = str(information.status_endpoint)
    return variables


if __name__ == "__main__":
    main()
