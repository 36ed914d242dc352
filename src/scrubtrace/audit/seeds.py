"""Seeds: made and committed before the data are frozen, checked when they are used.

Whoever chooses a seed after seeing the data can try seeds until the draw suits. A seed whose
SHA-256 stands in the event log before the run began cannot have been chosen that way.
"""

import hashlib
import os
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from scrubtrace.beam_pipelines.drawing.ranking import SEED_BYTES
from scrubtrace.exits import UsageStop
from scrubtrace.review.drafts import draft_of
from scrubtrace.review.trail.seeds import Commitment, commit_seed, find_commitment


@dataclass(frozen=True)
class Seed:
    """A seed of 32 bytes; ``sha256`` is what is committed."""

    secret: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """SHA-256 of the 32 bytes, as 64 hexadecimal digits."""
        return hashlib.sha256(self.secret).hexdigest()


@dataclass(frozen=True)
class CheckedSeed:
    """A seed, when it was committed, and what is to be said about that.

    ``is_late``: not before the newest run began, so that it may have been chosen to suit.
    ``is_first``: before every run with results that still count.
    """

    seed: Seed
    commitment: Commitment
    is_late: bool
    is_first: bool
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The seed for the plan of a batch, without the secret."""
        made = self.commitment
        about = {"sha256": made.sha256, "event": made.event, "committed_at": made.at.isoformat()}
        return about | {"late": self.is_late, "before_all_results": self.is_first}


def new_seed() -> Seed:
    """A random seed."""
    return Seed(secrets.token_bytes(SEED_BYTES))


def make_seed(path: Path, engine: Engine) -> Commitment:
    """A new seed in a new file that only its owner reads, committed in the event log.

    The file has its name only once the log has the seed: whoever sees it can rely on that. Raises
    `UsageStop` if there is such a file already, `ReviewError` if the table cannot be written; then
    there is no new file.
    """
    there_is = UsageStop(f"there is a file {path} already: name another for a new seed")
    if path.is_symlink() or path.exists():
        raise there_is
    seed, draft = new_seed(), draft_of(path)
    try:
        _write_secret(draft, seed)
        commitment = commit_seed(engine, seed.sha256)
        os.link(draft, path)
    except FileExistsError:
        raise there_is from None
    except OSError as error:
        raise UsageStop(f"cannot make the seed {path}: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)
    return commitment


def _write_secret(path: Path, seed: Seed) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(seed.secret.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_seed(path: Path) -> Seed:
    """The seed in a file; raises `UsageStop` without repeating what stands there."""
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise UsageStop(f"cannot read the seed {path}: {error.strerror}") from None
    except ValueError:
        secret = b""
    if len(secret) != SEED_BYTES:
        digits = 2 * SEED_BYTES
        raise UsageStop(f"{path} is no seed of audit seed: that has {digits} hexadecimal digits")
    return Seed(secret)


def check_seed(
    engine: Engine, seed: Seed, run: datetime | None, oldest: datetime | None, allow_late: bool
) -> CheckedSeed:
    """The seed with its commitment, which must be older than ``run``, the start of the newest run.

    ``oldest`` is the start of the oldest run that has results. Raises `UsageStop` if the seed is
    not committed, or not in time unless that is allowed.
    """
    made = find_commitment(engine, seed.sha256)
    if made is None:
        raise UsageStop(
            "the seed is not in the event log of this review table: make one with audit seed, "
            "before the data are scanned"
        )
    is_late = run is None or made.at >= run
    when = f"the seed was committed at {_shown(made.at)}"
    if is_late and not allow_late:
        began = "at a time that its id does not tell" if run is None else f"at {_shown(run)}"
        raise UsageStop(
            f"{when}, not before the run, which began {began}: it may have been chosen to suit the "
            "data. Scan again with detect --force, or draw all the same with --allow-late-seed, "
            "which the plan will say"
        )
    is_first = oldest is not None and made.at < oldest
    warnings = []
    if is_late:
        warnings.append(f"{when}, not before the run: the plan says so")
    elif oldest is not None and not is_first:
        warnings.append(
            f"{when}, before the newest run, but after {_shown(oldest)}, when the oldest run with "
            "results that still count began"
        )
    return CheckedSeed(seed, made, is_late, is_first, tuple(warnings))


def _shown(time: datetime) -> str:
    return time.isoformat(sep=" ", timespec="seconds")
