"""Several forecasts of the same rows: figures against scipy, statsmodels and brute force, traps, and honesty."""

from __future__ import annotations

import dataclasses
import json
import math
import re

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from strategies import KINDS, cut_tables, two_forecast_tables

import logloss
from logloss import DataError
from logloss.answers.estimate import CONFIDENCE, Estimate, student_quantile
from logloss.comparison import sequential
from logloss.comparison.confidence_sequence import PeriodDeltas, log_e_value_of, sequence_of
from logloss.comparison.power import simultaneous_level
from logloss.inference.moments import effective_count
from logloss.onepass.summaries import ComparisonSummary, cluster_periods, cluster_sums, comparison, contrast, group_keys
from logloss.show.words.of_comparison import ends_text

SEED = 31
# Sums are exact here and pairwise in NumPy: some hundred roundings of 2^-53.
NEAR = 1e-12
SUMS_OF_PERIOD = ComparisonSummary.empty(2, order="order").periods.sums.n_columns


def drawn(seed: int, n_rows: int, noise: float = 0.4):
    """Labels and two forecasts, the first of which is right."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, 1, n_rows)
    right = 1 / (1 + np.exp(-logit))
    other = 1 / (1 + np.exp(-(logit + rng.normal(0, noise, n_rows))))
    return (rng.random(n_rows) < right).astype(np.uint8), right, other


def losses_of(y, p):
    return np.where(y == 1, -np.log(p), -np.log1p(-p))


# Figures.


def test_the_lead_and_its_error_are_those_of_the_paired_t_test():
    y, p, q = drawn(SEED, 800)
    found = logloss.compare(y, {"p": p, "q": q})
    d = losses_of(y, q) - losses_of(y, p)
    paired = scipy.stats.ttest_rel(losses_of(y, q), losses_of(y, p))
    pair = found.between("q", "p")
    assert (pair.better, pair.worse) == ("p", "q")
    assert found.delta == pytest.approx(d.mean(), rel=NEAR)
    assert found.delta / pair.standard_error == pytest.approx(paired.statistic, rel=1e-10)
    # Hall's transformation moves the ends by the skewness over √n, not the width.
    plain = paired.confidence_interval()
    assert found.delta.high - found.delta.low == pytest.approx(plain.high - plain.low, rel=0.01)


def test_each_loss_is_what_measure_gives():
    """To the bit, with its interval; with clusters, too."""
    y, p, q = drawn(SEED, 500)
    cluster = np.arange(500) // 5
    for options in ({}, {"cluster": cluster}, {"sample_weight": np.linspace(0.1, 3, 500)}):
        found = logloss.compare(y, {"p": p, "q": q}, **options)
        for name, forecast in (("p", p), ("q", q)):
            alone = logloss.measure(y, forecast, **options).log_loss
            mine = found.log_losses[name]
            assert mine == alone
            # Sums of clusters are rounded from different integers: the last place.
            assert (mine.low, mine.high) == pytest.approx((alone.low, alone.high), rel=1e-13)


def test_weighted_errors_are_those_of_the_weighted_mean():
    y, p, q = drawn(SEED, 300)
    w = np.random.default_rng(SEED).gamma(1, 1, 300)
    pair = logloss.compare(y, {"p": p, "q": q}, sample_weight=w).pair
    d = losses_of(y, q) - losses_of(y, p)
    mean = float(w @ d / w.sum())
    # The jackknife's 1 − w/W for each row, on average over the squares of the weights.
    leverage = float((w**3).sum() / (w.sum() * (w**2).sum()))
    error = math.sqrt(float(w**2 @ (d - mean) ** 2) / w.sum() ** 2 * 299 / 300) / (1 - leverage)
    assert pair.delta == pytest.approx(mean, rel=NEAR)
    assert pair.standard_error == pytest.approx(error, rel=1e-10)


def test_clustered_errors_are_those_of_the_jackknife():
    """Each cluster left out in turn; t with one degree less than Kish's number of clusters."""
    y, p, q = drawn(SEED, 600)
    cluster = np.random.default_rng(SEED).zipf(1.6, 600) % 60
    pair = logloss.compare(y, {"p": p, "q": q}, cluster=cluster).pair
    d = losses_of(y, q) - losses_of(y, p)
    sizes = np.array([np.count_nonzero(cluster == name) for name in np.unique(cluster)])
    left_out = np.array([d[cluster != name].mean() for name in np.unique(cluster)])
    assert pair.standard_error == pytest.approx(math.sqrt(float(((left_out - d.mean()) ** 2).sum())), rel=1e-9)
    width = scipy.stats.t.ppf(0.975, 600**2 / (sizes**2).sum() - 1) * pair.standard_error
    assert pair.delta.high - pair.delta.low == pytest.approx(2 * width, rel=1e-6)


def test_errors_of_equal_clusters_are_those_of_statsmodels():
    y, p, q = drawn(SEED, 600)
    cluster = np.arange(600) % 60
    pair = logloss.compare(y, {"p": p, "q": q}, cluster=cluster).pair
    d = losses_of(y, q) - losses_of(y, p)
    fit = sm.OLS(d, np.ones(600)).fit(cov_type="cluster", cov_kwds={"groups": cluster})
    # For one coefficient statsmodels multiplies squares by G / (G − 1), we by its square.
    assert pair.standard_error == pytest.approx(float(fit.bse[0]) * math.sqrt(60 / 59), rel=1e-9)


def test_the_error_of_dependent_periods_is_that_of_a_regression_on_cosines():
    """Coefficients of statsmodels' least squares: cosines of type II are orthogonal to each other and to a constant."""
    y, p, q = drawn(SEED, 2400)
    day = np.arange(2400) // 20
    pair = logloss.compare(y, {"p": p, "q": q}, order=day).pair
    sign = 1 if pair.better == "p" else -1
    means = sign * (losses_of(y, q) - losses_of(y, p)).reshape(120, 20).mean(axis=1)
    place = math.pi * (np.arange(120) + 0.5) / 120
    # ⌊0.4·120^(2/3)⌋ = ⌊9.73⌋
    fit = sm.OLS(means, sm.add_constant(np.column_stack([np.cos(place * j) for j in range(1, 10)]))).fit()
    # Λ_j = √(T/2) times the coefficient; Ω is the mean of their squares, the error √(Ω/T).
    error = math.sqrt(float((fit.params[1:] ** 2).mean()) / 2)
    found = pair.sequential
    assert (found.n_cosines, found.cautions) == (9, ())
    assert found.autocorrelation_robust.high - found.autocorrelation_robust == pytest.approx(
        scipy.stats.t.ppf(0.975, 9) * error, rel=1e-9
    )


def test_parts_have_the_errors_of_the_rows():
    """By brute force: isotonic fits of scikit-learn, what each row adds to each part, a paired error."""
    y, p, q = drawn(SEED, 400)
    pair = logloss.compare(y, {"p": p, "q": q}).pair
    of_q, of_p = (logloss.measure(y, each).miscalibration.overfitting for each in (q, p))
    overfitting = of_q - of_p
    parts = {}
    for name, forecast in (("p", p), ("q", q)):
        fit = np.clip(IsotonicRegression(y_min=0, y_max=1).fit_transform(forecast, y), 0, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            recalibrated = np.where(y == 1, -np.log(fit), -np.log1p(-fit))
        recalibrated[~np.isfinite(recalibrated)] = 0
        parts[name] = losses_of(y, forecast) - recalibrated, losses_of(y, np.full(400, y.mean())) - recalibrated
    for found, part in ((pair.miscalibration, 0), (pair.discrimination, 1)):
        d = parts["q"][part] - parts["p"][part]
        assert found == pytest.approx(d.mean() - overfitting, rel=1e-9)
        # Rows of one bin, 2^-10.4 of log-odds wide at most, count as their mean: some thousandths of the spread.
        assert found.high - found.low == pytest.approx(2 * 1.965927 * d.std(ddof=1) / 20, rel=0.02)
    assert pair.miscalibration - pair.discrimination == pytest.approx(pair.delta, abs=1e-15)


def test_parts_have_the_errors_of_the_clusters():
    """The same by brute force, added up by cluster; the miscalibration and discrimination of one place in four bins."""
    y, p, q = drawn(SEED, 900)
    cluster = np.arange(900) // 6
    pair = logloss.compare(y, {"p": p, "q": q}, cluster=cluster).pair
    parts = {}
    for name, forecast in (("p", p), ("q", q)):
        fit = IsotonicRegression(y_min=0, y_max=1).fit_transform(forecast, y)
        with np.errstate(divide="ignore", invalid="ignore"):
            recalibrated = np.where(y == 1, -np.log(fit), -np.log1p(-fit))
        recalibrated[~np.isfinite(recalibrated)] = 0
        parts[name] = losses_of(y, forecast) - recalibrated, losses_of(y, np.full(900, y.mean())) - recalibrated
    for found, part in ((pair.miscalibration, 0), (pair.discrimination, 1)):
        d = parts["q"][part] - parts["p"][part]
        added = np.bincount(cluster, d - d.mean()) / 900
        error = math.sqrt(float(added @ added)) * 150 / 149
        # Scores count as the mean of their bin, an eighth of their odds wide (four bins for each power of two).
        assert found.high - found.low == pytest.approx(2 * scipy.stats.t.ppf(0.975, 149) * error, rel=0.15)


def test_significance_is_not_assessed_with_few_clusters():
    """Whatever the interval of the difference: the sentence, the verdict and the caution say the same."""
    y, p, _ = drawn(SEED, 2_100)
    worse = np.full(2_100, 0.5)
    few, enough = (logloss.compare(y, {"p": p, "q": worse}, cluster=np.arange(2_100) % k) for k in (6, 60))
    assert few.delta.low > 0
    assert (few.pair.is_significant, enough.pair.is_significant) == (False, True)
    # Positives are not spread evenly: as many of equal weight are a little fewer than six.
    assert 5.5 < few.effective_clusters < 6
    number = effective_count(few.effective_clusters)
    assert repr(few).splitlines()[0].endswith(f"; significance is not assessed: too few clusters ({number}).")
    assert few.cautions == (f"{number} clusters (below 10): no interval can be trusted",)
    assert repr(enough).startswith("p has the lowest log loss: 0.")


def test_groups_of_few_clusters_are_printed_with_their_reason():
    y, p, q = drawn(SEED, 2_100)
    found = logloss.compare(y, {"p": p, "q": q}, by=np.arange(2_100) % 2, cluster=np.arange(2_100) % 14)
    text = repr(found)
    assert found.pair.groups["reason"] == ["too few clusters (7)"] * 2
    assert text.count("too few clusters (7)") == 2
    assert "intervals assume independent clusters" in text


def test_errors_of_the_lead_in_groups_are_the_jackknife_of_clusters():
    """Each cluster left out in turn, by brute force; a group of few has no interval."""
    y, p, q = drawn(SEED, 900)
    cluster, w = np.arange(900) % 90 // 2, np.random.default_rng(SEED).gamma(2, 1, 900)
    by = np.where(cluster < 6, "few", np.array(["a", "b"])[np.arange(900) % 2])
    groups = logloss.compare(y, {"p": p, "q": q}, by=by, cluster=cluster, sample_weight=w).pair.groups
    assert groups["by"] == ["a", "b", "few"]
    for row in list(groups)[:2]:
        mine = by == row["by"]
        d = np.abs(row["delta_nats"]) / row["delta_nats"] * (losses_of(y, q) - losses_of(y, p))
        weight, delta = (np.bincount(cluster[mine], each[mine])[6:] for each in (w, w * d))
        left_out = (delta.sum() - delta) / (weight.sum() - weight)
        effective = weight.sum() ** 2 / (weight**2).sum()
        reach = student_quantile(effective - 1) * math.sqrt(((left_out - delta.sum() / weight.sum()) ** 2).sum())
        assert row["effective_clusters"] == pytest.approx(effective, rel=1e-9)
        assert row["delta_nats_high"] - row["delta_nats"] == pytest.approx(reach, rel=1e-9)
    assert groups["reason"][2] == f"too few clusters ({effective_count(groups['effective_clusters'][2])})"


def test_the_lead_in_weighted_groups_has_as_many_degrees_of_freedom_as_effective_rows():
    """Where 26 rows of 200 have nearly all the weight, t is 5 % wider than the normal; a variance of 26 that is off by
    1 / 26 moves an error by 2 %."""
    y, p, q = drawn(SEED, 400)
    by, w = np.arange(400) % 2, np.where(np.arange(400) < 52, 1.0, 1e-3)
    pair = logloss.compare(y, {"p": p, "q": q}, by=by, sample_weight=w).pair
    for row in pair.groups:
        mine = by == row["by"]
        own = w[mine] / w[mine].sum()
        d = (losses_of(y, q) - losses_of(y, p))[mine]
        left_out = own * (d - own @ d) / (1 - own)
        width = student_quantile(1 / (own @ own) - 1) * math.sqrt(left_out @ left_out)
        assert row["delta_nats_high"] - row["delta_nats"] == pytest.approx(width, rel=0.03)
    few = logloss.compare(y, {"p": p, "q": q}, by=by, sample_weight=np.where(np.arange(400) < 30, 1, 1e-9)).pair
    assert few.groups["reason"] == ["too few rows (15.0 effective)"] * 2


def test_groups_add_up_to_the_lead():
    y, p, q = drawn(SEED, 600)
    by = np.array(["a", "b", "c"])[np.arange(600) % 3]
    pair = logloss.compare(y, {"p": p, "q": q}, by=by).pair
    assert math.fsum(pair.groups["contribution_nats"]) == pytest.approx(pair.delta, rel=NEAR)
    for row in pair.groups:
        d = (losses_of(y, q) - losses_of(y, p))[by == row["by"]]
        assert row["delta_nats"] == pytest.approx(d.mean(), rel=NEAR)
        width = student_quantile(len(d) - 1) * d.std(ddof=1) / math.sqrt(len(d))
        assert row["delta_nats_high"] - row["delta_nats"] == pytest.approx(width, rel=1e-6)


def test_the_rows_with_the_largest_differences_are_found():
    y, p, q = drawn(SEED, 300)
    d = losses_of(y, q) - losses_of(y, p)
    largest = logloss.compare(y, {"p": p, "q": q}).pair.largest_differences
    order = np.argsort(-np.abs(d), kind="stable")[:10]
    assert largest["row"] == order.tolist()
    assert largest["delta_nats"] == pytest.approx(d[order].tolist(), rel=1e-9)


def test_counts_are_repeated_rows():
    y, p, q = drawn(SEED, 60)
    n = np.random.default_rng(SEED).integers(0, 5, 60)
    day = np.arange(60) // 4
    counted = logloss.compare(y, {"p": p, "q": q}, counts=n, order=day).to_dict()
    repeated = logloss.compare(
        *(np.repeat(x, n) for x in (y,)), {"p": np.repeat(p, n), "q": np.repeat(q, n)}, order=np.repeat(day, n)
    ).to_dict()
    # The rows with the largest differences have other numbers.
    assert len(counted.pop("largest_differences")) == len(repeated.pop("largest_differences")) == 10
    assert counted == repeated


@pytest.mark.parametrize("scale", [1e-3, 2.0**60])
def test_scaling_all_weights_changes_nothing_that_is_reported(scale):
    y, p, q = drawn(SEED, 200)
    w, day = np.random.default_rng(SEED).gamma(1, 1, 200), np.arange(200) // 3
    one, other = (logloss.compare(y, {"p": p, "q": q}, sample_weight=w * k, order=day).to_dict() for k in (1.0, scale))
    for name in (
        "delta_nats",
        "delta_nats_low",
        "confidence_sequence_nats_low",
        "delta_autocorrelation_robust_nats_high",
        "log_e_value",
    ):
        assert one[name] == pytest.approx(other[name], rel=1e-10), name


def test_log_odds_and_two_columns_are_forecasts_too():
    y, p, q = drawn(SEED, 200)
    plain = logloss.compare(y, {"p": p, "q": q})
    both = logloss.compare(y, {"p": np.column_stack([1 - p, p])}, y_logit={"q": np.log(q / (1 - q))})
    # A logit of q has lost the last digits of q.
    assert both.delta == pytest.approx(plain.delta, rel=1e-9)
    assert both.names == ("p", "q")


def test_models_are_forecasters_too():
    """Ours by the names of its columns, one of scikit-learn by the names it was fitted on."""
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(SEED)
    frame = pd.DataFrame({"a": rng.normal(0, 1, 300), "b": rng.normal(0, 1, 300)})
    frame["y"] = (rng.random(300) < 1 / (1 + np.exp(-frame["a"]))).astype(int)
    ours = logloss.fit(frame, y_true="y", features=["a", "b"], l2=1.0)
    theirs = LogisticRegression().fit(frame[["b"]], frame["y"])
    found = logloss.compare(frame, {"ours": ours, "theirs": theirs}, y_true="y")
    assert found.best == "ours"
    assert found.log_losses["theirs"] == logloss.log_loss(frame["y"], theirs.predict_proba(frame[["b"]]))
    with pytest.raises(DataError, match='"ours" is a model, which predicts from the columns of a frame'):
        logloss.compare(frame["y"], {"ours": ours, "theirs": theirs})
    with pytest.raises(DataError, match='"theirs" is a model, which predicts from the columns of a frame'):
        logloss.compare("rows.parquet", {"theirs": theirs, "b": "b"}, y_true="y")
    bare = LogisticRegression().fit(frame[["b"]].to_numpy(), frame["y"])
    with pytest.raises(DataError, match='"bare" is a model without names of features'):
        logloss.compare(frame, {"ours": ours, "bare": bare}, y_true="y")


@pytest.mark.parametrize("form", ["parquet", "csv", "polars", "arrow", "reader", "dict"])
def test_models_predict_whatever_table_is_compared_by_names(form, tmp_path):
    """Also files, which are walked once: the log-odds of each model are columns beside theirs."""
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    rng = np.random.default_rng(SEED)
    frame = pd.DataFrame({"a": rng.normal(0, 1, 300), "b": rng.normal(0, 1, 300), "p": rng.random(300)})
    frame["y"] = (rng.random(300) < 1 / (1 + np.exp(-frame["a"]))).astype(int)
    one, two = logloss.fit(frame, "y", features=["a", "b"]), logloss.fit(frame, "y", features=["b"])
    turned = frame[["y", "p", "b", "a"]].set_index(pd.Index(rng.permutation(300)))
    turned.to_parquet(tmp_path / "rows.parquet", row_group_size=70)
    turned.to_csv(tmp_path / "rows.csv", index=False)
    table = pa.Table.from_pandas(turned)
    forms = {"parquet": str(tmp_path / "rows.parquet"), "csv": str(tmp_path / "rows.csv"), "arrow": table}
    forms |= {"polars": pl.from_pandas(turned), "dict": {n: turned[n].to_numpy() for n in turned}}
    forms |= {"reader": pa.RecordBatchReader.from_batches(table.schema, table.to_batches())}
    found = logloss.compare(forms[form], {"one": one, "p": "p", "two": two}, y_true="y")
    for name, model in {"one": one, "two": two}.items():
        assert found.log_losses[name] == pytest.approx(model.log_loss, abs=1e-12)
    assert found.log_losses["p"] == pytest.approx(logloss.log_loss(frame.y, frame.p), abs=1e-12)
    if form == "parquet":
        turned.drop(columns="a").to_parquet(tmp_path / "less.parquet")
        with pytest.raises(DataError, match='the model reads the column "a", which the table'):
            logloss.compare(str(tmp_path / "less.parquet"), {"one": one, "two": two}, y_true="y")
        gaps = turned.assign(b=turned.b.mask(np.arange(300) < 7))
        gaps.to_parquet(tmp_path / "gaps.parquet")
        for rows in (gaps, str(tmp_path / "gaps.parquet")):
            dropped = logloss.compare(rows, {"one": one, "two": two}, y_true="y", missing="drop")
            assert (dropped.n_rows, dropped.n_dropped) == (293, 7)


# Sequential analysis.


def test_the_sequential_analysis_is_made_of_the_sums_of_periods():
    """The mean so far, row by row; the sequence and the e-value of arrays: tests/test_confidence_sequence.py."""
    y, p, q = drawn(SEED, 90)
    q[:7] = p[:7]
    day = np.arange(90) // 5
    for weight in (None, np.random.default_rng(SEED).gamma(2, 1, 90)):
        found = logloss.compare(y, {"p": p, "q": q}, order=day, sample_weight=weight)
        w = np.ones(90) if weight is None else weight
        sign = 1 if found.best == "p" else -1
        r, s = logit(p), logit(q)
        if_zero = w * sign * (np.logaddexp(0, s) - np.logaddexp(0, r))
        if_one = if_zero - w * sign * (s - r)
        of_periods = [np.bincount(day, each) for each in (w, np.where(y == 1, if_one, if_zero), w * np.abs(r - s))]
        least = np.bincount(day, np.minimum(if_zero, if_one))
        deltas = PeriodDeltas(*of_periods, least, float(w[:5].sum()) / 5)
        mean, low, high = sequence_of(deltas, 0.05)
        table = found.pair.sequential.table
        # Logarithms of odds, and sums, in another order.
        for name, expected in (("delta_nats", mean), ("low", low), ("high", high)):
            assert np.array(table[name]) == pytest.approx(expected, rel=1e-9, abs=1e-14)
        expected = log_e_value_of(deltas) - math.log(2)
        assert np.array(table["log_e_value"]) == pytest.approx(expected, rel=1e-9)
        assert found.pair.sequential.log_e_value == table["log_e_value"][-1]


def test_what_the_sequence_first_excluded_and_whether_it_still_does():
    """One is far better for 400 days, then the other for as many, and for longer."""
    rng = np.random.default_rng(SEED)
    true = expit(rng.normal(0, 2, 2000))
    y = (rng.random(2000) < true).astype(np.uint8)
    a, b = true.copy(), np.full(2000, 0.5)
    a[400:], b[400:] = b[400:], true[400:]
    early, late = (logloss.compare(y[:n], {"a": a[:n], "b": b[:n]}, order=np.arange(n)) for n in (400, 2000))
    assert (early.best, late.best) == ("a", "b")
    analyses = early.pair.sequential, late.pair.sequential
    first = analyses[0].first_excluded
    assert first == analyses[1].first_excluded != ""
    assert [sequential.still_excluded for sequential in analyses] == [True, False]
    assert [sequential.first_excluded_favors_better for sequential in analyses] == [True, False]
    assert f"the confidence sequence first excluded 0 at {first} and still does" in repr(early)
    assert f"first excluded 0 at {first}, in favour of a, and no longer does" in repr(late)


def test_a_first_period_without_a_real_difference_does_not_set_the_scale():
    """Forecasts that differ by rounding alone on the first day."""
    y, p, q = drawn(SEED, 2000)
    one = logloss.compare(y, {"p": p, "q": q}, order=np.arange(2000)).pair.sequential.confidence_sequence
    q[:3] = np.nextafter(p[:3], 1)
    other = logloss.compare(y, {"p": p, "q": q}, order=np.arange(2000)).pair.sequential.confidence_sequence
    # The likeliest rate is another, but near.
    assert other.high - other.low < 1.1 * (one.high - one.low)


def test_clusters_that_lie_in_one_period_have_a_sequence():
    y, p, q = drawn(SEED, 300)
    day = np.arange(300) // 10
    plain, clustered = (
        logloss.compare(y, {"p": p, "q": q}, order=day, cluster=cluster).pair.sequential
        for cluster in (None, np.arange(300) // 5)
    )
    assert (plain.confidence_sequence.low, plain.log_e_value) == (
        clustered.confidence_sequence.low,
        clustered.log_e_value,
    )


def test_rows_said_to_be_independent_make_a_narrower_sequence():
    y, p, q = drawn(SEED, 6000)
    widths = []
    for within in ("dependent", "independent"):
        found = logloss.compare(y, {"p": p, "q": q}, order=np.arange(6000) // 50, within=within)
        widths.append(found.pair.sequential.confidence_sequence.high - found.pair.sequential.confidence_sequence.low)
        assert ("its rows are independent given them" in repr(found)) == (within == "independent")
    assert widths[1] < 0.7 * widths[0]


def test_later_rows_do_not_change_what_was_said_before():
    """Who looks every day sees each day's figures once and for all."""
    y, p, q = drawn(SEED, 120)
    day = np.arange(120) // 2
    whole = logloss.compare(y, {"p": p, "q": q}, order=day).between("p", "q")
    part = logloss.compare(y[:80], {"p": p[:80], "q": q[:80]}, order=day[:80]).between("p", "q")
    assert whole.better == part.better
    early, late = part.sequential.table.to_dict(), whole.sequential.table.to_dict()
    assert early.keys() == late.keys()
    assert len(early["period"]) == 40
    for name in ("period", "rows"):
        assert early[name] == late[name][:40]
    for name in early.keys() - {"period", "rows"}:
        assert early[name] == pytest.approx(late[name][:40], rel=1e-11), name


def test_the_order_of_the_rows_in_the_table_does_not_matter():
    """A period is one value of `order`, wherever its rows stand."""
    y, p, q = drawn(SEED, 150)
    day = np.arange(150) // 10
    shuffle = np.random.default_rng(SEED).permutation(150)
    one = logloss.compare(y, {"p": p, "q": q}, order=day).to_dict()
    other = logloss.compare(y[shuffle], {"p": p[shuffle], "q": q[shuffle]}, order=day[shuffle]).to_dict()
    assert {**one, "largest_differences": 0, "pairs": 0} == {**other, "largest_differences": 0, "pairs": 0}


def test_dates_are_periods_however_they_are_written():
    import pandas as pd
    import pyarrow as pa

    y, p, q = drawn(SEED, 60)
    days = pd.date_range("2024-01-01", periods=20).repeat(3)
    texts = days.strftime("%Y-%m-%d").tolist()
    found = [logloss.compare(y, {"p": p, "q": q}, order=order).pair.sequential for order in (texts, days.to_numpy())]
    frame = pd.DataFrame({"y": y, "p": p, "q": q, "day": days})
    table = pa.table({"y": y, "p": p, "q": q, "day": pa.array(days.date, pa.date32())})
    found += [
        logloss.compare(each, y_true="y", y_proba=["p", "q"], order="day").pair.sequential for each in (frame, table)
    ]
    assert {each.n_periods for each in found} == {20}
    assert {round(float(each.confidence_sequence.low), 9) for each in found} == {
        round(float(found[0].confidence_sequence.low), 9)
    }
    assert {each.table["period"][0] for each in found} == {"2024-01-01"}
    assert sequential.period_text("2024-01-01 06:00:00.000000") == "2024-01-01 06:00:00"
    assert sequential.period_text("2024-01-01 06:00:00.500") == "2024-01-01 06:00:00.500"


def test_too_many_periods_are_put_together(monkeypatch):
    """Numbers in periods of the least power of two that is enough; texts by their first letters."""
    monkeypatch.setattr(group_keys, "MOST_PERIOD_SUMS", 20 * SUMS_OF_PERIOD)
    y, p, q = drawn(SEED, 100)
    # Exactly as many as are kept.
    numbers = logloss.compare(y[:80], {"p": p[:80], "q": q[:80]}, order=np.arange(80.0)).pair.sequential
    assert numbers.has_merged_periods
    assert numbers.table["period"] == [str(k) for k in range(0, 80, 4)]
    texts = [f"2024-{1 + k // 28:02}-{1 + k % 28:02}" for k in range(100)]
    dates = logloss.compare(y, {"p": p, "q": q}, order=texts).pair.sequential
    assert dates.has_merged_periods
    assert dates.table["period"] == sorted({text[:9] for text in texts})


def test_periods_of_two_coarsenesses_merge_into_the_coarser():
    """Numbers in longer periods, texts cut to fewer letters: a level is minus their number."""
    levels = [group_keys.coarser(a, b) for a, b in ((3, 2), (-3, -2), (None, 2), (-2, None), (None, None))]
    assert levels == [3, -2, 2, -2, None]
    assert group_keys.names_at(group_keys.PERIOD, ["2024-01-31"], -7) == ["2024-01"]


def test_order_must_be_of_one_kind():
    y, p, q = drawn(SEED, 4)
    with pytest.raises(DataError, match="`order` must hold a value; row 1 has none"):
        logloss.compare(y, {"p": p, "q": q}, order=["a", None, "b", "c"])
    one = ComparisonSummary.empty(2, order="order").workspace()
    table = dataclasses.replace(_table(y, p, q), order=np.array([1.0, 2.0, 3.0, 4.0]))
    one.add(table.block())
    with pytest.raises(DataError, match="`order` must hold numbers, or text such as dates, in every row"):
        one.add(dataclasses.replace(table, order=np.array(["a", "b", "c", "d"])).block())


def _table(y, p, q):
    from strategies import Table

    return Table(y, p, second_forecast=q)


def test_rows_that_depend_on_each_other_have_no_sequence():
    y, p, q = drawn(SEED, 100)
    pair = logloss.compare(y, {"p": p, "q": q}, order=np.arange(100), cluster=np.arange(100) % 50).pair
    assert not pair.sequential.confidence_sequence.has_interval
    assert pair.sequential.confidence_sequence.reason == "clusters span more than one period"
    assert math.isnan(pair.sequential.log_e_value)
    assert pair.sequential.autocorrelation_robust.has_interval


# Traps.


@pytest.mark.parametrize("options", [{}, {"order": [1] * 30 + [2] * 30}, {"sample_weight": np.linspace(0.5, 2, 60)}])
def test_identical_forecasters_differ_by_nothing(options):
    y, p, _ = drawn(SEED, 60)
    found = logloss.compare(y, {"p": p, "q": p.astype(np.float64)}, **options)
    pair = found.pair
    assert (found.delta, pair.rows_needed) == (0.0, None)
    assert pair.sequential.log_e_value == 0.0 or "order" not in options
    assert pair.is_identical
    assert (found.delta.low, found.delta.high) == (0.0, 0.0)
    assert (pair.miscalibration, pair.discrimination) == (0.0, 0.0)
    assert repr(found).startswith("p and q have the same loss in every row.\n")
    assert "e-value" not in repr(found)


def test_two_infinite_losses_have_no_difference_and_it_is_said():
    y = np.array([1, 0, 1] * 20)
    a, b = np.array([0.5, 0.5, 0.0] * 20), np.array([0.4, 1.0, 0.4] * 20)
    found = logloss.compare(y, {"a": a, "b": b}, order=np.arange(60))
    pair = found.pair
    assert math.isnan(found.delta)
    assert pair.n_infinite == (20, 20, 0)
    assert pair.delta_where_finite == pytest.approx(-math.log(0.4) + math.log(0.5))
    assert repr(found).startswith("a and b both have infinite log loss, so the difference is not defined: ")
    assert (
        "probability 0 for the observed class in 20 rows and 20 rows, respectively. Without these rows the log loss of a"
        in repr(found)
    )
    figures = found.to_dict()
    assert figures["delta_nats"] is None
    assert figures["delta_nats_reason"] == "both losses are infinite"
    assert figures["log_e_value"] is None


def test_one_infinite_loss_is_without_limit():
    y = np.array([1, 0, 1] * 20)
    found = logloss.compare(y, {"a": np.array([0.5, 0.5, 0.0] * 20), "b": np.full(60, 0.4)}, by=y)
    assert found.best == "b"
    assert math.isinf(found.delta)
    assert found.delta > 0
    assert found.second_minus_first == -math.inf
    text = repr(found)
    assert text.startswith(
        "b has the lowest log loss; that of a is infinite: probability 0 for the observed class in 20 rows "
        "(first: row 2). Without these rows the log loss of a is 0.0204 lower than that of b"
    )
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["delta_nats"] == "inf"


def test_a_pair_without_impossible_rows_does_not_suffer_from_a_third():
    y, p, q = drawn(SEED, 200)
    bad = p.copy()
    bad[np.flatnonzero(y == 1)[:3]] = 0.0
    three = logloss.compare(y, {"p": p, "bad": bad, "q": q}, order=np.arange(200))
    two = logloss.compare(y, {"p": p, "q": q}, order=np.arange(200))
    mine, theirs = three.between("p", "q"), two.between("p", "q")
    assert mine.delta == theirs.delta
    assert (mine.delta.low, mine.delta.high) == (theirs.delta.low, theirs.delta.high)
    # For all three pairs at once.
    assert mine.sequential.confidence_sequence.low < theirs.sequential.confidence_sequence.low
    assert mine.sequential.table["delta_nats"] == theirs.sequential.table["delta_nats"]
    assert three.ranking["forecast"][-1] == "bad"


def test_forecasts_of_0_and_1_leave_no_bound_and_it_is_said():
    """None of them was wrong, but what one could have lost has no bound."""
    y = np.array([0, 1] * 30)
    found = logloss.compare(y, {"sure": y.astype(float), "half": np.full(60, 0.5)}, order=np.arange(60)).pair
    assert found.delta == pytest.approx(math.log(2))
    assert found.sequential.confidence_sequence.reason == (
        "one of them predicted 0 or 1 in 60 rows, the other did not: the difference in loss is unbounded there"
    )
    assert found.sequential.first_excluded == ""


def test_forecasts_near_0_and_1_keep_their_losses():
    """−log(1e-8) is 18.4: nothing is clipped, whatever the range."""
    y = np.array([1, 0] * 40)
    wrong = np.where(y == 1, 1e-8, 1 - 1e-8)
    pair = logloss.compare(y, {"wrong": wrong, "half": np.full(80, 0.5)}, order=np.arange(80)).pair
    assert pair.better == "half"
    assert pair.delta == pytest.approx(-math.log(1e-8) - math.log(2), rel=1e-8)


def test_missing_forecasts_are_an_error_or_left_out_for_all_alike():
    y, p, q = drawn(SEED, 50)
    q[[3, 7]] = np.nan
    with pytest.raises(DataError, match=r'column "q" must hold a value; row 3 has none'):
        logloss.compare(y, {"p": p, "q": q})
    found = logloss.compare(y, {"p": p, "q": q}, missing="drop")
    assert (found.n_rows, found.n_dropped) == (48, 2)
    keep = ~np.isnan(q)
    assert found.log_losses["p"] == logloss.log_loss(y[keep], p[keep])
    assert "2 rows dropped for all" in repr(found)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 0], {"a": [0.5, 0.5]}), '`compare` needs two forecasters or more; got one, "a"'),
        (([1, 0], None), "`compare` needs two forecasters or more; got none"),
        (([1, 0], {"a": [0.5, 0.5], "b": [0.5]}), '2 rows and "b" has 1'),
        (([1, 0], {"a": [0.5, 0.5], "b": [0.5, 1.5]}), 'column "b" must lie in [0, 1]; row 1 has 1.5'),
        (([1, 0], {"a": "p", "b": "q"}), "the first argument is labels, not a table"),
        (([1, 0], [[0.5, 0.5]] * 17), "at most 16 forecasters"),
        (([1, 0], 3.0), "the forecasts must be a dict, "),
    ],
)
def test_wrong_arguments_are_refused_with_the_way_out(arguments, message):
    with pytest.raises(DataError, match=re.escape(message)):
        logloss.compare(*arguments)


def test_unknown_columns_are_named():
    table = {"y": [1, 0], "p": [0.5, 0.5], "q": [0.5, 0.5]}
    with pytest.raises(DataError, match='no column "r"'):
        logloss.compare(table, y_true="y", y_proba=["p", "r"])
    with pytest.raises(DataError, match='no column "day"'):
        logloss.compare(table, y_true="y", y_proba=["p", "q"], order="day")
    with pytest.raises(DataError, match="each forecaster must have its own name"):
        logloss.compare(table, y_true="y", y_proba=["p", "p"])
    found = logloss.compare(table, y_true="y", y_proba={"old": "p", "new": [0.4, 0.6]})
    assert found.names == ("old", "new")


# Many.


def test_many_are_ranked_with_intervals_that_hold_at_once():
    y, p, q = drawn(SEED, 2000)
    half = np.full(2000, 0.5)
    found = logloss.compare(y, {"half": half, "q": q, "p": p})
    assert found.ranking["forecast"] == ["p", "q", "half"]
    assert found.ranking["delta_to_best_nats"][0] == 0.0
    assert simultaneous_level(3) == pytest.approx(0.95 ** (1 / 3))
    pair = found.between("half", "p")
    assert pair.simultaneous.low < pair.delta.low
    wider = scipy.stats.norm.ppf(0.5 + simultaneous_level(3) / 2) / scipy.stats.norm.ppf(0.975)
    ratio = (pair.simultaneous.high - pair.simultaneous.low) / (pair.delta.high - pair.delta.low)
    assert ratio == pytest.approx(wider, rel=0.01)
    assert re.match(
        r"p has the lowest log loss: [\d.]+ nats per row lower than q \(.*, simultaneous over 3 pairs\)", repr(found)
    )
    assert len(found.pairs) == 3


def test_rows_needed_are_those_of_a_paired_t_test_with_80_percent_power():
    y, p, q = drawn(SEED, 3000, noise=0.12)
    pair = logloss.compare(y, {"p": p, "q": q}).pair
    d = losses_of(y, q) - losses_of(y, p)
    of_t_test = sm.stats.TTestPower()
    needed = of_t_test.solve_power(effect_size=d.mean() / d.std(ddof=1), alpha=0.05, power=0.8)
    # Rounded up, and a formula that is right to a row.
    assert abs(pair.rows_needed - needed) < 2
    detectable_difference = of_t_test.solve_power(nobs=3000, alpha=0.05, power=0.8) * d.std(ddof=1)
    assert pair.detectable_difference == pytest.approx(detectable_difference, rel=1e-5)


# Text.


def test_the_answer_stands_first_and_its_parts_add_up_as_printed():
    y, p, q = drawn(SEED, 3000)
    day = np.arange(3000) // 10
    text = repr(logloss.compare(y, {"p": p, "q": q}, order=day, by=day % 3))
    first = text.splitlines()[0]
    interval = r"\(95% CI 0\.\d{4}–0\.\d{4}\)"
    assert re.fullmatch(rf"p has the lowest log loss: 0\.\d{{4}} nats per row lower than q {interval}\.", first)
    sequence = r"^p vs q: the confidence sequence (first excluded 0 at \d+ and still does|does not exclude 0)\.$"
    assert re.search(sequence, text, re.M)
    assert "order: 0 to 299" in text
    numbers = {
        name: float(re.search(rf"{re.escape(name)}\s+([+−][\d.]+)", text)[1].replace("−", "-"))
        for name in ("− discrimination", "+ miscalibration", "= Δ log loss")
    }
    digits = len(re.search(r"= Δ log loss\s+[+−]\d+\.(\d+)", text)[1])
    total = round(numbers["− discrimination"] + numbers["+ miscalibration"], digits)
    assert total == numbers["= Δ log loss"]


def test_what_is_not_significant_is_shown_with_the_rows_needed():
    y, p, _ = drawn(SEED, 200)
    q = p.copy()
    q[:100] = np.clip(q[:100] + 0.004, 0, 1)
    text = repr(logloss.compare(y, {"p": p, "q": q}))
    about = r"if the observed difference is the true one, about [\d,]+ more rows would be needed for significance"
    assert re.search(rf"^not significant: [pq] has the lowest log loss, 0.*{about}", text)


def test_few_positives_have_no_interval():
    found = logloss.compare([1, 0, 0, 1], {"a": [0.6, 0.3, 0.3, 0.7], "b": [0.5] * 4})
    assert found.delta.reason == "too few positives (2)"
    assert "(no CI: too few positives (2))." in repr(found)


@pytest.mark.parametrize(
    ("low", "expected"),
    [(-1.2e-5, "−0.00001–0.0060"), (-9.7e-7, "−0.000001–0.0060"), (0.0, "0.0000–0.0060"), (-0.002, "−0.0020–0.0060")],
)
def test_an_interval_that_includes_0_is_printed_with_the_sign_of_its_end(low, expected):
    assert ends_text(Estimate(0.003, low, 0.006), 4) == expected


def test_the_e_value_is_printed_only_where_the_interval_and_the_sequence_agree_with_it():
    """Two long periods: the sequence is wide, and the paired interval of 2,000 rows is not."""
    y, p, q = drawn(SEED, 2000)
    wide = logloss.compare(y, {"p": p, "q": q}, order=np.arange(2000) // 1000)
    assert wide.pair.is_significant
    assert not wide.pair.sequential.confidence_sequence.low > 0
    for text in (repr(wide), wide.to_html(), str(logloss.drawing(wide, "delta").numbers)):
        assert "e-value" not in text
    assert logloss.drawing(wide, "delta").note == ""
    assert wide.to_dict()["log_e_value"] is not None
    agreed = logloss.compare(y, {"p": p, "q": np.full(2000, 0.5)}, order=np.arange(2000))
    null = "the expected loss of p is lower in no period"
    assert f"null hypothesis: {null}; rejected at 5% (20 or more)" in repr(agreed)
    assert f"The e-value tests the null hypothesis that {null}; under it" in agreed.to_html()
    drawing = logloss.drawing(agreed, "delta")
    assert drawing.numbers[0][-1] == "e-value"
    assert {len(row) for row in drawing.numbers} == {5}
    assert drawing.note == f"E-value of the null hypothesis that {null}; at 20 or more it is rejected at the 5% level."


@pytest.mark.parametrize(
    ("of_q", "clauses"),
    [
        (lambda p: p**3, ("p discriminates equally well", "p is better calibrated")),
        (lambda p: 1 - p, ("p discriminates better", "p is better calibrated")),
    ],
)
def test_parts_of_a_difference_have_clauses_of_their_direction(of_q, clauses):
    """A monotone map changes no isotonic fit; few rows have no interval that could include 0."""
    y, p = np.array([1, 0, 1, 1, 0] * 2), np.array([0.8, 0.3, 0.7, 0.9, 0.2] * 2)
    text = repr(logloss.compare(y, {"p": p, "q": of_q(p)}))
    for name, clause in zip(("− discrimination", "+ miscalibration"), clauses, strict=True):
        assert re.search(rf"^{re.escape(name)}\s.*   {clause}", text, re.M)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(two_forecast_tables(KINDS))
def test_whatever_the_rows_are_they_have_words_and_json(table):
    """Impossible rows, weights of 1e-300 and 1e300, log-odds of 1e300, soft labels: no warning, no figure that is no JSON."""
    options = {"order": table.order, "by": table.by}
    options |= {name: getattr(table, name) for name in ("sample_weight", "counts") if getattr(table, name) is not None}
    own = table.y_proba if table.y_proba_of_zero is None else np.column_stack([table.y_proba_of_zero, table.y_proba])
    forecasts = {"a": own if table.y_logit is None else table.y_logit, "b": table.second_forecast}
    role = "forecasts" if table.y_logit is None else "y_logit"
    try:
        found = logloss.compare(table.y_true, **{role: forecasts}, **options)
    except DataError as error:
        assert "expected at least one row" in str(error)
        return
    assert "nan" not in repr(found)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["n_forecasts"] == 2


def test_soft_labels_of_clusters_are_compared():
    y, p, q = drawn(SEED, 200)
    pair = logloss.compare(0.8 * y + 0.1, {"p": p, "q": q}, cluster=np.arange(200) // 4).pair
    assert pair.delta.has_interval
    # What the isotonic fits overfit is known of labels that are drawn.
    assert pair.miscalibration.reason == "soft labels"


# Any cut.


@pytest.fixture(params=["as they are", "few"])
def narrow(request, monkeypatch):
    """Limits so low that few rows pass them."""
    if request.param == "few":
        monkeypatch.setattr(group_keys, "MOST_GROUPS", 4)
        monkeypatch.setattr(group_keys, "MOST_PERIOD_SUMS", 4 * SUMS_OF_PERIOD)
        monkeypatch.setattr(cluster_periods, "MOST_CLUSTERS", 3)
        monkeypatch.setattr(cluster_sums, "MOST_PAIRS", 5)
        monkeypatch.setattr(comparison, "MOST_JOINT", 3)
        monkeypatch.setattr(comparison, "LEAST_JOINT", 3)
        monkeypatch.setattr(contrast, "N_LARGEST_DIFFERENCES", 3)


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [("hard", "pair", "counts", "weighted", "soft weighted"), ("hard logits",)])
def test_any_cut_and_tree_gives_the_same_summary_past_every_limit(narrow, kinds):
    """Periods grow, pairs of bins become coarse, groups are given up, clusters share buckets, at any place."""
    empty = ComparisonSummary.empty(2, by=("by",), cluster=("cluster",), order="order")

    def of_blocks(blocks):
        workspace = empty.workspace()
        for each in blocks:
            workspace.add(each)
        return workspace.freeze()

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(cut_tables(kinds, rows=two_forecast_tables), st.randoms(use_true_random=False), st.booleans())
    def holds(table_and_cuts, random, is_text):
        table, cuts = table_and_cuts
        if is_text:
            table = dataclasses.replace(
                table, order=np.array([f"{value:+05.1f}"[::-1] for value in table.order], object)
            )
        whole = of_blocks([table.block()])
        assert of_blocks(table.blocks(cuts)) == whole
        forest = [of_blocks([block]) for block in table.blocks(cuts)]
        while len(forest) > 1:
            a, b = (forest.pop(random.randrange(len(forest))) for _ in range(2))
            forest.append(a.merge(b))
        assert forest[0].merge(empty) == whole

    holds()


def test_summaries_of_other_settings_refuse_to_merge():
    a, b = ComparisonSummary.empty(2), ComparisonSummary.empty(2, order="day")
    with pytest.raises(DataError, match="must compare equally many forecasts, by the same columns"):
        a.merge(b)
    with pytest.raises(DataError, match="must compare equally many forecasts"):
        a.merge(ComparisonSummary.empty(3))


# Honesty. Larger simulations: benchmarks/comparing.py.


@pytest.mark.slow
@pytest.mark.parametrize("is_clustered", [False, True])
def test_paired_intervals_hold_the_truth(is_clustered):
    """400 samples: between 92 and 98 in 100 is three standard errors about 95. Clusters: 120 of 5 rows that are equal."""
    rng = np.random.default_rng(SEED)
    logits = rng.normal(0, 1, 100_000)
    other = logits * 1.3 + 0.2
    true = 1 / (1 + np.exp(-logits))

    def loss(z):
        return true * np.logaddexp(0, -z) + (1 - true) * np.logaddexp(0, z)

    right = float((loss(other) - loss(logits)).mean())
    held = 0
    for _ in range(400):
        rows = rng.integers(0, 100_000, 200)
        luck = rng.random(200)
        options = {}
        if is_clustered:
            rows, luck, options = np.repeat(rows[:120], 5), np.repeat(luck[:120], 5), {"cluster": np.arange(600) // 5}
        y = (luck < true[rows]).astype(np.uint8)
        pair = logloss.compare(y, y_logit={"a": logits[rows], "b": other[rows]}, **options).pair
        delta = pair.delta
        low, high = (delta.low, delta.high) if pair.better == "a" else (-delta.high, -delta.low)
        held += low <= right <= high
    assert 0.92 <= held / 400 <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["fair", "biased", "extreme"])
def test_looking_every_day_raises_no_false_alarm_too_often(kind):
    """2,000 runs of 300 periods: at most 5 in 100 leave the sequence at any time."""
    rng = np.random.default_rng(SEED)
    n_runs, n_periods = 2000, 300
    r = rng.normal(0, 1, n_periods) if kind != "extreme" else np.full(n_periods, 18.4)
    s = r + rng.normal(0, 0.5, n_periods) if kind != "extreme" else -r
    # Fair: what both lose is the same on average in each row; biased: it varies, and what the sequence holds with it.
    fair = (np.logaddexp(0, r) - np.logaddexp(0, s)) / (r - s)
    true = fair if kind != "biased" else np.clip(fair + rng.uniform(-0.3, 0.3, n_periods), 0.01, 0.99)
    expected = np.cumsum(np.logaddexp(0, r) - np.logaddexp(0, s) - true * (r - s)) / np.arange(1, n_periods + 1)
    of_zero = np.logaddexp(0, r) - np.logaddexp(0, s)
    ranges, least = np.abs(r - s), np.minimum(of_zero, of_zero - (r - s))
    alarms = 0
    for _ in range(n_runs):
        y = rng.random(n_periods) < true
        _, low, high = sequence_of(PeriodDeltas(np.ones(n_periods), of_zero - y * (r - s), ranges, least, 1.0), 0.05)
        alarms += bool(((low > expected) | (high < expected)).any())
    assert alarms / n_runs <= 1 - CONFIDENCE


def test_a_difference_of_roundings_is_not_printed_as_nothing():
    """Log-odds and their probabilities differ in the last place."""
    z = np.random.default_rng(SEED).normal(size=300)
    y = (np.arange(300) % 3 == 0).astype(int)
    p = 1 / (1 + np.exp(-z))
    c = logloss.compare(y, {"p": p, "q": np.nextafter(p, 0.5)})
    assert 0 < c.delta < 1e-15
    assert f" {c.delta:.0e} nats per row lower than " in repr(c)
