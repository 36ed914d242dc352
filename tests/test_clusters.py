"""Nearly equal answers in one batch: found again after edits, named by whose they are."""

import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from made_texts import prose

from scrubtrace.clusters.job import Kind
from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.reference.clusters import Clusters
from scrubtrace.schemas.identity import DigestKey

OTHERS = [prose(50_000 + n) for n in range(300)]


def edited(text: str, seed: int, share: float = 0.08) -> str:
    """The text with so many of its words replaced."""
    rng = random.Random(seed)
    return " ".join("changed" if rng.random() < share else word for word in text.split())


def numbers(texts: list[str], most_entries: int = 10_000_000, batch: int = 64) -> list[list[int]]:
    clusters = Clusters(most_entries=most_entries)
    for first in range(0, len(texts), batch):
        clusters.add(TextBatch(texts[first : first + batch]))
    return [[member.number for member in cluster] for cluster in clusters.found()]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], []),
        ([prose(1)], []),
        ([prose(1), prose(2)], []),
        ([prose(1), prose(2), prose(1).upper()], [[0, 2]]),
        ([prose(1), edited(prose(1), 1), prose(2), edited(prose(2), 2)], [[0, 1], [2, 3]]),
        (["too short"] * 3, []),
        ([*OTHERS[:200], edited(OTHERS[5], 1)], [[5, 200]]),
        ([edited(prose(1), n, 0.04) for n in range(100)], [[*range(100)]]),
    ],
)
def test_clusters(texts: list[str], expected: list[list[int]]) -> None:
    assert numbers(texts) == expected


@pytest.mark.parametrize("batch", [1, 7, 1_000])
def test_batches_do_not_matter(batch: int) -> None:
    texts = [*OTHERS[:50], *(edited(OTHERS[n], n) for n in range(10))]
    assert numbers(texts, batch=batch) == [[n, 50 + n] for n in range(10)]


def test_memory_is_bounded_by_sampling() -> None:
    texts = [*OTHERS, *(edited(OTHERS[n], n) for n in range(10))]
    clusters = Clusters(most_entries=10_000)
    for first in range(0, len(texts), 16):
        clusters.add(TextBatch(texts[first : first + 16]))
        assert clusters._entries <= 10_000
    assert clusters.scale > 1
    found = [[member.number for member in cluster] for cluster in clusters.found()]
    assert found == [[n, 300 + n] for n in range(10)]


def test_table_through_the_command_line(
    tmp_path: Path, key: DigestKey, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = [
        (prose(1), "ann", "t1"), (edited(prose(1), 1), "bob", "t1"),
        (prose(2), "ann", "t2"), (edited(prose(2), 1), "ann", "t3"),
        (prose(3), "ann", "t4"), (prose(3), "bob", "t4"), (edited(prose(3), 2), "cid", "t5"),
        (prose(4), "cid", "t6"), (prose(4), "cid", "t6"),
        (prose(5), None, "t7"), (prose(5), "bob", "t7"), (prose(6), "ann", "t8"), ("", "ann", "t9"),
    ]  # fmt: skip
    texts, labelers, tasks = map(list, zip(*pairs, strict=True))
    table = pa.table({"text": texts, "worker": labelers, "task": tasks})
    pq.write_table(table, tmp_path / "batch.parquet")
    out = tmp_path / "clusters.parquet"
    given = ("--group-by", "labeler=worker,task=task", "--out", str(out))
    assert code_of("clusters", str(tmp_path / "batch.parquet"), *given) == 0
    rows = pq.read_table(out).to_pylist()
    kinds = {row["cluster"]: row["kind"] for row in rows}
    assert [*kinds.values()] == [
        Kind.LABELERS, Kind.TASKS, Kind.BOTH, Kind.REPEATED, Kind.REPEATED
    ]  # fmt: skip
    assert [row["place"] for row in rows[:2]] == ["batch.parquet:0", "batch.parquet:1"]
    assert rows[0]["similarity"] == 1.0
    assert 0.5 <= rows[1]["similarity"] < 1.0
    assert [row["members"] for row in rows] == [2, 2, 2, 2, 3, 3, 3, 2, 2, 2, 2]
    told = capsys.readouterr().out
    assert "12 texts, 0 too short" in told
    assert "1 clusters: different tasks" in told


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("labeler=worker", "both"),
        ("labeler=worker,task=nowhere", "nowhere"),
        ("worker", "NAME=COL"),
        ("labeler=worker,task=task", "no text"),
    ],
)
@pytest.mark.usefixtures("key")
def test_what_cannot_be_clustered(
    tmp_path: Path, columns: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pa.table({"text": ["", " "], "worker": ["a", "b"], "task": ["1", "2"]})
    pq.write_table(table, tmp_path / "batch.parquet")
    out = ("--out", str(tmp_path / "out.parquet"))
    assert code_of("clusters", str(tmp_path / "batch.parquet"), "--group-by", columns, *out) == 2
    assert message in capsys.readouterr().err


def test_similarity_is_that_of_shingles() -> None:
    clusters = Clusters()
    words = [f"w{n}" for n in range(41)]
    clusters.add(TextBatch([" ".join(words), " ".join([*words[:31], "x"])]))
    (cluster,) = clusters.found()
    assert cluster[1].similarity == pytest.approx(30 / 41)
    assert np.isclose(cluster[0].similarity, 1.0)
