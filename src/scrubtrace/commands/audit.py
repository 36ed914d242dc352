"""``audit``: seeds, and batches of texts drawn at random; ``review sample``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from scrubtrace import log
from scrubtrace.commands.options import (
    config_options,
    echo_lines,
    files_read,
    json_text,
    read_config,
    review_words,
)
from scrubtrace.commands.review import opened
from scrubtrace.exits import UsageStop

SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


def draw_options(command: Any) -> Any:
    """Adds the options that both kinds of draws have to a verb."""
    options: tuple[Callable[[Any], Any], ...] = (
        click.option("--out", required=True, metavar="DIR", help="Folder of the runs."),
        click.option("--review", metavar="URL", help="Review table (default: as for detect)."),
        click.option("--dataset", metavar="NAME", help="Data set, if the folder has several."),
        click.option("--name", required=True, metavar="NAME", help="Name of the batch."),
        click.option("--by", metavar="NAME,...", help="What strata are made by: vendor, source, "
                     "stage, language, month, labeler, market, task, or none."),
        click.option("--identify-language", is_flag=True,
                     help="Identify the language of texts without one; reads every text."),
        click.option("--blind/--no-blind", default=None,
                     help="Whether reviewers see no evidence (default for audits)."),
        click.option("--workers", type=click.IntRange(min=1), metavar="N",
                     help="Worker processes on this machine."),
        click.option("--key-file", metavar="FILE", help="Key of the text digests."),
        click.option("--dry-run", is_flag=True, help="Only show the strata and what they get."),
        click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON."),
        click.option("--quiet", is_flag=True, help="No progress and no tables."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def audit() -> None:
    """Draw random texts for reviewers, so that shares of the whole data set can be told."""


@audit.command()
@click.option("--review", metavar="URL", help="Review table (default: the configuration's).")
@click.option("--out", required=True, metavar="FILE", help="File to write the seed to.")
@config_options
def seed(out: str, **given: Any) -> None:
    """Make a random seed and commit its digest to the event log, before the data are scanned.

    Keep the file to yourself until the batch is drawn: whoever has it can foresee the draw.
    """
    from scrubtrace.audit.seeds import make_seed

    with opened(given, must_exist=False) as engine:
        made = make_seed(Path(out), engine)
    click.echo(f"seed written to {out}; event {made.event} of the log has its SHA-256:")
    click.echo(made.sha256)


@audit.command(epilog="Options for Beam follow behind --, for example -- --runner=FlinkRunner.")
@draw_options
@click.option("--seed-file", required=True, type=click.Path(path_type=Path), metavar="FILE",
              help="The seed, from audit seed.")  # fmt: skip
@click.option("--allow-late-seed", is_flag=True,
              help="Take a seed that is not older than the run; the plan says so.")  # fmt: skip
@click.option("--bound", type=SHARE, metavar="SHARE",
              help="So many texts that, if none is a hit, the share is below this.")  # fmt: skip
@click.option("--precision", type=SHARE, metavar="SHARE",
              help="So many texts that the share is known to plus or minus this.")  # fmt: skip
@click.option("--expected", type=SHARE, metavar="SHARE", help="The share that is expected.")
@click.option("--total", type=click.IntRange(min=1), metavar="N", help="So many texts in all.")
@click.option("--confidence", type=SHARE, default=0.95, show_default=True, metavar="SHARE",
              help="Confidence of bound and precision.")  # fmt: skip
@click.option("--sensitivity", type=click.FloatRange(0, 1, min_open=True), default=1.0,
              metavar="SHARE", show_default=True,
              help="Share of hits that reviewers find, at least.")  # fmt: skip
@click.option("--allocation", type=click.Choice(["equal", "proportional"]), default="equal",
              show_default=True, help="As many of each stratum, or in proportion.")  # fmt: skip
@click.option("--per-stratum", type=click.IntRange(min=1), default=1, show_default=True,
              metavar="MIN", help="Fewest of a stratum; smaller ones are taken whole.")  # fmt: skip
@click.option("--merge-below", type=click.IntRange(min=0), default=0, metavar="N",
              help="Make one stratum of those with fewer than N texts.")  # fmt: skip
@click.option("--flagged", metavar="N|all",
              help="Draw so many of the flagged texts for themselves.")  # fmt: skip
@config_options
@click.pass_context
def plan(context: click.Context, /, seed_file: Path, flagged: str | None, **given: Any) -> None:
    """Draw a stratified random sample of the judged texts of a data set as a review batch.

    \b
    scrubtrace audit plan --out out --seed-file march.seed --name march \\
        --bound 0.01 --sensitivity 0.8 --per-stratum 30 --dry-run
    """
    from scrubtrace.audit.allocation import Allocation
    from scrubtrace.audit.planning import PlanJob
    from scrubtrace.audit.seeds import read_seed
    from scrubtrace.audit.sizes import Goal
    from scrubtrace.audit.strata import Phases

    names = ("bound", "precision", "expected", "total", "confidence", "sensitivity")
    job = PlanJob(
        goal=Goal(**{name: given[name] for name in names}),
        seed=read_seed(seed_file),
        allow_late=given["allow_late_seed"],
        allocation=Allocation(given["allocation"]),
        minimum=given["per_stratum"],
        merge_below=given["merge_below"],
        phases=Phases(_flagged(flagged)),
        **_common(context, given, blind=True),
    )
    _run(job, given)


@click.command()
@click.argument("number", type=click.IntRange(min=1), metavar="N")
@draw_options
@config_options
@click.pass_context
def sample(context: click.Context, /, number: int, **given: Any) -> None:
    """Draw N random texts that are not flagged as a batch for an ordinary review.

    The seed is made up for it and written into the plan. For an audit use audit plan.
    """
    from scrubtrace.audit.planning import PlanJob
    from scrubtrace.audit.seeds import new_seed
    from scrubtrace.audit.sizes import Goal
    from scrubtrace.audit.strata import Phases
    from scrubtrace.schemas.batches import Purpose

    common = _common(context, given, blind=False)
    if common["by"] is None:
        common["by"] = ()
    choices: dict[str, Any] = {"purpose": Purpose.REVIEW, "committed": False}
    goal, seed = Goal(total=number), new_seed()
    job = PlanJob(goal=goal, seed=seed, phases=Phases(0), **choices, **common)
    _run(job, given)


def _common(context: click.Context, given: dict[str, Any], blind: bool) -> dict[str, Any]:
    by = given["by"]
    names = [] if by == "none" else [name.strip() for name in (by or "").split(",")]
    chosen = {
        name: given[name] for name in ("out", "name", "dataset", "key_file", "dry_run", "quiet")
    }
    return chosen | {
        "config": read_config(given),
        "by": None if by is None else tuple(names),
        "identify": given["identify_language"],
        "blind": blind if given["blind"] is None else given["blind"],
        "beam_arguments": context.obj or (),
    }


def _flagged(text: str | None) -> int | None:
    from scrubtrace.audit.strata import ALL

    if text is None or text == "all":
        return ALL if text else None
    if not text.isdecimal():
        raise UsageStop(f"--flagged takes a number, or all, not {text!r}")
    return int(text)


def _run(job: Any, given: dict[str, Any]) -> None:
    from scrubtrace.audit.planning import make_plan
    from scrubtrace.audit.telling import plan_lines

    planned = make_plan(job)
    if given["as_json"]:
        click.echo(json_text(planned.plan))
    elif not job.quiet:
        echo_lines(plan_lines(planned, review_words(given, job.out)))
    else:
        for warning in planned.warnings:
            log.tell("warned", f"scrubtrace: {warning}", "warning", message=warning)


@audit.command("run")
@click.argument("batch", required=False)
@click.option("--out", metavar="DIR", help="Folder of the runs, for figures from flags.")
@click.option("--review", metavar="URL", help="Review table (default: the configuration's).")
@click.option("--dataset", metavar="NAME", help="Data set, without a batch.")
@click.option("--by", metavar="NAME,...", help="Without a batch, what strata are made by: vendor, "
              "source, stage, language (default), month, market, or none.")  # fmt: skip
@click.option("--human-reference", "human", multiple=True, metavar="DATASET[=SOURCE,...]",
              help="Data set in the same folder of texts by people; with sources, these stand for "
              "texts of the same source only.")  # fmt: skip
@click.option("--human-before", metavar="MONTH",
              help="Texts before this month, as 2022-11, are by people.")  # fmt: skip
@click.option("--human-source", metavar="NAME,...",
              help="Texts of the data set from these sources are by people.")  # fmt: skip
@click.option("--llm-reference", "llm", multiple=True, metavar="DATASET[=SOURCE,...]",
              help="Data set in the same folder of texts by the models in question.")  # fmt: skip
@click.option("--cluster", multiple=True, metavar="[DATASET=]GROUP",
              help="Texts of one value of this group, as labeler, tell less than as many others: "
              "widen figures from flags.")  # fmt: skip
@click.option("--sensitivity", type=click.FloatRange(0, 1, min_open=True), metavar="SHARE",
              help="Share of hits that reviewers find (default: by controls).")  # fmt: skip
@click.option("--confidence", type=SHARE, metavar="SHARE",
              help="Confidence of all figures (default: the plan's, or 0.95).")  # fmt: skip
@click.option("--max-error", type=click.FloatRange(0, 1, min_open=True), metavar="SHARE",
              default=0.03, show_default=True,
              help="No estimate with a larger standard error to expect; 1: any.")  # fmt: skip
@click.option("--json", "json_file", metavar="FILE",
              help="Also write everything as JSON; - prints it instead of tables.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="No progress and no tables.")
@config_options
def run_(batch: str | None, json_file: str | None, **given: Any) -> None:
    """Say how much of a data set is by models, as far as flags, references and decisions tell.

    BATCH is one of audit plan; what its reviewers decided so far counts.

    \b
    scrubtrace audit run march --out out --human-reference human --json march.json
    """
    from scrubtrace.audit.clusters import ClusterBy
    from scrubtrace.audit.lines import audit_lines
    from scrubtrace.audit.references import Named, Trusted
    from scrubtrace.audit.running import AuditJob, audit
    from scrubtrace.out_file import check_local, check_target

    check_local(json_file, "--json")
    if json_file not in (None, "-"):
        check_target(json_file, files_read(given), "--json")
    human, llm = (
        tuple(Named.read(text, f"--{name}-reference") for text in given[name])
        for name in ("human", "llm")
    )
    names = ("out", "dataset", "sensitivity", "confidence", "max_error", "quiet")
    by = given["by"]
    job = AuditJob(
        config=read_config(given),
        batch=batch,
        by=None if by is None else _names("" if by == "none" else by),
        trusted=Trusted(given["human_before"], _names(given["human_source"] or "")),
        human=human,
        llm=llm,
        cluster=ClusterBy.read(given["cluster"]),
        **{name: given[name] for name in names},
    )
    if batch is None:
        result = audit(job)
    else:
        with opened(given) as engine:
            result = audit(job, engine)
    if json_file is not None:
        _write_json(json_file, result.to_dict())
    if json_file != "-" and not job.quiet:
        echo_lines(audit_lines(result, review_words(given)))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _write_json(path: str, data: dict[str, Any]) -> None:
    text = json_text(data)
    if path == "-":
        click.echo(text)
        return
    try:
        Path(path).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageStop(f"cannot write {path}: {error.strerror}") from None
