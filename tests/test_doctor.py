"""The doctor: detectors and packages in processes of their own, lanes, languages, the command."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from scrubtrace.cli import main
from scrubtrace.config import Config, ScanSection
from scrubtrace.doctor import packages
from scrubtrace.doctor.check import Check, State
from scrubtrace.doctor.detectors import (
    Tried,
    lane_checks,
    language_checks,
    policy_checks,
    try_detectors,
)
from scrubtrace.doctor.packages import package_checks
from scrubtrace.doctor.trial import try_detector, try_imports

InstallPlugin = Callable[..., str]
SOON = 120.0


def test_one_broken_plugin_hides_no_other_detector(install_plugin: InstallPlugin) -> None:
    install_plugin("scrubtrace-trial", top="import os; os.abort()")
    for chosen, counts in (("trial", True), ("boilerplate", False)):
        config = Config(scan=ScanSection(detectors=[chosen]))
        found = {entry.name: entry.check for entry in try_detectors(config, SOON)}
        assert set(found) == {"boilerplate", "redaction", "trial"}
        assert found["boilerplate"].state == found["redaction"].state == State.OK
        assert found["trial"].state == State.BROKEN
        assert found["trial"].counts == counts
        assert found["trial"].about == "scrubtrace-trial 1.0: it ends the process with signal 6"


def test_a_plugin_that_works(install_plugin: InstallPlugin) -> None:
    install_plugin("scrubtrace-trial")
    answer, problem = try_detector("trial", {}, SOON)
    assert problem == ""
    assert answer is not None
    assert answer["languages"] == ["en", "fr"]
    assert (answer["version"], answer["fingerprint"], answer["lane"]) == ("1", "f1", "trace")


@pytest.mark.parametrize(
    ("top", "body", "about"),
    [
        ("import no_such_module", "", "cannot be made: ModuleNotFoundError"),
        ("raise SystemExit(0)", "", "cannot be made: SystemExit"),
        ("import os; os._exit(3)", "", "it ends the process with exit code 3"),
        ("import time", "def setup(self): time.sleep(60)", "it takes longer than 5 s"),
        ("", "def setup(self): raise OSError('no model here')", "set up: OSError: no model here"),
        ("", "name = 'other'", "calls itself 'other'"),
        ("", "def detect(self, batch): return None", "it fails on a plain text: ContractError"),
        ("", "def detect(self, batch): print('x'); raise KeyError(1)", "plain text: KeyError"),
    ],
)
def test_a_plugin_that_does_not_work(
    install_plugin: InstallPlugin, top: str, body: str, about: str
) -> None:
    install_plugin("scrubtrace-trial", top=top, body=body)
    answer, problem = try_detector("trial", {}, 5.0 if "sleep" in body else SOON)
    assert answer is None
    assert about in problem


def test_two_distributions_with_one_name(install_plugin: InstallPlugin) -> None:
    install_plugin("one")
    install_plugin("two")
    config = Config(scan=ScanSection(detectors=["trial"]))
    found = {entry.name: entry.check for entry in try_detectors(config, SOON)}
    assert found["trial"].counts
    for words in ("'trial' is registered twice: by ", "one 1.0", "two 1.0"):
        assert words in found["trial"].about
    assert found["boilerplate"].state == State.OK


def test_what_the_configuration_asks_for_and_is_not_there() -> None:
    config = Config.model_validate({
        "scan": {"detectors": ["gone", "boilerplate", "redaction"]},
        "detectors": {
            "idle": {"a": 1},
            "boilerplate": {"signature_files": ["no.toml"]},
            "redaction": {"models": {"en": "no_such_model"}},
        },
    })  # fmt: skip
    found = {entry.name: entry.check for entry in try_detectors(config, SOON)}
    assert all(check.counts and check.todo for check in found.values())
    assert found["gone"].about == "not installed"
    assert found["idle"].name == "options of idle"
    assert found["idle"].about.startswith("options in [detectors.idle], but it does not run")
    assert found["idle"].todo == "take the options out, or correct the name"
    assert "cannot read no.toml" in found["boilerplate"].about
    assert "redaction" in found["redaction"].about
    assert "no_such_model" in found["redaction"].about


def test_options_of_a_broken_detector_that_does_not_run(install_plugin: InstallPlugin) -> None:
    install_plugin("scrubtrace-trial", top="raise OSError")
    chosen = {"scan": {"detectors": ["boilerplate"]}, "detectors": {"trial": {"mode": "x"}}}
    checks = {t.check.name: t.check for t in try_detectors(Config.model_validate(chosen), SOON)}
    assert not checks["trial"].counts
    assert "scan.detectors" not in checks["trial"].todo
    options = checks["options of trial"]
    assert options.counts
    assert "it does not run: detect refuses that" in options.about
    assert options.todo == "take the options out, or add it to scan.detectors"


def _tried(name: str, lane: str, *languages: str, asked: bool = True) -> Tried:
    answer = {"lane": lane, "languages": list(languages)}
    return Tried(name, asked, answer, Check("detectors", name, State.OK, ""))


def test_lanes_that_can_speak_and_those_that_cannot() -> None:
    checks = {c.name: c for c in lane_checks([_tried("a", "trace", "en"), _tried("b", "style")])}
    assert checks["lane trace"].about == "a in en"
    assert checks["lane match"].state == State.MISSING
    assert checks["lane style"].state == State.OK
    assert "strata" not in checks
    checks = {c.name: c for c in lane_checks([_tried("a", "trace", "en", asked=False)])}
    assert {check.state for check in checks.values()} == {State.MISSING}
    assert "calibrate" in checks["lane style"].todo
    assert "no calibration" in checks["strata"].about


def test_a_policy_that_needs_a_calibration_and_one_that_asks_for_more_than_is_kept() -> None:
    def check(options: dict[str, object] | None = None, **policy: float) -> Check:
        detectors = {} if options is None else {"stylometry": options}
        sections = {"policy": {"style": policy}, "detectors": detectors}
        (found,) = policy_checks(Config.model_validate(sections), [_tried("stylometry", "style")])
        return found

    assert check().state == State.OK
    assert check({"calibration": "c.npz"}, alpha=0.01).state == State.OK
    lacking = check(alpha=0.01)
    assert lacking.state == State.MISSING
    assert lacking.about.startswith("policy.style.alpha is set, but style flags nothing in a scan")
    assert lacking.todo.startswith("scan with --style-calibration FILE")
    asks_more = check({"calibration": "c.npz", "keep": 0.01}, alpha=0.05)
    assert asks_more.state == State.BROKEN
    assert asks_more.about.endswith("but the scan keeps p-values up to 0.01")


def test_options_that_are_broken_are_named_once(
    doctor: Callable[..., tuple[int, str, str]],
) -> None:
    Path("scrubtrace.toml").write_text(
        "[policy.style]\nalpha = 0.01\n"
        "[detectors.stylometry]\ncalibration = 'none.npz'\nkeep = 'a'\n"
    )
    code, shown, problem = doctor()
    assert code == 2
    assert "broken   detector stylometry: " in shown
    assert "policy.style" not in shown
    assert problem.endswith("broken and asked for by the configuration: stylometry\n")


def test_languages_that_can_speak_and_those_of_the_newest_run() -> None:
    tried = [_tried("a", "trace", "en", "pt"), _tried("b", "trace", "en")]
    checks = {check.name: check for check in language_checks(tried, {"fr": 1200, "en": 3})}
    assert checks["language en"].about == "a, b; texts in the newest run: 3"
    assert checks["language pt"].state == State.OK
    assert checks["language zh"].state == State.MISSING
    about = checks["language fr"].about
    assert about == "no signatures: rows abstain; texts in the newest run: 1,200"


def test_imports_are_tried_without_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = {
        "works_a": "print('noise')",
        "raises": "raise OSError('libz is gone')",
        "ends": "import os; os._exit(0)",
        "hangs": "import time; time.sleep(60)",
        "works_b": "",
    }
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert try_imports(list(sources), 8.0) == {
        "raises": "OSError: libz is gone",
        "ends": "it ends the process with exit code 0",
        "hangs": "it takes longer than 8 s",
    }


def test_packages_missing_too_old_and_not_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = packages.installed_distributions()
    old = type("Old", (), {"version": "1.0"})()
    changed = installed | {"numpy": old}
    del changed["rich"]
    changed.pop("psycopg", None)
    monkeypatch.setattr(packages, "installed_distributions", lambda: changed)
    monkeypatch.setattr(packages, "try_imports", lambda *_: {"re2": "ImportError: libre2"})
    checks = {check.name: check for check in package_checks()}
    assert checks["numpy"].about.startswith("1.0, but scrubtrace needs ")
    assert checks["rich"].about == "not installed"
    assert "cannot be imported: ImportError: libre2" in checks["google-re2"].about
    assert {name for name, check in checks.items() if check.counts} == {
        "numpy", "rich", "google-re2"
    }  # fmt: skip
    assert checks["psycopg"].state == State.MISSING
    assert "scrubtrace[postgresql]" in checks["psycopg"].todo


@pytest.fixture
def doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """The command in an empty folder: exit code and what it showed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    monkeypatch.setattr(packages, "try_imports", lambda *_: {})

    def call(*arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            main(["doctor", *arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_the_command_says_all_and_writes_nothing(
    doctor: Callable[..., tuple[int, str, str]],
) -> None:
    code, shown, problem = doctor("--out", "out", "--review", "sqlite:///r.sqlite", "--json")
    content = json.loads(shown)
    assert (code, problem, content["ok"]) == (0, "", True)
    topics = {check["topic"] for check in content["checks"]}
    assert topics == {"configuration", "packages", "detectors", "lanes", "languages", "places"}
    assert "abab" not in shown
    assert os.listdir() == []


def test_a_broken_configuration_hides_nothing_else(
    doctor: Callable[..., tuple[int, str, str]],
) -> None:
    Path("scrubtrace.toml").write_text("[scan]\nworkrs = 2\n")
    code, shown, problem = doctor()
    assert code == 2
    assert "broken   configuration: unknown configuration key 'scan.workrs'" in shown
    assert "ok       detector boilerplate: version " in shown
    assert problem == ("scrubtrace: broken and asked for by the configuration: configuration\n")
