"""The examples for cron and systemd, run by those programs (``make drill``).

They run the files as they are, in a namespace (`namespace.sh`): the daemons see only their own
processes, and what they write outside of the job's folder is gone afterwards.
"""

import csv
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
EXAMPLES = REPOSITORY / "examples" / "schedulers"
# The daemon ends with the drill, also if that is killed.
UNSHARE = (
    "setpriv --pdeathsig KILL "
    "unshare --mount --pid --fork --kill-child --mount-proc --uts --ipc --net --cgroup"
)
SETTINGS = '[input]\nid_column = "id"\nlanguage_column = "lang"\ndataset = "answers"\n'
FLAGGED = 83
SECONDS = 600

CRON = """
rm -rf /etc/crontab /etc/cron.d /var/spool/cron
mkdir -p /var/spool/cron/crontabs
cp -n "$1"/etc/pam.d/cron /etc/pam.d/
PATH=$1/usr/bin:$1/usr/sbin:$PATH
crontab -u scrubtrace "$2"
exec cron -f
"""

# Only the units of the example and the targets they need: nothing else of the machine is started.
# The stamp says that the last night but one was the last one the timer ran.
SYSTEMD = """
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount --bind -o ro /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount --bind /dev/null /dev/console
mount -t tmpfs tmpfs /etc/systemd/system
cd /lib/systemd/system
cp sysinit.target basic.target timers.target shutdown.target /etc/systemd/system
cp "$1"/scrubtrace.service "$1"/scrubtrace.timer /etc/systemd/system
[ ! -d "$2" ] || cp -r "$2"/. /etc
mkdir -p /var/lib/systemd/timers
touch -d '2 days ago' /var/lib/systemd/timers/stamp-scrubtrace.timer
export container=drill SYSTEMD_UNIT_PATH=/etc/systemd/system
export SYSTEMD_GENERATOR_PATH=/none SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/none
systemctl enable --root=/ scrubtrace.timer
exec setpriv --bounding-set -sys_time,-sys_module \
    /lib/systemd/systemd --system --unit=timers.target
"""

FAILS_ONCE = """#!/bin/sh
if [ ! -e /var/lib/scrubtrace/failed ]; then
    touch /var/lib/scrubtrace/failed
    exit 1
fi
exec /opt/scrubtrace/.venv/bin/scrubtrace "$@"
"""

FAILS = """#!/bin/sh
echo >>/var/lib/scrubtrace/attempts
exit 1
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """What is /var/lib/scrubtrace for the job: the shards of the examples and a configuration."""
    folder = tmp_path / "base"
    shutil.copytree(REPOSITORY / "examples" / "shards", folder / "data")
    (folder / "scrubtrace.toml").write_text(SETTINGS)
    return folder


def namespace(base: Path, *command: str) -> list[str]:
    """A command in a namespace of its own; skips the test where there can be none."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("only root can make the namespace")
    tried = subprocess.run([*UNSHARE.split(), "mount", "-t", "tmpfs", "tmpfs", "/media"])
    if tried.returncode != 0:
        pytest.skip("this machine lets nobody make a namespace")
    scratch = base.parent / "scratch"
    scratch.mkdir()
    script = ["sh", str(REPOSITORY / "tests" / "namespace.sh")]
    return [*UNSHARE.split(), *script, str(REPOSITORY), str(base), str(scratch), *command]


def closed_folders() -> str:
    """Folders that a user other than root cannot pass on the way to the code and to Python."""
    places = {Path(sys.executable), Path(sys.executable).resolve(), REPOSITORY}
    parents = {parent for place in places for parent in place.parents}
    return " ".join(shlex.quote(str(p)) for p in sorted(parents) if not p.stat().st_mode & 1)


@contextmanager
def started(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process with its descendants, which end with it."""
    environment = os.environ | {"CLOSED": closed_folders()}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def check_results(base: Path) -> None:
    """The review table and its export are there, and not root's."""
    with sqlite3.connect(base / "review.sqlite") as table:
        (flagged,) = table.execute("SELECT count(*) FROM review_items WHERE flagged").fetchone()
    with (base / "flagged.csv").open(encoding="utf-8-sig", newline="") as file:
        exported = len(list(csv.DictReader(file)))
    assert (flagged, exported) == (FLAGGED, FLAGGED)
    assert (base / "flagged.csv").stat().st_uid != 0


@pytest.fixture(scope="session")
def cron(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which Debian's cron lies; it is unpacked there if it is not installed."""
    if shutil.which("cron") and shutil.which("crontab"):
        return Path("/")
    if shutil.which("apt-get") is None:
        pytest.skip("cron is not installed, and there is no apt-get to fetch it with")
    folder = tmp_path_factory.mktemp("cron")
    fetched = subprocess.run(
        ["apt-get", "download", "cron"], cwd=folder, capture_output=True, text=True
    )
    if fetched.returncode != 0:
        pytest.skip(f"cron is not installed and cannot be fetched: {fetched.stderr.strip()}")
    (package,) = folder.glob("cron_*.deb")
    subprocess.run(["dpkg", "-x", str(package), str(folder)], check=True)
    return folder


def test_cron_runs_the_crontab(base: Path, cron: Path) -> None:
    """As it is but for the time of day, which is the next minute but one."""
    text = (EXAMPLES / "crontab").read_text()
    soon = datetime.now() + timedelta(minutes=1, seconds=10)
    crontab = base / "crontab"
    crontab.write_text(text.replace("30 2 * * *", f"{soon.minute} {soon.hour} * * *"))
    assert crontab.read_text() != text
    places = [str(cron), "/var/lib/scrubtrace/crontab"]
    command = namespace(base, "sh", "-euc", CRON, "sh", *places)
    log = base.parent / "log"
    with started(command, log) as process:
        end = time.monotonic() + SECONDS
        while not (base / "flagged.csv").exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.5)
    check_results(base)


@contextmanager
def cgroup() -> Iterator[Path]:
    """A cgroup of the second version for a systemd of our own, so that it stays in there."""
    root = Path("/sys/fs/cgroup/unified")
    if not root.exists():
        root = root.parent
    folder = root / f"scrubtrace-drill-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error.strerror}")
    try:
        yield folder
    finally:
        remove_cgroup(folder)


def remove_cgroup(folder: Path) -> None:
    """Removes it as soon as the last of its killed processes is gone."""
    for _ in range(50):
        with suppress(OSError):
            for inner in sorted([folder, *folder.rglob("*/")], reverse=True):
                inner.rmdir()
            return
        time.sleep(0.2)
    raise AssertionError(f"{folder} still has processes")


def service_after_the_timer(base: Path, etc: Path) -> dict[str, str]:
    """Starts systemd on a machine that missed a night, and gives the state of the ended job."""
    if not Path("/lib/systemd/systemd").exists():
        pytest.skip("systemd is not installed")
    examples = "/opt/scrubtrace/examples/schedulers"
    command = namespace(base, "sh", "-euc", SYSTEMD, "sh", examples, str(etc))
    log = base.parent / "log"
    with cgroup() as folder:
        enter = ["sh", "-c", f'echo $$ >{folder}/cgroup.procs; exec "$@"', "sh"]
        with started([*enter, *command], log) as process:
            end = time.monotonic() + SECONDS
            while True:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < end, log.read_text()
                state = service_state(process.pid)
                if state.get("ExecMainPID", "0") != "0" and state["ActiveState"] in ENDED:
                    return state
                time.sleep(0.5)


ENDED = ("inactive", "failed")


def service_state(pid: int) -> dict[str, str]:
    """What systemd says about the job; empty while it does not answer yet."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    if not children:
        return {}
    names = "ActiveState,Result,ExecMainPID,ExecMainStatus,NRestarts"
    show = ["nsenter", "-t", children[0], "--all", "systemctl", "show", "scrubtrace.service"]
    shown = subprocess.run([*show, "-p", names], capture_output=True, text=True)
    return dict(line.split("=", 1) for line in shown.stdout.splitlines())


def test_systemd_makes_up_for_a_missed_night(base: Path, tmp_path: Path) -> None:
    state = service_after_the_timer(base, tmp_path / "none")
    assert (state["Result"], state["NRestarts"]) == ("success", "0")
    check_results(base)


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """Files for /etc: the second attempt comes after a second instead of ten minutes."""
    folder = tmp_path / "etc"
    drop_in = folder / "systemd" / "system" / "scrubtrace.service.d"
    drop_in.mkdir(parents=True)
    (drop_in / "soon.conf").write_text("[Service]\nRestartSec=1\n")
    return folder


def test_systemd_starts_a_crashed_job_again(base: Path, etc: Path) -> None:
    put_in_front(base, etc, FAILS_ONCE)
    state = service_after_the_timer(base, etc)
    assert (state["Result"], state["NRestarts"]) == ("success", "1")
    check_results(base)


def test_systemd_gives_up_after_three_attempts(base: Path, etc: Path) -> None:
    put_in_front(base, etc, FAILS)
    assert service_after_the_timer(base, etc)["ActiveState"] == "failed"
    assert len((base / "attempts").read_text().splitlines()) == 3


def put_in_front(base: Path, etc: Path, script: str) -> None:
    """A script that the job finds instead of scrubtrace."""
    (etc / "default").mkdir()
    (etc / "default" / "scrubtrace").write_text("SCRUBTRACE_BIN=/var/lib/scrubtrace/bin\n")
    (base / "bin").mkdir()
    (base / "bin" / "scrubtrace").write_text(script)
    (base / "bin" / "scrubtrace").chmod(0o755)


def test_systemd_leaves_a_wrong_configuration_alone(base: Path, etc: Path) -> None:
    (base / "scrubtrace.toml").write_text('[input]\ntext_column = "nowhere"\n')
    state = service_after_the_timer(base, etc)
    assert (state["ActiveState"], state["Result"]) == ("failed", "exit-code")
    assert (state["ExecMainStatus"], state["NRestarts"]) == ("2", "0")


def test_systemd_finds_no_fault_in_the_units(base: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    units = [f"/opt/scrubtrace/examples/schedulers/scrubtrace.{n}" for n in ("service", "timer")]
    command = namespace(base, "systemd-analyze", "verify", "--man=no", *units)
    verified = subprocess.run(command, capture_output=True, text=True)
    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


def test_shellcheck_finds_no_fault_in_the_script() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    subprocess.run(["shellcheck", str(EXAMPLES / "nightly.sh")], check=True)
