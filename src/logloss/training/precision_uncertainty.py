"""What bands owe to the choice of precisions: the covariance J·Vρ·Jᵀ that adds to the one given them.

With ρ the logarithms of the precisions, J = dβ/dρ has the column −λₖ·V·βₖ of part k (βₖ its coefficients, 0 elsewhere),
since the penalty is diagonal; Vρ is the inverse of the negative Hessian of the marginal likelihood of the quadratic
approximation, with a vague normal prior, so that a precision of which the rows tell nothing has a variance.
The prior of the choice itself (posterior.py) has no part in it: with its curvature added, bands cover up to 1
percentage point less in simulated tables.

References
----------
Wood, S. N., Pya, N. & Säfken, B. (2016). Smoothing parameter and model selection for general smooth models. Journal of
the American Statistical Association 111(516), 1548-1563, section 4. doi:10.1080/01621459.2016.1180986
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from logloss.data.rows import Array

# Variance of the prior of the logarithm of a precision, as in mgcv.
PRIOR_VARIANCE = 50.0


def covariance_of_choice(values: Array, covariance: Array, precisions: Array, parts: Sequence[Array]) -> Array:
    """J·Vρ·Jᵀ, shape (n, n).

    values, covariance, precisions: of all coefficients, shapes (n,), (n, n), (n,); parts: the places of those that have
    a precision in common. Cost: O(n² · n_parts).
    """
    if not parts:
        return np.zeros_like(covariance)
    chosen = np.array([precisions[part[0]] for part in parts])
    # V·βₖ, shape (n, n_parts); βⱼᵀ·V·βₖ; squares of the entries of V by pairs of parts.
    moved = np.column_stack([covariance[:, part] @ values[part] for part in parts])
    bilinear = np.vstack([values[part] @ moved[part] for part in parts])
    by_row = np.vstack([(covariance[part] ** 2).sum(axis=0) for part in parts])
    squares = np.column_stack([by_row[:, part].sum(axis=1) for part in parts])
    sizes = [covariance[part, part].sum() + values[part] @ values[part] for part in parts]
    hessian = np.diag(chosen * sizes) / 2 - np.outer(chosen, chosen) * (squares / 2 + bilinear)
    eigenvalues, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    # Where the likelihood is not concave, the prior alone holds.
    half = vectors / np.sqrt(np.maximum(eigenvalues, 0.0) + 1 / PRIOR_VARIANCE)
    reach = (moved * -chosen) @ half
    added: Array = reach @ reach.T
    return added
