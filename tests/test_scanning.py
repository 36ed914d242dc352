"""Scanning a unit: balanced receipts, stable bytes, no lost row, no leaked text."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.beam_pipelines import scan, scanning, storage
from scrubtrace.beam_pipelines.failures import ScanError
from scrubtrace.beam_pipelines.findings import snippet_around
from scrubtrace.beam_pipelines.layout import RunFolder
from scrubtrace.beam_pipelines.scan import ScanUnitFn, ready_detector
from scrubtrace.beam_pipelines.scanning import cut_texts, scan_unit
from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.boilerplate import Boilerplate
from scrubtrace.detectors.registry import DetectorError, make_detector
from scrubtrace.schemas.evidence import Evidence
from scrubtrace.schemas.findings import FINDINGS
from scrubtrace.schemas.identity import DigestKey, KeyRing
from scrubtrace.schemas.plan import Columns
from scrubtrace.schemas.receipts import Turns

Write = Callable[..., Path]
Make = Callable[..., Any]

PHRASE = "As an AI language model, I cannot swim."
TEXTS = ["Plain.", PHRASE, None, "", f"好的。{PHRASE}", "Bonjour, comment allez-vous ce matin ?"]


def scanned(run: Any, key: DigestKey, detector: Any = None) -> RunFolder:
    folder, spec, plan = run
    for unit in plan.units:
        scan_unit(unit, folder, spec, [detector or make_detector("boilerplate")], KeyRing(key))
    assert isinstance(folder, RunFolder)
    return folder


def files(folder: RunFolder) -> dict[str, bytes]:
    root = Path(folder.path)
    paths = (path for path in root.rglob("*") if path.is_file() and path.name != "run.json")
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(paths)}


def test_receipts_account_for_every_row(write_shard: Write, make_run: Make, key: DigestKey) -> None:
    write_shard("a.parquet", text=TEXTS)
    folder = scanned(make_run(), key)
    receipt = folder.read_receipt("u0000000")
    (entry,) = receipt.ranges
    tally = entry.detectors["boilerplate"]
    assert tally.rows == receipt.rows == len(TEXTS)
    assert tally.abstained == {"language_not_covered": 1}
    assert (entry.null_texts, entry.empty_texts) == (1, 1)
    assert receipt.parts[0].findings == 2


def test_rows_that_cannot_be_read_do_not_count_as_without_an_id(
    write_shard: Write, make_run: Make, key: DigestKey
) -> None:
    path = write_shard("a.parquet", row_group_size=2, text=["Plain."] * 6, id=["1", None] * 3)
    run = make_run(columns=Columns("text", id="id"))
    chunk = pq.read_metadata(path).row_group(1).column(0)
    start, size = chunk.dictionary_page_offset, chunk.total_compressed_size
    stamp, content = path.stat().st_mtime_ns, path.read_bytes()
    path.write_bytes(content[:start] + b"\0" * size + content[start + size :])
    os.utime(path, ns=(stamp, stamp))
    (entry,) = scanned(run, key).read_receipt("u0000000").ranges
    assert entry.detectors["boilerplate"].dead == {"unreadable": 2}
    assert entry.null_ids == 2


def test_parts_have_the_schema_and_order_of_findings(
    write_shard: Write, make_run: Make, key: DigestKey
) -> None:
    write_shard("b.parquet", text=[PHRASE])
    write_shard("a.parquet", text=TEXTS)
    folder = scanned(make_run(), key)
    part = pq.read_table(folder.part("boilerplate", "u0000000"))
    assert part.schema.equals(FINDINGS)
    places = list(zip(*(part.column(n).to_pylist() for n in ("shard", "row_index")), strict=True))
    assert places == [("a.parquet", 1), ("a.parquet", 4), ("b.parquet", 0)]
    assert part.schema.metadata[b"detector"] == b"boilerplate"
    assert part.column("text_digest")[0].as_py() == key.digest(PHRASE)


@pytest.mark.parametrize("changes", [{"batch_rows": 1}, {"batch_rows": 3}, {"batch_bytes": 10}])
def test_neither_repeating_nor_batching_changes_a_byte(
    write_shard: Write, make_run: Make, key: DigestKey, changes: dict[str, int]
) -> None:
    write_shard("a.parquet", text=TEXTS * 5, row_group_size=7)
    once = scanned(make_run("one"), key)
    before = files(once)
    other = scanned(make_run("other", **changes), key)
    assert files(other) == before
    scanned((once, make_run("again")[1], make_run("third")[2]), key)
    assert files(once) == before


def turn(role: str, content: str | None) -> dict[str, str | None]:
    return {"role": role, "content": content}


CHATS = [
    [turn("user", PHRASE), turn("assistant", PHRASE), turn("assistant", "Fine.")],
    [turn("user", "Hi.")],
    None,
    [turn("assistant", "Bonjour, comment allez-vous, madame ?"), turn("assistant", PHRASE)],
    [],
    [turn("assistant", None), turn("gpt", f"{PHRASE} 好的。")],
]
BOTH = Columns(("chat", "text"))


def test_findings_name_field_and_turn_in_order(
    write_shard: Write, make_run: Make, key: DigestKey
) -> None:
    write_shard("a.parquet", chat=CHATS, text=TEXTS)
    folder = scanned(make_run(columns=BOTH), key)
    part = pq.read_table(folder.part("boilerplate", "u0000000"))
    places = [part.column(name).to_pylist() for name in ("row_index", "field", "turn")]
    assert list(zip(*places, strict=True)) == [
        (0, "chat", 1),
        (1, "text", None),
        (3, "chat", 1),
        (4, "text", None),
        (5, "chat", 1),
    ]


def test_rows_balance_and_texts_and_turns_are_counted(
    write_shard: Write, make_run: Make, key: DigestKey
) -> None:
    write_shard("a.parquet", chat=CHATS)
    folder = scanned(make_run(columns=Columns("chat")), key)
    (entry,) = folder.read_receipt("u0000000").ranges
    tally = entry.detectors["boilerplate"]
    assert (tally.rows, tally.judged) == (6, 3)
    assert tally.abstained == {"no_turn_to_judge": 3}
    assert (tally.texts_judged, tally.texts_abstained) == (5, {"language_not_covered": 1})
    assert (entry.texts, entry.null_texts) == (6, 1)
    assert entry.turns == {"chat": Turns(6, 2, ["user"])}


@pytest.mark.parametrize(
    "changes", [{"batch_rows": 1}, {"batch_rows": 2}, {"batch_bytes": 10}, {"batch_bytes": 200}]
)
def test_batching_changes_no_byte_of_several_texts_a_row(
    write_shard: Write, make_run: Make, key: DigestKey, changes: dict[str, int]
) -> None:
    texts = [text and text.encode() for text in TEXTS[:-1]] + [b"\xff"]
    write_shard("a.parquet", chat=CHATS * 5, text=texts * 5, row_group_size=7)
    before = files(scanned(make_run("one", columns=BOTH), key, Raising("Fine.")))
    other = scanned(make_run("other", columns=BOTH, **changes), key, Raising("Fine."))
    assert "dead_letters/u0000000.parquet" in before
    assert files(other) == before


@given(st.lists(st.integers(0, 30), max_size=30), st.integers(1, 9), st.integers(1, 60))
def test_texts_are_cut_by_number_and_size(
    lengths: list[int], most_texts: int, most_chars: int
) -> None:
    texts = ["x" * length if length else None for length in lengths]
    pieces = list(cut_texts(texts, most_texts, most_chars))
    assert [n for start, stop in pieces for n in range(start, stop)] == list(range(len(texts)))
    for start, stop in pieces:
        assert 1 <= stop - start <= most_texts
        assert stop - start == 1 or sum(lengths[start:stop]) <= most_chars


class Raising(Boilerplate):
    """Raises on texts with a word."""

    def __init__(self, word: str = "canary") -> None:
        super().__init__()
        self._word = word

    def detect(self, batch: TextBatch) -> Evidence:
        if any(self._word in text for text in batch.texts):
            raise ValueError(f"canary in {batch.texts}")
        return super().detect(batch)


def test_a_detector_that_raises_loses_one_row_and_leaks_nothing(
    write_shard: Write, make_run: Make, key: DigestKey
) -> None:
    write_shard("a.parquet", id=["x", "y", "z"], text=[PHRASE, "canary", PHRASE])
    run = make_run(columns=Columns("text", id="id"))
    folder = scanned(run, key, Raising())
    tally = folder.read_receipt("u0000000").ranges[0].detectors["boilerplate"]
    assert (tally.judged, tally.abstained) == (2, {"detector_error": 1})
    (letter,) = pq.read_table(folder.dead_letters("u0000000")).to_pylist()
    assert letter == {
        "shard": "a.parquet",
        "row_index": 1,
        "row_id": "y",
        "field": "text",
        "turn": None,
        "detector": "boilerplate",
        "reason": "detector_error",
        "error": "ValueError",
    }
    assert b"canary" not in b"".join(files(folder).values())


def test_dead_letters_name_field_and_turn(
    write_shard: Write, make_run: Make, key: DigestKey
) -> None:
    chats = [
        [turn("assistant", "canary"), turn("user", "x"), turn("assistant", "canary again")],
        [turn("assistant", "\ud800"), turn("assistant", "canary")],
    ]
    encoded = [
        [{k: v.encode(errors="surrogatepass") for k, v in t.items() if v} for t in chat]
        for chat in chats
    ]
    write_shard("a.parquet", chat=encoded)
    folder = scanned(make_run(columns=Columns("chat")), key, Raising())
    receipt = folder.read_receipt("u0000000")
    tally = receipt.ranges[0].detectors["boilerplate"]
    assert (tally.abstained, tally.dead) == ({"detector_error": 1}, {"invalid_utf8": 1})
    letters = pq.read_table(folder.dead_letters("u0000000")).to_pylist()
    names = ("row_index", "field", "turn", "detector", "reason")
    assert [tuple(letter[name] for name in names) for letter in letters] == [
        (0, "chat", 0, "boilerplate", "detector_error"),
        (0, "chat", 2, "boilerplate", "detector_error"),
        (1, "chat", 0, None, "invalid_utf8"),
    ]
    assert b"canary" not in b"".join(files(folder).values())


def test_spans_are_capped_and_the_others_counted(
    write_shard: Write, make_run: Make, key: DigestKey
) -> None:
    write_shard("a.parquet", text=[f"{PHRASE} " * 20])
    folder = scanned(make_run(spans_per_signal=3), key)
    (finding,) = pq.read_table(folder.part("boilerplate", "u0000000")).to_pylist()
    signals = {entry["signal"] for entry in finding["evidence"]}
    assert len(finding["evidence"]) == 3 * len(signals)
    assert finding["spans_left_out"] == 17 * len(signals)


@pytest.mark.parametrize("position", [0, 300, 2000, 3960])
def test_a_snippet_holds_the_strongest_asserted_evidence(position: int) -> None:
    text = ("w" * position + PHRASE).ljust(4000, "w")
    best = {"start": position, "end": position + 20, "strength": "proof", "use": "asserted"}
    other = {"start": 3999, "end": 4000, "strength": "strong", "use": "asserted"}
    quoted = {"start": 0, "end": 1, "strength": "proof", "use": "quoted"}
    start, snippet = snippet_around(text, [quoted, other, best], 500)
    assert len(snippet) == 500
    assert text[start : start + 500] == snippet
    assert start <= position
    assert position + 20 <= start + 500


def test_a_unit_that_cannot_be_written_has_no_receipt_and_is_no_crash(
    write_shard: Write, make_run: Make, key: DigestKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shard("a.parquet", text=TEXTS)
    folder, _, _ = make_run()

    def full(path: str, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scanning.storage, "write_atomic", full)
    scanner = ScanUnitFn(folder.path)
    scanner.setup()
    assert list(scanner.process("u0000000")) == []
    assert folder.scanned_units() == set()


def test_a_unit_that_has_its_receipt_is_not_scanned_again(
    write_shard: Write, make_run: Make, key: DigestKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shard("a.parquet", text=TEXTS)
    folder, _, _ = make_run()
    scanner = ScanUnitFn(folder.path)
    scanner.setup()
    first = list(scanner.process("u0000000"))
    monkeypatch.setattr(scan, "scan_unit", None)
    assert list(scanner.process("u0000000")) == first == [("u0000000", len(TEXTS))]


def test_workers_find_a_run_that_was_named_from_where_the_launcher_was(
    write_shard: Write,
    make_run: Make,
    key: DigestKey,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_shard("a.parquet", text=TEXTS)
    make_run("run")
    monkeypatch.chdir(tmp_path)
    scanner = ScanUnitFn("run")
    monkeypatch.chdir("/")
    scanner.setup()
    assert list(scanner.process("u0000000")) == [("u0000000", len(TEXTS))]


def test_a_crash_says_where_and_never_what(
    write_shard: Write, make_run: Make, key: DigestKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shard("a.parquet", text=["canary"])
    folder, _, _ = make_run()

    def crash(*_: Any) -> None:
        raise KeyError("canary")

    monkeypatch.setattr(scan, "scan_unit", crash)
    scanner = ScanUnitFn(folder.path)
    scanner.setup()
    with pytest.raises(ScanError, match="unit u0000000: KeyError in crash") as raised:
        list(scanner.process("u0000000"))
    assert "canary" not in str(raised.value)


def test_a_worker_with_another_detector_refuses(
    write_shard: Write, make_run: Make, key: DigestKey
) -> None:
    write_shard("a.parquet", text=TEXTS)
    folder, _, _ = make_run()
    path = Path(folder.path) / "run.json"
    content = json.loads(path.read_text())
    content["detectors"][0]["fingerprint"] = "0" * 16
    path.write_text(json.dumps(content))
    planned = folder.spec().detectors[0]
    with pytest.raises(DetectorError, match="is not the one that was planned"):
        ready_detector(planned)
    scanner = ScanUnitFn(folder.path)
    scanner.setup()
    assert list(scanner.process("u0000000")) == []
    assert folder.scanned_units() == set()


def test_a_failed_write_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(storage.os, "replace", fail)
    with pytest.raises(OSError, match="Input/output"):
        storage.write_atomic(str(tmp_path / "a.json"), b"x")
    assert list(tmp_path.iterdir()) == []
