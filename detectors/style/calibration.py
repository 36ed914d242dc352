"""The calibration file: an ``.npz`` of arrays without pickle, its manifest inside as JSON.

Equal content gives equal bytes. Every stratum has its sorted scores, and what its rows are like.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.style.archive import archive_arrays, archive_bytes
from scrubtrace.detectors.style.scorer import TAILS, HumanMeasures
from scrubtrace.detectors.style.strata import Calibrated
from scrubtrace.schemas.style import CalibrationManifest, Stratum, StyleError
from scrubtrace.stats.typicality import Typical

MANIFEST = "manifest"
MAKE = "make it again with scrubtrace style calibrate"
ARRAYS = ("scores", "distances", "centres", "scales", "means", "inverses", "quantiles")
MEASURED = "measured_"
"""What the arrays (strata, `TAILS`, measures) are called, one for each language."""

Arrays = Mapping[str, npt.NDArray[Any]]


class Calibration:
    """Human rows' scores by stratum, read from bytes.

    Parameters
    ----------
    content : the bytes of the file.
    name : how errors call it.

    Raises `StyleError` for a file that is damaged or of another version.
    """

    def __init__(self, content: bytes, name: str = "calibration") -> None:
        self.digest = hashlib.sha256(content).hexdigest()[:16]
        self.name = name
        try:
            arrays = archive_arrays(content)
            if MANIFEST not in arrays:
                raise StyleError("is no calibration")
            self.manifest = CalibrationManifest.from_json(arrays[MANIFEST].tobytes().decode())
            self.strata = _strata(self.manifest, arrays)
        except StyleError as error:
            raise StyleError(f"calibration {name} {error}; {MAKE}") from None
        except Exception:  # whatever zip, deflate and numpy raise on damaged bytes
            raise StyleError(f"calibration {name} is damaged or cut off; {MAKE}") from None

    @classmethod
    def read(cls, path: str) -> "Calibration":
        """The calibration in a file; raises `StyleError`."""
        try:
            return cls(Path(path).read_bytes(), path)
        except OSError as error:
            raise StyleError(f"calibration {path} cannot be read: {error.strerror}") from None

    @cached_property
    def _by_group(self) -> dict[tuple[str, str], list[Calibrated]]:
        groups: dict[tuple[str, str], list[Calibrated]] = {}
        for entry in self.strata:
            groups.setdefault((entry.stratum.language, entry.stratum.source), []).append(entry)
        return groups

    def find(self, language: str, source: str | None, words: int) -> Calibrated | None:
        """The stratum that a row belongs to; None if it is not calibrated."""
        for entry in self._by_group.get((language, source or ""), ()):
            high = entry.stratum.high
            if entry.stratum.low <= words and (high is None or words < high):
                return entry
        return None


def calibration_bytes(manifest: CalibrationManifest, strata: Sequence[Calibrated]) -> bytes:
    """The content of a calibration file."""
    kinds = [entry.typical for entry in strata]
    arrays: dict[str, npt.NDArray[Any]] = {
        MANIFEST: np.frombuffer(manifest.to_json().encode(), np.uint8),
        "scores": np.concatenate([entry.scores for entry in strata]),
        "distances": np.concatenate([kind.distances for kind in kinds]),
        "centres": np.stack([kind.centre for kind in kinds]),
        "scales": np.stack([kind.scale for kind in kinds]),
        "means": np.stack([kind.mean for kind in kinds]),
        "inverses": np.stack([kind.inverse for kind in kinds]),
        "quantiles": np.stack([entry.quantiles for entry in strata]),
    }
    measured: dict[str, list[npt.NDArray[Any]]] = {}
    for entry in strata:
        if entry.human is not None:
            measured.setdefault(MEASURED + entry.stratum.language, []).append(entry.human.values)
    arrays |= {name: np.stack(values) for name, values in measured.items()}
    return archive_bytes(arrays)


def _strata(manifest: CalibrationManifest, arrays: Arrays) -> tuple[Calibrated, ...]:
    """The strata; raises ValueError if the arrays are not those of the manifest."""
    count, width = len(manifest.strata), len(manifest.covariates) + 1
    ends = np.cumsum([0, *manifest.sizes])
    shapes = {
        "scores": (ends[-1],),
        "distances": (ends[-1],),
        "inverses": (count, width, width),
        "quantiles": (count, 101, width - 1),
        **dict.fromkeys(("centres", "scales", "means"), (count, width)),
    }
    if len(manifest.sizes) != count or any(arrays[n].shape != s for n, s in shapes.items()):
        raise ValueError("arrays of other shapes than the manifest says")
    _check_values(arrays)
    found, humans = [], _humans(arrays, [stratum.language for stratum in manifest.strata])
    for place, (stratum, human) in enumerate(zip(manifest.strata, humans, strict=True)):
        _check_bounds(stratum)
        own = slice(ends[place], ends[place + 1])
        scores, distances = arrays["scores"][own], arrays["distances"][own]
        if not (_is_sorted(scores) and _is_sorted(distances)):
            raise ValueError("scores that are not sorted")
        centre, scale, mean, inverse = (
            arrays[name][place] for name in ("centres", "scales", "means", "inverses")
        )
        kind = Typical(centre, scale, mean, inverse, distances)
        found.append(Calibrated(stratum, scores, kind, arrays["quantiles"][place], human))
    return tuple(found)


def _humans(arrays: Arrays, languages: Sequence[str]) -> list[HumanMeasures | None]:
    """What is measured of the rows of each stratum; None of a model that explains nothing."""
    found: list[HumanMeasures | None] = []
    seen: Counter[str] = Counter()
    for language in languages:
        values = arrays.get(MEASURED + language)
        shape = (languages.count(language), len(TAILS))
        if values is not None and (values.ndim != 3 or values.shape[:2] != shape):
            raise ValueError("measures of other shapes than the manifest says")
        own = None if values is None else values[seen[language]]
        found.append(None if own is None else HumanMeasures(TAILS, own, "calibration"))
        seen[language] += 1
    return found


def _check_values(arrays: Arrays) -> None:
    names = (name for name in arrays if name in ARRAYS or name.startswith(MEASURED))
    if not all(
        arrays[name].dtype.kind == "f" and np.isfinite(arrays[name]).all() for name in names
    ):
        raise ValueError("values that are no numbers")
    if not (arrays["scales"] > 0).all():
        raise ValueError("a scale that is not positive")


def _check_bounds(stratum: Stratum) -> None:
    bounds = [stratum.low, *([] if stratum.high is None else [stratum.high])]
    whole = all(isinstance(bound, int) and not isinstance(bound, bool) for bound in bounds)
    if not whole or stratum.low < 0 or bounds != sorted(set(bounds)):
        raise ValueError("a stratum whose lengths are no range")


def _is_sorted(values: npt.NDArray[Any]) -> bool:
    return bool(np.isfinite(values).all() and (np.diff(values) >= 0).all())
