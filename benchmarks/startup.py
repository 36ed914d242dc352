"""CPU seconds before the first row is done: of a process that begins, and of its parts.

    python benchmarks/startup.py

Each part is measured in a process of its own, `RUNS` times; the median is what to quote. spaCy and
what finds a hole are needed only once a text comes in which there may be one.
"""

import statistics
import subprocess
import sys

RUNS = 5
PARTS = {
    "import of the command": "import scrubtrace.detect",
    "import of a worker": "import apache_beam.runners.worker.sdk_worker_main; "
                          "import scrubtrace.beam_pipelines.scan",
    "set-up of boilerplate": "make_detector('boilerplate').setup()",
    "set-up of redaction": "make_detector('redaction').setup()",
    "import of spaCy": "import spacy",
    "a hole in English": "CutResidue().find([('It was long ago designed by .', 'en')])",
    "a hole in German": "CutResidue().find([('Das hat sie damals erzählt von .', 'de')])",
    "a hole in Indonesian": "CutResidue().find([('Pompa itu dulu dibuat oleh .', 'id')])",
}  # fmt: skip
"""Python that is timed, by what it is."""

BEFORE = {
    "make_detector": "from scrubtrace.detectors.registry import make_detector",
    "CutResidue": "from scrubtrace.detectors.cut_residue import CutResidue; import spacy",
}
"""What a part needs, not timed."""

PROGRAM = """
import time
{before}
began = time.process_time()
{part}
print(time.process_time() - began)
"""


def seconds(part: str) -> float:
    """CPU seconds of a part in a new process."""
    before = "\n".join(line for name, line in BEFORE.items() if name in part)
    program = PROGRAM.format(before=before, part=part)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    if ran.returncode:
        raise SystemExit(f"{part}: {ran.stderr.strip().splitlines()[-1]}")
    return float(ran.stdout)


def main() -> None:
    """Prints the median of each part, and the range."""
    for name, part in PARTS.items():
        found = sorted(seconds(part) for _ in range(RUNS))
        median = statistics.median(found)
        print(f"{name:24} {median:6.2f} s  ({found[0]:.2f} to {found[-1]:.2f})", flush=True)


if __name__ == "__main__":
    main()
