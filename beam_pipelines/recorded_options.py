"""Beam's options as a manifest may keep them: without what could be a password or a token."""

import re
from collections.abc import Mapping
from typing import Any

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions

from scrubtrace.beam_pipelines.runner import is_in_process

IN_PROCESS_RUNNER = "FnApiRunner"
LEFT_OUT = "(left out)"

_SECRET_WORD = re.compile(
    r"passw|passphrase|secret|token|credential|bearer|signature|(?:api|access|account|private|"
    r"shared|sas|auth|encryption|kms)[-_. ]?key|authori[sz]ation|[-_]key\b|\bpwd\b|^key$",
    re.IGNORECASE,
)
_USER_IN_ADDRESS = re.compile(r"://[^/\s@]*@")
_LOOKS_RANDOM = re.compile(
    r"(?<!sha256:)(?<![0-9A-Za-z+=])(?=[0-9+=]*[A-Za-z])(?=[A-Za-z+=]*[0-9])[0-9A-Za-z+=]{20,}"
)


def recorded_options(options: PipelineOptions) -> dict[str, Any]:
    """Runner, worker processes (None: the runner's own affair) and the options that were given.

    An option whose name or value looks like a secret is kept by name, its value is `LEFT_OUT`.
    """
    in_process = is_in_process(options)
    workers = (options.view_as(DirectOptions).direct_num_workers or 1) if in_process else None
    runner = IN_PROCESS_RUNNER if in_process else str(options.view_as(StandardOptions).runner)
    given = options.get_all_options(drop_default=True)
    return {"runner": runner, "workers": workers, "beam_options": without_secrets(given)}


def without_secrets(options: Mapping[str, Any]) -> dict[str, Any]:
    """JSON-able copy, names sorted; values that look like secrets, at any depth, left out."""
    return {
        str(name): LEFT_OUT if _SECRET_WORD.search(str(name)) else _cleaned(value)
        for name, value in sorted(options.items(), key=lambda item: str(item[0]))
    }


def _cleaned(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return without_secrets(value)
    if isinstance(value, list | tuple | set):
        cleaned = [_cleaned(entry) for entry in value]
        return sorted(cleaned, key=str) if isinstance(value, set) else cleaned
    text = str(value)
    patterns = (_SECRET_WORD, _USER_IN_ADDRESS, _LOOKS_RANDOM)
    return LEFT_OUT if any(pattern.search(text) for pattern in patterns) else text
