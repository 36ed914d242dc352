"""A policy that asks for style needs a scan in which style can flag, and says so at once."""

from pathlib import Path
from typing import Any

import pytest
from command_line import code_of
from samples import FLAGGED
from style_scorer import FakeScorer, essay, write_calibration
from style_shards import write

from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.config import Config, PolicySection, ScanSection, StyleSection
from scrubtrace.detectors.style import detector as module
from scrubtrace.exits import UsageStop
from scrubtrace.schemas.plan import DetectorSpec
from scrubtrace.style.flagging import check_style

TRACE = DetectorSpec("boilerplate", "1", "trace", "f", {})
KEYS = {"alpha": 0.01, "budget": 5, "fdr": 0.1}


def planned(**options: Any) -> DetectorSpec:
    return DetectorSpec("stylometry", "1", "style", "f", options)


def configured(scan: list[str] | None = None, **style: Any) -> Config:
    policy = PolicySection(style=StyleSection(**style))
    return Config(policy=policy, scan=ScanSection(detectors=scan))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("detectors", [[TRACE], [TRACE, planned(model="own.npz")], []])
def test_what_asks_for_style_needs_a_calibration(key: str, detectors: list[DetectorSpec]) -> None:
    with pytest.raises(UsageStop) as raised:
        check_style(configured(**{key: KEYS[key]}), detectors)
    assert str(raised.value) == (
        f"policy.style.{key} is set, but style flags nothing in a scan without a calibration: scan "
        "with --style-calibration FILE (or detectors.stylometry.calibration; scrubtrace style "
        f"calibrate makes the file), or remove policy.style.{key}"
    )


def test_the_detector_is_named_where_others_were_chosen() -> None:
    with pytest.raises(UsageStop, match=r"\) and with stylometry in scan\.detectors, or remove "):
        check_style(configured(["boilerplate"], alpha=0.01, fdr=0.1), [TRACE])
    with pytest.raises(UsageStop, match=r"remove policy\.style\.alpha and policy\.style\.fdr$"):
        check_style(configured(["stylometry"], alpha=0.01, fdr=0.1), [planned(model="own.npz")])


@pytest.mark.parametrize(
    ("style", "detectors"),
    [
        ({}, [TRACE]),
        ({}, [planned(model="own.npz")]),
        ({"conditional": True, "drift": 0.5}, [TRACE]),
        (KEYS, [TRACE, planned(calibration="human.npz")]),
        ({"alpha": 0.06}, [planned(calibration="human.npz", keep=0.1)]),
    ],
)
def test_what_is_not_refused(style: dict[str, Any], detectors: list[DetectorSpec]) -> None:
    check_style(configured(**style), detectors)


def test_alpha_above_what_is_kept_is_refused() -> None:
    with pytest.raises(UsageStop, match=r"keeps p-values up to 0\.05: lower alpha, or raise"):
        check_style(configured(alpha=0.06), [planned(calibration="human.npz")])


def test_a_scan_stops_before_it_begins_and_a_commit_before_it_changes_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    monkeypatch.setattr(module, "load_scorer", lambda _: FakeScorer())
    write(Path("a.parquet"), [FLAGGED, *(essay(seed, moreover=seed % 9) for seed in range(30))])
    scan = ("detect", "a.parquet", "--out", "out", "--language-column", "lang")
    alpha = ("--set", "policy.style.alpha=0.01")
    assert code_of(*scan, *alpha) == 2
    assert "scan with --style-calibration FILE" in capsys.readouterr().err
    assert not Path("out").exists()
    assert code_of(*scan) == 0
    assert "style" not in capsys.readouterr().out
    (run,) = runs_of("out")
    manifest = Path(run.manifest).read_bytes()
    assert code_of("commit", run.id, "--out", "out", *alpha) == 2
    assert "scan with --style-calibration FILE" in capsys.readouterr().err
    assert Path(run.manifest).read_bytes() == manifest
    write_calibration(Path("few.npz"), 98)
    assert code_of(*scan, *alpha, "--style-calibration", "few.npz") == 0
    said = "98 calibration rows; alpha 0.01 cannot be reached with 98 calibration rows"
    assert said in capsys.readouterr().out
    assert code_of("commit", runs_of("out")[-1].id, "--out", "out", *alpha) == 0
    assert said in capsys.readouterr().out
