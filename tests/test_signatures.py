"""Every shipped signature, against its own examples and the rules of the file format."""

import pytest
import re2

from scrubtrace.detectors.normalise import normalise
from scrubtrace.detectors.signature import Signature, flat, load_signatures
from scrubtrace.detectors.signature_set import SignatureSet
from scrubtrace.recurrence import CATEGORY
from scrubtrace.schemas.vocabulary import Strength
from scrubtrace.words import WORDS

BY_DETECTOR = {name: load_signatures(name) for name in ("boilerplate", "redaction")}
SIGNATURES = [s for signatures in BY_DETECTOR.values() for s in flat(signatures)]
BOILERPLATE = {signature.id for signature in flat(BY_DETECTOR["boilerplate"])}
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
