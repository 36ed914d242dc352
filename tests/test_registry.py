"""Installed detectors: found by entry point, and clear errors where one is broken."""

from importlib.metadata import EntryPoint

import pytest

from scrubtrace.detectors import registry
from scrubtrace.detectors.registry import DetectorError, installed_detectors, make_detector


def install(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    entries = [
        EntryPoint(name.rstrip("_"), value, registry.GROUP) for name, value in values.items()
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: entries)
    monkeypatch.setattr(registry, "_registered", registry._registered.__wrapped__)


def test_ours_is_installed_with_its_distribution() -> None:
    assert installed_detectors()["boilerplate"].distribution.startswith("scrubtrace ")
    assert make_detector("boilerplate").name == "boilerplate"


def test_options_reach_the_detector() -> None:
    detector = make_detector("boilerplate", {"max_memory": 1 << 27})
    assert getattr(detector, "max_memory") == 1 << 27  # noqa: B009


def test_a_name_registered_twice_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, same="builtins:dict", same_="builtins:list")
    with pytest.raises(DetectorError, match="'same' is registered twice"):
        installed_detectors()


def test_an_unknown_name_says_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, here="builtins:dict")
    with pytest.raises(DetectorError, match="no detector 'gone'; installed: here"):
        make_detector("gone")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no_such_module:Thing", "ModuleNotFoundError"),
        ("builtins:NoSuchThing", "AttributeError"),
        ("builtins:dict", "lacks part of the contract"),
    ],
)
def test_a_broken_plugin_names_its_distribution(
    monkeypatch: pytest.MonkeyPatch, value: str, message: str
) -> None:
    install(monkeypatch, broken=value)
    with pytest.raises(DetectorError, match="detector 'broken' of unknown distribution") as raised:
        make_detector("broken")
    assert message in str(raised.value)
