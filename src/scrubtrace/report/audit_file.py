"""The JSON of an audit, read for a report that is about the same data, policy and shards."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scrubtrace.audit.figures import What
from scrubtrace.audit.result import FORMAT
from scrubtrace.audit.running import CONFIDENCE
from scrubtrace.exits import UsageStop
from scrubtrace.report.gathering import Gathered
from scrubtrace.stats.prevalence.expected_error import MOST

Found = Mapping[str, Any]
"""A figure of an audit as its JSON has it."""


@dataclass(frozen=True)
class Audited:
    """The JSON of an audit, with its entries: those of strata, and last that of all texts."""

    data: Mapping[str, Any]

    @property
    def entries(self) -> Sequence[Mapping[str, Any]]:
        """Entries in their order."""
        entries: Sequence[Mapping[str, Any]] = self.data["entries"]
        return entries

    def whole(self, what: What) -> Found:
        """A figure of all texts."""
        return figure_of(self.entries[-1], what)


def figure_of(entry: Mapping[str, Any], what: What) -> Found:
    """A figure of an entry."""
    found: Found = entry["figures"][str(what)]
    return found


def read_audit(path: Path, about: Gathered, out: str) -> Audited:
    """What ``audit run --json`` wrote about the same results as the report; raises `UsageStop`.

    An audit of flags under another policy, by other runs or of other shards is not one of what the
    report shows. ``out`` is the folder of the runs.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] == 1:
            made = shlex.join(_command(data, out, path))
            raise UsageStop(f"{path} is of an earlier version, make it anew: {made}")
        if data["format"] != FORMAT or not data["entries"]:
            raise ValueError
        dataset, policy = data["dataset"], data["policy"]
    except OSError as error:
        raise UsageStop(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise UsageStop(f"{path} is not what audit run --json writes") from None
    if dataset != about.dataset:
        raise UsageStop(f"{path} is about another data set: call audit run again")
    if policy != about.manifest["digests"]["policy"]:
        raise UsageStop(f"{path} is about another policy: call audit run again")
    if words := _other_results(data, about):
        made = shlex.join(_command(data, out, path))
        raise UsageStop(f"{path} is about {words} than those that count now, make it anew: {made}")
    return Audited(data)


def _other_results(data: Mapping[str, Any], about: Gathered) -> str:
    """What is different in the results that an audit is about; empty if nothing is.

    An audit without runs is about the shards that its batch was drawn from.
    """
    source = data["data"] or data["batch"]
    if source["shards_sha256"] not in (None, about.shards_sha256):
        return "other shards"
    is_current = data["data"] is None or source["runs_with_results"] == list(about.runs)
    return "" if is_current else "results of other runs"


def _command(data: Mapping[str, Any], out: str, path: Path) -> Iterator[str]:
    """The call that makes the audit anew."""
    batch, references = data["batch"], data["references"]
    yield from ("scrubtrace", "audit", "run", *([batch["name"]] if batch else []), "--out", out)
    if batch is None:
        yield from ("--dataset", data["dataset"], "--by", ",".join(data["by"]) or "none")
    for kind, option in (("human", "--human-reference"), ("llm", "--llm-reference")):
        for one in references[kind]:
            if one["dataset"] != data["dataset"]:
                sources = f"={','.join(one['sources'])}" if one["sources"] else ""
                yield from (option, one["dataset"] + sources)
    trusted = references["trusted"]
    if trusted["before"]:
        yield from ("--human-before", trusted["before"])
    if trusted["sources"]:
        yield from ("--human-source", ",".join(trusted["sources"]))
    cluster = data["cluster"] or {"group": None, "of": {}}
    for name in ([cluster["group"]] if cluster["group"] else []) + [
        f"{dataset}={group}" for dataset, group in cluster["of"].items()
    ]:
        yield from ("--cluster", name)
    given = (data["entries"][-1]["sensitivity"] or {}).get("given")
    planned = (batch and (batch["goal"] or {}).get("confidence")) or CONFIDENCE
    numbers = (
        ("--sensitivity", given, None),
        ("--confidence", data["confidence"], planned),
        ("--max-error", data["max_error"], MOST),
    )
    for option, value, default in numbers:
        if value != default:
            yield from (option, f"{value:g}")
    yield from ("--json", str(path))
