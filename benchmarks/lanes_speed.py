"""Speed of the style lane with a model, and of all lanes together.

    python benchmarks/lanes_speed.py [FILES] [--model MODEL.npz]

Documents per CPU second of the whole detector `stylometry` (folding, n-grams, measures, trees,
score, evidence of rows above the model's own human rows), of `boilerplate` and `redaction`, and of
the three together, in batches of `BATCH`, the best of several passes, beside scikit-learn in the
same run. Then the CPU seconds that a process takes from its start until the detector is ready.
Texts are those of `style_speed.py`. Without ``--model`` the shipped model is measured.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from style_speed import DOCUMENTS, rate, rows, scikit_learn, written

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.detector import Detector
from scrubtrace.detectors.registry import make_detector

BATCH = 256
READY = """
from scrubtrace.detectors.style.detector import Stylometry
Stylometry({model!r}).setup()
"""


def judge(detectors: Sequence[Detector]) -> Callable[[Sequence[str]], None]:
    """A function that runs detectors on texts of one language, as a scan does."""

    def run(texts: Sequence[str]) -> None:
        batch = TextBatch(texts, ["en"] * len(texts))
        for detector in detectors:
            detector.detect(batch)

    return run


def start_up(model: str | None) -> float:
    """CPU seconds of a process that loads the detector and its model, the best of three."""
    found = []
    for _ in range(3):
        before = getrusage(RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", READY.format(model=model)], check=True)
        after = getrusage(RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--model")
    given = parser.parse_args()
    texts = rows(given.files, DOCUMENTS) if given.files else written(DOCUMENTS)
    style = make_detector("stylometry", {"model": given.model} if given.model else {})
    trace = [make_detector(name) for name in ("boilerplate", "redaction")]
    for detector in (style, *trace):
        detector.setup()
    batches = [texts[first : first + BATCH] for first in range(0, len(texts), BATCH)]
    chars = sum(map(len, texts)) / len(texts)
    print(f"{len(texts)} texts of {chars:.0f} characters on average; documents per CPU second")
    for name, detectors in (
        ("stylometry", [style]), ("boilerplate, redaction", trace), ("all three", [style, *trace])
    ):  # fmt: skip
        print(f"{name:28} {rate(judge(detectors), batches, len(texts)):9,.0f}", flush=True)
    reference = scikit_learn(texts)
    told = "not installed" if reference is None else f"{reference:9,.0f}"
    print(f"{'scikit-learn, char 2-4':28} {told}")
    print(f"start of a process until ready: {start_up(given.model):.2f} CPU seconds")


if __name__ == "__main__":
    main()
