"""The key file: who may read it, what a rotation keeps, and that a failure changes nothing."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from scrubtrace import key_file
from scrubtrace.exits import UsageStop
from scrubtrace.key_file import drop, make_first_key, make_key, rotate
from scrubtrace.schemas.identity import KeyRing

A, B, C = (pair * 32 for pair in ("ab", "cd", "ef"))
IDS = KeyRing.parse(f"{A} {B} {C}").ids

ROTATE = """
import sys
from pathlib import Path
from scrubtrace.key_file import rotate
for _ in range(5):
    rotate(Path(sys.argv[1]))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "digest.key"
    path.write_text(f"# of this year\n{A}\n{B} # of last year\n")
    return path


def others(path: Path) -> set[str]:
    """Names beside the file, without its lock."""
    return {entry.name for entry in path.parent.iterdir()} - {path.name, f"{path.name}.lock"}


def test_a_rotation_puts_a_new_key_on_top_and_keeps_the_rest(path: Path) -> None:
    before = path.read_text()
    path.chmod(0o644)
    ring = rotate(path)
    assert ring.retired_ids == IDS[:2]
    first, rest = path.read_text().split("\n", 1)
    assert KeyRing.parse(first).active == ring.active
    assert rest == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert others(path) == set()


@pytest.mark.parametrize(
    ("content", "left"),
    [
        (f"{A}\n{B}\n", f"{A}\n"),
        (f"{A}\n{B}", f"{A}\n"),
        (f"# a\n{A} # b\n\n{B} # c\n# d\n{C}\n", f"# a\n{A} # b\n\n# d\n{C}\n"),
        (f"{A}, {B}, {C}", f"{A} {C}\n"),
        (f"{A}\r\n{B.upper()}\r\n", f"{A}\n"),
    ],
    ids=["last line", "no line end", "comments", "one line", "crlf"],
)
def test_a_dropped_key_leaves_the_others(path: Path, content: str, left: str) -> None:
    path.write_bytes(content.encode())
    assert IDS[1] not in drop(path, IDS[1]).ids
    assert path.read_bytes().decode() == left
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("key_id", [IDS[0], IDS[2]], ids=["active", "unknown"])
def test_only_a_retired_key_is_dropped(path: Path, key_id: str) -> None:
    before = path.read_bytes()
    with pytest.raises(UsageStop, match=f"no retired key {key_id}"):
        drop(path, key_id)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "there is no key in it"),
        (f"{A}\n{B[1:]}\n", "line 2: .* 64 hexadecimal digits"),
        (f"{A}\n{A}\n", "is there twice"),
    ],
)
def test_a_malformed_file_is_not_rotated(path: Path, content: str, message: str) -> None:
    path.write_text(content)
    with pytest.raises(UsageStop, match=message) as raised:
        rotate(path)
    assert path.read_text() == content
    assert A not in str(raised.value)


def test_a_file_that_is_not_there_is_not_rotated(tmp_path: Path) -> None:
    with pytest.raises(UsageStop, match="first run of detect makes one"):
        rotate(tmp_path / "none.key")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(key_file.os, "fsync", full)
    with pytest.raises(UsageStop, match=r"cannot change .*: No space left on device"):
        rotate(path)
    assert path.read_bytes() == before
    assert others(path) == set()


def test_a_link_to_the_file_stays_a_link(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link.key"
    link.parent.mkdir()
    link.symlink_to(path)
    ring = rotate(link)
    assert link.is_symlink()
    assert KeyRing.parse(path.read_text()) == ring


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_root_leaves_the_file_to_its_owner(path: Path) -> None:
    os.chown(path, 12345, 12346)
    rotate(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


def test_commands_at_the_same_time_lose_no_key(path: Path) -> None:
    command = [sys.executable, "-c", ROTATE, str(path)]
    running = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait() for process in running] == [0, 0]
    ids = KeyRing.parse(path.read_text()).ids
    assert len(ids) == 12
    assert ids[-2:] == IDS[:2]


def test_a_file_that_another_command_changes_is_left_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_file, "LOCK_SECONDS", 0)
    with (
        FileLock(f"{path}.lock"),
        pytest.raises(UsageStop, match="another command is changing"),
    ):
        rotate(path)


def test_a_new_key_never_overwrites_a_file(path: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageStop, match=r"cannot make the digest key .*: File exists"):
        make_key(path)
    made = make_key(tmp_path / "new" / "a.key")
    assert KeyRing.parse((tmp_path / "new" / "a.key").read_text()) == KeyRing(made)
    assert stat.S_IMODE((tmp_path / "new" / "a.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("call", ["fsync", "link"])
def test_a_key_that_is_cut_short_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, call, killed)
    with pytest.raises(KeyboardInterrupt):
        make_key(tmp_path / "a.key")
    assert list(tmp_path.iterdir()) == []


def test_of_two_first_keys_at_the_same_time_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.key"
    link = os.link

    def late(source: str, target: Path) -> None:
        path.write_text(f"{A}\n")
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    make_first_key(path)
    assert path.read_text() == f"{A}\n"
    assert others(path) == set()


def test_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    path = tmp_path / "a.key"
    made = make_key(path)
    assert KeyRing.parse(path.read_text()) == KeyRing(made)
    assert others(path) == set()
    with pytest.raises(UsageStop, match="File exists"):
        make_key(path)
    assert KeyRing.parse(path.read_text()) == KeyRing(made)


def test_a_first_key_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageStop, match="cannot make the digest key"):
        make_first_key(tmp_path / "file" / "a.key")
