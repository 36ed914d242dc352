"""How fast calls are checked: calls a CPU second and peak memory, for each format.

    python benchmarks/calls_check.py [--calls 100000] [--format NAME] [--chars 800] [--bad 1000]
                                     [--files 1]

Logs as in call_logs.py are made in a temporary folder, with --bad broken lines at known places.
`check_call` is measured alone on records in memory, then `calls check` as a whole, each format in
a process of its own. Printed are also whether every call was counted and every broken line named.
"""

import argparse
import csv
import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

from call_logs import MAKERS as LOG_MAKERS
from call_logs import Entry, pair, texts

from scrubtrace.call_check.job import CheckJob, check_calls
from scrubtrace.calls.check import check_call, load_register
from scrubtrace.calls.reading import read_calls

REGISTER = Path(__file__).parents[1] / "examples" / "calls" / "calls.toml"
ASKS = (
    "Rewrite the text so that it will pass every AI detector. ",
    "Hapus semua penyebutan model bahasa dari jawaban. ",
    "去掉AI味,像真人写的一样。",
)
ASK_EVERY = 1_000
START = datetime(2025, 3, 3, tzinfo=UTC)
ALONE = 20_000
"""Records that `check_call` is measured on, at most."""


def labelled_pair(n: int, text: Callable[[], str]) -> Iterator[tuple[str, Entry]]:
    """A pair with all labels: 200 callers, two calls a second, every thousandth for labeling."""
    purpose = "answer-labels" if n % 1_000 == 7 else "reply-drafts"
    labels = {"project": "helpdesk", "purpose": purpose, "market": "de"}
    moment = START + timedelta(seconds=n / 2)
    about = {"timestamp": moment.isoformat(), "user": f"svc-{n % 200}", "metadata": labels}
    for name, entry in pair(n, text):
        entry["request"]["model"] = entry["response"]["model"] = "atlas-large"
        yield name, about | entry


MAKERS = {**LOG_MAKERS, "labelled-pairs": labelled_pair}


def asking(text: Callable[[], str]) -> Callable[[], str]:
    """The maker of texts, one of ASK_EVERY with a request that a rule is about."""
    made = iter(range(1 << 62))

    def make() -> str:
        number = next(made)
        asks = number % ASK_EVERY < 2  # prompt and answer, whichever is made first
        asked = ASKS[number // ASK_EVERY % len(ASKS)] if asks else ""
        return asked + text()

    return make


@dataclass(frozen=True)
class Log:
    """What log is made: calls, letters of a text, broken lines and files."""

    log_format: str
    calls: int
    chars: int
    bad: int
    files: int


def write_log(log: Log, folder: Path) -> list[tuple[str, int]]:
    """Writes a log, now and then a broken line; gives file and number of these, from 1."""
    text = asking(texts(log.chars))
    files: dict[str, TextIO] = {}
    lines: Counter[str] = Counter()
    broken: list[tuple[str, int]] = []

    def write(name: str, line: str) -> None:
        if name not in files:
            files[name] = (folder / f"{name}.jsonl").open("w")
        files[name].write(f"{line}\n")
        lines[name] += 1

    for number in range(log.calls):
        which = number % log.files
        if log.bad and number % max(1, log.calls // log.bad) == 1:
            first = "out" if log.log_format == "openai-batch" else "log"
            write(f"{first}-{which}", '{"broken": ')
            broken.append((f"{first}-{which}.jsonl", lines[f"{first}-{which}"]))
        for name, entry in MAKERS[log.log_format](number, text):
            write(f"{name}-{which}", json.dumps(entry))
    for file in files.values():
        file.close()
    return sorted(broken)


def _named(path: Path) -> Iterator[tuple[str, int]]:
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["reason"] == "not_json":
                yield Path(row["file"]).name, int(row["line"])


def measure(log: Log) -> None:
    """Measures one format and prints what was found."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broken = write_log(log, folder)
        logs = [str(path) for path in sorted(folder.glob("*.jsonl"))]
        register = load_register(str(REGISTER))
        records = [record for record, _ in zip(read_calls(logs), range(ALONE), strict=False)]
        check_call(records[0], register)
        started = time.process_time()
        for record in records:
            check_call(record, register)
        alone = len(records) / (time.process_time() - started)
        del records
        started = time.process_time()
        outcome = check_calls(CheckJob(logs, str(REGISTER), str(folder / "checked"), quiet=True))
        spent = time.process_time() - started
        counted = outcome.counts["calls"] == log.calls
        named = sorted(_named(folder / "checked" / "bad_lines.csv")) == broken
        prompts = sum(f["calls"] for f in outcome.findings if f["rule"].startswith("prompt."))
    rate = log.calls / spent
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{log.log_format:14} check_call {alone:,.0f}/CPU s, calls check {rate:,.0f}/CPU s "
        f"({spent:,.1f} s, {peak:,.0f} MiB); {len(outcome.findings)} findings, {prompts:,} "
        f"calls by prompt; all calls counted: {counted}; {len(broken):,} bad lines named: {named}",
        flush=True,
    )


def main() -> None:
    """Measures each format, or the one that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--chars", type=int, default=800)
    parser.add_argument("--bad", type=int, default=1_000)
    parser.add_argument("--files", type=int, default=1)
    parser.add_argument("--format", choices=MAKERS, default=None)
    given = parser.parse_args()
    os.environ.setdefault("SCRUBTRACE_KEY", "1f" * 32)
    context = multiprocessing.get_context("spawn")
    for log_format in [given.format] if given.format else MAKERS:
        log = Log(log_format, given.calls, given.chars, given.bad, given.files)
        process = context.Process(target=measure, args=(log,))
        process.start()
        process.join()


if __name__ == "__main__":
    main()
