"""Made-up texts of two kinds, and a small style model that was trained to tell them apart."""

import hashlib
import random
from functools import cache

from made_texts import COMMON, VOCABULARY

from scrubtrace.detectors.style.adjustment import KIND
from scrubtrace.detectors.style.ngrams import Family
from scrubtrace.detectors.style.packs import model_bytes
from scrubtrace.style.labelled import Labelled
from scrubtrace.style.recipes import Fit, HeadRecipe, Intercepts, Recipe, TreesRecipe
from scrubtrace.style.train import Trained, train_language

SMALL = Recipe(
    (
        HeadRecipe("words", Family("word", (1, 2), 14), "sublinear", True,
                   (Fit(Intercepts.POOLED, 10.0), Fit(Intercepts.OWN, 10.0)), 2.0),
        HeadRecipe("presence", Family("char", (3,), 12, cased=True), "presence", False,
                   (Fit(Intercepts.NONE, 0.03),), 1.0),
    ),
    TreesRecipe(trees=20, leaves=6, depth=3, least_rows=10),
    least_words=30,
    least_fitted=30,
    adjusted=KIND,
)  # fmt: skip


def labelled_rows(sources: int = 4, rows: int = 50) -> list[Labelled]:
    """So many human and as many LLM rows of each source."""
    found = []
    for source in range(sources):
        for number in range(rows):
            seed = source * 10_000 + number
            for is_llm, text in ((False, human_text(seed)), (True, llm_text(seed))):
                digest = hashlib.sha256(text.encode()).digest()[:16]
                found.append(Labelled(digest, f"source{source}", is_llm, text))
    return sorted(found)


@cache
def trained() -> Trained:
    """The small model of English, and its held-out results; trained once a process."""
    return train_language("en", labelled_rows(), recipe=SMALL)


@cache
def model_file() -> bytes:
    """The content of its file."""
    return model_bytes({"en": trained().model}, {"terms": "made up"})


def human_text(seed: int, words: int = 90) -> str:
    """Sentences of very different lengths, odd words, few commas."""
    rng = random.Random(f"human {seed}")
    return _text(rng, words, (2, 30), 0.3, 0.02)


def llm_text(seed: int, words: int = 90) -> str:
    """Sentences of one length, common words, many commas, and its favourite word."""
    rng = random.Random(f"llm {seed}")
    return _text(rng, words, (11, 14), 0.55, 0.12).replace("branso", "moreover", 1)


def _text(
    rng: random.Random, words: int, lengths: tuple[int, int], common: float, commas: float
) -> str:
    sentences: list[str] = []
    left = words
    while left > 0:
        size = min(rng.randint(*lengths), left)
        left -= size
        chosen = [
            rng.choice(COMMON)
            if rng.random() < common
            else VOCABULARY[int(3_000 * rng.random() ** 2)]
            for _ in range(size)
        ]
        marked = [word + ("," if rng.random() < commas else "") for word in chosen]
        sentences.append(" ".join(marked).strip(",").capitalize() + ".")
    return " ".join(sentences)
