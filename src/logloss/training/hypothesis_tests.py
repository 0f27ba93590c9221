"""Tests of coefficients: Wald's of variables, coefficients and contrasts; the likelihood-ratio test of nested models.

References
----------
Wald, A. (1943). Tests of statistical hypotheses concerning several parameters when the number of observations is
large. Transactions of the American Mathematical Society 54(3), 426-482. doi:10.1090/S0002-9947-1943-0012401-3
Wilks, S. S. (1938). The large-sample distribution of the likelihood ratio for testing composite hypotheses. Annals of
Mathematical Statistics 9(1), 60-62. doi:10.1214/aoms/1177732360
Pustejovsky, J. E. & Tipton, E. (2018). Small-sample methods for cluster-robust variance estimation and hypothesis
testing in fixed effects models. Journal of Business & Economic Statistics 36(4), 672-683.
doi:10.1080/07350015.2016.1247004
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from logloss.answers.small_table import SmallTable
from logloss.data.rows import Array
from logloss.data.terms import Category
from logloss.errors import DataError
from logloss.text import count, counted, listed, p_clause, printable, significant, value_text
from logloss.training.factor import Factor

if TYPE_CHECKING:
    from logloss.training.model import LogisticModel

CHI2, F = "chi2", "F"
INTERCEPT = "intercept"
EXAMPLE = '{"a": 1, "b": -1}'
# A contrast: the multiplier of each coefficient, by its name.
Contrast = Mapping[str, float]
# A log-likelihood nearer than this to its maximum counts as it: the statistic is then right to 1e-3.
LARGEST_GAP = 5e-4
# Names of terms that a hypothesis shows.
MOST_NAMED = 8


@dataclass(frozen=True, slots=True, repr=False)
class HypothesisTest:
    """A test of a hypothesis on coefficients.

    Attributes
    ----------
    kind : {"Wald test", "likelihood-ratio test"}
        Name of the test.
    hypothesis : str
        The null hypothesis, in words.
    distribution : {"chi2", "F"}
        Distribution of the statistic under the null hypothesis.
    statistic : float
        Test statistic, ≥ 0.
    degrees : int
        Degrees of freedom, ≥ 1: the number of restrictions; of F, those of the numerator.
    denominator_degrees : float
        Degrees of freedom of the denominator of F; infinite for χ².
    p_value : float
        P-value, in [0, 1].

    Examples
    --------
    >>> import logloss
    >>> test = logloss.fit([0.0, 1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1, 1]).wald_test("x")
    >>> test.distribution, test.degrees, round(test.p_value, 4)
    ('chi2', 1, 0.2633)
    """

    kind: str
    hypothesis: str
    distribution: str
    statistic: float
    degrees: int
    denominator_degrees: float
    p_value: float

    @property
    def distribution_text(self) -> str:
        """The distribution with its degrees of freedom: `χ²(2)`, `F(2, 9.83)`."""
        if self.distribution == CHI2:
            return f"χ²({count(self.degrees)})"
        return f"{F}({count(self.degrees)}, {significant(self.denominator_degrees, 3)})"

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)

    def __repr__(self) -> str:
        figures = f"{self.distribution_text} = {significant(self.statistic)}, {p_clause(self.p_value)}"
        return f"{self.kind} of {self.hypothesis}: {figures}"


def wald_test(model: LogisticModel, terms: str | Contrast | Sequence[str | Contrast]) -> HypothesisTest:
    """Wald's test, as `LogisticModel.wald_test` describes it."""
    given = [terms] if isinstance(terms, str | Mapping) or not isinstance(terms, Iterable) else list(terms)
    if not given:
        raise DataError("`terms` must name what is tested: a column, a coefficient, or a contrast; it is empty.")
    contrasts: list[Contrast] = []
    texts = []
    for each in given:
        if not isinstance(each, str | Mapping):
            raise DataError(
                f"`terms` must be names of columns or coefficients, or contrasts such as {EXAMPLE}; got "
                f"{value_text(cast('object', each))}."
            )
        each = _as_called(model, each)
        own = [_checked(model, each)] if isinstance(each, Mapping) else _of_name(model, each)
        contrasts += own
        texts.append(f"{_contrast_text(own[0])} = 0" if isinstance(each, Mapping) else f"{printable(each)} = 0")
    test = _wald(model, contrasts, listed(texts, MOST_NAMED))
    if isinstance(test, str):
        raise DataError(test)
    return test


def term_table(model: LogisticModel) -> SmallTable:
    """Wald's test of each variable, as `LogisticModel.term_table` describes it."""
    names = [name for name, coefficients in model.design.variables.items() if coefficients]
    tests = [term_test(model, name) for name in names]
    return SmallTable(
        {
            "name": names,
            "degrees": [len(model.design.variables[name]) for name in names],
            "denominator_degrees": [math.nan if test is None else test.denominator_degrees for test in tests],
            "statistic": [math.nan if test is None else test.statistic for test in tests],
            "p_value": [math.nan if test is None else test.p_value for test in tests],
        }
    )


def term_test(model: LogisticModel, name: str) -> HypothesisTest | None:
    """Wald's test of all coefficients of a variable; None where it is not defined."""
    test = _wald(model, [{own: 1.0} for own in model.design.variables[name]], f"{printable(name)} = 0")
    return None if isinstance(test, str) else test


def _as_called(model: LogisticModel, given: str | Contrast) -> str | Contrast:
    """The same with features as the model calls them: `bs( age )` is `bs(age)`."""
    if isinstance(given, str):
        return given if given in model.coefficients else model.design.feature(given)
    if not all(isinstance(name, str) for name in given):
        return given
    return {name if name in model.coefficients else model.design.feature(name): own for name, own in given.items()}


def _of_name(model: LogisticModel, name: str) -> list[Contrast]:
    """The coefficients of a column, or one of a coefficient's name."""
    variables = model.design.variables
    if variables.get(name):
        return [{own: 1.0} for own in variables[name]]
    if name in _coefficients(model):
        return [{name: 1.0}]
    raise _unknown(model, name)


def _checked(model: LogisticModel, contrast: Contrast) -> Contrast:
    """A contrast of coefficients that there are, its multipliers finite and not all 0."""
    for name, multiplier in contrast.items():
        if name not in _coefficients(model):
            own = model.design.variables.get(name)
            if own:
                shown = listed([f'"{printable(each)}"' for each in own], MOST_NAMED)
                raise DataError(f'a contrast is of coefficients, and "{printable(name)}" is a column that has {shown}.')
            raise _unknown(model, name)
        if not (isinstance(multiplier, Real) and math.isfinite(multiplier)):
            raise DataError(f'a contrast must have finite numbers; "{printable(name)}" has {value_text(multiplier)}.')
    if not any(contrast.values()):
        raise DataError(f"a contrast must have a number other than 0, such as {EXAMPLE}.")
    return {name: float(multiplier) for name, multiplier in contrast.items() if multiplier}


def _coefficients(model: LogisticModel) -> list[str]:
    """The names of what was fitted, the intercept last."""
    return [*model.coefficients, INTERCEPT] if model.fit_intercept else list(model.coefficients)


def _unknown(model: LogisticModel, name: object) -> DataError:
    known = list(dict.fromkeys([*model.design.variables, *_coefficients(model)]))
    shown = listed([f'"{printable(each)}"' for each in known], 20)
    return DataError(f"no column and no coefficient {value_text(name)}. The model has: {shown}.")


def _contrast_text(contrast: Contrast) -> str:
    """`age − 2 hours`."""
    text = ""
    for name, multiplier in contrast.items():
        sign = " − " if multiplier < 0 else " + "
        size = "" if abs(multiplier) == 1 else f"{abs(multiplier):g} "
        text += f"{sign}{size}{printable(name)}"
    return text.removeprefix(" + ").replace(" − ", "−", 1) if text.startswith(" − ") else text.removeprefix(" + ")


def _wald(model: LogisticModel, contrasts: Sequence[Contrast], hypothesis: str) -> HypothesisTest | str:
    """Wald's test that each of some contrasts is 0, or the reason why there is none."""
    errors = model.errors
    if errors is None:
        return (
            "a Wald test needs standard errors, and this model has none: print(model) has the reason. Of models "
            "without a penalty, model.likelihood_ratio_test(other) needs none."
        )
    names = list(dict.fromkeys(name for contrast in contrasts for name in contrast))
    # A column may be called "intercept": it goes before the intercept itself.
    values = np.array([model.coefficients.get(name, model.intercept) for name in names])
    if np.isinf(values).any():
        off = names[int(np.flatnonzero(np.isinf(values))[0])]
        return f'no Wald test is defined: "{printable(off)}" is infinite, as the classes are separated.'
    matrix = _covariance(model, names)
    if matrix is None:
        return (
            f"the covariances of {count(len(model.coefficients))} coefficients are not kept; test one coefficient at "
            "a time, or compare nested models with model.likelihood_ratio_test(other)."
        )
    if not np.isfinite(matrix).all() or not (np.diag(matrix) > 0).all():
        off = names[int(np.flatnonzero(~(np.diag(matrix) > 0))[:1].sum())]
        return f'no Wald test is defined: "{printable(off)}" has no standard error.'
    restrictions = np.array([[contrast.get(name, 0.0) for name in names] for contrast in contrasts])
    # What a contrast is multiplied by does not matter; the square of 1e-200 is 0.
    restrictions /= np.abs(restrictions).max(axis=1, keepdims=True)
    factor = Factor(restrictions @ matrix @ restrictions.T)
    n_restrictions = len(contrasts)
    if factor.n_dependent:
        return (
            f"the {counted(n_restrictions, 'restriction')} are linearly dependent, or fewer clusters than these "
            "determine the covariances: leave some out."
        )
    statistic = float(((factor.half @ (restrictions @ values)) ** 2).sum())
    if errors.statistic == "z":
        return _of_chi2("Wald test", hypothesis, statistic, n_restrictions)
    each = [errors.degrees.get(name, errors.intercept_degrees) for name in names]
    # As few degrees as intervals take: 1 at least. The harmonic mean: with the arithmetic one, or with those of the
    # clusters themselves, tests reject too often where few clusters determine one of the coefficients.
    degrees = len(each) / math.fsum(1.0 / max(own, 1.0) for own in each)
    return _of_f(hypothesis, statistic, n_restrictions, degrees)


def _covariance(model: LogisticModel, names: Sequence[str]) -> Array | None:
    """The covariance matrix of some coefficients; None where it is not kept."""
    errors = model.errors
    if errors is None:
        return None
    if len(names) == 1:
        return np.array([[errors.coefficients.get(names[0], errors.intercept) ** 2]])
    if errors.covariance is None:
        return None
    position = {name: number for number, name in enumerate([INTERCEPT, *model.coefficients])}
    places = [position[name] for name in names]
    found: Array = errors.covariance[np.ix_(places, places)]
    return found


def _of_chi2(kind: str, hypothesis: str, statistic: float, degrees: int) -> HypothesisTest:
    """A test whose statistic has a χ² distribution."""
    from scipy.special import chdtrc

    return HypothesisTest(kind, hypothesis, CHI2, statistic, degrees, math.inf, float(chdtrc(degrees, statistic)))


def _of_f(hypothesis: str, wald: float, n_restrictions: int, degrees: float) -> HypothesisTest | str:
    """Wald's test whose covariance has few degrees of freedom: Hotelling's T², which of one restriction is t².

    F = (ν − q + 1) / (νq) · W has q and ν − q + 1 degrees (Pustejovsky & Tipton 2018, eq. 11); W / q with q and ν
    rejects too often where ν is not much larger than q.
    """
    from scipy.special import fdtrc

    left = degrees - n_restrictions + 1
    if left <= 0:
        return (
            f"no Wald test is defined: {counted(n_restrictions, 'restriction')}, and the standard errors have "
            f"{significant(degrees, 3)} degrees of freedom. Test fewer coefficients at a time."
        )
    statistic = wald * left / (degrees * n_restrictions)
    p_value = float(fdtrc(n_restrictions, left, statistic))
    return HypothesisTest("Wald test", hypothesis, F, statistic, n_restrictions, left, p_value)


def likelihood_ratio_test(model: LogisticModel, other: LogisticModel) -> HypothesisTest:
    """The likelihood-ratio test, as `LogisticModel.likelihood_ratio_test` describes it."""
    if not hasattr(other, "log_likelihood"):
        raise DataError(f"a likelihood-ratio test needs another model of `fit`; got {value_text(other)}.")
    for each in (model, other):
        _refuse_no_likelihood(each)
    own, theirs = _parameters(model), _parameters(other)
    if own == theirs or not (own < theirs or theirs < own):
        raise DataError(
            "the models must be nested: one has all columns of the other, and at least one more; "
            f"{_difference_text(own, theirs)}."
        )
    small, large = (model, other) if own < theirs else (other, model)
    unequal = sorted({name for name, _ in own ^ theirs} & {name for name, _ in own & theirs})
    if unequal:
        raise DataError(
            f"the models must be nested: columns of both must have the same levels; those of {listed(unequal)} differ. "
            "To test whether levels have equal coefficients pass a contrast to model.wald_test."
        )
    _check_same_rows(small, large)
    degrees = large.n_parameters - small.n_parameters
    if degrees <= 0:
        raise DataError("the columns that only one of the models has are linearly dependent on the others.")
    statistic = 2 * (large.log_likelihood - small.log_likelihood)
    # What the bounds of both fits leave open, and the roundings of two sums.
    size = abs(large.log_likelihood) + abs(small.log_likelihood)
    reach = 2 * large.certificate.nats_per_row * large.sum_weight + 2.0**-50 * size
    if statistic < -reach:
        raise DataError(
            "the larger model has a smaller likelihood, which it cannot have on the same rows. Fit both to the same "
            'rows: a column with missing values drops some under missing="drop".'
        )
    added = [name for name in large.design.variables if name not in small.design.variables]
    added += [INTERCEPT] if large.fit_intercept and not small.fit_intercept else []
    hypothesis = f"{listed([printable(name) for name in added], MOST_NAMED)} = 0"
    return _of_chi2("likelihood-ratio test", hypothesis, max(statistic, 0.0), degrees)


def _refuse_no_likelihood(model: LogisticModel) -> None:
    """Refuse a model whose log loss is no likelihood of independent rows that it maximises."""
    reason = ""
    if model.l1:
        reason = f"one has a penalty (l1 = {model.l1:g}), so it does not maximise the likelihood; fit with l1=0"
    elif model.l2:
        reason = f"one has a penalty (l2 = {model.l2:g}), so it does not maximise the likelihood; fit with l2=0"
    elif model.penalty:
        reason = f'one has the penalty "{model.penalty}", so it does not maximise the likelihood; fit without `penalty`'
    elif model.n_positive is None:
        reason = "one has weights or soft labels, whose likelihood ratio has no χ² distribution; use model.wald_test"
    elif model.errors is not None and model.errors.cluster:
        reason = "rows of a cluster are not independent; use model.wald_test, which counts clusters"
    elif not model.certificate.nats_per_row * model.sum_weight <= LARGEST_GAP:
        reason = "one is not certified to be at its maximum; raise `max_passes`"
    if reason:
        raise DataError(f"a likelihood-ratio test needs two maximum-likelihood fits to independent rows: {reason}.")


def _parameters(model: LogisticModel) -> set[tuple[str, str]]:
    """The parameters of a model, whatever its reference levels: (column, coefficient), the reference's included."""
    design = model.design
    found = {(name, own) for name, names in design.variables.items() for own in names}
    if model.fit_intercept:
        found.add(("", INTERCEPT))
    return found | {(t.column, name) for t in design.terms if isinstance(t, Category) for name in t.coefficient_names}


def _difference_text(own: set[tuple[str, str]], theirs: set[tuple[str, str]]) -> str:
    """The columns that only one of the models has, in words."""
    if own == theirs:
        return "these have the same columns"
    sides = ((f"only the {which} has", a - b) for which, a, b in (("first", own, theirs), ("second", theirs, own)))
    return " and ".join(
        f"{clause} {listed(sorted({printable(name or own) for name, own in left}))}" for clause, left in sides if left
    )


def _check_same_rows(small: LogisticModel, large: LogisticModel) -> None:
    """Refuse models that the figures show to be of different rows."""
    for what, own, theirs in (
        ("rows", small.n_rows, large.n_rows),
        ("positive rows", small.n_positive, large.n_positive),
        ("positive class", small.positive, large.positive),
        ("offset", *("one" if each.has_offset else "none" for each in (small, large))),
    ):
        if own != theirs:
            shown = " and ".join(count(each) if type(each) is int else str(each) for each in (own, theirs))
            raise DataError(f"the models must be fitted to the same rows; they differ in {what}: {shown}.")
