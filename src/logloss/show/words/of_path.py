"""A penalty path in words: which value of l2 was chosen, and the losses of the held-out rows as a table."""

from __future__ import annotations

import math

from logloss.text import confidence, count, counted, fixed, interval, significant, visible
from logloss.training.penalty_path import BEST, BY_SCORE, ONE_STANDARD_ERROR, PathPoint, PenaltyPath

# Values that the table of a text has at most, the chosen one and the best one among them.
MOST_IN_TEXT = 12
DIGITS = 4


def l2_text(value: float) -> str:
    """A strength of the penalty, as a person types it."""
    return f"{value:g}"


def choice_of(path: PenaltyPath) -> str:
    """Which value was chosen, from how many, by what."""
    loss = loss_of(path)
    how = {
        BEST: f"by the {loss}",
        ONE_STANDARD_ERROR: f"as the largest within one standard error of the least {loss}",
        BY_SCORE: "by a score of held-out rows",
    }[path.selection]
    folds = f"{path.folds} left out" if path.is_leave_one_out else f"{counted(path.n_folds, 'fold')} {path.folds}"
    return f"l2 = {l2_text(path.l2)}, chosen from {counted(len(path.points), 'value')} {how} ({folds})"


def loss_of(path: PenaltyPath) -> str:
    """What the path shows of each value."""
    return "leave-one-out log loss" if path.is_leave_one_out else "log loss of held-out rows"


def _short_loss(path: PenaltyPath) -> str:
    """The same in few words."""
    return "leave-one-out log loss" if path.is_leave_one_out else "held-out log loss"


def sentences_of(path: PenaltyPath) -> list[str]:
    """The least loss, the largest l2 within one standard error, and cautions."""
    best, strong = path.best, path.within_one_standard_error
    clauses = [f"the least {_short_loss(path)} is {_with_interval(best)} at l2 = {l2_text(best.l2)}"]
    if strong is best:
        clauses.append("no larger l2 is within one standard error")
    else:
        clauses.append(
            f"the largest l2 within one standard error is {l2_text(strong.l2)}, with {fixed(strong.log_loss, DIGITS)}"
        )
    if path.chosen not in (best, strong):
        clauses.append(f"the log loss at the chosen l2 is {fixed(path.chosen.log_loss, DIGITS)}")
    found = ["; ".join(clauses)]
    if path.is_at_an_end:
        beyond = "smaller" if best is path.points[-1] else "larger"
        found.append(f"the least loss is at the end of the path: {beyond} values may have a smaller loss")
    n_infinite = sum(point.n_infinite > 0 for point in path.points)
    if n_infinite:
        why = "the classes of a fold are separated"
        if path.is_leave_one_out:
            why = f"one {path.sampling_unit} alone determines a coefficient"
        found.append(f"the {_short_loss(path)} is infinite at {counted(n_infinite, 'value')}: {why}")
    if path.why_not_zero:
        found.append(f"l2 = 0 was not compared: {path.why_not_zero}")
    if path.n_one_class:
        found.append(
            f"{counted(path.n_one_class, 'fold')} had training rows of one class only, and predicts their base rate"
        )
    return found


def _with_interval(point: PathPoint) -> str:
    loss = point.log_loss
    ends = f" ({confidence(loss.low, loss.high, DIGITS)})" if loss.has_interval else ""
    return fixed(loss, DIGITS) + ends


def remarks_of_path(path: PenaltyPath) -> list[str]:
    """The lines of a model's text."""
    lines = [f"penalty    {choice_of(path)}", *(f"path       {sentence}" for sentence in sentences_of(path))]
    together = sum(point.n_passes for point in path.points)
    of_folds = "" if path.is_leave_one_out else " of folds"
    return [
        *lines,
        f"walks      {counted(path.n_walks, 'walk')} over the rows for {counted(together, 'pass', 'passes')}{of_folds}",
    ]


def path_rows(path: PenaltyPath, most: int | None = None) -> tuple[list[list[str]], str]:
    """The path as a table, the chosen row marked; how its columns align. most: rows of longer ones, approximately."""
    head = ["l2", _short_loss(path), "95% CI", "Δ to least", "95% CI", "effective df", ""]
    rows = [_row(path, point) for point in shown_points(path, most)]
    return [head, *rows], "rrlrlrl"


def left_out_of(path: PenaltyPath, most: int) -> list[str]:
    """How many values are not shown."""
    n_left = len(path.points) - len(shown_points(path, most))
    return [f"… and {counted(n_left, 'value')} between them: model.path.table"] if n_left else []


def shown_points(path: PenaltyPath, most: int | None = None) -> list[PathPoint]:
    """The values of a table: both ends, the best, the chosen one, and others evenly between."""
    points = list(path.points)
    if most is None or len(points) <= most:
        return points
    named = {point.l2 for point in (points[0], points[-1], path.best, path.chosen, path.within_one_standard_error)}
    step = len(points) / max(most - len(named), 1)
    named |= {points[int(k * step)].l2 for k in range(most - len(named))}
    return [point for point in points if point.l2 in named]


def _row(path: PenaltyPath, point: PathPoint) -> list[str]:
    """One value."""
    loss, apart = point.log_loss, point.difference
    marks = [
        *(["chosen"] if point is path.chosen else []),
        *(["least"] if point is path.best else []),
        *(["within 1 SE"] if point is path.within_one_standard_error is not path.best else []),
    ]
    if point.n_infinite:
        marks.append(f"{count(point.n_infinite)} rows infinite")
    difference = "0" if point is path.best else visible(apart, DIGITS) if loss.has_interval else ""
    return [
        l2_text(point.l2),
        fixed(loss, DIGITS) if loss.has_interval else significant(loss),
        interval(loss.low, loss.high, DIGITS) if loss.has_interval else "",
        difference,
        interval(apart.low, apart.high, DIGITS) if apart.has_interval and point is not path.best else "",
        "" if math.isnan(point.effective_degrees_of_freedom) else fixed(point.effective_degrees_of_freedom, 1),
        ", ".join(marks),
    ]
