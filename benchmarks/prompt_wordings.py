"""How many requests the signatures of prompts find, and how many other prompts they hit.

    python benchmarks/prompt_wordings.py [--half all|first|second] [--missed]

The prompts are those of the folder prompt_wordings, one file a language, each as if it were the
message of a user. ``first`` are the first, third, fifth ... of each list, with which signatures may
be improved; ``second`` are the others, which only measure. A request counts as found if any rule
hits it; in brackets is how many are found under the rule of their list. ``--missed`` prints the
requests that are not found and the other prompts that are hit; look at the first half only.
"""

import argparse
import tomllib
from collections import Counter
from pathlib import Path

from scrubtrace.calls.prompt_patterns import patterns
from scrubtrace.schemas.calls import Message

FOLDER = Path(__file__).with_suffix("")
REQUESTS = ("paraphrase", "undetectable", "identity")
OTHERS = "innocent"
HALVES = {"all": slice(None), "first": slice(0, None, 2), "second": slice(1, None, 2)}


def main() -> None:
    """Prints requests found and other prompts hit, by language and list."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--half", choices=HALVES, default="all")
    parser.add_argument("--missed", action="store_true")
    given = parser.parse_args()
    total: Counter[str] = Counter()
    print("lang  " + "  ".join(f"{name:>18}" for name in (*REQUESTS, "requests", "others hit")))
    for path in sorted(FOLDER.glob("*.toml")):
        counts: Counter[str] = Counter()
        for name, prompts in tomllib.loads(path.read_text(encoding="utf-8")).items():
            for prompt in prompts[HALVES[given.half]]:
                count(counts, name, prompt, given.missed)
        print_line(path.stem, counts)
        total += counts
    print_line("all", total)


def count(counts: Counter[str], name: str, prompt: str, missed: bool) -> None:
    """Adds what is found in one prompt of a list."""
    rules = {hit.rule for hit in patterns().find((Message("user", prompt),))}
    counts[name] += 1
    counts[f"{name} hit"] += bool(rules)
    counts[f"{name} own"] += f"prompt.{name}" in rules
    if missed and bool(rules) == (name == OTHERS):
        print(f"{name}: {prompt}")


def print_line(language: str, counts: Counter[str]) -> None:
    """One line of the table."""
    for suffix in ("", " hit", " own"):
        counts[f"requests{suffix}"] = sum(counts[f"{name}{suffix}"] for name in REQUESTS)
    cells = [
        f"{counts[f'{name} hit']} of {counts[name]} ({counts[f'{name} own']})"
        for name in (*REQUESTS, "requests")
    ]
    cells.append(f"{counts[f'{OTHERS} hit']} of {counts[OTHERS]}")
    print(f"{language:4}  " + "  ".join(f"{cell:>18}" for cell in cells))


if __name__ == "__main__":
    main()
