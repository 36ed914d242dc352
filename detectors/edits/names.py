"""Names of models and their makers that an edit took out or exchanged.

Evidence: around the name the text stayed, the name is gone, and in its place stands nothing or
something short that is not the same maker's. Names that are other words as well (Claude, Gemini,
Meta, 豆包) count only where the sentence speaks of models or assistants.

Known false positives: an editor who writes "the company" instead of repeating a name.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from scrubtrace.detectors.edits.alignment import Alignment, Hunk
from scrubtrace.detectors.edits.change import Change
from scrubtrace.detectors.edits.words import Span, Words, is_east_asian
from scrubtrace.detectors.vendors import MAKERS
from scrubtrace.schemas.edits import EditKind

MOST_REMOVED_BESIDE = 6
MOST_INSERTED = 8
"""Words beside the name in one change; of East Asian characters twice as many."""

LEAST_KEPT = 0.4
"""Share of the old words that must be kept: in a text written anew every name is gone."""

TYPO_SIMILARITY = 0.7
"""At this similarity (optimal string alignment) a word is another one, spelt otherwise."""

TYPO_LETTERS = 4

MORE = {"chatgpt": {"openai"}, "chatglm": {"智谱"}, "palm": {"google"}, "o1": {"openai"}}
"""Further models; `MAKERS` has one word a family."""

DISTINCT = frozenset(
    {"gpt", "chatgpt", "openai", "anthropic", "deepseek", "qwen", "chatglm"}
    | {"通义千问", "文心一言", "深度求索", "月之暗面", "智谱"}
)
"""Names that are nothing else; the others count beside `_ABOUT_MODELS` only."""

_ABOUT_MODELS = re.compile(
    r"(?i)\b(?:a\.?i|k\.?i|llms?|(?:language|sprach)[ -]?model\w*|chat-?bots?|model\w*|modell\w*"
    r"|assistant\w*|assistent\w*|asisten|trained|trainiert|dilatih|developed by|entwickelt"
    r"|dikembangkan|artificial intelligence|künstliche\w* intelligenz|kecerdasan buatan|prompts?)\b"
    r"|人工智能|人工智慧|模型|助手|助理|機器人|机器人|训练|訓練|开发|開發|人工知能|モデル|アシスタント"
    r"|学習|チャット"
)
_SENTENCE_CHARS = 120


@dataclass(frozen=True)
class _Name:
    vendor: str
    span: Span


def _vendors() -> dict[str, str]:
    """The maker, by each name of a model or maker; a maker with two names has the Latin one."""
    found: dict[str, str] = {}
    for model, makers in (MAKERS | MORE).items():
        vendor = min(makers)
        found |= dict.fromkeys((model, *makers), vendor)
    return found


_VENDORS = _vendors()
_LATIN = sorted((n for n in _VENDORS if n.isascii()), key=len, reverse=True)
_OTHERS = sorted((n for n in _VENDORS if not n.isascii()), key=len, reverse=True)
_NAME = re.compile(
    rf"(?i)(?<![a-z0-9])(?P<latin>chat gpt|{'|'.join(_LATIN)})"
    r"(?:[- ]?v?[0-9][a-z0-9.]*[a-z0-9]|[- ]?[0-9])?(?![a-z])"
    rf"|(?P<other>{'|'.join(_OTHERS)})"
)


def removed_names(alignment: Alignment, cut: Set[int], is_paraphrased: bool) -> Iterator[Change]:
    """Names that an edit removed or exchanged; in a paraphrase, those of which none is left.

    ``cut`` are words of the old text that went as boilerplate: they do not count beside a name.
    """
    old, new = alignment.old, alignment.new
    names = list(_names(old))
    if not names:
        return
    left = Counter(name.vendor for name in _names(new))
    gone = Counter(name.vendor for name in names) - left
    kept = alignment.kept_share(range(len(old)))
    for name in names:
        hunk = alignment.hunk_with(old.within(*name.span))
        if hunk is None or not gone[name.vendor]:
            continue
        local = kept >= LEAST_KEPT and _is_about_name(alignment, hunk, name, cut)
        if local or (is_paraphrased and not left[name.vendor]):
            yield _change(alignment, hunk, name)


def _names(words: Words) -> Iterator[_Name]:
    text = words.text
    for found in _NAME.finditer(text):
        name = (found["latin"] or found["other"]).casefold().replace(" ", "")
        if name in DISTINCT or _is_about_models(text, found.span()):
            yield _Name(_VENDORS[name], found.span())


def _is_about_models(text: str, span: Span) -> bool:
    before = text[max(0, span[0] - _SENTENCE_CHARS) : span[0]]
    behind = text[span[1] : span[1] + _SENTENCE_CHARS]
    before = re.split(r"[.!?]\s|[。！？\n]", before)[-1]
    behind = re.split(r"[.!?]\s|[。！？\n]", behind)[0]
    return bool(_ABOUT_MODELS.search(f"{before} | {behind}"))


def _is_about_name(alignment: Alignment, hunk: Hunk, name: _Name, cut: Set[int]) -> bool:
    """Whether the change is about the name and little else."""
    old, new = alignment.old, alignment.new
    of_name = old.within(*name.span)
    beside = sum(
        word not in cut and word not in of_name for word in range(hunk.old_start, hunk.old_end)
    )
    wide = any(is_east_asian(w) for w in old.words[hunk.old_start : hunk.old_end])
    times = 2 if wide else 1
    if beside > times * MOST_REMOVED_BESIDE or hunk.inserted > times * MOST_INSERTED:
        return False
    if not hunk.inserted and beside and old.is_sentence(hunk.old_start, hunk.old_end):
        return False
    return not _is_misspelt(
        old.words[of_name.start : of_name.stop], new.words[hunk.new_start : hunk.new_end]
    )


def _is_misspelt(name: Sequence[str], inserted: Sequence[str]) -> bool:
    """Whether a word that was put in is one of the name, spelt otherwise."""
    return any(
        OSA.normalized_similarity(a, b) >= TYPO_SIMILARITY
        for a in name
        if len(a) >= TYPO_LETTERS
        for b in inserted
    )


def _change(alignment: Alignment, hunk: Hunk, name: _Name) -> Change:
    what = "swapped" if hunk.inserted else "removed"
    return alignment.change(EditKind.NAME_REMOVED, f"name.{name.vendor}.{what}", hunk)
