"""Pairs of steps and gradients that approximate the inverse Hessian (L-BFGS)."""

from __future__ import annotations

from collections.abc import Callable

from logloss.data.rows import Array


class LeastPairs:
    """What steps since the last Hessian have taught of it: L-BFGS pairs (Nocedal & Wright 2006, algorithm 7.4)."""

    def __init__(self) -> None:
        self.pairs: list[tuple[Array, Array]] = []

    def learn(self, step: Array, change: Array) -> None:
        """A step, and how the gradient changed along it."""
        if float(step @ change) > 0:
            self.pairs.append((step, change))

    def direction(self, solve: Callable[[Array], Array], slope: Array) -> Array:
        """The step to take, where `solve` is that of the Hessian."""
        rest = slope
        shares = []
        for step, change in reversed(self.pairs):
            share = (step @ rest) / (step @ change)
            shares.append(share)
            rest = rest - share * change
        found = solve(rest)
        for (step, change), share in zip(self.pairs, reversed(shares), strict=True):
            found = found + (share - (change @ found) / (step @ change)) * step
        return -found
