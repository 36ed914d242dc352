"""The summary where style flags texts that are counted under another kind."""

from collections import Counter

import pytest

from scrubtrace.balance import Balance
from scrubtrace.config import load_config
from scrubtrace.outcome import Outcome
from scrubtrace.style.flagging import Stratum, StyleOutcome
from scrubtrace.summary import summary


@pytest.mark.parametrize(
    ("by_style", "flagged", "reported", "said"),
    [
        ((120, 80), {"llm_style": 151, "llm_text": 114}, {}, "49 of the 200 texts"),
        ((200,), {"llm_style": 200, "llm_text": 9}, {}, ""),
        ((200,), {"llm_text": 9}, {"llm_style": 191}, "9 of the 200 texts"),
        ((0,), {"llm_text": 9}, {}, ""),
    ],
)
def test_texts_of_another_kind_are_told(
    by_style: tuple[int, ...], flagged: dict[str, int], reported: dict[str, int], said: str
) -> None:
    outcome = Outcome("r", "soups", Balance(), [])
    names = [f"en/web/{number}" for number in range(len(by_style))]
    strata = zip(names, by_style, strict=True)
    outcome.style = StyleOutcome(
        {name: Stratum(name, 9_000, 0, 5_000, flagged=found) for name, found in strata}, {}, {}
    )
    outcome.flagged, outcome.reported = Counter(flagged), Counter(reported)
    told = summary(outcome, "out", load_config(None, ["policy.style.alpha=0.01"]))
    line = f"style: {said} that style flags are counted under another kind"
    assert (line in told) if said else ("counted under another kind" not in told)
