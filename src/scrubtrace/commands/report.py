"""``report``: one page about a data set, for people who decide."""

from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from scrubtrace.commands.options import (
    config_options,
    config_sources,
    files_read,
    language_option,
    messages_of,
    read_config,
)
from scrubtrace.exits import UsageStop
from scrubtrace.review.drafts import draft_of

SUFFIXES = {".html": "html", ".htm": "html", ".md": "markdown"}


@click.command()
@click.option("--runs", "runs_folder", required=True, metavar="DIR", help="Folder of the runs.")
@click.option("--review", metavar="URL", help="Review table (default: the configuration's).")
@click.option("--out", required=True, metavar="FILE", help="File to write, .html or .md.")
@click.option("--dataset", metavar="NAME", help="Data set (default: that of the newest run).")
@click.option(
    "--policy-date",
    "policy_dates",
    multiple=True,
    metavar="DATE=WORDS",
    help="A date to test for a rise, as 2023-12-15='API forbidden'; several times.",
)
@click.option(
    "--audit",
    "audit_file",
    metavar="FILE",
    help="What audit run --json wrote: how much LLM text there is.",
)
@click.option("--campaign", "records", metavar="RECORD.json", multiple=True,
              help="What campaign check --out wrote; several times.")  # fmt: skip
@click.option("--with-excerpts", type=click.IntRange(min=1), metavar="N", default=None,
              help="Also snippets of N flagged texts; the report then holds row text.")  # fmt: skip
@language_option("--language")
@config_options
def report(runs_folder: str, out: str, policy_dates: tuple[str, ...], **given: Any) -> None:
    """Write a report of the current results and the review: a page that prints well, or Markdown.

    \b
    scrubtrace report --runs out --review sqlite:///out/review.sqlite --out report.html
    """
    from scrubtrace.commands.review import opened
    from scrubtrace.out_file import check_local, check_target
    from scrubtrace.report.audit_file import read_audit
    from scrubtrace.report.campaigns import Campaigns, read_records
    from scrubtrace.report.gathering import gather
    from scrubtrace.report.making import make_report
    from scrubtrace.report.shares import PolicyDate
    from scrubtrace.review.errors import ReviewError
    from scrubtrace.review.report.writing import html_of, markdown_of

    path = Path(out)
    form = SUFFIXES.get(path.suffix.lower())
    if form is None:
        raise UsageStop("--out takes a name that ends in .html or .md")
    check_local(out)
    check_local(given["audit_file"], "--audit")
    check_target(out, files_read(given, given["audit_file"], *given["records"]))
    dates = [PolicyDate(*_policy_date(text)) for text in policy_dates]
    config = read_config({"review": given["review"], **config_sources(given)})
    messages = messages_of(given)
    with opened(given) as engine:
        found = gather(runs_folder, config, engine, given["dataset"], given["with_excerpts"] or 0)
    campaigns = Campaigns(found.noted, read_records(given["records"], found.dataset))
    audited = None
    if given["audit_file"] is not None:
        audited = read_audit(Path(given["audit_file"]), found, runs_folder)
    made = make_report(found, messages, dates, datetime.now(UTC).date(), audited, campaigns)
    try:
        text = html_of(made, messages) if form == "html" else markdown_of(made)
    except ReviewError as error:
        raise UsageStop(str(error)) from None
    _write(path, text)
    click.echo(f"report of {found.dataset} written to {path}: {made.lead}")
    if found.excerpts:
        click.echo("it holds text of rows: keep it as safe as the data")


def _policy_date(text: str) -> tuple[date, str]:
    day, separator, words = text.partition("=")
    try:
        found = date.fromisoformat(day.strip())
    except ValueError:
        found = None
    if found is None or not separator or not words.strip():
        raise UsageStop(f"--policy-date takes DATE=WORDS, as 2023-12-15=order, not {text!r}")
    return found, words.strip()


def _write(path: Path, text: str) -> None:
    draft = draft_of(path)
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise UsageStop(f"cannot write {path}: {error.strerror}") from None
    finally:
        with suppress(OSError):
            draft.unlink()
