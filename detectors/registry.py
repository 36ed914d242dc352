"""Installed detectors, found through the entry-point group ``scrubtrace.detectors``."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, distributions, entry_points
from inspect import Parameter, signature
from typing import Any

from scrubtrace.detectors.detector import Detector
from scrubtrace.schemas.style import StyleError
from scrubtrace.schemas.vocabulary import Lane

GROUP = "scrubtrace.detectors"
UNKNOWN = "unknown distribution"

OPTIONS_OF = {
    "reference": "detect --reference INDEX",
    "stylometry": "detect --style-calibration FILE [--style-model FILE]",
}
"""How the detectors that need options are given some."""

NEEDS_OPTIONS = frozenset(OPTIONS_OF)
"""Detectors that cannot be made without options, and run only where they have some."""

_WRITTEN = {"signatures_toml": "signature_files"}
"""What options are called in a configuration, where files are given and not their texts."""

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


class DetectorError(ValueError):
    """A detector that is not installed, is registered twice, or cannot be made or set up."""


@dataclass(frozen=True)
class Installed:
    """One registered detector: its name, where it comes from, and how it is made."""

    name: str
    distribution: str
    entry_point: EntryPoint

    def make(self, options: Mapping[str, Any] | None = None) -> Detector:
        """The detector with its options; raises `DetectorError` that names its distribution."""
        try:
            maker: Any = self.entry_point.load()
            wrong = _wrong_option(maker, options or {})
            made: Any = None if wrong else maker(**(options or {}))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise self._error("cannot be made", error) from error
        if wrong:
            raise DetectorError(f"detector {self.name!r} of {self.distribution} {wrong}")
        try:
            problem = self._lacking(made)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise self._error("cannot say what it is", error) from error
        if problem:
            raise DetectorError(f"detector {self.name!r} of {self.distribution} {problem}")
        detector: Detector = made
        return detector

    def set_up(self, detector: Detector) -> None:
        """Has the detector load what it needs; raises `DetectorError` like `make`."""
        try:
            detector.setup()
        except (MemoryError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise self._error("cannot be set up", error) from error

    def _error(self, what: str, error: BaseException) -> DetectorError:
        if isinstance(error, StyleError):  # a file of the user's, no fault of the detector
            return DetectorError(f"detector {self.name!r}: {error}")
        about = f"{type(error).__name__}: {error}"
        return DetectorError(f"detector {self.name!r} of {self.distribution} {what}: {about}")

    def _lacking(self, detector: Any) -> str | None:
        """What is wrong with what was made; whatever the detector raises comes through."""
        if not isinstance(detector, Detector):
            return (
                "lacks part of the contract "
                "(name, version, lane, languages, fingerprint, setup, detect)"
            )
        if detector.name != self.name:
            return f"calls itself {detector.name!r}: name and registered name must be the same"
        if not _PLAIN_NAME.fullmatch(self.name):
            return "has a name that is no plain name (letters, digits, _, . and -)"
        if detector.lane not in set(Lane):
            return f"has lane {detector.lane!r}; choices: {', '.join(Lane)}"
        languages: Any = detector.languages
        if isinstance(languages, str) or not all(isinstance(code, str) for code in languages):
            return "has languages that are no set of language codes"
        for what, value in (("version", detector.version), ("fingerprint", detector.fingerprint())):
            if not isinstance(value, str) or not value:
                return f"has {what} {value!r}, not a text"
        return None


def _wrong_option(maker: Any, options: Mapping[str, Any]) -> str | None:
    """The first option that a detector does not take, with those that it takes, or lacks."""
    try:
        parameters = signature(maker).parameters.values()
    except ValueError:  # written in C
        return None
    if any(parameter.kind == Parameter.VAR_KEYWORD for parameter in parameters):
        return None
    known = [parameter.name for parameter in parameters]
    if unknown := sorted(set(options) - set(known)):
        choices = ", ".join(_WRITTEN.get(name, name) for name in known) or "it takes none"
        return f"has no option {unknown[0]!r}; choices: {choices}"
    needed = (
        parameter.name
        for parameter in parameters
        if parameter.default is Parameter.empty and parameter.kind != Parameter.VAR_POSITIONAL
    )
    missing = next((name for name in needed if name not in options), None)
    return None if missing is None else f"needs the option {missing!r}"


def registered_detectors() -> dict[str, tuple[Installed, ...]]:
    """Every registered detector by name, sorted; more than one of a name is a duplicate.

    Raises `DetectorError` if the entry points of a distribution cannot be read.
    """
    return dict(_registered(tuple(map(_as_installed, sys.path))))


def _as_installed(folder: str) -> tuple[str, int]:
    """A folder of packages, and when one was last installed there or taken away."""
    try:
        return folder, os.stat(folder or ".").st_mtime_ns
    except OSError:
        return folder, 0


@lru_cache(maxsize=1)
def _registered(_: tuple[tuple[str, int], ...]) -> dict[str, tuple[Installed, ...]]:
    """What is registered in these folders; reading the metadata of all packages takes a while."""
    found: dict[str, tuple[Installed, ...]] = {}
    for entry in sorted(_entry_points(), key=lambda entry: (entry.name, entry.value)):
        others = found.get(entry.name, ())
        place = (_distribution(entry), entry.value)
        if place not in {(other.distribution, other.entry_point.value) for other in others}:
            found[entry.name] = (*others, Installed(entry.name, place[0], entry))
    return found


def installed_detectors() -> dict[str, Installed]:
    """Every registered detector by name; raises `DetectorError` if two share a name."""
    return {name: only(entries) for name, entries in registered_detectors().items()}


def only(entries: tuple[Installed, ...]) -> Installed:
    """The one detector of a name; raises `DetectorError` that names both if there are two."""
    if len(entries) > 1:
        first, second = entries[:2]
        raise DetectorError(
            f"detector {first.name!r} is registered twice: by {first.distribution} "
            f"and by {second.distribution}; uninstall one"
        )
    return entries[0]


def find_detector(name: str) -> Installed:
    """One installed detector by name; raises `DetectorError` with the choices."""
    registered = registered_detectors()
    if name not in registered:
        choices = ", ".join(sorted(registered)) or "none is installed"
        raise DetectorError(f"no detector {name!r}; installed: {choices}")
    return only(registered[name])


def make_detector(name: str, options: Mapping[str, Any] | None = None) -> Detector:
    """One installed detector by name, made; raises `DetectorError`."""
    return find_detector(name).make(options)


def _entry_points() -> list[EntryPoint]:
    try:
        return list(entry_points(group=GROUP))
    except Exception as error:  # importlib raises what its parsing raises
        raise DetectorError(
            f"the entry points of {_unreadable()} cannot be read ({type(error).__name__}): "
            "install it again, or uninstall it"
        ) from None


def _unreadable() -> str:
    for distribution in distributions():
        try:
            _ = distribution.entry_points
        except Exception:
            return distribution.metadata["Name"] or UNKNOWN
    return "an installed distribution"


def _distribution(entry: EntryPoint) -> str:
    if entry.dist is None or not entry.dist.name:
        return UNKNOWN
    return f"{entry.dist.name} {entry.dist.version}"
