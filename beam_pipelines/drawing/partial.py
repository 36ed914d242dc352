"""What some rows give to a draw: counts of each stratum and the texts of the smallest ranks.

Partial results add up in any order to the same whole, and hold at most so many texts a stratum.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

CANDIDATE = np.dtype(
    [("rank", "<u8"), ("shard", "<u4"), ("row", "<i8"), ("field", "<u2"), ("turn", "<i4")]
)
"""A text that may be drawn: its rank, number of its shard, row of the shard, number of its text
column, and turn, -1 where the column holds one text a row."""

MOST_STRATA = 20_000

Candidates = NDArray[np.void]
Values = tuple[str | None, ...]
"""The values of a stratum, one for each name that it is made by."""


class Outside(StrEnum):
    """Why a text or row belongs to no population: there is nothing to read in it."""

    NULL_TEXT = "null_texts"
    EMPTY_TEXT = "empty_texts"
    DEAD_ROW = "dead_rows"
    NO_TURN = "rows_without_turn"


class Problem(StrEnum):
    """Why the draw cannot be made."""

    CHANGED = "changed"
    UNREADABLE = "unreadable"
    TOO_MANY_STRATA = "too_many_strata"
    KEYS = "keys"


def smallest(candidates: Candidates, most: int) -> Candidates:
    """The ``most`` candidates of the smallest ranks, in order; of equal ranks by their place."""
    if not most:
        return candidates[:0]
    if len(candidates) > most:
        cut = np.partition(candidates["rank"], most - 1)[most - 1]
        candidates = candidates[candidates["rank"] <= cut]
    return np.sort(candidates, order=list(CANDIDATE.names or ()))[:most]


@dataclass(frozen=True)
class Keep:
    """How many texts to keep of each stratum, of those that are flagged and of the others."""

    unflagged: int
    flagged: int

    def of(self, flagged: bool) -> int:
        """How many to keep."""
        return self.flagged if flagged else self.unflagged


@dataclass
class Stratum:
    """Texts of one stratum so far: how many, flagged and not, and the candidates of each.

    ``outside`` counts what is no part of the population.
    """

    texts: Counter[bool] = field(default_factory=Counter)
    outside: Counter[str] = field(default_factory=Counter)
    candidates: dict[bool, Candidates] = field(
        default_factory=lambda: {flag: np.empty(0, CANDIDATE) for flag in (False, True)}
    )

    def add(self, flagged: bool, count: int, candidates: Candidates, keep: Keep) -> None:
        """Adds texts, and candidates that may be among the smallest of all of them."""
        self.texts[flagged] += count
        held, most = self.candidates[flagged], keep.of(flagged)
        if len(held) == most and most:
            candidates = candidates[candidates["rank"] <= held["rank"][-1]]
        if len(candidates):
            self.candidates[flagged] = smallest(np.concatenate([held, candidates]), most)

    def merge(self, other: "Stratum", keep: Keep) -> None:
        """Adds another stratum to this one."""
        self.outside.update(other.outside)
        for flagged, candidates in other.candidates.items():
            self.add(flagged, other.texts[flagged], candidates, keep)


@dataclass
class Partial:
    """The strata of some rows; ``unread`` rows could not be read, so their stratum is not known.

    ``problems`` are pairs of a `Problem` and what it is about.
    """

    keep: Keep
    strata: dict[Values, Stratum] = field(default_factory=dict)
    rows: int = 0
    unread: int = 0
    undated: int = 0
    problems: set[tuple[str, str]] = field(default_factory=set)

    def stratum(self, values: Values) -> Stratum:
        """The stratum of these values; beyond `MOST_STRATA` that is a problem."""
        found = self.strata.setdefault(values, Stratum())
        if len(self.strata) > MOST_STRATA:
            self.problems.add((Problem.TOO_MANY_STRATA, ""))
            self.strata = {}
        return found

    def merge(self, other: "Partial") -> None:
        """Adds another partial result to this one."""
        self.rows += other.rows
        self.unread += other.unread
        self.undated += other.undated
        self.problems |= other.problems
        for values, stratum in other.strata.items():
            self.stratum(values).merge(stratum, self.keep)

    def to_bytes(self) -> bytes:
        """The partial result as an Arrow stream, strata sorted: equal results give equal bytes."""
        ordered = sorted(self.strata.items(), key=lambda item: json.dumps(item[0]))
        columns: dict[str, list[object]] = {
            "values": [json.dumps(values) for values, _ in ordered],
            "outside": [json.dumps(s.outside, sort_keys=True) for _, s in ordered],
        }
        for name, flagged in (("unflagged", False), ("flagged", True)):
            columns[name] = [s.texts[flagged] for _, s in ordered]
            columns[f"{name}_candidates"] = [s.candidates[flagged].tobytes() for _, s in ordered]
        about = {
            "keep": [self.keep.unflagged, self.keep.flagged],
            "counts": [self.rows, self.unread, self.undated],
            "problems": sorted(self.problems),
        }
        table = pa.table(columns, _STRATA.with_metadata({"about": json.dumps(about)}))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        content: bytes = sink.getvalue().to_pybytes()
        return content

    @classmethod
    def from_bytes(cls, content: bytes) -> "Partial":
        """The partial result read back."""
        with pa.ipc.open_stream(content) as reader:
            table = reader.read_all()
        about = json.loads(table.schema.metadata[b"about"])
        partial = cls(Keep(*about["keep"]))
        partial.rows, partial.unread, partial.undated = about["counts"]
        partial.problems = {(problem, detail) for problem, detail in about["problems"]}
        for row in table.to_pylist():
            stratum = Stratum(outside=Counter(json.loads(row["outside"])))
            for name, flagged in (("unflagged", False), ("flagged", True)):
                stratum.texts[flagged] = row[name]
                candidates = np.frombuffer(row[f"{name}_candidates"], CANDIDATE)
                stratum.candidates[flagged] = candidates.copy()
            partial.strata[tuple(json.loads(row["values"]))] = stratum
        return partial


_STRATA = pa.schema(
    [
        pa.field("values", pa.string(), nullable=False),
        pa.field("outside", pa.string(), nullable=False),
        pa.field("unflagged", pa.int64(), nullable=False),
        pa.field("unflagged_candidates", pa.large_binary(), nullable=False),
        pa.field("flagged", pa.int64(), nullable=False),
        pa.field("flagged_candidates", pa.large_binary(), nullable=False),
    ]
)
