"""Sparse tables under an L2 penalty, beside other solvers at the same distance from the minimum.

Tables: "adult", the 123 columns of 0 and 1 of a9a.svm, where its folder is given, else drawn with as many; "text",
words whose frequency falls with their rank, weighted by rarity (tf-idf); "wide", the same with 20 times as many
columns; and from the folder adult with all pairs of its categories, KDD'99 and ratings of lectures. Each solver is
given the loosest of its tolerances, by factors of ten, at which its objective is at most 1e-6 of the minimum above it;
the time is that of such a fit, and `of_ours` its ratio to ours, which stops at the same distance by its certificate.
`full` is our time to the default tolerance, 1e-12 nats per row. A solver that takes 100 times as long with a tolerance
is not given the next one. peak_mb: of a process that fits the wide table.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from _record import Figures, Lines, in_own_process, peak_mb, ratio, record, turns
from _sparse_peers import PEERS, Peer
from _wide_tables import OF_FOLDER, adult, words

import logloss

L2, NEAR = 1.0, 1e-6
# A fit that takes so many times as long as ours is given no tighter tolerance; one of so many seconds takes one round.
FAR_SLOWER, LONG = 100.0, 20.0
TOLERANCES = tuple(10.0**-k for k in range(2, 10))


def objective(rows: Any, labels: Any, intercept: float, coefficients: Any) -> float:
    """The summed loss and the penalty."""
    logits = rows @ coefficients + intercept
    loss = logloss.log_loss(labels, y_logit=logits) * len(labels)
    return float(loss + L2 / 2 * coefficients @ coefficients)


def compared(name: str, rows: Any, labels: Any, rounds: int) -> Lines:
    """Ours, and the peers beside it."""
    logloss.fit(rows, labels, l2=L2)
    least = objective(rows, labels, (best := logloss.fit(rows, labels, l2=L2)).intercept, best.coef)
    tolerance = NEAR * least / len(labels)

    def ours() -> Any:
        return logloss.fit(rows, labels, l2=L2, tolerance=tolerance)

    near = ours()
    gap = (objective(rows, labels, near.intercept, near.coef) - least) / least
    times = turns({"near": ours, "full": lambda: logloss.fit(rows, labels, l2=L2)}, rounds)
    yield (
        f"{name}, ours",
        {
            "values": getattr(rows, "nnz", rows.size),
            "seconds": min(times["near"]),
            "passes": len(near.passes),
            "products": near.n_products,
            "relative_gap": gap,
            "full": ratio(times["full"], times["near"]),
            "full_passes": len(best.passes),
            "full_products": best.n_products,
            "certificate": best.certificate.nats_per_row,
        },
    )
    for peer in PEERS.values():
        if peer.is_there and rows.shape[1] <= peer.most_columns:
            yield f"{name}, {peer.name}", of_peer(peer, rows, labels, least, ours, rounds)


def of_peer(peer: Peer, rows: Any, labels: Any, least: float, ours: Callable[[], Any], rounds: int) -> Figures:
    """A solver at the loosest tolerance that comes as near."""
    for tolerance in TOLERANCES:
        fitted = partial(peer.fit, rows, labels, L2, tolerance)
        began = time.perf_counter()
        intercept, coefficients, steps = fitted()
        took = time.perf_counter() - began
        gap = (objective(rows, labels, intercept, coefficients) - least) / least
        if gap <= NEAR or took > FAR_SLOWER * seconds_of(ours):
            # What takes minutes takes one round.
            seconds = {"ours": [seconds_of(ours)], "peer": [took]}
            if took < LONG:
                seconds = turns({"ours": ours, "peer": fitted}, rounds, warm_up=0)
            figures: Figures = {"tolerance": tolerance, "steps": steps, "relative_gap": gap}
            of_ours = ratio(seconds["peer"], seconds["ours"])
            return figures | ({"of_ours": of_ours} if gap <= NEAR else {"of_ours_and_not_there": of_ours})
    return {"relative_gap": gap, "note": "no tolerance comes as near"}


def seconds_of(fitted: Callable[[], Any]) -> float:
    """Of one call."""
    began = time.perf_counter()
    fitted()
    return time.perf_counter() - began


def tables(requested: argparse.Namespace) -> Lines:
    """The tables, with the peers that are installed."""
    yield from compared("adult", *adult(requested), requested.rounds)
    yield from compared("text", *words(requested.rows // 5, requested.rows // 2, 100), requested.rounds)
    yield from compared("wide", *words(requested.rows, 10 * requested.rows, 120), requested.rounds)
    if requested.folder is not None:
        for name, table in OF_FOLDER.items():
            yield from compared(name, *table(requested), requested.rounds)


def peak_of_wide(n_rows: int, is_fitted: bool) -> float:
    """The peak of a process that makes the wide table, and perhaps fits it."""
    rows, labels = words(n_rows, 10 * n_rows, 120)
    before = peak_mb()
    if is_fitted:
        logloss.fit(rows, labels, l2=L2)
    return peak_mb() if is_fitted else before


def memory(requested: argparse.Namespace) -> Lines:
    """The peak of the wide table: to make it, and to make and fit it."""
    made = in_own_process(peak_of_wide, requested.rows, False)
    yield "wide", {"made_mb": made, "peak_mb": in_own_process(peak_of_wide, requested.rows, True)}


if __name__ == "__main__":
    record(tables, memory, folder=True, rows=(100_000, 1000), rounds=(5, 1))
