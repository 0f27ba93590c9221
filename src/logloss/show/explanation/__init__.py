"""The explanation of binary cross-entropy: one page of pictures, for points on a line or for any predictions.

>>> explanation = explain([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1])
>>> explanation.to_html().count("<svg")
15

`lesson.py` holds the numbers, `pictures.py` and `parts.py` draw them, `of_points.py`, `of_pools.py` and `telling.py`
say what to see, `moving.py` makes the sliders.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from logloss.answers.figures import put
from logloss.data.request import RowOptions, described
from logloss.data.values import Value, is_label
from logloss.errors import DataError
from logloss.measurement import Measurement
from logloss.show import page
from logloss.show.explanation import groups_page, points_page
from logloss.show.explanation.kl_pictures import rungs
from logloss.show.explanation.lesson import LessonOfPoints, LessonOfPools, Names, lesson_of_points
from logloss.show.explanation.sentences import capital, number
from logloss.text import NATS_PER_BIT, columns, count, fixed, printable, value_text
from logloss.training.model import LogisticModel

# More points hide each other.
MOST_POINTS = 200
# Letters of a name on the page.
LONGEST_NAME = 30


@dataclass(frozen=True, slots=True, repr=False)
class Explanation:
    """What predictions cost and why, as a page of pictures: frozen and complete.

    Attributes
    ----------
    lesson : LessonOfPoints or LessonOfPools
        The numbers that the page shows.
    source : str
        Where the points are from; "" for arrays.

    Examples
    --------
    >>> import logloss
    >>> explanation = logloss.explain([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1])
    >>> round(explanation.to_dict()["log_loss_nats"], 4)
    0.6114
    """

    lesson: LessonOfPoints | LessonOfPools
    source: str = ""

    def to_html(self, path: Any = None) -> str:
        """The page: one file that needs nothing else, not even a network.

        Parameters
        ----------
        path : str or path, optional
            Where to write it, too; an older file of that name is replaced.

        Returns
        -------
        str
            The page.

        Examples
        --------
        >>> import logloss
        >>> logloss.explain([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1]).to_html()[:15]
        '<!DOCTYPE html>'
        """
        written = _page(self.lesson)
        if path is not None:
            from logloss.files.storage import write_atomically

            write_atomically(path, written.encode())
        return written

    def to_dict(self) -> dict[str, Any]:
        """The figures as flat JSON-ready values, units in the names.

        Examples
        --------
        >>> import logloss
        >>> logloss.explain([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1]).to_dict()["n_rows"]
        4
        """
        lesson = self.lesson
        figures = lesson.measured.to_dict() | {"source": self.source or lesson.measured.source}
        figures["positive"] = lesson.names.positive
        put(figures, "entropy_of_groups_nats", lesson.entropy_of_pools)
        figures["n_groups"] = len(lesson.pools)
        if isinstance(lesson, LessonOfPoints):
            last = lesson.frames[-1]
            put(figures, "intercept", last.intercept)
            put(figures, "coefficient", last.slope)
            put(figures, "certificate_nats_per_row", last.bound)
            put(figures, "log_loss_on_new_rows_nats", lesson.new_points, "not asked for")
            figures |= {"l2": lesson.model.l2, "n_passes": len(lesson.frames)}
        return figures

    def __repr__(self) -> str:
        lesson = self.lesson
        n = lesson.measured.n_rows
        head = f"{capital(number(n))} {lesson.names.noun}{'' if n == 1 else 's'}"
        head += f" of {self.source}" if self.source else ""
        share = f"{fixed(lesson.rate, 4)} of them {lesson.names.positive}"
        rows = [["What they cost, in the mean", "nats", "bits"]]
        rows += [[f"  {words}", fixed(value, 4), fixed(value / NATS_PER_BIT, 4)] for words, value, _ in rungs(lesson)]
        return "\n".join([f"{head}, {share}.", "", *columns(rows, "lrr", gap="   ")])


@described
def explain(
    data: Any,
    y_true: Any = None,
    *,
    feature: str | None = None,
    pos_label: Value = None,
    l2: float = 1.0,
    model: LogisticModel | None = None,
    header: bool = True,
) -> Explanation:
    """Explain what predictions cost, in pictures that build up from one point to entropy, KL, training and calibration.

    Points on a line get a curve, every point shown; a measurement of any number of rows is told of groups of similar
    predictions.

    Parameters
    ----------
    data : array of shape (n_rows,), table, or Measurement
        Where each point lies; or a table, or the path of one, as `fit` takes it; or what `measure` has returned, which
        needs nothing else.
    y_true : array of shape (n_rows,), or name of a column, optional
        Labels, as in `fit`: a name, where `data` is a table, or a comparison such as ``"stars >= 4"``.
    feature : name of a column, optional
        The column of numbers, where `data` is a table.
    {pos_label}
    l2 : float, ≥ 0
        Prior precision on the summed loss, as in `fit`; 1 keeps the curve finite where a cut divides the classes.
    model : LogisticModel, optional
        A model of this one column that is shown instead of a new one.
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
    Cost: a fit, and half a second for the page, which has about 200 KB. Of a measurement no row is needed.

    Examples
    --------
    >>> import logloss
    >>> explanation = logloss.explain({"x": [0.0, 1.0, 2.0, 3.0], "won": [0, 1, 0, 1]}, "won", feature="x")
    >>> print(explanation)
    Four points, 0.5000 of them positive.
    <BLANKLINE>
    What they cost, in the mean                   nats     bits
      saying ½ to each: a coin flip             0.6931   1.0000
      saying 0.5 to each: the entropy           0.6931   1.0000
      the fitted curve                          0.6114   0.8821
      the same, calibrated on what happened     0.3466   0.5000
      each point by a curve that never saw it   1.3222   1.9075
    """
    if isinstance(data, Measurement):
        if y_true is not None or feature is not None or model is not None:
            raise DataError("a measurement needs nothing else: pass no `y_true`, `feature` or `model` beside it.")
        return Explanation(LessonOfPools(_names_of(data), data), data.source)
    if y_true is None:
        raise DataError("labels are needed: pass `y_true`, an array or the name of a column.")
    x, labels, names, source = _points_of(data, y_true, feature, pos_label, header)
    if model is not None and (len(model.coefficients) != 1 or not math.isfinite(model.intercept)):
        raise DataError(
            f"`model` must have one coefficient, and finite ones; it has {counted_coefficients(model)}. Fit one to the "
            "column that is shown, or leave `model` out."
        )
    return Explanation(lesson_of_points(x, labels, names, l2=l2, model=model), source)


def of_ten_points() -> Explanation:
    """The explanation of the ten points of `logloss demo`."""
    from logloss.show.explanation import ten_points

    names = Names("green", "red")
    return Explanation(lesson_of_points(ten_points.X, ten_points.IS_GREEN, names, l2=ten_points.PENALTY), "ten points")


def counted_coefficients(model: LogisticModel) -> str:
    """How many coefficients a model has."""
    finite = all(map(math.isfinite, (model.intercept, *model.coefficients.values())))
    return f"{count(len(model.coefficients))}" + ("" if finite else ", some of them infinite")


def _points_of(
    data: Any, y_true: Any, feature: str | None, pos_label: Value, header: bool
) -> tuple[Any, Any, Names, str]:
    """(Numbers, labels, what they are called, where from) of a table or of arrays, checked like those of a fit."""
    from logloss.data.binding import bind
    from logloss.onepass.run import walk
    from logloss.onepass.summaries import SampleSummary

    if isinstance(y_true, str):
        if feature is None:
            raise DataError('name the column of numbers that is shown: feature="…" (in the shell -x).')
        asked = RowOptions(y_true=y_true, pos_label=pos_label, header=header)
        source, roles = bind(data, asked, features=[feature])
    else:
        source, roles = bind(y_true, RowOptions(pos_label=pos_label), features={feature or "x": data})
    found = walk(source, roles, SampleSummary.empty(MOST_POINTS + 1))
    if found.n_rows > MOST_POINTS:
        raise DataError(
            f"a page shows at most {MOST_POINTS} points, as more hide each other; there are {count(found.n_rows)}. "
            "Take some of them, or fit and measure all and explain the measurement, which is told of groups."
        )
    kept = [rows for _, rows in found.chosen()]
    columns = [rows.features[0] for rows in kept]
    name = printable(roles.features[0], LONGEST_NAME)
    if any(column.categories is not None or column.is_matrix for column in columns):
        raise DataError(f'"{name}" must hold numbers to be a place on a line; it holds something else.')
    x = [float(value) for column in columns for value in column.values]
    labels = [float(label) for rows in kept for label in rows.y_true]
    if any(label not in (0.0, 1.0) for label in labels):
        raise DataError("labels must be 0 or 1 to be shown as points; some are shares between them.")
    others = [value for kind, value in found.coding if kind == "value" and not is_label(value, pos_label)]
    names = _names(pos_label, others[0] if others and pos_label is not None else None, roles.label_test, name)
    return x, labels, names, source.name


def _names(pos_label: Value, other: Value, test: Any, feature: str) -> Names:
    """What the classes are called: their values, or whether the comparison holds."""
    if test is not None:
        if test.operator != "==" or not isinstance(test.operand, str):
            return Names("true", "false", feature)
        pos_label = test.operand
    if pos_label is None:
        return Names("positive", "negative", feature)
    positive = _short(pos_label)
    return Names(positive, f"not {positive}" if other is None else _short(other), feature)


def _short(value: Any) -> str:
    """A class as it is called on the page."""
    return printable(value if isinstance(value, str) else f"class {value_text(value)}", LONGEST_NAME)


def _names_of(measured: Measurement) -> Names:
    """What the classes of a measurement are called."""
    return Names("positive", "negative", noun="row")


def _page(lesson: LessonOfPoints | LessonOfPools) -> str:
    """The whole page of a lesson."""
    if isinstance(lesson, LessonOfPoints):
        title, (body, sliders) = points_page.title_of(lesson), points_page.body_of_points(lesson)
    else:
        title, (body, sliders) = groups_page.title_of(lesson), groups_page.body_of_pools(lesson)
    room = files("logloss.show.explanation")
    style, script = (room.joinpath(f"explanation.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    moves = page.data_for_script({slider.name: slider.moves for slider in sliders})
    return page.page(title, body, style=style, script=f'"use strict";\nconst MOVES = {moves};\n{script}')
