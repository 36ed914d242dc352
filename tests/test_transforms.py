"""`DetectTraces` in somebody else's pipeline, and the example program."""

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow.parquet as pq
import pytest
from apache_beam.transforms.window import FixedWindows, Sessions, TimestampedValue

from scrubtrace import DetectTraces, TextEvidence
from scrubtrace.beam_pipelines import transforms
from scrubtrace.beam_pipelines.transforms import DetectBatchFn
from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.boilerplate import Boilerplate
from scrubtrace.detectors.registry import DetectorError, Installed
from scrubtrace.schemas.evidence import Evidence

REPOSITORY = Path(__file__).parents[1]
EXAMPLE = REPOSITORY / "examples" / "plugin_pipeline.py"
SHARDS = REPOSITORY / "examples" / "shards"
ONE = ["boilerplate"]
PHRASE = "As an AI language model, I cannot swim."
TEXTS = [
    (("doc", 1), PHRASE),
    (("doc", 2), "The soup was too salty, but we ate it all the same."),
    (("doc", 3), None),
    (("doc", 4), "Le train de Brest avait encore du retard, alors nous avons attendu."),
]

Eager = Any


class Untyped(beam.DoFn):
    """Hides the type of the elements from Beam."""

    def process(self, element: Any) -> list[Any]:
        return [element]


def brief(found: TextEvidence) -> tuple[Any, ...]:
    return found.key, found.language, found.detector, bool(found.evidence), found.abstained


@pytest.mark.parametrize("max_batch", [1, 3, 16, 1024])
def test_evidence_is_the_same_whatever_the_batch_size(eager: Eager, max_batch: int) -> None:
    found = TEXTS | eager | DetectTraces(ONE, max_batch=max_batch)
    assert sorted(map(brief, found)) == [
        (("doc", 1), "en", "boilerplate", True, ""),
        (("doc", 2), "en", "boilerplate", False, ""),
        (("doc", 3), "und", "boilerplate", False, ""),
        (("doc", 4), "fr", "boilerplate", False, "language_not_covered"),
    ]


def test_evidence_says_where_and_who(eager: Eager) -> None:
    text = f"Well. {PHRASE}"
    (found,) = [("a", text)] | eager | DetectTraces(ONE)
    detector = Boilerplate()
    about = (detector.version, detector.fingerprint(), str(detector.lane))
    assert (found.version, found.fingerprint, found.lane) == about
    for span in found.evidence:
        assert text[span["start"] : span["end"]].startswith("As an AI language model")
        assert (span["strength"], span["use"]) == ("proof", "asserted")


def test_many_texts_come_back_each_once_with_its_own_evidence(eager: Eager) -> None:
    texts = [PHRASE if number % 7 == 0 else f"Plain note {number}." for number in range(3000)]
    found = list(enumerate(texts)) | eager | DetectTraces(ONE, max_batch=256)
    assert sorted(f.key for f in found) == list(range(3000))
    assert {f.key for f in found if f.evidence} == set(range(0, 3000, 7))


@pytest.mark.parametrize("key", [7, None, "a", b"\xff", ("a", (1, 2)), 2.5, [1], {"id": 1}])
def test_a_key_of_any_kind_comes_back_untouched(eager: Eager, key: Any) -> None:
    (found,) = [(key, PHRASE)] | eager | DetectTraces(ONE)
    assert found.key == key
    assert type(found.key) is type(key)


def test_windows_of_the_host_pipeline_stay(eager: Eager) -> None:
    stamped = beam.Map(lambda pair: TimestampedValue(pair, pair[0] * 60))
    in_windows = (
        stamped
        | beam.WindowInto(FixedWindows(60))
        | DetectTraces(ONE)
        | beam.Map(lambda found: ("all", found.key))
        | beam.GroupByKey()
        | beam.Map(lambda pair: sorted(pair[1]))
    )
    found = [(0, PHRASE), (1, PHRASE), (2, "Plain.")] | eager | in_windows
    assert sorted(found) == [[0], [1], [2]]


@pytest.mark.parametrize("window", [None, FixedWindows(60), Sessions(50)])
def test_timestamps_and_windows_of_the_texts_stay(eager: Eager, window: Any) -> None:
    stamped = beam.Map(lambda pair: TimestampedValue(pair, pair[0]))
    times = [1, 40, 200]
    before = stamped if window is None else stamped | beam.WindowInto(window)
    stamps = (
        before
        | DetectTraces(ONE)
        | beam.Map(lambda found, at=beam.DoFn.TimestampParam: (found.key, at.micros / 1e6))
    )
    found = [(second, PHRASE) for second in times] | eager | stamps
    assert sorted(found) == [(second, second) for second in times]


@pytest.mark.parametrize("value", [5, 0, False, [], ["a text"], {}, float("nan"), b"\xff"])
def test_what_is_no_text_is_abstained_from_and_the_others_are_judged(
    eager: Eager, value: Any
) -> None:
    pairs = [("a", PHRASE), ("b", value), ("c", PHRASE.encode())]
    found = pairs | eager | (beam.ParDo(Untyped()) | DetectTraces(ONE))
    assert sorted(map(brief, found)) == [
        ("a", "en", "boilerplate", True, ""),
        ("b", "und", "boilerplate", False, "not_text"),
        ("c", "en", "boilerplate", True, ""),
    ]


def test_what_is_no_pair_is_refused(eager: Eager) -> None:
    with pytest.raises(TypeError, match=r"DetectTraces takes tuples \(key, text\), not str"):
        ["ab", "cd"] | eager | (beam.ParDo(Untyped()) | DetectTraces(ONE))


def test_a_longer_tuple_is_refused_with_its_length(eager: Eager) -> None:
    with pytest.raises(TypeError, match=r"takes tuples \(key, text\), not tuple of 3"):
        [("a", "b", "c")] | eager | (beam.ParDo(Untyped()) | DetectTraces(ONE))


@pytest.mark.parametrize("names", [5, "boilerplate", [], ()])
def test_detectors_are_a_list_of_names(eager: Eager, names: Any) -> None:
    with pytest.raises(DetectorError, match="detectors is a list of names, not"):
        [("a", "b")] | eager | DetectTraces(names)


def test_evidence_survives_a_stage_that_groups(eager: Eager) -> None:
    grouped = DetectTraces(ONE) | beam.Map(lambda f: (f.language, f)) | beam.GroupByKey()
    pairs = dict(TEXTS | eager | grouped)
    assert sorted(map(brief, pairs["en"])) == [
        (("doc", 1), "en", "boilerplate", True, ""),
        (("doc", 2), "en", "boilerplate", False, ""),
    ]


def test_no_text_at_all_gives_nothing(eager: Eager) -> None:
    assert ([] | eager | DetectTraces(ONE)) == []


@pytest.mark.parametrize(
    ("detectors", "judged_by"),
    [(None, 2), (["boilerplate"], 1), (["boilerplate", "boilerplate"], 1)],
)
def test_each_detector_named_judges_once(
    eager: Eager, detectors: list[str] | None, judged_by: int
) -> None:
    assert len([("a", PHRASE)] | eager | DetectTraces(detectors=detectors)) == judged_by


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"detectors": ["none"]}, "no detector 'none'; installed: boilerplate, redaction"),
        ({"options": {"boilerplate": {"colour": 1}}}, "'boilerplate' of scrubtrace .*'colour'"),
        ({"options": {"none": {}}}, "options for detector 'none', which does not run"),
        ({"options": None}, "options is a mapping of detector names"),
        ({"detectors": "boilerplate"}, "detectors is a list of names, not 'boilerplate'"),
        ({"detectors": []}, "detectors is a list of names, not \\[\\]"),
        ({"max_batch": 0}, "max_batch is a number of texts, at least 1, not 0"),
    ],
)
def test_what_cannot_be_made_fails_when_the_pipeline_is_built(
    arguments: dict[str, Any], message: str
) -> None:
    texts = beam.Pipeline(runner="FnApiRunner") | beam.Create(TEXTS)
    with pytest.raises(DetectorError, match=message):
        _ = texts | DetectTraces(**arguments)


def test_it_pickles_small_and_loads_nothing_before_setup(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a detector was made")

    monkeypatch.setattr(transforms, "find_detector", refuse)
    content = pickle.dumps((DetectTraces(), DetectBatchFn(["boilerplate"], {})))
    again, function = pickle.loads(content)  # noqa: S301 -- written above
    assert len(content) < 1000
    assert again == DetectTraces()
    with pytest.raises(AssertionError, match="a detector was made"):
        function.setup()


class Raising(Boilerplate):
    """Raises on one text."""

    def detect(self, batch: TextBatch) -> Evidence:
        if any("canary" in text for text in batch.texts):
            raise ValueError(batch.texts)
        return super().detect(batch)


def judged(texts: list[str]) -> list[tuple[Any, ...]]:
    function = DetectBatchFn(["boilerplate"], {})
    function.setup()
    return [brief(found) for _, found in function.judged(list(enumerate(texts)))]


def test_a_detector_that_raises_on_a_text_costs_that_text_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Installed, "make", lambda *_: Raising())
    assert judged([PHRASE, "The canary sang a song.", PHRASE]) == [
        (0, "en", "boilerplate", True, ""),
        (1, "en", "boilerplate", False, "detector_error"),
        (2, "en", "boilerplate", True, ""),
    ]


def test_a_text_that_utf8_cannot_hold_costs_that_text_only() -> None:
    found = judged([PHRASE, "half of a pair: \ud83d", PHRASE])
    assert [entry[3:] for entry in found] == [(True, ""), (False, "detector_error"), (True, "")]


def example(tmp_path: Path, *more: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Ids kept, and traces, of the example program run on the example shards."""
    outputs = [tmp_path / "kept.txt", tmp_path / "traces.jsonl"]
    subprocess.run([sys.executable, EXAMPLE, f"{SHARDS}/*.parquet", *outputs, *more], check=True)
    kept, traces = (path.read_text().splitlines() for path in outputs)
    return kept, [json.loads(line) for line in traces]


def test_the_example_program_splits_rows_by_their_evidence(tmp_path: Path) -> None:
    kept, traces = example(tmp_path)
    shards = [pq.read_table(path, columns=["id"]) for path in SHARDS.glob("*.parquet")]
    ids = {row for shard in shards for row in shard.column("id").to_pylist()}
    with_traces = {trace["id"] for trace in traces}
    assert len(kept) + len(traces) == len(ids)
    assert (set(kept) | with_traces, set(kept) & with_traces) == (ids, set())
    for trace in traces:
        assert ("proof", "asserted") in {(e["strength"], e["use"]) for e in trace["evidence"]}


def test_the_example_program_leaves_the_runner_to_its_user(tmp_path: Path) -> None:
    arguments = [sys.executable, EXAMPLE, "a", "b", "c", "--runner=NoSuchRunner"]
    ran = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True)
    assert "NoSuchRunner" in ran.stderr
