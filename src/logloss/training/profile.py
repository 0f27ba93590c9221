"""Profile-likelihood intervals of coefficients, and the likelihood-ratio test that each is 0.

The profile of a coefficient is the likelihood (of Firth's penalty: penalised) maximised over all others. Its 95%
interval holds the values at which that is less than 1.92 below the maximum, half the 95% quantile of chi-squared with 1
degree of freedom. Both ends are searched for by Newton's method on the signed root of the fall, within a bracket.

References
----------
Venzon, D. J. & Moolgavkar, S. H. (1988). A method for computing profile-likelihood-based confidence intervals. Applied
Statistics 37(1), 87-94. doi:10.2307/2347496
Heinze, G. & Schemper, M. (2002). A solution to the problem of separation in logistic regression. Statistics in Medicine
21(16), 2409-2419. doi:10.1002/sim.1047
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from logloss.answers.estimate import normal_quantile
from logloss.data.rows import Array
from logloss.onepass.kernels.newton_rules import ROUNDING
from logloss.training.firth import FLIC, PenalisedOptimum
from logloss.training.information_matrix import SHARE, own_coefficients
from logloss.training.interruptible import PROFILES
from logloss.training.likelihood import SHORTEST, Ascent, Held, Likelihood, Walks, answer, answered, ascend
from logloss.training.optimum import Optimum

WALD, PROFILE = "wald", "profile"
# The signed root of twice the fall at the ends: the 97.5% quantile of the normal distribution.
ROOT = normal_quantile()
# Walks that all ends take together at most; a fit of more coefficients has no profiles.
MOST_WALKS, MOST_PROFILED = 1_000, 200
# The name of the intercept among those of the coefficients, none of which is empty.
INTERCEPT = ""
# The likelihood is maximised to so many nats, where it is not the rounding of its sum that ends it.
LEAST_GAIN = 1e-13
# An end is right once the fall is, to so many nats; and one that rises by more shows another maximum.
SAME_FALL, HIGHER = 1e-9, 1e-6
# Values of a coefficient that are tried for an end, and the change of log-odds, in the rows farthest from the mean of
# its column, after which an end that was not met is infinite.
MOST_VALUES, FARTHEST = 200, 1000.0
# Stages in which a value may be gone to; and nats by which one may be too low: farther off there is little curvature to
# come back by.
MOST_HALVES, MOST_LOWER = 64, 10.0
# The first step without a standard error to go by, and by how much each of the next may be longer.
FIRST_STEP, GROWTH = 4.0, 3.0


@dataclass(frozen=True, slots=True)
class Profile:
    """Profile-likelihood intervals of the coefficients, in the order of the model's, and likelihood-ratio statistics.

    Attributes
    ----------
    intercept_low, intercept_high, lows, highs : float, float, dict of name to float, dict of name to float
        Ends of the 95% intervals, in log-odds per unit; ±inf where the likelihood never falls by 1.92, as for
        coefficients that separate the classes; nan where an end was not found.
    intercept_ratio, ratios : float, dict of name to float
        Likelihood-ratio statistics, ≥ 0: twice the fall of the maximised log-likelihood when the coefficient is held at
        0, chi-squared with 1 degree of freedom.
    n_passes : int
        Passes over the rows for all intervals together.

    Examples
    --------
    >>> import logloss
    >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1, 1], interval="profile")
    >>> round(model.profile.lows["x"], 3), round(model.profile.highs["x"], 3)
    (-0.397, 4.096)
    """

    intercept_low: float
    intercept_high: float
    intercept_ratio: float
    lows: dict[str, float]
    highs: dict[str, float]
    ratios: dict[str, float]
    n_passes: int

    def interval(self, name: str | None = None) -> tuple[float, float]:
        """The 95% interval of a coefficient; of the intercept where none is named."""
        if name is None:
            return self.intercept_low, self.intercept_high
        return self.lows[name], self.highs[name]

    def ratio(self, name: str | None = None) -> float:
        """The likelihood-ratio statistic of a coefficient; of the intercept where none is named."""
        return self.intercept_ratio if name is None else self.ratios[name]

    def p_value(self, name: str | None = None) -> float:
        """P-value of the likelihood-ratio test that a coefficient is 0, in [0, 1]; of the intercept if none is named.

        It is below 0.05 where the 95% interval excludes 0.
        """
        return math.erfc(math.sqrt(self.ratio(name) / 2))


@dataclass(frozen=True, slots=True)
class Task:
    """A profile to search: from a point of a likelihood, whose top, in nats, need not be reached there.

    held: the combination of the free coefficients whose profile it is. is_flat: whether the likelihood is that of no
    row, so that every value is as good.
    """

    likelihood: Likelihood
    start: Ascent
    top: float
    held: Held
    is_flat: bool = False


def end_of(task: Task, side: float) -> Walks[float]:
    """One end of an interval: where the profile has fallen by 1.92; ±inf where it never does; nan if not found."""
    held, now = task.held, task.start
    origin = value = float(held.vector @ now.at)
    now = yield from held_at(task, now, value)
    # Of nearly dependent columns values are far apart that change the log-odds little.
    farthest = FARTHEST * max(1.0, _deviation(task, task.start))
    inside = outside = math.nan
    reach = 0.0
    same = max(SAME_FALL, 64 * ROUNDING * abs(task.top))
    for _ in range(MOST_VALUES):
        fall = task.top - now.value
        if not fall >= -max(HIGHER, same):
            return math.nan
        if abs(fall - ROOT**2 / 2) <= same:
            return value
        root = math.sqrt(2 * max(fall, 0.0))
        if root < ROOT:
            inside = value
        else:
            outside = value
        step = _root_step(task, now, root, side, is_first=not reach)
        value, reach = _next(value, step, side, (inside, outside), reach)
        if abs(value - origin) > farthest:
            return side * math.inf if math.isnan(outside) else math.nan
        now = yield from held_at(task, now, value, most_lower=MOST_LOWER)
        value = float(held.vector @ now.at) if task.top - now.value > MOST_LOWER else value
    return math.nan


def _root_step(task: Task, now: Ascent, root: float, side: float, *, is_first: bool) -> float:
    """Newton's step to where the signed root is as it is at the end; where that is flat as far as steps may go.

    is_first: at the maximum itself, where it goes by the standard error.
    """
    # The root grows by −slope / root for each unit outwards.
    if root > 0.1 and side * now.slope < 0:
        return (root - ROOT) * root / now.slope
    if not is_first:
        return side * math.inf
    deviation = _deviation(task, now)
    return side * (min(ROOT * deviation, FIRST_STEP) if deviation else FIRST_STEP)


def _deviation(task: Task, now: Ascent) -> float:
    """The standard error of what is held, from the information there; 0 where there is none."""
    along = task.held.tangent(now.height)
    information = float(along @ now.height.factor.matrix @ along)
    return 1.0 / math.sqrt(information) if information > 0 else 0.0


def _next(value: float, step: float, side: float, bracket: tuple[float, float], reach: float) -> tuple[float, float]:
    """(The next value to try, how far steps may go): within the bracket, or outwards of what is inside."""
    inside, outside = bracket
    if not math.isnan(inside) and not math.isnan(outside):
        tried = value + step
        is_between = min(inside, outside) < tried < max(inside, outside)
        return (tried if is_between else (inside + outside) / 2), reach
    reach = GROWTH * reach if reach else FIRST_STEP
    # Without anything inside the way is back, towards the maximum.
    outwards = side if math.isnan(outside) else -side
    length = abs(step) if step * outwards > 0 else reach
    return value + outwards * min(length, reach), reach


def held_at(task: Task, now: Ascent, value: float, *, most_lower: float = math.inf) -> Walks[Ascent]:
    """The maximum over all other coefficients where one has a value, from a maximum elsewhere.

    The others follow along the tangent first; where that goes too far, it goes there by halves. NaN is the likelihood
    where there is no way. most_lower: nats by which a stage may fall, and below the top at which it stops on its way.
    """
    likelihood, held = task.likelihood, task.held
    least = max(LEAST_GAIN, 2 * ROUNDING * abs(now.value))
    for _ in range(MOST_HALVES):
        move = (value - float(held.vector @ now.at)) * held.tangent(now.height)
        length = 1.0
        there = yield from likelihood.look(now.at + move)
        while (there.score is None or now.value - there.value > most_lower) and length > SHORTEST:
            length /= 2
            there = yield from likelihood.look(now.at + length * move)
        if there.score is None:
            break
        now = yield from ascend(likelihood, there, held=held, least_gain=least)
        if length == 1.0 or task.top - now.value > most_lower:
            return now
    return replace(now, height=replace(now.height, value=math.nan))


def ratio_of(task: Task) -> Walks[float]:
    """The likelihood-ratio statistic that the combination is 0."""
    at_zero = yield from held_at(task, task.start, 0.0)
    fall = task.top - at_zero.value
    return 2 * max(fall, 0.0) if fall >= -HIGHER else math.nan


def profile_of(optimum: Optimum, named: Mapping[str, float], penalty: str | None) -> Profile:
    """The profiles of all coefficients at an optimum. named: what they are, that of the intercept under "".

    Cost: some 20 to 100 walks, shared by all of them; each looks at two points or three for each coefficient.
    """
    problem = replace(optimum.problem, phase=PROFILES)
    ends: dict[tuple[str, int], float] = {}
    asked: dict[tuple[str, int], Walks[float]] = {}
    starts = _Starts(optimum)
    for name, value in named.items():
        task = None if penalty == FLIC and name == INTERCEPT else starts.task(name, value)
        if task is None:
            continue
        if task.is_flat:
            ends |= {(name, -1): -math.inf, (name, 0): 0.0, (name, 1): math.inf}
            continue
        asked[name, 0] = ratio_of(task)
        for side in (-1, 1):
            if value == side * math.inf:
                ends[name, side] = value
            else:
                asked[name, side] = end_of(task, side)
    # Where rows are predicted with certainty, the information leaves the range of numbers.
    with np.errstate(all="ignore"):
        results, n_passes = answered(problem, list(asked.values()), MOST_WALKS)
    for (name, side), found in zip(asked, results, strict=True):
        ends[name, side] = math.nan if found is None else found / (starts.units[name] if side else 1.0)
    lows, ratios, highs = (
        {name: ends.get((name, side), math.nan) for name in (INTERCEPT, *problem.design.names)} for side in (-1, 0, 1)
    )
    low, high, ratio = (each.pop(INTERCEPT) for each in (lows, highs, ratios))
    return Profile(low, high, ratio, lows, highs, ratios, n_passes + starts.n_passes)


@dataclass(frozen=True, slots=True)
class Start:
    """Where profiles begin: a likelihood, a point of it, and combinations that the rows do not determine, if any."""

    likelihood: Likelihood
    point: Ascent
    null: Array | None
    is_flat: bool = False

    def determines(self, full: Array) -> bool:
        """Whether the rows determine a combination of the coefficients."""
        vector = full[self.likelihood.problem.free]
        if np.count_nonzero(vector) < np.count_nonzero(full):
            return False
        if self.null is None:
            return True
        sizes = np.abs(self.null).max(axis=0) * np.abs(vector).max()
        return not (np.abs(vector @ self.null) > SHARE * sizes).any()


class _Starts:
    """Where the profiles of an optimum begin: of all rows, or, where classes are separated, of those that are not."""

    def __init__(self, optimum: Optimum) -> None:
        self.optimum, self.n_passes = optimum, 0
        design = optimum.problem.design
        own = own_coefficients(design, np.arange(design.width))
        # Of the intercept it is a share: far from the rows, as of years, it moves by as much as columns are far.
        sizes = np.abs(own).sum(axis=1)
        units = np.append(1.0, design.scale[design.places]) / sizes
        names = (INTERCEPT, *design.names)
        self.own = dict(zip(names, own / sizes[:, None], strict=True))
        self.units: dict[str, float] = dict(zip(names, units.tolist(), strict=True))
        self.top = -optimum.evaluation.total_loss
        self.of_face = self.looked(optimum.evaluation.sums.point.face) if optimum.directions else None
        if isinstance(optimum, PenalisedOptimum) and optimum.likelihood is not None and optimum.peak is not None:
            self.of_all, self.top = Start(optimum.likelihood, optimum.peak, optimum.rank.null), optimum.peak.value
        else:
            self.of_all = self.looked(())

    def looked(self, face: tuple[Array, ...]) -> Start:
        """The likelihood of all rows, or of those of a face, at the optimum. Cost: a pass, or two."""
        own, rank, separating = self.optimum.problem, self.optimum.rank, self.optimum.separating
        # Where classes are separated the problem of the optimum is that of the rows that are not.
        problem = replace(own.on_face((), own.design.free), phase=PROFILES)
        basis, null = rank.basis, rank.null
        if face and separating is not None:
            problem, basis, null = problem.on_face(face, separating.free), None, None
        likelihood = Likelihood(problem, basis)
        # On a face the optimum is where it is highest; of all rows what separates the classes is far from any value.
        is_infinite = np.any([np.abs(each) > 0 for each in self.optimum.directions], axis=0) & (not face)
        at = np.where(is_infinite, 0.0, self.optimum.evaluation.coefficients)[problem.free]
        height = answer(problem, likelihood.look(at))
        self.n_passes += 1
        if face and height.factor.n_dependent:
            # Columns may depend on each other on the rows that are left.
            null, likelihood = height.factor.null, Likelihood(problem, height.factor.range)
            height = answer(problem, likelihood.look(at))
            self.n_passes += 1
        return Start(likelihood, Ascent(height, 0.0), null, bool(face) and not height.sums.n_rows)

    def task(self, name: str, value: float) -> Task | None:
        """The profile of a coefficient; None where the rows do not determine it."""
        # What is finite where the classes are separated is that of the rows that are not.
        start = self.of_face if self.of_face is not None and math.isfinite(value) else self.of_all
        if not self.of_all.determines(self.own[name]):
            return None
        likelihood, free = start.likelihood, start.likelihood.problem.free
        vector = np.append(self.own[name][free], np.zeros(likelihood.width - len(free)))
        if start.is_flat or not start.determines(self.own[name]):
            # Rows that are not separated do not depend on it, and the others are certain whatever its value.
            return Task(likelihood, start.point, self.top, Held(vector, vector, np.zeros((len(vector), 0))), True)
        return Task(likelihood, start.point, self.top, Held.of(vector, likelihood.full_basis))
