"""Arguments and warnings in scikit-learn's terms: which of its penalties is asked for, checked as it checks them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from numbers import Real
from typing import Any

import sklearn.exceptions
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression as ScikitLearns
from sklearn.utils._param_validation import (
    Hidden,
    InvalidParameterError,
    StrOptions,
    validate_parameter_constraints,
)

from logloss.errors import ConvergenceWarning, DataError, SeparationWarning, warn
from logloss.training.path_grid import Strength

# What scikit-learn's release checks, with the arguments that some of its releases lack.
CONSTRAINTS: dict[str, Any] = {
    **ScikitLearns._parameter_constraints,
    "penalty": [StrOptions({"l1", "l2", "elasticnet"}), None, Hidden(StrOptions({"deprecated"}))],
    "multi_class": [StrOptions({"auto", "ovr", "multinomial"}), Hidden(StrOptions({"deprecated"}))],
}
# What an option of `fit` is called here, in its messages.
WORDS = {
    "`max_passes`": "`max_iter`",
    "`model.passes`": "`model_.passes`",
    "`tolerance`": "`tol`",
    'penalty="firth" or l2= (such as l2=1)': 'penalty="l2" with a finite C= (such as C=1)',
}


class InvalidParameter(DataError, InvalidParameterError):
    """An argument of an estimator that scikit-learn would refuse, with its message."""


class EstimatorConvergenceWarning(ConvergenceWarning, sklearn.exceptions.ConvergenceWarning):
    """The warning of a fit, as scikit-learn's filters find it."""


class EstimatorSeparationWarning(SeparationWarning, EstimatorConvergenceWarning):
    """The warning of separated classes, as scikit-learn's filters find it."""


def as_scikit_learn_warns(message: str, category: type[Warning]) -> tuple[str, type[Warning]]:
    """A warning of `fit` with the names of the estimator's arguments, and a class that is also scikit-learn's."""
    for ours, theirs in WORDS.items():
        message = message.replace(ours, theirs)
    if issubclass(category, SeparationWarning):
        return message, EstimatorSeparationWarning
    return message, EstimatorConvergenceWarning if issubclass(category, ConvergenceWarning) else category


@cache
def argument_names(kind: Any) -> tuple[str, ...]:
    """The names of the arguments of an estimator."""
    return tuple(kind._get_param_names())


def check_arguments(estimator: BaseEstimator) -> None:
    """Refuse arguments whose type or range scikit-learn refuses."""
    # Not `_validate_params`, which reads the signature of the class anew in each fit.
    names = argument_names(type(estimator))  # type: ignore[arg-type]
    given = {name: getattr(estimator, name) for name in names}
    try:
        validate_parameter_constraints(estimator._parameter_constraints, given, caller_name=type(estimator).__name__)
    except InvalidParameterError as error:
        raise InvalidParameter(str(error)) from None


def penalties_of(
    penalty: str | None, C: float, l1_ratio: float | None, *, solver: str, dual: bool, multi_class: str = "auto"
) -> tuple[float, float]:
    """The strengths of the L1 and L2 penalties that arguments ask for: (`l1`, `l2`) of `logloss.fit`."""
    if penalty == "elasticnet" and l1_ratio is None:
        raise DataError("l1_ratio must be specified when penalty is elasticnet.")
    kind = penalty
    if penalty in ("l2", "deprecated"):
        # The newer spelling: `l1_ratio` alone chooses.
        kind = "elasticnet" if l1_ratio and l1_ratio < 1 else "l1" if l1_ratio else "l2"
        kind = None if kind == "l2" and math.isinf(C) else kind
    check_solver(solver, kind, dual)
    if multi_class == "multinomial":
        raise DataError(
            "multi_class='multinomial' gives two classes half the L2 penalty and half the coefficients; scikit-learn "
            "1.8 removed it. Leave it out; C multiplied by 2 gives its probabilities."
        )
    if penalty in ("l1", None) and 0 < (l1_ratio or 0) < 1:
        warn(f"l1_ratio parameter is only used when penalty is 'elasticnet'. Got (penalty={penalty})")
    if penalty is None and C != 1:
        warn("Setting penalty=None will ignore the C and l1_ratio parameters.")
    if kind is None:
        return 0.0, 0.0
    share = {"l1": 1.0, "l2": 0.0}.get(kind, l1_ratio or 0.0)
    return share / C, (1.0 - share) / C


def path_penalties(
    penalty: str | None,
    Cs: Sequence[float],
    l1_ratios: Sequence[float] | None,
    *,
    solver: str,
    dual: bool,
    multi_class: str,
) -> list[list[Strength]]:
    """The strengths that a path compares: at each value of `Cs`, for each ratio."""
    if l1_ratios is not None and penalty not in ("l2", "deprecated", "elasticnet"):
        warn(f"l1_ratios parameter is only used when penalty is 'elasticnet'. Got (penalty={penalty})")
        l1_ratios = None
    if penalty == "elasticnet" and l1_ratios is None:
        raise DataError("`l1_ratios` must be given with penalty='elasticnet', such as l1_ratios=(0.5, 1).")
    shares = [1.0 if penalty == "l1" else 0.0] if l1_ratios is None else list(l1_ratios)
    if not shares or not all(isinstance(share, Real) and 0 <= share <= 1 for share in shares):
        raise DataError(f"`l1_ratios` must be numbers between 0 and 1, one or more, or None; got {l1_ratios!r}.")
    # Several ratios are those of elastic net, whichever they are.
    has_both = len({share for share in shares if share in (0, 1)}) == 2
    if penalty == "elasticnet" or has_both:
        check_solver(solver, "elasticnet", dual)
    kind = "l2" if penalty == "deprecated" else penalty

    def at(C: float, share: float) -> Strength:
        own = penalties_of(kind, C, share, solver=solver, dual=dual, multi_class=multi_class)
        return Strength(*own, float(share))

    return [[at(C, share) for share in shares] for C in Cs]


def check_solver(solver: str, penalty: str | None, dual: bool) -> None:
    """Refuse what scikit-learn refuses: a penalty, or the dual problem, that a solver of its does not have."""
    if solver not in ("liblinear", "saga") and penalty not in ("l2", None):
        raise DataError(f"Solver {solver} supports only 'l2' or None penalties, got {penalty} penalty.")
    if solver != "liblinear" and dual:
        raise DataError(f"Solver {solver} supports only dual=False, got dual={dual}. Leave `dual` out.")
    if penalty == "elasticnet" and solver != "saga":
        raise DataError(f"Only 'saga' solver supports elasticnet penalty, got solver={solver}.")
    if penalty is None and solver == "liblinear":
        raise DataError(
            "C=np.inf as well as penalty=None is not supported for the liblinear solver. Choose another `solver`; here "
            "none changes the result."
        )
