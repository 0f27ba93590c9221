"""What the report of a model says."""

from __future__ import annotations

from logloss.information import entropy
from logloss.show import page
from logloss.show.words.of_model import coefficient_rows, head_of, left_out, remarks_of
from logloss.text import NATS_PER_BIT, capital, count, counted, fixed, listed, printable
from logloss.training.model import LogisticModel

# Letters of the labels before the remarks of a model.
LABEL = 11

main_table = coefficient_rows


def title(model: LogisticModel) -> str:
    """What the page is about."""
    return f"A model of {printable(model.positive)}"


def head(model: LogisticModel) -> str:
    """What it was trained on."""
    return head_of(model) + (f" · {model.source}" if model.source else "")


def sentences(model: LogisticModel) -> list[str]:
    """The answer: what it costs on these rows and on new ones, against the base rate; how near it is to the best."""
    alone = float(entropy(model.base_rate))
    loss = f"{fixed(model.log_loss, 4)} nats ({fixed(model.log_loss / NATS_PER_BIT, 4)} bits)"
    clause = (
        f"The model predicts {printable(model.positive)} from {counted(len(model.design.read), 'column')}: it costs "
    )
    clause += f"{loss} a row on the rows it was trained on"
    if model.out_of_sample is not None:
        clause += f", and about {fixed(model.out_of_sample.log_loss, 4)} on new ones"
    clause += f". Always saying the base rate would cost {fixed(alone, 4)}"
    if alone > 0 and not model.has_offset:
        clause += f": {fixed(100 * (1 - model.log_loss / alone), 1)} % of that is saved"
    return [f"{clause}.", " ".join([_fit(model), *_doubts(model)])]


def _fit(model: LogisticModel) -> str:
    """How near it is to the best."""
    bound = f"{model.certificate.nats_per_row:.0e} nats a row"
    passes = counted(len(model.passes), "walk") + " over the rows"
    if model.separation is not None:
        named = listed([printable(name) for name in model.separation.columns]) or "the intercept"
        return (
            f"No finite coefficients are best: {named} can tell rows apart without fault, so that the loss falls as "
            f"long as coefficients grow. Shown is the limit, found in {passes}; a penalty (l2=) gives finite ones."
        )
    if not model.certificate.is_proven:
        return f"It was found in {passes}; how far it is from the best is not proved."
    return f"It was found in {passes}, and it is proved that no other is better by more than {bound}."


def _doubts(model: LogisticModel) -> list[str]:
    """What must be known before its coefficients are read."""
    found = [f"{capital(caution)}." for caution in model.cautions]
    if model.out_of_sample is not None and model.out_of_sample.n_infinite:
        n = counted(model.out_of_sample.n_infinite, "row")
        found.append(f"Without any of {n} the others are separated, so that such new rows may cost infinitely much.")
    if model.collinear:
        named = listed([printable(name) for name in model.collinear])
        found.append(f"The columns cannot tell {named} apart; of many equal answers the shortest is shown.")
    if model.l2:
        found.append(f"Its coefficients are drawn towards 0 (l2 = {model.l2:g}), so that they have no standard errors.")
    return found


def sections(model: LogisticModel) -> list[tuple[str, str]]:
    """Sections of tables: (heading, HTML)."""
    shown = page.table(*main_table(model), label="Coefficients")
    if left_out(model):
        shown += "\n" + page.paragraphs(left_out(model))
    columns = [["column", "in the model as", "coefficients"]]
    for term in model.design.terms:
        names = term.coefficient_names
        kind = "number" if hasattr(term, "centre") else f"{counted(len(names), 'level')}"
        columns.append([term.column, kind, count(len(names) - (kind != "number"))])
    return [("Coefficients", shown), ("Columns", page.table(columns[:202], "llr", label="Columns"))]


def short_html(model: LogisticModel) -> str:
    """The short form for notebooks: what its text says, the coefficients as a table."""
    below = page.short_paragraphs([*left_out(model), *remarks_of(model)])
    return page.short_paragraphs([head_of(model)]) + page.short_table(*main_table(model)) + below


def remarks(model: LogisticModel) -> str:
    """Loss, likelihood and errors as the text of the model says them."""
    rows = [["", ""], *([line[:LABEL].strip(), line[LABEL:].strip()] for line in remarks_of(model))]
    return page.table(rows, "ll", label="Fit")
