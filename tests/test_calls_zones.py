"""Whether a log says in which zone its times are."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from call_logs import one, pair

from scrubtrace.calls.values import lacks_zone


@pytest.mark.parametrize(
    ("value", "lacking"),
    [
        ("2025-03-01T09:30:00", True),
        ("2025-03-01 09:30:00.123", True),
        ("2025-03-01", True),
        ("2025-03-01T09:30:00Z", False),
        ("2025-03-01T09:30:00+09:00", False),
        ("2025-03-01 09:30:00 UTC", False),
        ("03/01/2025, 09:30:00.000 AM", True),
        ("1740821400", False),
        (1740821400, False),
        (datetime(2025, 3, 1), True),
        (datetime(2025, 3, 1, tzinfo=UTC), False),
        ("soon", False),
        (None, False),
    ],
)
def test_lacks_zone(value: Any, lacking: bool) -> None:
    assert lacks_zone(value) is lacking


@pytest.mark.parametrize(
    ("fields", "timestamp", "assumed"),
    [
        ({"timestamp": "2025-03-01T10:30:00+01:00"}, "2025-03-01T09:30:00.000000Z", False),
        ({"timestamp": "2025-03-01T09:30:00"}, "2025-03-01T09:30:00.000000Z", True),
        ({"timestamp": "soon", "time": "2025-03-01T09:30:00"}, "2025-03-01T09:30:00.000000Z", True),
        ({"ts": 1740821400}, "2025-03-01T09:30:00.000000Z", False),
        ({}, "2025-03-01T09:30:00.000000Z", False),  # the response says when it was made
    ],
)
def test_pairs_without_a_zone_are_marked(
    tmp_path: Path, fields: dict[str, Any], timestamp: str, assumed: bool
) -> None:
    record = one(tmp_path, pair() | fields)
    assert (record.timestamp, record.zone_assumed) == (timestamp, assumed)
