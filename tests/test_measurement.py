"""What a measurement reports: every figure recomputed plainly, its intervals, its ends of the scale, and its words."""

from __future__ import annotations

import importlib.util
import json
import math
import pickle
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import ulps_apart
from scipy import stats
from strategies import Table, random_table, tables

import logloss
from logloss import Estimate, Measurement, log_loss, measure, surprisal
from logloss.answers.estimate import CONFIDENCE, Z, student_quantile, untransformed
from logloss.inference.moments import FEWEST_OF_RARER_CLASS, moments_of
from logloss.inference.score_table import score_table_of

TEN_POINTS = json.loads((Path(__file__).parent / "known_values" / "ten_points.json").read_text(encoding="utf-8"))
SEED = 41
LN2 = math.log(2)
KINDS = ("hard", "hard logits", "soft", "weighted", "soft weighted", "counts", "soft counts")
ESTIMATES = ("log_loss", "uncertainty", "skill", "base_rate", "brier")
PLAIN = ("mean_proba", "expected_log_loss", "log_loss_minus_expected", "expected_z", "log_loss_where_finite", "ratio")


def measured(table: Table) -> Measurement:
    return measure(table.y_true, **table.arguments)


def figures(m: Measurement, *, intervals: bool = True) -> dict[str, float]:
    """Every number that is reported, with the ends of its interval."""
    found = {name: float(getattr(m, name)) for name in (*ESTIMATES, *PLAIN)}
    if intervals:
        found |= {f"{name}.{end}": getattr(getattr(m, name), end) for name in ESTIMATES for end in ("low", "high")}
    return found


def assert_figures(a: dict[str, float], b: dict[str, float], rel: float = 0.0) -> None:
    """The same figures, all of them, to a relative tolerance of figures of order one."""
    assert a.keys() == b.keys()
    different = {
        name: (a[name], b[name])
        for name in a
        if not (a[name] == b[name] or (math.isnan(a[name]) and math.isnan(b[name])))
        and not abs(a[name] - b[name]) <= rel * max(1.0, abs(b[name]))
    }
    assert different == {}


# Recomputed plainly, with NumPy's floats.


def plainly(table: Table) -> dict[str, float]:
    """By the definitions, one float64 array after the other; counts are rows repeated."""
    if table.counts is not None:
        table = Table(**{**vars(table.take(np.repeat(np.arange(table.n_rows), table.counts))), "counts": None})
    y = np.asarray(table.y_true, dtype=float)
    p = table.y_proba if table.y_logit is None else 1 / (1 + np.exp(-table.y_logit))
    z = np.log(p) - np.log1p(-p)
    w = np.ones(len(y)) if table.sample_weight is None else table.sample_weight
    n, total = len(y), w.sum()
    loss = -(y * np.log(p) + (1 - y) * np.log1p(-p))
    brier = y * (1 - p) ** 2 + (1 - y) * p**2
    entropy = -(p * np.log(p) + (1 - p) * np.log1p(-p))
    mean = {"log_loss": loss, "base_rate": y, "brier": brier, "mean_proba": p, "expected_log_loss": entropy}
    found = {name: float((w * x).sum() / total) for name, x in mean.items()}
    rate, s = found["base_rate"], found["log_loss"]
    found["uncertainty"] = -(rate * math.log(rate) + (1 - rate) * math.log1p(-rate))
    found["skill"] = 1 - s / found["uncertainty"]
    found["log_loss_minus_expected"] = s - found["expected_log_loss"]
    found["log_loss_where_finite"] = s
    found["ratio"] = found["mean_proba"] / rate
    is_soft = not np.isin(y, (0, 1)).all()
    spread = math.sqrt((w**2 * p * (1 - p) * z**2).sum()) / total
    found["expected_z"] = math.nan if is_soft else found["log_loss_minus_expected"] / spread

    # The jackknife's 1 − w/W for each row, on average over the squares of the weights; (n − 1)/n of equal ones.
    leverage = (w**3).sum() / (total * (w**2).sum())
    inflation = (1 - 1 / n) / (1 - leverage) ** 2
    # Against SciPy in test_estimate.py.
    half = student_quantile(float(total**2 / (w**2).sum()) - 1)

    # Hall (1992): T = (mean − μ) / SE, x = T + λT²/3 + λ²T³/27 + λ/6 is standard normal; solved for T by its root.
    d = w * (loss - s)
    error = math.sqrt((d**2).sum() * inflation) / total
    skew = (d**3).sum() / (d**2).sum() ** 1.5

    def inverted(x: float) -> float:
        roots = np.roots([skew**2 / 27, skew / 3, 1, skew / 6 - x])
        return float(roots[np.abs(roots.imag).argmin()].real)

    is_weighted = len(np.unique(w)) > 1
    ends = [half, -half] if is_weighted else [inverted(1.959963984540054), inverted(-1.959963984540054)]
    found["log_loss.low"], found["log_loss.high"] = max(0.0, s - error * ends[0]), s - error * ends[1]

    def error_of(influence: np.ndarray) -> float:
        return math.sqrt((influence**2).sum() * inflation) / total

    of_brier = half * error_of(w * (brier - found["brier"]))
    found["brier.low"], found["brier.high"] = max(found["brier"] - of_brier, 0), min(found["brier"] + of_brier, 1)
    slope = math.log((1 - rate) / rate)
    u = found["uncertainty"]
    of_skill = half * error_of(w * (-(loss - s) / u + s * slope * (y - rate) / u**2))
    found["skill.low"], found["skill.high"] = found["skill"] - of_skill, min(found["skill"] + of_skill, 1)
    of_rate = half * error_of(w * (y - rate)) / (rate * (1 - rate))
    found["base_rate.low"] = 1 / (1 + math.exp(of_rate + slope))
    found["base_rate.high"] = 1 / (1 + math.exp(-of_rate + slope))
    rates = found["base_rate.low"], found["base_rate.high"]
    ends = [-(r * math.log(r) + (1 - r) * math.log1p(-r)) for r in rates]
    found["uncertainty.low"] = min(ends)
    found["uncertainty.high"] = LN2 if rates[0] <= 0.5 <= rates[1] else max(ends)
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_rows", [200, 3_000])
def test_every_figure_is_what_its_definition_says(kind, n_rows):
    """Sums of 3,000 rounded terms, quotients and differences of them: 3,000·2^-53 times a few is below 1e-11."""
    table = random_table(SEED + n_rows, n_rows, kind)
    assert_figures(plainly(table), figures(measured(table)), rel=1e-11)


def test_the_ten_points_are_met():
    """The two fits of the lesson, from their coefficients."""
    x, y = np.array(TEN_POINTS["x"]), np.array(TEN_POINTS["y"])
    for fit in TEN_POINTS["fits"]:
        z = fit["intercept"] + fit["slope"] * x
        m = measure(y, y_logit=z)
        # The file has 15 digits, the coefficients 16, the logits are rounded: 1e-14.
        assert m.log_loss == pytest.approx(fit["log_loss"], abs=1e-14)
        assert m.expected_log_loss == pytest.approx(fit["expected"], abs=1e-14)
        assert m.skill == pytest.approx(fit["skill"], abs=5e-14)
        assert m.uncertainty == pytest.approx(TEN_POINTS["uncertainty"], abs=1e-14)
        losses = surprisal(y, y_logit=z)
        assert np.std(losses, ddof=1) / math.sqrt(10) == pytest.approx(fit["standard_error"], abs=1e-14)
        assert standard_error(m, y, z) == pytest.approx(fit["standard_error"], abs=1e-14)


def standard_error(m: Measurement, y, z) -> float:
    """The standard error that the summary of these rows knows."""
    from logloss.onepass.summaries import LossSummary

    summary = LossSummary.of(Table(y.astype(np.uint8), y_logit=z).block())
    moments = moments_of(summary, score_table_of(summary.scores))
    assert moments.quotient("c") == m.log_loss
    return math.sqrt(moments.covariance("c", "c", "cc"))


def test_the_ten_points_are_underconfident():
    """The penalised fit: gap −.0945, z −.603; at the maximum of the likelihood the gap is 0."""
    x, y = np.array(TEN_POINTS["x"]), np.array(TEN_POINTS["y"])
    penalised, likeliest = (measure(y, y_logit=f["intercept"] + f["slope"] * x) for f in TEN_POINTS["fits"])
    assert penalised.log_loss_minus_expected == pytest.approx(-0.094466, abs=1e-6)
    assert penalised.expected_z == pytest.approx(-0.603, abs=1e-3)
    assert abs(likeliest.log_loss_minus_expected) < 1e-14


# Laws of what is reported.


@settings(max_examples=40)
@given(tables(("hard", "hard logits", "soft", "weighted", "soft weighted"), min_rows=1), st.integers(1, 5))
def test_counts_are_the_row_repeated_in_every_figure_and_interval(table, k):
    if table.sample_weight is not None and not table.sample_weight.any():
        return
    counted = Table(**{**vars(table), "counts": np.full(table.n_rows, k)})
    repeated = table.take(np.repeat(np.arange(table.n_rows), k))
    assert_figures(figures(measured(counted)), figures(measured(repeated)))


def test_large_counts_are_the_row_repeated_with_its_intervals():
    table = random_table(SEED, 400, "counts")
    repeated = table.take(np.repeat(np.arange(400), table.counts))
    repeated = Table(repeated.y_true, repeated.y_proba)
    assert measured(repeated).log_loss.has_interval
    assert_figures(figures(measured(table)), figures(measured(repeated)))


def test_weight_two_is_the_row_twice_in_every_estimate_and_one_row_in_every_interval():
    table = random_table(SEED, 300)
    twice = Table(table.y_true, table.y_proba, sample_weight=np.full(300, 2.0))
    repeated = table.take(np.repeat(np.arange(300), 2))
    estimates, of_twice = (figures(measured(each), intervals=False) for each in (repeated, twice))
    for found in (estimates, of_twice):
        del found["expected_z"]  # a test, in which a row is one observation
    assert_figures(estimates, of_twice)
    assert_figures(figures(measured(twice)), figures(measured(table)))
    assert measured(repeated).log_loss.high < measured(table).log_loss.high


@pytest.mark.parametrize("power", [-900, -60, 1, 60, 900])
@pytest.mark.parametrize("kind", ["weighted", "soft weighted"])
def test_weights_times_a_power_of_two_change_no_bit_of_any_figure(kind, power):
    table = random_table(SEED, 300, kind)
    scaled = Table(table.y_true, table.y_proba, sample_weight=np.ldexp(table.sample_weight, power))
    assert_figures(figures(measured(scaled)), figures(measured(table)))


def test_weights_times_a_thousandth_change_no_digit_that_matters():
    """Each weight is rounded: 2^-53 of it, and a figure moves by no more; a skewness by three times that."""
    table = random_table(SEED, 300, "weighted")
    scaled = Table(table.y_true, table.y_proba, sample_weight=table.sample_weight * 1e-3)
    assert_figures(figures(measured(scaled)), figures(measured(table)), rel=1e-14)


@pytest.mark.parametrize("weight", [2.0**-100, 2.0**-700, 5e-324, 1.0, 2.0**900])
def test_small_probabilities_survive_every_weight(weight):
    """A weighted probability of 5e-324 is no float; its mean is."""
    for y in (0, 1, 0.5):
        found = measure([y, y], [5e-324, 5e-324], sample_weight=[weight, weight])
        plain = measure([y, y], [5e-324, 5e-324])
        assert found.mean_proba == plain.mean_proba == 5e-324
        assert found.expected_log_loss == plain.expected_log_loss
        # Of shares there is no such test.
        assert math.isnan(plain.expected_z) == (y == 0.5)
        assert [found.expected_z] == pytest.approx([plain.expected_z], rel=0, abs=0, nan_ok=True)


def test_orders_change_no_bit_of_any_figure():
    rng = np.random.default_rng(SEED)
    for kind in KINDS:
        table = random_table(SEED, 500, kind)
        assert_figures(figures(measured(table.take(rng.permutation(500)))), figures(measured(table)))


def test_swapping_the_classes_changes_only_what_it_must():
    table = random_table(SEED, 500, "hard logits")
    swapped = Table(1 - table.y_true, y_logit=-table.y_logit)
    a, b = figures(measured(table)), figures(measured(swapped))
    mirrored = ("base_rate", "mean_proba", "base_rate.low", "base_rate.high", "ratio")
    assert b["base_rate"] == pytest.approx(1 - a["base_rate"], abs=1e-15)
    assert b["base_rate.low"] == pytest.approx(1 - a["base_rate.high"], abs=1e-14)
    kept = [name for name in a if name not in mirrored]
    # Probabilities from logits are rounded once more where they are large: 2^-53 of a mean of order one.
    assert_figures({name: a[name] for name in kept}, {name: b[name] for name in kept}, rel=1e-13)


@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_probabilities_and_their_logits_are_measured_alike(kind):
    table = random_table(SEED, 500, kind)
    z = np.log(table.y_proba) - np.log1p(-table.y_proba)
    # Logits below 10 are rounded to 2^-50, and so are losses and all that is made of them.
    by_logit = figures(measure(table.y_true, y_logit=z))
    assert_figures(by_logit, figures(measured(table)), rel=1e-12)


# Intervals.


def test_a_constant_forecaster_of_coins_has_no_variance():
    """p = ½, half positives: each row costs ln 2, and the interval is that point. Floats find −1.4e-12 for a variance."""
    m = measure([1, 0] * 50, [0.5] * 100)
    assert float(m.log_loss) == m.log_loss.low == m.log_loss.high == LN2
    assert (m.brier.low, float(m.brier), m.brier.high) == (0.25, 0.25, 0.25)
    assert math.isnan(m.expected_z)
    assert m.expected_z_reason == "the loss has zero variance under the predictions"


def test_equal_losses_have_no_variance_whatever_the_weights():
    w = np.random.default_rng(SEED).gamma(1, 1, 100)
    m = measure([1] * 50 + [0] * 50, [0.3] * 50 + [0.7] * 50, sample_weight=w)
    losses = surprisal([1, 0], [0.3, 0.7])
    # 0.7 and 1 − 0.3 differ by a rounding, and so do their losses: the interval is as narrow as that.
    assert m.log_loss.high - m.log_loss.low <= 10 * abs(losses[0] - losses[1])


def test_a_spread_of_a_billionth_has_the_right_variance():
    """Losses that agree in nine digits: the mean square minus the squared mean is noise (1.5 to 2.7 times wrong)."""
    rng = np.random.default_rng(SEED)
    p = 0.5 + rng.uniform(-1e-9, 1e-9, 1_000)
    y = rng.integers(0, 2, 1_000)
    losses = surprisal(y, p)
    m = measure(y, p)
    deviations = losses - losses[0]
    width = 2 * Z * np.std(deviations, ddof=1) / math.sqrt(1_000)
    # The ends are floats near ln 2, 2^-53 apart: of a width of 7e-11 that is 3e-6.
    assert m.log_loss.high - m.log_loss.low == pytest.approx(width, rel=1e-4)


def test_an_interval_is_never_below_zero():
    """Many tiny losses and some large ones: a symmetric interval would reach below."""
    p = np.array([1e-6] * 30 + [1 - 1e-6] * 30)
    y = np.array([0] * 30 + [1] * 28 + [0] * 2)
    m = measure(y, p)
    losses = surprisal(y, p)
    assert losses.mean() - Z * losses.std(ddof=1) / math.sqrt(60) < 0
    assert 0 <= m.log_loss.low < m.log_loss < m.log_loss.high
    assert m.brier.low == 0


def test_the_interval_of_skewed_losses_reaches_further_up_than_down():
    m = measured(random_table(SEED, 500))
    assert m.log_loss.high - m.log_loss > m.log_loss - m.log_loss.low


@given(st.floats(-8, 8), st.floats(-30, 30))
def test_halls_transformation_is_inverted(x, skewness):
    """T + λT²/3 + λ²T³/27 + λ/6 = x, relative to the largest of its terms."""
    t = untransformed(x, skewness)
    terms = (t, skewness * t * t / 3, skewness**2 * t**3 / 27, skewness / 6)
    # (1 + λT/3)³ is what is solved: its digits, a few roundings of the largest term.
    assert abs(math.fsum(terms) - x) <= 1e-8 * max(1.0, *map(abs, terms))


@pytest.mark.parametrize(("n_positive", "n_zeros", "reason"), [
    (19, 500, "too few positives (19)"),
    (500, 19, "too few negatives (19)"),
    (0, 40, "too few positives (0)"),
    (5, 5, "too few positives (5)"),
    (20, 20, ""),
])  # fmt: skip
def test_few_rows_of_a_class_have_no_interval_of_the_loss_and_say_why(n_positive, n_zeros, reason):
    rng = np.random.default_rng(SEED)
    m = measure([1] * n_positive + [0] * n_zeros, rng.uniform(0.1, 0.9, n_positive + n_zeros))
    assert FEWEST_OF_RARER_CLASS == 20
    for estimate in (m.log_loss, m.brier):
        assert estimate.reason == reason
        assert estimate.has_interval == (not reason)
    if reason:
        assert reason in repr(m)


def test_one_row_has_no_interval():
    m = measure([1], [0.8])
    assert (m.log_loss.reason, m.base_rate.reason, m.uncertainty.reason) == ("one row", "one row", "one class")
    assert all(math.isnan(getattr(m, name).low) for name in ESTIMATES)
    assert m.skill.reason.startswith("one class")


def test_a_row_counted_often_is_not_one_row():
    assert measure([1], [0.8], counts=[30]).log_loss.reason == "too few negatives (0)"


def test_intervals_hold_their_estimates():
    for kind in KINDS:
        m = measured(random_table(SEED, 2_000, kind))
        for name in ESTIMATES:
            estimate = getattr(m, name)
            assert estimate.low <= estimate <= estimate.high, (kind, name)


@pytest.mark.slow
@pytest.mark.parametrize(("n_rows", "base_rate"), [(200, 0.5), (200, 0.15), (2_000, 0.5), (2_000, 0.1)])
def test_intervals_of_skewed_losses_cover(n_rows, base_rate, capsys):
    """400 samples of an overconfident forecaster, whose losses are strongly skewed; their mean is known by integration.

    Promised are 94–96 % where the rarer class has 50 rows, 92 % at 20; 400 samples give that ± 1.1 %, so that three
    standard errors below 92 % and above 98 % are the bounds.
    """
    rng = np.random.default_rng(SEED)
    shift = stats.norm.isf(base_rate) * 1.35

    def draw(n: int):
        truth = 1 / (1 + np.exp(-rng.normal(-shift, 0.9, n)))
        z = 1.4 * np.log(truth / (1 - truth))
        return truth, z

    truth, z = draw(2_000_000)
    expected = float(np.mean(truth * np.logaddexp(0, -z) + (1 - truth) * np.logaddexp(0, z)))
    covered = n_samples = 0
    for _ in range(400):
        truth, z = draw(n_rows)
        loss = measure((rng.random(n_rows) < truth).astype(np.uint8), y_logit=z).log_loss
        if loss.has_interval:
            n_samples += 1
            covered += loss.low <= expected <= loss.high
    with capsys.disabled():
        print(f"\n  n={n_rows}, base rate about {base_rate}: {covered / n_samples:.3f} of {n_samples} intervals cover")
    assert n_samples > 300
    margin = 3 * math.sqrt(0.95 * 0.05 / n_samples)
    assert 0.92 - margin <= covered / n_samples <= 0.95 + margin


# Ends of the scale.


def test_infinity_comes_with_its_rows_and_what_is_left():
    m = measure([1, 0, 0, 0], [1, 1, 0, 0])
    assert (float(m.log_loss), m.n_infinite, m.first_infinite) == (math.inf, 1, "row 1")
    assert (m.log_loss_where_finite, m.log_loss.reason, float(m.skill)) == (0.0, "the log loss is infinite", -math.inf)
    assert (m.log_loss_minus_expected, math.isnan(m.expected_z)) == (math.inf, True)
    message = repr(m)
    assert "1 of 4 rows has probability 0 for the observed class\n  without it" in message
    assert "the first is row 1\n" in message
    many = measure([0, 0, 1, 1, 1], [1.0, 1.0, 1.0, 0.5, 0.0])
    lines = [line.split() for line in repr(many).splitlines()[2:4]]
    assert " ".join(lines[0]) == "log loss inf 3 of 5 rows have probability 0 for the observed class"
    assert " ".join(lines[1]) == "without them 0.3466 the first is row 0"


def test_the_mean_of_the_possible_is_weighted():
    m = measure([1, 1, 0], [0.0, 0.5, 0.75], sample_weight=[5, 1, 3])
    assert m.log_loss_where_finite == pytest.approx((LN2 + 3 * math.log(4)) / 4, abs=1e-15)


def test_nothing_possible_has_no_mean():
    m = measure([1, 1], [0.0, 0.0])
    assert math.isnan(m.log_loss_where_finite)
    assert m.to_dict()["log_loss_where_finite_nats"] is None
    assert "without them not defined the first is row 0" in " ".join(repr(m).split())


def test_one_class_has_no_skill_and_says_so():
    """scikit-learn gives −4.7e14 for p = .9 and 0.0 for p = 1 (scikit-learn#30713, PR#30903)."""
    m = measure([1, 1], [0.9, 0.8])
    assert ulps_apart(float(m.log_loss), 0.16425203348601798) <= 2
    assert (float(m.uncertainty), m.base_rate.reason) == (0.0, "one class")
    assert math.isnan(m.skill)
    assert m.skill.reason == "one class: the baseline is 0"
    assert "not defined" in repr(m)
    zeros = measure([0, 0], [0.9, 0.8])
    assert float(zeros.log_loss) == pytest.approx(1.9560115027140732, abs=1e-15)
    assert math.isnan(zeros.ratio)
    assert "observed 0.0000, no row is positive" in repr(zeros)


def test_one_positive_in_a_billion_has_all_its_digits():
    """From 1 − k/n the uncertainty would have seven."""
    m = measure([1, 0], [0.5, 0.5], counts=[1, 10**9 - 1])
    assert ulps_apart(float(m.uncertainty), logloss.entropy(1e-9)) <= 3
    m = measure([1, 0], [0.5, 0.5], counts=[10**9 - 1, 1])
    assert ulps_apart(float(m.uncertainty), logloss.entropy(1e-9)) <= 3


def test_soft_labels_have_no_z_and_say_so():
    m = measure([0.2, 0.7, 1.0], [0.3, 0.6, 0.9])
    assert math.isnan(m.expected_z)
    assert m.expected_z_reason == "soft labels"
    assert "n_positive" not in m.to_dict()
    assert "soft labels" in repr(m)


def test_the_brier_score_of_a_share_is_that_of_its_rows():
    assert measure([0.25], [0.5]).brier == measure([1, 0], [0.5, 0.5], sample_weight=[1, 3]).brier == 0.25
    assert measure([0.25], [0.2]).brier == pytest.approx(0.25 * 0.64 + 0.75 * 0.04)


def test_a_decomposition_of_four_weighted_rows_is_met():
    """y = 0 1 1 0, p = .1 .9 .3 .7, w = 1 1 1 0 (scikit-learn#4297, #2507; model-diagnostics finds NaN)."""
    m = measure([0, 1, 1, 0], [0.1, 0.9, 0.3, 0.7], sample_weight=[1, 1, 1, 0])
    assert m.log_loss == pytest.approx(0.4715646118805295, abs=1e-15)
    assert m.uncertainty == pytest.approx(0.6365141682948128, abs=1e-15)
    assert m.n_rows == 3


@pytest.mark.parametrize("weight", [1e-308, 1e-310, 1e-200, 1e-100, 1e-30, 1e100, 1e308])
@pytest.mark.parametrize("n_each", [1, 20])
def test_classes_of_very_different_weight_are_measured_without_a_fault(weight, n_each):
    """The rarer class weighs next to nothing: estimates stand in their ranges, and ends of intervals beside them."""
    y = [1] * n_each + [0] * n_each
    m = measure(y, [0.5, 0.4] * n_each, sample_weight=[weight] * n_each + [1.0] * n_each)
    rate = weight / (1 + weight)
    assert m.base_rate == pytest.approx(rate, rel=1e-15)
    assert m.skill <= 1
    for name in ESTIMATES:
        estimate = getattr(m, name)
        if estimate.has_interval:
            assert estimate.low <= estimate <= estimate.high, name
            assert estimate.reason == "", name
        else:
            assert math.isnan(estimate.low), name
            assert math.isnan(estimate.high), name
            assert estimate.reason != "", name
    json.dumps(m.to_dict(), allow_nan=False)


@pytest.mark.parametrize("share", [1e-300, 1e-308, 1e-310, 5e-324])
def test_shares_of_next_to_nothing_are_measured_without_a_fault(share):
    m = measure([share] * 3, [0.5] * 3)
    assert m.base_rate == share
    assert 0 <= m.base_rate.low <= share <= m.base_rate.high <= 1


def test_huge_losses_are_measured():
    """Logits of 1e300 on the wrong side: finite losses whose squares and cubes are no floats."""
    m = measure([0, 1] * 25, y_logit=[1e300, 1.0] * 25)
    assert m.log_loss == pytest.approx(5e299)
    assert m.log_loss.has_interval
    assert m.log_loss.low < m.log_loss < m.log_loss.high


@settings(max_examples=150)
@given(tables(min_rows=1))
def test_anything_that_is_lawful_is_measured(table):
    """Estimates lie where they must, everything can be printed, and becomes strict JSON."""
    present = np.ones(table.n_rows, bool)
    for column in (table.sample_weight, table.counts):
        if column is not None:
            present &= column > 0
    if not present.any():
        return
    m = measured(table)
    assert m.log_loss >= 0
    assert 0 <= m.base_rate <= 1
    assert 0 <= m.uncertainty <= LN2
    assert 0 <= m.brier <= 1
    assert 0 <= m.mean_proba <= 1
    assert 0 <= m.expected_log_loss <= LN2
    assert math.isnan(m.skill) or m.skill <= 1
    assert "log loss" in repr(m)
    json.dumps(m.to_dict(), allow_nan=False)
    assert pickle.loads(pickle.dumps(m)).log_loss == m.log_loss


# Estimates and their doors.


def test_an_estimate_is_a_float_with_its_interval():
    loss = measured(random_table(SEED, 200)).log_loss
    assert isinstance(loss, float)
    assert loss + 0.0 == float(loss)
    assert f"{loss:.3f}" == f"{float(loss):.3f}"
    copy = pickle.loads(pickle.dumps(loss))
    assert (copy, copy.low, copy.high, copy.reason) == (loss, loss.low, loss.high, loss.reason)
    assert not Estimate(1.0, reason="because").has_interval


def test_a_measurement_travels_and_is_frozen():
    m = measured(random_table(SEED, 200))
    copy = pickle.loads(pickle.dumps(m))
    assert copy.to_dict() == m.to_dict()
    with pytest.raises((AttributeError, TypeError)):
        m.n_rows = 3


def test_json_is_strict_and_has_units_in_its_names():
    m = measured(random_table(SEED, 200))
    figures_of = json.loads(json.dumps(m.to_dict(), allow_nan=False))
    assert figures_of["schema"] == 1
    assert figures_of["log_loss_nats"] == m.log_loss
    assert figures_of["log_loss_bits"] == m.log_loss / LN2
    assert figures_of["log_loss_nats_low"] == m.log_loss.low
    assert figures_of["confidence"] == CONFIDENCE == 0.95
    assert figures_of["n_positive"] == m.n_positive


def test_json_writes_infinity_as_text_and_the_undefined_with_its_reason():
    figures_of = measure([1, 0], [0.0, 0.5]).to_dict()
    assert figures_of["log_loss_nats"] == "inf"
    assert figures_of["skill"] == "-inf"
    assert figures_of["log_loss_nats_low"] is None
    assert figures_of["log_loss_nats_low_reason"] == "the log loss is infinite"
    one_class = measure([1], [0.5]).to_dict()
    assert one_class["skill"] is None
    assert one_class["skill_reason"].startswith("one class")
    json.dumps([figures_of, one_class], allow_nan=False)


@pytest.mark.parametrize(("arguments", "words"), [
    ({}, ["2 rows, 50.0% positive (y_true = 1); CIs assume independent rows\n", "0.6931 nats", "(1.0000 bits)"]),
    ({"sample_weight": [2, 1.5]}, ["\nweights sum to 3.50000 · CIs assume independent rows\n"]),
    ({"counts": [2000, 1]}, ["2,001 rows", "counts repeat rows"]),
])  # fmt: skip
def test_the_header_says_what_was_measured(arguments, words):
    message = repr(measure([1, 0], [0.5, 0.5], **arguments))
    assert [each for each in words if each not in message] == []


TEXT = """\
games.csv: 600 rows, 50.0% positive (y_true = 1); CIs assume independent rows

log loss                   0.3985 nats   95% CI 0.3742–0.4238   (0.5750 bits)
baseline                   0.6931        95% CI 0.6899–0.6931   always predicting the base rate, 0.5000
skill score               42.5%          95% CI 38.9–46.1%      1 − log loss / baseline (D², McFadden's pseudo-R²)
AUC                        0.9000        95% CI 0.8743–0.9201   P(a positive row scores above a negative one)

decomposition (isotonic, CORP)
  uncertainty              0.69315                              entropy of the base rate (the baseline)
− discrimination           0.41589                              also called resolution; higher is better
+ miscalibration           0.12128                              p < 0.005; 0.0078 expected if perfectly calibrated
= log loss                 0.39854
  excess discrimination    0.4106        95% CI 0.3841–0.4380   bias-corrected: minus 0.0053, the isotonic fit's overfitting
  excess miscalibration    0.1160        95% CI 0.1056–0.1269   bias-corrected: minus 0.0053, the isotonic fit's overfitting

calibration
  mean predicted           0.5320                               observed 0.5000, ratio 1.064
  slope                    1.980         95% CI 1.770–2.190     1 if calibrated; above 1: underconfident
  intercept               −0.217         95% CI −0.465–0.031    0 if calibrated
  expected loss            0.5104        mean predictive entropy; the observed loss is 0.1118 lower (z = −6.0)

largest losses            row  5   predicted 0.6000, observed 0   0.916 nats
                          row  6   predicted 0.4000, observed 1   0.916
                          row 15   predicted 0.6000, observed 0   0.916
                          the top 10% of rows account for 23% of the loss

by  rows  log loss  95% CI         event rate  predicted  ratio  contribution  miscalibration  expected       p
2    300    0.4399  0.4078–0.4734      0.2000     0.4500   2.25       +0.0207          0.4399    0.0077  <0.005
1    300    0.3572  0.3216–0.3951      0.8000     0.6140   0.77       −0.0207          0.3572    0.0091  <0.005
caution: intervals of 2 groups may be too narrow: few effective rows, or few of the rarer class

contribution: share of the group × (its log loss − log loss of all rows)
expected: mean miscalibration if perfectly calibrated; p: p-value, the probability of as much or more"""


def test_the_text_of_a_measurement():
    """Sections, columns and clauses of a whole table, as they are printed."""
    y, p = [1, 0, 1, 1, 0, 0, 1, 0, 1, 0], [0.9, 0.3, 0.6, 0.8, 0.2, 0.6, 0.4, 0.1, 0.97, 0.45]
    assert repr(measure(y * 60, p * 60, name="games.csv", by=[1, 2] * 300)) == TEXT


@pytest.mark.parametrize("options", [{}, {"cluster": np.arange(300) % 4}, {"by": np.arange(300) % 2}])
@pytest.mark.parametrize("n_positive", [0, 5, 150])
def test_columns_of_intervals_hold_intervals_only(options, n_positive):
    """Reasons stand in clauses: of few positives, of few clusters."""
    from logloss.show.report.of_measurement import main_table
    from logloss.show.words.of_measurement import group_table

    y = np.arange(300) < n_positive
    m = measure(y, np.linspace(0.05, 0.95, 300), **options)
    rows = [row[2] for row in main_table(m)[0]]
    if m.groups is not None:
        head, *lines = group_table(m.groups, m.by, 20)[0]
        rows += [line[head.index("95% CI")] for line in lines]
    assert [cell for cell in rows if not re.fullmatch(r"(−?[\d.]+–−?[\d.]+%?)?|95% CI", cell)] == []
    reasons = [row[3] for row in main_table(m)[0] if "no CI: " in row[3]]
    assert bool(reasons) == (n_positive < 20)


def test_the_positive_class_is_echoed():
    table = {"class": [">50K", "<=50K"], "p": [0.5, 0.5]}
    assert measure(table, y_true="class", y_proba="p", pos_label=">50K").positive == 'class = ">50K"'


def test_confidence_is_judged_in_words():
    rng = np.random.default_rng(SEED)
    truth = rng.uniform(0.05, 0.95, 4_000)
    y = rng.random(4_000) < truth
    z = np.log(truth / (1 - truth))
    assert "below 1: overconfident" in repr(measure(y, y_logit=3 * z))
    assert "above 1: underconfident" in repr(measure(y, y_logit=z / 3))
    assert "consistent with the observed loss" in repr(measure(y, y_logit=z))
    assert "confident" not in repr(measure(y, y_logit=z))


@pytest.mark.parametrize("shift", [-1.0, 1.0])
def test_a_shift_alone_is_neither_over_nor_underconfident(shift):
    """The loss is far from what is expected of the forecasts; their slope is 1."""
    rng = np.random.default_rng(SEED)
    z = rng.normal(-1.0, 1.0, 20_000)
    m = measure(rng.random(20_000) < 1 / (1 + np.exp(-z)), y_logit=z + shift)
    assert abs(m.expected_z) > 10
    for text in (repr(m), m.to_html()):
        assert f"z = {m.expected_z:.1f})".replace("-", "−") in text
        assert "consistent" not in text
        assert "confident" not in text.replace("95 % confidence", "")


def test_the_mean_of_a_measurement_is_log_loss():
    for kind in KINDS:
        table = random_table(SEED, 300, kind)
        assert measured(table).log_loss == log_loss(table.y_true, **table.arguments)


def test_the_normal_quantile_is_right():
    assert pytest.approx(stats.norm.ppf(0.975), rel=1e-15) == Z


@pytest.fixture
def trials(monkeypatch):
    path = Path(__file__).parents[1] / "benchmarks" / "_trials_measures.py"
    spec = importlib.util.spec_from_file_location("_trials_measures", path)
    found = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "_trials_measures", found)
    spec.loader.exec_module(found)
    return found


@pytest.mark.slow
def test_random_tables_are_measured_rightly(trials):
    """A piece of benchmarks/trials.py: labels, forecasts, weights, counts and keys from the ends of every scale."""
    found = trials.run(240, SEED)
    assert (found["silent_differences"], found["undocumented_exceptions"]) == (0, 0), found["failures"]
    assert found["trials"] == 240
    # Most tables can be measured: the trials look at something.
    assert found["refused"] < 24


def test_the_trials_find_what_is_wrong(trials, monkeypatch):
    """A loss that is off by a part in 10^9 is a silent difference, and a ZeroDivisionError an undocumented exception."""
    monkeypatch.setattr(trials, "loss_of", lambda rows: 1e-9 + sum(row[3] for row in rows))
    found = trials.run(8, SEED)
    assert found["silent_differences"] >= 1
    monkeypatch.setattr(trials, "table_of", lambda rng: 1 // 0)
    found = trials.run(8, SEED)
    assert found["undocumented_exceptions"] == 8
    assert "ZeroDivisionError" in found["failures"][0]


@pytest.mark.parametrize("n_rows", [12, 150, 9_000])
def test_calls_side_by_side_have_the_same_bits(n_rows):
    """Whatever else runs, in whatever order the rows come, however often it is asked."""
    rng = np.random.default_rng(n_rows)
    p, w = np.round(rng.random(n_rows), 3), rng.gamma(0.5, 1, n_rows)
    y = (rng.random(n_rows) < p).astype(int)
    orders = [np.arange(n_rows)] * 4 + [rng.permutation(n_rows) for _ in range(4)]

    def figures(order):
        found = measure(y[order], p[order], sample_weight=w[order], by=np.arange(n_rows)[order] % 3).to_dict()
        del found["largest_losses"]
        return json.dumps(found)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(figures, orders))) == 1


def test_a_measurement_merges_with_a_measurement():
    with pytest.raises(logloss.DataError, match="merges with a measurement; got str"):
        logloss.measure([1, 0], [0.8, 0.4]).merge("monday.logloss")
