"""What a fit is asked for besides its rows, checked.

>>> FitOptions(l2=1.0).max_passes
100
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import cast

import numpy as np

from logloss.data.rows import Roles
from logloss.errors import DataError
from logloss.text import count, value_text
from logloss.training.cluster_errors import CR1
from logloss.training.firth import FIRTH, PENALTIES
from logloss.training.path_grid import PathGrid
from logloss.training.penalty_factors import Factors, factors_of
from logloss.training.penalty_path import BEST, SELECTIONS
from logloss.training.problem import TOLERANCE
from logloss.training.profile import MOST_PROFILED, PROFILE, WALD
from logloss.training.standard_errors import COVARIANCES, INFORMATION, OF_CLUSTERS, OF_ROWS

INTERVALS = (WALD, PROFILE)
# `penalty=` that chooses the strength of the penalty.
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class FitOptions:
    """The options of `fit` that concern no column: each as `fit` describes it."""

    l2: float = 0.0
    l1: float = 0.0
    fit_intercept: bool = True
    covariance: str | None = None
    two_way: bool = False
    leave_one_out: bool = True
    tolerance: float = TOLERANCE
    max_passes: int = 100
    l2_path: bool | int | tuple[float, ...] | None = None
    l1_path: bool | int | tuple[float, ...] | None = None
    l1_ratio: float | tuple[float, ...] | None = None
    selection: str = BEST
    penalty: str | None = None
    interval: str | None = None
    penalty_factors: Factors | None = None
    group_levels: bool = False

    def __post_init__(self) -> None:
        if not (isinstance(self.l2, Real) and 0 <= self.l2 < math.inf):
            raise DataError(
                f"`l2` must be finite and at least 0; got {self.l2!r}. It is the strength of the L2 penalty on the "
                "summed loss, 1 / C in scikit-learn."
            )
        if not (isinstance(self.l1, Real) and 0 <= self.l1 < math.inf):
            raise DataError(
                f"`l1` must be finite and at least 0; got {self.l1!r}. It is the strength of the L1 penalty on the "
                "summed loss, l1_ratio / C in scikit-learn."
            )
        for name in ("fit_intercept", "two_way", "leave_one_out", "group_levels"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise DataError(f"`{name}` must be True or False; got {getattr(self, name)!r}.")
            object.__setattr__(self, name, bool(getattr(self, name)))
        is_count, is_real = isinstance(self.max_passes, Integral), isinstance(self.tolerance, Real)
        if not (is_count and is_real and self.max_passes >= 1 and self.tolerance > 0):
            raise DataError(
                "`max_passes` must be at least 1 and `tolerance` above 0; got "
                f"{self.max_passes!r} and {self.tolerance!r}. Both are numbers, and `max_passes` is a whole one."
            )
        if self.covariance is not None and self.covariance not in COVARIANCES:
            raise DataError(f"`covariance` must be one of {', '.join(COVARIANCES)}; got {self.covariance!r}.")
        if self.two_way and self.covariance not in (None, CR1):
            raise DataError(
                f'`two_way=True` takes covariance="{CR1}" only; got {self.covariance!r}. Leave `covariance` out, or '
                "`two_way`: each combination of the columns is then one cluster."
            )
        object.__setattr__(self, "l2", float(self.l2))
        object.__setattr__(self, "l1", float(self.l1))
        self._check_l1()
        object.__setattr__(self, "penalty_factors", factors_of(self.penalty_factors))
        for name in ("l2", "l1"):
            object.__setattr__(self, f"{name}_path", values_of(getattr(self, f"{name}_path"), name))
        object.__setattr__(self, "l1_ratio", ratios_of(self.l1_ratio))
        has_l1_path = self.l1_path is not None or (self.penalty == AUTO and any(self.l1_ratio or ()))
        if self.penalty_factors is not None and not (self.l1 or self.l2 or has_l1_path):
            raise DataError(
                "`penalty_factors` multiply the penalty of each column, and there is none: pass `l1` or `l2`, or "
                "`l1_path` to choose it, or leave them out."
            )
        if self.covariance is not None and (self.l2 or self.chooses_penalty):
            without = f'penalty="{AUTO}"' if self.penalty == AUTO else "`l2` and `l2_path`"
            without, kind = ("`l1_path`", "L1") if self.l1_path is not None else (without, "L2")
            raise DataError(
                f'an {kind} penalty leaves no standard errors for `covariance="{self.covariance}"`. Leave it out, or '
                f"fit without {without}."
            )
        if self.l2_path is not None and self.l2:
            raise DataError("pass `l2` or `l2_path`, not both: the path chooses `l2`.")
        self._check_l1_path()
        if self.selection not in SELECTIONS:
            raise DataError(f"`selection` must be one of {', '.join(SELECTIONS)}; got {self.selection!r}.")
        self._check_penalty()
        self._check_interval()

    @property
    def chooses_penalty(self) -> bool:
        """Whether the strength of the penalty is chosen from the data."""
        return self.l2_path is not None or self.l1_path is not None or self.penalty == AUTO

    def at(self, l1: float, l2: float) -> FitOptions:
        """The same with the strengths that a path has chosen."""
        return replace(self, l1=l1, l2=l2, l1_path=None, l2_path=None, l1_ratio=None, penalty=None)

    @property
    def grid(self) -> PathGrid | None:
        """What a path that is chosen from by folds compares; None without one."""
        if self.l2_path is not None:
            return PathGrid(self.l2_path)
        ratios = self.l1_ratio if isinstance(self.l1_ratio, tuple) else None
        if self.l1_path is not None:
            return PathGrid(self.l1_path, ratios or (1.0,))
        has_l1 = ratios is not None and any(ratios)
        return PathGrid(True, ratios) if self.penalty == AUTO and ratios is not None and has_l1 else None

    def check_clusters(self, cluster: tuple[str, ...]) -> None:
        """Check that the covariance asked for fits the columns that make clusters."""
        if self.two_way and len(cluster) != 2:
            raise DataError(
                f"`two_way=True` needs the two columns of clusters in `cluster`, such as firms and years; got "
                f"{len(cluster)}."
            )
        if cluster and self.covariance in OF_ROWS:
            raise DataError(
                f'`covariance="{self.covariance}"` takes rows as independent; with `cluster` they are not. Choose one '
                f"of {', '.join(OF_CLUSTERS)}, or leave `cluster` out."
            )
        if not cluster and self.covariance in OF_CLUSTERS:
            raise DataError(
                f'`covariance="{self.covariance}"` needs clusters: pass `cluster=`. For independent rows choose one of '
                f"{', '.join((INFORMATION, *OF_ROWS))}."
            )

    def _check_l1(self) -> None:
        if not self.l1:
            if self.group_levels and (self.l1_path is not None or self.l1_ratio is not None):
                raise DataError(
                    "`group_levels` is not available where `l1` is chosen from several values: pass one, l1=, or leave "
                    "`group_levels` out."
                )
            if self.group_levels:
                raise DataError(
                    "`group_levels` is for an L1 penalty, of the levels of a category together: pass `l1`, too, "
                    "or leave it out."
                )
            return
        refused = {
            f'covariance="{self.covariance}"': (self.covariance is not None, "has no standard errors"),
            'interval="profile"': (self.interval == PROFILE, "has no intervals"),
            "l2_path": (self.l2_path is not None, "is not combined with a path of `l2`, only with l2="),
            "l1_path": (self.l1_path is not None, "of one strength is not chosen; `l1_path` has the values to compare"),
            "l1_ratio": (self.l1_ratio is not None, "of one strength has its L2 penalty in l2="),
            f'penalty="{self.penalty}"': (self.penalty is not None, "stands for itself or beside l2="),
        }
        for name, (is_given, why) in refused.items():
            if is_given:
                raise DataError(f"`l1` is not used with {name}: an L1 penalty {why}. Leave one of them out.")

    def _check_l1_path(self) -> None:
        """Check what a path of `l1` is given with, and the ratio beside it."""
        if self.l1_ratio is not None and self.l1_path is None and self.penalty != AUTO:
            raise DataError(
                f'`l1_ratio` is used with `l1_path` or penalty="{AUTO}": pass one of them, too; or, for strengths that '
                "are known, l1= and l2=."
            )
        if self.l1_path is None:
            return
        refused = {
            "l2": (bool(self.l2), "`l1_ratio` says how much of the penalty is L2"),
            "l2_path": (self.l2_path is not None, "either chooses the penalty"),
            f'penalty="{self.penalty}"': (self.penalty is not None, "either chooses the penalty"),
            'interval="profile"': (self.interval == PROFILE, "an L1 penalty has no intervals"),
        }
        for name, (is_given, why) in refused.items():
            if is_given:
                raise DataError(f"`l1_path` is not used with {name}: {why}. Leave one of them out.")
        ratios = self.l1_ratio if isinstance(self.l1_ratio, tuple) else (1.0,)
        if isinstance(self.l1_path, tuple) and 0.0 in ratios:
            raise DataError(
                "`l1_ratio` must be above 0 where `l1_path` lists values of l1, as l2 is l1 times (1 − l1_ratio) over "
                "l1_ratio; got 0. For an L2 penalty pass `l2_path`."
            )

    def _check_penalty(self) -> None:
        if self.penalty is None:
            return
        if self.penalty not in (*PENALTIES, AUTO):
            raise DataError(f"`penalty` must be one of {', '.join((*PENALTIES, AUTO))}, or None; got {self.penalty!r}.")
        if self.penalty == AUTO and (self.l2 or self.l2_path is not None):
            other = "l2" if self.l2 else "l2_path"
            raise DataError(f'pass `{other}` or penalty="{AUTO}", not both: either chooses the L2 penalty.')
        if self.penalty == AUTO:
            return
        if self.l2:
            raise DataError(f'pass `l2` or `penalty`, not both; got l2={self.l2:g} and penalty="{self.penalty}".')
        if self.l2_path is not None:
            raise DataError(f'pass `l2_path` or `penalty`, not both; got penalty="{self.penalty}".')
        if self.penalty != FIRTH and not self.fit_intercept:
            raise DataError(
                f'penalty="{self.penalty}" makes the mean prediction the base rate by the intercept, which '
                'fit_intercept=False leaves out: pass penalty="firth".'
            )
        if self.max_passes < 2:
            raise DataError(f"`penalty` takes two passes for each step; got max_passes={self.max_passes}.")

    def _check_interval(self) -> None:
        if self.interval is None:
            return
        if self.interval not in INTERVALS:
            raise DataError(f"`interval` must be one of {', '.join(INTERVALS)}; got {self.interval!r}.")
        if self.interval == PROFILE and (self.l2 or self.chooses_penalty):
            without = f'penalty="{AUTO}"' if self.penalty == AUTO else "l2= and l2_path="
            raise DataError(
                f'under an L2 penalty coefficients have no intervals: pass interval="profile" without {without}, '
                'or with penalty="firth".'
            )
        if self.interval == PROFILE and self.covariance not in (None, INFORMATION):
            raise DataError(
                "profile-likelihood intervals assume a correct model and independent rows, which "
                f'covariance="{self.covariance}" does not: pass one of the two.'
            )

    def interval_of(self, roles: Roles, n_coefficients: int, *, is_large: bool) -> tuple[str, str]:
        """(The kind of intervals, a note where it is not the usual one).

        If the user chooses none: profiles under Firth's penalty, Wald's otherwise. Weighted or clustered rows, a
        sandwich covariance, large tables and many coefficients have Wald's under Firth's penalty, too.
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
        if self.penalty is None or self.l2 or is_robust or self.covariance not in (None, INFORMATION):
            return WALD, ""
        if is_large or n_coefficients > MOST_PROFILED:
            return (
                WALD,
                'intervals are Wald\'s, as the table is large; pass interval="profile" for profiles',
            )
        return PROFILE, ""


def values_of(given: object, name: str = "l2") -> bool | int | tuple[float, ...] | None:
    """`l2_path` or `l1_path` of `fit`, checked: None, True, a number of values, or values from the strongest."""
    if given is None or given is False:
        return None
    range_text = "each at least 0" if name == "l2" else "each above 0"
    expected = (
        f"`{name}_path` must be True, a number of values of at least 2, or a list of values of {name}, {range_text}"
    )
    if given is True:
        return True
    if isinstance(given, Integral):
        if given < 2:
            raise DataError(f"{expected}; got {given}. For one value pass {name}=.")
        return int(given)
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise DataError(f"{expected}; got {value_text(given)}.")
    values = list(given)
    for value in values:
        is_number = isinstance(value, Real) and 0 <= float(value) < math.inf
        if not is_number or (name == "l1" and value == 0):
            raise DataError(f"{expected}; got {value_text(cast('object', value))}.")
    if not values:
        raise DataError(f"{expected}; the list is empty.")
    return tuple(sorted({float(value) for value in values}, reverse=True))


def ratios_of(given: object) -> tuple[float, ...] | None:
    """`l1_ratio` of `fit`, checked: None, or the ratios to compare."""
    if given is None:
        return None
    expected = "`l1_ratio` must be a number from 0 (L2) to 1 (L1), or a list of such numbers"
    values = [given] if isinstance(given, Real | str) or not isinstance(given, Iterable) else list(given)
    for value in values:
        if not (isinstance(value, Real) and not isinstance(value, bool) and 0 <= float(value) <= 1):
            raise DataError(f"{expected}; got {value_text(cast('object', value))}.")
    if not values:
        raise DataError(f"{expected}; the list is empty.")
    return tuple(dict.fromkeys(float(cast("float", value)) for value in values))
