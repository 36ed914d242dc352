"""What a run was made with: interpreter, machine, installed packages, container image.

Recorded twice: by the launcher of a scan in ``environment.json`` of the run, which nothing reads
to decide anything, and by commit in the manifest. Workers on other machines may have another one;
their detectors' fingerprints are checked against the plan.
"""

import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.metadata import Distribution, distributions, entry_points
from typing import Any

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import RunFolder

IMAGE_VARIABLE = "SCRUBTRACE_IMAGE"
"""Environment variable in which a container says which image it is, best by digest."""

OURS = "scrubtrace"
PLUGIN_GROUPS = ("scrubtrace.detectors", "spacy_models")
NOT_RECORDED = "not recorded"
NOT_INSTALLED = "not installed"

Environment = dict[str, Any]


def environment() -> Environment:
    """Where this process runs.

    Keys: python, implementation, system, machine (CPU architecture), image (None unless
    `IMAGE_VARIABLE` is set), packages (version by name: scrubtrace, installed detectors and spaCy
    models, and all that they require), lock_digest (SHA-256 of the sorted lines ``name==version``
    of everything installed). The same process gives the same answer: no time, host or path.
    """
    deciding, everything = _packages(tuple(sys.path))
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "machine": platform.machine(),
        "image": os.environ.get(IMAGE_VARIABLE) or None,
        "packages": dict(deciding),
        "lock_digest": everything,
    }


@lru_cache(maxsize=4)
def _packages(path: tuple[str, ...]) -> tuple[tuple[tuple[str, str], ...], str]:
    """Names and versions of what decides, and the digest of all; read once for a search path."""
    installed = installed_distributions()
    versions = {name: found.version for name, found in installed.items()}
    lines = sorted(f"{name}=={version}" for name, version in versions.items())
    deciding = tuple((name, versions[name]) for name in sorted(_deciding(installed)))
    return deciding, hashlib.sha256("\n".join(lines).encode()).hexdigest()


def installed_distributions() -> dict[str, Distribution]:
    """Every installed distribution by its normalised name; of two, the one that is imported."""
    found: dict[str, Distribution] = {}
    for distribution in distributions():
        if name := distribution.metadata["Name"]:
            found.setdefault(normalised(name), distribution)
    return found


def normalised(name: str) -> str:
    """The name of a distribution as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def differences(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> list[str]:
    """What differs between two environments, in words; empty if nothing does.

    Also takes entries of `scan_environments`. A key that only one has is named as not recorded.
    """
    said: list[str] = []
    for name in dict.fromkeys([*earlier, *later]):
        if name not in ("packages", "lock_digest"):
            values = (earlier.get(name, NOT_RECORDED), later.get(name, NOT_RECORDED))
            said += _changed(name, *values)
    before, after = earlier.get("packages", {}), later.get("packages", {})
    for name in sorted({*before, *after}):
        values = (before.get(name, NOT_INSTALLED), after.get(name, NOT_INSTALLED))
        said += _changed(f"package {name}", *values)
    if before == after and earlier.get("lock_digest") != later.get("lock_digest"):
        said.append("installed packages differ that scrubtrace does not require")
    return said


def record_scan(folder: RunFolder, options: Mapping[str, Any]) -> None:
    """Adds where a scan of the run is launched, and its options, to the run's folder.

    A run that is gone on with under the same circumstances keeps its one entry. Raises OSError,
    `storage.RemoteError`.
    """
    recorded, now = scan_environments(folder), environment() | dict(options)
    if now not in recorded:
        text = json.dumps([*recorded, now], indent=1, ensure_ascii=False)
        storage.write_atomic(folder.environment, text.encode() + b"\n")


def scan_environments(folder: RunFolder) -> list[Environment]:
    """Where the run was scanned, oldest first: one, unless it was gone on with elsewhere.

    Each has the keys of `environment`, and runner, workers and beam_options. Empty for a run whose
    folder has no record.
    """
    try:
        content = storage.read_bytes(folder.environment)
    except OSError:
        return []
    recorded: list[Environment] = json.loads(content)
    return recorded


def _changed(what: str, before: Any, after: Any) -> Iterable[str]:
    if before != after:
        yield f"{what}: was {_word(before)}, is {_word(after)}"


def _word(value: Any) -> str:
    return "not set" if value is None else str(value)


def _deciding(installed: Mapping[str, Distribution]) -> set[str]:
    """Names of ours, of plugins and of models, and of all that they require."""
    plugins = (entry.dist for group in PLUGIN_GROUPS for entry in entry_points(group=group))
    waiting = [OURS, *(normalised(found.name) for found in plugins if found is not None)]
    names: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in installed and name not in names:
            names.add(name)
            waiting += _requirements(installed[name])
    return names


def _requirements(distribution: Distribution) -> Iterable[str]:
    for line in distribution.requires or ():
        if "extra ==" not in line and (name := re.match(r"[\w.-]+", line)):
            yield normalised(name.group())
