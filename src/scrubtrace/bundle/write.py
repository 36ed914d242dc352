"""Writing a bundle: a ZIP with the same bytes for the same content, and digests of its files."""

import hashlib
import io
import json
import shlex
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import table_bytes
from scrubtrace.bundle.case import Case, CaseState
from scrubtrace.bundle.contents import (
    calls_of,
    case_findings,
    check_keys,
    check_summary,
    decisions_about,
    joined_rows,
    joined_with,
    texts_of,
    training_rows,
)
from scrubtrace.bundle.retest import retested
from scrubtrace.call_check.job import registered, text_of_register
from scrubtrace.calls.register import Register
from scrubtrace.exits import UsageStop

README = """Evidence about case {id}: {title}
State: {state}

case.json               the steps of the case, and the re-test if there was one
findings.json           the findings: rule, labels, number of calls, first and last time, what to do
calls.parquet           every call that the findings are about, as it was judged; no text
training_rows.parquet   rows of training data that hold their answers or were in their prompts
decisions.json          what reviewers decided, and the head of the event log of the review table
register.json           the part of the register that the findings rest on
check_summary.json      digests of logs and register, versions, what could not be judged
commands.txt            how to get the same again
texts.jsonl             prompts and answers; there only if they were asked for
SHA256SUMS              digests of these files

A finding says what the log and the register show. It is a reason to look, not a statement about a
person. Callers are pseudonyms, made with the digest key that case.json names by its id.
"""

_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class BundleJob:
    """One call of ``scrubtrace bundle``."""

    case: Case
    register: str
    checked: str
    joined: str | None = None
    retest: str | None = None
    text_from: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bundle:
    """What was written: numbers of calls and training rows, and the re-test if there was one.

    ``not_in_review`` are findings of the case that the review table does not have.
    """

    sha256: str
    calls: int
    rows: int
    retest: dict[str, Any] | None
    not_in_review: tuple[str, ...] = ()


def write_bundle(job: BundleJob, out: str, engine: Engine | None = None) -> Bundle:
    """Writes the ZIP in one step.

    Raises `UsageStop` for folders, findings or steps that do not fit together, ReviewError.
    """
    case, register = job.case, registered(job.register)
    summary = check_summary(job.checked)
    register_digest = _check_register(job, summary)
    folders = [job.checked, *([job.joined] if job.joined else [])]
    check_keys(summary["key_id"], job.joined, job.retest)
    findings = case_findings(case, folders)
    joined = joined_rows(job.joined)
    calls = calls_of(findings, job.checked, joined)
    rows = training_rows(joined, calls)
    retest = None
    if job.retest is not None:
        zone = ZoneInfo(register.time_zone)
        retest = retested(case, findings, job.checked, job.retest, zone)
    if case.state == CaseState.CLOSED and not (retest and retest["passed"]):
        raise UsageStop(
            f"case {case.id} is closed, but no --retest shows that its findings are gone: give the "
            "folder of a check of later logs, or set the state back"
        )
    about = asdict(case) | {"state": case.state, "retest": retest, "key_id": summary["key_id"]}
    files = {
        "README.txt": README.format(id=case.id, title=case.title, state=case.state).encode(),
        "case.json": _json(about),
        "findings.json": _json(findings),
        "calls.parquet": table_bytes(calls),
        "training_rows.parquet": table_bytes(rows),
        "register.json": _json(_excerpt(register, findings, register_digest)),
        "check_summary.json": _json(summary),
        "commands.txt": _commands(job, summary).encode(),
    }
    missing: tuple[str, ...] = ()
    if engine is not None:
        decided = decisions_about(case, engine, bool(job.text_from))
        missing = _not_in_review(case, decided)
        files["decisions.json"] = _json(decided)
    if job.text_from:
        lines = (json.dumps(t, ensure_ascii=False) for t in texts_of(calls, job.text_from))
        files["texts.jsonl"] = "".join(f"{line}\n" for line in lines).encode()
    content = _zipped(files)
    storage.write_atomic(str(Path(out).absolute()), content)
    digest = hashlib.sha256(content).hexdigest()
    return Bundle(digest, calls.num_rows, rows.num_rows, retest, missing)


def _not_in_review(case: Case, decided: Mapping[str, Any]) -> tuple[str, ...]:
    """Findings without an item in the review table; raises `UsageStop` if it has none at all."""
    there = {item["finding"] for item in decided["items"]}
    missing = tuple(sorted(set(case.findings) - there))
    if missing and not there:
        raise UsageStop(
            f"the review table has no finding of case {case.id}: name the one that calls check or "
            "join had with --review, or leave --review out"
        )
    return missing


def _check_register(job: BundleJob, summary: dict[str, Any]) -> str:
    """The digest of the register; raises `UsageStop` unless it is the one of the check."""
    digest = hashlib.sha256(text_of_register(job.register).encode()).hexdigest()
    if digest != summary["register"]["sha256"]:
        raise UsageStop(
            f"{job.register} is not the register that {job.checked} was checked by: give that one "
            f"(SHA-256 {summary['register']['sha256']})"
        )
    return digest


def _excerpt(register: Register, findings: Sequence[dict[str, Any]], digest: str) -> dict[str, Any]:
    """The entries that the findings name; no keys, which would name callers."""
    named = {
        table: {found[name] for found in findings} - {None}
        for table, name in (
            ("projects", "project"), ("purposes", "purpose"), ("markets", "market"),
            ("models", "model"), ("terms", "terms"),
        )
    }  # fmt: skip
    vendors = {model.vendor for model in register.models if model.id in named["models"]}
    named["terms"] |= {terms.id for terms in register.terms if terms.vendor in vendors}
    entries = {
        table: [asdict(entry) for entry in getattr(register, table) if entry.id in wanted]
        for table, wanted in named.items()
    }
    return {
        "sha256": digest,
        "time_zone": register.time_zone,
        "forbidden_uses": register.forbidden_uses,
        "limits": asdict(register.limits),
        **entries,
    }


def _commands(job: BundleJob, summary: dict[str, Any]) -> str:
    """Commands with the files as they were named; logs and register by their digests."""
    logs = [f"# sha256 {entry['sha256']}  {entry['file']}" for entry in summary["logs"]]
    names = shlex.join(entry["file"] for entry in summary["logs"])
    spec = shlex.quote(job.register)
    lines = [
        f"# register: sha256 {summary['register']['sha256']}  {summary['register']['file']}",
        *logs,
        f"# with digest key {summary['key_id']} (scrubtrace keys show)",
        f"scrubtrace calls check {names} --spec {spec} --out checked",
    ]
    if job.joined:
        known = joined_with(job.joined)
        if known is None:
            lines.append("# the join does not say with which folder of detect: it is FOLDER here")
        detected, dataset = known or ("FOLDER", "")
        given = f"--detected {shlex.quote(detected)}"
        given += f" --dataset {shlex.quote(dataset)}" if dataset else ""
        lines.append(f"scrubtrace calls join checked {given} --spec {spec} --out joined")
    return "\n".join(lines) + "\n"


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, default=str).encode() + b"\n"


def _zipped(files: dict[str, bytes]) -> bytes:
    sums = "".join(f"{hashlib.sha256(files[n]).hexdigest()}  {n}\n" for n in sorted(files))
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted({**files, "SHA256SUMS": sums.encode()}.items()):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return sink.getvalue()
