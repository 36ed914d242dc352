"""Digest keys: the first made once, kept private, and missed when it is gone."""

import stat
from pathlib import Path

import pytest

from scrubtrace import keys
from scrubtrace.exits import UsageStop
from scrubtrace.keys import find_keys
from scrubtrace.schemas.identity import DigestKey


@pytest.fixture(autouse=True)
def default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SCRUBTRACE_KEY", raising=False)
    path = tmp_path / "config" / "digest.key"
    monkeypatch.setattr(keys, "default_key_file", lambda: path)
    return path


def test_first_use_makes_a_key_that_only_its_owner_reads(default: Path) -> None:
    keys, path = find_keys(None, set())
    assert path == str(default)
    assert stat.S_IMODE(default.stat().st_mode) == 0o600
    assert keys.retired == ()
    assert find_keys(None, {keys.active.id})[0] == keys


def test_keys_made_twice_differ(tmp_path: Path) -> None:
    first, _ = find_keys(str(tmp_path / "a.key"), set())
    second, _ = find_keys(str(tmp_path / "b.key"), set())
    assert first.active.id != second.active.id


def test_the_environment_wins_over_the_default_file(
    default: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRUBTRACE_KEY", f"{'ab' * 32}, {'cd' * 32}")
    keys, path = find_keys(None, set())
    assert path is None
    assert not default.exists()
    assert keys.ids == tuple(DigestKey.from_hex(pair * 32).id for pair in ("ab", "cd"))
    assert find_keys(None, set(keys.ids))[0] == keys


def test_a_lost_key_is_not_made_anew(default: Path) -> None:
    with pytest.raises(UsageStop, match=r"key is lost: .* made with key 0123456789ab"):
        find_keys(None, {"0123456789ab"})
    assert not default.exists()


def test_a_changed_key_is_refused(tmp_path: Path) -> None:
    keys, path = find_keys(str(tmp_path / "a.key"), set())
    active = keys.active.id
    with pytest.raises(UsageStop, match=rf"key changed: .* has key {active}, .* key 0123456789ab"):
        find_keys(path, {"0123456789ab"})


def test_a_table_of_active_and_retired_keys_is_known(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    path.write_text(f"# of this year\n{'ab' * 32}\n{'cd' * 32}\n")
    keys, _ = find_keys(str(path), {DigestKey.from_hex("cd" * 32).id})
    assert find_keys(str(path), set(keys.ids))[0] == keys
    with pytest.raises(UsageStop, match="review table was made with key 0123456789ab;"):
        find_keys(str(path), {*keys.ids, "0123456789ab"})


@pytest.mark.parametrize("content", ["", "abc", "zz" * 32, "ü" * 64, f"{'ab' * 32} zz"])
def test_a_malformed_key_is_refused_without_showing_it(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.key"
    path.write_text(content)
    with pytest.raises(UsageStop) as raised:
        find_keys(str(path), set())
    assert "bad.key" in str(raised.value)
    assert not content or content not in str(raised.value)


def test_a_key_file_in_another_encoding_is_refused_without_showing_it(tmp_path: Path) -> None:
    path = tmp_path / "utf16.key"
    path.write_text("ab" * 32, encoding="utf-16")
    with pytest.raises(UsageStop, match=r"utf16.key: not UTF-8"):
        find_keys(str(path), set())
