"""What the other lanes say of human rows, for the false-positive rate of all lanes together."""

from typing import Any

import numpy as np
import numpy.typing as npt

from scrubtrace.chosen import detector_names, detector_options
from scrubtrace.config import Config
from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.detector import detect_each
from scrubtrace.detectors.registry import DetectorError, make_detector
from scrubtrace.exits import UsageStop
from scrubtrace.policy import judge, policy_digest
from scrubtrace.schemas.style import STYLOMETRY


class Lanes:
    """The detectors of the configuration but for style, and its policy; raises `UsageStop`."""

    def __init__(self, config: Config) -> None:
        try:
            made = [make_detector(name, detector_options(config, name)) for name in _names(config)]
            for detector in made:
                detector.setup()
        except DetectorError as error:
            raise UsageStop(str(error)) from None
        self._detectors = made
        self._policy = config.policy
        self.policy = policy_digest(config.policy)

    def flagged(self, batch: TextBatch) -> npt.NDArray[np.bool_]:
        """Which texts of a batch the policy flags without style; names that recur do not count."""
        evidence: list[list[dict[str, Any]]] = [[] for _ in range(len(batch))]
        for detector in self._detectors:
            for entry in detect_each(detector, batch).found.to_pylist():
                evidence[entry["row"]].append({"detector": detector.name} | entry)
        verdicts = (judge(found, self._policy, {}) if found else None for found in evidence)
        return np.array([v is not None and v.flagged for v in verdicts], np.bool_)


def _names(config: Config) -> list[str]:
    """The detectors that run beside style, whose own options may not be there yet."""
    chosen = config.scan.detectors
    if chosen is not None:
        chosen = [name for name in chosen if name != STYLOMETRY]
        if not chosen:
            return []
    options = {name: given for name, given in config.detectors.items() if name != STYLOMETRY}
    scan = config.scan.model_copy(update={"detectors": chosen})
    return detector_names(config.model_copy(update={"scan": scan, "detectors": options}))
