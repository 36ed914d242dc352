"""Project, purpose, market and task of a call, from the metadata that its caller sent along.

Logs have no standard names for these; the ones that are looked for are listed here. A tag such as
``purpose:drafting`` counts as well.
"""

from collections.abc import Iterable
from typing import TypedDict

from scrubtrace.calls.values import Object, decoded, first_name

NAMES = {
    "project": ("project", "project_id", "project_name"),
    "purpose": ("purpose", "use_case", "usecase"),
    "market": ("market", "market_id", "locale", "country", "region"),
    "task": ("task", "task_id", "task_name"),
}
"""Keys of the metadata, in the order in which they are looked for; ``-`` and ``.`` count as _."""


class Labels(TypedDict):
    """What the metadata of a call says about why it was made."""

    project: str | None
    purpose: str | None
    market: str | None
    task: str | None


def labels_of(*sources: object, tags: object = ()) -> Labels:
    """Labels of a call; the first source that has one wins, tags come last."""
    merged: dict[str, object] = {}
    for source in (*(decoded(source) for source in sources), _tagged(decoded(tags))):
        if isinstance(source, dict):
            for key, value in source.items():
                merged.setdefault(str(key).lower().replace("-", "_").replace(".", "_"), value)
    return Labels(
        project=_first(merged, "project"),
        purpose=_first(merged, "purpose"),
        market=_first(merged, "market"),
        task=_first(merged, "task"),
    )


def _first(merged: Object, label: str) -> str | None:
    return first_name(*(merged.get(key) for key in NAMES[label]))


def _tagged(tags: object) -> dict[str, str]:
    if not isinstance(tags, Iterable) or isinstance(tags, str | dict):
        return {}
    pairs = (tag.replace("=", ":", 1).partition(":") for tag in tags if isinstance(tag, str))
    return {key.strip(): value.strip() for key, _, value in pairs if value}
