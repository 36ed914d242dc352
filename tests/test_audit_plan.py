"""From shards to a batch through the command line, beside a draw in a few lines of Python."""

import hashlib
import hmac
import json
import math
import shutil
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from audits import Base, small
from sqlalchemy import select

from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.detectors.language import normalise_code
from scrubtrace.review.connection import open_review
from scrubtrace.review.table import METADATA
from scrubtrace.review.trail.verify import verify
from scrubtrace.schemas.batches import SAMPLED, Purpose
from scrubtrace.schemas.identity import DigestKey, item_key

EXAMPLES = Path(__file__).parents[1] / "examples" / "shards"
KEY = DigestKey.from_hex("ab" * 32)
Stratum = tuple[str | None, ...]
Texts = dict[Stratum, dict[str, str]]


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
    assert batch.plan["seed"]["before_all_results"] is True
    assert batch.plan["run"] == runs_of(str(copied.out))[-1].id
    assert batch.plan["goal"] == {"bound": 0.05, "confidence": 0.95, "sensitivity": 0.9}
    assert batch.plan["reached"] <= 0.05
    assert secret.hex() not in json.dumps(batch.plan)
    assert f"batch march written: {len(items)} texts" in said
    assert "next: scrubtrace review export --batch march --out march.csv" in said
    share = math.ceil(4000 / len(items)) / 100
    assert f"scrubtrace review controls add, then --controls {share:g}: half of them" in said
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


def test_the_review_table_has_no_names_of_people(copied: Base) -> None:
    names = {
        row["labeler"]
        for path in EXAMPLES.glob("*.parquet")
        for row in pq.read_table(path, columns=["labeler"]).to_pylist()
        if row["labeler"]
    }
    assert copied.plan("b", "--by", "labeler", "--total", 60) == 0
    batch, items = copied.batch("b")
    shown = {KEY.pseudonym("labeler", name) for name in names}
    members = [stratum["values"]["labeler"] for stratum in batch.plan["strata"].values()]
    assert set(members) - {None} == shown
    assert {item.stratum for item in items} <= set(batch.plan["strata"])
    engine = open_review(copied.url)
    with engine.connect() as connection:
        rows = [tuple(r) for t in METADATA.sorted_tables for r in connection.execute(select(t))]
    engine.dispose()
    left = repr(rows)
    assert not [name for name in names if repr(name)[1:-1] in left]


def test_progress_is_told_unless_quiet(
    tmp_path: Path, key: DigestKey, capsys: pytest.CaptureFixture[str]
) -> None:
    base = small(tmp_path)
    capsys.readouterr()
    assert base.plan("march", "--by", "none", "--total", 2) == 0
    said = capsys.readouterr()
    assert "drawing: 3 of 3 rows, " in said.err
    assert "2 of 3 texts to draw" in said.out
    assert base.run("audit", "run", "march", "--out", base.out) == 0
    assert "counting flags of " in capsys.readouterr().err
    assert base.plan("april", "--by", "none", "--total", 2, "--quiet") == 0
    assert base.run("audit", "run", "march", "--out", base.out, "--quiet") == 0
    said = capsys.readouterr()
    assert said.out == ""
    (warning,) = said.err.splitlines()
    assert warning.startswith("scrubtrace: ")
    assert "march" in warning
