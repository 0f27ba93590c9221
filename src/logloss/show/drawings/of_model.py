"""What the pictures of a model show."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from logloss.answers.estimate import expit, logit
from logloss.answers.small_table import SmallTable
from logloss.data.terms import Numbers
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.show.words.of_model import coefficient_rows, odds_ratio
from logloss.text import count, counted, fixed, printable, significant
from logloss.training.model import LogisticModel

# Most coefficients that are drawn.
MOST_COEFFICIENTS = 20
# Points of the curve of one column, and lines of equal probability of two.
N_CURVE, LEVELS = 101, (0.1, 0.25, 0.5, 0.75, 0.9)
# Log-odds beyond which a coefficient leaves its picture.
FARTHEST = 690.0


def coefficients(model: LogisticModel) -> Drawing:
    """By what one unit more, or a level against its reference, multiplies the odds."""
    found = sorted(_coefficients(model), key=lambda row: -row["far"])
    chosen = [row for row in found if math.isfinite(row["coefficient"])][:MOST_COEFFICIENTS]
    keys = ["name", "against", "coefficient", "low", "high"]
    table = SmallTable({key: [row[key] for row in chosen] for key in keys})
    title = "Odds ratios"
    rows, _ = coefficient_rows(model)
    if not chosen:
        reason = (
            "the model has no coefficients" if not found else "its coefficients are infinite: classes are separated"
        )
        return not_drawn("coefficients", title, reason, rows)
    top = chosen[0]
    times = odds_ratio(top["coefficient"])
    per = f"against {top['against']}" if top["against"] else "for one unit more"
    sentence = (
        f"Right of 1 the odds of {printable(model.positive)} rise, left of it they fall: "
        f"{top['name']} multiplies them by {times} ({per})."
    )
    if model.errors is None:
        why = "a penalty makes intervals wrong" if model.l2 else "classes are separated"
        sentence += f" There are no intervals: {why}."
    else:
        sentence += " The lines are 95 % intervals; one that holds 1 may be chance."
    if len(found) > len(chosen):
        sentence += f" Drawn are the {len(chosen)} of {count(len(found))} coefficients that are farthest from 1"
        sentence += " in standard errors." if model.errors is not None else " over the range of their column."
    return Drawing("coefficients", title, sentence, {"coefficients": table}, {"positive": model.positive}, rows)


def _coefficients(model: LogisticModel) -> list[dict[str, Any]]:
    """Each coefficient with its interval, what it is measured against, and how far it is from 0."""
    sizes = dict(zip(model.design.names, model.design.scale[model.design.places].tolist(), strict=True))
    rows = []
    for name, value in model.coefficients.items():
        low = high = math.nan
        far = abs(value) * sizes[name]
        if model.errors is not None:
            error, reach = model.errors.coefficients[name], model.errors.margin(name)
            low, high = value - reach, value + reach
            far = abs(value) / error if error > 0 else 0.0
        against = model.design.references.get(name, "")
        inside = min(max(value, -FARTHEST), FARTHEST) if math.isfinite(value) else value
        row = {"name": printable(name, 40), "against": printable(against, 24), "coefficient": inside}
        rows.append(row | {"low": max(low, -FARTHEST), "high": min(high, FARTHEST), "far": far})
    return rows


def passes(model: LogisticModel) -> Drawing:
    """How training came near the best, pass by pass."""
    penalty = [model.l2 * sum(c * c for c in each.coefficients) / (2 * model.sum_weight) for each in model.passes]
    objective = [each.log_loss + own for each, own in zip(model.passes, penalty, strict=True)]
    above = [value - objective[-1] for value in objective]
    found = SmallTable(
        {
            "pass": list(range(1, len(model.passes) + 1)),
            "log_loss_nats": [each.log_loss for each in model.passes],
            "above_last_nats": above,
            "bound_nats": [each.bound for each in model.passes],
        }
    )
    bound = model.certificate.nats_per_row
    first, last = objective[0], objective[-1]
    digits = next((digits for digits in range(4, 12) if fixed(first, digits) != fixed(last, digits)), 4)
    of = "the loss and its penalty" if model.l2 else "the loss"
    walks = counted(len(model.passes), "walk")
    sentence = f"In {walks} over the rows {of} went from {fixed(first, digits)} to {fixed(last, digits)} nats"
    if len(model.passes) == 1:
        sentence = f"One walk over the rows found {fixed(last, digits)} nats for {of}"
    if model.separation is not None:
        sentence += f"; as classes are separated, it can come as near to {fixed(model.log_loss, 4)} as one likes."
    else:
        within = f"it is within {bound:.0e} nats a row of the best (proved)"
        sentence += f"; at the end {within if model.certificate.is_proven else 'no bound is proved'}."
    if any(math.isfinite(each.bound) for each in model.passes):
        sentence += " The dashed line is that bound, pass by pass."
    rows = [["pass", "log loss (nats)", "above the last", "bound"]]
    for row in found:
        cells = [significant(row[key], 2) for key in ("above_last_nats", "bound_nats")]
        rows.append([str(row["pass"]), fixed(row["log_loss_nats"], 6), *cells])
    figures = {"bound_nats": bound, "is_proven": model.certificate.is_proven}
    return Drawing("passes", "Training, pass by pass", sentence, {"passes": found}, figures, rows)


def numbers_read(model: LogisticModel) -> list[str]:
    """The columns of numbers, if the model reads nothing else."""
    is_plain = all(isinstance(term, Numbers) and not term.may_lack for term in model.design.terms)
    return list(model.design.read) if is_plain else []


def boundary(model: LogisticModel) -> Drawing:
    """The probability over one column, or the lines of equal probability over two; over the range of training."""
    names = numbers_read(model)
    title = f"P({printable(model.positive)})"
    reason = ""
    if model.separation is not None:
        reason = "classes are separated: the curve is a step"
    elif model.has_offset:
        reason = "an offset moves it from row to row"
    elif not 1 <= len(names) <= 2:
        reason = f"it needs one or two columns of numbers alone; the model reads {len(model.design.read)}"
    if reason:
        return not_drawn("boundary", title, reason)
    return _curve(model, names[0], title) if len(names) == 1 else _lines(model, names, title)


def _ranges(model: LogisticModel) -> list[tuple[float, float]]:
    """From where to where each column of numbers went in training; of an older file, about."""
    ranges: list[tuple[float, float]] = []
    for term in model.design.numbers:
        lows = term.centre - term.scale if term.lows is None else term.lows
        highs = term.centre + term.scale if term.highs is None else term.highs
        ranges += zip(lows.tolist(), highs.tolist(), strict=True)
    return ranges


def _curve(model: LogisticModel, name: str, title: str) -> Drawing:
    """P over one column."""
    low, high = _ranges(model)[0]
    slope = model.coefficients[name]
    x = np.linspace(low, high, N_CURVE)
    logits = model.intercept + slope * x
    curve = SmallTable({"x": x.tolist(), "proba": expit(logits).tolist()})
    middle = -model.intercept / slope if slope else math.nan
    shown = printable(name, 40)
    sentence = f"The curve says how probable {printable(model.positive)} is for each {shown}."
    if low <= middle <= high:
        sentence += f" It passes one half at {significant(middle)}."
    else:
        sentence += " It does not pass one half over the values of training."
    rows = [[shown, title]]
    rows += [[significant(row["x"]), fixed(row["proba"], 4)] for row in list(curve)[::5]]
    figures = {"x_label": shown, "half_at": middle, "low": low, "high": high}
    return Drawing("boundary", title, sentence, {"curve": curve}, figures, rows)


def _lines(model: LogisticModel, names: list[str], title: str) -> Drawing:
    """Lines of equal P over two columns."""
    (x_low, x_high), (y_low, y_high) = _ranges(model)
    a, b = (model.coefficients[name] for name in names)
    shown = [printable(name, 40) for name in names]
    found: dict[str, list[float]] = {key: [] for key in ("proba", "x_from", "y_from", "x_to", "y_to")}
    for level in LEVELS:
        ends = _line(a, b, logit(level) - model.intercept, x_low, x_high, y_low, y_high)
        if ends is not None:
            for key, value in zip(found, (level, *ends), strict=True):
                found[key].append(value)
    lines = SmallTable(found)
    sentence = f"Along each line {printable(model.positive)} is equally probable; the thick one is one half."
    rows = [["probability", f"{shown[0]} from", f"{shown[1]} from", f"{shown[0]} to", f"{shown[1]} to"]]
    rows += [[fixed(row["proba"], 2), *(significant(row[key]) for key in list(found)[1:])] for row in lines]
    if not len(lines):
        sentence = f"Over the values of training {printable(model.positive)} never has a probability of 0.1 to 0.9."
    figures = {"x_label": shown[0], "y_label": shown[1], "x_low": x_low, "x_high": x_high}
    return Drawing("boundary", title, sentence, {"lines": lines}, figures | {"y_low": y_low, "y_high": y_high}, rows)


def _line(
    a: float, b: float, c: float, x_low: float, x_high: float, y_low: float, y_high: float
) -> tuple[float, float, float, float] | None:
    """The piece of a·x + b·y = c inside a rectangle as (x, y) and (x, y); None where it passes by."""
    ends = []
    if b:
        ends += [(x, (c - a * x) / b) for x in (x_low, x_high)]
    if a:
        ends += [((c - b * y) / a, y) for y in (y_low, y_high)]
    # 1e-9 of its size: a corner is on both of its sides, whatever rounding says.
    near = 1e-9 * (x_high - x_low), 1e-9 * (y_high - y_low)
    inside = sorted(
        (x, y) for x, y in ends if x_low - near[0] <= x <= x_high + near[0] and y_low - near[1] <= y <= y_high + near[1]
    )
    return (*inside[0], *inside[-1]) if len(inside) >= 2 else None


KINDS = {"boundary": boundary, "coefficients": coefficients, "passes": passes}


def kinds(model: LogisticModel) -> list[str]:
    """The pictures of a model, the first one as a rule."""
    is_drawn = 1 <= len(numbers_read(model)) <= 2 and not model.has_offset and model.separation is None
    return [*(["boundary"] if is_drawn else []), "coefficients", "passes"]
