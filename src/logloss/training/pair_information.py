"""The information on the coefficients of an additive model with pairs, along the directions that the data determine.

Of each term and each pair by itself, penalty and information have common eigenvectors. Where the information is a small
part of the penalty, a coefficient stays near to 0 whatever the others are; along all other directions the Hessian is
formed as a whole, from the rows or from a sample of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from logloss.data.block import Block
from logloss.data.design import Design
from logloss.data.rows import Array
from logloss.onepass.summaries.directions import Along, AlongInverse, Directions, DirectionSummary
from logloss.training.factor import Factor
from logloss.training.problem import Problem
from logloss.training.recipe import cut
from logloss.training.term_effects import TermInformation

if TYPE_CHECKING:
    from logloss.onepass.summaries import CurvatureSummary
    from logloss.onepass.summaries.hessian import Hessian

# A direction counts where the information on it is at least such a share of the penalty, up to so many directions; of
# few directions also those of smaller shares.
LEAST_SHARE, MOST_DIRECTIONS = 0.3, 2_500
LEAST_OF_FEW, FEW_DIRECTIONS = 0.01, 600
# The weakest directions that count are those below so many times the least share.
WEAK = 4.0
# Rows of a sample for each direction: for steps, and for what is known of the optimum.
FOR_STEPS, FOR_ERRORS = 16, 40


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """One term or pair: its place among the coefficients; eigenvectors of information in units of the penalty.

    shares: the eigenvalues, falling, shape (n,). vectors: shape (n, n), each of penalty 1; n_kept: how many count.
    """

    span: slice
    shares: Array
    vectors: Array
    n_kept: int

    @property
    def kept(self) -> Array:
        """The directions that count, shape (n, n_kept)."""
        return self.vectors[:, : self.n_kept]


def spectrum_of(span: slice, information: Array, penalty: Array) -> Spectrum:
    """Of a block of information, shape (n, n), or of its diagonal, (n,), and the penalty of each coefficient."""
    unit = 1.0 / np.sqrt(penalty)
    if information.ndim == 1:
        shares = information * unit**2
        order = np.argsort(-shares, kind="stable")
        return Spectrum(span, shares[order], np.diag(unit)[:, order], 0)
    shares, vectors = np.linalg.eigh(information * unit * unit[:, None])
    return Spectrum(span, np.maximum(shares[::-1], 0.0), unit[:, None] * vectors[:, ::-1], 0)


def _least_share(shares: Array) -> float:
    """Below it directions do not count."""
    falling = np.sort(shares)[::-1]
    n_strong, n_any = (int(np.count_nonzero(falling > least)) for least in (LEAST_SHARE, LEAST_OF_FEW))
    n_kept = min(max(n_strong, min(n_any, FEW_DIRECTIONS)), MOST_DIRECTIONS)
    return float(falling[n_kept]) if n_kept < len(falling) else 0.0


def grams_of(sums: CurvatureSummary) -> list[Array]:
    """The information on each pair by itself, in the solver's coordinates."""
    design = sums.point.design
    return [
        each.gram(weights) / each.scale / each.scale[:, None]
        for each, weights in zip(design.tables, sums.of_pairs, strict=True)
    ]


def blocks_of_terms(design: Design, hessian: Hessian) -> list[tuple[slice, Array]]:
    """Each term, categories first, with the information on it by itself: of the levels of a category its diagonal."""
    diagonal, full = hessian.diagonal, hessian.others
    found = [(span, diagonal[span]) for span in design.spans]
    # The levels of one category are not among the others.
    n_apart = len(hessian.levels)
    for span in design.shape_spans:
        own = slice(span.start - n_apart, span.stop - n_apart)
        found.append((span, full[own, own]))
    return found


class PairInformation:
    """The Hessian of the penalised objective, as blocks, and as a whole along the directions that count.

    sums: of the pass at a point. of_terms: as of `blocks_of_terms`, at a point nearby. rows: a sample from which the
    whole is formed; all rows if left out; is_single: as of `Along`. Cost: O(rows · n_directions²).
    """

    def __init__(
        self,
        problem: Problem,
        sums: CurvatureSummary,
        of_terms: Sequence[tuple[slice, Array]],
        sample: Block | None,
        rows_of_each: int,
        *,
        is_single: bool = False,
    ) -> None:
        penalty, design = problem.penalty, problem.design
        blocks = [*of_terms, *zip(design.pair_spans, grams_of(sums), strict=True)]
        found = [spectrum_of(span, information, penalty[span]) for span, information in blocks]
        least = _least_share(np.concatenate([each.shares for each in found]))
        self.spectra = [
            Spectrum(each.span, each.shares, each.vectors, int(np.count_nonzero(each.shares > least))) for each in found
        ]
        self.least = least
        self.design, self.fit_intercept, self.penalty = design, problem.fit_intercept, penalty
        self.directions = self._directions()
        n_rows = rows_of_each * self.directions.n_directions
        few = cut(sample, n_rows) if sample is not None and n_rows < sample.n_rows else ()
        where = Along(sums.point, self.directions, is_single)
        along = problem.summarised(DirectionSummary.empty(where), few)
        hessian = along.hessian * (problem.sum_weight / along.sum_mass)
        np.einsum("ii->i", hessian)[1:] += 1.0
        self.first = 0 if problem.fit_intercept else 1
        self.factor = Factor(hessian[self.first :, self.first :])

    def _directions(self) -> Directions:
        design, spectra = self.design, iter(self.spectra)
        of_levels, of_shapes, of_pairs = [], [], []
        for _ in design.categories:
            of_levels.append(np.vstack([own := next(spectra).kept, np.zeros((1, own.shape[1]))]))
        for term in design.shapes:
            of_shapes.append(term.with_end((term.basis / term.scale) @ next(spectra).kept))
        for each in design.tables:
            of_pairs.append(each.table(next(spectra).kept / each.scale[:, None]))
        return Directions(tuple(of_levels), tuple(of_shapes), tuple(of_pairs))

    def solve(self, gradient: Array) -> Array:
        """The inverse times a vector, shape (width,)."""
        kept = [gradient[:1]]
        kept += [each.kept.T @ gradient[each.span] for each in self.spectra]
        of_kept = np.zeros(self.directions.n_directions)
        of_kept[self.first :] = self.factor.solve(np.concatenate(kept)[self.first :])
        found = np.zeros(len(gradient))
        found[0] = of_kept[0]
        for each, place in self._placed():
            rest = each.vectors[:, each.n_kept :]
            found[each.span] = each.kept @ of_kept[place]
            found[each.span] += rest @ ((rest.T @ gradient[each.span]) / (1.0 + each.shares[each.n_kept :]))
        return found

    def _placed(self) -> Iterator[tuple[Spectrum, slice]]:
        """Each term and pair, and where its directions lie among all."""
        at = 1
        for each in self.spectra:
            yield each, slice(at, at + each.n_kept)
            at += each.n_kept

    @cached_property
    def inverse(self) -> Array:
        """Along the directions, shape (n_directions, n_directions); 0 of an intercept that is not fitted."""
        found = np.zeros((self.directions.n_directions, self.directions.n_directions))
        found[self.first :, self.first :] = self.factor.inverse
        return found

    @property
    def along_inverse(self) -> AlongInverse:
        """What the leverages of rows need."""
        return AlongInverse(self.directions, self.inverse)

    @cached_property
    def left_to_rest(self) -> float:
        """How much of the information on a direction that does not count the others leave to it: as much as they leave,
        on average, to the weakest of those that count."""
        variances, ratios = np.diag(self.inverse), [np.zeros(0)]
        for each, place in self._placed():
            shares = each.shares[: each.n_kept]
            left = np.maximum(1.0 / variances[place] - 1.0, 0.0)
            ratios.append((left / shares)[shares < WEAK * self.least])
        every = np.concatenate(ratios)
        return float(np.mean(np.minimum(every, 1.0))) if len(every) else 1.0

    @cached_property
    def effective_degrees_of_freedom(self) -> Array:
        """Of each term and pair, in the order of the coefficients."""
        variances = np.diag(self.inverse)
        found = []
        for each, place in self._placed():
            rest = self.left_to_rest * each.shares[each.n_kept :]
            found.append(float((1.0 - variances[place]).sum() + (rest / (1.0 + rest)).sum()))
        return np.array(found)

    def gains(self, at: Array) -> Array:
        """By how many nats each term and pair lowers the loss, given all others: of the quadratic approximation at the
        optimum, `at`. Where a penalty pulls with b, the loss falls by |b|² and half of what bends it."""
        found = []
        for each, place in self._placed():
            # In units of the penalty, along the directions that count.
            own = (each.vectors[:, : each.n_kept] * self.penalty[each.span, None]).T @ at[each.span]
            bent = own @ np.linalg.solve(self.inverse[place, place], own) if len(own) else 0.0
            found.append(0.5 * float(own @ own + bent))
        return np.array(found)

    def covariances(self) -> Iterator[tuple[slice, Array]]:
        """Of each term and pair its place, and the covariance of its coefficients, in the solver's coordinates."""
        for each, place in self._placed():
            rest = each.vectors[:, each.n_kept :]
            own = each.kept @ self.inverse[place, place] @ each.kept.T
            yield each.span, own + (rest / (1.0 + self.left_to_rest * each.shares[each.n_kept :])) @ rest.T

    def of_terms(self) -> TermInformation:
        """What is known of the terms: the covariance of each by itself, and its effective degrees of freedom."""
        width = self.design.width_of_terms
        covariance, freedom = np.zeros((width, width)), np.zeros(width)
        covariance[0, 0] = self.inverse[0, 0]
        freedom[0] = float(self.fit_intercept)
        for span, own in self.covariances():
            if span.stop <= width:
                covariance[span, span] = own
                # Each coefficient's own share of what its penalty leaves the term.
                freedom[span] = 1.0 - self.penalty[span] * np.diag(own)
        return TermInformation(covariance, freedom)
