"""Maximisation of a likelihood, plain or with Firth's penalty, also with one coefficient held at a value.

An ascent is a generator: it yields the next point and receives the sums there, so that several ascents share each walk
over the rows (`answered`).

References
----------
Firth, D. (1993). Bias reduction of maximum likelihood estimates. Biometrika 80(1), 27-38. doi:10.1093/biomet/80.1.27
Heinze, G. & Schemper, M. (2002). A solution to the problem of separation in logistic regression. Statistics in Medicine
21(16), 2409-2419. doi:10.1002/sim.1047
Puhr, R., Heinze, G., Nold, M., Lusa, L. & Geroldinger, A. (2017). Firth's logistic regression with rare events:
accurate effect estimates and predictions? Statistics in Medicine 36(14), 2302-2317. doi:10.1002/sim.7273
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from logloss.data.rows import Array
from logloss.onepass.kernels.newton_rules import ROUNDING
from logloss.training.evaluation import Pairs, lbfgs_step, with_pair
from logloss.training.factor import Factor
from logloss.training.problem import Problem

if TYPE_CHECKING:
    from logloss.onepass.summaries import CurvatureSummary, Leverages, Point

Result = TypeVar("Result")
# A generator that yields points and receives the sums there, until it returns a result.
Walks = Generator["Point", "CurvatureSummary", Result]

# Pairs of steps and gradients that are kept: enough for the few steps of an ascent.
MOST_PAIRS = 12
# The share of its expected gain that a step must gain (Armijo); the shortest part of a step that is tried; and the same
# where no more than so many nats are left to gain.
SHARE_OF_GAIN, SHORTEST = 1e-4, 2.0**-40
LITTLE, SHORTEST_OF_LITTLE = 1e-9, 0.125
# The longest first step, in log-odds, and how much longer others may be than one before: where rows are predicted with
# near certainty there is no curvature to go by.
LONGEST, LONGER = 50.0, 4.0
# Numbers that the matrices of one walk may hold together: 256 MB.
MOST_NUMBERS = 1 << 25


@dataclass(frozen=True, slots=True)
class Height:
    """The likelihood at a point of the free coefficients, `at`, and its derivatives there.

    value: to be maximised, in nats. score: its gradient; None where the value was too low to go on. factor: the
    information, factored. sums: of the rows as they are. penalty: what the value lacks to −total_loss, in nats.
    """

    at: Array
    value: float
    score: Array | None
    factor: Factor
    sums: CurvatureSummary
    penalty: float = 0.0


@dataclass(frozen=True)
class Likelihood:
    """The log-likelihood of the rows. basis: combinations of the free coefficients that rows determine, as `Factor`.

    on_look: called with (coefficients, summed loss, penalty in nats, walks that it took) after each look.
    """

    problem: Problem
    basis: Array | None = None
    on_look: Callable[[Array, float, float, int], None] | None = field(default=None, compare=False)
    n_walks_of_look = 1
    has_exact_hessian = True

    @property
    def width(self) -> int:
        """How many coefficients there are."""
        return len(self.problem.free)

    @property
    def full_basis(self) -> Array | None:
        """Combinations of all coefficients that the rows determine."""
        return self.basis

    def point(self, at: Array, pseudo: Leverages | None = None) -> Point:
        """The point at which a pass sums."""
        from logloss.onepass.summaries import Point

        return Point(self.problem.full_vector(at), self.problem.design, face=self.problem.face, pseudo=pseudo)

    def look(self, at: Array, floor: float = -math.inf) -> Walks[Height]:
        """The likelihood at a point; without the score where it is below `floor`."""
        sums = yield self.point(at)
        self.tell(at, sums.total_loss, 0.0, 1)
        factor = self.problem.factor(sums, basis=self.basis)
        return Height(at, -sums.total_loss, -sums.gradient[self.problem.free], factor, sums)

    def jeffreys(self, factor: Factor) -> float:
        """Minus half the log-determinant of the information, in the user's coordinates, in nats.

        These are larger by the scale of each column.
        """
        return -0.5 * factor.log_determinant - float(np.log(self.problem.design.scale[self.problem.free]).sum())

    def tell(self, at: Array, total_loss: float, penalty: float, n_walks: int) -> None:
        """Report a point that was evaluated."""
        if self.on_look is not None:
            self.on_look(self.problem.full_vector(at[: len(self.problem.free)]), total_loss, penalty, n_walks)


@dataclass(frozen=True)
class JeffreysLikelihood(Likelihood):
    """The log-likelihood plus half the log-determinant of the information: Firth's penalised likelihood.

    Its gradient is Σ s·{y − p + h·(1/2 − p)}·x, h the leverage of a row: one pass for the information, one for it.
    """

    n_walks_of_look = 2
    has_exact_hessian = False

    def look(self, at: Array, floor: float = -math.inf, sums: CurvatureSummary | None = None) -> Walks[Height]:
        """The penalised likelihood at a point; without the score where it is below `floor`. sums: if known already."""
        free = self.problem.free
        sums = (yield self.point(at)) if sums is None else sums
        factor = self.problem.factor(sums, basis=self.basis)
        penalty = self.jeffreys(factor)
        value = -sums.total_loss - penalty
        # NaN, at a point beyond the range of float64, is too low.
        if factor.n_dependent or not value >= floor:
            self.tell(at, sums.total_loss, penalty, 1)
            return Height(at, -math.inf, None, factor, sums, penalty)
        added = yield self.point(at, self.leverages(at, factor))
        self.tell(at, sums.total_loss, penalty, 2)
        return Height(at, value, -(sums.gradient + added.gradient)[free], factor, sums, penalty)

    def leverages(self, at: Array, factor: Factor) -> Leverages:
        """Those of the rows at a point."""
        from logloss.onepass.summaries import Leverages

        free, width = self.problem.free, self.problem.design.width
        inverse = np.zeros((width, width))
        inverse[np.ix_(free, free)] = factor.inverse
        return Leverages(self.problem.full_vector(at), inverse)


@dataclass(frozen=True)
class AugmentedLikelihood(Likelihood):
    """FLAC: the rows, and those that Firth's penalty adds, whose intercept differs by the last coefficient.

    pseudo: the leverages of the rows under Firth's fit, which stay as they are.
    """

    pseudo: Leverages | None = None
    n_walks_of_look = 2

    @property
    def width(self) -> int:
        """How many coefficients there are."""
        return len(self.problem.free) + 1

    @property
    def full_basis(self) -> Array | None:
        """Combinations of all coefficients that the rows determine: the last one is by itself."""
        if self.basis is None:
            return None
        wider = np.zeros((len(self.basis) + 1, self.basis.shape[1] + 1))
        wider[:-1, :-1], wider[-1, -1] = self.basis, 1.0
        return wider

    def look(self, at: Array, floor: float = -math.inf) -> Walks[Height]:
        """The likelihood of both kinds of rows at a point."""
        free = self.problem.free
        shifted = at[:-1].copy()
        shifted[0] += at[-1]
        sums = yield self.point(at[:-1])
        added = yield self.point(shifted, self.pseudo)
        # Passes have one penalty from the first to the last, that of Firth.
        self.tell(at, sums.total_loss, self.jeffreys(self.problem.factor(sums, basis=self.basis)), 2)
        score = -np.append((sums.gradient + added.gradient)[free], added.gradient[0])
        inner = (sums.hessian + added.hessian).taken(free).full
        # The intercept's row of the Hessian.
        column = added.curvature[free]
        matrix = np.block([[inner, column[:, None]], [column[None, :], added.curvature[:1, None]]])
        factor = Factor(matrix, basis=self.full_basis)
        return Height(at, -sums.total_loss - added.total_loss, score, factor, sums, added.total_loss)


@dataclass(frozen=True, slots=True)
class Ascent:
    """Where an ascent has come to. gain: what another step is expected to gain, in nats; slope: along what is held.

    has_converged: whether that is as little as was asked for, or below the rounding of the likelihood.
    """

    height: Height
    gain: float
    slope: float = 0.0
    has_converged: bool = True

    @property
    def at(self) -> Array:
        """The free coefficients."""
        return self.height.at

    @property
    def value(self) -> float:
        """The likelihood there."""
        return self.height.value


@dataclass(frozen=True, slots=True)
class Held:
    """A combination of the coefficients that keeps its value while the others are maximised over.

    unit: a move that changes it by 1; free: moves that leave it as it is, shape (n, n_free), in place of coordinates.
    """

    vector: Array
    unit: Array
    free: Array

    @classmethod
    def of(cls, vector: Array, basis: Array | None) -> Held:
        """Where the rows determine a basis: one of its moves makes up for each of the others."""
        moves = np.eye(len(vector)) if basis is None else basis
        changes = vector @ moves
        pivot = int(np.argmax(np.abs(changes)))
        others = np.delete(np.arange(moves.shape[1]), pivot)
        unit = moves[:, pivot] / changes[pivot]
        return cls(vector, unit, moves[:, others] - np.outer(unit, changes[others]))

    def factor(self, now: Height) -> Factor:
        """The information on the moves that are free, factored."""
        return Factor(now.factor.matrix, basis=self.free)

    def tangent(self, now: Height) -> Array:
        """The move that changes what is held by 1, the others following as the information prescribes."""
        along = self.unit - self.factor(now).solve(now.factor.matrix @ self.unit)
        return along if np.isfinite(along).all() else self.unit


def ascend(
    likelihood: Likelihood,
    now: Height,
    *,
    held: Held | None = None,
    least_gain: float,
    most_walks: int = 1 << 30,
) -> Walks[Ascent]:
    """The maximum by Newton's method from a point whose score is known, steps halved where they do not go up.

    Of Firth's penalty only the information is formed, not its own curvature: pairs of steps and scores (L-BFGS) make up
    for it.
    """
    pairs: Pairs = ()
    step, gain, slope = _step(now, pairs, held)
    n_left, n_cost, longest = most_walks, likelihood.n_walks_of_look, LONGEST
    while gain > least_gain:
        # Where little is left to gain, a step that does not go up is one of rounding.
        shortest = SHORTEST if gain > LITTLE else SHORTEST_OF_LITTLE
        length = 1.0 / max(1.0, float(np.abs(step).sum()) / longest)
        after: Height | None = None
        while after is None and length >= shortest:
            if n_left < n_cost:
                return Ascent(now, gain, slope, has_converged=False)
            floor = now.value + SHARE_OF_GAIN * length * gain - 4 * ROUNDING * abs(now.value)
            tried = yield from likelihood.look(now.at + length * step, floor)
            n_left -= 1 if tried.score is None else n_cost
            after = tried if tried.score is not None and tried.value >= floor else None
            length /= 2
        if after is None and pairs:
            # Pairs that are mostly rounding give wrong steps: once more without them.
            pairs = ()
            step, gain, slope = _step(now, pairs, held)
            continue
        if after is None or after.score is None or now.score is None:
            return Ascent(now, gain, slope, has_converged=gain <= LITTLE)
        if not likelihood.has_exact_hessian:
            pairs = with_pair(pairs, after.at - now.at, now.score - after.score)[-MOST_PAIRS:]
        longest = max(longest, LONGER * float(np.abs(after.at - now.at).sum()))
        before, now = gain, after
        step, gain, slope = _step(now, pairs, held)
        # Below the rounding of the likelihood more steps change the last digits only.
        if before <= 2 * ROUNDING * abs(now.value) and gain > before / 4:
            break
    return Ascent(now, gain, slope)


def _step(now: Height, pairs: Pairs, held: Held | None) -> tuple[Array, float, float]:
    """(The step from a point, what it is expected to gain, the slope of the likelihood along what is held)."""
    if now.score is None:
        return np.zeros_like(now.at), math.inf, 0.0
    factor = now.factor if held is None else held.factor(now)
    step = lbfgs_step(pairs, factor.solve, -now.score)
    slope = 0.0 if held is None else float(held.vector @ now.score) / float(held.vector @ held.vector)
    gain = 0.5 * float(step @ now.score)
    if not math.isfinite(gain):
        # Every row is predicted with certainty: the information underflows, and nothing is left to gain.
        return np.zeros_like(now.at), 0.0, 0.0
    return step, max(gain, 0.0), slope


def answer(problem: Problem, asked: Walks[Result]) -> Result:
    """The result of one ascent, without a limit of walks."""
    [result], _ = answered(problem, [asked], 1 << 30)
    # It has one, as nothing ends it before.
    return result  # type: ignore[return-value]


def answered(problem: Problem, asked: Sequence[Walks[Result]], most_walks: int) -> tuple[list[Result | None], int]:
    """(The results of several ascents that share walks over the rows, how many these are); None: not ended by then.

    Cost: as many walks as the longest of them takes, times the batches that memory makes of them.
    """
    results: list[Result | None] = [None] * len(asked)
    n_walks = 0
    together = max(1, MOST_NUMBERS // problem.design.width**2)
    for start in range(0, len(asked), together):
        waiting: dict[int, Point] = {}
        for number in range(start, min(start + together, len(asked))):
            _answer(asked, results, waiting, number, None)
        while waiting and n_walks < most_walks:
            n_walks += 1
            numbers = list(waiting)
            found = problem.at_points([waiting.pop(number) for number in numbers])
            for number, sums in zip(numbers, found, strict=True):
                _answer(asked, results, waiting, number, sums)
    return results, n_walks


def _answer(
    asked: Sequence[Walks[Result]],
    results: list[Result | None],
    waiting: dict[int, Point],
    number: int,
    sums: CurvatureSummary | None,
) -> None:
    """Send an ascent the sums at its point: it yields the next point, or returns its result."""
    try:
        waiting[number] = next(asked[number]) if sums is None else asked[number].send(sums)
    except StopIteration as done:
        results[number] = done.value
