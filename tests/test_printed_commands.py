"""Commands that are printed as the next step: they run as they are printed."""

import shlex
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of

from scrubtrace.commands.options import review_words

SERVER = "postgresql://anna@db.example/review"
NOTHING = {"review": None, "config_file": None, "settings": ()}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)


@pytest.mark.parametrize(
    ("given", "out", "words"),
    [
        ({}, None, ""),
        ({"review": "sqlite:///r.sqlite"}, None, " --review sqlite:///r.sqlite"),
        ({"review": "sqlite:///my r.sqlite"}, "out", " --review 'sqlite:///my r.sqlite'"),
        ({"review": SERVER}, None, f" --review {SERVER}"),
        ({"review": "postgresql://anna:p1@db.example/review"}, None, " --review URL"),
        ({"review": f"{SERVER}?password=p1"}, None, " --review URL"),
        ({"review": "postgresql://anna:p@1@db.example/review"}, None, " --review URL"),
        ({"settings": ("review.url=sqlite:///r.sqlite",)}, "out", " --review URL"),
        ({"config_file": "own.toml"}, None, " --config own.toml"),
        ({"config_file": "own.toml"}, "out", " --config own.toml"),
        ({}, "out", " --review sqlite:///out/review.sqlite"),
    ],
)
def test_a_printed_command_names_the_review_table(
    given: dict[str, Any], out: str | None, words: str
) -> None:
    Path("own.toml").write_text('[review]\nurl = "sqlite:///own.sqlite"\n')
    assert review_words(NOTHING | given, out) == words


def test_a_table_of_the_configuration_is_not_repeated() -> None:
    Path("scrubtrace.toml").write_text('[review]\nurl = "sqlite:///own.sqlite"\n')
    assert review_words(NOTHING, "out") == ""


@pytest.mark.parametrize("table", [("--review", "sqlite:///own.sqlite"), ()])
def test_the_commands_after_a_plan_and_a_sheet_run(
    table: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    texts = ["As an AI language model, I cannot eat soup.", "The soup was good.", "It rained."]
    pq.write_table(pa.table({"text": texts}), "a.parquet")
    assert code_of("detect", "a.parquet", "--out", "out", "--quiet", *table) == 0
    sample = ("review", "sample", "2", "--out", "out", "--name", "m", *table)
    capsys.readouterr()
    assert code_of(*sample) == 0
    said = capsys.readouterr().out
    (line,) = (one for one in said.splitlines() if one.startswith("next: "))
    command = shlex.split(line.removeprefix("next: "))
    assert command[0] == "scrubtrace"
    assert code_of(*command[1:]) == 0
    assert Path("m.csv").exists()
    given = table or ("--review", "sqlite:///out/review.sqlite")
    assert code_of("review", "sheet", *given, "--out", "sheet.html") == 0
    said = capsys.readouterr().out
    command = shlex.split(said[said.index("scrubtrace review import") :])
    Path("m.csv").rename("sheet-decisions.csv")
    assert code_of(*command[1:]) == 0
