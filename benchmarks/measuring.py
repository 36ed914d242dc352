"""One run of ``scrubtrace detect`` as a user starts it, with what it cost: for other benchmarks.

CPU time and memory come from the operating system, for the launcher and its workers apart. The
phases are the launcher's own time in planning and commit, workers included; what is left of the
whole is the scan and the start.
"""

import json
import logging
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PHASES = {"prepare": "plan", "plan_work": "plan", "commit_run": "commit"}
"""Functions that `scrubtrace.detect` calls, and the phase that each of them is."""

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Cost:
    """What one run cost: CPU and wall seconds, MiB, and what lies in the output folder after it.

    ``peak`` is that of all processes together, shared pages counted once, looked at twice a second;
    ``launcher_peak`` is the launcher's alone, and exact.
    """

    wall: float
    launcher: float
    workers: float
    plan: float
    commit: float
    commit_wall: float
    peak: float
    launcher_peak: float
    files: int
    bytes: int
    table_bytes: int

    @property
    def cpu(self) -> float:
        """CPU seconds of the launcher and the workers."""
        return self.launcher + self.workers

    @property
    def scan(self) -> float:
        """CPU seconds that are neither plan nor commit: the scan and the start."""
        return self.cpu - self.plan - self.commit


def measured(
    arguments: Sequence[str], out: Path | None = None, check: Callable[[Path], None] | None = None
) -> Cost:
    """What ``scrubtrace detect`` with these arguments costs, in a folder that is removed again.

    ``out`` takes the place of that folder and stays. ``check`` sees it before it goes.
    """
    folder = out or Path(tempfile.mkdtemp(prefix="scrubtrace-"))
    command = [sys.executable, __file__, *arguments, "--out", str(folder), "--quiet"]
    environment = os.environ | {"SCRUBTRACE_KEY": "ab" * 32}
    try:
        started = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        peaks = [0]
        watcher = threading.Thread(target=_watch, args=(process.pid, peaks), daemon=True)
        watcher.start()
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - started
        watcher.join()
        if process.returncode:
            raise SystemExit(f"scrubtrace detect ended with exit code {process.returncode}")
        if check is not None:
            check(folder)
        inside = json.loads(said.splitlines()[-1])
        files = [path for path in folder.rglob("*") if path.is_file()]
        table = [path for path in files if path.name.startswith("review.sqlite")]
        return Cost(
            wall=wall,
            launcher=usage.ru_utime + usage.ru_stime - inside["workers"],
            peak=peaks[0] / 1024,
            files=len(files) - len(table),
            bytes=sum(path.stat().st_size for path in files if path not in table),
            table_bytes=sum(path.stat().st_size for path in table),
            **inside,
        )
    finally:
        if out is None:
            shutil.rmtree(folder)


def _watch(pid: int, peaks: list[int]) -> None:
    """Keeps the most KiB that a process and its descendants have held at once."""
    while held := sum(map(_held, _tree(pid))):
        peaks[0] = max(peaks[0], held)
        time.sleep(POLL_SECONDS)


def _held(pid: int) -> int:
    """KiB of a process; of pages that it shares, its share. 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _tree(pid: int) -> list[int]:
    found = [pid]
    for process in found:
        try:
            for task in Path(f"/proc/{process}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def _cpu() -> float:
    usages = (
        resource.getrusage(resource.RUSAGE_SELF),
        resource.getrusage(resource.RUSAGE_CHILDREN),
    )
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _timed(function: Callable[..., Any], phase: str, spent: dict[str, float]) -> Callable[..., Any]:
    def run(*arguments: Any, **named: Any) -> Any:
        cpu, wall = _cpu(), time.monotonic()
        try:
            return function(*arguments, **named)
        finally:
            spent[phase] += _cpu() - cpu
            spent[f"{phase}_wall"] += time.monotonic() - wall

    return run


def _inner(arguments: Sequence[str]) -> None:
    logging.basicConfig(level=logging.ERROR)
    from scrubtrace import cli, detect

    spent = {f"{phase}{kind}": 0.0 for phase in PHASES.values() for kind in ("", "_wall")}
    for name, phase in PHASES.items():
        setattr(detect, name, _timed(getattr(detect, name), phase, spent))
    try:
        cli.main(["detect", *arguments])
    except SystemExit as ended:
        if ended.code:
            raise
    del spent["plan_wall"]
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    about = {"workers": children.ru_utime + children.ru_stime, "launcher_peak": own}
    print(json.dumps(spent | about))


if __name__ == "__main__":
    _inner(sys.argv[1:])
