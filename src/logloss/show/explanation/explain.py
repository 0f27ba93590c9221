"""explain(): from points on a line, or from a measurement of any predictions, to an explanation."""

from __future__ import annotations

import math
from typing import Any

from logloss.data.request import RowOptions, described
from logloss.data.rows import LabelTest
from logloss.data.values import Value, is_label
from logloss.errors import DataError
from logloss.measurement import Measurement
from logloss.show.explanation.answer import Explanation
from logloss.show.explanation.lesson import LessonOfGroups, Names, lesson_of_points
from logloss.text import count, printable, value_text
from logloss.training.model import LogisticModel

# More points hide each other.
MOST_POINTS = 200
# Letters of a name on the page.
LONGEST_NAME = 30


@described
def explain(
    data: Any,
    y_true: Any = None,
    *,
    feature: str | None = None,
    pos_label: Any = None,
    l2: float = 1.0,
    model: LogisticModel | None = None,
    header: bool = True,
) -> Explanation:
    """An explanation of the log loss (binary cross-entropy) in pictures, as one page that can be written to a file.

    It goes step by step from the loss of one prediction to entropy, cross-entropy, KL divergence, training and its
    certificate, leave-one-out, and the decomposition. Points on a line get a logistic curve, and every point is shown;
    the rows of a measurement, however many, are shown as groups of similar predictions.

    Parameters
    ----------
    data : array of shape (n_rows,), table, or Measurement
        Where each point lies, any finite number; or a table, or the path of one, as in `fit`; or what `measure` has
        returned, which needs nothing else.
    y_true : array of shape (n_rows,), or name of a column, optional
        Labels, as in `fit`: a name, where `data` is a table, or a comparison such as ``"stars >= 4"``.
    feature : name of a column, optional
        The column of numbers, where `data` is a table.
    {pos_label}
    l2 : float, ≥ 0
        Strength of the L2 penalty on the slope, on the summed loss, as in `fit`; 1 keeps the curve finite where one
        cut separates the classes.
    model : LogisticModel, optional
        A model of this one column, shown instead of a new fit.
    {header}

    Returns
    -------
    Explanation
        `to_html("page.html")` writes the page.

    Raises
    ------
    DataError
        If there are more than 200 points, or the data break a rule of `fit`.

    Notes
    -----
    Cost: a fit, and half a second for the page, which has about 200 KB. A measurement is explained without its rows.

    Examples
    --------
    >>> import logloss
    >>> explanation = logloss.explain({"x": [0.0, 1.0, 2.0, 3.0], "won": [0, 1, 0, 1]}, "won", feature="x")
    >>> print(explanation)
    Four points, base rate 0.5000 (positive).
    <BLANKLINE>
    log loss                                             nats     bits
    always predicting ½                                0.6931   1.0000
    always predicting 0.5 (the base rate)              0.6931   1.0000
    fitted curve                                       0.6114   0.8821
    fitted curve, recalibrated (isotonic, in sample)   0.3466   0.5000
    fitted curve, leave-one-out                        1.3222   1.9075
    """
    if isinstance(data, Measurement):
        if y_true is not None or feature is not None or model is not None:
            raise DataError("a measurement needs nothing else: pass no `y_true`, `feature` or `model` beside it.")
        return Explanation(LessonOfGroups(Names("positive", "negative", noun="row"), data), data.source)
    if y_true is None:
        raise DataError("labels are needed: pass `y_true`, an array or the name of a column.")
    if model is not None and not isinstance(model, LogisticModel):
        raise DataError(
            f"`model` must be a LogisticModel, a straight line in the log-odds; got {type(model).__name__}. Fit one to "
            "the column without `shapes` and `pooled`, or leave `model` out."
        )
    x, labels, names, source = _points_of(data, y_true, feature, pos_label, header)
    if model is not None and (len(model.coefficients) != 1 or not math.isfinite(model.intercept)):
        is_finite = all(map(math.isfinite, (model.intercept, *model.coefficients.values())))
        has = f"{count(len(model.coefficients))}{'' if is_finite else ', some of them infinite'}"
        raise DataError(
            f"`model` must have one coefficient, and finite ones; it has {has}. Fit one to the column that is shown, "
            "or leave `model` out."
        )
    return Explanation(lesson_of_points(x, labels, names, l2=l2, model=model), source)


def _points_of(
    data: Any, y_true: Any, feature: str | None, pos_label: Any, header: bool
) -> tuple[Any, Any, Names, str]:
    """(Numbers, labels, what they are called, where from) of a table or of arrays, checked like those of a fit."""
    from logloss.data.binding import bind
    from logloss.onepass.run import walk
    from logloss.onepass.summaries import SampleSummary

    if isinstance(y_true, str):
        if feature is None:
            raise DataError('name the column of numbers that is shown: feature="…" (in the shell -x).')
        requested = RowOptions(y_true=y_true, pos_label=pos_label, header=header)
        source, roles = bind(data, requested, features=[feature])
    else:
        source, roles = bind(y_true, RowOptions(pos_label=pos_label), features={feature or "x": data})
    sample = walk(source, roles, SampleSummary.empty(MOST_POINTS + 1))
    if sample.n_rows > MOST_POINTS:
        raise DataError(
            f"a page shows at most {MOST_POINTS} points, as more hide each other; there are {count(sample.n_rows)}. "
            "Take some of them, or fit and measure all and explain the measurement, which is shown as groups."
        )
    kept = [rows for _, rows in sample.chosen()]
    columns = [rows.features[0] for rows in kept]
    name = printable(roles.features[0], LONGEST_NAME)
    if any(column.categories is not None or column.is_matrix for column in columns):
        raise DataError(f'"{name}" must hold numbers, the places of points on a line; it holds something else.')
    x = [float(value) for column in columns for value in column.values]
    labels = [float(label) for rows in kept for label in rows.y_true]
    if any(label not in (0.0, 1.0) for label in labels):
        raise DataError("labels must be 0 or 1 to be shown as points; some lie between them.")
    others = [value for kind, value in sample.coding if kind == "value" and not is_label(value, pos_label)]
    names = _names(pos_label, others[0] if others and pos_label is not None else None, roles.label_test, name)
    return x, labels, names, source.name


def _names(pos_label: Any, other: Value, test: LabelTest | None, feature: str) -> Names:
    """What the classes are called: their values, or whether the comparison holds."""
    if test is not None:
        if test.operator != "==" or not isinstance(test.operand, str):
            return Names("true", "false", feature)
        pos_label = test.operand
    if pos_label is None:
        return Names("positive", "negative", feature)
    positive = _short(pos_label)
    return Names(positive, f"not {positive}" if other is None else _short(other), feature)


def _short(value: Value) -> str:
    """A class as it is called on the page."""
    return printable(value if isinstance(value, str) else f"class {value_text(value)}", LONGEST_NAME)
