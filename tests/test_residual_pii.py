"""Personal data beside masks: types and counts, no values, no network."""

import logging
import socket
import urllib.request
from typing import Any

import pytest

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.redaction import Redaction
from scrubtrace.detectors.residual_pii import LONGEST_TEXT, ResidualPii


@pytest.fixture(scope="module")
def pii() -> ResidualPii:
    return ResidualPii()


@pytest.mark.parametrize(
    ("text", "language", "counts"),
    [
        ("Mail ida.lark@lanternmail.net soon.", "en", {"EMAIL_ADDRESS": 1}),
        (
            "Mail a.b@lanternmail.net, c@postbox.org, a.b@lanternmail.net",
            "fr",
            {"EMAIL_ADDRESS": 2},
        ),
        ("Mail alto@example.org or x@sub.example.com or y@host.test", "en", {}),
        ("Card 4539 1488 0343 6467", "en", {"CREDIT_CARD": 1}),
        ("Card 4111 1111 1111 1111", "en", {}),
        ("IBAN DE89 3704 0044 0532 0130 00", "en", {"IBAN_CODE": 1}),
        ("IBAN DE89 3704 0044 0532 0132 00", "en", {}),
        ("From 8.8.8.8 and 2001:4860:4860::8888", "en", {"IP_ADDRESS": 2}),
        ("From 192.168.0.1, 10.0.0.7, 127.0.0.1, 192.0.2.7 and ::", "en", {}),
        ("Steuer-ID 86095742719", "de", {"DE_TAX_ID": 1}),
        ("Number 86095742719", "en", {}),
        ("证件号11010519491231002X，电话13912345678", "zh", {"CN_RESIDENT_ID": 1, "CN_MOBILE": 1}),
        ("番号 1234 5678 9018、電話 090-1234-5678", "ja", {"JP_MY_NUMBER": 1, "JP_PHONE": 1}),
        ("NIK 3174054107900001, telp 0812-4471-3310", "id", {"ID_NIK": 1, "ID_PHONE": 1}),
        ("证件号11010519491231002X", "und", {"CN_RESIDENT_ID": 1}),
        ("证件号11010519491231002X", "de", {}),
        ("Nothing of the kind, at half past nine.", "en", {}),
        ("", "en", {}),
    ],
)
def test_counts_by_type(pii: ResidualPii, text: str, language: str, counts: dict[str, int]) -> None:
    assert pii.counts(text, language) == counts


def test_only_the_beginning_of_a_huge_text_is_looked_at(pii: ResidualPii) -> None:
    assert pii.counts("a " * LONGEST_TEXT + "ida.lark@lanternmail.net", "en") == {}


def test_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    made = ResidualPii()
    text = "ida.lark@lanternmail.net 4539 1488 0343 6467 8.8.8.8"
    assert made.counts(text, "en").total() == 3


def test_values_appear_nowhere(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "ida.lark@lanternmail.net"
    detector = Redaction()
    batch = TextBatch([f"Ask <PERSON> or write to {secret}."], ["en"])
    found = detector.detect(batch).found.to_pylist()
    (entry,) = [e for e in found if e["category"] == "residual_pii"]
    assert (entry["value"], entry["score"], entry["strength"]) == ("EMAIL_ADDRESS", 1.0, "weak")
    assert (entry["start"], entry["end"]) == (None, None)
    assert secret not in str(found)
    assert secret not in caplog.text
    assert secret not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("text", "looked"),
    [
        ("Write to ida.lark@lanternmail.net.", False),
        ("`<PERSON>` or ida.lark@lanternmail.net.", False),
        ("Ask <PERSON> or ida.lark@lanternmail.net.", True),
    ],
)
def test_only_rows_with_masks_are_looked_at(text: str, looked: bool) -> None:
    found = Redaction().detect(TextBatch([text], ["en"])).found.to_pylist()
    assert any(e["category"] == "residual_pii" for e in found) == looked


def test_it_can_be_switched_off() -> None:
    batch = TextBatch(["Ask <PERSON> or ida.lark@lanternmail.net."], ["en"])
    found = Redaction(residual_pii=False).detect(batch).found.to_pylist()
    assert [e["category"] for e in found] == ["placeholder"]
