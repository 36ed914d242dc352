"""`DetectTraces` in somebody else's pipeline, the pinned runner, and the example program."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to

from scrubtrace import DetectTraces
from scrubtrace.beam_pipelines.runner import OptionsError, make_runner, pipeline_options
from scrubtrace.detectors.registry import DetectorError

REPOSITORY = Path(__file__).parents[1]
PHRASE = "As an AI language model, I cannot swim."
TEXTS = [
    (("doc", 1), PHRASE),
    (("doc", 2), "The soup was too salty, but we ate it all the same."),
    (("doc", 3), None),
    (("doc", 4), "Der Zug nach Kiel hatte wieder Verspätung, also haben wir gewartet."),
]


def brief(found: Any) -> tuple[Any, ...]:
    spans = {(entry["start"], entry["end"]) for entry in found.evidence}
    return found.key, found.language, found.detector, bool(spans), found.abstained


@pytest.mark.parametrize("max_batch", [16, 1024])
def test_evidence_for_texts_with_keys_of_ones_own(max_batch: int) -> None:
    expected = [
        (("doc", 1), "en", "boilerplate", True, ""),
        (("doc", 2), "en", "boilerplate", False, ""),
        (("doc", 3), "und", "boilerplate", False, ""),
        (("doc", 4), "de", "boilerplate", False, "language_not_covered"),
    ]
    with beam.Pipeline(runner=make_runner(pipeline_options([], 1))) as pipeline:
        found = pipeline | beam.Create(TEXTS) | DetectTraces(max_batch=max_batch)
        assert_that(found | beam.Map(brief), equal_to(expected))


def test_an_unknown_detector_fails_when_the_pipeline_is_built() -> None:
    pipeline = beam.Pipeline(runner=make_runner(pipeline_options([], 1)))
    with pytest.raises(DetectorError, match="no detector 'none'; installed: boilerplate"):
        _ = pipeline | beam.Create(TEXTS) | DetectTraces(detectors=["none"])


def test_the_example_program_runs(tmp_path: Path) -> None:
    script = REPOSITORY / "examples" / "plugin_pipeline.py"
    shards = REPOSITORY / "examples" / "shards" / "*.parquet"
    outputs = [str(tmp_path / "kept.txt"), str(tmp_path / "traces.jsonl")]
    subprocess.run([sys.executable, script, str(shards), *outputs], check=True)
    kept = Path(outputs[0]).read_text().splitlines()
    traces = [json.loads(line) for line in Path(outputs[1]).read_text().splitlines()]
    assert len(kept) + len(traces) == 309
    assert 30 < len(traces) < 60
    assert not {trace["id"] for trace in traces} & set(kept)


def test_the_runner_is_pinned_and_passes_options_on() -> None:
    runner = make_runner(pipeline_options(["--job_name=mine"], 2))
    assert type(runner).__name__ == "FnApiRunner"
    options = runner._provision_info.provision_info.pipeline_options
    assert options["beam:option:job_name:v1"] == "mine"


def test_another_runner_is_left_to_beam() -> None:
    assert make_runner(pipeline_options(["--runner=FlinkRunner"], 1)) == "FlinkRunner"


@pytest.mark.parametrize(
    ("arguments", "workers", "message"),
    [
        (["--no_such=1"], 1, "Beam has no option --no_such"),
        (["--runner=FlinkRunner"], 2, "--workers is for one machine; FlinkRunner"),
    ],
)
def test_options_that_cannot_be_used(arguments: list[str], workers: int, message: str) -> None:
    with pytest.raises(OptionsError, match=message):
        pipeline_options(arguments, workers)
