"""The match lane: references found again after edits, and what is found in unrelated texts."""

import errno
import json
import os
import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_texts import VOCABULARY, prose

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.detector import checked_evidence
from scrubtrace.detectors.reference.building import Reference as Text
from scrubtrace.detectors.reference.building import (
    SegmentWriter,
    extended,
    finish,
    new_manifest,
    write_manifest,
)
from scrubtrace.detectors.reference.calibration import allowed, calibrate, upper_bound
from scrubtrace.detectors.reference.detector import Reference
from scrubtrace.detectors.reference.index import MANIFEST, ReferenceIndex
from scrubtrace.detectors.reference.passages import located, shared
from scrubtrace.detectors.reference.segments import ReferenceIndexError
from scrubtrace.detectors.reference.trusted import Trusted, write_background
from scrubtrace.schemas.vocabulary import MatchClass

REFERENCES = [Text(f"call-{n}", "completion", prose(n), "model-x", f"task-{n}") for n in range(60)]
PROMPT = Text("call-0", "prompt", prose(900), "model-x")
TRUSTED = [Trusted(prose(10_000 + n), "en", f"row {n}") for n in range(3_100)]


def build(path: Path, trusted: list[Trusted] = TRUSTED, scale: int = 1) -> Path:
    path.mkdir()
    writer = SegmentWriter(path, scale)
    writer.add([*REFERENCES, PROMPT])
    manifest = extended(new_manifest("a test", scale), writer)
    if trusted:
        manifest = type(manifest)(
            **manifest.__dict__ | {"background": write_background(path, trusted, Counter())}
        )
    finish(path, manifest)
    return path


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("lane") / "index")


def found(index: Path, text: str) -> dict[str, Any] | None:
    """The match of one text: class, category, strength and what is known of the source."""
    evidence = checked_evidence(Reference(str(index)), TextBatch([text], ["en"]))
    spans = evidence.found.to_pylist()
    if not spans:
        return None
    main = next(span for span in spans if span["start"] is None)
    return main | {"about": json.loads(main["value"]), "passages": [*spans][1:]}


def sentences(text: str) -> list[str]:
    return re.findall(r"[^.]+\. ?", text)


def masked(text: str) -> str:
    """Every seventh word becomes a tag."""
    words = text.split()
    return " ".join("[NAME]" if place % 7 == 0 else word for place, word in enumerate(words))


def reordered(text: str) -> str:
    parts = sentences(text)
    random.Random(3).shuffle(parts)
    return "".join(parts[:-2])


def excerpt(text: str) -> str:
    return f"{prose(501, 100)} {' '.join(text.split()[20:80])} {prose(502, 100)}"


def reworded(text: str) -> str:
    """Two of five words replaced by others."""
    rng = random.Random(5)
    words = text.split()
    return " ".join(rng.choice(VOCABULARY) if n % 5 in (1, 4) else w for n, w in enumerate(words))


@pytest.mark.parametrize(
    ("change", "kind", "strength"),
    [
        (str, MatchClass.VERBATIM, "proof"),
        (str.upper, MatchClass.VERBATIM, "proof"),
        (lambda text: f"Sure! Here it is: {text}", MatchClass.EDITED, "proof"),
        (reordered, MatchClass.EDITED, "strong"),
        (masked, MatchClass.SCRUBBED, "strong"),
        (excerpt, MatchClass.EXCERPT, "proof"),
        (reworded, MatchClass.PARAPHRASED, "strong"),
    ],
)
def test_a_changed_reference_is_found_with_its_class(
    index: Path, change: Callable[[str], str], kind: MatchClass, strength: str
) -> None:
    match = found(index, change(REFERENCES[7].text))
    assert match is not None
    assert match["about"]["source"] == "call-7"
    assert match["category"] == kind
    assert match["strength"] in (strength, "proof")


def test_a_text_of_a_prompt_is_an_input_match(index: Path) -> None:
    match = found(index, PROMPT.text)
    assert match is not None
    assert match["category"] == "input_match"
    assert match["about"] | {"part": "prompt", "class": "verbatim"} == match["about"]


@pytest.mark.parametrize(("task", "same"), [("task-7", True), ("task-8", False), (None, None)])
def test_a_text_is_compared_with_the_answers_to_its_task(
    index: Path, task: str | None, same: bool | None
) -> None:
    batch = TextBatch([masked(REFERENCES[7].text)], ["en"], [task])
    spans = checked_evidence(Reference(str(index)), batch).found.to_pylist()
    about = json.loads(next(span["value"] for span in spans if span["start"] is None))
    assert about["source"] == "call-7"
    assert about.get("same_task") == same


def test_unrelated_texts_are_not_flagged(index: Path) -> None:
    matches = [found(index, prose(50_000 + n)) for n in range(300)]
    sure = [match for match in matches if match and match["strength"] != "weak"]
    assert len([match for match in matches if match]) <= 12
    assert not sure


def test_masked_tags_do_not_match(index: Path) -> None:
    tags = " ".join(["[NAME] XXXX <PHONE>"] * 40)
    assert found(index, f"{tags} {prose(70_000, 30)}") is None


def test_passages_have_the_same_words_on_both_sides(index: Path) -> None:
    text = excerpt(REFERENCES[3].text)
    match = found(index, text)
    assert match is not None
    for span in match["passages"]:
        start, end = map(int, span["value"].split("-"))
        assert REFERENCES[3].text[start:end].lower() == text[span["start"] : span["end"]].lower()
    assert match["about"]["longest_passage_words"] >= 60


@pytest.mark.parametrize("text", ["", "  ", "Too short to say anything.", "12 34"])
def test_short_texts_are_abstained_from(index: Path, text: str) -> None:
    evidence = Reference(str(index)).detect(TextBatch([text], ["en"]))
    assert evidence.found.num_rows == 0
    assert evidence.abstained.num_rows == bool(text.strip())


def test_evidence_does_not_depend_on_the_batch(index: Path) -> None:
    texts = [REFERENCES[n].text[n * 3 :] for n in range(20)] + [prose(80_000 + n) for n in range(9)]
    whole = Reference(str(index)).detect(TextBatch(texts, ["en"] * len(texts)))
    for row, text in enumerate(texts):
        alone = Reference(str(index)).detect(TextBatch([text], ["en"])).found.to_pylist()
        together = [s | {"row": 0} for s in whole.found.to_pylist() if s["row"] == row]
        assert alone == together


def test_without_trusted_rows_only_equal_words_and_long_passages_count(tmp_path: Path) -> None:
    index = build(tmp_path / "index", trusted=[])
    same, long = found(index, REFERENCES[1].text), found(index, excerpt(REFERENCES[1].text))
    assert same is not None
    assert same["strength"] == "proof"
    assert long is not None
    assert long["strength"] == "proof"
    assert found(index, reworded(REFERENCES[1].text)) is None


def test_thresholds_of_one_language_do_not_flag_texts_of_another(index: Path) -> None:
    batch = TextBatch([reworded(REFERENCES[1].text)] * 2, ["en", "id"])
    spans = checked_evidence(Reference(str(index)), batch).found.to_pylist()
    assert {span["row"] for span in spans} == {0}


def test_trusted_rows_count_once_and_only_if_they_could_be_judged(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    short, row = Trusted("Too short to count.", "e\nn", "a\u2028b"), TRUSTED[0]
    write_background(tmp_path, [row, row, short, Trusted(row.text.upper(), "en", "other")], counts)
    assert counts == {"trusted_repeated": 2, "trusted_too_short": 1}
    with pytest.raises(ReferenceIndexError, match="no trusted row has 12 words"):
        write_background(tmp_path, [short], counts)


def test_names_of_trusted_rows_may_hold_anything(tmp_path: Path) -> None:
    rows = [Trusted(row.text, "e\tn\n", f"a\u2028b\x0b{n}") for n, row in enumerate(TRUSTED[:150])]
    path = build(tmp_path / "index", rows)
    background = ReferenceIndex(str(path)).background
    assert background is not None
    assert (background.languages[1], background.places[1]) == ("e\tn\n", "a\u2028b\x0b1")


def test_words_that_trusted_rows_have_too_are_weak(tmp_path: Path) -> None:
    index = build(tmp_path / "index", [*TRUSTED, Trusted(REFERENCES[2].text, "en", "said by all")])
    match = found(index, REFERENCES[2].text)
    assert match is not None
    assert (match["about"]["class"], match["strength"]) == ("verbatim", "weak")


def test_a_trusted_row_is_scored_as_if_it_were_a_new_one(tmp_path: Path) -> None:
    from scrubtrace.detectors.reference.matching import Matcher
    from scrubtrace.detectors.reference.shingles import analyse
    from scrubtrace.detectors.reference.trusted import scores_of

    row = Trusted(reworded(REFERENCES[5].text), "en", "")
    with_row = ReferenceIndex(str(build(tmp_path / "with", [*TRUSTED[:300], row])))
    without = ReferenceIndex(str(build(tmp_path / "without", TRUSTED[:300])))
    assert with_row.background is not None
    scored = scores_of(with_row, with_row.background)[-1]
    new = Matcher(without).matches(analyse(TextBatch([row.text])).shingles)[0].score
    assert new <= scored <= 1.02 * new  # the weights of the reference still count the row


def test_an_index_that_is_killed_in_its_calibration_is_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("scrubtrace.detectors.reference.building.thresholds", killed)
        with pytest.raises(KeyboardInterrupt):
            build(tmp_path / "index")
    with pytest.raises(ReferenceIndexError, match="no finished index"):
        ReferenceIndex(str(tmp_path / "index"))


def test_a_manifest_that_cannot_be_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = new_manifest("a test", 1)
    write_manifest(tmp_path, manifest)
    written = (tmp_path / MANIFEST).read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="no space"):
            write_manifest(tmp_path, manifest.calibrated(()))
    assert [entry.name for entry in tmp_path.iterdir()] == [MANIFEST]
    assert (tmp_path / MANIFEST).read_bytes() == written


def test_a_passage_is_found_wherever_it_stands(index: Path) -> None:
    filler = " ".join(f"q{number}" for number in range(50_000))
    match = found(index, f"{filler} {' '.join(REFERENCES[6].text.split()[10:90])}")
    assert match is not None
    assert match["about"]["longest_passage_words"] == 80
    assert match["category"] == MatchClass.EXCERPT


def test_a_passage_may_begin_with_words_that_stand_elsewhere_too() -> None:
    common = " ".join(f"k{number}" for number in range(18))
    reference = f"of the x1 x2 of the {common} m1 m2 m3"
    parts = shared(located(f"y1 y2 of the {common} z1"), located(reference))
    assert parts.longest == 20


def test_repeated_words_take_no_longer_than_others() -> None:
    parts = shared(located("ha " * 20_000), located("ha " * 20_000))
    assert parts.longest > 10_000


@pytest.mark.parametrize("text", ["", "[NAME] XXXX", "天"])
def test_rows_without_shingles_do_not_harm_others_of_their_batch(index: Path, text: str) -> None:
    batch = TextBatch([REFERENCES[0].text, text], ["en", "en"], ["task-0", "task-1"])
    assert checked_evidence(Reference(str(index)), batch).found.num_rows > 0


def test_an_index_without_sampled_shingles_finds_the_same_words(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, 64)
    text = " ".join(f"word{number}" for number in range(13))
    writer.add([Text("a", "completion", text)])
    finish(tmp_path, extended(new_manifest("test", 64), writer))
    match = found(tmp_path, text)
    assert match is not None
    assert match["category"] == MatchClass.VERBATIM


def test_a_completion_counts_before_a_prompt_of_the_same_words(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, 1)
    prompt, completion = Text("judge", "prompt", prose(1)), Text("call", "completion", prose(1))
    writer.add([prompt, completion, prompt])
    assert writer.counts == {"prompts": 1, "completions": 1, "repeated": 1}
    finish(tmp_path, extended(new_manifest("test", 1), writer))
    match = found(tmp_path, prose(1))
    assert match is not None
    assert match["about"]["source"] == "call"


def test_a_scan_keeps_the_index_that_it_began_with(tmp_path: Path) -> None:
    path = build(tmp_path / "index", trusted=[])
    detector = Reference(str(path))
    before = detector.fingerprint()
    detector.setup()
    for file in [*path.rglob("*")]:
        if file.is_file():
            file.unlink()
    assert detector.fingerprint() == before
    assert detector.detect(TextBatch([REFERENCES[0].text], ["en"])).found.num_rows > 0


def test_a_sampled_index_finds_large_parts(tmp_path: Path) -> None:
    index = build(tmp_path / "index", scale=4)
    match = found(index, reordered(REFERENCES[9].text))
    assert match is not None
    assert match["about"]["source"] == "call-9"


def test_the_same_texts_give_the_same_bytes(index: Path, tmp_path: Path) -> None:
    again = build(tmp_path / "again")
    files = {p.relative_to(index): p.read_bytes() for p in index.rglob("*") if p.is_file()}
    assert files == {p.relative_to(again): p.read_bytes() for p in again.rglob("*") if p.is_file()}


def test_a_text_comes_in_once(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, 1)
    writer.add(
        [REFERENCES[0], REFERENCES[0], Text("e", "completion", " "), Text("s", "prompt", "no")]
    )
    assert writer.counts == {"completions": 1, "repeated": 1, "empty": 1, "too_short": 1}


@pytest.mark.parametrize(
    ("negatives", "false"), [(2_994, -1), (2_995, 0), (4_741, 0), (4_742, 1), (10_000, 4)]
)
def test_the_strict_threshold_needs_enough_trusted_rows(negatives: int, false: int) -> None:
    assert allowed(negatives) == false


def test_the_upper_bound_is_that_of_clopper_and_pearson() -> None:
    assert upper_bound(0, 300) == pytest.approx(0.00994, abs=1e-4)
    assert upper_bound(3, 300) == pytest.approx(0.0256, abs=1e-3)
    assert upper_bound(5, 5) == 1.0


def test_each_language_has_thresholds_of_its_own() -> None:
    import numpy as np

    scores = np.concatenate([np.full(3_000, 2.0), np.linspace(0, 9, 500)])
    strata = calibrate(scores, ["en"] * 3_000 + ["de"] * 500)
    assert [stratum.language for stratum in strata] == [None, "de", "en"]
    assert strata[1].strict is None
    assert strata[2].strict == 2.0
    assert strata[0].loose > 2.0
    assert calibrate(scores[:50], ["en"] * 50) == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: (path / "index.json").unlink(), "no finished index"),
        (lambda path: (path / "index.json").write_text("{"), "cannot read"),
        (lambda path: (path / "index.json").write_text('{"format": 9}'), "not a manifest"),
        (lambda path: next(path.glob("segments/*/keys.npy")).unlink(), "is missing"),
        (lambda path: next(path.glob("segments/*/texts.arrow")).write_bytes(b"x"), "has 1 bytes"),
        (lambda path: next(path.glob("backgrounds/*/keys.npy")).unlink(), "trusted rows"),
    ],
)
def test_a_damaged_index_is_refused(
    tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    path = build(tmp_path / "index", trusted=TRUSTED[:100])
    damage(path)
    with pytest.raises(ReferenceIndexError, match=message):
        _ = ReferenceIndex(str(path)).background


def test_an_index_of_other_words_is_refused(tmp_path: Path) -> None:
    path = build(tmp_path / "index", trusted=[])
    text = (path / "index.json").read_text()
    (path / "index.json").write_text(text.replace('"tokens_version": "', '"tokens_version": "0'))
    with pytest.raises(ReferenceIndexError, match="build the index again"):
        ReferenceIndex(str(path))
