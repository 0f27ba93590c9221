"""The least of a quadratic function plus weighted absolute values, one coordinate at a time.

    gram  G, symmetric and positive semidefinite     slope  the gradient of the quadratic at `at`: kept up to date
    weights  what each |coordinate| is multiplied with, ≥ 0     at  where it is, and comes to

References
----------
Friedman, J., Hastie, T. & Tibshirani, R. (2010). Regularization paths for generalized linear models via coordinate
descent. Journal of Statistical Software 33(1), section 2.2. doi:10.18637/jss.v033.i01
"""

from __future__ import annotations

from logloss.onepass.kernels.compiled import compiled


@compiled
def descend_coordinates(gram, slope, weights, at, least_gain, most_sweeps):
    """Sweeps over the coordinates until none gains more than `least_gain`: how many.

    A coordinate x with the slope s moves to where the function is least along it, which is 0 where |G x − s| is at most
    its weight: exactly 0. One without curvature, for which G is 0, stays. Cost: O(n) for each coordinate that moves.
    """
    n = at.shape[0]
    for sweep in range(most_sweeps):
        largest = 0.0
        for j in range(n):
            curvature = gram[j, j]
            if not curvature > 0.0:
                continue
            before = at[j]
            pull = curvature * before - slope[j]
            after = 0.0
            if pull > weights[j]:
                after = (pull - weights[j]) / curvature
            elif pull < -weights[j]:
                after = (pull + weights[j]) / curvature
            move = after - before
            if move != 0.0:
                at[j] = after
                for k in range(n):
                    slope[k] += move * gram[j, k]
                largest = max(largest, move * move * curvature)
        if not largest > 2.0 * least_gain:
            return sweep + 1
    return most_sweeps
