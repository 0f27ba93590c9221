"""Sparse tables under an L1 penalty, alone or with an L2 penalty, beside other solvers at the same distance from the
minimum.

The tables of sparse_rows.py: "adult" and "text" at a tenth and a thirtieth of the least l1 at which every coefficient
is 0, the others at a tenth; "elastic net": l2 is as large as l1, a thirtieth. Each solver is given the loosest of its
tolerances, by factors of ten, at which its objective is at most 1e-6 of the minimum above it, beginning with the one
before that of the case before; `of_ours` is the ratio of its time to ours, which stops at the same distance by its
certificate. `full` is our time to 1e-12 nats per row. A solver that takes 10 times as long as ours and 10 seconds is
given no tighter tolerance. celer fits no intercept, nor do we beside it. Paths of adult and of text: 100 values of l1,
evenly spaced in logarithms, to a twentieth. peak_mb: of a process that fits the wide table.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from _lasso_peers import LASSO_PEERS, LassoPeer
from _record import Figures, Lines, in_own_process, peak_mb, ratio, record, turns
from _wide_tables import OF_FOLDER, adult, words

import logloss
from logloss.data.sparse_rows import SparseRows
from logloss.training.sparse_lasso import path_of
from logloss.training.sparse_lasso_problem import LassoProblem

NEAR, SHARES = 1e-6, (10, 30)
# Of wider tables only the first: the peers take minutes.
FAR_SLOWER, LONG = 10.0, 10.0
TOLERANCES = tuple(10.0**-k for k in range(2, 9))
# Of each peer, which of these came as near in the case before.
REACHED: dict[str, int] = {}
N_PATH, END_OF_PATH = 100, 20.0
NONE = np.zeros(0)


@dataclass(frozen=True)
class Case:
    """A table and the penalties of its summed loss."""

    rows: Any
    labels: Any
    l1: float
    l2: float = 0.0

    def objective(self, intercept: float, coefficients: Any) -> float:
        """The summed loss and the penalty."""
        loss = logloss.log_loss(self.labels, y_logit=self.rows @ coefficients + intercept) * len(self.labels)
        return float(loss + self.l1 * np.abs(coefficients).sum() + self.l2 / 2 * coefficients @ coefficients)

    def ours(self, *, fit_intercept: bool) -> Callable[..., Any]:
        """Our fit, which takes a tolerance."""
        return partial(logloss.fit, self.rows, self.labels, l1=self.l1, l2=self.l2, fit_intercept=fit_intercept)


def least_l1_of_zeros(rows: Any, labels: Any, *, fit_intercept: bool = True) -> float:
    """The least l1 at which every coefficient is 0."""
    probability = labels.mean() if fit_intercept else 0.5
    return float(np.abs(rows.T @ (probability - labels)).max())


def compared(name: str, rows: Any, labels: Any, rounds: int, shares: tuple[int, ...] = SHARES) -> Lines:
    """Ours at each strength, and the peers beside it."""
    for share in shares:
        case = Case(rows, labels, least_l1_of_zeros(rows, labels) / share)
        yield from beside_peers(f"{name}, 1/{share}", case, rounds)


def beside_peers(name: str, case: Case, rounds: int) -> Lines:
    """Ours, and the peers that fit such a table with such penalties."""
    peers = [
        peer
        for peer in LASSO_PEERS.values()
        if peer.is_there and case.rows.shape[1] <= peer.most_columns and (peer.has_l2 or not case.l2)
    ]
    uses = {True, *(peer.fit_intercept for peer in peers)}
    fits = {own: case.ours(fit_intercept=own) for own in uses}
    best = {own: fit() for own, fit in fits.items()}
    least = {own: case.objective(model.intercept, model.coef) for own, model in best.items()}
    near = {own: partial(fits[own], tolerance=NEAR * least[own] / len(case.labels)) for own in uses}
    model = near[True]()
    times = turns({"near": near[True], "full": fits[True]}, rounds)
    yield (
        f"{name}, ours",
        {
            "values": case.rows.nnz,
            "seconds": min(times["near"]),
            "passes": len(model.passes),
            "walks": model.n_products,
            "relative_gap": case.objective(model.intercept, model.coef) / least[True] - 1,
            "not_zero": best[True].n_nonzero,
            "full": ratio(times["full"], times["near"]),
            "certificate": best[True].certificate.nats_per_row,
        },
    )
    for peer in peers:
        own = peer.fit_intercept
        yield f"{name}, {peer.name}", of_peer(peer, case, least[own], near[own], rounds)


def of_peer(peer: LassoPeer, case: Case, least: float, ours: Callable[[], Any], rounds: int) -> Figures:
    """A solver at the loosest tolerance that comes as near."""
    # What is compiled is compiled here.
    some = np.concatenate([np.flatnonzero(case.labels == label)[:100] for label in (0, 1)])
    peer.fit(case.rows[some], case.labels[some], case.l1 / 10, case.l2 / 10, TOLERANCES[0])
    for number in range(max(REACHED.get(peer.name, 0) - 1, 0), len(TOLERANCES)):
        tolerance = TOLERANCES[number]
        fitted = partial(peer.fit, case.rows, case.labels, case.l1, case.l2, tolerance)
        took, found = timed(fitted)
        gap = case.objective(*found) / least - 1
        own, _ = timed(ours)
        is_slow = took > max(FAR_SLOWER * own, LONG)
        if gap <= NEAR or is_slow:
            REACHED[peer.name] = number
            seconds = {"ours": [own], "peer": [took]}
            if took < LONG:
                seconds = turns({"ours": ours, "peer": fitted}, rounds, warm_up=0)
            of_ours = ratio(seconds["peer"], seconds["ours"])
            figures: Figures = {"tolerance": tolerance, "relative_gap": gap}
            return figures | ({"of_ours": of_ours} if gap <= NEAR else {"of_ours_and_not_there": of_ours})
    return {"relative_gap": gap, "note": "no tolerance comes as near"}


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """(Seconds of one call, its result)."""
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


def strengths_of(rows: Any, labels: Any, *, fit_intercept: bool) -> list[float]:
    """The values of l1 of a path."""
    first = least_l1_of_zeros(rows, labels, fit_intercept=fit_intercept)
    values: list[float] = np.geomspace(first, first / END_OF_PATH, N_PATH).tolist()
    return values


def path_of_ours(rows: Any, labels: Any, strengths: list[float], tolerance: float, *, fit_intercept: bool) -> Any:
    """The optimum at each strength."""
    ones = np.ones(rows.shape[1])
    own = SparseRows.of(rows, labels, NONE, NONE)
    problem = LassoProblem(own, ones, 0 * ones, fit_intercept, float(len(labels)), tolerance)
    return [optimum for _, optimum in path_of(problem, strengths)]


def paths(requested: argparse.Namespace) -> Lines:
    """Paths of 100 values, ours and the peers that have paths."""
    for name, (rows, labels) in {"adult": adult(requested), "text": text(requested)}.items():
        for peer in LASSO_PEERS.values():
            if peer.is_there and peer.path is not None:
                yield f"{name}, {peer.name}", path_beside(peer, rows, labels)


def path_beside(peer: LassoPeer, rows: Any, labels: Any) -> Figures:
    """Ours to a millionth of the minimum at each value, beside a peer that comes as near."""
    strengths = strengths_of(rows, labels, fit_intercept=peer.fit_intercept)
    path = partial(path_of_ours, rows, labels, strengths, fit_intercept=peer.fit_intercept)
    best = path(1e-12)
    least = np.array([optimum.objective for optimum in best])
    own, near = timed(partial(path, NEAR * float(least.min()) / len(labels)))
    n_walks = sum(len(optimum.passes) for optimum in near)
    figures: Figures = {"ours_seconds": own, "ours_passes": n_walks}
    figures["ours_relative_gap"] = float((np.array([each.objective for each in near]) / least - 1).max())
    for tolerance in TOLERANCES[2:]:
        took, found = timed(partial(peer.path, rows, labels, strengths, tolerance))
        reached = [Case(rows, labels, l1).objective(*each) for l1, each in zip(strengths, found, strict=True)]
        gap = float((np.array(reached) / least - 1).max())
        if gap <= NEAR or took > FAR_SLOWER * own:
            break
    word = "of_ours" if gap <= NEAR else "of_ours_and_not_there"
    return figures | {word: took / own, "tolerance": tolerance, "relative_gap": gap}


def text(requested: argparse.Namespace) -> tuple[Any, Any]:
    """Words of texts."""
    return words(requested.rows // 5, requested.rows // 2, 100)


def tables(requested: argparse.Namespace) -> Lines:
    """The tables, with the peers that are installed."""
    for name, (rows, labels) in {"adult": adult(requested), "text": text(requested)}.items():
        yield from compared(name, rows, labels, requested.rounds)
        l1 = least_l1_of_zeros(rows, labels) / SHARES[-1]
        yield from beside_peers(f"{name}, elastic net", Case(rows, labels, l1, l2=l1), requested.rounds)
    yield from compared("wide", *words(requested.rows, 10 * requested.rows, 120), requested.rounds, SHARES[:1])
    if requested.folder is not None:
        for name, table in OF_FOLDER.items():
            yield from compared(name, *table(requested), requested.rounds, SHARES[:1])


def peak_of_wide(n_rows: int, is_fitted: bool) -> float:
    """The peak of a process that makes the wide table, and perhaps fits it."""
    rows, labels = words(n_rows, 10 * n_rows, 120)
    before = peak_mb()
    if is_fitted:
        logloss.fit(rows, labels, l1=least_l1_of_zeros(rows, labels) / SHARES[-1])
    return peak_mb() if is_fitted else before


def memory(requested: argparse.Namespace) -> Lines:
    """The peak of the wide table: to make it, and to make and fit it."""
    made = in_own_process(peak_of_wide, requested.rows, False)
    yield "wide", {"made_mb": made, "peak_mb": in_own_process(peak_of_wide, requested.rows, True)}


if __name__ == "__main__":
    record(tables, paths, memory, folder=True, rows=(100_000, 400), rounds=(1, 1))
