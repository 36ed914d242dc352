"""Configuration: precedence, and errors that name key, value and choices."""

from datetime import timedelta
from pathlib import Path

import pytest

from scrubtrace.config import FLAG_KINDS, load_config
from scrubtrace.exits import UsageStop
from scrubtrace.schemas.vocabulary import Kind


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_a_file_the_defaults_hold() -> None:
    config = load_config(None)
    assert config.input.text_column == ("text",)
    assert config.policy.flag_kinds == list(FLAG_KINDS)
    assert config.limits.max_dead_letters == 0


def test_options_win_over_settings_and_settings_over_the_file() -> None:
    Path("scrubtrace.toml").write_text(
        '[input]\ntext_column = "file"\nid_column = "file"\ndataset = "file"\n'
    )
    settings = ["input.id_column=setting", "input.dataset=setting"]
    config = load_config(None, settings, {"input.dataset": "option", "input.root": None})
    assert config.input.text_column == ("file",)
    assert config.input.id_column == "setting"
    assert config.input.dataset == "option"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("policy.proof_hits=2", 2),
        ("policy.count_mentions=true", True),
        ('policy.flag_kinds=["llm_text", "llm_annotation"]', [Kind.LLM_TEXT, Kind.LLM_ANNOTATION]),
    ],
)
def test_settings_are_read_as_toml_values(setting: str, expected: object) -> None:
    name = setting.partition("=")[0].split(".")[1]
    assert getattr(load_config(None, [setting]).policy, name) == expected


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("input.text_column=body", ("body",)),
        ("input.text_column=['prompt', 'meta.answer']", ("prompt", "meta.answer")),
        ("input.text_column='a,b'", ("a,b",)),
        ("input.roles=all", ("all",)),
        ("input.roles=Bot, tool", ("Bot", "tool")),
        ("input.roles=['bot', 'tool']", ("bot", "tool")),
    ],
)
def test_columns_and_roles_are_one_or_several(setting: str, expected: tuple[str, ...]) -> None:
    name = setting.partition("=")[0].split(".")[1]
    assert getattr(load_config(None, [setting]).input, name) == expected


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("policy.profhits=2", r"'policy.profhits'; choices: flag_kinds, proof_hits"),
        ("polcy.x=2", r"'polcy'; choices: format, input, scan"),
        ("policy.proof_hits=0", r"'policy.proof_hits': .*greater than 0, but is 0"),
        ("policy.flag_kinds=['gpt']", r"flag_kinds.0': .*'llm_text', 'llm_annotation'.*'gpt'"),
        ("input.group_by={colour='x'}", r"unknown group 'colour'; choices: labeler, vendor"),
        ("scan.snippet_chars=5000", r"'scan.snippet_chars': .*less than or equal to 500"),
        ("input.text_column=['a', 'a']", r"'input.text_column': .*'a' is named twice"),
        ("input.text_column=[]", r"'input.text_column': .*at least 1 item"),
        ("input.roles=bot,", r"'input.roles': .*a name is empty"),
        ("proof_hits", r"--set takes key=value"),
        ("policy.flag_kinds=[]", r"'policy.flag_kinds': .*at least 1 item"),
        ("format=2", r"'format': .*1.*but is 2"),
        ("scan.detectors=[]", r"'scan.detectors': should have at least 1 item, but is \[\]$"),
    ],
)
def test_bad_setting_says_key_value_and_choices(setting: str, message: str) -> None:
    with pytest.raises(UsageStop, match=message):
        load_config(None, [setting])


QUOTED = "', '"
AGE = "write an age in days, as 180d, but is"
KINDS = "llm_text, llm_annotation, api_format, spun_text, redaction, reference_match, input_match, "


@pytest.mark.parametrize(
    ("setting", "key", "said"),
    [
        ("retention.snippet='180x'", "retention.snippet", f"{AGE} '180x'"),
        ("retention.snippet={llm_text='x'}", "retention.snippet.llm_text", f"{AGE} 'x'"),
        ("retention.snippet={gpt='3d'}", "retention.snippet.gpt",
         f"unknown kind 'gpt'; choices: {KINDS}llm_style, call_rule, sampled, but is 'gpt'"),
        ("retention.dismissed=3", "retention.dismissed", f"{AGE} 3"),
        ("input.text_column=5", "input.text_column",
         "should be a name or a list of names, but is 5"),
        ("input.text_column=[5]", "input.text_column.0",
         "should be a text, but is 5 (a whole number)"),
        ("input=5", "input", "is a section with keys of its own, but is 5 (a whole number)"),
        ("input.group_by=[1]", "input.group_by",
         "should be a table of keys and values, but is [1] (a list)"),
        ("input.dataset=2025-01-01", "input.dataset",
         "should be a text, but is 2025-01-01 (a date or time)"),
        ("scan.workers=1.5", "scan.workers", "should be a whole number, but is 1.5 (a number)"),
        ("scan.sample='x'", "scan.sample", "should be a number, but is 'x' (a text)"),
        ("scan.detectors='a'", "scan.detectors", "should be a list, but is 'a' (a text)"),
        ("policy.count_mentions='maybe'", "policy.count_mentions",
         "should be true or false, but is 'maybe' (a text)"),
        ("privacy.pseudonymous='vendor'", "privacy.pseudonymous",
         "should be a list, but is 'vendor' (a text)"),
        ("purge.hold_decision=''", "purge.hold_decision",
         "should have at least 1 character, but is ''"),
        ("gate.max_flagged_of={x=3}", "gate.max_flagged_of.x",
         f"should be '{KINDS[:-2].replace(', ', QUOTED)}', 'llm_style' or 'call_rule', "
         "but is 'x'"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_told_in_one_line_of_plain_words(
    setting: str, key: str, said: str
) -> None:
    with pytest.raises(UsageStop) as raised:
        load_config(None, [setting])
    assert str(raised.value) == f"configuration key {key!r}: {said}"


def test_ages_are_for_all_texts_or_by_kind() -> None:
    assert load_config(None, ["retention.snippet=3d"]).retention.snippet == timedelta(days=3)
    config = load_config(None, ["retention.snippet={llm_text='3d', sampled='4d'}"])
    assert config.retention.snippet == {"llm_text": timedelta(3), "sampled": timedelta(4)}


def test_what_is_wrong_in_a_file_names_the_file() -> None:
    Path("ours.toml").write_text("[scan]\nworkrs = 2\n[policy]\nproof_hits = 0\n")
    with pytest.raises(UsageStop) as raised:
        load_config("ours.toml", ["policy.profhits=2"], {"scan.workers": 0})
    lines = str(raised.value).splitlines()
    assert len(lines) == 4
    for start in (
        "unknown configuration key 'scan.workrs' in ours.toml; choices: ",
        "configuration key 'policy.proof_hits' in ours.toml: ",
        "unknown configuration key 'policy.profhits'; choices: ",
        "configuration key 'scan.workers': ",
    ):
        assert any(line.startswith(start) for line in lines), start
    Path("scrubtrace.toml").write_text("[scan]\nworkrs = 2\n")
    with pytest.raises(UsageStop, match=r"'scan.workrs' in scrubtrace.toml; choices: "):
        load_config(None)


@pytest.mark.parametrize("line", ["review = {}", "[review]\nurl = [{}]"])
def test_a_password_in_the_wrong_place_is_not_repeated(line: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(line.format("'postgresql://ida:s3cr@t@host/review'"))
    with pytest.raises(UsageStop, match=r"ida:\.\.\.@host/review") as stop:
        load_config(str(path))
    assert "s3cr" not in str(stop.value)


def test_named_file_must_exist() -> None:
    with pytest.raises(UsageStop, match=r"cannot read other.toml: No such file"):
        load_config("other.toml")


def test_broken_file_says_where() -> None:
    Path("scrubtrace.toml").write_text("[policy\n")
    with pytest.raises(UsageStop, match=r"scrubtrace.toml: .*line 1"):
        load_config(None)


def test_a_byte_order_mark_is_passed_over() -> None:
    Path("scrubtrace.toml").write_text("[scan]\nworkers = 3\n", encoding="utf-8-sig")
    assert load_config(None).scan.workers == 3
