"""``review`` verbs for privacy: unmasking, erasing, retention, and who may do what."""

from collections.abc import Mapping
from typing import Any

import click

from scrubtrace import log
from scrubtrace.commands.options import config_options, config_sources, read_config
from scrubtrace.commands.review import opened
from scrubtrace.exits import IncompleteStop, UsageStop

_REVIEW = click.option(
    "--review", metavar="URL", help="Review table (default: the configuration's)."
)
_REASON = click.option("--reason", required=True, metavar="TEXT",
                       help="Why; it stands in the event log for good.")  # fmt: skip


@click.command()
@click.argument("pseudonym")
@click.option("--out", required=True, metavar="DIR", help="Folder of the runs.")
@click.option("--run", metavar="ID", help="Look in the shards of this run only.")
@click.option("--key-file", metavar="FILE", help="Keys (default: where detect finds them).")
@_REVIEW
@_REASON
@config_options
def unmask(pseudonym: str, out: str, run: str | None, **given: Any) -> None:
    """Say whose PSEUDONYM it is, after that has been entered in the event log.

    Reads the group columns of the shards of the runs in DIR.
    """
    from scrubtrace.beam_pipelines.keys import key_place
    from scrubtrace.keys import existing_keys
    from scrubtrace.review.erasing.erase import checked_reason
    from scrubtrace.review.trail.log import log_unmasking
    from scrubtrace.unmask import checked_pseudonym, find_value

    pseudonym = checked_pseudonym(pseudonym)
    with opened(given) as engine:
        reason = checked_reason(given["reason"])
        ring, path = existing_keys(given["key_file"])
        if ring is None:
            raise UsageStop(f"there is no key in {key_place(path)}: give it with --key-file")
        found = find_value(out, pseudonym, ring, run)
        log_unmasking(engine, pseudonym, reason, found.group, found.shards)
    if found.unread:
        text = f"{len(found.unread):,} shards could not be read"
        log.tell("not_read", text, "warning", shards=len(found.unread))
    if found.value is None:
        raise IncompleteStop(
            f"{pseudonym} was not found in {found.where}; that it was looked for is in the log"
        )
    click.echo(f"{pseudonym} is {found.group} {found.value}")


@click.command()
@click.option("--item", "item_key", metavar="KEY", help="The text of this item.")
@click.option("--text", "text_digest", metavar="DIGEST", help="The text with this digest.")
@click.option("--row-id", metavar="ID", help="All texts of the rows with this id.")
@click.option("--dataset", metavar="NAME", help="With --row-id: only rows of this data set.")
@click.option("--comment", metavar="DECISION", help="The comment of this decision.")
@click.option("--reviewer", metavar="NAME", help="The name of this reviewer.")
@_REVIEW
@_REASON
@config_options
def erase(**given: Any) -> None:
    """Erase the text of items, a comment, or the name of a reviewer; the log stays whole.

    A text is erased wherever the review table has it, and does not come back with later runs.
    """
    from scrubtrace.review.erasing.erase import erase as erase_now

    chosen = [name for name in _SUBJECTS if given[name] is not None]
    if len(chosen) != 1:
        raise UsageStop("erase takes one of --item, --text, --row-id, --comment and --reviewer")
    if given["dataset"] is not None and chosen != ["row_id"]:
        raise UsageStop("--dataset goes with --row-id")
    with opened(given) as engine:
        done = erase_now(engine, given["reason"], **_subjects(engine, chosen[0], given))
    click.echo(_told(done))


_SUBJECTS = ("item_key", "text_digest", "row_id", "comment", "reviewer")


def _subjects(engine: Any, chosen: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be erased; raises `UsageStop` if there is no such thing."""
    from scrubtrace.review.erasing import erase as erasing

    if chosen == "comment":
        erasing.check_has_comment(engine, given["comment"])
        return {"comments": [given["comment"]]}
    if chosen == "reviewer":
        persons = erasing.persons_named(engine, given["reviewer"])
        if not persons:
            raise UsageStop("the review table knows nobody of this name; nothing was erased")
        return {"names": persons}
    choices = {chosen: given[chosen]} | ({"dataset": given["dataset"]} if given["dataset"] else {})
    texts = erasing.texts_of(engine, **choices)
    if not texts:
        raise UsageStop("the review table has no such item; nothing was erased")
    return {"texts": texts}


@click.command()
@click.option("--dry-run", is_flag=True, help="Only count what would be erased.")
@click.option("--include-open", is_flag=True, help="Also texts that are still to be decided on.")
@_REVIEW
@config_options
def expire(dry_run: bool, include_open: bool, **given: Any) -> None:
    """Erase what is older than the section [retention] of the configuration allows."""
    from datetime import UTC, datetime

    from scrubtrace.review.erasing.expire import expire as expire_now
    from scrubtrace.review.erasing.expire import too_old

    ages = _ages(read_config({"review": given["review"], **config_sources(given)}).retention)
    with opened(given) as engine:
        found = too_old(engine, ages, datetime.now(UTC), include_open)
        for kind, subjects in found.by_kind.items():
            click.echo(f"{kind}: {len(subjects):,} are too old")
        if not dry_run:
            click.echo(_told(expire_now(engine, found)))


def _ages(section: Any) -> Any:
    """The ages of the configuration; raises `UsageStop` if it has none."""
    from scrubtrace.review.erasing.expire import Ages
    from scrubtrace.schemas.batches import SAMPLED
    from scrubtrace.schemas.vocabulary import Kind

    snippet = section.snippet
    if (snippet, section.dismissed, section.comments) == (None, None, None):
        raise UsageStop('nothing can expire: set ages in [retention], as snippet = "180d"')
    by_kind = snippet if isinstance(snippet, dict) else dict.fromkeys((*Kind, SAMPLED), snippet)
    snippets = {str(kind): age for kind, age in by_kind.items() if age is not None}
    return Ages(snippets, section.dismissed, section.comments)


def _told(done: Any) -> str:
    if not any(vars(done).values()):
        return "nothing to erase, or it was erased before"
    return (
        f"erased: text of {done.items:,} items, {done.comments:,} comments, {done.names:,} names; "
        "backups, exported files and the data have what they have"
    )


@click.command()
@click.option("--schema", default="public", show_default=True, help="Schema of the tables.")
@click.option("--prefix", default="scrubtrace_", show_default=True, help="Before each role's name.")
def roles(schema: str, prefix: str) -> None:
    """Print SQL that makes roles of PostgreSQL with the rights that each verb needs."""
    from scrubtrace.review.roles import roles_sql

    for statement in roles_sql(schema, prefix):
        click.echo(statement)


@click.command()
@_REVIEW
@config_options
def upgrade(**given: Any) -> None:
    """Make the tables, or bring them up to date, as their owner; changes nothing else."""
    from scrubtrace.review.table import REVISION

    with opened(given, must_exist=False):
        click.echo(f"the review table has schema {REVISION}")


VERBS = (unmask, erase, expire, roles, upgrade)
"""The verbs, for the group ``review``."""
