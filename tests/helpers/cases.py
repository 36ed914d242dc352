"""Cases about the example log, and calls made later."""

import json
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
from command_line import code_of

EXAMPLES = Path(__file__).parents[2] / "examples" / "calls"
REGISTER = str(EXAMPLES / "calls.toml")
LOG = EXAMPLES / "log.jsonl"
STEPS = (
    ("finding", "2025-03-10"),
    ("confirmed", "2025-03-11"),
    ("corrective_action", "2025-03-12"),
    ("retest", "2025-03-20"),
    ("closed", "2025-03-21"),
)


def check(log: Path, out: str, *more: str, spec: str = REGISTER) -> None:
    """Checks a log into a folder."""
    given = ("calls", "check", str(log), "--spec", spec, "--out", out, "--quiet")
    assert code_of(*given, *more) in (0, 3)


def findings(out: str, *rules: str) -> list[str]:
    """Ids of the findings of some rules."""
    rows = pq.read_table(Path(out) / "findings.parquet").to_pylist()
    return [row["finding"] for row in rows if row["rule"] in rules]


def write_case(found: list[str], steps: int = 1, more: str = "") -> None:
    """Writes case.toml with so many of STEPS."""
    written = "".join(
        f'[[step]]\nstate = "{state}"\non = {day}\nby = "counsel"\n' for state, day in STEPS[:steps]
    )
    head = f'format = 1\nid = "2025-3"\ntitle = "Labels"\nfindings = {json.dumps(found)}\n'
    Path("case.toml").write_text(f"{head}{written}{more}", encoding="utf-8")


def bundle(*more: str) -> int:
    """Bundles case.toml; gives the exit code."""
    given = ("bundle", "case.toml", "--checked", "checked", "--spec", REGISTER)
    return code_of(*given, "--out", "case.zip", *more)


def contents() -> dict[str, bytes]:
    """Files of the bundle."""
    with zipfile.ZipFile("case.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def later_log(*numbers: int) -> Path:
    """Calls of the example log, by their numbers, as if made on April 2."""
    lines = LOG.read_text(encoding="utf-8").splitlines()
    calls = [json.loads(lines[number - 1]) for number in numbers]
    for call in calls:
        call["timestamp"] = "2025-04-02T10:00:00Z"
        call["response"]["id"] = call["id"] = f"later-{call['id']}"
    path = Path("later.jsonl").absolute()
    path.write_text("".join(f"{json.dumps(call)}\n" for call in calls), encoding="utf-8")
    return path
