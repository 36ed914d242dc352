"""Models and their makers: which pairs belong together.

A brand swap that misses one of two names leaves a model beside another's maker ("I am Claude,
trained by OpenAI"). Source: the makers' own announcements, as of 2025.
"""

import re

MAKERS = {
    "gpt": {"openai"},
    "copilot": {"microsoft"},
    "claude": {"anthropic"},
    "gemini": {"google", "谷歌"},
    "bard": {"google", "谷歌"},
    "llama": {"meta"},
    "deepseek": {"deepseek", "深度求索"},
    "qwen": {"alibaba", "阿里"},
    "通义千问": {"alibaba", "阿里"},
    "ernie": {"baidu", "百度"},
    "文心一言": {"baidu", "百度"},
    "豆包": {"字节"},
    "grok": {"xai"},
    "mistral": {"mistral"},
    "kimi": {"moonshot", "月之暗面"},
}
"""Beginnings of makers' names by a word of the model's name, in small letters."""


_NOT = re.compile(r"\b(?:not|nicht|kein\w*|bukan)\b|n't\b|不是|并非|ではな|じゃな")

_OF_SOMETHING_ELSE = re.compile(
    r"\b(?:this|that|these|my|powered|hosted|running|users?|fans?|rising|ini|diese\w*|mein\w*)\b"
    r"|[、,][^。]*は|の(?:ユーザー|利用者|ファン)|的(?:用户|用戶|粉丝|粉絲|客户|客戶)|我的|[这這]"
)
"""Words between a model and a maker after which the maker is that of something else."""


def is_conflict(claim: str) -> bool:
    """Whether a claim "MODEL ... by MAKER" pairs one model with one maker that is not its own.

    A claim that denies, names several models or makers, or speaks of something else in between, is
    none.
    """
    said = claim.casefold()
    models = [name for name in MAKERS if name in said]
    if len(models) != 1 or _NOT.search(said):
        return False
    behind = said[said.index(models[0]) + len(models[0]) :]
    if _OF_SOMETHING_ELSE.search(behind):
        return False
    named = {frozenset(m) for m in MAKERS.values() if any(maker in behind for maker in m)}
    return len(named) == 1 and frozenset(MAKERS[models[0]]) not in named
