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
from logloss.training.firth import FIRTH, FLAC, FLIC
from logloss.training.leave_one_out import OutOfSample
from logloss.training.model import NEAR, NOT_USED, LogisticModel
from logloss.training.standard_errors import CV3_OF_SHARES, HC3, INFORMATION

# How a penalty other than l2 is named.
PENALTIES = {
    "": "no penalty",
    FIRTH: "Firth's penalty",
    FLIC: "Firth's penalty (FLIC)",
    FLAC: "Firth's penalty (FLAC)",
}
# exp of more is no number.
LARGEST_EXPONENT = 709.0
# Why Firth's penalty has no bound on the distance from its optimum.
NOT_CONCAVE = "Firth's objective is not concave"
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
    penalty = f"l2 = {model.l2:g}" if model.l2 else PENALTIES[model.penalty]
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
    if model.profile is not None:
        errors = [] if model.errors is None else ["std. error"]
        return ["", "coefficient", *errors, "LR χ²", "P>χ²", "odds ratio", "95% CI (profile)"]
    if model.errors is None:
        return ["", "coefficient", "odds ratio"]
    statistic = model.errors.statistic
    return ["", "coefficient", "std. error", statistic, f"P>|{statistic}|", "odds ratio", "95% CI"]


def _align(names: list[str]) -> str:
    """How the columns align: the interval of the odds ratio, and the reference, to the left."""
    return "".join("l" if not name or name.startswith("95% CI") else "r" for name in names)


def _cells(model: LogisticModel, row: dict[str, Any], *, has_odds: bool = True) -> list[str]:
    """One coefficient, under the names of the columns."""
    name, value, error = printable(row["name"]), row["coefficient"], row["std_error"]
    odds = odds_ratio(value) if has_odds else ""
    if model.profile is not None:
        return [name, significant(value), *_profiled(model, row), odds, interval_of(row) if has_odds else ""]
    if model.errors is None:
        return [name, significant(value), odds]
    if not error > 0:
        return [name, significant(value), "not available", "", "", odds, ""]
    tested = [fixed(row["statistic"], 1), p_value(row["p_value"])]
    return [name, significant(value), significant(error), *tested, odds, interval_of(row) if has_odds else ""]


def _profiled(model: LogisticModel, row: dict[str, Any]) -> list[str]:
    """The standard error, if the model has any, and the likelihood-ratio test of a coefficient."""
    error = row["std_error"]
    errors = [] if model.errors is None else [significant(error) if error > 0 else "not available"]
    if math.isnan(row["statistic"]):
        return [*errors, "not available", ""]
    return [*errors, fixed(row["statistic"], 1), p_value(row["p_value"])]


def interval_of(row: dict[str, Any]) -> str:
    """The 95% interval of an odds ratio, of a row of the table of coefficients: `0.5–2`; empty where there is none."""
    if math.isnan(row["low"]) or math.isnan(row["high"]):
        return ""
    return f"{odds_ratio(row['low'])}–{odds_ratio(row['high'])}"


def p_value(value: float) -> str:
    """A p-value as regression tables write it: `0.031`, `<0.001`."""
    return f"<{LEAST_P:g}" if value < LEAST_P else fixed(value, 3)


def remarks_of(model: LogisticModel) -> list[str]:
    """Loss, fit, and what must be known of the errors."""
    lines = [*(f"caution    {caution}" for caution in model.cautions), *_loss(model)]
    if model.penalty:
        penalised = significant(model.penalised_log_likelihood, 6)
        lines.append(f"likelihood log L {significant(model.log_likelihood, 6)}; penalised {penalised}")
    elif model.l2 == 0 and model.separation is None:
        lines.append(
            f"likelihood log L {significant(model.log_likelihood, 6)}; AIC {significant(model.aic, 6)}; "
            f"BIC {significant(model.bic, 6)}"
        )
    lines += [*_errors(model), *_intervals(model), *_mean_predicted(model)]
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
    elif model.penalty:
        clause += f", no leave-one-out under {PENALTIES[FIRTH]}"
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
    if model.penalty:
        left = "nan" if model.modified_score is None else f"{model.modified_score:.0e}"
        passes = counted(len(model.passes), "pass", "passes")
        return f"optimum    modified score {left} nats per row; no certificate: {NOT_CONCAVE}; {passes}"
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
    if model.errors.kind == INFORMATION:
        return []
    if model.errors.kind == HC3:
        rows = effective(model.errors.intercept_degrees + 1, "rows")
        return [f"std. error sandwich (HC3, {rows}): valid for weighted rows, and if the model is misspecified"]
    of = listed([printable(name) for name in model.errors.cluster])
    clusters = counted(model.errors.n_clusters, "cluster")
    some = effective(model.errors.effective_clusters, "clusters")
    if some != clusters:
        clusters += f", {some.split()[0]} effective"
    degrees = [model.errors.intercept_degrees, *model.errors.degrees.values()]
    ends = list(dict.fromkeys(significant(end, 3) for end in (min(degrees), max(degrees))))
    how = "jackknife over clusters" + (", approximate" if model.errors.kind == CV3_OF_SHARES else "")
    clause = f"{how} ({model.errors.kind} by {of}): {clusters}; degrees of freedom {'–'.join(ends)}"
    if any(math.isnan(error) for name, error in model.errors.coefficients.items() if name not in model.collinear):
        clause += "; not available where one cluster alone determines a coefficient"
    return [f"std. error {clause}"]


def _intervals(model: LogisticModel) -> list[str]:
    """What the intervals are, where they are not those of standard errors."""
    if model.profile is None:
        return []
    of = "penalised likelihood" if model.penalty else "likelihood"
    clause = f"profile of the {of} and likelihood-ratio tests"
    if model.penalty == FLIC:
        clause += "; of the intercept Wald's"
    ends = [model.profile.interval(name) for name in model.coefficients if name not in model.collinear]
    if any(math.isnan(end) for each in ends for end in each):
        clause += "; not available where no end was found"
    return [f"interval   {clause}; {counted(model.profile.n_passes, 'pass', 'passes')} more"]


def _mean_predicted(model: LogisticModel) -> list[str]:
    """How far predictions under Firth's penalty are from the base rate on the whole."""
    if model.penalty != FIRTH or model.mean_predicted is None:
        return []
    mean, rate = (fixed(each, 4) for each in (model.mean_predicted, model.base_rate))
    return [f"base rate  mean prediction {mean}, observed {rate}; equal under the penalties flic and flac"]


def why_no_errors(model: LogisticModel) -> str:
    """Why there are no standard errors, as far as the model shows."""
    if model.l2:
        return "the penalty biases the coefficients; l2=0 has standard errors"
    if model.separation is not None:
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
