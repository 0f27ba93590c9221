"""An additive model where a logistic one works: tables of all kinds, files, the shell, plain scikit-learn; what is refused."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from test_cli import run  # noqa: F401

import logloss
from logloss import DataError
from logloss.files import document

N = 400
# Of logits that two programs add up from a few dozen products.
SAME = 1e-12


@pytest.fixture(scope="module")
def frame():
    """A curve, an hour, a category with an order, codes; labels depend on the first three."""
    rng = np.random.default_rng(11)
    x, hour = rng.uniform(-3, 3, N), rng.integers(0, 24, N)
    size = pd.Categorical(rng.choice(["small", "medium", "large"], N), ["small", "medium", "large"], ordered=True)
    logits = np.sin(2 * x) + np.cos(hour / 12 * np.pi) + (size == "large")
    y = (rng.random(N) < 1 / (1 + np.exp(-logits))).astype(int)
    return pd.DataFrame({"x": x, "hour": hour, "size": size, "y": y})


@pytest.fixture(scope="module")
def model(frame):
    return logloss.fit(frame, "y", shapes="auto")


def with_gaps(frame):
    """Each third x is missing, and each fifth size."""
    rows = np.arange(len(frame))
    return frame.assign(x=frame["x"].where(rows % 3 > 0), size=frame["size"].where(rows % 5 > 0))


# --- tables of all kinds ----------------------------------------------------------------------------------------------


def test_the_kind_of_table_changes_nothing(frame, model, tmp_path):
    """A text file has no order of levels, and sums of them are rounded otherwise."""
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_csv(tmp_path / "a.csv", index=False)
    lists = {name: frame[name].tolist() for name in frame}
    tables = [pl.from_pandas(frame), pa.Table.from_pandas(frame), lists, tmp_path / "a.parquet", tmp_path / "a.csv"]
    logits = model.predict_logit(frame)
    for table in tables:
        own = logloss.fit(table, "y", shapes="auto")
        assert own.predict_logit(table) == pytest.approx(logits, abs=1e-9)
        assert model.predict_logit(table) == pytest.approx(logits, abs=SAME)
    assert model.shapes["size"].at == ("small", "medium", "large")


def test_rows_of_a_split_keep_their_index(frame):
    train, test = train_test_split(frame, random_state=0)
    model = logloss.fit(train, "y", shapes="auto")
    again = logloss.fit(train.reset_index(drop=True), "y", shapes="auto")
    apart = logloss.fit(train[["x", "hour", "size"]], train["y"], shapes="auto")
    assert model.predict_logit(test).tolist() == again.predict_logit(test.reset_index(drop=True)).tolist()
    assert apart.predict_logit(test).tolist() == model.predict_logit(test).tolist()


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_a_matrix_goes_by_position(frame, dtype):
    matrix = (frame[["x", "hour"]].to_numpy() * 4).astype(dtype)
    model = logloss.fit(matrix, frame["y"], shapes="auto")
    named = logloss.fit({"a": matrix[:, 0], "b": matrix[:, 1], "y": frame["y"]}, "y", shapes="auto")
    logits = named.predict_logit({"a": matrix[:, 0], "b": matrix[:, 1]})
    assert [term.column for term in model.terms] == ["x0", "x1"]
    assert model.predict_logit(matrix).tolist() == logits.tolist()
    assert model.predict_logit(matrix.tolist()) == pytest.approx(logits, abs=SAME)
    # The columns of a frame go by position, too, as the model has no names.
    assert model.predict_logit(pd.DataFrame(matrix, columns=["p", "q"])).tolist() == logits.tolist()
    assert list(model.contributions(matrix[:1])[0]) == ["intercept", "x0", "x1"]
    with pytest.raises(DataError, match="`X` must have 2 columns, as in training; it has 1"):
        model.predict_logit(matrix[:, :1])
    cyclic = logloss.fit(matrix, frame["y"], shapes={"x1": "cyclic"})
    assert [term.kind for term in cyclic.terms] == ["smooth", "cyclic"]
    one = logloss.fit(matrix[:, 0], frame["y"], shapes="auto")
    assert one.predict_logit(matrix[:, 0]).tolist() == one.predict_logit(matrix[:, :1]).tolist()


def test_contributions_add_up_to_the_logit(frame):
    gaps = with_gaps(frame)
    model = logloss.fit(gaps, "y", shapes="auto", missing="indicator")
    sums = [sum(row.values()) for row in model.contributions(gaps)]
    assert sums == pytest.approx(model.predict_logit(gaps), abs=SAME)
    # On average over training each adds nothing.
    assert np.mean([row["hour"] for row in model.contributions(gaps)]) == pytest.approx(0.0, abs=1e-10)


def test_beyond_its_knots_a_shape_is_constant(frame, model):
    ends = frame.iloc[[0, 0, 0, 0]].assign(x=[frame["x"].min(), -1e9, frame["x"].max(), np.float64(1e300)])
    logits = model.predict_logit(ends)
    assert logits[0] == logits[1]
    assert logits[2] == logits[3]


def test_a_missing_value_has_an_effect_of_its_own_or_none(frame):
    gaps = with_gaps(frame)
    with pytest.raises(DataError, match='column "x" must hold a value; row 0 has none'):
        logloss.fit(gaps, "y", shapes="auto")
    model = logloss.fit(gaps, "y", shapes="auto", missing="indicator")
    assert model.shapes["x"].at[-1] is None
    assert None in model.shapes["size"].at
    dropped = logloss.fit(gaps, "y", shapes="auto", missing="drop")
    whole = gaps.dropna()
    assert dropped.n_dropped == N - len(whole)
    assert dropped.predict_logit(whole) == pytest.approx(
        logloss.fit(whole, "y", shapes="auto").predict_logit(whole), abs=1e-9
    )
    with pytest.warns(UserWarning, match=r"no prediction \(NaN\)") as caught:
        assert np.isnan(dropped.predict_logit(gaps)).sum() == N - len(whole)
    assert [str(each.message) for each in caught] == [
        'no prediction (NaN) for 134 rows in which "x" is missing.',
        'no prediction (NaN) for 80 rows in which "size" is missing.',
    ]
    with pytest.raises(DataError, match="The model was fitted without missing values in this column"):
        model.predict_logit(gaps.assign(hour=np.nan))


def test_columns_that_tell_nothing_have_no_effect(frame, model):
    constant = logloss.fit(frame.assign(c=3.0), "y", shapes="auto")
    assert constant.shapes["c"].effect.tolist() == [0.0]
    assert constant.predict_logit(frame.assign(c=3.0)) == pytest.approx(model.predict_logit(frame), abs=1e-9)
    empty = logloss.fit(frame.assign(c=np.nan), "y", shapes="auto", missing="indicator")
    # Every row has it: it is the intercept by another name, and held back.
    assert empty.predict_logit(frame.assign(c=np.nan)) == pytest.approx(model.predict_logit(frame), abs=5e-3)
    with pytest.raises(DataError, match='column "c" must hold a value'):
        logloss.fit(frame.assign(c=np.nan), "y", shapes="auto")
    two = logloss.fit(frame.assign(c=np.where(frame["x"] > 0, 5.0, -7.0)), "y", shapes="auto")
    assert two.shapes["c"].at == (-7.0, 5.0)


def test_bools_and_codes_are_categories(frame):
    table = frame.assign(old=frame["x"] > 1, code=frame["hour"] % 3)
    model = logloss.fit(table, "y", shapes="auto", categories=["code"])
    assert [term.kind for term in model.terms] == ["smooth", "smooth", *["pooled levels"] * 3]
    assert model.shapes["code"].at == (0, 1, 2)


def test_a_column_that_separates_stays_finite_under_its_penalty(frame):
    table = frame.assign(s=np.where(frame["y"] == 1, 1.0, -1.0) * (1 + frame["x"].abs()))
    model = logloss.fit(table, "y", shapes="auto", leave_one_out=False)
    assert np.isfinite(model.shapes["s"].effect).all()
    assert model.certificate.is_proven
    assert model.separation is None


def test_offsets_move_the_logit(frame):
    table = frame.assign(o=np.linspace(-1, 1, N))
    model = logloss.fit(table, "y", shapes="auto", offset="o")
    without = logloss.fit(table, "y", shapes="auto", exclude=["o"])
    assert model.offset == "o"
    assert not np.allclose(model.predict_logit(table), without.predict_logit(table))
    moved = model.predict_logit(table.assign(o=table["o"] + 1))
    assert moved == pytest.approx(model.predict_logit(table) + 1, abs=SAME)


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shapes": {"age": "smooth"}}, '`shapes` must name features; "age" is none. The features are: x, hour, size'),
        ({"shapes": {"x": "spline"}}, 'the shape of "x" must be one of "smooth", "linear", "cyclic"; got "spline"'),
        ({"shapes": ["x"]}, '`shapes` must be "auto" or a dict of names of columns'),
        ({"shapes": {"size": "smooth"}}, '`shapes` must name columns of numbers; "size" is a category. Leave it out'),
        ({"pooled": ["age"]}, '`pooled` must name features; "age" is none'),
        ({"pooled": 3}, "`pooled` must be names of categories; got 3"),
        ({"reference": {"size": "large"}}, 'the levels of "size" are pooled: .* none is the reference'),
        (
            {"penalty": "firth"},
            "`penalty` is not used with `shapes` and `pooled`: the terms have penalties of their own",
        ),
        ({"l2": 1.0}, "`l2` is for coefficients without a precision of their own, and all terms have one. Leave"),
        ({"l2_path": True}, "`l2_path` is not used with `shapes` and `pooled`: precisions are chosen from the data"),
        (
            {"covariance": "HC3"},
            "`covariance` is not used with `shapes` and `pooled`: intervals are those of the posterior",
        ),
        ({"interval": "profile"}, "`interval` is not used with `shapes` and `pooled`: intervals are"),
        ({"two_way": True}, "`two_way` is not used with `shapes` and `pooled`: intervals are"),
        (
            {"start": 1},
            "`start` is not used with `shapes` and `pooled`: the fit begins at the base rate. Leave `start` out",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(frame, options, message):
    with pytest.raises(DataError, match=message):
        logloss.fit(frame, "y", **{"shapes": "auto", **options})


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([np.inf, *[0.0] * (N - 1)], 'column "c" must be finite; row 0 has inf'),
        ([1e200, *[0.0] * (N - 1)], 'the values of "c" must differ by 1e-100 to 1e100 at most; they lie between 0 and'),
        (pd.Timestamp("2026-01-01"), 'column "c" holds dates; a feature must hold numbers, bools or text'),
    ],
)
def test_values_that_are_no_numbers_are_refused(frame, column, message):
    with pytest.raises(DataError, match=message):
        logloss.fit(frame.assign(c=column), "y", features=["x", "c"], shapes="auto")


def test_of_too_many_coefficients_the_message_has_what_fits():
    """Sixty values make 59 coefficients, a line has one: 1 + 100 · 59 = 5,901 are 901 too many, 58 of which each saves."""
    rng = np.random.default_rng(0)
    wide = np.array([rng.permutation(np.arange(960) % 60) for _ in range(100)], dtype=float).T
    with pytest.raises(DataError, match=r"at most 5,000 coefficients.*have 5,901\. With 16 columns as straight lines"):
        logloss.fit(wide, rng.integers(0, 2, 960), shapes="auto")
    many = {"u": [f"u{k}" for k in range(10**6)], "y": rng.integers(0, 2, 10**6)}
    with pytest.raises(DataError, match='"u" has too many levels for a category'):
        logloss.fit(many, "y", features=["u"], pooled="u")


def test_terms_without_a_penalty_must_not_separate(frame):
    """Beside pooled levels numbers and other levels are free: the minimum would be at infinity."""
    table = frame.assign(s=np.where(frame["y"] == 1, 1.0, -1.0) * (1 + frame["x"].abs()))
    with pytest.raises(DataError, match=r'are separated by s, which has no penalty.*shapes=\{"s": "linear"\}'):
        logloss.fit(table, "y", pooled="size")
    lone = frame.assign(where=np.where(frame["y"] & (frame["x"] > 1), "k", "other"))
    with pytest.raises(DataError, match=r'are separated by where: .*, which has no penalty.* with "where" in `pooled`'):
        logloss.fit(lone, "y", pooled="size")
    assert logloss.fit(lone, "y", pooled=["size", "where"]).certificate.is_proven


def test_dependent_columns_without_a_penalty_are_noted(frame):
    table = frame.assign(x2=2 * frame["x"])
    model = logloss.fit(table, "y", pooled="size")
    alone = logloss.fit(frame, "y", pooled="size")
    assert model.notes == (
        "linearly dependent columns: x, x2; of all effects that predict the same these are the smallest",
    )
    assert model.certificate.nats_per_row < 1e-12
    assert model.predict_logit(table) == pytest.approx(alone.predict_logit(frame), abs=1e-9)


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"shapes": "auto"}, {"shapes": {"hour": "cyclic"}}, {"pooled": "size"}])
def test_a_model_equals_its_file(frame, tmp_path, options):
    table = with_gaps(frame) if "pooled" not in options else frame
    model = logloss.fit(table, "y", missing="indicator", **options)
    model.save(tmp_path / "model.json")
    again = logloss.load(tmp_path / "model.json")
    assert type(again) is logloss.AdditiveModel
    assert again.predict_logit(table).tolist() == model.predict_logit(table).tolist()
    assert again.to_dict() == model.to_dict()
    assert again.design == model.design
    again.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "model.json").read_bytes()
    assert pickle.loads(pickle.dumps(model)).predict_logit(table).tolist() == model.predict_logit(table).tolist()


def changed(fields, path, value):
    """Fields of a file with one of them changed; path: names and numbers that lead there."""
    for step in path[:-1]:
        fields = fields[step]
    fields[path[-1]] = value(fields[path[-1]]) if callable(value) else value


TERM, SHAPE = ("terms", 0), ("design", "terms", 0)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ((*SHAPE, "kind"), "wavy", "one of smooth, linear, cyclic in design: terms: 1: kind"),
        ((*SHAPE, "knots", 1), -1e9, "finite numbers, each above the one before in design: terms: 1: knots"),
        ((*SHAPE, "knots"), [], "finite numbers, each above the one before"),
        ((*SHAPE, "basis"), [[1.0], []], "the rows of its design: terms: 1: basis differ in length"),
        ((*SHAPE, "basis"), 3, "a list of rows of numbers in design: terms: 1: basis"),
        ((*SHAPE, "basis", 0), "x", "a list of numbers in design: terms: 1: basis: 1"),
        ((*SHAPE, "basis"), lambda rows: rows[:-1], "a row for each knot, or one more"),
        ((*SHAPE, "basis", 2, 0), lambda value: value + 1, "as it predicts with it in terms"),
        ((*SHAPE, "parts"), [1], "a column for each coefficient in design: terms: 1: basis"),
        ((*SHAPE, "weights", 0), -1.0, "a number of at least 0 for each row of `basis`"),
        ((*SHAPE, "surprise"), 1, 'holds "surprise" in design: terms: 1, unknown to this version'),
        ((*TERM, "kind"), "wavy", "one of smooth, linear, cyclic, number, levels, pooled levels in terms: 1: kind"),
        ((*TERM, "effect", 0), lambda value: value + 0.1, "the effect of each column, as it predicts with it in terms"),
        ((*TERM, "std_error", 0), -1.0, "an effect, an error and a weight at each place in terms: 1: at"),
        ((*TERM, "at"), lambda places: places[1:], "an effect, an error and a weight at each place in terms: 1: at"),
        ((*TERM, "precisions"), [-1.0], "finite numbers of at least 0 in terms: 1: precisions"),
        ((*TERM, "loss_without"), None, "a number of at least 0 in terms: 1: loss_without"),
        (("values", 1), lambda value: value + 0.1, "in intercept|as it predicts with it in terms"),
        (("values",), [0.0], "one of each, all finite in values"),
        (("intercept",), 9.0, "the one that it predicts with in intercept"),
        (("terms",), [], "the effect of each column, as it predicts with it in terms"),
        (("passes",), [], "at least one pass in passes"),
        (("base_rate",), 2.0, "a share from 0 to 1 in base_rate"),
        (("n_positive",), 1, "the share of its positive rows in base_rate"),
    ],
)
def test_a_damaged_file_is_refused(model, tmp_path, path, value, words):
    model.save(tmp_path / "model.json")
    fields = json.loads((tmp_path / "model.json").read_text())
    changed(fields, path, value)
    content = {name: own for name, own in fields.items() if name not in document.HEAD}
    (tmp_path / "model.json").write_bytes(document.document_bytes("additive", content))
    with pytest.raises(DataError, match=words):
        logloss.load(tmp_path / "model.json")


def test_the_shell_predicts_and_measures_with_it(frame, model, run, tmp_path):  # noqa: F811
    frame.to_csv(tmp_path / "a.csv", index=False)
    model.save(tmp_path / "model.json")
    out = tmp_path / "out.parquet"
    assert run("predict", tmp_path / "model.json", tmp_path / "a.csv", "-o", out)[0] == 0
    assert pd.read_parquet(out)["y_proba"].to_numpy() == pytest.approx(model.predict_proba(frame), abs=SAME)
    code, text, _ = run("measure", tmp_path / "a.csv", "-y", "y", "--model", tmp_path / "model.json", "--json")
    assert code == 0
    assert json.loads(text)["log_loss_nats"] == pytest.approx(model.log_loss, rel=1e-12)
    logloss.measure([0, 1, 1], [0.2, 0.6, 0.7]).save(tmp_path / "summary.json")
    code, _, err = run("predict", tmp_path / "summary.json", tmp_path / "a.csv", "-o", out)
    assert "must hold a model; it holds a Measurement" in err


# --- verbs ------------------------------------------------------------------------------------------------------------


def test_it_is_measured_and_compared(frame, model, tmp_path):
    measured = model.measure(frame, "y")
    assert measured.log_loss == pytest.approx(model.log_loss, rel=1e-12)
    of_logits = logloss.measure(frame["y"], y_logit=model.predict_logit(frame)).to_dict()
    assert measured.to_dict() == of_logits | {"positive": measured.to_dict()["positive"]}
    frame.to_parquet(tmp_path / "a.parquet")
    line = logloss.fit(frame, "y")
    of_frame = logloss.compare(frame, {"curve": model, "line": line}, y_true="y").to_dict()
    of_file = logloss.compare(str(tmp_path / "a.parquet"), {"curve": model, "line": line}, y_true="y").to_dict()
    given = logloss.compare(
        frame["y"], None, y_logit={"curve": model.predict_logit(frame), "line": line.predict_logit(frame)}
    ).to_dict()
    for key, value in given.items():
        if isinstance(value, float):
            assert of_frame[key] == pytest.approx(value, rel=1e-9)
            assert of_file[key] == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize(
    "options", [{"shapes": "auto"}, {"shapes": {"hour": "cyclic", "x": "linear"}}, {"pooled": "size"}]
)
@pytest.mark.parametrize("gaps", [False, True])
def test_it_becomes_a_plain_pipeline(frame, options, gaps):
    """Also beyond the knots, and with columns that are constant or empty."""
    table = (with_gaps(frame) if gaps else frame).assign(c=2.0)
    table = table.assign(none=np.nan) if gaps else table
    model = logloss.fit(table, "y", missing="indicator", **options)
    plain = model.to_sklearn(classes=("no", "yes"))
    assert type(plain) is Pipeline
    beyond = table.assign(hour=table["hour"] * 3 - 20)
    for given in (table, beyond):
        assert plain.predict_proba(given)[:, 1] == pytest.approx(model.predict_proba(given), abs=SAME)
    assert plain.predict(table).tolist() == np.where(model.predict_logit(table) > 0, "yes", "no").tolist()
    assert b"logloss" not in pickle.dumps(plain)


def test_that_of_a_matrix_reads_a_matrix(frame):
    matrix = frame[["x", "hour"]].to_numpy()
    matrix[::7, 0] = np.nan
    model = logloss.fit(matrix, frame["y"], shapes="auto", missing="indicator")
    plain = model.to_sklearn()
    assert plain.predict_proba(matrix)[:, 1] == pytest.approx(model.predict_proba(matrix), abs=SAME)
    with pytest.raises(DataError, match="scikit-learn's models have no offset"):
        logloss.fit(frame.assign(o=1.0), "y", shapes="auto", offset="o").to_sklearn()


def test_verbs_of_lines_refuse_it_in_words(frame, model):
    with pytest.raises(DataError, match=r"`model` must be a LogisticModel, a straight line .*; got AdditiveModel"):
        logloss.explain(frame["x"][:100], frame["y"][:100], model=model)
    with pytest.raises(DataError, match="a likelihood-ratio test needs another model of `fit`"):
        logloss.fit(frame[["x"]], frame["y"]).likelihood_ratio_test(model)


def test_numbers_without_a_precision_may_have_an_l2_penalty(frame):
    """Then even a column that separates is finite."""
    table = frame.assign(s=np.where(frame["y"] == 1, 1.0, -1.0) * (1 + frame["x"].abs()))
    model = logloss.fit(table, "y", pooled="size", l2=1.0, leave_one_out=False)
    assert model.certificate.nats_per_row < 1e-12
    assert np.isfinite(model.shapes["s"].effect).all()
    # Almost no penalty is none.
    least = logloss.fit(frame, "y", pooled="size", l2=1e-9)
    assert least.predict_logit(frame) == pytest.approx(
        logloss.fit(frame, "y", pooled="size").predict_logit(frame), abs=1e-7
    )


def test_pooled_numbers_of_an_array_are_codes(frame):
    matrix = frame[["x", "hour"]].to_numpy()
    model = logloss.fit(matrix, frame["y"], shapes="auto", pooled="x1")
    assert [term.kind for term in model.terms] == ["smooth", "pooled levels"]
    named = logloss.fit(frame[["x", "hour", "y"]], "y", shapes="auto", pooled="hour")
    assert model.predict_logit(matrix) == pytest.approx(named.predict_logit(frame), abs=1e-9)
