"""Configuration: ``scrubtrace.toml``, ``--set key=value`` and command-line options, in that order.

Errors name the key, the value and the choices.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
)

from scrubtrace.config_errors import explained
from scrubtrace.exits import UsageStop
from scrubtrace.messages import ENGLISH, matched
from scrubtrace.schemas.batches import SAMPLED
from scrubtrace.schemas.plan import Chat
from scrubtrace.schemas.style import DRIFT, LEAST_ALPHA
from scrubtrace.schemas.vocabulary import ANSWERING_ROLES, GROUPS, Kind

FILE = "scrubtrace.toml"

PositiveInt = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]


def _names(value: Any) -> Any:
    """One name is a list of one."""
    return _listed([value] if isinstance(value, str) else value)


def _listed(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        raise ValueError("should be a name or a list of names")
    return value


def _different(value: tuple[str, ...]) -> tuple[str, ...]:
    if not all(value):
        raise ValueError("a name is empty")
    twice = [name for name in value if value.count(name) > 1]
    if twice:
        raise ValueError(f"{twice[0]!r} is named twice")
    return value


def _roles(value: Any) -> Any:
    """Roles in one string stand between commas."""
    return _listed([role.strip() for role in value.split(",")] if isinstance(value, str) else value)


FLAG_KINDS = (
    Kind.LLM_TEXT,
    Kind.LLM_ANNOTATION,
    Kind.REFERENCE_MATCH,
    Kind.INPUT_MATCH,
    Kind.LLM_STYLE,
)

Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]

Names = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_different)]
"""A list of different names."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputSection(_Section):
    """Where the rows are and what their columns mean."""

    text_column: Annotated[Names, BeforeValidator(_names)] = ("text",)
    role_field: str | None = None
    content_field: str | None = None
    roles: Annotated[Names, BeforeValidator(_roles)] = ANSWERING_ROLES
    id_column: str | None = None
    language_column: str | None = None
    group_by: dict[str, str] = Field(default_factory=dict)
    dataset: str | None = None
    root: str | None = None

    @property
    def chat(self) -> Chat:
        """How chat rows are read."""
        return Chat(self.role_field, self.content_field, self.roles)

    @field_validator("group_by")
    @classmethod
    def _known_groups(cls, value: dict[str, str]) -> dict[str, str]:
        unknown = sorted(set(value) - set(GROUPS))
        if unknown:
            raise ValueError(f"unknown group {unknown[0]!r}; choices: {', '.join(GROUPS)}")
        return value


class ScanSection(_Section):
    """How rows are scanned; none of it changes what is found in them.

    ``sample`` is the share of rows that are judged, chosen by a keyed hash; all of them without it.
    """

    detectors: Annotated[list[str], Field(min_length=1)] | None = None
    workers: PositiveInt = 1
    sample: Annotated[float, Field(gt=0, le=1)] | None = None
    unit_rows: PositiveInt | None = None
    batch_rows: PositiveInt = 1024
    batch_bytes: PositiveInt = 8 << 20
    spans_per_signal: PositiveInt = 8
    snippet_chars: Annotated[int, Field(ge=40, le=500)] = 500


class LimitsSection(_Section):
    """How much may go wrong before a run counts as incomplete (exit 3)."""

    max_dead_letters: Count = 0


class GateSection(_Section):
    """What ``scrubtrace gate`` checks of a committed run; what is None or empty is not checked.

    Flagged and reported are counted in texts, the share is one of the texts that were judged.
    """

    max_flagged: Count | None = None
    max_flagged_share: Annotated[float, Field(ge=0, le=1)] | None = None
    max_flagged_of: dict[Kind, Count] = Field(default_factory=dict)
    max_reported: Count | None = None
    max_dead_rows: Count | None = None
    max_dead_shards: Count | None = None
    max_detector_errors: Count | None = None
    min_rows: Count | None = None
    max_age_hours: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class StyleSection(_Section):
    """What style flags, in each stratum of calibrated rows; nothing without ``alpha``.

    A text qualifies if its p-value is at most ``alpha``, if the false discovery rate of those
    flagged stays below ``fdr``, and if it is among the ``budget`` first of its stratum. With
    ``conditional``, p-values are adjusted to hold for 95% of calibration sets, not on average.
    Nothing flags in a source if more than a share ``drift`` of its rows is of another kind than
    those that calibrated it.
    """

    alpha: Annotated[float, Field(ge=LEAST_ALPHA, lt=1, allow_inf_nan=False)] | None = None
    budget: PositiveInt | None = None
    fdr: Share | None = None
    conditional: bool = False
    drift: Share = DRIFT


class PolicySection(_Section):
    """What is flagged, decided once, when a run is committed.

    A text qualifies for a kind by asserted hits of strength proof in ``proof_hits`` places, or by
    strong hits of ``strong_categories`` different categories in places that do not overlap. Kinds
    in ``flag_kinds`` are flagged for review, the others reported. With ``count_mentions`` phrases
    that a text only mentions count like asserted ones. A redaction flags only beside residue of an
    assistant, unless ``redaction_alone``. A name that a text claims as an assistant's counts as
    proof when at least ``recurring_identity`` different texts claim it; 0 switches that off.
    """

    flag_kinds: Annotated[list[Kind], Field(min_length=1)] = Field(
        default_factory=lambda: list(FLAG_KINDS)
    )
    proof_hits: PositiveInt = 1
    strong_categories: PositiveInt = 2
    count_mentions: bool = False
    redaction_alone: bool = False
    recurring_identity: Count = 5
    style: StyleSection = StyleSection()


class PurgeSection(_Section):
    """What ``scrubtrace purge`` removes, and on which grounds it may.

    ``reviewed``: what reviewers concur on. ``match_verbatim``: what has the words of a reference
    text. ``list``: a file of rows. ``hold_decision`` names the decision that nothing has to be
    preserved, or is "none" where none is needed. ``chat``: whether a decision on a turn removes
    the row or the turn. ``group_bytes`` of a row group are held in memory; larger ones are cut.
    """

    reviewed: bool = True
    match_verbatim: bool = False
    list: str | None = None
    hold_decision: Annotated[str, Field(min_length=1)] | None = None
    chat: Literal["row", "turn"] = "row"
    removed_rows: Literal["quarantine", "delete"] = "quarantine"
    group_bytes: PositiveInt = 256 << 20
    lineage_column: str | None = None


class ReviewSection(_Section):
    """Where flagged rows go, and the language that reviewers read: a BCP 47 tag."""

    url: str | None = None
    language: Annotated[str, AfterValidator(matched)] = ENGLISH.language


class PrivacySection(_Section):
    """Group columns with names of people: only pseudonyms of them are stored or told."""

    pseudonymous: tuple[str, ...] = ("labeler",)

    @field_validator("pseudonymous")
    @classmethod
    def _known_groups(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(value) - set(GROUPS))
        if unknown:
            raise ValueError(f"unknown group {unknown[0]!r}; choices: {', '.join(GROUPS)}")
        return value


def _age(value: Any) -> Any:
    """Days of an age written as ``180d``."""
    if isinstance(value, str) and (written := re.fullmatch(r"([0-9]{1,5})d", value.strip())):
        return timedelta(days=int(written[1]))
    if isinstance(value, timedelta):
        return value
    raise ValueError("write an age in days, as 180d")


Age = Annotated[timedelta, BeforeValidator(_age)]


def _item_kind(value: str) -> str:
    kinds = [*map(str, Kind), SAMPLED]
    if value not in kinds:
        raise ValueError(f"unknown kind {value!r}; choices: {', '.join(kinds)}")
    return value


ItemKind = Annotated[str, AfterValidator(_item_kind)]
"""What an item of the review table is of."""


class RetentionSection(_Section):
    """How long the review table keeps what; nothing expires without an age.

    ``snippet`` is the age of texts since they came into the table, of all kinds or by kind;
    ``dismissed`` that of texts whose flag was dismissed, since the last decision; ``comments`` that
    of comments, since the decision.
    """

    snippet: (
        Annotated[
            Annotated[Age, Tag("age")] | Annotated[dict[ItemKind, Age], Tag("ages")],
            Discriminator(lambda value: "ages" if isinstance(value, dict) else "age"),
        ]
        | None
    ) = None
    dismissed: Age | None = None
    comments: Age | None = None


class Config(_Section):
    """The whole configuration of a run."""

    format: Literal[1] = 1
    input: InputSection = InputSection()
    scan: ScanSection = ScanSection()
    limits: LimitsSection = LimitsSection()
    gate: GateSection = GateSection()
    policy: PolicySection = PolicySection()
    review: ReviewSection = ReviewSection()
    privacy: PrivacySection = PrivacySection()
    retention: RetentionSection = RetentionSection()
    purge: PurgeSection = PurgeSection()
    detectors: dict[str, dict[str, Any]] = Field(default_factory=dict)


def load_config(
    file: str | None, settings: Sequence[str] = (), options: Mapping[str, Any] | None = None
) -> Config:
    """The configuration from a file, ``key=value`` settings and options by dotted key.

    Without ``file``, ``scrubtrace.toml`` in the working directory is read if there is one.
    Options that are None are left out. Raises `UsageStop`, with the name of the file for what is
    wrong in it.
    """
    data = _read_file(file)
    put = [setting.partition("=")[0].strip() for setting in settings]
    put += [key for key, value in (options or {}).items() if value is not None]
    for setting in settings:
        key, separator, value = setting.partition("=")
        if not separator:
            raise UsageStop(f"--set takes key=value, for example policy.proof_hits=2, not {key!r}")
        _put(data, key.strip(), _parse_value(value.strip()))
    for key, value in (options or {}).items():
        if value is not None:
            _put(data, key, value)
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise UsageStop(explained(error, Config, data, file or FILE, put)) from None


def text_of(path: Path) -> str:
    """The text of a small file, without a byte order mark; raises `UsageStop`."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageStop(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageStop(f"{path}: {error}") from None


def _read_file(file: str | None) -> dict[str, Any]:
    path = Path(file or FILE)
    if file is None and not path.exists():
        return {}
    try:
        return tomllib.loads(text_of(path))
    except tomllib.TOMLDecodeError as error:
        raise UsageStop(f"{path}: {error}") from None


def _parse_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _put(data: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for section in sections:
        data = data.setdefault(section, {})
        if not isinstance(data, dict):
            raise UsageStop(f"configuration key {key!r}: {section!r} is not a section")
    data[last] = value
