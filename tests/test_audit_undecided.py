"""Shares of a batch that is not decided to its end, where flagged texts are reviewed before."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from audit_runs import audited, scanned, texts
from audits import Base

from scrubtrace.audit.estimates import Counted, Counts, Finding, cell_estimate, whole_estimate
from scrubtrace.audit.figures import Refusal
from scrubtrace.schemas.identity import DigestKey

TEXTS, DRAWN = 700, 150
CERTAIN = Finding(1)


def cell(flagged: Counts, others: Counts) -> Counted:
    """A cell of flagged texts and others that were drawn alike."""
    pairs = zip(vars(flagged).values(), vars(others).values(), strict=True)
    return Counted("a", "all", *(one + other for one, other in pairs), flagged=flagged)


@pytest.mark.parametrize(
    ("flagged", "others", "refusal"),
    [
        (Counts(76, 14, 14, 14), Counts(624, 136, 0, 0), Refusal.NOT_AT_RANDOM),
        (Counts(76, 14, 13, 13), Counts(624, 136, 46, 3), Refusal.NOT_AT_RANDOM),
        (Counts(76, 14, 0, 0), Counts(624, 136, 46, 3), Refusal.NOT_AT_RANDOM),
        (Counts(76, 14, 0, 0), Counts(624, 136, 0, 0), Refusal.NOT_DECIDED),
        (Counts(76, 14, 14, 14), Counts(624, 136, 46, 3), None),
        (Counts(76, 14, 14, 14), Counts(624, 136, 136, 8), None),
        (Counts(2, 0, 0, 0), Counts(698, 150, 46, 3), None),
    ],
)
def test_decided_texts_that_are_no_random_part(
    flagged: Counts, others: Counts, refusal: Refusal | None
) -> None:
    counted = cell(flagged, others)
    for found in (cell_estimate(counted, 0.95, CERTAIN), whole_estimate([counted], 0.95, CERTAIN)):
        assert found.refusal == refusal
        assert (found.rate is None, found.upper_corrected is None) == (refusal is not None,) * 2
        assert (found.if_undecided is None) == (refusal == Refusal.NOT_DECIDED)


def test_flagged_texts_that_are_all_decided_are_a_part_of_their_own() -> None:
    counted = cell(Counts(70, 10, 10, 10), Counts(630, 90, 30, 3))
    found = cell_estimate(counted, 0.95, CERTAIN)
    parts = [Counted("a", "flagged", 70, 10, 10, 10), Counted("a", "unflagged", 630, 90, 30, 3)]
    assert found.rate == pytest.approx(0.1 + 0.9 * 0.1)
    expected = whole_estimate(parts, 0.95, CERTAIN)
    assert replace(found, if_undecided=None) == replace(expected, if_undecided=None)
    whole = whole_estimate([counted, Counted("b", "all", 100, 9, 9, 0)], 0.95, CERTAIN)
    assert whole.rate == pytest.approx(0.875 * found.rate)


@pytest.mark.parametrize("hits", [(76, 0), (76, 38), (60, 5), (0, 0)])
def test_the_interval_of_a_batch_in_progress_covers_what_there_is(hits: tuple[int, int]) -> None:
    """76 of 700 texts are flagged and were reviewed before; 50 of the others are decided."""
    chance = np.random.default_rng(7)
    sizes = (76, TEXTS - 76)
    truth, covered, below = sum(hits) / TEXTS, 0, 0
    for _ in range(400):
        drawn = int(chance.hypergeometric(*sizes, DRAWN))
        pairs = ((drawn, drawn), (DRAWN - drawn, 50))
        flagged, others = (
            Counts(size, own, decided, int(chance.hypergeometric(hit, size - hit, decided)))
            if decided
            else Counts(size, own, 0, 0)
            for size, hit, (own, decided) in zip(sizes, hits, pairs, strict=True)
        )
        found = cell_estimate(cell(flagged, others), 0.95, CERTAIN)
        assert found.lower is not None
        assert found.upper is not None
        assert found.upper_corrected is not None
        covered += found.lower <= truth <= found.upper
        below += found.upper_corrected < truth
    assert covered / 400 > 0.93
    assert below / 400 < 0.07


def test_a_review_of_flagged_texts_is_no_answer_on_the_draw(
    base: Base, capsys: pytest.CaptureFixture[str]
) -> None:
    """A third of the texts is flagged, and reviewers agreed on all of these before the draw."""
    assert base.plan("march", "--by", "none", "--total", 60) == 0
    capsys.readouterr()
    found = audited(base, "march", "--sensitivity", 0.9)["all"]
    assert found["decided"] == found["hits"] > 5
    reasons = {found["figures"][name]["refusal"] for name in ("reviewed", "upper_bound")}
    assert reasons == {"not_at_random"}
    said = capsys.readouterr().out
    assert "no figure for all texts: the decided texts are no random part of those drawn" in said
    assert "if all are 100.000%" in said


@pytest.fixture
def base(tmp_path: Path, key: DigestKey) -> Base:
    """120 texts, 40 of them flagged, decided in the ordinary review."""
    made = Base(tmp_path)
    made.make_seed()
    scanned(made, "data", {"texts": texts(40, 120, "a")})
    path = tmp_path / "flagged.csv"
    assert made.run("review", "export", "--out", path) == 0
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row | {"decision": "concur"} for row in csv.DictReader(file)]
    assert len(rows) == 40
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert made.run("review", "import", path, "--reviewer", "anna") == 0
    return made
