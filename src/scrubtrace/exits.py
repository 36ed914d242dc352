"""Exit codes, and the exceptions that end a command with one of them."""

from enum import IntEnum


class Exit(IntEnum):
    """What the exit code of every command means."""

    DONE = 0
    CRASH = 1
    USAGE = 2
    INCOMPLETE = 3
    SUMS_DIFFER = 4
    LIMIT_EXCEEDED = 5


class Stop(Exception):
    """Ends the command with a message for its user; never holds text of a row."""

    code = Exit.CRASH


class UsageStop(Stop):
    """The command or its configuration cannot be used as given."""

    code = Exit.USAGE


class IncompleteStop(Stop):
    """Rows, shards or receipts are missing; the message says how to go on."""

    code = Exit.INCOMPLETE


class LimitStop(Stop):
    """A limit that the configuration sets is exceeded."""

    code = Exit.LIMIT_EXCEEDED


class SumsDifferStop(Stop):
    """Counts that must be equal are not: the results cannot be trusted."""

    code = Exit.SUMS_DIFFER
