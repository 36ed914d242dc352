"""Two public sets of human and LLM texts that nothing here was fitted on or chosen by.

    python benchmarks/public_rows.py CLONES OUT
    make eval DATA=OUT PREDICTIONS=public.parquet

CLONES holds bare clones, ``owner/name.git``, that contain the commits named here; OUT gets one
Parquet file for each pair of human texts and what a model made of the same prompts (columns text,
label, lang, attack). Texts that the folder of ``--train`` has, too, are left out and counted.

- Fast-DetectGPT (Bao and others, 2024): openings of news (XSum) and stories (WritingPrompts)
  continued, questions on PubMed abstracts answered, by davinci, GPT-3.5 and GPT-4.
- GPT detectors and non-native writers (Liang and others, 2023): abstracts of student projects,
  admission essays, school essays and TOEFL essays, written or rewritten by GPT-3.5 or GPT-4.
"""

import argparse
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

FAST = ("baoguangsheng/fast-detect-gpt", "971b05202bac2bb504d60c0ac0812fea7a8f7c82")
BIAS = ("Weixin-Liang/ChatGPT-Detector-Bias", "1d05ed8242d4694a0ed7b73a79c52be8864470f9")

GENRES, MODELS = ("xsum", "writing", "pubmed"), ("davinci", "gpt-3.5-turbo", "gpt-4")
PAIRS = (
    ("projects_gpt3", "Human_Data/CS224N_real_145", "GPT_Data/CS224N_gpt3_145"),
    ("projects_gpt3_prompted", "Human_Data/CS224N_real_145", "GPT_Data/CS224N_gpt3PromptEng_145"),
    ("college_gpt3", "Human_Data/CollegeEssay_real_70", "GPT_Data/CollegeEssay_gpt3_31"),
    ("college_gpt3_prompted", "Human_Data/CollegeEssay_real_70",
     "GPT_Data/CollegeEssay_gpt3PromptEng_31"),
    ("school_simplified", "Human_Data/HewlettStudentEssay_real_88",
     "Human_Data/HewlettStudentEssay_GPTsimplify_88"),
    ("toefl_polished", "Human_Data/TOEFL_real_91", "Human_Data/TOEFL_gpt4polished_91"),
)  # fmt: skip
"""Name, human texts, LLM texts; a text written by people and rewritten by a model counts as LLM."""

Pair = tuple[str, list[str], list[str]]


def content(clones: Path, repository: tuple[str, str], path: str) -> Any:
    """A JSON file of a repository at its commit."""
    name, commit = repository
    shown = subprocess.run(
        ["git", "-C", str(clones / f"{name}.git"), "show", f"{commit}:{path}"],
        check=True,
        capture_output=True,
    )
    return json.loads(shown.stdout)


def pairs(clones: Path) -> Iterator[Pair]:
    """Name, human texts and LLM texts of every set."""
    for genre in GENRES:
        for model in MODELS:
            found = content(clones, FAST, f"exp_gpt3to4/data/{genre}_{model}.raw_data.json")
            yield f"{genre}_{model}", found["original"], found["sampled"]
    for name, human, llm in PAIRS:
        texts = [
            [row["document"] for row in content(clones, BIAS, f"Data_and_Results/{side}/data.json")]
            for side in (human, llm)
        ]
        yield name, texts[0], texts[1]


def known_texts(train: Path) -> set[str]:
    """Texts of a folder of Parquet files."""
    return {
        text
        for file in sorted(train.glob("*.parquet"))
        for text in pq.read_table(file, columns=["text"])["text"].to_pylist()
    }


def main() -> None:
    """Writes the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clones", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--train", type=Path, help="folder of the rows that models are fitted on")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    known = known_texts(given.train) if given.train else set()
    for name, human, llm in pairs(given.clones):
        rows = [(text, label) for label, texts in (("human", human), ("llm", llm))
                for text in dict.fromkeys(texts)]  # fmt: skip
        kept = [row for row in rows if row[0] not in known]
        texts, labels = [row[0] for row in kept], [row[1] for row in kept]
        table = pa.table({"text": texts, "label": labels, "lang": ["en"] * len(kept),
                          "attack": ["none"] * len(kept)})  # fmt: skip
        pq.write_table(table, given.out / f"{name}.parquet")
        print(f"{name:26} {labels.count('human'):4} human {labels.count('llm'):4} LLM, "
              f"{len(rows) - len(kept)} known")  # fmt: skip


if __name__ == "__main__":
    main()
