"""A trained model: its coefficients and their standard errors, its predictions, and its file.

>>> import logloss
>>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
>>> {name: abs(round(part, 12)) for name, part in model.contributions([1.5])[0].items()}
{'intercept': 0.0, 'x': 0.0}
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from logloss.answers.answer import Answer
from logloss.answers.figures import jsonable, put
from logloss.data.design import Design
from logloss.data.rows import Array
from logloss.data.values import Value
from logloss.training.certificate import Certificate, Pass
from logloss.training.leave_one_out import OutOfSample
from logloss.training.model_inference import ModelInference
from logloss.training.model_predictions import ModelPredictions
from logloss.training.penalty_path import PenaltyPath
from logloss.training.predict import Predictor
from logloss.training.profile import Profile
from logloss.training.separation import Separation
from logloss.training.standard_errors import Errors

# Why figures are undefined.
DEPENDENT, PENALISED = "columns are linearly dependent", "not defined under a penalty"
NO_INTERCEPT = "no intercept was fitted"
ALONE = "columns are linearly dependent, or one {} alone determines it"
INFINITE = "the classes are separated, and it is infinite"
NOT_FOUND = "no end of the profile was found"
# How the note on columns begins that a fit has left out.
NOT_USED = "not used"
# Half the squared Newton decrement, summed over the rows, above which neither standard errors nor the leave-one-out
# loss are computed: below, by Cauchy and Schwarz, no coefficient is off by more than √(2e-4), 1.4%, of its error.
NEAR = 1e-4


@dataclass(frozen=True, slots=True, repr=False)
class LogisticModel(ModelInference, ModelPredictions, Answer):
    """P(positive) = σ(intercept + Σ coefficient · x), as trained by `fit`: frozen and complete.

    Attributes
    ----------
    intercept : float
        Log-odds where every feature is 0 and every category at its reference; 0 with fit_intercept=False.
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
        Standard errors; of quasi-separated classes, those of the finite coefficients, from the rows that are not
        separated. None with an L1 or L2 penalty, where all rows are separated, where the fit did not converge or the
        information matrix is singular, and with fewer than two clusters.
    cautions : tuple of str
        Why the intervals of the coefficients may not have nominal coverage: fewer than 500 rows, 50 rows of the rarer
        class or 10 clusters, 20 of either column with `two_way` (effective numbers, by Kish's formula).
    separation : Separation or None
        Why no finite maximum-likelihood estimate exists, where none does.
    collinear : tuple of str
        Coefficients of linearly dependent columns; of those that fit equally well, the ones of least norm are given,
        with columns scaled by their largest deviation from the mean.
    n_dependent : int
        Number of coefficients the rows do not determine (rank deficiency).
    out_of_sample : OutOfSample or None
        The leave-one-out log loss: of each row under a fit to the others. None where classes are separated, under
        Firth's penalty, where the fit did not converge, beyond the limit of work (a note tells), and with
        leave_one_out=False.
    n_dropped : int
        Rows left out by missing="drop".
    missing : {"error", "drop", "indicator"}
        What was done with rows in which a feature is missing, and is done at prediction.
    classes : tuple of two values
        The labels of the negative and the positive class, as they were written; 0 and 1 of shares and of comparisons.
    offset : str
        The column of the offset, where it is one of the table.
    penalty : str
        "firth", "flic" or "flac" under Firth's penalty; "" otherwise.
    modified_score : float or None
        Under Firth's penalty: ½ Uᵀ I⁻¹ U, in nats per row, with U the score of the penalised likelihood and I the
        information: what another step is expected to gain. It replaces the certificate, as the penalised likelihood is
        not concave.
    mean_predicted : float or None
        Under Firth's penalty: the mean prediction on the training rows, in [0, 1], to be compared with `base_rate`.
    profile : Profile or None
        Profile-likelihood intervals and likelihood-ratio tests, with interval="profile".
    source, notes : str, tuple of str
        What it was trained on, and notes on how that was read.
    l1 : float
        Strength of the L1 penalty on the summed loss, under which coefficients may be exactly 0; 0: none.
    penalty_factors : dict of name to float
        What both are multiplied with in each column that has another factor than 1.
    path : PenaltyPath or None
        The log loss of held-out rows at each value of `l2`, where l2_path= or penalty="auto" chose it.

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
    values: Array = field(compare=False)
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
    path: PenaltyPath | None = None
    classes: tuple[Value, Value] = (0, 1)
    penalty: str = ""
    modified_score: float | None = None
    mean_predicted: float | None = None
    profile: Profile | None = None
    l1: float = 0.0
    penalty_factors: dict[str, float] = field(default_factory=dict)

    @property
    def is_penalised(self) -> bool:
        """Whether the fit has a penalty: L1, L2, or Firth's."""
        return bool(self.l1 or self.l2 or self.penalty)

    @property
    def penalised_log_likelihood(self) -> float:
        """Log-likelihood of the training rows less the L1 and L2 penalty, or plus Firth's ½ log det(I), in nats.

        I is the information; penalty="firth" maximises it; "flic" and "flac" have a slightly smaller value.
        """
        return -(self.passes[-1].log_loss + self.passes[-1].penalty) * self.sum_weight

    @property
    def log_likelihood(self) -> float:
        """Log-likelihood of the training rows, in nats: minus the summed log loss."""
        return -self.log_loss * self.sum_weight

    @property
    def n_parameters(self) -> int:
        """How many coefficients the rows determine, any intercept included."""
        return int(self.fit_intercept) + len(self.coefficients) - self.n_dependent

    @property
    def fit_intercept(self) -> bool:
        """Whether an intercept was fitted; otherwise it is 0."""
        return self.design.fit_intercept

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
    def covariance(self) -> Array | None:
        """The covariance matrix of the coefficients, in the order of `coefficient_table`: the intercept first.

        Of shape (1 + n_coefficients, 1 + n_coefficients), without an intercept (n_coefficients, n_coefficients), and of
        the kind of `errors.kind`; its diagonal has the squared standard errors. nan in rows and columns of coefficients
        that have none. None where there are no standard errors, and of more than 1,000 coefficients.

        Examples
        --------
        >>> import logloss
        >>> model = logloss.fit([0.0, 1.0, 2.0, 3.0, 4.0], [0, 1, 0, 1, 1])
        >>> (model.covariance.diagonal() ** 0.5).round(4).tolist(), round(model.errors.intercept, 4)
        ([1.9523, 0.9749], 1.9523)
        """
        full = None if self.errors is None else self.errors.covariance
        return full if full is None or self.fit_intercept else full[1:, 1:]

    @property
    def predictor(self) -> Predictor:
        """The recipe with its coefficients, as rows are predicted by it."""
        directions = () if self.separation is None else self.separation.directions
        return Predictor(self.design, self.values, directions, self.has_offset, self.offset, self.missing)

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
        figures["fit_intercept"] = self.fit_intercept
        if self.errors is not None:
            figures["errors_kind"] = self.errors.kind
            unit = self.errors.unit_left_out
            why = INFINITE if math.isinf(self.intercept) else ALONE.format(unit) if unit else DEPENDENT
            why = why if self.fit_intercept else NO_INTERCEPT
            put(figures, "intercept_error", self.errors.intercept, why)
            put(figures, "intercept_degrees", self.errors.intercept_degrees)
            put(figures, "intercept_p_value", self.errors.p_value(self.intercept), why)
            figures["coefficient_errors"] = jsonable(self.errors.coefficients)
            figures["coefficient_degrees"] = jsonable(self.errors.degrees)
            p_values = {name: self.errors.p_value(value, name) for name, value in self.coefficients.items()}
            figures["coefficient_p_values"] = jsonable(p_values)
            if self.errors.cluster:
                figures |= {"cluster": list(self.errors.cluster), "n_clusters": self.errors.n_clusters}
                figures["effective_clusters"] = self.errors.effective_clusters
            if self.errors.n_of_each:
                figures["n_clusters_of_each"] = list(self.errors.n_of_each)
                figures["covariance_was_indefinite"] = self.errors.was_indefinite
        figures["standard_deviations"] = jsonable(self.design.sds)
        figures |= self._profile_figures() | {"l2": self.l2, "l1": self.l1}
        if self.penalty_factors:
            figures["penalty_factors"] = jsonable(self.penalty_factors)
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
        if self.path is not None:
            figures["path"] = self.path.figures
        if self.separation is not None:
            figures["separated_by"] = list(self.separation.columns)
        if self.collinear:
            figures["collinear"] = list(self.collinear)
        return figures

    def _profile_figures(self) -> dict[str, Any]:
        """The intervals and tests of the profile, for `to_dict`."""
        if self.profile is None:
            return {}
        table = self.coefficient_table
        rows = table[len(table) - len(self.coefficients) :]
        figures: dict[str, Any] = {"interval": "profile", "n_passes_of_profiles": self.profile.n_passes}
        why = DEPENDENT if self.collinear else NOT_FOUND
        for key in ("low", "high", "p_value"):
            if self.fit_intercept:
                put(figures, f"intercept_profile_{key}", table[0][key], why)
            figures[f"coefficient_profile_{key}s"] = jsonable({row["name"]: row[key] for row in rows})
        return figures
