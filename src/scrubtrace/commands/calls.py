"""``calls``: checking logs of API calls by a register of purposes and terms."""

import sys
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any

import click

from scrubtrace import log
from scrubtrace.commands.options import echo_lines, json_text
from scrubtrace.exits import Exit, IncompleteStop, LimitStop

SEVERITIES = ("critical", "high", "medium", "low")


@click.group()
def calls() -> None:
    """Check logs of API calls by a register of purposes and terms."""


@calls.command()
@click.argument("logs", nargs=-1, required=True)
@click.option("--spec", required=True, metavar="FILE", help="The register, calls.toml.")
@click.option("--out", required=True, metavar="DIR", help="Folder for the findings.")
@click.option("--log-format", metavar="NAME", help="Format of the logs (default: recognised).")
@click.option("--review", metavar="URL", help="Review table that the findings go to.")
@click.option("--dataset", default="calls", show_default=True, metavar="NAME",
              help="Name of the log in the review table.")  # fmt: skip
@click.option("--severity", type=click.Choice(SEVERITIES), default="high", show_default=True,
              help="From which on findings are flagged, and fail with --gate.")  # fmt: skip
@click.option("--gate", is_flag=True, help="Exit with 5 if there is such a finding.")
@click.option("--key-file", metavar="FILE", help="Key of the pseudonyms of callers.")
@click.option("--workers", type=click.IntRange(min=1), default=1, metavar="N",
              help="Worker processes on this machine.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="No summary.")
@click.pass_obj
def check(beam_arguments: list[str], /, logs: tuple[str, ...], **given: Any) -> None:
    """Check the calls in LOGS by the register in --spec.

    LOGS are files or globs; quote globs. Arguments behind -- go to Beam.

    \b
    scrubtrace calls check 'logs/*.jsonl' --spec calls.toml --out checked --gate
    """
    from scrubtrace.call_check.findings import at_least
    from scrubtrace.call_check.job import CheckJob, check_calls
    from scrubtrace.call_check.telling import summary_lines
    from scrubtrace.schemas.call_rules import Severity

    names = ("log_format", "key_file", "workers", "quiet")
    choices: dict[str, Any] = {name: given[name] for name in names}
    choices["beam_arguments"] = tuple(beam_arguments or ())
    job = CheckJob(logs, given["spec"], given["out"], **choices)
    severity = Severity(given["severity"])
    with review_table(given["review"]) as engine:
        outcome = check_calls(job, engine)
        about = (given["dataset"], outcome.files, outcome.manifest_sha256)
        stored = _stored(engine, outcome.findings, about, given)
    if not given["quiet"]:
        echo_lines(summary_lines(outcome, given["out"], stored))
        fields: dict[str, Any] = {"findings": len(outcome.findings), "bad_lines": outcome.bad_lines}
        log.tell("calls_checked", None, **fields | outcome.counts)
    found = list(at_least(outcome.findings, severity))
    if not outcome.counts.get("calls") and not (given["gate"] and found):
        raise IncompleteStop(f"there is no call in {', '.join(logs)}: nothing was checked")
    _end(found, outcome.not_checked, given)


@calls.command()
@click.argument("checked")
@click.option("--detected", required=True, metavar="DIR",
              help="Output folder of detect, with an index of the same logs.")  # fmt: skip
@click.option("--spec", required=True, metavar="FILE", help="The register, calls.toml.")
@click.option("--out", required=True, metavar="DIR", help="Folder for the joined rows.")
@click.option("--dataset", metavar="NAME", help="Data set of detect, if it has several.")
@click.option("--review", metavar="URL", help="Review table that the findings go to.")
@click.option("--key-file", metavar="FILE", help="Digest key of the review table.")
@click.option("--severity", type=click.Choice(SEVERITIES), default="high", show_default=True,
              help="From which on findings are flagged, and fail with --gate.")  # fmt: skip
@click.option("--gate", is_flag=True, help="Exit with 5 if answers flow into other markets.")
@click.option("--quiet", is_flag=True, help="No summary.")
def join(checked: str, **given: Any) -> None:
    """Find the training rows that hold answers to the calls of CHECKED, or were in their prompts.

    CHECKED is the output folder of calls check.

    \b
    scrubtrace calls join checked --detected out --spec calls.toml --out joined
    """
    from scrubtrace.call_check.findings import at_least
    from scrubtrace.call_check.job import registered
    from scrubtrace.call_check.join import join_calls
    from scrubtrace.call_check.telling import join_lines
    from scrubtrace.schemas.call_rules import Severity

    register = registered(given["spec"])
    with review_table(given["review"]) as engine:
        outcome = join_calls(checked, given["detected"], given["dataset"], register, given["out"])
        about = (outcome.dataset, outcome.shards, outcome.digest)
        stored = _stored(engine, outcome.findings, about, given)
    if not given["quiet"]:
        echo_lines(join_lines(outcome, given["out"], stored))
    _end(list(at_least(outcome.findings, Severity(given["severity"]))), {}, given)


@calls.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def rules(as_json: bool) -> None:
    """List the rules with their severities and what to do."""
    from dataclasses import asdict

    from scrubtrace.calls.rules import RULES

    if as_json:
        click.echo(json_text([asdict(rule) for rule in RULES.values()]))
        return
    for rule in RULES.values():
        click.echo(f"{rule.id:22} {rule.severity:9} {rule.title}")
        click.echo(f"{'':32} -> {rule.action}")


@contextmanager
def review_table(url: str | None, must_exist: bool = False) -> Any:
    """The review table, if one is named; made if it does not exist, unless it must."""
    from scrubtrace.exits import UsageStop
    from scrubtrace.review.connection import open_review
    from scrubtrace.review.errors import ReviewError

    if url is None:
        yield None
        return
    try:
        engine = open_review(url, must_exist)
    except ReviewError as error:
        raise UsageStop(str(error)) from None
    try:
        yield engine
    finally:
        engine.dispose()


def _stored(engine: Any, findings: list[Any], about: Any, given: Mapping[str, Any]) -> Any:
    """What became of the findings in the review table; None if none is named."""
    from scrubtrace.call_check.review_items import store_findings
    from scrubtrace.resumable import resumable
    from scrubtrace.schemas.call_rules import Severity

    if engine is None:
        return None
    with resumable(keeps=False):
        return store_findings(
            engine, findings, about, Severity(given["severity"]), given["key_file"]
        )


def _end(found: list[Any], not_checked: Mapping[str, int], given: Mapping[str, Any]) -> None:
    """The gate first, since what was found stands; then lines that were not judged."""
    if given["gate"] and found:
        raise LimitStop(
            f"{len(found):,} findings of severity {given['severity']} or higher: "
            f"{given['out']}/findings.csv"
        )
    if not_checked:
        said = []
        if taken := not_checked.get("id_taken", 0):
            said.append(
                f"{taken:,} calls were not checked, because calls before them that differ have "
                "their ids (id_taken: docs/call-logs.md says what to do)"
            )
        if damaged := sum(not_checked.values()) - taken:
            said.append(f"{damaged:,} lines could not be read")
        places = f"{given['out']}/bad_lines.csv"
        click.echo(f"scrubtrace: {' and '.join(said)}: {places}", err=True)
        sys.exit(Exit.INCOMPLETE)
