"""Control tasks of known origin among labelers' work: what was planned, for whom, on which day."""

from enum import StrEnum

import pyarrow as pa


class Origin(StrEnum):
    """What is known of the answer to a control task beforehand.

    ``human``: no model was at hand, as in an observed session. ``llm``: the labeler is asked to
    answer with a model (planted). ``unknown``: nothing is known; the task itself has to tell, as by
    a canary.
    """

    HUMAN = "human"
    LLM = "llm"
    UNKNOWN = "unknown"


CONTROLS = pa.schema(
    [
        pa.field("task", pa.string(), nullable=False),
        pa.field("labeler", pa.string(), nullable=False),
        pa.field("day", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("canary", pa.string()),
        pa.field("instruction", pa.string()),
        pa.field("text_digest", pa.string(), nullable=False),
    ]
)
"""One row a control task and labeler, sorted by day, labeler and task; the record for scoring.

Labelers have pseudonyms. ``canary`` is the word that a model is asked for, ``instruction`` the
sentence that asks; both null without one. ``text_digest`` is the keyed digest of the task as it is
given out. The metadata have the format and the id of the key.
"""

HANDOUT = pa.schema(
    [
        pa.field("task", pa.string(), nullable=False),
        pa.field("labeler", pa.string(), nullable=False),
        pa.field("day", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
    ]
)
"""The same for whoever gives tasks out: names of labelers and the texts, but no origin."""
