"""A calibration of another model or version: what mends it, and that nothing good is destroyed."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from command_line import code_of
from style_scorer import FakeScorer, essay, write_calibration
from style_shards import write

from scrubtrace.detectors.style import detector as module
from scrubtrace.detectors.style import other_model
from scrubtrace.detectors.style.calibration import Calibration
from scrubtrace.detectors.style.detector import Stylometry
from scrubtrace.schemas.style import StyleError
from scrubtrace.style import calibrate

SHARDS = "/rows/human rows.parquet"
COMMAND = (SHARDS, "--source-column", "src", "--out", "/rows/human.npz")
AGAIN = f"`scrubtrace style calibrate '{SHARDS}' --source-column src --out"
OWN = (
    'format = 1\nlanguage = "en"\n[[signature]]\nid = "en.refusal.mine"\n'
    'category = "refusal"\nstrength = "proof"\npattern = "the kettle says no"\n'
    'match = ["The kettle says no."]\nno_match = ["The kettle says yes."]\nsource = "this test"\n'
)
OTHERS = {
    None: FakeScorer("shipped-1"),
    "own.npz": FakeScorer("model-1"),
    "other.npz": FakeScorer("model-2"),
    "french.npz": FakeScorer("model-3", frozenset({"fr"})),
}


@pytest.fixture(autouse=True)
def _models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for place in (module, calibrate):
        monkeypatch.setattr(place, "load_scorer", lambda model: OTHERS[model and Path(model).name])
    monkeypatch.setattr(other_model, "shipped", lambda: OTHERS[None])


def refusal(path: str, model: str | None) -> str:
    with pytest.raises(StyleError) as raised:
        Stylometry(model, path).setup()
    return str(raised.value)


@pytest.mark.parametrize(
    ("changes", "model", "said"),
    [
        ({"model_file": "/m/own.npz"}, None,
         "another model: name its model, --style-model /m/own.npz or detectors.stylometry.model. "
         "Or calibrate the model in use, into another file, and name that one with "
         f"--style-calibration: {AGAIN} HERE/c-2.npz`"),
        ({"model_file": "/m/own.npz"}, "other.npz",
         f"--style-calibration: {AGAIN} HERE/c-2.npz --model HERE/other.npz`"),
        ({"model_file": "/m/own.npz"}, "french.npz",
         "another model: name its model, --style-model /m/own.npz or detectors.stylometry.model. "
         "The model in use does not know the language of its rows (en)"),
        ({"model": "shipped-1", "model_file": "shipped"}, "other.npz",
         "it belongs to the shipped model, so leave out --style-model and "
         "detectors.stylometry.model. Or calibrate"),
        ({"model": "shipped-0", "model_file": "shipped"}, None,
         "it belongs to the model that another version of scrubtrace ships. Or calibrate"),
        ({}, None, "if it is not the shipped one (its digest is model-1). Or calibrate"),
        ({"detector_version": "3"}, "own.npz",
         f"another version of the detector: run {AGAIN} HERE/c.npz --model HERE/own.npz`, "
         "which replaces it"),
        ({"detector_version": "", "folded_chars": 0}, "own.npz", "another version of the detector"),
        ({"folded_chars": 2_000}, "own.npz", "another version of the detector: run"),
        ({"detector_version": "3"}, "other.npz",
         "another model and another version of the detector: name its model"),
        ({"detector_version": "3", "command": ("rows/*.parquet", "--out", "human.npz")}, "own.npz",
         "calibrate 'rows/*.parquet' --out HERE/c.npz --model HERE/own.npz` in the folder where "
         "it was calibrated, which replaces it"),
    ],
)  # fmt: skip
def test_what_mends_it(
    changes: dict[str, Any], model: str | None, said: str, tmp_path: Path
) -> None:
    write_calibration(Path("c.npz"), 99, **({"command": COMMAND} | changes))
    told = refusal("c.npz", model)
    assert told.startswith("calibration c.npz was calibrated with another ")
    assert said.replace("HERE", str(tmp_path)) in told


def test_a_new_calibration_never_takes_the_name_of_another() -> None:
    for name in ("c.npz", "c-2.npz"):
        write_calibration(Path(name), 99, command=COMMAND)
    assert "/c-3.npz --model" in refusal("c.npz", "other.npz")


def test_both_remedies_work_from_any_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Path("rows [old]").mkdir()
    monkeypatch.chdir("rows [old]")
    write(Path("human-1.parquet"), [essay(seed) for seed in range(60)], ["essays"] * 60)
    Path("own.toml").write_text(OWN)
    Path("scrubtrace.toml").write_text(
        "[scan]\ndetectors = ['boilerplate']\n[policy]\nstrong_categories = 3\n"
        "[policy.style]\nalpha = 0.02\n"
        "[detectors.boilerplate]\nsignature_files = ['own.toml']\n"
    )
    code = code_of("style", "calibrate", "human-*.parquet", "--out", "c.npz", "--model", "own.npz",
                   "--origin", "made up", "--source-column", "source", "--language", "en",
                   "--quiet")  # fmt: skip
    assert code == 0
    first = Path("c.npz").read_bytes()
    monkeypatch.chdir(tmp_path)
    path = str(tmp_path / "rows [old]" / "c.npz")
    told = refusal(path, "other.npz")
    named = re.search(r"--style-model (\S+|'[^']+') or", told)
    assert named is not None
    Stylometry(shlex.split(named[1])[0], path).setup()
    command = told.split("`")[1]
    assert code_of(*shlex.split(command)[1:], "--quiet") == 0
    assert Path(path).read_bytes() == first
    made = path.replace("c.npz", "c-2.npz")
    Stylometry("other.npz", made).setup()
    old, new = (Calibration.read(name).manifest for name in (path, made))
    assert (new.files, new.sizes, new.other_lanes) == (old.files, old.sizes, old.other_lanes)
    assert old.other_lanes is not None
    assert old.other_lanes.alpha == 0.02
