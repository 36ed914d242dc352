"""The environment of a run: what is recorded, what differs, and that no secret is kept."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scrubtrace import environment as module
from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.beam_pipelines.recorded_options import (
    LEFT_OUT,
    recorded_options,
    without_secrets,
)
from scrubtrace.beam_pipelines.runner import pipeline_options
from scrubtrace.cli import main
from scrubtrace.environment import differences, environment, record_scan, scan_environments

BASE: dict[str, Any] = {
    "python": "3.11.9",
    "machine": "x86_64",
    "image": None,
    "packages": {"numpy": "2.1.0", "pyarrow": "25.0.0"},
    "lock_digest": "a",
}


def test_environment_says_versions_of_what_decides() -> None:
    found = environment()
    packages = found["packages"]
    direct = {"scrubtrace", "apache-beam", "pyarrow", "google-re2", "py3langid", "numpy", "spacy"}
    assert direct <= set(packages)
    assert "thinc" in packages, "what a requirement requires"
    assert "pytest" not in packages
    assert len(found["lock_digest"]) == 64
    assert found == environment()
    assert json.loads(json.dumps(found)) == found


def test_what_is_installed_later_is_seen(install_plugin: Callable[..., str]) -> None:
    before = environment()
    install_plugin("scrubtrace-later", "later")
    after = environment()
    assert after["packages"] == before["packages"] | {"scrubtrace-later": "1.0"}
    assert after["lock_digest"] != before["lock_digest"]
    after["packages"].clear()
    assert environment()["packages"], "nobody changes what the next one gets"


def test_the_image_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCRUBTRACE_IMAGE", raising=False)
    assert environment()["image"] is None
    monkeypatch.setenv("SCRUBTRACE_IMAGE", "scrubtrace@sha256:0123")
    assert environment()["image"] == "scrubtrace@sha256:0123"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"python": "3.12.1"}, ["python: was 3.11.9, is 3.12.1"]),
        ({"image": "i@sha256:1"}, ["image: was not set, is i@sha256:1"]),
        ({"workers": 2}, ["workers: was not recorded, is 2"]),
        (
            {"packages": {"numpy": "2.2.0", "spacy": "3.8.1"}, "lock_digest": "b"},
            [
                "package numpy: was 2.1.0, is 2.2.0",
                "package pyarrow: was 25.0.0, is not installed",
                "package spacy: was not installed, is 3.8.1",
            ],
        ),
        ({"lock_digest": "b"}, ["installed packages differ that scrubtrace does not require"]),
    ],
)
def test_differences_in_words(changes: dict[str, Any], said: list[str]) -> None:
    assert differences(BASE, BASE | changes) == said


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("flink_master", "localhost:8081", "localhost:8081"),
        ("parallelism", 4, 4),
        ("save_main_session", True, True),
        ("temp_location", "gs://bucket/tmp/2026/11", "gs://bucket/tmp/2026/11"),
        ("job_name", "scrubtrace-nightly-20261124", "scrubtrace-nightly-20261124"),
        ("sdk_container_image", f"r/i@sha256:{'0a' * 32}", f"r/i@sha256:{'0a' * 32}"),
        ("experiments", {"b", "a"}, ["a", "b"]),
        ("s3_secret_access_key", "x", LEFT_OUT),
        ("azure_connection_string", "AccountName=a;AccountKey=b", LEFT_OUT),
        ("registry_password", "x", LEFT_OUT),
        ("dataflow_kms_key", "x", LEFT_OUT),
        ("auth_token", "x", LEFT_OUT),
        ("job_endpoint", "https://user:word@host:80", LEFT_OUT),
        ("header", "Bearer abc", LEFT_OUT),
        ("anything", "ghp_0123456789abcdefghij0123456789abcdef", LEFT_OUT),
        ("environment_options", ["a=b", "api_key=c"], ["a=b", LEFT_OUT]),
        ("environment_config", '{"env": {"AWS_SECRET_ACCESS_KEY": "c"}}', LEFT_OUT),
        ("nested", {"env": {"PASSWORD": "c", "HOME": "/"}},
         {"env": {"HOME": "/", "PASSWORD": LEFT_OUT}}),
    ],
)  # fmt: skip
def test_options_are_kept_without_secrets(name: str, value: Any, kept: Any) -> None:
    assert without_secrets({name: value}) == {name: kept}


@pytest.mark.parametrize(
    ("arguments", "workers", "expected"),
    [
        ([], 1, ("FnApiRunner", 1, {})),
        (["--runner=directrunner"], 3, ("FnApiRunner", 3, {"runner": "directrunner"})),
        (
            [
                "--runner=FlinkRunner",
                "--parallelism=2",
                f"--flink_job_server_jar={__file__}",
                "--flink_master=[local]",
                "--sdk_worker_parallelism=1",
            ],
            1,
            ("FlinkRunner", None, {"parallelism": 2}),
        ),
    ],
)
def test_runner_workers_and_options_given(
    arguments: list[str], workers: int, expected: tuple[str, int | None, dict[str, Any]]
) -> None:
    recorded = recorded_options(pipeline_options(arguments, workers))
    assert (recorded["runner"], recorded["workers"]) == expected[:2]
    assert recorded["beam_options"].items() >= expected[2].items()


def test_going_on_elsewhere_is_recorded_and_going_on_here_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(str(tmp_path))
    assert scan_environments(folder) == []
    record_scan(folder, {"workers": 1})
    record_scan(folder, {"workers": 1})
    assert len(scan_environments(folder)) == 1
    monkeypatch.setattr(module.platform, "machine", lambda: "aarch64")
    record_scan(folder, {"workers": 1})
    first, second = scan_environments(folder)
    assert differences(first, second) == [f"machine: was {first['machine']}, is aarch64"]


@pytest.fixture
def detect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Runs ``detect``; gives the manifest."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    pq.write_table(pa.table({"text": ["As an AI language model, I cannot swim."]}), "a.parquet")

    def call(*more: str) -> dict[str, Any]:
        with pytest.raises(SystemExit) as ended:
            main(["detect", "a.parquet", "--out", "out", "--quiet", *more])
        assert ended.value.code == 0
        content: dict[str, Any] = json.loads(Path(runs_of("out")[-1].manifest).read_text())
        return content

    return call


def test_the_manifest_has_both_environments_and_no_secret(
    detect: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRUBTRACE_IMAGE", "i@sha256:1")
    manifest = detect("--", "--job_name=mine", "--s3_secret_access_key=canary")
    (scan,) = manifest["environment"]["scan"]
    assert scan["beam_options"]["job_name"] == "mine"
    assert scan["beam_options"]["s3_secret_access_key"] == LEFT_OUT
    assert scan["image"] == manifest["environment"]["commit"]["image"] == "i@sha256:1"
    assert (scan["runner"], scan["workers"]) == ("FnApiRunner", 1)
    written = b"".join(path.read_bytes() for path in Path("out").rglob("*") if path.is_file())
    assert b"canary" not in written


def test_digests_name_the_files_of_the_user(detect: Callable[..., dict[str, Any]]) -> None:
    Path("own.toml").write_text(
        'format = 1\nlanguage = "en"\n[[signature]]\nid = "en.refusal.mine"\n'
        'category = "refusal"\nstrength = "strong"\npattern = "no way, friend"\n'
        'match = ["No way, friend."]\nno_match = ["No friend."]\nsource = "this test"\n'
    )
    setting = "detectors.boilerplate.signature_files=['own.toml']"
    digests = detect("--set", setting)["digests"]
    assert set(digests["detectors"]) == {"boilerplate", "redaction"}
    assert set(digests["signature_files"]) == {"boilerplate"}
    assert set(digests["signature_files"]["boilerplate"]) == {"own.toml"}
    assert digests["language_identifier"].startswith("script-")


def test_where_a_run_was_begun_does_not_keep_it_from_going_on(
    detect: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    detect()
    (folder,) = runs_of("out")
    Path(folder.manifest).unlink()
    Path(folder.receipt("u0000000")).unlink()
    monkeypatch.setattr(module.platform, "machine", lambda: "aarch64")
    manifest = detect()
    assert [entry.id for entry in runs_of("out")] == [folder.id]
    assert manifest["environment"]["scan"][1]["machine"] == "aarch64"
