"""Cases of `cv=`: losses of estimators in folds, and the difference of two of them.

Features are normal, labels are drawn from a known probability. An interval should cover the expected loss of
a model trained on as many rows as those of the folds, on average over sets of training rows; for folds in the order of
time the loss of the very models that were trained. Both are averages over N_JUDGING rows whose probabilities are known.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from typing import Any

import numpy as np
from _honesty_claims import CAUTIONED, Answers, Case, effective, ends
from _honesty_populations import NODE_MASSES, NODES
from scipy.special import expit
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import TimeSeriesSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import logloss

N_FOLDS, N_JUDGING = 5, 4000
# Sets of training rows over which a true value is averaged, of quick fits and of slow ones: right to a tenth of the
# standard error of the estimate.
N_TRAININGS, N_OF_SLOW = 100, 40
# The standard deviation, in log-odds, of the effect that rows of a cluster share.
SHARED = 0.7


@dataclass(frozen=True)
class Columns:
    """Takes some of the columns."""

    start: int
    stop: int

    def __call__(self, X: Any) -> Any:
        return X[:, self.start : self.stop]


def of_columns(start: int, stop: int, C: float = 1.0) -> Any:
    """A logistic regression on some of the columns."""
    return make_pipeline(FunctionTransformer(Columns(start, stop)), LogisticRegression(C=C))


def line(X: Any) -> Any:
    """Log-odds with equal coefficients of all features."""
    return 1.5 / math.sqrt(X.shape[1]) * X.sum(axis=1)


def nonlinear(X: Any) -> Any:
    """Log-odds that are not linear."""
    return X[:, 0] + X[:, 1] * (X[:, 2] > 0) - np.abs(X[:, 3]) + 0.8


FOREST = RandomForestClassifier(20, min_samples_leaf=15, max_features=0.5, random_state=0)
BOOSTED = GradientBoostingClassifier(n_estimators=20, max_depth=2, random_state=0)


@dataclass(frozen=True)
class Folded:
    """A population, two estimators and a number of rows; n_clusters: 0 where rows are independent."""

    name: str = field(compare=False)
    n_rows: int
    n_features: int
    first: Any
    second: Any
    log_odds: Callable[[Any], Any] = line
    n_clusters: int = 0
    sigma: float = 0.0
    is_ordered: bool = False
    leave_two_out: bool = field(default=True, compare=False)

    def rows(self, random: np.random.Generator, n_rows: int, n_clusters: int) -> tuple[Any, Any, dict[str, Any]]:
        """(Features, labels, options) of some rows."""
        X = random.standard_normal((n_rows, self.n_features))
        log_odds, options = self.log_odds(X), {}
        if n_clusters:
            options["cluster"] = np.arange(n_rows) % n_clusters
            log_odds = log_odds + SHARED * random.standard_normal(n_clusters)[options["cluster"]]
        if self.sigma:
            options["sample_weight"] = random.lognormal(0, self.sigma, n_rows)
        return X, (random.random(n_rows) < expit(log_odds)).astype(np.uint8), options

    @cached_property
    def judging(self) -> tuple[Any, Any]:
        """(Features, probabilities) of the rows over which losses are averaged."""
        X = np.random.default_rng(2).standard_normal((N_JUDGING, self.n_features))
        effects = SHARED * NODES if self.n_clusters else np.zeros(1)
        masses = NODE_MASSES if self.n_clusters else np.ones(1)
        return X, sum(mass * expit(self.log_odds(X) + effect) for mass, effect in zip(masses, effects, strict=True))

    def loss_of(self, model: Any) -> float:
        """The expected loss of a trained model."""
        X, q = self.judging
        p = model.predict_proba(X)[:, 1]
        with np.errstate(divide="ignore"):
            return float(-np.mean(q * np.log(p) + (1 - q) * np.log1p(-p)))

    def draw(self, random: np.random.Generator) -> Answers:
        """The intervals of one draw."""
        X, y, options = self.rows(random, self.n_rows, self.n_clusters)
        numbers = effective(y, options.get("sample_weight"), options.get("cluster"))
        if self.is_ordered:
            options["order"] = np.arange(self.n_rows) * 4 * N_FOLDS // self.n_rows
        models = {"a": self.first, "b": self.second}
        c = logloss.compare(y, models, X=X, cv=N_FOLDS, leave_two_out=self.leave_two_out, **options)
        change = ends(c.second_minus_first)
        answers: Answers = {CAUTIONED: bool(c.cautions), **numbers}
        if self.is_ordered:
            loss, difference = self._of_these_models(X, y, options["order"])
            low, high = ends(c.log_losses["a"])
            answers["log loss of models in time"] = low - loss, high - loss
            answers["difference of models in time"] = change[0] - difference, change[1] - difference
            return answers
        answers |= {"out-of-fold log loss": ends(c.log_losses["a"]), "out-of-fold difference": change}
        if "equal" in self.name:
            has_interval = c.pair.delta.has_interval
            answers["equal estimators called different"] = (
                (not c.pair.is_significant) + 0.0 if has_interval else math.nan
            )
        return answers

    def _of_these_models(self, X: Any, y: Any, period: Any) -> tuple[float, float]:
        """(Loss of the first's models, of the second's less that) of folds in the order of time, each by its rows."""
        losses, sizes = [], []
        for train, test in TimeSeriesSplit(N_FOLDS).split(np.unique(period)):
            seen = np.isin(period, train)
            losses.append([self.loss_of(clone(each).fit(X[seen], y[seen])) for each in (self.first, self.second)])
            sizes.append(np.isin(period, test).sum())
        first, second = np.average(losses, axis=0, weights=sizes).tolist()
        return first, second - first


@cache
def true_values_of(case: Folded) -> dict[str, float]:
    """Expected losses over sets of training rows of the size of those of the folds."""
    if case.is_ordered:
        return {"log loss of models in time": 0.0, "difference of models in time": 0.0}
    random, share = np.random.default_rng(3), 1 - 1 / N_FOLDS
    losses = []
    for _ in range(N_OF_SLOW if case.first is FOREST else N_TRAININGS):
        X, y, options = case.rows(random, round(share * case.n_rows), round(share * case.n_clusters))
        weight = options.get("sample_weight")
        own = {} if weight is None else {"sample_weight": weight}
        losses.append([case.loss_of(clone(each).fit(X, y, **own)) for each in (case.first, case.second)])
    first, second = np.mean(losses, axis=0).tolist()
    return {"out-of-fold log loss": first, "out-of-fold difference": second - first}


def folds() -> list[Case]:
    """Out-of-fold losses, and differences of two estimators."""
    all_five, two_of_five = of_columns(0, 5), of_columns(0, 2)
    cases = [Folded("five features and two of them", n, 5, all_five, two_of_five) for n in (100, 300, 1000)]
    cases += [Folded("equal, five features each", n, 10, of_columns(0, 5), of_columns(5, 10)) for n in (100, 300, 1000)]
    cases += [
        Folded("penalised and not, five features", n, 5, of_columns(0, 5, C=1 / 30), all_five) for n in (100, 300, 1000)
    ]
    cases += [
        Folded("50 features, overfitted and penalised", n, 50, of_columns(0, 50), of_columns(0, 50, C=0.01))
        for n in (300, 1000)
    ]
    cases += [Folded("strongly overfitted, twenty features", 100, 20, of_columns(0, 20, C=10.0), of_columns(0, 20))]
    cases += [
        Folded("naive Bayes and logistic, twenty features", n, 20, GaussianNB(), of_columns(0, 20)) for n in (300,)
    ]
    cases += [Folded("forest and boosted trees", n, 6, FOREST, BOOSTED, nonlinear) for n in (300, 1000)]
    cases += [
        Folded("weights, σ 1.0, five features and two", 1000, 5, LogisticRegression(), GaussianNB(), sigma=1.0),
        Folded("30 clusters, five features and two", 600, 5, all_five, two_of_five, n_clusters=30),
        Folded("in time, five features and two", 600, 5, all_five, two_of_five, is_ordered=True),
    ]
    cases += [
        Folded(f"without pairs of folds, {which}", 300, n, one, two, log_odds, leave_two_out=False)
        for which, n, one, two, log_odds in (
            ("five features and two", 5, all_five, two_of_five, line),
            ("penalised and not", 5, of_columns(0, 5, C=1 / 30), all_five, line),
            ("forest and boosted trees", 6, FOREST, BOOSTED, nonlinear),
        )
    ]
    return [
        Case(f"{each.name}, {each.n_rows:,} rows", each.n_rows, each.draw, partial(true_values_of, each))
        for each in cases
    ]
