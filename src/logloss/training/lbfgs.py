"""Limited-memory BFGS: steps and changes of the gradient that correct a Hessian of an earlier point.

>>> import numpy as np
>>> lbfgs_step((), lambda right: right / 2, np.array([1.0, 4.0])).tolist()
[-0.5, -2.0]

References
----------
Nocedal, J. & Wright, S. J. (2006). Numerical Optimization, 2nd ed., algorithm 7.4. doi:10.1007/978-0-387-40065-5
"""

from __future__ import annotations

from collections.abc import Callable

from logloss.data.rows import Array

# (A step, how the gradient changed along it), oldest first.
Pairs = tuple[tuple[Array, Array], ...]


def with_pair(pairs: Pairs, step: Array, change: Array) -> Pairs:
    """One pair more, if the objective curves upwards along it: otherwise the inverse would not stay positive."""
    return (*pairs, (step, change)) if float(step @ change) > 0 else pairs


def lbfgs_step(pairs: Pairs, solve: Callable[[Array], Array], gradient: Array) -> Array:
    """The quasi-Newton step, where `solve` is that of the Hessian which the pairs correct.

    Not the multiple of the identity of the textbook in its place: an exact Hessian of a nearby point knows far more.
    """
    rest = gradient
    shares = []
    for step, change in reversed(pairs):
        share = (step @ rest) / (step @ change)
        shares.append(share)
        rest = rest - share * change
    ascent = solve(rest)
    for (step, change), share in zip(pairs, reversed(shares), strict=True):
        ascent = ascent + (share - (change @ ascent) / (step @ change)) * step
    return -ascent
