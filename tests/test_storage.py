"""Files on a Beam file system: a whole run from and to one that lives in memory."""

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.io.filesystem import FileMetadata, FileSystem

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.beam_pipelines.planning import make_plan
from scrubtrace.beam_pipelines.scanning import scan_unit
from scrubtrace.detectors.registry import make_detector
from scrubtrace.schemas.identity import DigestKey
from scrubtrace.schemas.plan import Columns

FILES: dict[str, bytes] = {}


class _Written(io.BytesIO):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def close(self) -> None:
        if not self.closed:
            FILES[self._path] = self.getvalue()
        super().close()


class MemoryFileSystem(FileSystem):
    """Files of the scheme ``mem`` in a dictionary: what an object store can do, no more."""

    @classmethod
    def scheme(cls) -> str:
        return "mem"

    def join(self, basepath: str, *paths: str) -> str:
        return "/".join([basepath.rstrip("/"), *paths])

    def split(self, path: str) -> tuple[str, str]:
        head, _, tail = path.rpartition("/")
        return head, tail

    def mkdirs(self, path: str) -> None:
        pass

    def has_dirs(self) -> bool:
        return False

    def _list(self, dir_or_prefix: str) -> Iterator[FileMetadata]:
        for path, content in FILES.items():
            if path.startswith(dir_or_prefix):
                yield FileMetadata(path, len(content), 7.0)

    def create(self, path: str, *_: Any, **__: Any) -> io.BytesIO:
        return _Written(path)

    def open(self, path: str, *_: Any, **__: Any) -> io.BytesIO:
        if path not in FILES:
            raise FileNotFoundError(2, "No such file or directory", path)
        return io.BytesIO(FILES[path])

    def copy(self, sources: list[str], destinations: list[str]) -> None:
        for source, destination in zip(sources, destinations, strict=True):
            FILES[destination] = FILES[source]

    def rename(self, sources: list[str], destinations: list[str]) -> None:
        for source, destination in zip(sources, destinations, strict=True):
            FILES[destination] = FILES.pop(source)

    def exists(self, path: str) -> bool:
        return path in FILES

    def size(self, path: str) -> int:
        return len(FILES[path])

    def last_updated(self, path: str) -> float:
        return 7.0

    def checksum(self, path: str) -> str:
        return str(len(FILES[path]))

    def metadata(self, path: str) -> FileMetadata:
        return FileMetadata(path, len(FILES[path]), 7.0)

    def delete(self, paths: list[str]) -> None:
        for path in paths:
            del FILES[path]


@pytest.fixture(autouse=True)
def _empty() -> None:
    FILES.clear()


def write(path: str, texts: list[str]) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": texts}), sink)
    FILES[path] = sink.getvalue()


def test_a_run_from_and_to_a_beam_file_system(make_run: Any, key: DigestKey) -> None:
    write("mem://bucket/data/a.parquet", ["As an AI language model, I cannot swim.", "Plain."])
    write("mem://bucket/data/b.parquet", ["Plain."])
    FILES["mem://bucket/data/broken.parquet"] = b"no parquet"
    plan = make_plan(["mem://bucket/data/*.parquet"], Columns("text"))
    assert plan.dataset == "data"
    assert [shard.name for shard in plan.dead] == ["broken.parquet"]
    assert plan.rows == 3
    _, spec, _ = make_run(pattern="mem://bucket/data/*.parquet")
    folder = RunFolder("mem://bucket/out/runs/20240101T000000-abc")
    folder.create(spec, list(plan.units), list(plan.dead))
    for unit in plan.units:
        scan_unit(unit, folder, spec, [make_detector("boilerplate")], key)
    assert [run.id for run in runs_of("mem://bucket/out")] == [folder.id]
    assert folder.plan() == (list(plan.units), list(plan.dead))
    assert folder.scanned_units() == {"u0000000"}
    assert folder.read_receipt("u0000000").findings == 1
    assert not folder.is_committed()
    assert not [path for path in FILES if storage.TEMPORARY_PREFIX in path]


def test_writing_again_replaces_the_file() -> None:
    storage.write_atomic("mem://bucket/x.json", b"1")
    storage.write_atomic("mem://bucket/x.json", b"2")
    assert storage.read_bytes("mem://bucket/x.json") == b"2"
    assert storage.names_in("mem://bucket") == ["x.json"]


def test_a_missing_file_is_an_os_error() -> None:
    with pytest.raises(OSError, match="No such file"):
        storage.read_bytes("mem://bucket/none.json")
