"""Which models and makers belong together."""

import pytest

from scrubtrace.detectors.vendors import MAKERS, is_conflict


@pytest.mark.parametrize(
    ("claim", "conflict"),
    [
        ("Claude, trained by OpenAI", True),
        ("Claude, trained by Anthropic", False),
        ("ChatGPT, developed by OpenAI", False),
        ("ChatGPT by Google", True),
        ("GPT-4, made by Anthropic", True),
        ("Copilot, built by Microsoft", False),
        ("文心一言，由百度", False),
        ("文心一言，由谷歌", True),
        ("Claude (not Gemini), from Google", False),
        ("Claude, not a model by OpenAI", False),
        ("DeepSeek-R1-Distill-Llama, made by Meta", False),
        ("Claude, trained by OpenAI and Google", False),
        ("a kettle by Google", False),
    ],
)
def test_pairs(claim: str, conflict: bool) -> None:
    assert is_conflict(claim) == conflict


def test_names_are_in_small_letters() -> None:
    assert all(name == name.casefold() for name in MAKERS)
    assert all(maker == maker.casefold() for makers in MAKERS.values() for maker in makers)
