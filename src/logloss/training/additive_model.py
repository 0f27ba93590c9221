"""An additive model: each column adds a function of its own to the log-odds.

>>> import logloss
>>> x = [k / 20 for k in range(200)]
>>> model = logloss.fit({"x": x, "y": [int(3 < v < 7) for v in x]}, "y", shapes="auto", leave_one_out=False)
>>> model.predict({"x": [1.0, 5.0, 9.0]}).tolist()
[0, 1, 0]
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
from logloss.information import entropy
from logloss.training.certificate import Certificate, Pass
from logloss.training.leave_one_out import OutOfSample
from logloss.training.model_predictions import ModelPredictions
from logloss.training.pair_effects import PairEffect, Pairs
from logloss.training.predict import Predictor
from logloss.training.separation import Separation
from logloss.training.term_effects import TermEffect


@dataclass(frozen=True, slots=True, repr=False)
class AdditiveModel(ModelPredictions, Answer):
    """P(positive) = σ(intercept + Σ f(x)), a function f of each column, as trained by `fit` with `shapes` or `pooled`.

    Attributes
    ----------
    intercept : float
        Log-odds where every term has its average effect.
    terms : tuple of TermEffect
        The function of each column, with standard errors, in the order of the table's columns; `shapes` has them by
        name.
    pair_terms : tuple of PairEffect
        What pairs of columns add beyond these, those with `pairs` that the data speak for first; `pairs` has them by
        the names of their columns.
    log_loss : float
        Mean log loss on the rows it was trained on, in nats, without the penalty.
    certificate : Certificate
        Bound on the distance from the minimum of the penalised objective at the precisions of the terms.
    passes : tuple of Pass
        Log loss and bound of each pass, the last one the result; those that chose the precisions come first.
    n_rows, n_positive, sum_weight, base_rate : int, int or None, float, float
        Rows that took part, those that are positive (None where labels are soft or rows have weights), their weight,
        and their mean label.
    out_of_sample : OutOfSample or None
        The leave-one-out log loss at these precisions; None with leave_one_out=False.
    n_dropped : int
        Rows left out by missing="drop".
    missing : {"error", "drop", "indicator"}
        What was done with rows in which a value is missing, and is done at prediction.
    classes : tuple of two values
        The labels of the negative and the positive class, as they were written; 0 and 1 of shares and of comparisons.
    offset : str
        The column of the offset, where it is one of the table.
    source, notes : str, tuple of str
        What it was trained on, and notes on how that was read.
    cautions : tuple of str
        Why the intervals of the effects may not have nominal coverage: fewer than 500 rows, or 50 of the rarer class
        (effective numbers, by Kish's formula).
    """

    kind: ClassVar[str] = "additive"
    intercept: float
    terms: tuple[TermEffect, ...]
    log_loss: float
    certificate: Certificate
    passes: tuple[Pass, ...]
    n_rows: int
    sum_weight: float
    base_rate: float
    positive: str
    design: Design
    values: Array = field(compare=False)
    pair_terms: tuple[PairEffect, ...] = ()
    has_offset: bool = False
    n_positive: int | None = None
    positive_value: str = ""
    offset: str = ""
    out_of_sample: OutOfSample | None = None
    n_dropped: int = 0
    missing: str = "error"
    source: str = ""
    notes: tuple[str, ...] = ()
    classes: tuple[Value, Value] = (0, 1)
    cautions: tuple[str, ...] = ()

    @property
    def shapes(self) -> dict[str, TermEffect]:
        """The terms by the name of their column."""
        return {term.column: term for term in self.terms}

    @property
    def pairs(self) -> Pairs:
        """The pairs by the names of their columns, in either order: `model.pairs["age", "hours"]`."""
        return Pairs(self.pair_terms)

    @property
    def effective_degrees_of_freedom(self) -> float:
        """How many coefficients the penalty leaves, any intercept included."""
        of_terms = sum(term.effective_degrees_of_freedom for term in self.terms)
        of_pairs = sum(term.effective_degrees_of_freedom for term in self.pair_terms)
        return int(self.fit_intercept) + of_terms + of_pairs

    @property
    def fit_intercept(self) -> bool:
        """Whether an intercept was fitted; otherwise it is 0."""
        return self.design.fit_intercept

    @property
    def separation(self) -> Separation | None:
        """None: no coefficient is infinite under a penalty."""
        return None

    @property
    def predictor(self) -> Predictor:
        """The recipe with its coefficients, as rows are predicted by it."""
        return Predictor(self.design, self.values, (), self.has_offset, self.offset, self.missing)

    def share_of_skill(self, column: str | tuple[str, str]) -> float:
        """How much of the skill a term, or a pair, carries: what the log loss rises by without it, over baseline − log
        loss.

        Shares need not add up to 1, as terms stand in for each other. NaN with an offset, which has a part in it.
        """
        gained = 0.0 if self.has_offset else float(entropy(self.base_rate)) - self.log_loss
        term = self.shapes[column] if isinstance(column, str) else self.pairs[column]
        return (term.loss_without - self.log_loss) / gained if gained > 0 else math.nan

    def to_dict(self) -> dict[str, Any]:
        """The model as JSON-ready values, units in the names; undefined is None with a reason beside it."""
        figures: dict[str, Any] = {"schema": 1, "source": self.source, "positive": self.positive}
        put(figures, "intercept", self.intercept)
        figures |= {"n_rows": self.n_rows, "n_dropped": self.n_dropped, "sum_weight": self.sum_weight}
        if self.n_positive is not None:
            figures["n_positive"] = self.n_positive
        figures["base_rate"] = self.base_rate
        put(figures, "log_loss_nats", self.log_loss)
        if self.out_of_sample is not None:
            put(figures, "log_loss_out_of_sample_nats", self.out_of_sample.log_loss)
            figures["out_of_sample_kind"] = self.out_of_sample.kind
        figures["effective_degrees_of_freedom"] = self.effective_degrees_of_freedom
        figures["terms"] = [
            jsonable(
                {
                    "column": term.column,
                    "kind": term.kind,
                    "constraint": term.constraint,
                    "effective_degrees_of_freedom": term.effective_degrees_of_freedom,
                    "range_log_odds": term.range,
                    "log_loss_without_nats": term.loss_without,
                    "share_of_skill": self.share_of_skill(term.column),
                    "p_value": term.p_value,
                }
            )
            | {"precisions": list(term.precisions), "effects": [jsonable(row) for row in term.table]}
            for term in self.terms
        ]
        figures["pairs"] = [
            jsonable(
                {
                    "columns": list(term.columns),
                    "effective_degrees_of_freedom": term.effective_degrees_of_freedom,
                    "range_log_odds": term.range,
                    "log_loss_without_nats": term.loss_without,
                    "share_of_skill": self.share_of_skill(term.columns),
                    "precision": term.precision,
                }
            )
            | {"effects": [jsonable(row) for row in term.table]}
            for term in self.pair_terms
        ]
        put(figures, "certificate_nats_per_row", self.certificate.nats_per_row)
        figures["certificate_is_proven"] = self.certificate.is_proven
        figures |= {"n_passes": len(self.passes), "notes": list(self.notes), "cautions": list(self.cautions)}
        return figures
