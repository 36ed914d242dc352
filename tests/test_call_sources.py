"""Which files of logs are read."""

from pathlib import Path

import pytest

from scrubtrace.index.call_sources import expanded


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("log[1].jsonl", ["log[1].jsonl"]),
        ("log[12].jsonl", ["log1.jsonl", "log2.jsonl"]),
        ("log?.jsonl", ["log1.jsonl", "log2.jsonl"]),
        ("gone.jsonl", ["gone.jsonl"]),
    ],
)
def test_a_literal_path_wins_over_a_glob(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, expected: list[str]
) -> None:
    for name in ("log1.jsonl", "log2.jsonl", "log[1].jsonl"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert expanded([pattern]) == expected
