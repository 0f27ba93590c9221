"""Models of sparse matrices: names of columns, standard deviations, files, and penalties chosen by cross-validation."""

from __future__ import annotations

import base64
import zlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import reference
import scipy.sparse
import sklearn.linear_model
from test_sparse import LABELS, ROWS, WEIGHT

import logloss
from logloss.data.matrix_columns import MatrixColumns
from logloss.data.sparse_rows import NONE, CsrMatrix
from logloss.errors import DataError
from logloss.files import document, packed
from logloss.files.schema import as_json, fields_of
from logloss.onepass.kernels import csr_rows

NAMES = [f"word {j}" for j in range(30)]
FRAME = pd.DataFrame.sparse.from_spmatrix(scipy.sparse.coo_matrix(ROWS), columns=NAMES)


def test_columns_have_the_names_that_are_given():
    model = logloss.fit(ROWS, LABELS, l2=1.0, feature_names=NAMES)
    assert list(model.coefficients) == NAMES
    assert model.coefficients["word 7"] == model.coef[7]
    assert "x7" not in model.coefficients
    assert f"{model.largest(1)[0][0]} " in repr(model)
    assert model.coef.tobytes() == logloss.fit(ROWS, LABELS, l2=1.0).coef.tobytes()


def test_a_sparse_frame_is_its_matrix_with_names():
    own, other = logloss.fit(FRAME, LABELS, l2=1.0), logloss.fit(ROWS, LABELS, l2=1.0, feature_names=NAMES)
    assert own == other
    assert own.coef.tobytes() == other.coef.tobytes()
    for frame in (FRAME, FRAME[NAMES[::-1]], FRAME.sparse.to_dense()[NAMES[::-1]]):
        assert own.predict_logit(frame) == pytest.approx(own.predict_logit(ROWS), rel=1e-13)
    with pytest.raises(DataError, match="the model reads columns that `X` lacks: word 3"):
        own.predict(FRAME.drop(columns="word 3"))


def test_a_small_sparse_frame_without_a_penalty_keeps_its_names():
    model = logloss.fit(FRAME[NAMES[:3]], LABELS)
    assert list(model.coefficients) == NAMES[:3]
    assert isinstance(model, logloss.LogisticModel)


@pytest.mark.parametrize(
    ("data", "names", "words"),
    [
        (ROWS, NAMES[:29], "must have a name for each column, 30; it has 29"),
        (ROWS, [*NAMES[:29], "word 3"], '`feature_names` must be unique; "word 3" occurs twice'),
        (ROWS, list(range(30)), "must be a list of texts"),
        (ROWS, "abc", "must be a list of texts"),
        (ROWS.toarray(), NAMES, "`feature_names` are those of a sparse matrix"),
    ],
)
def test_names_that_do_not_fit_are_refused(data, names, words):
    with pytest.raises(DataError, match=words):
        logloss.fit(data, LABELS, l2=1.0, feature_names=names)


def test_a_frame_that_leaves_out_another_value_than_0_is_refused():
    frame = FRAME.copy()
    frame["word 1"] = pd.arrays.SparseArray(np.ones(300), fill_value=1.0)
    with pytest.raises(DataError, match='must leave out zeros; column "word 1" leaves out 1'):
        logloss.fit(frame, LABELS, l2=1.0)


def test_names_are_found_and_made():
    for columns in (MatrixColumns(12), MatrixColumns(12, first_index=1), MatrixColumns(3, names=("a", "b", "c"))):
        assert [columns.place(name) for name in columns] == list(range(columns.n))
    assert [MatrixColumns(12, first_index=1).place(name) for name in ("0", "13", "01", "x1", 1, "")] == [-1] * 6


def test_standard_deviations_are_those_of_the_dense_columns():
    """With weights; and where a difference of squares would have no digit left."""
    rows = ROWS.toarray()
    rows[:, 0] = 1e9 + np.arange(300) % 2
    rows[:, 1] = 7
    matrix = CsrMatrix.of(scipy.sparse.csr_array(rows))
    for mass in (NONE, WEIGHT):
        total = float(mass.sum()) if len(mass) else 300.0
        weight = mass if len(mass) else np.ones(300)
        means = np.average(rows, axis=0, weights=weight)
        expected = np.sqrt(np.average((rows - means) ** 2, axis=0, weights=weight))
        assert matrix.standard_deviations(mass, total) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_sums_of_columns_are_those_of_the_twin():
    matrix = CsrMatrix.of(ROWS)
    entries = reference.entries(ROWS.indptr, ROWS.indices, ROWS.data)
    for mass in (NONE, np.where(WEIGHT < 1, 0, WEIGHT)):
        own = mass.tolist() if len(mass) else [1.0] * 300
        sums, squares, means = np.zeros((30, 2)), np.zeros(30), np.linspace(-1, 1, 30)
        csr_rows.csr_sums(*matrix.arrays, mass, sums)
        csr_rows.csr_squares(*matrix.arrays, mass, means, squares)
        # Sums of 60 positive terms.
        assert sums == pytest.approx(np.array(reference.csr_sums(entries, own, 30)), rel=1e-13)
        assert squares == pytest.approx(np.array(reference.csr_squares(entries, own, means.tolist())), rel=1e-13)


def test_rows_are_taken():
    matrix, places = CsrMatrix.of(ROWS), np.array([5, 0, 299])
    taken = matrix.taken(places)
    assert (
        scipy.sparse.csr_array(taken.arrays[::-1], shape=(3, 30)).toarray().tolist() == ROWS.toarray()[places].tolist()
    )


def test_the_largest_are_those_of_largest_effect():
    """A column in thousandths has a coefficient a thousand times as large, and the same effect."""
    scaled = ROWS.toarray()
    scaled[:, 4] /= 1000
    model = logloss.fit(scipy.sparse.csr_array(scaled), LABELS, l2=1e-3, feature_names=NAMES)
    rows = model.largest(30)
    assert sorted(rows, key=lambda row: -abs(row[2])) == rows
    at = NAMES.index(rows[0][0])
    assert rows[0][2] == pytest.approx(model.coef[at] * scaled[:, at].std())
    assert "per std. deviation" in repr(model)


def test_a_file_has_every_bit_and_little_of_what_is_0(tmp_path):
    random = np.random.default_rng(1)
    coef = np.zeros(10**6)
    coef[random.integers(0, 10**6, 100)] = random.standard_normal(100) * 10.0 ** random.integers(-300, 300, 100)
    model = replace(logloss.fit(ROWS, LABELS, l2=1.0), coef=coef, standard_deviations=np.abs(coef))
    model.save(tmp_path / "wide.json")
    again = logloss.load(tmp_path / "wide.json")
    assert again.coef.tobytes() == coef.tobytes()
    assert again.standard_deviations.tobytes() == np.abs(coef).tobytes()
    # Of 16 MB of zeros a hundredth.
    assert (tmp_path / "wide.json").stat().st_size < 160_000
    named = logloss.fit(FRAME, LABELS, l2=1.0)
    named.save(tmp_path / "named.json")
    assert logloss.load(tmp_path / "named.json") == named


def fields_of_model(model):
    return as_json(model, type(model))


def test_files_of_dense_models_of_before_are_read(tmp_path):
    """Before there were L1 penalties, factors and columns that are computed."""
    model = logloss.fit(ROWS.toarray(), LABELS, l2=1.0)
    fields = fields_of_model(model)
    del fields["l1"], fields["penalty_factors"], fields["design"]["derived"]
    (tmp_path / "old.json").write_bytes(document.document_bytes("model", fields))
    assert logloss.load(tmp_path / "old.json") == model


def test_files_of_before_are_read(tmp_path, monkeypatch):
    """Coefficients as numbers, without what 6.1 has added."""
    model = logloss.fit(ROWS, LABELS, l2=1.0)
    fields = fields_of_model(model) | {"coef": model.coef.tolist()}
    for name in ("feature_names", "first_index", "standard_deviations", "l1", "penalty_factors", "path"):
        del fields[name]
    monkeypatch.setattr(document, "FORMAT", (6, 0))
    (tmp_path / "old.json").write_bytes(document.document_bytes("wide", fields))
    monkeypatch.undo()
    old = logloss.load(tmp_path / "old.json")
    assert old == model
    assert old.coef.tobytes() == model.coef.tobytes()
    assert len(old.standard_deviations) == 0
    assert [abs(value) for _, value, _ in old.largest(3)] == sorted(np.abs(old.coef))[:-4:-1]
    assert old.to_html()
    assert "nan" not in repr(old)


BOMB = base64.b64encode(zlib.compress(bytes(10**6))).decode()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("coef", "no base64!", "must have compressed numbers in coef"),
        ("coef", base64.b64encode(b"not zlib").decode(), "must have compressed numbers in coef"),
        ("coef", packed.packed_numbers(np.ones(3))[:-8], "must have compressed numbers in coef"),
        ("coef", BOMB, "must have compressed numbers in coef"),
        ("coef", packed.packed_numbers(np.array([np.nan])), "must have finite numbers in coef"),
        ("feature_names", packed.packed_texts(("a",)), "a name of its own for each coefficient"),
        ("feature_names", packed.packed_texts(("a",) * 30), "a name of its own for each coefficient"),
        ("feature_names", packed.packed_numbers(np.ones(3)), "must have compressed texts in feature_names"),
        ("first_index", 2, "0, 1 or nothing"),
        ("standard_deviations", packed.packed_numbers(-np.ones(30)), "a number of at least 0 for each coefficient"),
    ],
)
def test_a_damaged_file_is_refused_by_its_field(tmp_path, monkeypatch, field, value, words):
    """One that unpacks to more bytes than any model has, too."""
    monkeypatch.setattr(packed, "MOST_UNPACKED", 10**5)
    fields = fields_of_model(logloss.fit(ROWS, LABELS, l2=1.0)) | {field: value}
    (tmp_path / "m.json").write_bytes(document.document_bytes("wide", fields))
    with pytest.raises(DataError, match=words):
        logloss.load(tmp_path / "m.json")


def test_a_file_that_no_reader_takes_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr("logloss.files.fitted_file.MOST_BYTES", 100)
    with pytest.raises(DataError, match=r"30 coefficients take .* Keep model\.coef"):
        logloss.fit(ROWS, LABELS, l2=1.0).save(tmp_path / "m.json")
    assert not (tmp_path / "m.json").exists()


def test_every_field_of_a_wide_model_is_written():
    assert set(fields_of_model(logloss.fit(ROWS, LABELS, l2=1.0))) == set(fields_of(logloss.WideModel))


@pytest.mark.parametrize("weight", [None, np.arange(300) % 3], ids=["plain", "weights"])
@pytest.mark.parametrize(
    "options",
    [{}, {"fit_intercept": False}, {"refit": False}, {"selection": "one_standard_error"}, {"scoring": "accuracy"}],
    ids=str,
)
def test_the_penalty_that_is_chosen_is_that_of_the_dense_rows(options, weight):
    """Every fit is certified to 1e-12 nats a row: at l2 = 1e-4 coefficients are at most √(2e-12 · 300 / 1e-4) apart."""
    own, dense = (
        logloss.LogisticRegressionCV(Cs=5, cv=3, **options).fit(rows, LABELS, weight) for rows in (ROWS, ROWS.toarray())
    )
    assert own.C_.tolist() == dense.C_.tolist()
    assert own.coef_ == pytest.approx(dense.coef_, abs=1e-5)
    assert own.intercept_ == pytest.approx(dense.intercept_, abs=1e-5)
    assert own.scores_[1] == pytest.approx(dense.scores_[1], abs=1e-5)
    assert own.coefs_paths_[1] == pytest.approx(dense.coefs_paths_[1], abs=3e-3)
    for ours, theirs in zip(own.path_.points, dense.path_.points, strict=True):
        assert float(ours.log_loss) == pytest.approx(float(theirs.log_loss), abs=1e-5)
        assert ours.std_error == pytest.approx(theirs.std_error, rel=1e-3)
        assert ours.difference.high == pytest.approx(theirs.difference.high, abs=1e-5)
    assert own.path_.points[0].fold_log_losses == pytest.approx(dense.path_.points[0].fold_log_losses, abs=1e-8)
    assert own.predict_proba(ROWS) == pytest.approx(dense.predict_proba(ROWS.toarray()), abs=1e-5)


def test_losses_of_held_out_rows_are_those_of_scikit_learn():
    """Fitted to each fold's training rows alone, both far beyond their usual tolerance."""
    own = logloss.LogisticRegressionCV(Cs=[0.1, 1.0], cv=4, tol=1e-15).fit(ROWS, LABELS)
    folds = sklearn.model_selection.StratifiedKFold(4)
    for k, (train, test) in enumerate(folds.split(ROWS, LABELS)):
        for j, C in enumerate((0.1, 1.0)):
            peer = sklearn.linear_model.LogisticRegression(C=C, solver="newton-cg", tol=1e-10).fit(
                ROWS[train], LABELS[train]
            )
            loss = sklearn.metrics.log_loss(LABELS[test], peer.predict_proba(ROWS[test]))
            assert -own.scores_[1][k, j] == pytest.approx(loss, abs=1e-8)


def test_a_fold_of_one_class_predicts_its_rate():
    labels = np.zeros(300, int)
    labels[:5] = 1
    splits = [(np.arange(5, 300), np.arange(5)), (np.arange(0, 300, 2), np.arange(1, 300, 2))]
    own, dense = (
        logloss.LogisticRegressionCV(Cs=[1.0], cv=splits).fit(rows, labels) for rows in (ROWS, ROWS.toarray())
    )
    assert own.path_.n_one_class == dense.path_.n_one_class == 1
    assert own.scores_[1] == pytest.approx(dense.scores_[1], abs=1e-6)


@pytest.mark.parametrize("selection", ["best", "one_standard_error"])
def test_the_path_of_fit_is_that_of_the_dense_rows(tmp_path, selection):
    """Of the same values: folds of rows are those of any table."""
    values = [30.0, 3.0, 0.3, 0.03]
    own, dense = (
        logloss.fit(rows, LABELS, l2_path=values, cv=4, selection=selection, sample_weight=WEIGHT)
        for rows in (ROWS, ROWS.toarray())
    )
    assert own.l2 == own.path.l2 == dense.l2
    assert own.coef == pytest.approx(np.array(list(dense.coefficients.values())), abs=1e-5)
    for ours, theirs in zip(own.path.points, dense.path.points, strict=True):
        assert float(ours.log_loss) == pytest.approx(float(theirs.log_loss), abs=1e-6)
        assert ours.fold_log_losses == pytest.approx(theirs.fold_log_losses, abs=1e-6)
    own.save(tmp_path / "m.json")
    again = logloss.load(tmp_path / "m.json")
    assert again.path.table.column_names == own.path.table.column_names
    assert repr(again) == repr(own)
    assert "chosen from 4 values by the log loss of held-out rows (4 folds of rows)" in repr(own) or selection != "best"
    assert "nan" not in repr(own)
    assert logloss.drawing(own, "path").figures["chosen_l2"] == own.l2
    assert own.to_dict()["path"]["values"][0]["effective_degrees_of_freedom"] is None


def test_values_of_a_path_suit_the_data():
    """Of columns that are never together the Hessian of the null model is diagonal, without an intercept."""
    rows = scipy.sparse.csr_array(np.eye(6)[np.arange(300) % 6] * 3)
    labels = (np.arange(300) % 7 < 3).astype(int)
    own, dense = (logloss.fit(each, labels, l2_path=True) for each in (rows, rows.toarray()))
    # Beside the intercept one of the six columns is not free: 5 eigenvalues, and a diagonal whose sum is theirs.
    assert own.path.points[0].l2 == pytest.approx(dense.path.points[0].l2, rel=0.01)
    assert own.path.points[-1].l2 == pytest.approx(dense.path.points[-1].l2, rel=0.5)


def test_folds_by_number_are_those_of_dense_rows():
    folds = np.arange(300) % 3
    own, dense = (logloss.fit(rows, LABELS, l2_path=[1.0, 0.1], cv=folds) for rows in (ROWS, ROWS.toarray()))
    for ours, theirs in zip(own.path.points, dense.path.points, strict=True):
        assert ours.fold_log_losses == pytest.approx(theirs.fold_log_losses, abs=1e-6)


def test_a_path_to_no_penalty_is_refused():
    with pytest.raises(DataError, match="a path of a sparse matrix needs penalties above 0"):
        logloss.LogisticRegressionCV(Cs=[1.0, np.inf], cv=3).fit(ROWS, LABELS)


def test_names_of_a_sparse_frame_are_those_of_the_estimator():
    fitted = logloss.LogisticRegression().fit(FRAME, LABELS)
    assert list(fitted.model_.coefficients) == NAMES == fitted.feature_names_in_.tolist()
