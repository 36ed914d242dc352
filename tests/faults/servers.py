"""A PostgreSQL server of this test's own that stops in the middle."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness import (
    UNITS,
    Job,
    Result,
    Trial,
    Work,
    check_again,
    check_stop,
    receipts,
    result,
    run_folders,
    table,
    wait_until,
)

USER = "postgres"
FIRST_ITEMS = 1000
"""The commit works in transactions of so many items."""


def binaries() -> Path | None:
    """Folder of PostgreSQL's programs, the newest version's."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@dataclass
class Server:
    """A PostgreSQL server on a loopback port, run by the user ``postgres``."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        """URL of the database that is always there."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1"
        self._control("start", "-w", "-l", str(self.folder / "log"), "-o", options)

    def stop(self, mode: str = "immediate") -> None:
        """Stops the server as ``pg_ctl stop -m MODE`` does."""
        self._control("stop", "-m", mode)

    def kill(self) -> None:
        """SIGKILL of the server process; its children end by themselves."""
        os.kill(int((self.folder / "db" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    def database(self, name: str) -> str:
        """URL of a new database."""
        sql = f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"
        _as_postgres([str(_bin() / "psql"), "-q", self.url, "-c", sql])
        return f"{self.url.rsplit('/', 1)[0]}/{name}"

    def _control(self, *arguments: str) -> None:
        _as_postgres([str(_bin() / "pg_ctl"), "-D", str(self.folder / "db"), *arguments])


def _bin() -> Path:
    folder = binaries()
    assert folder is not None
    return folder


def _as_postgres(command: list[str]) -> None:
    """Runs a program as the user ``postgres``, who may run a server, if this is root."""
    user = USER if os.geteuid() == 0 else None
    subprocess.run(command, check=True, user=user, stdout=subprocess.DEVNULL, cwd="/")


@contextmanager
def server() -> Iterator[Server]:
    """A new server; stopped and removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if os.geteuid() == 0:
        shutil.chown(folder, USER)
    made = Server(folder, port)
    try:
        command = [str(_bin() / "initdb"), "-D", str(folder / "db"), "-A", "trust", "-U", USER]
        _as_postgres([*command, "--encoding=UTF8", "--locale=C.UTF-8"])
        made.start()
        yield made
    finally:
        if (folder / "db" / "postmaster.pid").exists():
            made.stop()
        shutil.rmtree(folder, ignore_errors=True)


def stopped(work: Work) -> Iterator[Trial]:
    """Stops and kills before and during the commit."""
    if binaries() is None:
        yield Trial("needs PostgreSQL's initdb", [])
        return
    with server() as running:
        whole = work.job(review=running.database("whole"))
        whole.run()
        expected = result(whole.out, whole.review)
        for moment in ("before the start", "in the scan", "in the commit"):
            for way in ("stop -m immediate", "stop -m fast", "SIGKILL"):
                yield _stop(work, running, expected, moment, way)


def _stop(work: Work, running: Server, expected: Result, moment: str, way: str) -> Trial:
    name = f"drill{work.number}"
    job = work.job(2 if way == "SIGKILL" else 1, review=running.database(name))
    trial = Trial(f"{way} {moment}", [])
    if moment == "before the start":
        _end(running, way)
        check_stop(trial, job.run(), [2, 3], ["check that the server runs"])
    else:
        process = job.start()
        wait_until(lambda: bool(run_folders(job.out)), process)
        reached = _in_scan if moment == "in the scan" else _in_commit
        wait_until(lambda: reached(job), process)
        _end(running, way)
        phrases = ["review database", "the same command goes on"]
        check_stop(trial, job.end(process), [3], phrases)
    running.start()
    check_again(trial, job, expected)
    return trial


def _in_scan(job: Job) -> bool:
    return receipts(job.out) >= UNITS // 3


def _in_commit(job: Job) -> bool:
    return receipts(job.out) == UNITS and len(table(job.review, "review_items")) >= FIRST_ITEMS


def _end(running: Server, way: str) -> None:
    if way == "SIGKILL":
        running.kill()
    else:
        running.stop(way.split()[-1])
