"""Pseudonyms for the people in group columns, before anything is stored or told."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeAlias

from scrubtrace.exits import UsageStop
from scrubtrace.keys import find_keys, keys_of_run
from scrubtrace.schemas.identity import KeyRing
from scrubtrace.schemas.plan import Columns, RunSpec

Groups: TypeAlias = dict[str, str | None]
Shown: TypeAlias = Callable[[Mapping[str, str | None]], Groups]
"""Gives the values of all groups of one row as they may be written."""


class Pseudonyms:
    """Puts pseudonyms in the place of the values of some groups, and remembers which it saw.

    ``renewed`` has, by group, the pseudonyms by retired keys of the values that were seen, with
    those by the active key. Memory: the pseudonyms of the values seen, if there are retired keys.
    """

    def __init__(self, ring: KeyRing, groups: frozenset[str]) -> None:
        self.groups = groups
        self.renewed: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self._ring = ring
        self.pseudonym = lru_cache(maxsize=100_000)(self._pseudonym)

    def of(self, values: Mapping[str, str | None]) -> Groups:
        """Values of all groups of one row, without names; an empty one is null."""
        return {
            name: self.pseudonym(name, value) if value and name in self.groups else value or None
            for name, value in values.items()
        }

    def _pseudonym(self, group: str, value: str) -> str:
        now = self._ring.active.pseudonym(group, value)
        earlier = {key.pseudonym(group, value): now for key in self._ring.retired}
        self.renewed[group] |= earlier
        return now


def pseudonyms_of(spec: RunSpec, groups: tuple[str, ...]) -> Pseudonyms | None:
    """Pseudonyms by the keys of a run; None if the run has no column of these groups.

    Raises `UsageStop` if a key is not here.
    """
    present = frozenset(groups) & spec.columns.groups.keys()
    if not present:
        return None
    try:
        return Pseudonyms(keys_of_run(spec), present)
    except UsageStop as error:
        raise UsageStop(
            f"pseudonyms for {', '.join(sorted(present))} need the keys of the run: {error}; "
            "privacy.pseudonymous says which groups have pseudonyms"
        ) from None


def shown_groups(columns: Columns, groups: tuple[str, ...], key_file: str | None) -> Shown:
    """What to write for the groups of shards that no run is about.

    Values of ``groups`` get the pseudonyms that a run with the active key of the user gives them. A
    key is made if there is none; it is not asked for if there is no column of these groups. Raises
    `UsageStop` if the keys cannot be read.
    """
    present = frozenset(groups) & columns.groups.keys()
    if not present:
        return dict
    keys, _ = find_keys(key_file, set())
    return Pseudonyms(KeyRing(keys.active), present).of
