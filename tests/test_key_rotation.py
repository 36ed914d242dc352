"""Rotating the digest key from the command line: detect, rotate, detect, drop."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from scrubtrace import keys
from scrubtrace.beam_pipelines.keys import DigestKeyError, planned_keys
from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.cli import main
from scrubtrace.key_file import make_key
from scrubtrace.review.connection import open_review
from scrubtrace.review.table import review_items
from scrubtrace.schemas.identity import DigestKey, KeyRing

PHRASE = "As an AI language model, I have never tasted soup."
TEXTS = [f"{PHRASE} It is number {number} on the menu." for number in range(6)]
A, B = "ab" * 32, "cd" * 32
OPTIONS = ("--root", "data", "--quiet", "--set", 'scan.detectors=["boilerplate"]')
VERSIONS = {"first_run", "last_run", "row_version"}

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SCRUBTRACE_KEY", raising=False)
    monkeypatch.setattr(keys, "default_key_file", lambda: tmp_path / "config" / "digest.key")
    Path("data").mkdir()
    write("a", TEXTS[:3])
    write("b", TEXTS[3:])


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs the command line; gives exit code, standard output and standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            main(list(arguments))
        except SystemExit as ended:
            code = int(ended.code or 0)
        shown = capsys.readouterr()
        assert not [secret for secret in secrets() if secret in shown.out + shown.err]
        return code, shown.out, shown.err

    return run


def secrets() -> set[str]:
    files = [*Path().glob("*.key"), Path("config/digest.key")]
    return {A, B} | {word for file in files if file.exists() for word in file.read_text().split()}


def write(name: str, texts: list[str]) -> None:
    pq.write_table(pa.table({"text": texts}), f"data/{name}.parquet")


def ring(path: str = "config/digest.key") -> KeyRing:
    return KeyRing.parse(Path(path).read_text())


def detect(call: Call, url: str = "sqlite:///r.sqlite", *more: str, out: str = "out") -> None:
    options = (*OPTIONS, "--out", out, "--review", url)
    code, _, problem = call("detect", "data/*.parquet", *options, *more)
    assert (code, problem) == (0, "")


def items(url: str = "sqlite:///r.sqlite") -> dict[tuple[str, int], dict[str, Any]]:
    engine = open_review(url)
    with engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(select(review_items)).mappings()]
    engine.dispose()
    return {(row["shard"], row["row_index"]): row for row in rows}


def scanned() -> set[str]:
    """Shards that the newest run scanned, rather than keep results of."""
    return {r.shard.name for unit in runs_of("out")[-1].work().units for r in unit.ranges}


def test_a_rotation_from_first_run_to_dropped_key(call: Call, url: str) -> None:
    detect(call, url)
    old = ring().active.id
    code, said, _ = call("keys", "rotate")
    active = ring().active.id
    assert code == 0
    assert f"key {active} is active now, key {old} is retired" in said
    write("a", [TEXTS[0], f"{TEXTS[1]} With salt.", TEXTS[2]])
    Path("data/b.parquet").unlink()
    detect(call, url)
    assert scanned() == {"a.parquet"}

    found = items(url)
    assert {place: (row["key_id"], row["row_version"]) for place, row in found.items()} == {
        ("a.parquet", 0): (active, 1),
        ("a.parquet", 1): (active, 2),
        ("a.parquet", 2): (active, 1),
        **{("b.parquet", number): (old, 1) for number in range(3)},
    }
    assert found["a.parquet", 0]["text_digest"] == ring().active.digest(TEXTS[0])
    shown = call("keys", "show", "--review", url)[1].splitlines()
    assert shown[1:] == [f"{active}  active    3 items", f"{old}  retired   3 items"]

    code, _, problem = call("keys", "drop", old, "--review", url)
    assert (code, ring().retired_ids) == (2, (old,))
    assert f"3 items of the review table need key {old}" in problem
    write("b", TEXTS[3:])
    detect(call, url)
    code, said, _ = call("keys", "drop", old, "--review", url)
    assert (code, ring().ids) == (0, (active,))
    assert f"key {old} removed from" in said
    detect(call, url)
    assert scanned() == set()
    assert {row["key_id"] for row in items(url).values()} == {active}
    assert {p for p, row in items(url).items() if row["row_version"] > 1} == {("a.parquet", 1)}


def test_a_table_after_a_rotation_is_one_made_with_the_new_key(call: Call) -> None:
    detect(call)
    call("keys", "rotate")
    detect(call)
    Path("new.key").write_text(ring().active.secret.hex())
    detect(call, "sqlite:///fresh.sqlite", "--key-file", "new.key", out="fresh")
    specification = json.loads(Path(runs_of("out")[-1].manifest).read_text())["specification"]
    assert specification["retired_key_ids"] == list(ring().retired_ids)
    rotated, fresh = items(), items("sqlite:///fresh.sqlite")
    assert {row["row_version"] for row in rotated.values()} == {1}
    for table in (rotated, fresh):
        for row in table.values():
            for name in VERSIONS:
                del row[name]
    assert rotated == fresh


def test_two_workers_write_the_same_parts_as_one(call: Call) -> None:
    Path("two.key").write_text(f"{A}\n{B}\n")
    common = ("--key-file", "two.key", "--set", "scan.unit_rows=2")
    detect(call, "sqlite:///one.sqlite", *common, out="one")
    detect(call, "sqlite:///two.sqlite", *common, "--workers", "2", out="two")
    one, two = (
        {path.name: path.read_bytes() for path in Path(out).glob("runs/*/parts/boilerplate/*")}
        for out in ("one", "two")
    )
    assert len(one) > 1
    assert one == two
    rows = pq.read_table(Path(runs_of("two")[0].path) / "parts" / "boilerplate").to_pylist()
    retired = DigestKey.from_hex(B)
    digests = [row["earlier_digests"] for row in rows]
    assert digests == [[{"key_id": retired.id, "digest": retired.digest(text)}] for text in TEXTS]


def test_keys_in_the_environment_are_rotated_by_hand(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRUBTRACE_KEY", A)
    detect(call)
    code, _, problem = call("keys", "rotate")
    assert code == 2
    assert "SCRUBTRACE_KEY, which no command can change; make a key" in problem
    code, said, _ = call("keys", "new", "new.key")
    assert (code, said) == (0, f"key {ring('new.key').active.id} written to new.key\n")
    assert stat.S_IMODE(Path("new.key").stat().st_mode) == 0o600
    monkeypatch.setenv("SCRUBTRACE_KEY", f"{Path('new.key').read_text()},{A}")
    detect(call)
    assert {(row["key_id"], row["row_version"]) for row in items().values()} == {
        (ring("new.key").active.id, 1)
    }
    old = DigestKey.from_hex(A).id
    code, said, _ = call("keys", "drop", old, "--review", "sqlite:///r.sqlite")
    done, lost = said.splitlines()
    assert (code, done) == (0, f"no item needs key {old}: take it out of SCRUBTRACE_KEY")
    assert lost.startswith("control tasks that were planned with it cannot be scored")
    monkeypatch.setenv("SCRUBTRACE_KEY", Path("new.key").read_text())
    detect(call)


def test_a_lost_key_is_given_up_and_its_texts_count_as_changed(call: Call) -> None:
    detect(call)
    lost = ring().active.id
    Path("config/digest.key").unlink()
    table = ("--review", "sqlite:///r.sqlite")
    code, _, problem = call("detect", "data/*.parquet", *OPTIONS, "--out", "out", *table)
    assert (code, "the digest key is lost" in problem) == (2, True)
    code, _, problem = call("keys", "drop", lost, *table)
    assert (code, "6 items of the review table need key" in problem) == (2, True)
    code, said, _ = call("keys", "drop", lost, *table, "--force")
    assert (code, said) == (0, "digests of 6 items given up\n")
    Path("data/b.parquet").unlink()
    detect(call)
    assert {row["row_version"] for (shard, _), row in items().items() if shard[0] == "a"} == {2}
    shown = call("keys", "show", *table)[1].splitlines()
    assert shown[1:] == [f"{ring().active.id}  active    3 items", f"{lost}  dropped   3 items"]


def test_a_run_from_before_a_rotation_is_not_committed_after_it(call: Call) -> None:
    detect(call)
    first = runs_of("out")[0].id
    call("keys", "rotate")
    table = ("--review", "sqlite:///r.sqlite")
    assert call("commit", first, "--out", "out", *table)[0] == 0
    detect(call)
    before = items()
    code, _, problem = call("commit", first, "--out", "out", *table)
    assert (code, "was committed later; commit that one, or call detect again" in problem) == (
        2,
        True,
    )
    assert items() == before


def test_a_retired_key_that_is_added_later_is_recognised_too(call: Call) -> None:
    detect(call)
    old = Path("config/digest.key").read_text()
    call("keys", "rotate")
    new = Path("config/digest.key").read_text().replace(old, "")
    Path("config/digest.key").write_text(new)
    # Another table, so that the run has results without digests of the old key.
    detect(call, "sqlite:///other.sqlite")
    Path("config/digest.key").write_text(new + old)
    detect(call)
    assert scanned() == {"a.parquet", "b.parquet"}
    assert {(row["key_id"], row["row_version"]) for row in items().values()} == {
        (ring().active.id, 1)
    }


def test_a_sample_carries_nothing_over(call: Call) -> None:
    detect(call)
    before = items()
    call("keys", "rotate")
    detect(call, "sqlite:///r.sqlite", "--sample", "1.0")
    assert items() == before


def test_a_run_goes_on_with_its_keys_while_they_are_rotated(call: Call) -> None:
    detect(call)
    spec, planned = runs_of("out")[0].spec(), ring()
    call("keys", "rotate")
    assert planned_keys(spec) == planned
    Path("config/digest.key").write_text(A)
    needed = f"holds key {DigestKey.from_hex(A).id}, but key {planned.active.id} is needed"
    with pytest.raises(DigestKeyError, match=needed):
        planned_keys(spec)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["drop", "0123456789ab"], "name the review table"),
        (["drop", "0123456789ab", "--review", "sqlite:///none.sqlite"], "there is no review table"),
        (["drop", "0123456789ab", "--review", "sqlite:///r.sqlite"], "nor the review table has"),
        (["drop", "ACTIVE", "--review", "sqlite:///r.sqlite", "--force"], "is the active key"),
        (["show", "--review", "sqlite:///none.sqlite"], "there is no review table"),
        (["show", "--key-file", "bad.key"], "bad.key: line 1: a digest key has 32 bytes"),
        (["rotate", "--key-file", "none.key"], "there is no key file"),
        (["new", "bad.key"], "cannot make the digest key bad.key: File exists"),
    ],
)
def test_misuse_exits_2_and_changes_nothing(call: Call, arguments: list[str], message: str) -> None:
    Path("bad.key").write_text("abcd")
    make_key(Path("config/digest.key").absolute())
    open_review("sqlite:///r.sqlite").dispose()
    before = Path("config/digest.key").read_bytes()
    given = [ring().active.id if argument == "ACTIVE" else argument for argument in arguments]
    code, _, problem = call("keys", *given)
    assert (code, message in problem) == (2, True)
    assert Path("config/digest.key").read_bytes() == before


def test_show_before_the_first_run_says_that_there_is_no_key(call: Call) -> None:
    code, said, _ = call("keys", "show")
    assert code == 0
    assert said.endswith("digest.key: no key yet, the first run of detect makes one\n")
    assert not Path("config").exists()
