"""Decisions about rows, carried over to where a purge put these rows."""

import hashlib
from collections.abc import Iterator
from shlex import quote

import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Engine

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.purging.layout import REMOVAL, SHARDS
from scrubtrace.exits import SumsDifferStop, UsageStop
from scrubtrace.purge.record import NOT_SUPPLIED
from scrubtrace.purge.verify import read_record
from scrubtrace.review.decisions.carrying import Carried, carry_decisions

ITEMS = f"{REMOVAL}/items.parquet"


def carry(record: str, engine: Engine) -> Carried:
    """Carries the decisions about rows of a removal record to their new keys.

    Raises `UsageStop` for a record of a purge without decisions, `SumsDifferStop` if the record or
    its items were changed, ReviewError.
    """
    predicate = read_record(record, None)["predicate"]
    head = predicate["review_head"]
    expected = predicate["side_files"].get(ITEMS)
    if expected is None or head == NOT_SUPPLIED:
        raise UsageStop(f"{record} is about a purge without --decisions: no decision has moved")
    path = storage.join(storage.absolute(record).rsplit("/", 2)[0], ITEMS)
    try:
        content = storage.read_bytes(path)
    except (OSError, storage.RemoteError) as error:
        raise UsageStop(f"cannot read {path}: {error.strerror}") from None
    if hashlib.sha256(content).hexdigest() != expected:
        raise SumsDifferStop(f"{path} is not the file that the record names")
    return carry_decisions(engine, _moved(path), head)


def scan_of(record: str) -> str:
    """The command that scans the shards of a removal record as the data set that they were."""
    base = record.rpartition("/")[0] or "."
    shards = f"{base}/../{SHARDS}" if "/" not in base else f"{base.rpartition('/')[0]}/{SHARDS}"
    dataset = read_record(record, None)["predicate"]["dataset"]
    return f"scrubtrace detect {quote(f'{shards}/*.parquet')} --dataset {quote(dataset)} --out DIR"


def _moved(path: str) -> Iterator[tuple[str, str]]:
    """Old and new key of the items that have another one."""
    names = ["item_key", "new_item_key"]
    with storage.open_read(path) as opened:
        for batch in pq.ParquetFile(opened).iter_batches(columns=names):
            own = batch.filter(pc.not_equal(batch["item_key"], batch["new_item_key"]))
            yield from zip(*(own[name].to_pylist() for name in names), strict=True)
