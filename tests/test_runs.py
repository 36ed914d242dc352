"""The list of runs, and what is said about one run."""

import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from command_line import code_of
from samples import FLAGGED, PLAIN

from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.cli import cli
from scrubtrace.runs.listing import State, list_runs, listed
from scrubtrace.runs.reading import age, counted, table


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder after two nights: the second scanned what was new and kept the rest."""
    folder = tmp_path_factory.mktemp("nights")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SCRUBTRACE_KEY", "ab" * 32)
        Path("data").mkdir()
        write("a.parquet", PLAIN, FLAGGED)
        assert detect() == 0
        write("b.parquet", FLAGGED, FLAGGED, PLAIN)
        assert detect() == 0
        yield folder


@pytest.fixture(autouse=True)
def _two_nights(nights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(nights, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)


def detect(*more: str) -> int:
    given = ["detect", "data/*.parquet", "--out", "out", "--id-column", "id", "--quiet"]
    return code_of(*given, "--set", "scan.detectors=['boilerplate']", *more)


def write(name: str, *texts: str) -> None:
    ids = [f"{name}:{number}" for number in range(len(texts))]
    pq.write_table(pa.table({"id": ids, "text": texts}), Path("data") / name)


def output(*arguments: str, out: str = "out") -> str:
    result = CliRunner().invoke(cli, ["runs", *arguments, "--out", out])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_folder_that_is_not_there_has_no_list(more: list[str]) -> None:
    assert code_of("runs", "list", "--out", "uot", *more) == 2


def test_a_line_a_run_newest_first() -> None:
    assert detect("--sample", "0.5") == 0
    newest, second, first = list_runs("out")
    assert [line.run for line in (first, second, newest)] == [run.id for run in runs_of("out")]
    assert (first.rows, first.shards, first.rows_scanned, first.rows_kept) == (2, 1, 2, 0)
    assert (second.rows, second.shards, second.rows_scanned, second.rows_kept) == (5, 2, 3, 2)
    assert (first.flagged, second.flagged) == (1, 3)
    assert (newest.sample, second.sample) == (0.5, None)
    assert {line.dataset for line in (first, second, newest)} == {"data"}
    shown = output("list").splitlines()
    assert re.fullmatch(rf"{second.run} +data +committed +5 +2 +3 +2 +3 +0/0 +- +\d+ s", shown[2])
    as_json = json.loads(output("list", "--json"))
    assert [entry["run"] for entry in as_json] == [newest.run, second.run, first.run]


def test_an_unfinished_run_says_how_far_it_is() -> None:
    second = runs_of("out")[1]
    Path(second.manifest).unlink()
    unit = second.work().units[0].key
    line = list_runs("out")[0]
    assert (line.state, line.units_scanned, line.units) == (State.UNFINISHED, 1, 1)
    Path(second.receipt(unit)).unlink()
    line = list_runs("out")[0]
    assert (line.units_scanned, line.rows, line.rows_scanned, line.rows_kept) == (0, 5, 0, 2)
    assert " 0 of 1 units " in output("list")
    assert "unfinished: 0 of 1 units are scanned" in output("show", second.id)
    assert json.loads(output("show", second.id, "--json"))["manifest"] is None


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("run.json", None),
        ("run.json", "{}"),
        ("run.json", '{"format": 9}'),
        ("run.json", "no JSON"),
        ("run.json", "[]"),
        ("manifest.json", "{}"),
        ("manifest.json", "[]"),
        ("manifest.json", "no JSON"),
        ("manifest.json", '{"rows": "many"}'),
    ],
)
def test_a_run_of_another_format_is_listed_as_such(file: str, content: str | None) -> None:
    old = Path(runs_of("out")[0].path)
    (old / file).write_text(content) if content is not None else (old / file).unlink()
    second, first = list_runs("out")
    assert (second.state, first.state) == (State.COMMITTED, State.FOREIGN)
    assert re.search(r"foreign +- +- .*- +\d+ s$", output("list"))
    assert code_of("runs", "show", first.run, "--out", "out") == 2


def test_a_folder_without_runs_is_no_error() -> None:
    Path("nowhere").mkdir()
    assert output("list", out="nowhere") == "there are no runs in nowhere\n"
    assert output("list", "--json", out="nowhere") == "[]\n"


def test_the_list_reads_two_small_files_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from scrubtrace.beam_pipelines import storage

    read, files = storage.read_bytes, []

    def remembered(path: str) -> bytes:
        files.append(Path(path).name)
        return read(path)

    monkeypatch.setattr(storage, "read_bytes", remembered)
    list_runs("out")
    assert sorted(files) == ["manifest.json", "manifest.json", "run.json", "run.json"]


def test_show_says_what_the_manifest_says() -> None:
    first, second = runs_of("out")
    manifest: dict[str, Any] = json.loads(Path(second.manifest).read_text())
    commit = {"python": "3.99", "system": "Linux", "machine": "abacus", "image": "sha256:1"}
    manifest["environment"]["commit"] = commit | {"packages": {"numpy": "2.1", "other": "1"}}
    manifest["scan_again"] = [["b.parquet", "boilerplate"]]
    manifest["dead_shards"] = [{"path": "x", "name": "c", "reason": "unreadable", "detail": "gone"}]
    Path(second.manifest).write_text(json.dumps(manifest))
    shown = output("show", second.id[:-2])
    fingerprint = second.spec().detectors[0].fingerprint
    for said in (
        f"run {second.id}, data set data",
        "5 rows in 2 shards: 3 scanned, 2 with all results from earlier runs",
        f"fingerprint {fingerprint}",
        "5 judged + 0 abstained + 0 dead + 0 sampled out = 5 of 5 rows: balanced",
        f"kept from run {first.id}: 1 shards, 2 rows (boilerplate)",
        "flagged: llm_text 3",
        "en.self_disclosure.",
        "texts by language: en 5",
        "proof_hits = 1",
        "max_dead_letters = 0",
        "c: unreadable: gone",
        "the next run scans b.parquet again with boilerplate",
        "FnApiRunner, 1 workers",
        "committed with Python 3.99, Linux, abacus, image sha256:1, numpy 2.1",
    ):
        assert said in shown
    described = json.loads(output("show", second.id, "--json"))
    assert described["manifest"] == manifest
    assert [entry["run"] for entry in described["kept_from"]] == [first.id]


def test_show_says_when_results_that_were_kept_are_gone() -> None:
    first, second = runs_of("out")
    Path(first.path).rename("elsewhere")
    assert "THE RUN IS GONE" in output("show", second.id)


@pytest.mark.parametrize(("run", "problem"), [("1999", "no run"), ("2", "more than one run")])
def test_show_names_the_choices(run: str, problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("runs", "show", run, "--out", "out") == 2
    said = capsys.readouterr().err
    assert problem in said
    assert all(folder.id in said for folder in runs_of("out"))


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (timedelta(seconds=3), "3 s"),
        (timedelta(minutes=59), "59 min"),
        (timedelta(hours=23), "23 h"),
        (timedelta(days=400), "400 d"),
        (-timedelta(days=1), "0 s"),
    ],
)
def test_age(passed: timedelta, said: str) -> None:
    now = datetime(2031, 5, 6, tzinfo=UTC)
    assert age(now - passed, now) == said


def test_an_id_that_tells_no_time_has_no_age() -> None:
    Path(runs_of("out")[0].path).rename("out/runs/0-mine")
    lines = list_runs("out")
    assert lines[-1].started is None
    assert list(listed(lines))[-1].endswith(" -")
    assert RunFolder("out/runs/0-mine").is_committed()


def test_counts_and_tables() -> None:
    assert counted({}) == "none"
    assert counted({"b": 2, "a": 2, "c": 3000}, 2) == "c 3,000, a 2, and 1 more"
    rows = [("x", "1"), ("long name", "1,000")]
    assert list(table(("A", "N"), rows)) == [
        "A              N",
        "x              1",
        "long name  1,000",
    ]
