"""``style calibrate``: human rows to a calibration file.

What is asked for, whether the rows may calibrate, and the file with what it says of itself. How
rows are scored and make strata is in `human_rows`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.planning import Inputs, PlanError, read_inputs
from scrubtrace.beam_pipelines.scanning import SOURCE
from scrubtrace.config import Config
from scrubtrace.detectors.style.calibration import calibration_bytes
from scrubtrace.detectors.style.detector import Stylometry
from scrubtrace.detectors.style.folding import FOLDED_CHARS
from scrubtrace.detectors.style.loading import load_scorer
from scrubtrace.detectors.style.scorer import Scorer
from scrubtrace.detectors.style.strata import Calibrated
from scrubtrace.exits import UsageStop
from scrubtrace.index.sources import read_rows
from scrubtrace.not_read import NotRead, tell_dead
from scrubtrace.out_file import check_out
from scrubtrace.resumable import resumable
from scrubtrace.schemas.plan import Chat, Columns
from scrubtrace.schemas.style import SHIPPED_MODEL, CalibrationManifest, InputFile, StyleError
from scrubtrace.stats.conformal import rows_for
from scrubtrace.style.human_rows import Collected
from scrubtrace.style.lanes import Lanes
from scrubtrace.style.names import check_sources
from scrubtrace.style.progress import Told
from scrubtrace.style.recorded import recorded_path, recorded_settings
from scrubtrace.style.reviewed import decided_column

ALPHA = 0.01
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
        collected = _collected(request, scorer)
        strata = collected.strata(request.least_rows)
        manifest = _manifest(request, scorer, inputs, collected, strata)
        storage.write_atomic(out, calibration_bytes(manifest, strata))
    except StyleError as error:
        raise UsageStop(str(error)) from None
    return manifest


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
                f"{footer.shard.path} has the column {decided!r} of found or reviewed rows: rows "
                "that were picked by a score, dismissed or not, may not calibrate; give a random "
                "sample of rows whose origin somebody vouches for"
            )
    return inputs


def _collected(request: Request, scorer: Scorer) -> Collected:
    """The rows of every shard, read in order and scored; raises `UsageStop` for a wrong column."""
    source = request.columns.groups.get(SOURCE)
    collected = Collected(scorer, Lanes(request.config), source, request.language)
    told, dead_rows = Told(request.quiet), NotRead().take_rows
    given = (request.shards, request.columns, collected.counts)
    for shard, rows in read_rows(*given, dead_rows=dead_rows):
        check_sources(rows, source, shard)
        collected.add(rows)
        told(len(rows), collected.texts)
    told.close()
    return collected


def _manifest(
    request: Request,
    scorer: Scorer,
    inputs: Inputs,
    collected: Collected,
    strata: Sequence[Calibrated],
) -> CalibrationManifest:
    """What the file says of itself."""
    alpha = request.config.policy.style.alpha
    return CalibrationManifest(
        model=scorer.digest,
        origin=request.origin.strip(),
        sampling=request.sampling,
        least_rows=request.least_rows,
        covariates=collected.covariates,
        strata=tuple(entry.stratum for entry in strata),
        sizes=tuple(entry.n for entry in strata),
        files=tuple(InputFile(s.name, s.rows, s.footer_digest) for s in inputs.shards),
        command=_command(request),
        counts={name: count for name, count in sorted(collected.counts.items()) if count},
        other_lanes=collected.other_lanes(strata, alpha, request.conditional),
        detector_version=Stylometry.version,
        folded_chars=FOLDED_CHARS,
        model_file=recorded_path(request.model) if request.model else SHIPPED_MODEL,
    )


def _command(request: Request) -> tuple[str, ...]:
    """The arguments that make the file again in any folder, but for the model."""
    columns = request.columns
    roles = columns.chat.roles
    options = [
        *(("--text-column", path) for path in columns.texts if columns.texts != ("text",)),
        ("--roles", ",".join(roles) if roles != Chat().roles else None),
        ("--source-column", columns.groups.get(SOURCE)),
        ("--language", request.language),
        ("--language-column", columns.language),
        ("--out", recorded_path(request.out)),
        ("--alpha", repr(request.alpha) if request.alpha else None),
        ("--sampling", request.sampling),
        ("--origin", request.origin.strip()),
        *(("--set", setting) for setting in recorded_settings(request.config)),
    ]
    shards = map(recorded_path, request.shards)
    return (*shards, *(word for name, value in options if value for word in (name, value)))
