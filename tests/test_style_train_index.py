"""``scrubtrace style train`` with the completions of a reference index as LLM rows."""

import os
import re
import shutil
from pathlib import Path

import pytest
from command_line import code_of
from shared_files import OPENED
from style_models import human_text, llm_text
from style_shards import small_training, write, write_shards

from scrubtrace.detectors.reference.copies import CACHE_VARIABLE
from scrubtrace.detectors.style.packs import read_model
from scrubtrace.exits import Exit

COMPLETIONS = [llm_text(n) for n in range(100)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``idx``, an index with prompts and trusted rows beside the completions."""
    folder = tmp_path_factory.mktemp("built")
    log = write(folder / "log.parquet", COMPLETIONS, [human_text(9_000 + n) for n in range(100)])
    trusted = write(folder / "trusted.parquet", [human_text(8_000 + n) for n in range(60)])
    assert code_of(
        "index", "build", str(log), "--prompt-column", "source", "--trusted", str(trusted),
        "--out", str(folder / "idx"), "--basis", "mine", "--quiet",
    ) == 0  # fmt: skip
    return folder


@pytest.fixture
def folder(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the shards and a copy of the index, in which the test runs."""
    small_training(monkeypatch)
    shutil.copytree(built / "idx", tmp_path / "idx")
    monkeypatch.chdir(tmp_path)
    return write_shards(tmp_path)


def train(*llm: str, relatives: str = "") -> int:
    given = [word for source in llm for word in ("--llm", source)]
    given += ["--relatives", relatives] if relatives else []
    return code_of(
        "style", "train", "--human", "human.parquet", *given, "--out", "style.npz", "--base",
        "none", "--language", "en", "--source-column", "source",
    )  # fmt: skip


def rows_of(told: str) -> str:
    (found,) = re.findall("rows: (.*)", told)
    return str(found)


@pytest.mark.parametrize("path", ["idx", "idx/", "./idx"])
def test_its_completions_are_the_llm_rows(
    folder: Path, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(path) == 0
    told = capsys.readouterr()
    assert rows_of(told.err) == "human 120, llm 100"
    assert "| llm/idx | 0 | 100 |" in (folder / "style.npz.md").read_text()
    assert set(read_model("style.npz").models) == {"en"}


def test_it_stands_beside_shards(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = [llm_text(n) for n in range(50, 200)]
    write(folder / "llm.parquet", more, [f"s{n % 4}" for n in range(150)])
    assert train("llm.parquet", "idx") == 0
    assert rows_of(capsys.readouterr().err) == "llm 200, human 120, repeated 50"


def test_two_of_one_name_are_two_sources(folder: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree("idx", f"{name}/idx")
    log = write(folder / "log.parquet", [llm_text(n) for n in range(5_000, 5_050)])
    assert code_of("index", "add", str(log), "--index", "two/idx", "--quiet") == 0
    assert train("one/idx", "two/idx", relatives="llm/one/idx,llm/two/idx") == 0
    card = (folder / "style.npz.md").read_text()
    assert ("| llm/one/idx | 0 | 100 |" in card, "| llm/two/idx | 0 | 50 |" in card) == (True,) * 2


def test_it_may_be_on_a_beam_file_system(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(OPENED, str(folder / "opened"))
    monkeypatch.setenv(CACHE_VARIABLE, str(folder / "cache"))
    assert train(f"shared://{folder}/idx") == 0
    assert rows_of(capsys.readouterr().err) == "human 120, llm 100"


def cut(index: Path) -> None:
    (texts,) = index.rglob("texts.arrow")
    os.truncate(texts, texts.stat().st_size // 2)


def overwrite(index: Path) -> None:
    (texts,) = index.rglob("texts.arrow")
    texts.write_bytes(b"x" * texts.stat().st_size)


def unfinished(index: Path) -> None:
    (index / "index.json").unlink()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut, "restore it, or build the index again"),
        (overwrite, "idx cannot be read as a reference index"),
        (unfinished, "idx is no finished index: it has no index.json; run scrubtrace index build"),
        (lambda index: (index / "index.json").write_text("{}"), "cannot read idx/index.json"),
    ],
)
def test_one_that_is_damaged_is_refused(
    folder: Path, damage: object, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert callable(damage)
    damage(folder / "idx")
    assert train("llm.parquet", "idx") == Exit.USAGE
    assert said in capsys.readouterr().err
    assert not (folder / "style.npz").exists()


def test_a_folder_of_shards_is_no_index(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "shards").mkdir()
    (folder / "llm.parquet").rename(folder / "shards" / "llm.parquet")
    assert train("shards") != 0
    assert "shards/*.parquet" in capsys.readouterr().err
