"""Fixtures that several test files share."""

import os
import pickle
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import settings
from sqlalchemy import Engine, create_engine, make_url, text

from scrubtrace.beam_pipelines.layout import RunFolder
from scrubtrace.beam_pipelines.planning import plan_work, read_inputs
from scrubtrace.beam_pipelines.runner import make_runner, pipeline_options
from scrubtrace.detectors import registry
from scrubtrace.detectors.registry import make_detector
from scrubtrace.review.connection import open_review
from scrubtrace.schemas.identity import DigestKey
from scrubtrace.schemas.plan import Columns, DetectorSpec, RunSpec, Work

KEY = "ab" * 32
SERVER = os.environ.get("SCRUBTRACE_TEST_POSTGRESQL", "")

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if "CI" in os.environ else "local")

WriteShard = Callable[..., Path]
InstallPlugin = Callable[..., str]

PLUGIN = """
from scrubtrace import Evidence, Lane, Span
{top}
class Trial:
    name = "{name}"
    version = "1"
    lane = Lane.TRACE
    languages = frozenset({{"en", "fr"}})
    def fingerprint(self):
        return "f1"
    def setup(self):
        pass
    def detect(self, batch):
        return Evidence.of([], {{}})
{body}
"""
MakeRun = Callable[..., tuple[RunFolder, RunSpec, Work]]


class EagerPipeline:
    """``inputs | eager | transform`` runs at once and gives the list of the outputs.

    Outputs come back through a file: Beam pickles what a closure would collect them in.
    """

    def __init__(self, folder: Path, inputs: list[Any] | None = None) -> None:
        self._folder = folder
        self._inputs = inputs or []

    def __ror__(self, inputs: list[Any]) -> "EagerPipeline":
        return EagerPipeline(self._folder, inputs)

    def __or__(self, transform: beam.PTransform) -> list[Any]:
        path = self._folder / uuid.uuid4().hex
        with beam.Pipeline(runner=make_runner(pipeline_options([], 1))) as pipeline:
            outputs = pipeline | "Inputs" >> beam.Create(self._inputs) | transform
            _ = outputs | "Keep" >> beam.Map(partial(_append, path))
        return list(_records(path)) if path.exists() else []


def _append(path: Path, element: Any) -> None:
    with path.open("ab") as file:
        pickle.dump(element, file)


def _records(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        while file.peek():
            yield pickle.load(file)  # noqa: S301 -- this process wrote it


@pytest.fixture
def eager(tmp_path_factory: pytest.TempPathFactory) -> EagerPipeline:
    """The pinned runner in one operator; see `EagerPipeline`."""
    return EagerPipeline(tmp_path_factory.mktemp("eager"))


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
    ) -> tuple[RunFolder, RunSpec, Work]:
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
        names = [planned.name for planned in spec.detectors]
        work = plan_work(read_inputs(inputs, columns), names, {}, unit_rows)
        folder = RunFolder(str(tmp_path / name))
        folder.create(spec, work)
        return folder, spec, work

    return make


@pytest.fixture
def install_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InstallPlugin:
    """Installs a distribution with one detector for this process and for new ones.

    ``body`` redefines members of a detector that finds nothing; ``top`` stands before the class.
    """

    def install(distribution: str, name: str = "trial", body: str = "", top: str = "") -> str:
        module = f"plugin_{uuid.uuid4().hex}"
        folder = tmp_path / "plugins" / module
        about = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
        about.mkdir(parents=True)
        source = PLUGIN.format(name=name, top=top, body=indent(dedent(body), "    "))
        (folder / f"{module}.py").write_text(source)
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
        )
        entry = f"[{registry.GROUP}]\n{name} = {module}:Trial\n"
        (about / "entry_points.txt").write_text(entry)
        monkeypatch.syspath_prepend(str(folder))
        earlier = os.environ.get("PYTHONPATH", "")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(folder), earlier])))
        return str(folder)

    return install


@pytest.fixture
def schema_url() -> Iterator[str]:
    """URL of an empty schema of the test server, dropped afterwards."""
    if not SERVER:
        pytest.skip("SCRUBTRACE_TEST_POSTGRESQL is not set")
    name = f"review_{uuid.uuid4().hex}"
    server = create_engine(make_url(SERVER).set(drivername="postgresql+psycopg"))
    with server.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    url = make_url(SERVER).update_query_dict({"options": f"-csearch_path={name}"})
    yield url.render_as_string(hide_password=False)
    with server.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    server.dispose()


@pytest.fixture
def database_url() -> Iterator[str]:
    """URL of an empty database of the test server, whose locks no other test waits for."""
    if not SERVER:
        pytest.skip("SCRUBTRACE_TEST_POSTGRESQL is not set")
    name = f"review_{uuid.uuid4().hex}"
    url = make_url(SERVER).set(drivername="postgresql+psycopg")
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(SERVER).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/review.sqlite"
    return str(request.getfixturevalue("schema_url"))


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_review(url)
    yield engine
    engine.dispose()
