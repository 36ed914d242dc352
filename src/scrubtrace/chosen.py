"""Which detectors run, and what they are made with, as the configuration says."""

from pathlib import Path
from typing import Any

from scrubtrace.config import Config, text_of
from scrubtrace.detectors.registry import NEEDS_OPTIONS, OPTIONS_OF, installed_detectors
from scrubtrace.exits import UsageStop


def detector_names(config: Config) -> list[str]:
    """Names of the detectors that run, sorted; raises `UsageStop` for options of another one.

    Without a choice all that are installed, `NEEDS_OPTIONS` only where they have options.
    """
    idle = NEEDS_OPTIONS - set(config.detectors)
    names = config.scan.detectors or sorted(set(installed_detectors()) - idle)
    if lacking := NEEDS_OPTIONS.intersection(names) - set(config.detectors):
        name = sorted(lacking)[0]
        raise UsageStop(
            f"detector {name!r} needs options: see {OPTIONS_OF[name]}, or [detectors.{name}]"
        )
    unknown = set(config.detectors) - set(names)
    if unknown:
        name = sorted(unknown)[0]
        choices = ", ".join(names)
        raise UsageStop(f"options for detector {name!r}, which does not run; choices: {choices}")
    return sorted(set(names))


def detector_options(config: Config, name: str) -> dict[str, Any]:
    """What a detector is made with: its options, signature files replaced by their texts.

    So workers need no files but the shards, and the run remembers what was matched. Raises
    `UsageStop` for a file that cannot be read.
    """
    options = dict(config.detectors.get(name, {}))
    files = options.pop("signature_files", [])
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        raise UsageStop(f"detectors.{name}.signature_files is a list of files, not {files!r}")
    if files:
        options["signatures_toml"] = {file: text_of(Path(file)) for file in files}
    return options
