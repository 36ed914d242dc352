"""``scrubtrace style calibrate``: which rows calibrate, whatever their order."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from style_scorer import FakeScorer, essay

from scrubtrace.detectors.style import detector as module
from scrubtrace.detectors.style.archive import archive_arrays
from scrubtrace.detectors.style.calibration import MANIFEST, Calibration
from scrubtrace.detectors.style.packs import row_number
from scrubtrace.style import calibrate, human_rows


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(calibrate, "load_scorer", lambda _: FakeScorer())


def write(path: str, texts: Sequence[str], sources: Sequence[str], language: str = "en") -> None:
    columns = {"text": list(texts), "src": list(sources), "lang": [language] * len(texts)}
    pq.write_table(pa.table(columns), path)


def calibrate_on(*more: str, path: str = "*.parquet", out: str = "human.npz") -> int:
    return code_of(
        "style", "calibrate", path, "--out", out, "--origin", "made up", "--source-column", "src",
        "--language-column", "lang", "--set", "scan.detectors=['stylometry']", *more,
    )  # fmt: skip


def arrays(out: str) -> dict[str, bytes]:
    """The arrays of a calibration, but for its manifest, as bytes."""
    found = archive_arrays(Path(out).read_bytes())
    return {name: array.tobytes() for name, array in found.items() if name != MANIFEST}


TEXTS = [essay(seed, 60, moreover=seed % 7) for seed in range(400)]


def test_a_text_of_two_sources_calibrates_both() -> None:
    for first, second, out in (("a", "b", "one.npz"), ("b", "a", "two.npz")):
        write(f"{first}.parquet", TEXTS[:300], ["essays"] * 300)
        write(f"{second}.parquet", TEXTS[100:400] + TEXTS[100:105], ["news"] * 305)
        assert calibrate_on("--quiet", out=out) == 0
    one, two = (Calibration.read(out).manifest for out in ("one.npz", "two.npz"))
    assert [s.source for s in one.strata] == ["essays", "news"]
    assert (one.strata, one.sizes, one.counts) == (two.strata, two.sizes, two.counts)
    assert one.sizes == (300, 300)
    assert one.counts == {"kept": 600, "repeated": 5}
    assert arrays("one.npz") == arrays("two.npz")


def test_what_is_left_of_a_source_is_all_of_it() -> None:
    """Texts that another source has too are no random half of it: here they score high."""
    high = [essay(seed, 60, moreover=12) for seed in range(1_000, 1_100)]
    write("a.parquet", high, ["essays"] * 100)
    write("b.parquet", [*TEXTS[:100], *high], ["news"] * 200)
    assert calibrate_on("--quiet") == 0
    (news,) = (entry for entry in Calibration.read("human.npz").strata
               if entry.stratum.source == "news")  # fmt: skip
    assert (news.scores > 0.2).sum() == 100


def test_texts_that_are_read_as_equal_count_once(capsys: pytest.CaptureFixture[str]) -> None:
    changed = [
        TEXTS[0].replace(" ", "  "), TEXTS[1].replace(". ", ".\n\n"), f"**{TEXTS[2]}**",
        f"# {TEXTS[3]}", TEXTS[4].replace(" ", "\u00a0"), f" {TEXTS[5]}\u200b",
    ]  # fmt: skip
    write("a.parquet", [*TEXTS[:100], *changed], ["essays"] * 106)
    assert calibrate_on() == 0
    assert "rows: kept 100, repeated 6" in capsys.readouterr().out


def test_a_text_of_two_languages_calibrates_both() -> None:
    write("a.parquet", TEXTS[:50], ["essays"] * 50)
    write("b.parquet", TEXTS[:50], ["essays"] * 50, language="zh")
    assert calibrate_on("--quiet") == 0
    manifest = Calibration.read("human.npz").manifest
    assert [(s.language, n) for s, n in zip(manifest.strata, manifest.sizes, strict=True)] == [
        ("en", 50), ("zh", 50),
    ]  # fmt: skip


def chats(seed: int) -> list[dict[str, str]]:
    return [{"who": "boss", "said": essay(seed)}, {"who": "writer", "said": essay(9_000 + seed)}]


@pytest.mark.parametrize(
    "more",
    [
        (),
        ("--alpha", "0.012345678"),
        ("--set", "policy.style.alpha=0.0123456789", "--set", "policy.style.conditional=true"),
        ("--set", "policy.style.alpha=0.00001", "--alpha", "0.02", "--sampling", "all"),
        ("--text-column", "chat", "--roles", "writer", "--set", "input.role_field=who",
         "--set", "input.content_field=said"),
        ("--text-column", "chat", "--text-column", "text", "--roles", "all",
         "--set", "input.role_field=who", "--set", "input.content_field=said"),
    ],
)  # fmt: skip
def test_its_command_makes_the_same_file(more: tuple[str, ...]) -> None:
    columns = {"text": TEXTS[:200], "src": ["es says"] * 200, "lang": ["en"] * 200}
    pq.write_table(pa.table(columns | {"chat": [chats(n) for n in range(200)]}), "a.parquet")
    assert calibrate_on("--quiet", *more) == 0
    content, command = (
        Path("human.npz").read_bytes(),
        Calibration.read("human.npz").manifest.command,
    )
    assert code_of("style", "calibrate", *command, "--quiet") == 0
    assert Path("human.npz").read_bytes() == content


def test_another_version_of_the_detector_needs_another_calibration(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "load_scorer", lambda _: FakeScorer())
    write("a.parquet", TEXTS[:100], ["essays"] * 100)
    assert calibrate_on("--quiet") == 0
    given = ("text", "--language", "en", "--set", "detectors.stylometry.calibration=human.npz")
    monkeypatch.setattr(module.Stylometry, "version", "next")
    assert code_of("explain", *given) == 2
    said = capsys.readouterr().err
    assert "calibrated with another version of the detector: run `scrubtrace style" in said
    assert calibrate_on("--quiet") == 0
    assert code_of("explain", *given) == 0


RECORD = pa.struct([("note", pa.string()), ("decision", pa.string())])
REVIEWED = {
    "Decision": pa.string(),
    "REVIEWERS": pa.list_(pa.string()),
    "decision_ids": pa.list_(pa.string()),
    "review": RECORD,
    "reviews": pa.list_(RECORD),
    "meta": pa.struct([("review", pa.struct([("Item_Key", pa.string())]))]),
    "by_name": pa.map_(pa.string(), RECORD),
    "review.decision": pa.string(),
    "snippet_start": pa.int64(),
}
OTHER = {
    "decisive": pa.string(),
    "reviewer_count": pa.int64(),
    "decision.text": pa.string(),
    "review": pa.struct([("stars", pa.int64())]),
    "tags": pa.list_(pa.string()),
}


@pytest.mark.parametrize(("name", "kind"), REVIEWED.items(), ids=str)
def test_rows_that_reviewers_saw_are_known_by_any_column(
    name: str, kind: pa.DataType, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = pa.nulls(100, kind)
    pq.write_table(pa.table({"text": TEXTS[:100], name: nothing}), "a.parquet")
    given = ("a.parquet", "--out", "human.npz", "--origin", "made up", "--language", "en")
    assert code_of("style", "calibrate", *given) == 2
    assert "of found or reviewed rows" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "kind"), OTHER.items(), ids=str)
def test_other_columns_do_no_harm(name: str, kind: pa.DataType) -> None:
    pq.write_table(pa.table({"text": TEXTS[:100], name: pa.nulls(100, kind)}), "a.parquet")
    given = ("a.parquet", "--out", "human.npz", "--origin", "made up", "--language", "en")
    assert code_of("style", "calibrate", *given, "--quiet") == 0


def test_rows_that_reviewers_saw_are_known_by_their_folder(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("Decision=not_llm").mkdir()
    write("Decision=not_llm/a.parquet", TEXTS[:100], ["essays"] * 100)
    assert calibrate_on(path="*/a.parquet") == 2
    assert "has the column 'Decision' of found or reviewed rows" in capsys.readouterr().err


TRAINED = "rows that the model was trained on cannot calibrate it"
IDS = "most sources have one row: is the column of sources (src) one of ids?"


def know(monkeypatch: pytest.MonkeyPatch, texts: Sequence[str]) -> None:
    """Makes the command take these texts as rows that the model was trained on."""
    start = human_rows.Collected.__init__

    def knowing(self: Any, *given: Any) -> None:
        start(self, *given)
        self._fitted_on = frozenset(row_number(text) for text in texts)

    monkeypatch.setattr(human_rows.Collected, "__init__", knowing)


@pytest.mark.parametrize(
    ("known", "sources", "said"),
    [
        (1, [str(n) for n in range(300)], {IDS}),
        (0, [str(n // 2) for n in range(300)], set()),
        (300, ["essays"] * 300, {TRAINED}),
        (295, ["essays"] * 300, {TRAINED}),
        (20, [*["essays"] * 20, *(str(n) for n in range(280))], {IDS, TRAINED}),
        (10, [str(n // 10) for n in range(300)], set()),
    ],
)
def test_why_nothing_calibrates(
    known: int, sources: list[str], said: set[str], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    know(monkeypatch, TEXTS[:known])
    write("a.parquet", TEXTS[:300], sources)
    assert calibrate_on() == 2
    told = capsys.readouterr().err
    assert "no stratum has enough rows to calibrate" in told
    assert {line for line in (IDS, TRAINED) if line in told} == said


def test_a_column_of_ids_is_told_also_where_something_calibrates(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write("a.parquet", TEXTS[:300], [*["essays"] * 50, *(str(n) for n in range(250))])
    assert calibrate_on() == 0
    assert IDS in capsys.readouterr().err
    write("a.parquet", TEXTS[:100], ["essays"] * 50 + ["news"] * 50)
    capsys.readouterr()
    assert calibrate_on() == 0
    assert "one of ids" not in capsys.readouterr().err
