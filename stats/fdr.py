"""False discovery rate: how many of those that are picked are picked wrongly."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def benjamini_hochberg(p_values: Floats, tested: int, level: float) -> float:
    """The greatest p-value that is rejected, 0 if none is (Benjamini and Hochberg, 1995).

    ``p_values`` are those below some cut, in any order, of ``tested`` in all. It is the greatest
    p(k) <= ``level`` k / ``tested``. What is above the cut counts as 1: nothing is missed if the
    cut is at least ``level``, else fewer are rejected than could be. Conformal p-values of one
    calibration set depend on each other in a way that the bound allows (Bates et al., 2023,
    theorem 2). Raises ValueError for more p-values than were tested.
    """
    if len(p_values) > tested:
        raise ValueError(f"{len(p_values)} p-values of {tested} tests")
    ordered = np.sort(p_values)
    allowed = level * np.arange(1, len(ordered) + 1) / max(tested, 1)
    below = np.flatnonzero(ordered <= allowed * (1 + 1e-12))
    return float(ordered[below[-1]]) if len(below) else 0.0


def least_rejections(smallest: float, tested: int, level: float) -> int | None:
    """How many must have the ``smallest`` possible p-value before any is rejected.

    None if it is impossible, that is if ``smallest`` is above ``level``.
    """
    if smallest > level:
        return None
    return max(1, int(np.ceil(smallest * tested / level * (1 - 1e-12))))
