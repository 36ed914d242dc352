"""Everything that a run's manifest says, for people and for programs."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.runs.listing import RunLine, run_line
from scrubtrace.runs.reading import counted, known_run, manifest_of
from scrubtrace.schemas.plan import Kept, RunSpec

SHOWN = 10
"""Signals, languages, shards and runs that are shown; all are in the JSON."""

PACKAGES = ("scrubtrace", "apache-beam", "pyarrow", "google-re2", "py3langid", "numpy")
"""Packages whose versions are shown."""


def describe(out: str, run_id: str) -> dict[str, Any]:
    """What is known of a run.

    Keys: run, state, line (`RunLine`), specification, manifest (None if it is not committed), and
    kept_from: run, shards, rows, detectors and whether it is gone, of each earlier run. Raises
    `UsageStop`.
    """
    folder, spec = known_run(out, run_id)
    line = run_line(folder)
    return {
        "run": folder.id,
        "state": str(line.state),
        "line": asdict(line) | {"started": line.started and line.started.isoformat()},
        "specification": json.loads(spec.to_json()),
        "manifest": manifest_of(folder) if folder.is_committed() else None,
        "kept_from": kept_from(folder, {run.id for run in runs_of(out)}),
    }


def kept_from(folder: RunFolder, known: set[str]) -> list[dict[str, Any]]:
    """The earlier runs that a run kept results of, oldest first; ``known`` are those there now."""
    by_run: dict[str, list[Kept]] = {}
    for kept in folder.work().kept:
        by_run.setdefault(kept.run, []).append(kept)
    return [
        {
            "run": run,
            "shards": len({kept.shard.name for kept in entries}),
            "rows": sum(kept.shard.rows for kept in entries),
            "detectors": sorted({name for kept in entries for name in kept.detectors}),
            "gone": run not in known,
        }
        for run, entries in sorted(by_run.items())
    ]


def shown(described: dict[str, Any]) -> Iterator[str]:
    """A description in words."""
    line = RunLine(**described["line"])
    spec = RunSpec.from_json(json.dumps(described["specification"]))
    manifest = described["manifest"]
    yield f"run {line.run}, data set {spec.dataset}"
    yield f"  begun {described['line']['started'] or 'at a time that its id does not tell'}"
    if manifest is None:
        yield f"  {line.state}: {line.units_scanned} of {line.units} units are scanned"
        yield f"  {line.rows:,} rows in {line.shards:,} shards, {line.rows_kept:,} rows kept"
    else:
        yield f"  committed {manifest['committed_at']}"
        yield (
            f"  {line.rows:,} rows in {line.shards:,} shards: {line.rows_scanned:,} scanned, "
            f"{line.rows_kept:,} with all results from earlier runs"
        )
    yield from _specified(spec)
    yield from _detectors(spec, manifest)
    yield from _kept(described["kept_from"])
    if manifest is not None:
        yield from _results(manifest)
        yield from _failures(manifest)
        yield from _circumstances(manifest)


def _specified(spec: RunSpec) -> Iterator[str]:
    columns = spec.columns
    yield f"text from {', '.join(columns.texts)}; ids from {columns.id or 'no column'}"
    yield f"  languages from {columns.language or f'the text, by {spec.language_identifier}'}"
    if columns.groups:
        pairs = ", ".join(f"{name} from {column}" for name, column in columns.groups.items())
        yield f"  {pairs}"
    retired = f", retired {', '.join(spec.retired_key_ids)}" if spec.retired_key_ids else ""
    yield f"  digest key {spec.key_id}{retired}"
    if spec.sample is not None:
        yield f"  a sample: {spec.sample:g} of the rows were judged"


def _detectors(spec: RunSpec, manifest: dict[str, Any] | None) -> Iterator[str]:
    for planned in spec.detectors:
        yield (
            f"detector {planned.name} {planned.version} (lane {planned.lane}), "
            f"fingerprint {planned.fingerprint}"
        )
        if planned.options:
            yield f"  options: {', '.join(sorted(planned.options))}"
        if manifest is None:
            continue
        tally = manifest["detectors"].get(planned.name)
        if tally is None:
            yield "  no rows"
            continue
        abstained, dead = sum(tally["abstained"].values()), sum(tally["dead"].values())
        total = tally["judged"] + abstained + dead + tally["sampled_out"]
        holds = "balanced" if total == manifest["rows"] else "NOT BALANCED"
        yield (
            f"  {tally['judged']:,} judged + {abstained:,} abstained + {dead:,} dead + "
            f"{tally['sampled_out']:,} sampled out = {total:,} of {manifest['rows']:,} rows: "
            f"{holds}"
        )
        if abstained:
            yield f"  abstained: {counted(tally['abstained'])}"
        if kept := manifest["rows_kept"].get(planned.name):
            yield f"  {kept:,} of these rows with results from earlier runs"


def _kept(entries: list[dict[str, Any]]) -> Iterator[str]:
    for entry in entries[-SHOWN:]:
        gone = "; THE RUN IS GONE, so this one cannot be committed again" if entry["gone"] else ""
        yield (
            f"kept from run {entry['run']}: {entry['shards']:,} shards, {entry['rows']:,} rows "
            f"({', '.join(entry['detectors'])}){gone}"
        )
    if len(entries) > SHOWN:
        yield f"... and from {len(entries) - SHOWN:,} older runs"


def _results(manifest: dict[str, Any]) -> Iterator[str]:
    yield f"flagged: {counted(manifest['flagged'])}"
    yield f"reported, not flagged: {counted(manifest['reported'])}"
    yield f"texts by signal: {counted(manifest['signals'], SHOWN)}"
    yield f"texts by language: {counted(manifest['languages'], SHOWN)}"
    yield (
        f"texts: {manifest['texts']:,}, of them {manifest['null_texts']:,} null and "
        f"{manifest['empty_texts']:,} empty"
    )
    if manifest["recurring_identities"]:
        yield f"assistant names that recur over texts: {manifest['recurring_identities']:,}"
    if manifest["repeated_ids"]:
        rows = manifest["rows_with_a_repeated_id"]
        yield f"ids that repeat: {manifest['repeated_ids']:,}, {rows:,} rows beyond the first"
    yield f"policy: {_settings(manifest['policy'])}"
    yield f"limits: {_settings(manifest['limits'])}"


def _failures(manifest: dict[str, Any]) -> Iterator[str]:
    yield f"dead rows: {counted(manifest['dead_rows'])}"
    dead = manifest["dead_shards"]
    yield f"dead shards: {len(dead):,}"
    for shard in dead[:SHOWN]:
        yield f"  {shard['name']}: {shard['reason']}: {shard['detail']}"
    if len(dead) > SHOWN:
        yield f"  ... and {len(dead) - SHOWN:,} more"
    again = manifest["scan_again"]
    for shard, detector in again[:SHOWN]:
        yield f"the next run scans {shard} again with {detector}"
    if len(again) > SHOWN:
        yield f"... and {len(again) - SHOWN:,} more shards and detectors"


def _circumstances(manifest: dict[str, Any]) -> Iterator[str]:
    recorded = manifest.get("environment", {})
    for scan in recorded.get("scan", ()):
        yield f"scanned with {_machine(scan)}; {scan.get('runner')}, {scan.get('workers')} workers"
    if commit := recorded.get("commit"):
        yield f"committed with {_machine(commit)}"


def _machine(environment: dict[str, Any]) -> str:
    """An environment in one line; all its packages are in the JSON."""
    packages = environment.get("packages", {})
    parts = [f"Python {environment.get('python')}"]
    parts += [str(environment.get(name)) for name in ("system", "machine")]
    if environment.get("image"):
        parts.append(f"image {environment['image']}")
    parts += [f"{name} {packages[name]}" for name in PACKAGES if name in packages]
    return ", ".join(parts)


def _settings(section: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {json.dumps(value)}" for name, value in section.items())
