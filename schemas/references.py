"""The reference index of known model traffic: its texts, and the manifest that describes it."""

import json
import re
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

import pyarrow as pa


class Part(StrEnum):
    """Which side of a call a reference text is."""

    COMPLETION = "completion"
    PROMPT = "prompt"


REFERENCES = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("part", pa.string(), nullable=False),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("model", pa.string()),
        pa.field("task", pa.string()),
        pa.field("created_at", pa.string()),
    ]
)
"""One row a reference text. ``source`` names it for people: the id of the call, else file and
row. ``part`` is a `Part`."""

FORMAT = 1


_DIGEST = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True)
class Segment:
    """One immutable part of an index: a folder named by the digest of its files.

    Raises ValueError for a digest that is none: it would name a folder elsewhere.
    """

    digest: str
    references: int
    prompts: int
    shingles: int
    files: dict[str, int]

    def __post_init__(self) -> None:
        _check_digest(self.digest)


@dataclass(frozen=True)
class Stratum:
    """Scores of negatives of one language, or of all (``language`` None).

    ``same_task``: of those only whose task is in the index; rows of such tasks are judged by them.
    ``tail`` holds the highest scores, falling; ``negatives`` counts all. ``loose`` is exceeded by
    1% of the negatives. ``strict`` is the lowest score whose one-sided 95% upper bound on the
    false-match rate is 0.1%; None where there are too few negatives for that.
    """

    language: str | None
    negatives: int
    loose: float
    strict: float | None
    strict_bound: float | None
    tail: tuple[float, ...]
    same_task: bool = False


@dataclass(frozen=True)
class Manifest:
    """What an index holds, on which basis, and how it was calibrated.

    ``basis`` says why the output may be held. ``background`` is the digest of the files about
    trusted human rows; None without any. ``counts`` is what the build met: calls, texts kept, empty
    and repeated ones, by name.
    """

    basis: str
    scale: int
    tokens_version: str
    segments: tuple[Segment, ...] = ()
    background: str | None = None
    strata: tuple[Stratum, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    format: int = FORMAT

    def __post_init__(self) -> None:
        if self.background is not None:
            _check_digest(self.background)

    @property
    def references(self) -> int:
        """Number of reference texts in all segments."""
        return sum(segment.references for segment in self.segments)

    def to_json(self) -> str:
        """The manifest as JSON text."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """The manifest from JSON text; raises ValueError if it is none of this format."""
        data: Any = json.loads(text)
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ValueError("not a manifest of this format")
        try:
            segments = tuple(Segment(**entry) for entry in data.pop("segments"))
            strata = tuple(_stratum(entry) for entry in data.pop("strata"))
            return cls(**data, segments=segments, strata=strata)
        except (KeyError, TypeError) as error:
            raise ValueError(f"a manifest with other fields: {error}") from None

    def calibrated(self, strata: tuple[Stratum, ...]) -> "Manifest":
        """The same index with other calibration."""
        return replace(self, strata=strata)


def _check_digest(digest: str) -> None:
    if not _DIGEST.fullmatch(digest):
        raise ValueError("a manifest with a digest that is none")


def _stratum(entry: dict[str, Any]) -> Stratum:
    return Stratum(**entry | {"tail": tuple(entry["tail"])})
