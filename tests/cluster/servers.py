"""Servers for the cluster tests, from jars that Maven brings: Flink, Spark, Beam's job servers.

``python tests/cluster/servers.py flink`` (or ``spark``) starts them and says how to use them; an
interruption stops them. Everything listens on loopback addresses and lives in one folder.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
MAVEN_SECONDS = 240
START_SECONDS = 180
STOP_SECONDS = 10
WITH_PARENT = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
"""Nothing goes on running when the tests themselves are killed."""

SLOTS = 2
"""Slots of one task manager."""

OPENED = [
    "java.io",
    "java.lang",
    "java.lang.invoke",
    "java.lang.reflect",
    "java.net",
    "java.nio",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "sun.nio.ch",
    "sun.nio.cs",
    "sun.security.action",
    "sun.util.calendar",
]
"""Packages of Java 17 that Flink and Spark reach into."""

FLINK = """
jobmanager.rpc.address: localhost
jobmanager.bind-host: localhost
jobmanager.rpc.port: {rpc}
jobmanager.execution.failover-strategy: region
rest.address: localhost
rest.bind-address: localhost
rest.port: {rest}
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 2
restart-strategy.fixed-delay.delay: 1 s
heartbeat.interval: 1000
heartbeat.timeout: 20000
cluster.evenly-spread-out-slots: true
taskmanager.host: localhost
taskmanager.bind-host: localhost
taskmanager.resource-id: {name}
taskmanager.numberOfTaskSlots: {slots}
taskmanager.cpu.cores: {slots}
taskmanager.memory.framework.heap.size: 128m
taskmanager.memory.framework.off-heap.size: 128m
taskmanager.memory.task.heap.size: 256m
taskmanager.memory.task.off-heap.size: 128m
taskmanager.memory.network.min: 64m
taskmanager.memory.network.max: 64m
taskmanager.memory.managed.size: 64m
taskmanager.memory.jvm-metaspace.size: 256m
taskmanager.memory.jvm-overhead.min: 128m
taskmanager.memory.jvm-overhead.max: 128m
io.tmp.dirs: {folder}/tmp
process.working-dir: {folder}/work
"""
"""Configuration of each Flink process; Flink's own start scripts would derive the sizes."""


class UnavailableError(Exception):
    """Why there can be no cluster here: something that the tests need is missing."""


@dataclass
class Server:
    """One process in a session of its own, with its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """Ends the process, not its children, as a crash of the machine's Java would."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def children(self) -> list[int]:
        """Process ids of the children."""
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True
        )
        return [int(pid) for pid in found.stdout.split()]

    def stop(self) -> None:
        """Ends the process and all that it started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                return
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                continue


@dataclass
class Servers:
    """Servers that live in one folder."""

    folder: Path
    environment: dict[str, str]
    running: list[Server] = field(default_factory=list)

    def start(self, name: str, command: Sequence[str | Path]) -> Server:
        """Starts a process that logs to ``NAME.log``."""
        log = self.folder / f"{name}.log"
        environment = {**os.environ, **self.environment}
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*WITH_PARENT, *(str(part) for part in command)],
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self.folder,
                start_new_session=True,
            )
        self.running.append(Server(name, process, log))
        return self.running[-1]

    def wait_for(self, what: str, ready: Callable[[], bool]) -> None:
        """Waits until ``ready``; RuntimeError with the ends of the logs if it takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            dead = [server for server in self.running if server.process.poll() is not None]
            if dead or time.monotonic() > deadline:
                tails = (f"{s.name}: {s.log.read_text()[-2000:]}" for s in dead or self.running)
                raise RuntimeError("\n".join([f"{what} did not start", *tails]))
            time.sleep(0.25)

    def stop(self) -> None:
        """Stops everything, last started first."""
        while self.running:
            self.running.pop().stop()


@contextmanager
def servers(folder: Path, environment: dict[str, str]) -> Iterator[Servers]:
    """Servers that are stopped at the end of the block, however it ends."""
    folder.mkdir(parents=True, exist_ok=True)
    started = Servers(folder, environment)
    try:
        yield started
    finally:
        started.stop()


@dataclass(frozen=True)
class Flink:
    """Addresses of a Flink cluster and its job server, and its task managers."""

    job_endpoint: str
    master: str
    task_managers: tuple[Server, ...]

    def ask(self, path: str) -> Any:
        """Answer of Flink's REST interface."""
        with urllib.request.urlopen(f"http://{self.master}{path}", timeout=10) as answer:
            return json.load(answer)


def class_path(system: str) -> str:
    """Class path of ``flink`` or ``spark``; raises `UnavailableError` with the reason."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise UnavailableError(f"there is no {program} here")
    with tempfile.NamedTemporaryFile() as file:
        pom, goal = HERE / system / "pom.xml", "dependency:build-classpath"
        command = ["mvn", "-B", "-q", "-f", str(pom), goal, f"-Dmdep.outputFile={file.name}"]
        try:
            ran = subprocess.run(command, capture_output=True, text=True, timeout=MAVEN_SECONDS)
        except subprocess.TimeoutExpired:
            raise UnavailableError(f"Maven took more than {MAVEN_SECONDS} s") from None
        if ran.returncode:
            problem = (ran.stdout.strip() or ran.stderr.strip() or "no reason given").splitlines()
            raise UnavailableError(f"Maven cannot bring the jars: {problem[0][:300]}")
        return Path(file.name).read_text()


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether something listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("localhost", port)) == 0


def java(memory: str, jars: str, main: str, *arguments: str) -> list[str]:
    """Command line of a Java process."""
    opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
    log = "-Dorg.slf4j.simpleLogger.showDateTime=true"
    return ["java", f"-Xmx{memory}", log, *opened, "-cp", jars, main, *arguments]


def start_job_server(started: Servers, command: list[str]) -> str:
    """Starts a Beam job server; gives its address."""
    job, artifacts, expansion = (free_port() for _ in range(3))
    command += ["--job-host=localhost", f"--job-port={job}", f"--artifact-port={artifacts}"]
    command += [f"--expansion-port={expansion}", f"--artifacts-dir={started.folder}/artifacts"]
    started.start("job-server", command)
    started.wait_for("the job server", lambda: answers(job))
    return f"localhost:{job}"


def start_flink(started: Servers, jars: str, task_managers: int = 2) -> Flink:
    """Starts a job manager, task managers with `SLOTS` slots each, and Beam's job server."""
    runtime = "org.apache.flink.runtime"
    rpc, rest = free_port(), free_port()

    def start(name: str, memory: str, main: str) -> Server:
        folder = started.folder / name
        (folder / "tmp").mkdir(parents=True)
        settings = FLINK.format(rpc=rpc, rest=rest, name=name, slots=SLOTS, folder=folder)
        (folder / "flink-conf.yaml").write_text(settings)
        return started.start(name, java(memory, jars, main, "--configDir", str(folder)))

    start("job-manager", "512m", f"{runtime}.entrypoint.StandaloneSessionClusterEntrypoint")
    names = [f"task-manager-{number}" for number in range(task_managers)]
    main = f"{runtime}.taskexecutor.TaskManagerRunner"
    managers = tuple(start(name, "384m", main) for name in names)
    driver = "org.apache.beam.runners.flink.FlinkJobServerDriver"
    command = java("512m", jars, driver, f"--flink-master=localhost:{rest}")
    flink = Flink(start_job_server(started, command), f"localhost:{rest}", managers)

    def registered() -> bool:
        try:
            return bool(flink.ask("/overview")["taskmanagers"] == task_managers)
        except OSError:
            return False

    started.wait_for("the Flink cluster", registered)
    return flink


def start_spark(started: Servers, jars: str) -> str:
    """Starts Beam's job server with Spark inside it, on two cores; gives its address."""
    driver = "org.apache.beam.runners.spark.SparkJobServerDriver"
    return start_job_server(started, java("1g", jars, driver, "--spark-master-url=local[2]"))


def start_worker_pool(started: Servers) -> str:
    """Starts Beam's worker pool, which starts ``scrubtrace-worker``; gives its address."""
    port = free_port()
    pool = [BIN / "python", "-m", "apache_beam.runners.worker.worker_pool_main"]
    worker = f"--container_executable={BIN / 'scrubtrace-worker'}"
    started.start("worker-pool", [*pool, f"--service_port={port}", worker])
    started.wait_for("the worker pool", lambda: answers(port))
    return f"localhost:{port}"


def process_environment() -> list[str]:
    """Beam options with which each task manager starts ``scrubtrace-worker`` itself."""
    command = json.dumps({"command": str(BIN / "scrubtrace-worker")})
    return ["--environment_type=PROCESS", f"--environment_config={command}"]


def main(system: str) -> None:
    """Starts the servers, says how to use them, and stops them when interrupted."""
    jars = class_path(system)
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder), {}) as started:
        options = ["--runner=PortableRunner", *process_environment()]
        if system == "flink":
            flink = start_flink(started, jars)
            options += [f"--job_endpoint={flink.job_endpoint}", f"--flink_master={flink.master}"]
        else:
            options += [f"--job_endpoint={start_spark(started, jars)}"]
        shown = " ".join(f"'{o}'" if '"' in o else o for o in options)
        sys.stdout.write(f"logs are in {folder}\nscrubtrace detect ... -- {shown}\n")
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        main(sys.argv[1])
    except UnavailableError as reason:
        sys.exit(str(reason))
    except KeyboardInterrupt:
        sys.exit("stopped")
