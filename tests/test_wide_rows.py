"""Arrays of many columns: the sums are those of the sparse rows, the dual ends where scikit-learn and 40 digits do."""

from __future__ import annotations

import tracemalloc

import mpmath
import numpy as np
import pandas as pd
import pytest
import reference
import scipy.sparse
import sklearn.linear_model

import logloss
from logloss.data import dense_matrix
from logloss.data.dense_matrix import NONE, DenseMatrix
from logloss.data.sparse_rows import SparseRows
from logloss.onepass.kernels import csr_rows, exact
from logloss.onepass.kernels.products import SLICE
from logloss.onepass.summaries.sparse_sums import (
    HeavyColumns,
    SparseBlockSummary,
    SparseDirection,
    SparseGradientSummary,
    SparsePoint,
    SparseProductSummary,
)
from logloss.training import dual_newton, matrix_input, recipe, sparse_fit, wide_start
from logloss.training.sparse_solver import SparseProblem, find_sparse_optimum

SEED = 20261130
# Below the roundings of the objective: passes end where no step lowers the objective or the bound any more.
NEVER = 1e-300


def table(n_rows=60, n_columns=200, seed=SEED):
    """Rows of which the columns go together, and labels that depend on some."""
    random = np.random.default_rng(seed)
    rows = random.standard_normal((n_rows, 5)) @ random.standard_normal((5, n_columns))
    rows += random.standard_normal((n_rows, n_columns))
    logits = rows[:, :9] @ random.standard_normal(9) / 2 - 0.5
    return rows, (random.random(n_rows) < 1 / (1 + np.exp(-logits))).astype(np.uint8)


ROWS, LABELS = table()
RANDOM = np.random.default_rng(1)
WEIGHT, OFFSET = RANDOM.random(60) * 3, RANDOM.standard_normal(60)
SHARES = np.where(RANDOM.random(60) < 0.5, LABELS, 0.25)
OPTIONS = {
    "plain": {},
    "weights": {"sample_weight": WEIGHT},
    "weights of 0": {"sample_weight": np.where(WEIGHT < 1, 0, WEIGHT)},
    "counts": {"counts": RANDOM.integers(0, 3, 60)},
    "offset": {"offset": OFFSET},
    "no intercept": {"fit_intercept": False},
    "all": {"sample_weight": WEIGHT, "offset": OFFSET, "fit_intercept": False},
}


@pytest.fixture
def few_columns_are_wide(monkeypatch):
    """An array of 100 columns has no Hessian."""
    monkeypatch.setattr(matrix_input, "MOST_COEFFICIENTS", 100)
    monkeypatch.setattr(sparse_fit, "MOST_COEFFICIENTS", 100)


def summaries_of(rows):
    """Each kind of summary, of all rows."""
    n_rows, n_columns = rows.matrix.n_rows, rows.matrix.n_columns
    curvatures, w = np.zeros(n_rows), np.linspace(-1, 1, n_columns)
    sums = SparseGradientSummary.empty(SparsePoint(0.3, w, curvatures)).of_block(rows.block)
    places = np.zeros(n_columns, np.int32)
    places[[7, 2, 150]] = 1, 2, 3
    block = SparseBlockSummary.empty(HeavyColumns(places, 3, curvatures)).of_block(rows.block).matrix
    product = SparseProductSummary.empty(SparseDirection(-0.2, w[::-1].copy(), curvatures)).of_block(rows.block)
    return sums, curvatures, block, product


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F", "strided"])
@pytest.mark.parametrize("size", [32, 1 << 17])
def test_sums_are_those_of_the_sparse_rows(monkeypatch, kind, order, size):
    """Of one tile and of many; the bounds of rounding are no smaller than those of sparse rows are without their number
    of terms."""
    monkeypatch.setattr(dense_matrix, "VALUES_OF_TILE", size)
    monkeypatch.setattr(dense_matrix, "LONGEST", min(size // 4, 1 << 12))
    dense = ROWS.astype(kind)
    expected = summaries_of(SparseRows.of(scipy.sparse.csr_array(dense), SHARES, WEIGHT, OFFSET))
    dense = np.repeat(dense, 2, axis=1)[:, ::2] if order == "strided" else np.asarray(dense, order=order)
    own = summaries_of(SparseRows.of(dense, SHARES, WEIGHT, OFFSET))
    assert own[0].total_loss == pytest.approx(expected[0].total_loss, rel=1e-12)
    assert own[0].of_columns == pytest.approx(expected[0].of_columns, rel=1e-10, abs=1e-11)
    exact_ones = [csr_rows.RESIDUAL, csr_rows.CURVATURE, csr_rows.SIZE, csr_rows.SIZE_OF_ROW, csr_rows.CURVATURE_OF_ROW]
    assert own[0].sums[exact_ones] == pytest.approx(expected[0].sums[exact_ones], rel=1e-10)
    for which in (csr_rows.TERMS, csr_rows.TERMS_OF_ROW):
        # A logit of 200 columns goes through 10 additions at least, in tiles of 8.
        assert own[0].sums[which] >= expected[0].sums[which] / 200 * 10
    assert own[1] == pytest.approx(expected[1], rel=1e-10)
    assert own[2] == pytest.approx(expected[2], rel=1e-10)
    assert own[3].of_columns == pytest.approx(expected[3].of_columns, rel=1e-9, abs=1e-10)
    assert own[3].of_intercept == pytest.approx(expected[3].of_intercept, rel=1e-9)


def test_rows_of_known_log_odds_are_summed_as_the_twin_does():
    """More than a slice has."""
    n_rows, random = SLICE + 30, np.random.default_rng(2)
    y, mass, logits = (random.random(n_rows) < 0.4).astype(np.uint8), random.random(n_rows), 3 * random.random(n_rows)
    norms, c, residuals = random.random(n_rows), np.empty(n_rows), np.empty(n_rows)
    sums, limbs = np.zeros(csr_rows.N_SUMS), exact.new_limbs(1)
    csr_rows.sum_rows(y, mass, logits, logits, norms, c, residuals, sums, limbs)
    twin = reference.sum_rows(y.tolist(), mass.tolist(), logits.tolist(), norms.tolist())
    assert exact.rounded(exact.as_integer(limbs[0]), 1) == pytest.approx(twin["loss"], rel=1e-13)
    assert c == pytest.approx(twin["curvatures"], rel=1e-13)
    assert sums[:5] == pytest.approx(twin["sums"], rel=1e-12)
    assert residuals.sum() == pytest.approx(sums[csr_rows.RESIDUAL], rel=1e-12)
    assert sums[csr_rows.TERMS_OF_ROW] == pytest.approx(float(c @ (logits * norms)), rel=1e-12)


def test_products_of_rows_are_exact_to_rounding(monkeypatch):
    monkeypatch.setattr(dense_matrix, "VALUES_OF_GRAM", 1)
    for rows in (ROWS, ROWS.astype(np.float32), np.asfortranarray(ROWS)):
        matrix, taken = DenseMatrix.of(rows)
        assert taken is None
        assert matrix.gram() == pytest.approx(rows.astype(np.float64) @ rows.T.astype(np.float64), rel=1e-12, abs=1e-12)
        assert matrix.transposed_times(WEIGHT) == pytest.approx(WEIGHT @ rows.astype(np.float64), rel=1e-12, abs=1e-12)


def optimum_of(rows, labels, l2=1.0, tolerance=1e-13, **options):
    rows = SparseRows.of(rows, labels, options.get("mass", NONE), options.get("offset", NONE))
    weight = float(len(labels)) if "mass" not in options else float(options["mass"].sum())
    problem = SparseProblem(rows, l2, options.get("fit_intercept", True), weight, tolerance)
    return find_sparse_optimum(problem, np.zeros(rows.matrix.n_columns + 1), 100)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("options", [{}, {"mass": WEIGHT}, {"offset": OFFSET}, {"mass": WEIGHT, "offset": OFFSET}])
@pytest.mark.parametrize("l2", [1e-3, 1.0, 1e3])
def test_the_dual_ends_where_conjugate_gradients_do(monkeypatch, l2, options, fit_intercept):
    """In one step; coefficients are √(2 · gap / l2) off at most."""
    own = optimum_of(ROWS, SHARES, l2, fit_intercept=fit_intercept, **options)
    assert len(own.passes) <= 3
    monkeypatch.setattr(dual_newton, "MOST_ROWS", 0)
    other = optimum_of(ROWS, SHARES, l2, fit_intercept=fit_intercept, **options)
    gap = own.evaluation.bound + other.evaluation.bound
    assert abs(own.evaluation.objective - other.evaluation.objective) <= gap
    assert np.linalg.norm(own.evaluation.at[1:] - other.evaluation.at[1:]) <= 2 * np.sqrt(2 * gap / l2)


def test_the_dual_begins_after_products_have_cost_as_much(monkeypatch):
    monkeypatch.setattr(dual_newton, "EXPECTED_PRODUCTS", 0)
    monkeypatch.setattr(dual_newton, "ROWS_OF_PRODUCT", 15)
    own, at_once = optimum_of(ROWS, LABELS), None
    monkeypatch.setattr(dual_newton, "EXPECTED_PRODUCTS", 50)
    at_once = optimum_of(ROWS, LABELS)
    assert own.n_products >= 4 + 2
    assert len(at_once.passes) == 2
    assert (
        abs(own.evaluation.objective - at_once.evaluation.objective) <= own.evaluation.bound + at_once.evaluation.bound
    )


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("l2", [0.01, 1.0])
@pytest.mark.filterwarnings("ignore::logloss.ConvergenceWarning")
def test_the_certificate_is_above_the_true_distance(few_columns_are_wide, fit_intercept, l2):
    """After every number of passes; both objectives in 40 digits."""
    rows, labels = table(12, 110, seed=3)
    options = {"l2": l2, "fit_intercept": fit_intercept, "tolerance": NEVER}
    best = logloss.fit(rows, labels, **options)
    assert isinstance(best, logloss.WideModel)

    def objective(model):
        with mpmath.workdps(40):
            total = mpmath.mpf(l2) / 2 * sum(mpmath.mpf(w) ** 2 for w in model.coef.tolist())
            for row, label in zip(rows.tolist(), labels.tolist(), strict=True):
                pairs = zip(row, model.coef.tolist(), strict=True)
                z = mpmath.mpf(model.intercept) + sum(mpmath.mpf(x) * mpmath.mpf(w) for x, w in pairs)
                total += mpmath.log(1 + mpmath.exp(z)) - label * z
            return total

    least = objective(best)
    for n_passes in range(1, len(best.passes) + 1):
        model = logloss.fit(rows, labels, max_passes=n_passes, **options)
        assert model.certificate.is_proven
        assert float((objective(model) - least) / 12) <= model.certificate.nats_per_row
    assert best.certificate.nats_per_row < 1e-14


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_the_fit_is_that_of_sparse_rows(few_columns_are_wide, options):
    own = logloss.fit(ROWS, SHARES, l2=1.0, tolerance=1e-14, **options)
    other = logloss.fit(scipy.sparse.csr_array(ROWS), SHARES, l2=1.0, tolerance=1e-14, **options)
    # Both are √(2 · 1e-14 · 100 rows) from the optimum at most.
    assert own.coef == pytest.approx(other.coef, abs=3e-6)
    for name in ("n_rows", "n_positive", "base_rate", "sum_weight", "classes"):
        assert getattr(own, name) == getattr(other, name)
    given = {"offset": options["offset"]} if "offset" in options else {}
    assert own.predict_logit(ROWS, **given) == pytest.approx(other.predict_logit(ROWS, **given), abs=1e-4)


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg"])
def test_the_optimum_of_6000_columns_is_that_of_scikit_learn(solver):
    rows, labels = table(80, 6000)
    own = logloss.fit(rows, labels, l2=2.0)
    other = sklearn.linear_model.LogisticRegression(C=0.5, solver=solver, tol=1e-9, max_iter=10_000).fit(rows, labels)
    # A gradient of 1e-9 a row in a curvature of 2, of its 80 rows.
    assert own.coef == pytest.approx(other.coef_[0], abs=1e-6)
    assert own.predict_proba(rows) == pytest.approx(other.predict_proba(rows)[:, 1], abs=1e-6)
    assert own.certificate.nats_per_row <= 1e-12


def test_more_rows_than_columns_have_no_dual(few_columns_are_wide):
    rows, labels = table(400, 120)
    own = logloss.fit(rows, labels, l2=1.0, tolerance=1e-14)
    dense = sklearn.linear_model.LogisticRegression(solver="newton-cholesky", tol=1e-12).fit(rows, labels)
    assert own.coef == pytest.approx(dense.coef_[0], abs=1e-6)
    assert own.n_products > len(own.passes)


def test_the_array_is_read_where_it_is(few_columns_are_wide):
    """Read-only, of either kind and order; no copy of it is made, nor a Hessian."""
    for kind in (np.float32, np.float64):
        for order in "CF":
            rows = np.asarray(ROWS, dtype=kind, order=order)
            rows.flags.writeable = False
            matrix, _ = DenseMatrix.of(rows)
            assert np.shares_memory(matrix.values, rows)
            own = logloss.fit(rows, LABELS, l2=1.0)
            assert own.coef == pytest.approx(logloss.fit(ROWS, LABELS, l2=1.0).coef, abs=1e-5)
    rows, labels = table(40, 100_000)
    rows = rows.astype(np.float32)
    logloss.fit(rows, labels, l2=1.0)
    tracemalloc.start()
    logloss.fit(rows, labels, l2=1.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The array takes 16 MB; vectors 0.8 MB each, twelve and two for each of 7 parts; tiles and columns 17 MB.
    assert peak < (12 + 14) * 0.8e6 + 17e6


def test_threads_and_parts_change_no_bit(monkeypatch):
    rows, labels = table(600, 2000)
    assert len(SparseRows.of(rows, labels).parts()) > 1
    monkeypatch.setattr("logloss.onepass.run.available_cpus", lambda: 1)
    one = optimum_of(rows, labels)
    monkeypatch.setattr("logloss.onepass.run.available_cpus", lambda: 3)
    assert optimum_of(rows, labels).evaluation.at.tobytes() == one.evaluation.at.tobytes()


@pytest.mark.parametrize("scale", [1e-200, 1e-6, 1e6, 1e100, 1e200])
@pytest.mark.filterwarnings("ignore::logloss.ConvergenceWarning", "ignore::RuntimeWarning")
def test_values_of_any_size_have_a_bound_or_none(few_columns_are_wide, scale):
    model = logloss.fit(ROWS * scale, LABELS, l2=1.0)
    base = logloss.fit(np.zeros((60, 200)), LABELS, l2=1.0)
    assert 0 <= model.log_loss <= base.log_loss * (1 + 1e-12)
    assert model.certificate.nats_per_row <= model.log_loss + model.passes[-1].penalty
    assert model.certificate.nats_per_row <= 1e-12 or scale >= 1e100


def test_what_the_products_of_rows_round_away_is_left_to_conjugate_gradients():
    """Columns far from 0: the products of rows are nearly all the same."""
    own = optimum_of(ROWS + 1e4, LABELS, l2=1.0, tolerance=1e-7)
    centred = optimum_of(ROWS, LABELS, l2=1.0)
    assert own.evaluation.objective == pytest.approx(centred.evaluation.objective, abs=60 * 1e-7)
    assert own.evaluation.bound <= 60 * 1e-7


def with_value(value):
    rows = ROWS.copy()
    rows[7, 33] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        (with_value(np.nan), {}, r"`X` must be finite; row 7, column 33 has nan"),
        (with_value(-np.inf), {}, r"`X` must be finite; row 7, column 33 has -inf"),
        (ROWS, {"l2": 0.0}, r"a penalty is needed: .* of 100 at most; `X` has 200 columns\. Pass l2="),
        (ROWS[:3], {}, "`y_true` has 60 rows and `X` has 3"),
        (ROWS.astype(str) + "a", {}, "`X` must hold numbers"),
        (ROWS * 1j, {}, "must be numbers of shape"),
        *(
            (ROWS, {name: value}, rf"`{name}` is not available for an array of 100 columns or more.* Choose fewer")
            for name, value in {"shapes": "auto", "cluster": LABELS}.items()
        ),
        (
            ROWS,
            {"missing": "drop"},
            r'`missing="drop"` is not available for an array of 100 columns or more.* Choose fewer',
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_words(few_columns_are_wide, rows, options, words):
    with pytest.raises(logloss.DataError, match=words):
        logloss.fit(rows, LABELS, **{"l2": 1.0} | options)


def test_rows_of_weight_0_are_not_looked_at(few_columns_are_wide):
    weight = np.ones(60)
    weight[7] = 0
    kept = np.arange(60) != 7
    own = logloss.fit(with_value(np.nan), LABELS, l2=1.0, sample_weight=weight)
    assert own.coef == pytest.approx(logloss.fit(ROWS[kept], LABELS[kept], l2=1.0).coef, abs=1e-12)


def test_a_frame_of_so_many_columns_is_refused_with_the_way_out(monkeypatch):
    monkeypatch.setattr(recipe, "MOST_COEFFICIENTS", 100)
    with pytest.raises(logloss.DataError, match=r"as all are numbers, .* fit\(X\.to_numpy\(\), y, l2=1\.0\)"):
        logloss.fit(pd.DataFrame(ROWS).rename(columns=str), LABELS, l2=1.0)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_estimator_takes_wide_rows(few_columns_are_wide, kind, tmp_path):
    rows = ROWS.astype(kind)
    own = logloss.LogisticRegression(C=0.5).fit(rows, LABELS, WEIGHT)
    other = sklearn.linear_model.LogisticRegression(C=0.5, tol=1e-10, max_iter=10_000).fit(ROWS, LABELS, WEIGHT)
    assert own.coef_.dtype == kind
    assert own.coef_ == pytest.approx(other.coef_, abs=1e-5)
    assert own.predict_proba(rows) == pytest.approx(other.predict_proba(ROWS), abs=1e-4)
    assert own.certificate_.nats_per_row < (1e-6 if kind is np.float32 else 1e-12)
    model = own.model_
    assert isinstance(model, logloss.WideModel)
    model.save(tmp_path / "wide.json")
    assert logloss.load(tmp_path / "wide.json").predict_logit(rows).tolist() == model.predict_logit(rows).tolist()
    assert model.to_sklearn().predict_proba(ROWS)[:, 1] == pytest.approx(model.predict_proba(ROWS), abs=1e-12)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_fewer_rows_than_columns_begin_at_the_optimum(monkeypatch, options):
    """A model with all it offers, after one or two passes in place of ten."""
    monkeypatch.setattr(wide_start, "FEWEST_COLUMNS", 50)
    rows = 3 * ROWS + 5
    own = logloss.fit(rows, SHARES, l2=1.0, leave_one_out=False, **options)
    monkeypatch.setattr(wide_start, "FEWEST_COLUMNS", 10**9)
    usual = logloss.fit(rows, SHARES, l2=1.0, leave_one_out=False, **options)
    assert isinstance(own, logloss.LogisticModel)
    assert len(own.passes) <= 3 < len(usual.passes)
    assert list(own.coefficients.values()) == pytest.approx(list(usual.coefficients.values()), abs=1e-13)


def test_a_table_that_is_no_matrix_begins_as_usual(monkeypatch):
    monkeypatch.setattr(wide_start, "FEWEST_COLUMNS", 50)
    frame = pd.DataFrame(ROWS).rename(columns=str)
    model = logloss.fit(frame, LABELS, l2=1.0, leave_one_out=False)
    assert len(model.passes) > 3


L1_OPTIONS = OPTIONS | {"elastic net": {"l2": 0.5}, "factors": {"penalty_factors": {"x3": 0.0, "x5": 2.0}}}


@pytest.mark.parametrize("options", L1_OPTIONS.values(), ids=L1_OPTIONS)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_an_l1_penalty_of_wide_rows_is_that_of_sparse_ones(few_columns_are_wide, options, kind):
    """Their coefficients are 0 in the same places, unless one is 0 but for the certificate."""
    rows = ROWS.astype(kind)
    own = logloss.fit(rows, SHARES, l1=0.8, **options)
    other = logloss.fit(scipy.sparse.csr_array(rows), SHARES, l1=0.8, **options)
    assert isinstance(own, logloss.WideModel)
    assert own.certificate.nats_per_row <= 1e-12
    # Two points within 1e-12 nats per row, in a curvature of the 40 columns that are not 0 of 1e-2 at least.
    assert own.coef == pytest.approx(other.coef, abs=1e-4)
    assert 0 < np.count_nonzero(own.coef) < 100


@pytest.mark.parametrize("options", L1_OPTIONS.values(), ids=L1_OPTIONS)
def test_an_l1_fit_begins_at_the_optimum_of_working_sets(monkeypatch, options):
    """With the bound of these, which needs no Hessian of all columns."""
    monkeypatch.setattr(wide_start, "FEWEST_COLUMNS", 50)
    rows = 3 * ROWS + 5
    own = logloss.fit(rows, SHARES, l1=2.0, leave_one_out=False, **options)
    monkeypatch.setattr(wide_start, "FEWEST_COLUMNS", 10**9)
    usual = logloss.fit(rows, SHARES, l1=2.0, leave_one_out=False, **options)
    assert isinstance(own, logloss.LogisticModel)
    assert len(own.passes) <= 4
    assert list(own.coefficients.values()) == pytest.approx(list(usual.coefficients.values()), abs=1e-11)
    assert own.certificate.nats_per_row <= 1e-12


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.filterwarnings("ignore::logloss.ConvergenceWarning")
def test_the_bound_of_working_sets_is_above_the_true_distance(monkeypatch, fit_intercept, l2):
    """At points near the optimum and far from it; objectives in 40 digits."""
    rows, labels = table(30, 60, seed=5)
    random, l1 = np.random.default_rng(6), 1.0
    bounds = []

    def watched(problem, max_passes):
        start, problem = wide_start.wide_start(problem, max_passes)
        for size in (0.0, 1e-12, 1e-8, 1e-4, 0.1):
            at = start * (1 + size * random.standard_normal(len(start)))
            values = at / problem.design.scale
            values[0] -= values[1:] @ problem.design.centre
            bounds.append((values, problem.other_bound(at)))
        return start, problem

    monkeypatch.setattr(wide_start, "FEWEST_COLUMNS", 50)
    monkeypatch.setattr("logloss.training.fitting.wide_start", watched)
    logloss.fit(rows, labels, l1=l1, l2=l2, fit_intercept=fit_intercept, tolerance=1e-15)

    def objective(values):
        with mpmath.workdps(40):
            own = [mpmath.mpf(value) for value in values.tolist()]
            total = sum(l1 * abs(w) + mpmath.mpf(l2) / 2 * w**2 for w in own[1:])
            for row, label in zip(rows.tolist(), labels.tolist(), strict=True):
                z = own[0] + sum(mpmath.mpf(x) * w for x, w in zip(row, own[1:], strict=True))
                total += mpmath.log(1 + mpmath.exp(z)) - label * z
            return total

    least = min(objective(values) for values, _ in bounds)
    for values, bound in bounds:
        assert float(objective(values) - least) <= bound
    assert bounds[0][1] < 30 * 1e-13


def test_a_path_of_penalties_is_that_of_sparse_rows(few_columns_are_wide):
    l2s = (300.0, 30.0, 3.0)
    own, other = (logloss.fit(rows, LABELS, l2_path=l2s, cv=3) for rows in (ROWS, scipy.sparse.csr_array(ROWS)))
    assert isinstance(own, logloss.WideModel)
    assert own.l2 == other.l2
    assert own.coef == pytest.approx(other.coef, abs=1e-6)
    with pytest.raises(logloss.DataError, match="rows of weight 0 hold what is no number"):
        logloss.fit(with_value(np.nan), LABELS, l2_path=l2s, sample_weight=(np.arange(60) != 7).astype(float))
    assert own.standard_deviations == pytest.approx(ROWS.std(axis=0), rel=1e-12)
