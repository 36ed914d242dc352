"""Too few controls for an upper bound: what ``audit run`` says then, and that it helps."""

import re
import shlex
from pathlib import Path

import pytest
from audit_runs import GROUPS, audited, controls_added, decided, shard, texts
from audits import Base

from scrubtrace.audit.mixing import Mixed, more_controls


@pytest.mark.parametrize(
    ("mixed", "more", "share"),
    [
        (Mixed(109), 20, 0.37),
        (Mixed(109, 11, 6), 14, 0.36),
        (Mixed(40), 20, 1.0),
        (Mixed(39), 20, None),
        (Mixed(), 20, None),
    ],
)
def test_the_share_of_controls_that_is_enough(mixed: Mixed, more: int, share: float | None) -> None:
    assert mixed.share_for(more) == share


@pytest.mark.parametrize(
    ("mixed", "decided_all", "of_batch", "said"),
    [
        (Mixed(109), 0, 0, "for 20 more LLM controls, and as many human ones, add them"),
        (Mixed(109), 0, 0, "export --batch m --controls 0.37 --out m.csv --review URL; or give"),
        (Mixed(109, 11, 6), 6, 6, "--controls 0.36 "),
        (Mixed(109, 11, 6), 16, 6, "for 4 more LLM controls"),
        (Mixed(109, 40, 20), 6, 6, "have 14 LLM controls that are not decided: enough"),
        (Mixed(30, 10, 5), 5, 5, "15 more LLM controls, and this batch has too few lines"),
    ],
)
def test_what_to_do(mixed: Mixed, decided_all: int, of_batch: int, said: str) -> None:
    told = more_controls("m", mixed, decided_all, of_batch, " --review URL")
    assert said in told
    assert "--sensitivity" in told


def test_the_export_that_is_named_gives_an_upper_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    base = Base(tmp_path)
    base.make_seed()
    shard(tmp_path / "data" / "a.parquet", {"texts": texts(2, 80, "a")})
    assert base.detect(tmp_path / "data" / "*.parquet", "--dataset", "data", *GROUPS) == 0
    assert base.plan("march", "--dataset", "data", "--by", "none", "--total", 60) == 0
    controls_added(base, 25)
    decided(base, "march", missed=0, share="0.1")
    capsys.readouterr()
    assert base.run("audit", "run", "march", "--out", base.out) == 0
    said = capsys.readouterr().out
    found = re.search(r"scrubtrace (review export --batch march --controls ([\d.]+) [^;]*);", said)
    assert found is not None
    assert shlex.split(found[1])[-2:] == ["--review", base.url]
    decided(base, "march", missed=0, share=found[2])
    bound = audited(base, "march")["all"]["figures"]["upper_bound"]
    assert bound["refusal"] is None
    assert "of 20 controls (of this batch" in bound["detail"]
    capsys.readouterr()
    assert base.run("audit", "run", "march", "--out", base.out) == 0
    assert "to get an upper bound" not in capsys.readouterr().out
