"""Keys, digests and hashes: what must be stable, and what must differ."""

import numpy as np
import pytest

from scrubtrace.schemas.identity import DigestKey, KeyRing, id_hashes, item_key

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


A, B, C = (pair * 32 for pair in ("ab", "cd", "ef"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (A, [A]),
        (f"{A}\n{B}\n{C}\n", [A, B, C]),
        (f"{A},{B} {C}", [A, B, C]),
        (f" {A} ,\r\n\r\n{B}\r\n", [A, B]),
        (f"# new\n{B} # since May, {C}\n#{C}\n{A}", [B, A]),
        (A.upper(), [A]),
    ],
    ids=["one", "lines", "commas", "crlf", "comments", "upper case"],
)
def test_ring_has_the_active_key_first(text: str, expected: list[str]) -> None:
    ring = KeyRing.parse(text)
    assert [key.secret.hex() for key in (ring.active, *ring.retired)] == expected
    assert ring.ids == (ring.active.id, *ring.retired_ids)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no key"),
        ("# only\n\n , # comments", "there is no key"),
        (f"{A}\n{B[:-1]}", "line 2: a digest key is written as 64 hexadecimal digits"),
        (f"{A}\n\n{B}{C}", "line 3: a digest key has 32 bytes, this one 64"),
        (f"{A}\n{B[:32]} {B[32:]}", "line 2: a digest key has 32 bytes, this one 16"),
        (f"{A};{B}", "line 1: a digest key is written as 64 hexadecimal digits"),
        (f"key={A}", "line 1: a digest key is written as 64 hexadecimal digits"),
        (f"{A}\n{B}\n{A.upper()}", f"key {KEY.id} is there twice"),
    ],
    ids=["empty", "comments", "odd", "joined", "cut", "semicolon", "name", "twice"],
)
def test_malformed_ring_is_refused_without_repeating_it(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        KeyRing.parse(text)
    shown = str(raised.value).lower()
    assert not [secret for secret in (A, B, C) if secret[:8] in shown]


def test_keys_of_a_ring_are_selected_by_id() -> None:
    ring = KeyRing.parse(f"{A} {B} {C}")
    assert ring.selected(ring.ids[2], ring.ids[:2]) == KeyRing.parse(f"{C} {A} {B}")
    assert ring.selected(ring.ids[1]) == KeyRing.parse(B)
    with pytest.raises(KeyError, match="0123456789ab"):
        ring.selected(ring.ids[0], ["0123456789ab"])


def test_earlier_digests_are_those_of_the_retired_keys() -> None:
    ring = KeyRing.parse(f"{B} {A} {C}")
    assert ring.earlier_digests("text") == {key.id: key.digest("text") for key in ring.retired}
    assert "abab" not in repr(ring)
    assert KeyRing(KEY).earlier_digests("text") == {}


def test_id_hashes_mark_missing_ids_with_zero() -> None:
    hashes = id_hashes(["a", None, "a", "b"])
    assert hashes.dtype == np.uint64
    assert hashes[1] == 0
    assert hashes[0] == hashes[2] != hashes[3]
