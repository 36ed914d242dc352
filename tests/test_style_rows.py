"""``scrubtrace style train``: what becomes of rows, and what is refused before any work."""

import re
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import pytest
from command_line import code_of
from style_models import human_text, llm_text
from style_shards import small_training, train_on, write, write_shards

from scrubtrace.detectors.style.packs import read_model, row_number
from scrubtrace.schemas.plan import Columns
from scrubtrace.style.labelled import LabelledRows


@pytest.fixture
def shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    small_training(monkeypatch)
    return write_shards(tmp_path)


def counts_of(told: str) -> str:
    (found,) = re.findall("rows: (.*)", told)
    return str(found)


def test_texts_with_both_labels_are_counted(
    shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [llm_text(n) for n in range(100)] + [human_text(n) for n in range(20)]
    write(shards / "llm.parquet", texts, [f"s{n % 4}" for n in range(120)])
    assert train_on(shards, "--language", "en", "--base", "none") == 0
    told = capsys.readouterr()
    assert counts_of(told.err) == "human 120, llm 100, with_both_labels 20"
    line = "rows read, all languages: human 120, llm 100, with_both_labels 20"
    assert line in told.out
    assert line in (shards / "style.npz.md").read_text()


def test_short_texts_take_no_place_of_others(tmp_path: Path) -> None:
    short, long = ([human_text(n, words) for n in range(40)] for words in (9, 60))
    rows = LabelledRows(Columns("text"), 30, "en")
    rows.read([str(write(tmp_path / "a.parquet", [*short, *long]))], is_llm=False)
    ((_, kept),) = rows.languages()
    assert len(kept) == 30
    assert {len(row.text.split()) >= 30 for row in kept} == {True}
    assert rows.told_counts() == {"beyond_most": 10, "human": 40, "too_short": 40}


def labelled(shards: Sequence[Path], most: int = 100) -> tuple[list[str], dict[str, int]]:
    """Source and text of what is kept of human shards, in order, and the counts."""
    rows = LabelledRows(Columns("text", groups={"source": "source"}), most, "en")
    for shard in shards:
        rows.read([str(shard)], is_llm=False)
    kept = [row for _, own in rows.languages() for row in own]
    return [f"{row.source} {row.text}" for row in kept], rows.told_counts()


def test_a_text_of_two_sources_belongs_to_the_one_with_the_smaller_name(tmp_path: Path) -> None:
    texts = [human_text(n) for n in range(60)]
    write(tmp_path / "one.parquet", [*texts[20:], texts[0]], ["b"] * 40 + [""])
    write(tmp_path / "two.parquet", texts[:40] + texts[:5], ["a"] * 45)
    shards = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    kept, counts = labelled(shards)
    assert (kept, counts) == labelled(shards[::-1])
    assert {text for text in kept if text[0] == "a"} == {f"a {text}" for text in texts[:40]}
    assert {text for text in kept if text[0] == "b"} == {f"b {text}" for text in texts[40:]}
    assert counts == {"human": 60, "repeated": 26, "without_source": 1}


@pytest.mark.parametrize("most", [5, 15, 30])
def test_which_texts_are_kept_does_not_depend_on_the_order_of_sources(
    most: int, tmp_path: Path
) -> None:
    texts = [human_text(n) for n in range(60)]
    write(tmp_path / "one.parquet", texts[:40], ["b"] * 40)
    write(tmp_path / "two.parquet", texts[20:], ["a"] * 40)
    write(tmp_path / "three.parquet", texts[::3], ["c", "b"] * 10)
    shards = [tmp_path / f"{name}.parquet" for name in ("one", "two", "three")]
    kept, counts = labelled(shards, most)
    assert all(labelled(order, most) == (kept, counts) for order in permutations(shards))
    assert counts["human"] == 60
    assert counts["human"] - counts.get("beyond_most", 0) == len(kept) == len(set(kept))


def test_swapped_shards_and_arguments_give_the_same_model(shards: Path) -> None:
    texts = [human_text(n) for n in range(150)]
    parts = ((texts[:100], "s0"), (texts[50:], "s1"))
    made = []
    for order in ((0, 1), (1, 0)):
        for name, part in zip(("human", "human2"), order, strict=True):
            own, source = parts[part]
            names = [source if n % 2 else f"{source}b" for n in range(len(own))]
            write(shards / f"{name}.parquet", own, names)
        for first, second in (("human", "human2"), ("human2", "human")):
            more = ("--human", str(shards / f"{second}.parquet"))
            given = (str(shards / f"{first}.parquet"), *more)
            assert code_of(
                "style", "train", "--human", *given, "--llm", str(shards / "llm.parquet"),
                "--out", str(shards / "style.npz"), "--source-column", "source",
                "--language", "en", "--base", "none", "--quiet",
            ) == 0  # fmt: skip
            made.append([(shards / f"style.npz{end}").read_bytes() for end in ("", ".md")])
    assert made[1:] == made[:1] * 3


def test_a_text_of_two_languages_is_one_text(tmp_path: Path) -> None:
    texts = [human_text(n) for n in range(40)]
    write(tmp_path / "one.parquet", texts, ["a"] * 40, "id")
    write(tmp_path / "two.parquet", texts, ["a"] * 40, "de")
    for order in (("one", "two"), ("two", "one")):
        rows = LabelledRows(Columns("text", language="lang", groups={"source": "source"}), 100)
        for name in order:
            rows.read([str(tmp_path / f"{name}.parquet")], is_llm=False)
        assert [(code, len(own)) for code, own in rows.languages()] == [("de", 40)]
        assert rows.told_counts() == {"human": 40, "repeated": 40}


def test_rows_without_a_source_are_counted(
    shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["" if n < 5 else f"s{n % 4}" for n in range(120)]
    write(shards / "human.parquet", [human_text(n) for n in range(120)], names)
    assert train_on(shards, "--language", "en") == 0
    assert "without_source 5" in counts_of(capsys.readouterr().err)


def test_every_language_that_is_left_out_is_named(
    shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more: list[str] = []
    codes = ("fr", "it", "es", "pt", "nl", "pl", "sv")
    for place, code in enumerate(codes):
        texts = [human_text(place * 1_000 + n) for n in range(3_000, 3_010 - place)]
        write(shards / f"{code}.parquet", texts, ["s1"] * len(texts), code)
        more += ["--human", str(shards / f"{code}.parquet")]
    assert train_on(shards, "--language-column", "lang", *more) == 0
    assert "left out: and pl, sv" in capsys.readouterr().err


def test_where_no_source_has_both_labels_nothing_is_claimed(
    shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("human", "llm"):
        texts = [(human_text if name == "human" else llm_text)(n) for n in range(120)]
        write(shards / f"{name}.parquet", texts, [name] * 120)
    assert train_on(shards, "--language", "en") == 0
    told = capsys.readouterr().out
    assert "how well the model does cannot be told, nor what a base model should weigh: " in told
    assert "expect much less" not in told
    assert "left out" not in told
    assert "the base model has weight 2, unchosen" in told
    assert "AUROC" not in told
    model = read_model(str(shards / "style.npz")).models["en"]
    assert model.base is not None
    assert model.weights[-1] == 2
    assert model.adjustment is None


@pytest.mark.parametrize("short", ["human", "llm"])
def test_a_source_has_both_labels_only_by_rows_that_are_long_enough(
    short: str, shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = {"human": human_text, "llm": llm_text}
    other = "llm" if short == "human" else "human"
    few = [texts[short](9_000 + n, 5) for n in range(3)]
    write(shards / f"{short}.parquet", [*(texts[short](n) for n in range(120)), *few],
          ["one"] * 120 + ["a", "b", "c"])  # fmt: skip
    write(shards / f"{other}.parquet", [texts[other](n) for n in range(120)],
          ["abc"[n % 3] for n in range(120)])  # fmt: skip
    assert train_on(shards, "--language", "en", "--base", "none") == 0
    assert "no source has both labels" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("human.parquet", "is a file that is read"),
        ("base.npz", "is a file that is read"),
        ("human.parquet/style.npz", "since human.parquet is no folder"),
        ("/proc/style.npz", "cannot be written"),
        (f"{'x' * 300}.npz", "cannot be written: File name too long"),
        ("taken.npz", "taken.npz.md, where the card goes, is a folder"),
    ],
)
def test_where_nothing_can_be_written_is_said_before_the_work(
    shards: Path, out: str, said: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(shards)
    Path("base.npz").write_bytes(b"x")
    Path("taken.npz.md").mkdir()
    before = Path("human.parquet").read_bytes()
    assert train_on(shards, "--language", "en", "--base", "base.npz", "--out", out) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "rows:" not in told
    assert Path("human.parquet").read_bytes() == before


def test_a_calibration_is_not_written_over_its_rows(
    shards: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shards)
    before = Path("human.parquet").read_bytes()
    given = ("human.parquet", "--origin", "x", "--out", "human.parquet")
    assert code_of("style", "calibrate", *given) == 2
    assert "is a file that is read" in capsys.readouterr().err
    assert Path("human.parquet").read_bytes() == before


def test_an_index_that_cannot_be_used_is_refused(
    shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shards / "index").mkdir()
    (shards / "index" / "index.json").write_text("{}")
    assert train_on(shards, "--language", "en", "--llm", str(shards / "index")) == 2
    assert "index" in capsys.readouterr().err


def test_white_space_makes_no_other_row() -> None:
    assert row_number("a few  words\nof text\n") == row_number("a few words of text")
    assert row_number("a few words") != row_number("a few word s")
