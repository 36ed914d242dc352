"""Processes that wait for ever: what counts as movement, whose time counts, what ends them."""

import subprocess
import sys
import threading

import pytest

from scrubtrace.beam_pipelines import idle
from scrubtrace.beam_pipelines.idle import ended_when_idle, moved, used_seconds


@pytest.mark.parametrize(
    ("now", "used", "expected"),
    [
        (15.0, 7.0, (10.0, 7.0)),
        (15.0, 7.04, (10.0, 7.0)),
        (15.0, 7.06, (15.0, 7.06)),
        (60.0, 7.4, (10.0, 7.0)),
        (60.0, 7.6, (60.0, 7.6)),
        (15.0, 3.0, (15.0, 3.0)),
    ],
)
def test_less_than_a_hundredth_of_a_processor_is_waiting(
    now: float, used: float, expected: tuple[float, float]
) -> None:
    assert moved((10.0, 7.0), now, used) == expected


def test_the_time_of_all_that_descend_from_a_process_counts() -> None:
    processes = {1: (0, 50.0), 7: (1, 1.0), 8: (7, 2.0), 9: (8, 4.0), 5: (1, 8.0), 6: (44, 16.0)}
    assert used_seconds(7, processes) == 7.0


def test_nothing_is_watched_without_an_end() -> None:
    before = threading.active_count()
    with ended_when_idle(None):
        assert threading.active_count() == before


@pytest.mark.skipif(sys.platform != "linux", reason="processor times are read on Linux only")
def test_a_process_whose_child_works_is_not_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(idle, "IDLE_SECONDS", 2.0)
    ended = threading.Event()
    work = "import time\nend = time.monotonic() + 4\nwhile time.monotonic() < end: pass"
    with ended_when_idle(ended.set):
        child = subprocess.Popen([sys.executable, "-c", work])
        assert child.wait() == 0
        assert not ended.is_set()
        assert ended.wait(60)
