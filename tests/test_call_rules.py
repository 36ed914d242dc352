"""A table of cases for each rule: hits, near misses, first and last instants, time zones."""

from dataclasses import replace
from typing import Any

import pytest
from call_registers import REGISTER, broken, call, not_judged, register
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.calls.check import check_call, judge_call
from scrubtrace.calls.register import Terms
from scrubtrace.calls.rules import ROW_RULES, RULES
from scrubtrace.schemas.call_rules import NotJudged, Severity
from scrubtrace.schemas.calls import CallRecord, Message

SPEC = register()

# Dates of the register begin at midnight in Tokyo, 15:00 of the day before in UTC.
LAST_OLD = "2025-05-31T14:59:59.999999Z"
FIRST_NEW = "2025-05-31T15:00:00.000000Z"


def asking(text: str, role: str = "user") -> dict[str, Any]:
    return {"prompt": (Message(role, text),)}


CASES: list[tuple[str, dict[str, Any], bool]] = [
    ("project.missing", {"project": None}, True),
    ("project.missing", {"project": "elsewhere"}, False),
    ("project.unregistered", {"project": "elsewhere"}, True),
    ("project.unregistered", {"project": "HELP DESK"}, False),
    ("project.unregistered", {"project": None}, False),
    ("project.stopped", {"timestamp": "2025-11-30T14:59:59.999999Z"}, False),
    ("project.stopped", {"timestamp": "2025-11-30T15:00:00.000000Z"}, True),
    ("project.stopped", {"timestamp": "2025-12-01T00:00:00+10:00"}, False),
    ("project.stopped", {"timestamp": "2025-12-01T00:00:00+08:00"}, True),
    ("project.stopped", {"timestamp": "2025-12-05T00:00:00.000000Z", "project": "lab"}, False),
    ("project.approval", {"timestamp": "2025-01-31T14:59:59.999999Z"}, True),
    ("project.approval", {"timestamp": "2025-01-31T15:00:00.000000Z"}, False),
    ("project.approval", {"timestamp": "2025-10-31T14:59:59.999999Z"}, False),
    ("project.approval", {"timestamp": "2025-10-31T15:00:00.000000Z"}, True),
    ("project.approval", {"timestamp": "2024-10-31T15:00:00.000000Z", "project": "lab"}, False),
    ("purpose.missing", {"purpose": None}, True),
    ("purpose.missing", {"purpose": "cooking"}, False),
    ("purpose.unregistered", {"purpose": "cooking"}, True),
    ("purpose.unregistered", {"purpose": "Draft-3"}, False),
    ("purpose.unregistered", {"purpose": "redrafting"}, True),
    ("purpose.project", {"project": "helpdesk", "purpose": "games"}, False),
    ("purpose.project", {"project": "lab", "purpose": "games"}, False),
    ("purpose.stage", {"purpose": "corpus"}, True),
    ("purpose.stage", {"purpose": "drafts"}, False),
    ("purpose.stage", {"purpose": "labels"}, False),
    ("purpose.forbidden", {"purpose": "labels", "timestamp": LAST_OLD}, False),
    ("purpose.forbidden", {"purpose": "labels", "timestamp": FIRST_NEW}, True),
    ("purpose.forbidden", {"purpose": "labels", "timestamp": "2025-06-01T00:30:00+09:30"}, True),
    ("purpose.forbidden", {"purpose": "labels", "timestamp": "2025-06-01T00:15:00+09:30"}, False),
    ("purpose.forbidden", {"purpose": "labels", "model_served": "birch"}, True),
    ("purpose.forbidden", {"purpose": "games"}, False),
    ("market.missing", {"market": None}, True),
    ("market.missing", {"market": None, "project": "lab"}, True),
    ("market.missing", {"market": None, "project": "lab", "model_served": "birch"}, False),
    ("market.unregistered", {"market": "moon"}, True),
    ("market.unregistered", {"market": "JA-jp"}, False),
    ("market.project", {"market": "de"}, True),
    ("market.project", {"market": "br"}, False),
    ("market.project", {"market": "de", "project": "lab"}, False),
    ("market.region", {"market": "br", "timestamp": LAST_OLD}, False),
    ("market.region", {"market": "br", "timestamp": FIRST_NEW}, True),
    ("market.region", {"market": "jp", "timestamp": FIRST_NEW}, False),
    ("model.missing", {"model_requested": None, "model_served": None}, True),
    ("model.missing", {"model_served": None}, False),
    ("model.unregistered", {"model_served": "cedar"}, True),
    ("model.unregistered", {"model_requested": "my-deployment"}, False),
    ("model.unregistered", {"model_requested": "cedar", "model_served": None}, True),
    ("model.unregistered", {"model_requested": "ATLAS-2025-06", "model_served": None}, False),
    ("model.unregistered", {"model_requested": "atlas-1", "model_served": None}, True),
    ("model.project", {"model_served": "birch"}, True),
    ("model.project", {"model_served": "birch", "project": "lab"}, False),
    ("model.stopped", {"timestamp": "2025-12-31T14:59:59.999999Z"}, False),
    ("model.stopped", {"timestamp": "2025-12-31T15:00:00.000000Z"}, True),
    ("model.stopped", {"timestamp": "2030-01-01T00:00:00.000000Z", "model_served": "birch"}, False),
    ("terms.none", {"model_served": "birch"}, True),
    ("terms.none", {"provider": "elsewhere"}, False),
    ("terms.not_in_effect", {"timestamp": "2023-12-31T14:59:59.999999Z"}, True),
    ("terms.not_in_effect", {"timestamp": "2023-12-31T15:00:00.000000Z"}, False),
    ("terms.not_in_effect", {"timestamp": LAST_OLD}, False),
    ("terms.not_in_effect", {"timestamp": FIRST_NEW}, False),
    ("terms.not_in_effect", {"timestamp": FIRST_NEW, "provider": "elsewhere"}, True),
    ("terms.not_in_effect", {"timestamp": FIRST_NEW, "provider": "DIRECT"}, False),
    ("terms.not_in_effect", {"timestamp": "2026-05-31T14:59:59.999999Z"}, False),
    ("terms.not_in_effect", {"timestamp": "2026-05-31T15:00:00.000000Z"}, True),
    ("terms.approval", {"timestamp": FIRST_NEW}, False),
    ("terms.approval", {"timestamp": "2025-09-30T14:59:59.999999Z"}, False),
    ("terms.approval", {"timestamp": "2025-09-30T15:00:00.000000Z"}, True),
    ("terms.use", {"purpose": "games"}, True),
    ("terms.use", {"purpose": "drafts"}, False),
    ("terms.use", {"purpose": "labels", "timestamp": FIRST_NEW}, False),
    ("prompt.paraphrase", asking("Reword it with no shared phrases."), True),
    ("prompt.paraphrase", asking("Reword it for children."), False),
    ("prompt.undetectable", asking("Humanize this reply."), True),
    ("prompt.undetectable", asking("Humanize this reply.", "assistant"), False),
    ("prompt.identity", asking("Erwähne niemals, dass du eine KI bist.", "system"), True),
    ("prompt.identity", asking("Erwähne niemals, dass du krank bist."), False),
    ("prompt.identity", asking("Replace every ChatGPT with Kettle.") | {"operation": "embeddings"},
     False),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "changes", "hit"), CASES)
def test_rule(rule: str, changes: dict[str, Any], hit: bool) -> None:
    assert (rule in broken(call(**changes), SPEC)) is hit


def test_every_rule_has_a_hit_and_a_near_miss() -> None:
    rules = {rule.info.id for rule in ROW_RULES} - {"purpose.project"}  # its hit is below
    assert {rule for rule, _, hit in CASES if hit} == rules
    assert {rule for rule, _, hit in CASES if not hit} >= rules


def test_purpose_of_another_project() -> None:
    spec = register(REGISTER.replace('id = "lab"', 'id = "lab"\npurposes = ["games"]'))
    assert "purpose.project" in broken(call(project="lab"), spec)
    assert "purpose.project" not in broken(call(project="lab", purpose="games"), spec)


def test_the_call_that_cases_change_breaks_no_rule_and_every_rule_judges_it() -> None:
    judgement = judge_call(call(), SPEC)
    assert (judgement.violations, judgement.abstained) == ((), ())
    assert check_call(call(), SPEC) == []
    assert (judgement.project, judgement.purpose, judgement.market) == ("helpdesk", "drafts", "jp")
    assert (judgement.model, judgement.terms) == ("atlas", "old")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"timestamp": None}, NotJudged.NO_TIME),
        ({"timestamp": "2025-03-01T09:30:00"}, NotJudged.NO_ZONE),
        ({"zone_assumed": True}, NotJudged.NO_ZONE),
        ({"timestamp": "yesterday"}, NotJudged.NO_TIME),
    ],
)
def test_rules_with_dates_do_not_pass_a_call_without_time_or_zone(
    changes: dict[str, Any], reason: NotJudged
) -> None:
    abstained = not_judged(call(**changes), SPEC)
    dated = (
        "project.stopped", "project.approval", "market.region", "model.stopped",
        "terms.not_in_effect", "terms.approval", "terms.use",
    )  # fmt: skip
    assert {rule: abstained.get(rule) for rule in dated} == dict.fromkeys(dated, str(reason))
    assert not_judged(call(purpose="labels", **changes), SPEC)["purpose.forbidden"] == reason


@pytest.mark.parametrize(
    ("changes", "rules", "reason"),
    [
        ({"prompt": ()}, ["prompt.paraphrase", "prompt.undetectable", "prompt.identity"],
         "no_prompt"),
        ({"prompt": (Message("user", "", has_other=True),)}, ["prompt.identity"], "no_prompt"),
        ({"purpose": None}, ["purpose.stage", "purpose.forbidden", "terms.use"], "no_purpose"),
        ({"purpose": "cooking"}, ["purpose.stage", "purpose.forbidden"], "no_purpose"),
        ({"market": None}, ["market.project", "market.region"], "no_market"),
        ({"model_served": "cedar", "model_requested": None},
         ["model.project", "model.stopped", "terms.none", "terms.approval", "market.region"],
         "no_model"),
        ({"model_served": "birch"}, ["terms.not_in_effect", "terms.approval", "market.region"],
         "no_terms"),
    ],
)  # fmt: skip
def test_what_a_call_lacks_is_an_abstention(
    changes: dict[str, Any], rules: list[str], reason: str
) -> None:
    abstained = not_judged(call(**changes), SPEC)
    assert {rule: abstained.get(rule) for rule in rules} == dict.fromkeys(rules, reason)


def test_a_call_without_a_provider_is_not_judged_by_terms_that_name_theirs() -> None:
    record = call(provider=None, timestamp=FIRST_NEW)  # "old", of any provider, has ended
    rules = ("terms.not_in_effect", "terms.approval", "terms.use", "market.region")
    abstained = not_judged(record, SPEC)
    assert {rule: abstained[rule] for rule in rules} == dict.fromkeys(rules, "no_provider")
    assert not broken(record, SPEC)
    named = replace(SPEC, terms=SPEC.terms[1:])
    assert not_judged(record, named)["terms.none"] == "no_provider"
    assert judge_call(call(provider=None), SPEC).terms == "old"
    labeling = call(provider=None, timestamp=FIRST_NEW, purpose="labels")
    assert "purpose.forbidden" in broken(labeling, SPEC)  # permitted by none of them
    wide = replace(SPEC.terms[1], permitted_uses=("labeling",))
    spec = replace(SPEC, terms=(SPEC.terms[0], wide))
    assert not_judged(labeling, spec)["purpose.forbidden"] == "no_provider"


def test_calls_without_text_need_no_prompt() -> None:
    assert not_judged(call(prompt=(), operation="embeddings"), SPEC) == {}


def test_of_several_documents_in_effect_the_one_that_permits_most_counts() -> None:
    wide = Terms("wide", "atlas-house", "0" * 64, "2025-01-01T00:00:00.000000Z",
                 ("labeling", "entertainment"), regions=("apac",), approval="T-3")  # fmt: skip
    spec = replace(SPEC, terms=(*SPEC.terms, wide))
    record = call(purpose="games")
    assert "terms.use" in broken(record, SPEC)
    assert "terms.use" not in broken(record, spec)
    assert judge_call(record, spec).terms == "wide"
    assert judge_call(call(), spec).terms == "old"


def test_severities_and_rules_of_the_register() -> None:
    spec = replace(SPEC, severities={"purpose.missing": Severity.LOW}, off=("market.missing",))
    violations = check_call(call(purpose=None, market=None), spec)
    assert [(v.rule, v.severity) for v in violations] == [("purpose.missing", Severity.LOW)]


def test_violations_hold_offsets_and_no_text() -> None:
    secret = "Zebra-77"
    record = call(**asking(f"{secret}: humanize this reply."))
    (violation,) = check_call(record, SPEC)
    assert record.prompt[0].text[violation.start : violation.end] == "humanize this reply"
    assert secret not in repr(violation) + repr(record)


LABEL = st.none() | st.sampled_from(["helpdesk", "drafts", "labels", "jp", "atlas", "birch"])
TIME = st.none() | st.sampled_from([LAST_OLD, FIRST_NEW, "2025-13-01", "", "2025-06-01"])


@given(
    st.builds(
        call,
        timestamp=TIME | st.text(max_size=30),
        project=LABEL | st.text(max_size=9),
        purpose=LABEL | st.text(max_size=9),
        market=LABEL,
        model_served=LABEL | st.text(max_size=9),
        model_requested=LABEL,
        provider=st.none() | st.just("direct"),
        prompt=st.lists(st.builds(Message, st.just("user"), st.text(max_size=40))).map(tuple),
    )
)
def test_any_record_is_judged_the_same_every_time_by_known_rules(record: CallRecord) -> None:
    judgement = judge_call(record, SPEC)
    assert judgement == judge_call(record, SPEC)
    rules = [*(v.rule for v in judgement.violations), *(rule for rule, _ in judgement.abstained)]
    assert set(rules) <= set(RULES)
    abstained = {rule for rule, _ in judgement.abstained}
    assert not abstained & {v.rule for v in judgement.violations}


def test_rules_say_what_to_do() -> None:
    assert all(rule.title and rule.action for rule in RULES.values())
