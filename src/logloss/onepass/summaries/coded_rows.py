"""Rows as the design lays coefficients out: spread out, along combinations of coefficients, and their leverages."""

from __future__ import annotations

import numpy as np

from logloss.data.coded import Coded
from logloss.data.rows import Array
from logloss.onepass.summaries.pair_sums import spread_pairs
from logloss.onepass.summaries.shape_sums import add_leverages, add_reached, spread_shapes


def spread_out(coded: Coded, start: int, stop: int, numbers: Array | None = None) -> Array:
    """Some rows as the design lays coefficients out, in the solver's coordinates, shape (n_rows, width).

    numbers: in place of those of the solver, shape (n_rows, n_dense).
    """
    design = coded.design
    if numbers is None:
        numbers = coded.piece(start, stop) / design.scale[1 : 1 + design.n_dense]
    rows = np.zeros((stop - start, design.width))
    rows[:, 0] = 1.0
    rows[:, 1 : 1 + design.n_dense] = numbers
    for span, codes in zip(design.spans, coded.codes, strict=True):
        rows[np.arange(stop - start), span.start + codes[start:stop]] = 1.0
    for span, values in zip(design.shape_spans, spread_shapes(coded, start, stop), strict=True):
        rows[:, span] = values / design.scale[span]
    for span, values in zip(design.pair_spans, spread_pairs(coded, start, stop), strict=True):
        rows[:, span] = values / design.scale[span]
    return rows


def with_intercept(coded: Coded, start: int, stop: int, piece: Array) -> Array:
    """1 and the numbers of some rows in the solver's coordinates, shape (n_rows, 1 + n_dense)."""
    dense = np.empty((stop - start, 1 + coded.design.n_dense))
    dense[:, 0] = 1.0
    np.divide(piece, coded.design.scale[1 : 1 + coded.design.n_dense], out=dense[:, 1:])
    return dense


def reached_by(reach: Array, coded: Coded, start: int, stop: int, numbers: Array) -> Array:
    """xᵀ·reach of some rows, shape (n_rows, n_combinations), without spreading out their codes.

    numbers: as `with_intercept` has them.
    """
    found: Array = numbers @ reach[: numbers.shape[1]]
    for span, codes in zip(coded.design.spans, coded.codes, strict=True):
        found += reach[span][codes[start:stop]]
    add_reached(reach, coded, start, stop, found)
    return found


def leverages(coded: Coded, start: int, stop: int, piece: Array, inverse: Array) -> Array:
    """xᵀ H⁻¹ x of some rows, shape (n_rows,), without spreading out their codes."""
    design = coded.design
    n_dense = design.n_dense
    dense = with_intercept(coded, start, stop, piece)
    found = np.einsum("ij,ij->i", dense @ inverse[: 1 + n_dense, : 1 + n_dense], dense)
    codes = [each[start:stop] for each in coded.codes]
    for j, (span, mine) in enumerate(zip(design.spans, codes, strict=True)):
        found += 2.0 * np.einsum("ij,ij->i", dense, inverse[span, : 1 + n_dense][mine])
        for other, theirs in zip(design.spans[:j], codes[:j], strict=True):
            found += 2.0 * inverse[span, other][mine, theirs]
        found += np.diag(inverse[span, span])[mine]
    if design.shapes:
        add_leverages(coded, start, stop, dense, inverse, found)
    return found
