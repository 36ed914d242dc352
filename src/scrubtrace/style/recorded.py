"""What a calibration records of how it was made, so that it can be made again from any folder."""

import glob
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from scrubtrace.beam_pipelines import storage
from scrubtrace.config import Config
from scrubtrace.schemas.style import STYLOMETRY

PATHS = frozenset({"index", "cache", "signature_files"})
"""Options of detectors that name files or folders."""


def recorded_path(path: str) -> str:
    """A path or glob that is the same in every folder, as UTF-8 (other bytes as ``\\xNN``)."""
    if not storage.is_remote(path):
        # Signs of a glob in the names of the folders above stand for themselves.
        if not os.path.exists(path):
            path = os.path.join(glob.escape(os.getcwd()), path)
        path = os.path.abspath(path)
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def recorded_settings(config: Config) -> Iterator[str]:
    """What no option says, as ``key=value``, where it is not the default.

    Columns and the model have options; how many files are read at once changes nothing.
    """
    default = Config()
    for name in ("role_field", "content_field"):
        value = getattr(config.input, name)
        if value != getattr(default.input, name):
            yield _setting(f"input.{name}", value)
    if config.scan.detectors is not None:
        yield _setting("scan.detectors", config.scan.detectors)
    ours, usual = (own.policy.model_dump(mode="json") for own in (config, default))
    yield from _differing("policy", ours, usual)
    others = {name: given for name, given in config.detectors.items() if name != STYLOMETRY}
    yield from _differing("detectors", others, {})


def _differing(key: str, given: Mapping[str, Any], usual: Mapping[str, Any]) -> Iterator[str]:
    for name, value in given.items():
        if isinstance(value, Mapping):
            yield from _differing(f"{key}.{name}", value, usual.get(name, {}))
        elif value is not None and (name not in usual or value != usual[name]):
            is_path = key.startswith("detectors.") and name in PATHS
            yield _setting(f"{key}.{name}", _located(value) if is_path else value)


def _located(value: Any) -> Any:
    if isinstance(value, list):
        return [_located(entry) for entry in value]
    return recorded_path(value) if isinstance(value, str) else value


def _setting(key: str, value: Any) -> str:
    return f"{key}={json.dumps(value, ensure_ascii=False)}"
