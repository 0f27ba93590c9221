"""What a fit is asked for besides its rows, checked.

>>> FitOptions(l2=1.0).max_passes
100
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

from logloss.data.rows import Roles
from logloss.errors import DataError
from logloss.text import count
from logloss.training.firth import PENALTIES
from logloss.training.problem import TOLERANCE
from logloss.training.profile import MOST_PROFILED, PROFILE, WALD
from logloss.training.standard_errors import HC3, INFORMATION

COVARIANCES = (INFORMATION, HC3)
INTERVALS = (WALD, PROFILE)


@dataclass(frozen=True, slots=True)
class FitOptions:
    """The options of `fit` that concern no column: each as `fit` describes it."""

    l2: float = 0.0
    covariance: str | None = None
    leave_one_out: bool = True
    tolerance: float = TOLERANCE
    max_passes: int = 100
    penalty: str | None = None
    interval: str | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.l2, Real) and 0 <= self.l2 < math.inf):
            raise DataError(
                f"`l2` must be finite and at least 0; got {self.l2!r}. It is the strength of the L2 penalty on the "
                "summed loss, 1 / C in scikit-learn."
            )
        if self.max_passes < 1 or not self.tolerance > 0:
            raise DataError(
                f"`max_passes` must be at least 1 and `tolerance` above 0; got {self.max_passes} and {self.tolerance}."
            )
        if self.covariance is not None and self.covariance not in COVARIANCES:
            raise DataError(f"`covariance` must be one of {', '.join(COVARIANCES)}; got {self.covariance!r}.")
        object.__setattr__(self, "l2", float(self.l2))
        self._check_penalty()
        self._check_interval()

    def _check_penalty(self) -> None:
        if self.penalty is None:
            return
        if self.penalty not in PENALTIES:
            raise DataError(f"`penalty` must be one of {', '.join(PENALTIES)}, or None; got {self.penalty!r}.")
        if self.l2:
            raise DataError(f'pass `l2` or `penalty`, not both; got l2={self.l2:g} and penalty="{self.penalty}".')
        if self.max_passes < 2:
            raise DataError(f"`penalty` takes two passes for each step; got max_passes={self.max_passes}.")

    def _check_interval(self) -> None:
        if self.interval is None:
            return
        if self.interval not in INTERVALS:
            raise DataError(f"`interval` must be one of {', '.join(INTERVALS)}; got {self.interval!r}.")
        if self.interval == PROFILE and self.l2:
            raise DataError(
                'under an L2 penalty coefficients have no intervals: pass interval="profile" with l2=0, or with '
                'penalty="firth".'
            )
        if self.interval == PROFILE and self.covariance == HC3:
            raise DataError(
                'profile-likelihood intervals take the model as right, covariance="HC3" does not: pass one of the two.'
            )

    def interval_of(self, roles: Roles, n_coefficients: int, *, is_large: bool) -> tuple[str, str]:
        """(The kind of intervals, a note where it is not the usual one).

        Without an own choice it is the profile under Firth's penalty and Wald's otherwise; of rows that have weights or
        clusters, and of large tables, always Wald's.
        """
        is_robust = bool(roles.cluster) or (roles.sample_weight is not None and self.covariance is None)
        if self.interval == PROFILE and roles.cluster:
            raise DataError(
                'profile-likelihood intervals take rows as independent: pass interval="profile" or `cluster`, not both.'
            )
        if self.interval == PROFILE and is_robust:
            raise DataError(
                "profile-likelihood intervals take weights as counts of rows: pass `counts`, or "
                'covariance="information" if `sample_weight` is such counts.'
            )
        if self.interval == PROFILE and n_coefficients > MOST_PROFILED:
            raise DataError(
                f"profile-likelihood intervals are for {MOST_PROFILED} coefficients at most; there are "
                f'{count(n_coefficients)}. Pass interval="wald".'
            )
        if self.interval is not None:
            return self.interval, ""
        if self.penalty is None or self.l2 or is_robust or self.covariance == HC3:
            return WALD, ""
        if is_large or n_coefficients > MOST_PROFILED:
            return (
                WALD,
                'intervals are Wald\'s, as the table is large; pass interval="profile" for those of the profile',
            )
        return PROFILE, ""
