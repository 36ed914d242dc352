"""Controls in the files of a batch, and how many more an upper bound takes."""

import math
from dataclasses import dataclass

from sqlalchemy import Connection

from scrubtrace.review.controls.store import all_issued, controls_by_key
from scrubtrace.schemas.batches import Origin
from scrubtrace.stats.prevalence.rates import LEAST_CONTROLS


@dataclass(frozen=True)
class Mixed:
    """Lines of an export of a batch, controls that were given out with it, and those by LLMs."""

    lines: int = 0
    controls: int = 0
    llm: int = 0

    def share_for(self, more: int) -> float | None:
        """The share of controls that gives so many more by LLMs; None if the batch is too small.

        Half of the controls that are new in an export are by LLMs. Rounded up to hundredths.
        """
        wanted = 100 * (self.controls + 2 * more)
        share = math.ceil(wanted / self.lines) if self.lines else 101
        return share / 100 if share <= 100 else None


def read_mixed(connection: Connection, batch: str, lines: int) -> Mixed:
    """The controls of all files that a batch was exported to, each time that one was given out."""
    own = [issued for issued in all_issued(connection) if issued.batch == batch]
    known = controls_by_key(connection, {issued.control_key for issued in own})
    origins = [known[one.control_key].origin for one in own if one.control_key in known]
    return Mixed(lines, len(own), origins.count(Origin.LLM))


def more_controls(batch: str, mixed: Mixed, decided: int, of_batch: int, review: str) -> str:
    """What to do for an upper bound.

    ``decided`` counts the LLM controls that the reviewers decided, ``of_batch`` those of the batch
    among them; ``review`` is what the printed command needs to find the review table.
    """
    open_ = max(0, mixed.llm - of_batch)
    lacking = LEAST_CONTROLS - decided - open_
    given = "or give --sensitivity, which is taken for certain"
    if lacking <= 0:
        return f"its files have {open_:,} LLM controls that are not decided: enough; {given}"
    share = mixed.share_for(lacking)
    if share is None:
        return (
            f"it takes {lacking:,} more LLM controls, and this batch has too few lines for them: "
            f"let its reviewers decide them in other exports with --controls, {given}"
        )
    return (
        f"for {lacking:,} more LLM controls, and as many human ones, add them (scrubtrace review "
        "controls add), export the batch again, have all of it decided and import it: scrubtrace "
        f"review export --batch {batch} --controls {share:g} --out {batch}.csv{review}; {given}"
    )
