"""What differs between two runs by their specifications, plans and manifests alone."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from scrubtrace.beam_pipelines.layout import RunFolder
from scrubtrace.schemas.plan import DetectorSpec, RunSpec, Shard, Work
from scrubtrace.schemas.style import STYLOMETRY

SHORT = 80
"""A value of more characters is named by its digest."""

Values = tuple[Any, Any]
"""A value before and after; None where there was none."""


@dataclass(frozen=True)
class ShardChange:
    """A shard that is not in both runs as the same file; rows are None where it is not.

    ``what`` is added, gone, changed (another size or footer) or touched (only another time).
    """

    name: str
    what: str
    rows_before: int | None
    rows_after: int | None


@dataclass(frozen=True)
class DetectorChange:
    """A detector that was added, removed or changed; ``changed`` has what differs by its name."""

    name: str
    what: str
    changed: dict[str, Values] = field(default_factory=dict)


@dataclass(frozen=True)
class Changes:
    """Everything that differs between what two runs were about and how they decided.

    ``settings`` has the data set, the columns, the language identifier, the key, the sample and
    the limits of evidence by their names. ``calibration`` is that of the style lane: its file, and
    the fingerprint that covers its content; None if neither run has one.
    """

    shards: tuple[ShardChange, ...]
    detectors: tuple[DetectorChange, ...]
    policy: dict[str, Values]
    settings: dict[str, Values]
    calibration: dict[str, Values] | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def changes(before: RunFolder, after: RunFolder, policies: tuple[Any, Any]) -> Changes:
    """What differs between two runs; ``policies`` are those of their manifests."""
    spec_before, spec_after = before.spec(), after.spec()
    return Changes(
        tuple(shard_changes(before.work(), after.work())),
        tuple(detector_changes(spec_before, spec_after)),
        _differing(*policies),
        _differing(_settings(spec_before), _settings(spec_after)),
        _calibration_changes(spec_before, spec_after),
    )


def shard_changes(before: Work, after: Work) -> list[ShardChange]:
    """Shards that are not in both plans as the same file, by name."""
    old, new = _shards(before), _shards(after)
    return [
        ShardChange(
            name,
            how_changed(old.get(name), new.get(name)),
            old[name].rows if name in old else None,
            new[name].rows if name in new else None,
        )
        for name in sorted({*old, *new})
        if how_changed(old.get(name), new.get(name)) != "same"
    ]


def how_changed(before: Shard | None, after: Shard | None) -> str:
    """Added, gone, changed, touched or same."""
    if before is None or after is None:
        return "added" if before is None else "gone"
    if (before.size, before.footer_digest) != (after.size, after.footer_digest):
        return "changed"
    return "same" if before.modified == after.modified else "touched"


def detector_changes(before: RunSpec, after: RunSpec) -> list[DetectorChange]:
    """Detectors that were added, removed or changed, by name."""
    old = {planned.name: planned for planned in before.detectors}
    new = {planned.name: planned for planned in after.detectors}
    found = [DetectorChange(name, "removed") for name in old.keys() - new.keys()]
    found += [DetectorChange(name, "added") for name in new.keys() - old.keys()]
    for name in old.keys() & new.keys():
        if changed := _differing(_about(old[name]), _about(new[name])):
            found.append(DetectorChange(name, "changed", changed))
    return sorted(found, key=lambda change: change.name)


def _shards(work: Work) -> dict[str, Shard]:
    shards = {r.shard.name: r.shard for unit in work.units for r in unit.ranges}
    return shards | {kept.shard.name: kept.shard for kept in work.kept}


def _about(planned: DetectorSpec) -> dict[str, Any]:
    """What identifies a detector, its options and signature files one by one."""
    about: dict[str, Any] = {"version": planned.version, "fingerprint": planned.fingerprint}
    for name, value in planned.options.items():
        if isinstance(value, dict):
            about |= {f"{name}.{key}": entry for key, entry in value.items()}
        else:
            about[name] = value
    return about


def _calibration_changes(before: RunSpec, after: RunSpec) -> dict[str, Values] | None:
    used = [_calibration(before), _calibration(after)]
    return _differing(*used) if any(used) else None


def _calibration(spec: RunSpec) -> dict[str, Any]:
    """The calibration that a run ranks by; empty if it has none."""
    for planned in spec.detectors:
        if planned.name == STYLOMETRY and planned.options.get("calibration"):
            file = planned.options["calibration"]
            return {"file": file, "fingerprint of model and calibration": planned.fingerprint}
    return {}


def _settings(spec: RunSpec) -> dict[str, Any]:
    columns = asdict(spec.columns)
    chat = columns.pop("chat")
    return {
        "dataset": spec.dataset,
        **{f"columns.{name}": value for name, value in columns.items()},
        **{f"columns.{name}": value for name, value in chat.items()},
        "key": ", ".join(spec.key_ids),
        "language identifier": spec.language_identifier,
        "sample": spec.sample,
        "spans_per_signal": spec.spans_per_signal,
        "snippet_chars": spec.snippet_chars,
    }


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Values]:
    pairs = {name: (before.get(name), after.get(name)) for name in {**before, **after}}
    return {name: (_short(a), _short(b)) for name, (a, b) in pairs.items() if a != b}


def _short(value: Any) -> Any:
    """A value as it is, or if it is long, the first 12 digits of its SHA-256."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    if len(text) <= SHORT:
        return value
    return f"sha256 {hashlib.sha256(text.encode()).hexdigest()[:12]}"
