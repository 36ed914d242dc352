"""Is a row like the rows it is compared with: a conformal p-value of its distance from them.

Each quantity is centred by its median, scaled by its quartiles and compressed, so that single
extreme rows do not widen what counts as usual. The distance is Mahalanobis'. Distances of the
reference rows themselves are taken without the row (in closed form), so that they and a new row's
are on an equal footing.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

RIDGE = 0.01
"""Added variance, in units of the scaled quantities: a quantity that never varies is no reason to
call every other value unusual, only one that is far away."""


@dataclass(frozen=True)
class Typical:
    """What rows are like.

    ``centre`` and ``scale`` (k,) standardise, ``mean`` (k,) and ``inverse`` (k, k) measure,
    ``distances`` (n,) are those of the reference rows, sorted.
    """

    centre: Floats
    scale: Floats
    mean: Floats
    inverse: Floats
    distances: Floats

    def p_values(self, rows: Floats) -> Floats:
        """P-values of rows (m, k): small for a row unlike the reference rows; 1 / (n + 1) for NaN.

        With few reference rows the smallest is large: nothing can be called unusual then.
        """
        gaps = _compressed(rows, self.centre, self.scale) - self.mean
        squares = np.einsum("ij,jk,ik->i", gaps, self.inverse, gaps)
        squares = np.where(np.isfinite(squares), np.maximum(squares, 0.0), np.inf)
        n = len(self.distances)
        above = n - np.searchsorted(self.distances, np.sqrt(squares), side="left")
        return np.asarray((1 + above) / (n + 1), dtype=np.float64)


def typical(rows: Floats) -> Typical:
    """What the rows (n, k) are like; at least two, without NaN."""
    count, width = rows.shape
    low, centre, high = np.quantile(rows, [0.25, 0.5, 0.75], axis=0)
    spread = (high - low) / 1.349
    deviation = rows.std(axis=0)
    scale = np.where(spread > 0, spread, np.where(deviation > 0, deviation, 1.0))
    values = _compressed(rows, centre, scale)
    mean = values.mean(axis=0)
    gaps = values - mean
    inverse = np.linalg.inv(gaps.T @ gaps + count * RIDGE * np.eye(width))
    inverse = (inverse + inverse.T) / 2
    share = np.einsum("ij,jk,ik->i", gaps, inverse, gaps)
    factor = count / (count - 1)
    # Sherman and Morrison: the same without the row itself.
    without = factor**2 * share / np.maximum(1 - factor * share, 1e-9)
    return Typical(centre, scale, mean, inverse, np.sort(np.sqrt(np.maximum(without, 0.0))))


def _compressed(rows: Floats, centre: Floats, scale: Floats) -> Floats:
    return np.arcsinh((rows - centre) / scale)
