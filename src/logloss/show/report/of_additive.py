"""The text of an additive model's page."""

from __future__ import annotations

import math

from logloss.show import page
from logloss.show.drawings.of_additive import kinds_of_pairs, kinds_of_terms
from logloss.show.report.of_model import fit_table, infinite_sentence, loss_sentence
from logloss.show.words.of_additive import (
    ON_PAGES,
    head_of,
    largest_places,
    left_out,
    name_of,
    pair_text,
    parts_by_importance,
    remarks_of,
    share_of,
    share_text,
    term_rows,
    term_text,
)
from logloss.text import counted, fixed, listed, printable, significant
from logloss.training.additive_model import AdditiveModel
from logloss.training.pair_effects import PairEffect
from logloss.training.term_effects import TermEffect

# Terms that are named as the most important ones, terms with a picture, and pairs with one: about 0.4 MB.
N_NAMED, N_PICTURES, N_PAIRS = 3, 24, 12


def main_table(model: AdditiveModel) -> tuple[list[list[str]], str]:
    """Terms and pairs, more of them than in text."""
    return term_rows(model, ON_PAGES)


def title(model: AdditiveModel) -> str:
    """What the page is about."""
    of = f", trained on {printable(model.source)}" if model.source else ""
    return f"Additive model of {printable(model.positive)}{of}"


def head(model: AdditiveModel) -> str:
    """What it was trained on."""
    return head_of(model) + (f" · {model.source}" if model.source else "")


def headline(model: AdditiveModel) -> tuple[str, str]:
    """The log loss of new rows as far as it is known, else that in sample."""
    new = model.out_of_sample
    if new is None:
        return fixed(model.log_loss, 4), "nats per row, log loss in sample"
    return fixed(new.log_loss, 4), "nats per row, leave-one-out log loss"


def sentences(model: AdditiveModel) -> list[str]:
    """The answer: its log loss beside the baseline; which terms carry the skill; how near it is to the optimum."""
    shares = [(name_of(part), share_of(model, part)) for part in parts_by_importance(model)[:N_NAMED]]
    named = [f"{printable(name)} ({share_text(share)})" for name, share in shares if not math.isnan(share)]
    important = []
    if named:
        of = "terms and pairs" if model.pair_terms else "terms"
        important = [f"Most important {of}, by the share of the skill that is lost without them: {listed(named)}."]
        important += _together(model)
    return [loss_sentence(model), *important, " ".join([_fit(model), *infinite_sentence(model)])]


def _together(model: AdditiveModel) -> list[str]:
    """What the most important pairs carry, where none of them is among the parts that are named."""
    parts = parts_by_importance(model)
    if any(isinstance(part, PairEffect) for part in parts[:N_NAMED]):
        return []
    pairs = [part for part in parts if isinstance(part, PairEffect)][:N_NAMED]
    named = [f"{printable(pair.name)} ({share_text(share_of(model, pair))})" for pair in pairs]
    return [f"Most important of the {counted(len(model.pair_terms), 'pair')}: {listed(named)}."] if named else []


def _fit(model: AdditiveModel) -> str:
    """How near it is to the optimum."""
    passes = counted(len(model.passes), "pass", "passes") + " over the rows"
    chosen = f"The precisions of the terms were chosen from the data; the fit took {passes}."
    if not model.certificate.is_proven:
        return f"{chosen} Its distance from the optimum is not certified."
    return (
        f"{chosen} The optimum at these precisions is certified: the penalised log loss is at most "
        f"{model.certificate.nats_per_row:.0e} nats per row above its minimum."
    )


def pictures(model: AdditiveModel) -> list[str]:
    """The pictures of the page: one of each of the most important terms and pairs, then that of the passes."""
    return [*kinds_of_terms(model)[:N_PICTURES], *kinds_of_pairs(model)[:N_PAIRS], "passes"]


def sections(model: AdditiveModel) -> list[tuple[str, str]]:
    """Sections of tables: (heading, HTML)."""
    drawn = [f"{N_PICTURES} most important terms"] if len(model.terms) > N_PICTURES else []
    drawn += [f"{N_PAIRS} most important pairs"] if len(model.pair_terms) > N_PAIRS else []
    lines = [f"Pictures are of the {' and the '.join(drawn)}."] if drawn else []
    shown = page.table(*main_table(model), label="Terms")
    penalties = [["", "log loss without it (nats)", "precisions"]]
    for part in parts_by_importance(model)[:ON_PAGES]:
        precisions = (part.precision,) if isinstance(part, PairEffect) else part.precisions
        own = ", ".join(significant(value) for value in precisions if value) or "no penalty"
        penalties.append([printable(name_of(part)), fixed(part.loss_without, 4), own])
    below = page.paragraphs([*lines, *left_out(model, ON_PAGES)])
    heading = "Terms and pairs" if model.pair_terms else "Terms"
    return [(heading, f"{shown}\n{below}"), ("Penalties", page.table(penalties, "lrr", label="Penalties"))]


def short_html(model: AdditiveModel) -> str:
    """The short form for notebooks: what its text has, the terms as a table."""
    below = page.short_paragraphs([*left_out(model, ON_PAGES), *remarks_of(model)])
    return page.short_paragraphs([head_of(model)]) + page.short_table(*main_table(model)) + below


def term_html(term: TermEffect) -> str:
    """One term for notebooks: its head, and the first of its places."""
    return page.short_paragraphs(term_text(term).split("\n")[:1]) + term.table._repr_html_()


def pair_html(pair: PairEffect) -> str:
    """One pair for notebooks: its head, and the places with the largest effects."""
    head, *below = [line for line in pair_text(pair).split("\n") if line]
    return page.short_paragraphs([head, *below[:1]]) + (largest_places(pair)._repr_html_() if below else "")


def remarks(model: AdditiveModel) -> str:
    """Loss and certificate as the text of the model has them."""
    return fit_table(remarks_of(model)[: -len(model.notes) or None])
