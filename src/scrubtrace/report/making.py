"""The report as a whole: a summary of three sentences, then the sections."""

from collections.abc import Sequence
from datetime import date

from scrubtrace.report.audit_file import Audited
from scrubtrace.report.audited import audit_sections, audit_sentence
from scrubtrace.report.campaigns import Campaigns, campaign_sections
from scrubtrace.report.coverage import coverage_sections, method_sections, review_sections
from scrubtrace.report.evidence import (
    lane_sections,
    match_sections,
    signature_sections,
    style_sections,
)
from scrubtrace.report.gathering import Gathered
from scrubtrace.report.people import labeler_sections
from scrubtrace.report.shares import PolicyDate, month_sections, share_of, strata_sections
from scrubtrace.review.report.model import Report, Section
from scrubtrace.schemas.messages import Messages
from scrubtrace.stats.counts import ranked


def make_report(
    found: Gathered,
    messages: Messages,
    dates: Sequence[PolicyDate] = (),
    today: date | None = None,
    audited: Audited | None = None,
    campaigns: Campaigns | None = None,
) -> Report:
    """The report of a data set in the language of the messages."""
    sections = [
        *audit_sections(audited, messages),
        *strata_sections(found, messages),
        *month_sections(found, dates, messages),
        *labeler_sections(found, messages),
        *style_sections(found, messages),
        *lane_sections(found, messages),
        *signature_sections(found, messages),
        *match_sections(found, messages),
        *review_sections(found, messages),
        *campaign_sections(campaigns or Campaigns(), messages),
        *coverage_sections(found, messages),
        *method_sections(found, messages),
        *_excerpts(found, messages),
    ]
    balance, flagged = found.outcome.balance, found.outcome.flagged.total()
    facts = (
        (messages.text("rows"), messages.number(balance.rows)),
        (messages.text("texts"), messages.number(found.texts.total())),
        (messages.text("flagged texts"), messages.number(flagged)),
        (messages.text("shards"), messages.number(len(balance.shards))),
        (messages.text("dead rows and shards"), messages.number(found.outcome.dead_letters)),
    )
    made = messages.date(today) if today else ""
    run = found.outcome.run
    return Report(
        messages.text("Traces of LLM text in {dataset}", dataset=found.dataset),
        messages.text("Report of {day}, newest run {run}", day=made, run=run),
        tuple(_summary(found, audited, messages)),
        facts,
        sections,
        messages.language,
        messages.text("Made by scrubtrace. Figures are about these shards at this time."),
    )


def _summary(found: Gathered, audited: Audited | None, messages: Messages) -> list[str]:
    balance, flagged = found.outcome.balance, found.outcome.flagged.total()
    texts = found.texts.total()
    share = share_of("", flagged, texts) if texts else None
    first = messages.text(
        "Of {texts} texts in {rows} rows, {flagged} were flagged for review.",
        texts=messages.number(texts), rows=messages.number(balance.rows),
        flagged=messages.number(flagged),
    )  # fmt: skip
    if share:
        first = messages.text(
            "Of {texts} texts in {rows} rows, {flagged} ({share}) were flagged for review.",
            texts=messages.number(texts), rows=messages.number(balance.rows),
            flagged=messages.number(flagged), share=messages.percent(share.share, 2),
        )  # fmt: skip
    top = ranked(found.outcome.flagged)[:1]
    second = messages.text("Nothing was found that the policy flags.")
    if top:
        second = messages.text(
            "Most of them are of the kind {kind} ({count}).",
            kind=messages.name("kind", top[0][0]), count=messages.number(top[0][1]),
        )  # fmt: skip
    return [first, second, audit_sentence(audited, messages)]


def _excerpts(found: Gathered, messages: Messages) -> list[Section]:
    if not found.excerpts:
        return []
    return [
        Section(
            "excerpts",
            messages.text("Excerpts"),
            (messages.text("Text of rows: keep this report as safe as the data."),),
            excerpts=tuple((one.about, one.text) for one in found.excerpts),
        )
    ]
