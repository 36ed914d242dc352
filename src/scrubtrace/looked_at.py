"""Which texts a run looked at, of those that earlier runs put into the review table."""

import os.path
from functools import cache

from scrubtrace.balance import Balance
from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import RunFolder
from scrubtrace.resolver import spec_or_none
from scrubtrace.schemas.plan import Chat, RunSpec


class LookedAt:
    """Says whether a run judged a text that an earlier run had judged, were it still there.

    It did not in a column that it did not read. Of a chat, only if it judged the turns of all roles
    that the earlier run did: that is known by the earlier run's folder beside its own. Without one
    it must have left no turn out.
    """

    def __init__(self, folder: RunFolder, spec: RunSpec, balance: Balance) -> None:
        self._columns = spec.columns
        self._whole = {path for path, turns in balance.turns.items() if not turns.not_judged}
        self._runs = os.path.dirname(folder.path)
        self._covers = cache(self._covers_run)

    def __call__(self, field: str, turn: int | None, last_run: str) -> bool:
        """Whether it looked at this text, which ``last_run`` saw last."""
        if field not in self._columns.texts:
            return False
        return turn is None or field in self._whole or self._covers(last_run)

    def _covers_run(self, run: str) -> bool:
        spec = spec_or_none(RunFolder(storage.join(self._runs, run)))
        return spec is not None and _covers(self._columns.chat, spec.columns.chat)


def _covers(now: Chat, then: Chat) -> bool:
    """Whether every turn judged then is judged now: by the same fields, of the same roles."""
    if (now.role_field, now.content_field) != (then.role_field, then.content_field):
        return False
    if now.judged_roles is None:
        return True
    return then.judged_roles is not None and then.judged_roles <= now.judged_roles
