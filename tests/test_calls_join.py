"""`calls join`: training rows beside the calls that they hold the answers of."""

import csv
import io
import json
import shlex
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from call_registers import register
from command_line import code_of

from scrubtrace.calls.flow import market_flow
from scrubtrace.review.connection import open_review
from scrubtrace.review.store import iter_items

EXAMPLES = Path(__file__).parents[1] / "examples" / "calls"
REGISTER = str(EXAMPLES / "calls.toml")
LOG = EXAMPLES / "log.jsonl"
OWN = "I boiled my kettle by the river, and it took ages because of the wind that never stopped."


def answers_and_prompts() -> tuple[list[str], list[str]]:
    lines = LOG.read_text(encoding="utf-8").splitlines()[:12]
    calls = [json.loads(line) for line in lines]
    return (
        [call["response"]["choices"][0]["message"]["content"] for call in calls],
        [call["request"]["messages"][0]["content"] for call in calls],
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index and a check of the example log, and rows that were scanned with the index."""
    folder = tmp_path_factory.mktemp("joined")
    answers, prompts = answers_and_prompts()
    rows = [
        ("same", answers[0], "de"),
        ("other", answers[0], "en-US"),
        ("distilled", answers[4], "us"),
        ("own", OWN, "de"),
        ("free", answers[7], "us"),
        ("nowhere", answers[1], None),
        ("asked", prompts[9], "de"),
    ]
    names = ("id", "text", "market")
    table = pa.table(dict(zip(names, zip(*rows, strict=True), strict=True)))
    pq.write_table(table, folder / "train.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SCRUBTRACE_KEY", "7d" * 32)
        log = str(LOG)
        build = ("index", "build", log, "--out", "index", "--basis", "contract 7", "--quiet")
        assert code_of(*build) == 3  # the log has a broken line
        detect = ("detect", "train.parquet", "--id-column", "id", "--group-by", "market=market")
        assert code_of(*detect, "--reference", "index", "--out", "out", "--quiet") == 0
        check = ("calls", "check", log, "--spec", REGISTER, "--out", "checked", "--quiet")
        assert code_of(*check) == 3
    return folder


def join(folder: Path, out: Path, *more: str) -> int:
    return code_of(
        "calls", "join", str(folder / "checked"), "--detected", str(folder / "out"),
        "--spec", REGISTER, "--out", str(out), *more,
    )  # fmt: skip


def test_rows_are_joined_with_the_calls_that_they_match(folder: Path, tmp_path: Path) -> None:
    assert join(folder, tmp_path) == 0
    rows = {row["row_id"]: row for row in pq.read_table(tmp_path / "joined.parquet").to_pylist()}
    about = {
        name: (row["call_id"], row["part"], row["market_flow"], row["rules"])
        for name, row in rows.items()
    }
    prompt_rules = ["prompt.identity", "prompt.undetectable", "purpose.missing"]
    assert about == {
        "same": ("call-0001", "completion", "same", []),
        "other": ("call-0001", "completion", "other_market", []),
        "distilled": ("call-0005", "completion", "other_market", ["purpose.forbidden"]),
        "free": ("call-0008", "completion", "unknown", []),
        "nowhere": ("call-0002", "completion", "unknown", []),
        "asked": ("call-0010", "prompt", "same", prompt_rules),
    }
    assert rows["same"]["at"] == "2025-02-24T09:12:00.000000Z"
    assert (rows["same"]["prompt_tokens"], rows["same"]["completion_tokens"]) == (13, 21)
    assert rows["same"]["caller"] != "svc-helpdesk"


def test_uses_are_added_up_by_project_and_caller(folder: Path, tmp_path: Path) -> None:
    join(folder, tmp_path)
    with (tmp_path / "uses.csv").open(encoding="utf-8", newline="") as file:
        uses = list(csv.DictReader(file))
    own = next(u for u in uses if (u["project"], u["part"]) == ("helpdesk", "completion"))
    numbers = {name: own[name] for name in ("rows", "calls", "prompt_tokens", "completion_tokens")}
    assert numbers == {
        "rows": "3", "calls": "2", "prompt_tokens": "27", "completion_tokens": "43",
    }  # fmt: skip
    assert (own["first"][:10], own["last"][:10]) == ("2025-02-24", "2025-02-28")


def test_answers_that_flow_into_another_market_are_findings(folder: Path, tmp_path: Path) -> None:
    assert join(folder, tmp_path, "--gate") == 5
    found = pq.read_table(tmp_path / "findings.parquet").to_pylist()
    assert [(f["rule"], f["value"], f["terms"], f["calls"]) for f in found] == [
        ("market.flow", "de to us", "atlas-2024", 1),
        ("market.flow", "de to us", "atlas-2025", 1),
    ]
    example = {"call_id": "call-0001", "file": "train.parquet", "line": 1}
    assert found[0]["examples"] == [example]


def test_findings_about_markets_become_items_beside_those_of_detect(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRUBTRACE_KEY", "7d" * 32)
    shutil.copy(folder / "out" / "review.sqlite", tmp_path)
    url = f"sqlite:///{tmp_path}/review.sqlite"
    before = {stored.item.item_key for stored in iter_items(open_review(url), flagged=True)}
    assert join(folder, tmp_path / "j", "--review", url, "--quiet") == 0
    after = {stored.item.item_key: stored.item for stored in iter_items(open_review(url))}
    new = [item for key, item in after.items() if item.kind == "call_rule"]
    assert [(item.shard, item.field, item.flagged) for item in new] == [
        ("train.parquet", "market.flow", True)
    ] * 2
    assert before == {i.item_key for i in after.values() if i.flagged and i not in new}


def test_a_bundle_has_the_training_rows_of_its_calls(folder: Path, tmp_path: Path) -> None:
    join(folder, tmp_path / "j")
    flow = pq.read_table(tmp_path / "j" / "findings.parquet").to_pylist()[0]["finding"]
    case = tmp_path / "case.toml"
    case.write_text(
        f'format = 1\nid = "1"\ntitle = "Flow"\nfindings = ["{flow}"]\n'
        + "".join(
            f'[[step]]\nstate = "{state}"\non = 2025-01-10\nby = "counsel"\n'
            for state in ("finding", "confirmed", "corrective_action")
        ),
        encoding="utf-8",
    )
    out = tmp_path / "case.zip"
    given = ("--checked", str(folder / "checked"), "--joined", str(tmp_path / "j"))
    assert code_of("bundle", str(case), *given, "--spec", REGISTER, "--out", str(out)) == 0
    with zipfile.ZipFile(out) as archive:
        parts = {
            name: pq.read_table(io.BytesIO(archive.read(f"{name}.parquet"))).to_pylist()
            for name in ("calls", "training_rows")
        }
        commands = archive.read("commands.txt").decode().splitlines()
    detected = shlex.quote(str(folder / "out"))
    joins = f"scrubtrace calls join checked --detected {detected} --dataset"
    assert commands[-1].startswith(joins)
    older = tmp_path / "j" / "joined.parquet"
    table = pq.read_table(older)
    key_id = {b"key_id": (table.schema.metadata or {})[b"key_id"]}
    pq.write_table(table.replace_schema_metadata(key_id), older)
    assert code_of("bundle", str(case), *given, "--spec", REGISTER, "--out", str(out)) == 0
    with zipfile.ZipFile(out) as archive:
        assert "--detected FOLDER --spec" in archive.read("commands.txt").decode()
    retest = ("--spec", REGISTER, "--out", str(out), "--retest", str(folder / "checked"))
    assert code_of("bundle", str(case), *given, *retest) == 5  # a check sees no training data
    assert [call["call_id"] for call in parts["calls"]] == ["call-0001"]
    assert [row["row_id"] for row in parts["training_rows"]] == ["same", "other"]


def test_calls_that_the_check_lacks_are_counted(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.setenv("SCRUBTRACE_KEY", "7d" * 32)
    lines = LOG.read_text(encoding="utf-8").splitlines(keepends=True)
    part = tmp_path / "part.jsonl"
    part.write_text("".join(lines[1:12]), encoding="utf-8")
    checked = str(tmp_path / "checked")
    assert code_of("calls", "check", str(part), "--spec", REGISTER, "--out", checked) == 0
    given = ("--detected", str(folder / "out"), "--spec", REGISTER, "--out", str(tmp_path / "j"))
    capsys.readouterr()
    assert code_of("calls", "join", checked, *given) == 0
    assert "2 texts match calls that this check has not" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("checked", "detected", "more", "message"),
    [
        ("out", "out", [], "is no finished check"),
        ("checked", "checked", [], "has no committed run of scrubtrace detect"),
        ("checked", "out", ["--dataset", "other"], "name the data set with --dataset:"),
    ],
)
def test_misuse(
    folder: Path,
    tmp_path: Path,
    checked: str,
    detected: str,
    more: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--detected", str(folder / detected), "--spec", REGISTER, "--out", str(tmp_path)]
    assert code_of("calls", "join", str(folder / checked), *arguments, *more) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "call", "project", "terms", "flow"),
    [
        ("jp", "ja-JP", "helpdesk", "old", "same"),
        ("br", "jp", "helpdesk", "old", "allowed"),
        ("br", "jp", "helpdesk", "new", "other_market"),
        ("de", "jp", "helpdesk", "old", "other_market"),
        ("de", "jp", "lab", "old", "other_market"),
        ("br", "jp", "lab", "old", "allowed"),
        ("br", "jp", None, "old", "allowed"),
        ("br", "jp", "helpdesk", None, "unknown"),
        ("de", "jp", "helpdesk", None, "other_market"),
        (None, "jp", "helpdesk", "old", "unknown"),
        ("br", None, "helpdesk", "old", "unknown"),
        ("moon", "jp", "helpdesk", "old", "unknown"),
    ],
)
def test_market_flow(
    row: str | None, call: str | None, project: str | None, terms: str | None, flow: str
) -> None:
    assert market_flow(row, call, project, terms, register()) == flow
