"""The sums of a pass by the places of pairs of columns, and what they are in coefficients."""

from __future__ import annotations

import numpy as np

from logloss.data.coded import Coded
from logloss.data.design import Design
from logloss.data.rows import Array
from logloss.onepass.kernels import dense_rows, hats


class PairSums:
    """Sums of rows by the places of each pair, as of `hats.table_sums`: residuals, curvatures, and their sizes.

    Cost of a row: O(number of pairs).
    """

    def __init__(self, design: Design) -> None:
        self.design = design
        self.of_places = [
            np.zeros((each.a.n_places + 1, each.b.n_places + 1, dense_rows.N_SUMS)) for each in design.tables
        ]

    def add(self, coded: Coded, of_rows: Array) -> None:
        """Take in the rows of a block; of_rows: what the kernel has found of them."""
        residuals, curvatures, terms, _ = of_rows
        values = np.column_stack([residuals, curvatures, np.abs(residuals), curvatures * terms])
        for each, total in zip(self.design.tables, self.of_places, strict=True):
            own = np.zeros_like(total)
            add_table_sums(coded, each.pair.sides, values, own)
            total += own

    @property
    def curvatures(self) -> tuple[Array, ...]:
        """The summed curvatures by the places of each pair."""
        return tuple(total[:, :, 1] for total in self.of_places)

    def of_coefficients(self) -> list[Array]:
        """The sums of each pair's products, shape (N_SUMS, n_products), before they are scaled."""
        found = []
        for each, total in zip(self.design.tables, self.of_places, strict=True):
            first, sizes = each.sums(total[:, :, :2]), each.sums(total[:, :, 2:], is_size=True)
            found.append(np.hstack([first, sizes]).T)
        return found


def add_table_sums(coded: Coded, sides: tuple[int, int], values: Array, out: Array) -> None:
    """Add the sums of values of all rows, (n_rows, n_columns), by the places of two sides."""
    a, b = sides
    hats.table_sums(*coded.beside[a], *coded.beside[b], values, out)


def spread_pairs(coded: Coded, start: int, stop: int) -> list[Array]:
    """What each coefficient of each pair is multiplied with in some rows, (n_rows, n_products), not scaled."""
    beside = [(lower[start:stop], shares[start:stop]) for lower, shares in coded.beside]
    found = []
    for each in coded.design.tables:
        a, b = each.pair.sides
        own = np.zeros((stop - start, len(each.scale)))
        hats.add_from_table(*beside[a], *beside[b], each.table(np.eye(len(each.scale))), own)
        found.append(own)
    return found
