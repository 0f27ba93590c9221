"""Files in svmlight format: the rows are those of other readers, to the bit; what is wrong is said with its line."""

from __future__ import annotations

import gzip
import math
import re
import tracemalloc
import warnings
from itertools import pairwise

import numpy as np
import pytest
import reference
import scipy.sparse
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import dump_svmlight_file, load_svmlight_file, load_svmlight_files
from test_sparse import LABELS, ROWS

import logloss
from logloss.cli import cli
from logloss.data.arrow import open_files
from logloss.data.arrow.formats import is_svmlight
from logloss.data.arrow.svmlight import SvmlightSource
from logloss.data.matrix_columns import matrix_of_rows, within_width
from logloss.errors import DataError
from logloss.onepass.kernels import svmlight_text

SAMPLE = """# made by hand
+1 1:0.5 3:2 # a comment
-1 qid:3 2:1e-3 4:-7.25

-1
1 3:12345678901234567890 4:.5
"""


def write(folder, text, name="rows.svm"):
    path = folder / name
    path.write_text(text)
    return str(path)


def read(path, first_index=None):
    return open_files(path).matrix(first_index)


def matrix_in(path):
    rows = read(path)
    return matrix_of_rows(rows, rows.n_columns), rows.labels


def test_rows_are_those_of_the_twin():
    text = SAMPLE + "0 1:0x10\n0 5:1e400\n0 1:9007199254740993 2:0.1234567890123456789 7:1e-23\n"
    given = np.frombuffer(text.encode(), np.uint8)
    n_rows, n_values = text.count("\n"), text.count(":")
    labels, ends = np.empty(n_rows), np.empty(n_rows, np.int64)
    indices, data = np.empty(n_values, np.int32), np.empty(n_values)
    others, counts = (
        np.empty((n_values, svmlight_text.N_OF_OTHER), np.int64),
        np.zeros(svmlight_text.N_COUNTS, np.int64),
    )
    assert svmlight_text.svmlight_lines(given, labels, ends, indices, data, others, counts) == (svmlight_text.SOUND, 0)
    found = [text[start:stop] for _, start, stop, _ in others[: counts[svmlight_text.N_OTHERS]].tolist()]
    assert found == ["12345678901234567890", "0x10", "1e400", "9007199254740993", "0.1234567890123456789", "1e-23"]
    assert [line for *_, line in others[: len(found)].tolist()] == [6, 7, 8, 9, 9, 9]
    for place, start, stop, _ in others[: len(found)].tolist():
        data[place] = math.nan if "x" in text[start:stop] else float(text[start:stop])
    twin = reference.svmlight_lines(text.replace("0x10", "nan"))
    assert labels[: counts[svmlight_text.N_ROWS]].tolist() == [label for label, _ in twin]
    starts = [0, *ends[: len(twin)].tolist()]
    rows = [list(zip(indices[a:b].tolist(), data[a:b].tolist(), strict=True)) for a, b in pairwise(starts)]
    assert str(rows) == str([pairs for _, pairs in twin])
    assert counts[svmlight_text.N_QUERIES] == 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30), st.sampled_from("rgef"))
def test_numbers_are_those_of_python_to_the_bit(tmp_path_factory, values, kind):
    """However they are written."""
    words = [repr(each) if kind == "r" else format(each, f".12{kind}") for each in values]
    path = write(tmp_path_factory.mktemp("numbers"), "".join(f"1 1:{word}\n" for word in words))
    found = read(path).data
    assert found.tobytes() == np.array([float(word) for word in words]).tobytes()


@pytest.mark.parametrize("zero_based", [False, True])
def test_rows_are_those_that_scikit_learn_reads(tmp_path, zero_based):
    path = str(tmp_path / "rows.svm")
    dump_svmlight_file(scipy.sparse.csr_matrix(ROWS), LABELS, path, zero_based=zero_based, comment="two\nlines")
    own, labels = matrix_in(path)
    other, other_labels = load_svmlight_file(path)
    assert own.shape == other.shape
    assert (own != other).nnz == 0
    assert np.array_equal(own.indptr, other.indptr)
    assert labels.tolist() == other_labels.tolist()


def test_pieces_change_nothing(tmp_path, monkeypatch):
    """Cut within lines, words and numbers."""
    path = write(tmp_path, SAMPLE)
    whole, labels = matrix_in(path)
    for size in (1, 7, 30):
        monkeypatch.setattr("logloss.data.arrow.svmlight.CHUNK_BYTES", size)
        cut, own = matrix_in(path)
        assert (cut.toarray().tobytes(), own.tolist()) == (whole.toarray().tobytes(), labels.tolist())
    assert labels.tolist() == [1, -1, -1, 1]
    assert whole.toarray().tolist() == [
        [0.5, 0, 2, 0],
        [0, 1e-3, 0, -7.25],
        [0] * 4,
        [0, 0, 12345678901234567890.0, 0.5],
    ]


def test_packed_files_marks_and_line_ends_of_windows_are_read(tmp_path):
    text = "\ufeff" + SAMPLE.replace("\n", "\r\n").rstrip()
    (tmp_path / "rows.svm.gz").write_bytes(gzip.compress(text.encode()))
    own, _ = matrix_in(str(tmp_path / "rows.svm.gz"))
    assert (own != matrix_in(write(tmp_path, SAMPLE))[0]).nnz == 0


def test_indices_count_from_0_where_some_file_has_a_0(tmp_path):
    """In all files together, as scikit-learn's `zero_based="auto"` decides."""
    first, second = write(tmp_path, "1 1:1\n0 2:1\n", "a.svm"), write(tmp_path, "1 0:1\n0 3:1\n", "b.svm")
    assert read(first).first_index == 1
    rows = read([first, second])
    assert (rows.first_index, rows.n_columns, rows.indices.tolist()) == (0, 4, [1, 2, 0, 3])
    others = load_svmlight_files([first, second])[::2]
    assert scipy.sparse.vstack(others).toarray().tolist() == matrix_of_rows(rows, 4).toarray().tolist()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 1:2\n0 foo\n", 'label and pairs, such as "1 3:0.5 7:2"; line 2 of rows.svm has "foo"'),
        ("1 1:2\n\n0 1:\n", 'line 3 of rows.svm has "1:"'),
        ("1 1:2 :5\n", 'line 1 of rows.svm has ":5"'),
        ("1 -1:2\n", 'line 1 of rows.svm has "-1:2"'),
        ("1 1:2:3\n", 'line 1 of rows.svm has "2:3"'),
        ("1 1:1_0\n", 'line 1 of rows.svm has "1_0"'),
        ("yes 1:2\n", 'line 1 of rows.svm has "yes"'),
        ("1:2 3:4\n", 'line 1 of rows.svm has "1:2"'),
        ("1,2 1:1\n", 'one label; line 1 of rows.svm has "1,2"'),
        ("1 1:nan\n", 'values must be finite; line 1 of rows.svm has "nan"'),
        ("0 1:1\n1 1:1e999\n", 'values must be finite; line 2 of rows.svm has "1e999"'),
        ("inf 1:1\n", 'labels must be finite; line 1 of rows.svm has "inf"'),
        ("1 3:1 2:1\n", 'indices must ascend within a line; line 1 of rows.svm has "2:1"'),
        ("1 3:1 3:1\n", 'line 1 of rows.svm has "3:1" after the same index or a larger one'),
        ("1 1:1\n0 100000001:1\n", "indices must be at most 100,000,000; line 2 of rows.svm has 100,000,001"),
        ("1 1:1\n0 1:1 12345678901234567890:1\n", 'line 2 of rows.svm has "12345678901234567890:1"'),
        ("# nothing\n\n", "rows.svm must hold rows; it has none"),
        ("1\v\f\t1:1\r\n0 \v x\n", 'line 2 of rows.svm has "x"'),
        ("1 1:1 qid:3\n", 'line 1 of rows.svm has "qid:3"'),
    ],
)
def test_what_is_no_row_is_refused_with_its_line(tmp_path, text, words):
    with pytest.raises(DataError, match=re.escape(words)):
        logloss.fit(write(tmp_path, text), l2=1.0)


def test_text_in_another_encoding_is_refused_with_the_way_out(tmp_path):
    (tmp_path / "rows.svm").write_bytes("1 1:1\n0 2:1\n".encode("utf-16"))
    with pytest.raises(DataError, match=r"rows\.svm must be text in UTF-8; .* iconv -f UTF-16 -t UTF-8"):
        logloss.fit(tmp_path / "rows.svm", l2=1.0)


def test_the_fit_is_that_of_the_matrix(tmp_path):
    path = str(tmp_path / "rows.svm")
    dump_svmlight_file(scipy.sparse.csr_matrix(ROWS), 2 * LABELS - 1, path, zero_based=False)
    rows, labels = load_svmlight_file(path)
    own, other = logloss.fit(path, l2=1.0), logloss.fit(rows, labels, l2=1.0)
    assert own.coef.tobytes() == other.coef.tobytes()
    assert own.classes == (-1, 1)
    assert set(own.predict(path)) == {-1, 1}
    assert own.coefficients["1"] == own.coef[0]
    assert "0" not in own.coefficients
    assert own.predict_logit(path).tobytes() == other.predict_logit(rows).tobytes()
    measured = own.measure(path, by={"first": np.arange(300) < 100})
    assert measured.log_loss == pytest.approx(own.log_loss, rel=1e-12)
    weight = np.arange(300) % 3
    assert logloss.fit(path, l2=1.0, sample_weight=weight).coef.tolist() == pytest.approx(
        logloss.fit(rows, labels, l2=1.0, sample_weight=weight).coef.tolist()
    )


def test_a_model_keeps_from_which_number_columns_count(tmp_path):
    """A file to predict without its index 0 has the columns of training, not those one to the left."""
    train = write(tmp_path, "1 0:1 2:1\n0 1:1\n1 0:2\n0 1:2 2:1\n", "train.svm")
    new = write(tmp_path, "1 1:1\n", "new.svm")
    for l2 in (1.0, 0.0):
        with warnings.catch_warnings(action="ignore"):
            model = logloss.fit(train, l2=l2)
        assert list(model.coefficients) == ["0", "1", "2"]
        expected = model.predict_logit(np.array([[0.0, 1.0, 0.0]]))
        model.save(tmp_path / "m.json")
        assert logloss.load(tmp_path / "m.json").predict_logit(new).tolist() == expected.tolist()
    one_based = logloss.fit(write(tmp_path, "1 1:1\n0 2:1\n1 1:1\n0 2:2\n"), l2=1.0)
    with pytest.raises(DataError, match=r"indices must count from 1, as in training; line 2 of new\.svm has index 0"):
        one_based.predict(write(tmp_path, "1 1:1\n1 0:1\n", "new.svm"))


def test_columns_that_training_did_not_have_are_left_out_with_a_warning(tmp_path):
    model = logloss.fit(write(tmp_path, "1 1:1\n0 2:1\n1 1:1\n0 2:2\n"), l2=1.0)
    new = write(tmp_path, "1 1:1 3:5 4:5\n0 2:1\n0 9:1\n", "new.svm")
    with pytest.warns(UserWarning, match=r"indices above 2, .*: 3 values in 2 of 3 rows are not used"):
        found = model.predict_logit(new)
    assert found.tolist() == model.predict_logit(np.array([[1.0, 0], [0, 1], [0, 0]])).tolist()
    # A column of zeros has a coefficient of 0 under a penalty: that is what it is treated as.
    padded = scipy.sparse.csr_array(np.array([[1.0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 2, 0]]))
    assert logloss.fit(padded, [1, 0, 1, 0], l2=1.0).coef[2] == 0
    narrow = write(tmp_path, "1 1:1\n", "narrow.svm")
    assert model.predict_logit(narrow).tolist() == found[:1].tolist()


def test_values_beyond_the_width_are_counted(tmp_path):
    rows = read(write(tmp_path, "1 1:1 5:1\n0\n1 6:2 7:2\n0 2:3\n"))
    matrix, n_values, n_rows = within_width(rows, 4)
    assert (matrix.toarray().tolist(), n_values, n_rows) == ([[1, 0, 0, 0], [0] * 4, [0] * 4, [0, 3, 0, 0]], 3, 2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"y_true": "label"}, "labels of rows.svm stand first in each line: leave `y_true` out"),
        ({"sample_weight": "w"}, "`sample_weight` must be an array"),
        ({"y_true": [1, -1, -1, 1]}, "labels of rows.svm stand first in each line"),
        ({"engine": "dask"}, "`engine` is not available for a sparse matrix"),
        ({"features": ["1"]}, "`features` is not available for a sparse matrix"),
        ({"feature_names": ["a"]}, "columns of rows.svm are called by their index there"),
    ],
)
def test_options_of_tables_are_refused(tmp_path, options, words):
    with pytest.raises(DataError, match=words):
        logloss.fit(write(tmp_path, SAMPLE), l2=1.0, **options)


def test_other_verbs_say_what_the_format_is_for(tmp_path):
    with pytest.raises(DataError, match=r"rows\.svm is in svmlight format: .* read by `fit`"):
        logloss.measure(write(tmp_path, SAMPLE), y_true="y", y_proba="p")
    with pytest.raises(DataError, match="files read together must be of one format"):
        open_files([write(tmp_path, SAMPLE), write(tmp_path, "y,p\n1,0.5\n", "a.csv")])


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (b"+1 3:1 11:1 14:1", True),
        (b"-1 qid:3 2:1 5:1", True),
        (b"1.0\t100000:0.123", True),
        (b"y,p\n1,0.5\n", False),
        (b"2020 10:15,0.3", False),
        (b"1 12:30:00,5", False),
        (b"1 2 3", False),
    ],
)
def test_the_format_is_known_by_its_first_bytes(tmp_path, start, expected):
    """Files of LIBSVM's collection have no ending."""
    assert is_svmlight(start) == expected
    (tmp_path / "a9a").write_bytes(start + b"\n")
    assert isinstance(open_files(str(tmp_path / "a9a")), SvmlightSource) == expected


def test_the_command_line_fits_measures_and_predicts(tmp_path):
    path = str(tmp_path / "rows.svm")
    dump_svmlight_file(scipy.sparse.csr_matrix(ROWS), LABELS, path, zero_based=False)
    model, runner = str(tmp_path / "m.json"), CliRunner()
    fitted = runner.invoke(cli, ["fit", path, "--l2", "1", "-o", model])
    assert (fitted.exit_code, "WideModel: P(y_true = 1)" in fitted.stdout) == (0, True)
    assert "MB of values" in fitted.stderr
    measured = runner.invoke(cli, ["measure", path, "--model", model, "--json"])
    assert f'"log_loss_nats": {logloss.load(model).measure(path).log_loss}' in measured.stdout
    predicted = runner.invoke(cli, ["predict", model, path, "--keep", "label", "-o", "-"])
    header, first, *_ = predicted.stdout.splitlines()
    assert header == '"label","y_proba"'
    label, proba = first.split(",")
    assert (float(label), float(proba)) == (LABELS[0], pytest.approx(logloss.load(model).predict_proba(path)[0]))
    with open(path, "rb") as stream:
        piped = runner.invoke(cli, ["predict", model, "-", "-o", "-"], input=stream)
    assert piped.stdout.splitlines()[1] == first.split(",")[1]
    lacking = runner.invoke(cli, ["fit", write(tmp_path, "y,x\n1,0\n0,1\n", "a.csv")])
    assert "Missing option '-y' / '--y-true'" in lacking.stderr


def test_memory_of_a_file_is_that_of_its_values(tmp_path):
    """8 bytes of a value, 4 of its column, and 8 of each while they are put together."""
    random = np.random.default_rng(0)
    rows = scipy.sparse.random_array((20_000, 5_000), density=0.005, rng=random, format="csr")
    path = str(tmp_path / "rows.svm")
    dump_svmlight_file(scipy.sparse.csr_matrix(rows), np.arange(20_000) % 2, path, zero_based=False)
    read(path)
    tracemalloc.start()
    found = read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A piece of 4 MB with the rest of the one before, its arrays, and the places of numbers of 17 digits.
    assert peak < 2 * found.n_bytes + 20e6
