"""Fixtures that several test files share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scrubtrace.beam_pipelines.layout import RunFolder
from scrubtrace.beam_pipelines.planning import Plan, make_plan
from scrubtrace.detectors.registry import make_detector
from scrubtrace.schemas.identity import DigestKey
from scrubtrace.schemas.plan import Columns, DetectorSpec, RunSpec

KEY = "ab" * 32

WriteShard = Callable[..., Path]
MakeRun = Callable[..., tuple[RunFolder, RunSpec, Plan]]


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> DigestKey:
    """The digest key of the tests, in the environment as well."""
    monkeypatch.setenv("SCRUBTRACE_KEY", KEY)
    return DigestKey.from_hex(KEY)


@pytest.fixture
def write_shard(tmp_path: Path) -> WriteShard:
    """Writes ``data/NAME`` from columns; keyword ``row_group_size`` goes to the writer."""

    def write(name: str, row_group_size: int = 1000, **columns: Any) -> Path:
        path = tmp_path / "data" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        pq.write_table(pa.table(columns), path, row_group_size=row_group_size)
        return path

    return write


@pytest.fixture
def make_run(tmp_path: Path, key: DigestKey) -> MakeRun:
    """Plans a run over everything in ``data`` and makes its folder."""

    def make(
        name: str = "run",
        columns: Columns | None = None,
        unit_rows: int | None = None,
        pattern: str = "",
        **changes: Any,
    ) -> tuple[RunFolder, RunSpec, Plan]:
        columns = columns or Columns("text")
        detector = make_detector("boilerplate")
        about = (detector.name, detector.version, str(detector.lane), detector.fingerprint())
        options: dict[str, Any] = {
            "dataset": "data",
            "columns": columns,
            "detectors": (DetectorSpec(*about),),
            "key_id": key.id,
            "key_file": None,
            "language_identifier": "test",
            "batch_rows": 1024,
            "batch_bytes": 1 << 20,
            "spans_per_signal": 8,
            "snippet_chars": 500,
        }
        spec = RunSpec(**(options | changes))
        inputs = [pattern or f"{tmp_path}/data/*.parquet"]
        plan = make_plan(inputs, columns, unit_rows=unit_rows)
        folder = RunFolder(str(tmp_path / name))
        folder.create(spec, list(plan.units), list(plan.dead))
        return folder, spec, plan

    return make
