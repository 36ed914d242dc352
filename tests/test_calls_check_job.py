"""`calls check` through the command line: files, exit codes, duplicates, the review table."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from command_line import code_of

from scrubtrace.review.connection import open_review
from scrubtrace.review.erasing.erase import erase, texts_of
from scrubtrace.review.store import iter_items
from scrubtrace.review.trail.verify import verify
from scrubtrace.schemas.identity import DigestKey

EXAMPLES = Path(__file__).parents[1] / "examples" / "calls"
REGISTER = str(EXAMPLES / "calls.toml")
LOG = EXAMPLES / "log.jsonl"
KEY = "5e" * 32

EXPECTED = [
    ("critical", "purpose.forbidden", "distillation", "atlas-2025", 1, [5]),
    ("critical", "purpose.forbidden", "labeling", "atlas-2025", 1, [4]),
    ("high", "market.project", "us", None, 1, [6]),
    ("high", "market.region", "us (us)", "atlas-2025", 1, [6]),
    ("high", "model.stopped", "atlas-small", None, 1, [7]),
    ("high", "model.unregistered", "atlas-next", None, 1, [11]),
    ("high", "project.missing", None, None, 1, [11]),
    ("high", "prompt.identity", "en.identity.remove_mentions", None, 1, [10]),
    ("high", "prompt.undetectable", "en.undetectable.ai_detector", None, 1, [10]),
    ("high", "purpose.missing", None, None, 1, [10]),
    ("medium", "key.gap", "3 days without a call", None, 0, []),
    ("medium", "key.shared", "helpdesk, labels", None, 7, []),
    ("medium", "purpose.project", "reply-drafts", None, 1, [12]),
]


@pytest.fixture(autouse=True)
def own_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRUBTRACE_KEY", KEY)


def check(*logs: Path | str, out: Path, options: tuple[str, ...] = ()) -> int:
    paths = [str(path) for path in logs]
    return code_of("calls", "check", *paths, "--spec", REGISTER, "--out", str(out), *options)


def findings(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(out / "findings.parquet").to_pylist()
    return rows


def bad_lines(out: Path) -> list[tuple[str, int, str]]:
    with (out / "bad_lines.csv").open(encoding="utf-8", newline="") as file:
        return [(r["file"], int(r["line"]), r["reason"]) for r in csv.DictReader(file)]


def parts(folder: Path, pieces: int) -> list[Path]:
    """The example log spread over files, line by line."""
    lines = LOG.read_text(encoding="utf-8").splitlines(keepends=True)
    paths = [folder / f"log-{number}.jsonl" for number in range(pieces)]
    for number, path in enumerate(paths):
        path.write_text("".join(lines[number::pieces]), encoding="utf-8")
    return paths


def test_findings_of_the_example(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(LOG, out=tmp_path) == 3
    found = [
        (f["severity"], f["rule"], f["value"], f["terms"], f["calls"],
         [example["line"] for example in f["examples"]])
        for f in findings(tmp_path)
    ]  # fmt: skip
    assert sorted(found, key=str) == sorted(EXPECTED, key=str)
    order = ["critical", "high", "medium"]
    assert [entry[0] for entry in found] == sorted((e[0] for e in found), key=order.index)
    assert bad_lines(tmp_path) == [(str(LOG), 13, "not_json")]
    said = capsys.readouterr()
    assert "12 calls, 7 of them break a rule" in said.out
    assert "not judged: 1 calls by terms.approval (no_zone)" in said.out
    assert "1 lines could not be read" in said.err


def test_calls_are_all_written_with_what_they_break_and_who_could_not_be_judged(
    tmp_path: Path,
) -> None:
    check(LOG, out=tmp_path)
    table = pq.read_table(tmp_path / "calls")
    rows = table.to_pylist()
    assert [row["line"] for row in rows] == list(range(1, 13))
    assert [row["terms"] for row in rows[1:4]] == ["atlas-2024", "atlas-2024", "atlas-2025"]
    asked = rows[9]["violations"]
    line = json.loads(LOG.read_text(encoding="utf-8").splitlines()[9])
    prompt = line["request"]["messages"][0]["content"]
    spans = {prompt[v["start"] : v["end"]] for v in asked if v["message"] is not None}
    assert spans == {"pass every AI detector", "remove all mentions of the language model"}
    assert {"rule": "terms.approval", "reason": "no_zone"} in rows[8]["not_judged"]
    name = DigestKey.from_hex(KEY).digest("caller\0svc-helpdesk")[:32]
    assert {row["caller"] for row in rows[:2]} == {name}
    metadata = pq.ParquetFile(next((tmp_path / "calls").iterdir())).schema_arrow.metadata
    assert metadata == {b"key_id": DigestKey.from_hex(KEY).id.encode()}


def test_no_text_and_no_caller_in_any_file_or_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    check(LOG, out=out, options=("--review", f"sqlite:///{tmp_path}/review.sqlite"))
    said = capsys.readouterr()
    written = said.out + said.err
    for path in [*out.rglob("*"), tmp_path / "review.sqlite"]:
        if path.suffix == ".parquet":
            written += str(pq.read_table(path).to_pylist())
        elif path.is_file():
            written += path.read_bytes().decode("utf-8", "replace")
    assert "svc-helpdesk" not in written
    assert "kettle" not in written
    assert "AI detector" not in written


def test_summary_names_register_logs_and_counts(tmp_path: Path) -> None:
    check(LOG, out=tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert summary["logs"][0]["format"] == "pairs"
    assert len(summary["logs"][0]["sha256"]) == len(summary["register"]["sha256"]) == 64
    assert summary["calls"] == {"calls": 12, "calls_with_violations": 7}
    assert summary["reading"]["lines"] == {"record": 12, "bad": 1}
    assert {"rule": "over time", "reason": "no_time", "calls": 1} in summary["not_judged"]
    assert not (tmp_path / ".work").exists()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), 3),
        (("--gate",), 5),
        (("--gate", "--severity", "critical"), 5),
        (("--quiet",), 3),
    ],
)
def test_exit_codes(tmp_path: Path, options: tuple[str, ...], code: int) -> None:
    assert check(LOG, out=tmp_path, options=options) == code


def test_a_log_that_breaks_no_rule_passes_the_gate(tmp_path: Path) -> None:
    first = tmp_path / "first.jsonl"
    first.write_text(LOG.read_text(encoding="utf-8").splitlines()[0], encoding="utf-8")
    register = tmp_path / "calls.toml"
    text = Path(REGISTER).read_text(encoding="utf-8")
    register.write_text(f"{text[: text.index('[[key]]')]}", encoding="utf-8")
    out = str(tmp_path / "out")
    gate = ("--gate", "--severity", "low")
    assert code_of("calls", "check", str(first), "--spec", str(register), "--out", out, *gate) == 0
    assert findings(Path(out)) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.jsonl", "--spec", REGISTER], "gone.jsonl cannot be read"),
        (["*.none", "--spec", REGISTER], "no file matches *.none"),
        ([str(LOG), "--spec", "gone.toml"], "cannot read gone.toml"),
        ([str(LOG), "--spec", str(LOG)], "log.jsonl: "),
        ([REGISTER, "--spec", REGISTER], "is no call log that is known"),
        ([str(LOG), "--spec", REGISTER, "--log-format", "x"], "'x' is no format of call logs"),
        ([str(LOG), "--spec", REGISTER, "--", "--no_such"], "Beam has no option --no_such"),
    ],
)
def test_misuse_is_told_before_anything_is_written(
    tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert code_of("calls", "check", "--out", str(out), *arguments) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_calls_that_are_in_several_files_count_once(tmp_path: Path) -> None:
    again = tmp_path / "again.jsonl"
    shutil.copy(LOG, again)
    check(LOG, out=tmp_path / "one")
    assert check(LOG, again, out=tmp_path / "two") == 3
    one, two = findings(tmp_path / "one"), findings(tmp_path / "two")
    assert one == two
    assert pq.read_table(tmp_path / "two" / "calls").num_rows == 12
    expected = [(str(again), line, "duplicate_id") for line in range(1, 13)]
    expected += [(str(path), 13, "not_json") for path in (again, LOG)]
    assert bad_lines(tmp_path / "two") == sorted(expected)


def test_files_order_and_workers_change_no_finding(tmp_path: Path) -> None:
    pieces = parts(tmp_path, 3)
    check(LOG, out=tmp_path / "whole")
    check(*pieces, out=tmp_path / "one")
    check(*pieces, out=tmp_path / "two", options=("--workers", "2"))
    check(*reversed(pieces), out=tmp_path / "three")
    files = ("findings.parquet", "findings.csv", "bad_lines.csv")
    for name in (*files, *(f"calls/part-00000{n}.parquet" for n in range(3))):
        one, two = (tmp_path / out / name for out in ("one", "two"))
        assert one.read_bytes() == two.read_bytes(), name
    plain = [
        [{name: f[name] for name in f if name != "examples"} for f in findings(tmp_path / out)]
        for out in ("whole", "one", "three")
    ]
    assert plain[0] == plain[1] == plain[2]


def test_findings_become_items_of_the_review_table(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/review.sqlite"
    options = ("--review", url, "--dataset", "gateway")
    check(LOG, out=tmp_path / "out", options=options)
    engine = open_review(url)
    items = {stored.item.row_id: stored for stored in iter_items(engine)}
    found = findings(tmp_path / "out")
    assert set(items) == {f["finding"] for f in found}
    for entry in found:
        item = items[entry["finding"]].item
        assert item.flagged is (entry["severity"] in ("critical", "high"))
        assert (item.kind, item.dataset, item.detectors[0]["lane"]) == (
            "call_rule", "gateway", "calls",
        )  # fmt: skip
        assert (item.field, item.snippet, item.text_chars) == (entry["rule"], "", 0)
    check(LOG, out=tmp_path / "out", options=options)
    again = {stored.item.row_id: stored for stored in iter_items(engine)}
    assert {key: s.row_version for key, s in again.items()} == dict.fromkeys(items, 1)
    assert code_of("review", "export", "--review", url, "--out", str(tmp_path / "r.csv")) == 0
    assert code_of("review", "sheet", "--review", url, "--out", str(tmp_path / "r.html")) == 0


def test_a_table_with_findings_is_whole_also_after_one_was_erased(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/review.sqlite"
    check(LOG, out=tmp_path / "out", options=("--review", url))
    assert code_of("review", "verify", "--review", url) == 0
    engine = open_review(url)
    about = next(iter_items(engine)).item
    erased = erase(engine, "asked for", texts_of(engine, item_key=about.item_key))
    assert (erased.texts, erased.items) == (1, 1)
    assert [span["value"] for span in next(iter_items(engine)).item.evidence] == [None]
    assert not any(vars(erase(engine, "again", [about.text_digest])).values())
    check(LOG, out=tmp_path / "out", options=("--review", url))
    assert verify(engine).problems == []


def test_findings_that_are_gone_are_flagged_no_longer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/review.sqlite"
    log = tmp_path / "log.jsonl"
    shutil.copy(LOG, log)
    check(log, out=tmp_path / "out", options=("--review", url))
    lines = LOG.read_text(encoding="utf-8").splitlines(keepends=True)
    log.write_text("".join(lines[:5]), encoding="utf-8")
    check(log, out=tmp_path / "out", options=("--review", url))
    flagged = {stored.item.field for stored in iter_items(open_review(url), flagged=True)}
    assert flagged == {"purpose.forbidden"}


def test_rules_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("calls", "rules") == 0
    assert "purpose.forbidden      critical" in capsys.readouterr().out
    assert code_of("calls", "rules", "--json") == 0
    assert {"id", "severity", "title", "action"} == set(json.loads(capsys.readouterr().out)[0])


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_log_without_calls_passes_the_gate(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log.jsonl").write_text(content)
    assert check(tmp_path / "log.jsonl", out=tmp_path / "out", options=("--gate",)) == 3
    said = capsys.readouterr()
    assert "nothing was checked" in said.err
    assert "empty files: " in said.out


def test_a_register_with_a_byte_order_mark(tmp_path: Path) -> None:
    marked = tmp_path / "calls.toml"
    marked.write_text(Path(REGISTER).read_text(encoding="utf-8"), encoding="utf-8-sig")
    given = ("calls", "check", str(LOG), "--spec", str(marked))
    assert code_of(*given, "--out", str(tmp_path / "out")) == check(LOG, out=tmp_path / "plain")
    assert findings(tmp_path / "out") == findings(tmp_path / "plain")
