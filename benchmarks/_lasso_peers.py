"""Peers of sparse fits with an L1 penalty: what each calls a penalty and a tolerance. One not installed is left out.

liblinear and saga of scikit-learn; skglm, a working set with proximal Newton steps; celer, the same with extrapolated
dual points, which fits no intercept.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# Scaled by 100 the penalty of the intercept is a hundredth of what it would be.
LIBLINEAR = {"intercept_scaling": 100}
MAX_STEPS = 10_000

# (Intercept, coefficients).
Fitted = tuple[float, Any]


@dataclass(frozen=True)
class LassoPeer:
    """fit: (rows, labels, l1, tolerance) to a `Fitted`. path: the same of several l1, to a list of `Fitted`.
    module: what it needs. most_columns: beyond which it is left out."""

    name: str
    fit: Callable[[Any, Any, float, float], Fitted]
    path: Callable[[Any, Any, Sequence[float], float], list[Fitted]] | None = None
    module: str = "sklearn"
    fit_intercept: bool = True
    most_columns: int = 10**9

    @property
    def is_there(self) -> bool:
        """Whether it is installed."""
        return importlib.util.find_spec(self.module) is not None


def _of_scikit_learn(solver: str) -> Callable[[Any, Any, float, float], Fitted]:
    def fitted(rows: Any, labels: Any, l1: float, tolerance: float) -> Fitted:
        from sklearn.linear_model import LogisticRegression

        options = LIBLINEAR if solver == "liblinear" else {}
        with warnings.catch_warnings(action="ignore"):
            model = LogisticRegression(
                penalty="l1", C=1 / l1, solver=solver, tol=tolerance, max_iter=MAX_STEPS, **options
            ).fit(rows, labels)
        return float(model.intercept_[0]), model.coef_[0]

    return fitted


def _of_skglm(rows: Any, labels: Any, l1: float, tolerance: float) -> Fitted:
    return _path_of_skglm(rows, labels, [l1], tolerance)[0]


def _path_of_skglm(rows: Any, labels: Any, strengths: Sequence[float], tolerance: float) -> list[Fitted]:
    from skglm import SparseLogisticRegression

    model = SparseLogisticRegression(tol=tolerance, max_iter=200, max_epochs=MAX_STEPS, warm_start=True)
    by_columns, found = rows.tocsc(), []
    with warnings.catch_warnings(action="ignore"):
        for l1 in strengths:
            model.set_params(alpha=l1 / len(labels)).fit(by_columns, labels)
            found.append((float(np.ravel(model.intercept_)[0]), np.ravel(model.coef_).copy()))
    return found


def _of_celer(rows: Any, labels: Any, l1: float, tolerance: float) -> Fitted:
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
        LassoPeer("saga", _of_scikit_learn("saga"), most_columns=1000),
        LassoPeer("skglm", _of_skglm, _path_of_skglm, "skglm"),
        LassoPeer("celer", _of_celer, _path_of_celer, "celer", fit_intercept=False),
    )
}
