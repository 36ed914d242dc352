"""The calibration file: its strata, its bytes, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from style_scorer import NAMES, essay, human_rows, manifest_of, write_calibration

from scrubtrace.detectors.style.archive import archive_arrays, archive_bytes
from scrubtrace.detectors.style.calibration import (
    ARRAYS,
    MEASURED,
    Calibration,
    calibration_bytes,
)
from scrubtrace.detectors.style.scorer import TAILS, HumanMeasures
from scrubtrace.detectors.style.strata import EDGES, LEAST_ROWS, calibrated, merged_edges
from scrubtrace.schemas.style import CalibrationManifest, Stratum, StyleError, described


@given(st.lists(st.integers(0, 2_000), max_size=300), st.integers(1, 100))
def test_buckets_merge_until_they_are_enough_and_cover_every_length(
    words: list[int], least: int
) -> None:
    lengths = np.array(words, np.int64)
    edges = merged_edges(lengths, least)
    assert edges[0] == 0
    assert edges == sorted(set(edges) & set(EDGES))
    counts = np.bincount(np.searchsorted(edges, lengths, "right") - 1, minlength=len(edges))
    assert counts.sum() == len(words)
    assert len(edges) == 1 or counts.min() >= least


def test_buckets_that_are_enough_stay_apart() -> None:
    words = np.repeat([10, 60, 120], 50)
    assert merged_edges(words, 50) == [0, 50, 100]
    assert merged_edges(words, 51) == [0]


@pytest.mark.parametrize(("rows", "strata"), [(LEAST_ROWS - 1, 0), (LEAST_ROWS, 1), (400, 2)])
def test_how_many_rows_make_a_stratum(rows: int, strata: int) -> None:
    texts = [essay(seed, 30 if seed % 2 else 60) for seed in range(rows)]
    found = calibrated(human_rows(texts), 200)
    assert len(found) == strata
    assert sum(entry.n for entry in found) == (rows if strata else 0)


def test_a_calibration_comes_back_as_it_was(tmp_path: Path) -> None:
    path = write_calibration(tmp_path / "human.npz", 200, source="essays")
    again = write_calibration(tmp_path / "again.npz", 200, source="essays")
    assert path.read_bytes() == again.read_bytes()
    read = Calibration.read(str(path))
    rows = human_rows([essay(seed, 40 + seed % 40) for seed in range(200)])
    (entry,) = read.strata
    assert entry.stratum.name == "en/essays/0-"
    assert entry.scores.tolist() == sorted(rows.scores.tolist())
    assert read.manifest == manifest_of(strata=(entry.stratum,), sizes=(200,))
    assert (entry.typical.distances > 0).all()
    assert entry.human is not None
    assert entry.human.values.shape == (len(TAILS), len(NAMES))


@pytest.mark.parametrize(
    ("language", "source", "found"),
    [("en", "essays", True), ("en", "news", False), ("en", None, False), ("de", "essays", False)],
)
def test_a_row_is_compared_with_its_own_kind_only(
    tmp_path: Path, language: str, source: str | None, found: bool
) -> None:
    read = Calibration.read(str(write_calibration(tmp_path / "c.npz", 50, source="essays")))
    for words in (0, 1, 10**6):
        assert (read.find(language, source, words) is not None) == found


def test_rows_without_a_source_are_a_kind_of_their_own(tmp_path: Path) -> None:
    read = Calibration.read(str(write_calibration(tmp_path / "c.npz", 50)))
    assert read.find("en", None, 60) is not None
    assert read.find("en", "", 60) is not None
    assert read.find("en", "essays", 60) is None


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, share: float) -> None:
    path = write_calibration(tmp_path / "human.npz", 100)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(StyleError, match=r"human\.npz is damaged or cut off; make it again"):
        Calibration.read(str(path))


@pytest.mark.parametrize("content", [b"", b"PK", b"\x80\x04N.", b"\x93NUMPY", b"{}" * 100])
def test_a_file_that_is_something_else_is_refused(content: bytes) -> None:
    with pytest.raises(StyleError, match="damaged or cut off"):
        Calibration(content)


def test_a_model_is_no_calibration() -> None:
    with pytest.raises(StyleError, match="is no calibration; make it again"):
        Calibration(archive_bytes({"about": np.ones(1)}))


def test_a_changed_byte_is_seen(tmp_path: Path) -> None:
    content = bytearray(write_calibration(tmp_path / "c.npz", 100).read_bytes())
    refused = 0
    for place in range(200, len(content) - 200, 97):
        changed = content.copy()
        changed[place] ^= 0xFF
        try:
            read = Calibration(bytes(changed))
        except StyleError:
            refused += 1
        else:  # a byte that says nothing: the strata are the same
            assert (
                read.strata[0].scores.tolist()
                == Calibration(bytes(content)).strata[0].scores.tolist()
            )
    assert refused > 10


def test_a_missing_file_is_a_clear_error() -> None:
    with pytest.raises(StyleError, match=r"none\.npz cannot be read: No such file"):
        Calibration.read("none.npz")


def test_a_file_from_before_versions_were_noted_can_be_read(tmp_path: Path) -> None:
    path = write_calibration(tmp_path / "c.npz", 50)
    data = json.loads(Calibration.read(str(path)).manifest.to_json())
    del data["detector_version"], data["folded_chars"]
    read = CalibrationManifest.from_json(json.dumps(data))
    assert (read.detector_version, read.folded_chars) == ("", 0)


def changed_manifest(path: Path, **changes: Any) -> bytes:
    """The file with another manifest."""
    read = Calibration.read(str(path))
    data = json.loads(read.manifest.to_json()) | changes
    kept = read.manifest

    class Other(CalibrationManifest):
        def to_json(self) -> str:
            return json.dumps(data)

    fields = {name: getattr(kept, name) for name in kept.__dataclass_fields__}
    return calibration_bytes(Other(**fields), read.strata)


def stratum_of(low: Any, high: Any) -> dict[str, Any]:
    return {"language": "en", "source": "", "low": low, "high": high}


NO_RANGES: list[tuple[Any, Any]] = [
    ("0", None), (0, "9"), (-1, None), (5, 5), (9, 5), (0, -5), (True, None), (0.5, 9)
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 2}, "has format 2, this version reads 1"),
        ({"sampling": "dismissed by reviewers"}, "may not calibrate; only random, all"),
        ({"sampling": ""}, "may not calibrate"),
        ({"origin": " "}, "needs its origin"),
        ({"of_tomorrow": 1}, "has other fields"),
        ({"sizes": [99]}, "damaged"),
        ({"sizes": [50, 50]}, "damaged"),
        ({"covariates": ["one"]}, "damaged"),
        ({"strata": []}, "damaged"),
        ({"strata": [{"language": "en"}]}, "has other fields"),
        *(({"strata": [stratum_of(*bounds)]}, "damaged") for bounds in NO_RANGES),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = write_calibration(tmp_path / "c.npz", 100)
    with pytest.raises(StyleError, match=said):
        Calibration(changed_manifest(path, **changes))


@pytest.mark.parametrize("sampling", ["dismissed", "reviewed", "", "RANDOM"])
def test_only_samples_of_vouched_rows_may_calibrate(sampling: str) -> None:
    with pytest.raises(StyleError, match="may not calibrate"):
        manifest_of(sampling=sampling)


@pytest.mark.parametrize(
    ("stratum", "name", "words"),
    [
        (Stratum("en", "", 0, None), "en//0-", "en, no source, 0 words and more"),
        (Stratum("zh", "a/b-c", 50, 100), "zh/a/b-c/50-99", "zh, a/b-c, 50-99 words"),
    ],
)
def test_names_of_strata(stratum: Stratum, name: str, words: str) -> None:
    assert stratum.name == name
    assert described(name) == words
    assert len(NAMES) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, np.nan) for name in (*ARRAYS, MEASURED + "en")),
        ("scales", 0.0),
        ("scales", -1.0),
        ("scores", np.inf),
    ],
)
def test_values_that_nothing_can_be_compared_with_are_refused(
    tmp_path: Path, name: str, value: float
) -> None:
    arrays = archive_arrays(write_calibration(tmp_path / "c.npz", 100).read_bytes())
    arrays[name] = arrays[name].copy()
    arrays[name].flat[-1] = value
    with pytest.raises(StyleError, match="damaged"):
        Calibration(archive_bytes(arrays))


@pytest.mark.parametrize("shape", [(1, 22, 2), (2, 23, 2), (1, 23)])
def test_measures_of_another_shape_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    arrays = archive_arrays(write_calibration(tmp_path / "c.npz", 100).read_bytes())
    with pytest.raises(StyleError, match="damaged"):
        Calibration(archive_bytes(arrays | {MEASURED + "en": np.zeros(shape, np.float32)}))


@given(st.lists(st.integers(0, 9), min_size=1, max_size=300), st.integers(-1, 10))
def test_a_share_of_human_rows_is_never_overstated(values: list[int], value: int) -> None:
    rows = np.array(values, np.float32)[:, None]
    human = HumanMeasures.of_user(rows)
    share = float(human.shares_below(np.array([value], np.float32))[0])
    if share >= 0.9:
        assert (rows < value).mean() >= share - 1 / len(rows) - 1e-9
    if share <= 0.1:
        assert (rows > value).mean() >= 1 - share - 1 / len(rows) - 1e-9


def test_shares_are_those_of_the_tails() -> None:
    human = HumanMeasures.of_user(np.arange(1_001, dtype=np.float32)[:, None])
    found = [float(human.shares_below(np.array([v], np.float32))[0]) for v in (
        -1, 0, 15, 100, 101, 500, 899, 901, 975, 1_000, 2_000
    )]  # fmt: skip
    assert found == pytest.approx([0, 0.01, 0.02, 0.5, 0.5, 0.5, 0.5, 0.9, 0.97, 0.99, 1])
