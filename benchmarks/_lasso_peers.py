"""Peers of sparse fits with an L1 penalty, or both: what each calls a penalty and a tolerance.

liblinear and saga of scikit-learn; glum, coordinate descent on the Hessian of all columns; skglm, a working set with
proximal Newton steps; celer, the same with extrapolated dual points, which fits no intercept.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from _sparse_peers import MOST_OF_GLUM

# Scaled by 100 the penalty of the intercept is a hundredth of what it would be.
LIBLINEAR = {"intercept_scaling": 100}
MAX_STEPS = 10_000

# (Intercept, coefficients).
Fitted = tuple[float, Any]
# Of the summed loss: (rows, labels, l1, l2, tolerance).
Fit = Callable[[Any, Any, float, float, float], Fitted]


@dataclass(frozen=True)
class LassoPeer:
    """path: (rows, labels, several l1, tolerance) to a list of `Fitted`. module: what it needs. has_l2: whether it fits
    both penalties. most_columns: beyond which it is left out."""

    name: str
    fit: Fit
    path: Callable[[Any, Any, Sequence[float], float], list[Fitted]] | None = None
    module: str = "sklearn"
    fit_intercept: bool = True
    has_l2: bool = False
    most_columns: int = 10**9

    @property
    def is_there(self) -> bool:
        """Whether it is installed."""
        return importlib.util.find_spec(self.module) is not None


def _of_scikit_learn(solver: str) -> Fit:
    def fitted(rows: Any, labels: Any, l1: float, l2: float, tolerance: float) -> Fitted:
        from sklearn.linear_model import LogisticRegression

        options = LIBLINEAR if solver == "liblinear" else {}
        with warnings.catch_warnings(action="ignore"):
            model = LogisticRegression(
                C=1 / (l1 + l2), l1_ratio=l1 / (l1 + l2), solver=solver, tol=tolerance, max_iter=MAX_STEPS, **options
            ).fit(rows, labels)
        return float(model.intercept_[0]), model.coef_[0]

    return fitted


def _of_glum(rows: Any, labels: Any, l1: float, l2: float, tolerance: float) -> Fitted:
    from glum import GeneralizedLinearRegressor

    alpha = (l1 + l2) / len(labels)
    model = GeneralizedLinearRegressor(
        family="binomial", alpha=alpha, l1_ratio=l1 / (l1 + l2), gradient_tol=tolerance, max_iter=MAX_STEPS
    )
    with warnings.catch_warnings(action="ignore"):
        model.fit(rows.tocsc(), labels.astype(float))
    return float(model.intercept_), model.coef_


def _of_skglm(rows: Any, labels: Any, l1: float, l2: float, tolerance: float) -> Fitted:
    if not l2:
        return _path_of_skglm(rows, labels, [l1], tolerance)[0]
    from skglm import GeneralizedLinearEstimator
    from skglm.datafits import Logistic
    from skglm.penalties import L1_plus_L2
    from skglm.solvers import ProxNewton

    penalty = L1_plus_L2((l1 + l2) / len(labels), l1 / (l1 + l2))
    solver = ProxNewton(tol=tolerance, max_iter=200, max_pn_iter=MAX_STEPS)
    model = GeneralizedLinearEstimator(Logistic(), penalty, solver)
    with warnings.catch_warnings(action="ignore"):
        model.fit(rows.tocsc(), 2.0 * labels - 1.0)
    return float(np.ravel(model.intercept_)[0]), np.ravel(model.coef_)


def _path_of_skglm(rows: Any, labels: Any, strengths: Sequence[float], tolerance: float) -> list[Fitted]:
    from skglm import SparseLogisticRegression

    model = SparseLogisticRegression(tol=tolerance, max_iter=200, max_epochs=MAX_STEPS, warm_start=True)
    by_columns, found = rows.tocsc(), []
    with warnings.catch_warnings(action="ignore"):
        for l1 in strengths:
            model.set_params(alpha=l1 / len(labels)).fit(by_columns, labels)
            found.append((float(np.ravel(model.intercept_)[0]), np.ravel(model.coef_).copy()))
    return found


def _of_celer(rows: Any, labels: Any, l1: float, l2: float, tolerance: float) -> Fitted:
    from celer import LogisticRegression

    with warnings.catch_warnings(action="ignore"):
        model = LogisticRegression(C=1 / l1, tol=tolerance, max_iter=200).fit(rows.tocsc(), labels)
    return 0.0, np.ravel(model.coef_)


def _path_of_celer(rows: Any, labels: Any, strengths: Sequence[float], tolerance: float) -> list[Fitted]:
    from celer import celer_path

    with warnings.catch_warnings(action="ignore"):
        _, coefficients, _ = celer_path(
            rows.tocsc(), 2.0 * labels - 1.0, "logreg", alphas=np.array(strengths), tol=tolerance, max_iter=200
        )
    return [(0.0, each) for each in coefficients.T]


LASSO_PEERS = {
    peer.name: peer
    for peer in (
        LassoPeer("liblinear", _of_scikit_learn("liblinear")),
        # Of wider tables it takes minutes.
        LassoPeer("saga", _of_scikit_learn("saga"), has_l2=True, most_columns=1000),
        LassoPeer("glum", _of_glum, module="glum", has_l2=True, most_columns=MOST_OF_GLUM),
        LassoPeer("skglm", _of_skglm, _path_of_skglm, "skglm", has_l2=True),
        LassoPeer("celer", _of_celer, _path_of_celer, "celer", fit_intercept=False),
    )
}
