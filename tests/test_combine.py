"""Weak artifacts together become strong; alone they are ordinary and are not kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.detectors.combine import Thresholds, kept, together
from scrubtrace.schemas.evidence import Span
from scrubtrace.schemas.vocabulary import Strength, Use


def weak(signal: str, start: int = 0, value: str | None = None, use: str = "asserted") -> Span:
    category = signal.split(".")[1]
    return Span(0, signal, category, Strength.WEAK, use, start, start + 5, value=value)


MAIL, PHONE, MASK = "any.surrogate.reserved_mail", "any.surrogate.fictional_phone", "any.mask.run"


@pytest.mark.parametrize(
    ("spans", "signals"),
    [
        ([weak(MAIL)], []),
        ([weak(MAIL), weak(PHONE, 90)], ["any.surrogate.several_kinds"]),
        ([weak(MAIL, value="a@b"), weak(MAIL, 80, "A@B")], ["any.surrogate.repeated"]),
        ([weak(MAIL, value="a@b"), weak(MAIL, 80, "c@d")], []),
        ([weak(MAIL, value="a@b"), weak(MAIL, 800, "a@b")], []),
        ([weak(MAIL), weak(PHONE, use="code")], []),
        ([weak(MASK), weak(MASK, 20)], []),
        ([weak(MASK), weak(MASK, 20), weak(MASK, 50)], ["any.mask.several"]),
        ([weak(MASK)] * 3, []),
        ([weak("any.hash_token.x"), weak("any.hash_token.x", 70)], ["any.hash_token.several"]),
        ([weak("any.placeholder.underscores", n) for n in range(0, 90, 9)], []),
    ],
)
def test_what_weak_pieces_make_together(spans: list[Span], signals: list[str]) -> None:
    made = together(0, spans, Thresholds())
    assert [span.signal for span in made] == signals
    assert {span.strength for span in made} <= {Strength.STRONG}


def test_what_they_make_spans_all_of_them() -> None:
    (made,) = together(3, [weak(MASK, 50), weak(MASK, 5), weak(MASK, 20)], Thresholds())
    assert (made.row, made.start, made.end, made.use) == (3, 5, 55, Use.ASSERTED)


@given(st.permutations([weak(MASK, 5), weak(MASK, 20), weak(MAIL, 7), weak(PHONE, 60)]))
def test_the_order_does_not_matter(spans: list[Span]) -> None:
    assert together(0, spans, Thresholds(masks=2)) == together(
        0, sorted(spans, key=lambda span: span.start or 0), Thresholds(masks=2)
    )


def test_weak_evidence_of_one_signal_is_not_kept() -> None:
    strong = Span(0, "any.mask.mail", "mask", Strength.PROOF, Use.ASSERTED, 0, 3)
    assert kept([weak(MAIL), weak(MAIL, 9)]) == ()
    assert kept([]) == ()
    assert len(kept([weak(MAIL), weak(PHONE)])) == 2
    assert len(kept([weak(MAIL), strong])) == 2
