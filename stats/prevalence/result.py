"""What an estimate of prevalence is: a number with its interval, or the reason for none."""

from dataclasses import dataclass
from enum import StrEnum

CONFIDENCE = 0.95


class Reason(StrEnum):
    """Why there is no number."""

    NO_ROWS = "no_rows"
    NO_HUMAN_REFERENCE = "no_human_reference"
    SMALL_HUMAN_REFERENCE = "small_human_reference"
    NO_LLM_REFERENCE = "no_llm_reference"
    SMALL_LLM_REFERENCE = "small_llm_reference"
    NOT_SEPARATED = "not_separated"
    NOT_A_MIXTURE = "not_a_mixture"
    IMPRECISE = "imprecise"
    NO_CONTROLS = "no_controls"
    FEW_CONTROLS = "few_controls"
    STRATUM_NOT_SAMPLED = "stratum_not_sampled"
    FEW_CLUSTERS = "few_clusters"


@dataclass(frozen=True)
class Figure:
    """One estimate of a proportion.

    Parameters
    ----------
    method : how it was computed.
    estimate : None for a bound alone, and where it is refused.
    lower, upper : interval or one-sided bound; the side that is not claimed is None.
    confidence : of the interval or bound.
    n : rows that the estimate is about.
    refusal : why there is no number; None where there is one.
    detail : what is missing, with counts, for a reader.
    """

    method: str
    estimate: float | None
    lower: float | None
    upper: float | None
    confidence: float
    n: int
    refusal: Reason | None = None
    detail: str = ""


def refused(method: str, confidence: float, n: int, reason: Reason, detail: str = "") -> Figure:
    """A figure without numbers."""
    return Figure(method, None, None, None, confidence, n, reason, detail)


def missing(
    rows: float, human: float | None, llm: float | None, least_human: int, least_llm: int
) -> tuple[Reason, str] | None:
    """Why rows with references of these sizes give no number, or None.

    A reference of None is not needed. Rows in clusters may be worth less than one row.
    """
    for name, size in (("judged", rows), ("human reference", human), ("LLM reference", llm)):
        if size is not None and 0 < size < 1:
            return Reason.FEW_CLUSTERS, f"{name} rows are worth less than one"
    if rows < 1:
        return Reason.NO_ROWS, "no rows to judge"
    if human == 0:
        return Reason.NO_HUMAN_REFERENCE, "no human reference rows"
    if human is not None and human < least_human:
        return Reason.SMALL_HUMAN_REFERENCE, f"{int(human)} of {least_human} human reference rows"
    if llm == 0:
        return Reason.NO_LLM_REFERENCE, "no LLM reference rows"
    if llm is not None and llm < least_llm:
        return Reason.SMALL_LLM_REFERENCE, f"{int(llm)} of {least_llm} LLM reference rows"
    return None


def checked(hits: float, trials: float, confidence: float) -> None:
    """Raises ValueError unless 0 <= hits <= trials and 0 < confidence < 1."""
    if not 0 <= hits <= trials or not 0 < confidence < 1:
        raise ValueError(f"no proportion: {hits} of {trials} at confidence {confidence}")
