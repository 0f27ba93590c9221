"""Features that are computed of columns: each is the column that one would make by hand, in fits and in predictions."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import statsmodels.api as sm
from sklearn.preprocessing import SplineTransformer
from test_cli import run  # noqa: F401

import logloss
from logloss import DataError
from logloss.data.derived_source import DerivedPart
from logloss.data.functions import function_of, spline_columns, spline_knots
from logloss.data.rows import Column, Place, Rows
from logloss.data.source import as_source
from logloss.files import document
from logloss.show.drawings.of_model import boundary
from logloss.training.predict import ScoredSource

# Sums of other columns in another order; log-odds of a few hundred rows.
SAME = 1e-9
SITES = ["north", "south", "west"]


def drawn(n_rows=700, seed=5):
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "price": random.gamma(2.0, 2.0, n_rows),
            "size": random.normal(size=n_rows),
            "site": random.choice(SITES, n_rows),
            "device": random.choice(["phone", "web"], n_rows),
            "when": pd.date_range("2023-01-01 03:20", periods=n_rows, freq="17h"),
        }
    )
    logits = np.log(frame.price) - 0.4 * frame["size"] * (frame.site == "west") - 0.3
    return frame.assign(y=(random.random(n_rows) < 1 / (1 + np.exp(-logits))).astype(int))


@pytest.fixture(scope="module")
def frame():
    return drawn()


def maximum_likelihood(frame, *columns):
    """Coefficients and their standard errors by statsmodels, of an intercept and these columns."""
    matrix = np.column_stack([np.ones(len(frame)), *columns]).astype(float)
    fit = sm.Logit(frame.y, matrix).fit(disp=0, maxiter=100, tol=1e-12)
    return fit.params, fit.bse, fit.predict(matrix)


def check(frame, features, *columns, **options):
    """The model of some features, which is the maximum-likelihood fit of these columns."""
    model = logloss.fit(frame, "y", features=features, **options)
    params, errors, predicted = maximum_likelihood(frame, *columns)
    assert np.abs(model.predict_proba(frame) - predicted).max() < SAME
    assert list(model.coefficients.values()) == pytest.approx(params.tolist()[1:], abs=1e-7)
    assert list(model.errors.coefficients.values()) == pytest.approx(errors.tolist()[1:], abs=1e-7)
    return model


# --- functions, parts of dates, products ------------------------------------------------------------------------------


def test_functions_of_numbers_are_the_columns_that_one_would_make(frame):
    own = np.log(frame.price), np.log1p(frame.price), np.sqrt(frame.price)
    model = check(frame, ["log(price)", "log1p(price)", "sqrt(price)"], *own)
    assert list(model.coefficients) == ["log(price)", "log1p(price)", "sqrt(price)"]
    assert model.design.inputs == ("price",)


def test_parts_of_dates_are_levels_in_their_order_or_numbers(frame):
    when = frame.when.dt
    levels = [when.month == k for k in range(2, 13)]
    model = check(frame, ["month(when)", "year(when)"], *levels, when.year - 2023)
    assert list(model.coefficients)[:2] == ["month(when): Feb", "month(when): Mar"]
    model = check(frame, ["weekday(when)"], *(when.day_of_week == k for k in range(1, 7)))
    assert next(iter(model.coefficients)) == "weekday(when): Tue"
    check(frame, ["day(when)"], when.day)
    days = (frame.when - pd.Timestamp(0)) / pd.Timedelta(days=1)
    expected = logloss.fit(frame.assign(days=days), "y", features=["days"]).coefficients["days"]
    assert logloss.fit(frame, "y", features=["days(when)"]).coefficients["days(when)"] == pytest.approx(expected)
    assert list(logloss.fit(frame, "y", features=["hour(when)"]).coefficients)[:2] == ["hour(when): 1", "hour(when): 2"]


@pytest.mark.parametrize("zone", [None, "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize("unit", ["s", "ns"])
def test_parts_of_dates_are_those_that_the_clocks_of_their_zone_showed(zone, unit):
    times = pd.Series(pd.date_range("1999-12-29 23:15", periods=3000, freq="11h", tz=zone)).dt.as_unit(unit)
    expected = {"year": times.dt.year, "month": times.dt.month - 1, "day": times.dt.day, "hour": times.dt.hour}
    expected["weekday"] = times.dt.day_of_week
    # Written with their distance from UTC, as a CSV file has them, and with fractions.
    for own in (times, times.astype(str), (times + pd.Timedelta(milliseconds=250)).astype(str)):
        rows = next(as_source(pd.DataFrame({"t": own})).parts(["t"])[0].rows())
        for function, values in expected.items():
            assert np.array_equal(function_of(function, "t", rows).values, values)


def test_dates_before_1970_and_days_have_their_parts():
    texts = ("1969-12-31 23:59:59", "1900-02-28", "1970-01-02 12:00")
    rows = Rows({"t": Column(np.arange(3), None, texts)}, 0, Place())
    parts = {name: function_of(name, "t", rows).values.tolist() for name in ("year", "weekday", "hour", "day", "days")}
    assert parts == {
        "year": [1969, 1900, 1970],
        "weekday": [2, 2, 4],
        "hour": [23, 0, 12],
        "day": [31, 28, 2],
        "days": [-1 / 86_400, pytest.approx(-25509), 1.5],
    }


def test_a_product_of_numbers_is_one_column(frame):
    model = check(frame, ["price * size"], frame.price, frame["size"], frame.price * frame["size"])
    assert list(model.coefficients) == ["price", "size", "price:size"]
    check(frame, ["log(price):size"], np.log(frame.price) * frame["size"])


def dummies(frame, name, levels):
    return [frame[name] == level for level in levels]


def test_a_product_with_a_category_is_a_slope_for_each_level(frame):
    size, site = frame["size"], dummies(frame, "site", SITES)
    model = check(frame, ["size * site"], size, *site[1:], *(size * own for own in site[1:]))
    assert list(model.coefficients)[3:] == ["size:site: south", "size:site: west"]
    # Without the slope of all rows, each level has one of its own.
    model = check(frame, ["size:site"], *(size * own for own in site))
    assert list(model.coefficients) == ["size:site: north", "size:site: south", "size:site: west"]
    # The reference is that of the category.
    model = check(frame, ["size", "size:site"], size, size * site[0], size * site[1], reference={"site": "west"})
    assert list(model.coefficients)[1:] == ["size:site: north", "size:site: south"]


def test_a_product_of_categories_is_coded_by_contrasts_where_they_stand_beside_it(frame):
    site, device = dummies(frame, "site", SITES), dummies(frame, "device", ["phone", "web"])
    both = [site[1] & device[1], site[2] & device[1]]
    model = check(frame, ["site * device"], *site[1:], device[1], *both)
    assert list(model.coefficients)[3:] == ["site:device: south × web", "site:device: west × web"]
    assert model.n_dependent == 0
    assert "site = north or device = phone (reference)" in repr(model)
    # Nested: one of them alone beside it.
    check(frame, ["site", "site:device"], *site[1:], site[0] & device[1], *both)
    # Alone it is a category like any other.
    pairs = [a & b for a in site for b in device]
    model = check(frame, ["site:device"], *pairs[1:])
    assert model.design.references["site:device: west × web"] == "north × phone"


def test_products_name_categories_that_are_written_as_numbers(frame):
    coded = frame.assign(code=np.arange(len(frame)) % 3)
    levels = [coded.code == k for k in range(3)]
    model = check(coded, ["size:code"], *(coded["size"] * own for own in levels), categories=["code"])
    assert list(model.coefficients) == ["size:code: 0", "size:code: 1", "size:code: 2"]
    assert list(logloss.fit(coded, "y", features=["size:code"]).coefficients) == ["size:code"]


def test_pooled_levels_of_a_product_have_no_reference(frame):
    model = logloss.fit(frame, "y", features=["site * device", "log(price)"], shapes="auto")
    assert [term.kind for term in model.terms] == ["pooled levels"] * 3 + ["smooth"]
    assert len(model.terms[2].at) == 6
    with pytest.raises(DataError, match="each column of numbers is one curve"):
        logloss.fit(frame, "y", features=["bs(price)"], shapes="auto")


# --- splines ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_splines_are_those_of_scikit_learn(degree):
    random = np.random.default_rng(3)
    knots = np.sort(random.normal(size=6))
    values = random.normal(scale=2.0, size=500)
    expected = SplineTransformer(degree=degree, knots=knots[:, None], extrapolation="linear").fit_transform(
        values[:, None]
    )
    # They share all but the padding of knots beyond the ends; the space of functions is the same.
    inside = (values >= knots[0]) & (values <= knots[-1])
    own = np.column_stack([np.ones(len(values)), spline_columns(values, knots.tolist(), degree)])
    for rows in (inside, np.ones_like(inside)):
        fitted = own[rows] @ np.linalg.lstsq(own[rows], expected[rows], rcond=None)[0]
        assert np.abs(fitted - expected[rows]).max() < 1e-10 * np.abs(expected[rows]).max()
    # Without the first, as in R, they and an intercept have all of it.
    assert own.shape[1] == len(knots) - 1 + degree == np.linalg.matrix_rank(own)


def test_knots_are_quantiles_and_a_count_is_as_many_rows():
    random = np.random.default_rng(4)
    values, counts = random.gamma(1.0, size=40), random.integers(1, 5, 40)
    repeated = np.repeat(values, counts)
    low, high = values.min(), values.max()
    expected = [low, *np.quantile(repeated, [0.25, 0.5, 0.75]), high]
    assert spline_knots(repeated, np.ones(len(repeated)), low, high, 3) == pytest.approx(expected, rel=1e-14)
    assert spline_knots(values, counts.astype(float), low, high, 3) == pytest.approx(expected, rel=1e-14)
    # Where quantiles are equal there are fewer.
    assert spline_knots(np.r_[np.zeros(90), np.ones(10)], np.ones(100), 0.0, 1.0, 4) == (0.0, 1.0)


def test_a_spline_is_that_of_its_knots_in_fit_and_prediction(frame):
    knots = [frame.price.min(), *np.quantile(frame.price, [0.25, 0.5, 0.75]), frame.price.max()]
    model = check(frame, ["bs(price)", "size"], *spline_columns(frame.price.to_numpy(), knots, 3).T, frame["size"])
    assert list(model.coefficients)[:2] == ["bs(price)[1]", "bs(price)[2]"]
    same = logloss.fit(frame, "y", features=["bs(price, df=6)", "size"])
    assert list(same.coefficients.values()) == list(model.coefficients.values())
    # Beyond the range of training it goes on straight.
    beyond = pd.DataFrame({"price": knots[-1] + np.array([0.0, 1.0, 2.0]), "size": 0.0})
    logits = model.predict_logit(beyond)
    assert logits[2] - logits[1] == pytest.approx(logits[1] - logits[0], rel=1e-9)
    near = beyond.assign(price=knots[-1] - np.array([0.0, 1e-5, 2e-5]))
    slope = (model.predict_logit(near)[0] - model.predict_logit(near)[1]) / 1e-5
    assert logits[1] - logits[0] == pytest.approx(slope, rel=1e-3)


def test_counts_and_repeated_rows_have_the_same_spline(frame):
    counts = np.random.default_rng(1).integers(0, 4, len(frame))
    repeated = frame.loc[frame.index.repeat(counts)]
    first = logloss.fit(frame.assign(n=counts), "y", features=["bs(price)"], counts="n")
    second = logloss.fit(repeated, "y", features=["bs(price)"])
    assert first.design.derived == second.design.derived
    assert list(first.coefficients.values()) == pytest.approx(list(second.coefficients.values()), rel=1e-7)


def test_knots_do_not_depend_on_the_unit_of_weights(frame):
    weights = np.random.default_rng(2).gamma(2.0, size=len(frame))
    fits = [
        logloss.fit(frame.assign(w=unit * weights), "y", features=["bs(price)"], sample_weight="w").design.derived[0]
        for unit in (1.0, 1e-6, 1e6)
    ]
    assert fits[0].factors[0].knots == pytest.approx(fits[1].factors[0].knots, rel=1e-9)
    assert fits[0].factors[0].knots == pytest.approx(fits[2].factors[0].knots, rel=1e-9)


# --- as any feature ---------------------------------------------------------------------------------------------------

FEATURES = ["log(price)", "bs(size, knots=2)", "site * device", "weekday(when)", "sqrt(price):site"]


@pytest.fixture(scope="module")
def model(frame):
    return logloss.fit(frame, "y", features=FEATURES)


def test_every_kind_of_table_gives_the_same_model_and_predictions(frame, model, tmp_path):
    frame.to_csv(tmp_path / "rows.csv", index=False)
    frame.to_parquet(tmp_path / "rows.parquet", row_group_size=100)
    tables = [tmp_path / "rows.csv", tmp_path / "rows.parquet", pl.from_pandas(frame), frame.to_dict("list")]
    tables.append({name: frame[name].to_numpy() for name in frame})
    for table in tables:
        other = logloss.fit(table, "y", features=FEATURES)
        assert list(other.coefficients) == list(model.coefficients)
        assert list(other.coefficients.values()) == pytest.approx(list(model.coefficients.values()), rel=1e-7, abs=1e-9)
        assert np.abs(model.predict_logit(table) - model.predict_logit(frame)).max() < SAME
        assert model.measure(table, "y").log_loss == pytest.approx(model.log_loss, abs=1e-12)


def test_a_saved_model_is_the_same(frame, model, tmp_path):
    model.save(tmp_path / "model.json")
    again = logloss.load(tmp_path / "model.json")
    assert again == model
    assert again.design.derived == model.design.derived
    assert np.array_equal(again.predict_logit(frame), model.predict_logit(frame))


def test_a_file_that_no_fit_has_written_is_refused(model, tmp_path):
    model.save(tmp_path / "model.json")
    fields = json.loads((tmp_path / "model.json").read_bytes())

    def changed(change):
        own = json.loads(json.dumps(fields))
        change({each["name"]: each for each in own["design"]["derived"]}, own["design"]["derived"])
        head = {key: value for key, value in own.items() if key not in document.HEAD}
        (tmp_path / "other.json").write_bytes(document.document_bytes("model", head))
        with pytest.raises(DataError) as caught:
            logloss.load(tmp_path / "other.json")
        return str(caught.value)

    def factor(derived, name, **own):
        derived[name]["factors"][0] |= own

    assert "one of log" in changed(lambda d, _: factor(d, "log(price)", function="exec"))
    assert "each above the one before" in changed(lambda d, _: factor(d, "bs(size, knots=2)", knots=[1.0, 0.0]))
    assert "from 1 to 5" in changed(lambda d, _: factor(d, "bs(size, knots=2)", degree=0))
    assert "as many numbers" in changed(lambda d, _: factor(d, "bs(size, knots=2)", knots=[0.0, 1.0]))
    assert "one factor or more" in changed(lambda d, _: d["log(price)"].update(factors=[]))
    assert "columns of its terms" in changed(lambda _, all_of_them: all_of_them.append(all_of_them[0]))
    # Files from before there were any have none.
    older = logloss.fit({"x": [1.0, 3.0, 9.0, 4.5], "y": [0, 1, 0, 1]}, "y")
    older.save(tmp_path / "older.json")
    own = json.loads((tmp_path / "older.json").read_bytes())
    del own["design"]["derived"]
    head = {key: value for key, value in own.items() if key not in document.HEAD}
    (tmp_path / "older.json").write_bytes(document.document_bytes("model", head))
    assert logloss.load(tmp_path / "older.json") == older


def test_a_feature_of_several_coefficients_is_one_in_tests_and_contributions(frame, model):
    assert list(model.term_table["name"])[:4] == ["log(price)", "bs(size, knots=2)", "site", "device"]
    assert model.wald_test("bs(size, knots=2)").degrees == 5
    (row,) = model.contributions(frame.iloc[:1])
    assert set(row) == {"intercept", "log(price)", "bs(size, knots=2)", *("site", "device", "site:device")} | {
        *("weekday(when)", "sqrt(price):site")
    }
    assert sum(row.values()) == pytest.approx(model.predict_logit(frame.iloc[:1])[0], rel=1e-9)
    smaller = logloss.fit(frame, "y", features=[name for name in FEATURES if name != "sqrt(price):site"])
    assert model.likelihood_ratio_test(smaller).hypothesis == "sqrt(price):site = 0"


def test_rows_are_predicted_wherever_they_are_read(frame, model, tmp_path):
    source = ScoredSource(as_source(frame), model.predictor)
    part = source.parts(())[0]
    assert isinstance(part.part, DerivedPart)
    logits = np.concatenate([rows.columns[source.logit].values for rows in pickle.loads(pickle.dumps(part)).rows()])
    assert np.array_equal(logits, model.predict_logit(frame))
    other = logloss.fit(frame, "y", features=["log(price)"])
    compared = logloss.compare(frame, {"all": model, "one": other}, y_true="y")
    assert compared.delta == pytest.approx(other.log_loss - model.log_loss, rel=1e-9)


def test_the_answer_does_not_depend_on_how_rows_are_cut(frame, tmp_path):
    many = drawn(40_000)
    many.to_parquet(tmp_path / "rows.parquet", row_group_size=3_000)
    features = ["bs(price)", "site * log(price)", "weekday(when)"]
    first, second = (
        logloss.fit(many, "y", features=features),
        logloss.fit(tmp_path / "rows.parquet", "y", features=features),
    )
    assert first.design.derived == second.design.derived
    assert list(first.coefficients.values()) == pytest.approx(list(second.coefficients.values()), rel=1e-6, abs=1e-9)


def test_the_shell_takes_the_same_features(run, frame, tmp_path):  # noqa: F811
    frame.rename(columns={"size": "my, size"}).to_csv(tmp_path / "rows.csv", index=False)
    words = "log(price),bs(`my, size`, knots=2), site * device"
    code, out, _ = run(
        "fit", tmp_path / "rows.csv", "-y", "y", "--features", words, "-o", tmp_path / "m.json", "--json"
    )
    assert code == 0
    names = list(json.loads(out)["coefficients"])
    assert names[:2] == ["log(price)", "bs(`my, size`, knots=2)[1]"]
    assert names[-1] == "site:device: west × web"
    assert (
        run("predict", tmp_path / "m.json", tmp_path / "rows.csv", "--keep", "price", "-o", tmp_path / "p.csv")[0] == 0
    )
    written = pd.read_csv(tmp_path / "p.csv")
    expected = logloss.load(tmp_path / "m.json").predict_proba(tmp_path / "rows.csv")
    assert written.y_proba.to_numpy() == pytest.approx(expected, abs=1e-12)


# --- what is missing, strange, or refused -----------------------------------------------------------------------------


def refused(words, *arguments, **options):
    with pytest.raises(DataError) as caught:
        logloss.fit(*arguments, **options)
    assert words in str(caught.value)


def test_values_outside_a_function_are_named_with_their_row(frame):
    bad = frame.assign(price=frame.price.where(frame.index != 41, 0.0), w=1.0)
    refused(
        'column "price" must be finite and above 0 for log(price); row 41 has 0. log1p(price) is log(1 + price), '
        "which takes 0, too.",
        *(bad, "y"),
        features=["log(price)"],
    )
    refused("row 41 has 0", bad, "y", features=["log(price):size"])
    refused("row 41 has 0", bad, "y", features=["log(price):site"])
    refused("at least 0 for sqrt(size)", bad, "y", features=["sqrt(size)"])
    refused("above −1 for log1p(size)", bad, "y", features=["log1p(size)"])
    refused(
        "must be finite", bad.assign(price=np.where(bad.index == 3, np.inf, bad.price)), "y", features=["bs(price)"]
    )
    refused('column "site" must hold numbers for log(site); row 0 has "', bad, "y", features=["log(site)"])
    text = 'column "site" must hold numbers for bs(site); it holds text, such as "north". Name it without bs(), "site"'
    refused(text, bad, "y", features=["bs(site)"])
    refused("it holds true and false", bad.assign(site=bad.site == "west"), "y", features=["bs(site)"])
    coded = bad.assign(site=bad.index % 9)
    refused("codes of a category. Leave it out of `categories`", coded, "y", features=["bs(site)"], categories="site")
    refused("Functions of dates are year, month", bad, "y", features=["log(when)"])
    refused("must hold dates for year(price); it holds numbers", bad, "y", features=["year(price)"])
    refused('must hold dates for month(site); row 0 has "', bad, "y", features=["month(site)"])
    strange = bad.assign(when=bad.when.astype(str).where(bad.index != 7, "2024-02-30"))
    refused('row 7 has "2024-02-30"', strange, "y", features=["month(when)"])
    # A row of weight 0 is no row.
    bad.loc[41, "w"] = 0.0
    own = logloss.fit(bad, "y", features=["log(price)"], sample_weight="w").coefficients
    assert own == pytest.approx(logloss.fit(bad.drop(41), "y", features=["log(price)"]).coefficients, rel=1e-9)


def test_hints_are_those_of_the_values(frame):
    below = frame.assign(price=frame.price.where(frame.index != 4, 0.0).where(frame.index != 9, -1.0))
    refused("row 4 has 0 (at least 2 such rows). Shift or clip the column first", below, "y", features=["log(price)"])
    infinite = frame.assign(price=frame.price.where(frame.index != 4, np.inf))
    for feature in ("log(price)", "log1p(price)", "sqrt(price):site", "size:log(price)"):
        words = "row 4 has inf. Correct such values, or mark them as missing."
        refused(words, infinite, "y", features=[feature])
    # Of a product the factor that is infinite, or none where it is their product that no float holds.
    refused('column "price" must be finite and above 0', below, "y", features=["size:log(price)"])
    large = frame.assign(price=np.where(frame.index == 4, 1e200, frame.price), size=1e200 * frame["size"])
    words = 'column "price:size" must be finite; row 4 has inf. It is the product of finite numbers, and beyond 1.8e308'
    refused(words, large, "y", features=["price:size"])
    # What is advised is possible.
    assert logloss.fit(below, "y", features=["bs(price)"]).n_rows == len(frame)


def test_what_is_constant_and_has_no_coefficient_is_told(frame):
    noon = frame.assign(when=frame.when.dt.normalize(), one="a")
    for features, words in {
        ("hour(when)",): "hour(when) (always 0)",
        ("one", "size"): 'one (always "a")',
        ("one", "hour(when)"): 'one (always "a"), hour(when) (always 0)',
    }.items():
        model = logloss.fit(noon, "y", features=list(features))
        assert model.notes == (f"no coefficient of what is constant: {words}",)
    assert len(logloss.fit(noon, "y", features=["one"], l1=1.0).notes) == 1
    # A constant number has a coefficient, which is not determined.
    early = frame[frame.when.dt.year == 2023]
    assert "year(when) is constant" in repr(logloss.fit(early, "y", features=["year(when)"]))


def test_options_and_tests_take_features_however_they_are_written(frame, model):
    for text, name in {"bs( size,knots=2 )": "bs(size, knots=2)", "device : site": "site:device"}.items():
        assert model.wald_test(text) == model.wald_test(name)
    assert model.wald_test({"log( price )": 2.0}) == model.wald_test({"log(price)": 2.0})
    simple = logloss.fit(frame, "y", features=["log(price)", "size"])
    assert list(simple.marginal_effects(frame, variables="log( price )")["name"]) == ["log(price)"]
    features = ["log(price)", "month(when)", "year(when)", "site*device"]
    written = {
        "categories": ["year( when )"],
        "reference": {"month( when )": "Feb", "site": "west"},
        "penalty_factors": {"log( price )": 0.0, "device:site": 2.0},
    }
    own = {
        "categories": ["year(when)"],
        "reference": {"month(when)": "Feb", "site": "west"},
        "penalty_factors": {"log(price)": 0.0, "site:device": 2.0},
    }
    first, second = (logloss.fit(frame, "y", features=features, l2=1.0, **each) for each in (written, own))
    assert first.coefficients == second.coefficients
    curves = {"shapes": {"log( price )": "linear"}, "monotonic_cst": {"log( price)": 1}}
    assert logloss.fit(frame, "y", features=["log(price)", "size"], **curves).terms[0].kind == "linear"
    refused('"bs( size)" is none', frame, "y", features=["log(price)"], l2=1.0, penalty_factors={"bs( size)": 1})


def test_features_that_cannot_be_are_refused_by_their_words(frame):
    refused("a product of numbers and 2 categories", frame, "y", features=["size:site:device"])
    refused("a spline of degree 3 has at least 3 columns", frame, "y", features=["bs(price, df=2)"])
    refused("must have two values or more", frame.assign(one=1.0), "y", features=["bs(one)"])
    refused("its category has one level", frame.assign(one="a"), "y", features=["size * one"])
    named = frame.assign(**{"log(price)": 1.0, "price:size": 1.0})
    refused("the table has a column that is called", named, "y", features=["price * size"])
    refused("stands between the levels", frame.assign(a="x × y", b="u × v"), "y", features=["a:b"])
    refused(
        "has two levels that are written",
        frame.assign(a=["1", "a level that training did not see"] * 350),
        "y",
        features=["a:site"],
    )
    refused('"codes" is none', frame, "y", features=["size:site"], categories=["codes"])
    plain = logloss.fit(frame.assign(**{"log(price)": frame["size"]}), "y", features=["log(price)"])
    assert plain.design.derived == ()


def test_a_name_that_is_a_column_is_never_a_function_beside_it(frame):
    named = frame.assign(**{"log(price)": frame["size"]})
    way_out = 'it stands in backticks: "`log(price)`:device". If something else is meant, rename the column.'
    refused(way_out, named, "y", features=["log(price)", "log(price):device"])
    refused('in backticks: "`log(price)`"', named, "y", features=["log( price)"])
    refused("the table has a column of that name. Rename it.", named, "y", features=["log(`price`):device"])
    model = logloss.fit(named, "y", features=["log(price)", "`log(price)`:device"])
    same = logloss.fit(frame, "y", features=["size", "size:device"])
    assert list(model.coefficients) == ["log(price)", "`log(price)`:device: web"]
    assert list(model.coefficients.values()) == pytest.approx(list(same.coefficients.values()), rel=1e-9)


def test_a_feature_is_named_once(frame):
    refused(
        'got size:device, device:size. "device:size" is "size:device".',
        *(frame, "y"),
        features=["size:device", "device:size"],
    )
    refused("unique; got size:device, size:device.", frame, "y", features=["size:device", "size:device"])
    refused("unique; got size, size, log(price).", frame, "y", features=["size", "size", "log(price)"])
    refused('"site*device" is "device * site"', frame, "y", features=["device * site", "site*device"])
    refused('"log( price)" is "log(price)"', frame, "y", features=["log(price)", "log( price)"])
    # What "*" stands for may be there already.
    assert len(logloss.fit(frame, "y", features=["size * device", "size"]).coefficients) == 3


def test_several_features_in_one_text_are_advised_as_a_list(frame):
    refused(
        'several features are a list, ["log(price)", "bs(size, df=5)"]',
        frame,
        "y",
        features="log(price), bs(size, df=5)",
    )
    refused('Several columns are a list: ["price", "size"].', frame, "y", features="price, size")
    assert list(logloss.fit(frame, "y", features="log(price)").coefficients) == ["log(price)"]


def test_what_lacks_a_value_is_dropped_refused_or_told_by_an_indicator(frame):
    gaps = frame.copy()
    gaps.loc[::7, "price"], gaps.loc[::11, "site"], gaps.loc[::13, "when"] = np.nan, None, pd.NaT
    features = ["log(price)", "bs(price)", "site * device", "size:site", "month(when)"]
    refused('column "price" must hold a value; row 0 has none', gaps, "y", features=features)
    for feature in ("month(when)", "year(when)", "size:hour(when)", "days(when):size"):
        refused('column "when" must hold a value; row 0 has none', gaps, "y", features=[feature])
        known = logloss.fit(frame, "y", features=[feature])
        with pytest.raises(DataError, match='column "when" must hold a value; row 0 has none'):
            known.predict_proba(gaps)
    for feature in ("site:device", "device:site", "size:site", "bs(size):site"):
        known = logloss.fit(frame, "y", features=[feature])
        with pytest.raises(DataError, match='column "site" must hold a value; row 0 has none'):
            known.predict_proba(gaps)
    dropped = logloss.fit(gaps, "y", features=features, missing="drop")
    whole = gaps.dropna()
    assert dropped.n_dropped == len(gaps) - len(whole)
    assert dropped.coefficients == pytest.approx(logloss.fit(whole, "y", features=features).coefficients, rel=1e-7)
    model = logloss.fit(
        gaps, "y", features=["log(price)", "bs(size)", "site * device", "month(when)"], missing="indicator"
    )
    assert {"log(price) is missing", "site is missing", "month(when) is missing"} <= set(model.coefficients)
    assert "site:device: missing × web" in model.coefficients
    assert np.isfinite(model.predict_logit(gaps)).all()
    # One coefficient tells that a spline lacks its value.
    model = logloss.fit(gaps, "y", features=["bs(price)"], missing="indicator")
    assert [name for name in model.coefficients if "missing" in name] == ["bs(price) is missing"]
    assert model.n_dependent == 0
    several = logloss.fit(gaps, "y", features=["bs(price):size", "size:site"], missing="indicator", l2=1.0)
    lacking = [name for name in several.coefficients if "missing" in name]
    assert lacking == ["bs(price):size is missing", "size:site: missing"]
    known = logloss.fit(gaps[gaps.price.notna()], "y", features=["bs(price)"])
    own = gaps[gaps.price.notna()]
    assert np.abs(model.predict_logit(own) - known.predict_logit(own)).max() < 1e-6


def test_predictions_need_the_columns_that_features_are_computed_of(frame, model):
    for name in ("price", "size", "when", "site"):
        with pytest.raises(DataError, match=f'the model reads the column "{name}", which the table lacks'):
            model.predict_proba(frame.drop(columns=name))
    with pytest.raises(DataError, match="`X` has no names of columns"):
        model.predict_proba(np.zeros((3, 5)))
    bad = frame.assign(price=frame.price.where(frame.index != 5, -2.0))
    with pytest.raises(DataError, match=r'column "price" must be finite and above 0 for log\(price\); row 5 has -2'):
        model.predict_proba(bad)
    lacking = frame.assign(size=frame["size"].where(frame.index != 5, np.nan))
    with pytest.raises(DataError, match='column "size" must hold a value; row 5 has none'):
        model.predict_proba(lacking)
    assert np.flatnonzero(np.isnan(model.predict_proba(lacking, missing="drop"))).tolist() == [5]


def test_a_level_that_training_did_not_see_is_an_average_one(frame):
    model = logloss.fit(frame, "y", features=["size:site"])
    strange = frame.iloc[:1].assign(site="east")
    with pytest.warns(UserWarning, match='"size:site" has levels that training did not see, in 1 row'):
        logit = model.predict_logit(strange)[0]
    shares = frame.site.value_counts(normalize=True)
    slope = sum(shares[site] * model.coefficients[f"size:site: {site}"] for site in SITES)
    assert logit == pytest.approx(model.intercept + slope * strange["size"].iloc[0], rel=1e-9)
    crossed = logloss.fit(frame, "y", features=["site:device"])
    with pytest.warns(UserWarning, match='"site:device" has levels that training did not see, in 1 row'):
        crossed.predict_logit(strange)


def test_what_is_not_defined_of_derived_columns_is_refused_by_its_words(frame, model):
    with pytest.raises(DataError, match="no transformer of scikit-learn does alike"):
        model.to_sklearn()
    with pytest.raises(DataError, match="marginal effects are those of columns with one coefficient"):
        model.marginal_effects(frame)
    own = logloss.fit(frame, "y", features=["log(price)", "site"])
    by_hand = logloss.fit(frame.assign(price=np.log(frame.price)), "y", features=["price", "site"])
    expected = by_hand.marginal_effects(frame.assign(price=np.log(frame.price)))
    assert own.marginal_effects(frame)["effect"] == pytest.approx(expected["effect"], rel=1e-9)


def test_models_with_derived_columns_are_drawn_and_reported(frame, tmp_path):
    for features in (["bs(price)"], ["log(price)", "size"], ["size * site"]):
        model = logloss.fit(frame, "y", features=features)
        model.plot()
        model.to_html(tmp_path / "page.html")
        assert "this one has columns that are computed, such as " in boundary(model).reason
