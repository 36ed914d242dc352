"""Names that recur over many texts become proof; once they do, whatever the order or the runs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.recurrence import promoted, recurring_identities


def claim(name: str | None, use: str = "asserted") -> dict[str, Any]:
    about = {"category": "unknown_identity", "signal": "en.unknown_identity.x", "use": use}
    return about | {"strength": "weak", "value": name}


def texts(*names: str, start: int = 0) -> list[tuple[str, list[dict[str, Any]]]]:
    return [(f"digest{n}", [claim(name)]) for n, name in enumerate(names, start)]


@pytest.mark.parametrize(
    ("found", "least", "names"),
    [
        (texts("Lumen", "Lumen", "Lumen"), 3, {"lumen"}),
        (texts("Lumen", "LUMEN", "lumen  "), 3, {"lumen"}),
        (texts("Lumen", "Lumen"), 3, set()),
        (texts("Lumen", "Lumen", "Odo"), 2, {"lumen"}),
        (texts("Lumen", "Lumen", "Odo"), 1, {"lumen", "odo"}),
        (texts("Lumen") * 9, 2, set()),
        ([("d", [claim("Lumen"), claim("Lumen")])], 2, set()),
        ([(f"d{n}", [claim("Lumen", "quoted")]) for n in range(9)], 2, set()),
        ([(f"d{n}", [claim(None)]) for n in range(9)], 2, set()),
        (texts("Lumen", "Lumen", "Lumen"), 0, set()),
        ([], 1, set()),
    ],
)
def test_names_recur_over_different_texts(found: Any, least: int, names: set[str]) -> None:
    assert recurring_identities(found, least) == names


@given(st.permutations(texts("A", "A", "A", "B", "B", "C")), st.integers(0, 6))
def test_the_order_and_the_number_of_runs_do_not_matter(found: Any, cut: int) -> None:
    whole = recurring_identities(texts("A", "A", "A", "B", "B", "C"), 2)
    assert recurring_identities(found, 2) == whole
    assert recurring_identities([*found[:cut], *found[cut:], *found[:cut]], 2) == whole


def test_only_what_is_said_under_the_name_is_promoted() -> None:
    other = {"category": "refusal", "signal": "r", "use": "asserted", "strength": "strong"}
    evidence = [claim("Lumen"), claim("Odo"), claim("Lumen", "quoted"), other | {"value": None}]
    strengths = [entry["strength"] for entry in promoted(evidence, frozenset({"lumen"}))]
    assert strengths == ["proof", "weak", "weak", "strong"]
    assert evidence[0]["strength"] == "weak"
