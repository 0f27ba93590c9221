"""Inference from a model: its regression table, tests of hypotheses, marginal effects.

>>> import logloss
>>> model = logloss.fit([0.0, 1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1, 1])
>>> print(model.wald_test("x"))
Wald test of x = 0: χ²(1) = 1.251, p = 0.263
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from logloss.answers.small_table import SmallTable
from logloss.training import coefficient_table, hypothesis_tests, marginal_effects
from logloss.training.coefficient_table import UNIT, ModelSummary
from logloss.training.hypothesis_tests import HypothesisTest

if TYPE_CHECKING:
    from logloss.training.model import LogisticModel


class ModelInference:
    """The regression table, tests and marginal effects of a `LogisticModel`."""

    __slots__ = ()

    @property
    def _model(self) -> LogisticModel:
        return cast("LogisticModel", self)

    @property
    def coefficient_table(self) -> SmallTable:
        """The intercept, if one was fitted, and the coefficients, one row each, as a regression table has them.

        name; coefficient; std_error; statistic, coefficient over std_error, and p_value, two-sided, of the Wald test
        that the coefficient is 0 (`errors.statistic` says whether it is normal, "z", or Student's, "t"); low, high: the
        95% interval of the coefficient; reference: of a level, the one it is compared with. nan where there is no
        standard error, as under an L2 penalty. With a `profile` statistic, p_value, low and high are its own: the
        likelihood-ratio statistic, chi-squared with 1 degree of freedom; of the intercept of "flic" Wald's, squared.

        Examples
        --------
        >>> import logloss
        >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1, 1])
        >>> model.coefficient_table["name"], round(model.coefficient_table[1]["p_value"], 4)
        (['intercept', 'x'], 0.2633)
        """
        return coefficient_table.coefficient_table(self._model)

    def to_pandas(self) -> Any:
        """`coefficient_table` as a pandas.DataFrame, the names of the coefficients as index; pandas must be installed.

        Examples
        --------
        >>> import logloss
        >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1, 1])
        >>> round(float(model.to_pandas().loc["x", "coefficient"]), 4)
        1.0904
        """
        return self.summary().to_pandas()

    def summary(self, *, per: str = UNIT) -> ModelSummary:
        """The regression table: it prints as the model does, is a table in notebooks, and has `to_pandas()`.

        Parameters
        ----------
        per : {"unit", "sd"}
            Coefficients and odds ratios of numbers per unit of their column, or per standard deviation in training,
            which makes columns of different units comparable. z, t and p are the same; levels of a category, and
            indicators of missing values, are compared with their reference either way.

        Returns
        -------
        ModelSummary
            `print(model.summary(per="sd"))`; `.to_pandas()`, `.to_polars()`, `.table`.

        Raises
        ------
        DataError
            If `per` is neither.

        Examples
        --------
        >>> import logloss
        >>> model = logloss.fit([0.0, 10.0, 20.0, 30.0, 40.0], [0, 1, 0, 1, 1])
        >>> round(float(model.summary(per="sd").to_pandas().loc["x", "coefficient"]), 4)
        1.5421
        """
        return coefficient_table.summary_of(self._model, per)

    def odds_ratios(self, *, per: str = UNIT) -> SmallTable:
        """The odds ratio of each coefficient with its 95% interval, per unit or per standard deviation of a number.

        Parameters
        ----------
        per : {"unit", "sd"}
            As in `summary`.

        Returns
        -------
        SmallTable
            name; odds_ratio, low, high: e to the coefficient and to the ends of its interval, in [0, ∞]; change: by how
            much a number is changed, 1 or its standard deviation √(Σw(x − mean)² / Σw) in training; reference: of a
            level, the one it is compared with.

        Raises
        ------
        DataError
            If `per` is neither.

        Examples
        --------
        >>> import logloss
        >>> model = logloss.fit([0.0, 10.0, 20.0, 30.0, 40.0], [0, 1, 0, 1, 1])
        >>> row = model.odds_ratios(per="sd")[0]
        >>> row["name"], round(row["odds_ratio"], 3), round(row["change"], 3)
        ('x', 4.674, 14.142)
        """
        return coefficient_table.odds_ratios(self._model, per)

    @property
    def term_table(self) -> SmallTable:
        """Wald's test of each column: that all its coefficients are 0, those of all levels of a category together.

        name: of the column; degrees: how many coefficients it has; denominator_degrees: of F, infinite for χ²;
        statistic; p_value. The tests are those of `wald_test`. nan where none is defined, as under an L2 penalty.

        Examples
        --------
        >>> import logloss
        >>> frame = {"x": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0] * 4, "c": list("aabbcc") * 4}
        >>> model = logloss.fit(frame, [0, 1, 0, 1, 1, 1, 0, 0] * 3)
        >>> model.term_table["name"], model.term_table["degrees"]
        (['x', 'c'], [1, 2])
        """
        return hypothesis_tests.term_table(self._model)

    def wald_test(self, terms: str | Mapping[str, float] | Sequence[str | Mapping[str, float]]) -> HypothesisTest:
        """Wald's test that some coefficients, or combinations of them, are 0.

        Parameters
        ----------
        terms : str, dict, or list of these
            A column: all its coefficients, those of all levels of a category together. A coefficient by its name
            ("city: Ulm"; "intercept", unless a column is called so). A contrast: the multiplier of each coefficient,
            so that {"age": 1, "hours": -1} tests whether age and hours have equal coefficients. A list tests all
            of them at once.

        Returns
        -------
        HypothesisTest
            `statistic`, `degrees`, `p_value`; it prints as one line.

        Raises
        ------
        DataError
            If a name is unknown, restrictions are linearly dependent, or no standard errors are available.

        Notes
        -----
        With W = (Rβ)ᵀ(RVRᵀ)⁻¹(Rβ), q restrictions and V = `errors.covariance`: where standard errors are those of the
        information matrix, W is compared with χ² with q degrees of freedom. Where they have ν degrees of freedom (the
        harmonic mean over the coefficients involved), W(ν − q + 1)/(νq) is compared with F with q and ν − q + 1
        (Hotelling's T²); simulated with 15 to 30 clusters, it rejects true hypotheses in 5% of samples or fewer. Of one
        coefficient it is the square of z or t, with the same p-value as in the table of coefficients.
        Cost: O(q³).

        Examples
        --------
        >>> import logloss
        >>> X = [[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [3.0, 1.0], [4.0, 5.0], [5.0, 3.0]] * 3
        >>> model = logloss.fit(X, [0, 1, 0, 1, 1, 0] * 2 + [1, 1, 0, 0, 1, 1])
        >>> model.wald_test(["x0", "x1"]).degrees, model.wald_test({"x0": 1, "x1": -1}).degrees
        (2, 1)
        """
        return hypothesis_tests.wald_test(self._model, terms)

    def likelihood_ratio_test(self, other: LogisticModel) -> HypothesisTest:
        """The likelihood-ratio test of two nested models: that the columns only one of them has make no difference.

        Parameters
        ----------
        other : LogisticModel
            Fitted to the same rows, with some of the columns of this one, or with more. Either may be the larger one.

        Returns
        -------
        HypothesisTest
            `statistic`, twice the difference of the log-likelihoods; `degrees`; `p_value` from χ².

        Raises
        ------
        DataError
            If the models are not nested, are not of the same rows as far as their figures show, or are no
            maximum-likelihood fits to independent rows: with a penalty, weights, soft labels or clusters.

        Notes
        -----
        Where classes are separated, Wald tests of infinite coefficients are not defined; this test is, from the limits
        of the likelihoods. Cost: none.

        Examples
        --------
        >>> import logloss
        >>> X, y = {"a": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "b": [1.0, 0.0, 0.0, 1.0, 1.0, 0.0]}, [0, 1, 0, 1, 1, 0]
        >>> small, large = logloss.fit({"a": X["a"]}, y), logloss.fit(X, y)
        >>> large.likelihood_ratio_test(small)
        likelihood-ratio test of b = 0: χ²(1) = 0.7364, p = 0.391
        """
        return hypothesis_tests.likelihood_ratio_test(self._model, other)

    def marginal_effects(
        self,
        X: Any,
        *,
        variables: str | Sequence[str] | None = None,
        sample_weight: Any = None,
        offset: Any = None,
        missing: str | None = None,
    ) -> SmallTable:
        """Average marginal effects: the change of the probability with each column, averaged over the rows.

        Parameters
        ----------
        X : array of shape (n_rows, n_features) or (n_rows,), or table
            As in `predict_logit`: the rows over which effects are averaged, such as those of training.
        variables : name of a column, or list of names, optional
            Whose effects; those of all columns if left out.
        sample_weight : array of shape (n_rows,), or name of a column, values ≥ 0, optional
            Weight of each row in the means.
        offset, missing
            As in `predict_logit`.

        Returns
        -------
        SmallTable
            name; effect: of a number, the mean of p(1 − p)β, the change of the probability per unit; of a level of a
            category, the mean change of the probability when every row has this level instead of the reference, in
            [−1, 1]; std_error; statistic and p_value of the Wald test that the effect is 0; low, high: its 95%
            interval; reference. nan where the model, or any of its coefficients, has no standard error, and where it
            has more coefficients than it keeps covariances of.

        Raises
        ------
        DataError
            If the classes are separated, a column is not there or its values are invalid, or no row has a weight.

        Notes
        -----
        Standard errors by the delta method from `errors.covariance`, with the degrees of freedom of the coefficient;
        the rows of X are taken as given. Bools and text are categories; whole numbers such as 0 and 1 are numbers
        unless training was told otherwise (`categories=`). A missing value that has an indicator counts as the mean of
        its column, and the indicator itself has no row.

        Cost: one pass, O(n_rows · n_features), and as much again for each level of a category; files are read block by
        block. Memory: as many numbers as levels times coefficients.

        References
        ----------
        Bartus, T. (2005). Estimation of marginal effects using margeff. The Stata Journal 5(3), 309-329.
        doi:10.1177/1536867X0500500303

        Examples
        --------
        >>> import logloss
        >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1, 1])
        >>> effects = model.marginal_effects([0.0, 1.0, 2.0, 3.0, 4.0])
        >>> effects["name"], round(effects[0]["effect"], 4)
        (['x'], 0.1725)
        """
        return marginal_effects.marginal_effects(self._model, X, variables, sample_weight, offset, missing)
