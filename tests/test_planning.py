"""How many rows show what: the formula beside exact power, plans of every kind, and bad input by its words."""

from __future__ import annotations

import json
import math
import re
from statistics import NormalDist

import numpy as np
import pytest
import scipy.stats
from scipy.special import expit
from scipy.stats import binom
from statsmodels.stats.power import NormalIndPower, TTestPower

import logloss
from logloss import DataError
from logloss.comparison.power import Design, Spread, simultaneous_level
from logloss.onepass.kernels.losses import soft_surprisals

SEED = 5


def forecasts(n_rows, seed=SEED):
    """Labels, a forecast with noise, and one with less."""
    random = np.random.default_rng(seed)
    z = random.normal(-1, 1, n_rows)
    labels = (random.random(n_rows) < expit(z)).astype(int)
    return labels, {"old": expit(z + random.normal(0, 0.6, n_rows)), "new": expit(z + random.normal(0, 0.2, n_rows))}


def differences(labels, of):
    losses = {}
    for name, p in of.items():
        losses[name] = np.empty(len(labels))
        soft_surprisals(labels.astype(float), p, None, None, losses[name])
    return losses["old"] - losses["new"]


@pytest.fixture(scope="module")
def pilot():
    return logloss.compare(*forecasts(4000))


# The formula.


@pytest.mark.parametrize("effect", [0.8, 0.3, 0.05, 0.001])
@pytest.mark.parametrize("power", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_the_rows_of_a_plan_are_those_of_the_t_test(effect, power, alpha):
    """Within a row of the exact power, and more than the normal test needs by what t needs; both of statsmodels."""
    found = logloss.plan(std=1.0, difference=effect, power=power, confidence=1 - alpha)
    # To show the wrong forecast as the better one is no power: one tail.
    requested = {"effect_size": effect, "alpha": alpha / 2, "power": power, "alternative": "larger"}
    exact = TTestPower().solve_power(**requested)
    assert -1 < found.rows_needed - exact < 2
    # ratio=0: one sample; its formula has no term for Student's t.
    normal = NormalIndPower(ddof=0).solve_power(**requested, ratio=0)
    assert found.rows_needed - normal == pytest.approx(scipy.stats.norm.ppf(1 - alpha / 2) ** 2 / 2, abs=1.01)


def test_a_margin_is_one_sided():
    """Half of 5 %: the lower end of the same interval."""
    found = logloss.plan(std=1.0, margin=0.1)
    exact = TTestPower().solve_power(effect_size=0.1, alpha=0.025, power=0.8, alternative="larger")
    assert -1 < found.rows_needed - exact < 2
    assert "lies above −margin: a one-sided test at 2.5%" in repr(found)
    # The assumed difference changes the distance from the null value.
    assert (
        logloss.plan(std=1.0, margin=0.1, difference=-0.05).rows_needed
        == logloss.plan(std=1.0, difference=0.05).rows_needed
    )


def test_rows_difference_and_power_are_one_formula_read_three_ways():
    design, spread = Design(0.98, 0.9), Spread(0.3, 12.5)
    rows = design.rows(0.01, spread)
    assert design.detectable_difference(spread, rows) == pytest.approx(0.01, rel=1e-12)
    assert design.power_of(0.01, spread, rows) == pytest.approx(0.9, rel=1e-12)


def test_too_few_rows_show_nothing():
    assert Design().detectable_difference(Spread(1.0), 1) == math.inf
    assert Design().power_of(9.0, Spread(1.0), 1) == 0.0
    assert repr(logloss.plan(std=0.1, n_rows=1)).startswith("1 row: too few to detect any difference.")


def test_pairs_at_once_take_more_rows():
    three = logloss.plan(std=0.1, difference=0.01, n_pairs=3)
    alone = logloss.plan(std=0.1, difference=0.01, confidence=simultaneous_level(3))
    assert three.rows_needed == alone.rows_needed > logloss.plan(std=0.1, difference=0.01).rows_needed
    assert "each of 3 pairs, simultaneously (Šidák)" in repr(three)


def test_rows_that_there_are():
    found = logloss.plan(std=0.1, n_rows=1000, difference=0.005)
    exact = TTestPower()
    assert found.achieved_power == pytest.approx(exact.power(0.05, 1000, 0.05), abs=1e-3)
    assert found.detectable_difference == pytest.approx(
        0.1 * exact.solve_power(nobs=1000, alpha=0.05, power=0.8), rel=1e-3
    )
    assert logloss.plan(std=0.1, n_rows=1000).rows_needed is None


@pytest.mark.slow
@pytest.mark.parametrize("base_rate", [0.5, 0.02])
def test_the_power_is_the_nominal_one(base_rate):
    """400 samples of as many rows as `forecasts` and `difference` plan for: 80 % within 3 points, once in 10^6 seeds."""
    random = np.random.default_rng(SEED)

    def drawn(n_rows):
        z = math.log(base_rate / (1 - base_rate)) + random.normal(0, 0.7, n_rows)
        return z, {"old": expit(z + 0.5), "new": expit(z)}

    planned = logloss.plan(forecasts=drawn(400_000)[1])
    n_shown = 0
    for _ in range(400):
        z, of = drawn(planned.rows_needed)
        d = differences((random.random(len(z)) < expit(z)).astype(int), of)
        n_shown += scipy.stats.ttest_1samp(d, 0).pvalue < 0.05 and d.mean() > 0
    assert binom.ppf(1e-6, 400, 0.77) <= n_shown <= binom.isf(1e-6, 400, 0.83)


# A pilot.


def test_a_pilot_has_the_figures_of_compare(pilot):
    found = logloss.plan(pilot)
    assert found.rows_needed == pilot.pair.rows_needed
    assert logloss.plan(pilot, n_rows=4000).detectable_difference == pytest.approx(
        pilot.pair.detectable_difference, rel=1e-12
    )
    d = differences(*forecasts(4000))
    assert found.std == pytest.approx(d.std(ddof=1), rel=1e-9)
    assert (found.difference_source, found.difference) == ("pilot", float(pilot.delta))


def test_the_difference_of_a_pilot_is_not_taken_for_the_true_one(pilot):
    found = logloss.plan(pilot)
    assert "an estimate, not the true value" in repr(found)
    low, high = (logloss.plan(pilot, difference=end).rows_needed for end in (pilot.delta.low, pilot.delta.high))
    assert (found.rows_needed_if_low, found.rows_needed_if_high) == (low, high)
    # Power of the difference that was found says no more than its p-value does.
    assert math.isnan(logloss.plan(pilot, n_rows=9000).achieved_power)
    few = logloss.compare(*forecasts(120))
    assert few.delta.low < 0 < few.delta
    assert "no number at its lower end" in repr(logloss.plan(few))


def test_how_uncertain_the_pilot_is_is_shown(pilot):
    """The upper 95 % limit of a standard deviation with as many degrees of freedom as there are positives."""
    n_positive = forecasts(4000)[0].sum()
    limit = math.sqrt(n_positive / scipy.stats.chi2.ppf(0.05, n_positive))
    found = logloss.plan(pilot, difference=0.003)
    upper = logloss.plan(std=found.std * limit, difference=0.003)
    assert abs(found.rows_needed_high - upper.rows_needed) <= 1
    small = logloss.plan(logloss.compare(*forecasts(120)), difference=0.003)
    assert small.rows_needed_high > 1.2 * small.rows_needed
    assert any("120 rows (below 500)" in each for each in small.cautions)


def test_a_saved_pilot_is_as_good(pilot, tmp_path):
    pilot.save(tmp_path / "pilot.json")
    assert logloss.plan(logloss.load(tmp_path / "pilot.json")).to_dict() == logloss.plan(pilot).to_dict()


def test_clusters_count_as_they_do_in_the_pilot():
    """Rows that stand ten times are worth a tenth."""
    labels, of = forecasts(500)
    alone = logloss.plan(logloss.compare(labels, of), difference=0.01)
    tenfold = {name: np.repeat(p, 10) for name, p in of.items()}
    together = logloss.plan(
        logloss.compare(np.repeat(labels, 10), tenfold, cluster=np.repeat(np.arange(500), 10)), difference=0.01
    )
    assert together.design_effect == pytest.approx(10)
    page = together.to_html()
    assert "The number of rows is n times the design effect, 10.0; the listed standard deviation is σ times its" in page
    std, factor = together.spread.std, sum(NormalDist().inv_cdf(each) for each in (0.975, 0.8))
    independent = (factor * std / 0.01) ** 2 + NormalDist().inv_cdf(0.975) ** 2 / 2
    assert together.rows_needed == math.ceil(independent * together.design_effect)
    # The jackknife of 500 equal clusters is a factor of G / (G − 1) away.
    assert together.rows_needed == pytest.approx(10 * alone.rows_needed * 500 / 499, rel=1e-3)


def test_autocorrelation_counts_where_it_is_significant():
    random = np.random.default_rng(SEED)
    day, z = np.repeat(np.arange(200), 50), random.normal(0, 1, 10_000)
    shock = np.repeat(random.normal(0, 0.8, 200), 50)
    labels = (random.random(10_000) < expit(z + shock)).astype(int)
    of = {"old": expit(z), "new": expit(z + 0.3)}
    plain, ordered = logloss.compare(labels, of), logloss.compare(labels, of, order=day)
    ratio = (logloss.plan(ordered, difference=0.01).std / logloss.plan(plain, difference=0.01).std) ** 2
    sequential = ordered.pair.sequential
    error = (sequential.autocorrelation_robust.high - sequential.autocorrelation_robust) / scipy.stats.t.ppf(
        0.975, sequential.n_cosines
    )
    assert ratio == pytest.approx((error / plain.pair.standard_error) ** 2, rel=1e-6)
    assert ratio > 1.5
    assert logloss.plan(ordered).rows_needed == ordered.pair.rows_needed > plain.pair.rows_needed
    few = "with fewer than 10 independent observations (clusters or effective periods) intervals may be too narrow"
    assert any(each.startswith(few) for each in logloss.plan(ordered, n_rows=100).cautions)
    assert logloss.plan(ordered, n_rows=10_000).detectable_difference == pytest.approx(
        ordered.pair.detectable_difference, rel=1e-9
    )


def test_another_pair_of_the_pilot():
    labels, of = forecasts(2000)
    three = logloss.compare(labels, of | {"half": np.full(2000, 0.5)})
    found = logloss.plan(three, pair=("half", "old"))
    assert found.difference == float(three.between("old", "half").delta)
    assert found.rows_needed == three.between("old", "half").rows_needed
    assert found.n_pairs == 3
    with pytest.raises(DataError, match=r"`pair` must name two forecasters of the pilot \(.*\); got old, old"):
        logloss.plan(three, pair=("old", "old"))


# Forecasts alone.


def test_forecasts_without_outcomes_expect_what_outcomes_show():
    """Beside 200 draws of labels: mean and variance within 5 errors of the simulation."""
    _, of = forecasts(3000)
    found = logloss.plan(forecasts=of)
    random = np.random.default_rng(SEED)
    for row, share in zip(found.scenarios, (0.0, 0.5, 1.0), strict=True):
        true = (1 - share) * of["old"] + share * of["new"]
        d = np.concatenate([differences((random.random(3000) < true).astype(int), of) for _ in range(200)])
        assert row["difference_nats"] == pytest.approx(d.mean(), abs=5 * d.std() / math.sqrt(len(d)))
        error = math.sqrt(float(((d - d.mean()) ** 2).var()) / len(d)) / (2 * d.std())
        assert row["std_nats"] == pytest.approx(d.std(), abs=5 * error)
    assert found.scenarios["difference_nats"][0] < 0 < found.scenarios["difference_nats"][2]
    assert found.difference == found.scenarios["difference_nats"][2]
    # A requested difference may come with any true probabilities: the largest standard deviation is planned for.
    assert logloss.plan(forecasts=of, difference=0.01).std == max(found.scenarios["std_nats"])


def test_few_rows_of_the_rarer_class_are_a_caution():
    """Ten positives in a hundred rows: `compare` shows no interval, so that no number of these rows shows anything."""
    for found in (
        logloss.plan(std=0.1, difference=0.02, base_rate=0.1),
        logloss.plan(forecasts={"a": np.full(100, 0.05), "b": np.full(100, 0.1)}, difference=0.05),
        logloss.plan(logloss.compare(*forecasts(400)), difference=0.1),
    ):
        assert sum("of the rarer class are expected: below 50 the power" in each for each in found.cautions) == 1
    cautions = logloss.plan(std=0.1, difference=0.02, base_rate=0.1).cautions
    assert cautions[1].startswith("about 20 rows of the rarer class are expected")
    assert logloss.plan(std=0.1, difference=0.005, base_rate=0.1).cautions == ()


# What is made of it.


def test_the_curve_passes_through_the_requested_power(pilot):
    for found in (logloss.plan(pilot), logloss.plan(std=0.1, margin=0.004, n_rows=3000)):
        shown = logloss.drawing(found)
        curve = shown.table("curve")
        assert np.interp(found.rows_needed, curve["rows"], curve["power"]) == pytest.approx(0.8, abs=2e-3)
        assert sorted(curve["power"]) == curve["power"]
    assert "n_rows" in shown.figures
    assert "rows needed, conservative" in repr(logloss.plan(pilot))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"std": 0.1, "n_rows": 1000}, "no difference to plan for was given (`difference=`)"),
        ({"std": 0.1, "difference": 1e-200}, "no number of rows reaches this power"),
    ],
)
def test_a_curve_that_cannot_be_drawn_has_its_reason(options, reason):
    found = logloss.plan(**options)
    assert (found.std_source, found.to_dict()["std_source"]) == ("assumed", "assumed")
    drawing = logloss.drawing(found)
    assert (drawing.reason, drawing.sentence) == (reason, f"Not available: {reason}.")


def test_a_scenario_that_no_number_of_rows_shows_is_not_attainable():
    found = logloss.plan(forecasts={"a": [0.25], "b": [0.75]})
    assert [rows is None for rows in found.scenarios["rows_needed"]] == [False, True, False]
    assert re.search(r"^the mean of both .*   not attainable$", repr(found), re.M)


@pytest.mark.parametrize(
    "options",
    [
        {"std": 0.1, "difference": 0.01},
        {"std": 0.1, "margin": 0.01, "difference": 0.001, "n_rows": 20},
        {"std": 0.1, "n_rows": 1},
        {"std": 0.1, "difference": 1e-200},
        {"std": 1e-9, "margin": 1.0, "power": 0.01},
        {"forecasts": {"a": [0.5, 0.5], "b": [0.4, 0.7]}},
    ],
)
def test_every_plan_has_its_words_figures_and_page(options, tmp_path):
    found = logloss.plan(**options)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False)) == found.to_dict()
    for text in (repr(found), found._repr_html_(), found.to_html()):
        assert "nan" not in text
        assert "None" not in text
    found.save(tmp_path / "plan.json")
    assert repr(logloss.load(tmp_path / "plan.json")) == repr(found)


# Bad input.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "one of `pilot`, `std` and `forecasts`"),
        ({"std": 0.1, "forecasts": {}}, "one of `pilot`, `std` and `forecasts`"),
        ({"std": 0.1}, "give the smallest `difference` worth detecting"),
        ({"std": 0.0, "difference": 0.1}, "`std` must be a number above 0; got 0"),
        ({"std": math.inf, "difference": 0.1}, "`std` must be a number above 0; got inf"),
        ({"std": math.nan, "difference": 0.1}, "`std` must be a number above 0; got nan"),
        ({"std": "1", "difference": 0.1}, '`std` must be a number above 0; got "1"'),
        ({"std": 0.1, "difference": 0.0}, "`difference` must be above 0"),
        ({"std": 0.1, "difference": -1.0}, "`difference` must be above 0"),
        ({"std": 0.1, "margin": 0.0}, "`margin` must be a number above 0; got 0"),
        ({"std": 0.1, "margin": 0.01, "difference": -0.02}, "is not within a `margin` of 0.01"),
        ({"std": 0.1, "difference": 0.1, "base_rate": 0}, "`base_rate` must be a number between 0 and 1; got 0"),
        ({"std": 0.1, "difference": 0.1, "power": 1.0}, "`power` must be a number between 0 and 1; got 1"),
        ({"std": 0.1, "difference": 0.1, "power": 0.0}, "`power` must be a number between 0 and 1; got 0"),
        ({"std": 0.1, "difference": 0.1, "confidence": 95}, "`confidence` must be a number between 0 and 1; got 95"),
        ({"std": 0.1, "difference": 0.1, "n_rows": 0}, "`n_rows` must be a whole number above 0; got 0"),
        ({"std": 0.1, "difference": 0.1, "n_pairs": 1.5}, "`n_pairs` must be a whole number above 0; got 1.5"),
        ({"std": 0.1, "difference": 0.1, "pair": ("a", "b")}, "`pair` names two forecasters of a `pilot`"),
        ({"pilot": 3}, "`pilot` must be what `compare` gives"),
        ({"pilot": logloss.measure([1, 0], [0.5, 0.5])}, "`pilot` must be what `compare` gives"),
        ({"forecasts": {"a": [0.5]}}, "a dict of two arrays"),
        ({"forecasts": {"a": [0.5], "b": [0.5, 0.6]}}, "two arrays of one length"),
        ({"forecasts": {"a": [], "b": []}}, "two arrays of one length"),
        (
            {"forecasts": {"a": [0.5, 0.5], "b": [0.5, 1.0]}},
            'the probabilities of "b" must lie strictly between 0 and 1',
        ),
        ({"forecasts": {"a": [0.5], "b": ["x"]}}, 'the probabilities of "b" must be numbers'),
        ({"forecasts": {"a": [0.5, 0.4], "b": [0.5, 0.4]}}, "the same in every row"),
    ],
)
def test_what_cannot_be_planned_is_refused_by_its_words(options, words):
    with pytest.raises(DataError, match=words.replace("(", r"\(")):
        logloss.plan(**options)


def test_pilots_without_a_standard_error_are_refused_by_their_words():
    labels, of = forecasts(100)
    wrong = of["old"].copy()
    wrong[0] = 1.0 - labels[0]
    for pair, words in (
        ({"a": of["old"], "b": of["old"]}, "have the same loss in every row"),
        ({"a": of["old"], "b": wrong}, "the difference of the pilot is infinite"),
        ({"a": wrong, "b": wrong * 1.0}, "have the same loss in every row|infinite"),
    ):
        with pytest.raises(DataError, match=words):
            logloss.plan(logloss.compare(labels, pair))
    few = logloss.compare(labels[:10], {name: p[:10] for name, p in of.items()})
    with pytest.raises(DataError, match=r"no standard error \(too few positives \(4\)\)"):
        logloss.plan(few)


def test_a_saved_pilot_whose_figures_were_changed_is_refused(pilot, tmp_path):
    from logloss.files.saved_answer import SavedAnswer

    figures = pilot.to_dict()
    for name, value in (("n_rows", None), ("pairs", 3), ("n_forecasts", "two"), ("n_rows", "x")):
        with pytest.raises(DataError, match="lacks a figure, or one is no number"):
            logloss.plan(SavedAnswer("comparison", "", figures | {name: value}), pair=("old", "new"))
