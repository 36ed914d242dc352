"""Run ids: the newest run has the greatest id, whatever the clock does; tables as bytes."""

import re
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from scrubtrace.beam_pipelines.layout import new_run_id, read_table, table_bytes

FORM = r"[0-9]{8}T[0-9]{6}\.[0-9]{6}-[0-9a-f]{6}"


def test_ids_that_are_made_at_once_sort_in_the_order_they_were_made() -> None:
    made: list[str] = []
    for _ in range(200):
        made.append(new_run_id(made))
    assert made == sorted(set(made))
    assert all(re.fullmatch(FORM, run) for run in made)


def test_an_id_sorts_behind_runs_from_a_clock_that_was_ahead() -> None:
    ahead = (datetime.now(UTC) + timedelta(days=400)).strftime("%Y%m%dT%H%M%S.%f-ffffff")
    assert new_run_id([ahead]) > ahead
    assert new_run_id([ahead])[:9] == ahead[:9]


@pytest.mark.parametrize("name", ["20240101T000000-abc", "notes", ""])
def test_folders_that_somebody_named_are_no_hindrance(name: str) -> None:
    assert re.fullmatch(FORM, new_run_id([name]))


def test_some_columns_of_a_table_read_back() -> None:
    table = pa.table({"a": [1, 2], "b": [["x"], []]})
    assert read_table(table_bytes(table)).equals(table)
    assert read_table(table_bytes(table), ["b"]).equals(table.select(["b"]))
