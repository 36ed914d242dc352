"""What a disk or a database refuses in the middle of a run: a stop to go on from, not a crash."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from scrubtrace import log
from scrubtrace.beam_pipelines.short_memory import HELP, is_shortage
from scrubtrace.beam_pipelines.storage import RemoteError
from scrubtrace.exits import IncompleteStop, UsageStop
from scrubtrace.review.errors import MissingRightError, ReviewError

GOES_ON = "what is done is kept, and the same command goes on from there"
STARTS_AGAIN = log.STARTS_AGAIN

REFUSED = {
    "ENOSPC": "the disk is full",
    "EDQUOT": "the disk quota is used up",
    "EACCES": "permission denied",
    "EROFS": "the file system is read-only",
    "ENOMEM": HELP,
    RemoteError.__name__: "an object store cannot be reached, or refuses",
}
"""What a name of an error means to the user; the errors of a machine, not of the program."""


@contextmanager
def resumable(keeps: bool = True) -> Iterator[None]:
    """Turns `ReviewError`, the errors of `REFUSED` and lack of memory into `IncompleteStop`.

    ``keeps``: the same command goes on from what is done; otherwise it starts from the beginning.
    An interruption from the keyboard says the same.
    A right that the user of the database lacks is a `UsageStop`. A missing file and other errors of
    the operating system stay what they are.
    """
    way_on = GOES_ON if keeps else STARTS_AGAIN
    log.goes_on(keeps)
    try:
        yield
    except MissingRightError as error:
        raise UsageStop(str(error)) from None
    except ReviewError as error:
        raise IncompleteStop(f"{error}; {way_on}") from None
    except (OSError, RemoteError) as error:
        name = errno.errorcode.get(error.errno or 0, "")
        if name not in REFUSED:
            raise
        place = f"{error.filename}: " if error.filename else ""
        raise IncompleteStop(f"{place}{REFUSED[name]}; {way_on}") from None
    except MemoryError:
        raise IncompleteStop(f"{REFUSED['ENOMEM']}; {way_on}") from None
    except (RuntimeError, ImportError) as error:
        if not is_shortage(error):
            raise
        raise IncompleteStop(f"{REFUSED['ENOMEM']}; {way_on}") from None
