"""What a comparison is asked for, and where it keeps its files while it runs."""

from dataclasses import dataclass, field

from scrubtrace.beam_pipelines import storage
from scrubtrace.schemas.plan import Columns

OLD, NEW = "old", "new"
SIDES = (OLD, NEW)

FINDINGS, CSV, MANIFEST = "findings.parquet", "findings.csv", "manifest.json"
WORK = ".work"


@dataclass(frozen=True)
class DiffSpec:
    """Everything that the work on one partition has to know; it crosses to worker processes.

    ``flagged_keys`` are the ids of the digest keys that flagged texts are known by, ``key_file``
    where the keys are: None if in the environment.
    """

    out: str
    columns: Columns
    spans_per_signal: int
    snippet_chars: int
    key_file: str | None = None
    flagged_keys: tuple[str, ...] = field(default=())

    def work(self, *names: str) -> str:
        """A path among the files that are gone when the comparison has ended."""
        return storage.join(self.out, WORK, *names)
