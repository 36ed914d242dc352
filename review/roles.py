"""Roles of PostgreSQL for the review table, each with the rights that its verbs need.

Nobody but the owner may do anything that is not named here: a table that is added gives no role a
right until it stands in `GRANTS`, and a test fails until it does. A role appends events of its own
kinds only (`EVENTS`): row security of PostgreSQL refuses the others.
"""

from collections.abc import Iterator, Mapping

from scrubtrace.review.table import VERSION_TABLE
from scrubtrace.review.trail.events import EventKind

ROLES: Mapping[str, str] = {
    "pipeline": "detect, commit, keys, audit seed, audit plan, review sample, calls check",
    "reviewer": "review export, sheet, import; no controls, no batches",
    "coordinator": "the same with both; review verify, controls, quality, learn, audit run, "
    "report, campaign check",
    "auditor": "review verify, quality, learn, audit run, report, campaign check without --log; "
    "reads all, changes nothing",
    "protection": "review unmask, erase, expire, verify",
}
"""The roles, and the verbs of each.

Who may read which texts are controls is no blind reviewer. So where controls are used, a
coordinator exports and imports, and reviewers get files.
"""

_READ, _ADD, _CHANGE = "SELECT", "SELECT, INSERT", "SELECT, INSERT, UPDATE"
_WITHOUT_TEXT = "SELECT, UPDATE (snippet, snippet_start, evidence)"

GRANTS: Mapping[str, Mapping[str, str]] = {
    VERSION_TABLE: dict.fromkeys(ROLES, _READ),
    "review_items": {
        "coordinator": _READ,
        "pipeline": _CHANGE, "reviewer": _READ, "auditor": _READ, "protection": _WITHOUT_TEXT,
    },
    "review_runs": {
        "coordinator": _READ,
        "pipeline": _CHANGE, "reviewer": _READ, "auditor": _READ, "protection": _READ,
    },
    "review_versions": {
        "coordinator": _READ,
        "pipeline": _CHANGE, "reviewer": _READ, "auditor": _READ, "protection": _READ,
    },
    "review_texts": {
        "coordinator": _READ,
        "pipeline": _CHANGE, "reviewer": _READ, "auditor": _READ, "protection": _READ,
    },
    "review_events": {
        "coordinator": _ADD,
        "pipeline": _ADD, "reviewer": _ADD, "auditor": _READ, "protection": _ADD,
    },
    "review_decisions": {
        "coordinator": _ADD,
        "pipeline": "SELECT (text_digest)",
        "reviewer": _ADD, "auditor": _READ, "protection": _READ,
    },
    "review_people": {
        "coordinator": _ADD,
        "pipeline": _ADD, "reviewer": _ADD, "auditor": _READ,
        "protection": "SELECT, INSERT, DELETE",
    },
    "review_comments": {
        "coordinator": _ADD,
        "reviewer": _ADD, "auditor": _READ, "protection": "SELECT, DELETE",
    },
    "review_salts": {
        "coordinator": _ADD,
        "reviewer": _ADD, "auditor": _READ, "protection": "SELECT, DELETE",
    },
    "review_erased": {
        "coordinator": _READ,
        "pipeline": _READ, "auditor": _READ, "protection": _ADD,
    },
    "review_batches": {
        "coordinator": _READ, "pipeline": _ADD, "auditor": _READ, "protection": _READ,
    },
    "review_batch_items": {
        "coordinator": _READ, "pipeline": _ADD, "auditor": _READ, "protection": _READ,
    },
    "review_controls": {
        "coordinator": _CHANGE,
        "pipeline": "SELECT (text_digest)", "auditor": _READ, "protection": _WITHOUT_TEXT,
    },
    "review_issued": {"coordinator": _ADD, "auditor": _READ, "protection": _READ},
}  # fmt: skip
"""Rights by table and role. A new table goes here; roles that are not named have no right to it."""

EVENTS: Mapping[str, tuple[EventKind, ...]] = {
    "pipeline": (
        EventKind.RUN, EventKind.ROTATION, EventKind.GIVEN_UP, EventKind.PSEUDONYMS,
        EventKind.BATCH, EventKind.SEED,
    ),
    "reviewer": (EventKind.EXPORT, EventKind.IMPORT),
    "coordinator": (EventKind.EXPORT, EventKind.IMPORT, EventKind.CONTROLS, EventKind.CAMPAIGN),
    "protection": (EventKind.UNMASKED, EventKind.ERASED),
}  # fmt: skip
"""Which events a role may append. A new kind goes here."""


def roles_sql(schema: str = "public", prefix: str = "scrubtrace_") -> Iterator[str]:
    """SQL statements, to be run by the owner of the tables; they may be run again.

    ``schema`` is the one that the tables are in; the roles are called ``prefix`` and their name.
    """
    yield "-- Run by the owner of the tables, who may make roles; again after each upgrade."
    place = quoted(schema)
    yield f"REVOKE CREATE ON SCHEMA {place} FROM PUBLIC;"
    for role, verbs in ROLES.items():
        name = quoted(prefix + role)
        yield f"\n-- {role}: {verbs}"
        yield (
            f"DO $$ BEGIN CREATE ROLE {name} NOLOGIN;"
            " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;"
        )
        yield f"REVOKE ALL ON ALL TABLES IN SCHEMA {place} FROM {name};"
        yield f"GRANT USAGE ON SCHEMA {place} TO {name};"
        for table, rights in GRANTS.items():
            if role in rights:
                yield f"GRANT {rights[role]} ON {place}.{table} TO {name};"
    yield "\n-- which events a role appends"
    events = f"{place}.review_events"
    yield f"ALTER TABLE {events} ENABLE ROW LEVEL SECURITY;"
    yield f"DROP POLICY IF EXISTS review_read ON {events};"
    yield f"CREATE POLICY review_read ON {events} FOR SELECT USING (true);"
    for role, kinds in EVENTS.items():
        listed = ", ".join(f"'{kind}'" for kind in kinds)
        yield f"DROP POLICY IF EXISTS review_{role} ON {events};"
        yield (
            f"CREATE POLICY review_{role} ON {events} FOR INSERT TO {quoted(prefix + role)}"
            f" WITH CHECK (kind IN ({listed}));"
        )


def quoted(name: str) -> str:
    """A name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'
