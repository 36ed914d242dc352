"""A screening as the command line asks for it: its settings checked, its referrals remembered."""

from collections.abc import Mapping
from typing import Any

from scrubtrace.cells import LABELER
from scrubtrace.counted import CELL
from scrubtrace.exits import UsageStop
from scrubtrace.labelers.cells import Cells, Current
from scrubtrace.labelers.model import LabelerScreening
from scrubtrace.labelers.periods import LAST_CLEAN, TASK_COLUMNS, Settings, usual_task_by
from scrubtrace.labelers.referrals import read_referrals, referred_in, renewed, write_referrals
from scrubtrace.labelers.screening import screen_labelers
from scrubtrace.lock import output_lock
from scrubtrace.schemas.counts import is_month


def settings_of(current: Current, given: Mapping[str, Any]) -> Settings:
    """Settings from options; raises `UsageStop` for those that contradict each other or the data.

    ``given`` has clean_from, clean_until, clean_source, task_by, since, level, same_work, by_group
    and with_style.
    """
    columns = current.results.spec.columns.groups.keys()
    for name in ("clean_from", "clean_until", "since"):
        if given[name] is not None and not is_month(given[name]):
            raise UsageStop(f"{_option(name)} takes a month as 2022-11, not {given[name]!r}")
    sources = _names(given["clean_source"])
    if sources and (given["clean_from"] or given["clean_until"]):
        raise UsageStop("--clean-source goes with neither --clean-from nor --clean-until")
    task_by = _names(given["task_by"])
    if given["task_by"] is None:
        task_by = usual_task_by(columns, bool(sources))
    task_by = tuple(name for name in dict.fromkeys(task_by) if name != "language")
    unknown = [name for name in task_by if name not in TASK_COLUMNS]
    if unknown:
        raise UsageStop(
            f"--task-by takes {', '.join(TASK_COLUMNS)} and language, not {unknown[0]!r}"
        )
    _check_columns(
        columns,
        [*task_by, *([given["by_group"]] if given["by_group"] else [])],
        needs_months=not sources or given["since"] is not None,
        needs_source=bool(sources),
    )
    if sources and "source" in task_by:
        raise UsageStop(
            "with --clean-source a clean source would be a task type of its own: leave source out "
            "of --task-by"
        )
    if given["with_style"] and (sources or ("source" in columns and "source" not in task_by)):
        raise UsageStop(
            "--with-style needs clean months and task types by source: the cut of style differs "
            "from source to source"
        )
    until = given["clean_until"] or LAST_CLEAN
    if not sources:
        _check_order(given["clean_from"], until, given["since"])
    shown = [current.pseudonyms.of({"source": name})["source"] or name for name in sources]
    return Settings(
        task_by,
        given["clean_from"],
        until,
        tuple(shown),
        given["since"],
        given["level"],
        given["same_work"],
        given["by_group"],
    )


def screen_recorded(
    out: str, cells: Cells, settings: Settings, budget: int | None, year: int, dry_run: bool
) -> LabelerScreening:
    """Screens the labelers, and remembers the referrals of the year unless it is a dry run.

    Raises `UsageStop` if the output folder is in use, the record cannot be read, or a clean source
    has no text.
    """
    _check_sources(cells, settings)
    if dry_run:
        return _screened(out, cells, settings, budget, year)
    with output_lock(out):
        found = _screened(out, cells, settings, budget, year)
        if found.referrals:
            labelers = [referral.labeler for referral in found.referrals]
            write_referrals(out, _recorded(out, cells), year, cells.dataset, labelers)
    return found


def _check_sources(cells: Cells, settings: Settings) -> None:
    there = {value for cell in cells.texts if (value := cell[CELL.index("source")]) is not None}
    if missing := sorted(set(settings.clean_sources) - there):
        known = ", ".join(sorted(there)) or "none"
        raise UsageStop(
            f"--clean-source: no text is of source {missing[0]!r}; sources of the data set: {known}"
        )


def _screened(
    out: str, cells: Cells, settings: Settings, budget: int | None, year: int
) -> LabelerScreening:
    earlier = referred_in(_recorded(out, cells), year)
    return screen_labelers(cells.texts, cells.flagged, settings, budget, earlier)


def _recorded(out: str, cells: Cells) -> list[Any]:
    return renewed(read_referrals(out), cells.pseudonyms.renewed[LABELER])


def _check_columns(columns: Any, named: list[str], needs_months: bool, needs_source: bool) -> None:
    needed = named + ["created_at"] * needs_months + ["source"] * needs_source
    missing = [name for name in needed if name not in columns]
    if missing:
        raise UsageStop(
            f"the runs have no column {missing[0]}: call detect with --group-by {missing[0]}=COL, "
            "or see the options of labelers screen"
        )


def _check_order(first: str | None, last: str, since: str | None) -> None:
    if first is not None and first > last:
        raise UsageStop(f"--clean-from {first} is after --clean-until {last}")
    if since is not None and since <= last:
        raise UsageStop(f"--since {since} is not after the last clean month, {last}")


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
