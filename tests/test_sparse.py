"""Sparse matrices: the fit is that of the dense rows and its certificate holds; what is wrong is said in words."""

from __future__ import annotations

import tracemalloc
import warnings

import mpmath
import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
import sklearn.linear_model

import logloss
from logloss.cli import exit_codes
from logloss.data import sparse_rows
from logloss.data.sparse_rows import CsrMatrix, SparseRows
from logloss.training import sparse_fit, sparse_solver
from logloss.training.sparse_solver import SparseProblem, find_sparse_optimum

SEED = 20261130
# The certificate of a small table may be that small: below are the roundings of the objective.
EXACT = 1e-15
# Below them: passes end where no step lowers the objective or the bound any more.
NEVER = 1e-300


def table(n_rows=300, n_columns=30, density=0.2, seed=SEED):
    """Sparse rows of order one, and labels that depend on some of their columns."""
    random = np.random.default_rng(seed)
    rows = scipy.sparse.random_array((n_rows, n_columns), density=density, rng=random, format="csr")
    logits = rows @ random.standard_normal(n_columns) * 2 - 0.5
    return rows, (random.random(n_rows) < 1 / (1 + np.exp(-logits))).astype(np.int64)


ROWS, LABELS = table()
RANDOM = np.random.default_rng(1)
WEIGHT, OFFSET = RANDOM.random(300) * 3, RANDOM.standard_normal(300)
SHARES = np.where(RANDOM.random(300) < 0.5, LABELS, 0.25)
OPTIONS = {
    "plain": {},
    "weights": {"sample_weight": WEIGHT},
    "weights of 0": {"sample_weight": np.where(WEIGHT < 1, 0, WEIGHT)},
    "counts": {"counts": RANDOM.integers(0, 3, 300)},
    "offset": {"offset": OFFSET},
    "no intercept": {"fit_intercept": False},
    "all": {"sample_weight": WEIGHT, "offset": OFFSET, "fit_intercept": False},
}


def dense_coefficients(model):
    return np.array(list(model.coefficients.values()))


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("l2", [0.01, 1.0, 30.0])
@pytest.mark.filterwarnings("ignore::logloss.ConvergenceWarning")
def test_the_fit_is_that_of_the_dense_rows(options, l2):
    """Passes go on until no step helps."""
    own = logloss.fit(ROWS, LABELS, l2=l2, tolerance=NEVER, **options)
    dense = logloss.fit(ROWS.toarray(), LABELS, l2=l2, **options)
    assert own.coef == pytest.approx(dense_coefficients(dense), rel=1e-8, abs=1e-8)
    assert own.intercept == pytest.approx(dense.intercept, rel=1e-8, abs=1e-8)
    # Without the penalty it is not the least there is: it moves with the coefficients.
    assert own.log_loss == pytest.approx(dense.log_loss, rel=1e-8)
    assert own.certificate.nats_per_row < EXACT
    for name in ("n_rows", "n_positive", "classes", "positive"):
        assert getattr(own, name) == getattr(dense, name)
    assert own.base_rate == pytest.approx(dense.base_rate, rel=1e-13)
    given = options.get("offset")
    assert own.predict_logit(ROWS, offset=given) == pytest.approx(dense.predict_logit(ROWS.toarray(), offset=given))


def test_shares_and_classes_are_labels_as_of_dense_rows():
    own, dense = (logloss.fit(rows, SHARES, l2=1.0, tolerance=EXACT) for rows in (ROWS, ROWS.toarray()))
    assert own.coef == pytest.approx(dense_coefficients(dense), rel=1e-8, abs=1e-8)
    assert own.n_positive is dense.n_positive is None
    words = np.where(LABELS, "yes", "no")
    model = logloss.fit(ROWS, words, pos_label="yes", l2=1.0)
    assert (model.classes, set(model.predict(ROWS))) == (("no", "yes"), {"no", "yes"})


def test_the_optimum_is_that_of_scipy():
    """Its BFGS, on a formula written here."""
    rows = ROWS.toarray()

    def objective(at):
        logits = rows @ at[1:] + at[0]
        value = np.sum(WEIGHT * (np.logaddexp(0, logits) - LABELS * logits)) + at[1:] @ at[1:]
        residuals = WEIGHT * (1 / (1 + np.exp(-logits)) - LABELS)
        return value, np.concatenate([[residuals.sum()], rows.T @ residuals + 2 * at[1:]])

    found = scipy.optimize.minimize(objective, np.zeros(31), jac=True, method="BFGS", options={"gtol": 1e-9})
    own = logloss.fit(ROWS, LABELS, l2=2.0, sample_weight=WEIGHT, tolerance=EXACT)
    # BFGS ends at a gradient of about 1e-8 in a curvature of 2.
    assert np.concatenate([[own.intercept], own.coef]) == pytest.approx(found.x, abs=1e-6)


def objective_in_digits(rows, labels, l2, intercept, coef):
    """The objective in 40 digits."""
    with mpmath.workdps(40):
        total = mpmath.mpf(l2) / 2 * sum(mpmath.mpf(float(w)) ** 2 for w in coef)
        for row, label in zip(rows, labels, strict=True):
            pairs = zip(row, coef, strict=True)
            z = mpmath.mpf(intercept) + sum(mpmath.mpf(float(x)) * mpmath.mpf(float(w)) for x, w in pairs)
            total += mpmath.log(1 + mpmath.exp(z)) - int(label) * z
        return total


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("l2", [0.01, 1.0])
@pytest.mark.filterwarnings("ignore::logloss.ConvergenceWarning")
def test_the_certificate_is_above_the_true_distance(fit_intercept, l2):
    """After every number of passes; both objectives in 40 digits."""
    rows, labels = table(40, 6, 0.4, seed=3)
    best = logloss.fit(rows, labels, l2=l2, fit_intercept=fit_intercept, tolerance=NEVER)
    least = objective_in_digits(rows.toarray(), labels, l2, best.intercept, best.coef)
    for n_passes in range(1, len(best.passes) + 1):
        model = logloss.fit(rows, labels, l2=l2, fit_intercept=fit_intercept, tolerance=NEVER, max_passes=n_passes)
        own = objective_in_digits(rows.toarray(), labels, l2, model.intercept, model.coef)
        assert model.certificate.is_proven
        assert float((own - least) / 40) <= model.certificate.nats_per_row
    assert best.certificate.nats_per_row < 1e-15


def optimum_of(rows, labels, l2=1.0, tolerance=1e-12):
    problem = SparseProblem(SparseRows.of(rows, labels.astype(np.uint8)), l2, True, float(len(labels)), tolerance)
    return find_sparse_optimum(problem, np.zeros(rows.shape[1] + 1), 100)


def test_parts_change_nothing_beyond_the_certificate(monkeypatch):
    """One part and sixteen; on one thread and on several the bits are the same."""
    whole = optimum_of(ROWS, LABELS)
    monkeypatch.setattr(sparse_rows, "VALUES_OF_PART", 8)
    monkeypatch.setattr(sparse_rows, "TIMES_COLUMNS", 1)
    parts = SparseRows.of(ROWS, LABELS.astype(np.uint8)).parts()
    assert len(parts) == sparse_rows.MOST_PARTS
    assert [each.block.start for each in parts[1:]] == [each.block.stop for each in parts[:-1]]
    cut = optimum_of(ROWS, LABELS)
    bound = max(whole.evaluation.bound, cut.evaluation.bound)
    assert abs(whole.evaluation.objective - cut.evaluation.objective) <= bound
    monkeypatch.setattr("logloss.onepass.run.available_cpus", lambda: 1)
    one = optimum_of(ROWS, LABELS)
    monkeypatch.setattr("logloss.onepass.run.available_cpus", lambda: 3)
    assert optimum_of(ROWS, LABELS).evaluation.at.tobytes() == one.evaluation.at.tobytes()


@pytest.mark.parametrize("block_columns", [(0,), (4,), (32,)])
def test_the_preconditioner_changes_passes_and_not_the_optimum(monkeypatch, block_columns):
    """None, a block of some columns, of all columns."""
    monkeypatch.setattr(sparse_solver, "BLOCK_COLUMNS", block_columns)
    scaled = ROWS @ scipy.sparse.diags_array(10.0 ** np.linspace(-2, 2, 30))
    own = logloss.fit(scaled, LABELS, l2=0.1, tolerance=1e-14)
    dense = logloss.fit(scaled.toarray(), LABELS, l2=0.1)
    assert own.log_loss == pytest.approx(dense.log_loss, rel=1e-9)
    assert own.certificate.nats_per_row <= 1e-14


def problem_of(rows, labels, **options):
    own = {"l2": 1.0, "fit_intercept": True, "sum_weight": float(len(labels)), "tolerance": 1e-12} | options
    return SparseProblem(SparseRows.of(rows, labels.astype(np.uint8), offset=OFFSET), **own)


@pytest.mark.parametrize("times", [7.0, 1e3, 1e9])
def test_a_step_that_is_too_long_takes_one_pass_more(times):
    """The point is nearly the best one along the step: within 2% of the gain of SciPy's search."""
    problem = problem_of(ROWS, LABELS)
    now = problem.evaluated(np.zeros(31))
    step, _ = sparse_solver.truncated_newton(problem, now, started(problem, now))
    tried = sparse_solver.shortened(problem, now, times * step, 10)
    best = scipy.optimize.minimize_scalar(
        lambda length: problem.evaluated(now.at + length * step).objective, bounds=(0, 5), method="bounded"
    )
    assert len(sparse_solver.shortened(problem, now, step, 10)) == 1
    assert len(tried) == 2
    gain = now.objective - tried[-1].objective
    assert gain > 0.98 * (now.objective - best.fun)


def started(problem, now):
    inverse = sparse_solver.Preconditioner(problem)
    inverse.update(now, 0)
    return inverse


def test_passes_that_end_within_a_step_have_reached_the_limit(monkeypatch):
    """The last pass is at the end of a step that is too long."""
    found = sparse_solver.truncated_newton
    monkeypatch.setattr(sparse_solver, "truncated_newton", lambda *given: (1e3 * found(*given)[0], 1))
    assert find_sparse_optimum(problem_of(ROWS, LABELS), np.zeros(31), 2).has_reached_limit


def test_a_block_grows_with_the_products_that_it_saves(monkeypatch):
    """Where all columns are in it, steps are Newton's: few products are left."""
    products = {}
    for sizes in ((4,), (4, 16, 64)):
        monkeypatch.setattr(sparse_solver, "BLOCK_COLUMNS", sizes)
        products[sizes] = logloss.fit(ROWS, LABELS, l2=0.01, tolerance=1e-14).n_products
    assert products[4, 16, 64] < 0.7 * products[(4,)], products


@pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")
@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "dok", "bsr", "dia"])
def test_every_format_is_read(kind):
    expected = logloss.fit(ROWS, LABELS, l2=1.0)
    own = logloss.fit(ROWS.asformat(kind), LABELS, l2=1.0)
    assert own.coef.tobytes() == expected.coef.tobytes()
    assert own.predict_proba(ROWS.asformat(kind)).tobytes() == expected.predict_proba(ROWS).tobytes()


@pytest.mark.parametrize("kind", [np.float32, np.bool_, np.int64, np.uint8])
@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_values_and_indices_of_every_kind_are_read(kind, index):
    rows = (ROWS * 10).astype(kind)
    rows.indptr, rows.indices = rows.indptr.astype(index), rows.indices.astype(index)
    dense = logloss.fit(rows.toarray().astype(np.float64), LABELS, l2=1.0)
    own = logloss.fit(rows, LABELS, l2=1.0, tolerance=EXACT)
    assert own.coef == pytest.approx(dense_coefficients(dense), rel=1e-8, abs=1e-8)


def test_a_csr_matrix_is_read_where_it_is_and_not_changed():
    rows = ROWS.astype(np.float32)
    matrix = CsrMatrix.of(rows)
    assert np.shares_memory(matrix.data, rows.data)
    assert np.shares_memory(matrix.indices, rows.indices)
    for each in (rows.data, rows.indices, rows.indptr):
        each.flags.writeable = False
    assert logloss.fit(rows, LABELS, l2=1.0).certificate.is_proven


def test_what_occurs_twice_or_unsorted_is_added_up_in_a_copy():
    indptr, indices = np.array([0, 3, 5, 5, 6]), np.array([2, 0, 2, 1, 0, 2])
    data = np.array([1.0, 2.0, 3.0, 4.0, 0.0, 5.0])
    rows = scipy.sparse.csr_array((data.copy(), indices.copy(), indptr.copy()), shape=(4, 3))
    own = logloss.fit(rows, [1, 0, 0, 1], l2=1.0, tolerance=EXACT)
    dense = logloss.fit([[2.0, 0, 4.0], [0, 4.0, 0], [0, 0, 0], [0, 0, 5.0]], [1, 0, 0, 1], l2=1.0)
    # The curvature is at least l2: a distance of √(2 · 4 rows · 1e-15), 9e-8, is within the certificate.
    assert own.coef == pytest.approx(dense_coefficients(dense), abs=1e-7)
    assert (rows.data.tolist(), rows.indices.tolist()) == (data.tolist(), indices.tolist())


def with_value(value, place=100):
    rows = ROWS.copy()
    rows.data[place] = value
    return rows


ROW = int(np.searchsorted(ROWS.indptr, 100, side="right")) - 1
HUGE = scipy.sparse.csr_array((np.ones(2), ([0, 1], [5, 6])), shape=(4, 10**9))


@pytest.mark.parametrize(
    ("rows", "labels", "options", "words"),
    [
        (with_value(np.nan), LABELS, {}, rf"finite; row {ROW}, column {ROWS.indices[100]} has nan\. .* no 0"),
        (with_value(-np.inf), LABELS, {}, rf"finite; row {ROW}, column {ROWS.indices[100]} has -inf"),
        (ROWS[:0], LABELS[:0], {}, "at least one row; `X` has none"),
        (ROWS, LABELS[:9], {}, "`y_true` has 9 rows and `X` has 300"),
        (ROWS, LABELS * 0, {}, "both classes must occur to fit; all 300 rows are 0"),
        (ROWS, LABELS, {"sample_weight": LABELS * 0}, "all 300 rows have weight 0"),
        (ROWS, LABELS + 1j, {}, "complex"),
        (ROWS * 1j, LABELS, {}, "`X` must hold numbers; it holds complex128"),
        (HUGE, [0, 1, 0, 1], {}, r"1,000,000,000 columns; .* up to 100,000,000, .* 10 GB\. Keep the columns"),
        (scipy.sparse.coo_array(np.arange(4.0)), [0, 1, 0, 1], {}, r"two dimensions, .* shape \(4,\)"),
        ((ROWS * 2.0**60).astype(np.int64) + ROWS.astype(bool).astype(np.int64), LABELS, {}, "row 0"),
        (ROWS, "y", {}, "labels of a matrix must be an array"),
        (ROWS, LABELS, {"offset": OFFSET[:3]}, "`y_true` has 300 rows and `offset` has 3"),
        (ROWS, LABELS, {"l2": -1.0}, "`l2` must be finite and at least 0"),
        *(
            (ROWS, LABELS, {name: value}, rf"`{name}` is not available for a sparse matrix, .* X\.toarray\(\)")
            for name, value in {
                "shapes": "auto",
                "pooled": "x1",
                "categories": ["x1"],
                "features": ["x1"],
                "cluster": LABELS,
            }.items()
        ),
        (
            ROWS,
            LABELS,
            {"missing": "drop"},
            r'`missing="drop"` is not available for a sparse matrix, .* X\.toarray\(\)',
        ),
        (ROWS, LABELS, {"l1": 1.0, "group_levels": True}, "`group_levels` is not available for a sparse matrix"),
        (ROWS, LABELS, {"selection": "one_standard_error"}, "`selection` is used with `l2_path`"),
        (ROWS, LABELS, {"cv": 3}, "`cv` is used with `l2_path` or `l1_path` only"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_words(rows, labels, options, words):
    with pytest.raises(logloss.DataError, match=words):
        logloss.fit(rows, labels, **{"l2": 1.0} | options)


@pytest.mark.parametrize(
    ("penalty", "words"),
    [
        ("auto", '`penalty="auto" without an `l1_ratio` above 0` is not available for a sparse matrix'),
        ("firth", '`penalty="firth"` is not available for a sparse matrix'),
    ],
)
def test_other_penalties_are_refused(penalty, words):
    with pytest.raises(logloss.DataError, match=words):
        logloss.fit(ROWS, LABELS, penalty=penalty)


def test_a_model_of_a_matrix_says_that_it_reads_no_table(tmp_path, capsys, monkeypatch):
    model = logloss.fit(ROWS, LABELS, l2=1.0)
    with pytest.raises(logloss.DataError, match="reads matrices, sparse or dense"):
        model.measure({"x1": [1.0, 2.0], "y": [0, 1]}, "y")
    saved, table = tmp_path / "model.json", tmp_path / "table.csv"
    model.save(saved)
    table.write_text("x1,y\n1,0\n2,1\n")
    measured = ["measure", table, "-y", "y", "--model", saved]
    for command in (measured, ["predict", saved, table, "-o", tmp_path / "predictions.csv"]):
        monkeypatch.setattr("sys.argv", ["logloss", *map(str, command)])
        with pytest.raises(SystemExit, match=str(exit_codes.WRONG_DATA)):
            exit_codes.main()
        assert "reads matrices, sparse or dense" in capsys.readouterr().err


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_the_penalties_of_a_path_are_found_of_weights_of_any_unit(scale):
    own, other = (
        logloss.fit(ROWS.toarray(), LABELS, l2_path=4, cv=2, sample_weight=np.full(300, weight)).path.table["l2"]
        for weight in (1.0, scale)
    )
    assert np.divide(other, scale) == pytest.approx(np.asarray(own), rel=0.01)


def test_rows_of_weight_0_are_not_looked_at():
    weight = np.ones(300)
    weight[ROW] = 0
    kept = np.arange(300) != ROW
    own = logloss.fit(with_value(np.nan), LABELS, l2=1.0, sample_weight=weight, tolerance=EXACT)
    assert own.coef == pytest.approx(logloss.fit(ROWS[kept], LABELS[kept], l2=1.0, tolerance=EXACT).coef, abs=1e-8)


def test_without_a_penalty_a_small_matrix_is_fitted_as_a_dense_one(monkeypatch):
    own = logloss.fit(ROWS, LABELS)
    assert isinstance(own, logloss.LogisticModel)
    assert own.errors is not None
    assert own.predict_logit(ROWS).tolist() == own.predict_logit(ROWS.toarray()).tolist()
    with pytest.raises(logloss.DataError, match=r"a penalty is needed: .* 5,000 columns and 512 MB; .* 5,001 columns"):
        logloss.fit(scipy.sparse.csr_array((300, 5001)), LABELS)
    monkeypatch.setattr(sparse_fit, "MOST_DENSE", 1 << 10)
    with pytest.raises(logloss.DataError, match="a penalty is needed"):
        logloss.fit(ROWS, LABELS)


def test_predictions_are_those_of_the_rows():
    model = logloss.fit(ROWS, LABELS, l2=1.0)
    logits = ROWS @ model.coef + model.intercept
    for rows in (ROWS, ROWS.toarray(), ROWS.astype(np.float32), ROWS.tocsc()):
        assert model.predict_logit(rows) == pytest.approx(logits, rel=1e-5, abs=1e-6)
    assert model.predict_proba(ROWS, both_classes=True).sum(axis=1) == pytest.approx(1)
    assert model.predict_proba(ROWS.toarray()[:1]) == pytest.approx(model.predict_proba(ROWS[:1]))
    assert model.measure(ROWS, LABELS).log_loss == pytest.approx(model.log_loss, rel=1e-12)
    with pytest.raises(logloss.DataError, match=r"`X` must have 30 columns, as in training; it has 29"):
        model.predict_proba(ROWS[:, :29])
    with pytest.raises(logloss.DataError, match="row 0, column 3 has nan"):
        model.predict_proba(np.where(np.arange(30) == 3, np.nan, np.zeros((2, 30))))
    with pytest.raises(logloss.DataError, match=r"model\.coef at its column"):
        model.contributions(ROWS)


def test_coefficients_are_found_by_name():
    model = logloss.fit(ROWS, LABELS, l2=1.0)
    assert list(model.coefficients)[:3] == ["x0", "x1", "x2"]
    assert model.coefficients["x17"] == model.coef[17]
    assert dict(model.coefficients) == {f"x{j}": value for j, value in enumerate(model.coef.tolist())}
    for name in ("x30", "x-1", "x01", "y0", "x", 3):
        assert name not in model.coefficients
    with pytest.raises(ValueError, match="read-only"):
        model.coef[0] = 1


def test_a_model_is_saved_shown_and_handed_on(tmp_path):
    model = logloss.fit(ROWS, LABELS, l2=1.0)
    model.save(tmp_path / "wide.json")
    again = logloss.load(tmp_path / "wide.json")
    assert again == model
    assert again.coef.tobytes() == model.coef.tobytes()
    assert repr(again) == repr(model)
    for words in ("WideModel: P(y_true = 1), 30 features, 300 rows", "intervals  not available", "certified: at most"):
        assert words in repr(model)
    assert "Largest coefficients" in model.to_html()
    assert model._repr_html_()
    assert logloss.drawing(model).table("coefficients")["name"][0] == model.largest(1)[0][0]
    assert logloss.drawing(model, "passes").figures["is_proven"]
    other = model.to_sklearn()
    assert isinstance(other, sklearn.linear_model.LogisticRegression)
    assert other.predict_proba(ROWS)[:, 1] == pytest.approx(model.predict_proba(ROWS), rel=1e-13)


def test_a_fit_begins_where_another_ended():
    model = logloss.fit(ROWS, LABELS, l2=1.0)
    assert len(logloss.fit(ROWS, LABELS, l2=1.0, start=model).passes) == 1


def test_too_few_passes_end_with_a_warning():
    with pytest.warns(logloss.ConvergenceWarning, match=r"limit of 2 passes: .* Raise `max_passes`"):
        model = logloss.fit(ROWS, LABELS, l2=1.0, max_passes=2)
    assert len(model.passes) == 2


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("scale", [1e-200, 1e-100, 1e20, 1e100, 1e160, 1e200, 1e300])
def test_values_at_the_ends_of_float64_have_a_bound_or_none(scale):
    """Where nothing can be proved, the bound is the objective: no less than what is left to gain."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", logloss.ConvergenceWarning)
        model = logloss.fit(ROWS * scale, LABELS, l2=1.0)
    base = logloss.fit(scipy.sparse.csr_array((300, 1)), LABELS, l2=1.0)
    assert 0 <= model.log_loss <= base.log_loss * (1 + 1e-12)
    assert model.certificate.nats_per_row <= model.log_loss + model.passes[-1].penalty
    is_certified = model.certificate.nats_per_row <= 1e-12
    assert is_certified or scale >= 1e20


def test_passes_and_rows_are_told():
    seen, passes = [], []
    model = logloss.fit(ROWS, LABELS, l2=1.0, progress=lambda block: seen.append(block.n_rows), on_pass=passes.append)
    assert tuple(passes) == model.passes
    assert set(seen) == {300}
    assert len(seen) >= len(model.passes) + model.n_products


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_the_estimator_takes_sparse_rows(kind, weight):
    rows = ROWS.astype(kind)
    own = logloss.LogisticRegression(C=0.5).fit(rows, LABELS, weight)
    dense = logloss.LogisticRegression(C=0.5).fit(rows.toarray(), LABELS, weight)
    assert own.coef_.dtype == kind
    # The certificates of both allow that much.
    assert own.coef_ == pytest.approx(dense.coef_, rel=1e-5, abs=1e-5)
    assert own.decision_function(rows) == pytest.approx(dense.decision_function(rows.toarray()), rel=1e-4, abs=1e-5)
    assert (own.predict(rows) == dense.predict(rows)).all()
    assert own.predict_proba(rows) == pytest.approx(dense.predict_proba(rows), abs=1e-5)
    assert own.certificate_.nats_per_row < (1e-8 if kind is np.float32 else 1e-12)
    assert isinstance(own.model_, logloss.WideModel)


def test_the_estimator_without_a_penalty_and_with_one_class():
    own = logloss.LogisticRegression(C=np.inf).fit(ROWS, LABELS)
    assert own.coef_ == pytest.approx(logloss.LogisticRegression(C=np.inf).fit(ROWS.toarray(), LABELS).coef_)
    weight = LABELS.astype(float)
    mirrored = [
        logloss.LogisticRegression(fit_intercept=False).fit(rows, LABELS, weight) for rows in (ROWS, ROWS.toarray())
    ]
    assert mirrored[0].coef_ == pytest.approx(mirrored[1].coef_, abs=1e-5)


def test_memory_is_that_of_vectors():
    """20,000 columns and rows: a dense matrix, or a Hessian, would take 3.2 GB; the matrix itself takes 2.4 MB."""
    random = np.random.default_rng(SEED)
    rows = scipy.sparse.random_array((20_000, 20_000), density=5e-4, rng=random, format="csr")
    labels = (random.random(20_000) < 0.5).astype(np.uint8)
    logloss.fit(ROWS, LABELS, l2=1.0)
    tracemalloc.start()
    model = logloss.fit(rows, labels, l2=1.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert model.certificate.nats_per_row <= 1e-12
    # Vectors of 0.16 MB, twenty of them; a block of at most 513 columns, 2.1 MB, three times.
    assert peak < 20e6


def test_work_of_a_million_columns_is_that_of_the_values():
    random = np.random.default_rng(SEED)
    columns = random.integers(0, 10**6, 600)
    rows = scipy.sparse.csr_array((np.ones(600), (np.repeat(np.arange(60), 10), columns)), shape=(60, 10**6))
    labels = (random.random(60) < 0.5).astype(np.uint8)
    model = logloss.fit(rows, labels, l2=1.0, tolerance=EXACT)
    used = np.unique(columns)
    small = logloss.fit(rows[:, used].toarray(), labels, l2=1.0, leave_one_out=False)
    assert model.coef[used] == pytest.approx(dense_coefficients(small), abs=1e-8)
    assert np.count_nonzero(model.coef) <= len(used)
    assert len(repr(model)) < 3000
