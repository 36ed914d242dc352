"""What audit plan refuses, and says, before anything is written."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from audits import Base, small
from sqlalchemy import select

from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.exits import Exit
from scrubtrace.review.connection import open_review, reading
from scrubtrace.review.table import review_batch_items
from scrubtrace.schemas.identity import DigestKey


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A small data set, to be left as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCRUBTRACE_KEY", "ab" * 32)
        return small(tmp_path_factory.mktemp("scanned"))


def stop_of(base: Base, capsys: pytest.CaptureFixture[str], *options: object) -> tuple[int, str]:
    capsys.readouterr()
    code = base.plan("b", *(options or ("--total", 3)))
    return code, capsys.readouterr().err


def test_a_seed_that_is_late_or_not_committed(
    tmp_path: Path, key: DigestKey, capsys: pytest.CaptureFixture[str]
) -> None:
    base = small(tmp_path)
    base.seed.unlink()
    base.seed.write_text("12" * 32)
    code, said = stop_of(base, capsys)
    assert (code, "not in the event log" in said) == (Exit.USAGE, True)
    base.seed.write_text("pebble")
    code, said = stop_of(base, capsys)
    assert (code, "64 hexadecimal digits" in said, "pebble" in said) == (2, True, False)
    base.seed.unlink()
    base.make_seed()
    code, said = stop_of(base, capsys)
    assert (code, "may have been chosen to suit" in said) == (Exit.USAGE, True)
    assert base.plan("b", "--total", 3, "--allow-late-seed") == 0
    assert "not before the run" in capsys.readouterr().out
    assert base.batch("b")[0].plan["seed"]["late"] is True
    assert base.run("audit", "seed", "--out", base.seed) == Exit.USAGE
    assert os.stat(base.seed).st_mode & 0o777 == 0o600


def test_a_seed_older_than_the_newest_run_only_is_said(
    tmp_path: Path, key: DigestKey, capsys: pytest.CaptureFixture[str]
) -> None:
    base = small(tmp_path)
    base.seed.unlink()
    base.make_seed()
    pq.write_table(pa.table({"text": ["New."], "vendor": ["s"]}), tmp_path / "data" / "b.parquet")
    assert base.detect(tmp_path / "data" / "*.parquet", "--group-by", "vendor=vendor") == 0
    capsys.readouterr()
    assert base.plan("b", "--total", 4) == 0
    assert "the oldest run with results that still count" in capsys.readouterr().out
    batch, items = base.batch("b")
    assert len(items) == 4
    seed = batch.plan["seed"]
    assert (seed["late"], seed["before_all_results"]) == (False, False)


def rewrite(path: Path) -> None:
    pq.write_table(pa.table({"text": ["Another."] * 3, "vendor": ["n"] * 3}), path)


@pytest.mark.parametrize("change", [rewrite, Path.unlink])
def test_a_shard_that_changed_is_named(
    tmp_path: Path,
    key: DigestKey,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Path], object],
) -> None:
    base = small(tmp_path)
    change(tmp_path / "data" / "a.parquet")
    code, said = stop_of(base, capsys)
    assert (code, "shard a.parquet" in said) == (Exit.INCOMPLETE, True)
    assert not list(base.out.glob(".draw-*"))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--total", 3, "--by", "colour"), "--by takes"),
        (("--total", 3, "--by", "labeler"), "--group-by labeler=COL"),
        (("--total", 3, "--by", "language"), "--identify-language"),
        (("--total", 3, "--by", "month"), "--group-by created_at=COL"),
        (("--total", 3, "--bound", 0.1), "give one of"),
        (("--total", 3, "--flagged", "some"), "--flagged takes"),
        (("--total", 3, "--dataset", "other"), "no run of data set 'other'"),
        (("--precision", 0.1), "belong together"),
    ],
)
def test_what_cannot_be_planned(
    scanned: Base,
    key: DigestKey,
    capsys: pytest.CaptureFixture[str],
    options: tuple[object, ...],
    problem: str,
) -> None:
    code, said = stop_of(scanned, capsys, *options)
    assert (code, problem in said) == (Exit.USAGE, True), said


def test_names_and_tables_are_checked_before_the_draw(
    tmp_path: Path, key: DigestKey, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one").mkdir()
    base = small(tmp_path / "one")
    assert base.plan("b", "--total", 3) == 0
    assert stop_of(base, capsys)[1].startswith("scrubtrace: there is a batch b already")
    assert base.plan("a b", "--total", 3) == Exit.USAGE
    other = Base(tmp_path)
    other.out = base.out
    other.make_seed()
    code, said = stop_of(other, capsys)
    assert (code, "not committed to this review table" in said) == (Exit.USAGE, True)
    other.out = tmp_path / "nowhere"
    assert stop_of(other, capsys)[0] == Exit.USAGE
    assert not other.out.exists()


def test_a_text_of_another_state_of_its_shard_is_replaced(tmp_path: Path, key: DigestKey) -> None:
    base = small(tmp_path)
    rewrite(tmp_path / "data" / "a.parquet")
    assert base.detect(tmp_path / "data" / "*.parquet", "--group-by", "vendor=vendor") == 0
    assert base.plan("b", "--total", 3) == 0
    stored = base.items()
    for item in base.batch("b")[1]:
        assert stored[item.item_key].snippet == "Another."
        assert item.text_digest == key.digest("Another.")


def test_results_of_different_columns_are_refused(
    tmp_path: Path, key: DigestKey, capsys: pytest.CaptureFixture[str]
) -> None:
    base = small(tmp_path)
    other = tmp_path / "data" / "b.parquet"
    pq.write_table(pa.table({"text": ["New."], "vendor": ["s"]}), other)
    assert base.detect(other, "--root", str(tmp_path / "data"), "--dataset", "data") == 0
    code, said = stop_of(base, capsys)
    assert (code, "of different columns" in said) == (Exit.USAGE, True)


def test_what_a_killed_draw_left_is_removed(tmp_path: Path, key: DigestKey) -> None:
    base = small(tmp_path)
    left = base.out / ".draw-killed"
    left.mkdir()
    (left / "texts-0000000.json").write_text("[]")
    assert base.plan("b", "--total", 3, "--dry-run") == 0
    assert not list(base.out.glob(".draw-*"))


def test_texts_that_the_receipts_count_otherwise_are_noticed(
    tmp_path: Path, key: DigestKey, capsys: pytest.CaptureFixture[str]
) -> None:
    base = small(tmp_path)
    (run,) = (RunFolder(folder.path) for folder in runs_of(str(base.out)))
    (receipt,) = (Path(run.receipt(unit)) for unit in run.scanned_units())
    receipt.write_text(re.sub(r'"null_texts": 0', '"null_texts": 1', receipt.read_text()))
    code, said = stop_of(base, capsys)
    assert (code, "the draw counts 0 null texts" in said) == (Exit.SUMS_DIFFER, True)


def test_flagged_items_that_are_not_in_the_data_are_told(
    tmp_path: Path, key: DigestKey, capsys: pytest.CaptureFixture[str]
) -> None:
    base = small(tmp_path)
    engine = open_review(base.url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE review_items SET item_key = 'r00' WHERE flagged"  # as if it had gone
        )
    assert base.plan("b", "--total", 3) == 0
    assert "1 flagged items of the review table are not in" in capsys.readouterr().out
    with reading(engine) as connection:
        assert connection.execute(select(review_batch_items.c.flagged)).scalars().all() == [
            False, False, False,
        ]  # fmt: skip
    engine.dispose()
