"""A model in words and as a table, as people read it; nothing is computed here but how figures are written."""

from __future__ import annotations

import math
from typing import Any

from logloss.inference.cautions import effective
from logloss.information import entropy
from logloss.text import (
    LONGEST_NAMED,
    columns,
    count,
    counted,
    fixed,
    listed,
    percent,
    printable,
    printable_lines,
    significant,
)
from logloss.training.cluster_errors import CV3
from logloss.training.leave_one_out import OutOfSample
from logloss.training.model import NEAR, NOT_USED, LogisticModel
from logloss.training.standard_errors import POWERS, Errors

# exp of more is no number.
LARGEST_EXPONENT = 709.0
# An odds ratio above is written by its power of ten.
LARGEST_RATIO = 1e6
# A p-value below is written as a bound.
LEAST_P = 0.001
# Of more coefficients than the first, so many are shown: those farthest from 0 in standard errors. On a page, and in
# text.
ON_PAGES, IN_TEXT = (300, 200), (60, 40)


def text_of(model: LogisticModel) -> str:
    """The whole model."""
    lines = columns(*coefficient_rows(model), gap="   ")
    return printable_lines("\n".join([head_of(model), "", *lines, *left_out(model), "", *remarks_of(model)]))


def head_of(model: LogisticModel) -> str:
    """What it predicts, from what, and how many rows it was trained on."""
    penalty = "no penalty" if model.l2 == 0 else f"l2 = {model.l2:g}"
    share = f"base rate {fixed(model.base_rate, 4)}"
    if model.n_positive is not None:
        share = f"{count(model.n_positive)} positive"
    clauses = [
        f"LogisticModel: P({printable(model.positive, LONGEST_NAMED)})",
        counted(len(model.design.read), "feature"),
        f"{counted(model.n_rows, 'row')} ({share})",
    ]
    if model.n_dropped:
        clauses.append(f"{counted(model.n_dropped, 'row')} with a missing value dropped")
    return ", ".join([*clauses, penalty])


def shown_of(model: LogisticModel, limits: tuple[int, int] = IN_TEXT) -> list[str]:
    """The names of the coefficients that are shown, in the order of the model."""
    most, chosen_of_many = limits
    names = list(model.coefficients)
    if len(names) <= most:
        return names
    size = dict(zip(model.design.names, model.design.scale[model.design.places].tolist(), strict=True))

    def distance(name: str) -> float:
        value = abs(model.coefficients[name])
        error = math.nan if model.errors is None else model.errors.coefficients[name]
        return value / error if error > 0 else value * size[name]

    chosen = set(sorted(names, key=distance, reverse=True)[:chosen_of_many])
    return [name for name in names if name in chosen]


def left_out(model: LogisticModel, limits: tuple[int, int] = IN_TEXT) -> list[str]:
    """How many coefficients are not shown."""
    n_left = len(model.coefficients) - len(shown_of(model, limits))
    return [f"… and {count(n_left)} more, nearer to 0: model.coefficient_table"] if n_left else []


def coefficient_rows(model: LogisticModel) -> tuple[list[list[str]], str]:
    """The coefficients, with their errors where there are any, below the names of the columns; how these align."""
    shown = set(shown_of(model))
    intercept, *table = model.coefficient_table
    rows = [[*_cells(model, intercept, has_odds=False), ""]]
    for row in table:
        if row["name"] in shown:
            rows.append([*_cells(model, row), f"vs {row['reference']}" if row["reference"] else ""])
    names = [*_names(model), ""]
    return [names, *rows], _align(names)


def rows_with_references(model: LogisticModel) -> tuple[list[list[str]], str]:
    """The same for a page: of each category its reference level, too, in its place among the others."""
    shown = set(shown_of(model, ON_PAGES))
    intercept, *table = model.coefficient_table
    of_name = {row["name"]: row for row in table}
    rows = [_cells(model, intercept, has_odds=False)]
    for term in model.design.terms:
        reference = getattr(term, "reference", None)
        names = term.coefficient_names
        # A reference alone, without any of its levels, tells nothing.
        has_levels = any(name in shown for name in names)
        for place, name in enumerate(names):
            if place == reference and has_levels:
                label = f"{printable(name)} (reference)"
                cells = dict.fromkeys(_names(model), "") | {"": label, "coefficient": "0", "odds ratio": "1"}
                rows.append(list(cells.values()))
            elif name in shown and place != reference:
                rows.append(_cells(model, of_name[name]))
    return [_names(model), *rows], _align(_names(model))


def _names(model: LogisticModel) -> list[str]:
    """The names of the columns."""
    if model.errors is None:
        return ["", "coefficient", "odds ratio"]
    statistic = model.errors.statistic
    return ["", "coefficient", "std. error", statistic, f"P>|{statistic}|", "odds ratio", "95% CI"]


def _align(names: list[str]) -> str:
    """How the columns align: the interval of the odds ratio, and the reference, to the left."""
    return "".join("r" if name not in ("", "95% CI") else "l" for name in names)


def _cells(model: LogisticModel, row: dict[str, Any], *, has_odds: bool = True) -> list[str]:
    """One coefficient, under the names of the columns."""
    name, value, error = printable(row["name"]), row["coefficient"], row["std_error"]
    odds = odds_ratio(value) if has_odds else ""
    if model.errors is None:
        return [name, significant(value), odds]
    if not error > 0:
        return [name, significant(value), "not available", "", "", odds, ""]
    between = f"{odds_ratio(row['low'])}–{odds_ratio(row['high'])}" if has_odds else ""
    tested = [fixed(row["statistic"], 1), p_value(row["p_value"])]
    return [name, significant(value), significant(error), *tested, odds, between]


def p_value(value: float) -> str:
    """A p-value as regression tables write it: `0.031`, `<0.001`."""
    return f"<{LEAST_P:g}" if value < LEAST_P else fixed(value, 3)


def remarks_of(model: LogisticModel) -> list[str]:
    """Loss, fit, and what must be known of the errors."""
    lines = [*(f"caution    {caution}" for caution in model.cautions), *_loss(model)]
    if model.l2 == 0 and model.separation is None:
        lines.append(
            f"likelihood log L {significant(model.log_likelihood, 6)}; AIC {significant(model.aic, 6)}; "
            f"BIC {significant(model.bic, 6)}"
        )
    lines += _errors(model)
    if model.collinear:
        named = listed([printable(name) for name in model.collinear])
        lines.append(f"collinear  {named}: linearly dependent; the coefficients of least norm are shown")
    return [*lines, _optimum(model), *(_note(note) for note in model.notes)]


def _note(note: str) -> str:
    """What was noticed about the rows: above all which columns were left out."""
    label, _, clause = note.partition(": ")
    return f"{NOT_USED}   {clause}" if label == NOT_USED else f"note       {note}"


def _loss(model: LogisticModel) -> list[str]:
    """The log loss in sample and out of sample, beside that of the base rate."""
    baseline, new = entropy(model.base_rate), model.out_of_sample
    clause, more = f"log loss   {fixed(model.log_loss, 4)} in sample", []
    if new is not None:
        how = "leave-one-out (of a random sample)" if new.kind == "sampled steps" else "leave-one-out"
        clause += f", {fixed(new.log_loss, 4)} {how}"
        if new.n_infinite:
            over_others = f"{fixed(new.log_loss_where_finite, 4)} over the other rows"
            more = [f"infinite   leave-one-out loss of {infinite_rows(new)}; {over_others}"]
    clauses = [clause, f"baseline {fixed(baseline, 4)}"]
    if baseline > 0 and not model.has_offset:
        clauses.append(f"skill {percent(1 - model.log_loss / baseline, 1)}")
    return ["; ".join(clauses), *more]


def infinite_rows(new: OutOfSample) -> str:
    """The rows whose leave-one-out loss is infinite, and why: `3 rows (first: row 5): without any one of them …`."""
    is_one = new.n_infinite == 1
    first = f" ({'' if is_one else 'first: '}{new.first_infinite})" if new.first_infinite else ""
    without = "it" if is_one else "any one of them"
    return f"{counted(new.n_infinite, 'row')}{first}: without {without} the remaining rows are separated"


def _optimum(model: LogisticModel) -> str:
    """Certificate, passes, separation."""
    bound = model.certificate
    of = "above the minimum" if model.separation is None else "above the infimum"
    clauses = [
        f"certified: at most {bound.nats_per_row:.0e} nats per row {of}" if bound.is_proven else "not certified",
        counted(len(model.passes), "pass", "passes"),
    ]
    if model.separation is not None:
        named = listed([printable(name) for name in model.separation.columns]) or "the intercept"
        clauses.append(f"separated by {named}: no finite maximum-likelihood estimate, the limit is shown")
    elif model.l2 == 0 and bound.is_proven:
        clauses.append("not separated")
    return f"optimum    {'; '.join(clauses)}"


def _errors(model: LogisticModel) -> list[str]:
    """What the standard errors are."""
    if model.errors is None:
        return [f"std. error not available: {why_no_errors(model)}"]
    clauses = []
    if model.separation is not None:
        clauses = ["of the finite coefficients, by the rows that are not separated"]
    if model.errors.kind in POWERS:
        rows = effective(model.errors.intercept_degrees + 1, "rows")
        clauses.append(
            f"sandwich ({model.errors.kind}, {rows}): valid for weighted rows, and if the model is misspecified"
        )
    elif model.errors.cluster:
        clauses += _of_clusters(model, model.errors)
    return [f"std. error {'; '.join(clauses)}"] if clauses else []


def _of_clusters(model: LogisticModel, errors: Errors) -> list[str]:
    """How standard errors allow for clusters, how many these are, and the degrees of freedom."""
    names = [printable(name) for name in errors.cluster]
    clusters = " and ".join(counted(n, "cluster") for n in errors.n_of_each or (errors.n_clusters,))
    some = effective(errors.effective_clusters, "clusters")
    if some != counted(errors.n_clusters, "cluster"):
        clusters += f", {some.split()[0]} effective"
    degrees = [errors.intercept_degrees, *errors.degrees.values()]
    ends = list(dict.fromkeys(significant(end, 3) for end in (min(degrees), max(degrees))))
    how = "jackknife over clusters" if errors.kind.startswith(CV3) else "sandwich of clusters"
    how += ", approximate" if errors.kind.endswith("of shares") else ""
    by = f"by {names[0]}, and by {names[1]}" if errors.n_of_each else f"by {listed(names)}"
    clauses = [f"{how} ({errors.kind} {by}): {clusters}", f"degrees of freedom {'–'.join(ends)}"]
    if errors.was_indefinite:
        clauses.append("the covariance had negative eigenvalues, which are set to 0")
    known = {*model.collinear, *(() if model.separation is None else model.separation.columns)}
    if any(math.isnan(error) for name, error in errors.coefficients.items() if name not in known):
        clauses.append("not available where one cluster alone determines a coefficient")
    return clauses


def why_no_errors(model: LogisticModel) -> str:
    """Why there are no standard errors, as far as the model shows."""
    if model.l2:
        return "the penalty biases the coefficients; l2=0 has standard errors"
    if model.separation is not None and model.separation.is_complete:
        return "the classes are separated"
    if model.certificate.nats_per_row * model.n_rows <= NEAR:
        return "there are fewer than two clusters"
    if model.out_of_sample is None:
        return "the fit did not converge, or the information matrix is singular"
    return "they could not be computed"


def odds_ratio(value: float) -> str:
    """The odds ratio of a coefficient; large ones by their power of ten."""
    if value >= LARGEST_EXPONENT:
        return "inf"
    ratio = math.exp(value)
    return significant(ratio) if ratio < LARGEST_RATIO else f"{ratio:.3g}"
