"""The kernels of small tables: bounds against 50 digits, passes of Newton's method and fits without a row by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import reference

from logloss.data.block import Block
from logloss.data.design import Design
from logloss.data.rows import Column, Place, Roles, Rows
from logloss.data.terms import Category, Numbers
from logloss.onepass.kernels import certified
from logloss.onepass.summaries import CurvatureSummary, Point
from logloss.training.kept_rows import KeptRows
from logloss.training.leave_one_out import _converged

SEED = 20261129


def drawn(n_rows, width, *, has_weights=False, fit_intercept=True, is_single=False):
    """Rows, and the design whose coefficients are those of numbers as they stand less a centre."""
    rng = np.random.default_rng([SEED, n_rows, width])
    x = rng.normal(size=(n_rows, width)).astype(np.float32 if is_single else np.float64)
    y = (rng.random(n_rows) < 1 / (1 + np.exp(-(x.sum(axis=1) / 2 - 0.5)))).astype(np.uint8)
    columns = {"y_true": Column(y), "X": Column(x, names=tuple(f"x{j}" for j in range(width)))}
    roles = Roles("y_true", features=("X",))
    if has_weights:
        columns |= {
            "sample_weight": Column(rng.gamma(2.0, 1.0, n_rows) + 0.1),
            "counts": Column(rng.integers(1, 4, n_rows)),
            "offset": Column(rng.normal(size=n_rows)),
        }
        roles = Roles("y_true", features=("X",), sample_weight="sample_weight", counts="counts", offset="offset")
    block = Block.of(Rows(columns, 0, Place()), roles)
    centre = x.mean(axis=0, dtype=np.float64) if fit_intercept else np.zeros(width)
    term = Numbers("X", columns["X"].names, centre, np.full(width, 2.0))
    return KeptRows((block,), Design((term,), fit_intercept=fit_intercept))


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("is_penalised", [True, False])
def test_a_bound_is_that_of_the_formulas_in_50_digits(is_penalised, fit_intercept):
    rng = np.random.default_rng(SEED)
    for size in 10.0 ** np.arange(-9, 2):
        n = int(rng.integers(2, 6))
        arrays = [rng.normal(size=n) * size, None, rng.gamma(1.0, 0.1, n), rng.normal(size=n) * size]
        arrays[1] = arrays[0] * rng.gamma(1.0, 0.1, n)
        sums = (*arrays, rng.gamma(3.0, 3.0, n), rng.gamma(1.0, 1.0, n), rng.gamma(1.0, 1.0, n))
        at_point = (np.append(0.0, rng.gamma(1.0, 1.0, n - 1)), rng.normal(size=n) * size)
        if not fit_intercept:
            at_point = (rng.gamma(1.0, 1.0, n), at_point[1])
        arguments = (sums, at_point, (0.3, 0.1, 1e-9, 7.0), (5_000, n), (True, is_penalised, fit_intercept))
        expected = float(reference.bound_of(*arguments))
        assert certified.bound_of(*arguments) == pytest.approx(expected, rel=1e-12)
        # Nothing is proved without either.
        arguments = (*arguments[:-1], (False, False, fit_intercept))
        assert certified.bound_of(*arguments) == reference.bound_of(*arguments) == math.inf


@pytest.mark.parametrize("size", [2.0**-900, 2.0**900])
def test_a_duality_gap_is_in_the_unit_of_the_weights(size):
    """A residual of 1e-271 has no square in the floats: a gap of 0 would certify any point."""
    rng = np.random.default_rng(SEED)
    gradient, residual_sizes, logit_sizes = rng.normal(size=3), rng.gamma(1.0, 1.0, 3), rng.gamma(1.0, 1.0, 3)
    curvature, penalty, at = np.array([3.0, 0.5, -0.2]), np.array([0.0, 1.0, 2.0]), rng.normal(size=3)

    def bound(unit):
        sums = gradient, gradient, gradient, gradient, curvature, residual_sizes, logit_sizes
        at_point = penalty * unit, at
        scalars, counts, proofs = (0.0, 0.0, 0.0, 700.0 * unit), (5_000, 3), (False, True, True)
        return certified.bound_of(tuple(own * unit for own in sums), at_point, scalars, counts, proofs)

    assert bound(size) == size * bound(1.0)
    assert bound(1.0) > 0.01


def test_a_lost_share_is_that_of_its_formula():
    diagonal, deviations = np.array([1.0, 1e6, 3e-5]), np.array([0.5, 2e-3, 700.0])
    expected = float(reference.lost_share(diagonal.tolist(), deviations.tolist(), 2_049))
    assert certified.lost_share(diagonal, deviations, 2_049) == pytest.approx(expected, rel=1e-14)


def rows_of_which_one_is_heavy(n_rows, rows_of_block):
    """Weights 2^53, 1, 1, …: where rows are added to the first one by one, nothing is left of any other."""
    weights = np.ones(n_rows)
    weights[0] = 2.0**53
    same, ones = np.zeros(n_rows, np.int32), np.ones(n_rows)
    columns = {"y_true": Column(np.zeros(n_rows, np.uint8)), "sample_weight": Column(weights)}
    columns |= {"x": Column(ones), "a": Column(same, None, ("u", "v")), "b": Column(same, None, ("u", "v"))}
    roles = Roles("y_true", features=("x", "a", "b"), sample_weight="sample_weight")
    for start in range(0, n_rows, rows_of_block):
        own = {
            name: replace(column, values=column.values[start : start + rows_of_block])
            for name, column in columns.items()
        }
        yield Block.of(Rows(own, start, Place()), roles)


@pytest.mark.parametrize("has_levels", [True, False])
@pytest.mark.parametrize(("n_rows", "rows_of_block"), [(3_000, 1), (20_000, 20_000), (20_000, 3_000)])
def test_rounding_takes_no_more_than_the_additions_that_are_counted(n_rows, rows_of_block, has_levels):
    levels = tuple(Category(name, ("u", "v"), (1.0, 0.0)) for name in "ab") if has_levels else ()
    design = Design((Numbers("x", ("x",), np.zeros(1), np.ones(1)), *levels))
    empty = CurvatureSummary.empty(Point(np.zeros(design.width), design, is_careful=True))
    one_by_one, parts, merged = empty.workspace(), [], empty
    for block in rows_of_which_one_is_heavy(n_rows, rows_of_block):
        own = replace(block, features=block.features[: len(design.terms)])
        one_by_one.add(own)
        part = empty.workspace()
        part.add(own)
        parts.append(part.freeze())
    # A tree of merges, and the blocks one by one.
    while len(parts) > 1:
        parts = [a.merge(b) for a, b in zip(parts[::2], [*parts[1::2], *[empty] * (len(parts) % 2)], strict=True)]
    merged = parts[0]
    # At 0 every residual is 1/2 and every curvature 1/4 of the weight; numbers and the levels in use are 1.
    total = 2**53 + n_rows - 1
    takes_part = np.array([True, True, *[True, False] * (2 * has_levels)][: design.width])
    for sums in (one_by_one.freeze(), merged):
        unit = certified.ROUNDING * (sums.n_additions + 8) * total
        for found, share in ((sums.gradient, 2), (sums.curvature, 4), (np.diag(sums.hessian.full), 4)):
            errors = [abs(share * int(each * 4) // 4 - total) for each in found[takes_part]]
            assert max(errors) <= unit
        within = sums.hessian.full[np.ix_(takes_part, takes_part)]
        assert max(abs(int(4 * each) - total) for each in within.ravel()) <= unit
    assert one_by_one.freeze().n_additions == merged.n_additions


@pytest.mark.parametrize(("n_rows", "width"), [(9, 1), (40, 3), (300, 7), (5_000, 4)])
@pytest.mark.parametrize("options", [{}, {"has_weights": True}, {"fit_intercept": False}, {"is_single": True}])
def test_passes_are_those_of_newtons_method(n_rows, width, options):
    rows = drawn(n_rows, width, **options)
    penalty = np.append(0.0, np.full(width, 2.5))
    made = rows.newton_passes(penalty, np.zeros(1 + width), (1e-9, 1e-20), 25)
    assert made is not None
    passes, sums = made
    x = rows.vectors.copy()
    x[:, 0] *= rows.design.fit_intercept
    mass = rows.weights * rows.counts
    # An intercept that is not fitted stays where it is.
    held = penalty + np.append(0.0 if rows.design.fit_intercept else 1.0, np.zeros(width))
    expected = reference.newton_passes(x, rows.labels, mass, rows.offsets, held, np.zeros(1 + width), len(passes))
    for each, point in zip(passes, expected, strict=True):
        assert each.coefficients == pytest.approx(point, rel=1e-9, abs=1e-12)
        logits = x @ each.coefficients + rows.offsets
        losses = mass * (np.logaddexp(0.0, logits) - rows.labels * logits)
        assert each.total_loss == pytest.approx(math.fsum(losses), rel=1e-13)
    assert sums.total_loss == pytest.approx(passes[-1].total_loss, rel=1e-15)
    assert sums.n_rows == rows.counts.sum()
    assert passes[-1].bound <= 1e-9


@pytest.mark.parametrize("start", [0.0, 40.0])
def test_passes_that_do_not_converge_are_not_used(start):
    """Separated classes; and a start from which a full step raises the objective."""
    rows = drawn(30, 2)
    separated = np.sign(rows.vectors[:, 1]) > 0 if not start else rows.labels
    rows = KeptRows((replace(rows.blocks[0], y_true=separated.astype(np.uint8)),), rows.design)
    assert rows.newton_passes(np.zeros(3), np.array([0.0, start, start]), (1e-9, 1e-20), 25) is None


@pytest.mark.parametrize(("n_rows", "width"), [(12, 1), (50, 3), (150, 9)])
@pytest.mark.parametrize("has_weights", [False, True])
def test_moves_are_those_of_fits_without_each_row(n_rows, width, has_weights):
    rows = drawn(n_rows, width, has_weights=has_weights)
    penalty = np.append(0.0, np.full(width, 2.5))
    mass = rows.weights * rows.counts
    x = rows.vectors
    at = reference.newton_passes(x, rows.labels, mass, rows.offsets, penalty, np.zeros(1 + width), 30)[-1]
    one = 1 / (1 + np.exp(-(x @ at + rows.offsets)))
    inverse = np.linalg.inv((x.T * (mass * one * (1 - one))) @ x + np.diag(penalty))
    logits, has_converged = _converged(rows, penalty, at, inverse, np.zeros(1 + width))
    moves = reference.left_out_moves(x, rows.labels, rows.weights, rows.counts, rows.offsets, penalty, at)
    # Half a squared decrement of 1e-20 a row is a move of the row's own log-odds by less than 1e-9.
    assert logits[has_converged] == pytest.approx((x @ at + rows.offsets + moves)[has_converged], abs=1e-9)
    assert has_converged.mean() > 0.9
