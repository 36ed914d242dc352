"""Personal data that is left in a text: what counts, in which language, and what never does.

The numbers were made up with computed check digits, or are published examples of their form.
"""

import logging
import socket
from typing import Any

import pytest

from scrubtrace.detectors.checksums import is_luhn, is_my_number, is_nik, is_resident_id
from scrubtrace.detectors.residual_pii import MOST_PIECES, ResidualPii


@pytest.fixture(scope="module")
def pii() -> ResidualPii:
    found = ResidualPii()
    found.setup()
    return found


@pytest.mark.parametrize(
    ("text", "language", "entity"),
    [
        ("Write to anna.kiesel@posteo.de today.", "en", "EMAIL_ADDRESS"),
        ("邮箱是wang.lili@qq.com谢谢", "zh", "EMAIL_ADDRESS"),
        ("Mail：ｋ.tanaka@nifty.ne.jp まで", "ja", "EMAIL_ADDRESS"),
        ("Pay with 4539 1488 0343 6467, please.", "en", "CREDIT_CARD"),
        ("Pay with 4539148803436467.", "id", "CREDIT_CARD"),
        ("Amex 3714 496353 12341", "en", "CREDIT_CARD"),
        ("卡号6222021234509876540。", "zh", "CREDIT_CARD"),
        ("Konto DE02 1203 0000 0000 2020 51 bei uns", "de", "IBAN_CODE"),
        ("The login came from 81.2.69.142 at noon.", "en", "IP_ADDRESS"),
        ("The login came from 81.2.69.142:8080.", "en", "IP_ADDRESS"),
        ("The login came from 2a02:8109:9d40:1c2c::1 at noon.", "en", "IP_ADDRESS"),
        ("Meine Steuer-ID ist 86095742719.", "de", "DE_TAX_ID"),
        ("Rentenversicherung 15070649C103", "de", "DE_SOCIAL_SECURITY"),
        ("Versichert unter A000500015.", "de", "DE_HEALTH_INSURANCE"),
        ("Ausweis L01X00T44, gültig", "de", "DE_ID_CARD"),
        ("身份证号11010519491231002X，谢谢", "zh", "CN_RESIDENT_ID"),
        ("请打13912367845找我", "zh", "CN_MOBILE_PHONE"),
        ("+86 139-1236-7845", "zh", "CN_MOBILE_PHONE"),
        ("個人番号は1234 5678 9018です", "ja", "JP_MY_NUMBER"),
        ("携帯は０９０－３２１４－５６７８です", "ja", "JP_PHONE"),
        ("電話03-5321-1111まで", "ja", "JP_PHONE"),
        ("+81 90-3214-5678", "ja", "JP_PHONE"),
        ("NIK 3174095605900003", "id", "ID_NIK"),
        ("Hubungi 0812-3476-9871 ya", "id", "ID_PHONE"),
        ("Hubungi +62 812 3476 9871 ya", "id", "ID_PHONE"),
    ],
)
def test_counts_in_its_language_and_in_an_undetermined_one(
    pii: ResidualPii, text: str, language: str, entity: str
) -> None:
    assert pii.counts(text, language)[entity] == 1
    assert pii.counts(text, "und").total() >= 1


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "en"),
        ("Nothing here.", "en"),
        ("81.2.69.142.7 or x81.2.69.142", "en"),
        ("Write to you@example.com, user@example.org or a@sub.example.net.", "en"),
        ("Write to your.email@gmail.com or firstname.lastname@firm.de.", "en"),
        ("Write to anna@mail.test or anna@thisisnotatopleveldomain.", "en"),
        ("git clone git@github.com:them/theirs", "en"),
        ("Pay with 4111 1111 1111 1111 or 4242424242424242.", "en"),
        ("Order 4539148803436468 is late.", "en"),
        ("See https://shop.site/item/4539148803436467 and 0.4539148803436467", "en"),
        ("DE89 3704 0044 0532 0130 00 is the usual example", "de"),
        ("DE03 1203 0000 0000 2020 51 has a wrong check digit", "de"),
        ("192.168.1.1, 10.0.0.7, 127.0.0.1, 192.0.2.44, 198.51.100.3, 203.0.113.9", "en"),
        ("Version 1.2.3.4, 8.8.8.8, network 81.2.69.0/24 and 22.214.171.124", "en"),
        ("std::vector a::b, 12:30:45, 2001:db8::1, ::, fd00:c2b6::1", "en"),
        ("Meine Steuer-ID ist 86095742718.", "de"),
        ("Ausweis T22000124 oder L01X00T45, ein Glossarium1", "de"),
        ("身份证号110105194912310021", "zh"),
        ("订单11010519491331002X", "zh"),
        ("请打13812345678或13900000000", "zh"),
        ("個人番号は1234 5678 9012です、000000000000", "ja"),
        ("090-0000-0000、090-1234-5678、0120-123-456", "ja"),
        ("NIK 3174095613900003 dan 9974095605900003", "id"),
        ("Hubungi 081234567890", "id"),
        ("id 550e8400-e29b-41d4-a716-446655440000", "und"),
    ],
)
def test_counts_nothing(pii: ResidualPii, text: str, language: str) -> None:
    assert not pii.counts(text, language)


@pytest.mark.parametrize(
    ("text", "elsewhere"),
    [("请打13912367845找我", "en"), ("NIK 3174095605900003", "de"), ("86095742719", "en")],
)
def test_national_numbers_are_none_elsewhere(pii: ResidualPii, text: str, elsewhere: str) -> None:
    assert not pii.counts(text, elsewhere)


def test_occurrences_are_counted_and_each_value_once(pii: ResidualPii) -> None:
    text = "a.b@web.de, c.d@web.de and 3174095605900003 from 81.2.69.142"
    assert pii.counts(text, "und") == {"EMAIL_ADDRESS": 2, "ID_NIK": 1, "IP_ADDRESS": 1}


def test_a_customer_list_is_cut_short(pii: ResidualPii) -> None:
    text = " ".join(f"kunde{n}@web.de" for n in range(3 * MOST_PIECES))
    assert pii.counts(text, "de") == {"EMAIL_ADDRESS": MOST_PIECES}


def test_long_hostile_texts_take_linear_time(pii: ResidualPii) -> None:
    text = "a+b/" * 100_000 + " " + "4539-" * 50_000 + "@" * 50_000 + "f:" * 50_000
    assert not pii.counts(text, "und")


def test_only_the_entities_asked_for() -> None:
    few = ResidualPii(entities=("IP_ADDRESS",))
    assert few.counts("a.b@web.de from 81.2.69.142", "en") == {"IP_ADDRESS": 1}


def test_a_threshold_above_what_patterns_are_worth_leaves_checksums() -> None:
    strict = ResidualPii(score_threshold=0.9)
    assert strict.counts("13912367845 11010519491231002X", "zh") == {"CN_RESIDENT_ID": 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"entities": ("PERSON",)}, "PERSON"),
        ({"entities": ()}, "entities are some of EMAIL_ADDRESS"),
        ({"score_threshold": 0.1}, r"from 0\.4 to 1, not 0\.1"),
        ({"score_threshold": 1.5}, r"not 1\.5"),
    ],
)
def test_wrong_options_are_errors(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ResidualPii(**options)


def test_options_change_the_fingerprint() -> None:
    some = [ResidualPii(), ResidualPii(score_threshold=0.5), ResidualPii(("IBAN_CODE",))]
    assert len({found.fingerprint() for found in some}) == 3


def test_nothing_is_asked_of_the_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("asked the network")

    monkeypatch.setenv("TLDEXTRACT_CACHE", str(tmp_path))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    fresh = ResidualPii()
    fresh.setup()
    assert fresh.counts("Write to anna.kiesel@posteo.de.", "en") == {"EMAIL_ADDRESS": 1}
    assert not list(tmp_path.iterdir())


def test_no_value_is_logged(pii: ResidualPii, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    pii.counts("anna.kiesel@posteo.de DE02120300000000202051 86095742719", "de")
    assert not caplog.records


def test_checks() -> None:
    assert is_luhn("4539148803436467")
    assert not is_luhn("4539148803436476")
    assert is_resident_id("11010519491231002x")
    assert not is_resident_id("99010519491231002X")
    assert is_my_number("123456789018")
    assert is_nik("3174091605900003")
    assert is_nik("3174092902010003")
    assert not is_nik("3174097205900003")
