"""A trained model: its coefficients and their standard errors, its predictions, and its file.

>>> import logloss
>>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
>>> {name: abs(round(part, 12)) for name, part in model.contributions([1.5])[0].items()}
{'intercept': 0.0, 'x': 0.0}
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from logloss.answers.answer import Answer, render
from logloss.answers.estimate import expit, log_expit
from logloss.answers.figures import jsonable, put
from logloss.answers.small_table import SmallTable
from logloss.data.design import Design
from logloss.data.request import RowOptions
from logloss.data.rows import Array
from logloss.data.source import as_source, warn_of_order
from logloss.errors import DataError
from logloss.training.certificate import Certificate, Pass
from logloss.training.firth import FLIC
from logloss.training.leave_one_out import OutOfSample
from logloss.training.predict import LOGIT, Predictor, ScoredSource
from logloss.training.profile import Profile
from logloss.training.separation import Separation
from logloss.training.standard_errors import Errors

if TYPE_CHECKING:
    from logloss.measurement import Measurement


# Why figures are undefined.
DEPENDENT, PENALISED = "columns are linearly dependent", "not defined under a penalty"
ALONE = "columns are linearly dependent, or one cluster alone determines it"
# How the note on columns begins that a fit has left out.
NOT_USED = "not used"
# Half the squared decrement, summed over the rows, from which on errors and the loss on new rows mean nothing: by
# Cauchy and Schwarz what is left moves no coefficient by more than √(2e-4), 1.4%, of its standard error.
NEAR = 1e-4


@dataclass(frozen=True, slots=True, repr=False)
class LogisticModel(Answer):
    """P(positive) = σ(intercept + Σ coefficient · x), as trained by `fit`: frozen and complete.

    Attributes
    ----------
    intercept : float
        Log-odds where every feature is 0 and every category at its reference.
    coefficients : dict of name to float
        Change of the log-odds per unit of a number; of a category's level, against its reference.
    log_loss : float
        Mean log loss on the rows it was trained on, in nats, without the penalty; where classes are separated, its
        infimum.
    certificate : Certificate
        Bound on the distance from the minimum.
    passes : tuple of Pass
        Coefficients, log loss and bound of each pass, the last one the result.
    l2 : float
        Strength of the L2 penalty on the summed loss, 1 / C in scikit-learn; 0: none.
    n_rows, n_positive, sum_weight, base_rate : int, int or None, float, float
        Rows that took part, those that are positive (None where labels are soft or rows have weights), their weight,
        and their mean label.
    errors : Errors or None
        Standard errors; None with a penalty, where the classes are separated, where the fit did not converge or the
        information matrix is singular, and with fewer than two clusters.
    cautions : tuple of str
        Why the intervals of the coefficients may not have nominal coverage: fewer than 500 rows, 50 rows of the rarer
        class or 10 clusters (effective numbers, by Kish's formula).
    separation : Separation or None
        Why no finite maximum-likelihood estimate exists, where none does.
    collinear : tuple of str
        Coefficients of linearly dependent columns; of those that fit equally well, the ones of least norm are given,
        with columns scaled by their largest deviation from the mean.
    n_dependent : int
        Number of coefficients the rows do not determine (rank deficiency).
    out_of_sample : OutOfSample or None
        The leave-one-out log loss: of each row under a fit to the others. None where classes are separated, and with
        leave_one_out=False.
    n_dropped : int
        Rows left out by missing="drop".
    missing : {"error", "drop", "indicator"}
        What was done with rows in which a feature is missing, and is done at prediction.
    offset : str
        The column of the offset, where it is one of the table.
    penalty : str
        "firth", "flic" or "flac" where it was fitted so; "" otherwise.
    modified_score : float or None
        Of Firth's penalty: half the squared length of the score of the penalised likelihood in the metric of the
        inverse information, in nats per row. It is what another step is expected to gain, and stands where other fits
        have a certificate: the penalised likelihood is not concave.
    mean_predicted : float or None
        Of Firth's penalty: the mean prediction on the training rows, to be compared with `base_rate`.
    profile : Profile or None
        Profile-likelihood intervals and likelihood-ratio tests, with interval="profile".
    source, notes : str, tuple of str
        What it was trained on, and notes on how that was read.

    Examples
    --------
    >>> import logloss
    >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
    >>> model.predict_proba([1.5]).round(6).tolist()
    [0.5]
    """

    kind: ClassVar[str] = "model"
    intercept: float
    coefficients: dict[str, float]
    log_loss: float
    certificate: Certificate
    passes: tuple[Pass, ...]
    l2: float
    n_rows: int
    sum_weight: float
    base_rate: float
    positive: str
    design: Design
    values: Array
    errors: Errors | None = None
    separation: Separation | None = None
    collinear: tuple[str, ...] = ()
    n_dependent: int = 0
    has_offset: bool = False
    n_positive: int | None = None
    positive_value: str = ""
    offset: str = ""
    out_of_sample: OutOfSample | None = None
    n_dropped: int = 0
    missing: str = "error"
    source: str = ""
    notes: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    penalty: str = ""
    modified_score: float | None = None
    mean_predicted: float | None = None
    profile: Profile | None = None

    @property
    def is_penalised(self) -> bool:
        """Whether something else than the likelihood was maximised."""
        return bool(self.l2 or self.penalty)

    @property
    def penalised_log_likelihood(self) -> float:
        """Log-likelihood of the training rows less the penalty, in nats: of Firth's, plus ½ log det(information).

        "firth" maximises it; "flic" and "flac" end a little below.
        """
        return -(self.passes[-1].log_loss + self.passes[-1].penalty) * self.sum_weight

    @property
    def log_likelihood(self) -> float:
        """Log-likelihood of the training rows, in nats: minus the summed log loss."""
        return -self.log_loss * self.sum_weight

    @property
    def n_parameters(self) -> int:
        """How many coefficients the rows determine, the intercept included."""
        return 1 + len(self.coefficients) - self.n_dependent

    @property
    def estimation_error(self) -> float:
        """Expected excess log loss on new rows due to estimating the coefficients, in nats per row.

        It is n_parameters / (2 n_rows), valid for a correctly specified model without penalty. A certificate far below
        it has no practical benefit.
        """
        return self.n_parameters / (2 * self.n_rows)

    @property
    def aic(self) -> float:
        """Akaike's criterion, 2 · n_parameters − 2 · log_likelihood; smaller is better. nan under a penalty."""
        return math.nan if self.is_penalised else 2 * self.n_parameters - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion, log(sum_weight) · n_parameters − 2 · log_likelihood. nan under a penalty."""
        return (
            math.nan if self.is_penalised else math.log(self.sum_weight) * self.n_parameters - 2 * self.log_likelihood
        )

    @property
    def coefficient_table(self) -> SmallTable:
        """The intercept and the coefficients, one row each, as a regression table has them.

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
        references = self.design.references
        rows = [self._row("intercept", self.intercept, None)]
        rows += [self._row(name, value, name) for name, value in self.coefficients.items()]
        for row in rows[1:]:
            row["reference"] = references.get(row["name"], "")
        return SmallTable({key: [row[key] for row in rows] for key in rows[0]})

    def _row(self, label: str, value: float, name: str | None) -> dict[str, Any]:
        """A row of that table; name: None of the intercept."""
        error = statistic = p_value = reach = math.nan
        if self.errors is not None:
            error = self.errors.intercept if name is None else self.errors.coefficients[name]
            statistic = value / error if error > 0 else math.nan
            p_value, reach = self.errors.p_value(value, name), self.errors.margin(name)
        low, high = value - reach, value + reach
        if self.profile is not None and self.penalty == FLIC and name is None:
            statistic **= 2
        elif self.profile is not None:
            statistic, p_value = self.profile.ratio(name), self.profile.p_value(name)
            low, high = self.profile.interval(name)
        figures = {"name": label, "coefficient": value, "std_error": error, "statistic": statistic, "p_value": p_value}
        return figures | {"low": low, "high": high, "reference": ""}

    @property
    def predictor(self) -> Predictor:
        """The recipe with its coefficients, as rows are predicted by it."""
        directions = () if self.separation is None else self.separation.directions
        return Predictor(self.design, self.values, directions, self.has_offset, self.offset, self.missing)

    def predict_logit(self, X: Any, *, offset: Any = None, missing: str | None = None) -> Array:
        """Log-odds of the positive class for each row.

        Parameters
        ----------
        X : array of shape (n_rows, n_features) or (n_rows,), or table
            A frame, an Arrow table, a dict, or the path of Parquet or CSV files: columns are found by name, in any
            order, and others are ignored. Columns of an array, which have no names, go by position, as many as in
            training; so do those of a table where the model was fitted to an array.
        offset : array of shape (n_rows,), or name of a column, optional
            Where the model was fitted with an offset that is no column of X.
        missing : {"error", "drop"}, optional
            What to do with rows in which a feature is missing that has no missing-value indicator: an error, or NaN. If
            left out, "drop", with a warning, where the model was fitted so, else "error".

        Returns
        -------
        array of shape (n_rows,)
            Log-odds, any real; ±inf where the classes are separated; NaN for rows left out by missing="drop".

        Raises
        ------
        DataError
            If a column is not there, or its values are invalid.
        SourceNotFound
            If a path does not exist.

        Notes
        -----
        Cost: one pass, O(n_rows · n_features). Levels not seen in training are treated as an average level, with a
        warning.

        Examples
        --------
        >>> import logloss
        >>> logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0).predict_logit([1.5]).round(6).tolist()
        [0.0]
        """
        return self.predictor.logits(X, offset, missing)

    def predict_proba(self, X: Any, *, offset: Any = None, missing: str | None = None) -> Array:
        """Probability of the positive class for each row.

        Parameters
        ----------
        X, offset, missing
            As in `predict_logit`; so are the exceptions and the cost.

        Returns
        -------
        array of shape (n_rows,)
            Probabilities, in [0, 1]; NaN for rows left out by missing="drop".

        Examples
        --------
        >>> import logloss
        >>> logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0).predict_proba([1.5]).round(6).tolist()
        [0.5]
        """
        return expit(self.predict_logit(X, offset=offset, missing=missing))

    def predict_log_proba(self, X: Any, *, offset: Any = None, missing: str | None = None) -> Array:
        """Logarithms of P(0) and P(1) for each row.

        Parameters
        ----------
        X, offset, missing
            As in `predict_logit`; so are the exceptions and the cost.

        Returns
        -------
        array of shape (n_rows, 2)
            Log-probabilities, ≤ 0, accurate in the tails: −1000 where the probability underflows, not −inf.

        Examples
        --------
        >>> import logloss
        >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
        >>> model.predict_log_proba([1.5]).round(4).tolist()
        [[-0.6931, -0.6931]]
        """
        logits = self.predict_logit(X, offset=offset, missing=missing)
        return np.column_stack([log_expit(-logits), log_expit(logits)])

    def contributions(self, X: Any) -> list[dict[str, float]]:
        """Contributions of the features to the log-odds of each row, compared with the average row.

        Parameters
        ----------
        X : array of shape (n_rows, n_features) or (n_rows,), or table
            As in `predict_logit`.

        Returns
        -------
        list of dict of name to float
            One dict for each row, whose values sum to its log-odds without an offset: of a number, coefficient · (x −
            mean in training); of a category, the coefficient of its level less the average one; "intercept", the
            log-odds of the average row.

        Raises
        ------
        DataError
            If the classes are separated, a column is not there or its values are invalid, or a value is missing.

        Notes
        -----
        Cost: one pass, O(n_rows · n_features); all dicts are held in memory.

        Examples
        --------
        >>> import logloss
        >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
        >>> [round(value, 4) for value in model.contributions([2.5])[0].values()]
        [0.0, 0.4529]
        """
        if self.separation is not None:
            raise DataError(
                "the classes are separated: contributions of infinite coefficients are not defined. Fit with l2=."
            )
        return self.predictor.contributions(X)

    def measure(self, X: Any, y_true: Any, *, offset: Any = None, **options: Any) -> Measurement:
        """Measure the predictions of the model on rows, as `logloss.measure` does.

        Parameters
        ----------
        X : array of shape (n_rows, n_features) or (n_rows,), or table
            As in `predict_logit`.
        y_true : array of shape (n_rows,), or name of a column
            Labels; a name if X is a table that has them.
        offset : array of shape (n_rows,), or name of a column, optional
            As in `predict_logit`.
        **options
            Those of `logloss.measure`. missing="drop" leaves out and counts rows in which a feature is missing; it is
            the default where the model was fitted so.

        Returns
        -------
        Measurement
            As of `logloss.measure`; so are the exceptions. Cost: one pass; files are read block by block.

        Examples
        --------
        >>> import logloss
        >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
        >>> round(model.measure([0.5, 2.5], [0, 1]).log_loss, 4)
        0.4921
        """
        from logloss.measurement import measure
        from logloss.onepass.engines import placed

        missing = self.predictor.answer_to(options.get("missing"))
        options["missing"] = missing
        if not isinstance(y_true, str):
            warn_of_order({"`X`": X, "`y_true`": y_true, **{f"`{name}`": value for name, value in options.items()}})
            logits = self.predictor.logits(X, offset, missing)
            return measure(y_true, y_logit=logits, **options)
        if offset is not None and not isinstance(offset, str):
            logits = self.predictor.logits(X, offset, missing)
            return measure(X, y_true=y_true, y_logit=logits, **options)
        predictor = self.predictor if offset is None else replace(self.predictor, has_offset=True, offset=offset)
        requested = RowOptions(engine=options.pop("engine", None), header=options.get("header", True))
        with placed(X, requested) as table:
            scored = ScoredSource(as_source(table, header=requested.header), predictor, missing)
            return measure(scored, y_true=y_true, y_logit=LOGIT, **options)

    def to_sklearn(self, *, classes: Sequence[Any] = (0, 1)) -> Any:
        """The model as a plain scikit-learn object that gives the same probabilities; it does not need logloss.

        Parameters
        ----------
        classes : sequence of two labels
            The labels that `predict` returns, the positive one last.

        Returns
        -------
        sklearn.linear_model.LogisticRegression or sklearn.pipeline.Pipeline
            A Pipeline where columns other than numbers must be coded first (a table then needs pandas).

        Notes
        -----
        Levels not seen in training are treated as an average level, with a warning; that includes pandas' NA, true and
        false as text, and missing values where training had none.

        Examples
        --------
        >>> import logloss
        >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
        >>> model.to_sklearn().predict_proba([[1.5]]).round(6).tolist()
        [[0.5, 0.5]]
        """
        return render(self.kind, "sklearn")(self, classes)

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON-ready values, units in the names; undefined is None with a reason beside it.

        Examples
        --------
        >>> import logloss
        >>> logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0).to_dict()["n_rows"]
        4
        """
        figures: dict[str, Any] = {"schema": 1, "source": self.source, "positive": self.positive}
        put(figures, "intercept", self.intercept)
        figures["coefficients"] = jsonable(self.coefficients)
        if self.errors is not None:
            figures["errors_kind"] = self.errors.kind
            put(figures, "intercept_error", self.errors.intercept, ALONE if self.errors.cluster else DEPENDENT)
            put(figures, "intercept_degrees", self.errors.intercept_degrees)
            own = self.errors.p_value(self.intercept)
            put(figures, "intercept_p_value", own, ALONE if self.errors.cluster else DEPENDENT)
            figures["coefficient_errors"] = jsonable(self.errors.coefficients)
            figures["coefficient_degrees"] = jsonable(self.errors.degrees)
            p_values = {name: self.errors.p_value(value, name) for name, value in self.coefficients.items()}
            figures["coefficient_p_values"] = jsonable(p_values)
            if self.errors.cluster:
                figures |= {"cluster": list(self.errors.cluster), "n_clusters": self.errors.n_clusters}
                figures["effective_clusters"] = self.errors.effective_clusters
        figures |= self._profile_figures() | {"l2": self.l2}
        if self.penalty:
            figures |= {"penalty": self.penalty, "modified_score_nats_per_row": self.modified_score}
            put(figures, "penalised_log_likelihood_nats", self.penalised_log_likelihood)
            figures["mean_predicted"] = self.mean_predicted
        figures |= {"n_rows": self.n_rows, "n_dropped": self.n_dropped, "sum_weight": self.sum_weight}
        if self.n_positive is not None:
            figures["n_positive"] = self.n_positive
        figures["base_rate"] = self.base_rate
        put(figures, "log_loss_nats", self.log_loss)
        if self.out_of_sample is not None:
            put(figures, "log_loss_out_of_sample_nats", self.out_of_sample.log_loss)
            possible = self.out_of_sample.log_loss_where_finite
            put(figures, "log_loss_out_of_sample_where_finite_nats", possible, "every row has an infinite loss")
            figures["out_of_sample_kind"] = self.out_of_sample.kind
        put(figures, "log_likelihood_nats", self.log_likelihood)
        put(figures, "aic", self.aic, PENALISED)
        put(figures, "bic", self.bic, PENALISED)
        figures["n_parameters"] = self.n_parameters
        put(figures, "certificate_nats_per_row", self.certificate.nats_per_row)
        figures |= {
            "certificate_is_proven": self.certificate.is_proven,
            "estimation_error_nats_per_row": self.estimation_error,
            "is_separated": self.separation is not None,
            "n_passes": len(self.passes),
            "notes": list(self.notes),
            "cautions": list(self.cautions),
        }
        if self.separation is not None:
            figures["separated_by"] = list(self.separation.columns)
        if self.collinear:
            figures["collinear"] = list(self.collinear)
        return figures

    def _profile_figures(self) -> dict[str, Any]:
        """The intervals and tests of the profile, for `to_dict`."""
        if self.profile is None:
            return {}
        intercept, *rows = self.coefficient_table
        figures: dict[str, Any] = {"interval": "profile", "n_passes_of_profiles": self.profile.n_passes}
        for key in ("low", "high", "p_value"):
            put(figures, f"intercept_profile_{key}", intercept[key], DEPENDENT)
            figures[f"coefficient_profile_{key}s"] = jsonable({row["name"]: row[key] for row in rows})
        return figures
