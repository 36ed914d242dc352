"""The kinds of personal data that `residual_pii` looks for, and the Presidio engine that decides.

The engine runs Presidio's own recognizers and some of ours with neither model nor network: its
NLP engine does nothing, and the suffix list of mail domains is the one that tldextract ships.
"""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import re2

from scrubtrace.detectors.checksums import is_luhn, is_my_number, is_nik, is_resident_id
from scrubtrace.schemas.vocabulary import UNDETERMINED

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine, EntityRecognizer

LEAST_SCORE = 0.4
"""Below it Presidio's recognizers report what merely has the form (`::` as an IP address)."""

PATTERN_SCORE = 0.5
"""What a match is worth that has no check digit."""

MAIL = re2.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_{|}~.-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+"
)
NUMBER = re2.compile(r"\+?[0-9](?:[ -]?[0-9]){7,}[Xx]?")
ADDRESS = re2.compile(
    r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[23][0-9A-Fa-f]{3}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{1,4}"
)
ACCOUNT = re2.compile(r"[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]{1,4}){3,8}")
CODE = re2.compile(r"[A-Z0-9]{8,11}[0-9]")


@dataclass(frozen=True)
class Entity:
    """A kind of personal data: where to look for it and which recognizer decides.

    ``languages`` is empty for what means the same everywhere; ``recognizer`` names a class of
    Presidio, or is a pattern for one of ours, with a check of the characters without separators.
    """

    shape: Any
    recognizer: str
    languages: str = ""
    check: Callable[[str], bool] | None = None
    least_score: float = LEAST_SCORE


ENTITIES = {
    "EMAIL_ADDRESS": Entity(MAIL, "EmailRecognizer"),
    "IBAN_CODE": Entity(ACCOUNT, "IbanRecognizer"),
    "IP_ADDRESS": Entity(ADDRESS, "IpRecognizer"),
    "DE_TAX_ID": Entity(NUMBER, "DeTaxIdRecognizer", "de"),
    "DE_SOCIAL_SECURITY": Entity(CODE, "DeSocialSecurityRecognizer", "de"),
    "DE_HEALTH_INSURANCE": Entity(CODE, "DeHealthInsuranceRecognizer", "de"),
    "DE_ID_CARD": Entity(CODE, "DeIdCardRecognizer", "de", least_score=0.6),
    "CN_RESIDENT_ID": Entity(NUMBER, r"\b[1-8]\d{16}[\dXx]\b", "zh", is_resident_id),
    "CN_MOBILE_PHONE": Entity(
        NUMBER, r"(?<![\d-])(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!-?\d)", "zh"
    ),
    "JP_MY_NUMBER": Entity(
        NUMBER, r"(?<![\d-])\d{4}([ -]?)\d{4}\1\d{4}(?!-?\d)", "ja", is_my_number
    ),
    "JP_PHONE": Entity(
        NUMBER,
        r"(?<![\d-])(?:(?:\+81[ -]?|0)[789]0([ -]?)\d{4}\1\d{4}"
        r"|(?=[\d-]{12}(?!\d))0[1-9]\d{0,3}-\d{1,4}-\d{4})(?!-?\d)",
        "ja",
    ),
    "ID_NIK": Entity(NUMBER, r"(?<![\d-])\d{16}\b", "id", is_nik),
    "ID_PHONE": Entity(
        NUMBER,
        r"(?<![\d-])(?:\+?62[ -]?|0)8[1-9]\d{1,2}[ -]?\d{3,4}[ -]?\d{3,5}(?!-?\d)",
        "id",
    ),
    # Presidio's own takes numbers that start with 1, and no card of 19 digits.
    "CREDIT_CARD": Entity(
        NUMBER,
        r"(?<![\d-])(?:(?:4\d|5[0-5]|6\d|2[2-7]|35)\d\d([ -]?)\d{4}\1\d{4}\1\d{1,4}(?:\1\d{3})?"
        r"|3[47]\d\d([ -]?)\d{6}\2\d{5}|3[068]\d\d([ -]?)\d{6}\3\d{4})(?!-?\d)",
        check=is_luhn,
    ),
}
"""Every entity there is, in the order in which one value is given to one of them."""


def make_engine(entities: Sequence[str]) -> "AnalyzerEngine":
    """An engine that knows these entities, all in the language ``und``: the caller chooses.

    Presidio logs to ``presidio-analyzer``; below ERROR it may log words of a text, so the level
    of that logger is raised to ERROR. (At ERROR it logs an IBAN that is no ASCII, which none of the
    pieces is that it gets here.)
    """
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NoOpNlpEngine

    logger = logging.getLogger("presidio-analyzer")
    logger.setLevel(max(logger.level, logging.ERROR))
    languages = [UNDETERMINED]
    registry = RecognizerRegistry(_recognizers(entities), supported_languages=languages)
    return AnalyzerEngine(
        registry,
        NoOpNlpEngine([{"lang_code": UNDETERMINED, "model_name": ""}]),
        supported_languages=languages,
        context_aware_enhancer=_no_context(),
    )


def _no_context() -> Any:
    """There are no tokens to find context words in; Presidio's default copies every result."""
    from presidio_analyzer import ContextAwareEnhancer

    class NoContext(ContextAwareEnhancer):
        def enhance_using_context(
            self, text: str, raw_results: list[Any], *args: Any, **kwargs: Any
        ) -> list[Any]:
            return raw_results

    return NoContext(0, 0, 0, 0)


def _recognizers(entities: Sequence[str]) -> "list[EntityRecognizer]":
    from presidio_analyzer import Pattern, PatternRecognizer, predefined_recognizers
    from tldextract import TLDExtract

    suffixes = TLDExtract(cache_dir=None, suffix_list_urls=())
    suffixes("loads.the.list.example")

    class OfflineEmailRecognizer(predefined_recognizers.EmailRecognizer):
        """Presidio's, whose own extractor asks the network for a newer suffix list."""

        def validate_result(self, pattern_text: str) -> bool:
            return suffixes(pattern_text).fqdn != ""

    class CheckedRecognizer(PatternRecognizer):
        """A pattern and a check of what it matched, without separators."""

        def __init__(self, name: str, entity: Entity) -> None:
            patterns = [Pattern(name, entity.recognizer, PATTERN_SCORE)]
            super().__init__(name, name, UNDETERMINED, patterns)
            self._check = entity.check

        def validate_result(self, pattern_text: str) -> bool | None:
            plain = pattern_text.replace(" ", "").replace("-", "")
            return None if self._check is None else self._check(plain)

    def make(name: str, entity: Entity) -> Any:
        if name == "EMAIL_ADDRESS":
            return OfflineEmailRecognizer(supported_language=UNDETERMINED)
        kind = getattr(predefined_recognizers, entity.recognizer, None)
        if kind is None:
            return CheckedRecognizer(name, entity)
        recognizer = kind(supported_language=UNDETERMINED)
        # Presidio ignores case by default, which makes codes of ordinary words.
        recognizer.global_regex_flags = re.MULTILINE
        return recognizer

    return [make(name, ENTITIES[name]) for name in entities]
