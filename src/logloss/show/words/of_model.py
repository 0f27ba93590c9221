"""A model in words and as a table, as people read it; nothing is computed here but how figures are written."""

from __future__ import annotations

import math

from logloss.inference.cautions import effective
from logloss.information import entropy
from logloss.text import LONGEST_NAMED, columns, count, counted, fixed, listed, printable, printable_lines, significant
from logloss.training.model import NOT_USED, LogisticModel
from logloss.training.standard_errors import CV3_OF_SHARES, HC3, INFORMATION

# exp of more is no number.
LARGEST_EXPONENT = 709.0
# An odds ratio above is written by its power of ten.
LARGEST_RATIO = 1e6
# Of more coefficients than the first, so many are shown: those farthest from 0.
MOST_SHOWN, SHOWN_OF_MANY = 60, 40


def text_of(model: LogisticModel) -> str:
    """The whole model."""
    lines = columns(*coefficient_rows(model), gap="   ")
    return printable_lines("\n".join([head_of(model), "", *lines, *left_out(model), "", *remarks_of(model)]))


def head_of(model: LogisticModel) -> str:
    """What it predicts, from what, and how many rows it was trained on."""
    penalty = "no penalty" if model.l2 == 0 else f"l2 = {model.l2:g}"
    share = f"mean label {fixed(model.base_rate, 4)}"
    if model.n_positive is not None:
        share = f"{count(model.n_positive)} {printable(model.positive_value, LONGEST_NAMED) or 'positive'}"
    clause = [
        f"LogisticModel  P({printable(model.positive, LONGEST_NAMED)}) from {counted(len(model.design.read), 'column')}"
    ]
    clause.append(f"{counted(model.n_rows, 'row')}, {share}")
    if model.n_dropped:
        clause.append(f"{counted(model.n_dropped, 'row')} left out: something missing")
    return " · ".join([*clause, penalty])


def shown_of(model: LogisticModel) -> list[str]:
    """The names of the coefficients that are shown, in the order of the model."""
    names = list(model.coefficients)
    if len(names) <= MOST_SHOWN:
        return names
    size = dict(zip(model.design.names, model.design.scale[model.design.places].tolist(), strict=True))

    def far(name: str) -> float:
        value = abs(model.coefficients[name])
        error = math.nan if model.errors is None else model.errors.coefficients[name]
        return value / error if error > 0 else value * size[name]

    chosen = set(sorted(names, key=far, reverse=True)[:SHOWN_OF_MANY])
    return [name for name in names if name in chosen]


def left_out(model: LogisticModel) -> list[str]:
    """How many coefficients are not shown."""
    n_left = len(model.coefficients) - len(shown_of(model))
    return [f"… and {count(n_left)} more coefficients nearer to 0: model.coefficients"] if n_left else []


def coefficient_rows(model: LogisticModel) -> tuple[list[list[str]], str]:
    """The coefficients, with their errors where there are any, below the names of the columns; how these align."""
    against = model.design.references
    error = None if model.errors is None else model.errors.intercept
    rows = [[*_row(model, "intercept", model.intercept, error, has_odds=False), ""]]
    for name in shown_of(model):
        error = None if model.errors is None else model.errors.coefficients[name]
        clause = f"against {against[name]}" if name in against else ""
        rows.append([*_row(model, name, model.coefficients[name], error, has_odds=True), clause])
    names = ["", "coefficient", "odds ratio", ""]
    if model.errors is not None:
        statistic = "z" if model.errors.kind == INFORMATION else "t"
        names = ["", "coefficient", "std. error", statistic, "odds ratio", "[95 %]", ""]
    return [names, *rows], "l" + "r" * (len(names) - 3) + "ll"


def _row(model: LogisticModel, name: str, value: float, error: float | None, *, has_odds: bool) -> list[str]:
    """One coefficient."""
    odds = odds_ratio(value) if has_odds else ""
    if error is None or model.errors is None:
        return [printable(name), significant(value), odds]
    if not error > 0:
        return [printable(name), significant(value), "not known", "", odds, ""]
    reach = model.errors.margin(name) if has_odds else 0.0
    between = f"[{odds_ratio(value - reach)}, {odds_ratio(value + reach)}]" if has_odds else ""
    return [printable(name), significant(value), significant(error), fixed(value / error, 1), odds, between]


def remarks_of(model: LogisticModel) -> list[str]:
    """Loss, fit, and what must be known of the errors."""
    lines = [*(f"caution    {caution}" for caution in model.cautions), *_loss(model), _fit(model)]
    if model.l2:
        lines.append("errors     not shown: a penalty makes them wrong; l2=0 gives them")
    elif model.separation is None:
        lines.append(
            f"likelihood log L {significant(model.log_likelihood, 6)} · AIC {significant(model.aic, 6)} · "
            f"BIC {significant(model.bic, 6)}"
        )
    lines += _errors(model)
    if model.collinear:
        named = listed([printable(name) for name in model.collinear])
        lines.append(f"collinear  {named}: the shortest of many answers")
    return [*lines, *(_note(note) for note in model.notes)]


def _note(note: str) -> str:
    """What was noticed about the rows: above all which columns were left out."""
    label, _, clause = note.partition(": ")
    return f"{NOT_USED}   {clause}" if label == NOT_USED else f"note       {note}"


def _loss(model: LogisticModel) -> list[str]:
    """What rows cost, these and new ones."""
    alone, new = entropy(model.base_rate), model.out_of_sample
    clause = [f"log loss   {fixed(model.log_loss, 4)} on these rows"]
    more = []
    if new is not None:
        how = {"refits": "leave-one-out", "steps": "leave-one-out"}.get(new.kind, "leave-one-out of a sample")
        clause.append(f"{fixed(new.log_loss, 4)} on new rows ({how})")
        if new.n_infinite:
            which = "1 row" if new.n_infinite == 1 else f"any of {counted(new.n_infinite, 'row')}"
            first = f" ({'' if new.n_infinite == 1 else 'first: '}{new.first_infinite})" if new.first_infinite else ""
            more = [
                f"new rows   inf: without {which}{first} the others are separated; "
                f"{fixed(new.log_loss_where_finite, 4)} but for {'it' if new.n_infinite == 1 else 'them'}"
            ]
    clause.append(f"base rate alone {fixed(alone, 4)}")
    if alone > 0 and not model.has_offset:
        clause.append(f"skill {fixed(100 * (1 - model.log_loss / alone), 1)} %")
    return [" · ".join(clause), *more]


def _fit(model: LogisticModel) -> str:
    """Passes, certificate, separation."""
    found = model.certificate
    within = f"certified within {found.nats_per_row:.0e} nats per row of the best"
    passes = counted(len(model.passes), "pass", "passes")
    clause = f"fit        {passes}, {within if found.is_proven else 'not certified: no bound is proved'}"
    if model.separation is not None:
        named = listed([printable(name) for name in model.separation.columns]) or "intercept"
        return f"{clause}; separated by {named}: shown is the limit"
    if model.l2 == 0:
        clause += f" (estimation error about {model.estimation_error:.0e})"
        clause += "; not separated" if found.is_proven else ""
    return clause


def _errors(model: LogisticModel) -> list[str]:
    """What the standard errors are."""
    if model.errors is None:
        is_far = model.l2 == 0 and model.separation is None
        return ["errors     not shown: the fit stopped too far from its optimum"] if is_far else []
    if model.errors.kind == INFORMATION:
        return []
    if model.errors.kind == HC3:
        rows = effective(model.errors.intercept_degrees + 1, "rows")
        return [f"errors     sandwich (HC3, {rows}): right for weighted rows, and if the model is not quite right"]
    of = listed([printable(name) for name in model.errors.cluster])
    clusters = counted(model.errors.n_clusters, "cluster")
    some = effective(model.errors.effective_clusters, "clusters")
    if some != clusters:
        clusters += f", {some.split()[0]} effective"
    degrees = [model.errors.intercept_degrees, *model.errors.degrees.values()]
    ends = list(dict.fromkeys(significant(end, 3) for end in (min(degrees), max(degrees))))
    how = "clusters left out in turn" + (", approximately" if model.errors.kind == CV3_OF_SHARES else "")
    clause = f"{how} ({model.errors.kind} by {of}): {clusters}; degrees of freedom {'–'.join(ends)}"
    if any(math.isnan(error) for name, error in model.errors.coefficients.items() if name not in model.collinear):
        clause += "; not known where one cluster alone determines a coefficient"
    return [f"errors     {clause}"]


def odds_ratio(value: float) -> str:
    """The odds ratio of a coefficient; large ones by their power of ten."""
    if value >= LARGEST_EXPONENT:
        return "inf"
    ratio = math.exp(value)
    return significant(ratio) if ratio < LARGEST_RATIO else f"{ratio:.3g}"
