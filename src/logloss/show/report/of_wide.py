"""The text of the page of a model of a sparse matrix."""

from __future__ import annotations

from logloss.information import entropy
from logloss.show import page
from logloss.show.report.of_model import fit_table
from logloss.show.words.of_wide import NO_INTERVALS, ON_PAGES, coefficient_rows, head_of, left_out, remarks_of, zeros
from logloss.text import NATS_PER_BIT, counted, fixed, percent, printable
from logloss.training.wide_model import WideModel


def main_table(model: WideModel) -> tuple[list[list[str]], str]:
    """The largest coefficients, more of them than in text."""
    return coefficient_rows(model, ON_PAGES)


def title(model: WideModel) -> str:
    """What the page is about."""
    return f"Logistic model of {printable(model.positive)}"


def head(model: WideModel) -> str:
    """What it was trained on."""
    return head_of(model)


def sentences(model: WideModel) -> list[str]:
    """The answer: its log loss beside the baseline; how near it is to the optimum."""
    baseline = float(entropy(model.base_rate))
    bits = f"{fixed(model.log_loss / NATS_PER_BIT, 4)} bits"
    loss = f"Log loss {fixed(model.log_loss, 4)} nats per row ({bits}) in sample; always predicting the base rate "
    loss += f"{fixed(model.base_rate, 4)} has {fixed(baseline, 4)}"
    if baseline > 0 and not model.has_offset:
        loss += f", so that the skill is {percent(1 - model.log_loss / baseline, 1)}"
    passes = counted(len(model.passes), "pass", "passes") + " over the rows and "
    passes += f"{counted(model.n_products, 'walk')} over working sets" if model.l1 else ""
    passes += "" if model.l1 else f"{counted(model.n_products, 'product')} with the Hessian"
    fit = f"The fit took {passes}; its distance from the optimum is not certified."
    if model.certificate.is_proven:
        fit = (
            "The optimum is certified: the objective (log loss and penalty) is at most "
            f"{model.certificate.nats_per_row:.0e} nats per row above its minimum, after {passes}."
        )
    own = [f"Under the L1 penalty {zeros(model)} are 0."] if model.l1 else []
    return [f"{loss}.", *own, f"{fit} Intervals are not available: {NO_INTERVALS}."]


def sections(model: WideModel) -> list[tuple[str, str]]:
    """Sections of tables: (heading, HTML)."""
    shown = page.table(*main_table(model), label="Coefficients")
    if left_out(model, ON_PAGES):
        shown += "\n" + page.paragraphs(left_out(model, ON_PAGES))
    return [("Largest coefficients", shown)]


def short_html(model: WideModel) -> str:
    """The short form for notebooks: what its text says, the coefficients as a table."""
    below = page.short_paragraphs([*left_out(model, ON_PAGES), *remarks_of(model)])
    return page.short_paragraphs([head_of(model)]) + page.short_table(*main_table(model)) + below


def remarks(model: WideModel) -> str:
    """Loss and certificate as the text of the model has them."""
    return fit_table(remarks_of(model)[: -len(model.notes) or None])
