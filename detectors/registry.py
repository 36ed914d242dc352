"""Installed detectors, found through the entry-point group ``scrubtrace.detectors``."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from scrubtrace.detectors.detector import Detector

GROUP = "scrubtrace.detectors"


class DetectorError(ValueError):
    """A detector that is not installed, is registered twice, or cannot be made."""


@dataclass(frozen=True)
class Installed:
    """One registered detector: its name, where it comes from, and how it is made."""

    name: str
    distribution: str
    entry_point: EntryPoint

    def make(self, options: Mapping[str, Any] | None = None) -> Detector:
        """The detector with its options; raises `DetectorError` that names its distribution."""
        try:
            detector = self.entry_point.load()(**(options or {}))
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            raise DetectorError(
                f"detector {self.name!r} of {self.distribution} cannot be made: {problem}"
            ) from error
        if not isinstance(detector, Detector):
            raise DetectorError(
                f"detector {self.name!r} of {self.distribution} lacks part of the contract "
                "(name, version, lane, languages, fingerprint, setup, detect)"
            )
        return detector


def installed_detectors() -> dict[str, Installed]:
    """Every registered detector by name; raises `DetectorError` if two share a name."""
    found: dict[str, Installed] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        distribution = "unknown distribution"
        if entry.dist is not None:
            distribution = f"{entry.dist.name} {entry.dist.version}"
        other = found.get(entry.name)
        if other is not None and other.entry_point.value != entry.value:
            raise DetectorError(
                f"detector {entry.name!r} is registered twice: by {other.distribution} "
                f"and by {distribution}; uninstall one"
            )
        found[entry.name] = Installed(entry.name, distribution, entry)
    return found


def make_detector(name: str, options: Mapping[str, Any] | None = None) -> Detector:
    """One installed detector by name; raises `DetectorError` with the choices."""
    installed = installed_detectors()
    if name not in installed:
        choices = ", ".join(sorted(installed)) or "none is installed"
        raise DetectorError(f"no detector {name!r}; installed: {choices}")
    return installed[name].make(options)
