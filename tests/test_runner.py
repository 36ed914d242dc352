"""The runner: pinned in-process unless another is asked for, and nothing is ever downloaded."""

import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import DirectOptions, WorkerOptions
from apache_beam.runners.portability import prism_runner
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

from scrubtrace.beam_pipelines.layout import RunFolder
from scrubtrace.beam_pipelines.runner import OptionsError, make_runner, pipeline_options
from scrubtrace.beam_pipelines.scan import ScanUnits
from scrubtrace.beam_pipelines.worker_processes import WorkerProcessEnvironment
from scrubtrace.schemas.plan import Columns

PHRASE = "As an AI language model, I cannot swim."


@pytest.fixture
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr(prism_runner.PrismRunner, "__init__", refuse)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--runner=DirectRunner"],
        ["--runner=directrunner"],
        ["--runner", "FnApiRunner"],
        ["--runner=apache_beam.runners.direct.direct_runner.DirectRunner"],
    ],
    ids=str,
)
@pytest.mark.usefixtures("_no_network")
def test_one_machine_means_the_pinned_runner_and_no_download(arguments: list[str]) -> None:
    options = pipeline_options(arguments, 1)
    runner = make_runner(options)
    assert type(runner) is FnApiRunner
    with beam.Pipeline(runner, options=options) as pipeline:
        assert_that(pipeline | beam.Create([1, 2]) | beam.Map(lambda n: n + 1), equal_to([2, 3]))


@pytest.mark.parametrize("workers", [1, 2])
def test_options_reach_the_workers_as_provision_information(workers: int) -> None:
    runner = make_runner(pipeline_options(["--job_name=mine"], workers))
    given = runner._provision_info.provision_info.pipeline_options
    assert given["beam:option:job_name:v1"] == "mine"
    assert given["beam:option:default_sdk_harness_log_level:v1"] == "ERROR"


@pytest.mark.parametrize(
    ("arguments", "workers", "expected"),
    [([], 1, None), ([], 3, 3), (["--direct_num_workers=2"], 1, 2)],
)
def test_worker_processes_are_asked_for_in_two_ways(
    arguments: list[str], workers: int, expected: int | None
) -> None:
    options = pipeline_options(arguments, workers)
    assert (options.view_as(DirectOptions).direct_num_workers or 1) == (expected or 1)
    runner = make_runner(options)
    own_processes = isinstance(runner._default_environment, WorkerProcessEnvironment)
    assert own_processes == (expected is not None)


def test_a_log_level_of_the_user_stays() -> None:
    options = pipeline_options(["--default_sdk_harness_log_level=DEBUG"], 1)
    assert options.view_as(WorkerOptions).default_sdk_harness_log_level == "DEBUG"


def test_another_runner_is_left_to_beam() -> None:
    arguments = ["--runner=FlinkRunner", "--flink_job_server_jar=https://host/server.jar"]
    assert make_runner(pipeline_options(arguments, 1)) == "FlinkRunner"


@pytest.mark.parametrize(
    ("arguments", "workers", "message"),
    [
        (["--no_such=1"], 1, "Beam has no option --no_such"),
        (["--no_such"], 1, "Beam has no option --no_such"),
        (["runner=FlinkRunner"], 1, "begin with --, but 'runner=FlinkRunner' does not"),
        (["--job_name=a", "b"], 1, "begin with --, but 'b' does not"),
        (["--direct_num_workers=many"], 1, "Beam cannot read its options"),
        (["--runner=NoSuchRunner"], 1, "Beam has no runner 'NoSuchRunner'"),
        (
            ["--runner=FlinkRunner", "--flink_job_server_jar=https://host/server.jar"],
            2,
            "--workers is for one machine; FlinkRunner",
        ),
    ],
    ids=str,
)
def test_options_that_cannot_be_used(arguments: list[str], workers: int, message: str) -> None:
    with pytest.raises(OptionsError, match=message):
        pipeline_options(arguments, workers)


def _files(folder: RunFolder) -> dict[str, bytes]:
    root = Path(folder.path)
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_two_worker_processes_give_the_same_bytes_as_one(
    write_shard: Callable[..., Path], make_run: Callable[..., Any]
) -> None:
    texts = [PHRASE, "Plain.", None, "", "好的，我们走吧。", b"\xff\xfe", f"She said: {PHRASE}"]
    values = [text.encode() if isinstance(text, str) else text for text in texts]
    for number in range(3):
        ids = [f"{number}-{i % 20}" for i in range(35)]
        write_shard(f"{number}.parquet", row_group_size=10, id=ids, text=values * 5)
    files = {}
    for workers in (1, 2):
        columns = Columns("text", id="id")
        folder, _, plan = make_run(f"with-{workers}", columns, unit_rows=10)
        options = pipeline_options([], workers)
        with beam.Pipeline(make_runner(options), options=options) as pipeline:
            keys = pipeline | beam.Create([unit.key for unit in plan.units])
            _ = keys | ScanUnits(folder.path)
        assert folder.scanned_units() == {unit.key for unit in plan.units}
        files[workers] = _files(folder)
    assert len(plan.units) > 5
    assert files[1] == files[2]
