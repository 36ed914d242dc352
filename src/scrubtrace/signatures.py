"""The signatures in use, listed with what was measured of each."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from scrubtrace.chosen import detector_names, detector_options
from scrubtrace.config import Config
from scrubtrace.detectors.measured import measured_rates
from scrubtrace.detectors.registry import make_detector
from scrubtrace.detectors.signature import Signature, flat

COLUMNS = ("id", "detector", "strength", "human", "LLM", "family")


def listed(config: Config, pattern: str, wanted: Mapping[str, str | None]) -> list[dict[str, Any]]:
    """Signatures whose id matches the shell pattern and whose fields are as wanted.

    ``wanted`` may name detector, language, category and strength; None is any. Each entry has the
    fields of `Signature`, the detector, and ``measured`` (None: never measured). Signatures that
    the configuration adds or switches off are in or out accordingly.
    """
    rates = measured_rates()
    entries = [
        _entry(detector, signature) | {"measured": rates.get(signature.id)}
        for detector, signatures in _by_detector(config)
        for signature in signatures
        if fnmatchcase(signature.id, pattern)
    ]
    return [e for e in entries if all(v in (None, e[name]) for name, v in wanted.items())]


def as_table(entries: Iterable[Mapping[str, Any]]) -> str:
    """The entries as lines for people, one a signature, columns aligned."""
    rows = [COLUMNS, *(_cells(entry) for entry in entries)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _by_detector(config: Config) -> Iterable[tuple[str, Iterable[Signature]]]:
    for name in detector_names(config):
        detector = make_detector(name, detector_options(config, name))
        yield name, flat(getattr(detector, "signatures", {}))


def _entry(detector: str, signature: Signature) -> dict[str, Any]:
    return {"detector": detector} | {
        name: str(value) if name == "strength" else value for name, value in vars(signature).items()
    }


def _cells(entry: Mapping[str, Any]) -> tuple[str, ...]:
    measured = entry["measured"] or {}
    shown = (_share(measured.get("human")), _share(measured.get("llm")))
    return (entry["id"], entry["detector"], entry["strength"], *shown, entry["family"])


def _share(counts: list[int] | None) -> str:
    return "-" if counts is None else f"{counts[0]:,} of {counts[1]:,}"
