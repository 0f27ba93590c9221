"""The text of a model's page."""

from __future__ import annotations

from collections.abc import Sequence

from logloss.information import entropy
from logloss.show import page
from logloss.show.words.of_model import (
    NOT_CONCAVE,
    ON_PAGES,
    PENALTIES,
    coefficient_rows,
    collinear_columns,
    head_of,
    infinite_rows,
    left_out,
    n_zeros,
    out_of_sample,
    remarks_of,
    why_no_errors,
)
from logloss.show.words.of_path import choice_of, left_out_of, path_rows, sentences_of
from logloss.text import NATS_PER_BIT, capital, count, counted, fixed, listed, percent, printable
from logloss.training.additive_model import AdditiveModel
from logloss.training.coefficient_table import UNIT
from logloss.training.model import LogisticModel
from logloss.training.penalty_path import PenaltyPath

# Values of a path on a page, approximately.
MOST_OF_PATH = 30
# Letters of the labels before the remarks of a model.
LABEL = 11


def main_table(model: LogisticModel, per: str = UNIT) -> tuple[list[list[str]], str]:
    """The coefficients, more of them than in text."""
    return coefficient_rows(model, per, ON_PAGES)


def title(model: LogisticModel) -> str:
    """What the page is about."""
    of = f", trained on {printable(model.source)}" if model.source else ""
    return f"Logistic model of {printable(model.positive)}{of}"


def head(model: LogisticModel) -> str:
    """What it was trained on."""
    return head_of(model) + (f" · {model.source}" if model.source else "")


def sentences(model: LogisticModel) -> list[str]:
    """The answer: its log loss in sample and out of sample beside the baseline; how near it is to the optimum."""
    chosen = []
    if model.path is not None:
        words = [f"The penalty is {choice_of(model.path)}", *map(capital, sentences_of(model.path))]
        chosen = [" ".join(f"{each}." for each in words)]
    return [loss_sentence(model), " ".join([_fit(model), *_doubts(model)]), *chosen]


def loss_sentence(model: LogisticModel | AdditiveModel) -> str:
    """The log loss in sample and out of sample beside the baseline."""
    baseline = float(entropy(model.base_rate))
    bits = f"{fixed(model.log_loss / NATS_PER_BIT, 4)} bits"
    clause = f"Log loss {fixed(model.log_loss, 4)} nats per row ({bits}) in sample"
    if model.out_of_sample is not None:
        clause += f", {out_of_sample(model.out_of_sample)}"
    clause += f"; the baseline, always predicting the base rate {fixed(model.base_rate, 4)}, has {fixed(baseline, 4)}"
    if baseline > 0 and not model.has_offset:
        clause += f", so that the skill is {percent(1 - model.log_loss / baseline, 1)}"
    return f"{clause}."


def infinite_sentence(model: LogisticModel | AdditiveModel) -> list[str]:
    """The rows whose leave-one-out loss is infinite, if there are any."""
    new = model.out_of_sample
    if new is None or not new.n_infinite:
        return []
    over_others = f"{fixed(new.log_loss_where_finite, 4)} over the other rows"
    return [f"The leave-one-out loss is infinite for {infinite_rows(new)}; {over_others}."]


def _fit(model: LogisticModel) -> str:
    """How near it is to the optimum."""
    passes = counted(len(model.passes), "pass", "passes") + " over the rows"
    if model.separation is not None:
        named = listed([printable(name) for name in model.separation.columns]) or "the intercept"
        return (
            f"The classes are separated by {named}: the loss falls as long as these coefficients grow, so there is "
            f'no finite maximum-likelihood estimate. The limit is shown, found in {passes}; penalty="firth" '
            "or l2= gives finite coefficients."
        )
    if model.penalty:
        left = "not known" if model.modified_score is None else f"{model.modified_score:.0e} nats per row"
        return (
            f"The fit took {passes} under {PENALTIES[model.penalty]}. {NOT_CONCAVE}, so no bound on the distance from "
            f"the optimum is proved; what another step is expected to gain is {left}."
        )
    if not model.certificate.is_proven:
        return f"The fit took {passes}; its distance from the optimum is not certified."
    what = "objective (log loss and penalty)" if model.is_penalised else "log loss"
    return (
        f"The optimum is certified: the {what} is at most {model.certificate.nats_per_row:.0e} nats per row above its "
        f"minimum, after {passes}."
    )


def _doubts(model: LogisticModel) -> list[str]:
    """What must be known before its coefficients are read."""
    doubts = infinite_sentence(model)
    if model.collinear:
        which = collinear_columns(model)
        doubts.append(f"{which}; of the coefficients that fit equally well, those of least norm are shown.")
    if model.errors is not None and model.separation is not None:
        doubts.append("Standard errors are those of the finite coefficients, from the rows that are not separated.")
    if model.l1:
        doubts.append(f"{count(n_zeros(model))} of {counted(len(model.coefficients), 'coefficient')} are 0.")
    if model.errors is None:
        doubts.append(f"Standard errors are not available: {why_no_errors(model)}.")
    return doubts


def sections(model: LogisticModel) -> list[tuple[str, str]]:
    """Sections of tables: (heading, HTML)."""
    shown = page.table(*main_table(model), label="Coefficients")
    if left_out(model, ON_PAGES):
        shown += "\n" + page.paragraphs(left_out(model, ON_PAGES))
    columns = [["column", "in the model as", "coefficients"]]
    for term in model.design.terms:
        names = term.coefficient_names
        kind = "number" if hasattr(term, "centre") else f"{counted(len(names), 'level')}"
        columns.append([term.column, kind, count(len(names) - (kind != "number"))])
    own = [] if model.path is None else [("Penalty", _path(model.path))]
    return [("Coefficients", shown), *own, ("Columns", page.table(columns[:202], "llr", label="Columns"))]


def _path(path: PenaltyPath) -> str:
    """The values of a path as a table, and how many are not shown."""
    shown = page.table(*path_rows(path, MOST_OF_PATH), label="Penalty")
    left = left_out_of(path, MOST_OF_PATH)
    return f"{shown}\n{page.paragraphs(left)}" if left else shown


def short_html(model: LogisticModel, per: str = UNIT) -> str:
    """The short form for notebooks: what its text says, the coefficients as a table."""
    below = page.short_paragraphs([*left_out(model, ON_PAGES), *remarks_of(model, per)])
    return page.short_paragraphs([head_of(model)]) + page.short_table(*main_table(model, per)) + below


def remarks(model: LogisticModel) -> str:
    """Loss, likelihood and standard errors as the text of the model has them."""
    return fit_table(remarks_of(model)[: -len(model.notes) or None])


def fit_table(lines: Sequence[str]) -> str:
    """Lines of the text of a fit as a table of labels and clauses; notes stand below, as on all pages."""
    rows = [["", ""], *([line[:LABEL].strip(), line[LABEL:].strip()] for line in lines)]
    return page.table(rows, "ll", label="Fit")
