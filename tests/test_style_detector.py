"""The style detector on a made-up model: ranks, abstentions, what never flags."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from style_scorer import FakeScorer, RankingScorer, essay, write_calibration

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.detector import Detector, checked_evidence, detect_each
from scrubtrace.detectors.style import detector as module
from scrubtrace.detectors.style.detector import Stylometry
from scrubtrace.schemas.evidence import Evidence
from scrubtrace.schemas.style import P_BINS, KindCount, PValueCount, RankedAmong, StyleError
from scrubtrace.words import in_words


@pytest.fixture(autouse=True)
def _fake_model(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {None: FakeScorer(), "other": FakeScorer("model-2"), "ranks": RankingScorer()}
    monkeypatch.setattr(module, "load_scorer", made.__getitem__)


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_calibration(tmp_path_factory.mktemp("style") / "human.npz", source="essays"))


def batch_of(*texts: str, language: str = "en", source: str | None = "essays") -> TextBatch:
    return TextBatch(texts, [language] * len(texts), sources=[source] * len(texts))


def spans(evidence: Evidence) -> list[dict[str, Any]]:
    return [row | {"about": json.loads(row["value"])} for row in evidence.found.to_pylist()]


def judged(evidence: Evidence) -> dict[str, int]:
    """Counts but for those of kinds, of p-values and of calibration rows."""
    parts = (KindCount, PValueCount, RankedAmong)
    return {name: n for name, n in evidence.counts.items() if not any(p.read(name) for p in parts)}


def reasons(evidence: Evidence) -> dict[int, str]:
    return {row["row"]: row["reason"] for row in evidence.abstained.to_pylist()}


def test_it_is_a_detector(calibration: str) -> None:
    detector = Stylometry(calibration=calibration)
    assert isinstance(detector, Detector)
    assert detector.languages == {"en", "zh"}


def test_a_text_that_scores_above_all_human_rows_has_the_smallest_p_value(
    calibration: str,
) -> None:
    batch = batch_of(essay(5_000), essay(5_001, moreover=20))
    evidence = checked_evidence(Stylometry(calibration=calibration), batch)
    (span,) = spans(evidence)
    assert (span["row"], span["category"], span["strength"], span["use"], span["score"]) == (
        1, "style", "weak", "asserted", 0.001,
    )  # fmt: skip
    about = span["about"]
    assert about["stratum"] == "en/essays/0-"
    assert about["smallest_p"] == 0.001
    assert (about["n"], about["calibrated"], about["alike"]) == (999, True, True)
    assert [reason["feature"] for reason in about["reasons"]] == ["word_length", "burstiness", "x"]
    assert about["reasons"][0]["whose"] == "calibration"
    assert reasons(evidence) == {}
    assert judged(evidence) == {"en/essays/0-": 2}
    assert evidence.counts[RankedAmong("en/essays/0-", 999).name] == 2


def test_reasons_are_words_that_hold(calibration: str) -> None:
    evidence = Stylometry(calibration=calibration).detect(batch_of(essay(1, moreover=20)))
    words = in_words(evidence.found.to_pylist()[0])
    assert words.startswith(
        "ranks high among 999 of your human rows (en, essays, 0 words and more; p = 0.001); "
        "words are shorter than in"
    )
    assert "burstiness is lower than in 97% of the model's human rows" in words
    assert words.endswith(": weak")


@pytest.mark.parametrize(
    ("batch", "reason"),
    [
        (batch_of("a"), "too_short"),
        (batch_of(""), "too_short"),
        (batch_of(" \n"), "too_short"),
        (batch_of("😀" * 9), "too_short"),
        (batch_of(essay(1), language="fr"), "language_not_covered"),
        (batch_of(essay(1), language="und"), "language_not_covered"),
        (batch_of(essay(1), language="zh"), "not_calibrated"),
        (batch_of(essay(1), source="news"), "not_calibrated"),
        (batch_of(essay(1), source=None), "not_calibrated"),
        (TextBatch([essay(1)], ["en"]), "not_calibrated"),
    ],
)
def test_where_it_abstains(calibration: str, batch: TextBatch, reason: str) -> None:
    evidence = checked_evidence(Stylometry(calibration=calibration), batch)
    assert (spans(evidence), reasons(evidence), evidence.counts) == ([], {0: reason}, {})


def test_without_a_calibration_it_abstains() -> None:
    assert reasons(Stylometry().detect(batch_of(essay(1)))) == {0: "not_calibrated"}


def test_an_empty_batch_has_no_evidence(calibration: str) -> None:
    evidence = checked_evidence(Stylometry(calibration=calibration), TextBatch([]))
    assert evidence.found.num_rows == evidence.abstained.num_rows == 0


@pytest.mark.parametrize(
    "text",
    [
        essay(1, 150_000, moreover=40_000),
        "moreover " * 110_000,
        essay(1, 60, moreover=20, digits=True),
        "```\nx = 1\n```\n" * 3 + "moreover " * 9,
    ],
)
def test_texts_unlike_the_calibration_rank_and_never_flag(calibration: str, text: str) -> None:
    evidence = checked_evidence(Stylometry(calibration=calibration), batch_of(text))
    (span,) = spans(evidence)
    assert span["score"] == 0.001
    assert (span["about"]["calibrated"], span["about"]["alike"]) == (True, False)
    assert judged(evidence) == {"en/essays/0-": 1, "en/essays/0- (unlike)": 1}
    assert "unlike them" in in_words(span)


def test_rows_without_calibration_rank_among_the_models_own(calibration: str) -> None:
    detector = Stylometry(model="ranks", calibration=calibration)
    batch = batch_of(essay(1, moreover=20), essay(2), source="news")
    evidence = checked_evidence(detector, batch)
    (span,) = spans(evidence)
    assert (span["row"], span["score"]) == (0, 0.0)
    assert (span["about"]["calibrated"], span["about"]["alike"]) == (False, False)
    assert evidence.counts == {"en (not calibrated)": 2}
    assert "not calibrated, never flags" in in_words(span)
    chinese = detector.detect(batch_of(essay(1), language="zh"))
    assert reasons(chinese) == {0: "not_calibrated"}


def test_a_stratum_too_small_for_any_evidence_is_not_calibrated(tmp_path: Path) -> None:
    path = write_calibration(tmp_path / "few.npz", 30, source="essays")
    batch = batch_of(essay(1, moreover=20))
    few = Stylometry(calibration=str(path), keep=0.01).detect(batch)
    assert reasons(few) == {0: "not_calibrated"}
    (span,) = spans(Stylometry(calibration=str(path)).detect(batch))
    assert span["score"] == pytest.approx(1 / 31)


def test_how_many_human_rows_are_kept(calibration: str) -> None:
    batch = batch_of(*(essay(20_000 + seed, 40 + seed % 40) for seed in range(2_000)))
    evidence = Stylometry(calibration=calibration).detect(batch)
    assert 60 <= evidence.found.num_rows <= 140
    assert evidence.counts["en/essays/0-"] == 2_000
    bins = [evidence.counts[PValueCount("en/essays/0-", number).name] for number in range(P_BINS)]
    assert sum(bins) == 2_000
    assert all(50 <= count <= 160 for count in bins)
    assert evidence.counts["en/essays/0- (unlike)"] <= 45


def test_evidence_does_not_depend_on_the_batch(calibration: str) -> None:
    detector = Stylometry(calibration=calibration)
    texts = [essay(seed, 30 + seed, moreover=seed % 9) for seed in range(80)] + ["", "short"]
    whole = spans(detector.detect(batch_of(*texts)))
    rows = list(range(len(texts)))
    random.Random(1).shuffle(rows)
    found = []
    for first in range(0, len(rows), 7):
        part = rows[first : first + 7]
        evidence = detector.detect(batch_of(*texts).take(part))
        found += [span | {"row": part[span["row"]]} for span in spans(evidence)]
    assert sorted(found, key=lambda span: span["row"]) == whole


def test_counts_are_kept_when_one_row_raises(
    calibration: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = Stylometry(calibration=calibration)
    score = FakeScorer.score

    def raising(self: FakeScorer, batch: TextBatch) -> Any:
        if "bad" in batch.texts:
            raise RuntimeError
        return score(self, batch)

    monkeypatch.setattr(FakeScorer, "score", raising)
    batch = batch_of(essay(1), essay(2, moreover=20), "bad", essay(3))
    evidence = detect_each(detector, batch)
    assert judged(evidence) == {"en/essays/0-": 3}
    assert reasons(evidence) == {2: "detector_error"}
    assert [span["row"] for span in spans(evidence)] == [1]


def test_the_fingerprint_covers_model_calibration_and_options(
    calibration: str, tmp_path: Path
) -> None:
    few = str(write_calibration(tmp_path / "few.npz", 30))
    detectors = [
        Stylometry(),
        Stylometry(model="other"),
        Stylometry(calibration=calibration),
        Stylometry(calibration=few),
        Stylometry(calibration=few, keep=0.04),
    ]
    assert len({detector.fingerprint() for detector in detectors}) == 5
    assert Stylometry(calibration=few).fingerprint() == detectors[3].fingerprint()


@pytest.mark.parametrize("keep", [0, 1, -0.1, 2.0, "0.05", None, float("nan")])
def test_keep_is_a_p_value(keep: Any) -> None:
    with pytest.raises(StyleError, match="keep is a p-value"):
        Stylometry(keep=keep)
