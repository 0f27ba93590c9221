"""measure(): one walk over the rows, and the measurement that its summary makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from logloss.data.block import Block
from logloss.data.request import RowOptions, described
from logloss.data.values import Value
from logloss.errors import DataError
from logloss.measurement.answer import Measurement, measurement_of
from logloss.measurement.out_of_fold import cross_fitted, judged_by, refuse_estimator
from logloss.measurement.record import summarise


@described
def measure(
    data: Any,
    y_proba: Any = None,
    *,
    y_true: Any = None,
    y_logit: Any = None,
    sample_weight: Any = None,
    counts: Any = None,
    pos_label: Value = None,
    by: Any = None,
    groups: Sequence[Value | Sequence[Value]] | None = None,
    cluster: Any = None,
    order: Any = None,
    cv: Any = None,
    X: Any = None,
    features: Any = None,
    exclude: str | Sequence[str] = (),
    leave_two_out: bool = True,
    keep: str | Sequence[str] = (),
    negatives_kept: float = 1.0,
    missing: str = "error",
    unlabelled: str = "error",
    header: bool = True,
    name: str = "",
    engine: object = None,
    progress: Callable[[Block], None] | None = None,
) -> Measurement:
    """Measure the log loss of a set of predictions, its decomposition and calibration, with intervals, in one pass.

    The arguments are arrays, or a table and the names of its columns. Nothing is clipped, guessed, renormalised or
    silently dropped.

    Parameters
    ----------
    data : array of shape (n_rows,), or table
        Labels, as in `log_loss`. If `y_true` is given: a data frame, an Arrow table or dataset, the path, list, glob
        or folder of Parquet or CSV files, or a frame of Dask or Spark.
    y_proba : array of shape (n_rows,) or (n_rows, 2), or name of a column, or two names, or estimator, optional
        Predicted probability of 1, in [0, 1]; or the probabilities of both classes: the two columns of an array in
        sorted order of the labels, or the names of the columns of class 0 and class 1. With `cv`, an estimator of
        scikit-learn, clones of which are trained in folds.
    {y_true}
    {y_logit}
    {sample_weight}
    {counts}
    {pos_label}
    {by}
    {groups}
    {cluster}
    order : name of a column, or array of shape (n_rows,), optional
        With `cv`: numbers, dates, or text that sorts like dates. Rows with equal values are one period; folds are runs
        of periods.
    {cv}
    {X}
    {features}
    {exclude}
    {leave_two_out}
    {keep}
    {negatives_kept}
    {missing}
    {unlabelled}
    {header}
    {name}
    {engine}
    {progress}

    Returns
    -------
    Measurement
        Prints as a report; every figure is an attribute.

    Raises
    ------
    DataError
        If the data are invalid: the message names the row, the value and what to do.
    SourceNotFound
        If a path does not exist.

    Notes
    -----
    Cost: one pass, about 6 ns a row and thread (25 with groups), and up to 0.03 s for the figures and the draws of
    labels (0.1 with groups or clusters); memory does not grow with the number of rows. With `cv` the cost is that of
    the fits.

    The result has the same bits for any order, partition or number of threads. The means of loss, label, prediction and
    squared error are exact. Decomposition, AUC and calibration line are computed without binning up to 65,536 distinct
    predictions; beyond that they come from bins, with certified bounds of discrimination and miscalibration. The null
    distribution and the overfitting are simulated, with a seed made of the data.

    The decomposition (CORP) uses the isotonic recalibration of the predictions, and so assumes that the true event rate
    rises with the predicted probability. Where it falls, the miscalibration is counted as lack of discrimination.

    The interval of the loss of rows without weights and clusters uses Hall's transformation of the studentised mean.
    The others use Student's t, with one degree of freedom less than there are effective rows or clusters, and the
    jackknife over clusters. Where the data are too few for them, `cautions` says so. docs/inference.md has each formula
    and its coverage.

    With `cv` the loss estimates that of a model trained on about as many rows as in the folds, and its interval
    includes the variation of training and test rows. With folds in time order both refer to the fitted models
    themselves: `folds.estimand` (docs/inference.md). All other intervals are conditional on the predictions.

    References
    ----------
    Dimitriadis, T., Gneiting, T. & Jordan, A. I. (2021). Stable reliability diagrams for probabilistic classifiers.
    PNAS 118(8), e2016191118. doi:10.1073/pnas.2016191118

    Hall, P. (1992). On the removal of skewness by transformation. J. R. Stat. Soc. B 54(1), 221-228.
    doi:10.1111/j.2517-6161.1992.tb01876.x

    Examples
    --------
    >>> import logloss
    >>> m = logloss.measure({"won": [1, 0, 1], "p": [0.8, 0.3, 0.6]}, y_true="won", y_proba="p")
    >>> round(m.log_loss, 4)
    0.3635

    An estimator of scikit-learn, on rows that it was not trained on:

    >>> from sklearn.linear_model import LogisticRegression
    >>> x, y = [[0.0], [1.0], [2.0], [3.0]] * 50, [0, 0, 1, 0, 0, 1, 1, 1] * 25
    >>> m = logloss.measure(y, LogisticRegression(), X=x, cv=5)
    >>> m.folds.estimand
    'a model trained on about 160 rows like these'
    """
    requested = RowOptions(
        y_proba=y_proba,
        y_true=y_true,
        y_logit=y_logit,
        sample_weight=sample_weight,
        counts=counts,
        pos_label=pos_label,
        by=by,
        groups=groups,
        cluster=cluster,
        order=order,
        cv=cv,
        X=X,
        features=features,
        exclude=exclude,
        leave_two_out=leave_two_out,
        keep=keep,
        negatives_kept=negatives_kept,
        missing=missing,
        unlabelled=unlabelled,
        header=header,
        name=name,
        engine=engine,
        progress=progress,
    )
    if cv is not None and unlabelled == "keep":
        raise DataError(
            "rows without a label are in no fold, and have no prediction: with `cv`, leave out `unlabelled`. Train a "
            "model on the labelled rows and measure its predictions of all of them."
        )
    if cv is None:
        if order is not None:
            raise DataError(
                "`order` makes folds of periods: pass `cv=`, too. Forecasts are compared over time by `compare`."
            )
        refuse_estimator("", y_proba)
    judged = cross_fitted(data, {"": y_proba}, requested)
    if not judged:
        return measurement_of(summarise(data, requested))
    (own,) = judged.values()
    requested = replace(judged_by(requested, own.losses.n_left_out), y_proba=own.probabilities, order=None)
    record = summarise(data, requested, own.losses.summary())
    return measurement_of(replace(record, notes=(*record.notes, *own.notes)))
