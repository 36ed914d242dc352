"""Every shipped signature, against its own examples and the rules of the file format."""

import pytest
import re2

from scrubtrace.detectors.normalise import normalise
from scrubtrace.detectors.signature import Signature, load_signatures
from scrubtrace.detectors.signature_set import SignatureSet
from scrubtrace.recurrence import CATEGORY
from scrubtrace.schemas.vocabulary import Strength
from scrubtrace.words import WORDS

SIGNATURES = [s for signatures in load_signatures("boilerplate").values() for s in signatures]
BY_ID = pytest.mark.parametrize("signature", SIGNATURES, ids=lambda signature: signature.id)


@BY_ID
def test_examples_match_and_near_misses_do_not(signature: Signature) -> None:
    alone = SignatureSet([signature])
    for example in signature.match:
        assert alone.hits(normalise(example).text), f"misses its example {example!r}"
    for near_miss in signature.no_match:
        assert not alone.hits(normalise(near_miss).text), f"hits its near miss {near_miss!r}"


@BY_ID
def test_examples_match_in_the_set_of_their_language(
    signature: Signature, whole: dict[str, SignatureSet]
) -> None:
    signatures = whole[signature.language]
    number = signatures.signatures.index(signature)
    for example in signature.match:
        assert number in signatures.hits(normalise(example).text)


@pytest.fixture(scope="module")
def whole() -> dict[str, SignatureSet]:
    return {code: SignatureSet(found) for code, found in load_signatures("boilerplate").items()}


@BY_ID
def test_signature_is_complete(signature: Signature) -> None:
    language, category, slug = signature.id.split(".")
    assert (language, category) == (signature.language, signature.category)
    assert slug
    assert signature.category in WORDS
    assert signature.strength != Strength.WEAK or signature.category == CATEGORY
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
    assert set(load_signatures("boilerplate")) == {"any", "de", "en", "id", "ja", "zh"}
