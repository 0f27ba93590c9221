"""Estimators in the place of predictions: with `cv=` their out-of-fold probabilities are measured and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from logloss.answers.answer import render
from logloss.data.request import RowOptions
from logloss.errors import DataError
from logloss.inference.folds import OutOfFold
from logloss.text import printable

# Arguments that have no effect without `cv`.
BESIDE_CV = ("X", "features", "exclude")


def cross_fitted(data: Any, estimators: Mapping[str, Any], requested: RowOptions) -> dict[str, OutOfFold]:
    """Out-of-fold probabilities of each estimator; empty without `cv`."""
    if requested.cv is None:
        for name in BESIDE_CV:
            value = getattr(requested, name)
            if value is not None and not (name == "exclude" and len(value) == 0):
                raise DataError(f"`{name}` is used to train estimators in folds: pass `cv=`, too.")
        return {}
    found: dict[str, OutOfFold] = render("measurement", "cross_fit")(data, estimators, requested)
    return found


def refuse_estimator(name: str, forecast: Any) -> None:
    """Refuse an estimator where probabilities are expected."""
    if hasattr(forecast, "predict_proba"):
        clause = f'"{printable(name)}"' if name else "`y_proba`"
        if hasattr(forecast, "predictor"):
            raise DataError(
                f"{clause} is a model that `fit` returned. Measure it on rows: model.measure(table, y_true)."
            )
        raise DataError(
            f"{clause} is an estimator ({type(forecast).__name__}). Pass `cv=5` and `X=` (or a table) to train it in "
            "folds and measure its out-of-fold probabilities, or pass its predictions of new rows."
        )


def judged_by(requested: RowOptions, n_left_out: int) -> RowOptions:
    """The request once rows have out-of-fold probabilities: those in no fold have none. All else was checked."""
    return replace(requested, cv=None, X=None, missing="drop" if n_left_out else requested.missing)
