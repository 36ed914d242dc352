"""What decisions say of reviewers and of signatures, against counts by hand."""

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from controls import SPAN, control, decided, fill, flagged, issued, of_both, rows_of
from decision_files import key, line, saved
from scipy.stats import binom
from sqlalchemy import Engine

from scrubtrace.quality import quality_data, quality_lines
from scrubtrace.review.connection import reading
from scrubtrace.review.controls.store import controls_by_key
from scrubtrace.review.decisions.importing import import_decisions
from scrubtrace.review.export import export_csv, export_parquet
from scrubtrace.review.mixing import Mix
from scrubtrace.review.quality.precision import (
    Decided,
    Exports,
    decided_texts,
    exports_by_view,
    learn,
)
from scrubtrace.review.quality.reviewers import (
    group_agreement,
    pair_agreements,
    reviewer_quality,
    says_llm,
)
from scrubtrace.review.store import upsert_items
from scrubtrace.schemas.batches import Origin
from scrubtrace.schemas.review import Decision
from scrubtrace.stats.agreement import krippendorffs_alpha
from scrubtrace.stats.intervals import interval


def origins(engine: Engine) -> dict[str, Origin]:
    """Origin of each line that is a control."""
    given = issued(engine)
    with reading(engine) as connection:
        controls = controls_by_key(connection, {row.control_key for row in given.values()})
    return {item_key: controls[row.control_key].origin for item_key, row in given.items()}


def test_sensitivity_and_specificity_are_measured_by_controls(
    engine: Engine, tmp_path: Path
) -> None:
    german = [control(n, o, language="de") for n, o in enumerate([*Origin] * 2, start=100)]
    items = [flagged(n) for n in range(52)] + [flagged(n, language="de") for n in range(52, 60)]
    fill(engine, items, [*of_both(13), *german])
    export_csv(engine, tmp_path / "f.csv", reviewers=["anna"], mix=Mix(controls=0.5))
    path = tmp_path / "f-anna.csv"
    by_origin = origins(engine)
    llm = sorted(item_key for item_key, origin in by_origin.items() if origin == Origin.LLM)
    human = sorted(set(by_origin) - set(llm))
    assert (len(llm), len(human)) == (15, 15)
    for decision, reason, keys in (
        ("concur", "copied", llm[:9]),
        ("dismiss", "allowed", llm[9:11]),
        ("dismiss", "human", llm[11:13]),
        ("second", "", llm[13:14]),
        ("dismiss", "", human[:12]),
        ("concur", "", human[12:14]),
        ("escalate", "", human[14:]),
    ):
        import_decisions(engine, decided(path, decision, keys, reason), "anna")
    with reading(engine) as connection:
        (anna,) = reviewer_quality(connection)
    assert (anna.reviewer, anna.second, anna.escalate, anna.undecided) == ("anna", 1, 1, 1)
    found, other = anna.rates.sensitivity, anna.rates.specificity
    assert (found.value, found.units, other.value, other.units) == (11 / 13, 13, 12 / 14, 14)
    assert (found.low, found.high) == interval(11, 13)
    assert (other.low, other.high) == interval(12, 14)
    assert set(anna.groups) == {"language en"}
    import_decisions(engine, decided(path, "dismiss", llm[:9], "human"), "anna")
    with reading(engine) as connection:
        (anna,) = reviewer_quality(connection)
    assert anna.rates.sensitivity.value == 2 / 13


def test_controls_of_nobody_are_undecided_until_anybody_decides(
    engine: Engine, tmp_path: Path
) -> None:
    fill(engine, [flagged(n) for n in range(20)], of_both(5))
    export_csv(engine, tmp_path / "f.csv", mix=Mix(controls=0.2))
    with reading(engine) as connection:
        (nobody,) = reviewer_quality(connection)
    assert (nobody.reviewer, nobody.undecided, nobody.rates.sensitivity.value) == ("", 4, None)
    path = decided(tmp_path / "f.csv", "concur", list(issued(engine)))
    import_decisions(engine, path, "anna")
    with reading(engine) as connection:
        (anna,) = reviewer_quality(connection)
    assert (anna.reviewer, anna.undecided) == ("anna", 0)
    assert anna.rates.specificity.value == 0


@pytest.mark.parametrize(
    ("decision", "reason", "is_llm"),
    [
        (Decision.CONCUR, "", True),
        (Decision.DISMISS, "allowed", True),
        (Decision.DISMISS, "quotation", False),
        (Decision.DISMISS, "", False),
    ],
)
def test_what_a_verdict_says_of_the_origin(decision: Decision, reason: str, is_llm: bool) -> None:
    assert says_llm(decision, reason) == is_llm


def brought(engine: Engine, path: Path, reviewer: str, *lines: list[str]) -> None:
    path.write_bytes(saved(lines))
    assert import_decisions(engine, path, reviewer).bad == []


def test_agreement_is_on_the_same_texts_without_controls_and_adjudications(
    engine: Engine, tmp_path: Path
) -> None:
    fill(engine, [flagged(n) for n in range(30)], of_both(5))
    export_csv(engine, tmp_path / "f.csv", mix=Mix(controls=0.2))
    for name in ("anna", "ben"):
        path = decided(tmp_path / "f.csv", "concur", list(issued(engine)))
        import_decisions(engine, path, name)
    path = tmp_path / "d.csv"
    brought(engine, path, "anna", *(line(n, "concur" if n < 12 else "dismiss") for n in range(20)))
    own = {18: "second", 3: "dismiss", 15: "concur"}
    usual = {n: "concur" if n < 12 else "dismiss" for n in range(5, 20)} | {3: "dismiss"}
    brought(engine, path, "ben", *(line(n, own.get(n, said)) for n, said in usual.items()))
    brought(engine, path, "ben", line(16, "concur", "adjudicated"))
    with reading(engine) as connection:
        (pair,) = pair_agreements(connection)
    assert pair.reviewers == ("anna", "ben")
    assert (pair.percent.units, pair.left_out) == (15, 1)
    assert pair.percent.value == 13 / 15
    chance = (8 * 8 + 7 * 7) / 15**2
    assert pair.kappa.value is not None
    assert abs(pair.kappa.value - (13 / 15 - chance) / (1 - chance)) < 1e-12


def test_three_reviewers_have_an_agreement_of_all(engine: Engine, tmp_path: Path) -> None:
    fill(engine, [flagged(n) for n in range(20)], of_both(1))
    path = tmp_path / "d.csv"
    said = ["concur" if n < 10 else "dismiss" for n in range(20)]
    brought(engine, path, "anna", *(line(n, said[n]) for n in range(20)))
    brought(engine, path, "ben", *(line(n, said[n]) for n in range(4, 16)))
    with reading(engine) as connection:
        assert group_agreement(connection) is None
    other = {9: "dismiss", 10: "concur", 11: "second"}
    brought(engine, path, "cleo", *(line(n, other.get(n, said[n])) for n in range(8, 16)))
    with reading(engine) as connection:
        found = group_agreement(connection)
        pairs = pair_agreements(connection)
    assert found is not None
    assert found.reviewers == ("anna", "ben", "cleo")
    ratings = [
        [said[n], said[n], {11: None}.get(n, other.get(n, said[n])) if n >= 8 else None]
        for n in range(4, 16)
    ]
    expected = krippendorffs_alpha(ratings, np.random.default_rng(1))
    assert found.alpha == expected
    assert (found.alpha.units, found.by_all, found.left_out) == (12, 7, 1)
    nothing = Exports(0, 0)
    told = "\n".join(quality_lines([], pairs, found, [], nothing))
    assert "all 3 reviewers: Krippendorff's alpha 0." in told
    assert "over 12 texts that two or more decided, 7 of them all; 1 answers" in told
    data = quality_data([], pairs, found, [], nothing)
    assert data["together"]["alpha"]["value"] == expected.value
    assert quality_data([], [], None, [], nothing)["together"] is None


def test_precision_counts_each_text_once_where_reviewers_agree(
    engine: Engine, tmp_path: Path
) -> None:
    other = SPAN | {"signal": "en.refusal.made_up"}
    mentioned = SPAN | {"signal": "en.closer.made_up", "use": "quoted"}
    items = [flagged(n, evidence=[SPAN, mentioned]) for n in range(8)]
    items += [flagged(n, evidence=[SPAN, other, other]) for n in range(8, 12)]
    items += [flagged(50, text_digest=items[0].text_digest, evidence=[SPAN, mentioned])]
    upsert_items(engine, items, "r1")
    path = tmp_path / "d.csv"
    said = ["concur"] * 6 + ["dismiss"] * 6
    lines = [line(n, said[n], "quotation" if n == 11 else "") for n in range(12)]
    brought(engine, path, "anna", *lines)
    brought(engine, path, "ben", line(5, "dismiss"))
    with reading(engine) as connection:
        found = decided_texts(connection)
    assert found == [
        Decided("boilerplate", None, 5, Counter({"": 5, "quotation": 1})),
        Decided("boilerplate", "en.refusal.made_up", 0, Counter({"": 3, "quotation": 1})),
        Decided("boilerplate", SPAN["signal"], 5, Counter({"": 5, "quotation": 1})),
    ]
    assert found[0].precision().value == 5 / 11
    assert [one.right for one in found] == [6, 1, 6]


def test_what_is_learned_is_corrected_for_looking_at_many() -> None:
    def entry(name: str, right: int, wrong: int, **reasons: int) -> Decided:
        return Decided("boilerplate", name, right, Counter({"human": wrong} | reasons))

    bad, weak, few = entry("bad", 2, 28), entry("weak", 10, 20), entry("few", 0, 9)
    quoted = entry("quoted", 0, 2, quotation=20, allowed=8)
    found = learn([bad, weak, few, quoted], 0.5, 10)
    assert found.looked_at == 3
    (suspect,) = [one for one in found.suspects if one.decided is bad]
    assert suspect.p_value == pytest.approx(float(binom.cdf(2, 30, 0.5)))
    assert suspect.adjusted == pytest.approx(3 * suspect.p_value)
    assert suspect.upper < 0.5
    alone = learn([weak], 0.5, 10).suspects
    assert [one.p_value for one in alone] == pytest.approx([float(binom.cdf(10, 30, 0.5))])
    many = [dataclasses.replace(weak, signal=f"weak {n}") for n in range(3)]
    assert learn(many, 0.5, 10).suspects == []


def test_exports_that_showed_the_evidence_are_counted(engine: Engine, tmp_path: Path) -> None:
    upsert_items(engine, [flagged(1)], "r1")
    export_csv(engine, tmp_path / "f.csv")
    export_csv(engine, tmp_path / "f.csv", mix=Mix(blind=True))
    export_parquet(engine, tmp_path / "f.parquet")
    with reading(engine) as connection:
        found = exports_by_view(connection)
    assert (found.shown, found.blind) == (1, 1)
    assert key(1) in {row["item_key"] for row in rows_of(tmp_path / "f.csv")}
