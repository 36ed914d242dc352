"""What is said of strata: their calibration rows and what they can reach, candidates or not."""

from typing import Any

import pytest

from scrubtrace.config import Config, PolicySection, StyleSection
from scrubtrace.schemas.style import RankedAmong
from scrubtrace.style.flagging import decide
from scrubtrace.style.telling import style_lines

NAME = "en/essays/0-"


def told(policy: StyleSection, counts: dict[str, int]) -> list[str]:
    config = Config(policy=PolicySection(style=policy))
    return [line for line in style_lines(decide([], counts, policy), config) if "style, " in line]


@pytest.mark.parametrize("source", ["essays", "", "a (of 3)", "x\ny", "a/b"])
def test_a_count_says_how_many_calibration_rows_there_are(source: str) -> None:
    known = RankedAmong(f"en/{source}/0-99", 98)
    assert RankedAmong.read(known.name) == known
    assert RankedAmong.read(f"en/{source}/0-99") is None


@pytest.mark.parametrize(
    ("n", "style", "said"),
    [
        (98, {}, "40 judged, 0 candidates, 0 flagged, 98 calibration rows; alpha 0.01 cannot be "
         "reached with 98 calibration rows: 1 more are needed (99)"),
        (20, {}, "20 calibration rows: 79 more are needed (99)"),
        (597, {"conditional": True}, "597 calibration rows: 1 more are needed (598)"),
        (99, {}, "40 judged, 0 candidates, 0 flagged, 99 calibration rows"),
        (99, {"budget": 5}, "40 judged, 0 candidates, 0 flagged, 99 calibration rows"),
        (99, {"fdr": 0.005}, "99 calibration rows; 99 calibration rows cannot reach a false"),
        (99, {"fdr": 0.1}, "99 calibration rows; no text has a false discovery rate of 0.1: 4 "),
    ],
)  # fmt: skip
def test_a_stratum_without_a_candidate(n: int, style: dict[str, Any], said: str) -> None:
    policy = StyleSection(alpha=0.01, **style)
    (line,) = told(policy, {NAME: 40, RankedAmong(NAME, n).name: 40})
    assert line.startswith("style, en, essays, 0 words and more: 40 judged, 0 candidates")
    assert said in line
    if "cannot" not in said and "no text" not in said:
        assert line.endswith(said)


def test_receipts_of_earlier_versions_do_not_say() -> None:
    (line,) = told(StyleSection(alpha=0.01), {NAME: 40})
    assert line.endswith("40 judged, 0 candidates, none flagged")


def test_the_manifest_says_it_without_alpha_too() -> None:
    counts = {NAME: 40, RankedAmong(NAME, 98).name: 40}
    found = decide([], counts, StyleSection()).for_manifest()["strata"]
    assert set(found) == {NAME}
    assert (found[NAME]["judged"], found[NAME]["n"]) == (40, 98)
    assert found[NAME]["smallest_p"] == pytest.approx(1 / 99)


def test_how_many_would_be_flagged_of_human_texts_is_known_without_candidates() -> None:
    counts = {NAME: 1_000, RankedAmong(NAME, 999).name: 1_000}
    stratum = decide([], counts, StyleSection(alpha=0.01)).strata[NAME]
    assert stratum.expected_false == pytest.approx(10)
    assert 0 < stratum.false_range[0] < 10 < stratum.false_range[1]
