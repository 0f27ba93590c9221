"""A penalty path in words: which value was chosen, and the losses of the held-out rows as a table."""

from __future__ import annotations

import math

from logloss.text import confidence, count, counted, fixed, interval, listed, significant, visible
from logloss.training.penalty_path import BEST, BY_SCORE, ONE_STANDARD_ERROR, PathPoint, PenaltyPath

# Values that the table of a text has at most, the chosen one and the best one among them.
MOST_IN_TEXT = 12
DIGITS = 4


def strength_text(path: PenaltyPath, point: PathPoint) -> str:
    """The strengths of the penalty, as a person types them: `l2 = 1`, `l1 = 3, l2 = 1`."""
    if not path.has_l1:
        return f"l2 = {point.l2:g}"
    if point.l1 and not point.l2:
        return f"l1 = {point.l1:g}"
    return f"l1 = {point.l1:g}, l2 = {point.l2:g}" if point.strength else "no penalty"


def choice_of(path: PenaltyPath) -> str:
    """Which value was chosen, from how many, by what."""
    loss = loss_of(path)
    how = {
        BEST: f"by the {loss}",
        ONE_STANDARD_ERROR: f"as the largest within one standard error of the least {loss}",
        BY_SCORE: "by a score of held-out rows",
    }[path.selection]
    folds = f"{path.folds} left out" if path.is_leave_one_out else f"{counted(path.n_folds, 'fold')} {path.folds}"
    several = ""
    if len(path.l1_ratios) > 1:
        several = f" with l1_ratio {listed([f'{ratio:g}' for ratio in path.l1_ratios])}"
    n_values = counted(len(path.points), "value")
    return f"{strength_text(path, path.chosen)}, chosen from {n_values}{several} {how} ({folds})"


def loss_of(path: PenaltyPath) -> str:
    """What the path shows of each value."""
    return "leave-one-out log loss" if path.is_leave_one_out else "log loss of held-out rows"


def _short_loss(path: PenaltyPath) -> str:
    """The same in few words."""
    return "leave-one-out log loss" if path.is_leave_one_out else "held-out log loss"


def sentences_of(path: PenaltyPath) -> list[str]:
    """The least loss, the strongest penalty within one standard error, and cautions."""
    best, strong = path.best, path.within_one_standard_error
    penalty = "penalty" if path.has_l1 else "l2"
    clauses = [
        f"the least {_short_loss(path)} is {_with_interval(best)} at {strength_text(path, best)}{_not_zero(path, best)}"
    ]
    if strong is best:
        clauses.append(f"no larger {penalty} is within one standard error")
    else:
        own = strength_text(path, strong) if path.has_l1 else f"{strong.l2:g}"
        clauses.append(
            f"the largest {penalty} within one standard error is {own}, with {fixed(strong.log_loss, DIGITS)}"
            f"{_not_zero(path, strong)}"
        )
    if path.chosen not in (best, strong):
        clauses.append(f"the log loss at the chosen {penalty} is {fixed(path.chosen.log_loss, DIGITS)}")
    found = ["; ".join(clauses)]
    if len(path.l1_ratios) > 1:
        least = [min(path.along(ratio), key=lambda point: point.log_loss) for ratio in path.l1_ratios]
        each = [f"{fixed(point.log_loss, DIGITS)} (l1_ratio {point.l1_ratio:g})" for point in least]
        found.append(f"the least of each ratio is {listed(each, len(each))}")
    if path.is_empty_best:
        found.append("the least loss is where every coefficient is 0: the columns do not lower the loss of other rows")
    if path.is_at_an_end:
        beyond = "smaller" if best is path.along(best.l1_ratio)[-1] else "larger"
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


def _not_zero(path: PenaltyPath, point: PathPoint) -> str:
    """How many coefficients an L1 penalty leaves, in brackets."""
    if not path.has_l1:
        return ""
    return f" ({count(point.n_nonzero)} of {counted(path.n_coefficients, 'coefficient')} not 0)"


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
    """The path as a table, the chosen row marked; how its columns align. most: rows of longer ones, approximately.

    Of several ratios it has the values of the chosen one.
    """
    names = _strengths_shown(path)
    size = "not 0" if path.has_l1 else "effective df"
    head = [*names, _short_loss(path), "95% CI", "Δ to least", "95% CI", size, ""]
    rows = [_row(path, point, names) for point in shown_points(path, most)]
    return [head, *rows], "r" * len(names) + "rlrlrl"


def _strengths_shown(path: PenaltyPath) -> list[str]:
    """The columns of strengths: of penalties that are anywhere above 0."""
    own = path.along(path.chosen.l1_ratio)
    names = [name for name in ("l1", "l2") if any(getattr(point, name) for point in own)]
    return names or ["l2"]


def left_out_of(path: PenaltyPath, most: int) -> list[str]:
    """How many values are not shown."""
    own = path.along(path.chosen.l1_ratio)
    n_left, n_others = len(own) - len(shown_points(path, most)), len(path.points) - len(own)
    found = [f"{counted(n_left, 'value')} between them"] if n_left else []
    found += [f"{count(n_others)} with other ratios"] if n_others else []
    return [f"… and {' and '.join(found)}: model.path.table"] if found else []


def shown_points(path: PenaltyPath, most: int | None = None) -> list[PathPoint]:
    """The values of a table: both ends, the best, the chosen one, and others evenly between."""
    points = list(path.along(path.chosen.l1_ratio))
    if most is None or len(points) <= most:
        return points
    marked = (points[0], points[-1], path.best, path.chosen, path.within_one_standard_error)
    named = {point.strength for point in marked if point in points}
    step = len(points) / max(most - len(named), 1)
    named |= {points[int(k * step)].strength for k in range(most - len(named))}
    return [point for point in points if point.strength in named]


def _size_of(path: PenaltyPath, point: PathPoint) -> str:
    """How many coefficients an L1 penalty leaves, or the effective degrees of freedom, where they are known."""
    if path.has_l1:
        return count(point.n_nonzero)
    degrees = point.effective_degrees_of_freedom
    return "" if math.isnan(degrees) else fixed(degrees, 1)


def _row(path: PenaltyPath, point: PathPoint, names: list[str]) -> list[str]:
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
        *(f"{getattr(point, name):g}" for name in names),
        fixed(loss, DIGITS) if loss.has_interval else significant(loss),
        interval(loss.low, loss.high, DIGITS) if loss.has_interval else "",
        difference,
        interval(apart.low, apart.high, DIGITS) if apart.has_interval and point is not path.best else "",
        _size_of(path, point),
        ", ".join(marks),
    ]
