"""Groups, their margins and clusters, against measuring each of them alone and against plain sums."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import logloss
from logloss import DataError, measure, surprisal
from logloss.answers.estimate import student_quantile
from logloss.data.request import RowOptions
from logloss.inference.clustered_groups import ClustersOfGroups
from logloss.inference.groups import GroupSums, groups_table, sums_of_keys
from logloss.inference.moments import moments_of
from logloss.inference.score_table import score_table_of
from logloss.measurement.record import summarise

SEED = 20261124


def rows(n_rows: int, seed: int = SEED) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Labels and probabilities of a forecaster that is a little overconfident."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 1.5, n_rows)
    y = (rng.random(n_rows) < 1 / (1 + np.exp(-0.8 * z))).astype(np.uint8)
    return y, 1 / (1 + np.exp(-z)), rng


@pytest.mark.parametrize("kind", ["hard", "weighted", "soft", "counts", "logits"])
def test_a_group_costs_what_it_costs_alone(kind):
    """Every figure of a group is that of its rows: sums are exact, so that only the last rounding may differ."""
    y, p, rng = rows(3_000)
    group = rng.choice(["a", "b", "c"], len(y), p=[0.6, 0.3, 0.1])
    labels = rng.random(len(y)) if kind == "soft" else y
    extra = {"weighted": {"sample_weight": rng.gamma(2, 1, len(y))}, "counts": {"counts": rng.integers(1, 4, len(y))}}
    given = extra.get(kind, {})
    forecast = {"y_logit": np.log(p / (1 - p))} if kind == "logits" else {"y_proba": p}
    table = measure(labels, **forecast, **given, by=group).groups
    assert table["by"] == ["a", "b", "c"]
    for row in table:
        mine = group == row["by"]
        alone = measure(
            labels[mine],
            **{name: values[mine] for name, values in forecast.items()},
            **{name: values[mine] for name, values in given.items()},
        )
        assert row["rows"] == alone.n_rows
        # Squares of weighted losses are rounded once in a group (2^-53 each), kept in two halves alone.
        for name, value in {
            "log_loss_nats": alone.log_loss,
            "log_loss_nats_low": alone.log_loss.low,
            "log_loss_nats_high": alone.log_loss.high,
            "base_rate": alone.base_rate,
            "mean_proba": alone.mean_proba,
            "ratio": alone.ratio,
            "miscalibration_nats": alone.miscalibration,
        }.items():
            assert row[name] == pytest.approx(float(value), rel=1e-11), name


def test_contributions_of_groups_add_up_to_zero():
    """Σ W_g(S_g − S) / W = 0, and with their shares the losses make the whole."""
    y, p, rng = rows(2_000)
    m = measure(y, p, by=rng.integers(0, 20, len(y)), sample_weight=rng.gamma(1, 1, len(y)))
    # 20 terms below 0.1, each rounded once.
    assert sum(m.groups["contribution_nats"]) == pytest.approx(0, abs=20 * 2**-56)
    whole = sum(share * loss for share, loss in zip(m.groups["share"], m.groups["log_loss_nats"], strict=True))
    assert whole == pytest.approx(m.log_loss, rel=20 * 2**-53)


def test_a_margin_is_what_its_column_alone_makes():
    y, p, rng = rows(2_000)
    by = {"site": rng.choice(["x", "y"], len(y)), "day": rng.integers(1, 6, len(y))}
    m = measure(y, p, by=by)
    assert len(m.groups) == 10
    for name, values in by.items():
        assert m.margin(name).to_dict() == measure(y, p, by={name: values}).groups.to_dict()
    with pytest.raises(DataError, match=r"margin\(\) takes columns of `by`: site, day; got hour"):
        m.margin("hour")


def test_null_empty_one_and_text_one_are_four_groups():
    y, p = [1, 0, 1, 0, 1], [0.5] * 5
    m = measure(y, p, by=np.array([None, "", "1", "null", "1"], object))
    assert m.groups["by"] == [None, "", "1", "null"]
    assert m.groups["rows"] == [1, 1, 2, 1]
    lines = repr(m).splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("by ")) + 1
    assert [line.split()[0] for line in lines[first : first + 4]] == ["null", '""', "1", '"null"']
    numbers = measure(y, p, by=np.array([1, 1.0, np.nan, 2, 2])).groups
    assert numbers["by"] == [None, 1, 2]


def test_five_thousand_groups_are_too_many():
    y, p, _ = rows(10_000)
    by = np.arange(len(y)) % 5_000
    m = measure(y, p, by=by)
    assert len(m.groups) == 0
    assert m.has_too_many_groups
    assert "more than 4,096 groups of by: none is kept. Choose some with groups=[…]." in repr(m)
    named = measure(y, p, by=by, groups=[7, 4_999])
    assert named.groups["rows"] == [2, 2, 9_996]
    assert float(named.log_loss) == float(m.log_loss)


def test_more_than_256_groups_have_no_miscalibration_of_their_own():
    y, p, _ = rows(3_000)
    assert "miscalibration_nats" in measure(y, p, by=np.arange(len(y)) % 256).groups.column_names
    assert "miscalibration_nats" not in measure(y, p, by=np.arange(len(y)) % 257).groups.column_names


def test_groups_that_are_named_must_fit_the_columns():
    with pytest.raises(DataError, match="`groups` names groups of `by`; pass `by`, too"):
        measure([1, 0], [0.5, 0.5], groups=["a"])
    with pytest.raises(DataError, match="must have 2 values, one for each column of `by`"):
        measure([1, 0], [0.5, 0.5], by={"a": [1, 2], "b": [1, 2]}, groups=[1])


def test_an_infinite_row_is_in_its_group_only():
    m = measure([1, 0, 1, 0], [0.0, 0.5, 0.5, 0.5], by=["a", "a", "b", "b"])
    assert m.groups["log_loss_nats"] == [math.inf, math.log(2)]
    assert m.groups["n_infinite"] == [1, 0]
    assert m.groups["contribution_nats"] == [math.inf, -math.inf]


def test_clustered_errors_are_those_of_the_sums_of_clusters():
    """SE² = G / (G − 1) · Σ (A_g − S·W_g)² / W², with t of G − 1 degrees of freedom."""
    y, p, rng = rows(4_000)
    cluster = rng.integers(0, 300, len(y))
    m = measure(y, p, cluster=cluster)
    losses = surprisal(y, p)
    sums, sizes = np.bincount(cluster, losses), np.bincount(cluster)
    d = sums - losses.mean() * sizes
    error = math.sqrt(len(d) / (len(d) - 1) * (d**2).sum()) / len(y)
    assert m.n_clusters == 300
    # The skewness moves both ends to the same side, to first order: half the width is t·SE to 1 %.
    assert (m.log_loss.high - m.log_loss.low) / 2 == pytest.approx(student_quantile(299) * error, rel=0.01)


def clustered_rows(weighted: bool = False):
    """Rows of 60 clusters of 5 to 60 rows, whose luck their rows share, in three groups: (labels, forecasts, groups,
    clusters, weights)."""
    rng = np.random.default_rng(SEED)
    cluster = np.repeat(np.arange(60), rng.integers(5, 61, 60))
    group, luck = rng.choice(["a", "b", "c"], len(cluster), p=[0.5, 0.3, 0.2]), rng.normal(0, 1, 60)[cluster]
    # One group has no rows in half of the clusters.
    group[(group == "c") & (cluster % 2 == 0)] = "a"
    z = rng.normal(0, 1, len(cluster))
    y = (rng.random(len(z)) < 1 / (1 + np.exp(-0.8 * z - luck))).astype(np.uint8)
    return y, 1 / (1 + np.exp(-z)), group, cluster, rng.gamma(2, 1, len(z)) if weighted else np.ones(len(z))


@pytest.mark.parametrize("weighted", [False, True])
def test_errors_of_groups_are_the_jackknife_of_clusters(weighted):
    """Each cluster left out in turn, by brute force, and t of Kish's number less one."""
    y, p, group, cluster, w = clustered_rows(weighted)
    m = measure(y, p, by=group, cluster=cluster, **({"sample_weight": w} if weighted else {}))
    cost = surprisal(y, p)
    for row in m.groups:
        mine = group == row["by"]
        weight, loss = (np.bincount(cluster[mine], each[mine], 60) for each in (w, w * cost))
        left_out = (loss.sum() - loss) / (weight.sum() - weight)
        effective = weight.sum() ** 2 / (weight**2).sum()
        reach = student_quantile(effective - 1) * math.sqrt(((left_out - loss.sum() / weight.sum()) ** 2).sum())
        # Means of rounded sums.
        assert row["effective_clusters"] == pytest.approx(effective, rel=1e-12)
        assert row["log_loss_nats_high"] - row["log_loss_nats"] == pytest.approx(reach, rel=1e-9)
        assert row["log_loss_nats"] - row["log_loss_nats_low"] == pytest.approx(reach, rel=1e-9)
        assert row["reason"] == ""
        assert math.isnan(row["p_value"])
        assert row["expected_if_calibrated_reason"] == "rows of a cluster depend on each other"


@pytest.mark.parametrize("weighted", [False, True])
def test_errors_of_what_groups_add_are_the_jackknife_of_clusters(weighted):
    """Share of the group times its distance from the mean of all, each cluster left out in turn: the closed form is that
    to first order in the clusters' shares, the largest of which is 4 %."""
    y, p, group, cluster, w = clustered_rows(weighted)
    m = measure(y, p, by=group, cluster=cluster, **({"sample_weight": w} if weighted else {}))
    cost = surprisal(y, p)

    def added(kept, mine):
        return w[kept & mine].sum() / w[kept].sum() * (np.average(cost[kept & mine], weights=w[kept & mine])) - w[
            kept & mine
        ].sum() / w[kept].sum() * np.average(cost[kept], weights=w[kept])

    every = np.ones(len(y), bool)
    for row in m.groups:
        mine = group == row["by"]
        moved = [added(cluster != each, mine) - added(every, mine) for each in range(60)]
        error = math.sqrt(np.square(moved).sum())
        # The quantile of t lies between those of the group's clusters and of all: they differ by 2 %.
        reach = student_quantile(row["effective_clusters"] - 1) * error
        assert row["contribution_nats"] == pytest.approx(added(every, mine), rel=1e-9)
        assert row["contribution_nats_high"] - row["contribution_nats"] == pytest.approx(reach, rel=0.06)


def test_errors_of_what_groups_add_are_those_of_the_contributions():
    """[(C_gk − S·W_gk) − share·(C_g − S·W_g) − added·W_g] / (1 − W_g), squared and added up over all clusters."""
    y, p, group, cluster, w = clustered_rows(weighted=True)
    summary = measure(y, p, by=group, cluster=cluster, sample_weight=w).summary
    clusters = ClustersOfGroups(summary.groups.cluster_sums, 3)
    inside, outside = clusters.variances_of_contributions(clusters.costs())
    w, cost = w / w.sum(), surprisal(y, p)
    apart = w * (cost - w @ cost)
    weight, of_all = np.bincount(cluster, w), np.bincount(cluster, apart)
    for number, name in enumerate("abc"):
        mine = group == name
        own = np.bincount(cluster[mine], apart[mine], 60)
        d = (own - w[mine].sum() * of_all - own.sum() * weight) / (1 - weight)
        has_rows = np.bincount(cluster[mine], minlength=60) > 0
        assert inside[number] == pytest.approx((d[has_rows] ** 2).sum(), rel=1e-9)
        # A difference of sums of all clusters and of those of the group: 1e-16 of them.
        assert outside[number] == pytest.approx((d[~has_rows] ** 2).sum(), rel=1e-9, abs=1e-18)


def test_few_clusters_of_a_group_have_no_interval():
    y, p, _, cluster, _ = clustered_rows()
    group = np.where(cluster < 8, "few", "many")
    few, many = measure(y, p, by=group, cluster=cluster).groups
    assert few["reason"] == f"too few clusters ({few['effective_clusters']:.1f} effective)"
    assert few["effective_clusters"] < 8
    assert all(math.isnan(few[f"{name}_nats_low"]) for name in ("log_loss", "contribution"))
    assert many["contribution_nats_low"] < many["contribution_nats"] < many["contribution_nats_high"]
    # One cluster outweighs the others of all rows, but not of one of the groups.
    heavy = measure(
        y, p, by=np.where(cluster == 0, "a", "b"), cluster=cluster, sample_weight=np.where(cluster, 1, 99.0)
    )
    assert heavy.groups["reason"][1].startswith("no CI of the contribution: too few clusters (")
    assert heavy.groups["log_loss_nats_low"][1] < heavy.groups["log_loss_nats"][1]
    assert math.isnan(heavy.groups["contribution_nats_low"][1])


def test_the_table_of_groups_explains_how_clusters_are_counted():
    y, p, group, cluster, _ = clustered_rows()
    text = repr(measure(y, p, by=group, cluster=cluster)).splitlines()
    head = "by rows clusters log loss 95% CI event rate predicted ratio contribution miscalibration"
    assert text[-9].split() == head.split()
    few = "few effective rows, or few of the rarer class"
    assert text[-5:] == [
        f"caution: intervals of 1 group may be too narrow: {few}",
        "clusters: their effective number, (Σw)² / Σw²; intervals assume independent clusters",
        "null distribution of groups not available: rows of a cluster depend on each other",
        "",
        "contribution: share of the group × (its log loss − log loss of all rows)",
    ]


def test_groups_that_are_not_listed_have_sums_by_cluster_together():
    y, p, group, cluster, _ = clustered_rows()
    found = measure(y, p, by=group, groups=["b"], cluster=cluster).groups
    expected = measure(y, p, by=np.where(group == "b", "b", "others"), cluster=cluster).groups
    for name in ("effective_clusters", "log_loss_nats_low", "contribution_nats_high"):
        assert found[name] == expected[name]


def test_margins_count_clusters():
    y, p, group, cluster, _ = clustered_rows()
    by = {"site": group, "day": np.arange(len(y)) % 4}
    found = measure(y, p, by=by, cluster=cluster).margin("site")
    expected = measure(y, p, by={"site": group}, cluster=cluster).groups
    assert found.to_dict() == expected.to_dict()
    assert all(map(math.isfinite, found["log_loss_nats_low"]))


def test_too_many_groups_have_no_sums_by_cluster():
    y, p, _ = rows(10_000)
    m = measure(y, p, by=np.arange(len(y)) % 5_000, cluster=np.arange(len(y)) % 50)
    assert m.summary.groups.cluster_sums is None
    assert m.has_too_many_groups
    assert m.merge(measure(y, p, by=np.arange(len(y)) % 5, cluster=np.arange(len(y)), name="b")).has_too_many_groups


def test_rows_of_a_cluster_do_not_narrow_the_interval_of_a_group():
    """Twenty copies of each row in one cluster are one observation, in groups and what they add, too."""
    y, p, rng = rows(1_000)
    group = rng.integers(0, 3, 1_000)
    once = measure(y, p, by=group, cluster=np.arange(1_000)).groups
    twenty = measure(
        *(np.repeat(each, 20) for each in (y, p)), by=np.repeat(group, 20), cluster=np.arange(20_000) // 20
    )
    for name in ("log_loss_nats_low", "log_loss_nats_high", "contribution_nats_low", "contribution_nats_high"):
        # Sums of twenty equal terms, divided by twenty times as much.
        assert twenty.groups[name] == pytest.approx(once[name], rel=1e-9)


def test_what_groups_add_has_the_errors_of_weighted_rows():
    """Σ (w·((is of the group − share)·(loss − mean) − added) / W)² (1 + 2w / W), by brute force."""
    y, p, rng = rows(600)
    w, group = rng.lognormal(0, 1, 600), rng.integers(0, 2, 600)
    m = measure(y, p, by=group, sample_weight=w)
    share, cost = w / w.sum(), surprisal(y, p)
    effective = 1 / (share @ share)
    for row in m.groups:
        mine = group == row["by"]
        added = share[mine] @ cost[mine] - share[mine].sum() * (share @ cost)
        squares = (share * ((mine - share[mine].sum()) * (cost - share @ cost) - added)) ** 2 * (1 + 2 * share)
        own = share[mine].sum() ** 2 / (share[mine] @ share[mine])
        inside, outside = squares[mine].sum(), squares[~mine].sum()
        degrees = (inside + outside) ** 2 / (inside**2 / (own - 1) + outside**2 / (effective - 1))
        reach = student_quantile(degrees) * math.sqrt(inside + outside)
        assert row["contribution_nats_high"] - row["contribution_nats"] == pytest.approx(reach, rel=1e-9)


@pytest.mark.slow
def test_intervals_of_groups_with_clusters_cover_the_true_figure():
    """Of 400 samples of 30 clusters, each in one group, those of rows held 52 in 100. Of 94 in 100 fewer than 350 hold
    less than once in a million times (binomial)."""
    rng = np.random.default_rng(SEED)
    held = 0
    for _ in range(400):
        size = rng.integers(20, 61, 30)
        cluster = np.repeat(np.arange(30), size)
        luck = rng.normal(0, 1, 30)[cluster]
        y = (rng.random(len(cluster)) < 1 / (1 + np.exp(-luck))).astype(np.uint8)
        # Every forecast is ⅔: the mean loss of an even chance is (ln 3 − ln 2 + ln 3) / 2.
        grouped = summarise(y, RowOptions(y_proba=np.full(len(y), 2 / 3), by=cluster % 2, cluster=cluster)).summary
        moments = moments_of(grouped, score_table_of(grouped.scores))
        row = groups_table(replace(grouped.groups, cells=None), moments, is_soft=False, has_clusters=True)[0]
        held += row["log_loss_nats_low"] <= math.log(3) - math.log(2) / 2 <= row["log_loss_nats_high"]
    assert held >= 350


def test_clusters_of_one_row_give_the_intervals_of_rows():
    """Up to t for the normal quantile, n / (n − 1), and the coarse bins that errors of parts are made of."""
    y, p, _ = rows(3_000)
    rowwise, clustered = measure(y, p), measure(y, p, cluster=np.arange(len(y)))
    for name, rel in {"log_loss": 2e-3, "base_rate": 2e-3, "skill": 2e-3, "auc": 0.02}.items():
        a, b = getattr(rowwise, name), getattr(clustered, name)
        assert b.high - b.low == pytest.approx(a.high - a.low, rel=rel), name
    a, b = rowwise.discrimination.excess, clustered.discrimination.excess
    assert b.high - b.low == pytest.approx(a.high - a.low, rel=0.05)


def test_rows_repeated_within_clusters_do_not_narrow_an_interval():
    """Twenty copies of each row are still one observation."""
    y, p, _ = rows(1_000)
    once = measure(y, p, cluster=np.arange(1_000))
    twenty = measure(np.repeat(y, 20), np.repeat(p, 20), cluster=np.repeat(np.arange(1_000), 20))
    for name in ("log_loss", "skill", "auc"):
        a, b = getattr(once, name), getattr(twenty, name)
        # Sums of twenty equal terms, divided by twenty times as much; what the rows of an area are worth has the n / (n − 1)
        # of 1,000 rows, or of 20,000.
        assert (b.low, b.high) == pytest.approx((a.low, a.high), rel=1e-9 if name != "auc" else 1e-6), name
    for name in ("discrimination", "miscalibration"):
        a, b = getattr(once, name).excess, getattr(twenty, name).excess
        # How the isotonic fit overfits is drawn anew: by how much it varies is known to a tenth, and by less as coarse
        # bins are less than all of it. Without clusters the interval is a fourth as wide.
        assert b.high - b.low == pytest.approx(a.high - a.low, rel=0.5), name
    assert "CIs assume independent clusters (1,000 of cluster, effective number 487)\n" in repr(twenty)
    assert "rows of a cluster depend on each other" in repr(twenty)


def test_many_clusters_share_buckets_and_keep_their_width():
    """4,096 buckets estimate a variance to √(2 / 4096) = 2 %; three times that is allowed."""
    y, p, _ = rows(60_000)
    m = measure(y, p, cluster=np.arange(len(y)) // 2)
    rowwise = measure(y, p)
    assert m.has_buckets
    assert m.n_clusters > 4_000
    assert "CIs assume independent buckets of clusters (4,090 of cluster, effective number 3,411.9)\n" in repr(m)
    width, expected = m.log_loss.high - m.log_loss.low, rowwise.log_loss.high - rowwise.log_loss.low
    assert width == pytest.approx(expected, rel=0.07)


def test_one_cluster_has_no_interval():
    y, p, _ = rows(100)
    m = measure(y, p, cluster=np.zeros(100))
    assert not m.log_loss.has_interval
    assert m.log_loss.reason == "one cluster"


def test_a_cluster_that_is_missing_is_refused():
    with pytest.raises(DataError, match="`cluster` must hold a value; row 1 has none"):
        measure([1, 0], [0.5, 0.5], cluster=[1.0, math.nan])


def test_clusters_of_several_columns_are_their_combinations():
    y, p, rng = rows(2_000)
    a, b = rng.integers(0, 8, len(y)), rng.integers(0, 9, len(y))
    several, one = measure(y, p, cluster={"a": a, "b": b}), measure(y, p, cluster=a * 9 + b)
    assert several.n_clusters == one.n_clusters == len(np.unique(a * 9 + b))
    assert several.log_loss.low == pytest.approx(one.log_loss.low, rel=1e-12)


def test_tables_of_an_answer_go_to_every_frame():
    y, p, rng = rows(500)
    m = logloss.measure(y, p, by=rng.choice(["a", None], len(y)))
    assert m.groups.to_pandas()["rows"].sum() == m.groups.to_polars()["rows"].sum() == 500
    assert m.largest_losses.to_pandas().shape == (20, 5)


@pytest.mark.slow
def test_what_a_group_adds_has_an_interval_as_wide_as_it_scatters():
    """Over 300 data sets with random groups; the standard deviation of 300 is known to 4 %, three times that is asked."""
    rng = np.random.default_rng(21)
    added, reach, held = [], [], 0
    for _ in range(300):
        group, proba = rng.integers(0, 3, 1_000), rng.random(1_000)
        labels = (rng.random(1_000) < np.where(group == 0, 0.5, proba)).astype(int)
        row = measure(labels, proba, by=group).groups[0]
        added.append(row["contribution_nats"])
        reach.append((row["contribution_nats_high"] - row["contribution_nats_low"]) / (2 * 1.959964))
        # ∫ −log of a uniform p is 1 nat for a coin, ½ for a calibrated forecaster: a third adds (1 − 2/3)/3.
        held += row["contribution_nats_low"] <= (1 - 2 / 3) / 3 <= row["contribution_nats_high"]
    assert np.std(added) == pytest.approx(np.mean(reach), rel=0.12)
    assert held >= 300 * 0.91


def test_what_a_group_adds_has_no_interval_where_the_loss_has_none():
    groups = measure([1, 0, 1, 0], [0.0, 0.4, 0.6, 0.5], by=list("aabb")).groups
    assert all(math.isnan(value) for name in ("low", "high") for value in groups[f"contribution_nats_{name}"])


@pytest.mark.parametrize("share", [0.3, 1 / 3, 0.9, 5e-324, 1 - 2.0**-53])
@pytest.mark.parametrize("has_weights", [False, True])
def test_groups_of_one_repeated_share_are_measured(share, has_weights):
    """Products of equal shares are rounded: their variance may come out below 0, and no root may be taken of that."""
    rng = np.random.default_rng(SEED)
    y = np.repeat([share, 0.25, 0.5], 25)
    given = {"sample_weight": rng.gamma(1, 1, 75)} if has_weights else {}
    m = measure(y, rng.random(75), by=np.repeat([0, 1, 2], 25), **given)
    rates = m.groups["base_rate"]
    # A weighted mean of equal shares is that share to the rounding of the products.
    assert rates == pytest.approx([share, 0.25, 0.5], rel=1e-15)
    assert all(row["log_loss_nats"] >= 0 for row in m.groups)


def test_a_rare_class_that_weighs_next_to_nothing_is_no_one_class():
    """The base rate is rounded to 1; with clusters and groups, too, everything is reported."""
    y, p = np.array([1, 1, 0, 1] * 20), np.full(80, 0.7)
    w = np.where(y == 1, 1.0, 1e-300)
    for given in ({}, {"cluster": np.arange(80) % 9}, {"by": np.arange(80) % 3}):
        m = measure(y, p, sample_weight=w, **given)
        assert m.base_rate == 1
        assert m.base_rate.reason == ""
        assert m.base_rate.low <= 1 <= m.base_rate.high
        assert m.auc == 0.5
        assert repr(m)


@pytest.mark.parametrize("weight", [5e-324, 1e-300, 1e300, 1.7e308])
@pytest.mark.parametrize("size", [1.0, 1e300, 1.7e308])
def test_weights_and_log_odds_of_every_size_are_measured_by_group_and_cluster(weight, size):
    """Warnings are errors: nothing may leave the floats unseen. Groups have rows enough of each class for intervals."""
    rng = np.random.default_rng(SEED)
    y, z = rng.integers(0, 2, 600), rng.uniform(-1, 1, 600) * np.where(np.arange(600) % 4, 1.0, size)
    w, by, cluster = rng.choice([1.0, weight], 600), np.arange(600) % 3, np.arange(600) % 50
    m = measure(y, y_logit=z, sample_weight=w, by=by, cluster=cluster)
    figures = m.to_dict()
    for row in (figures, *figures["groups"]):
        low, high = row["log_loss_nats_low"], row["log_loss_nats_high"]
        if row is not figures and low is None:
            # Eleven clusters, some of which outweigh the others.
            assert row["reason"].startswith(("too few clusters (", "the losses are too large"))
        else:
            assert float(low) <= float(row["log_loss_nats"]) <= float(high)
    later = m.merge(measure(y, y_logit=z / 2, by=by, cluster=cluster, name="b"))
    moved = logloss.diff(m, later)
    assert moved.log_loss == later.log_loss - m.log_loss
    assert moved.log_loss.reason == "the two share rows"


def test_groups_with_huge_log_odds_cost_what_they_cost_alone():
    """Beyond 2^80 their powers leave the short sums of groups."""
    y = np.array([0, 1, 0, 1] * 20)
    z = np.array([1e300, 1.0, 1e100, -2.0] * 20)
    group = np.repeat([0, 1], 40)
    for row in measure(y, y_logit=z, by=group).groups:
        alone = measure(y[group == row["by"]], y_logit=z[group == row["by"]])
        assert row["log_loss_nats"] == alone.log_loss
        assert row["rows"] == alone.n_rows


def test_a_group_by_two_columns_keeps_true_and_one_apart():
    by = {"a": np.array([True, 1, "1", 1], object), "b": [0, 0, 0, 0]}
    m = measure([1, 0, 1, 0], [0.5] * 4, by=by)
    assert m.margin("a")["rows"] == [1, 2, 1]


@pytest.mark.parametrize("kind", ["hard", "weighted", "soft", "counts"])
def test_sums_of_all_keys_are_those_of_each(kind):
    y, p, rng = rows(400)
    extra = {"weighted": {"sample_weight": rng.gamma(2, 1, len(y))}, "counts": {"counts": rng.integers(1, 4, len(y))}}
    labels = rng.random(len(y)) if kind == "soft" else y
    keys = {"by": rng.integers(0, 3, len(y)), "cluster": rng.integers(0, 30, len(y))}
    summary = measure(labels, p, **keys, **extra.get(kind, {})).summary
    for keyed in (summary.groups, summary.clusters):
        for name in ("w", "c", "a"):
            each = [GroupSums(keyed, number, is_soft=kind == "soft").sum(name) for number in range(keyed.n_groups)]
            assert sums_of_keys(keyed, name) == each
            assert sum(each) == pytest.approx(summary.sum(name), rel=1e-12)
