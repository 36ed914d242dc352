"""The summary that ends a run, for people."""

from collections.abc import Iterator
from typing import Any

from scrubtrace.balance import Balance
from scrubtrace.config import Config
from scrubtrace.exits import Exit
from scrubtrace.outcome import Outcome
from scrubtrace.schemas.plain import plain_lines
from scrubtrace.schemas.vocabulary import Kind
from scrubtrace.stats.counts import ranked
from scrubtrace.style.telling import style_lines

SHOWN = 5
VALUE_CHARS = 60
"""How much of a group's value is printed."""


def summary(outcome: Outcome, out: str, config: Config) -> str:
    """A few lines: rows and their balance, what was flagged and reported, what went wrong."""
    return plain_lines(_lines(outcome, out, config))


def summary_fields(outcome: Outcome) -> dict[str, Any]:
    """The numbers of the summary, for the event that ends a run."""
    balance = outcome.balance
    return {
        "dataset": outcome.dataset,
        "shards": len(balance.shards),
        "rows": balance.rows,
        "texts": balance.texts,
        "judged": {name: tally.judged for name, tally in sorted(balance.detectors.items())},
        "flagged": dict(sorted(outcome.flagged.items())),
        "reported": dict(sorted(outcome.reported.items())),
        "dead_rows": dict(sorted(balance.dead.items())),
        "dead_shards": len(outcome.dead_shards),
        "detector_errors": balance.detector_errors,
        "columns_not_judged": outcome.columns_not_judged,
        "review_table": vars(outcome.upserts) if outcome.upserts else None,
    }


def exit_code(outcome: Outcome, config: Config) -> Exit:
    """`Exit.INCOMPLETE` if more went wrong than the limits allow, else `Exit.DONE`.

    Incomplete is also a run that looked at nothing of a text column: its roles are wrong.
    """
    too_many = outcome.dead_letters > config.limits.max_dead_letters
    return Exit.INCOMPLETE if too_many or outcome.columns_not_judged else Exit.DONE


def incomplete(outcome: Outcome) -> str:
    """Why a committed run is incomplete, for those who do not see the summary."""
    problems = [f"no turn of {path} was judged" for path in outcome.columns_not_judged]
    if outcome.dead_letters:
        problems.insert(0, f"{outcome.dead_letters:,} dead rows, shards or detector errors")
    return "; ".join(problems)


def _lines(outcome: Outcome, out: str, config: Config) -> Iterator[str]:
    balance = outcome.balance
    shards = f"{len(balance.shards):,} shards"
    rows = f"{balance.rows:,} rows"
    if balance.texts != balance.rows - balance.dead.total():
        rows += f", {balance.texts:,} texts"
    yield f"run {outcome.run}, dataset {outcome.dataset}: {rows} in {shards}"
    for name, tally in sorted(balance.detectors.items()):
        abstained = _counts(tally.abstained)
        yield (
            f"  {name}: {tally.judged:,} judged, {tally.abstained.total():,} abstained"
            f"{abstained}, {tally.dead.total():,} dead, {tally.sampled_out:,} sampled out: "
            f"balanced with the footers"
        )
    for name, kept in sorted(outcome.kept_rows.items()):
        scanned = balance.rows - kept
        yield f"  {name}: {scanned:,} rows scanned, {kept:,} were current already"
    yield from _turns(balance)
    yield f"flagged for review: {outcome.flagged.total():,}{_counts(outcome.flagged)}"
    for name, values in outcome.flagged_by.items():
        top = ", ".join(f"{short_value(v)} {count:,}" for v, count in ranked(values)[:SHOWN])
        yield f"  by {name}: {top}"
    if outcome.reported:
        yield f"reported, not flagged: {outcome.reported.total():,}{_counts(outcome.reported)}"
    yield from style_lines(outcome.style, config)
    yield from _style_of_other_kinds(outcome)
    if outcome.recurring_identities:
        count = outcome.recurring_identities
        yield f"assistant names that recur over texts: {count:,} (in the evidence of their rows)"
    if outcome.repeated_ids:
        yield (
            f"row ids that repeat: {outcome.repeated_ids:,} (told apart by occurrence, "
            f"{outcome.repeated_id_rows:,} rows beyond the first)"
        )
    if balance.null_ids and config.input.id_column:
        yield f"rows without an id: {balance.null_ids:,} (known by shard and row number)"
    yield from _problems(outcome, out)
    if outcome.upserts:
        u = outcome.upserts
        yield (
            f"review table: {u.inserted:,} new, {u.updated:,} updated, {u.unchanged:,} unchanged"
        )
    if outcome.no_longer_flagged:
        count = outcome.no_longer_flagged
        yield f"no longer flagged: {count:,} (not found again, or not enough under this policy)"


def _style_of_other_kinds(outcome: Outcome) -> Iterator[str]:
    """Texts that style flags and that have the kind of other evidence, where there are any."""
    by_style = sum(stratum.flagged for stratum in outcome.style.strata.values())
    own = outcome.flagged[Kind.LLM_STYLE] + outcome.reported[Kind.LLM_STYLE]
    if by_style > own:
        yield (
            f"style: {by_style - own:,} of the {by_style:,} texts that style flags are counted "
            "under another kind, since other evidence flags them, too"
        )


def short_value(value: object) -> str:
    """The beginning of a value of the data."""
    said = str(value)
    return said if len(said) <= VALUE_CHARS else f"{said[: VALUE_CHARS - 1]}…"


def _turns(balance: Balance) -> Iterator[str]:
    """For chat columns, the turns that were left out; louder if there was no other."""
    for path, turns in sorted(balance.turns.items()):
        if turns.judged:
            if turns.not_judged:
                yield f"{path}: {turns.not_judged:,} turns of other roles not judged"
        elif turns.not_judged:
            roles = ", ".join(repr(role) for role in turns.roles_not_judged[:SHOWN]) or "none"
            yield (
                f"{path}: NO TURN JUDGED of {turns.not_judged:,}; roles seen: {roles}; "
                "name those to judge with --roles"
            )


def _problems(outcome: Outcome, out: str) -> Iterator[str]:
    for shard in outcome.dead_shards[:SHOWN]:
        yield f"dead shard {shard.name}: {shard.reason}: {shard.detail}"
    if len(outcome.dead_shards) > SHOWN:
        yield f"... and {len(outcome.dead_shards) - SHOWN:,} more dead shards, all in the manifest"
    dead = outcome.balance.dead
    if dead or outcome.balance.detector_errors:
        errors = outcome.balance.detector_errors
        counts = f"{dead.total():,} dead rows{_counts(dead)}, {errors:,} detector errors"
        runs = sorted(outcome.balance.runs_with_dead_letters)
        places = ", ".join(f"{out}/runs/{run}/dead_letters" for run in runs[-SHOWN:])
        yield f"{counts}: listed in {places}"
        changed = sorted({pair.shard for pair in outcome.balance.scan_again})
        if changed:
            names = ", ".join(changed[:SHOWN])
            more = f" and {len(changed) - SHOWN:,} more" if len(changed) > SHOWN else ""
            yield f"the next run scans again what changed or failed meanwhile: {names}{more}"


def _counts(counter: "dict[str, int]") -> str:
    if not counter:
        return ""
    return " (" + ", ".join(f"{name} {count:,}" for name, count in sorted(counter.items())) + ")"
