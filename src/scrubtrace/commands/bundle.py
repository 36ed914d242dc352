"""``bundle``: evidence of a case for counsel."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from scrubtrace import log
from scrubtrace.commands.calls import review_table
from scrubtrace.commands.options import echo_lines, files_read
from scrubtrace.exits import LimitStop

SHOWN = 10


@click.command()
@click.argument("case", metavar="CASE")
@click.option("--checked", required=True, metavar="DIR", help="Folder of calls check.")
@click.option("--spec", required=True, metavar="FILE", help="The register, calls.toml.")
@click.option("--out", required=True, metavar="FILE.zip", help="File to write.")
@click.option("--joined", metavar="DIR", help="Folder of calls join: adds training rows.")
@click.option("--retest", metavar="DIR", help="Folder of a check of later logs.")
@click.option("--review", metavar="URL", help="Review table: adds the decisions.")
@click.option("--text-from", multiple=True, metavar="LOG",
              help="Adds prompts and answers of the calls, from this log.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="No summary.")
def bundle(case: str, **given: Any) -> None:
    """Write findings, calls, decisions and commands of a CASE into a ZIP with digests.

    CASE is a TOML file with the ids of findings and the steps from finding to re-test. Texts are in
    the ZIP only with --text-from. The exit code is 5 if the re-test finds a finding again.

    \b
    scrubtrace bundle case.toml --checked checked --spec calls.toml --out case.zip
    """
    from scrubtrace.bundle.case import read_case
    from scrubtrace.bundle.write import BundleJob, write_bundle
    from scrubtrace.out_file import check_local, check_target
    from scrubtrace.resumable import resumable

    check_local(given["out"])
    check_target(given["out"], files_read(given, case, given["spec"], *given["text_from"]))
    names = ("checked", "joined", "retest", "text_from")
    job = BundleJob(read_case(case), given["spec"], **{name: given[name] for name in names})
    with review_table(given["review"], must_exist=True) as engine, resumable(keeps=False):
        made = write_bundle(job, given["out"], engine)
    for finding in made.not_in_review:
        text = f"scrubtrace: finding {finding} is not in the review table: no decision on it"
        log.tell("not_in_review", text, "warning", finding=finding)
    if not given["quiet"]:
        click.echo(
            f"case {job.case.id}, {job.case.state}: {len(job.case.findings):,} findings, "
            f"{made.calls:,} calls, {made.rows:,} training rows"
        )
        click.echo(f"{made.sha256}  {given['out']}")
        echo_lines(_retest_lines(made.retest) if made.retest else ())
    if made.retest is not None and not made.retest["passed"]:
        raise LimitStop(
            f"the re-test since {made.retest['since']} did not pass: {_why(made.retest)}"
        )


def _why(retest: Mapping[str, Any]) -> str:
    if retest["found_again"]:
        return f"{len(retest['found_again']):,} findings are there again"
    if retest["not_tested"]:
        return f"{len(retest['not_tested']):,} findings are about training data, not about calls"
    if not retest["covered"]:
        return "the log ends before it"
    idle = [rule["rule"] for rule in retest["rules"] if not rule["judged"]]
    return f"{', '.join(idle)} could judge none of the {retest['calls']:,} calls"


def _retest_lines(retest: Mapping[str, Any]) -> Iterator[str]:
    """What the test looked at, and how that is different from the check of the findings."""
    yield f"re-test: {retest['calls']:,} calls since {retest['since']}"
    for rule in retest["rules"]:
        reasons = "".join(f", {why} {count:,}" for why, count in rule["not_judged"].items())
        yield f"  {rule['rule']} judged {rule['judged']:,} of them{reasons}"
    for found in retest["findings"]:
        own = (("project", found["calls_of_project"]), ("caller", found["calls_of_caller"]))
        if missing := [name for name, calls in own if calls == 0]:
            yield f"  {found['finding']}: no call of its {' and none of its '.join(missing)}"
    changes = retest["register_changes"]
    if changes:
        yield f"  the register is another one, {len(changes):,} values differ (case.json):"
    for change in changes[:SHOWN]:
        names = (change["table"], change["entry"], change["key"])
        place = " ".join(name for name in names if name is not None)
        yield f"    {place}: {_value(change['before'])} before, {_value(change['after'])} now"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "there"
    return "none" if value is None else json.dumps(value, ensure_ascii=False)
