"""What a fit is asked for besides its rows, checked.

>>> FitOptions(l2=1.0).max_passes
100
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np

from logloss.errors import DataError
from logloss.training.problem import TOLERANCE
from logloss.training.standard_errors import HC3, INFORMATION

COVARIANCES = (INFORMATION, HC3)


@dataclass(frozen=True, slots=True)
class FitOptions:
    """The options of `fit` that concern no column: each as `fit` describes it."""

    l2: float = 0.0
    fit_intercept: bool = True
    covariance: str | None = None
    leave_one_out: bool = True
    tolerance: float = TOLERANCE
    max_passes: int = 100

    def __post_init__(self) -> None:
        if not (isinstance(self.l2, Real) and 0 <= self.l2 < math.inf):
            raise DataError(
                f"`l2` must be finite and at least 0; got {self.l2!r}. It is the strength of the L2 penalty on the "
                "summed loss, 1 / C in scikit-learn."
            )
        if not isinstance(self.fit_intercept, bool | np.bool_):
            raise DataError(f"`fit_intercept` must be True or False; got {self.fit_intercept!r}.")
        if self.max_passes < 1 or not self.tolerance > 0:
            raise DataError(
                f"`max_passes` must be at least 1 and `tolerance` above 0; got {self.max_passes} and {self.tolerance}."
            )
        if self.covariance is not None and self.covariance not in COVARIANCES:
            raise DataError(f"`covariance` must be one of {', '.join(COVARIANCES)}; got {self.covariance!r}.")
        object.__setattr__(self, "l2", float(self.l2))
        object.__setattr__(self, "fit_intercept", bool(self.fit_intercept))
