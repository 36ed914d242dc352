"""Labelled rows of Parquet files, and which of them go back to the same prompt.

Every file is a source; columns text, label, lang, attack, and where known pair_id and prompt. Rows
whose attack begins with ``human+`` are left out, and equal texts of a source and label count once.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from labelled_files import labelled_files, labelled_rows
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Numbers = npt.NDArray[np.int64]
OPTIONAL = ("pair_id", "prompt", "domain")

RELATIVES = (
    ("hc3_zh", "cudrt_zh", "hc3plus_qa", "agt2025"),
    ("wiki_intro_d1", "wiki_gpt51"),
    ("indonlu_id", "nusax_id"),
)
PARTS = {"hc3plus": {"qa": "hc3plus_qa", "si": "hc3plus_si"}}
"""Files of two data sets, told apart by how the column ``domain`` begins: questions and answers of
HC3, and other texts summarised, translated or paraphrased."""

OPENING = 50
"""Letters and digits at the beginning of a text that name its prompt where nothing else does."""

INSTRUCTION = 1 / 3
"""A prompt that more of a source's rows share is an instruction, and does not tell rows apart."""


@dataclass(frozen=True)
class Row:
    """One labelled text; ``pair`` and ``prompt`` are empty where they are not known."""

    text: str
    is_llm: bool
    source: str
    pair: str = ""
    prompt: str = ""


def read_rows(folder: Path, language: str) -> list[Row]:
    """Rows of one language by source and label, those with the smallest digest first."""
    rows: list[Row] = []
    for file in labelled_files(folder):
        own = {
            (row["text"], row["label"]): Row(
                row["text"], row["label"] == "llm", source_of(file.stem, row),
                str(row.get("pair_id") or ""), str(row.get("prompt") or ""),
            )
            for row in labelled_rows(file, OPTIONAL)
            if row["lang"] == language and row["text"] and not is_mixed(row["attack"])
        }  # fmt: skip
        ordered = sorted(own.values(), key=lambda row: (row.is_llm, _digest(row.text)))
        rows += sorted(ordered, key=lambda row: row.source)
    return rows


def source_of(name: str, row: Mapping[str, Any]) -> str:
    """The source of a row of a file, see `PARTS`."""
    return PARTS.get(name, {}).get(str(row.get("domain")).partition(":")[0], name)


def digest_of(text: str) -> str:
    """SHA-256 of the UTF-8 text, hex."""
    return _digest(text).hex()


def places(rows: Sequence[Row]) -> Numbers:
    """Place of each row among those of its source and label, from 0."""
    met: Counter[tuple[str, bool]] = Counter()
    found = np.empty(len(rows), np.int64)
    for number, row in enumerate(rows):
        found[number] = met[row.source, row.is_llm]
        met[row.source, row.is_llm] += 1
    return found


def prompts_of(rows: Sequence[Row]) -> Numbers:
    """A number for each row; rows that may go back to the same prompt have the same.

    Rows are joined, also over others, if they have a pair of their source in common, a prompt or a
    text but for case, spaces and marks, or, without pair and prompt, the opening of the text.
    """
    numbers: dict[tuple[str, ...], int] = {}
    joined = [
        (place, numbers.setdefault(key, len(numbers)))
        for place, keys in enumerate(_keys(rows))
        for key in keys
    ]
    if not joined:
        return np.empty(0, np.int64)
    own, keys = np.array(joined, np.int64).T
    size = len(rows) + len(numbers)
    links = coo_matrix((np.ones(len(own)), (own, keys + len(rows))), shape=(size, size))
    _, found = connected_components(links, directed=False)
    return np.asarray(found[: len(rows)], np.int64)


def halves(prompts: Numbers) -> Numbers:
    """0 or 1 for each row, the same for rows of one prompt.

    The largest prompts come first, each to the half with fewer rows; of equal ones the order does
    not depend on that of the rows alone, so that topics that lie together are split.
    """
    names, sizes = np.unique(prompts, return_counts=True)
    order = sorted(range(len(names)), key=lambda n: (-sizes[n], _digest(str(n))))
    half, filled = np.zeros(len(names), np.int64), [0, 0]
    for number in order:
        half[number] = int(filled[1] < filled[0])
        filled[half[number]] += int(sizes[number])
    return half[np.searchsorted(names, prompts)]


def _keys(rows: Sequence[Row]) -> Iterator[list[tuple[str, ...]]]:
    """What each row is joined by."""
    folded = [_folded(row.prompt) for row in rows]
    sizes = Counter(row.source for row in rows)
    shared = Counter((row.source, prompt) for row, prompt in zip(rows, folded, strict=True))
    for row, prompt in zip(rows, folded, strict=True):
        text = _folded(row.text)
        keys: list[tuple[str, ...]] = [("text", text)]
        told = shared[row.source, prompt] <= max(2, INSTRUCTION * sizes[row.source])
        if row.pair:
            keys.append(("pair", row.source, row.pair))
        if prompt and told:
            keys.append(("prompt", prompt))
        if len(keys) == 1:
            keys.append(("opening", text[:OPENING]))
        yield keys


def _folded(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def is_mixed(attack: str | None) -> bool:
    """Whether an attack is human text rewritten by a machine."""
    return bool(attack) and str(attack).startswith("human+")
