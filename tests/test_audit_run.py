"""From decisions to shares: known values, coverage on made populations, the command line."""

import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of

from scrubtrace.audit import running
from scrubtrace.audit.estimates import Counted, Estimate, Finding, cell_estimate, whole_estimate
from scrubtrace.audit.figures import Refusal
from scrubtrace.audit.reviewed import Reviewed
from scrubtrace.exits import Exit
from scrubtrace.review.batches.store import create_batch, find_batch
from scrubtrace.review.connection import open_review, reading
from scrubtrace.review.trail.events import head
from scrubtrace.review.trail.log import log_unmasking
from scrubtrace.schemas.identity import DigestKey
from scrubtrace.stats.intervals import interval, upper_bound

CELL = Counted("a", "all", 10_000, 300, 300, 3)
CERTAIN = Finding(1)


def test_a_cell_has_the_exact_interval() -> None:
    found = cell_estimate(CELL, 0.95, Finding(0.8))
    lower, upper = interval(3, 300)
    assert (found.rate, found.lower, found.upper) == pytest.approx((0.01, lower, upper))
    assert found.upper_corrected == pytest.approx(upper_bound(3, 300) / 0.8)
    measured = cell_estimate(CELL, 0.95, Finding(0.8, is_measured=True))
    assert measured.upper_corrected == pytest.approx(upper / 0.8)
    assert cell_estimate(CELL, 0.95, None).upper_corrected is None
    assert found.if_undecided == pytest.approx((0.01, 0.01))


@pytest.mark.parametrize(
    ("cells", "refusal", "about"),
    [
        ([], Refusal.NOT_DECIDED, ""),
        ([replace(CELL, decided=0, hits=0)], Refusal.NOT_DECIDED, "a (all)"),
        ([CELL, Counted("b", "all", 9, 3, 0, 0)], Refusal.PART_NOT_DECIDED, "b (all)"),
    ],
)
def test_refusals(cells: list[Counted], refusal: Refusal, about: str) -> None:
    found = whole_estimate(cells, 0.95, CERTAIN)
    assert found == Estimate(refusal=refusal, about=about)


def test_an_empty_cell_is_refused() -> None:
    assert cell_estimate(replace(CELL, decided=0), 0.95, CERTAIN).refusal == Refusal.NOT_DECIDED
    nothing = replace(CELL, drawn=0, decided=0)
    assert cell_estimate(nothing, 0.95, CERTAIN).refusal == Refusal.NOT_DRAWN


def test_the_whole_is_the_mean_over_populations() -> None:
    cells = [Counted("a", "all", 900, 30, 30, 3), Counted("b", "all", 100, 50, 25, 10)]
    found = whole_estimate(cells, 0.95, CERTAIN)
    assert found.rate == pytest.approx(0.9 * 0.1 + 0.1 * 0.4)
    assert found.if_undecided == pytest.approx((0.9 * 0.1 + 0.1 * 0.2, 0.9 * 0.1 + 0.1 * 0.7))


def test_one_stratum_is_its_cell() -> None:
    one, whole = cell_estimate(CELL, 0.95, Finding(0.9)), whole_estimate([CELL], 0.95, Finding(0.9))
    worth = 300 * 299 / 300  # the variance is divided by one row less
    assert whole.rate == one.rate
    assert one.upper is not None
    assert whole.upper == pytest.approx(one.upper, rel=1 / worth)
    none = replace(CELL, hits=0)
    assert whole_estimate([none], 0.95, CERTAIN).upper == pytest.approx(upper_bound(0, 300, 0.975))


def test_intervals_cover_what_there_is() -> None:
    chance = np.random.default_rng(11)
    sizes, drawn = np.array([50_000, 5_000, 500]), np.array([150, 150, 150])
    for there in ([500, 150, 100], [0, 0, 25], [50, 5, 1], [0, 500, 0]):
        truth, bad = sum(there) / int(sizes.sum()), np.array(there)
        covered = 0
        for _ in range(400):
            hits = chance.hypergeometric(bad, sizes - bad, drawn)
            cells = [
                Counted(str(n), "all", *map(int, (size, count, count, hit)))
                for n, (size, count, hit) in enumerate(zip(sizes, drawn, hits, strict=True))
            ]
            found = whole_estimate(cells, 0.95, CERTAIN)
            assert found.lower is not None
            assert found.upper is not None
            covered += found.lower <= truth <= found.upper
        assert covered / 400 > 0.93


class Base:
    """Texts of two vendors, scanned and drawn as batch b."""

    def __init__(self, folder: Path, texts: int = 60) -> None:
        self.folder, self.url = folder, f"sqlite:///{folder}/review.sqlite"
        (folder / "data").mkdir()
        rows = {
            "text": [f"The bus number {n} was late." for n in range(texts)],
            "vendor": ["north" if n % 3 else "south" for n in range(texts)],
        }
        pq.write_table(pa.table(rows), folder / "data" / "a.parquet")
        assert self.run("audit", "seed", "--out", folder / "seed") == 0
        shards, groups = folder / "data" / "*.parquet", "vendor=vendor"
        options = ("--out", folder / "out", "--group-by", groups, "--quiet")
        assert self.run("detect", shards, *options) == 0

    def run(self, *arguments: object) -> int:
        return code_of(*map(str, arguments), "--review", self.url)

    def plan(self, *options: object) -> None:
        given = ("--out", self.folder / "out", "--seed-file", self.folder / "seed", "--name", "b")
        assert self.run("audit", "plan", *given, *options) == 0

    def decide(
        self, decisions: dict[int, str], reasons: dict[int, str] | None = None, name: str = "anna"
    ) -> list[int]:
        """Stores decisions on texts of the batch by row; gives the rows that are in the batch."""
        why = reasons or {}
        engine = open_review(self.url)
        with reading(engine) as connection:
            found = connection.exec_driver_sql(
                "SELECT i.item_key, i.row_version, i.row_index FROM review_items i "
                "JOIN review_batch_items b ON b.item_key = i.item_key ORDER BY i.row_index"
            ).all()
        engine.dispose()
        path = self.folder / "decided.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["item_key", "row_version", "decision", "reason", "comment"])
            lines = [
                (row[0], row[1], decisions.get(row[2], ""), why.get(row[2], ""), "")
                for row in found
            ]
            writer.writerows(lines)
        assert self.run("review", "import", path, "--reviewer", name) == 0
        return [row[2] for row in found]


def test_decisions_become_shares(
    tmp_path: Path, key: DigestKey, capsys: pytest.CaptureFixture[str]
) -> None:
    base = Base(tmp_path)
    base.plan("--total", 30, "--by", "vendor")
    capsys.readouterr()
    assert base.run("audit", "run", "b") == 0
    assert "no figure for all texts: no text is decided" in capsys.readouterr().out
    rows = base.decide({n: "concur" if n % 3 == 0 else "dismiss" for n in range(60)})
    assert len(rows) == 30
    capsys.readouterr()
    assert base.run("audit", "run", "b", "--sensitivity", "0.8", "--json", "-") == 0
    found = json.loads(capsys.readouterr().out)
    (total,) = found["drawn_from_all"]
    assert (total["population"], total["drawn"], total["decided"]) == (60, 30, 30)
    assert total["hits"] == 15
    assert total["rate"] == pytest.approx(20 / 60)
    strata = {cell["stratum"]: cell for cell in found["drawn_from"]}
    assert (strata["vendor=south"]["rate"], strata["vendor=north"]["rate"]) == (1, 0)
    assert 20 / 60 / 0.8 < total["upper_corrected"] < total["upper"] / 0.8
    assert base.run("audit", "run", "b") == 0
    said = capsys.readouterr().out
    assert "no upper bound for vendor=north; vendor=south; all: no controls were decided" in said
    assert "no lower bound for vendor=north; vendor=south; all: no folder of runs was given" in said


def test_text_that_is_allowed_is_llm_text(
    tmp_path: Path, key: DigestKey, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of two reviewers says so of the last texts; nobody does of the first."""
    base = Base(tmp_path)
    base.plan("--total", 60, "--by", "none")
    dismissed = dict.fromkeys(range(60), "dismiss")
    base.decide(dismissed, dict.fromkeys(range(20), "human"))
    base.decide(dismissed, dict.fromkeys(range(40, 60), "allowed"), "ben")
    capsys.readouterr()
    assert base.run("audit", "run", "b", "--sensitivity", 1, "--json", "-") == 0
    (total,) = json.loads(capsys.readouterr().out)["drawn_from_all"]
    assert (total["decided"], total["hits"]) == (60, 20)
    assert base.run("audit", "run", "b") == 0
    assert "call LLM text, also if it is allowed" in capsys.readouterr().out


def test_the_head_is_that_of_the_decisions_which_were_read(
    tmp_path: Path,
    key: DigestKey,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    base = Base(tmp_path, 5)
    base.plan("--total", 5)
    engine, read = open_review(base.url), running.read_batch
    before = head(engine)

    def read_with_an_event_behind(*given: Any) -> Reviewed:
        reviewed = read(*given)
        log_unmasking(engine, "p-7kq2m-x4fza", "asked for", None, 1)
        return reviewed

    monkeypatch.setattr(running, "read_batch", read_with_an_event_behind)
    capsys.readouterr()
    assert base.run("audit", "run", "b", "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["review_head"] == before != head(engine)
    engine.dispose()


def test_what_is_undecided_is_told(
    tmp_path: Path, key: DigestKey, capsys: pytest.CaptureFixture[str]
) -> None:
    base = Base(tmp_path)
    base.plan("--total", 60, "--by", "none")
    base.decide({n: "concur" if n < 6 else "second" if n < 12 else "dismiss" for n in range(60)})
    capsys.readouterr()
    assert base.run("audit", "run", "b", "--confidence", "0.9") == 0
    said = capsys.readouterr().out
    assert "6 texts are undecided; if none of them is a hit the share is 10.000%" in said
    assert "if all are 20.000%" in said
    assert "at 90% confidence" in said


def test_a_sample_for_review_speaks_of_the_texts_that_are_not_flagged(
    tmp_path: Path, key: DigestKey, capsys: pytest.CaptureFixture[str]
) -> None:
    base = Base(tmp_path)
    out = tmp_path / "out"
    assert base.run("review", "sample", 10, "--out", out, "--name", "b") == 0
    base.decide(dict.fromkeys(range(60), "dismiss"))
    capsys.readouterr()
    assert base.run("audit", "run", "b", "--json", "-") == 0
    totals = {cell["of"]: cell for cell in json.loads(capsys.readouterr().out)["drawn_from_all"]}
    assert (totals["unflagged"]["population"], totals["unflagged"]["decided"]) == (60, 10)
    assert totals["unflagged"]["upper"] == pytest.approx(upper_bound(0, 10, 0.975))
    assert math.isclose(totals["all"]["rate"], 0)


def test_batches_that_cannot_be_told_from(
    tmp_path: Path, key: DigestKey, capsys: pytest.CaptureFixture[str]
) -> None:
    base = Base(tmp_path, 5)
    assert base.run("audit", "run", "other") == Exit.USAGE
    base.plan("--total", 5)
    engine = open_review(base.url)
    with reading(engine) as connection:
        made = find_batch(connection, "b")
    create_batch(engine, replace(made, name="empty"), [])
    create_batch(engine, replace(made, name="own", plan={"by": "hand"}), [])
    engine.dispose()
    capsys.readouterr()
    assert base.run("audit", "run", "empty") == Exit.SUMS_DIFFER
    assert base.run("audit", "run", "own") == Exit.USAGE
    said = capsys.readouterr().err
    assert "batch empty has 0 texts of" in said
    assert "was not drawn by audit plan" in said
