"""Which row became which: by key, by content, by turn."""

from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.diff.matching import match_by_digest, match_by_key
from scrubtrace.diff.nearest import Sketches, nearest_pairs, similarity, sketch
from scrubtrace.diff.turns import text_pairs

DIGESTS = st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=12)

SOUP = "Leek soup with barley and a spoon of mustard, warm from the copper kettle of aunt Rosa."
TRAM = "The tram to the harbour stops twice before the customs house, where pigeons wait for bread."
KITE = "A kite of oiled silk rose above the vineyard while the surveyor counted his brass pegs."


def sketches(*texts: str) -> Sketches:
    return Sketches.of([sketch([text]) for text in texts])


@given(DIGESTS, DIGESTS)
def test_every_row_is_matched_or_alone_once(old: list[bytes], new: list[bytes]) -> None:
    for matched in (
        match_by_digest(old, new),
        match_by_key((old, new), (old, new), lambda a, b: 0.0),
    ):
        pairs = matched.same + matched.changed
        assert sorted([a for a, _ in pairs] + matched.gone) == list(range(len(old)))
        assert sorted([b for _, b in pairs] + matched.new) == list(range(len(new)))
        assert all(old[a] == new[b] for a, b in matched.same)
        assert not set(map(old.__getitem__, matched.gone)) & set(map(new.__getitem__, matched.new))


def test_rows_of_one_id_pair_by_content_not_by_order() -> None:
    old, new = [SOUP, TRAM, KITE], [f"{KITE} End.", f"So: {SOUP}"]

    def alike(a: int, b: int) -> float:
        return similarity(sketch([old[a]]), sketch([new[b]]))

    digests = ([t.encode() for t in old], [t.encode() for t in new])
    matched = match_by_key((["x"] * 3, ["x"] * 2), digests, alike)
    assert matched.changed == [(0, 1), (2, 0)]
    assert matched.gone == [1]


def test_the_nearest_row_wherever_it_stands() -> None:
    old = sketches(SOUP, TRAM, KITE)
    new = sketches("Nothing of all that.", KITE.replace("silk", "paper"), "So: " + SOUP)
    assert nearest_pairs(old, new) == [(0, 2), (2, 1)]


def test_of_equal_rows_the_one_at_the_same_place() -> None:
    old = sketches(*[SOUP] * 4)
    assert nearest_pairs(old, sketches(*["So: " + SOUP] * 4)) == [(n, n) for n in range(4)]


def test_no_rows_and_empty_rows() -> None:
    assert nearest_pairs(sketches(), sketches()) == []
    assert nearest_pairs(sketches("", SOUP), sketches("")) == []


@given(
    st.lists(st.sampled_from("abcde"), max_size=7), st.lists(st.sampled_from("abcde"), max_size=7)
)
def test_every_turn_is_paired_or_alone_once(old: list[str], new: list[str]) -> None:
    before, behind = (
        [{"field": "f", "turn": n, "text": text} for n, text in enumerate(side)]
        for side in (old, new)
    )
    pairs = list(text_pairs(before, behind))
    assert sorted(p.old["turn"] for p in pairs if p.old) == list(range(len(old)))
    assert sorted(p.new["turn"] for p in pairs if p.new) == list(range(len(new)))
    both = [(p.old["turn"], p.new["turn"]) for p in pairs if p.old and p.new]
    assert [b for _, b in sorted(both)] == sorted(b for _, b in both)
