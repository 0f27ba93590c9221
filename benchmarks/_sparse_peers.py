"""Peers of sparse fits: what each calls a penalty and a tolerance. One that is not installed is left out.

scikit-learn's solvers; scikit-learn-intelex, the same class on Intel's library; glum, which forms the Hessian of all
columns, so that it fits no table of more than MOST_OF_GLUM.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

# glum holds the Hessian of so many columns in 200 MB.
MOST_OF_GLUM = 5_000
# Scaled by 100 the penalty of the intercept is a 10,000th of what it would be.
LIBLINEAR = {"intercept_scaling": 100}
MAX_STEPS = 100_000

# (Intercept, coefficients, steps).
Fitted = tuple[float, Any, int]


@dataclass(frozen=True)
class Peer:
    """fit: (rows, labels, l2, tolerance) to a `Fitted`. module: what it needs. most_columns: beyond which it is left
    out."""

    name: str
    fit: Callable[[Any, Any, float, float], Fitted]
    module: str = "sklearn"
    most_columns: int = 10**9

    @property
    def is_there(self) -> bool:
        """Whether it is installed."""
        return importlib.util.find_spec(self.module) is not None


def _of_scikit_learn(solver: str, module: str) -> Callable[[Any, Any, float, float], Fitted]:
    def fitted(rows: Any, labels: Any, l2: float, tolerance: float) -> Fitted:
        linear = importlib.import_module(f"{module}.linear_model")
        options = LIBLINEAR if solver == "liblinear" else {}
        model = linear.LogisticRegression(C=1 / l2, solver=solver, tol=tolerance, max_iter=MAX_STEPS, **options)
        with warnings.catch_warnings(action="ignore"):
            model.fit(rows, labels)
        return float(model.intercept_[0]), model.coef_[0], int(np.max(model.n_iter_))

    return fitted


def _of_glum(rows: Any, labels: Any, l2: float, tolerance: float) -> Fitted:
    from glum import GeneralizedLinearRegressor

    model = GeneralizedLinearRegressor(
        family="binomial", alpha=l2 / len(labels), l1_ratio=0.0, gradient_tol=tolerance, max_iter=MAX_STEPS
    )
    with warnings.catch_warnings(action="ignore"):
        model.fit(rows.tocsc(), labels.astype(float))
    return float(model.intercept_), model.coef_, int(model.n_iter_)


PEERS = {
    peer.name: peer
    for peer in (
        Peer("lbfgs", _of_scikit_learn("lbfgs", "sklearn")),
        Peer("newton-cg", _of_scikit_learn("newton-cg", "sklearn")),
        Peer("liblinear", _of_scikit_learn("liblinear", "sklearn")),
        Peer("intelex", _of_scikit_learn("lbfgs", "sklearnex"), "sklearnex"),
        Peer("glum", _of_glum, "glum", MOST_OF_GLUM),
    )
}
