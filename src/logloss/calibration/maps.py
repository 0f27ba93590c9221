"""A map from a score to a calibrated probability, scores of 0 and 1 included; no map decreases, even by a rounding."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from logloss.answers.estimate import expit, logit
from logloss.data.values import Array
from logloss.inference.logistic_line import AS_GOOD_AS_INFINITE, LogOddsMap, costs
from logloss.onepass.kernels import losses

# From the simplest.
METHODS = ("identity", "mixture", "shift", "temperature", "platt", "beta", "isotonic")
IDENTITY, MIXTURE, ISOTONIC = METHODS[0], METHODS[1], METHODS[-1]
STACK = "stack"


@dataclass(frozen=True, slots=True)
class ScoreMap:
    """What a score becomes.

    method: one of METHODS. a, b, c: its log-odds are a·log p − b·log(1 − p) + c. epsilon, base_rate: of a mixture,
    whose probability is (1 − epsilon)·p + epsilon·base_rate. knots, values: of an isotonic map, the
    log-odds of the score in the middle of each pool, in ascending order, and the probability there; in between it is
    interpolated, beyond the ends it is constant.
    at_zero, at_one: the log-odds that p = 0 and p = 1 become where either was seen (else None: the limit of the map).
    Nothing falls below `at_zero` or rises above `at_one`. lowest, highest: the finite log-odds that were seen.
    """

    method: str
    a: float = 1.0
    b: float = 1.0
    c: float = 0.0
    epsilon: float = 0.0
    base_rate: float = 0.5
    knots: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    at_zero: float | None = None
    at_one: float | None = None
    lowest: float = -math.inf
    highest: float = math.inf

    @property
    def seen(self) -> tuple[float, float]:
        """The least and the greatest finite log-odds that it was fitted to; infinite where they are not known."""
        return (self.knots[0], self.knots[-1]) if self.knots else (self.lowest, self.highest)

    @property
    def line(self) -> LogOddsMap:
        """The map without what it makes of p = 0 and p = 1; not of a mixture or an isotonic one."""
        return LogOddsMap(self.a, self.b, self.c)

    def log_odds(self, log_one: Array, log_zero: Array) -> Array:
        """The log-odds that scores become, given as log p and −log(1 − p)."""
        score = log_one + log_zero
        if self.epsilon > 0:
            return mixed(log_one, self.epsilon, self.base_rate) - mixed(-log_zero, self.epsilon, 1 - self.base_rate)
        if self.method in (IDENTITY, MIXTURE):
            return score
        if self.method == ISOTONIC:
            becomes = logit(self._interpolated(score))
        else:
            # A slope of 2 takes the largest log-odds to infinity, which is what they mean.
            with np.errstate(over="ignore"):
                becomes = self.line.log_odds(log_one, log_zero)
        # No score that was seen lies beyond the limits but by rounding, and then it must not either.
        if self.at_zero is not None:
            becomes = np.where(score <= -AS_GOOD_AS_INFINITE, self.at_zero, np.maximum(becomes, self.at_zero))
        if self.at_one is not None:
            becomes = np.where(score >= AS_GOOD_AS_INFINITE, self.at_one, np.minimum(becomes, self.at_one))
        return becomes

    def _interpolated(self, score: Array) -> Array:
        """The probabilities of an isotonic map at some log-odds: on lines between its knots."""
        proba = np.interp(score, self.knots, self.values)
        # The end of a line may come out one rounding above where the next one begins.
        last = len(self.knots) - 1
        above = np.minimum(np.searchsorted(self.knots, score, side="right"), last)
        return np.minimum(proba, np.asarray(self.values)[above])

    def probabilities(self, log_one: Array, log_zero: Array) -> Array:
        """The probabilities that scores become."""
        if self.method != ISOTONIC:
            return expit(self.log_odds(log_one, log_zero))
        score = log_one + log_zero
        # Not by way of log-odds and back: values of blocks come out to the bit.
        proba = self._interpolated(score)
        for limit, is_there, nearest, extreme in (
            (self.at_zero, score <= -AS_GOOD_AS_INFINITE, self.values[0], min),
            (self.at_one, score >= AS_GOOD_AS_INFINITE, self.values[-1], max),
        ):
            if limit is not None and is_there.any():
                # By way of log-odds and back the value may come out on the other side of the nearest one.
                proba[is_there] = nearest if limit == logit(nearest) else extreme(expit(limit), nearest)
        return proba


def mixed(log_proba: Array, epsilon: float, rate: float) -> Array:
    """log((1 − epsilon)·p + epsilon·rate) of log p."""
    kept = math.log1p(-epsilon) if epsilon < 1 else -math.inf
    return np.logaddexp(log_proba + kept, math.log(epsilon) + math.log(rate))


@dataclass(frozen=True, slots=True)
class StackedMap:
    """A weighted mean of maps, in log-odds: as none of them decreases, it does not. shares: above 0, of sum 1."""

    shares: tuple[float, ...]
    maps: tuple[ScoreMap, ...]

    @property
    def method(self) -> str:
        """What it is called."""
        return STACK

    @property
    def seen(self) -> tuple[float, float]:
        """The least and the greatest finite log-odds that one of its maps was fitted to."""
        ends = [each.seen for each in self.maps]
        known = [[end for end in pair if math.isfinite(end)] for pair in zip(*ends, strict=True)]
        return min(known[0], default=-math.inf), max(known[1], default=math.inf)

    def log_odds(self, log_one: Array, log_zero: Array) -> Array:
        """The log-odds that scores become, given as log p and −log(1 − p)."""
        total = np.zeros(np.shape(log_one))
        for share, each in zip(self.shares, self.maps, strict=True):
            total = total + share * each.log_odds(log_one, log_zero)
        return total

    def probabilities(self, log_one: Array, log_zero: Array) -> Array:
        """The probabilities that scores become."""
        return expit(self.log_odds(log_one, log_zero))


def logs_of_proba(proba: Array) -> tuple[Array, Array]:
    """(log p, −log(1 − p)) of probabilities."""
    costs_of_labels = []
    for label in (1, 0):
        out = np.empty(len(proba))
        losses.surprisals(np.full(len(proba), label, np.uint8), proba, None, None, out)
        costs_of_labels.append(out)
    return -costs_of_labels[0], costs_of_labels[1]


def logs_of_logit(logit: Array) -> tuple[Array, Array]:
    """The same of log-odds."""
    return -costs(logit, 1), costs(logit, 0)
