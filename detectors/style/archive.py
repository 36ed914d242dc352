"""Files of arrays: ``.npz`` without pickle whose bytes depend on the content only."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[Any]]


def archive_bytes(arrays: Arrays) -> bytes:
    """The content of an ``.npz`` file with these arrays, in this order."""
    sink = io.BytesIO()
    # The date of every member is the same; numpy's own savez promises nothing about it.
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            member.compress_type = zipfile.ZIP_DEFLATED
            held = io.BytesIO()
            np.save(held, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(member, held.getvalue())
    return sink.getvalue()


def archive_arrays(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """All arrays of an ``.npz`` file; raises what zip, deflate and numpy raise on damaged bytes."""
    with np.load(io.BytesIO(content), allow_pickle=False) as opened:
        return {name: opened[name] for name in opened.files}
