"""What to do with a calibration that is not of the model or of the version of the detector in use.

The model that it was made with is named first: that costs nothing. A new calibration for the model
in use goes into another file, so that the one there stays.
"""

import os
import shlex
from collections.abc import Sequence
from itertools import count

from scrubtrace.detectors.style.loading import shipped
from scrubtrace.detectors.style.scorer import Scorer
from scrubtrace.schemas.style import SHIPPED_MODEL, CalibrationManifest, StyleError

MODEL, OUT = "--model", "--out"
KEY = "detectors.stylometry.model"


def remedies(path: str, manifest: CalibrationManifest, model: str | None, scorer: Scorer) -> str:
    """What mends it, in words, where ``manifest`` of the file ``path`` was made otherwise.

    ``model`` is the file of the model in use, whose ``scorer`` it is; None for the shipped one.
    """
    if manifest.model == scorer.digest:
        return f"run {_command(manifest, model, path)}, which replaces it"
    named = _named(manifest)
    languages = {stratum.language for stratum in manifest.strata}
    if languages and not languages & scorer.languages:
        lacking = ", ".join(sorted(languages))
        return f"{named}. The model in use does not know the language of its rows ({lacking})"
    return (
        f"{named}. Or calibrate the model in use, into another file, and name that one with "
        f"--style-calibration: {_command(manifest, model, _unused(path))}"
    )


def _named(manifest: CalibrationManifest) -> str:
    """How the model that a calibration was made with is named."""
    if manifest.model == _shipped_digest():
        return f"it belongs to the shipped model, so leave out --style-model and {KEY}"
    if manifest.model_file == SHIPPED_MODEL:
        return "it belongs to the model that another version of scrubtrace ships"
    if manifest.model_file:
        return f"name its model, --style-model {shlex.quote(manifest.model_file)} or {KEY}"
    return (
        f"name its model, --style-model FILE or {KEY}, if it is not the shipped one (its digest is "
        f"{manifest.model})"
    )


def _command(manifest: CalibrationManifest, model: str | None, out: str) -> str:
    """The command that makes a calibration of the same rows for the model in use."""
    shards, options = _parted(manifest.command)
    others = [(name, value) for name, value in options if name != OUT]
    own = [(OUT, os.path.abspath(out)), *([(MODEL, os.path.abspath(model))] if model else [])]
    words = shlex.join([*shards, *(word for option in (*others, *own) for word in option)])
    relative = any("://" not in shard and not os.path.isabs(shard) for shard in shards)
    place = " in the folder where it was calibrated" if relative else ""
    return f"`scrubtrace style calibrate {words}`{place}"


def _parted(command: Sequence[str]) -> tuple[Sequence[str], list[tuple[str, str]]]:
    """The shards of a recorded command, and its options with their values."""
    first = next((i for i, word in enumerate(command) if word.startswith("--")), len(command))
    words = command[first:]
    return command[:first], list(zip(words[::2], words[1::2], strict=False))


def _unused(path: str) -> str:
    """A name beside ``path`` that no file has."""
    stem, suffix = os.path.splitext(path)
    return next(name for i in count(2) if not os.path.exists(name := f"{stem}-{i}{suffix}"))


def _shipped_digest() -> str | None:
    try:
        return shipped().digest
    except StyleError:  # not in this installation
        return None
