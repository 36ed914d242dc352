"""Check digits and dates of personal numbers; every number here was made up for the test."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.detectors.number_checks import (
    TEST_CARDS,
    is_card_number,
    is_chinese_identity_number,
    is_indonesian_identity_number,
    is_japanese_individual_number,
)

Check = Callable[[str], bool]


@pytest.mark.parametrize(
    ("check", "found", "holds"),
    [
        (is_chinese_identity_number, "11010519491231002X", True),
        (is_chinese_identity_number, "11010519491231002x", True),
        (is_chinese_identity_number, "110105194912310021", False),
        (is_chinese_identity_number, "11010519491331002X", False),
        (is_chinese_identity_number, "11010519491231002", False),
        (is_chinese_identity_number, "X1010519491231002X", False),
        (is_japanese_individual_number, "123456789018", True),
        (is_japanese_individual_number, "1234 5678 9018", True),
        (is_japanese_individual_number, "123456789019", False),
        (is_japanese_individual_number, "000000000000", False),
        (is_indonesian_identity_number, "3174054107900001", True),
        (is_indonesian_identity_number, "3174050107900001", True),
        (is_indonesian_identity_number, "3174053907900001", False),
        (is_indonesian_identity_number, "3174054113900001", False),
        (is_indonesian_identity_number, "3174054107900000", False),
        (is_indonesian_identity_number, "0174054107900001", False),
        (is_card_number, "4539 1488 0343 6467", True),
        (is_card_number, "4539-1488-0343-6467", True),
        (is_card_number, "4539 1488 0343 6468", False),
        (is_card_number, "4111 1111 1111 1111", False),
        (is_card_number, "9539148803436467", False),
        (is_card_number, "453914880343", False),
    ],
)
def test_numbers(check: Check, found: str, holds: bool) -> None:
    assert check(found) == holds


CHECKS = [
    is_card_number,
    is_chinese_identity_number,
    is_indonesian_identity_number,
    is_japanese_individual_number,
]


@given(st.text(alphabet="0123456789xX -½四", max_size=24))
def test_any_text_gets_an_answer(found: str) -> None:
    assert {check(found) for check in CHECKS} <= {True, False}


def test_published_test_cards_do_not_count() -> None:
    assert not any(is_card_number(card) for card in TEST_CARDS)
