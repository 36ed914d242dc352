"""Controls from a file: rows of known origin, judged as the scan and the policy judge rows."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from scrubtrace.beam_pipelines.findings import capped, snippet_around
from scrubtrace.beam_pipelines.scanning import cut_texts
from scrubtrace.chosen import detector_names, detector_options
from scrubtrace.config import Config
from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.detector import detect_each
from scrubtrace.detectors.language import identify, normalise_code
from scrubtrace.detectors.registry import DetectorError, make_detector
from scrubtrace.exits import UsageStop
from scrubtrace.index.sources import read_rows
from scrubtrace.policy import evidence_fingerprint, judge
from scrubtrace.review.controls.store import NumberedControl, control_key
from scrubtrace.schemas.batches import SAMPLED, Control, Origin
from scrubtrace.schemas.identity import KeyRing
from scrubtrace.schemas.plan import Columns

ORIGIN = "origin"
ROWS_NAMED = 20
"""Bad rows that a message names; all are counted."""


class KnownText(NamedTuple):
    """A text of known origin with the number of its row, from 0."""

    row: int
    text: str
    language: str
    field: str
    origin: Origin


def known_texts(
    file: str, text_column: str, origin_column: str, language_column: str | None
) -> list[KnownText]:
    """The texts of a Parquet file with their origins; raises `UsageStop` that names bad rows."""
    columns = Columns(text_column, language=language_column, groups={ORIGIN: origin_column})
    found: list[KnownText] = []
    bad: dict[int, str] = {}

    def refuse(shards: Sequence[Any]) -> None:
        if shards:
            raise UsageStop(f"{file} cannot be read: {shards[0].reason}: {shards[0].detail}")

    shards = set()
    for shard, rows in read_rows([file], columns, Counter(), refuse):
        shards.add(shard)
        if len(shards) > 1:
            raise UsageStop(f"{file} is several files: add one after the other")
        bad |= {rows.start + row: f"its text is {dead.reason}" for row, dead in rows.dead.items()}
        for number, text in enumerate(rows.texts):
            row = rows.text_rows[number]
            origin = (rows.group_value(ORIGIN, row) or "").strip().lower()
            if not (text or "").strip():
                bad[rows.start + row] = "its text is empty"
            elif origin not in set(Origin):
                bad[rows.start + row] = "its origin is neither human nor llm"
            else:
                code = rows.languages[row] if rows.languages else None
                language = normalise_code(code) if code else identify(str(text))
                field = rows.places[number].field
                own = KnownText(rows.start + row, str(text), language, field, Origin(origin))
                found.append(own)
    if bad:
        refuse_rows(file, bad)
    return found


def refuse_rows(file: str, bad: dict[int, str]) -> None:
    """Raises `UsageStop` with the first bad rows."""
    named = [f"row {row}: {problem}" for row, problem in sorted(bad.items())[:ROWS_NAMED]]
    more = [f"and {len(bad) - ROWS_NAMED:,} more"] if len(bad) > ROWS_NAMED else []
    raise UsageStop(
        f"nothing was stored: {len(bad):,} rows of {file} are bad (the first row is 0): "
        + "; ".join([*named, *more])
    )


def judged_controls(
    texts: Sequence[KnownText], source: str, config: Config, keys: KeyRing
) -> Iterator[NumberedControl]:
    """Each text as a control, with the evidence of the configured detectors and its verdict."""
    judging = _Judging(config)
    pieces = cut_texts([t.text for t in texts], config.scan.batch_rows, config.scan.batch_bytes)
    for first, stop in pieces:
        batch = texts[first:stop]
        for known, found in zip(batch, judging.found(batch), strict=True):
            control = judging.control(known, found, source, keys)
            digests = tuple(keys.earlier_digests(known.text).values())
            yield NumberedControl(known.row, control, digests)


class _Judging:
    """The detectors and the policy of a configuration; raises `UsageStop`."""

    def __init__(self, config: Config) -> None:
        try:
            self._detectors = [
                make_detector(name, detector_options(config, name))
                for name in detector_names(config)
            ]
            for detector in self._detectors:
                detector.setup()
        except DetectorError as error:
            raise UsageStop(str(error)) from None
        self._config = config

    def found(self, known: Sequence[KnownText]) -> list[dict[str, list[dict[str, Any]]]]:
        """Evidence of each text by detector, of those that have any."""
        batch = TextBatch([one.text for one in known], [one.language for one in known])
        found: list[dict[str, list[dict[str, Any]]]] = [{} for _ in known]
        for detector in self._detectors:
            for entry in detect_each(detector, batch).found.to_pylist():
                entries = found[entry.pop("row")].setdefault(detector.name, [])
                entries.append({"detector": detector.name} | entry)
        return found

    def control(
        self,
        known: KnownText,
        found: dict[str, list[dict[str, Any]]],
        source: str,
        keys: KeyRing,
    ) -> Control:
        """The control; its snippet is the one that a scan would have made."""
        scan = self._config.scan
        kept = {name: capped(entries, scan.spans_per_signal) for name, entries in found.items()}
        evidence = [entry for entries in kept.values() for entry in entries]
        verdict = judge(evidence, self._config.policy) if evidence else None
        around = next(iter(kept.values()), []) if verdict else []
        start, snippet = snippet_around(known.text, around, scan.snippet_chars)
        digest = keys.active.digest(known.text)
        return Control(
            control_key=control_key(digest),
            origin=known.origin,
            source=source,
            language=known.language,
            field=known.field,
            text_digest=digest,
            key_id=keys.active.id,
            text_chars=len(known.text),
            evidence_fingerprint=evidence_fingerprint(evidence),
            flagged=verdict.flagged if verdict else False,
            kind=str(verdict.kind) if verdict else SAMPLED,
            priority=verdict.priority if verdict else 0,
            why=verdict.why if verdict else "",
            detectors=[
                self._about(detector) for detector in self._detectors if kept.get(detector.name)
            ],
            evidence=evidence,
            spans_left_out=sum(map(len, found.values())) - len(evidence),
            snippet=snippet.replace("\0", "\N{SYMBOL FOR NULL}"),
            snippet_start=start,
        )

    def _about(self, detector: Any) -> dict[str, str]:
        return {
            "name": detector.name,
            "version": detector.version,
            "lane": str(detector.lane),
            "fingerprint": detector.fingerprint(),
        }
