"""Reproducing a run: equal files, and what is said when something is another."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from samples import FLAGGED, OWN_SIGNATURE, PLAIN

from scrubtrace.beam_pipelines import scanning
from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.runs import replay as module
from scrubtrace.runs.replay import Request, replay


def detect(*more: str) -> None:
    given = ["detect", "data/*.parquet", "--out", "out", "--id-column", "id", "--quiet"]
    own = "detectors.boilerplate.signature_files=['own.toml']"
    settings = ["--set", "scan.detectors=['boilerplate']", "--set", own, "--set"]
    assert code_of(*given, *settings, "scan.unit_rows=2", *more) in (0, 3)


def write(name: str, *texts: str | bytes) -> None:
    ids = [f"{name}:{number % 3}" for number in range(len(texts))]
    column = pa.array([text.encode() if isinstance(text, str) else text for text in texts])
    pq.write_table(pa.table({"id": ids, "text": column}), Path("data") / name)


@pytest.fixture(scope="module")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder after two nights with a signature file; the second run kept a shard's results."""
    folder = tmp_path_factory.mktemp("nights")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SCRUBTRACE_KEY", "ab" * 32)
        Path("data").mkdir()
        Path("own.toml").write_text(OWN_SIGNATURE)
        write("a.parquet", PLAIN, FLAGGED, "The bridge is open.")
        detect()
        write("b.parquet", FLAGGED, PLAIN, FLAGGED, FLAGGED, b"\xff\xfe")
        detect("--set", "policy.proof_hits=1")
        yield folder


@pytest.fixture(autouse=True)
def _own_folder(two_nights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the two nights: plans name the first folder, to which shards are put back."""
    shutil.copytree(two_nights, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)


def second() -> RunFolder:
    return runs_of("out")[-1]


def snapshot() -> dict[str, tuple[int, bytes]]:
    files = (path for path in Path("out").rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_a_run_is_reproduced_and_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot()
    assert code_of("runs", "replay", second().id, "--out", "out", "--quiet") == 0
    assert snapshot() == before
    said = capsys.readouterr().out
    assert f"run {second().id} reproduced: 3 units, 3 parts identical" in said
    assert "flagged: llm_text 6" in said
    assert "as kept from 1 earlier runs: 2 parts, compared with their receipts" in said
    assert "environment" not in said


def test_what_is_made_can_be_kept(capsys: pytest.CaptureFixture[str]) -> None:
    first = runs_of("out")[0]
    arguments = ["runs", "replay", first.id, "--out", "out", "--keep", "made", "--quiet", "--json"]
    assert code_of(*arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["reproduced"], found["units"], found["kept_parts"]) == (True, 2, 0)
    assert runs_of("made")[0].scanned_units() == first.scanned_units()
    assert code_of(*arguments) == 2
    assert "is not empty" in capsys.readouterr().err
    assert code_of("runs", "replay", first.id, "--out", "out", "--keep", "out/made") == 2
    assert "lies in the output folder" in capsys.readouterr().err


def test_on_worker_processes() -> None:
    assert replay(Request("out", second().id, workers=2, quiet=True)).problems == []


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        ("parts/boilerplate/u0000001.parquet", "unit u0000001: parts/boilerplate/u0000001.parquet"),
        ("receipts/u0000002.json", "unit u0000002: receipts/u0000002.json"),
        ("id_hashes/u0000000.npy", "unit u0000000: id_hashes/u0000000.npy"),
        ("dead_letters/u0000002.parquet", "unit u0000002: dead_letters/u0000002.parquet"),
    ],
)
@pytest.mark.parametrize("gone", [False, True])
def test_files_that_are_not_those_of_the_scan(
    file: str, problem: str, gone: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(second().path, file)
    path.unlink() if gone else path.write_bytes(path.read_bytes() + b"\n")
    is_receipt = gone and file.startswith("receipts")
    assert code_of("runs", "replay", second().id, "--out", "out", "--quiet") == (
        3 if is_receipt else 4
    )
    if not is_receipt:
        said = capsys.readouterr()
        assert f"{problem} {'is gone' if gone else 'differs'}" in said.out + said.err


def test_kept_results_that_are_not_those_of_their_receipts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    part = Path(runs_of("out")[0].part("boilerplate", "u0000000"))
    part.write_bytes(part.read_bytes() + b"\n")
    assert code_of("runs", "replay", second().id, "--out", "out", "--quiet") == 4
    assert "the part of boilerplate is not the one of its receipt" in capsys.readouterr().out
    shutil.rmtree(runs_of("out")[0].path)
    assert code_of("runs", "replay", second().id, "--out", "out", "--quiet") == 3


def test_another_signature_file(capsys: pytest.CaptureFixture[str]) -> None:
    file = Path(second().path, "run.json")
    content = json.loads(file.read_text())
    options = content["detectors"][0]["options"]["signatures_toml"]
    options["own.toml"] = options["own.toml"].replace('"too salty"\nmatch', '"too s[a]lty"\nmatch')
    file.write_text(json.dumps(content))
    assert code_of("runs", "replay", second().id, "--out", "out") == 2
    said = capsys.readouterr().err
    fingerprint = content["detectors"][0]["fingerprint"]
    assert "detector boilerplate: was version " in said
    assert f"fingerprint {fingerprint}; is version " in said


def test_everything_that_differs_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path(second().path, "run.json")
    content = json.loads(file.read_text())
    content["detectors"][0] |= {"name": "boilerplate", "options": {"of_tomorrow": 1}}
    file.write_text(json.dumps(content))
    now = module.environment()
    monkeypatch.setattr(module, "environment", lambda: now | {"python": "9.9"})
    monkeypatch.setattr(module, "IDENTIFIER", "another 1")
    assert code_of("runs", "replay", second().id, "--out", "out") == 2
    said = capsys.readouterr().err
    for words in ("'boilerplate'", "is another 1", "python: was ", "is 9.9"):
        assert words in said


def test_an_environment_that_differs_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = module.environment()
    monkeypatch.setattr(module, "environment", lambda: now | {"machine": "abacus"})
    assert code_of("runs", "replay", second().id, "--out", "out", "--quiet") == 0
    assert "is abacus" in capsys.readouterr().out


def test_shards_that_are_not_the_planned_files(
    two_nights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, shard = two_nights / "data/a.parquet", two_nights / "data/b.parquet"
    times = os.stat(shard)
    try:
        kept.rename(two_nights / "elsewhere")
        assert code_of("runs", "replay", second().id, "--out", "out", "--quiet") == 0
        os.utime(shard, ns=(1, 1))
        assert code_of("runs", "replay", second().id, "--out", "out") == 3
        shard.rename(two_nights / "gone")
        assert code_of("runs", "replay", second().id, "--out", "out") == 3
        (two_nights / "gone").rename(shard)
    finally:
        (two_nights / "elsewhere").rename(kept)
        os.utime(shard, ns=(times.st_atime_ns, times.st_mtime_ns))
    said = capsys.readouterr().err
    assert said.count("1 of 1 shards are not the files that were planned: b.parquet") == 2


def test_counts_that_are_not_those_of_the_manifest(capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(second().manifest)
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"flagged": {"llm_text": 7}}))
    assert code_of("runs", "replay", second().id, "--out", "out", "--quiet") == 4
    said = capsys.readouterr().out
    assert "another flagged: was {'llm_text': 7}, is {'llm_text': 6}" in said


def test_a_scan_that_finds_something_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scanning, "identify", lambda _: "zu")
    assert code_of("runs", "replay", second().id, "--out", "out", "--quiet") == 4
    said = capsys.readouterr().out
    assert "unit u0000000: parts/boilerplate/u0000000.parquet differs" in said
    assert "more" in said


@pytest.mark.parametrize("key", ["cd" * 32, None])
def test_another_key(
    key: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SCRUBTRACE_KEY")
    monkeypatch.setenv("XDG_CONFIG_HOME", os.getcwd())
    if key:
        monkeypatch.setenv("SCRUBTRACE_KEY", key)
    assert code_of("runs", "replay", second().id, "--out", "out") == 2
    assert "--key-file" in capsys.readouterr().err
    Path("digest.key").write_text("ab" * 32)
    arguments = ["--out", "out", "--quiet", "--key-file", "digest.key"]
    assert code_of("runs", "replay", second().id, *arguments) == 0


def test_an_unfinished_run_is_not_replayed() -> None:
    Path(second().manifest).unlink()
    assert code_of("runs", "replay", second().id, "--out", "out") == 2


def test_keys_that_were_rotated_since(capsys: pytest.CaptureFixture[str]) -> None:
    Path("keys").write_text("cd" * 32 + "\n" + "ab" * 32)
    assert (
        code_of("runs", "replay", second().id, "--out", "out", "--quiet", "--key-file", "keys") == 0
    )
    Path("keys").write_text("cd" * 32)
    assert (
        code_of("runs", "replay", second().id, "--out", "out", "--quiet", "--key-file", "keys") == 2
    )
    assert second().spec().key_id in capsys.readouterr().err
