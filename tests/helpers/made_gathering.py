"""What a report is about, made up so that every section of it has something to say."""

import dataclasses

from scrubtrace.balance import Balance
from scrubtrace.config import load_config
from scrubtrace.outcome import Outcome
from scrubtrace.report.gathering import Excerpt, Gathered, MatchedSource
from scrubtrace.schemas.plan import Columns, DeadShard, DetectorSpec, RunSpec
from scrubtrace.schemas.receipts import Tally
from scrubtrace.schemas.review import State
from scrubtrace.schemas.style import P_BINS
from scrubtrace.schemas.vocabulary import Abstained, DeadReason, Kind, Lane
from scrubtrace.style.flagging import Stratum
from scrubtrace.style_words import NO_RATE, NO_TEXT, OTHER_KIND, TOO_FEW

PROBLEMS = (
    TOO_FEW.format(alpha="0.01", rows="1,200", more="800", needed="2,000"),
    OTHER_KIND.format(shift="40%", measure="length", drift="25%"),
    NO_RATE.format(rows="1,200", level="0.05"),
    NO_TEXT.format(level="0.05", least="12", p="0.00083"),
)
STRATA = ("en/wiki/75-", "de/wiki/75-149", "ja//30-74", "zh/essays/75-", "id/essays/150-299")
DETECTORS = tuple(
    DetectorSpec(f"d{number}", "1", lane, f"{number:016x}") for number, lane in enumerate(Lane)
)
SPEC = RunSpec("soups", Columns("t"), DETECTORS, "k", None, "i", 1, 1, 1, 1)
MONTHS = tuple(f"{2022 + number // 12}-{number % 12 + 1:02d}" for number in range(6, 30))
MANIFEST = {
    "committed_at": "2026-01-01T00:00:00+00:00",
    "plan_sha256": "0a" * 32,
    "digests": {"policy": "1b", "key_id": "2c", "detectors": {"d0": "3d"}},
}


def gathered(months: tuple[str, ...] = MONTHS) -> Gathered:
    """Texts of two vendors and more languages than a table has rows, flagged from March 2023 on.

    Groups are named by numbers.
    """
    found = Gathered(
        "soups", SPEC, MANIFEST, Outcome("0", "soups", _balance(), []), load_config(None)
    )
    for number, month in enumerate((*months, None)):
        for place in range(41):
            cell = (
                f"q{place:02d}",
                None,
                f"0{place % 2}",
                "00" if place % 5 else None,
                None,
                None,
                month,
            )
            found.texts[cell] += 400
            found.flagged[cell] += 9 + place % 3 if number > 9 else place % 2
    _judged(found.outcome)
    found.signals.update({("d1", f"9{number}"): 50 - number for number in range(30)})
    found.matches = [_match(number) for number in range(52)]
    found.states.update({(Kind.LLM_TEXT, state): 7 for state in State})
    found.excerpts = [Excerpt("0, 1", "0")]
    found.runs = ("0",)
    found.review_head = "4e"
    return found


def nothing_found() -> Gathered:
    """A run that read nothing."""
    balance = Balance(rows=3, texts=3, null_texts=3, shards={"0": 3})
    outcome = Outcome("0", "soups", balance, [])
    return Gathered("soups", SPEC, MANIFEST, outcome, load_config(None), empty_apart=False)


def _balance() -> Balance:
    balance = Balance(rows=450_000, texts=450_000, shards={"0": 450_000}, empty_texts=2)
    balance.dead.update({"0": 2})
    for planned in DETECTORS:
        tally = Tally(judged=449_000, texts_judged=449_000)
        tally.texts_abstained.update(dict.fromkeys(Abstained, 250))
        tally.abstained.update({Abstained.DETECTOR_ERROR: 250})
        balance.detectors[planned.name] = tally
    return balance


def _judged(outcome: Outcome) -> None:
    outcome.flagged.update({kind: 90 - place for place, kind in enumerate(Kind)})
    outcome.reported.update({Kind.API_FORMAT: 3})
    outcome.dead_shards = [DeadShard("0", "0", reason, "") for reason in DeadReason] * 11
    for place, name in enumerate(STRATA):
        bins = [900 + 2000 * (place == 0), *(900 + number % 7 for number in range(P_BINS - 1))]
        problem = PROBLEMS[place - 1] if place else ""
        outcome.style.strata[name] = Stratum(
            name, sum(bins), 0, n=1200, flagged=1700, expected_false=18.5, problem=problem,
            p_values=bins,
        )  # fmt: skip


def _match(number: int) -> MatchedSource:
    classes = ("verbatim", "edited", "scrubbed", "excerpt", "paraphrased", "passage", "input_match")
    counts = tuple((name, 100 - number) for name in classes)
    return MatchedSource(f"8{number}", "77", 700 - number, counts, "2023-03", "2024-05")


def with_labelers(clean: int = 120) -> Gathered:
    """Sixty labelers, one of them flagged more often than the others, and referred to review.

    ``clean`` is the number of clean texts of each.
    """
    found = nothing_found()
    columns = Columns("t", groups={"labeler": "w", "created_at": "d"})
    found.spec = dataclasses.replace(SPEC, columns=columns)
    for number in range(60):
        name = f"p-{number:05d}-00000"
        for month, texts, flagged in (
            ("2022-03", clean, number % 3),
            ("2023-03", 120, number % 3 if number != 7 else 60),
        ):
            cell = ("q00", name, None, None, None, None, month)
            found.texts[cell] = texts
            found.flagged[cell] = found.flagged_without_style[cell] = flagged
    found.referred = frozenset({"p-00007-00000"})
    return found
