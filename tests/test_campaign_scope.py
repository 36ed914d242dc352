"""Scope of a campaign on made shards: what is covered, what is not, and what exceptions allow."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from campaigns import AS_OF, HEAD, REVIEW, SCAN, Site, action, exception, step


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    made = Site(tmp_path)
    for number in range(3):
        made.shard(number)
    return made


def scope(record: dict[str, Any]) -> dict[str, Any]:
    (found,) = record["scope"]
    result: dict[str, Any] = found
    return result


def gaps(record: dict[str, Any]) -> list[tuple[str, str, int | None, str | None]]:
    names = ("gap", "shard", "rows", "exception")
    return [tuple(one[name] for name in names) for one in scope(record)["gaps"]]  # type: ignore[misc]


def test_everything_is_scanned(site: Site) -> None:
    assert site.scan() == 0
    site.write(SCAN)
    record = site.check()
    found = scope(record)
    assert (found["expected_shards"], found["shards"], found["rows"], found["texts"]) == (
        3, 3, 12, 12
    )  # fmt: skip
    size = sum(path.stat().st_size for path in (site.folder / "data").iterdir())
    assert found["bytes"] == size
    assert found["languages"] == {"en": 9, "fr": 3}
    assert [d["name"] for d in found["detectors"]] == ["boilerplate", "redaction"]
    assert found["abstained"] == {"boilerplate": {"language_not_covered": 3}}
    assert (found["columns"], found["columns_not_judged"]) == (["text"], ["note"])
    assert found["gaps"] == []
    assert found["not_expected"] == 0
    assert record["complete"] is True
    assert record["required"] == []
    assert site.code("--gate") == 0


def test_missing_changed_and_dead(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    (site.folder / "data" / "p9.parquet").write_bytes(b"PAR1 no footer")
    assert site.scan() == 3
    site.shard(1, more=2)
    site.shard(3)
    site.write(SCAN)
    record = site.check()
    assert gaps(record) == [
        ("changed", "p1.parquet", 6, None),
        ("missing", "p3.parquet", 4, None),
        ("dead_shard", "p9.parquet", None, None),
    ]
    assert scope(record)["rows"] == 8
    assert step(record, "scan")["done"] == 2
    assert step(record, "scan")["wanted"] == 5
    assert record["required"] == [
        "scan, answers: shards changed since the scan: 1",
        "scan, answers: dead shards: 1",
        "scan, answers: expected shards in no run: 1",
    ]
    assert site.code("--gate") == 5
    assert "campaign spring is not complete: 3 open" in capsys.readouterr().err
    assert site.run("campaign", "check", site.folder / "spring.toml", "--runs", site.out) == 0
    said = capsys.readouterr().out
    assert "NOT SCANNED: expected shards in no run: 1 (4 rows): p3.parquet" in said
    assert "campaign spring is not complete: 3 open" in said


def test_texts_with_nothing_to_judge(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    path = site.shard(1)
    texts = pa.array([None, "", "It rained.", "It snowed."])
    pq.write_table(pq.read_table(path).set_column(0, "text", texts), path)
    assert site.scan() == 0
    site.write(SCAN)
    found = scope(site.check())
    assert (found["texts"], found["null_texts"], found["empty_texts"]) == (12, 1, 1)
    assert site.run("campaign", "check", site.folder / "spring.toml", "--runs", site.out) == 0
    assert "  nothing to judge: 1 null texts, 1 empty" in capsys.readouterr().out


def test_what_is_not_required_is_told_all_the_same(site: Site) -> None:
    assert site.scan("p0.parquet") == 0
    site.write(REVIEW)
    record = site.check()
    assert [gap[0] for gap in gaps(record)] == ["missing", "missing"]
    assert step(record, "scan")["required"] is False
    assert [words.split(",")[0] for words in record["required"]] == ["review"]


def test_a_required_detector_that_did_not_run(site: Site) -> None:
    assert site.scan() == 0
    site.write('[steps.scan]\ndetectors = ["boilerplate", "stylometry"]\n')
    assert {gap[0] for gap in gaps(site.check())} == {"no_detector"}


def test_dead_rows(site: Site) -> None:
    path = site.shard(1, more=2)
    content = bytearray(path.read_bytes())
    content[4:60] = bytes(56)
    path.write_bytes(content)
    assert site.scan() == 3
    site.write(SCAN, exception(shards="p2*"))
    record = site.check()
    assert gaps(record) == [("dead_rows", "p1.parquet", 6, None)]
    assert scope(record)["dead_rows"] == 6
    assert record["required"] == ["scan, answers: shards with dead rows: 1"]
    site.write(SCAN, exception(dataset="answers"))
    assert site.check()["complete"] is True


def test_the_name_of_another_data_set(site: Site) -> None:
    assert site.scan() == 0
    site.write(SCAN, data='[[dataset]]\nname = "answer"\ninputs = ["data/*.parquet"]\n')
    (note,) = site.check()["notes"]
    assert note == "answer: no full scan is committed; scanned data sets: answers"


def test_no_run_at_all(site: Site) -> None:
    assert site.run("review", "upgrade") == 0
    site.write(SCAN, REVIEW)
    site.out.mkdir()
    record = site.check()
    assert len(gaps(record)) == 3
    assert "review, answers: no run of the data set is committed" in record["required"]


def test_a_sample_is_no_scan(site: Site) -> None:
    assert site.scan(options=("--sample", "0.5")) == 0
    site.write(SCAN)
    record = site.check()
    assert scope(record)["newest_run"] is None
    assert {gap[0] for gap in gaps(record)} == {"missing"}


def test_an_inventory(site: Site) -> None:
    assert site.scan() == 0
    lines = "shard,rows,bytes\np0.parquet,4,\np1.parquet,5,\ngone/p7.parquet,90,1000\n"
    (site.folder / "list.csv").write_text(lines)
    site.write(SCAN, data='[[dataset]]\nname = "answers"\ninventory = "list.csv"\n')
    record = site.check()
    assert gaps(record) == [
        ("missing", "gone/p7.parquet", 90, None),
        ("changed", "p1.parquet", 5, None),
    ]
    assert scope(record)["not_expected"] == 1
    assert record["notes"] == ["answers: 1 shards with results are not expected"]


def test_exceptions(site: Site) -> None:
    assert site.scan("p0.parquet") == 0
    site.write(
        SCAN,
        exception("E-1", dataset="answers", shards="p1*"),
        exception("E-2", shards="p2*", approver=None),
        exception("E-3", shards="old/*"),
        exception("E-4", language="fr"),
    )
    record = site.check()
    assert gaps(record) == [
        ("missing", "p1.parquet", 4, "E-1"),
        ("missing", "p2.parquet", 4, None),
    ]
    used = {one["id"]: one for one in record["exceptions"]}
    assert [used[f"E-{n}"]["state"] for n in range(1, 5)] == [
        "applied", "not_approved", "idle", "applied"
    ]  # fmt: skip
    assert used["E-1"]["rows"] == 4
    assert used["E-4"]["abstained_texts"] == 1
    assert record["required"] == [
        "scan, answers: expected shards in no run: 1",
        "exception E-2: has no approver, so that it does not count",
    ]
    assert record["notes"] == ["exception E-3 matches nothing: remove it, or correct what it names"]


def test_another_policy_than_the_named_one(site: Site) -> None:
    assert site.scan(options=("--set", "policy.proof_hits=2")) == 0
    site.write(SCAN)
    (words,) = site.check()["required"]
    assert words.startswith("policy, answers: the newest run was committed with ")


def test_actions_and_dates(site: Site) -> None:
    assert site.scan() == 0
    site.write(
        SCAN,
        action("A-1", due="2030-06-14").replace('"2030-06-14"', "2030-06-14"),
        action("A-2"),
        action("A-3", state="closed", closed_by="T-3"),
        head=HEAD.replace("2030-12-31", "2030-06-01"),
    )
    record = site.check()
    assert [(one["id"], one["is_overdue"]) for one in record["actions"]] == [
        ("A-1", True), ("A-2", False), ("A-3", False)
    ]  # fmt: skip
    assert record["required"] == [
        "dates: the campaign was to end on 2030-06-01",
        "action A-1: was due on 2030-06-14 (vendor management)",
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--previous", "spring.toml"), "is no record of a campaign"),
        (("--log",), "write it with --out"),
        (("--out", "gone/record.json"), "cannot write gone/record.json"),
        (("--runs", "nowhere"), "there is no folder nowhere"),
    ],
)
def test_bad_options(
    site: Site,
    options: tuple[str, ...],
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(site.folder)
    assert site.run("review", "upgrade") == 0
    site.write(SCAN)
    site.out.mkdir()
    assert site.code(*options) == 2
    assert words in capsys.readouterr().err


def test_inputs_that_match_nothing(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert site.run("review", "upgrade") == 0
    site.out.mkdir()
    site.write(SCAN, data='[[dataset]]\nname = "answers"\ninputs = ["none/*.parquet"]\n')
    assert site.code() == 2
    said = capsys.readouterr().err
    assert "data set 'answers' of the campaign: no file matches" in said


def test_the_record_is_the_same_for_the_same_state(site: Site) -> None:
    assert site.scan() == 0
    site.write(SCAN, REVIEW, exception(shards="p1*"))
    first, second = site.check(), site.check(out="again.json")
    for one in (first, second):
        assert one.pop("checked_at")
        assert one.pop("record_sha256")
    assert first == second
    assert first["as_of"] == AS_OF


def test_the_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    examples = Path(__file__).parents[1] / "examples"
    site = Site(tmp_path)
    given = ("--dataset", "answers", "--language-column", "lang", "--id-column", "id")
    assert site.detect(examples / "shards" / "*.parquet", *given) == 0
    file, out = examples / "campaign" / "spring.toml", tmp_path / "record.json"
    about = ("--runs", site.out, "--as-of", "2027-06-15", "--out", out, "--quiet")
    assert site.run("campaign", "check", file, *about) == 0
    record = json.loads(out.read_bytes())
    assert scope(record)["rows"] == 363
    assert [one["state"] for one in record["exceptions"]] == ["applied"]
    (words,) = record["required"]
    assert words.startswith("review, answers: ")
