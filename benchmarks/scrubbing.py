"""What survives when somebody scrubs rows that are known to be an LLM's.

    python benchmarks/scrubbing.py DATA

DATA holds labelled Parquet files (text, label, lang, attack). Of the LLM rows that flag, each scrub
makes a copy: names replaced, brands swapped for slots or deleted, the sentence with the disclaimer
trimmed; and rows dropped by a word list. Reported is how many still flag (names that recur over
the scrubbed rows included), and how many still hold any evidence. Texts are never printed.
"""

import argparse
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
from verdicts import SHIPPED, asserted, evidence_of, flagged_kind

from scrubtrace.recurrence import promoted, recurring_identities

BRANDS = re.compile(
    r"OpenAI|ChatGPT|GPT-?[0-9.]*|Anthropic|Claude|Bard|文心一言|百度", re.IGNORECASE
)
IDENTITY = re.compile(
    r"(?:an? )?(?:AI |artificial intelligence )?(?:large )?language model|(?:an? )?AI assistant"
    r"|(?:一[个個])?(?:人工智能|AI|大型)?(?:语言|語言)模型|人工智能助手|人工智能",
    re.IGNORECASE,
)
WORDS = re.compile(
    r"language model|as an ai|openai|chatgpt|as a machine|knowledge cutoff|i cannot|i'm sorry"
    r"|语言模型|人工智能|作为一个|无法|抱歉|OpenAI",
    re.IGNORECASE,
)
DISCLAIMER = re.compile(
    r"[^.!?。！？\n]*(?:language model|\bAI\b|OpenAI|语言模型|人工智能|knowledge (?:cutoff|update)"
    r"|知识截止)[^.!?。！？\n]*[.!?。！？]?\s*"
)
SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]?\s*")

Scrub = Callable[[str], str | None]


def _swapped(text: str, brand: str, identity: str) -> str:
    return IDENTITY.sub(identity, BRANDS.sub(brand, text))


SCRUBS: dict[str, Scrub] = {
    "as it was": lambda text: text,
    "brand names replaced": lambda text: BRANDS.sub("Lumen", text),
    "brands and identity renamed": lambda text: _swapped(text, "Lumen", "Lumen"),
    "brands and identity to slots": lambda text: _swapped(text, "[COMPANY]", "[MODEL]"),
    "brands and identity deleted": lambda text: _swapped(text, "", ""),
    "disclaimers trimmed": lambda text: DISCLAIMER.sub("", text),
    "rows dropped by word list": lambda text: None if WORDS.search(text) else text,
}
"""What a scrubber does with a row; None drops it."""


def flagged_rows(folder: Path) -> Iterator[tuple[str, str]]:
    """(text, language) of LLM rows that flag as they are."""
    for path in sorted(folder.glob("*.parquet")):
        columns = ["text", "label", "lang", "attack"]
        for batch in pq.ParquetFile(path).iter_batches(1024, columns=columns):
            rows = [r for r in batch.to_pylist() if r["label"] == "llm"]
            found = evidence_of([r["text"] or "" for r in rows], [r["lang"] for r in rows])
            for row, evidence in zip(rows, found, strict=True):
                if flagged_kind(evidence):
                    yield row["text"], row["lang"]


def main() -> None:
    """Prints a line a language and scrub."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    given = parser.parse_args()
    rows: dict[str, list[str]] = defaultdict(list)
    for text, language in flagged_rows(given.data):
        rows[language].append(text)
    print(f"{'':34}{'rows':>7}{'kept':>7}{'flagged':>10}{'any evidence':>14}")
    for language, texts in sorted(rows.items()):
        for name, scrub in SCRUBS.items():
            kept = [scrubbed for text in texts if (scrubbed := scrub(text)) is not None]
            flagged, some = survivors(kept, language)
            shares = f"{flagged / len(texts):>10.1%}{some / len(texts):>14.1%}"
            print(f"{language} {name:31}{len(texts):7}{len(kept):7}{shares}")


def survivors(texts: list[str], language: str) -> tuple[int, int]:
    """How many of the texts flag, taken together as a data set, and how many have evidence."""
    found = [(text, asserted(evidence_of([text], [language])[0])) for text in texts]
    names = recurring_identities(found, SHIPPED.recurring_identity)
    flagged = sum(flagged_kind(promoted(evidence, names)) is not None for _, evidence in found)
    return flagged, sum(bool(evidence) for _, evidence in found)


if __name__ == "__main__":
    main()
