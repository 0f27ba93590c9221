"""Held-out log loss of shapes beside a linear model, EBM and LightGBM.

Each table is split at random once a round, 70% of its rows to train on: round k is NumPy's default_rng(k). "linear" has
l2 = 1 and numbers divided by their standard deviation, so that no coefficient is infinite; "linear, no penalty" is left
out where the classes are separated. "shapes" is fit(shapes="auto"), "shapes and pairs" with pairs="auto", too.
_shapes_peers.py says how peers are fitted; those that are not installed are left out. With an offset all have it.

log_loss: mean over the rounds, which are in `losses`. less_linear: by how much a loss is below that of "linear"; error:
its standard error by Nadeau and Bengio (2003), who multiply the variance of the rounds by 1 / rounds + 3 / 7, as
training rows overlap. excess_percent: the loss of "shapes" over that of a peer, less 1; excess_percent_of_pairs: that
of "shapes and pairs". seconds: median of the fits alone, the choice of options included; of_shapes: over those of
"shapes" in the same round. walks: over the rows, those that learn the columns included. df: effective degrees of
freedom. certificate: the largest.

FOLDER contains public tables; absent ones are left out. EBM takes minutes a table: --tables, --peers and --add run this
in pieces.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from _record import Figures, Lines, ratio, record
from _shapes_peers import PEERS, Predict, codes_of, installed, loss_of
from _shapes_tables import REAL, SHIPPED, some_of
from training import Table

import logloss

TRAINED = 0.7
LINEAR, FREE, SHAPES, PAIRS = "linear", "linear, no penalty", "shapes", "shapes and pairs"
OURS: dict[str, dict[str, Any]] = {
    LINEAR: {"l2": 1.0},
    FREE: {},
    SHAPES: {"shapes": "auto"},
    PAIRS: {"shapes": "auto", "pairs": "auto"},
}


class Walks:
    """Counts the walks over the rows of a fit."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, _: Any) -> None:
        """A block is done."""

    def on_phase(self, _: str) -> None:
        """A walk begins."""
        self.number += 1


def fitted(table: Table, options: dict[str, Any]) -> tuple[Figures, Any]:
    """Our fit: what it took, and the model."""
    walks, began = Walks(), time.perf_counter()
    model = logloss.fit(
        table.features,
        table.labels,
        sample_weight=table.weight,
        offset=table.offset,
        leave_one_out=False,
        progress=walks,
        **table.options,
        **options,
    )
    figures: Figures = {"seconds": time.perf_counter() - began, "passes": len(model.passes), "walks": walks.number}
    if "shapes" in options:
        figures["df"] = float(model.effective_degrees_of_freedom)
    return figures | {"certificate": model.certificate.nats_per_row, "proved": model.certificate.is_proven}, model


def of_ours(options: dict[str, Any]) -> Callable[[Table, Table], Figures | None]:
    """One round of ours; None where classes are separated."""

    def work(old: Table, new: Table) -> Figures | None:
        if options.get("l2"):
            old, new = scaled(old, new)
        figures, model = fitted(old, options)
        if model.separation is not None:
            return None
        offset = {} if new.offset is None else {"offset": new.offset}
        return figures | {"loss": loss_of(new, model.predict_logit(new.features, **offset))}

    return work


def scaled(old: Table, new: Table) -> tuple[Table, Table]:
    """Both with numbers in units of their standard deviation in the first."""
    codes = codes_of(old)
    units = {name: old.features[name].std() or 1.0 for name in old.features.columns if name not in codes}
    own, other = (
        replace(table, features=table.features.assign(**{name: table.features[name] / u for name, u in units.items()}))
        for table in (old, new)
    )
    return own, other


def of_peer(fit: Callable[..., Predict], *, is_quick: bool) -> Callable[[Table, Table], Figures]:
    """One round of a peer."""

    def work(old: Table, new: Table) -> Figures:
        began = time.perf_counter()
        predict = fit(old, is_quick=is_quick)
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "loss": loss_of(new, predict(new))}

    return work


def compared(name: str, table: Table, requested: argparse.Namespace) -> Lines:
    """The lines of one table."""
    table = some_of(table, requested.rows, requested.columns)
    work = {own: of_ours(options) for own, options in OURS.items()}
    work |= {peer: of_peer(fit, is_quick=requested.quick) for peer, fit in installed(tuple(requested.peers)).items()}
    rounds: dict[str, list[Figures | None]] = {own: [] for own in work}
    cut = int(TRAINED * len(table.labels))
    for number in range(1, requested.rounds + 1):
        order = np.random.default_rng(number).permutation(len(table.labels))
        old, new = table.taken(np.sort(order[:cut])), table.taken(np.sort(order[cut:]))
        for own, call in work.items():
            with warnings.catch_warnings(action="ignore"):
                rounds[own].append(call(old, new))
    yield name, {"rows": len(table.labels), "columns": table.features.shape[1], "base_rate": float(table.labels.mean())}
    # Classes that are separated in one round have no unpenalised fit.
    found = {own: lines for own, lines in rounds.items() if None not in lines}
    for own, lines in found.items():
        yield f"{name}, {own}", summed_up(own, lines, found)


def summed_up(own: str, lines: list[Figures], found: dict[str, list[Figures]]) -> Figures:
    """One line of all rounds of a model."""
    losses, seconds = ([line[key] for line in lines] for key in ("loss", "seconds"))
    loss = statistics.fmean(losses)
    figures: Figures = {"log_loss": loss}
    if own != LINEAR:
        figures |= below([line["loss"] for line in found[LINEAR]], losses)
    if own in PEERS:
        for key, of in (("excess_percent", SHAPES), ("excess_percent_of_pairs", PAIRS)):
            if of in found:
                figures[key] = 100 * (statistics.fmean(line["loss"] for line in found[of]) / loss - 1)
    figures["seconds"] = statistics.median(seconds)
    if own != SHAPES:
        figures["of_shapes"] = ratio(seconds, [line["seconds"] for line in found[SHAPES]])
    if own not in PEERS:
        figures |= {key: statistics.median(line[key] for line in lines) for key in ("passes", "walks")}
        figures["certificate"] = max(line["certificate"] for line in lines)
        figures["proved"] = all(line["proved"] for line in lines)
    if "df" in lines[0]:
        figures["df"] = statistics.fmean(line["df"] for line in lines)
    return figures | {"losses": [float(f"{each:.6g}") for each in losses]}


def below(others: list[float], losses: list[float]) -> Figures:
    """By how much losses are below others; the standard error of Nadeau and Bengio, doi:10.1023/A:1024068626366."""
    gains = [other - loss for other, loss in zip(others, losses, strict=True)]
    figures: Figures = {"less_linear": statistics.fmean(gains)}
    if len(gains) > 1:
        spread = 1 / len(gains) + (1 - TRAINED) / TRAINED
        figures["error"] = math.sqrt(spread * statistics.variance(gains))
    return figures


def shipped(requested: argparse.Namespace) -> Lines:
    """The tables that scikit-learn and statsmodels ship."""
    if PAIRS not in OURS:
        print(f"  {PAIRS}: left out, fit has no pairs")
    for name, make in SHIPPED.items():
        if name in requested.tables:
            yield from compared(name, make(), requested)


def real(requested: argparse.Namespace) -> Lines:
    """The tables of the folder."""
    for name, make in REAL.items() if requested.folder else ():
        if name not in requested.tables:
            continue
        try:
            table = make(requested.folder)
        except FileNotFoundError as error:
            print(f"  {name}: left out, {error.filename} is absent")
            continue
        yield from compared(name, table, requested)


def warm_up() -> None:
    """Compile what is timed."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"x": random.random(300), "z": random.integers(0, 3, 300)}).assign(t=["a", "b", None] * 100)
    table = Table(frame, random.integers(0, 2, 300), options={"missing": "indicator"})
    for options in OURS.values():
        for own in (table, replace(table, weight=random.random(300)), replace(table, offset=random.random(300))):
            fitted(own, options)


if __name__ == "__main__":
    warm_up()
    names = {"tables": (*SHIPPED, *REAL), "peers": tuple(PEERS)}
    record(shipped, real, folder=True, choices=names, rows=(80_000, 100), columns=(100, 8), rounds=(5, 1))
