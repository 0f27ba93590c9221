"""Thresholds, costs and curves of a measurement: against scikit-learn, statsmodels, rows one by one, and populations."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    precision_recall_curve,
    roc_curve,
)
from statsmodels.stats.proportion import proportion_confint
from test_cli import run as run

import logloss
from logloss import DataError, measure
from logloss.show.drawings import kinds
from logloss.show.plot import figure_of

SEED = 20261130
AT = [0.05, 0.25, 0.5, 0.75, 0.9]
# Sums of some thousand terms, divided once or twice.
ROUNDING = 1e-12


def forecasts(n_rows: int = 3_000, digits: int = 2, bend: float = 1.3) -> tuple[np.ndarray, np.ndarray]:
    """Labels and overconfident predictions, some of them equal to a threshold."""
    rng = np.random.default_rng(SEED)
    proba = np.clip(np.round(rng.beta(1, 2, n_rows), digits), 10.0**-digits, 1 - 10.0**-digits)
    return (rng.random(n_rows) < proba**bend).astype(int), proba


Y, P = forecasts()
W = np.random.default_rng(1).lognormal(0, 0.7, len(Y))
# More distinct predictions than are kept one by one.
MANY = forecasts(150_000, 12)


@pytest.fixture(scope="module")
def measured():
    return measure(Y, P)


@pytest.fixture(scope="module")
def binned():
    m = measure(*MANY)
    assert not m.is_exact
    return m


@pytest.mark.parametrize("weights", [None, W])
@pytest.mark.parametrize("is_logit", [False, True])
def test_the_confusion_matrix_is_scikit_learn_s(weights, is_logit):
    options = {} if weights is None else {"sample_weight": weights}
    m = measure(Y, y_logit=logit(P), **options) if is_logit else measure(Y, P, **options)
    # Between two predictions where these are log-odds: 0.25 need not have those of 0.25, rounded, again.
    at = [t + 0.005 for t in AT] if is_logit else AT
    for row in m.thresholds(at):
        tn, fp, fn, tp = confusion_matrix(Y, row["threshold"] <= P, sample_weight=weights).ravel()
        assert [row[name] for name in ("tn", "fp", "fn", "tp")] == pytest.approx([tn, fp, fn, tp], rel=ROUNDING)
        assert row["recall"] == pytest.approx(tp / (tp + fn), rel=ROUNDING)
        assert row["fpr"] == pytest.approx(fp / (fp + tn), rel=ROUNDING)
        assert row["precision"] == pytest.approx(tp / (tp + fp), rel=ROUNDING)
        assert row["npv"] == pytest.approx(tn / (tn + fn), rel=ROUNDING)


def test_counted_rows_are_whole_numbers(measured):
    assert all(isinstance(value, int) for name in ("tp", "fp", "fn", "tn") for value in measured.thresholds(AT)[name])


def test_repeated_rows_count_as_so_many(measured):
    times = np.random.default_rng(2).integers(1, 5, len(Y))
    repeated = measure(np.repeat(Y, times), np.repeat(P, times))
    counted = measure(Y, P, counts=times)
    assert counted.thresholds(AT, cost_fp=1, cost_fn=3) == repeated.thresholds(AT, cost_fp=1, cost_fn=3)


def test_only_the_proportions_of_weights_count():
    one, scaled = (measure(Y, P, sample_weight=W * unit).decision_curve(AT) for unit in (1.0, 2.0**100))
    assert one == scaled


def test_soft_labels_are_shares_of_rows():
    y = np.random.default_rng(3).random(len(Y))
    row = measure(y, P).thresholds(0.4)[0]
    above = P >= 0.4
    assert [row["tp"], row["fp"]] == pytest.approx([y[above].sum(), (1 - y)[above].sum()], rel=ROUNDING)
    # The mean of labels that vary by the uniform distribution, not by that of 0 and 1: 1/√3 as wide.
    width = row["precision_high"] - row["precision_low"]
    low, high = proportion_confint(row["tp"], above.sum(), method="wilson")
    assert width == pytest.approx((high - low) / math.sqrt(3), rel=0.05)


@pytest.mark.parametrize("name", ["recall", "fpr", "precision", "npv", "predicted_positive"])
def test_shares_of_counted_rows_have_wilson_s_interval(measured, name):
    parts = {
        "recall": ("tp", "tp fn"),
        "fpr": ("fp", "fp tn"),
        "precision": ("tp", "tp fp"),
        "npv": ("tn", "tn fn"),
        "predicted_positive": ("tp fp", "tp fp fn tn"),
    }[name]
    for row in measured.thresholds(AT):
        part, whole = (sum(row[cell] for cell in cells.split()) for cells in parts)
        ends = proportion_confint(part, whole, method="wilson")
        assert (row[f"{name}_low"], row[f"{name}_high"]) == pytest.approx(ends, abs=ROUNDING)


def test_net_benefit_is_that_of_vickers_and_elkin(measured):
    curve = measured.decision_curve()
    assert curve["threshold"] == [k / 100 for k in range(1, 100)]
    for row in curve:
        t, n = row["threshold"], len(Y)
        true, false = (Y[t <= P] == 1).sum() / n, (Y[t <= P] == 0).sum() / n
        assert row["net_benefit"] == pytest.approx(true - false * t / (1 - t), abs=ROUNDING)
        assert row["treat_all"] == pytest.approx(Y.mean() - (1 - Y.mean()) * t / (1 - t), abs=1e-10)
        assert row["net_benefit"] - row["treat_all"] == pytest.approx(row["above_treat_all"], abs=1e-10)
    assert curve["net_benefit"] == measured.thresholds(curve["threshold"])["net_benefit"]


def test_the_interval_of_net_benefit_has_the_variance_of_its_rows(measured):
    """MOVER of two Wilson intervals, beside the plain standard error of the rows: equal in large samples."""
    for row in measured.decision_curve([0.2, 0.4, 0.6]):
        odds = row["threshold"] / (1 - row["threshold"])
        values = np.where(row["threshold"] <= P, np.where(Y == 1, 1.0, -odds), 0.0)
        assert row["net_benefit_high"] - row["net_benefit_low"] == pytest.approx(
            2 * 1.959964 * values.std() / math.sqrt(len(Y)), rel=0.02
        )


def test_errors_only_are_no_certainty():
    row = measure([1, 0] * 10, [0.1, 0.9] * 10).thresholds(0.5, cost_fp=1, cost_fn=1)[0]
    assert row["cost"] == row["cost_high"] - max(row["cost_high"] - 1, 0) == 1
    assert row["cost_low"] < 0.9


def test_no_row_predicted_positive_is_no_certainty():
    row = measure(Y[P < 0.6], P[P < 0.6]).thresholds(0.8)[0]
    assert (row["tp"], row["fp"], row["net_benefit"]) == (0, 0, 0.0)
    assert math.isnan(row["precision"])
    assert row["net_benefit_low"] < 0 < row["net_benefit_high"]


@pytest.mark.parametrize("weights", [None, W])
def test_curves_are_scikit_learn_s(weights):
    m = measure(Y, P) if weights is None else measure(Y, P, sample_weight=weights)
    for drop in (False, True):
        # Second differences of sums of weights are rounding there, so that no point is left out.
        found, wanted = m.roc_curve(drop_intermediate=drop), roc_curve(Y, P, sample_weight=weights)
        if weights is None or not drop:
            wanted = roc_curve(Y, P, sample_weight=weights, drop_intermediate=drop)
            for name, values in zip(("fpr", "tpr", "threshold"), wanted, strict=True):
                assert found[name] == pytest.approx(values.tolist(), rel=ROUNDING)
        found = m.precision_recall_curve(drop_intermediate=drop)
        wanted = precision_recall_curve(Y, P, sample_weight=weights, drop_intermediate=drop)
        for name, values in zip(("precision", "recall"), wanted, strict=False):
            assert found[name] == pytest.approx(values.tolist(), rel=ROUNDING)
        assert found["threshold"] == [*wanted[2].tolist(), math.inf]
    assert m.average_precision == pytest.approx(average_precision_score(Y, P, sample_weight=weights), rel=ROUNDING)


def test_the_area_below_the_roc_curve_is_the_auc(measured, binned):
    for m in (measured, measure(Y, P, sample_weight=W), binned, measure(Y * 0.8 + 0.1, P)):
        curve = m.roc_curve()
        assert np.trapezoid(curve["tpr"], curve["fpr"]) == pytest.approx(m.auc, abs=ROUNDING)


@pytest.mark.parametrize("is_logit", [False, True])
def test_points_of_a_curve_of_bins_are_exact(is_logit):
    y, p = MANY
    scores = logit(p) if is_logit else p.copy()
    # Scores that are edges of bins, and those that have a bin of their own.
    scores[:6] = [-math.inf, math.inf, 0.0, -17.0, -32.0, 20.0] if is_logit else [0.0, 1.0, 0.5, 0.75, 0.25, 0.875]
    scores[6:12] = scores[:6]
    y = y.copy()
    y[:12] = [0, 1] * 6
    m = measure(y, y_logit=scores) if is_logit else measure(y, scores)
    assert not m.is_exact
    curve = m.roc_curve(drop_intermediate=False)
    edges = np.searchsorted(-np.array(curve["threshold"]), -scores[:6])
    for number in (*np.linspace(1, len(curve) - 1, 60).astype(int), *np.clip(edges, 1, len(curve) - 1), *(edges - 1)):
        above = scores >= curve["threshold"][number]
        assert curve["tpr"][number] == pytest.approx(y[above].sum() / y.sum(), abs=ROUNDING)
        assert curve["fpr"][number] == pytest.approx((1 - y)[above].sum() / (1 - y).sum(), abs=ROUNDING)


@pytest.mark.parametrize("is_logit", [False, True])
def test_a_threshold_inside_a_bin_has_bounds(is_logit):
    y, p = MANY[0], MANY[1].copy()
    p[:8] = [0.5, 0.5, 0.25, 0.25, 0.75, 0.75, 0.125, 0.875]
    m = measure(y, y_logit=logit(p)) if is_logit else measure(y, p)
    at = [*AT, 1 / 3, 0.999, 0.001, 0.125, 0.875, *np.random.default_rng(4).random(60)]
    for row in m.thresholds(at, cost_fp=1, cost_fn=3):
        above, open_rows = row["threshold"] <= p, row["in_bin_of_threshold"]
        tp, fp = y[above].sum(), (1 - y)[above].sum()
        assert abs(row["tp"] + row["fp"] - tp - fp) <= open_rows + 1e-6
        assert row["recall_low"] <= tp / y.sum() <= row["recall_high"]
        assert row["fpr_low"] <= fp / (1 - y).sum() <= row["fpr_high"]
        assert row["cost_low"] <= (fp + 3 * (y.sum() - tp)) / len(y) <= row["cost_high"]
    # The only threshold, 0.5, at which no row is in question is exact.
    half = m.thresholds(0.5)[0]
    assert (half["in_bin_of_threshold"], half["tp"]) == (0, y[p >= 0.5].sum())


def test_intervals_hold_both_sides_of_a_full_bin():
    """Half of the rows lie in the bin of 0.3, just below it: not spread evenly."""
    y, p = MANY[0], MANY[1].copy()
    p[::2] = 0.3 - np.linspace(1e-9, 1e-8, len(p[::2]))
    m = measure(y, p)
    row = m.thresholds(0.3, cost_fp=1, cost_fn=3)[0]
    tp, fp = y[p >= 0.3].sum(), (1 - y)[p >= 0.3].sum()
    assert row["in_bin_of_threshold"] >= len(p[::2])
    assert abs(row["recall"] - tp / y.sum()) > 0.1
    assert row["recall_low"] <= tp / y.sum() <= row["recall_high"]
    assert row["precision_low"] <= tp / (tp + fp) <= row["precision_high"]
    assert row["cost_low"] <= (fp + 3 * (y.sum() - tp)) / len(y) <= row["cost_high"]


def test_merged_measurements_have_the_thresholds_of_all_rows(measured, tmp_path):
    half = len(Y) // 2
    merged = measure(Y[:half], P[:half]).merge(measure(Y[half:], P[half:]))
    merged.save(tmp_path / "both.logloss")
    for m in (merged, logloss.load(tmp_path / "both.logloss")):
        assert m.thresholds(AT, cost_fp=1, cost_fn=5) == measured.thresholds(AT, cost_fp=1, cost_fn=5)
        assert m.decision_costs(cost_fp=1, cost_fn=5) == measured.decision_costs(cost_fp=1, cost_fn=5)
        assert m.roc_curve() == measured.roc_curve()


def cost_at(threshold: float, proba: np.ndarray, cost_fp: float, cost_fn: float) -> float:
    """The cost per row, from rows."""
    above = proba >= threshold
    return float(np.where(above, cost_fp * (Y == 0), cost_fn * (Y == 1)).mean())


@pytest.mark.parametrize(("cost_fp", "cost_fn"), [(1, 5), (5, 1), (1, 1), (1e-300, 2e-300), (3e200, 1e200)])
@pytest.mark.parametrize("is_logit", [False, True])
def test_the_lowest_cost_is_that_of_all_thresholds(cost_fp, cost_fn, is_logit):
    m = measure(Y, y_logit=logit(P)) if is_logit else measure(Y, P)
    costs = m.decision_costs(cost_fp=cost_fp, cost_fn=cost_fn)
    of_all = [cost_at(t, P, cost_fp, cost_fn) for t in (*np.unique(P), 2.0)]
    assert costs.lowest_cost == costs.lowest_cost_at_least == pytest.approx(min(of_all), rel=1e-10)
    assert cost_at(costs.lowest_cost_threshold, P, cost_fp, cost_fn) == pytest.approx(costs.lowest_cost, rel=1e-10)
    assert costs.implied_cost == pytest.approx(cost_at(costs.implied_threshold, P, cost_fp, cost_fn), rel=1e-10)
    assert (costs.treat_all_cost, costs.treat_none_cost) == pytest.approx(
        (cost_fp * (1 - Y.mean()), cost_fn * Y.mean()), rel=1e-10
    )


def test_what_miscalibration_costs_is_what_isotonic_recalibration_takes_away(measured):
    recalibrated = IsotonicRegression().fit(P, Y).predict(P)
    for cost_fn in (0.5, 1.0, 2.0, 7.0, 30.0):
        costs = measured.decision_costs(cost_fp=1, cost_fn=cost_fn)
        after = cost_at(costs.implied_threshold, recalibrated, 1, cost_fn)
        assert costs.miscalibration_cost == pytest.approx(costs.implied_cost - after, abs=1e-10)


def test_bins_bound_the_lowest_cost(binned):
    y, p = MANY
    costs = binned.decision_costs(cost_fp=1, cost_fn=2)
    order = np.argsort(p)
    above = np.concatenate([[0], np.cumsum((1 - 3 * y)[order][::-1])]) / len(y) + 2 * y.mean()
    assert costs.lowest_cost_at_least <= above.min() <= costs.lowest_cost
    assert costs.lowest_cost - costs.lowest_cost_at_least < 1e-3


def test_calibrated_predictions_are_seldom_found_to_cost_more_at_the_implied_threshold():
    """5 in 100 are expected; of 200 samples at most 20, which 99.9% of such counts are; the bent ones mostly are."""
    p_values, bent = [], []
    for seed in range(200):
        rng = np.random.default_rng([seed, 7])
        z = rng.normal(-1, 1.2, 400)
        y = (rng.random(400) < expit(z)).astype(int)
        p_values.append(measure(y, y_logit=z).decision_costs(cost_fp=1, cost_fn=4).p_value)
        if seed < 20:
            bent.append(measure(y, y_logit=2 * z - 0.5).decision_costs(cost_fp=1, cost_fn=4).p_value)
    assert sum(p < 0.05 for p in p_values) <= 20
    assert sum(p < 0.05 for p in bent) >= 15


def test_optimism_is_the_rise_on_new_rows():
    """The true cost of the chosen threshold is above the lowest cost by `optimism`, on average: 80 samples, 3 errors."""
    rises, promised = [], []
    grid = np.random.default_rng(9).normal(-1, 1.2, 200_000)
    truth = expit(grid)
    for seed in range(80):
        rng = np.random.default_rng([seed, 8])
        z = rng.normal(-1, 1.2, 500)
        y = (rng.random(500) < expit(z)).astype(int)
        costs = measure(y, y_logit=z).decision_costs(cost_fp=1, cost_fn=4)
        above = expit(grid) >= costs.lowest_cost_threshold
        rises.append(np.where(above, 1 - truth, 4 * truth).mean() - costs.lowest_cost)
        promised.append(costs.optimism)
    error = np.std(rises, ddof=1) / math.sqrt(len(rises))
    assert abs(np.mean(rises) - np.mean(promised)) < 3 * error
    assert np.mean(promised) > 3 * error


@pytest.mark.parametrize(
    ("labels", "options", "reason"),
    [(Y, {"cluster": np.arange(len(Y)) % 50}, "rows of a cluster depend on each other"), (Y * 0.9, {}, "soft labels")],
)
def test_what_is_expected_if_calibrated_is_withheld_with_the_reason(labels, options, reason):
    costs = measure(labels, P, **options).decision_costs(cost_fp=1, cost_fn=4)
    assert math.isnan(costs.expected_if_calibrated)
    assert costs.reason == reason
    assert costs.to_dict()["miscalibration_cost_p_value_reason"] == reason
    assert reason in repr(costs)


def test_clusters_of_one_row_are_rows():
    z = np.random.default_rng(5).normal(-1, 1.2, 2_000)
    y = (np.random.default_rng(6).random(2_000) < expit(z)).astype(int)
    rows = measure(y, y_logit=z).thresholds([0.25, 0.5])
    clusters = measure(y, y_logit=z, cluster=np.arange(2_000)).thresholds([0.25, 0.5])
    for name in ("recall", "fpr", "precision", "net_benefit"):
        # Of few rows of the rarer part the quantile is Student's; the jackknife has no (G − 1) / G.
        for row, cluster in zip(rows, clusters, strict=True):
            assert cluster[name] == row[name]
            width, wanted = (each[f"{name}_high"] - each[f"{name}_low"] for each in (cluster, row))
            assert width == pytest.approx(wanted, rel=0.15), (name, row["threshold"])


def test_rows_repeated_in_clusters_are_as_wide_as_one_of_each():
    """Every cluster is one row, four times: nothing more is known than from one."""
    z = np.random.default_rng(5).normal(-1, 1.2, 1_500)
    y = (np.random.default_rng(6).random(1_500) < expit(z)).astype(int)
    one = measure(y, y_logit=z, cluster=np.arange(1_500)).thresholds([0.25, 0.5])
    four = measure(np.repeat(y, 4), y_logit=np.repeat(z, 4), cluster=np.repeat(np.arange(1_500), 4))
    for row, repeated in zip(one, four.thresholds([0.25, 0.5]), strict=True):
        for name in ("recall", "fpr", "precision", "net_benefit"):
            assert repeated[f"{name}_low"] == pytest.approx(row[f"{name}_low"], abs=2e-3)
            assert repeated[f"{name}_high"] == pytest.approx(row[f"{name}_high"], abs=2e-3)


def test_too_few_weighted_rows_have_no_interval_and_say_why():
    m = measure([1, 0] * 10, np.linspace(0.1, 0.9, 20), sample_weight=np.arange(1.0, 21.0))
    row = m.thresholds(0.5)[0]
    assert math.isnan(row["recall_low"])
    assert row["reason"].startswith("too few positives (")


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_has_what_is_defined(label):
    m = measure([label] * 30, np.linspace(0.1, 0.9, 30))
    row = m.thresholds(0.5)[0]
    assert math.isnan(row["recall"]) == (label == 0)
    assert math.isnan(row["fpr"]) == (label == 1)
    assert m.decision_curve(0.5)["treat_all"] == [1.0 if label else -1.0]
    for curve in (m.roc_curve, m.precision_recall_curve):
        with pytest.raises(DataError, match=rf"^a curve needs rows of both classes: every label is {label}\.$"):
            curve()
    assert logloss.drawing(m, "roc").reason == "all labels are of one class"


@pytest.mark.parametrize(
    "at", [0, 1, np.array(1.0), 1.2, -0.1, math.nan, math.inf, "0.5", True, None, [0.5, 2], np.array([0.0])]
)
def test_a_threshold_outside_0_and_1_is_refused(measured, at):
    if at is None:
        at = [None]
    with pytest.raises(DataError, match=r"^a threshold must be a probability in \(0, 1\); got "):
        measured.thresholds(at)
    with pytest.raises(DataError, match=r"^a threshold must be a probability in \(0, 1\); got "):
        measured.decision_curve(at)


def test_no_threshold_is_refused(measured):
    with pytest.raises(DataError, match=r"^`at` must be a threshold or a list of thresholds; got an empty list\.$"):
        measured.thresholds([])


@pytest.mark.parametrize(("name", "cost"), [("cost_fp", 0), ("cost_fn", -1), ("cost_fp", math.inf), ("cost_fn", "1")])
def test_costs_are_positive_numbers(measured, name, cost):
    costs = {"cost_fp": 1, "cost_fn": 1, name: cost}
    for verb in (measured.decision_costs, measured.thresholds):
        with pytest.raises(DataError, match=rf"^`{name}` must be a positive number, the cost of one false prediction"):
            verb(**costs)


def test_one_cost_alone_is_refused(measured):
    with pytest.raises(DataError, match=r"^`cost_fn` is needed beside `cost_fp`: only their ratio decides"):
        measured.thresholds(cost_fp=1)
    with pytest.raises(DataError, match=r"^`cost_fp` and `cost_fn` are too far apart: 1e-300 and 1e\+300 imply"):
        measured.decision_costs(cost_fp=1e-300, cost_fn=1e300)


def test_costs_alone_ask_for_two_thresholds(measured):
    table, costs = measured.thresholds(cost_fp=1, cost_fn=5), measured.decision_costs(cost_fp=1, cost_fn=5)
    assert table["choice"] == ["implied by the costs", "lowest cost of these rows"]
    assert table["threshold"] == [costs.implied_threshold, costs.lowest_cost_threshold]
    assert table["cost"] == pytest.approx([costs.implied_cost, costs.lowest_cost], rel=1e-10)
    ends = costs.implied_cost.low, costs.implied_cost.high
    assert (table[0]["cost_low"], table[0]["cost_high"]) == pytest.approx(ends, rel=ROUNDING)


# ---- pictures


def lines_of(ax):
    return {line.get_label(): line.get_xydata() for line in ax.lines}


def test_the_decision_curve_is_drawn_with_its_band_and_both_defaults(measured):
    ax = measured.plot("decision")
    curve, drawn = measured.decision_curve(), lines_of(ax)
    shown = np.isfinite(drawn["this model"][:, 1])
    assert drawn["this model"][shown, 1].tolist() == np.array(curve["net_benefit"])[shown].tolist()
    at, benefit = drawn["every row positive"].T
    assert benefit == pytest.approx(Y.mean() - (1 - Y.mean()) * at / (1 - at))
    assert set(drawn["no row positive"][:, 1]) == {0.0}
    assert len(ax.collections) == 1


def test_curves_are_drawn_with_few_points_that_are_theirs(binned):
    for kind, x, y in (("roc", "fpr", "tpr"), ("precision_recall", "recall", "precision")):
        drawing = logloss.drawing(binned, kind)
        curve = drawing.table("curve")
        assert 200 <= len(curve) <= 250
        whole = binned.roc_curve() if kind == "roc" else binned.precision_recall_curve()
        assert set(zip(curve[x], curve[y], strict=True)) <= set(zip(whole[x], whole[y], strict=True))
        assert max(np.abs(np.diff(curve[x]))) < 0.02
        assert lines_of(binned.plot(kind))["_child1"].tolist() == [
            list(point) for point in zip(curve[x], curve[y], strict=True)
        ]


def test_shares_are_drawn_by_threshold(measured):
    drawn, table = lines_of(measured.plot("thresholds")), measured.thresholds([k / 100 for k in range(1, 100)])
    for name in ("recall", "precision"):
        assert drawn[name][:, 1] == pytest.approx(table[name], abs=ROUNDING, nan_ok=True)
    assert drawn["predicted positive (share of rows)"][:, 1].tolist() == table["predicted_positive"]


def test_several_measurements_are_drawn_apart_without_colours(measured):
    answers = {"one": measured, "two": measure(Y, P**2), "three": measure(Y, np.sqrt(P))}
    for kind in kinds(answers):
        ax = logloss.plot(answers, kind)
        drawn = [line for line in ax.lines if line.get_label() in answers]
        assert [line.get_label() for line in drawn] == list(answers)
        assert len({str((line.get_linestyle(), line._unscaled_dash_pattern)) for line in drawn}) == 3
        assert len({line.get_color() for line in drawn}) == 3
        assert [text.get_text() for text in ax.get_legend().get_texts()][:3] == list(answers)
        drawing = logloss.drawing(answers, kind)
        assert list(drawing.tables) == list(answers)
        json.dumps(drawing.to_dict(), allow_nan=False)
        assert figure_of(answers, kind).axes
    roc = lines_of(logloss.plot(answers, "roc"))
    assert roc["two"].tolist() == [
        list(each) for each in zip(*(measure(Y, P**2).roc_curve()[n] for n in ("fpr", "tpr")), strict=True)
    ]


def test_several_rare_events_are_drawn_in_log_odds():
    rng = np.random.default_rng(4)
    proba = expit(rng.normal(-6, 1, 20_000))
    y = (rng.random(20_000) < proba).astype(int)
    ax = logloss.plot({"one": measure(y, proba), "two": measure(y, proba**1.1)}, "reliability")
    assert "0.001" in [label.get_text() for label in ax.get_xticklabels()]


def test_measurements_of_different_rows_are_said_to_be(measured):
    other = measure(Y[:500], P[:500])
    both = {"all": measured, "few": other}
    assert logloss.drawing(both, "roc").sentence.endswith("The measurements are of different rows.")
    assert "every row positive (few)" in lines_of(logloss.plot(both, "decision"))
    assert "different rows" not in logloss.drawing({"one": measured, "two": measured}, "roc").sentence


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({}, r"^a picture of several measurements needs some, by label"),
        ({"a": 1}, r'^pictures of several answers are of measurements; "a" is of type int\.$'),
        ({str(k): None for k in range(7)}, r"^a picture shows up to 6 measurements"),
    ],
)
def test_what_is_no_measurement_is_not_drawn(answers, message):
    with pytest.raises(DataError, match=message):
        logloss.plot(answers)


def test_a_kind_that_several_do_not_have_is_refused(measured):
    with pytest.raises(DataError, match=r'picture "pie"\. It has: reliability, roc, precision_recall, decision\.$'):
        logloss.plot({"a": measured}, "pie")
    with pytest.raises(DataError, match=r"cannot be drawn: all labels are of one class \(b\)\. Available: reliability"):
        logloss.plot({"a": measured, "b": measure([1, 1], [0.5, 0.6])}, "roc")


# ---- the shell


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "preds.csv"
    path.write_text("y,p\n" + "".join(f"{y},{p}\n" for y, p in zip(Y, P, strict=True)))
    return str(path)


def test_the_shell_adds_thresholds_and_costs(run, csv, measured, tmp_path):
    summary = tmp_path / "m.logloss"
    asked = ("--threshold", "0.5", "--cost-fp", "1", "--cost-fn", "5")
    code, out, _ = run("measure", csv, "-y", "y", "-p", "p", *asked, "-o", summary)
    row = measured.thresholds(0.5)[0]
    assert code == 0
    assert f"recall                 {row['recall']:.4f}" in out
    assert "implied by the costs: lowest if calibrated" in out
    assert "Recalibration is expected" in out.split("miscalibration ")[-1]
    code, out, _ = run("show", summary, *asked, "--json")
    figures = json.loads(out)
    assert (figures["recall"], figures["tp"], figures["threshold"]) == (row["recall"], row["tp"], 0.5)
    assert figures["thresholds"][0]["net_benefit"] == row["net_benefit"]
    costs = measured.decision_costs(cost_fp=1, cost_fn=5)
    assert figures["miscalibration_cost"] == costs.miscalibration_cost
    assert figures["implied_cost_high"] == costs.implied_cost.high


def test_several_thresholds_are_a_list_and_one_can_be_tested(run, csv):
    measuring = ("measure", csv, "-y", "y", "-p", "p")
    _, out, _ = run(*measuring, "--threshold", "0.2", "--threshold", "0.7", "--json")
    figures = json.loads(out)
    assert [row["threshold"] for row in figures["thresholds"]] == [0.2, 0.7]
    assert "recall" not in figures
    code, _, err = run(*measuring, "--threshold", "0.5", "--fail-if", "recall < 0.99")
    assert (code, "--fail-if is true: recall < 0.99" in err) == (1, True)
    code, _, _ = run(*measuring, "--threshold", "0.5", "--fail-if", "recall < 0.01")
    assert code == 0


def test_a_figure_that_is_not_defined_has_its_reason_in_json(run, tmp_path):
    path = tmp_path / "low.csv"
    path.write_text("y,p\n1,0.2\n0,0.3\n1,0.25\n")
    _, out, _ = run("measure", path, "-y", "y", "-p", "p", "--threshold", "0.9", "--json")
    figures = json.loads(out)
    assert (figures["precision"], figures["precision_reason"]) == (None, "no such rows")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--threshold 1.5", "Error: a threshold must be a probability in (0, 1); got 1.5."),
        ("--cost-fp -1 --cost-fn 2", "Error: --cost-fp must be a positive number"),
        ("--cost-fn 2", "Error: --cost-fp is needed beside --cost-fn"),
    ],
)
def test_the_shell_refuses_what_python_refuses(run, csv, options, message):
    code, _, err = run("measure", csv, "-y", "y", "-p", "p", *options.split())
    assert code == 2
    assert message in err


def test_only_measurements_have_thresholds_in_the_shell(run, csv, tmp_path):
    run("calibrate", csv, "-y", "y", "-p", "p", "-o", tmp_path / "c.json")
    code, _, err = run("show", tmp_path / "c.json", "--threshold", "0.5")
    assert code == 2
    assert "--threshold, --cost-fp and --cost-fn are about measurements" in err
