"""What the pictures of a penalty path show: the log loss of held-out rows, and the coefficients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from logloss.answers.small_table import SmallTable
from logloss.data.rows import Array
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.show.words.of_path import choice_of, loss_of, path_rows, sentences_of, strength_text
from logloss.text import capital, count, counted, listed, printable, significant
from logloss.training.model import LogisticModel
from logloss.training.penalty_path import PathPoint, PenaltyPath
from logloss.training.wide_model import WideModel

# Coefficients that are drawn along a path, and those that are named beside their lines.
MOST_LINES, MOST_NAMED = 20, 8
NO_PATH = 'the penalty was not chosen from the data; pass l2_path=True, l1_path=True or penalty="auto"'


def title_of(path: PenaltyPath | None) -> str:
    """What the picture shows."""
    return f"{capital('log loss of held-out rows' if path is None else loss_of(path))} by penalty"


def axis_of(path: PenaltyPath) -> str:
    """The strength that a picture has on its axis: "l1" where the chosen ratio has an L1 penalty."""
    return "l1" if path.chosen.l1_ratio else "l2"


def _label_of(path: PenaltyPath) -> str:
    """What stands below that axis."""
    name, ratio = axis_of(path), path.chosen.l1_ratio
    beside = f"; l2 = {(1 - ratio) / ratio:.3g} × l1" if 0 < ratio < 1 else ""
    return f"{name}, strength of the penalty{beside}"


def path(model: LogisticModel | WideModel) -> Drawing:
    """The log loss of held-out rows at each strength, with its interval; the chosen value."""
    own = model.path
    if own is None:
        return not_drawn("path", title_of(own), NO_PATH)
    drawn = [point for point in _run(own) if math.isfinite(point.log_loss)]
    numbers, axis = path_rows(own)[0], axis_of(own)
    if len(drawn) < 2:
        return not_drawn("path", title_of(own), f"it needs two values of {axis} above 0 with a finite loss", numbers)
    table = SmallTable(
        {
            "l1": [point.l1 for point in drawn],
            "l2": [point.l2 for point in drawn],
            "log_loss": [float(point.log_loss) for point in drawn],
            "low": [point.log_loss.low for point in drawn],
            "high": [point.log_loss.high for point in drawn],
        }
    )
    strong = own.within_one_standard_error
    figures = {
        "axis": axis,
        "x_label": _label_of(own),
        "chosen_l1": own.l1,
        "chosen_l2": own.l2,
        "chosen_log_loss": float(own.chosen.log_loss),
        "within_one_standard_error_l1": strong.l1,
        "within_one_standard_error_l2": strong.l2,
        "within_one_standard_error_log_loss": float(strong.log_loss),
        # Of another ratio it has no place on the axis.
        "is_strong_chosen": strong is own.chosen or strong.l1_ratio != own.chosen.l1_ratio,
        "loss": loss_of(own),
    }
    words = [choice_of(own), *(capital(sentence) for sentence in sentences_of(own))]
    sentence = f"{'. '.join(words)}. The band is the 95% interval of each loss on new rows."
    return Drawing("path", title_of(own), sentence, {"path": table}, figures, numbers)


def path_coefficients(model: LogisticModel | WideModel) -> Drawing:
    """The coefficients at each strength, per standard deviation of their column, in the fits to all rows."""
    own, title = model.path, "Coefficients by penalty"
    if own is None or not own.names:
        reason = NO_PATH if own is None else "the path has no L1 penalty, and its coefficients are not kept"
        return not_drawn("path_coefficients", title, reason)
    run, axis = _run(own), axis_of(own)
    sds = _deviations(model, own.names)
    of_point = dict(zip(own.points, own.coefficients, strict=True))
    values = np.array([of_point[point] for point in run]) * sds
    largest = np.abs(values).max(axis=0, initial=0.0)
    order = [k for k in np.argsort(-largest, kind="stable").tolist() if largest[k] > 0][:MOST_LINES]
    if len(run) < 2 or not order:
        reason = "every coefficient is 0 at each value" if len(run) > 1 else f"it needs two values of {axis} above 0"
        return not_drawn("path_coefficients", title, reason)
    # Where a path ends at nearly no penalty the largest lines are those of columns that nearly repeat each other; those
    # that are the largest where the model is chosen are named.
    at = run.index(own.chosen) if own.chosen in run else len(run) - 1
    named = sorted(order, key=lambda k: (-abs(values[at, k]), order.index(k)))[:MOST_NAMED]
    lines: dict[str, list[Any]] = {key: [] for key in ("name", "number", axis, "per_sd", "is_named")}
    for k in order:
        for j, point in enumerate(run):
            row = (printable(own.names[k], 60), k, getattr(point, axis), float(values[j, k]), k in named)
            for key, value in zip(lines, row, strict=True):
                lines[key].append(value)
    strong = own.within_one_standard_error
    figures = {
        "axis": axis,
        "x_label": _label_of(own),
        "chosen": getattr(own.chosen, axis),
        "within_one_standard_error": getattr(strong, axis) if strong in run else math.nan,
    }
    sentence = _sentence(model, own, [printable(own.names[k], 40) for k in named], len(order), values[at])
    numbers = _numbers(own, run, values, order, at)
    return Drawing("path_coefficients", title, sentence, {"lines": SmallTable(lines)}, figures, numbers)


def _deviations(model: LogisticModel | WideModel, names: tuple[str, ...]) -> Array:
    """The standard deviations of some columns."""
    if isinstance(model, WideModel):
        columns = model.columns
        return model.standard_deviations[[columns.place(name) for name in names]]
    known = dict(zip(model.design.names, model.design.sds_of_columns.tolist(), strict=True))
    return np.array([known[name] for name in names])


def _run(path: PenaltyPath) -> list[PathPoint]:
    """The values with the chosen ratio that have a place on a logarithmic axis."""
    return [point for point in path.along(path.chosen.l1_ratio) if point.strength > 0]


def _sentence(model: LogisticModel | WideModel, path: PenaltyPath, named: list[str], n_lines: int, at: Any) -> str:
    """What the lines are, and what the model has of them."""
    if isinstance(model, WideModel):
        n_nonzero = model.n_nonzero
    else:
        n_nonzero = sum(value != 0 for value in model.coefficients.values())
    lines = "All of them are drawn" if n_lines == len(model.coefficients) else f"The {count(n_lines)} largest are drawn"
    if n_lines < MOST_LINES and n_lines < len(model.coefficients):
        lines = f"The {count(n_lines)} that are anywhere not 0 are drawn"
    chosen = strength_text(path, path.chosen)
    return (
        f"{count(n_nonzero)} of {counted(len(model.coefficients), 'coefficient')} are not 0 at the chosen {chosen} "
        f"(dotted). {lines}, in the fits to all rows, per standard deviation of their column (of a level: that of its "
        f"zeros and ones), so that they can be compared; named: {listed(named, len(named))}, largest there first. They "
        "have no intervals or p-values: the penalty biases them, and the same rows chose them."
    )


def _numbers(path: PenaltyPath, run: list[PathPoint], values: Any, order: list[int], at: int) -> list[list[str]]:
    """Where each line leaves 0, and its value where the model is chosen and at the end."""
    axis = axis_of(path)
    head = ["", f"not 0 from {axis}", f"per SD at {strength_text(path, run[at])}", f"at {strength_text(path, run[-1])}"]
    rows = []
    for k in order:
        first = int(np.flatnonzero(values[:, k])[0])
        ends = [significant(float(value)) if value else "0" for value in (values[at, k], values[-1, k])]
        rows.append([printable(path.names[k], 40), f"{getattr(run[first], axis):g}", *ends])
    return [head, *rows]
