"""Made-up texts for benchmarks: as many as wanted, deterministic, of a given length."""

import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SUBJECTS = (
    "the ferry", "my neighbour's dog", "an old radio", "the second draft", "our landlord",
    "a ripe quince", "the night train", "that blue kettle", "the museum guide", "her bicycle",
)  # fmt: skip
VERBS = (
    "waited by", "rolled past", "never reached", "sounded like", "was painted after",
    "borrowed a coat from", "looked smaller than", "came back without", "slept behind", "outran",
)  # fmt: skip
OBJECTS = (
    "the bakery on the corner", "three wet umbrellas", "the harbour wall", "a choir of frogs",
    "the library steps", "two borrowed ladders", "the last tram", "a field of onions",
    "the broken weathervane", "somebody else's picnic",
)  # fmt: skip
ENDS = (
    "before the rain began", "which surprised nobody", "while the soup was getting cold",
    "as it does every autumn", "and that isn't unusual here", "though it was past midnight",
    "because the gate was open", "with remarkable patience",
)  # fmt: skip
BOILERPLATE = "As an AI language model, I do not have personal preferences. "
BOILERPLATE_SHARE = 0.01


def text(rng: random.Random, chars: int) -> str:
    """One English text of about so many characters; one in a hundred has boilerplate."""
    parts, length = [], 0
    while length < chars:
        words = (rng.choice(SUBJECTS), rng.choice(VERBS), rng.choice(OBJECTS), rng.choice(ENDS))
        sentence = " ".join(words).capitalize() + f" ({rng.randrange(1000)}). "
        parts.append(sentence)
        length += len(sentence)
    if rng.random() < BOILERPLATE_SHARE:
        parts.insert(rng.randrange(len(parts)), BOILERPLATE)
    return "".join(parts)[:chars]


def texts(rows: int, chars: int, seed: int) -> Iterator[str]:
    """So many texts; the same seed gives the same texts."""
    rng = random.Random(seed)
    return (text(rng, chars) for _ in range(rows))


def write_shards(folder: Path, shards: int, rows: int, chars: int) -> None:
    """Writes ``shards`` files of ``rows`` rows each, unless they are there already."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(shards):
        path = folder / f"part-{number:04}.parquet"
        if path.exists():
            continue
        ids = pa.array(range(number * rows, (number + 1) * rows), pa.int64())
        table = pa.table({"id": ids, "text": list(texts(rows, chars, number))})
        draft = path.with_suffix(".draft")
        pq.write_table(table, draft, row_group_size=25_000, compression="zstd")
        draft.rename(path)
