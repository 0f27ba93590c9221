"""When passes of Newton's method end: the same rules whether passes are steps of Python or one compiled call.

decrement  half the squared Newton decrement, in nats, summed     objective  the summed loss, penalty included

>>> is_slow(1.0, 2.718), is_slow(1e-8, 1.0)
(True, False)
"""

from __future__ import annotations

# The unit of rounding.
ROUNDING = 2.0**-53
# An eigenvalue of the Hessian, scaled to ones on its diagonal, is 0 if it is smaller than so many roundings per column:
# sums over the rows leave a few hundred of them.
DEPENDENT = 4096 * ROUNDING
# Without an optimum the loss of a separated row falls by e in each of Newton's steps: passes in a row that leave such a
# share of the decrement, about 1/e, before separation is suspected.
LEAST_SLOW, GREATEST_SLOW, MOST_SLOW_PASSES = 0.25, 0.5, 3


def is_slow(decrement: float, before: float) -> bool:
    """Whether a pass left about as much of the decrement as a pass without an optimum does."""
    return LEAST_SLOW * before < decrement < GREATEST_SLOW * before


def rounding_of_objective(objective: float, terms: float) -> float:
    """By how much rounding can seem to raise the objective: of its sum, and of log-odds whose terms cancel.

    terms: Σ |coefficient|·(summed sizes of residual times feature), large where numbers are not centred; 0 where rows
    may lie far away: before such a wall no step is forgiven its terms.
    """
    return ROUNDING * max(4.0 * abs(objective), terms)


def is_stirring(
    decrement: float, objective: float, decrement_before: float, objective_before: float, has_walls: bool
) -> bool:
    """Whether passes only stir the last digits: the gain expected of the last one was below the rounding of the
    objective, and it left nothing to gain, or too much of what there was.

    has_walls: whether rows may lie so far away that no curvature tells of them.
    """
    # Before a wall a step takes a row's log-odds on by 1, and leaves 1/e: that is no stirring, until it is nothing.
    left = GREATEST_SLOW if has_walls else LEAST_SLOW
    is_spent = decrement <= ROUNDING * ROUNDING * objective or decrement > left * decrement_before
    return decrement_before <= 2.0 * ROUNDING * objective_before and is_spent
