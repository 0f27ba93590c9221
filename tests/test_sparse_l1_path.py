"""The strength of an L1 penalty on sparse matrices and wide arrays, chosen by folds: against dense tables and single
fits."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sklearn.datasets
from test_cli import run  # noqa: F401
from test_sparse import LABELS, OFFSET, ROWS, WEIGHT, table
from test_wide_rows import few_columns_are_wide  # noqa: F401

import logloss
from logloss.data.dense_matrix import DenseMatrix
from logloss.data.sparse_rows import CsrMatrix
from logloss.training import fold_fits, path_grid
from logloss.training.sparse_fold import KeptCoefficients
from logloss.training.sparse_lasso import extrapolated

VALUES = [20.0, 5.0, 1.0, 0.2]
FACTORS = {"x0": 0.0, "x4": 3.0, "x7": 0.0}
COUNTS = np.random.default_rng(3).integers(0, 3, 300)
# Each fit is certified to 1e-12 nats a row, 3e-10 in all. At curvatures of 1e-4 and more its coefficients are at most
# √(2 · 3e-10 / 1e-4) = 2.4e-3 off, and its held-out losses, of which those of folds differ from the minimum in first
# order, far less: the largest difference of the tables below is 1e-8.
NEAR = 1e-6
OPTIONS = {
    "lasso": {},
    "elastic net": {"l1_ratio": 0.3},
    "weights and offset": {"sample_weight": WEIGHT, "offset": OFFSET},
    "counts": {"counts": COUNTS},
    "no intercept": {"fit_intercept": False, "l1_ratio": 0.7},
    "ratios": {"l1_ratio": [1, 0.5]},
    "factors": {"penalty_factors": FACTORS, "offset": OFFSET},
    "one standard error": {"selection": "one_standard_error", "l1_ratio": 0.5},
    "fold numbers": {"cv": np.arange(300) % 3},
}


def dense_coefficients(model):
    return np.array(list(model.coefficients.values()))


def check_paths(own, other):
    """The same choice, losses, counts of coefficients and coefficients."""
    assert (own.l1, own.l2) == (other.l1, other.l2) == (own.path.l1, own.path.l2)
    for ours, theirs in zip(own.path.points, other.path.points, strict=True):
        assert (ours.l1, ours.l2, ours.l1_ratio) == (theirs.l1, theirs.l2, theirs.l1_ratio)
        assert ours.fold_log_losses == pytest.approx(theirs.fold_log_losses, abs=NEAR)
        assert float(ours.log_loss) == pytest.approx(float(theirs.log_loss), abs=NEAR)
        assert ours.difference.high == pytest.approx(theirs.difference.high, abs=NEAR)
        assert ours.std_error == pytest.approx(theirs.std_error, rel=1e-4, abs=1e-8)
        assert ours.n_nonzero == theirs.n_nonzero
        assert ours.bound <= 1e-12
    at = dict(zip(other.path.names, np.transpose(other.path.coefficients), strict=True))
    for name, values in zip(own.path.names, np.transpose(own.path.coefficients), strict=True):
        assert values == pytest.approx(at.pop(name), abs=1e-4)
    # Columns that are 0 at every value are left out.
    assert not np.any(list(at.values()))


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_the_path_is_that_of_the_dense_rows(options):
    options = {"l1_path": VALUES, "cv": 4} | options
    own, dense = (logloss.fit(rows, LABELS, **options) for rows in (ROWS, ROWS.toarray()))
    assert isinstance(own, logloss.WideModel)
    check_paths(own, dense)
    assert own.coef == pytest.approx(dense_coefficients(dense), abs=1e-5)
    assert own.certificate.nats_per_row <= 1e-12


def test_an_l2_penalty_among_the_ratios_has_its_own_values_and_factors():
    options = {"l1_path": 4, "l1_ratio": [1, 0], "cv": 3}
    own = logloss.fit(ROWS, LABELS, **options)
    of_l2 = logloss.fit(ROWS, LABELS, l2_path=4, cv=3)
    assert own.path.along(0.0)[0].n_nonzero == 30
    for ours, theirs in zip(own.path.along(0.0), of_l2.path.points, strict=True):
        assert ours.l2 == theirs.l2
        assert float(ours.log_loss) == pytest.approx(float(theirs.log_loss), abs=NEAR)
    factors = logloss.fit(ROWS, LABELS, penalty_factors=FACTORS, **options)
    for point, values in zip(factors.path.points, factors.path.coefficients, strict=True):
        alone = logloss.fit(ROWS, LABELS, l1=point.l1, l2=point.l2, penalty_factors=FACTORS)
        assert dict(zip(factors.path.names, values, strict=True)) == pytest.approx(alone.coefficients, abs=1e-4)


def test_each_fold_is_the_fit_of_its_training_rows():
    rows, labels = table(120, 300, 0.05, seed=5)
    folds = np.arange(120) % 3
    path = logloss.fit(rows, labels, l1_path=[3.0, 1.0, 0.3], l1_ratio=0.8, cv=folds).path
    for point in path.points:
        for k, loss in enumerate(point.fold_log_losses):
            fit = logloss.fit(rows[folds != k], labels[folds != k], l1=point.l1, l2=point.l2)
            logits = fit.predict_logit(rows[folds == k])
            expected = np.mean(np.logaddexp(0, logits) - labels[folds == k] * logits)
            assert loss == pytest.approx(expected, abs=NEAR)


def test_more_columns_than_rows_sparse_or_not(few_columns_are_wide):  # noqa: F811
    rows, labels = table(60, 120, 0.3, seed=6)
    own, wide = (logloss.fit(each, labels, l1_path=8, l1_ratio=0.9, cv=3) for each in (rows, rows.toarray()))
    narrow = logloss.fit(rows.toarray()[:, :99], labels, l1_path=own.path.table["l1"], l1_ratio=0.9, cv=3)
    assert isinstance(wide, logloss.WideModel)
    assert isinstance(narrow, logloss.LogisticModel)
    assert own.path.points[0].l1 == wide.path.points[0].l1
    # To a hundredth, or less where columns have unlike scales.
    assert own.path.points[-1].l1 <= 0.0101 * own.path.points[0].l1
    values = own.path.table["l1"]
    options = {"l1_path": values, "l1_ratio": 0.9, "cv": 3}
    check_paths(logloss.fit(rows, labels, **options), logloss.fit(rows.toarray(), labels, **options))
    check_paths(logloss.fit(rows[:, :99], labels, **options), narrow)


# --- the values that are compared ---


@pytest.mark.parametrize("l1_ratio", [1.0, 0.3])
@pytest.mark.parametrize(
    "options",
    [
        {"sample_weight": WEIGHT},
        {"offset": OFFSET + 3.0},
        {"offset": OFFSET, "fit_intercept": False},
        {"penalty_factors": FACTORS},
    ],
    ids=str,
)
def test_the_first_value_is_the_least_at_which_every_coefficient_is_0(options, l1_ratio):
    own, dense = (
        logloss.fit(rows, LABELS, l1_path=3, l1_ratio=l1_ratio, cv=2, **options).path for rows in (ROWS, ROWS.toarray())
    )
    first = own.points[0]
    assert first.l1 == dense.points[0].l1
    n_free = 2 if "penalty_factors" in options else 0
    assert first.n_nonzero == n_free
    # It is rounded up to three digits.
    below = logloss.fit(ROWS, LABELS, l1=first.l1 * 0.989, l2=first.l2 * 0.989, **options)
    assert below.n_nonzero > n_free


def test_the_values_end_by_the_scale_of_the_columns_not_by_how_rare_they_are():
    random = np.random.default_rng(7)
    rows = (random.random((400, 20)) < np.geomspace(0.5, 0.02, 20)).astype(float)
    labels = (random.random(400) < 1 / (1 + np.exp(1 - 2 * rows[:, 0]))).astype(int)

    def ends(rows, **options):
        path = logloss.fit(rows, labels, l1_path=3, cv=2, **options).path
        return path.points[0].l1, path.points[-1].l1

    first, last = ends(scipy.sparse.csr_array(rows))
    assert last == pytest.approx(first * 1e-4, rel=0.01)
    # A column that is held back three times as much, or whose values are a third, ends there.
    held = ends(scipy.sparse.csr_array(rows), penalty_factors=[1.0] * 19 + [3.0])
    scaled = ends(scipy.sparse.csr_array(rows * np.append(np.ones(19), 1 / 3)))
    assert held == scaled == pytest.approx((first, last / 3), rel=0.01)
    # Zeros that stand there are zeros.
    matrix = scipy.sparse.csr_array(np.where(rows == 0, 7.0, rows))
    matrix.data[matrix.data == 7.0] = 0.0
    assert matrix.nnz == 8000
    assert ends(matrix) == (first, last)
    wide = scipy.sparse.csr_array(np.hstack([rows] * 20)[:399])
    path = logloss.fit(wide, labels[:399], l1_path=3, cv=2).path
    assert path.points[-1].l1 == pytest.approx(path.points[0].l1 * 1e-2, rel=0.01)


def test_scales_are_those_of_values_that_are_not_0():
    rows = ROWS.toarray()
    rows[:, 3] = 0.0
    weight = np.where(WEIGHT < 1, 0.0, WEIGHT)
    mass = weight @ (rows != 0)
    expected = np.sqrt(weight @ rows**2 / np.where(mass > 0, mass, 1.0))
    found = CsrMatrix.of(scipy.sparse.csr_array(rows)).scales(weight, weight.sum())
    assert found == pytest.approx(expected, rel=1e-12)
    dense = DenseMatrix.of(rows)[0].scales(weight, weight.sum())
    assert dense == pytest.approx(np.sqrt(np.cov(rows.T, aweights=weight, ddof=0).diagonal()), rel=1e-9)


def test_columns_that_say_nothing_leave_an_empty_model_and_the_text_says_so(tmp_path):
    random = np.random.default_rng(11)
    rows = scipy.sparse.random_array((200, 40), density=0.1, rng=random, format="csr")
    model = logloss.fit(rows, np.arange(200) % 2, l1_path=12)
    assert model.n_nonzero == 0
    assert "the least loss is where every coefficient is 0: the columns do not lower the loss of other rows" in repr(
        model
    )
    empty = logloss.fit(scipy.sparse.csr_array((30, 4)), np.arange(30) % 2, l1_path=True)
    assert empty.coef.tolist() == [0.0] * 4
    assert (empty.path.table["l1"], empty.path.names) == ([1.0], ())
    empty.save(tmp_path / "m.json")
    assert logloss.load(tmp_path / "m.json").path == empty.path


# --- what is kept ---


def test_coefficients_are_kept_where_they_are_not_0():
    for values in ([0.5, 0.0, 0.0, 2.0, 0.0, -1.0, 0.0], [0.5, 1.0, 0.0, 2.0], [0.0, 0.0], [0.3]):
        at = np.array(values)
        kept = KeptCoefficients.of(at)
        assert kept.intercept == at[0]
        assert kept.full().tolist() == at[1:].tolist()
        assert kept.n_nonzero == np.count_nonzero(at[1:])
        for columns in ([], list(range(len(at) - 1)), list(range(0, len(at) - 1, 2))):
            assert kept.at(np.array(columns, int)).tolist() == at[1:][columns].tolist()
        largest = np.full(len(at) - 1, 0.7)
        kept.raise_to_sizes(largest)
        assert largest.tolist() == np.maximum(np.abs(at[1:]), 0.7).tolist()
    sparse = KeptCoefficients.of(np.r_[0.5, np.zeros(1000), 1.0])
    assert (len(sparse.places), len(sparse.values)) == (1, 1)


def test_the_coefficients_of_a_path_are_the_largest_that_are_not_0(monkeypatch):
    rows, labels = table(100, 400, 0.05, seed=9)
    every = logloss.fit(rows, labels, l1_path=5).path
    assert every.n_coefficients == 400
    assert 0 < len(every.names) < 400
    assert np.array(every.coefficients).any(axis=0).all()
    assert [np.count_nonzero(values) for values in every.coefficients] == every.table["n_nonzero"]
    monkeypatch.setattr(fold_fits, "MOST_KEPT", 10)
    few = logloss.fit(rows, labels, l1_path=5).path
    places = [int(name[1:]) for name in every.names]
    size = np.abs(every.coefficients).max(axis=0) * rows.toarray().std(axis=0)[places]
    assert set(few.names) == {every.names[k] for k in np.argsort(-size)[:2]}
    names = [f"w{k}" for k in range(400)]
    named = logloss.fit(rows, labels, l1_path=5, feature_names=names).path
    assert named.names == tuple(f"w{name[1:]}" for name in few.names)


def test_a_path_takes_about_a_walk_for_each_value():
    rows, labels = table(200, 300, 0.05, seed=4)
    path = logloss.fit(rows, labels, l1_path=40, l1_ratio=0.9, cv=3).path
    # Three folds and all rows.
    assert path.n_walks <= 1.5 * 4 * 40


def test_it_is_saved_shown_and_drawn(tmp_path):
    model = logloss.fit(ROWS, LABELS, l1_path=10, l1_ratio=[0.5, 1])
    model.save(tmp_path / "m.json")
    again = logloss.load(tmp_path / "m.json")
    assert again.path == model.path
    assert repr(again) == repr(model)
    assert "of 30 coefficients not 0)" in repr(model)
    assert "nan" not in repr(model)
    lines = logloss.drawing(model, "path_coefficients")
    values = np.array(model.path.coefficients)[
        model.path.points.index(model.path.along(model.path.chosen.l1_ratio)[0]) :
    ]
    own = [row for row in lines.table("lines") if row["name"] == "x6"]
    at, sd = model.path.names.index("x6"), ROWS.toarray()[:, 6].std()
    assert [row["per_sd"] for row in own] == pytest.approx(values[: len(own), at] * sd, rel=1e-9)
    assert f"{model.n_nonzero} of 30 coefficients are not 0 at the chosen" in lines.sentence
    assert "Coefficients by penalty" in model.to_html()
    assert model.plot("path_coefficients") is not None
    assert "path_coefficients" not in logloss.show.drawings.kinds(logloss.fit(ROWS, LABELS, l2_path=[1.0, 0.1]))


def test_a_fold_of_one_class_predicts_its_base_rate():
    splits = [(np.flatnonzero(LABELS), np.flatnonzero(1 - LABELS)), (np.arange(150), np.arange(150, 300))]
    path = logloss.fit(ROWS, LABELS, l1_path=[5.0, 1.0], cv=splits).path
    expected = -math.log(0.5 / (LABELS.sum() + 1))
    assert path.n_one_class == 1
    assert [point.fold_log_losses[0] for point in path.points] == pytest.approx([expected] * 2)


# --- every way in ---


@pytest.mark.parametrize(
    "options",
    [
        {"l1_ratios": [0.0, 0.5, 1.0]},
        {"penalty": "l1", "refit": False, "fit_intercept": False},
        {"penalty": "l1", "scoring": "accuracy"},
        {"l1_ratios": (1,), "selection": "one_standard_error"},
    ],
    ids=str,
)
def test_the_estimator_chooses_as_with_dense_rows(options):
    own, dense = (
        logloss.LogisticRegressionCV(Cs=[0.05, 0.2, 1.0, 5.0], cv=3, solver="saga", **options).fit(rows, LABELS, WEIGHT)
        for rows in (ROWS, ROWS.toarray())
    )
    assert own.C_.tolist() == dense.C_.tolist()
    assert own.l1_ratio_.tolist() == dense.l1_ratio_.tolist()
    assert own.coef_ == pytest.approx(dense.coef_, abs=1e-5)
    assert own.scores_[1] == pytest.approx(dense.scores_[1], abs=NEAR)
    assert own.coefs_paths_[1] == pytest.approx(dense.coefs_paths_[1], abs=1e-4)
    assert own.n_iter_.shape == dense.n_iter_.shape
    assert own.path_.table["n_nonzero"] == dense.path_.table["n_nonzero"]


def test_the_estimator_takes_wide_arrays(few_columns_are_wide):  # noqa: F811
    rows, labels = table(60, 120, 0.3, seed=6)
    own, other = (
        logloss.LogisticRegressionCV(Cs=3, l1_ratios=(1,), solver="saga", cv=3).fit(each, labels)
        for each in (rows.toarray(), rows)
    )
    assert isinstance(own.model_, logloss.WideModel)
    # No Hessian is formed of so many columns.
    assert math.isnan(own.path_.points[0].effective_degrees_of_freedom)
    assert own.C_ == other.C_
    assert own.coef_ == pytest.approx(other.coef_, abs=1e-6)


def test_auto_with_a_ratio_is_a_path_by_five_folds(monkeypatch):
    monkeypatch.setattr("logloss.training.sparse_path.N_VALUES", 6)
    auto = logloss.fit(ROWS, LABELS, penalty="auto", l1_ratio=0.5)
    by_path = logloss.fit(ROWS, LABELS, l1_path=True, l1_ratio=0.5, cv=5)
    assert len(auto.path.points) == 6 != path_grid.N_VALUES
    assert auto.path == by_path.path
    assert auto.coef.tobytes() == by_path.coef.tobytes()
    with pytest.raises(logloss.DataError, match="without an `l1_ratio` above 0` is not available for a sparse matrix"):
        logloss.fit(ROWS, LABELS, penalty="auto")


def test_the_shell_chooses_from_a_file_in_svmlight_format(run, tmp_path):  # noqa: F811
    sklearn.datasets.dump_svmlight_file(ROWS, LABELS, str(tmp_path / "rows.svm"), zero_based=False)
    rows = tmp_path / "rows.svm"
    code, out, err = run("fit", rows, "--l1-path", "6", "--l1-ratio", "0.5,1", "--cv", "3", "--json")
    assert code == 0, err
    figures = json.loads(out)
    model = logloss.fit(rows, l1_path=6, l1_ratio=[0.5, 1], cv=3)
    assert figures["l1"] == model.l1
    assert [each["n_nonzero"] for each in figures["path"]["values"]] == model.path.table["n_nonzero"]
    assert model.path.names[0] == "1"
    of_matrix = logloss.fit(ROWS, LABELS, l1_path=model.path.table["l1"][:6], l1_ratio=[0.5, 1], cv=3)
    assert model.path.table["log_loss"] == pytest.approx(of_matrix.path.table["log_loss"], abs=NEAR)


def test_hashed_text_is_chosen_by_a_path(run, tmp_path):  # noqa: F811
    random = np.random.default_rng(10)
    words = np.array(["red", "blue", "green", "shoe", "hat", "boot"])
    queries = [" ".join(own) for own in words[random.integers(0, 6, (300, 3))]]
    price = random.gamma(2.0, size=300)
    logits = np.array([query.count("red") - query.count("hat") for query in queries]) + price - 2
    frame = pd.DataFrame({"query": queries, "price": price})
    frame["y"] = (random.random(300) < 1 / (1 + np.exp(-logits))).astype(int)
    hashed = "hash(query, bits=12)"
    options = {"features": ["price", hashed], "l1_path": 8, "cv": 3}
    model = logloss.fit(frame, "y", **options)
    again = logloss.fit(frame, "y", features=options["features"], l1=model.l1)
    assert model.predict_logit(frame) == pytest.approx(again.predict_logit(frame), abs=1e-5)
    assert model.path.n_coefficients == 4097
    assert {"price", f"{hashed}: red", f"{hashed}: hat"} <= set(model.path.names)
    counts = np.column_stack([price, *([query.split().count(word) for query in queries] for word in words)])
    dense = logloss.fit(counts, frame["y"], l1_path=model.path.table["l1"], cv=3)
    assert model.path.table["log_loss"] == pytest.approx(dense.path.table["log_loss"], abs=NEAR)
    assert model.path.table["n_nonzero"] == dense.path.table["n_nonzero"]
    drawn = logloss.drawing(model, "path_coefficients").table("lines")
    of_price = [row["per_sd"] for row in drawn if row["name"] == "price"]
    assert of_price == pytest.approx(np.array(dense.path.coefficients)[:, 0] * price.std(), abs=1e-4)
    model.save(tmp_path / "m.json")
    assert logloss.load(tmp_path / "m.json").path == model.path
    frame.to_csv(tmp_path / "rows.csv", index=False)
    words = ("--features", f"price,{hashed}")
    code, out, err = run("fit", tmp_path / "rows.csv", "-y", "y", *words, "--l1-path", "8", "--cv", "3", "--json")
    assert code == 0, err
    assert json.loads(out)["l1"] == model.l1


def test_folds_of_hashed_text_are_a_column_an_array_or_pairs():
    random = np.random.default_rng(11)
    frame = pd.DataFrame({"query": np.array(["red", "blue", "hat"])[random.integers(0, 3, 200)]})
    frame["price"], frame["y"] = random.normal(size=200), random.integers(0, 2, 200)
    folds = np.arange(200) // 70
    frame["fold"], frame["letter"] = folds, np.array(["a", "b", "c"])[folds]
    pairs = [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(3)]

    def path(cv, rows=frame):
        options = {"features": ["price", "hash(query, bits=4)"], "missing": "drop"}
        return logloss.fit(rows, "y", l1_path=[2.0, 0.5], cv=cv, **options).path

    expected = path(folds)
    for cv, words in (("fold", "of column fold"), ("letter", "of column letter"), (pairs, "of given rows")):
        own = path(cv)
        assert own.folds == words
        assert own.table["log_loss"] == expected.table["log_loss"]
    # A row that is left out takes its fold along.
    gaps = frame.copy()
    gaps.loc[3, "price"] = np.nan
    kept = np.arange(200) != 3
    assert path(folds, gaps).table["log_loss"] == path(folds[kept], frame[kept]).table["log_loss"]


def test_a_path_goes_on_along_the_line_through_two_optima():
    first, second = np.array([1.0, 2.0, 0.0, 3.0, -1.0]), np.array([2.0, 3.0, 1.0, 1.0, 0.0])
    own = extrapolated((4.0, first), (3.0, second), 2.0)
    # What reaches 0, or was 0 last, is 0.
    assert own.tolist() == [3.0, 4.0, 2.0, 0.0, 0.0]
    assert extrapolated((3.0, first), (3.0, second), 2.0).tolist() == second.tolist()
