"""``style calibrate``: human rows to a calibration file, and what it can do.

Every text is scored once in each language and source, and equal ones count once there: what another
source has too must not be missing, or the rest would be no sample of the source. Beside the style
scores the other lanes judge the same rows, so that it is known how often any lane flags such rows.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from scrubtrace import log
from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.decoding import Rows
from scrubtrace.beam_pipelines.planning import Inputs, PlanError, read_inputs
from scrubtrace.beam_pipelines.scanning import SOURCE, cut_texts
from scrubtrace.config import Config
from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.language import identify, normalise_code
from scrubtrace.detectors.style.calibration import calibration_bytes
from scrubtrace.detectors.style.detector import Stylometry
from scrubtrace.detectors.style.folding import FOLDED_CHARS
from scrubtrace.detectors.style.loading import load_scorer
from scrubtrace.detectors.style.model import StyleModel
from scrubtrace.detectors.style.packs import row_number
from scrubtrace.detectors.style.scorer import Measured, Scored, Scorer
from scrubtrace.detectors.style.strata import LEAST_ROWS, Calibrated, HumanRows, calibrated
from scrubtrace.exits import UsageStop
from scrubtrace.index.sources import BATCH_BYTES, BATCH_ROWS, read_rows
from scrubtrace.not_read import tell_dead
from scrubtrace.out_file import check_out
from scrubtrace.resumable import resumable
from scrubtrace.runs.reading import counted
from scrubtrace.schemas.plan import Chat, Columns
from scrubtrace.schemas.style import CalibrationManifest, InputFile, OtherLanes, StyleError
from scrubtrace.stats.conformal import conditional_rank, rank_reached, rows_for
from scrubtrace.stats.typicality import Floats
from scrubtrace.style.lanes import Lanes
from scrubtrace.style.progress import Told
from scrubtrace.style.reviewed import decided_column

ALPHA = 0.01
TRAINED_ON = "trained_on"
SOURCE_CHARS = 100
MOST_STRATA = 4_000
LEAST_ROWS_MERGED = 399
"""Strata merge until they have so many rows, also where a large alpha needs fewer. From 399 rows on
the greatest p-value up to 0.01 is at least 0.008; of 290 rows it is 0.0069."""

EXPORT_SUFFIXES = (".csv", ".tsv", ".xlsx")


@dataclass(frozen=True)
class Request:
    """One call of ``scrubtrace style calibrate``."""

    shards: Sequence[str]
    config: Config
    model: str | None
    out: str
    origin: str
    sampling: str = "random"
    source_column: str | None = None
    language: str | None = None
    alpha: float | None = None
    quiet: bool = False

    @property
    def level(self) -> float:
        """The alpha that strata should reach."""
        return self.alpha or self.config.policy.style.alpha or ALPHA

    @property
    def conditional(self) -> bool:
        """Whether p-values shall hold given the calibration set."""
        return self.config.policy.style.conditional

    @property
    def least_rows(self) -> int:
        """Rows that strata merge to have."""
        return max(rows_for(self.level, self.conditional), LEAST_ROWS_MERGED)

    @property
    def columns(self) -> Columns:
        """The columns of the shards."""
        given = self.config.input
        source = self.source_column or given.group_by.get(SOURCE)
        groups = {SOURCE: source} if source else {}
        return Columns(given.text_column, None, given.language_column, groups, given.chat)


@dataclass
class _Group:
    """Scores of the rows of one language and source, in the order they were met."""

    scores: list[Floats] = field(default_factory=list)
    words: list["np.typing.NDArray[np.int64]"] = field(default_factory=list)
    covariates: list[Floats] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)
    elsewhere: list["np.typing.NDArray[np.bool_]"] = field(default_factory=list)


@resumable(keeps=False)
def calibrate_style(request: Request) -> CalibrationManifest:
    """Scores the rows, writes the file, and gives what it says of itself.

    Raises `UsageStop` for rows that may not calibrate, a model that cannot be used, or no rows.
    """
    _check_request(request)
    inputs = _checked_inputs(request)
    read = [*(shard.path for shard in inputs.shards), *([request.model] if request.model else [])]
    out = check_out(request.out, read, example="human.npz")
    try:
        scorer = load_scorer(request.model)
        collected = _Collected(request, scorer)
        collected.read()
        strata = collected.strata()
        manifest = collected.manifest(inputs, strata)
        storage.write_atomic(out, calibration_bytes(manifest, strata))
    except StyleError as error:
        raise UsageStop(str(error)) from None
    return manifest


def _command(request: Request) -> tuple[str, ...]:
    """The arguments that make the file again, but for the model."""
    columns = request.columns
    roles = columns.chat.roles
    options = [
        *(("--text-column", path) for path in columns.texts if columns.texts != ("text",)),
        ("--roles", ",".join(roles) if roles != Chat().roles else None),
        ("--source-column", columns.groups.get(SOURCE)),
        ("--language", request.language),
        ("--language-column", columns.language),
        ("--out", request.out),
        ("--alpha", repr(request.alpha) if request.alpha else None),
        ("--sampling", request.sampling),
        ("--origin", request.origin.strip()),
        *(("--set", setting) for setting in _settings(request.config)),
    ]
    return (*request.shards, *(word for name, value in options if value for word in (name, value)))


def _settings(config: Config) -> Iterator[str]:
    """What no option says, as ``key=value``, where it is not the default."""
    chat, style, default = config.input.chat, config.policy.style, Config()
    found: list[tuple[str, object, object]] = [
        ("input.role_field", chat.role_field, default.input.role_field),
        ("input.content_field", chat.content_field, default.input.content_field),
        ("policy.style.alpha", style.alpha, default.policy.style.alpha),
        ("policy.style.conditional", style.conditional, default.policy.style.conditional),
    ]
    for key, value, usual in found:
        if value != usual:
            yield f"{key}={json.dumps(value, ensure_ascii=False)}"


def _check_request(request: Request) -> None:
    if not request.origin.strip():
        raise UsageStop(
            "--origin says who vouches that the rows are by humans and how they were sampled; it "
            "cannot be empty"
        )
    for path in request.shards:
        if path.lower().endswith(EXPORT_SUFFIXES):
            raise UsageStop(
                f"{path} looks like an export for reviewers: rows that were picked by a score, "
                "dismissed or not, may not calibrate; give Parquet shards of sampled human rows"
            )


def _checked_inputs(request: Request) -> Inputs:
    """The shards, none of which holds rows that reviewers decided on."""
    try:
        inputs = read_inputs(request.shards, request.columns)
    except PlanError as error:
        raise UsageStop(str(error)) from None
    tell_dead(inputs.dead)
    for footer in inputs.footers:
        if decided := decided_column(footer.schema, footer.shard.path):
            raise UsageStop(
                f"{footer.shard.path} has the column {decided!r} of reviewed rows: rows "
                "that were picked by a score, dismissed or not, may not calibrate; give a random "
                "sample of rows whose origin somebody vouches for"
            )
    return inputs


class _Collected:
    """Scores of the different texts of each language and source."""

    def __init__(self, request: Request, scorer: Scorer) -> None:
        self._request = request
        self._scorer = scorer
        self._fitted_on = scorer.human_rows if isinstance(scorer, StyleModel) else frozenset()
        self._lanes = Lanes(request.config)
        self._groups: dict[tuple[str, str], _Group] = {}
        self._covariates: tuple[str, ...] | None = None
        self._trained_on: Counter[tuple[str, str]] = Counter()
        self._seen: set[bytes] = set()
        self.counts: Counter[str] = Counter()

    def read(self) -> None:
        """Reads and scores every shard, in order."""
        told = Told(self._request.quiet)
        for _, rows in read_rows(self._request.shards, self._request.columns, self.counts):
            kept = self._different(rows)
            for first, stop in cut_texts([text for text, _, _ in kept], BATCH_ROWS, BATCH_BYTES):
                texts, languages, sources = zip(*kept[first:stop], strict=True)
                self._take(TextBatch(texts, languages, sources=sources))
            told(len(rows), len(self._seen))
        told.close()

    def strata(self) -> list[Calibrated]:
        """The strata, by language, source and length; raises `UsageStop` if there is none."""
        least = self._request.least_rows
        found: list[Calibrated] = []
        for rows, _ in self._human_rows:
            found += calibrated(rows, least)
        self.counts["too_few_of_their_kind"] = self.counts["kept"] - sum(s.n for s in found)
        ids = self._ids_hint()
        if not found:
            told = counted({name: count for name, count in self.counts.items() if count})
            lines = (
                "no stratum has enough rows to calibrate",
                f"one language of one source needs {LEAST_ROWS:,}",
                f"rows: {told}",
                ids,
                self._trained_hint(),
            )
            raise UsageStop("; ".join(filter(None, lines)))
        if ids:
            log.tell("calibrating", ids, "warning", hint=ids)
        if len(found) > MOST_STRATA:
            raise UsageStop(
                f"{len(found):,} strata are more than {MOST_STRATA:,}: is the column of sources "
                f"({self._request.columns.groups.get(SOURCE)}) one of ids?"
            )
        return found

    def _ids_hint(self) -> str:
        """What to look at if most sources have one row; empty if they have more."""
        column = self._request.columns.groups.get(SOURCE)
        sizes = list(self._sizes().values())
        if column and sum(sizes) >= LEAST_ROWS and 2 * sizes.count(1) > len(sizes):
            return f"most sources have one row: is the column of sources ({column}) one of ids?"
        return ""

    def _trained_hint(self) -> str:
        """Said if a source would have enough rows with those that the model was trained on."""
        sizes, lost = self._sizes(), self._trained_on.items()
        enough = any(sizes[kind] + n >= LEAST_ROWS for kind, n in lost)
        return "rows that the model was trained on cannot calibrate it" if enough else ""

    def _sizes(self) -> Counter[tuple[str, str]]:
        """How many rows each language and source has."""
        return Counter({kind: sum(map(len, own.scores)) for kind, own in self._groups.items()})

    def manifest(self, inputs: Inputs, strata: Sequence[Calibrated]) -> CalibrationManifest:
        """What the file says of itself."""
        request = self._request
        return CalibrationManifest(
            model=self._scorer.digest,
            origin=request.origin.strip(),
            sampling=request.sampling,
            least_rows=request.least_rows,
            covariates=self._covariates or (),
            strata=tuple(entry.stratum for entry in strata),
            sizes=tuple(entry.n for entry in strata),
            files=tuple(InputFile(s.name, s.rows, s.footer_digest) for s in inputs.shards),
            command=_command(request),
            counts={name: count for name, count in sorted(self.counts.items()) if count},
            other_lanes=self._other_lanes(strata),
            detector_version=Stylometry.version,
            folded_chars=FOLDED_CHARS,
        )

    def _different(self, rows: Rows) -> list[tuple[str, str, str | None]]:
        """Text, language and source of each text that was not met before in the two."""
        request = self._request
        fixed = normalise_code(request.language) if request.language else None
        kept: list[tuple[str, str, str | None]] = []
        for row, text in zip(rows.text_rows, rows.texts, strict=True):
            if not text or not text.strip():
                self.counts["empty"] += 1
                continue
            source = rows.group_value(SOURCE, row) if rows.groups else ""
            if source is None or (rows.groups and not source):
                self.counts["without_source"] += 1
                continue
            if len(source) > SOURCE_CHARS:
                raise UsageStop(
                    f"column {request.columns.groups[SOURCE]!r} has values of more than "
                    f"{SOURCE_CHARS} characters: it does not name sources"
                )
            code = rows.languages[row] if rows.languages else None
            language = fixed or (normalise_code(code) if code else identify(text))
            digest = _digest(text, language, source)
            if digest in self._seen:
                self.counts["repeated"] += 1
                continue
            self._seen.add(digest)
            if self._fitted_on and row_number(text) in self._fitted_on:
                self.counts[TRAINED_ON] += 1
                self._trained_on[language, source] += 1
                continue
            kept.append((text, language, source))
        return kept

    def _take(self, batch: TextBatch) -> None:
        scored = self._scorer.score(batch)
        if self._covariates is None:
            self._covariates = tuple(scored.covariate_names)
        usable = ~np.isnan(scored.scores) & np.isfinite(scored.covariates).all(axis=1)
        self.counts.update(str(reason) for reason in scored.reasons.values())
        self.counts["kept"] += int(usable.sum())
        flagged = self._lanes.flagged(batch)
        keys = list(zip(batch.languages, batch.sources, strict=True))
        for key in dict.fromkeys(keys):
            rows = np.array([place for place, own in enumerate(keys) if own == key])
            self._add(key[0], key[1] or "", scored, flagged, rows[usable[rows]])

    def _add(
        self,
        language: str,
        source: str,
        scored: Scored,
        flagged: "np.typing.NDArray[np.bool_]",
        rows: "np.typing.NDArray[np.int64]",
    ) -> None:
        if len(rows):
            group = self._groups.setdefault((language, source), _Group())
            group.scores.append(scored.scores[rows])
            group.words.append(scored.words[rows])
            group.covariates.append(scored.covariates[rows].astype(np.float64))
            if (measured := scored.measured_of(rows.tolist())) is not None:
                group.measured.append(measured)
            group.elsewhere.append(flagged[rows])

    @cached_property
    def _human_rows(self) -> "list[tuple[HumanRows, np.typing.NDArray[np.bool_]]]":
        """The rows by language and source, and which of them other lanes flag."""
        found = []
        for (language, source), group in sorted(self._groups.items()):
            scores, words = np.concatenate(group.scores), np.concatenate(group.words)
            covariates = np.concatenate(group.covariates)
            measured = np.concatenate(group.measured) if group.measured else None
            elsewhere = np.concatenate(group.elsewhere)
            # So that sums, and with them the file, do not depend on the order of the rows.
            order = np.lexsort((elsewhere, *covariates.T, words, scores))
            of_row = None if measured is None else measured[order]
            arrays = (scores[order], words[order], covariates[order], of_row)
            found.append((HumanRows(language, source, *arrays), elsewhere[order]))
        return found

    def _other_lanes(self, strata: Sequence[Calibrated]) -> OtherLanes:
        """How many rows other lanes flag, and how many any lane does at the policy's alpha."""
        alpha = self._request.config.policy.style.alpha
        reached = conditional_rank if self._request.conditional else rank_reached
        rows = flagged = either = 0
        for human, elsewhere in self._human_rows:
            rows += len(elsewhere)
            flagged += int(elsewhere.sum())
            if alpha is not None:
                either += int((elsewhere | _high(human, strata, lambda n: reached(alpha, n))).sum())
        digest = self._lanes.policy
        return OtherLanes(rows, flagged, None if alpha is None else either, alpha, digest)


def _digest(text: str, language: str, source: str) -> bytes:
    """What is equal for equal texts of one language and source; 16 bytes."""
    kind = repr((language, source)).encode()  # no NUL in it
    return hashlib.sha256(kind + b"\0" + text.encode("utf-8", "surrogatepass")).digest()[:16]


def _high(
    human: HumanRows, strata: Sequence[Calibrated], reached: Callable[[int], int]
) -> "np.typing.NDArray[np.bool_]":
    """Rows that would flag among the others of their stratum.

    ``reached`` gives the greatest rank that flags among so many calibration rows.
    """
    high = np.zeros(len(human.scores), np.bool_)
    for entry in strata:
        own = entry.stratum
        if (own.language, own.source) == (human.language, human.source):
            end = math.inf if own.high is None else own.high
            inside = (human.words >= own.low) & (human.words < end)
            above = entry.n - np.searchsorted(entry.scores, human.scores[inside], side="left")
            high[inside] = above <= reached(entry.n - 1)
    return high
