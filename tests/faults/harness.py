"""What every case needs: a small job, its undisturbed result, and comparing with it."""

import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SCRUBTRACE = str(Path(sys.executable).with_name("scrubtrace"))
KEY = "ab" * 32
CANARY = "the walnut canary of pier nineteen"
FLAGGED = "As an AI language model, I cannot taste soup."
SHARDS, SHARD_ROWS, UNIT_ROWS = 4, 1500, 500
UNITS = SHARDS * SHARD_ROWS // UNIT_ROWS
PAGE = 4096
WORKER_BYTES = 60 << 20
"""A process that holds more has loaded what a worker needs."""

RUN_SECONDS = 300.0
"""A command that takes longer counts as hanging."""

OF_ONE_RUN = {"run", "committed_at", "review_head", "environment"}
"""What a manifest says of the run itself; ``environment`` has an entry for each attempt."""

NOT_COMPARED = {
    "first_run", "last_run", "unseen_run", "run_id", "committed_at", "manifest_sha256",
}  # fmt: skip


@dataclass
class Trial:
    """One fault, once: what the disturbed command and the same command again did."""

    variant: str
    codes: list[int | str]
    message: str = ""
    problems: list[str] = field(default_factory=list)
    equal: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Ended:
    """A command that ended, or was ended."""

    code: int | str
    stdout: str
    stderr: str

    @property
    def message(self) -> str:
        """What the command said last, without its progress."""
        lines = [line for line in self.stderr.splitlines() if line.startswith("scrubtrace: ")]
        return lines[-1].removeprefix("scrubtrace: ") if lines else ""


def write_shards(folder: Path, shards: int = SHARDS, rows: int = SHARD_ROWS, seed: int = 0) -> None:
    """Shards in which every third row is flagged and every row holds the canary."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(shards):
        write_shard(folder / f"part-{number}.parquet", rows, seed * 1000 + number)


def write_shard(path: Path, rows: int, seed: int) -> None:
    """One shard; another seed gives other texts, and other rows that are flagged."""
    rng = random.Random(seed)
    words = ["tide", "ladder", "quince", "soup", "tram", "kettle", "rain", "gate", "choir", "draft"]
    texts = []
    for row in range(rows):
        said = " ".join(rng.choice(words) for _ in range(40))
        end = FLAGGED if (row + seed) % 3 == 0 else ""
        texts.append(f"{said.capitalize()} ({row}). {CANARY.capitalize()}. {end}")
    ids = [f"{path.stem}-{row}" for row in range(rows)]
    pq.write_table(pa.table({"id": ids, "text": texts}), path, row_group_size=UNIT_ROWS)


@dataclass
class Job:
    """One ``detect`` command on a folder of shards, an output and a review table."""

    data: Path
    out: Path
    review: str
    workers: int = 1
    more: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()

    def command(self) -> list[str]:
        """The command line."""
        return [
            *self.prefix, SCRUBTRACE, "detect", f"{self.data}/*.parquet", "--out", str(self.out),
            "--review", self.review, "--id-column", "id", "--dataset", "drill",
            "--workers", str(self.workers), "--set", f"scan.unit_rows={UNIT_ROWS}", *self.more,
        ]  # fmt: skip

    def start(self) -> "subprocess.Popen[str]":
        """The command, started; what it says goes to files, so that no pipe can fill."""
        environment = os.environ | {"SCRUBTRACE_KEY": KEY, "COLUMNS": "200"} | self.environment
        with self.log.open("w") as log, self.log.with_suffix(".out").open("w") as out:
            return subprocess.Popen(
                self.command(), stdout=out, stderr=log, text=True, env=environment
            )

    @property
    def log(self) -> Path:
        """Where the errors of the command go: beside the shards, never on a disk under test."""
        name = f"{self.data.name}-{self.out.name}-{Path(self.review).name}.log"
        return self.data.parent / name

    def end(self, process: "subprocess.Popen[str]", seconds: float = RUN_SECONDS) -> Ended:
        """Waits for a started command; ends it if it hangs."""
        try:
            code: int | str = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = "hangs"
        said = self.log.with_suffix(".out").read_text(errors="replace")
        return Ended(code, said, self.log.read_text(errors="replace"))

    def run(self) -> Ended:
        """Runs the command to its end."""
        return self.end(self.start())


@dataclass(frozen=True)
class Result:
    """What a job left behind, without what may differ between two runs."""

    files: dict[str, str]
    items: list[tuple[Any, ...]]
    runs: list[tuple[Any, ...]]

    def differences(self, other: "Result") -> list[str]:
        """What differs from another result, in words."""
        found = []
        names = set(self.files) | set(other.files)
        if differ := sorted(n for n in names if self.files.get(n) != other.files.get(n)):
            found.append(f"{len(differ)} files differ, {differ[0]} is one")
        if self.items != other.items:
            found.append(f"review rows differ ({len(self.items)} and {len(other.items)})")
        if self.runs != other.runs:
            found.append(f"runs in the review table differ: {self.runs} and {other.runs}")
        return found


def run_folders(out: Path) -> list[Path]:
    """Folders of the runs that have a plan, oldest first."""
    return sorted(path.parent for path in out.glob("runs/*/plan.parquet"))


def receipts(out: Path) -> int:
    """How many units of the newest run have been scanned."""
    folders = run_folders(out)
    return len(list(folders[-1].glob("receipts/u*.json"))) if folders else 0


def result(out: Path, review: str) -> Result:
    """The result of the newest run of an output folder, and the whole review table."""
    folder = run_folders(out)[-1]
    names = ("parts", "receipts", "id_hashes", "counts", "dead_letters", "plan.parquet")
    paths = [p for n in names for p in [folder / n, *(folder / n).rglob("*")] if p.is_file()]
    digests = {str(p.relative_to(folder)): digest(p.read_bytes()) for p in sorted(paths)}
    manifest = json.loads((folder / "manifest.json").read_bytes())
    stable = {name: value for name, value in manifest.items() if name not in OF_ONE_RUN}
    digests["manifest.json"] = digest(json.dumps(stable).encode())
    return Result(digests, table(review, "review_items"), table(review, "review_runs"))


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def table(review: str, name: str, where: str = "true") -> list[tuple[Any, ...]]:
    """The rows of a table of the review database, sorted, without run ids and times."""
    if review.startswith("sqlite:///"):
        with closing(sqlite3.connect(review.removeprefix("sqlite:///"))) as connection:
            found = connection.execute(f"SELECT * FROM {name} WHERE {where}")
            return _sorted([d[0] for d in found.description], found.fetchall())
    import psycopg

    with psycopg.connect(review) as server:
        rows = server.execute(f"SELECT * FROM {name} WHERE {where}")
        return _sorted([d.name for d in rows.description or ()], rows.fetchall())


def _sorted(names: list[str], rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    kept = [number for number, name in enumerate(names) if name not in NOT_COMPARED]
    return sorted(tuple(str(row[number]) for number in kept) for row in rows)


def strays(out: Path) -> list[str]:
    """Files and folders that no finished run should leave behind."""
    found = [*out.rglob(".part-*"), *out.glob(".lock.json"), *out.glob("*-journal")]
    halves = [path for path in out.glob("runs/*") if not (path / "manifest.json").exists()]
    return [str(path.relative_to(out)) for path in [*found, *halves]]


def descendants(pid: int) -> list[int]:
    """Processes that a process started, and those that these did."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rsplit(")", 1)[1].split()
            if fields[0] != "Z":
                parents[int(path.parent.name)] = int(fields[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return sorted(found[1:])


def workers_of(pid: int) -> list[int]:
    """The processes of a command that scan: they have loaded Beam, and started no other."""
    found = []
    for child in descendants(pid):
        with suppress(OSError):
            pages = int(Path(f"/proc/{child}/statm").read_text().split()[1])
            if pages * PAGE > WORKER_BYTES and not descendants(child):
                found.append(child)
    return found


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(happened: Callable[[], bool], process: "subprocess.Popen[str]") -> bool:
    """Waits for something while a command runs; False if the command ended first."""
    deadline = time.monotonic() + RUN_SECONDS
    while not happened():
        if process.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


@contextmanager
def frozen(process: "subprocess.Popen[str]") -> Iterator[None]:
    """A command and its workers stopped while the block runs."""
    pids = [process.pid, *descendants(process.pid)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def check_stop(
    trial: Trial, ended: Ended, codes: Sequence[int], phrases: Sequence[str] = ()
) -> None:
    """Notes the exit code and the message of a disturbed command, and what is wrong with them."""
    trial.codes.append(ended.code)
    trial.message = ended.message or trial.message
    if ended.code not in codes:
        trial.problems.append(f"exit {ended.code}, expected {' or '.join(map(str, codes))}")
    for phrase in phrases:
        if phrase not in ended.stderr + ended.stdout:
            trial.problems.append(f"the message lacks {phrase!r}")
    if CANARY in ended.stderr.lower():
        trial.problems.append("text of a row in the errors")
    if "Traceback" in ended.stderr:
        trial.problems.append("a traceback in the errors")


def check_again(trial: Trial, job: Job, expected: Result, codes: Sequence[int] = (0,)) -> None:
    """Runs the same command again, without the fault, and compares with the expected result."""
    ended = job.run()
    trial.codes.append(ended.code)
    if ended.code not in codes:
        trial.problems.append(f"again: exit {ended.code}: {ended.message}")
        return
    if CANARY in ended.stderr.lower():
        trial.problems.append("text of a row in the errors")
    compare(trial, job, expected)


def compare(trial: Trial, job: Job, expected: Result) -> None:
    """Compares what a job left behind with the expected result."""
    differences = result(job.out, job.review).differences(expected)
    trial.equal = not differences
    trial.problems += differences
    if left := strays(job.out):
        trial.problems.append(f"left behind: {', '.join(left[:3])}")


@dataclass
class Work:
    """Where the cases work: one folder, its shards, and what an undisturbed job gives."""

    folder: Path
    rng: random.Random
    kills: int
    number: int = 0
    _expected: Result | None = None

    @property
    def data(self) -> Path:
        """The shards that most cases scan."""
        folder = self.folder / "data"
        if not folder.exists():
            write_shards(folder)
        return folder

    def job(self, workers: int = 1, out: Path | None = None, **changes: Any) -> Job:
        """A job with an output folder and a review table of its own."""
        self.number += 1
        place = out or self.folder / f"out{self.number}"
        review = f"sqlite:///{self.folder}/review{self.number}.sqlite"
        made = Job(self.data, place, review, workers)
        return replace(made, **changes)

    @property
    def expected(self) -> Result:
        """What an undisturbed job with one worker leaves behind."""
        if self._expected is None:
            job = self.job()
            ended = job.run()
            if ended.code != 0:
                raise RuntimeError(f"the undisturbed job ended with {ended.code}: {ended.message}")
            self._expected = result(job.out, job.review)
        return self._expected
