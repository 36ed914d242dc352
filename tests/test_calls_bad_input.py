"""What is wrong with log files: each line ends as a record, a part, a non-call or a bad line."""

import gzip
import json
import random
import tracemalloc
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from call_logs import ANSWER, QUESTION, line, pair, write

from scrubtrace.calls.files import CallLogError
from scrubtrace.calls.reading import CallReading, read_calls
from scrubtrace.calls.values import count, number, timestamp
from scrubtrace.schemas.calls import BadLine, BadReason, CallRecord


def read(*paths: Path, **options: Any) -> tuple[list[CallRecord], list[BadLine], CallReading]:
    bad: list[BadLine] = []
    reading = read_calls(paths, on_bad=bad.append, **options)
    records = list(reading)
    assert reading.summary.bad == Counter(b.reason for b in bad)
    return records, bad, reading


def streamed(response: str) -> bytes:
    return json.dumps({"request": {"messages": []}, "response": response}).encode() + b"\n"


DEEP = b"[" * 100_000 + b"]" * 100_000
SEVERAL = [json.dumps(pair(f"c-{n}")) for n in range(3)]
BETWEEN = [
    (b"starting proxy on port 4000\n", BadReason.NOT_JSON),
    (b"\0" * 40 + b"\n", BadReason.NOT_JSON),
    (b'{"request": "a\0b"}\n', BadReason.NOT_JSON),
    (b'{"request": "caf\xe9"}\n', BadReason.INVALID_ENCODING),
    (b"[1, 2]\n", BadReason.NOT_AN_OBJECT),
    (b"null\n", BadReason.NOT_AN_OBJECT),
    (b'{"request": ' + DEEP + b"}\n", BadReason.TOO_DEEP),
    (b'{"request": ' + b"9" * 5000 + b"}\n", BadReason.NOT_JSON),
    (b'{"request": [], "response": {}}\n', BadReason.UNKNOWN_SHAPE),
    (b'{"request": {}, "response": {"choices": {"0": 1}}}\n', BadReason.UNKNOWN_SHAPE),
    (b'{"request": {}, "response": {"choices": [3]}}\n', BadReason.UNKNOWN_SHAPE),
    (b'{"request": {"messages": 7}, "response": {}}\n', BadReason.UNKNOWN_SHAPE),
    (b'{"version": 9}\n', BadReason.UNKNOWN_SHAPE),
    (streamed("data: {}\n\ndata: [DONE]\n\n"), BadReason.UNKNOWN_SHAPE),
    (streamed('event: delta\r\ndata: {"type": "delta"}\r\n\r\n'), BadReason.UNKNOWN_SHAPE),
    (line("c-0"), BadReason.DUPLICATE_ID),
]


@pytest.mark.parametrize(("between", "reason"), BETWEEN)
def test_a_bad_line_costs_no_other_line(tmp_path: Path, between: bytes, reason: BadReason) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(line("c-0") + between + b"\r\n" + line("c-1").replace(b"\n", b"\r\n"))
    records, bad, reading = read(path)
    assert [record.call_id for record in records] == ["c-0", "c-1"]
    assert bad == [BadLine(str(path), 2, reason)]
    assert reading.summary.lines == {"record": 2, "bad": 1, "blank": 1}


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_last_line_that_is_cut_off(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(line("c-0") + line("c-1")[: -cut - 1])
    records, bad, _ = read(path)
    assert (len(records), bad) == (1, [BadLine(str(path), 2, BadReason.TRUNCATED)])


def test_a_last_line_without_its_line_feed_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(line("c-0") + line("c-1")[:-1])
    assert len(read(path)[0]) == 2


def noisy(count: int) -> bytes:
    return b"".join(line(f"c-{n}", random.Random(n).randbytes(200).hex()) for n in range(count))


def test_gzip_whole_cut_and_damaged(tmp_path: Path) -> None:
    packed = gzip.compress(noisy(2000))
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(packed)
    assert len(read(path)[0]) == 2000
    path.write_bytes(packed[: len(packed) // 2])
    records, bad, _ = read(path)
    assert 800 < len(records) < 1100
    assert bad == [BadLine(str(path), len(records) + 1, BadReason.TRUNCATED)]
    path.write_bytes(packed[:5000] + b"\0" * 500 + packed[5500:])
    _, bad, _ = read(path, log_format="pairs")
    assert bad[-1].reason in (BadReason.DAMAGED, BadReason.TRUNCATED)
    path.write_bytes(packed[:12])
    assert read(path, log_format="pairs")[1] == [BadLine(str(path), 1, BadReason.TRUNCATED)]


def test_array_in_a_gzip_file_that_is_cut(tmp_path: Path) -> None:
    packed = gzip.compress(b"[" + noisy(2000).replace(b"\n", b",\n")[:-2] + b"]")
    path = tmp_path / "log.json.gz"
    path.write_bytes(packed[: len(packed) // 2])
    records, bad, _ = read(path)
    assert 800 < len(records) < 1100
    assert bad == [BadLine(str(path), len(records) + 1, BadReason.TRUNCATED)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-16-le"])
@pytest.mark.parametrize("kind", ["lines", "array"])
def test_encodings(tmp_path: Path, encoding: str, kind: str) -> None:
    path = tmp_path / "log"
    answers = [pair("c-0", "Drei Minuten – für 1 ℓ 🫖"), pair("c-1", "三分")]
    texts = [json.dumps(answer, ensure_ascii=False) for answer in answers]
    text = "\n".join(texts) + "\n" if kind == "lines" else f"[{','.join(texts)}]"
    path.write_bytes(text.encode(encoding))
    records, bad, _ = read(path)
    assert [record.completions[0][:4] for record in records] == ["Drei", "三分"]
    assert not bad


def test_utf16_file_that_is_cut_within_a_character(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(f"{SEVERAL[0]}\n{SEVERAL[1]}".encode("utf-16")[:-1])
    records, bad, _ = read(path)
    assert [record.call_id for record in records] == ["c-0"]
    assert [(b.line, b.reason) for b in bad] == [(2, BadReason.TRUNCATED)]


@pytest.mark.parametrize(
    ("text", "count", "reason"),
    [
        ("[" + ",\n".join(SEVERAL) + "]", 3, None),
        ("[]", 0, None),
        ("[" + SEVERAL[0] + ",", 1, BadReason.TRUNCATED),
        ("[", 0, BadReason.TRUNCATED),
        ("[" + ",".join(SEVERAL)[:-9], 2, BadReason.TRUNCATED),
        ("[" + SEVERAL[0] + ", {oops: 1}, " + SEVERAL[1] + " " * 100 + "]", 1, BadReason.NOT_JSON),
        ("[" + SEVERAL[0] + ', "text", ' + SEVERAL[1] + "]", 2, BadReason.NOT_AN_OBJECT),
        ("[" + SEVERAL[0] + ', "caf\udce9", ' + SEVERAL[1] + "]", 2, BadReason.INVALID_ENCODING),
        ("[" + SEVERAL[0] + "," + DEEP.decode() + "]", 1, BadReason.TOO_DEEP),
        (json.dumps(pair("c-0"), indent=1) + "\n" + json.dumps(pair("c-1"), indent=1), 2, None),
    ],
)
def test_json_over_several_lines(
    tmp_path: Path, text: str, count: int, reason: BadReason | None
) -> None:
    path = tmp_path / "log.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    records, bad, reading = read(path, log_format="pairs")
    assert (len(records), [b.reason for b in bad]) == (count, [reason] if reason else [])
    assert reading.summary.lines.total() == count + len(bad)


def test_csv_rows_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    rows = [
        b"request_id,spend,response",
        b"r-1,0.1,three minutes",
        b"r-2,0.1",
        b"",
        b"r-3,0.1,caf\xe9",
        b'r-4,0.1,"two\r\nlines"',
        b'r-5,0.1,"three"minutes',
        b"r-6,0.1," + b"x" * 200_000,
        b'r-7,0.1,"cut',
    ]
    path.write_bytes(b"\r\n".join(rows))
    records, bad, reading = read(path)
    assert [record.call_id for record in records] == ["r-1", "r-4", "r-6"]
    assert [(b.line, b.reason) for b in bad] == [
        (2, BadReason.UNKNOWN_SHAPE),
        (4, BadReason.INVALID_ENCODING),
        (6, BadReason.NOT_CSV),
        (8, BadReason.TRUNCATED),
    ]
    assert reading.summary.lines == {"record": 3, "bad": 4, "blank": 1}


@pytest.mark.parametrize("size", [200_000, 20_000_000])
def test_long_completions(tmp_path: Path, size: int) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(line("c-0", "x" * size) + line("c-1"))
    records, bad, _ = read(path)
    assert [len(record.completions[0]) for record in records] == [size, len(ANSWER)]
    assert not bad


def test_a_line_above_the_limit_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scrubtrace.calls.files.LONGEST_LINE", 5000)
    monkeypatch.setattr("scrubtrace.calls.containers.LONGEST_LINE", 5000)
    path = tmp_path / "log.jsonl"
    path.write_bytes(line("c-0") + line("c-1", "x" * 9000) + line("c-2") + line("c-3", "x" * 9000))
    records, bad, _ = read(path)
    assert [record.call_id for record in records] == ["c-0", "c-2"]
    assert [(b.line, b.reason) for b in bad] == [(2, BadReason.TOO_LONG), (4, BadReason.TOO_LONG)]


@pytest.mark.parametrize("answer", [None, "", " \n"])
def test_empty_completions_are_counted_and_not_bad(tmp_path: Path, answer: str | None) -> None:
    ((record,), bad, reading) = read(write(tmp_path / "log.jsonl", pair(answer=answer)))
    assert (record.completions, record.empty_completions, bad) == ((), 1, [])
    assert (reading.summary.empty_completions, reading.summary.completion_coverage) == (1, 0)


def test_lone_surrogates_can_be_written_again(tmp_path: Path) -> None:
    ((record,), _, _) = read(write(tmp_path / "log.jsonl", pair("c\ud800", "a\udfffb")))
    assert (record.call_id, record.completions) == ("c?", ("a?b",))


@pytest.mark.parametrize("content", [b"", b"\n\r\n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_empty_files_are_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(content)
    records, bad, reading = read(path)
    assert (records, bad, reading.summary.empty_files) == ([], [], [str(path)])


@pytest.mark.parametrize(
    ("content", "log_format", "message"),
    [
        (None, None, "cannot be read: No such file or directory"),
        ("folder", None, "is a folder: name the log files in it"),
        (
            b'{"temperature": 1, "secret text": 2}\n',
            None,
            "keys temperature. Formats: openai-batch",
        ),
        (b"no json\n", None, "no entry is a JSON object"),
        (b"PAR1 and no more", None, "begins as Parquet but cannot be read"),
        (b"{}\n", "helicone", "'helicone' is no format of call logs: give one of openai-batch"),
    ],
)
def test_files_that_are_refused_before_reading(
    tmp_path: Path, content: Any, log_format: str | None, message: str
) -> None:
    path = tmp_path / "log.jsonl"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(CallLogError) as caught:
        read_calls([path], log_format)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_named_format_reads_what_is_not_recognised(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"no json\n" * 30 + line())
    records, bad, _ = read(path, log_format="pairs")
    assert (len(records), len(bad)) == (1, 30)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1740821400, "2025-03-01T09:30:00.000000Z"),
        (1740821400.5, "2025-03-01T09:30:00.500000Z"),
        ("1740821400500", "2025-03-01T09:30:00.500000Z"),
        (1740821400500000, "2025-03-01T09:30:00.500000Z"),
        ("2025-03-01T15:00:00+05:30", "2025-03-01T09:30:00.000000Z"),
        ("2025-03-01 09:30:00.000001", "2025-03-01T09:30:00.000001Z"),
        ("2025-03-01", "2025-03-01T00:00:00.000000Z"),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        (0, None),
        (-5, None),
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
        ([], None),
    ],
)
def test_timestamps(value: Any, expected: str | None) -> None:
    assert timestamp(value) == expected


def test_numbers_that_are_none() -> None:
    assert [count(value) for value in (10**30, -1, 1.5, "x", True, float("nan"), {})] == [None] * 7
    assert [number(value) for value in (10**400, "1e999", "0.5", False)] == [None, None, 0.5, None]


def test_no_text_in_the_representation_of_a_record(tmp_path: Path) -> None:
    ((record,), _, _) = read(write(tmp_path / "log.jsonl", pair()))
    assert ANSWER not in repr(record)
    assert QUESTION not in repr(record.prompt)


def test_memory_does_not_grow_with_the_requests_that_wait(tmp_path: Path) -> None:
    body = {"messages": [{"role": "user", "content": "x" * 30_000}]}
    inputs = [
        {"custom_id": f"r-{n}", "url": "/v1/chat/completions", "body": body} for n in range(1200)
    ]
    path = write(tmp_path / "in.jsonl", *inputs)
    tracemalloc.start()
    try:
        _, _, reading = read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert reading.summary.unmatched_inputs == 1200
    assert peak < 8_000_000  # of 36 MB of prompts; SQLite's own 64 MiB are not traced


@pytest.mark.parametrize(
    "answer", ["data: 4 litres, event: boiling", "data: [DONE]\nThat ends a stream.", "id: 7\n: x"]
)
def test_an_answer_that_looks_a_little_like_a_stream_is_an_answer(
    tmp_path: Path, answer: str
) -> None:
    entry = {"request": {"messages": []}, "response": answer}
    ((record,), _, _) = read(write(tmp_path / "log.jsonl", entry))
    assert record.completions == (answer,)


@pytest.mark.parametrize("packed", [True, False])
def test_a_file_that_is_cut_off_in_its_first_line_stops_no_other(
    tmp_path: Path, packed: bool
) -> None:
    path, whole = tmp_path / "cut.jsonl", write(tmp_path / "log.jsonl", pair())
    content = line(answer=random.Random(1).randbytes(9000).hex())
    path.write_bytes(gzip.compress(content)[:5000] if packed else content[:5000])
    records, bad, reading = read(path, whole)
    assert [record.call_id for record in records] == ["chatcmpl-1"]
    assert bad == [BadLine(str(path), 1, BadReason.TRUNCATED)]
    assert reading.summary.empty_files == []


def test_a_file_that_begins_with_many_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n" * 50 + line())
    records, _, reading = read(path)
    assert [record.source_line for record in records] == [51]
    assert reading.summary.lines == {"blank": 50, "record": 1}


def parquet(path: Path, rows: int) -> Path:
    names = [f"o-{n}" for n in range(rows)]
    columns = {
        "id": names,
        "trace_id": names,
        "type": ["GENERATION"] * rows,
        "start_time": [datetime(2025, 3, 1, 9, 30)] * rows,
        "output": [random.Random(n).randbytes(400).hex() for n in range(rows)],
        "metadata": pa.array([[("purpose", "drafting")]] * rows, pa.map_(pa.string(), pa.string())),
    }
    pq.write_table(pa.table(columns), path, row_group_size=1000)
    return path


def test_parquet_with_a_map_and_a_time(tmp_path: Path) -> None:
    ((record,), _, _) = read(parquet(tmp_path / "log.parquet", 1))
    assert record.purpose == "drafting"
    assert record.timestamp == "2025-03-01T09:30:00.000000Z"


def test_parquet_with_nanoseconds(tmp_path: Path) -> None:
    path = parquet(tmp_path / "log.parquet", 1)
    table = pq.read_table(path)
    times = pa.array([1740821400123456789], pa.timestamp("ns", "UTC"))
    place = table.schema.get_field_index("start_time")
    pq.write_table(table.set_column(place, "start_time", times), path)
    ((record,), _, _) = read(path)
    assert record.timestamp == "2025-03-01T09:30:00.123456Z"


def test_damaged_parquet_keeps_the_rows_before_the_damage(tmp_path: Path) -> None:
    path = parquet(tmp_path / "log.parquet", 3000)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle - 100_000 : middle + 100_000] = b"\xff" * 200_000
    path.write_bytes(content)
    records, bad, _ = read(path)
    assert 0 < len(records) < 3000
    assert bad == [BadLine(str(path), len(records) + 1, BadReason.DAMAGED)]


def test_batch_input_that_is_just_too_deep_to_be_kept(tmp_path: Path) -> None:
    lines = []
    for depth in range(800, 1100, 10):
        nested = "[" * depth + "]" * depth
        body = f'{{"messages": [], "x": {nested}}}'
        lines.append(f'{{"custom_id": "c-{depth}", "body": {body}}}\n')
    path = tmp_path / "in.jsonl"
    path.write_text("".join(lines))
    _, bad, reading = read(path, log_format="openai-batch")
    assert {b.reason for b in bad} <= {BadReason.TOO_DEEP}
    assert reading.summary.lines.total() == len(lines)
    assert reading.summary.unmatched_inputs == len(lines) - len(bad)
