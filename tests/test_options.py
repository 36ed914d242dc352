"""Options of the shipped detectors from a configuration file: what cannot be used exits 2."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of

OWN = """
format = 1
language = {language}
[[signature]]
id = {id}
category = "closer"
strength = "strong"
pattern = {pattern}
match = {match}
no_match = ["Toodles!"]
source = "ours"
"""
GOOD = {
    "language": '"en"',
    "id": '"en.closer.ours"',
    "pattern": "'toodle pip'",
    "match": '["Toodle pip!"]',
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    pq.write_table(pa.table({"text": ["Ask <PERSON>."]}), "a.parquet")


COMMANDS = pytest.mark.parametrize(
    "command",
    [["explain", "Ask <PERSON>."], ["signatures"], ["detect", "a.parquet", "--out", "out"]],
    ids=lambda command: command[0],
)


@COMMANDS
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("redaction.thresholds={kinds=0}", "thresholds.kinds is a positive whole number, not 0"),
        ("redaction.thresholds={colours=3}", "thresholds: unknown key 'colours'; choices: kinds"),
        ("redaction.max_memory=1000", "max_memory is at least"),
        ('redaction.max_memory="x"', "max_memory is at least"),
        ('redaction.models={en="json"}', "'json' for 'en' is not installed"),
        ("redaction.models={en=3}", "models is a table of texts"),
        ('redaction.residual_pii="false"', "residual_pii is true or false"),
        ('redaction.off="any.mask.run"', "off is a list of texts"),
        ("boilerplate.off=3", "off is a list of texts"),
        (
            "boilerplate.colour=3",
            " has no option 'colour'; choices: max_memory, signature_files, off\n",
        ),
        ("boilerplate.signature_files=[3]", "signature_files is a list of files"),
        ("redacton.off=[]", "options for detector 'redacton', which does not run"),
    ],
)
def test_wrong_options_exit_2_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], command: list[str], setting: str, message: str
) -> None:
    assert code_of(*command, "--set", f"detectors.{setting}") == 2
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


@COMMANDS
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pattern": "'(unclosed'"}, "missing )"),
        ({"pattern": "'z*'"}, "matches the empty text"),
        ({"id": "7"}, "key 'id' is no str"),
        ({"match": '"zoo"'}, "key 'match' is no list"),
        ({"match": '["Toodle pip!", "Tootle"]'}, "'en.closer.ours': match example 2 does not hit"),
        ({"pattern": "'toodle'"}, "'en.closer.ours': no_match example 1 hits"),
        ({"match": "[7]"}, "'en.closer.ours': match example 1 is no text"),
        (
            {"language": '"English"'},
            "language 'english' is no code of a language: write one, for e",
        ),
        ({"language": '"eng"'}, 'for example "en", or "any"'),
        ({"language": '"zh-Hant"'}, 'for example "zh", or "any"'),
        ({"language": '"klingon"'}, 'for example "en", or "any"'),
    ],
)
def test_wrong_signature_files_exit_2_and_name_the_file(
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    change: dict[str, str],
    message: str,
) -> None:
    Path("ours.toml").write_text(OWN.format(**(GOOD | change)))
    files = 'detectors.boilerplate.signature_files=["ours.toml"]'
    assert code_of(*command, "--set", files) == 2
    error = capsys.readouterr().err
    assert "ours.toml: " in error
    assert message in error
    assert not Path("out").exists()


@COMMANDS
def test_options_that_can_be_used(command: list[str]) -> None:
    Path("ours.toml").write_text(OWN.format(**GOOD))
    settings = (
        'detectors.boilerplate.signature_files=["ours.toml"]',
        "detectors.redaction.thresholds={kinds=3}",
        "detectors.redaction.residual_pii=false",
    )
    given = [argument for setting in settings for argument in ("--set", setting)]
    assert code_of(*command, *given) == 0
