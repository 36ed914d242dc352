"""Fitting: how many threads it takes."""

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from style_models import SMALL, labelled_rows
from threadpoolctl import threadpool_info, threadpool_limits

from scrubtrace.style.columns import columns_of
from scrubtrace.style.fitting import fit_trees


def threads() -> set[int]:
    found = [pool for pool in threadpool_info() if pool["user_api"] == "openmp"]
    return {pool["num_threads"] for pool in found}


def test_trees_are_fitted_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that wait for each other in every step of a tree took most of the time."""
    met: list[set[int]] = []
    fit = HistGradientBoostingClassifier.fit

    def watched(self: Any, *given: Any, **more: Any) -> Any:
        met.append(threads())
        return fit(self, *given, **more)

    monkeypatch.setattr(HistGradientBoostingClassifier, "fit", watched)
    rows = labelled_rows(2, 15)
    columns = columns_of(
        "en", [r.text for r in rows], [r.is_llm for r in rows], [r.source for r in rows], SMALL
    )
    with threadpool_limits(2, user_api="openmp"):
        fit_trees(columns, np.ones(len(rows), np.bool_), SMALL.trees)
        assert threads() == {2}
    assert met == [{1}]
