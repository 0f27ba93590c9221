"""What a new row may cost: the loss of each row under a fit to all the others.

Up to 1,000 rows the fits are made: all of them at once, each by steps of Newton's method with the information
matrix of all rows less the one that is left out; the few that do not settle so are fitted like any other table. Of more
rows each takes one such step (Pregibon's one-step approximation), in one more walk or on a random sample.

References
----------
Pregibon, D. (1981). Logistic regression diagnostics. Annals of Statistics 9(4), 705-724. doi:10.1214/aos/1176345513

>>> import logloss
>>> model = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0)
>>> round(model.new_rows.log_loss, 4), model.new_rows.kind
(1.3222, 'refits')
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from logloss.data.block import Block
from logloss.data.rows import Array, Place, Rows
from logloss.data.source import Part, Source, SourceAround
from logloss.training.solver import Found, Solver

# From so many rows on, a random sample of them is looked at.
SAMPLED_FROM = 200_000
# Steps with the matrix of all rows before a row is fitted for itself, and the half squared decrement that ends them.
MOST_STEPS, SETTLED = 50, 1e-20
# Refits of rows that may hold back a separation, in walks over tables of more than KEPT_WHOLE rows.
MOST_VALUES_SEARCHED = 20_000_000

# The coefficients without one row, in the solver's coordinates; None where the others are separated.
Refit = Callable[[Place, int, float, float], Array | None]


@dataclass(frozen=True, slots=True)
class NewRows:
    """The loss of rows under the fit to all others.

    log_loss: nats per row, inf where leaving a row out separates the rest; log_loss_of_possible: without such rows.
    kind: "refits", "steps" (one Newton step for each), or "sampled steps". n_rows: how many were left out in turn.
    n_infinite, first_infinite: rows without which the others are separated or of one class, and where the first is.

    Examples
    --------
    >>> import logloss
    >>> new = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], l2=1.0).new_rows
    >>> new.n_rows, new.n_infinite
    (4, 0)
    """

    log_loss: float
    log_loss_of_possible: float
    kind: str
    n_rows: int
    n_infinite: int = 0
    first_infinite: str = ""


@dataclass(frozen=True, slots=True)
class PartWithout:
    """A part without one of its rows."""

    part: Part
    place: Place
    row: int

    @property
    def n_rows(self) -> int | None:
        """As many as before, or fewer by one: not known."""
        return None

    def rows(self) -> Iterator[Rows]:
        """Its rows but one."""
        for rows in self.part.rows():
            at = self.row - rows.first_row
            if rows.place != self.place or not 0 <= at < rows.n_rows:
                yield rows
                continue
            kept = np.arange(rows.n_rows) != at
            columns = {name: column.taken(kept) for name, column in rows.columns.items()}
            yield Rows(columns, rows.first_row, rows.place)


class SourceWithout(SourceAround):
    """A source without one of its rows."""

    def __init__(self, source: Source, place: Place, row: int) -> None:
        super().__init__(source)
        self.place, self.row = place, row

    @property
    def n_rows(self) -> int | None:
        """One fewer."""
        return None if self.source.n_rows is None else self.source.n_rows - 1

    def parts(self, columns: Sequence[str], texts: Sequence[str] = ()) -> list[Part]:
        """Its parts."""
        return [PartWithout(part, self.place, self.row) for part in self.source.parts(columns, texts)]


def new_rows_of(
    solver: Solver, found: Found, *, pieces: Sequence[Block], sample: Block | None, refit: Refit
) -> NewRows | None:
    """What new rows may cost; None where the fit has no information matrix to step with.

    pieces: all rows, if there are at most KEPT_WHOLE; sample: a random sample of the rows, if one was drawn.
    """
    is_sampled = sample is not None and solver.n_rows >= SAMPLED_FROM
    # Of a sample a Hessian of an earlier pass is good enough: it moves the increase by far less than the sample does.
    factor = found.factor if is_sampled and not found.is_guess else solver.information(found)
    if factor.n_dependent:
        return None
    inverse = np.zeros((solver.design.width, solver.design.width))
    inverse[np.ix_(solver.free, solver.free)] = factor.inverse
    if pieces:
        return _refitted(solver, found, inverse, pieces, refit)
    return _stepped(solver, found, inverse, sample if is_sampled else None, refit)


def _stepped(solver: Solver, found: Found, inverse: Array, sample: Block | None, refit: Refit) -> NewRows:
    """One Newton step for each row."""
    from logloss.onepass.summaries import LeftOutSummary

    empty = LeftOutSummary.empty(found.sums.point, inverse)
    is_sampled = sample is not None
    summary = solver.summarised(empty, sample)
    with_all = found.sums.total_loss / solver.sum_weight
    log_loss = with_all + summary.increase
    suspects = summary.suspects
    if is_sampled or solver.is_penalised or solver.n_rows * len(solver.free) > MOST_VALUES_SEARCHED:
        suspects = ()
    guilty = [each for each in suspects if refit(each.place, each.row, math.nan, math.nan) is None]
    guilty.sort(key=lambda each: (each.name, each.row))
    kind = "sampled steps" if is_sampled else "steps"
    n_infinite = len(guilty) + summary.n_alone
    first = guilty[0].place.where(guilty[0].row) if guilty else ""
    return NewRows(math.inf if n_infinite else log_loss, log_loss, kind, summary.n_rows, n_infinite, first)


def _refitted(solver: Solver, found: Found, inverse: Array, pieces: Sequence[Block], refit: Refit) -> NewRows:
    """The fit to all rows but one, for each of them."""
    from logloss.information import surprisal
    from logloss.onepass.summaries.margins import rows_of

    vectors = np.concatenate([rows_of(rows, solver.design) for rows in pieces])
    labels = np.concatenate([rows.y_true.astype(np.float64) for rows in pieces])
    weights, counts, offsets = (
        np.concatenate([_filled(getattr(rows, name), rows.n_rows, usual) for rows in pieces])
        for name, usual in (("sample_weight", 1.0), ("counts", 1.0), ("offset", 0.0))
    )
    unit = float(weights.max())
    logits, is_settled = _settled(
        vectors, labels, weights / unit, counts, offsets, solver.penalty / unit, found.at, inverse * unit
    )
    places = [(rows.place, rows.row(i)) for rows in pieces for i in range(rows.n_rows)]
    infinite = []
    for i in np.flatnonzero(~is_settled).tolist():
        at = refit(*places[i], float(weights[i]), float(labels[i]))
        if at is None:
            infinite.append(i)
        else:
            logits[i] = vectors[i] @ at + offsets[i]
    costs = surprisal(labels, y_logit=logits)
    mass = weights / unit * counts
    is_possible = np.ones(len(labels), dtype=bool)
    is_possible[infinite] = False
    total = float(mass[is_possible].sum())
    possible = float(mass[is_possible] @ costs[is_possible]) / total if total else math.nan
    if not infinite:
        return NewRows(possible, possible, "refits", len(labels))
    place, row = min((places[i] for i in infinite), key=lambda each: (each[0].name, each[1]))
    return NewRows(math.inf, possible, "refits", len(labels), len(infinite), place.where(row))


def _filled(values: Array | None, n_rows: int, usual: float) -> Array:
    return np.full(n_rows, usual) if values is None else np.asarray(values, dtype=np.float64)


def _settled(
    vectors: Array,
    labels: Array,
    weights: Array,
    counts: Array,
    offsets: Array,
    penalty: Array,
    at: Array,
    inverse: Array,
) -> tuple[Array, Array]:
    """(The log-odds of each row under the fit to the others, whether that fit has settled); vectors (n_rows, width).

    Column i of `points` holds the coefficients without row i. Its steps take the Hessian of all rows less what row i
    adds to it, by the formula of Sherman and Morrison. Cost: O(n_rows² · width) a step.
    """
    points = np.repeat(at[:, None], len(labels), axis=1)
    base = vectors @ at + offsets
    curve = weights / (2.0 + 2.0 * np.cosh(np.minimum(np.abs(base), 700.0)))
    reached = inverse @ vectors.T
    left = 1.0 - curve * np.einsum("ij,ji->i", vectors, reached)
    is_settled, is_tried = np.zeros(len(labels), dtype=bool), left > 1e-9
    rows = np.flatnonzero(is_tried)
    before = np.full(len(labels), np.inf)
    for _ in range(MOST_STEPS):
        mine = points[:, rows]
        logits = vectors @ mine + offsets[:, None]
        residuals = (1.0 / (1.0 + np.exp(-np.clip(logits, -700, 700))) - labels[:, None]) * (weights * counts)[:, None]
        residuals[rows, np.arange(len(rows))] *= (counts[rows] - 1.0) / counts[rows]
        slopes = vectors.T @ residuals + penalty[:, None] * mine
        steps = inverse @ slopes
        own = np.einsum("ij,ji->i", vectors[rows], steps) * curve[rows] / left[rows]
        steps += reached[:, rows] * own
        decrements = 0.5 * np.einsum("ij,ij->j", slopes, steps)
        points[:, rows] = mine - steps
        is_settled[rows[decrements <= SETTLED * len(labels)]] = True
        # Whatever does not shrink any more needs a matrix of its own.
        going = (decrements > SETTLED * len(labels)) & (decrements < 0.9 * before[rows])
        before[rows] = decrements
        rows = rows[going]
        if not len(rows):
            break
    return np.einsum("ij,ji->i", vectors, points) + offsets, is_settled
