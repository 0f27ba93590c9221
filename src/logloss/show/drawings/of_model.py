"""What the pictures of a model show."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from logloss.answers.estimate import expit, logit
from logloss.answers.small_table import SmallTable
from logloss.data.terms import Numbers
from logloss.show.drawings.of_path import path
from logloss.show.drawings.picture import Drawing, not_drawn
from logloss.show.words.of_model import (
    INDENT,
    NOT_CONCAVE,
    interval_of,
    is_grouped,
    level_text,
    odds_ratio,
    why_no_errors,
)
from logloss.text import count, counted, cut, fixed, printable, significant
from logloss.training.additive_model import AdditiveModel
from logloss.training.model import LogisticModel
from logloss.training.wide_model import WideModel

# Most coefficients that are drawn.
MOST_COEFFICIENTS = 20
KEYS = ("name", "reference", "coefficient", "low", "high", "is_reference", "is_heading")
# Points of the curve of one column, and lines of equal probability of two.
N_CURVE, LEVELS = 101, (0.1, 0.25, 0.5, 0.75, 0.9)
# Log-odds beyond which a coefficient leaves its picture; with the axis around it, it is a number.
FARTHEST = 600.0


def coefficients(model: LogisticModel) -> Drawing:
    """The factor by which one unit more, or a level instead of its reference, multiplies the odds."""
    every = sorted(_coefficients(model), key=lambda row: -row["distance"])
    chosen = [row for row in every if math.isfinite(row["coefficient"])][:MOST_COEFFICIENTS]
    title = "Odds ratios"
    if not chosen:
        reason = (
            "the model has no coefficients" if not every else "the classes are separated: coefficients are infinite"
        )
        return not_drawn("coefficients", title, reason)
    rows_drawn = _by_column(model, chosen)
    table = SmallTable({key: [row[key] for row in rows_drawn] for key in KEYS})
    top = chosen[0]
    per = f"compared with {top['reference']}" if top["reference"] else "per unit"
    sentence = (
        f"Odds ratios of {printable(model.positive)}: {printable(top['coefficient_name'], 40)} multiplies the odds by "
        f"{odds_ratio(top['coefficient'])} ({per})."
    )
    if model.errors is None and model.profile is None:
        sentence += f" Intervals are not available: {why_no_errors(model)}."
    else:
        of = "95% confidence intervals" if model.profile is None else "95% profile-likelihood intervals"
        sentence += f" Lines are {of}; one that contains 1 is not significant."
    if any(row["is_reference"] for row in rows_drawn):
        sentence += " Hollow: the reference level."
    n_finite = sum(math.isfinite(row["coefficient"]) for row in every)
    if len(every) > n_finite:
        sentence += f" Infinite coefficients are not drawn ({len(every) - n_finite})."
    if n_finite > len(chosen):
        sentence += f" Shown are the {len(chosen)} of {count(n_finite)} coefficients farthest from 0"
        sentence += " in standard errors." if model.errors is not None else " over the range of their column."
    head = ["", "coefficient", "odds ratio", "95% CI"]
    rows = []
    for row in rows_drawn:
        if row["is_heading"]:
            rows.append([row["name"], "", "", ""])
            continue
        name = INDENT * row["is_level"] + row["name"] + " (reference)" * row["is_reference"]
        rows.append([name, significant(row["coefficient"]), odds_ratio(row["coefficient"]), interval_of(row)])
    figures = {"positive": model.positive}
    return Drawing("coefficients", title, sentence, {"coefficients": table}, figures, [head, *rows])


def _coefficients(model: LogisticModel) -> list[dict[str, Any]]:
    """Each coefficient with its column, its interval, its reference, and how far it is from 0."""
    sizes = dict(zip(model.design.names, model.design.scale[model.design.places].tolist(), strict=True))
    columns = {name: term.column for term in model.design.terms for name in term.coefficient_names}
    table = model.coefficient_table
    of_name = {row["name"]: row for row in table[len(table) - len(model.coefficients) :]}
    rows = []
    for name, value in model.coefficients.items():
        low, high = of_name[name]["low"], of_name[name]["high"]
        distance = abs(value) * sizes[name]
        if model.errors is not None:
            error = model.errors.coefficients[name]
            distance = abs(value) / error if error > 0 else 0.0
        if math.isinf(low) or math.isinf(high):
            # An interval without an end is not drawn.
            low = high = math.nan
        inside, low, high = (_inside(each) for each in (value, low, high))
        reference = printable(model.design.references.get(name, ""), 24)
        row = {"coefficient_name": name, "column": columns[name], "coefficient": inside, "distance": distance}
        row |= {"name": _named(name, reference), "reference": reference, "is_level": False, "is_heading": False}
        rows.append(row | {"low": low, "high": high, "is_reference": False})
    return rows


def _inside(value: float) -> float:
    """Log-odds that a picture has room for; infinite ones are not drawn."""
    return min(max(value, -FARTHEST), FARTHEST) if math.isfinite(value) else value


def _named(name: str, reference: str) -> str:
    """A coefficient that stands alone: `age`, `sex: Male (vs Female)`."""
    return f"{printable(name, 28)} (vs {cut(reference, 10)})" if reference else printable(name, 40)


def _by_column(model: LogisticModel, chosen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The coefficients; the levels of a category of three or more below its name, its reference among them."""
    by_column: dict[str, list[dict[str, Any]]] = {}
    for row in chosen:
        by_column.setdefault(row["column"], []).append(row)
    terms = {term.column: term for term in model.design.terms}
    nothing: dict[str, Any] = dict.fromkeys(("coefficient", "low", "high", "distance"), math.nan)
    nothing |= {"reference": "", "is_reference": False, "is_level": False, "is_heading": False}
    alone, rows = [], []
    for column, own in by_column.items():
        term = terms[column]
        if not is_grouped(term):
            alone += own
            continue
        names = {name: level_text(term, number) for number, name in enumerate(term.coefficient_names)}
        levels = [row | {"name": printable(names[row["coefficient_name"]], 40), "is_level": True} for row in own]
        reference: dict[str, Any] = {"name": printable(level_text(term, term.reference), 40), "coefficient": 0.0}
        if not term.is_pooled:
            levels.append(nothing | reference | {"is_reference": True, "is_level": True})
        levels.sort(key=lambda row: -row["coefficient"])
        rows += [nothing | {"name": printable(column, 40), "is_heading": True}, *levels]
    # First: below the levels of another column they would look like its own.
    return [*alone, *rows]


def passes(model: LogisticModel | AdditiveModel | WideModel) -> Drawing:
    """How far the loss of each training pass is above the last one."""
    has_firth = isinstance(model, LogisticModel) and bool(model.penalty)
    objective = [each.log_loss + each.penalty for each in model.passes]
    # Of "flic" and "flac" the last pass is a little above the least.
    least = min(objective) if has_firth else objective[-1]
    above = [value - least for value in objective]
    table = SmallTable(
        {
            "pass": list(range(1, len(model.passes) + 1)),
            "log_loss_nats": [each.log_loss for each in model.passes],
            "above_last_nats": above,
            "bound_nats": [each.bound for each in model.passes],
        }
    )
    bound = model.certificate
    rows = [["pass", "log loss (nats)", "above the last", "bound"]]
    for row in table:
        cells = [significant(row[key], 2) for key in ("above_last_nats", "bound_nats")]
        rows.append([str(row["pass"]), fixed(row["log_loss_nats"], 6), *cells])
    figures = {"bound_nats": bound.nats_per_row, "is_proven": bound.is_proven}
    sentence = _passes_sentence(model, objective, has_firth=has_firth)
    return Drawing("passes", "Training, pass by pass", sentence, {"passes": table}, figures, rows)


def _passes_sentence(
    model: LogisticModel | AdditiveModel | WideModel, objective: list[float], *, has_firth: bool
) -> str:
    """From where to where the objective went, and how near to its minimum."""
    first, last = objective[0], objective[-1]
    digits = next((digits for digits in range(4, 12) if fixed(first, digits) != fixed(last, digits)), 4)
    of = "The penalised log loss" if not isinstance(model, LogisticModel) or model.is_penalised else "The log loss"
    sentence = f"{of} went from {fixed(first, digits)} to {fixed(last, digits)} nats in {len(model.passes)} passes"
    if len(model.passes) == 1:
        sentence = f"{of} is {fixed(last, digits)} nats after one pass"
    if model.separation is not None:
        sentence += f"; the classes are separated, and its infimum is {fixed(model.log_loss, 4)}."
    elif has_firth:
        sentence += f"; {NOT_CONCAVE}, so its distance to the minimum is not certified."
    elif model.certificate.is_proven:
        size = f"{model.certificate.nats_per_row:.0e}"
        sentence += f", certified to be at most {size} nats per row above the minimum."
    else:
        sentence += "; its distance to the minimum is not certified."
    if any(math.isfinite(each.bound) for each in model.passes):
        sentence += " Dashed: that bound after each pass."
    if isinstance(model, AdditiveModel):
        sentence += " It has no bound while precisions are chosen."
    return sentence


def numbers_read(model: LogisticModel) -> list[str]:
    """The columns of numbers, if the model reads nothing else and computes nothing of them."""
    is_plain = all(isinstance(term, Numbers) and not term.may_lack for term in model.design.terms)
    return list(model.design.read) if is_plain and not model.design.derived else []


def boundary(model: LogisticModel) -> Drawing:
    """The probability over one column, or the lines of equal probability over two; over the range of training."""
    names, title, reason = numbers_read(model), f"P({printable(model.positive)})", _why_no_boundary(model)
    if reason:
        return not_drawn("boundary", title, reason)
    return _curve(model, names[0], title) if len(names) == 1 else _lines(model, names, title)


def _why_no_boundary(model: LogisticModel) -> str:
    """Why no boundary is drawn; empty where one is."""
    names = numbers_read(model)
    if model.separation is not None:
        return "the classes are separated: the curve is a step"
    if model.has_offset:
        return "the boundary depends on the offset of each row"
    if not 1 <= len(names) <= 2:
        return f"it needs a model of one or two numeric columns; this one has {_columns_text(model)}"
    constant = [name for name, (low, high) in zip(names, _ranges(model), strict=True) if low == high]
    return f'"{printable(constant[0])}" is constant' if constant else ""


def _columns_text(model: LogisticModel) -> str:
    """`5 columns`, `2 columns, not all numeric`."""
    n_read = len(model.design.read)
    if model.design.derived:
        return f"columns that are computed, such as {printable(model.design.derived[0].name)}"
    return counted(n_read, "column") + (", not all numeric" if 1 <= n_read <= 2 else "")


def _ranges(model: LogisticModel) -> list[tuple[float, float]]:
    """The range of each column of numbers in training; for an older file, approximately."""
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
    sentence = f"Predicted probability of {printable(model.positive)} over {shown}."
    if low <= middle <= high:
        sentence += f" It is 0.5 at {significant(middle)}."
    else:
        sentence += " It is nowhere 0.5 in the range of training."
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
    sentence = f"Lines of equal predicted probability of {printable(model.positive)}; the thick line is 0.5."
    rows = [["probability", f"{shown[0]} from", f"{shown[1]} from", f"{shown[0]} to", f"{shown[1]} to"]]
    rows += [[fixed(row["proba"], 2), *(significant(row[key]) for key in list(found)[1:])] for row in lines]
    if not len(lines):
        sentence = (
            f"No predicted probability of {printable(model.positive)} in the range of training is from 0.1 to 0.9."
        )
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
    # 1e-9 of its size: a corner is on both of its sides, despite rounding.
    near = 1e-9 * (x_high - x_low), 1e-9 * (y_high - y_low)
    inside = sorted(
        (x, y) for x, y in ends if x_low - near[0] <= x <= x_high + near[0] and y_low - near[1] <= y <= y_high + near[1]
    )
    return (*inside[0], *inside[-1]) if len(inside) >= 2 else None


KINDS = {"boundary": boundary, "coefficients": coefficients, "passes": passes, "path": path}


def kinds(model: LogisticModel) -> list[str]:
    """The pictures of a model; the first one is drawn if none is named."""
    return [
        *([] if _why_no_boundary(model) else ["boundary"]),
        "coefficients",
        *(["path"] if model.path else []),
        "passes",
    ]
