from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from call_registers import REGISTER, register

from scrubtrace.calls.check import load_register
from scrubtrace.calls.register import Model, Names
from scrubtrace.calls.register_file import RegisterError, instant, parse_register
from scrubtrace.calls.rules import RULES

EXAMPLE = Path(__file__).parents[1] / "examples" / "calls" / "calls.toml"
KEY = '[[key]]\ncaller = "Ines Ogre"\n'
TOP = 'format = 1\ntime_zone = "UTC"\n'
MODEL = '[[model]]\nid = "m"\nvendor = "v"\n'
TERMS = (
    f'[[terms]]\nid = "t"\nvendor = "v"\ndocument_sha256 = "{"a" * 64}"\n'
    'effective_from = 2025-01-01\npermitted_uses = ["assistance"]\n'
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("format = ", "calls.toml: Invalid value"),
        ('time_zone = "UTC"', "key 'format' must be 1: write format = 1 on top"),
        ("format = 1", "key 'time_zone' must name the zone of the dates"),
        ('format = 1\ntime_zone = "Moon/Base"', "zone of this machine.*'Moon/Base'.*tzdata"),
        ('format = 1\ntime_zone = "../etc"', "key 'time_zone' must be a zone"),
        (f"{TOP}projects = 1", "key 'projects' is no key; keys: format, time_zone,"),
        (f"{TOP}model = 3", r"\[\[model\]\] is written as \[\[model\]\], once an entry"),
        (f'{TOP}[[model]]\nid = "m"', r"\[\[model\]\] 1 \('m'\), key 'vendor' is missing"),
        (f"{TOP}{MODEL}stopp = 1", r"1 \('m'\), key 'stopp' is no key; keys: id, vendor"),
        (f'{TOP}{MODEL}stop = "2025-01-01"', "key 'stop' must be a date without quotes"),
        (f"{TOP}{MODEL}stop = 0001-01-01", "key 'stop' must be a date from 1970"),
        (f"{TOP}{MODEL}stop = 9999-12-31", "key 'stop' must be a date from 1970"),
        (f"{TOP}{MODEL}{MODEL}", r"\[\[model\]\] 2 \('m'\), key 'id' is that of \[\[model\]\] 1"),
        (f'{TOP}{MODEL}names = "x"', "key 'names' must be a list of texts"),
        (f'{TOP}{MODEL}names = [" "]', "key 'names' must be a text that is not empty"),
        (f"{TOP}{MODEL}{TERMS}effective_to = 2025-01-01", "key 'effective_to' must be later than"),
        (f'{TOP}{MODEL}{TERMS}models = ["x"]', r"\[\[terms\]\] 't', key 'models' names 'x'"),
        (f"{TOP}{TERMS}".replace("aaa", "xyz"), "key 'document_sha256' must be the SHA-256"),
        (f'{TOP}[[purpose]]\nid = "p"', "key 'use' is missing"),
        (f'{TOP}[[purpose]]\nid = "p"\nuse = "u"\nstage = "s"', r"'s', which is no \[\[stage"),
        (f'{TOP}[[project]]\nid = "p"\nbulk = 1', "key 'bulk' must be true or false"),
        (f"{TOP}[limits]\ncalls_per_minute = 0", r"\[limits\], key 'calls_per_minute' must"),
        (f"{TOP}[limits]\nbulk_hours = 25", "a number of hours from 1 to 24"),
        (f"{TOP}[limits]\nsustained_share = 1.5", "a share above 0, at most 1, but is '1.5'"),
        (f'{TOP}off = ["purpose.gone"]', "key 'off' names no rule: 'purpose.gone'"),
        (f'{TOP}[severity]\n"purpose.missing" = "bad"', "takes one of critical, high, medium, low"),
        (f'{TOP}[severity]\nx = "low"', "key 'severity' names no rule: 'x'"),
        (f'{TOP}[[key]]\nshared = true', "key 'caller' is missing"),
        (f'{TOP}{KEY}{KEY}', r"\[\[key\]\] 2, key 'caller' is that of \[\[key\]\] 1 too"),
    ],
)  # fmt: skip
def test_errors_name_the_place_and_what_to_write(text: str, message: str) -> None:
    with pytest.raises(RegisterError, match=message) as raised:
        parse_register(text, "calls.toml", tuple(RULES))
    assert str(raised.value).startswith("calls.toml: ")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RegisterError, match=r"cannot read .*gone\.toml"):
        load_register(str(tmp_path / "gone.toml"))
    (tmp_path / "latin.toml").write_bytes(b'format = 1\ntime_zone = "\xfc"')
    with pytest.raises(RegisterError, match="not UTF-8: save it as UTF-8"):
        load_register(str(tmp_path / "latin.toml"))


def test_the_example_register_is_read() -> None:
    example = load_register(str(EXAMPLE))
    assert {entry.id for entry in example.terms} >= {"atlas-2024", "atlas-2025"}
    assert example.terms[0].effective_to == example.terms[1].effective_from


@pytest.mark.parametrize(
    ("value", "zone", "expected"),
    [
        (date(2025, 3, 1), "UTC", "2025-03-01T00:00:00.000000Z"),
        (date(2025, 3, 1), "Europe/Berlin", "2025-02-28T23:00:00.000000Z"),
        (date(2025, 7, 1), "Europe/Berlin", "2025-06-30T22:00:00.000000Z"),
        (date(2025, 3, 1), "Asia/Tokyo", "2025-02-28T15:00:00.000000Z"),
        (date(2025, 3, 1), "America/New_York", "2025-03-01T05:00:00.000000Z"),
        # Clocks went from 0:00 to 1:00: the day began at what was midnight before.
        (date(2018, 11, 4), "America/Sao_Paulo", "2018-11-04T03:00:00.000000Z"),
        # Clocks went from 1:00 back to 0:00: the first midnight counts.
        (date(2025, 10, 26), "Atlantic/Azores", "2025-10-26T00:00:00.000000Z"),
        (datetime(2025, 3, 1, 12), "Europe/Berlin", "2025-03-01T11:00:00.000000Z"),
        (datetime(2025, 3, 1, 12, tzinfo=UTC), "Europe/Berlin", "2025-03-01T12:00:00.000000Z"),
    ],
)
def test_a_date_is_its_beginning_in_the_zone_of_the_register(
    value: date, zone: str, expected: str
) -> None:
    assert instant(value, ZoneInfo(zone)) == expected


def test_brackets_in_a_pattern_stand_for_other_letters() -> None:
    names = Names([Model("a", "v", ("atlas[1m]-*",))])
    assert names.find("Atlas[1m]-2025") is not None
    assert names.find("atlasm-2025") is None


def test_names_are_found_by_id_then_name_then_pattern_whatever_their_case() -> None:
    one, two = Model("a", "v", ("A-2025-*", "x?z")), Model("b", "v", ("a-2025-mini",))
    names = Names((one, two))
    found = {name: names.find(name) for name in ("A", "a-2025-1", "A-2025-MINI", "xyz", "xz", "")}
    assert found == {
        "A": one,
        "a-2025-1": one,
        "A-2025-MINI": two,
        "xyz": one,
        "xz": None,
        "": None,
    }
    assert names.find(None) is None
    assert all(names.find(f"a-2025-{number}") is one for number in range(20_001))


def test_defaults_of_the_register() -> None:
    spec = register()
    assert spec.forbidden_uses == (
        "training_data", "labeling", "distillation", "competing_evaluation",
    )  # fmt: skip
    assert register(f'{TOP}forbidden_uses = ["x"]').forbidden_uses == ("x",)
    assert spec.key_of["gateway"].shared
    assert REGISTER.count("[[terms]]") == len(spec.terms)
