"""A model in words and as a table, as people read it; nothing is computed here but how figures are written."""

from __future__ import annotations

import math
from typing import Any, TypeGuard

from logloss.data.terms import Category, Term
from logloss.inference.cautions import effective
from logloss.information import entropy
from logloss.show.words.of_path import MOST_IN_TEXT, left_out_of, path_rows, remarks_of_path
from logloss.text import (
    LONGEST_NAMED,
    columns,
    count,
    counted,
    fixed,
    listed,
    p_value,
    percent,
    printable,
    printable_lines,
    significant,
)
from logloss.training.additive_model import AdditiveModel
from logloss.training.certificate import Certificate
from logloss.training.cluster_errors import CV3
from logloss.training.coefficient_table import LARGEST_EXPONENT, SD, UNIT, coefficient_table
from logloss.training.firth import FIRTH, FLAC, FLIC
from logloss.training.hypothesis_tests import term_test
from logloss.training.leave_one_out import OutOfSample
from logloss.training.model import NEAR, NOT_USED, LogisticModel
from logloss.training.standard_errors import POWERS, Errors

# An odds ratio above is written by its power of ten; one that differs from 1 by less than four digits show, with the
# digits of the difference, of which so many are shown.
LARGEST_RATIO, LEAST_DIFFERENCE, DIGITS_OF_DIFFERENCE = 1e6, 0.0005, 2
# Differences from 1 below are roundings.
ROUNDING = 1e-14
# Before the levels of a category, below its name.
INDENT = "  "
# How a penalty other than l2 is named.
PENALTIES = {
    "": "no penalty",
    FIRTH: "Firth's penalty",
    FLIC: "Firth's penalty (FLIC)",
    FLAC: "Firth's penalty (FLAC)",
}
# Why Firth's penalty has no bound on the distance from its optimum.
NOT_CONCAVE = "Firth's objective is not concave"
# Of more coefficients than the first, so many are shown: those farthest from 0 in standard errors. On a page, and in
# text.
ON_PAGES, IN_TEXT = (300, 200), (60, 40)


def text_of(model: LogisticModel, per: str = UNIT) -> str:
    """The whole model. per: of what the coefficients of numbers are, one unit or one standard deviation."""
    lines = [*columns(*coefficient_rows(model, per), gap="   "), *left_out(model), ""]
    whole = [head_of(model), "", *lines, *remarks_of(model, per)]
    if model.path is not None:
        whole += ["", *columns(*path_rows(model.path, MOST_IN_TEXT), gap="   "), *left_out_of(model.path, MOST_IN_TEXT)]
    return printable_lines("\n".join(whole))


def head_of(model: LogisticModel) -> str:
    """What it predicts, from what, and how many rows it was trained on."""
    strengths = [f"{name} = {value:g}" for name, value in (("l1", model.l1), ("l2", model.l2)) if value]
    if model.penalty_factors:
        factors = [f"{printable(name)} × {value:g}" for name, value in model.penalty_factors.items()]
        strengths.append(f"penalty of {listed(factors)}")
    penalty = ", ".join(strengths) or PENALTIES[model.penalty]
    return ", ".join([*head_clauses(model, counted(len(model.design.read), "feature")), penalty])


def head_clauses(model: LogisticModel | AdditiveModel, of: str) -> list[str]:
    """The same of any fit, without its penalty. of: how many features or terms it has."""
    share = f"base rate {fixed(model.base_rate, 4)}"
    if model.n_positive is not None:
        share = f"{count(model.n_positive)} positive"
    return [
        f"{type(model).__name__}: P({printable(model.positive, LONGEST_NAMED)})",
        of,
        f"{counted(model.n_rows, 'row')} ({share})",
        *([f"{counted(model.n_dropped, 'row')} with a missing value dropped"] if model.n_dropped else []),
        *([] if model.fit_intercept else ["no intercept"]),
    ]


def shown_of(model: LogisticModel, limits: tuple[int, int] = IN_TEXT) -> list[str]:
    """The names of the coefficients that are shown, in the order of the model; with an L1 penalty those that are not 0,
    by their size."""
    most, chosen_of_many = limits
    names = [name for name, value in model.coefficients.items() if value or not model.l1]
    if len(names) <= most and not model.l1:
        return names
    size = dict(zip(model.design.names, model.design.scale[model.design.places].tolist(), strict=True))
    if model.l1:
        size = dict.fromkeys(names, 1.0) | model.design.sds

    def distance(name: str) -> float:
        value = abs(model.coefficients[name])
        error = math.nan if model.errors is None else model.errors.coefficients[name]
        return value / error if error > 0 else value * size[name]

    largest = sorted(names, key=distance, reverse=True)
    if model.l1:
        return largest if len(names) <= most else largest[:chosen_of_many]
    chosen = set(largest[:chosen_of_many])
    return [name for name in names if name in chosen]


def left_out(model: LogisticModel, limits: tuple[int, int] = IN_TEXT) -> list[str]:
    """How many coefficients are not shown."""
    n_left = len(model.coefficients) - n_zeros(model) - len(shown_of(model, limits))
    return [f"… and {count(n_left)} more, nearer to 0: model.coefficient_table"] if n_left else []


def n_zeros(model: LogisticModel) -> int:
    """How many coefficients an L1 penalty holds at 0, which are not shown; 0 without one."""
    return sum(value == 0 for value in model.coefficients.values()) if model.l1 else 0


def coefficient_rows(
    model: LogisticModel, per: str = UNIT, limits: tuple[int, int] = IN_TEXT
) -> tuple[list[list[str]], str]:
    """The coefficients, with their errors where there are any, below the names of the columns; how these align.

    The levels of a category are indented below its name, its reference in its place, unless there is one other level.
    """
    order = {name: rank for rank, name in enumerate(shown_of(model, limits))}
    table = coefficient_table(model, per)
    of_name = {row["name"]: row for row in table}
    rows = [_cells(model, row, has_odds=False) for row in table[: len(table) - len(model.coefficients)]]
    parts: list[tuple[int, list[list[str]]]] = []
    for term in model.design.terms:
        names = [name for name in term.coefficient_names if name in order]
        if is_grouped(term) and names:
            first = min(order[name] for name in names)
            parts.append((first, _rows_of_levels(model, term, of_name, set(order))))
        else:
            parts += [(order[name], [_cells(model, of_name[name])]) for name in names]
    # In the order of the terms, which that of the names is without an L1 penalty; the levels of a category together.
    for _, own in sorted(parts, key=lambda part: part[0]):
        rows += own
    heads = _names(model, per)
    return [heads, *rows], "".join("l" if head in ("", "95% CI") else "r" for head in heads)


def is_grouped(term: Term) -> TypeGuard[Category]:
    """Whether the levels of a term are shown below its name: those of a category of three or more."""
    return isinstance(term, Category) and len(term.levels) > 2


def level_text(category: Category, number: int) -> str:
    """A level below the name of its column."""
    level = category.levels[number]
    return "missing" if level is None else printable(str(level)) or '""'


def _rows_of_levels(
    model: LogisticModel, category: Category, of_name: dict[str, dict[str, Any]], shown: set[str]
) -> list[list[str]]:
    """The name of a category with the test of all its levels; the levels that are shown, and the reference."""
    test, heading = term_test(model, category.column), [printable(category.column), *[""] * (len(_names(model)) - 1)]
    if test is not None:
        # Beside the likelihood-ratio tests of the levels.
        kind = "" if model.profile is None else "Wald "
        heading[3:5] = [f"{kind}{test.distribution_text} {fixed(test.statistic, 1)}", p_value(test.p_value)]
    rows = [heading]
    for number, name in enumerate(category.coefficient_names):
        label = INDENT + level_text(category, number)
        if number == category.reference and not category.is_pooled:
            # Under the names of the columns: the coefficient is the first, the odds ratio the one before the interval.
            of_reference = ["", "0", *[""] * (len(heading) - 2)]
            of_reference[0], of_reference[-2 if len(heading) == 4 else -3] = f"{label} (reference)", "1"
            rows.append(of_reference)
        elif name in shown:
            rows.append([label, *_cells(model, of_name[name])[1:-1], ""])
    return rows


def _names(model: LogisticModel, per: str = UNIT) -> list[str]:
    """The names of the columns; the first, of names, and the last, of references and tests, have none."""
    end = " per SD" if per == SD else ""
    coefficient, odds = f"coefficient{end}", f"odds ratio{end}"
    if model.profile is not None:
        errors = [] if model.errors is None else ["std. error"]
        return ["", coefficient, *errors, "LR χ²", "P>χ²", odds, "95% CI (profile)", ""]
    if model.errors is None:
        return ["", coefficient, odds, ""]
    statistic = model.errors.statistic
    return ["", coefficient, "std. error", statistic, f"P>|{statistic}|", odds, "95% CI", ""]


def _cells(model: LogisticModel, row: dict[str, Any], *, has_odds: bool = True) -> list[str]:
    """One coefficient, under the names of the columns."""
    name, value, error = printable(row["name"]), row["coefficient"], row["std_error"]
    odds = odds_ratio(value) if has_odds else ""
    reference = f"vs {row['reference']}" if row["reference"] else ""
    if model.profile is not None:
        return [name, significant(value), *_profiled(model, row), odds, interval_of(row) if has_odds else "", reference]
    if model.errors is None:
        return [name, significant(value), odds, reference]
    if not error > 0:
        return [name, significant(value), "not available", "", "", odds, "", reference]
    tested = [fixed(row["statistic"], 1), p_value(row["p_value"])]
    between = interval_of(row) if has_odds else ""
    return [name, significant(value), significant(error), *tested, odds, between, reference]


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
    return odds_interval(row["low"], row["high"])


def remarks_of(model: LogisticModel, per: str = UNIT) -> list[str]:
    """The lines below the table: cautions, log loss, likelihood, standard errors, certificate, notes."""
    lines = [*(f"caution    {caution}" for caution in model.cautions), *loss_lines(model)]
    if per == SD:
        lines.insert(0, "per SD     of a number: one standard deviation in training; a level: against its reference")
    if model.penalty:
        penalised = significant(model.penalised_log_likelihood, 6)
        lines.append(f"likelihood log L {significant(model.log_likelihood, 6)}; penalised {penalised}")
    elif model.l1:
        lines.append(f"zero       {count(n_zeros(model))} of {counted(len(model.coefficients), 'coefficient')}")
    elif model.l2 == 0 and model.separation is None:
        lines.append(
            f"likelihood log L {significant(model.log_likelihood, 6)}; AIC {significant(model.aic, 6)}; "
            f"BIC {significant(model.bic, 6)}"
        )
    lines += [*_errors(model), *_intervals(model), *_mean_predicted(model)]
    if model.collinear:
        lines.append(f"collinear  {collinear_columns(model)}; the coefficients of least norm are shown")
    if model.path is not None:
        lines += remarks_of_path(model.path)
    return [*lines, _optimum(model), *map(note_line, model.notes)]


def note_line(note: str) -> str:
    """A note of the model as a line, such as which columns were left out."""
    label, _, clause = note.partition(": ")
    return f"{NOT_USED}   {clause}" if label == NOT_USED else f"note       {note}"


def loss_lines(model: LogisticModel | AdditiveModel) -> list[str]:
    """The log loss in sample and out of sample, beside that of the base rate."""
    baseline, new = entropy(model.base_rate), model.out_of_sample
    clause, more = f"log loss   {fixed(model.log_loss, 4)} in sample", []
    if new is not None:
        clause += f", {out_of_sample(new)}"
        if isinstance(model, LogisticModel) and model.l1:
            clause += " with zeros and signs held"
        if new.n_infinite:
            over_others = f"{fixed(new.log_loss_where_finite, 4)} over the other rows"
            more = [f"infinite   leave-one-out loss of {infinite_rows(new)}; {over_others}"]
    elif isinstance(model, LogisticModel) and model.penalty:
        clause += f", no leave-one-out under {PENALTIES[FIRTH]}"
    clauses = [clause, f"baseline {fixed(baseline, 4)}"]
    if baseline > 0 and not model.has_offset:
        clauses.append(f"skill {percent(1 - model.log_loss / baseline, 1)}")
    return ["; ".join(clauses), *more]


def out_of_sample(new: OutOfSample) -> str:
    """The leave-one-out log loss, and of how many rows it is where they are a sample: `0.3817 leave-one-out`."""
    sample = f" (a random sample of {counted(new.n_rows, 'row')})" if new.kind == "sampled steps" else ""
    return f"{fixed(new.log_loss, 4)} leave-one-out{sample}"


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
    of = "the minimum" if model.separation is None else "the infimum"
    clauses = [certified(model.certificate, of), counted(len(model.passes), "pass", "passes")]
    if model.separation is not None:
        named = listed([printable(name) for name in model.separation.columns]) or "the intercept"
        clauses.append(f"separated by {named}: no finite maximum-likelihood estimate, the limit is shown")
    elif not (model.l1 or model.l2) and model.certificate.is_proven:
        clauses.append("not separated")
    return f"optimum    {'; '.join(clauses)}"


def certified(bound: Certificate, of: str) -> str:
    """The bound by its order of magnitude: `certified: at most 1e-16 nats per row above the minimum`."""
    if not bound.is_proven:
        return "not certified"
    size = f"{bound.nats_per_row:.0e}" if bound.nats_per_row else "0"
    return f"certified: at most {size} nats per row above {of}"


def collinear_columns(model: LogisticModel) -> str:
    """Which columns are linearly dependent, in words: `x, z are linearly dependent`."""
    named = listed([printable(name) for name in model.collinear])
    # A column alone in a linear dependence is constant: a multiple of the intercept, or 0 without one.
    return f"{named} are linearly dependent" if len(model.collinear) > 1 else f"{named} is constant"


def _errors(model: LogisticModel) -> list[str]:
    """What the standard errors are."""
    if model.errors is None:
        return [f"std. error not available: {why_no_errors(model)}"]
    clauses = []
    if model.separation is not None:
        clauses = ["of the finite coefficients, from the rows that are not separated"]
    if model.errors.kind in POWERS:
        rows = effective(max([model.errors.intercept_degrees, *model.errors.degrees.values()]) + 1, "rows")
        clauses.append(
            f"sandwich ({model.errors.kind}, {rows}): valid for weighted rows, and if the model is misspecified"
        )
    elif model.errors.cluster:
        clauses += _of_clusters(model.errors)
    known = {*model.collinear, *(() if model.separation is None else model.separation.columns)}
    unit = model.errors.unit_left_out
    if unit and any(math.isnan(error) for name, error in model.errors.coefficients.items() if name not in known):
        clauses.append(f"not available where one {unit} alone determines a coefficient")
    return [f"std. error {'; '.join(clauses)}"] if clauses else []


def _of_clusters(errors: Errors) -> list[str]:
    """How standard errors allow for clusters, how many these are, and the degrees of freedom."""
    names = [printable(name) for name in errors.cluster]
    clusters = counted(errors.n_clusters, "cluster")
    some = effective(errors.effective_clusters, "clusters")
    is_unequal = some != clusters
    if errors.n_of_each:
        clusters = f"{' and '.join(map(count, errors.n_of_each))} clusters"
    if is_unequal:
        clusters += f", {some.split()[0]} effective{' in the smaller way' if errors.n_of_each else ''}"
    degrees = [errors.intercept_degrees] if errors.intercept > 0 else []
    degrees += [errors.degrees[name] for name, error in errors.coefficients.items() if error > 0]
    ends = list(dict.fromkeys(significant(end, 3) for end in (min(degrees), max(degrees)))) if degrees else []
    how = "jackknife over clusters" if errors.kind.startswith(CV3) else "cluster-robust sandwich"
    how += ", approximate" if errors.kind.endswith("of shares") else ""
    by = f"by {names[0]} and {names[1]}" if errors.n_of_each else f"by {listed(names)}"
    clauses = [f"{how} ({errors.kind} {by}): {clusters}"]
    if ends:
        clauses.append(f"degrees of freedom {'–'.join(ends)}")
    if errors.was_indefinite:
        clauses.append("the covariance had negative eigenvalues, which are set to 0")
    return clauses


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
    return [f"interval   {clause}; {counted(model.profile.n_passes, 'more pass', 'more passes')}"]


def _mean_predicted(model: LogisticModel) -> list[str]:
    """The mean prediction under Firth's penalty beside the base rate."""
    if model.penalty != FIRTH or model.mean_predicted is None:
        return []
    mean, rate = (fixed(each, 4) for each in (model.mean_predicted, model.base_rate))
    equal = "; equal under the penalties flic and flac" if model.fit_intercept else ""
    return [f"base rate  mean prediction {mean}, observed {rate}{equal}"]


def why_no_errors(model: LogisticModel) -> str:
    """Why there are no standard errors, as far as the model shows."""
    if model.l1 or model.l2:
        without = " and ".join(f"{name}=0" for name, value in (("l1", model.l1), ("l2", model.l2)) if value)
        has = "have" if model.l1 and model.l2 else "has"
        return f"the penalty biases the coefficients; {without} {has} standard errors"
    if all(map(math.isinf, (model.intercept, *model.coefficients.values()))) or _is_parted(model):
        return "the classes are separated"
    if model.certificate.nats_per_row * model.n_rows <= NEAR:
        return "there are fewer than two clusters"
    if model.out_of_sample is None:
        return "the fit did not converge, or the information matrix is singular"
    return "they could not be computed"


def _is_parted(model: LogisticModel) -> bool:
    """Whether separation is complete: every row is predicted without error."""
    return model.separation is not None and model.separation.is_complete


def odds_ratio(value: float, digits: int = 0) -> str:
    """The odds ratio of a coefficient: large ones by their power of ten, `1.000016` with digits that differ from 1.

    digits: after the point, at least so many, of one that is near 1.
    """
    if value >= LARGEST_EXPONENT:
        return "inf"
    ratio, needed = math.exp(value), _digits_near_one(value)
    if needed:
        return fixed(ratio, max(needed, digits))
    return significant(ratio) if ratio < LARGEST_RATIO else f"{ratio:.3g}"


def odds_interval(low: float, high: float) -> str:
    """The interval of an odds ratio, from that of its coefficient; of ends near 1 both have the same digits."""
    digits = max(_digits_near_one(low), _digits_near_one(high))
    return f"{odds_ratio(low, digits)}–{odds_ratio(high, digits)}"


def _digits_near_one(value: float) -> int:
    """The digits after the point that an odds ratio needs to differ from 1; 0 where four significant digits do."""
    difference = abs(math.expm1(min(value, 1.0)))
    is_near = ROUNDING < difference < LEAST_DIFFERENCE
    return DIGITS_OF_DIFFERENCE - 1 - math.floor(math.log10(difference)) if is_near else 0
