"""The register that calls are judged by: projects, purposes, markets, models, terms, limits.

Dates are kept as instants in UTC, written as the timestamps of call records are, so that they
compare as text. A period holds from its beginning and no longer at its end.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from scrubtrace.schemas.call_rules import Severity

FORBIDDEN_USES = ("training_data", "labeling", "distillation", "competing_evaluation")
"""Uses that need a permission of the terms, whatever else these say."""

CACHED_NAMES = 10_000


class Entry(Protocol):
    """An entry that logs may call by several names."""

    @property
    def id(self) -> str:
        """Name in the register."""

    @property
    def names(self) -> tuple[str, ...]:
        """Other names of it in logs; * and ? stand for any letters, case does not matter."""


E = TypeVar("E", bound=Entry)


class Names(Generic[E]):
    """Entries by what logs call them: id and plain names first, then patterns in their order."""

    def __init__(self, entries: Iterable[E]) -> None:
        self.by_id: dict[str, E] = {}
        self._plain: dict[str, E] = {}
        self._patterns: list[tuple[str, E]] = []
        self._cached: dict[str, E | None] = {}
        for entry in entries:
            self.by_id[entry.id] = entry
            for name in (entry.id, *entry.names):
                if "*" in name or "?" in name:
                    self._patterns.append((name.lower().replace("[", "[[]"), entry))
                else:
                    self._plain.setdefault(name.lower(), entry)

    def find(self, name: str | None) -> E | None:
        """The entry of a name; None for none."""
        if name is None:
            return None
        if name not in self._cached:
            if len(self._cached) >= CACHED_NAMES:
                self._cached.clear()
            self._cached[name] = self._found(name.lower())
        return self._cached[name]

    def _found(self, name: str) -> E | None:
        if found := self._plain.get(name):
            return found
        matching = (entry for pattern, entry in self._patterns if fnmatchcase(name, pattern))
        return next(matching, None)


@dataclass(frozen=True)
class Stage:
    """A stage of training or delivery; ``model_output``: whether output of models may enter it."""

    id: str
    model_output: bool = True


@dataclass(frozen=True)
class Purpose:
    """What calls are made for. ``use`` is the word of the terms for it."""

    id: str
    use: str
    names: tuple[str, ...] = ()
    stage: str | None = None


@dataclass(frozen=True)
class Market:
    """Where an answer is used, and the region that it belongs to."""

    id: str
    region: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Model:
    """A model; no call may be made to it from ``stop`` on."""

    id: str
    vendor: str
    names: tuple[str, ...] = ()
    stop: str | None = None


@dataclass(frozen=True)
class Project:
    """Who calls. Empty ``purposes``, ``markets`` or ``models`` allow any of the register.

    ``bulk``: many calls of one shape are what the project is for.
    """

    id: str
    names: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    approval: str | None = None
    approved_from: str | None = None
    approval_expires: str | None = None
    stop: str | None = None
    bulk: bool = False


@dataclass(frozen=True)
class Terms:
    """One document with a vendor or reseller, and what it allows while it is in effect.

    Empty ``providers`` and ``models`` mean all of the vendor, empty ``regions`` any.
    ``document_sha256`` is the digest of the document itself.
    """

    id: str
    vendor: str
    document_sha256: str
    effective_from: str
    permitted_uses: tuple[str, ...]
    reseller: str | None = None
    providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    effective_to: str | None = None
    approval: str | None = None
    approved_from: str | None = None
    approval_expires: str | None = None

    def in_effect(self, at: str) -> bool:
        """Whether the document holds at an instant."""
        return holds(self.effective_from, self.effective_to, at)

    def about(self, model: Model) -> bool:
        """Whether the document is about a model, through some provider at least."""
        return self.vendor == model.vendor and (not self.models or model.id in self.models)

    def covers(self, model: Model, provider: str | None) -> bool:
        """Whether the document is about calls to a model through a provider."""
        known = not self.providers or (provider or "").lower() in self.providers
        return known and self.about(model)


@dataclass(frozen=True)
class Key:
    """A key, or a caller in a log without keys, whose calls must be in the log over a period."""

    caller: str
    log_from: str | None = None
    log_to: str | None = None
    shared: bool = False


@dataclass(frozen=True)
class Limits:
    """When a way of calling is a finding; what is None is not looked for.

    Rates are of one caller. A minute counts if it reaches ``sustained_share`` of the ceiling; so
    many minutes in a row are sustained use. A day of a caller has the shape of bulk generation from
    ``bulk_calls_per_day`` on, if at least two hold: ``bulk_same_opening`` of its calls open alike,
    calls in ``bulk_hours`` different hours, ``bulk_completion_tokens`` a call on average.
    """

    calls_per_minute: int | None = None
    tokens_per_minute: int | None = None
    sustained_share: float = 0.9
    sustained_minutes: int = 30
    bulk_calls_per_day: int | None = None
    bulk_same_opening: float = 0.8
    bulk_hours: int = 20
    bulk_completion_tokens: int = 300
    max_gap_days: int | None = None


@dataclass(frozen=True)
class Register:
    """The whole register. ``severities`` are those that differ from the rules' own."""

    time_zone: str
    stages: tuple[Stage, ...] = ()
    purposes: tuple[Purpose, ...] = ()
    markets: tuple[Market, ...] = ()
    models: tuple[Model, ...] = ()
    projects: tuple[Project, ...] = ()
    terms: tuple[Terms, ...] = ()
    keys: tuple[Key, ...] = ()
    limits: Limits = Limits()
    forbidden_uses: tuple[str, ...] = FORBIDDEN_USES
    off: tuple[str, ...] = ()
    severities: Mapping[str, Severity] = field(default_factory=dict)

    @cached_property
    def stage_of(self) -> dict[str, Stage]:
        """Stages by id."""
        return {stage.id: stage for stage in self.stages}

    @cached_property
    def purpose_names(self) -> Names[Purpose]:
        """Purposes by what logs call them."""
        return Names(self.purposes)

    @cached_property
    def market_names(self) -> Names[Market]:
        """Markets by what logs call them."""
        return Names(self.markets)

    @cached_property
    def model_names(self) -> Names[Model]:
        """Models by what logs call them."""
        return Names(self.models)

    @cached_property
    def project_names(self) -> Names[Project]:
        """Projects by what logs call them."""
        return Names(self.projects)

    @cached_property
    def key_of(self) -> dict[str, Key]:
        """Keys by caller."""
        return {key.caller: key for key in self.keys}


def holds(start: str | None, stop: str | None, at: str) -> bool:
    """Whether an instant is in a period, half open; None is no bound."""
    return (start is None or start <= at) and (stop is None or at < stop)
