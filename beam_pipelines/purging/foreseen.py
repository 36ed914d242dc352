"""What purging a shard would remove: wanted rows are compared as a purge does, nothing is written.

Only row groups with wanted rows are read, and of these only texts and ids.
"""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.changes import ShardChanged, check_unchanged
from scrubtrace.beam_pipelines.columns import leaf_paths
from scrubtrace.beam_pipelines.purging.checking import Checker, Keys
from scrubtrace.beam_pipelines.purging.leaving import leaving_of, split
from scrubtrace.beam_pipelines.purging.rows import UnreadableError, groups_of, open_shard
from scrubtrace.beam_pipelines.purging.shard import Purged, checked, given_up
from scrubtrace.schemas.plan import Shard
from scrubtrace.schemas.removal import REMOVED, PurgeSpec, ShardReceipt

_NO_DIGEST = bytes(8)


def foresee_shard(shard: Shard, wanted: pa.Table, spec: PurgeSpec, keys: Keys) -> Purged:
    """What `purge_shard` would remove and leave, without digests of rows.

    ``wanted`` has the columns of `WANTED`, rows of this shard only, by row. Damage in a row group
    or column without wanted rows is not seen. Raises OSError, `storage.RemoteError`.
    """
    foreseen = Purged(ShardReceipt(shard.name, rows_before=shard.rows))
    try:
        with storage.open_read(shard.path) as opened:
            check_unchanged(opened, shard)
            _compare(open_shard(opened), shard.name, wanted, spec, keys, foreseen)
    except (UnreadableError, ShardChanged) as error:
        return given_up(shard, wanted, error)
    return foreseen


def _compare(
    file: pq.ParquetFile, name: str, wanted: pa.Table, spec: PurgeSpec, keys: Keys, foreseen: Purged
) -> None:
    rows = wanted.column("row_index").to_numpy()
    checker = Checker(file.schema_arrow, wanted, spec, keys)
    names = checker.names() or file.schema_arrow.names[:1]
    for group in groups_of(file, leaf_paths(file, [(name,) for name in names])):
        low, high = np.searchsorted(rows, [group.start, group.start + group.rows])
        if low == high:
            continue
        for first, batch in group.read(spec.batch_bytes):
            low, high = np.searchsorted(rows, [first, first + batch.num_rows])
            going = checked(checker, batch, first, wanted.slice(low, high - low), foreseen)
            leaving = leaving_of(going, spec.by_turn)
            if spec.by_turn:
                split(batch, first, leaving, spec.chat)  # tells of which rows no turn is left
            records = [own.removed(spec, name, _NO_DIGEST) for own in leaving.values()]
            foreseen.removed.append(pa.Table.from_pylist(records, REMOVED))
