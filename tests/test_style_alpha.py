"""``scrubtrace style calibrate``: the alpha that strata should reach, and whose model it is for."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from style_scorer import FakeScorer, essay

from scrubtrace.detectors.style.calibration import Calibration
from scrubtrace.style import calibrate


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(calibrate, "load_scorer", lambda _: FakeScorer())


def write(texts: Sequence[str]) -> None:
    pq.write_table(pa.table({"text": list(texts)}), "human.parquet")


def calibrate_on(*more: str) -> int:
    return code_of(
        "style", "calibrate", "human.parquet", "--out", "human.npz", "--origin", "made up",
        "--language", "en", "--set", "scan.detectors=['stylometry']", *more,
    )  # fmt: skip


def test_the_model_of_the_configuration_is_calibrated(monkeypatch: pytest.MonkeyPatch) -> None:
    write([essay(seed, 60) for seed in range(99)])
    asked: list[str | None] = []
    monkeypatch.setattr(calibrate, "load_scorer", lambda name: asked.append(name) or FakeScorer())
    given = ("--set", "detectors.stylometry.model=own.npz", "--quiet")
    assert calibrate_on(*given) == 0
    assert calibrate_on(*given, "--model", "other.npz") == 0
    assert asked == ["own.npz", "other.npz"]


def test_strata_merge_to_what_conditional_p_values_need(capsys: pytest.CaptureFixture[str]) -> None:
    texts = [essay(seed, 40 if seed % 2 else 140) for seed in range(1_000)]
    write(texts)
    assert calibrate_on("--quiet", "--alpha", "0.01") == 0
    assert len(Calibration.read("human.npz").manifest.sizes) == 2
    conditional = ("--set", "policy.style.conditional=true", "--alpha")
    assert calibrate_on(*conditional, "0.01", "--quiet") == 0
    assert Calibration.read("human.npz").manifest.sizes == (1_000,)
    assert calibrate_on(*conditional, "0.001") == 0
    assert "alpha 0.001 cannot be reached, 4,990 rows are missing" in capsys.readouterr().out


@pytest.mark.parametrize("alpha", ["1e-320", "1e-10", "0"])
def test_an_alpha_that_nobody_can_reach_is_refused(alpha: str) -> None:
    write([essay(seed, 60) for seed in range(99)])
    assert calibrate_on("--alpha", alpha) == 2
    assert calibrate_on("--set", f"policy.style.alpha={alpha}") == 2
