"""measure(): one walk over the rows, and the measurement that its summary makes.

>>> import logloss
>>> round(logloss.measure([1, 0, 1, 1], [0.8, 0.4, 0.6, 0.9]).base_rate, 2)
0.75
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from logloss.data.block import Block
from logloss.measurement.answer import Measurement, measurement_of
from logloss.measurement.record import summarise


def measure(
    data: Any,
    y_proba: Any = None,
    *,
    y_true: Any = None,
    y_logit: Any = None,
    sample_weight: Any = None,
    counts: Any = None,
    pos_label: Any = None,
    by: Any = None,
    groups: Sequence[Any] | None = None,
    cluster: Any = None,
    negatives_kept: float = 1.0,
    missing: str = "error",
    header: bool = True,
    name: str = "",
    engine: Any = None,
    progress: Callable[[Block], None] | None = None,
) -> Measurement:
    """Measure what a set of predictions costs, with intervals, in one pass.

    The arguments are arrays, or a table and the names of its columns. Nothing is clipped, guessed, renormalised or
    dropped in silence.

    Parameters
    ----------
    data : array of shape (n_rows,), or table
        Labels, as in `log_loss`. If `y_true` is given: a data frame, an Arrow table or dataset, the path, list, glob
        or folder of Parquet or CSV files, or a frame of Dask or Spark.
    y_proba : array of shape (n_rows,) or (n_rows, 2), or name of a column, or two names, optional
        Predicted probability of 1, in [0, 1]; or the probabilities of both classes: the two columns of an array in
        sorted order of the labels, or the names of the column of 0 and of the column of 1.
    y_true : name of a column, or comparison, optional
        Column of labels, or a comparison that makes one: ``"stars >= 4"``, ``"label != 'normal.'"``.
    y_logit : array of shape (n_rows,), or name of a column, optional
        Log-odds of 1, any real or ±inf, instead of `y_proba`.
    sample_weight : array of shape (n_rows,), or name of a column, values ≥ 0, optional
        Weight of each row. Weight 2 counts like two rows in every estimate; in intervals a row is one observation.
    counts : array of shape (n_rows,), or name of a column, whole numbers ≥ 0, optional
        How many times each row stands: intervals, too, equal those of the repeated rows.
    pos_label : number or text, optional
        The class that counts as 1, where labels are not 0 and 1.
    by : name of a column, or list of names, or array of shape (n_rows,), or dict of arrays, optional
        What makes groups: `m.groups` shows what each costs. null is a group. Up to 4,096 groups are kept.
    groups : list of values (of tuples, where `by` has several columns), optional
        The groups to keep apart; the others are pooled as one.
    cluster : name of a column, or list of names, or array of shape (n_rows,), or dict of arrays, optional
        Rows with equal values depend on each other: intervals take clusters, not rows, as independent.
    negatives_kept : float in (0, 1]
        The share of negatives that the training of the model kept: every forecast's log-odds are shifted by its
        logarithm before anything else.
    missing : {"error", "drop"}
        What to do with rows in which something is missing (null or NaN).
    header : bool
        Whether CSV files begin with the names of the columns; otherwise these are "0", "1", …
    name : str, optional
        What the rows are called. Two summaries that hold the same rows do not merge, whatever the files are called;
        samples that are equal and yet others merge under different names.
    engine : distributed.Client, SparkSession, "dask" or "spark", optional
        Who walks over the files, to the same bits; "dask" or "spark" start one on this machine. A frame of theirs needs
        none (docs/scale.md).
    progress : function, optional
        Called with each block of rows once it is in the summary, from the thread that made it; of an engine with what
        is known of the parts that are done: their `n_rows`.

    Returns
    -------
    Measurement
        Printable; every figure an attribute.

    Raises
    ------
    DataError
        If the data break a rule: the message names the row, the value and the way out.
    SourceNotFound
        If a path names nothing.

    Notes
    -----
    Cost: one pass, about 6 ns a row and thread (25 with groups), and up to 0.3 s for the chance level; memory does not
    grow with the number of rows. Same bits for any order, cut or number of threads. The means of loss, label,
    prediction and squared error are exact. Up to 65,536 distinct predictions everything else is, too; beyond that it
    comes from bins, with certified bounds of the parts. Intervals of means use Hall's transformation of the studentised
    mean, that of the AUC DeLong's variance in log-odds.

    References
    ----------
    Hall, P. (1992). On the removal of skewness by transformation. J. R. Stat. Soc. B 54(1), 221-228.
    doi:10.1111/j.2517-6161.1992.tb01876.x

    Examples
    --------
    >>> import logloss
    >>> m = logloss.measure({"won": [1, 0, 1], "p": [0.8, 0.3, 0.6]}, y_true="won", y_proba="p")
    >>> round(m.log_loss, 4)
    0.3635
    """
    return measurement_of(
        summarise(
            data,
            y_proba=y_proba,
            y_true=y_true,
            y_logit=y_logit,
            sample_weight=sample_weight,
            counts=counts,
            pos_label=pos_label,
            by=by,
            groups=groups,
            cluster=cluster,
            negatives_kept=negatives_kept,
            missing=missing,
            header=header,
            name=name,
            engine=engine,
            progress=progress,
        )
    )
