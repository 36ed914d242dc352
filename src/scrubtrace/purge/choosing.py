"""Which texts and rows a policy removes, as rows of `WANTED`: not yet where they are now."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scrubtrace.balance import check_balance
from scrubtrace.config import PurgeSection
from scrubtrace.exits import UsageStop
from scrubtrace.out_file import check_local
from scrubtrace.purge.csv_lists import csv_rows
from scrubtrace.resolver import current_results
from scrubtrace.runs.reading import manifest_of
from scrubtrace.schemas.decided import DECIDED
from scrubtrace.schemas.plan import RunSpec
from scrubtrace.schemas.removal import WANTED, Reason
from scrubtrace.schemas.review import Decision
from scrubtrace.schemas.vocabulary import Kind, MatchClass

REFERENCE = "reference"
FOUND_ROWS = 10_000
"""Findings taken together into one table."""

NEEDED = (
    "item_key", "dataset", "shard", "row_index", "row_id", "occurrence", "field", "turn", "source",
    "stage", "text_digest", "key_id", "decision", "unseen_run", "kind",
)  # fmt: skip
"""Columns of a decisions file that are read."""

PLACE = ("shard", "row_index", "field", "turn", "text_digest", "key_id")
"""Columns of a list that names texts by their place; the digest tells whether it is the text."""


@dataclass
class Chosen:
    """What a policy chooses and what that rests on.

    ``decisions`` is the decisions file of the data set, whatever was decided. ``files`` has the
    SHA-256 of each file that was read, by what it is.
    """

    wanted: pa.Table
    decisions: pa.Table | None = None
    review_head: str | None = None
    files: dict[str, str] = field(default_factory=dict)
    run: str | None = None
    thresholds: dict[str, Any] | None = None
    spec: RunSpec | None = None


def choose(
    policy: PurgeSection, dataset: str, decisions: str | None, results: str | None
) -> Chosen:
    """Everything that the policy names in a data set; raises `UsageStop` for unusable files."""
    check_local(decisions, "--decisions")
    check_local(policy.list, "purge.list")
    found = Chosen(WANTED.empty_table())
    tables = [found.wanted]
    if decisions is not None:
        found.files["decisions"] = digest_of(decisions)
        found.decisions, found.review_head = read_decisions(decisions, dataset)
    if policy.reviewed and found.decisions is not None:
        concurred = pc.equal(found.decisions.column("decision"), str(Decision.CONCUR))
        tables.append(_wanted(found.decisions.filter(concurred), Reason.REVIEWED))
    if policy.list is not None:
        found.files["list"] = digest_of(policy.list)
        tables.append(_listed(policy.list, found.decisions))
    if results is not None:
        tables += _verbatim(found, results, dataset, policy.match_verbatim)
    found.wanted = pa.concat_tables(tables).combine_chunks()
    return found


def read_decisions(path: str, dataset: str) -> tuple[pa.Table, str | None]:
    """The places of a data set in a decisions file, and the head of the review log.

    Findings about calls are about no row of it: they are left out.
    Raises `UsageStop` if it is no export of decisions, or none about the data set.
    """
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        why = getattr(error, "strerror", None) or "no Parquet file"
        raise UsageStop(f"cannot read {path}: {why}") from None
    for name in NEEDED:
        if name not in schema.names or schema.field(name).type != DECIDED.field(name).type:
            raise UsageStop(
                f"{path} has no column {name} as review export --format parquet writes it"
            )
    try:
        table = pq.read_table(path, columns=list(NEEDED), use_threads=False)
    except (OSError, pa.ArrowException):
        raise UsageStop(f"{path} is damaged: export it again") from None
    head = (schema.metadata or {}).get(b"review_head")
    names = table.column("dataset").unique().to_pylist()
    own = table.filter(pc.equal(table.column("dataset"), dataset))
    if table.num_rows and not own.num_rows:
        raise UsageStop(
            f"{path} is about data set {', '.join(sorted(names))}, not {dataset!r}: "
            "name the data set with --dataset"
        )
    rows = own.filter(pc.not_equal(own.column("kind"), str(Kind.CALL_RULE)))
    return rows, head.decode() if head else None


def digest_of(path: str) -> str:
    """SHA-256 of a local file; raises `UsageStop` if it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageStop(f"cannot read {path}: {error.strerror}") from None


def _wanted(decided: pa.Table, reason: Reason) -> pa.Table:
    columns = {name: decided.column(name) for name in WANTED.names if name in decided.schema.names}
    columns["unseen"] = pc.is_valid(decided.column("unseen_run"))
    columns["reason"] = pa.array([str(reason)] * decided.num_rows, pa.string())
    return pa.table({name: columns[name] for name in WANTED.names}).cast(WANTED)


def _listed(path: str, decisions: pa.Table | None) -> pa.Table:
    """A list of row ids, of item keys in the decisions file, or of places with text digests."""
    names, rows = _list_rows(path)
    if set(PLACE) - {"turn"} <= names:
        return pa.Table.from_pylist([_placed(row) for row in rows], WANTED)
    if "item_key" in names:
        return _by_item_key([row["item_key"] for row in rows], path, decisions)
    if "row_id" in names:
        listed = [{"row_id": str(row["row_id"]), "reason": Reason.LISTED} for row in rows]
        if any(row["row_id"] in (None, "") for row in rows):
            raise UsageStop(f"{path} has a row without row_id: remove it")
        return pa.Table.from_pylist(listed, WANTED)
    raise UsageStop(f"{path} needs a column row_id or item_key, or the columns {', '.join(PLACE)}")


def _list_rows(path: str) -> tuple[set[str], list[dict[str, Any]]]:
    """The names of the columns, and the rows."""
    if path.endswith(".parquet"):
        return _parquet_rows(path)
    names, rows = csv_rows(path)
    return set(names), [*rows]


def _parquet_rows(path: str) -> tuple[set[str], list[dict[str, Any]]]:
    """The columns of a Parquet list that name rows, as text; other columns are not read."""
    try:
        names = [n for n in pq.read_schema(path).names if n in ("row_id", "item_key", *PLACE)]
        table = pq.read_table(path, columns=names, use_threads=False)
    except (OSError, pa.ArrowException):
        raise UsageStop(f"cannot read {path} as Parquet") from None
    columns = {}
    for name in names:
        try:
            columns[name] = table.column(name).cast(pa.string()).to_pylist()
        except pa.ArrowException:
            kind = table.schema.field(name).type
            raise UsageStop(f"{path}: column {name} of type {kind} is no text or number") from None
    rows = zip(*columns.values(), strict=True)
    return set(names), [dict(zip(columns, row, strict=True)) for row in rows]


def _placed(row: dict[str, Any]) -> dict[str, Any]:
    try:
        turn = row.get("turn")
        numbers = {
            "row_index": int(str(row["row_index"])),
            "turn": None if turn in (None, "") else int(str(turn)),
        }
    except ValueError:
        raise UsageStop("the list has a row_index or turn that is no whole number") from None
    names = ("shard", "field", "text_digest", "key_id")
    if empty := [name for name in names if row[name] in (None, "")]:
        raise UsageStop(f"the list has a row without {empty[0]}")
    row_id = row.get("row_id")
    row_id = None if row_id in (None, "") else str(row_id)
    texts = {name: str(row[name]) for name in names}
    return {"reason": Reason.LISTED, "row_id": row_id} | texts | numbers


def _by_item_key(keys: Sequence[str], path: str, decisions: pa.Table | None) -> pa.Table:
    if decisions is None:
        raise UsageStop(f"{path} names item keys: give the file that has them as --decisions")
    listed = pa.array(keys, pa.string())
    missing = listed.filter(pc.invert(pc.is_in(listed, decisions.column("item_key").unique())))
    if len(missing):
        raise UsageStop(
            f"{path}: {len(missing):,} item keys are not in the decisions file, "
            f"{missing[0].as_py()!r} is the first"
        )
    return _wanted(decisions.filter(pc.is_in(decisions.column("item_key"), listed)), Reason.LISTED)


def _verbatim(found: Chosen, out: str, dataset: str, wanted: bool) -> Iterator[pa.Table]:
    """Texts that have the words of a reference completion, from the current results.

    Notes the newest run, whose detectors and thresholds belong to the record.
    """
    results = current_results(out, dataset)
    found.spec = results.spec
    found.run = max(results.folders)
    found.thresholds = manifest_of(results.folders[found.run])["policy"]
    if not wanted:
        return
    if REFERENCE not in {planned.name for planned in results.spec.detectors}:
        raise UsageStop(f"no run in {out} compared with a reference index (detect --reference)")
    results.left_out = check_balance(results).changed_shards
    rows: list[dict[str, Any]] = []
    for row in results.found_by(REFERENCE):
        if any(entry["category"] == MatchClass.VERBATIM for entry in row["evidence"]):
            own = {name: row[name] for name in WANTED.names if name in row}
            rows.append(own | {"key_id": results.spec.key_id, "reason": Reason.VERBATIM})
        if len(rows) == FOUND_ROWS:
            yield pa.Table.from_pylist(rows, WANTED)
            rows = []
    yield pa.Table.from_pylist(rows, WANTED)
