"""Personal data that is still there beside masks: types and counts, never the values.

Evidence: a row that holds placeholders and, a line further, a working card number or address was
masked by something that missed it. It says how thorough the masking was, not who wrote the text.

A Presidio ``AnalyzerEngine`` with an explicit list of entities does the work, without a model and
without the network. Numbers count where their check digits or dates hold; reserved addresses and
published test cards do not count. Numbers of one country are looked for in its language, and in
texts of undetermined language.

Source: Presidio's recognizers for e-mail, IP and IBAN and German numbers; `number_checks` for the
others.

Known false positives: order numbers that pass a check by chance (one in ten for cards).
"""

import ipaddress
import logging
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import re2

from scrubtrace.detectors.number_checks import (
    is_card_number,
    is_chinese_identity_number,
    is_indonesian_identity_number,
    is_japanese_individual_number,
)
from scrubtrace.schemas.vocabulary import UNDETERMINED

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine, EntityRecognizer

LEAST_SCORE = 0.4
LONGEST_TEXT = 100_000
"""Only so many code points of a text are looked at."""

_TRIGGER = re2.compile(
    r"@|\d(?:[ -]?\d){7}|(?:\d{1,3}\.){3}\d|[0-9a-fA-F]{1,4}:[0-9a-fA-F]{0,4}:"
    r"|[A-Z]{2}\d{2}[ A-Z0-9]|[A-Z0-9]{9}"
)
"""What every number and address has in common; most texts have none of it."""

_RESERVED_DOMAINS = ("example.com", "example.org", "example.net", ".example", ".test", ".invalid")

Check = Callable[[str], bool]
Kinds = dict[str, tuple[str, Check]]


def is_personal_mail(found: str) -> bool:
    """Whether an address is of no domain that is reserved for examples (RFC 2606)."""
    return not found.rsplit("@", 1)[1].casefold().endswith(_RESERVED_DOMAINS)


def is_public_address(found: str) -> bool:
    """Whether an IP address, with or without prefix length, is one that anybody can reach."""
    try:
        return ipaddress.ip_address(found.split("/")[0].split("%")[0]).is_global
    except ValueError:
        return False


def _always(_: str) -> bool:
    return True


COMMON: Kinds = {
    "CREDIT_CARD": (
        r"(?<!\d)(?:\d{4}([ -])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{4,5}|\d{13,19})(?!\d)",
        is_card_number,
    ),
    "EMAIL_ADDRESS": (
        r"\b[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b",
        is_personal_mail,
    ),
}
NATIONAL: dict[str, Kinds] = {
    "zh": {
        "CN_RESIDENT_ID": (
            r"(?<!\d)[1-8]\d{5}(?:19|20)\d{9}[\dXx](?!\d)",
            is_chinese_identity_number,
        ),
        "CN_MOBILE": (r"(?<![\d-])1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?![\dXx])", _always),
    },
    "ja": {
        "JP_MY_NUMBER": (r"(?<!\d)\d{4}[ -]?\d{4}[ -]?\d{4}(?!\d)", is_japanese_individual_number),
        "JP_PHONE": (r"(?<!\d)(?:0[5789]0-\d{4}|0\d{1,3}-\d{2,4})-\d{4}(?!\d)", _always),
    },
    "id": {
        "ID_NIK": (r"(?<!\d)[1-9]\d{15}(?!\d)", is_indonesian_identity_number),
        "ID_PHONE": (r"(?<!\d)(?:\+62[ -]?|0)8\d{2}[ -]?\d{3,4}[ -]?\d{3,5}(?!\d)", _always),
    },
}
"""Patterns and checks by language; Presidio's own recognizers stand beside them."""


@dataclass(frozen=True)
class ResidualPii:
    """Counts personal data by type; Presidio is loaded when the first text comes that needs it.

    Parameters
    ----------
    least_score : results of Presidio below this score do not count.
    """

    least_score: float = LEAST_SCORE

    def counts(self, text: str, language: str) -> Counter[str]:
        """Number of different values of each entity type; never the values themselves."""
        text = text[:LONGEST_TEXT]
        if not _TRIGGER.search(text):
            return Counter()
        code = language if language in NATIONAL or language in ("de", UNDETERMINED) else "en"
        found = self._engine.analyze(
            text, code, entities=self._entities[code], score_threshold=self.least_score
        )
        values = {(entity.entity_type, text[entity.start : entity.end]) for entity in found}
        return Counter(kind for kind, _ in values)

    @cached_property
    def _engine(self) -> "AnalyzerEngine":
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import NoOpNlpEngine

        logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
        codes = sorted({*NATIONAL, "de", "en", UNDETERMINED})
        recognizers = [r for code in codes for r in _recognizers(code)]
        nlp = NoOpNlpEngine([{"lang_code": code, "model_name": code} for code in codes])
        nlp.load()
        registry = RecognizerRegistry(recognizers=recognizers, supported_languages=codes)
        return AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=codes)

    @cached_property
    def _entities(self) -> dict[str, list[str]]:
        recognizers = self._engine.registry.recognizers
        codes = {r.supported_language for r in recognizers}
        return {
            code: sorted({
                entity
                for r in recognizers if r.supported_language == code
                for entity in r.supported_entities
            })
            for code in codes
        }  # fmt: skip


def _recognizers(code: str) -> list["EntityRecognizer"]:
    """The recognizers of one language: common ones, and those of its country."""
    from presidio_analyzer.predefined_recognizers import (
        DeIdCardRecognizer,
        DeSocialSecurityRecognizer,
        DeTaxIdRecognizer,
        IbanRecognizer,
        IpRecognizer,
    )

    own = dict(COMMON)
    for country in (code,) if code != UNDETERMINED else NATIONAL:
        own |= NATIONAL.get(country, {})
    made = [_checked(entity, pattern, check, code) for entity, (pattern, check) in own.items()]
    made += [_only_public(IpRecognizer)(supported_language=code)]
    made += [IbanRecognizer(supported_language=code)]
    if code in ("de", UNDETERMINED):
        german = (DeIdCardRecognizer, DeSocialSecurityRecognizer, DeTaxIdRecognizer)
        made += [recognizer(supported_language=code) for recognizer in german]
    return made


def _checked(entity: str, pattern: str, check: Check, code: str) -> "EntityRecognizer":
    """A recognizer of a pattern whose finds count only if the check holds."""
    from presidio_analyzer import Pattern, PatternRecognizer

    class Checked(PatternRecognizer):
        def validate_result(self, pattern_text: str) -> bool:
            return check(pattern_text)

    return Checked(
        supported_entity=entity,
        patterns=[Pattern(entity, pattern, LEAST_SCORE)],
        supported_language=code,
        global_regex_flags=re.MULTILINE,
    )


def _only_public(recognizer: type) -> type:
    """Presidio's recognizer of IP addresses, for addresses that anybody can reach."""

    class Public(recognizer):  # type: ignore[misc]
        def validate_result(self, pattern_text: str) -> bool | None:
            return None if is_public_address(pattern_text) else False

    return Public
