"""A Beam file system that every process of a test sees: ``shared://`` and a path on the disk.

It reads and writes like an object store that holds the files of this machine, and notes each file
that is opened for reading in the file that `OPENED` names.
"""

import os
from typing import Any

from apache_beam.io.localfilesystem import LocalFileSystem

OPENED = "SHARED_FILES_OPENED"
SCHEME = "shared"


class SharedFileSystem(LocalFileSystem):
    """Files of the scheme ``shared``."""

    @classmethod
    def scheme(cls) -> str:
        return SCHEME

    def open(self, path: str, *more: Any, **named: Any) -> Any:
        with open(os.environ[OPENED], "a") as notes:
            notes.write(f"{path}\n")
        return super().open(_local(path), *more, **named)

    def exists(self, path: str) -> bool:
        return bool(super().exists(_local(path)))


def _local(path: str) -> str:
    return path.removeprefix(f"{SCHEME}://")
