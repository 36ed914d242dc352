"""What review quality and review learn say in words."""

from collections import Counter

import pytest

from scrubtrace.quality import learned_lines, quality_lines
from scrubtrace.review.quality.precision import Decided, Exports, Learned, Suspect


def test_signatures_stand_under_another_detector() -> None:
    decided = [
        Decided("boilerplate", None, 3),
        Decided("redaction", None, 2),
        Decided("boilerplate", "en.closer.a", 3),
        Decided("redaction", "any.hidden_characters.b", 2),
    ]
    lines = list(quality_lines([], [], None, decided, Exports(0, 0)))
    shown = [line.split(":")[0] for line in lines if line.startswith("  ") and " of " in line]
    assert shown == [
        "  boilerplate", "    en.closer.a", "  redaction", "    any.hidden_characters.b"
    ]  # fmt: skip


@pytest.mark.parametrize("off", [{}, {"boilerplate": ["en.closer.a"]}])
def test_lines_for_the_configuration_are_announced_and_missing(off: dict[str, list[str]]) -> None:
    suspect = Suspect(Decided("redaction", None, 1, Counter(human=20)), 0.2, 0.001, 0.001)
    lines = list(learned_lines(Learned(1, [suspect]), 0.5, 10, off))
    announced = [line for line in lines if "Lines for scrubtrace.toml" in line]
    assert bool(announced) == bool(off)
    assert lines[-1] == "]" if off else lines[-1].endswith("Nothing was changed.")
