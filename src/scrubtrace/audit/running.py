"""The job of ``audit run``: flags, references and decisions to shares of all texts."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine

from scrubtrace.audit.clusters import ClusterBy, Grouped, grouped
from scrubtrace.audit.counting import (
    Stratum,
    all_texts,
    parts_of,
    same_shards,
    strata_by_values,
    strata_of_plan,
)
from scrubtrace.audit.estimates import Counted, Counts, Estimate, cell_estimate, whole_estimate
from scrubtrace.audit.figures import (
    REFUSALS,
    Assumption,
    AuditFigure,
    Note,
    Refusal,
    What,
    of_figure,
    without,
)
from scrubtrace.audit.flags import Flags, Tally, count_flags
from scrubtrace.audit.part import Part
from scrubtrace.audit.parts import estimate, lower_bound
from scrubtrace.audit.planning import strata_by
from scrubtrace.audit.population import find_dataset
from scrubtrace.audit.references import (
    Named,
    References,
    Trusted,
    check_trusted,
    load_references,
)
from scrubtrace.audit.result import AuditResult, Entry
from scrubtrace.audit.reviewed import ALL_KINDS, Reviewed, read_batch, reviewed_figures
from scrubtrace.audit.strata import EVERYTHING
from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.drawing.labels import LANGUAGE
from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.config import Config
from scrubtrace.exits import UsageStop
from scrubtrace.lock import check_runs_folder
from scrubtrace.policy import policy_digest
from scrubtrace.resolver import committed_runs
from scrubtrace.review.connection import reading_as_one
from scrubtrace.review.trail.events import head_of
from scrubtrace.stats.prevalence.clusters import RATE, clustered_rate
from scrubtrace.stats.prevalence.expected_error import MOST
from scrubtrace.stats.prevalence.rates import raw_rate

CONFIDENCE = 0.95
COMPARED = (What.LOWER_BOUND, What.BY_FLAGS, What.BY_SCORES)
COUNTS = ("population", "drawn", "decided", "hits")
COUNTED_BY = ("vendor", "source", "stage", "language", "month", "market")
"""What strata can be made by without a batch."""


@dataclass(frozen=True)
class AuditJob:
    """One call of ``audit run``: of a ``batch``, of the runs in ``out``, or of both.

    ``by`` is for runs without a batch; None: language, as the runs know it. ``confidence`` None:
    that of the batch's plan. ``human`` and ``llm`` are data sets in ``out``. An estimate with an
    error to expect above ``max_error`` is refused. ``cluster`` names the texts that tell less
    together. Raises `UsageStop` for what does not go together.
    """

    config: Config
    batch: str | None = None
    out: str | None = None
    dataset: str | None = None
    by: tuple[str, ...] | None = None
    human: tuple[Named, ...] = ()
    llm: tuple[Named, ...] = ()
    trusted: Trusted = field(default_factory=Trusted)
    sensitivity: float | None = None
    confidence: float | None = None
    max_error: float = MOST
    cluster: ClusterBy | None = None
    quiet: bool = True

    def __post_init__(self) -> None:
        check_trusted(self.trusted, self.human)
        if self.batch is None and self.out is None:
            raise UsageStop("name a batch, or the folder of the runs with --out, or both")
        if self.out is None and (self.human or self.llm or self.trusted):
            raise UsageStop("references are data sets of a folder of runs: name it with --out")
        if self.out is None and self.cluster is not None:
            raise UsageStop("--cluster is about flags, not decisions: name the runs with --out")
        if self.out is not None:
            check_runs_folder(self.out)
        if self.batch is None and self.sensitivity is not None:
            raise UsageStop("--sensitivity is about the reviewers of a batch: name one")
        if self.batch is not None and self.by is not None:
            raise UsageStop("--by is for runs without a batch: a batch has its own strata")


@dataclass(frozen=True)
class _Wanted:
    """What figures must hold: their confidence, the largest error to expect, and by clusters."""

    confidence: float
    max_error: float
    cluster: ClusterBy | None


def audit(job: AuditJob, engine: Engine | None = None) -> AuditResult:
    """Everything that can be said; ``engine`` is that of the review table, needed for a batch.

    Raises `UsageStop` for what cannot be done as asked, `IncompleteStop` and `SumsDifferStop` as
    reading results does, `ReviewError`.
    """
    reviewed = review_head = None
    if job.batch is not None and engine is not None:
        with reading_as_one(engine) as connection:
            reviewed = read_batch(connection, job.batch, job.sensitivity)
            review_head = head_of(connection)
    flags = _flags(job, reviewed)
    references = References()
    if flags is not None and job.out is not None:
        given = (job.human, job.llm, job.trusted)
        if job.cluster is not None:
            job.cluster.check(flags, (one.dataset for one in (*job.human, *job.llm)))
        references = load_references(job.out, job.config, flags, *given, job.quiet)
    by, strata = _strata(job, reviewed, flags)
    confidence = job.confidence or _planned_confidence(reviewed)
    wanted = _Wanted(confidence, job.max_error, job.cluster)
    entries = tuple(_entry(one, wanted, flags, references, reviewed) for one in strata)
    return AuditResult(
        dataset=reviewed.batch.dataset if reviewed else flags.dataset if flags else "",
        by=by,
        confidence=confidence,
        max_error=job.max_error,
        policy=policy_digest(job.config.policy),
        entries=entries,
        flags=flags,
        references=references,
        reviewed=reviewed,
        review_head=review_head,
        cells=tuple(_cells(reviewed, confidence)) if reviewed else (),
        wholes=tuple(_wholes(reviewed, confidence)) if reviewed else (),
        notes=tuple(_notes(flags, references, reviewed, entries, job.cluster)),
        cluster=job.cluster,
    )


def _planned_confidence(reviewed: Reviewed | None) -> float:
    goal = reviewed.batch.plan.get("goal", {}) if reviewed else {}
    return float(goal.get("confidence", CONFIDENCE))


def _flags(job: AuditJob, reviewed: Reviewed | None) -> Flags | None:
    """The flags of the audited data set; None without runs."""
    if job.out is None:
        return None
    if reviewed is not None:
        dataset = reviewed.batch.dataset
    else:
        dataset = find_dataset(job.out, job.dataset or job.config.input.dataset)
    newest = next(committed_runs(runs_of(job.out), dataset), None)
    if newest is not None:
        manifest = json.loads(storage.read_bytes(newest[0].manifest))
        if manifest.get("digests", {}).get("policy") != policy_digest(job.config.policy):
            raise UsageStop(
                "the policy is not the one that the newest run was committed with: give --config "
                "of that run, or call scrubtrace commit with this configuration first"
            )
    return count_flags(job.out, dataset, job.config, quiet=job.quiet)


def _strata(
    job: AuditJob, reviewed: Reviewed | None, flags: Flags | None
) -> tuple[tuple[str, ...], list[Stratum]]:
    """What strata are made by, and the strata, the one of all texts last."""
    plan = None
    if reviewed is not None:
        plan = reviewed.batch.plan
        by, strata = tuple(plan.get("by", ())), strata_of_plan(plan, flags)
    else:
        assert flags is not None
        by = _checked_by(job, flags)
        strata = strata_by_values(flags, by)
    whole = all_texts(plan, flags)
    return by, [*(one for one in strata if one.name != EVERYTHING), whole]


def _checked_by(job: AuditJob, flags: Flags) -> tuple[str, ...]:
    asked = job.by
    for name in asked or ():
        if name in job.config.privacy.pseudonymous:
            raise UsageStop(
                f"--by {name}: it names people (privacy.pseudonymous), and an audit shows no names"
            )
        if name not in COUNTED_BY:
            raise UsageStop(f"--by takes {', '.join(COUNTED_BY)}, or none; not {name!r}")
    by = (LANGUAGE,) if asked is None else tuple(dict.fromkeys(asked))
    strata_by(by, flags.spec.columns, identify=True)
    return by


def _entry(
    stratum: Stratum,
    wanted: _Wanted,
    flags: Flags | None,
    references: References,
    reviewed: Reviewed | None,
) -> Entry:
    confidence, cluster = wanted.confidence, wanted.cluster
    parts = parts_of(stratum, flags, references, cluster) if flags is not None else ()
    judged = sum((part.tally for part in parts), Tally())
    trusted = stratum.counted.texts - judged.texts
    texts, planned = stratum.planned or (stratum.counted.texts, 0)
    texts, flagged = texts - trusted, judged.flagged if stratum.cells else planned
    clusters = None
    if cluster is not None and flags is not None and stratum.cells:
        own = [pair for pair in stratum.cells.items() if not references.trusted.includes(pair[0])]
        clusters = grouped(flags, own, cluster)
    figures = [_rate(flagged, texts, confidence, cluster is not None, clusters)]
    figures += _compared(stratum, parts, wanted, flags, texts)
    cells = _cells_of(stratum, reviewed)
    sensitivity = reviewed.sensitivity(stratum.values.get(LANGUAGE)) if reviewed else None
    if sensitivity is None or trusted:
        reason = Refusal.NO_BATCH if sensitivity is None else Refusal.DRAWN_FROM_TRUSTED
        names = (What.REVIEWED, What.UPPER_BOUND)
        figures += [without(what, confidence, texts, reason) for what in names]
    else:
        figures += reviewed_figures(cells, confidence, sensitivity)
    drawn, decided, hits = (
        sum(getattr(cell, name) for cell in cells) for name in ("drawn", "decided", "hits")
    )
    return Entry(
        name=stratum.name,
        values=stratum.values,
        texts=texts,
        flagged=flagged,
        by_rule=judged.by_rule if stratum.cells else None,
        trusted=trusted,
        drawn=drawn,
        decided=decided,
        hits=hits,
        figures=tuple(figures),
        parts=parts,
        sensitivity=sensitivity,
        clusters=clusters,
    )


def _rate(
    flagged: int, texts: int, confidence: float, is_widened: bool, clusters: Grouped | None
) -> AuditFigure:
    """How many are flagged. Where clusters say too little, it has no interval and says why."""
    if not is_widened or not texts:
        return of_figure(What.FLAGGED, raw_rate(flagged, texts, confidence))
    problem = clusters.problem("the data", "texts") if clusters is not None else None
    if clusters is None or problem is not None:
        reason, told = problem or (Refusal.NOT_COUNTED, "")
        words = REFUSALS[reason] + (f" ({told})" if told else "")
        shown = (What.FLAGGED, RATE, flagged / texts, None, None, confidence, texts)
        return AuditFigure(*shown, detail=f"no interval: {words}")
    figure = clustered_rate(flagged, texts, clusters.clusters("flagged", "texts"), confidence)
    return of_figure(What.FLAGGED, figure, Assumption.CLUSTERS_INDEPENDENT)


def _compared(
    stratum: Stratum, parts: Sequence[Part], wanted: _Wanted, flags: Flags | None, texts: int
) -> list[AuditFigure]:
    """The figures that rest on references."""
    if flags is None or stratum.problem:
        reason = Refusal.NO_RUNS if flags is None else Refusal.NOT_COUNTED
        about = (wanted.confidence, texts, reason, stratum.problem)
        return [without(what, *about) for what in COMPARED]
    texts = max(texts, sum(part.tally.judged for part in parts))
    found = [lower_bound(parts, texts, wanted.confidence)]
    given = (parts, texts, wanted.confidence, wanted.max_error)
    return found + [estimate(what, *given) for what in (What.BY_FLAGS, What.BY_SCORES)]


def _cells_of(stratum: Stratum, reviewed: Reviewed | None) -> list[Counted]:
    cells = reviewed.cells if reviewed else ()
    return [cell for cell in cells if stratum.name in (cell.stratum, EVERYTHING)]


def _notes(
    flags: Flags | None,
    references: References,
    reviewed: Reviewed | None,
    entries: Sequence[Entry],
    cluster: ClusterBy | None,
) -> Iterator[Note]:
    if flags is not None and reviewed is not None:
        drawn_from = reviewed.batch.plan.get("runs_with_results", ())
        if sorted(drawn_from) != sorted(flags.runs):
            yield Note.OTHER_RUNS
        if not same_shards(reviewed.batch.plan, flags):
            yield Note.OTHER_SHARDS
    if flags is not None and flags.empty:
        yield Note.EMPTY_AMONG_TEXTS
    if references.human and entries[-1].by_rule != entries[-1].flagged:
        yield Note.BY_RULE
    if reviewed is not None and cluster is not None:
        yield Note.DRAWN_ONE_BY_ONE


def _cells(reviewed: Reviewed, confidence: float) -> Iterator[tuple[Counted, Estimate]]:
    """Each cell that texts were drawn from."""
    languages = {
        name: about.get("values", {}).get(LANGUAGE)
        for name, about in reviewed.batch.plan["strata"].items()
    }
    for cell in reviewed.cells:
        found = reviewed.sensitivity(languages[cell.stratum]).finding(confidence)
        yield cell, cell_estimate(cell, confidence, found)


def _wholes(reviewed: Reviewed, confidence: float) -> Iterator[tuple[Counted, Estimate]]:
    """All texts, and where they were drawn for themselves, those flagged and not flagged."""
    cells = list(reviewed.cells)
    kinds = sorted({cell.of for cell in cells})
    groups = [cells]
    if kinds != [ALL_KINDS]:
        groups += [[cell for cell in cells if cell.of == kind] for kind in kinds]
    found = reviewed.sensitivity(None).finding(confidence)
    for group, of in zip(groups, [ALL_KINDS, *kinds], strict=False):
        flagged = [cell.flagged for cell in group if cell.flagged is not None]
        population, drawn, decided, hits = _sums(group)
        sums = (population, drawn, decided, hits, Counts(*_sums(flagged)))
        yield Counted(EVERYTHING, of, *sums), whole_estimate(group, confidence, found)


def _sums(counted: Sequence[Counted | Counts]) -> Iterator[int]:
    """The counts of texts, each added up."""
    return (sum(getattr(one, name) for one in counted) for name in COUNTS)
