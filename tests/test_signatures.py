"""Every shipped signature, against its own examples and the rules of the file format."""

import pytest
import re2

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.boilerplate import Boilerplate
from scrubtrace.detectors.normalise import normalise
from scrubtrace.detectors.redaction import Redaction
from scrubtrace.detectors.signature import Signature, flat, load_signatures
from scrubtrace.detectors.signature_set import SignatureSet
from scrubtrace.recurrence import CATEGORY
from scrubtrace.schemas.vocabulary import Strength
from scrubtrace.words import WORDS

BY_DETECTOR = {name: load_signatures(name) for name in ("boilerplate", "redaction")}
SIGNATURES = [s for signatures in BY_DETECTOR.values() for s in flat(signatures)]
BOILERPLATE = {signature.id for signature in flat(BY_DETECTOR["boilerplate"])}
DETECTORS = {
    "boilerplate": Boilerplate(),
    "redaction": Redaction(residual_pii=False, look_at_sentences=False),
}
BY_ID = pytest.mark.parametrize("signature", SIGNATURES, ids=lambda signature: signature.id)


@BY_ID
def test_examples_match_and_near_misses_do_not(signature: Signature) -> None:
    alone = SignatureSet([signature])
    for example in signature.match:
        assert alone.hits(searched(signature, example)), f"misses its example {example!r}"
    for near_miss in signature.no_match:
        assert not alone.hits(searched(signature, near_miss)), f"hits its near miss {near_miss!r}"


@BY_ID
def test_examples_match_in_the_set_of_their_language(
    signature: Signature, whole: dict[str, dict[str, SignatureSet]]
) -> None:
    signatures = whole["boilerplate" if signature.id in BOILERPLATE else "redaction"]
    for example in signature.match:
        found = signatures[signature.language].find(searched(signature, example))
        assert signature.id in {hit.signature.id for hit in found}


@pytest.fixture(scope="module")
def whole() -> dict[str, dict[str, SignatureSet]]:
    return {
        name: {code: SignatureSet(signatures) for code, signatures in by_language.items()}
        for name, by_language in BY_DETECTOR.items()
    }


def searched(signature: Signature, text: str) -> str:
    return text if signature.on_original else normalise(text).text


@BY_ID
def test_the_detector_itself_finds_the_examples_where_they_are(signature: Signature) -> None:
    detector = DETECTORS["boilerplate" if signature.id in BOILERPLATE else "redaction"]
    language = "en" if signature.language == "any" else signature.language
    for example in signature.match:
        found = detector.detect(TextBatch([example], [language])).found.to_pylist()
        own = [e for e in found if e["signal"] == signature.id]
        for entry in found:
            if entry["start"] is not None:
                assert 0 <= entry["start"] < entry["end"] <= len(example)
        if signature.strength != Strength.WEAK and signature.id not in BOILERPLATE:
            assert "asserted" in {e["use"] for e in own}, example


@BY_ID
def test_signature_is_complete(signature: Signature) -> None:
    language, category, slug = signature.id.split(".")
    assert (language, category) == (signature.language, signature.category)
    assert slug
    assert signature.category in WORDS
    may_be_weak = signature.category == CATEGORY or signature.id not in BOILERPLATE
    assert signature.strength != Strength.WEAK or may_be_weak
    assert signature.source.strip()
    assert signature.no_match
    assert len(signature.match) >= (2 if signature.strength == Strength.PROOF else 1)


@BY_ID
def test_nothing_matches_the_empty_text(signature: Signature) -> None:
    assert not re2.search(signature.expression, "")


def test_ids_are_unique() -> None:
    ids = [signature.id for signature in SIGNATURES]
    assert len(ids) == len(set(ids))


def test_languages_have_a_file_each() -> None:
    codes = {"any", "de", "en", "id", "ja", "zh"}
    assert {name: set(found) for name, found in BY_DETECTOR.items()} == dict.fromkeys(
        BY_DETECTOR, codes
    )
