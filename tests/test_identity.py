"""Keys, digests and hashes: what must be stable, and what must differ."""

import numpy as np
import pytest

from scrubtrace.schemas.identity import DigestKey, id_hashes, item_key

KEY = DigestKey.from_hex("ab" * 32)


def test_item_key_is_stable_across_versions() -> None:
    assert item_key("answers", "a.parquet", 7) == "r4f01851569b3610631c65787ccb2927b"


@pytest.mark.parametrize(
    "other",
    [
        item_key("other", "a.parquet", 7),
        item_key("answers", "b.parquet", 7),
        item_key("answers", "a.parquet", 8),
        item_key("answers", "a.parquet", 7, row_id="7"),
        item_key("answers", "a.parquet", 7, field="prompt"),
        item_key("answers", "a.parquet", 7, turn=0),
    ],
)
def test_item_keys_of_different_texts_differ(other: str) -> None:
    assert other != item_key("answers", "a.parquet", 7)


def test_item_key_of_a_row_with_an_id_does_not_depend_on_its_place() -> None:
    here = item_key("answers", "a.parquet", 7, row_id="x")
    assert here == item_key("answers", "b.parquet", 1, row_id="x")
    assert here != item_key("answers", "a.parquet", 7, row_id="x", occurrence=1)


def test_digest_depends_on_the_key() -> None:
    assert KEY.digest("text") != DigestKey.from_hex("cd" * 32).digest("text")
    assert KEY.digest("text") == DigestKey.from_hex("AB" * 32 + "\n").digest("text")


def test_key_never_shows_its_secret() -> None:
    assert "abab" not in repr(KEY)
    assert KEY.id not in "ab" * 32


@pytest.mark.parametrize("text", ["", "ab", "zz" * 32, "ab" * 33])
def test_malformed_key_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="digest key") as raised:
        DigestKey.from_hex(text)
    assert text == "" or text not in str(raised.value)


def test_id_hashes_mark_missing_ids_with_zero() -> None:
    hashes = id_hashes(["a", None, "a", "b"])
    assert hashes.dtype == np.uint64
    assert hashes[1] == 0
    assert hashes[0] == hashes[2] != hashes[3]
