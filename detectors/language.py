"""Language of a text: a script test for East Asian text, py3langid for the rest.

Chosen by measurement (`benchmarks/language_identification.py`): of the offline libraries with
wheels, py3langid has the fewest errors on short text, and with the script test also on Chinese
and Japanese. Known limits: Japanese without kana counts as Chinese; Malay and Indonesian are
hardly separable in a short text; code, addresses and names are undetermined. Disguises come off
first: letters apart by invisible characters, or from another alphabet, are no other language.
"""

import re
from functools import cache
from importlib.metadata import version
from typing import Any

from scrubtrace.detectors.normalise import has_escapes, normalise
from scrubtrace.schemas.vocabulary import UNDETERMINED

IDENTIFIER = f"script-4+py3langid-{version('py3langid')}"
"""What identified the languages of a run: rules of this file and version of the library."""

CODE_CHARS = 35
"""Length of the longest language tag that has to be kept (RFC 5646, 4.4.1)."""

UNCODED = "mis"
"""ISO 639-2: a language that has no code of its own."""

SCRIPT_CHARS = 400
START_CHARS = 4 * SCRIPT_CHARS
"""How much of a text is its beginning: addresses and white space in it do not count."""

MODEL_CHARS = 128
LEAST_LETTERS = 3
LEAST_CONFIDENCE = 0.3
EAST_ASIAN_WEIGHT = 3
"""One Han, kana or Hangul character says as much as about three letters of an alphabet."""
KANA_SHARE = 0.05
"""Chinese text may quote a few kana."""
MALAY_SHARE = 0.7
"""Malay must beat Indonesian clearly."""

LANGUAGES = (
    "am ar az be bg bn ca cs da de el en es et eu fa fi fr gu he hi hr hu hy id is it ja ka kn ko "
    "ku lo lt lv ml mr ms nl no or pa pl pt ro ru sk sl sq sr sv ta te th tl tr uk ur vi yo zh zxx"
)
"""Codes that are told apart; ``zxx`` is no language (code, numbers). With all that the library
knows, short text is lost to rare languages; with only ours, other languages are taken for ours."""

_OTHER_NAMES = {
    name: code
    for code, names in {
        "en": "eng english",
        "zh": "zho chi cmn chinese mandarin 中文 汉语 漢語",
        "ja": "jpn japanese 日本語",
        "de": "deu ger german deutsch",
        "id": "ind in indonesian",
    }.items()
    for name in names.split()
}

_ADDRESS = re.compile(r"\b\w+://\S+")
_LETTER = re.compile(r"[^\W\d_]")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa\uff66-\uff6f\uff71-\uff9d]")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_HANGUL = re.compile("[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")


def identify(text: str) -> str:
    """ISO 639-1 code of the text's language, or ``und``; looks at its beginning only.

    That is where its letters begin, if there are none for long.
    """
    code = _of_start(text[:START_CHARS])
    if code is None and (letter := _LETTER.search(text, START_CHARS)):
        code = _of_start(text[letter.start() : letter.start() + START_CHARS])
    return code or UNDETERMINED


def _of_start(start: str) -> str | None:
    """The language of the beginning of a text; None if there are hardly any letters in it."""
    if "://" in start:
        start = _ADDRESS.sub(" ", start)
    start = start.strip()
    if not start[:SCRIPT_CHARS].isascii() or has_escapes(start):
        start = normalise(start[: 2 * SCRIPT_CHARS]).text.strip()[:SCRIPT_CHARS]
        code = _east_asian(start)
        if code:
            return code
    piece = start[:MODEL_CHARS]
    if len(_LETTER.findall(piece)) < LEAST_LETTERS:
        return None
    best, confidence = _model().classify(piece)
    if best in ("id", "ms") or confidence < 0.5:
        return _ranked(piece)
    return UNDETERMINED if best == "zxx" else str(best)


def _ranked(piece: str) -> str:
    """The answer where one class has no majority or Malay and Indonesian share it."""
    scores: dict[str, float] = dict(_model().rank(piece))
    malay = scores["id"] + scores["ms"]
    best = max(scores, key=scores.__getitem__)
    if malay > max(scores[best], LEAST_CONFIDENCE):
        return "ms" if scores["ms"] > MALAY_SHARE * malay else "id"
    known = best != "zxx" and scores[best] >= LEAST_CONFIDENCE
    return best if known else UNDETERMINED


def normalise_code(code: str) -> str:
    """The primary subtag of a language code such as ``zh-Hant`` or ``EN_us``, in lower case.

    For the languages of the detectors also from ISO 639-2 and 639-3 codes (``eng_Latn``) and names.
    What is too long for a code, or in another script, is ``mis``: a wrong column may hold texts.
    """
    given = code.strip().lower()
    primary = re.split("[-_ (]", given)[0]
    if primary in _OTHER_NAMES:
        return _OTHER_NAMES[primary]
    if len(given) > CODE_CHARS or not primary.isascii():
        return UNCODED
    return primary or UNDETERMINED


def _east_asian(text: str) -> str | None:
    kana, han = len(_KANA.findall(text)), len(_HAN.findall(text))
    hangul = len(_HANGUL.findall(text))
    east_asian = kana + han + hangul
    others = len(_LETTER.findall(text)) - east_asian
    if not east_asian or EAST_ASIAN_WEIGHT * east_asian < others:
        return None
    if hangul > kana + han:
        return "ko"
    return "ja" if kana > KANA_SHARE * (kana + han) else "zh"


@cache
def _model() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    model.set_languages(LANGUAGES.split())
    return model
