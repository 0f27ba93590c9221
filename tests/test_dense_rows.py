"""The kernels of a fit's passes: numbers read from where they stand, multiplied and summed; each against its twin."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import reference

from logloss.data.coded import readable, table_of
from logloss.onepass.kernels import column_ranges, dense_rows, exact
from logloss.onepass.kernels.dense_rows import BLOCK, N_OF_ROW, N_SUMS, TILE_ROWS

SEED = 11
ROUNDING = 2.0**-53
NO_GAPS = -1
# What fills part of a vector, one, several; part of a tile, one, several.
LENGTHS = (1, 3, 4, 15, 16, 17, TILE_ROWS - 1, TILE_ROWS, TILE_ROWS + 1, 2 * TILE_ROWS + 100)


def plain_table(arrays, width):
    """Of numbers as they stand."""
    return table_of(arrays, np.zeros(width), np.full(width, NO_GAPS))


def layouts(rows):
    """The same numbers in every way in which a table holds them."""
    wide = np.zeros((len(rows), 2 * rows.shape[1] + 1))
    wide[:, 1::2] = rows
    return {
        "rows": [np.ascontiguousarray(rows)],
        "columns of a matrix": [np.asfortranarray(rows)],
        "columns": list(np.ascontiguousarray(rows.T)),
        "every other column": [wide[:, 1::2]],
        "every other row": [np.repeat(rows, 2, axis=0)[::2]],
        "backwards": [rows[::-1].copy()[::-1]],
        "a matrix and a column": [np.ascontiguousarray(rows[:, :-1]), rows[:, -1].copy()],
        "other bytes": [rows.astype(">f8")],
        "out of step": [out_of_step(rows)],
    }


def out_of_step(rows):
    """At addresses that are no multiple of eight."""
    held = np.zeros(rows.size * 8 + 1, np.uint8)[1:].view(np.float64).reshape(rows.shape)
    held[...] = rows
    return held


def gathered(arrays, width, centres, gaps, start, stop):
    """As columns."""
    out = np.zeros((width, stop - start))
    kept = [readable(values) for values in arrays]
    numbers = table_of(kept, centres, gaps)
    dense_rows.gather(numbers, start, stop - start, out.reshape(-1), stop - start)
    return out


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("width", [2, 4, 7, 8])
@pytest.mark.parametrize("layout", layouts(np.zeros((2, 2))))
def test_numbers_are_read_from_wherever_they_stand(layout, width, dtype):
    rows = np.random.default_rng(SEED).normal(size=(23, width)).astype(dtype).astype(np.float64)
    arrays = layouts(rows)[layout]
    # Those that are made for their bytes keep them.
    arrays = [
        values if values.dtype != np.float64 or not values.flags.aligned else values.astype(dtype) for values in arrays
    ]
    centres, gaps = np.arange(width) / 8, np.full(width, NO_GAPS)
    for start, stop in ((0, 23), (5, 6), (3, 20)):
        found = gathered(arrays, width, centres, gaps, start, stop)
        expected = reference.gather(rows[start:stop].T.tolist(), centres.tolist(), gaps.tolist())
        assert found.tolist() == expected


def test_what_lacks_is_at_the_centre_and_has_a_column_of_its_own():
    rows = np.array([[1.0, np.nan, 3.0], [np.nan, 2.0, 3.0], [4.0, np.nan, np.nan]])
    # The second of two columns of a matrix, and a column.
    centres, gaps = np.array([1.0, 2.0, 0.0, 3.0, 0.0]), np.array([NO_GAPS, 2, NO_GAPS, 4, NO_GAPS])
    found = gathered([rows[:, :2], rows[:, 2].copy()], 5, centres, gaps, 0, 3)
    # NaN stays where nothing may lack: it is no number.
    assert np.isnan(found[0, 1])
    found[0, 1] = rows[1, 0] = 0.0
    expected = reference.gather(rows.T.tolist(), centres.tolist(), gaps.tolist())
    expected[0][1] = 0.0
    assert found.tolist() == expected


def folded(rows, at, y, *, mass=(), base=None, is_single=False, wants_hessian=True, of_rows=None, is_given=False):
    """(sums, hessian, of_rows, limbs, largest), as the kernel leaves them."""
    width = rows.shape[1]
    filled = -(-width // BLOCK) * BLOCK
    sums, hessian = np.zeros((N_SUMS, 1 + filled)), np.zeros((filled, filled) if wants_hessian else (0, 0))
    limbs, largest = exact.new_limbs(1), np.zeros(width)
    of_rows = np.zeros((N_OF_ROW, len(rows))) if of_rows is None else of_rows
    base = np.zeros((2, 0)) if base is None else base
    options = True, is_single, 0.0 if base.size else abs(at[0]), is_given
    numbers = plain_table([rows], width)
    dense_rows.fold_rows(numbers, at, y, np.asarray(mass, float), base, options, of_rows, limbs, sums, hessian, largest)
    return sums[:, : 1 + width], hessian[:width, :width], of_rows, limbs, largest


@pytest.mark.parametrize("width", [0, 1, 3, 4, 5, 9])
@pytest.mark.parametrize("n_rows", LENGTHS)
def test_a_pass_equals_its_twin(n_rows, width):
    """Sums differ by at most a rounding for each addition, as docs/certificate.md counts them."""
    rng = np.random.default_rng([SEED, n_rows, width])
    rows, at = rng.normal(size=(n_rows, width)), rng.normal(size=1 + width)
    has_mass, has_base = width % 2 == 1, n_rows % 2 == 1
    y = (rng.random(n_rows) < 0.5).astype(np.uint8) if width < 5 else rng.random(n_rows)
    mass = rng.gamma(1, 1, n_rows) if has_mass else ()
    base = np.array([[1.0], [2.0]]) * rng.gamma(1, 1, n_rows) if has_base else None
    sums, hessian, of_rows, limbs, largest = folded(rows, at, y, mass=mass, base=base)
    before = base.T.tolist() if has_base else [(at[0], abs(at[0]))] * n_rows
    twin = reference.fold_rows(rows.tolist(), at.tolist(), y.tolist(), mass if has_mass else None, before)
    # Of log-odds: as many roundings of the sizes of their terms as there are terms. Of rows: as test_losses.py.
    of_logits = (width + 2) * ROUNDING * np.array(twin.terms)
    masses = np.array(mass) if has_mass else np.ones(n_rows)
    assert (np.abs(of_rows[3] - twin.logits) <= of_logits).all()
    assert of_rows[2] == pytest.approx(np.array(twin.terms), rel=(width + 2) * ROUNDING)
    # A residual moves by its curvature, 1/4 of its mass at most, times the change of its log-odds.
    of_residuals = masses * (of_logits / 4 + 2.0**-50)
    assert (np.abs(of_rows[0] - twin.residuals) <= of_residuals).all()
    # A curvature moves by no more.
    assert (np.abs(of_rows[1] - twin.curvatures) <= of_residuals).all()
    of_loss = float((masses * of_logits).sum()) + 2.0**-49 * float(twin.loss)
    assert abs(exact.rounded(exact.as_integer(limbs[0]), 1) - float(twin.loss)) <= of_loss
    sizes = np.column_stack([np.ones(n_rows), np.abs(rows)])
    additions = n_rows + 8
    for k in range(N_SUMS):
        own = of_residuals * (1.0 if k < 3 else np.array(twin.terms) + 1.0)
        size = np.array([float(abs(each)) for each in twin.sums[2 if k in (0, 2) else 3]]) + own @ sizes
        most = own @ sizes + additions * ROUNDING * size
        if k == 1:
            most = own @ sizes + additions * ROUNDING * (np.array(twin.curvatures) @ sizes)
        expected = np.array([float(each) for each in twin.sums[k]])
        assert (np.abs(sums[k] - expected) <= most).all()
    expected = np.array([[float(each) for each in line] for line in twin.hessian]).reshape(width, width)
    own = np.abs(rows).T * (of_residuals + additions * ROUNDING * np.array(twin.curvatures)) @ np.abs(rows)
    assert (np.abs(np.triu(hessian - expected)) <= own).all()
    assert largest.tolist() == np.abs(rows).max(axis=0).tolist()


def test_single_precision_changes_the_hessian_only():
    rng = np.random.default_rng(SEED)
    rows, at, y = rng.normal(size=(600, 7)), rng.normal(size=8), np.arange(600) % 2
    y = y.astype(np.uint8)
    double, single = folded(rows, at, y), folded(rows, at, y, is_single=True)
    assert [own.tobytes() for own in (double[0], *double[2:])] == [own.tobytes() for own in (single[0], *single[2:])]
    size = np.abs(rows).T * double[2][1] @ np.abs(rows)
    apart = np.abs(np.triu(single[1] - double[1]))
    # Numbers, curvatures, their products, and at most 16 additions in each lane of a tile.
    assert (apart <= 24 * 2.0**-24 * size).all()
    assert (apart > 1e-9 * size).any()


def test_what_is_given_of_rows_is_summed_and_nothing_found_anew():
    rng = np.random.default_rng(SEED)
    rows, at, y = rng.normal(size=(300, 5)), rng.normal(size=6), np.zeros(300, np.uint8)
    *_, of_rows, _, _ = folded(rows, at, y)
    of_rows[1] *= 3.0
    kept = of_rows.copy()
    sums, hessian, _, limbs, _ = folded(rows, at, y, of_rows=of_rows, is_given=True)
    assert of_rows.tobytes() == kept.tobytes()
    assert not limbs.any()
    assert sums[1] == pytest.approx(3.0 * folded(rows, at, y)[0][1], rel=1e-14)
    assert np.triu(hessian) == pytest.approx(np.triu(rows.T * kept[1] @ rows), abs=1e-12 * len(rows))


def ranges_of(rows, w, units=None):
    filled = -(-rows.shape[1] // BLOCK) * BLOCK
    found = [np.full(filled, np.inf), np.full(filled, -np.inf), np.zeros(filled, np.int64), *np.zeros((3, filled))]
    units = np.ones(filled) if units is None else units
    column_ranges.fold_ranges(plain_table([rows], rows.shape[1]), w, units, *found)
    return [own[: rows.shape[1]].tolist() for own in found]


@pytest.mark.parametrize("has_gaps", [False, True])
@pytest.mark.parametrize("n_rows", LENGTHS)
def test_ranges_equal_their_twin(n_rows, has_gaps):
    """The first rows lie far from the others: squares are taken from the mean, and not from any row."""
    rng = np.random.default_rng([SEED, n_rows])
    rows, w = rng.normal(100.0, 1.0, (n_rows, 5)), rng.gamma(1, 1, n_rows)
    rows[: n_rows // 3, 1] += 1e6
    rows[:, 2] = 7.0
    if has_gaps:
        rows[rng.random(rows.shape) < 0.3] = np.nan
        rows[:, 4] = np.nan
    lows, highs, n_lacking, weights, sums, squares = ranges_of(rows, w)
    twin = reference.fold_ranges(rows.T.tolist(), w.tolist())
    assert [lows, highs, n_lacking] == [[each[k] for each in twin] for k in range(3)]
    # Each a sum of positive terms, but for what the mean of each tile is off: n roundings of it.
    for found, k in ((weights, 3), (sums, 4)):
        assert found == pytest.approx([float(each[k]) for each in twin], rel=(n_rows + 8) * ROUNDING)
    off = [(n_rows + 8) * ROUNDING * max(abs(x) for x in own[:2] if np.isfinite(x)) if own[3] else 0 for own in twin]
    for found, own, most in zip(squares, twin, off, strict=True):
        root, weight = float(own[5]) ** 0.5, float(own[3])
        assert abs(max(found, 0.0) ** 0.5 - root) <= most * weight**0.5 + (n_rows + 8) * ROUNDING * root


def test_units_keep_squares_within_the_numbers():
    rows = np.array([[1e200, 1e-200], [-1e200, 3e-200]])
    *_, squares = ranges_of(rows, np.ones(2), np.array([1e200, 1e-200, 1.0, 1.0]))
    assert squares == pytest.approx([2.0, 2.0], rel=1e-15)


BOTH_WAYS = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np, test_dense_rows as here
rng = np.random.default_rng(1)
rows, at, y = rng.normal(size=(41, 6)), rng.normal(size=7), np.arange(41) % 2
sums, hessian, of_rows, *_ = here.folded(rows.astype(np.float32), at, y.astype(np.uint8))
found = [sums, np.triu(hessian), of_rows, *map(np.array, here.ranges_of(rows, np.ones(41)))]
print(" ".join(repr(float(x)) for each in found for x in each.ravel()))
"""


@pytest.mark.slow
def test_compiled_or_not_the_sums_are_the_same_to_rounding():
    def found(**settings):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **settings}
        here = os.path.dirname(__file__)
        run = subprocess.run(
            [sys.executable, "-c", BOTH_WAYS, here],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
        return [float(x) for x in run.stdout.split()]

    # Sums of 41 terms of about 1.
    assert found(NUMBA_DISABLE_JIT="1") == pytest.approx(found(), abs=1e-12)
