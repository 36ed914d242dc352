"""``audit run`` after a change of the shards that its batch was drawn from."""

import shlex
from pathlib import Path

import pytest
from audit_runs import GROUPS, audited, controls_added, decided, scanned, shard, texts
from audits import Base

from scrubtrace.exits import Exit
from scrubtrace.schemas.identity import DigestKey

DATA = (
    {"texts": texts(40, 160, "a")},
    {"texts": texts(20, 100, "b"), "vendor": "south"},
    {"texts": texts(0, 40, "c"), "vendor": "south", "lang": "de"},
)


@pytest.fixture
def base(tmp_path: Path, key: DigestKey) -> Base:
    """Data of two vendors, and a human reference."""
    made = Base(tmp_path)
    made.make_seed()
    scanned(made, "data", *DATA)
    scanned(made, "human", {"texts": texts(2, 200, "d")})
    return made


def test_a_bound_on_what_was_drawn_from_is_none_on_later_shards(
    base: Base, capsys: pytest.CaptureFixture[str]
) -> None:
    """200 texts, 190 of them flagged, come after the draw: no row has them beside its bound."""
    assert base.plan("march", "--dataset", "data", "--by", "language", "--total", 60) == 0
    controls_added(base, 20)
    decided(base, "march", missed=0, share="0.1")
    before = audited(base, "march", "--human-reference", "human", "--sensitivity", 1)
    assert before["all"]["figures"]["lower_bound"]["lower"] > 0
    assert not before["notes"]
    more = base.folder / "data" / "b.parquet"
    shard(more, {"texts": texts(190, 200, "z"), "lang": "fr"})
    assert base.detect(base.folder / "data" / "*.parquet", "--dataset", "data", *GROUPS) == 0
    capsys.readouterr()
    found = audited(base, "march", "--human-reference", "human", "--sensitivity", 1)
    whole = found["all"]
    assert (whole["texts"], whole["flagged"]) == (300, 60)
    assert whole["figures"]["upper_bound"] == before["all"]["figures"]["upper_bound"]
    assert whole["figures"]["lower_bound"]["refusal"] == "not_counted"
    assert found["language=en"]["figures"]["lower_bound"]["refusal"] is None
    assert "note: shards were added or changed since the batch" in capsys.readouterr().out


def test_as_many_other_texts_are_not_those_that_were_drawn_from(base: Base) -> None:
    assert base.plan("march", "--dataset", "data", "--by", "vendor", "--total", 10) == 0
    scanned(base, "data", {"texts": texts(150, 160, "a")}, *DATA[1:])
    found = audited(base, "march", "--human-reference", "human")
    bounds = {name: found[name]["figures"]["lower_bound"] for name in ("vendor=north", "all")}
    assert [one["refusal"] for one in bounds.values()] == ["not_counted"] * 2
    assert "150 flagged texts, 40 were when it was drawn" in bounds["vendor=north"]["detail"]


def test_a_report_takes_no_audit_of_earlier_shards(
    base: Base, capsys: pytest.CaptureFixture[str]
) -> None:
    assert base.plan("march", "--dataset", "data", "--by", "none", "--total", 10) == 0
    audited(base, "march", "--human-reference", "human")
    written, page = base.folder / "audit.json", base.folder / "r.md"
    report = ("report", "--runs", base.out, "--dataset", "data", "--out", page, "--audit", written)
    assert base.run(*report) == 0
    assert "of 300 texts are LLM text" in page.read_text()
    shard(base.folder / "data" / "b.parquet", {"texts": texts(9, 20, "z")})
    assert base.detect(base.folder / "data" / "*.parquet", "--dataset", "data", *GROUPS) == 0
    capsys.readouterr()
    assert base.run(*report) == Exit.USAGE
    said = capsys.readouterr().err.rstrip()
    assert "is about other shards than those that count now, make it anew: scrubtrace audit" in said
    again = shlex.split(said[said.index("scrubtrace audit") :])[1:]
    assert base.run(*again) == 0
    assert base.run(*report) == 0
    assert "shards were added or changed" in page.read_text()
