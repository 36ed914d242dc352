"""A PostgreSQL server of a test's own: made, started, stopped and killed at will."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

USER = "postgres"


def binaries() -> Path | None:
    """Folder of PostgreSQL's programs, the newest version's."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def missing() -> str:
    """Why no server can be started here; empty if one can."""
    if binaries() is None:
        return "there is no PostgreSQL here: no /usr/lib/postgresql/*/bin/initdb"
    if os.geteuid() == 0 and subprocess.run(["id", USER], capture_output=True).returncode:
        return f"PostgreSQL cannot be run by root, and there is no user {USER}"
    return ""


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
        """SIGKILL of the server process and its children: a child would keep the memory in use."""
        main = int((self.folder / "db" / "postmaster.pid").read_text().split()[0])
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(main)], capture_output=True)
        for pid in [main, *map(int, listed.stdout.split())]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while subprocess.run(["ps", "-p", str(main)], capture_output=True).returncode == 0:
            time.sleep(0.05)

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
