"""The script of the scheduled job: which exit code of scrubtrace becomes which of its own."""

import os
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
SCRIPT = REPOSITORY / "examples" / "schedulers" / "nightly.sh"
STAND_IN = """#!/bin/sh
echo "$*" >>"$SCRUBTRACE_BASE/calls"
if [ "$1" = review ]; then exit {export}; fi
mkdir -p "$SCRUBTRACE_BASE/out/runs/1"
sleep 0.1 # file times have steps of a few milliseconds
if [ {manifest} = yes ]; then echo >"$SCRUBTRACE_BASE/out/runs/1/manifest.json"; fi
exit {detect}
"""


def nightly(base: Path, detect: int, manifest: str = "yes", export: int = 0) -> tuple[int, str]:
    """Exit code and standard error of the script, with a stand-in for scrubtrace."""
    command = base / "bin" / "scrubtrace"
    command.parent.mkdir()
    command.write_text(STAND_IN.format(detect=detect, manifest=manifest, export=export))
    command.chmod(0o755)
    places = {"SCRUBTRACE_BASE": str(base), "SCRUBTRACE_BIN": str(command.parent)}
    done = subprocess.run(
        ["sh", str(SCRIPT)], env=os.environ | places, stderr=subprocess.PIPE, text=True
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("detect", "manifest", "code", "exported", "message"),
    [
        (0, "yes", 0, True, ""),
        (1, "no", 1, False, "ended with code 1"),
        (2, "no", 2, False, "not started"),
        (3, "yes", 3, True, "dead rows or shards"),
        (3, "no", 75, False, "not finished"),
        (4, "no", 4, False, "do not use this run"),
        (5, "yes", 5, False, "ended with code 5"),
        (137, "no", 137, False, "ended with code 137"),
    ],
)
def test_exit_codes(
    tmp_path: Path, detect: int, manifest: str, code: int, exported: bool, message: str
) -> None:
    got, said = nightly(tmp_path, detect, manifest)
    assert got == code
    assert message in said
    assert bool(said) == (code != 0)
    assert ("review export" in (tmp_path / "calls").read_text()) == exported


def test_a_manifest_of_another_night_does_not_count(tmp_path: Path) -> None:
    earlier = tmp_path / "out" / "runs" / "0" / "manifest.json"
    earlier.parent.mkdir(parents=True)
    earlier.touch()
    assert nightly(tmp_path, detect=3, manifest="no")[0] == 75


def test_a_failed_export_is_no_success(tmp_path: Path) -> None:
    code, said = nightly(tmp_path, detect=0, export=2)
    assert code == 2
    assert "could not be exported" in said


def test_places_can_be_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("INPUT", "OUT", "REVIEW", "CSV"):
        monkeypatch.setenv(f"SCRUBTRACE_{name}", f"other {name}")
    assert nightly(tmp_path, detect=0)[0] == 0
    assert (tmp_path / "calls").read_text().splitlines() == [
        "detect other INPUT --out other OUT --review other REVIEW",
        "review export --review other REVIEW --out other CSV",
    ]


def test_the_document_quotes_the_files_as_they_are() -> None:
    text = (REPOSITORY / "docs" / "nightly.md").read_text()
    script = text.split("## The script")[1].split("## The gate")[0]
    described = script + text.split("## cron")[1].split("## The key")[0]
    lines = {line[4:] for line in described.splitlines() if line.startswith("    ")}
    typed = {line for line in lines if line.startswith(("sudo ", "airflow "))}
    files = "\n".join(path.read_text() for path in SCRIPT.parent.glob("*.*")).splitlines()
    files += (SCRIPT.parent / "crontab").read_text().splitlines()
    assert lines - typed <= set(files)
