"""The re-test of a case: the same rules, at least as strict, on calls that they could judge."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from cases import LOG, REGISTER, bundle, check, contents, findings, later_log, write_case

FORBIDDEN = 'forbidden_uses = ["training_data", "distillation", "competing_evaluation"]'


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "5e" * 32)
    check(LOG, "checked")


def register(*changes: tuple[str, str], top: str = "") -> str:
    """The register of the example with other texts in it, and more on top."""
    text = Path(REGISTER).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    Path("later.toml").write_text(f"{top}\n{text}", encoding="utf-8")
    return "later.toml"


def retest() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(contents()["case.json"])["retest"]
    return found


@pytest.mark.parametrize(
    ("rule", "changes", "top", "said"),
    [
        ("purpose.forbidden", (), 'off = ["purpose.forbidden"]', "purpose.forbidden did not run"),
        ("purpose.forbidden", (), FORBIDDEN, "labeling is not among forbidden_uses"),
        ("key.gap", (("max_gap_days = 2", ""),), "", "key.gap did not run"),
        ("key.gap", (("max_gap_days = 2", "max_gap_days = 3"),), "",
         "max_gap_days is 3, and was 2; check again with 2"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("steps", [3, 4, 5])
def test_a_rule_that_did_not_run_or_was_looser_tests_nothing(
    rule: str,
    changes: tuple[tuple[str, str], ...],
    top: str,
    said: str,
    steps: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    check(later_log(8), "later", spec=register(*changes, top=top))
    write_case(findings("checked", rule), steps=steps)
    assert bundle("--retest", "later") == 2
    assert said in capsys.readouterr().err
    assert not Path("case.zip").exists()


def test_a_case_without_an_action_says_what_to_write(capsys: pytest.CaptureFixture[str]) -> None:
    check(later_log(8), "later")
    write_case(findings("checked", "purpose.forbidden"), steps=2)
    assert bundle("--retest", "later") == 2
    said = capsys.readouterr().err
    assert "case 2025-3 has no step corrective_action" in said
    assert 'add a [[step]] with state = "corrective_action", or leave --retest out' in said
    assert bundle() == 0


def test_a_rule_that_was_stricter_tests(capsys: pytest.CaptureFixture[str]) -> None:
    spec = register(("max_gap_days = 2", "max_gap_days = 1"))
    check(later_log(8), "later", spec=spec)
    write_case(findings("checked", "purpose.forbidden"), steps=5)
    assert bundle("--retest", "later") == 0
    assert "limits max_gap_days: 2 before, 1 now" in capsys.readouterr().out
    change = {"table": "limits", "entry": None, "key": "max_gap_days", "before": 2, "after": 1}
    assert retest()["register_changes"] == [change]


def test_what_is_different_in_the_register_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    more = '\n[[purpose]]\nid = "new"\nuse = "evaluation"\n'
    path = Path(register(("log_to = 2025-03-10", "shared = true")))
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    check(later_log(8), "later", spec=str(path))
    write_case(findings("checked", "purpose.forbidden"), steps=4)
    assert bundle("--retest", "later") == 0
    changes = retest()["register_changes"]
    assert [(entry["table"], entry["key"]) for entry in changes] == [
        ("keys", "log_to"),
        ("keys", "shared"),
        ("purposes", None),
    ]
    assert len(changes[0]["entry"]) == 32
    said = capsys.readouterr().out
    assert "the register is another one, 3 values differ" in said
    assert "purposes new: none before, there now" in said
    assert "svc-" not in said + json.dumps(changes)


def test_calls_that_a_rule_cannot_judge_test_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    later = later_log(8)
    calls = [json.loads(line) for line in later.read_text(encoding="utf-8").splitlines()]
    for call in calls:
        call["request"]["messages"] = []
    later.write_text("".join(f"{json.dumps(call)}\n" for call in calls), encoding="utf-8")
    check(later, "later")
    write_case(findings("checked", "prompt.identity"), steps=4)
    assert bundle("--retest", "later") == 5
    assert "prompt.identity could judge none of the 1 calls" in capsys.readouterr().err
    assert retest()["rules"] == [
        {"rule": "prompt.identity", "judged": 0, "not_judged": {"no_prompt": 1}}
    ]


def without_project(call: dict[str, Any]) -> None:
    del call["metadata"]["project"]


@pytest.mark.parametrize(
    ("rule", "reason", "change"), [("key.shared", "no_project", without_project)]
)
def test_calls_without_what_a_rule_over_time_needs_test_nothing(
    rule: str,
    reason: str,
    change: Callable[[dict[str, Any]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    later = later_log(8)
    calls = [json.loads(line) for line in later.read_text(encoding="utf-8").splitlines()]
    for call in calls:
        change(call)
    later.write_text("".join(f"{json.dumps(call)}\n" for call in calls), encoding="utf-8")
    check(later, "later")
    write_case(findings("checked", rule), steps=4)
    assert bundle("--retest", "later") == 5
    assert f"{rule} could judge none of the 1 calls" in capsys.readouterr().err
    assert retest()["rules"] == [{"rule": rule, "judged": 0, "not_judged": {reason: 1}}]


def test_findings_whose_project_and_caller_call_no_more_are_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    check(later_log(8), "later")
    write_case(findings("checked", "key.shared", "purpose.forbidden"), steps=4)
    assert bundle("--retest", "later") == 0
    own = {entry["finding"]: entry for entry in retest()["findings"]}
    said = capsys.readouterr().out
    by_id = {row["finding"]: row for row in pq.read_table("checked/findings.parquet").to_pylist()}
    later = pq.read_table("later/calls/part-000000.parquet").to_pylist()
    for finding, scope in own.items():
        found = by_id[finding]
        of_caller = sum(found["caller"] in (call["caller"], call["key"]) for call in later)
        assert scope["calls_of_caller"] == of_caller
        assert (f"{finding}: no call of its" in said) is (0 in scope.values())


def test_the_register_given_is_that_of_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    write_case(findings("checked", "purpose.forbidden"))
    assert bundle("--spec", register(top="# another one")) == 2
    assert "is not the register that checked was checked by" in capsys.readouterr().err


def test_a_check_of_an_earlier_version_tests_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    check(later_log(8), "later")
    Path("later/register.json").unlink()
    write_case(findings("checked", "purpose.forbidden"), steps=4)
    assert bundle("--retest", "later") == 2
    assert "later has no register.json" in capsys.readouterr().err
