"""Models and their makers: which pairs belong together.

A brand swap that misses one of two names leaves a model beside another's maker ("I am Claude,
trained by OpenAI"). Source: the makers' own announcements, as of 2025.
"""

MAKERS = {
    "gpt": {"openai", "microsoft"},
    "copilot": {"microsoft", "openai"},
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


def is_conflict(claim: str) -> bool:
    """Whether a claim "MODEL ... by MAKER" pairs a model with a maker that is not its own.

    ``claim`` begins with the model and ends with the maker, or with little behind it.
    """
    said = claim.casefold()
    model = min((name for name in MAKERS if name in said), key=said.index, default=None)
    if model is None:
        return False
    behind = said[said.index(model) + len(model) :]
    return not any(maker in behind for maker in MAKERS[model])
