"""A Beam file system that lives in the memory of this process: ``mem://``."""

import io
from collections.abc import Iterator
from typing import Any

from apache_beam.io.filesystem import FileMetadata, FileSystem
from apache_beam.options.pipeline_options import PipelineOptions

FILES: dict[str, bytes] = {}


class Written(io.BytesIO):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def close(self) -> None:
        content = b"" if self.closed else self.getvalue()
        if not self.closed and not content:
            super().close()
            raise ValueError("an upload needs a part, as on S3")
        if content:
            FILES[self._path] = content
        super().close()


class MemoryFileSystem(FileSystem):
    """Files of the scheme ``mem`` in a dictionary: what an object store can do, no more.

    Like the clients of S3, Azure and HDFS it is made from options only.
    """

    def __init__(self, pipeline_options: Any) -> None:
        if not isinstance(pipeline_options, PipelineOptions):
            raise ValueError("options must be provided")
        super().__init__(pipeline_options)

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
        return Written(path)

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
