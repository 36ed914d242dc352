"""``gate``: does a committed run keep within the limits?"""

from typing import Any

import click

from scrubtrace.commands.options import config_options, json_text, read_config
from scrubtrace.exits import IncompleteStop, LimitStop, UsageStop


@click.command()
@click.option("--out", required=True, metavar="DIR", help="Folder of the runs.")
@click.option("--run", metavar="ID", help="The run to check (default: the newest committed one).")
@click.option("--dataset", metavar="NAME", help="The data set whose newest run is checked.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@config_options
def gate(out: str, run: str | None, as_json: bool, **given: Any) -> None:
    """Check a committed run against the limits in [gate]; exit 5 if one is exceeded.

    Without --run it is the newest full scan that is committed, of the data set that is configured
    or the only one there.

    \b
    scrubtrace gate --out out --set gate.max_flagged_share=0.01 --set gate.max_age_hours=30
    scrubtrace gate --out out --set 'gate.max_flagged_of={llm_text=0}'
    """
    from datetime import UTC, datetime

    from scrubtrace.config import GateSection
    from scrubtrace.gate import Verdict, check_limits

    config = read_config(given)
    limits = config.gate
    if limits == GateSection():
        keys = ", ".join(GateSection.model_fields)
        raise UsageStop(
            "no limit is configured, so there is nothing to check; set one in the section [gate] "
            f"of scrubtrace.toml or with --set gate.KEY=VALUE; keys: {keys}"
        )
    sums, unfinished = _sums(out, run, config.input.dataset)
    checked = check_limits(limits, sums, datetime.now(UTC))
    failed = [limit for limit in checked if limit.verdict != Verdict.OK]
    if as_json:
        click.echo(json_text(_as_data(sums, unfinished, checked, passed=not failed)))
    else:
        click.echo(f"run {sums.run}, committed {sums.committed_at.isoformat()}")
        for entry in unfinished:
            click.echo(f"run {entry} is newer and not committed: it is not checked")
        for limit in checked:
            click.echo(_line(limit))
    if failed:
        names = ", ".join(f"gate.{limit.key}" for limit in failed)
        raise LimitStop(f"run {sums.run}: {len(failed)} of {len(checked)} limits not kept: {names}")


def _sums(out: str, run: str | None, dataset: str | None) -> tuple[Any, list[str]]:
    """The sums of the run, and ids of runs that are newer and not committed."""
    from scrubtrace.beam_pipelines.layout import runs_of

    folders = runs_of(out)
    committed = [folder for folder in folders if folder.is_committed()]
    if run is None:
        committed, folders = _of_one_dataset(out, folders, dataset)
    else:
        if run not in {folder.id for folder in folders}:
            choices = ", ".join(folder.id for folder in folders[-5:]) or "there are none"
            raise UsageStop(f"no run {run!r} in {out}; the latest are: {choices}")
        committed = [folder for folder in committed if folder.id == run]
    if not committed:
        what = "there is no committed run" if run is None else f"run {run} is not committed"
        raise IncompleteStop(
            f"{what} in {out}: run scrubtrace detect first; the same command goes on with a run "
            "that was not finished"
        )
    newest = committed[-1]
    later = [folder.id for folder in folders if folder.id > newest.id and run is None]
    return _read(newest), later


def _of_one_dataset(
    out: str, folders: list[Any], dataset: str | None
) -> tuple[list[Any], list[Any]]:
    """Committed full scans of one data set, and all its full scans; raises `UsageStop`."""
    from scrubtrace.resolver import spec_or_none

    specs = {folder.id: spec_or_none(folder) for folder in folders}
    full = [(f, s) for f in folders if (s := specs[f.id]) is not None and s.sample is None]
    names = sorted({spec.dataset for folder, spec in full if folder.is_committed()})
    if dataset is None and len(names) > 1:
        raise UsageStop(f"{out} has runs of several data sets: name one of them with --dataset: "
                        f"{', '.join(names)}")  # fmt: skip
    if dataset is not None and names and dataset not in {spec.dataset for _, spec in full}:
        raise UsageStop(f"{out} has no run of data set {dataset!r}, but of: {', '.join(names)}")
    of_it = [folder for folder, spec in full if spec.dataset == (dataset or spec.dataset)]
    return [folder for folder in of_it if folder.is_committed()], of_it


def _read(folder: Any) -> Any:
    import json

    from scrubtrace.beam_pipelines import storage
    from scrubtrace.gate import RunSums
    from scrubtrace.runs.reading import commit_again

    try:
        return RunSums.from_manifest(json.loads(storage.read_bytes(folder.manifest)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IncompleteStop(
            f"{folder.manifest} cannot be read ({type(error).__name__}): "
            f"{commit_again(folder)} writes it anew"
        ) from None


def _line(limit: Any) -> str:
    value = "not known" if limit.value is None else _number(limit.value)
    word = "at least" if limit.key.startswith("min") else "at most"
    about = f" ({limit.about})" if limit.about else ""
    bound = f"{word} {_number(limit.limit)}"
    return f"{limit.verdict.upper():9} gate.{limit.key}: {value}, {bound}{about}"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def _as_data(sums: Any, unfinished: list[str], checked: list[Any], passed: bool) -> dict[str, Any]:
    return {
        "run": sums.run,
        "committed_at": sums.committed_at.isoformat(),
        "passed": passed,
        "newer_uncommitted_runs": unfinished,
        "limits": [vars(limit) for limit in checked],
    }
