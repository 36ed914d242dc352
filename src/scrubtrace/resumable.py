"""What a disk or a database refuses in the middle of a run: a stop to go on from, not a crash."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from scrubtrace.exits import IncompleteStop
from scrubtrace.review.errors import ReviewError

GOES_ON = "what is done is kept, and the same command goes on from there"

REFUSED = {
    "ENOSPC": "the disk is full",
    "EDQUOT": "the disk quota is used up",
    "EACCES": "permission denied",
    "EROFS": "the file system is read-only",
    "ENOMEM": "not enough memory: use fewer --workers, or a smaller scan.batch_bytes",
}
"""What a name of an error means to the user; the errors of a machine, not of the program."""

NO_THREAD = "can't start new thread"
"""What Python says when there is no memory for the stack of another thread."""


@contextmanager
def resumable() -> Iterator[None]:
    """Turns `ReviewError`, the errors of `REFUSED` and lack of memory into `IncompleteStop`.

    A missing file and other errors of the operating system stay what they are.
    """
    try:
        yield
    except ReviewError as error:
        raise IncompleteStop(f"{error}; {GOES_ON}") from None
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "")
        if name not in REFUSED:
            raise
        place = f"{error.filename}: " if error.filename else ""
        raise IncompleteStop(f"{place}{REFUSED[name]}; {GOES_ON}") from None
    except MemoryError:
        raise IncompleteStop(f"{REFUSED['ENOMEM']}; {GOES_ON}") from None
    except RuntimeError as error:
        if NO_THREAD not in str(error):
            raise
        raise IncompleteStop(f"{REFUSED['ENOMEM']}; {GOES_ON}") from None
