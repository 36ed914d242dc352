"""The example for Airflow, run by Airflow with its own environment (``make drill``)."""

import csv
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
EXAMPLES = REPOSITORY / "examples" / "schedulers"
REQUIREMENTS = EXAMPLES / "airflow-requirements.txt"
DAG = "scrubtrace_nightly"
SETTINGS = '[input]\nid_column = "id"\nlanguage_column = "lang"\ndataset = "answers"\n'
FLAGGED = 83
FAILS_ONCE = """#!/bin/sh
if [ ! -e failed ]; then touch failed; exit 1; fi
exec {scrubtrace} "$@"
"""


@pytest.fixture(scope="session")
def airflow() -> Path:
    """The command of Airflow; installed once for each list of requirements, within .venv."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    folder = Path(sys.prefix) / ".airflow" / digest
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip"]
        install = [*pip, "install", "--quiet", "-r", str(REQUIREMENTS)]
        done = subprocess.run(install, capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"Airflow cannot be installed: {done.stderr.strip()[-200:]}")
        subprocess.run([*pip, "check"], check=True)
        (folder / "complete").touch()
    return folder / "bin" / "airflow"


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The job's folder; everything that Airflow and the script read is in the environment."""
    folder = tmp_path / "base"
    shutil.copytree(REPOSITORY / "examples" / "shards", folder / "data")
    (folder / "scrubtrace.toml").write_text(SETTINGS)
    dags = tmp_path / "dags"
    dags.mkdir()
    shutil.copy(EXAMPLES / f"{DAG}.py", dags)
    for name, value in {
        "SCRUBTRACE_BASE": folder,
        "SCRUBTRACE_BIN": Path(sys.executable).parent,
        "SCRUBTRACE_NIGHTLY": EXAMPLES / "nightly.sh",
        "SCRUBTRACE_KEY": "ab" * 32,
        "AIRFLOW_HOME": tmp_path / "airflow",
        "AIRFLOW__CORE__DAGS_FOLDER": dags,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
    }.items():
        monkeypatch.setenv(name, str(value))
    return folder


def task_after_a_run(airflow: Path) -> tuple[int, str, int]:
    """Exit code of ``airflow dags test``, and the task's state and number of attempts."""
    home = Path(os.environ["AIRFLOW_HOME"])
    home.mkdir()
    subprocess.run([airflow, "db", "migrate"], check=True, capture_output=True, timeout=300)
    run = subprocess.run([airflow, "dags", "test", DAG], capture_output=True, timeout=600)
    (home / "output").write_bytes(run.stdout + run.stderr)
    with sqlite3.connect(home / "airflow.db") as database:
        ((state, attempts),) = database.execute("SELECT state, try_number FROM task_instance")
    return run.returncode, state, attempts


def exported_rows(base: Path) -> int:
    with (base / "flagged.csv").open(encoding="utf-8-sig", newline="") as file:
        return len(list(csv.DictReader(file)))


def test_a_night(airflow: Path, base: Path) -> None:
    assert task_after_a_run(airflow) == (0, "success", 1)
    assert exported_rows(base) == FLAGGED
    assert (base / "review.sqlite").exists()


def test_a_crash_is_tried_again(airflow: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = base / "bin" / "scrubtrace"
    command.parent.mkdir()
    command.write_text(FAILS_ONCE.format(scrubtrace=Path(sys.executable).with_name("scrubtrace")))
    command.chmod(0o755)
    monkeypatch.setenv("SCRUBTRACE_BIN", str(command.parent))
    assert task_after_a_run(airflow) == (0, "success", 2)
    assert exported_rows(base) == FLAGGED


def test_a_wrong_configuration_is_not_tried_again(airflow: Path, base: Path) -> None:
    (base / "scrubtrace.toml").write_text('[input]\ntext_column = "nowhere"\n')
    assert task_after_a_run(airflow) == (1, "failed", 1)
    assert not (base / "out" / "runs").exists()
