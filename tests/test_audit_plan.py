"""From shards to a batch through the command line, beside a draw in a few lines of Python."""

import hashlib
import hmac
import json
import os
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.detectors.language import normalise_code
from scrubtrace.exits import Exit
from scrubtrace.review.batches.store import batch_items, find_batch
from scrubtrace.review.connection import open_review, reading
from scrubtrace.review.store import iter_items
from scrubtrace.review.table import review_batch_items
from scrubtrace.review.trail.verify import verify
from scrubtrace.schemas.batches import SAMPLED, Batch, BatchItem, Purpose
from scrubtrace.schemas.identity import DigestKey, item_key
from tests.helpers.command_line import code_of
from tests.helpers.samples import FLAGGED, PLAIN

EXAMPLES = Path(__file__).parents[1] / "examples" / "shards"
KEY = DigestKey.from_hex("ab" * 32)
Stratum = tuple[str | None, ...]
Texts = dict[Stratum, dict[str, str]]


class Base:
    """A folder with runs, a review table and a seed that was committed before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out, self.seed = folder / "out", folder / "march.seed"
        self.url = f"sqlite:///{folder}/review.sqlite"

    def run(self, *arguments: object) -> int:
        return code_of(*map(str, arguments), "--review", self.url)

    def make_seed(self) -> None:
        assert self.run("audit", "seed", "--out", self.seed) == 0

    def detect(self, shards: object, *options: str) -> int:
        return self.run("detect", shards, "--out", self.out, "--quiet", *options)

    def plan(self, name: str, *options: object) -> int:
        given = ("--out", self.out, "--seed-file", self.seed, "--name", name)
        return self.run("audit", "plan", *given, *options)

    def batch(self, name: str) -> tuple[Batch, list[BatchItem]]:
        engine = open_review(self.url)
        with reading(engine) as connection:
            found = find_batch(connection, name), list(batch_items(connection, name))
        engine.dispose()
        return found

    def items(self) -> dict[str, Any]:
        engine = open_review(self.url)
        found = {stored.item.item_key: stored.item for stored in iter_items(engine)}
        engine.dispose()
        return found


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Base:
    base = Base(tmp_path_factory.mktemp("examples"))
    groups = "labeler=labeler,vendor=vendor,source=source,created_at=created_at"
    options = ("--id-column", "id", "--language-column", "lang", "--group-by", groups)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCRUBTRACE_KEY", "ab" * 32)
        base.make_seed()
        assert base.detect(EXAMPLES / "*.parquet", *options) == 0
    return base


@pytest.fixture
def copied(examples: Base, tmp_path: Path, key: DigestKey) -> Base:
    """The scanned examples, to be changed."""
    shutil.copytree(examples.folder, tmp_path / "copy")
    return Base(tmp_path / "copy")


def all_texts(by: tuple[str, ...]) -> Texts:
    """Text by item key, by stratum: what there is to draw from in the examples."""
    seen: Counter[str] = Counter()
    strata: Texts = defaultdict(dict)
    for path in sorted(EXAMPLES.glob("*.parquet")):
        for number, row in enumerate(pq.read_table(path).to_pylist()):
            occurrence = seen[row["id"]]
            seen[row["id"]] += 1
            if row["text"]:
                key = item_key("shards", path.name, number, row["id"], occurrence, "text")
                code, at = row["lang"], row["created_at"]
                values = {
                    "vendor": row["vendor"],
                    "source": row["source"],
                    "language": normalise_code(code) if code else None,
                    "month": at if at is None else str(at)[:7],
                }
                strata[tuple(values[name] for name in by)][key] = row["text"]
    return strata


def rank(seed: Path, key: str) -> str:
    secret = bytes.fromhex(seed.read_text())
    return hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("workers", [1, 2])
def test_the_draw_is_that_of_a_few_lines_of_python(copied: Base, workers: int) -> None:
    by = ("vendor", "language")
    code = copied.plan("b", "--by", ",".join(by), "--total", 60, "--workers", workers)
    assert code == 0
    batch, items = copied.batch("b")
    expected: dict[str, float] = {}
    for values, texts in all_texts(by).items():
        name = ", ".join(f"{n}={v or '(none)'}" for n, v in zip(by, values, strict=True))
        planned = batch.plan["strata"][name]
        assert planned["values"] == dict(zip(by, values, strict=True))
        assert planned["population"] == len(texts)
        first = sorted(texts, key=lambda key: rank(copied.seed, key))[: planned["drawn"]]
        expected |= dict.fromkeys(first, planned["drawn"] / len(texts))
    assert {item.item_key: item.probability for item in items} == expected
    assert len(items) == 60
    stored = copied.items()
    texts_by_key = {key: text for texts in all_texts(()).values() for key, text in texts.items()}
    for item in items:
        text, known = texts_by_key[item.item_key], stored[item.item_key]
        assert item.text_digest == known.text_digest == KEY.digest(text)
        assert known.flagged == item.flagged
        if known.kind == SAMPLED:
            assert (known.snippet, known.text_chars) == (text[:500], len(text))
            assert [known.flagged, known.evidence, known.detectors] == [False, [], []]


def test_all_of_the_batch_is_the_same_whatever_the_workers(copied: Base, tmp_path: Path) -> None:
    shutil.copytree(copied.folder, tmp_path / "again")
    again = Base(tmp_path / "again")
    options = ("--by", "vendor,month", "--merge-below", 4, "--bound", 0.1, "--flagged", 20)
    assert copied.plan("b", *options) == 0
    assert again.plan("b", *options, "--workers", 2) == 0
    (first, items), (second, others) = copied.batch("b"), again.batch("b")
    assert (first.plan, items) == (second.plan, others)
    assert "small strata" in first.plan["strata"]


@pytest.mark.parametrize(
    "options",
    [
        ("--total", 40),
        ("--bound", 0.2, "--by", "none", "--flagged", "all"),
        ("--precision", 0.1, "--expected", 0.2, "--by", "source", "--allocation", "proportional"),
        ("--total", 30, "--by", "language", "--merge-below", 40, "--flagged", 9),
    ],
)
def test_weights_add_up_to_the_population(copied: Base, options: tuple[object, ...]) -> None:
    assert copied.plan("b", *options) == 0
    batch, items = copied.batch("b")
    plan = batch.plan
    flagged = {key for key, item in copied.items().items() if item.flagged}
    texts = {key for found in all_texts(()).values() for key in found}
    assert plan["population"] == len(texts)
    assert plan["flagged"] == len(flagged & texts) == len(flagged)
    assert plan["flagged_not_found"] == 0
    assert sum(1 / item.probability for item in items) == pytest.approx(len(texts))
    if "--flagged" in options:
        weights = sum(1 / item.probability for item in items if item.flagged)
        assert weights == pytest.approx(len(flagged))
    outside: Counter[str] = Counter()
    for stratum in plan["strata"].values():
        outside.update(stratum["outside"])
        assert sum(c["drawn"] for c in stratum["drawn_from"]) == stratum["drawn"]
    assert plan["population"] + outside.total() == plan["rows"]


def test_a_batch_says_what_it_was_drawn_from(
    copied: Base, capsys: pytest.CaptureFixture[str]
) -> None:
    assert copied.plan("march", "--by", "vendor", "--bound", 0.05, "--sensitivity", 0.9) == 0
    said = capsys.readouterr().out
    batch, items = copied.batch("march")
    assert (batch.purpose, batch.blind, batch.dataset) == (Purpose.AUDIT, True, "shards")
    secret = bytes.fromhex(copied.seed.read_text())
    assert batch.plan["seed"]["sha256"] == hashlib.sha256(secret).hexdigest()
    assert (batch.plan["seed"]["event"], batch.plan["seed"]["late"]) == (1, False)
    assert batch.plan["run"] == runs_of(str(copied.out))[-1].id
    assert batch.plan["goal"] == {"bound": 0.05, "confidence": 0.95, "sensitivity": 0.9}
    assert batch.plan["reached"] <= 0.05
    assert secret.hex() not in json.dumps(batch.plan)
    assert f"batch march written: {len(items)} texts" in said
    assert "next: scrubtrace review export --batch march --controls 0.1 --out march.csv" in said
    engine = open_review(copied.url)
    assert verify(engine).problems == []
    engine.dispose()


def test_a_dry_run_writes_nothing(copied: Base, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in copied.out.rglob("*")}
    items = len(copied.items())
    assert copied.plan("b", "--by", "vendor", "--total", 20, "--dry-run") == 0
    assert "nothing was written" in capsys.readouterr().out
    after = {path: path.stat().st_mtime_ns for path in copied.out.rglob("*")}
    lock = {copied.out / ".lock"}
    assert {p for p in before if before[p] != after.get(p)} <= lock
    assert set(after) - set(before) <= lock
    assert len(copied.items()) == items
    assert copied.plan("b", "--by", "vendor", "--total", 20, "--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out)["drawn"] == 20


def test_random_rows_for_an_ordinary_review(copied: Base) -> None:
    assert copied.run("review", "sample", 25, "--out", copied.out, "--name", "extra") == 0
    batch, items = copied.batch("extra")
    assert (batch.purpose, batch.blind) == (Purpose.REVIEW, False)
    assert len(items) == 25
    assert not any(item.flagged for item in items)
    assert {item.stratum for item in items} == {"all"}
    seed = bytes.fromhex(batch.plan["seed"]["value"])
    unflagged = {key for key, _ in all_texts(())[()].items()}
    unflagged -= {key for key, item in copied.items().items() if item.flagged}
    ranked = sorted(unflagged, key=lambda k: hmac.new(seed, k.encode(), "sha256").digest())
    assert {item.item_key for item in items} == set(ranked[:25])


def test_a_drawn_text_that_is_known_keeps_its_fields(copied: Base) -> None:
    before = copied.items()
    assert copied.plan("b", "--by", "none", "--total", 360) == 0
    after = copied.items()
    assert {key: after[key] for key in before} == before
    assert {item.kind for key, item in after.items() if key not in before} == {SAMPLED}
    assert copied.plan("c", "--by", "none", "--total", 360) == 0
    assert copied.batch("c")[1] == copied.batch("b")[1]


def small(tmp_path: Path, **columns: Any) -> Base:
    """Three texts in one shard, one of them flagged, scanned with a seed committed before."""
    base = Base(tmp_path)
    (tmp_path / "data").mkdir()
    table = {"text": [FLAGGED, PLAIN, "The bus was late."], "vendor": ["n", "n", "s"]} | columns
    pq.write_table(pa.table(table), tmp_path / "data" / "a.parquet")
    base.make_seed()
    assert base.detect(tmp_path / "data" / "*.parquet", "--group-by", "vendor=vendor") == 0
    return base


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
    assert len(base.batch("b")[1]) == 4


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
    copied: Base, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert copied.plan("b", "--total", 3) == 0
    assert stop_of(copied, capsys)[1].startswith("scrubtrace: there is a batch b already")
    assert copied.plan("a b", "--total", 3) == Exit.USAGE
    other = Base(tmp_path)
    other.out = copied.out
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
