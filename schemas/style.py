"""The style lane's calibration: which human rows it rests on, and what a p-value says in words."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from scrubtrace.schemas.plain import plain

FORMAT = 1
STYLOMETRY = "stylometry"
"""Name of the detector of the style lane, whose receipts count rows by stratum."""

CATEGORY = "style"
SIGNAL = "stylometry.llm_like"
SHIPPED_MODEL = "shipped"
"""What the file of the shipped model is called."""

KEEP = 0.05
"""Rows with a p-value up to this are kept as candidates, if not set otherwise."""

UNLIKE = 0.01
"""A row whose typicality p-value is at most this is unlike the rows it would be compared with."""

UNLIKE_SUFFIX = " (unlike)"
NOT_CALIBRATED_SUFFIX = " (not calibrated)"

DRIFT = 0.25
"""Share of a source's rows that may be of another kind than its calibration, if not set otherwise.
It is above what LLM rows among them make if they are less than that share."""

LEAST_ALPHA = 1e-9
"""No alpha is smaller: it would need more calibration rows than anybody has."""

P_BINS = 20
"""P-values of all judged rows are counted in so many equal bins."""

_P_BIN = re.compile(r"(.*) \(p ([0-9]+)\)", re.DOTALL)
_OF = re.compile(r"(.*) \(of ([0-9]+)\)", re.DOTALL)
_KIND = re.compile(r"(.*) \(kind (\S+) (\d+)-(\d+)\)", re.DOTALL)

DECIDED_COLUMNS = frozenset({
    "decision", "decisions", "decision_ids", "decided_by", "decided_at", "verdict",
    "review_decision", "reviewers", "item_key", "evidence_fingerprint", "row_version",
    "snippet_start", "spans_left_out",
})  # fmt: skip
"""Columns of rows that were found, or that reviewers have seen, case folded. Such rows were picked
because of their scores: they are no sample of human rows and may not calibrate."""


class StyleError(ValueError):
    """A model or calibration that cannot be used; the message says what mends it."""


class Sampling(StrEnum):
    """How calibration rows were chosen of the rows whose origin is vouched for; nothing else may.

    Never by a score, a decision or a review.
    """

    RANDOM = "random"
    ALL = "all"


@dataclass(frozen=True)
class Stratum:
    """Rows that are compared with each other: one language, one source, a range of lengths.

    ``low`` to ``high`` are words, half open; ``high`` is None where there is no end. ``source`` is
    empty for rows without one.
    """

    language: str
    source: str
    low: int
    high: int | None

    @property
    def name(self) -> str:
        """``language/source/low-high``, as evidence and receipts have it."""
        end = "" if self.high is None else str(self.high - 1)
        return f"{self.group}/{self.low}-{end}"

    @property
    def group(self) -> str:
        """``language/source``, of all lengths."""
        return f"{self.language}/{self.source}"


def described(name: str) -> str:
    """The name of a stratum in words, on one line."""
    language, source, low, high = stratum_parts(name)
    length = f"{low}-{high} words" if high else f"{low} words and more"
    return plain(f"{language}, {source or 'no source'}, {length}")


def stratum_parts(name: str) -> tuple[str, str, str, str]:
    """Language, source, and the least and most words that the name of a stratum has."""
    language, _, rest = name.partition("/")
    source, _, words = rest.rpartition("/")
    low, _, high = words.partition("-")
    return language, source, low, high


@dataclass(frozen=True)
class KindCount:
    """Rows of a source that lie at the same place of a measure among their calibration rows.

    ``below`` of 19 quantiles (5% to 95%) are smaller than the row's value, ``up_to`` are at most
    as large. Receipts count such rows by ``name``.
    """

    group: str
    measure: str
    below: int
    up_to: int

    @property
    def name(self) -> str:
        """As receipts have it."""
        return f"{self.group} (kind {self.measure} {self.below}-{self.up_to})"

    @classmethod
    def read(cls, name: str) -> "KindCount | None":
        """What a receipt's name says; None if it names something else."""
        found = _KIND.fullmatch(name)
        return cls(found[1], found[2], int(found[3]), int(found[4])) if found else None


@dataclass(frozen=True)
class PValueCount:
    """Rows of a stratum whose p-value is above ``bin`` / `P_BINS`, up to the next.

    Rows like those that calibrated, by humans, spread evenly over the bins. Receipts count them by
    ``name``.
    """

    stratum: str
    bin: int

    @property
    def name(self) -> str:
        """As receipts have it."""
        return f"{self.stratum} (p {self.bin})"

    @classmethod
    def read(cls, name: str) -> "PValueCount | None":
        """What a receipt's name says; None if it names something else."""
        found = _P_BIN.fullmatch(name)
        return cls(found[1], int(found[2])) if found else None


@dataclass(frozen=True)
class RankedAmong:
    """Rows of a stratum that were ranked among ``n`` calibration rows.

    Receipts count them by ``name``, so that each says how small a p-value its rows could have.
    """

    stratum: str
    n: int

    @property
    def name(self) -> str:
        """As receipts have it."""
        return f"{self.stratum} (of {self.n})"

    @classmethod
    def read(cls, name: str) -> "RankedAmong | None":
        """What a receipt's name says; None if it names something else."""
        found = _OF.fullmatch(name)
        return cls(found[1], int(found[2])) if found else None


@dataclass(frozen=True)
class InputFile:
    """A shard that calibrated: its name, rows, and the digest of its footer."""

    name: str
    rows: int
    footer_digest: str


@dataclass(frozen=True)
class OtherLanes:
    """How many calibration rows the other lanes flag, under the policy with this digest.

    ``either`` counts rows that another lane flags or that have p <= ``alpha``, ranked among the
    other calibration rows; None if no alpha was set.
    """

    rows: int
    flagged: int
    either: int | None
    alpha: float | None
    policy: str


@dataclass(frozen=True)
class CalibrationManifest:
    """What a calibration file says of itself.

    ``origin`` says who vouches that the rows are by humans and how they were sampled. ``model`` is
    the digest of the model that scored them, ``detector_version`` that of the detector that did,
    and ``folded_chars`` the length at which it cuts texts; empty and 0 in files from before they
    were noted. ``counts`` is what was met: rows kept, repeated, empty, abstained from, by name.
    ``command`` are the arguments that made the file, but for the model: that is in ``model_file``,
    or is `SHIPPED_MODEL`; empty where it was not noted.
    Raises `StyleError` without an origin, or for another way of sampling than `Sampling` has.
    """

    model: str
    origin: str
    sampling: str
    least_rows: int
    covariates: tuple[str, ...]
    strata: tuple[Stratum, ...]
    sizes: tuple[int, ...]
    files: tuple[InputFile, ...]
    command: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    other_lanes: OtherLanes | None = None
    detector_version: str = ""
    folded_chars: int = 0
    model_file: str = ""
    format: int = FORMAT

    def __post_init__(self) -> None:
        if not self.origin.strip():
            raise StyleError(
                "a calibration needs its origin: who vouches that the rows are by humans, and how "
                "they were sampled (--origin)"
            )
        if self.sampling not in set(Sampling):
            raise StyleError(
                f"rows sampled as {self.sampling!r} may not calibrate; only {', '.join(Sampling)}"
            )

    def to_json(self) -> str:
        """The manifest as JSON text, the same for the same content."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "CalibrationManifest":
        """The manifest from JSON text; raises `StyleError` if it is none of this format."""
        try:
            data = json.loads(text)
            if data["format"] != FORMAT:
                raise StyleError(f"has format {data['format']!r}, this version reads {FORMAT}")
            lists = {
                "strata": tuple(Stratum(**entry) for entry in data["strata"]),
                "files": tuple(InputFile(**entry) for entry in data["files"]),
                **{name: tuple(data[name]) for name in ("covariates", "sizes", "command")},
            }
            lanes = data["other_lanes"]
            return cls(**(data | lists | {"other_lanes": lanes and OtherLanes(**lanes)}))
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, StyleError):
                raise
            raise StyleError("has other fields than a calibration of this version") from None


def style_value(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What a piece of style evidence says, from its ``value``.

    Empty if it cannot be read, as what a plugin writes under the same category.
    """
    try:
        value = json.loads(entry["value"])
    except (TypeError, ValueError, KeyError):
        return {}
    p = entry.get("score")
    if not isinstance(value, dict) or not isinstance(p, float) or not math.isfinite(p):
        return {}
    kinds = {"stratum": str, "n": int, "raw_score": int | float}
    if value.get("calibrated") and not all(isinstance(value.get(k), t) for k, t in kinds.items()):
        return {}
    reasons = value.get("reasons")
    kept = reasons if isinstance(reasons, list) else []
    return value | {"reasons": [reason for reason in kept if isinstance(reason, dict)]}
