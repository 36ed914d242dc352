"""Worker processes on this machine, watched: a run ends when one of them dies.

Beam's own handler waits for ever for the answer of a process that was killed, as the kernel does
to one that takes too much memory.
"""

import json
import logging
import os
import signal
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from apache_beam.transforms.environments import Environment
from google.protobuf import json_format, text_format

from scrubtrace.beam_pipelines.short_memory import OUT_OF_MEMORY
from scrubtrace.beam_pipelines.worker import deaf_to_interruptions

URN = "scrubtrace:worker_process:v1"
WORKER_DIED = "a worker process died"
"""Begins the message of the RuntimeError that a pipeline ends with."""

BEAM_DATA_PLANE = "apache_beam.runners.worker.data_plane"

STOP_SECONDS = 5.0
"""How long a worker that has nothing more to do may take to end."""

ANSWER_SECONDS = 0.2
"""How often open requests are answered once a worker is dead: new ones may come."""


@Environment.register_urn(URN, bytes)
class WorkerProcessEnvironment(Environment):
    """Asks the in-process runner for worker processes that a command starts."""

    command: Sequence[str] = ()

    @classmethod
    def of(cls, command: Sequence[str]) -> "WorkerProcessEnvironment":
        """The environment whose workers this command starts."""
        environment = cls()
        environment.command = command
        return environment

    def to_runner_api_parameter(self, context: Any) -> tuple[str, bytes]:
        """The URN, and the command as JSON."""
        return URN, json.dumps(list(self.command)).encode()

    @staticmethod
    def from_runner_api_parameter(
        payload: bytes,
        capabilities: Iterable[str],
        artifacts: Iterable[Any],
        resource_hints: Mapping[str, bytes],
        context: Any,
    ) -> "WorkerProcessEnvironment":
        """What Beam makes of the URN."""
        environment = WorkerProcessEnvironment(capabilities, artifacts, resource_hints)
        environment.command = json.loads(payload)
        return environment


@worker_handlers.WorkerHandler.register_environment(URN, bytes)
class WorkerProcessHandler(worker_handlers.GrpcWorkerHandler):
    """Starts one worker process; if it dies, what the runner waits for is answered here."""

    def __init__(self, payload: bytes, state: Any, provision_info: Any, grpc_server: Any) -> None:
        super().__init__(state, provision_info, grpc_server)
        self._command: list[str] = json.loads(payload)
        self._closed = threading.Event()
        self._ended = threading.Event()

    def start_worker(self) -> None:
        """Starts the process, with what Beam's worker reads from its environment."""
        options = self.provision_info.provision_info.pipeline_options
        control = self.control_api_service_descriptor()
        log = self.logging_api_service_descriptor()
        environment = os.environ | {
            "WORKER_ID": self.worker_id,
            "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(control),
            "LOGGING_API_SERVICE_DESCRIPTOR": text_format.MessageToString(log),
            "PIPELINE_OPTIONS": json_format.MessageToJson(options),
        }
        # Logs a traceback for each connection of a dead process.
        logging.getLogger(BEAM_DATA_PLANE).setLevel(logging.CRITICAL)
        with deaf_to_interruptions():
            self._process = subprocess.Popen(self._command, env=environment)
        threading.Thread(name="watch_worker", target=self._watch, daemon=True).start()

    def close(self) -> None:
        """Closes the connections and ends the process."""
        self._closed.set()
        for connection in (self.control_conn, self.data_conn):
            with suppress(Exception):  # those of a dead process raise
                connection.close()
        self.stop_worker()

    def stop_worker(self) -> None:
        """Waits for the process to end; ends it if it is busy with what no one waits for."""
        if not self._ended.wait(STOP_SECONDS):
            self._process.kill()
            self._process.wait()

    def _watch(self) -> None:
        code = self._process.wait()
        self._ended.set()
        while not self._closed.wait(ANSWER_SECONDS):
            self._answer(f"{WORKER_DIED} ({_cause(code)})")

    def _answer(self, problem: str) -> None:
        """Answers every open request to any worker with an error: the pipeline fails at once."""
        for connection in list(self.control_handler._connections_by_worker_id.values()):
            waiting = connection._futures_by_id
            for request in list(waiting):
                if future := waiting.pop(request, None):
                    response = {"instruction_id": request, "error": problem}
                    future.set(beam_fn_api_pb2.InstructionResponse(**response))


def _cause(code: int) -> str:
    """What a process ended with; the kernel ends one that takes too much memory with SIGKILL."""
    if code == -signal.SIGKILL:
        return "SIGKILL: out of memory?"
    if code == OUT_OF_MEMORY:
        return "out of memory"
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
