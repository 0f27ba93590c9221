"""Sparse matrices under an L1 penalty: the conditions of a minimum, bounds that hold in 40 digits, zeros that are exact."""

from __future__ import annotations

import json
import warnings

import mpmath
import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import scipy.sparse
import scipy.special
import sklearn.linear_model
from test_cli import run  # noqa: F401

import logloss
from logloss.data import sparse_rows
from logloss.data.sparse_rows import SparseRows
from logloss.training import sparse_lasso, sparse_lasso_step, wide_start
from logloss.training.sparse_lasso import find_lasso_optimum, path_of
from logloss.training.sparse_lasso_dual import _DualRows, duality_gap
from logloss.training.sparse_lasso_problem import LassoProblem

SEED = 20261130
NONE = np.zeros(0)


def table(n_rows=300, n_columns=30, density=0.2, seed=SEED, shift=-0.5):
    """Sparse rows of order one, and labels that depend on some of their columns."""
    random = np.random.default_rng(seed)
    rows = scipy.sparse.random_array((n_rows, n_columns), density=density, rng=random, format="csr")
    logits = rows @ (random.standard_normal(n_columns) * (random.random(n_columns) < 0.5)) * 4 + shift
    return rows, (random.random(n_rows) < scipy.special.expit(logits)).astype(np.int64)


ROWS, LABELS = table()
RANDOM = np.random.default_rng(1)
WEIGHT, OFFSET = RANDOM.random(300) * 3, RANDOM.standard_normal(300)
SHARES = np.where(RANDOM.random(300) < 0.5, LABELS, 0.25)
FACTORS = np.where(RANDOM.random(30) < 0.2, 0.0, RANDOM.random(30) * 2 + 0.1)
# Columns 3 and 7 twice, 4 empty, 5 the same in each row.
DEPENDENT = ROWS.tolil()
DEPENDENT[:, 9], DEPENDENT[:, 12], DEPENDENT[:, 4], DEPENDENT[:, 5] = DEPENDENT[:, [3]], -2 * DEPENDENT[:, [7]], 0, 1.0
DEPENDENT = DEPENDENT.tocsr()
RARE = table(3000, 40, 0.1, seed=5, shift=-7.5)
CASES = {
    "plain": (ROWS, LABELS, {}),
    "weights": (ROWS, LABELS, {"sample_weight": WEIGHT}),
    "weights of 0": (ROWS, LABELS, {"sample_weight": np.where(WEIGHT < 1, 0, WEIGHT)}),
    "counts": (ROWS, LABELS, {"counts": RANDOM.integers(0, 3, 300)}),
    "offset": (ROWS, LABELS, {"offset": OFFSET}),
    "shares": (ROWS, SHARES, {"sample_weight": WEIGHT}),
    "no intercept": (ROWS, LABELS, {"fit_intercept": False}),
    "all": (ROWS, LABELS, {"sample_weight": WEIGHT, "offset": OFFSET, "fit_intercept": False}),
    "rare": (*RARE, {}),
    "dependent": (DEPENDENT, LABELS, {}),
    "float32": (ROWS.astype(np.float32), LABELS, {}),
    "bools": (ROWS.astype(bool), LABELS, {}),
    "wide": (*table(60, 400, 0.05, seed=2), {}),
    "factors": (ROWS, LABELS, {"penalty_factors": FACTORS}),
    "factors and all": (ROWS, LABELS, {"penalty_factors": FACTORS, "offset": OFFSET, "sample_weight": WEIGHT}),
}


@pytest.fixture(params=["formed", "along columns"])
def way(request, monkeypatch):
    """Steps by a Hessian of the working set, or along its columns."""
    if request.param == "along columns":
        monkeypatch.setattr(sparse_lasso_step, "MOST_FORMED", -1)


def slopes(rows, labels, model, options):
    """(The derivative of the loss by the intercept, by each coefficient, their sizes), by NumPy."""
    mass = options.get("sample_weight", options.get("counts", np.ones(rows.shape[0])))
    logits = rows @ model.coef + model.intercept + options.get("offset", 0)
    residuals = mass * (scipy.special.expit(logits) - labels)
    return residuals.sum(), rows.T @ residuals, abs(rows).T @ mass


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("l1", "l2"), [(0.05, 0), (2, 0), (2, 0.5)])
@pytest.mark.usefixtures("way")
def test_the_conditions_of_a_minimum_hold(case, l1, l2):
    """Karush, Kuhn and Tucker: a coefficient that is 0 has a derivative of at most l1, others one of ±l1."""
    rows, labels, options = CASES[case]
    model = logloss.fit(rows, labels, l1=l1, l2=l2, **options)
    assert model.certificate.nats_per_row < 1e-12
    of_intercept, of_columns, sizes = slopes(rows, labels, model, options)
    factors = options.get("penalty_factors", np.ones(rows.shape[1]))
    if model.fit_intercept:
        # The curvature is at most a quarter of the weight: √(2 · 1e-12 · weight · weight / 4).
        assert abs(of_intercept) <= 1e-6 * len(labels)
    pull = -of_columns - l2 * factors * model.coef
    # Of a column: √(2 · 1e-12 · weight · Σ weight x² / 4).
    error = 1e-6 * np.sqrt(len(labels) * np.maximum(sizes, 1))
    is_zero = model.coef == 0
    assert (np.abs(pull) <= l1 * factors + error)[is_zero].all()
    assert (np.abs(pull - l1 * factors * np.sign(model.coef)) <= error)[~is_zero].all()
    assert is_zero[factors > 0].any() or l1 < 1
    assert not is_zero[factors == 0].any()


@pytest.mark.parametrize("case", ["plain", "weights", "offset", "no intercept", "rare", "factors", "factors and all"])
@pytest.mark.parametrize(("l1", "l2"), [(0.3, 0), (2, 0), (2, 1)])
@pytest.mark.usefixtures("way")
def test_the_fit_is_that_of_the_dense_rows(case, l1, l2):
    rows, labels, options = CASES[case]
    own = logloss.fit(rows, labels, l1=l1, l2=l2, tolerance=1e-13, **options)
    dense = logloss.fit(rows.toarray(), labels, l1=l1, l2=l2, **options)
    coefficients = np.array(list(dense.coefficients.values()))
    # In a direction of curvature c: √(2 · 1e-13 · rows / c).
    assert own.coef == pytest.approx(coefficients, abs=1e-5)
    assert ((own.coef == 0) == (coefficients == 0)).all()
    objectives = [m.passes[-1].log_loss + m.passes[-1].penalty for m in (own, dense)]
    assert abs(objectives[0] - objectives[1]) <= own.certificate.nats_per_row + dense.certificate.nats_per_row
    assert own.log_loss == pytest.approx(dense.log_loss, rel=1e-6)


def test_without_an_l1_penalty_factors_are_those_of_squares():
    own = logloss.fit(ROWS, LABELS, l2=2.0, penalty_factors=FACTORS, tolerance=1e-14)
    dense = logloss.fit(ROWS.toarray(), LABELS, l2=2.0, penalty_factors=FACTORS)
    assert own.coef == pytest.approx(np.array(list(dense.coefficients.values())), abs=1e-6)
    # A column times 1/√factor under the plain penalty.
    held = FACTORS > 0
    scaled = ROWS[:, held] @ scipy.sparse.diags_array(1 / np.sqrt(FACTORS[held]))
    plain = logloss.fit(scaled, LABELS, l2=2.0, tolerance=1e-14)
    among = logloss.fit(ROWS[:, held], LABELS, l2=2.0, penalty_factors=FACTORS[held], tolerance=1e-14)
    assert among.coef == pytest.approx(plain.coef / np.sqrt(FACTORS[held]), abs=1e-6)


def test_it_is_that_of_scikit_learn():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"C": 0.5, "solver": "saga", "l1_ratio": 0.7, "penalty": "elasticnet"}
        peer = sklearn.linear_model.LogisticRegression(**options, tol=1e-13, max_iter=100_000).fit(ROWS, LABELS)
        ours = logloss.LogisticRegression(**options, tol=1e-15).fit(ROWS, LABELS)
    np.testing.assert_allclose(ours.coef_, peer.coef_, atol=1e-7)
    assert isinstance(ours.model_, logloss.WideModel)
    assert (ours.coef_ == 0).any()


# --- bounds ---


def objective_in_digits(rows, labels, mass, offset, l1, l2, at):
    """The objective in 40 digits."""
    with mpmath.workdps(40):
        total = sum(mpmath.mpf(float(a)) * abs(mpmath.mpf(float(w))) for a, w in zip(l1, at[1:], strict=True))
        total += sum(mpmath.mpf(float(b)) * mpmath.mpf(float(w)) ** 2 / 2 for b, w in zip(l2, at[1:], strict=True))
        for row, label, m, o in zip(rows, labels, mass, offset, strict=True):
            pairs = zip(row, at[1:], strict=True)
            z = mpmath.mpf(float(at[0])) + mpmath.mpf(float(o))
            z += sum(mpmath.mpf(float(x)) * mpmath.mpf(float(w)) for x, w in pairs if x)
            total += mpmath.mpf(float(m)) * (mpmath.log(1 + mpmath.exp(z)) - mpmath.mpf(float(label)) * z)
        return total


def problem_of(rows, labels, l1, l2=0.0, *, factors=1.0, mass=NONE, offset=NONE, tolerance=1e-15, fit_intercept=True):
    each = np.ones(rows.shape[1]) * factors
    labels = labels.astype(np.uint8) if set(np.unique(labels)) <= {0, 1} else labels.astype(float)
    sum_weight = float(mass.sum()) if len(mass) else float(len(labels))
    made = SparseRows.of(rows, labels, mass, offset)
    return LassoProblem(made, l1 * each, l2 * each, fit_intercept, sum_weight, tolerance)


KINDS = {
    "lasso": {},
    "weights": {"mass": np.where(WEIGHT[:40] < 0.5, 0, WEIGHT[:40])},
    "offset": {"offset": OFFSET[:40]},
    # Log-odds beyond 37, whose probabilities round to 0 and 1, of labels that contradict them.
    "far offset": {"offset": 40.0 * OFFSET[:40]},
    "no intercept": {"fit_intercept": False},
    "elastic net": {"l2": 0.4},
    "nearly no squares": {"l2": 1e-9},
    "factors": {"factors": np.array([0, 1.0, 2.0, 0.5, 0, 1.0])},
    "factors and squares": {"factors": np.array([0, 1.0, 2.0, 0.5, 0, 1.0]), "l2": 0.3},
    "squares only": {"l1": 0.0, "l2": 0.7},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_soft", [False, True])
def test_the_gap_is_above_the_true_distance_and_its_zeros_are_zeros(kind, is_soft):
    """At points near and far from the minimum, with steps that go there and steps that go anywhere."""
    rows, labels = table(40, 6, 0.4, seed=3)
    random = np.random.default_rng(7)
    if is_soft:
        labels = np.where(random.random(40) < 0.5, labels, 0.3)
    options = {"l1": 0.6} | KINDS[kind]
    problem = problem_of(rows, labels, **options)
    mass = options.get("mass", np.ones(40))
    offset = options.get("offset", np.zeros(40))
    optimum = find_lasso_optimum(problem, np.zeros(7), 100, None if options["l1"] else np.arange(6))

    def exact(at):
        return objective_in_digits(rows.toarray(), labels, mass, offset, problem.l1, problem.l2, at)

    least = exact(optimum.at)
    # Of the objective, which is 1,000 times as large beside far offsets, some roundings.
    assert optimum.bound < 1e-12 + 1e-14 * optimum.objective
    n_screened, tightest = 0, np.inf
    for size in (3.0, 0.3, 1e-2, 1e-4, 1e-7, 1e-10, 0.0):
        for way in ("there", "nowhere", "none", "without a column"):
            move = size * random.standard_normal(7) * (random.random(7) < 0.7)
            if way == "without a column":
                # All others at their optimum, that column alone is wrong.
                move = np.where(np.arange(7) == 1 + int(random.integers(6)), -optimum.at, 0.0)
            if not problem.fit_intercept:
                move[0] = 0.0
            at = optimum.at + move
            step = {"there": -move, "nowhere": random.standard_normal(7) * size, "none": np.zeros(7)}.get(
                way, np.zeros(7)
            )
            step[0] *= problem.fit_intercept
            point = problem.evaluated(at)
            gap = duality_gap(problem, point, step)
            distance = float(exact(at) - least)
            # The minimum itself is known to its own bound.
            assert distance <= gap.bound + optimum.bound
            assert gap.bound <= point.objective * (1 + 1e-15)
            zeros = gap.zeros(problem)
            n_screened += int(zeros.sum())
            assert not (optimum.at[1:][zeros] != 0).any()
            assert not zeros[problem.is_free].any()
            if way == "there" and size <= 1e-4:
                # The step leads to what is known of the minimum: coefficients of about eight digits.
                tightest = min(tightest, gap.bound)
    assert tightest < 1e-5
    assert n_screened > 0 or not (optimum.at[1:] == 0).any()


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(("l1", "l2"), [(0.6, 0), (0.05, 0), (0.6, 0.2)])
@pytest.mark.filterwarnings("ignore::logloss.ConvergenceWarning")
@pytest.mark.usefixtures("way")
def test_the_certificate_is_above_the_true_distance(fit_intercept, l1, l2, monkeypatch):
    """After every number of passes, of working sets that grow by one column."""
    monkeypatch.setattr(sparse_lasso, "FEWEST_ADDED", 1)
    monkeypatch.setattr(sparse_lasso, "TIMES_ADDED", 0)
    rows, labels = table(40, 12, 0.4, seed=3)
    options = {"l1": l1, "l2": l2, "fit_intercept": fit_intercept, "tolerance": 1e-15}
    best = logloss.fit(rows, labels, **options)
    arguments = rows.toarray(), labels, np.ones(40), np.zeros(40), np.full(12, l1), np.full(12, l2)
    least = objective_in_digits(*arguments, np.append(best.intercept, best.coef))
    assert len(best.passes) > 3
    for n_passes in range(1, len(best.passes) + 1):
        model = logloss.fit(rows, labels, **options, max_passes=n_passes)
        own = objective_in_digits(*arguments, np.append(model.intercept, model.coef))
        assert len(model.passes) == n_passes
        assert float((own - least) / 40) <= model.certificate.nats_per_row
    assert best.certificate.nats_per_row < 1e-13


@pytest.mark.parametrize("kind", ["plain", "offset", "weights", "a free column", "shares"])
def test_a_weak_penalty_is_certified(kind):
    """Rounding of products is a share of it, which is of what is penalised, not of the whole objective."""
    rows = scipy.sparse.random_array((160, 40), density=0.1, rng=np.random.default_rng(12), format="csr")
    labels = np.arange(160) % 2
    if kind == "shares":
        labels = np.where(np.arange(160) % 3 == 0, 0.3, labels)
    beside = {"offset": {"offset": OFFSET[:160]}, "weights": {"mass": np.where(WEIGHT < 0.5, 0, WEIGHT)[:160]}}
    factors = np.append(np.ones(39), 0.0) if kind == "a free column" else np.ones(40)
    for l1 in (1e-2, 1e-4, 1e-5):
        problem = problem_of(rows, labels, l1, factors=factors, tolerance=1e-13, **beside.get(kind, {}))
        optimum = find_lasso_optimum(problem, np.zeros(41), 100)
        point = problem.evaluated(optimum.at)
        dual = _DualRows.of(problem, point, np.zeros(41), np.arange(40))
        most = dual.most_absolute(point.objective, 1e-15, 0.0)
        penalised = float(problem.l1 @ np.abs(optimum.at[1:]))
        # A dual point 2⁻¹⁰ away shows it up to as much of the second derivative there, a few times the loss.
        assert penalised <= most <= penalised + 2.0**-10 * 10 * point.objective
        bound = optimum.bound / problem.sum_weight
        assert bound <= 1e-12


# --- how strong the penalty is ---


@pytest.mark.parametrize("case", ["plain", "weights", "offset", "shares", "no intercept", "rare", "factors"])
def test_the_least_l1_of_zeros_is_exact(case):
    rows, labels, options = CASES[case]
    factors = options.get("penalty_factors", np.ones(rows.shape[1]))
    free = rows[:, factors == 0].toarray()
    mass, offset = options.get("sample_weight", np.ones(len(labels))), options.get("offset", 0)
    if options.get("fit_intercept", True):
        free = np.column_stack([np.ones(len(labels)), free])

    def null(at):
        logits = free @ at + offset
        residuals = mass * (scipy.special.expit(logits) - labels)
        return np.sum(mass * (np.logaddexp(0, logits) - labels * logits)), free.T @ residuals

    at = np.zeros(free.shape[1])
    if len(at):
        at = scipy.optimize.minimize(null, at, jac=True, method="BFGS", options={"gtol": 1e-10}).x
    residuals = mass * (scipy.special.expit(free @ at + offset) - labels)
    held = factors > 0
    least = (np.abs(rows.T @ residuals)[held] / factors[held]).max()
    above = logloss.fit(rows, labels, l1=least * (1 + 1e-6), **options)
    assert not above.coef[held].any()
    assert above.notes[0].startswith("every")
    assert float(above.notes[0].rpartition(" ")[2].replace(",", "")) == pytest.approx(least, rel=1e-3)
    # The intercept, and what is not penalised, are at their optimum.
    own = np.append([above.intercept] if above.fit_intercept else [], above.coef[~held])
    assert own == pytest.approx(at, abs=1e-6)
    below = logloss.fit(rows, labels, l1=least * (1 - 1e-4), **options)
    assert np.count_nonzero(below.coef[held]) == 1
    assert below.notes == ()


@pytest.mark.parametrize("is_dense", [False, True])
def test_beside_far_offsets_and_uneven_weights_the_fit_begins_at_the_best_intercept(is_dense, monkeypatch):
    monkeypatch.setattr(wide_start, "FEWEST_COLUMNS", 1)
    random = np.random.default_rng(41)
    rows, offset, mass = random.standard_normal((10, 3)), random.uniform(-30, 30, 10), 10.0 ** random.uniform(-6, 6, 10)
    labels = np.arange(10) % 2
    given = rows if is_dense else scipy.sparse.csr_array(rows)

    def slope(intercept):
        return float(mass @ (scipy.special.expit(offset + intercept) - labels))

    best = scipy.optimize.brentq(slope, -60, 60, xtol=1e-13)
    least = np.abs(rows.T @ (mass * (scipy.special.expit(offset + best) - labels))).max()
    above, below = (
        logloss.fit(given, labels, l1=least * (1 + share), offset=offset, sample_weight=mass) for share in (1e-6, -1e-3)
    )
    assert above.intercept == pytest.approx(best, abs=1e-6)
    for model, n_nonzero in ((above, 0), (below, 1)):
        assert model.certificate.nats_per_row < 1e-12
        assert np.count_nonzero(list(model.coefficients.values())) == n_nonzero


@pytest.mark.usefixtures("way")
def test_where_no_row_has_curvature_a_step_is_shortened_until_it_is_none_too_long():
    # One row of each label at log-odds of −70: the first step is 10³⁰ times too long.
    rows = scipy.sparse.csr_array([[1.0], [1.0]])
    model = logloss.fit(rows, [1, 0], l1=0.1, offset=np.full(2, -70.0), fit_intercept=False)
    # Derivatives of p − 1 and p, and 0.1 of the penalty.
    assert model.coef[0] == pytest.approx(70.0 + scipy.special.logit(0.45), abs=1e-6)
    assert model.certificate.nats_per_row < 1e-12


@pytest.mark.parametrize("rows", [ROWS, ROWS.toarray()], ids=["sparse", "dense"])
def test_what_is_not_at_its_optimum_says_nothing_of_the_least_l1(rows):
    with pytest.warns(logloss.ConvergenceWarning):
        model = logloss.fit(rows, LABELS, l1=1e3, offset=1e15 * OFFSET, sample_weight=WEIGHT, max_passes=1)
    assert not any("any l1" in note for note in model.notes)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.usefixtures("way")
def test_a_path_has_the_optimum_of_each_strength(l1_ratio):
    rows, labels = table(200, 300, 0.05, seed=4)
    problem = problem_of(rows, labels, l1_ratio, 1 - l1_ratio, factors=1.0, tolerance=1e-12)
    first = find_lasso_optimum(problem.with_penalty(problem.l1 * 1e6, problem.l2), np.zeros(301), 9)
    strengths = 1e6 * first.least_of_zeros * np.logspace(0.1, -2, 30)
    found = dict(path_of(problem, strengths))
    assert list(found) == strengths.tolist()
    assert not found[strengths[0]].at[1:].any()
    for strength, optimum in found.items():
        own = problem.with_penalty(strength * problem.l1, strength * problem.l2)
        alone = find_lasso_optimum(own, np.zeros(301), 100)
        assert max(optimum.bound, alone.bound) <= 1e-12 * 200
        assert abs(optimum.objective - alone.objective) <= optimum.bound + alone.bound
    assert sum(len(optimum.passes) for optimum in found.values()) <= 40


# --- how it is computed changes nothing ---


def test_parts_and_threads_change_nothing_beyond_the_certificate(monkeypatch):
    whole = find_lasso_optimum(problem_of(ROWS, LABELS, 1.0, tolerance=1e-12), np.zeros(31), 100)
    monkeypatch.setattr(sparse_rows, "VALUES_OF_PART", 8)
    monkeypatch.setattr(sparse_rows, "TIMES_COLUMNS", 1)
    cut = find_lasso_optimum(problem_of(ROWS, LABELS, 1.0, tolerance=1e-12), np.zeros(31), 100)
    assert abs(whole.objective - cut.objective) <= max(whole.bound, cut.bound)
    at = []
    for n_threads in (1, 3):
        monkeypatch.setattr("logloss.onepass.run.available_cpus", lambda own=n_threads: own)
        at.append(find_lasso_optimum(problem_of(ROWS, LABELS, 1.0, tolerance=1e-12), np.zeros(31), 100).at.tobytes())
    assert at[0] == at[1] == cut.at.tobytes()


@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_indices_of_every_kind_are_read_and_order_changes_only_roundings(index):
    expected = logloss.fit(ROWS, LABELS, l1=1.0)
    rows = ROWS.copy()
    rows.indptr, rows.indices = rows.indptr.astype(index), rows.indices.astype(index)
    assert logloss.fit(rows, LABELS, l1=1.0).coef.tobytes() == expected.coef.tobytes()
    assert logloss.fit(rows.tocsc(), LABELS, l1=1.0).coef.tobytes() == expected.coef.tobytes()
    order = np.random.default_rng(0).permutation(300)
    assert logloss.fit(ROWS[order], LABELS[order], l1=1.0).coef == pytest.approx(expected.coef, abs=1e-9)


def test_columns_that_are_left_out_were_zero(monkeypatch):
    """Screening, as early as it can, in working sets that grow slowly, changes nothing."""
    rows, labels = table(200, 300, 0.05, seed=4)
    expected = logloss.fit(rows, labels, l1=1.5, tolerance=1e-14)
    monkeypatch.setattr(sparse_lasso, "GREATEST_GAIN", 1e9)
    monkeypatch.setattr(sparse_lasso, "SHARE_LEFT_OUT", 0.01)
    monkeypatch.setattr(sparse_lasso, "FEWEST_ADDED", 1)
    widths = []
    taken = LassoProblem.told_to
    monkeypatch.setattr(LassoProblem, "told_to", lambda own, to: widths.append(own.n_columns) or taken(own, to))
    own = logloss.fit(rows, labels, l1=1.5, tolerance=1e-14)
    assert widths
    assert min(widths) < 300
    assert own.coef == pytest.approx(expected.coef, abs=1e-8)
    assert own.coef.shape == (300,)
    assert ((own.coef == 0) == (expected.coef == 0)).all()


def test_rows_of_weight_0_are_not_looked_at():
    rows, weight = ROWS.copy(), np.ones(300)
    row = int(np.searchsorted(ROWS.indptr, 100, side="right")) - 1
    rows.data[100] = np.nan
    weight[row] = 0
    kept = np.arange(300) != row
    own = logloss.fit(rows, LABELS, l1=1.0, sample_weight=weight)
    assert own.coef == pytest.approx(logloss.fit(ROWS[kept], LABELS[kept], l1=1.0).coef, abs=1e-8)


def test_it_begins_where_another_model_ended():
    first = logloss.fit(ROWS, LABELS, l1=1.0)
    again = logloss.fit(ROWS, LABELS, l1=1.0, start=first)
    assert len(again.passes) == 1
    assert again.coef == pytest.approx(first.coef, abs=1e-8)
    near = logloss.fit(ROWS, LABELS, l1=0.9, start=first)
    assert near.coef == pytest.approx(logloss.fit(ROWS, LABELS, l1=0.9).coef, abs=1e-7)


def test_duplicates_are_shared_in_one_way():
    """Any way to share is optimal; columns without values and those of the intercept are exactly 0."""
    model = logloss.fit(DEPENDENT, LABELS, l1=1.0)
    again = logloss.fit(DEPENDENT, LABELS, l1=1.0)
    assert model.coef.tobytes() == again.coef.tobytes()
    assert (model.coef[4], model.coef[5]) == (0, 0)
    assert model.coef[3] * model.coef[9] >= 0


# --- what is made of it ---


def test_a_file_a_text_and_scikit_learn_keep_it(tmp_path):
    model = logloss.fit(ROWS, LABELS, l1=2.0, l2=1.0, penalty_factors=FACTORS)
    model.save(tmp_path / "m.json")
    loaded = logloss.load(tmp_path / "m.json")
    assert loaded == model
    assert (loaded.coef.tobytes(), loaded.penalty_factors.tobytes()) == (model.coef.tobytes(), FACTORS.tobytes())
    n = model.n_nonzero
    assert 0 < n < 30
    assert f"zero       {30 - n} of 30 coefficients" in repr(model)
    n_factors = int((FACTORS != 1).sum())
    assert f", l1 = 2, l2 = 1, penalty factors of {n_factors} columns\n" in repr(model)
    assert f"{30 - n} of 30 coefficients are 0" in model.to_html()
    figures = model.to_dict()
    expected = {"n_used": n, "l1": 2, "l2": 1, "n_penalty_factors": n_factors}
    assert {name: figures[name] for name in expected} == expected
    assert figures["n_not_penalised"] == int((FACTORS == 0).sum())
    plain = logloss.fit(ROWS, LABELS, l1=2.0).to_sklearn()
    assert (plain.C, plain.l1_ratio) == (0.5, 1)
    assert "l2" not in repr(logloss.fit(ROWS, LABELS, l1=2.0)).splitlines()[0]


def test_float32_coefficients_have_a_bound_of_their_own():
    rows = ROWS.astype(np.float32)
    ours = logloss.LogisticRegression(C=0.5, l1_ratio=1, solver="saga").fit(rows, LABELS)
    assert ours.coef_.dtype == np.float32
    at = np.append(ours.intercept_, ours.coef_[0]).astype(float)
    arguments = rows.toarray(), LABELS, np.ones(300), np.zeros(300), np.full(30, 2.0), np.zeros(30)
    best = logloss.fit(rows, LABELS, l1=2.0, tolerance=1e-14)
    least = objective_in_digits(*arguments, np.append(best.intercept, best.coef))
    assert 0 < float((objective_in_digits(*arguments, at) - least) / 300) <= ours.certificate_.nats_per_row < 1e-12


def test_factors_of_a_table_are_by_name(tmp_path):
    random = np.random.default_rng(3)
    frame = pd.DataFrame({"a": random.standard_normal(400), "b": random.standard_normal(400)})
    frame["c"] = np.array(["u", "v", "w", "x"])[random.integers(0, 4, 400)]
    levels = frame["c"].map({"u": 0, "v": 1, "w": 0.5, "x": 0})
    frame["y"] = (random.random(400) < scipy.special.expit(frame["a"] + levels)).astype(int)
    free = logloss.fit(frame, "y", l1=1e4, penalty_factors={"c": 0})
    assert [name for name, value in free.coefficients.items() if value] == ["c: v", "c: w", "c: x"]
    plain = logloss.fit(frame[["c", "y"]], "y")
    assert free.coefficients["c: v"] == pytest.approx(plain.coefficients["c: v"], rel=1e-6)
    few = logloss.fit(frame, "y", l1=3.0, penalty_factors={"a": 5, "c": 0.5})
    matrix = np.column_stack([frame[["a", "b"]], pd.get_dummies(frame["c"]).to_numpy(float)[:, 1:]])
    listed = logloss.fit(matrix, frame["y"], l1=3.0, penalty_factors=[5, 1, 0.5, 0.5, 0.5])
    assert list(few.coefficients.values()) == pytest.approx(list(listed.coefficients.values()), abs=1e-9)
    assert few.penalty_factors == {"a": 5.0, "c": 0.5}
    few.save(tmp_path / "m.json")
    assert logloss.load(tmp_path / "m.json") == few
    assert "penalty of a × 5, c × 0.5" in repr(few)
    assert few.to_dict()["penalty_factors"] == {"a": 5.0, "c": 0.5}


# --- what is refused ---


@pytest.mark.parametrize("rows", [ROWS, ROWS.toarray()], ids=["sparse", "dense"])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"l1": -1.0}, "`l1` must be finite and at least 0; got -1.0"),
        ({"l1": np.nan}, "`l1` must be finite and at least 0; got nan"),
        ({"l1": np.inf}, "`l1` must be finite and at least 0; got inf"),
        ({"penalty_factors": [1.0]}, r"`penalty_factors` must have one number for each column, 30; it has 1\."),
        ({"penalty_factors": [1.0] * 29 + [-1]}, r"at least 0; that of column 29 is -1\.0\."),
        ({"penalty_factors": {"x1": np.nan}}, r'at least 0; that of "x1" is nan\.'),
        ({"penalty_factors": {"x1": np.inf}}, r'that of "x1" is inf\. To hold a coefficient at 0, leave its column'),
        ({"penalty_factors": {"x99": 1}}, r'`penalty_factors` must name .*"x99"'),
        ({"penalty_factors": "x1"}, r'by the names of columns or one for each; got "x1"\.'),
        ({"penalty_factors": [1.0] * 30, "l1": 0.0}, "and there is none: pass `l1` or `l2`"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_in_words(rows, options, words):
    with pytest.raises(logloss.DataError, match=words):
        logloss.fit(rows, LABELS, **({"l1": 1.0} | options))


def test_a_billion_columns_are_refused():
    huge = scipy.sparse.csr_array((np.ones(2), ([0, 1], [5, 6])), shape=(4, 10**9))
    with pytest.raises(logloss.DataError, match=r"1,000,000,000 columns; .* up to 100,000,000, .* 10 GB\. Keep"):
        logloss.fit(huge, [0, 1, 0, 1], l1=1.0)


def test_the_shell_has_factors(run, tmp_path):  # noqa: F811
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.standard_normal((200, 2)), columns=["a", "b"])
    frame["y"] = (random.random(200) < scipy.special.expit(frame["a"])).astype(int)
    frame.to_csv(tmp_path / "a.csv", index=False)
    factors = "--penalty-factor", "a=0", "--penalty-factor", "b=2.5"
    code, _, _ = run("fit", tmp_path / "a.csv", "-y", "y", "--l1", "50", *factors, "-o", tmp_path / "m.json")
    assert code == 0
    saved = json.loads((tmp_path / "m.json").read_text())
    assert saved["penalty_factors"] == {"a": 0.0, "b": 2.5}
    model = logloss.load(tmp_path / "m.json")
    assert (model.coefficients["a"] > 0.5, model.coefficients["b"]) == (True, 0)
    code, _, err = run("fit", tmp_path / "a.csv", "-y", "y", "--l1", "1", "--penalty-factor", "a")
    assert code != 0
    assert "--penalty-factor must read like age=0" in err
