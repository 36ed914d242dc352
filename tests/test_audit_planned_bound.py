"""What ``audit plan`` promises if no text is a hit is what ``audit run`` gives then."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from audit_runs import audited, controls_added, decided, scanned, texts
from audits import Base

from scrubtrace.audit.estimates import Counted, Finding, whole_estimate
from scrubtrace.audit.reviewed import estimate_of
from scrubtrace.audit.sizes import Goal
from scrubtrace.schemas.identity import DigestKey


@pytest.mark.parametrize("pairs", [[(500, 60)], [(500, 60), (200, 60)], [(500, 60), (12, 12)]])
@pytest.mark.parametrize("finding", [Finding(1), Finding(0.8, is_measured=True)])
def test_the_planned_bound_is_that_of_the_run(
    pairs: Sequence[tuple[int, int]], finding: Finding
) -> None:
    promised = Goal(total=1, sensitivity=finding.at_least).reached(pairs)
    cells = [Counted(str(n), "all", size, own, own, 0) for n, (size, own) in enumerate(pairs)]
    assert estimate_of(cells, 0.95, finding).upper_corrected == pytest.approx(promised)
    assert whole_estimate(cells, 0.95, finding).upper_corrected == pytest.approx(promised)
    given = estimate_of(cells, 0.95, Finding(finding.at_least)).upper_corrected
    assert given is not None
    assert given <= promised + 1e-12


def test_what_was_all_read_is_settled_for_reviewers_who_miss_nothing() -> None:
    read = Counted("a", "all", 20, 20, 20, 5)
    assert estimate_of([read], 0.95, Finding(1)).upper_corrected == 0.25
    assert whole_estimate([read], 0.95, Finding(1)).upper_corrected == 0.25
    for finding in (Finding(0.9), Finding(1, is_measured=True)):
        found = estimate_of([read], 0.95, finding).upper_corrected
        assert found is not None
        assert found > 0.4


@pytest.mark.parametrize("by", ["none", "vendor"])
def test_a_plan_whose_texts_are_all_dismissed_has_its_bound(
    tmp_path: Path, key: DigestKey, by: str
) -> None:
    base = Base(tmp_path)
    base.make_seed()
    north = {"texts": texts(0, 200, "a")}
    scanned(base, "data", north, {"texts": texts(0, 100, "b"), "vendor": "south"})
    assert base.plan("march", "--by", by, "--bound", 0.05, "--sensitivity", 0.8) == 0
    promised = base.batch("march")[0].plan["reached"]
    assert promised <= 0.05
    controls_added(base, 60)
    decided(base, "march", missed=0, share="0.5")
    measured, given = (
        audited(base, "march", *options)["all"] for options in ((), ("--sensitivity", 0.8))
    )
    assert measured["hits"] == 0
    assert measured["sensitivity"]["controls"] >= 20
    for found in (measured, given):
        assert 0 < found["figures"]["upper_bound"]["upper"] <= promised
