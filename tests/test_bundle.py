"""`bundle`: what is in it, what is not, the steps of a case, and the test after the action."""

import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from cases import LOG, bundle, check, contents, findings, later_log, write_case
from command_line import code_of
from sqlalchemy import update

from scrubtrace.bundle import contents as contents_of
from scrubtrace.review import texts
from scrubtrace.review.connection import open_review, writing
from scrubtrace.review.decisions.importing import import_decisions
from scrubtrace.review.erasing.erase import erase, persons_named
from scrubtrace.review.table import review_items
from scrubtrace.review.trail.events import head


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "5e" * 32)


def test_a_bundle_has_findings_calls_digests_and_no_text() -> None:
    check(LOG, "checked")
    write_case(findings("checked", "purpose.forbidden"))
    assert bundle() == 0
    files = contents()
    sums = dict(line.split("  ")[::-1] for line in files.pop("SHA256SUMS").decode().splitlines())
    assert sums == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    assert set(files) == {
        "README.txt", "case.json", "findings.json", "calls.parquet", "training_rows.parquet",
        "register.json", "check_summary.json", "commands.txt",
    }  # fmt: skip
    calls = pq.read_table(io.BytesIO(files["calls.parquet"])).to_pylist()
    assert [call["call_id"] for call in calls] == ["call-0004", "call-0005"]
    register = json.loads(files["register.json"])
    assert {entry["id"] for entry in register["terms"]} == {"atlas-2024", "atlas-2025"}
    assert b"scrubtrace calls check" in files["commands.txt"]
    everything = b"".join(files.values()) + str(calls).encode()
    assert b"Rate this answer" not in everything
    assert b"svc-" not in everything


def test_a_test_with_another_key_that_names_callers_otherwise_passes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    check(LOG, "checked")
    write_case(findings("checked", "purpose.forbidden"), steps=3)
    later = later_log(4, 5)
    monkeypatch.setenv("SCRUBTRACE_KEY", "5f" * 32)
    check(later, "later")
    assert bundle("--retest", "later") == 2
    assert "check again with that key" in capsys.readouterr().err
    assert not Path("case.zip").exists()


def test_the_same_content_gives_the_same_bytes() -> None:
    check(LOG, "checked")
    write_case(findings("checked", "terms.use", "prompt.identity"))
    assert bundle() == 0
    first = Path("case.zip").read_bytes()
    assert bundle() == 0
    assert Path("case.zip").read_bytes() == first


def test_texts_are_there_only_if_they_are_asked_for() -> None:
    check(LOG, "checked")
    write_case(findings("checked", "purpose.forbidden"))
    assert bundle("--text-from", str(LOG)) == 0
    lines = contents()["texts.jsonl"].decode().splitlines()
    assert [json.loads(line)["call_id"] for line in lines] == ["call-0004", "call-0005"]
    assert json.loads(lines[0])["completions"] == ["5"]


def test_calls_of_findings_over_time_are_those_of_the_caller_in_its_period() -> None:
    check(LOG, "checked")
    write_case(findings("checked", "key.shared"))
    assert bundle() == 0
    calls = pq.read_table(io.BytesIO(contents()["calls.parquet"])).to_pylist()
    assert len({call["caller"] for call in calls}) == 1
    assert {"call-0001", "call-0012"} <= {call["call_id"] for call in calls}


URL = "sqlite:///review.sqlite"


def decided_case() -> None:
    """A case about two findings on which ann has concurred."""
    check(LOG, "checked", "--review", URL)
    assert code_of("review", "export", "--review", URL, "--out", "decide.csv") == 0
    text = Path("decide.csv").read_text(encoding="utf-8")
    Path("decide.csv").write_text(text.replace('"1","","",""', '"1","concur","provenance","seen"'))
    given = ("--review", URL, "--reviewer", "ann")
    assert code_of("review", "import", "decide.csv", *given) == 0
    write_case(findings("checked", "purpose.forbidden"))


def test_decisions_and_the_head_of_the_event_log() -> None:
    decided_case()
    assert bundle("--review", URL) == 0
    decided = json.loads(contents()["decisions.json"])
    assert {d["decision"] for d in decided["decisions"]} == {"concur"}
    assert len(decided["items"]) == len(decided["decisions"]) == 2
    assert len(decided["review_head"]) == 64
    assert {d["reviewer"] for d in decided["decisions"]} == {"ann"}
    assert "comment" not in decided["decisions"][0]


def test_a_finding_that_is_not_in_the_review_table(capsys: pytest.CaptureFixture[str]) -> None:
    decided_case()
    open_review("sqlite:///other.sqlite").dispose()
    assert bundle("--review", "sqlite:///other.sqlite") == 2
    assert "the review table has no finding of case" in capsys.readouterr().err
    assert not Path("case.zip").exists()
    first, *_ = findings("checked", "purpose.forbidden")
    engine = open_review(URL)
    moved = update(review_items).where(review_items.c.row_id == first).values(row_id="gone")
    with writing(engine) as connection:
        connection.execute(moved)
    engine.dispose()
    assert bundle("--review", URL, "--quiet") == 0
    assert f"finding {first} is not in the review table" in capsys.readouterr().err


def test_comments_are_there_with_the_texts_unless_they_were_erased() -> None:
    decided_case()
    assert bundle("--review", URL, "--text-from", str(LOG)) == 0
    first, second = json.loads(contents()["decisions.json"])["decisions"]
    assert (first["comment"], second["comment"]) == ("seen", "seen")
    engine = open_review(URL)
    people = persons_named(engine, "ann")
    erase(engine, "asked for", comments=[first["decision_id"]], names=people)
    engine.dispose()
    assert bundle("--review", URL, "--text-from", str(LOG)) == 0
    made = json.loads(contents()["decisions.json"])["decisions"]
    assert [d["comment"] for d in made] == ["", "seen"]
    assert {d["reviewer"] for d in made} == people


def test_a_case_with_many_findings_has_their_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "CHUNK", 1)
    decided_case()
    assert bundle("--review", URL) == 0
    decided = json.loads(contents()["decisions.json"])
    assert len(decided["items"]) == len(decided["decisions"]) == 2
    lines = [(d["event"], d["line"]) for d in decided["decisions"]]
    assert lines == sorted(lines)


def test_what_is_imported_meanwhile_is_not_in_the_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    decided_case()
    engine, select_items = open_review(URL), contents_of._items_of
    before = head(engine)

    def escalated_behind(*given: Any) -> Any:
        found = select_items(*given)
        text = Path("decide.csv").read_text(encoding="utf-8")
        Path("decide.csv").write_text(text.replace('"concur","provenance"', '"escalate",""'))
        assert import_decisions(engine, Path("decide.csv"), "ben").stored
        return found

    monkeypatch.setattr(contents_of, "_items_of", escalated_behind)
    assert bundle("--review", URL) == 0
    decided = json.loads(contents()["decisions.json"])
    assert decided["review_head"] == before != head(engine)
    assert {d["reviewer"] for d in decided["decisions"]} == {"ann"}
    engine.dispose()


@pytest.mark.parametrize(
    ("numbers", "code", "passed"),
    [((4, 5), 5, False), ((8,), 0, True)],
)
def test_the_test_after_the_corrective_action(
    numbers: tuple[int, ...], code: int, passed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    check(LOG, "checked")
    check(later_log(*numbers), "later")
    write_case(findings("checked", "purpose.forbidden"), steps=4)
    assert bundle("--retest", "later") == code
    retest = json.loads(contents()["case.json"])["retest"]
    assert (retest["since"], retest["covered"]) == ("2025-03-11T23:00:00.000000Z", True)
    assert retest["passed"] is passed
    assert len(retest["found_again"]) == (0 if passed else 2)
    assert ("did not pass" in capsys.readouterr().err) is not passed


def test_a_log_that_ends_before_the_action_tests_nothing() -> None:
    check(LOG, "checked")
    lines = LOG.read_text(encoding="utf-8").splitlines(keepends=True)
    Path("early.jsonl").write_text("".join(lines[:4]), encoding="utf-8")
    check(Path("early.jsonl").absolute(), "later")
    write_case(findings("checked", "purpose.forbidden"), steps=4)
    assert bundle("--retest", "later") == 5
    assert json.loads(contents()["case.json"])["retest"]["covered"] is False


def test_a_case_is_closed_only_by_a_test_that_passed() -> None:
    check(LOG, "checked")
    check(later_log(8), "later")
    write_case(findings("checked", "purpose.forbidden"), steps=5)
    assert bundle() == 2
    assert not Path("case.zip").exists()
    assert bundle("--retest", "later") == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("format = 2", "key 'format' must be 1"),
        ("format = 1\nfinding = []", "key 'finding' is no key; keys: format, id, title"),
        ('format = 1\nfindings = ["x"]', "key 'findings' must be a list of ids"),
        ('format = 1\nfindings = ["f0123456789abcdef"]', "at least the finding"),
    ],
)
def test_unusable_cases(text: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("case.toml").write_text(text, encoding="utf-8")
    assert bundle() == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ('state = "gone"\non = 2025-01-01\nby = "a"', "must be one of finding, confirmed,"),
        ('state = "closed"\non = 2025-03-11\nby = "a"', "confirmed, dismissed after finding"),
        ('state = "confirmed"\non = 2025-03-09\nby = "a"', "key 'on' is before that of step 1"),
        ('state = "confirmed"\non = "soon"\nby = "a"', "key 'on' must be a date"),
        ('state = "confirmed"\non = 2025-03-11', "key 'by' must be a text"),
    ],
)  # fmt: skip
def test_steps_that_cannot_be(step: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_case(["f0123456789abcdef"], more=f"[[step]]\n{step}\n")
    assert bundle() == 2
    said = capsys.readouterr().err
    assert "case.toml: [[step]] 2, key " in said
    assert message in said


def test_findings_and_folders_that_are_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    write_case(["f0123456789abcdef"])
    assert bundle() == 2
    assert "checked is no finished check" in capsys.readouterr().err
    check(LOG, "checked")
    assert bundle() == 2
    assert "finding f0123456789abcdef of the case is in no findings" in capsys.readouterr().err
    shutil.rmtree("checked")


def test_a_retest_needs_an_action(capsys: pytest.CaptureFixture[str]) -> None:
    check(LOG, "checked")
    write_case(findings("checked", "purpose.forbidden"), steps=2)
    assert bundle("--retest", "checked") == 2
    assert "no step corrective_action" in capsys.readouterr().err


def test_summary_of_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    check(LOG, "checked")
    write_case(findings("checked", "purpose.forbidden"))
    capsys.readouterr()
    assert bundle() == 0
    said: Any = capsys.readouterr().out
    assert "case 2025-3, finding: 2 findings, 2 calls, 0 training rows" in said
