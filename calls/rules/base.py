"""What a rule for single calls is, and the call that it looks at."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from scrubtrace.calls.register import Market, Model, Project, Purpose, Register, Terms
from scrubtrace.calls.values import timestamp
from scrubtrace.schemas.call_rules import NotJudged, RuleInfo, Violation
from scrubtrace.schemas.calls import CallRecord

_NORMAL = len("2025-01-01T00:00:00.000000Z")


@dataclass(frozen=True, slots=True)
class Call:
    """A record with the entries of the register that its labels stand for.

    ``at`` is the time in UTC; None if the call has none, or one without a zone: ``no_time`` says
    which. ``terms`` are the documents that are about its model and provider, ``in_effect`` those of
    them that hold at ``at``, ``chosen`` is the one that it is judged by. ``other_providers`` are
    documents that might hold as well if only its provider were known.
    """

    record: CallRecord
    register: Register
    at: str | None
    no_time: NotJudged | None
    project: Project | None
    purpose: Purpose | None
    market: Market | None
    model: Model | None
    terms: tuple[Terms, ...]
    in_effect: tuple[Terms, ...]
    chosen: Terms | None
    other_providers: tuple[Terms, ...]

    @property
    def no_terms(self) -> NotJudged:
        """Why there is no document to judge by."""
        return NotJudged.NO_PROVIDER if self.other_providers else NotJudged.NO_TERMS


@dataclass(frozen=True, slots=True)
class RowRule:
    """A rule for single calls.

    ``check`` gives the violations of a call, or the reason why it cannot judge it.
    """

    info: RuleInfo
    check: "Check"


Check = Callable[[Call], tuple[Violation, ...] | NotJudged]


def resolve(record: CallRecord, register: Register) -> Call:
    """The call with its entries of the register, at its own time."""
    at, no_time = _time(record)
    model = register.model_names.find(record.model_served)
    model = model or register.model_names.find(record.model_requested)
    purpose = register.purpose_names.find(record.purpose)
    market = register.market_names.find(record.market)
    terms = tuple(t for t in register.terms if model and t.covers(model, record.provider))
    in_effect = tuple(t for t in terms if at is not None and t.in_effect(at))
    return Call(
        record,
        register,
        at,
        no_time,
        register.project_names.find(record.project),
        purpose,
        market,
        model,
        terms,
        in_effect,
        _most_permissive(in_effect, at, purpose, market),
        _other_providers(register, model, record.provider),
    )


def _other_providers(
    register: Register, model: Model | None, provider: str | None
) -> tuple[Terms, ...]:
    if model is None or provider is not None:
        return ()
    return tuple(terms for terms in register.terms if terms.providers and terms.about(model))


def _time(record: CallRecord) -> tuple[str | None, NotJudged | None]:
    written = record.timestamp
    if written is None:
        return None, NotJudged.NO_TIME
    if record.zone_assumed:
        return None, NotJudged.NO_ZONE
    if len(written) == _NORMAL and written.endswith("Z"):
        return written, None
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None, NotJudged.NO_TIME
    if moment.tzinfo is None:
        return None, NotJudged.NO_ZONE
    return timestamp(moment), None


def _most_permissive(
    terms: tuple[Terms, ...], at: str | None, purpose: Purpose | None, market: Market | None
) -> Terms | None:
    """Of several documents in effect the one that leaves least to object to; then the newest."""

    def objections(entry: Terms) -> int:
        use = purpose is not None and purpose.use not in entry.permitted_uses
        place = market is not None and bool(entry.regions) and market.region not in entry.regions
        return use + place + (at is not None and not approved(entry, at))

    if len(terms) < 2:
        return terms[0] if terms else None
    newest_first = sorted(terms, key=lambda t: (t.effective_from, t.id), reverse=True)
    return min(newest_first, key=objections)


def approved(entry: Terms | Project, at: str) -> bool:
    """Whether an entry has an approval that holds at an instant."""
    starts, ends = entry.approved_from, entry.approval_expires
    return (
        entry.approval is not None
        and (starts is None or starts <= at)
        and (ends is None or at < ends)
    )
