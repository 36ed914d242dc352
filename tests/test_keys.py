"""The digest key: made once, kept private, and missed when it is gone."""

import stat
from pathlib import Path

import pytest

from scrubtrace import keys
from scrubtrace.exits import UsageStop
from scrubtrace.keys import find_key


@pytest.fixture(autouse=True)
def default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SCRUBTRACE_KEY", raising=False)
    path = tmp_path / "config" / "digest.key"
    monkeypatch.setattr(keys, "default_key_file", lambda: path)
    return path


def test_first_use_makes_a_key_that_only_its_owner_reads(default: Path) -> None:
    key, path = find_key(None, set())
    assert path == str(default)
    assert stat.S_IMODE(default.stat().st_mode) == 0o600
    assert find_key(None, {key.id})[0] == key


def test_keys_made_twice_differ(tmp_path: Path) -> None:
    first, _ = find_key(str(tmp_path / "a.key"), set())
    second, _ = find_key(str(tmp_path / "b.key"), set())
    assert first.id != second.id


def test_the_environment_wins_over_the_default_file(
    default: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    key, path = find_key(None, set())
    assert path is None
    assert not default.exists()
    assert find_key(None, {key.id})[0].id == key.id


def test_a_lost_key_is_not_made_anew(default: Path) -> None:
    with pytest.raises(UsageStop, match=r"key is lost: .* made with key 0123456789ab"):
        find_key(None, {"0123456789ab"})
    assert not default.exists()


def test_a_changed_key_is_refused(tmp_path: Path) -> None:
    key, path = find_key(str(tmp_path / "a.key"), set())
    with pytest.raises(UsageStop, match=rf"key changed: .* has key {key.id}, .* key 0123456789ab"):
        find_key(path, {"0123456789ab"})


@pytest.mark.parametrize("content", ["", "abc", "zz" * 32, "ü" * 64])
def test_a_malformed_key_is_refused_without_showing_it(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.key"
    path.write_text(content)
    with pytest.raises(UsageStop) as raised:
        find_key(str(path), set())
    assert "bad.key" in str(raised.value)
    assert not content or content not in str(raised.value)
