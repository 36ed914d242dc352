"""The audit sample of a record, as its side files have it; reading and drawing it is another one's.

Kept apart since most purges have none, and what draws one takes long to import.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import table_bytes
from scrubtrace.beam_pipelines.purging.layout import PurgeFolder
from scrubtrace.schemas.batches import Batch

TEXTS, FLAGGED_TEXTS = "sample.parquet", "flagged.parquet"
SIDE_FILES = (TEXTS, FLAGGED_TEXTS)


@dataclass(frozen=True)
class Sample:
    """An audit batch that was drawn from the purged shards.

    ``texts`` is a table of `SAMPLE`. ``flagged`` has the keys of all flagged texts, if these were
    drawn for themselves.
    """

    batch: Batch
    texts: pa.Table
    flagged: pa.Table | None

    @cached_property
    def files(self) -> dict[str, bytes]:
        """The side files of the record by name."""
        tables = {TEXTS: self.texts, FLAGGED_TEXTS: self.flagged}
        return {name: table_bytes(table) for name, table in tables.items() if table is not None}

    def to_dict(self) -> dict[str, Any]:
        """What the record says of it; the digest of the plan is that of the review log."""
        from scrubtrace.review.trail.events import sha256_of

        plan = dict(self.batch.plan)
        about = {"batch": self.batch.name, "event": self.batch.event}
        return {"sha256": sha256_of(plan), "content": plan, "drawn": len(self.texts)} | about

    def write(self, folder: PurgeFolder) -> None:
        """Writes the side files of the record."""
        for name, content in self.files.items():
            storage.write_atomic(folder.removal(name), content)


def remove_others(folder: PurgeFolder, sample: Sample | None) -> None:
    """Removes side files of an earlier sample that this one does not have."""
    names = set(SIDE_FILES) - set(sample.files if sample else ())
    paths = [folder.removal(name) for name in sorted(names)]
    storage.remove([path for path in paths if storage.exists(path)])
