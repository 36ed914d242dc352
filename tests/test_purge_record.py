"""What a removal record rests on besides decisions: lineage, signatures, results of detect."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from purges import decisions, ids, purge, record, without, write_data


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    write_data()


def test_attachments_and_lineage() -> None:
    decisions([(0, 4), (0, 9)], with_ids=True)
    Path("plan.json").write_text('{"seed": 7}')
    Path("bound.json").write_text('{"bound": 0.001, "sensitivity": 0.9}')
    Path("runs.csv").write_text("run,row_id\none,id-0-4\none,id-0-9\ntwo,id-0-4\nthree,id-0-5\n")
    columns = ("--id-column", "id", "--lineage-column", "parent")
    attached = (
        "--sample-plan",
        "plan.json",
        "--bound",
        "bound.json",
        "--training-runs",
        "runs.csv",
    )
    assert purge("--decisions", "decided.parquet", *columns, *attached) == 0
    said = record()
    assert said["sample_plan"]["content"] == {"seed": 7}
    assert said["post_removal_bound"]["content"]["sensitivity"] == 0.9
    assert said["lineage"]["derived_rows_kept"] == {
        "column": "parent", "rows": 2, "by_shard": {"p0.parquet": 2}
    }  # fmt: skip
    assert said["lineage"]["training_runs"]["rows_read"] == {"one": 2, "two": 1}


def test_rows_named_by_their_place_are_counted_by_their_ids() -> None:
    decisions([(0, 4)])
    Path("runs.csv").write_text("run,row_id\none,id-0-4\n")
    columns = ("--id-column", "id", "--lineage-column", "parent", "--training-runs", "runs.csv")
    assert purge("--decisions", "decided.parquet", *columns) == 0
    lineage = record()["lineage"]
    assert lineage["derived_rows_kept"]["rows"] == 1
    assert lineage["training_runs"]["rows_read"] == {"one": 1}


@pytest.fixture
def key_pair() -> Callable[[str], None]:
    """Writes a new pair of keys to NAME.pem and NAME.pub."""
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    def make(name: str) -> None:
        key = Ed25519PrivateKey.generate()
        form = (s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
        Path(f"{name}.pem").write_bytes(key.private_bytes(*form))
        public = key.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
        Path(f"{name}.pub").write_bytes(public)

    return make


def test_signatures(key_pair: Callable[[str], None], capsys: pytest.CaptureFixture[str]) -> None:
    key_pair("mine")
    key_pair("other")
    decisions([(0, 4)])
    assert purge("--decisions", "decided.parquet", "--sign-key", "mine.pem") == 0
    envelope = Path("purged/removal/record.dsse.json")
    assert code_of("verify", str(envelope), "--public-key", "mine.pub") == 0
    assert "signature holds" in capsys.readouterr().out
    assert code_of("verify", str(envelope)) == 0
    assert code_of("verify", str(envelope), "--public-key", "other.pub") == 4
    assert code_of("verify", "purged/removal/record.json", "--public-key", "mine.pub") == 2
    assert purge("--decisions", "decided.parquet", "--sign-key", "mine.pub", out="two") == 2
    assert purge("--decisions", "decided.parquet") == 0
    assert envelope.exists()
    changed = json.loads(envelope.read_text())
    changed["payload"] = "e30K" + changed["payload"][4:]
    envelope.write_text(json.dumps(changed))
    assert code_of("verify", str(envelope), "--public-key", "mine.pub") == 4


def test_a_record_that_says_more_is_signed_again(
    key_pair: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    key_pair("mine")
    decisions([(0, 4)])
    assert purge("--decisions", "decided.parquet", "--sign-key", "mine.pem") == 0
    Path("bound.json").write_text('{"bound": 0.001}')
    before = _removal_files()
    assert purge("--decisions", "decided.parquet", "--bound", "bound.json") == 2
    assert "would have no signature (--sign-key): give it" in capsys.readouterr().err
    assert _removal_files() == before
    more = ("--bound", "bound.json", "--sign-key", "mine.pem")
    assert purge("--decisions", "decided.parquet", *more) == 0
    assert record()["post_removal_bound"]["content"] == {"bound": 0.001}
    envelope = "purged/removal/record.dsse.json"
    assert code_of("verify", envelope, "--public-key", "mine.pub") == 0


def _removal_files() -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in Path("purged/removal").rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("--bound", "bound.json", "no bound (--bound): give it"),
        ("--sample-plan", "bound.json", "no sample plan (--audit-batch or --sample-plan): give"),
        ("--training-runs", "runs.csv", "no training runs (--training-runs): give it"),
        ("--results", "out", "no detectors (--results): give it"),
    ],
)
def test_a_record_that_would_say_less_is_not_written(
    option: str, value: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    decisions([(0, 4)])
    Path("bound.json").write_text('{"bound": 0.001}')
    Path("runs.csv").write_text("run,shard,row_index\none,p0.parquet,4\n")
    if option == "--results":
        assert code_of("detect", "data/*.parquet", "--out", "out", "--quiet") == 0
    given = ("--decisions", "decided.parquet")
    assert purge(*given, option, value) == 0
    before = _removal_files()
    assert purge(*given) == 2
    said = capsys.readouterr().err
    assert f"would have {named}" in said
    assert "or name another --out" in said
    assert _removal_files() == before
    assert purge(*given, option, value) == 0
    assert _removal_files() == before


def test_all_that_a_record_would_lose_is_named(
    key_pair: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    key_pair("mine")
    decisions([(0, 4)])
    Path("bound.json").write_text('{"bound": 0.001}')
    given = ("--decisions", "decided.parquet")
    assert purge(*given, "--bound", "bound.json", "--sign-key", "mine.pem") == 0
    assert purge(*given) == 2
    assert "no bound (--bound), no signature (--sign-key)" in capsys.readouterr().err


def test_verbatim_matches_go() -> None:
    answer = " ".join(
        f"The harbour of the old town number {n} was quiet that day." for n in range(9)
    )
    table = pq.read_table("data/p1.parquet")
    texts = table.column("text").to_pylist()
    texts[6] = answer
    pq.write_table(table.set_column(1, "text", pa.array(texts)), "data/p1.parquet")
    pq.write_table(pa.table({"text": [answer]}), "log.parquet")
    assert code_of("index", "build", "log.parquet", "--out", "index", "--basis", "own traffic") == 0
    assert (
        code_of("detect", "data/*.parquet", "--out", "out", "--reference", "index", "--quiet") == 0
    )
    given = ("--results", "out", "--set", "purge.match_verbatim=true")
    assert purge(*given) == 0
    assert ids() == without("id-1-6")
    said = record()
    assert said["removed"]["by_reason"] == {"verbatim": 1}
    assert "reference" in [entry["name"] for entry in said["detectors"]]
    assert (
        said["indexes"][0]["manifest_sha256"]
        == hashlib.sha256(Path("index/index.json").read_bytes()).hexdigest()
    )


def test_decisions_from_before_a_key_was_rotated(monkeypatch: pytest.MonkeyPatch) -> None:
    decisions([(0, 4)])
    monkeypatch.setenv("SCRUBTRACE_KEY", f"{'cd' * 32},{'ab' * 32}")
    assert purge("--decisions", "decided.parquet") == 0
    assert ids() == without("id-0-4")
    assert code_of("verify", "purged/removal/record.json", "--every-row") == 0
    monkeypatch.setenv("SCRUBTRACE_KEY", "cd" * 32)
    assert purge("--decisions", "decided.parquet", out="two") == 2
