"""``scrubtrace style calibrate`` and a scan with its file, as users call them."""

import json
import os
import textwrap
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from samples import FLAGGED
from sqlalchemy import text as sql
from style_scorer import FakeScorer, essay

from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.detectors.style import detector as module
from scrubtrace.detectors.style import loading
from scrubtrace.detectors.style.calibration import Calibration
from scrubtrace.review.connection import open_review
from scrubtrace.style import calibrate

ORIGIN = "Data team: a random sample of essays handed in before 2019"
HELPERS = Path(__file__).parent / "helpers"
SCAN = (
    "--style-calibration", "human.npz", "--group-by", "source=src", "--language-column", "lang",
    "--set", "scan.detectors=['stylometry']", "--quiet",
)  # fmt: skip
LOAD = loading.load_scorer
ALPHA = ("--set", "policy.style.alpha=0.01")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    Path("data").mkdir()
    for place in (module, calibrate, loading):
        monkeypatch.setattr(place, "load_scorer", lambda _: FakeScorer())


def write(path: str, texts: list[Any], sources: Any = "essays", **more: Any) -> None:
    sources = [sources] * len(texts) if isinstance(sources, str | None) else sources
    columns = {"text": pa.array(texts, pa.string()), "src": pa.array(sources, pa.string())}
    columns["lang"] = pa.array(["en"] * len(texts), pa.string())
    pq.write_table(pa.table(columns | more), path)


def human(rows: int = 500, first: int = 0) -> list[str]:
    return [essay(seed, 60) for seed in range(first, first + rows)]


def calibrate_on(
    *more: str, path: str = "human.parquet", out: str = "human.npz", lanes: str = "['stylometry']"
) -> int:
    return code_of(
        "style", "calibrate", path, "--out", out, "--origin", ORIGIN, "--source-column", "src",
        "--language-column", "lang", "--set", f"scan.detectors={lanes}", *more,
    )  # fmt: skip


def manifest(out: str = "out") -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(runs_of(out)[-1].manifest).read_text())
    return content


def items(out: str = "out") -> list[dict[str, Any]]:
    with open_review(f"sqlite:///{out}/review.sqlite").connect() as connection:
        found = connection.execute(sql("select * from review_items order by item_key"))
        return [dict(row._mapping) for row in found]


def detect(*more: str, out: str = "out") -> int:
    return code_of("detect", "data/*.parquet", "--out", out, *SCAN, *more)


def test_a_calibration_and_what_it_can_do(capsys: pytest.CaptureFixture[str]) -> None:
    texts = [*human(400), *human(10), None, "", "too short"]
    write("human.parquet", [*texts, *human(60, 1_000)], ["essays"] * 413 + ["news"] * 60)
    assert calibrate_on("--alpha", "0.01", lanes="['boilerplate', 'stylometry']") == 0
    said = capsys.readouterr().out
    assert "human.npz: 460 rows of 1 file calibrate" in said
    assert "rows: kept 460, repeated 10, empty 2, too_short 1" in said
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "en, essays, 0 words and more 400 0.0025 0.273% to 2.176% not reached" in lines
    assert "en, news, 0 words and more: alpha 0.01 cannot be reached, 39 rows are missing" in said
    assert "alpha 0.01 needs 99 rows in a stratum, with conditional p-values 598" in said
    assert "the other lanes flag 0 of 460 (0.000%, 95% interval 0.000% to 0.799%)" in said
    read = Calibration.read("human.npz").manifest
    assert (read.origin, read.sampling, read.model) == (ORIGIN, "random", "model-1")
    assert [file.name for file in read.files] == ["human.parquet"]
    assert read.command[:5] == (str(Path("human.parquet").absolute()), "--source-column", "src",
                                "--language-column", "lang")  # fmt: skip
    assert not any(text in Path("human.npz").read_bytes().decode("latin1") for text in human(5))


def test_the_same_rows_give_the_same_bytes() -> None:
    write("human.parquet", human(300))
    assert calibrate_on("--quiet") == calibrate_on("--quiet", out="again.npz") == 0
    first, second = (Calibration.read(path) for path in ("human.npz", "again.npz"))
    assert first.strata[0].scores.tolist() == second.strata[0].scores.tolist()
    assert calibrate_on("--quiet", out="again.npz") == 0
    content = Path("human.npz").read_bytes()
    assert calibrate_on("--quiet") == 0
    assert Path("human.npz").read_bytes() == content


def test_human_rows_that_other_lanes_flag_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    write("human.parquet", [*human(200), f"{FLAGGED} {essay(1, 50)}"])
    assert calibrate_on(*ALPHA, lanes="['boilerplate']") == 0
    said = capsys.readouterr().out
    assert "the other lanes flag 1 of 201 (0.498%" in said
    assert "any lane, with style at alpha 0.01: " in said
    lanes = Calibration.read("human.npz").manifest.other_lanes
    assert lanes is not None
    assert lanes.either is not None
    assert 1 <= lanes.either <= 4


@pytest.mark.parametrize(
    "column", ["decision", "item_key", "decided_by", "evidence_fingerprint", "row_version"]
)
def test_rows_that_reviewers_saw_may_not_calibrate(
    column: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("human.parquet", human(50), **{column: pa.array(["not_llm"] * 50)})
    assert calibrate_on() == 2
    said = capsys.readouterr().err
    assert f"has the column {column!r} of found or reviewed rows" in said
    assert "may not calibrate" in said
    assert not Path("human.npz").exists()


@pytest.mark.parametrize("path", ["flagged.csv", "flagged-0001.CSV", "sheet.xlsx"])
def test_exports_for_reviewers_may_not_calibrate(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(path).write_text("item_key,decision\n")
    assert calibrate_on(path=path) == 2
    assert "export for reviewers" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--origin", " "), "cannot be empty"),
        (("--sampling", "dismissed"), "is not one of 'random', 'all'"),
        (("--alpha", "0"), "--alpha"),
        (("--source-column", "nowhere"), "nowhere"),
        (("--text-column", "nowhere"), "nowhere"),
        (("--source-column", "text"), "does not name sources"),
        (("--language", "fr"), "language_not_covered 30"),
        (("--set", "policy.style.alpha=2"), "policy.style.alpha"),
    ],
)
def test_what_cannot_calibrate(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write("human.parquet", [essay(seed, 60) for seed in range(30)])
    assert calibrate_on(*arguments) == 2
    assert said in capsys.readouterr().err
    assert not Path("human.npz").exists()


@pytest.mark.parametrize(
    ("texts", "sources"),
    [([], "essays"), (["x"] * 40, "essays"), (human(19), "essays"), (human(40), None)],
)
def test_too_few_rows_calibrate_nothing(
    texts: list[str], sources: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    write("human.parquet", texts, sources)
    assert calibrate_on() == 2
    assert (
        "enough rows to calibrate; one language of one source needs 20; rows: "
        in capsys.readouterr().err
    )


def test_a_shard_that_cannot_be_read_makes_it_incomplete(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write("human-1.parquet", human(100))
    Path("human-2.parquet").write_bytes(Path("human-1.parquet").read_bytes()[:500])
    assert calibrate_on("--quiet", path="human-*.parquet") == 3
    told = capsys.readouterr().err
    assert "dead shard human-2.parquet: " in told
    assert "1 row or shard could not be read" in told


def test_an_empty_source_is_none_and_the_command_is_kept() -> None:
    write("human-1.parquet", human(50))
    write("human-2.parquet", human(50, 5_000), "")
    more = ("--quiet", "--alpha", "0.002", "--roles", "user,human")
    assert calibrate_on(*more, path="human-*.parquet") == 0
    read = Calibration.read("human.npz").manifest
    assert (read.counts["without_source"], [s.source for s in read.strata]) == (50, ["essays"])
    assert {"--roles", "user,human", "--alpha", "0.002"} <= set(read.command)


def test_where_the_file_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    write("human.parquet", human(50))
    assert calibrate_on("--quiet", out="new/folder/human.npz") == 0
    assert Calibration.read("new/folder/human.npz").manifest.sizes == (50,)
    assert calibrate_on("--quiet", out="new") == 2
    assert "--out new is a folder" in capsys.readouterr().err


def test_without_a_model_it_is_the_shipped_one(monkeypatch: pytest.MonkeyPatch) -> None:
    write("human.parquet", human(99))
    monkeypatch.setattr(calibrate, "load_scorer", LOAD)
    assert calibrate_on("--quiet") == 0
    assert Calibration.read("human.npz").manifest.model == LOAD(None).digest


def test_one_language_for_all_rows_and_texts_of_any_length() -> None:
    long = "moreover " * 110_000
    write("human.parquet", [*human(100), "a", "", long, *[essay(n, 7) for n in range(30)]])
    assert calibrate_on("--language", "EN-us", "--quiet") == 0
    read = Calibration.read("human.npz")
    assert sum(read.manifest.sizes) == 131
    assert {stratum.language for stratum in read.manifest.strata} == {"en"}


def made_up_data() -> None:
    write("human.parquet", human(999))
    assert calibrate_on("--quiet") == 0
    texts = human(150, 5_000) + [essay(seed, 60, moreover=10) for seed in range(30)]
    write("data/a.parquet", texts)
    write("data/b.parquet", [*texts[-30:], "", None, "short"], [None] * 20 + ["essays"] * 13)


def test_a_scan_flags_by_rank_and_says_what_may_be_false(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made_up_data()
    assert code_of("detect", "data/*.parquet", "--out", "out", *SCAN[:-1], *ALPHA) == 0
    said = capsys.readouterr().out
    stratum = manifest()["style"]["strata"]["en/essays/0-"]
    assert (stratum["judged"], stratum["n"]) == (190, 999)
    assert 40 <= stratum["flagged"] <= 46
    assert 30 <= stratum["flagged_texts"] <= 36
    assert f"flagged for review: {stratum['flagged']} (llm_style {stratum['flagged']})" in said
    rest = f"{stratum['candidates']} candidates, {stratum['flagged']} flagged"
    assert f"190 judged (at most 180 different), {rest}" in said
    assert "of human rows like those that calibrated" in said
    assert manifest()["style"]["human_rows_flagged_by_any_lane_at_most"] == {"en": 0.01037}
    assert manifest()["detectors"]["stylometry"]["abstained"] == {
        "not_calibrated": 20, "too_short": 3,
    }  # fmt: skip
    assert len([item for item in items() if item["flagged"]]) == stratum["flagged"]
    assert all(item["kind"] == "llm_style" for item in items())
    assert items()[0]["why"].startswith("resembles LLM text in style: ranks high among 999 of your")


def test_a_source_of_another_kind_flags_nothing_until_drift_allows_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(
        "human.parquet", [f"{text} {'7 ' * (place % 10)}" for place, text in enumerate(human(999))]
    )
    assert calibrate_on("--quiet") == 0
    other = human(150, 5_000) + [essay(seed, 60, moreover=10) for seed in range(30)]
    write("data/a.parquet", [f"{text} {'7 ' * 8}" for text in other])
    assert code_of("detect", "data/*.parquet", "--out", "out", *SCAN[:-1], *ALPHA) == 0
    assert "of its source's rows are of another kind" in capsys.readouterr().out
    found = manifest()["style"]["strata"]["en/essays/0-"]
    assert (found["judged"], found["flagged"], found["measure"]) == (180, 0, "digits")
    assert 0.6 < found["shift"] < 0.9
    assert [item for item in items() if item["flagged"]] == []
    code_of(
        "commit", runs_of("out")[0].id, "--out", "out", *ALPHA, "--set", "policy.style.drift=0.95"
    )
    assert sum(item["flagged"] for item in items()) >= 30


def test_a_scan_without_alpha_flags_nothing() -> None:
    made_up_data()
    assert detect() == 0
    assert items() == []
    assert manifest()["flagged"] == {}
    code_of(
        "commit", runs_of("out")[0].id, "--out", "out", *ALPHA, "--set", "policy.style.budget=5"
    )
    assert len({item["text_digest"] for item in items()}) == 5
    code_of(
        "commit", runs_of("out")[0].id, "--out", "out", *ALPHA, "--set", "policy.style.fdr=0.05"
    )
    assert 30 <= len({item["text_digest"] for item in items() if item["flagged"]}) <= 33
    content = Path(runs_of("out")[0].manifest).read_bytes(), items()
    again = ("commit", runs_of("out")[0].id, "--out", "out", *ALPHA)
    code_of(*again, "--set", "policy.style.fdr=0.05")
    assert (Path(runs_of("out")[0].manifest).read_bytes(), items()) == content


def of_items(out: str) -> list[tuple[Any, ...]]:
    return [(item["item_key"], item["flagged"], item["why"], item["kind"]) for item in items(out)]


def test_runs_add_up() -> None:
    made_up_data()
    later = Path("data/b.parquet").rename("later.parquet")
    policy = (*ALPHA, "--set", "policy.style.budget=20", "--set", "policy.style.fdr=0.2")
    assert detect(*policy) == 0
    first = manifest()["style"]["strata"]["en/essays/0-"]["judged"]
    later.rename("data/b.parquet")
    assert detect(*policy) == 0
    assert len(runs_of("out")) == 2
    assert detect(*policy, out="full") == 0
    assert manifest()["style"] == manifest("full")["style"]
    assert first < manifest()["style"]["strata"]["en/essays/0-"]["judged"] == 190
    ours = [item for item in of_items("out") if item[1]]
    assert ours == [item for item in of_items("full") if item[1]]
    before, after = (folder.id for folder in runs_of("out"))
    assert code_of("runs", "diff", before, after, "--out", "out") == 0


def test_a_text_that_others_push_out_of_the_budget_lost_its_rank(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write("human.parquet", human(200))
    assert calibrate_on("--quiet") == 0
    policy = (*ALPHA, "--set", "policy.style.budget=1")
    write("data/a.parquet", [essay(seed, 60, moreover=6) for seed in range(3)])
    assert detect(*policy) == 0
    write("data/b.parquet", [essay(seed, 60, moreover=8) for seed in range(5)])
    assert detect(*policy) == 0
    assert (
        code_of("runs", "diff", *(run.id for run in runs_of("out")), "--out", "out", "--json") == 0
    )
    told = json.loads(capsys.readouterr().out)
    causes = told["causes"]
    assert told["changes"]["calibration"] == {}
    assert causes["style ranks"]["lost"] == {"llm_style": 1}
    assert causes["data"]["gained"] == {"llm_style": 1}


def parts(folder: RunFolder) -> dict[str, bytes]:
    root = Path(folder.path)
    found = [*root.glob("parts/**/*.parquet"), *root.glob("receipts/*")]
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def test_two_workers_give_the_same_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_up_data()
    code = f"""
        import sys
        sys.path.insert(0, {str(HELPERS)!r})
        from style_scorer import FakeScorer
        from scrubtrace.detectors.style import loading
        loading.load_scorer = lambda _: FakeScorer()
    """
    (tmp_path / "patched").mkdir()
    (tmp_path / "patched" / "sitecustomize.py").write_text(textwrap.dedent(code))
    earlier = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join(filter(None, [str(tmp_path / "patched"), earlier]))
    monkeypatch.setenv("PYTHONPATH", path)
    assert detect("--set", "scan.unit_rows=50", out="one") == 0
    assert detect("--set", "scan.unit_rows=50", "--workers", "2", out="two") == 0
    one, two = parts(runs_of("one")[0]), parts(runs_of("two")[0])
    assert one == two
    assert len(one) == 8


def test_a_scan_with_a_calibration_of_another_model_stops_before_it_begins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made_up_data()
    monkeypatch.setattr(module, "load_scorer", lambda _: FakeScorer("model-2"))
    assert detect() == 2
    said = capsys.readouterr().err
    assert "calibrated with another model: it belongs to the model that" in said
    assert all(w in said for w in ("--source-column src", "detector 'stylometry': calibration /"))
    assert not Path("out").exists()


def test_alpha_above_what_is_kept_stops_before_it_begins(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made_up_data()
    assert detect("--set", "policy.style.alpha=0.2") == 2
    assert "keeps p-values up to 0.05" in capsys.readouterr().err
    assert not Path("out").exists()


def test_explain_ranks_one_text(capsys: pytest.CaptureFixture[str]) -> None:
    write("human.parquet", human(200), "")
    assert code_of(
        "style", "calibrate", "human.parquet", "--out", "human.npz", "--origin", ORIGIN,
        "--language", "en", "--set", "scan.detectors=['stylometry']", "--quiet",
    ) == 0  # fmt: skip
    text = essay(1, 60, moreover=10)
    options = ("--language", "en", "--set", "detectors.stylometry.calibration=human.npz")
    assert code_of("explain", text, *options, *ALPHA) == 0
    assert capsys.readouterr().out.startswith(
        "FLAGGED for review: resembles LLM text in style: ranks high among 200 of your human rows"
    )
    assert code_of("explain", text, *options) == 0
    assert capsys.readouterr().out.startswith("not flagged: no detector found enough")
