"""``scrubtrace detect`` on Spark 3, inside Beam's job server (``make test-cluster``)."""

from pathlib import Path

import pytest
from corpus import KEY, detect, results
from servers import UnavailableError, class_path, servers, start_spark, start_worker_pool


@pytest.fixture
def jars() -> str:
    try:
        return class_path("spark")
    except UnavailableError as reason:
        pytest.skip(str(reason))


def test_spark_writes_the_same_bytes(
    jars: str, shards: Path, local: dict[str, bytes], tmp_path: Path
) -> None:
    with servers(tmp_path / "spark", {"SCRUBTRACE_KEY": KEY}) as started:
        pool = start_worker_pool(started)
        endpoint = start_spark(started, jars)
        options = ["--runner=PortableRunner", f"--job_endpoint={endpoint}"]
        options += ["--environment_type=EXTERNAL", f"--environment_config={pool}"]
        ran = detect(shards, tmp_path / "out", options)
    assert ran.returncode == 0, ran.stderr
    assert results(tmp_path / "out") == local
