"""The sums of a pass by the knots of shapes, and what they are in coefficients: gradients, and blocks of a Hessian."""

from __future__ import annotations

import numpy as np

from logloss.data.design import Coded, Design
from logloss.data.rows import Array
from logloss.onepass.kernels import dense_rows, hats
from logloss.onepass.summaries.contract import pieces, raise_if_stopped
from logloss.onepass.summaries.hessian import Hessian

# Rows whose pairs are summed together: fewer, and tables of pairs would have left the cache before they come again.
ROWS_OF_PAIRS = 1 << 14


class ShapeSums:
    """Sums of rows by knot, and by pairs of knots; each has one place more than a shape, of which no row has a share.

    Cost of a row: O(number of shapes), with the Hessian O(number of shapes and categories, squared).
    """

    def __init__(self, design: Design, *, wants_hessian: bool) -> None:
        self.design = design
        sizes = [len(term.basis) + 1 for term in design.shapes]
        self.of_knots = [np.zeros((size, dense_rows.N_SUMS)) for size in sizes]
        if not wants_hessian:
            sizes = []
        self.own = [np.zeros((size, 2)) for size in sizes]
        self.beside_numbers = [np.zeros((size, design.n_dense)) for size in sizes]
        # Of all categories, and of each shape before it: where their places begin, and how often each goes with a knot.
        before = [len(term.levels) + 1 for term in design.categories]
        self.n_categories = len(before)
        self.first = np.cumsum([0, *before, *sizes])
        self.beside = [np.zeros((self.first[len(before) + j], size)) for j, size in enumerate(sizes)]

    def add(self, coded: Coded, of_rows: Array) -> None:
        """Take in the rows of a block; of_rows: what the kernel has found of them."""
        residuals, curvatures, terms, _ = of_rows
        for (lower, shares), total in zip(coded.between, self.of_knots, strict=True):
            own = np.zeros_like(total)
            hats.knot_sums(lower, shares, residuals, curvatures, terms, own)
            total += own
        for (lower, shares), total in zip(coded.between, self.own, strict=False):
            own = np.zeros_like(total)
            hats.knot_products(lower, shares, curvatures, own)
            total += own
        if self.beside:
            self.add_pairs(coded, curvatures)
        if not self.design.n_dense or not self.beside_numbers:
            return
        found = [np.zeros_like(total) for total in self.beside_numbers]
        for start, stop in pieces(len(curvatures)):
            piece = coded.piece(start, stop)
            for (lower, shares), own in zip(coded.between, found, strict=True):
                hats.knot_segment_sums(lower[start:stop], shares[start:stop], curvatures[start:stop], piece, own)
        for total, own in zip(self.beside_numbers, found, strict=True):
            total += own

    def add_pairs(self, coded: Coded, curvatures: Array) -> None:
        """The sums by pairs of places."""
        found = [np.zeros_like(total) for total in self.beside]
        for start in range(0, len(curvatures), ROWS_OF_PAIRS):
            raise_if_stopped()
            stop = min(start + ROWS_OF_PAIRS, len(curvatures))
            none = np.zeros(stop - start)
            columns = [(codes[start:stop], none) for codes in coded.codes]
            columns += [(lower[start:stop], shares[start:stop]) for lower, shares in coded.between]
            lower, shares = (np.stack(each, axis=1) for each in zip(*columns, strict=True))
            for j, own in enumerate(found, self.n_categories):
                hats.knot_cross_tabs(lower, shares, self.first[:j], curvatures[start:stop], own)
        for total, own in zip(self.beside, found, strict=True):
            total += own

    def pair(self, i: int, j: int) -> Array:
        """The sums of a column, categories first, by the places of shape j, without the places of no row."""
        block: Array = self.beside[j][self.first[i] : self.first[i + 1] - 1, :-1]
        return block

    def of_coefficients(self) -> list[Array]:
        """The sums of each shape's coefficients, as `CurvatureSummary` has them before they are scaled."""
        found = []
        for term, total in zip(self.design.shapes, self.of_knots, strict=True):
            first, sizes = total[:-1, :2], total[:-1, 2:]
            found.append(np.vstack([(term.basis.T @ first).T, (np.abs(term.basis).T @ sizes).T]))
        return found

    def put_into(self, total: Hessian) -> None:
        """The blocks of shapes, in the solver's coordinates; those beside the intercept are the row of it."""
        design, scaled = self.design, [term.basis / term.scale for term in self.design.shapes]
        # Places of the others begin after the eliminated levels.
        n_levels = len(total.levels)
        places = [slice(span.start - n_levels, span.stop - n_levels) for span in design.shape_spans]
        dense = slice(1, 1 + design.n_dense)
        scale = design.scale[dense]
        for j, (place, basis) in enumerate(zip(places, scaled, strict=True)):
            total.others[place, place] = basis.T @ _tridiagonal(self.own[j]) @ basis
            beside = basis.T @ self.beside_numbers[j][:-1] / scale
            total.others[place, dense], total.others[dense, place] = beside, beside.T
            for i in range(j):
                block = scaled[i].T @ self.pair(self.n_categories + i, j) @ basis
                total.others[places[i], place], total.others[place, places[i]] = block, block.T
            for i, span in enumerate(design.spans):
                block = self.pair(i, j) @ basis
                if span.start == total.start and n_levels:
                    total.across[:, place] = block
                    continue
                start = span.start - (n_levels if span.start > total.start else 0)
                own = slice(start, start + len(block))
                total.others[own, place], total.others[place, own] = block, block.T


def _tridiagonal(sums: Array) -> Array:
    """The products of the places of one shape, from `hats.knot_products`."""
    own, above = sums[:-1, 0], sums[:-2, 1]
    return np.diag(own) + np.diag(above, 1) + np.diag(above, -1)


def spread_shapes(coded: Coded, start: int, stop: int) -> list[Array]:
    """What each coefficient of each shape is multiplied with in some rows, (n_rows, n_coefficients), not scaled."""
    found = []
    for term, (lower, shares) in zip(coded.design.shapes, coded.between, strict=True):
        own = np.zeros((stop - start, term.basis.shape[1]))
        hats.add_between(lower[start:stop], shares[start:stop], term.with_end(term.basis), own)
        found.append(own)
    return found


def add_reached(reach: Array, coded: Coded, start: int, stop: int, found: Array) -> None:
    """Add what shapes have of xᵀ·reach of some rows, shape (n_rows, n_combinations)."""
    design = coded.design
    for span, term, (lower, shares) in zip(design.shape_spans, design.shapes, coded.between, strict=True):
        of_places = (term.basis / term.scale) @ reach[span]
        hats.add_between(lower[start:stop], shares[start:stop], term.with_end(of_places), found)


def add_leverages(coded: Coded, start: int, stop: int, dense: Array, inverse: Array, found: Array) -> None:
    """Add what shapes have of xᵀ H⁻¹ x of some rows, shape (n_rows,). dense: as `with_intercept` has it.

    Cost of a row: O(number of shapes and categories, squared).
    """
    design = coded.design
    beside = [(lower[start:stop], shares[start:stop]) for lower, shares in coded.between]
    scaled = [term.with_end(term.basis / term.scale) for term in design.shapes]
    whole = np.zeros(stop - start)
    for j, (span, basis) in enumerate(zip(design.shape_spans, scaled, strict=True)):
        of_dense = np.zeros_like(dense)
        hats.add_between(*beside[j], basis @ inverse[span, : dense.shape[1]], of_dense)
        found += 2.0 * np.einsum("ij,ij->i", dense, of_dense)
        for levels, codes in zip(design.spans, coded.codes, strict=True):
            of_levels = 2.0 * inverse[levels, span] @ basis.T
            hats.add_products(codes[start:stop], whole, *beside[j], with_last(of_levels), found)
        for i in range(j):
            of_both = 2.0 * scaled[i] @ inverse[design.shape_spans[i], span] @ basis.T
            hats.add_products(*beside[i], *beside[j], of_both, found)
        hats.add_products(*beside[j], *beside[j], basis @ inverse[span, span] @ basis.T, found)


def with_last(values: Array) -> Array:
    """Values at each level, and 0 at one more, of which no row has a share."""
    return np.vstack([values, np.zeros((1, values.shape[1]))])
