"""A scorer of scikit-learn: the log loss times −1, exact and not clipped, of classifiers of two classes.

>>> from sklearn.linear_model import LogisticRegression
>>> from sklearn.model_selection import cross_val_score
>>> x, y = [[0.0], [1.0], [2.0], [3.0]] * 10, ["no", "no", "yes", "no", "no", "yes", "yes", "yes"] * 5
>>> cross_val_score(LogisticRegression(), x, y, cv=2, scoring=log_loss_scorer(pos_label="yes")).round(4).tolist()
[-0.588, -0.598]
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from logloss.data.values import Array, Value
from logloss.errors import DataError, MissingPackage
from logloss.information import log_loss
from logloss.text import listed, value_text

try:
    from sklearn.base import BaseEstimator
    from sklearn.utils.validation import check_consistent_length, column_or_1d
except ImportError as error:
    raise MissingPackage(
        'the scorer needs scikit-learn 1.6 or newer. Install it with: pip install "logloss[sklearn]"'
    ) from error


def log_loss_scorer(pos_label: Value = None) -> LogLossScorer:
    """A scorer for `scoring=`: the log loss of a fitted classifier, times −1, so that larger is better.

    Parameters
    ----------
    pos_label : label, optional
        The positive class. The loss is the same for either of two classes; one that the classifier does not have is
        refused, so that a scorer meant for other labels is noticed.

    Returns
    -------
    LogLossScorer
        Callable as `scorer(estimator, X, y, sample_weight=None)`: nats per unit of weight times −1, in [−inf, 0].

    Notes
    -----
    Cost: `predict_proba`, and one pass over the labels.
    scikit-learn's "neg_log_loss" replaces a probability of 0 by the smallest step from 0, and so gives about −36 nats
    for a row, or −16 in single precision, where this one gives −inf. It also fails where the test rows of a fold are
    of one class.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> x, y = [[0.0], [1.0], [2.0], [3.0]], ["no", "yes", "no", "yes"]
    >>> scorer = log_loss_scorer(pos_label="yes")
    >>> round(scorer(LogisticRegression().fit(x, y), x, y), 4)
    -0.6114
    """
    return LogLossScorer(pos_label)


# A BaseEstimator for its metadata requests: `set_score_request`, and clones that keep it.
class LogLossScorer(BaseEstimator):
    """A scorer that `log_loss_scorer` makes; `set_score_request(sample_weight=True)` asks for weights.

    Parameters
    ----------
    pos_label : label, optional
        The positive class, as in `log_loss_scorer`.
    """

    __metadata_request__score: ClassVar[dict[str, str]] = {"estimator": "$UNUSED$"}

    def __init__(self, pos_label: Value = None) -> None:
        self.pos_label = pos_label

    def score(self, estimator: Any, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """The log loss times −1 of rows X and their labels y.

        Parameters
        ----------
        estimator : fitted classifier
            With `predict_proba` and two classes.
        X : array of shape (n_rows, n_features)
            Whatever the classifier takes.
        y : array of shape (n_rows,)
            Labels, of the classes that the classifier has.
        sample_weight : array of shape (n_rows,), values ≥ 0, optional
            Weight of each row.

        Returns
        -------
        float
            In [−inf, 0]; larger is better.

        Raises
        ------
        DataError
            If the classifier gives no probabilities of two classes, a label is not one of them, or no row has weight.
        """
        check_consistent_length(X, y, sample_weight)
        classes, labels = self._classes(estimator), column_or_1d(y, warn=True)
        is_second = labels == classes[1]
        others = labels[~is_second & (labels != classes[0])]
        if len(others):
            found = listed(sorted({value_text(each) for each in others.tolist()}))
            raise DataError(f"`y` must have the classes {_listed(classes)} of the estimator; found {found}.")
        proba = np.asarray(estimator.predict_proba(X))
        if proba.shape != (len(labels), 2):
            raise DataError(
                f"`predict_proba` must give two columns for {len(labels):,} rows; its shape is {proba.shape}."
            )
        return -log_loss(is_second.astype(np.uint8), proba, sample_weight=sample_weight)

    def __call__(self, estimator: Any, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """`score`, as scikit-learn calls a scorer."""
        return self.score(estimator, X, y, sample_weight)

    def _classes(self, estimator: Any) -> Array:
        """The two classes of the estimator, in the order of its columns."""
        if not hasattr(estimator, "predict_proba"):
            raise DataError(
                f"log loss needs probabilities, and {type(estimator).__name__} has no `predict_proba`. Put it into "
                "logloss.Calibrator, or sklearn.calibration.CalibratedClassifierCV."
            )
        classes = np.asarray(estimator.classes_)
        if classes.ndim != 1 or len(classes) != 2:
            raise DataError(f"log loss here is that of two classes; the estimator has {_listed(classes)}.")
        if self.pos_label is not None and self.pos_label not in classes.tolist():
            raise DataError(
                f"`pos_label` must be a class of the estimator, {_listed(classes)}; got {value_text(self.pos_label)}."
            )
        return classes


def _listed(classes: Array) -> str:
    return listed([value_text(each) for each in classes.tolist()])
