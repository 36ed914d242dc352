"""Numbers that ``style calibrate`` and a scan tell, and the source of a text that is explained."""

from decimal import Decimal
from pathlib import Path

import pytest
from command_line import code_of
from hypothesis import given
from hypothesis import strategies as st
from style_scorer import FakeScorer, essay, manifest_of, write_calibration

from scrubtrace.detectors.style import detector as module
from scrubtrace.schemas.style import Stratum
from scrubtrace.stats.conformal import rank_reached, rows_needed
from scrubtrace.style.table import described_calibration


def told(n: int, alpha: float = 0.01) -> list[str]:
    manifest = manifest_of(strata=(Stratum("en", "", 0, None),), sizes=(n,))
    return list(described_calibration(manifest, alpha, "human.npz"))


def smallest(n: int) -> str:
    return told(n)[3].split()[8]


@pytest.mark.parametrize(
    ("n", "alpha"),
    [(20, "0.0477"), (98, "0.0102"), (99, "0.01"), (400, "0.0025"), (999, "0.001"),
     (5_999, "0.000167"), (99_999, "1e-05")],
)  # fmt: skip
def test_the_smallest_alpha_is_rounded_up(n: int, alpha: str) -> None:
    assert smallest(n) == alpha


@given(st.integers(1, 2_000_000))
def test_the_alpha_that_is_shown_can_be_reached(n: int) -> None:
    alpha = float(smallest(n))
    assert rank_reached(alpha, n) >= 1
    assert rows_needed(alpha) <= n
    assert Decimal(alpha) * (n + 1) < Decimal("1.011")


@pytest.mark.parametrize(
    ("n", "said"),
    [(98, "alpha 0.01 cannot be reached, 1 row is missing"),
     (97, "alpha 0.01 cannot be reached, 2 rows are missing")],
)  # fmt: skip
def test_how_many_rows_are_missing(n: int, said: str) -> None:
    assert f"en, no source, 0 words and more: {said}" in told(n)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--source", "essays"), "FLAGGED for review: resembles LLM text in style: ranks high among"
         " 200 of your human rows (en, essays, "),
        (("--source", "news"), "not flagged"),
        (("--source", ""), "not flagged"),
        ((), "not flagged"),
    ],
)  # fmt: skip
def test_a_text_is_explained_as_one_of_its_source(
    options: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "load_scorer", lambda _: FakeScorer())
    write_calibration(Path("human.npz"), 200, source="essays")
    code = code_of(
        "explain", essay(1, 60, moreover=10), "--language", "en", *options,
        "--style-calibration", "human.npz", "--set", "policy.style.alpha=0.01",
    )  # fmt: skip
    assert code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(said)
    assert ("stylometry abstains: not_calibrated" in shown) == (said == "not flagged")


def test_what_is_quoted_of_a_text_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    text = "It is late. As an AI lang\u200buage mod\u200bel, I cannot boil water."
    assert code_of("explain", text, "--language", "en") == 0
    shown = capsys.readouterr().out
    assert "As an AI lang\\u200buage mod\\u200bel" in shown
    assert "\u200b" not in shown
