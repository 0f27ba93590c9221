"""Profile-likelihood intervals: against R's logistf and confint, SciPy and statsmodels; infinite ends; text and file."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import statsmodels.api as sm
from separated_tables import arguments, known

import logloss
from logloss.training import profile as profiles

# Half the 95% quantile of chi-squared with one degree of freedom (Abramowitz & Stegun 1964, table 26.8).
FALL = 3.841458820694124 / 2


def drawn(seed: int, n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Rows with two columns that are not separated."""
    random = np.random.default_rng(seed)
    x = np.column_stack([random.normal(2, 3, n), random.random(n) < 0.4]).astype(float)
    y = (random.random(n) < 1 / (1 + np.exp(0.5 - 0.2 * x[:, 0]))).astype(int)
    return x, y


def column(model: logloss.LogisticModel, name: str) -> dict[str, float]:
    return {row["name"]: row[name] for row in model.coefficient_table}


def highest(x: np.ndarray, y: np.ndarray, place: int, value: float, is_firth: bool, start: list[float]) -> float:
    """The likelihood, by its definition, maximised over all coefficients but one, by SciPy."""
    design = np.column_stack([np.ones(len(y)), x])
    others = [j for j in range(design.shape[1]) if j != place]

    def lost(free: np.ndarray) -> float:
        at = np.empty(design.shape[1])
        at[others], at[place] = free, value
        z = design @ at
        p = 1 / (1 + np.exp(-z))
        total = np.sum(np.logaddexp(0, z) - y * z)
        if is_firth:
            total -= np.linalg.slogdet((design * (p * (1 - p))[:, None]).T @ design)[1] / 2
        return float(total)

    begin = np.array(start)[others]
    tight = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000}
    return -min(
        scipy.optimize.minimize(lost, at, method="Nelder-Mead", options=tight).fun for at in (begin, 0.5 * begin)
    )


@pytest.mark.parametrize("name", ["endometrial", "sex2", "lizards"])
@pytest.mark.parametrize(("figure", "digits"), [("low", 2e-8), ("high", 2e-8), ("p_value", 1e-7)])
def test_firth_s_profiles_are_those_of_logistf(name, figure, digits):
    # logistf ends once the likelihood is met to some 1e-10, which moves the ends of NV and dia in the ninth digit.
    model = logloss.fit(**arguments(name), penalty="firth")
    assert column(model, figure) == pytest.approx(known(name, "firth", figure), rel=digits)


@pytest.mark.parametrize("figure", ["low", "high"])
def test_flic_and_flac_have_those_of_logistf(figure):
    flic = logloss.fit(**arguments("sex2"), penalty="flic")
    own = {name: value for name, value in column(flic, figure).items() if name != "intercept"}
    assert own == pytest.approx(known("sex2", "flic", figure), rel=1e-8)
    # Its intercept has Wald's.
    margin = flic.errors.margin()
    assert column(flic, figure)["intercept"] == flic.intercept + (margin if figure == "high" else -margin)
    for name in ("endometrial", "sex2"):
        flac = logloss.fit(**arguments(name), penalty="flac")
        assert column(flac, figure) == pytest.approx(known(name, "flac", figure), rel=1e-7)


@pytest.mark.parametrize(("figure", "digits"), [("low", 1e-8), ("high", 1e-8), ("p_value", 1e-6)])
def test_those_of_maximum_likelihood_are_those_of_r(figure, digits):
    model = logloss.fit(**arguments("lizards"), interval="profile")
    assert column(model, figure) == pytest.approx(known("lizards", "maximum_likelihood", figure), rel=digits)


def test_coefficients_that_separate_have_an_end():
    # R's confint interpolates between values of the profile, and of NV it has no end that means anything.
    with pytest.warns(logloss.SeparationWarning):
        model = logloss.fit(**arguments("endometrial"), interval="profile")
    assert column(model, "coefficient")["NV"] == math.inf
    assert column(model, "high")["NV"] == math.inf
    for figure in ("low", "high"):
        expected = known("endometrial", "maximum_likelihood", figure)
        own = {name: value for name, value in column(model, figure).items() if name in expected}
        assert own == pytest.approx(expected, rel=2e-3)
    figures = arguments("endometrial")["data"]
    x = np.column_stack([figures[name] for name in ("NV", "PI", "EH")]).astype(float)
    at = [model.intercept, 0.0, *list(model.coefficients.values())[1:]]
    top = -model.log_loss * model.n_rows
    assert top - highest(x, figures["HG"], 1, column(model, "low")["NV"], False, at) == pytest.approx(FALL, abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("penalty", [None, "firth"])
def test_the_likelihood_is_lower_by_chi_squared_at_both_ends(seed, penalty):
    x, y = drawn(seed)
    model = logloss.fit(x, y, penalty=penalty, interval="profile")
    top = model.log_likelihood if penalty is None else model.penalised_log_likelihood
    at = list(column(model, "coefficient").values())
    for place, row in enumerate(model.coefficient_table):
        assert row["low"] < row["coefficient"] < row["high"]
        for end in ("low", "high"):
            fall = top - highest(x, y, place, row[end], penalty is not None, at)
            assert fall == pytest.approx(FALL, abs=1e-7), (row["name"], end)


@pytest.mark.parametrize("seed", range(4))
def test_tests_are_those_of_models_without_a_column(seed):
    x, y = drawn(seed)
    model = logloss.fit(x, y, interval="profile")
    design = sm.add_constant(x)
    whole = sm.Logit(y, design).fit(disp=0, tol=1e-14)
    for place, name in enumerate(["intercept", *model.coefficients]):
        without = sm.Logit(y, np.delete(design, place, axis=1)).fit(disp=0, tol=1e-14)
        ratio = 2 * (whole.llf - without.llf)
        row = model.coefficient_table[place]
        assert row["name"] == name
        assert row["statistic"] == pytest.approx(ratio, rel=1e-7, abs=1e-10)
        assert row["p_value"] == pytest.approx(scipy.stats.chi2.sf(ratio, 1), rel=1e-7)
        # Interval and test agree.
        assert (row["p_value"] < 0.05) == (not row["low"] < 0 < row["high"])


def test_wald_is_the_default_and_profiles_come_near_it():
    random = np.random.default_rng(0)
    x = random.normal(size=20_000)
    y = random.random(20_000) < 1 / (1 + np.exp(-x))
    wald = logloss.fit(x, y, leave_one_out=False)
    profile = logloss.fit(x, y, interval="profile", leave_one_out=False)
    assert wald.profile is None
    for end in ("low", "high"):
        assert column(profile, end) == pytest.approx(column(wald, end), abs=2e-4)


def test_the_origin_of_columns_changes_nothing():
    x, y = drawn(1)
    model = logloss.fit(x, y, interval="profile")
    moved = logloss.fit(x * [1e3, 1e-2] + [5.0, -2.0], y, interval="profile")
    for name, factor in (("x0", 1e3), ("x1", 1e-2)):
        expected = [end / factor for end in model.profile.interval(name)]
        assert moved.profile.interval(name) == pytest.approx(expected, rel=1e-7)
        assert moved.profile.ratio(name) == pytest.approx(model.profile.ratio(name), rel=1e-7)


def test_where_all_rows_are_divided_other_columns_have_no_ends():
    random = np.random.default_rng(5)
    x = random.normal(size=(50, 2))
    with pytest.warns(logloss.SeparationWarning):
        model = logloss.fit(x, x[:, 0] > 0, interval="profile")
    assert model.profile.interval("x1") == (-math.inf, math.inf)
    assert model.profile.p_value("x1") == 1.0
    low, high = model.profile.interval("x0")
    assert high == math.inf
    y = (x[:, 0] > 0).astype(int)
    assert -highest(x, y, 1, low, False, [0.0, 0.0, 0.0]) == pytest.approx(FALL, abs=1e-6)
    text = str(model)
    assert "95% CI (profile)" in text
    assert "0–inf" in text


def test_an_end_is_found_where_the_fit_ended_far_on_the_other_side():
    # Of this sample no exposed row is an event; passes of the fit end at coefficients of 16 and more.
    random = np.random.default_rng(np.random.SeedSequence([1, 3338755597, 91]))
    exposed = random.random(50) < 0.15
    x = np.column_stack([exposed, random.normal(0.5 * exposed, 1.0)]).astype(float)
    y = (random.random(50) < 1 / (1 + np.exp(3.0 - x @ [1.5, 0.4]))).astype(int)
    with pytest.warns(logloss.SeparationWarning):
        model = logloss.fit(x, y, interval="profile")
    low, high = model.profile.interval("x0")
    assert low == -math.inf
    fall = model.log_likelihood - highest(x, y, 1, high, False, [-3.0, 0.0, -1.0])
    assert fall == pytest.approx(FALL, abs=1e-7)


def test_all_levels_against_one_that_separates():
    random = np.random.default_rng(2)
    frame = pd.DataFrame({"kind": random.choice(list("abc"), 60)})
    frame["y"] = ((frame.kind == "a") | (random.random(60) < 0.4)).astype(int)
    with pytest.warns(logloss.SeparationWarning):
        model = logloss.fit(frame, "y", interval="profile")
    zeros = frame.kind != "a"
    # Of one level against another only their two by two table counts; at 0 both have one rate.
    b = frame.y[frame.kind == "b"]

    def log_likelihood(labels: pd.Series) -> float:
        rate = labels.mean()
        return len(labels) * (rate * math.log(rate) + (1 - rate) * math.log1p(-rate)) if 0 < rate < 1 else 0.0

    both = frame.y[frame.kind != "c"]
    expected = 2 * (log_likelihood(b) - log_likelihood(both))
    assert zeros.any()
    assert model.profile.ratio("kind: b") == pytest.approx(expected, rel=1e-7)
    low, high = model.profile.interval("kind: b")
    assert low == -math.inf
    assert math.isfinite(high)


def test_passes_are_counted_seen_and_can_be_stopped():
    x, y = drawn(0)
    seen = []
    model = logloss.fit(x, y, interval="profile", progress=seen.append, leave_one_out=False)
    n_with = len(seen)
    seen.clear()
    logloss.fit(x, y, progress=seen.append, leave_one_out=False)
    assert n_with - len(seen) == model.profile.n_passes
    assert f"{model.profile.n_passes} more passes" in str(model)

    def stop(_: object) -> None:
        seen.append(0)
        if len(seen) == n_with - 3:
            raise KeyboardInterrupt

    seen.clear()
    with pytest.raises(KeyboardInterrupt):
        logloss.fit(x, y, interval="profile", progress=stop, leave_one_out=False)


def test_ends_that_were_not_found_are_not_given(monkeypatch):
    monkeypatch.setattr(profiles, "MOST_WALKS", 3)
    x, y = drawn(0)
    model = logloss.fit(x, y, interval="profile")
    assert math.isnan(model.profile.interval("x0")[0])
    assert model.profile.n_passes <= 4
    assert "not available where no end was found" in str(model)
    assert "nan" not in str(model)


def test_too_many_coefficients_are_refused(monkeypatch):
    from logloss.training import fit_options

    monkeypatch.setattr(fit_options, "MOST_PROFILED", 2)
    x, y = drawn(0)
    with pytest.raises(logloss.DataError, match=r"2 coefficients at most; there are 3\. Pass interval=\"wald\""):
        logloss.fit(x, y, interval="profile")
    model = logloss.fit(x, y, penalty="firth")
    assert model.profile is None
    assert any("intervals are Wald's" in note for note in model.notes)


def test_pictures_show_the_profile():
    model = logloss.fit(**arguments("sex2"), penalty="firth")
    from logloss.show.drawings.of_model import coefficients, passes

    drawing = coefficients(model)
    assert "95% profile-likelihood intervals" in drawing.sentence
    rows = {row["name"]: row for row in drawing.tables["coefficients"]}
    assert rows["dia"]["high"] == model.profile.highs["dia"]
    assert "Firth's objective is not concave" in passes(model).sentence


def test_figures_are_in_the_dict():
    x, y = drawn(2)
    model = logloss.fit(x, y, interval="profile")
    figures = model.to_dict()
    assert figures["interval"] == "profile"
    assert figures["coefficient_profile_lows"]["x0"] == model.profile.lows["x0"]
    assert figures["intercept_profile_p_value"] == model.profile.p_value()


def test_figures_of_a_fit_without_an_intercept_have_every_coefficient():
    x, y = drawn(2)
    model = logloss.fit(x, y, interval="profile", fit_intercept=False)
    figures = model.to_dict()
    for end, found in (("lows", model.profile.lows), ("highs", model.profile.highs)):
        assert figures[f"coefficient_profile_{end}"] == found
    assert "intercept_profile_low" not in figures


@pytest.mark.parametrize("seed", [0, 1, 2, 5])
def test_where_all_rows_are_divided_every_end_is_found(seed):
    random = np.random.default_rng(seed)
    x = random.normal(size=(20, 6))
    x[:, 2:] = x[:, 2:] > 0.3
    y = (x[:, 0] + x[:, 1] > 0).astype(int)
    with pytest.warns(logloss.SeparationWarning):
        model = logloss.fit(x, y, interval="profile", offset=random.normal(size=20))
    ends = [end for name in model.coefficients for end in model.profile.interval(name)]
    assert not any(map(math.isnan, ends))


@pytest.mark.parametrize("penalty", [None, "firth"])
def test_columns_that_nearly_depend_on_each_other_have_ends(penalty):
    # Their standard errors are 300: the same likelihood as that of the column and its difference to the other.
    random = np.random.default_rng(1)
    a, apart = random.normal(size=60), 1e-3 * random.normal(size=60)
    y = (random.random(60) < 1 / (1 + np.exp(-a))).astype(int)
    model = logloss.fit({"a": a, "b": a + apart}, y, penalty=penalty, interval="profile")
    other = logloss.fit({"a": a, "apart": apart}, y, penalty=penalty, interval="profile")
    assert np.isfinite(other.profile.interval("apart")).all()
    assert model.profile.interval("b") == pytest.approx(other.profile.interval("apart"), rel=1e-6)


def test_an_intercept_far_from_the_rows_has_ends():
    random = np.random.default_rng(3)
    x = 50 + 1e-3 * random.normal(size=40)
    y = (random.random(40) < 1 / (1 + np.exp(-1e3 * (x - 50)))).astype(int)
    model = logloss.fit(x, y, interval="profile")

    def loss(intercept: float) -> float:
        around = -intercept / 50

        def lost(slope: float) -> float:
            z = intercept + (around + slope) * x
            return float(np.sum(np.logaddexp(0, z) - y * z))

        return float(scipy.optimize.minimize_scalar(lost, (-1.0, 1.0), options={"xtol": 1e-12}).fun)

    for end in model.profile.interval():
        assert abs(end) > 1e4
        # Log-odds are differences of numbers of 1e5.
        assert loss(end) + model.log_likelihood == pytest.approx(FALL, abs=1e-6)


def test_a_level_that_the_rows_not_separated_say_nothing_about_may_have_any_coefficient():
    # Levels a and c have negatives only: both may be as unlikely as one likes, c more or less so than a.
    level = np.repeat(["a", "b", "c"], [9, 8, 7])
    y = np.repeat([0, 1, 0, 0], [9, 3, 5, 7])
    with pytest.warns(logloss.SeparationWarning):
        model = logloss.fit({"level": level}, y, interval="profile")
    assert model.profile.interval("level: c") == (-math.inf, math.inf)
    assert model.profile.ratio("level: c") == 0.0
    assert model.profile.highs["level: b"] == math.inf
    # Against the likelihood of one rate for a and b: the rows of c cost nothing in either.
    both = -(14 * math.log(14 / 17) + 3 * math.log(3 / 17)) + 5 * math.log(5 / 8) + 3 * math.log(3 / 8)
    assert model.profile.ratio("level: b") == pytest.approx(2 * both, rel=1e-9)


def test_levels_are_written_where_all_rows_are_divided():
    table = {"x": np.arange(12.0), "c": list("abc") * 4}
    with pytest.warns(logloss.SeparationWarning):
        model = logloss.fit(table, np.arange(12) > 5, interval="profile")
    assert model.errors is None
    [reference] = [line.split() for line in str(model).split("\n") if "(reference)" in line]
    assert reference == ["a", "(reference)", "0", "1"]
    assert "a (reference)" in model._repr_html_()


def test_tests_of_columns_are_named_beside_those_of_levels():
    random = np.random.default_rng(4)
    table = {"c": random.choice(["a", "b", "c"], 60)}
    y = random.integers(0, 2, 60)
    assert "Wald χ²(2)" in str(logloss.fit(table, y, interval="profile"))
    assert "Wald χ²(2)" not in str(logloss.fit(table, y))


def test_the_profile_of_a_penalty_from_a_path_is_refused():
    x, y = drawn(2)
    with pytest.raises(logloss.DataError, match="under an L2 penalty coefficients have no intervals"):
        logloss.fit(x, y, interval="profile", l2_path=[1.0, 0.0])


def test_a_fit_that_is_not_at_the_maximum_has_no_profile():
    random = np.random.default_rng(6)
    x = random.normal(5.0, 2.0, 80)
    marker = (random.random(80) < 0.2).astype(float)
    y = np.where(marker > 0, 1, random.random(80) < 1 / (1 + np.exp(5.0 - x))).astype(int)
    with pytest.warns(logloss.ConvergenceWarning):
        short = logloss.fit({"x": x, "marker": marker}, y, interval="profile", max_passes=2)
    assert short.separation is not None
    assert short.profile is None


@pytest.mark.parametrize("seed", [0, 1, 5, 11])
def test_the_intercept_beside_a_column_that_separates_has_the_ends_of_the_other_rows(seed):
    random = np.random.default_rng(seed)
    x, marker = random.normal(size=24), np.repeat([1.0, 0.0], [3, 21])
    y = (random.random(24) < 1 / (1 + np.exp(-x - 1))).astype(int)
    y[:3] = 1
    with pytest.warns(logloss.SeparationWarning):
        model = logloss.fit({"x": x, "marker": marker}, y, interval="profile")
    others = logloss.fit({"x": x[3:]}, y[3:], interval="profile")
    assert np.isfinite(others.profile.interval()).all()
    assert model.profile.interval() == pytest.approx(others.profile.interval(), rel=1e-6)
    assert model.profile.ratio() == pytest.approx(others.profile.ratio(), rel=1e-6)
