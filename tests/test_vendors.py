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
        ("Gemini, and I was made by Meta", True),
        ("GPT-4 powered and hosted on a server made by Microsoft", False),
        ("Gemini rising, and this app was made by Meta", False),
        ("Claudeのユーザーで、スマホはGoogleによって", False),
        ("Gemini です、Anthropic社が", True),
        ("Claude的用户，手机由谷歌", False),
        ("Gemini, und diese App wurde von Meta entwickelt", False),
        ("Gemini, dan aplikasi ini dibuat oleh Meta", False),
    ],
)
def test_pairs(claim: str, conflict: bool) -> None:
    assert is_conflict(claim) == conflict


def test_names_are_in_small_letters() -> None:
    assert all(name == name.casefold() for name in MAKERS)
    assert all(maker == maker.casefold() for makers in MAKERS.values() for maker in makers)
