"""A model of a sparse matrix in words: its sizes, the largest coefficients, the log loss, the certificate."""

from __future__ import annotations

import math

import numpy as np

from logloss.information import entropy
from logloss.show.words.of_model import certified, note_line, odds_ratio
from logloss.show.words.of_path import MOST_IN_TEXT, left_out_of, path_rows, remarks_of_path
from logloss.text import (
    LONGEST_NAMED,
    columns,
    count,
    counted,
    fixed,
    percent,
    printable,
    printable_lines,
    significant,
)
from logloss.training.wide_model import WideModel

# Coefficients that are shown, in text and on a page.
IN_TEXT, ON_PAGES = 20, 200
NO_INTERVALS = "no information matrix of so many columns is formed, and the penalty biases the coefficients"


def text_of(model: WideModel) -> str:
    """The whole model."""
    lines = [*columns(*coefficient_rows(model), gap="   "), *left_out(model), ""]
    whole = [head_of(model), "", *lines, *remarks_of(model)]
    if model.path is not None:
        whole += ["", *columns(*path_rows(model.path, MOST_IN_TEXT), gap="   "), *left_out_of(model.path, MOST_IN_TEXT)]
    return printable_lines("\n".join(whole))


def head_of(model: WideModel) -> str:
    """What it predicts, from what, and how many rows it was trained on."""
    share = f"base rate {fixed(model.base_rate, 4)}"
    if model.n_positive is not None:
        share = f"{count(model.n_positive)} positive"
    clauses = [
        f"{type(model).__name__}: P({printable(model.positive, LONGEST_NAMED)})",
        counted(model.n_features, "feature"),
        f"{counted(model.n_rows, 'row')} ({share})",
        counted(model.n_values, "value"),
        *([] if model.fit_intercept else ["no intercept"]),
        *penalties(model),
    ]
    return ", ".join(clauses)


def penalties(model: WideModel) -> list[str]:
    """The strengths of its penalties, and for how many columns they are multiplied."""
    strengths = [f"{name} = {value:g}" for name, value in (("l1", model.l1), ("l2", model.l2)) if value]
    n_factors = int(np.count_nonzero(model.penalty_factors != 1))
    return [*strengths, *([f"penalty factors of {counted(n_factors, 'column')}"] if n_factors else [])]


def zeros(model: WideModel) -> str:
    """How many coefficients are 0, under a penalty that makes some so: `78 of 122 coefficients`."""
    return f"{count(model.n_features - model.n_nonzero)} of {counted(model.n_features, 'coefficient')}"


def coefficient_rows(model: WideModel, most: int = IN_TEXT) -> tuple[list[list[str]], str]:
    """The intercept and the largest coefficients, below the names of the columns; how these align."""
    rows = [["", "coefficient", "odds ratio", "per std. deviation"]]
    if model.fit_intercept:
        rows.append(["intercept", significant(model.intercept), "", ""])
    for name, value, effect in model.largest(most):
        of_deviation = "" if math.isnan(effect) else significant(effect)
        rows.append([printable(name), significant(value), odds_ratio(value), of_deviation])
    return rows, "lrrr"


def left_out(model: WideModel, most: int = IN_TEXT) -> list[str]:
    """How many coefficients are not shown."""
    n_left, n_unused = max(model.n_nonzero - most, 0), model.n_features - model.n_nonzero
    clauses = [f"{count(n_left)} more, smaller ones"] if n_left else []
    clauses += [f"{count(n_unused)} of 0"] if n_unused else []
    return [f"… and {', '.join(clauses)}: model.coef"] if clauses else []


def remarks_of(model: WideModel) -> list[str]:
    """The lines below the table: log loss, intervals, certificate, notes."""
    baseline = float(entropy(model.base_rate))
    clauses = [f"log loss   {fixed(model.log_loss, 4)} in sample", f"baseline {fixed(baseline, 4)}"]
    if baseline > 0 and not model.has_offset:
        clauses.append(f"skill {percent(1 - model.log_loss / baseline, 1)}")
    passes = counted(len(model.passes), "pass", "passes")
    products = f"{counted(model.n_products, 'product', 'products')} with the Hessian"
    if model.l1:
        products = f"{counted(model.n_products, 'walk')} over working sets"
    return [
        "; ".join(clauses),
        *([f"zero       {zeros(model)}"] if model.l1 else []),
        f"intervals  not available: {NO_INTERVALS}",
        f"optimum    {certified(model.certificate, 'the minimum')}; {passes} and {products}",
        *([] if model.path is None else remarks_of_path(model.path)),
        *map(note_line, model.notes),
    ]
