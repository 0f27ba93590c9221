"""Segments: scores against exact tails and statsmodels, what is named, what is refused."""

from __future__ import annotations

import json
import math
import sys

import numpy as np
import pytest
import reference
import statsmodels.api as sm
from scipy import stats
from scipy.special import expit, logit
from statsmodels.stats.proportion import proportion_confint

import logloss
from logloss.data.binned import N_BINS, binned_numbers
from logloss.inference.shift_scores import normal_of_student, score_interval, shift_scores
from logloss.onepass.kernels.cell_sums import add_by_cell
from logloss.segmentation.largest_of_null import MARGIN, LargestOfNull

SEED = 11


def planted(n: int = 4_000, shift: float = 1.0, seed: int = SEED) -> dict[str, np.ndarray]:
    """Rows in which the log-odds of one site are too low by `shift`."""
    rng = np.random.default_rng(seed)
    table = {"site": np.array(list("abcde"))[rng.integers(0, 5, n)], "age": rng.integers(20, 80, n)}
    table |= {"income": np.exp(rng.normal(size=n)), "p": rng.beta(2, 3, n)}
    truth = expit(logit(table["p"]) + shift * (table["site"] == "c"))
    return table | {"y": (rng.random(n) < truth).astype(int)}


def found_in(table, **options):
    return logloss.segments(table, y_true="y", y_proba="p", **options)


@pytest.mark.parametrize("has_pairs", [True, False])
def test_add_by_cell_equals_its_twin(has_pairs):
    rng = np.random.default_rng(SEED)
    codes = rng.integers(0, 4, (50, 3)).astype(np.uint8)
    coarse = np.array([[0, 0, 1, 1], [0, 1, 2, 2], [0, 1, 1, 2]], np.uint8)
    layout = np.array([0, 4, 8, 2, 3, 3, 12, 18, 24, 33] if has_pairs else [0, 4, 8, 2, 3, 3, 12], np.int64)
    buckets, values = rng.integers(0, 2, 50).astype(np.uint8), rng.normal(size=(50, 2))
    sums = np.zeros((2, 33, 2))
    add_by_cell(codes, coarse, layout, np.argsort(buckets, kind="stable"), buckets, values, sums)
    rows = codes.tolist(), coarse.tolist(), layout.tolist(), buckets.tolist(), values.tolist()
    expected = reference.add_by_cell(*rows)
    assert {key for key in np.ndindex(2, 33) if sums[key].any()} == expected.keys()
    for key, own in expected.items():
        # Sums of at most 50 terms of order one.
        np.testing.assert_allclose(sums[key], own, atol=1e-13)


@pytest.mark.parametrize(("n", "p"), [(400, 0.02), (200, 0.05), (100, 0.4), (150, 0.93), (3_000, 0.002)])
def test_tails_are_those_of_the_binomial_distribution(n, p):
    """Where tails are between 1e-3 and 1e-7, p-values of a search are decided there: within a factor of 2."""
    counts = np.arange(n + 1)
    variance, third = n * p * (1 - p), n * p * (1 - p) * (1 - 2 * p)
    z = shift_scores(counts - n * p, np.full(n + 1, variance), np.full(n + 1, third)).z
    # Half the probability of what is observed, as a lattice has no continuous tail.
    upper = stats.binom.sf(counts, n, p) + 0.5 * stats.binom.pmf(counts, n, p)
    is_far = (upper < 1e-3) & (upper > 1e-7)
    ratio = stats.norm.sf(z[is_far]) / upper[is_far]
    assert is_far.sum() >= 3
    assert ratio.min() > 0.5
    assert ratio.max() < 2.0
    normal = stats.norm.sf((counts[is_far] - n * p) / math.sqrt(variance)) / upper[is_far]
    if p < 0.1:
        assert normal.min() < 0.2


def test_the_normal_value_has_no_jumps():
    """Along the skewness, and along the score: where one formula ends and another begins, and where digits cancel."""
    scores, skewness = np.meshgrid(np.linspace(-6, 6, 241), np.concatenate([-np.geomspace(1e-9, 0.2, 80), [0.0]]))
    z = shift_scores(3 * scores, np.full(scores.shape, 9.0), 27 * skewness).z
    # The first term of Cornish and Fisher's expansion.
    expected = scores - skewness / 6 * (scores**2 - 1)
    bound = 0.006 + skewness**2 * (1 + np.abs(scores) ** 3) / 4
    assert np.all(np.abs(z - expected) <= bound)
    mirrored = shift_scores(-3 * scores, np.full(scores.shape, 9.0), -27 * skewness).z
    np.testing.assert_array_equal(mirrored, -z)


@pytest.mark.parametrize("degrees", [10.0, 19.0, 100.0])
def test_student_s_tail_is_that_of_the_normal_value(degrees):
    t = np.array([-8.0, -4.0, -1.0, 0.5, 3.0, 6.0])
    expected = stats.norm.isf(stats.t.sf(np.abs(t), degrees)) * np.sign(t)
    np.testing.assert_allclose(normal_of_student(t, np.full(6, degrees)), expected, atol=0.02)
    assert normal_of_student(t, np.full(6, np.inf)).tolist() == t.tolist()


def test_the_interval_is_that_of_wilson_where_all_predictions_are_one():
    n, p, positive, level = 240, 0.3, 101, 0.999
    critical = stats.norm.ppf(0.5 + level / 2)
    low, high = score_interval(
        np.array([positive - n * p]), np.array([n]), np.array([n * p * (1 - p)]), np.array([p]), critical
    )
    expected = proportion_confint(positive, n, 1 - level, method="wilson")
    np.testing.assert_allclose([low[0] + p, high[0] + p], expected, rtol=1e-12)


def test_shifts_gains_and_scores_are_those_of_logistic_regression():
    """The first segment alone, the second beside it: fits of statsmodels with the log-odds as offset."""
    table = planted(shift=1.2)
    table["y"] = np.where((table["age"] < 30) & (np.arange(4_000) % 3 == 0), 0, table["y"])
    found = found_in(table, features=["site", "age"], pairs=False)
    names = found.miscalibrated["segment"]
    assert names[0] == "site = c"
    assert names[1].startswith("age < ")
    columns = np.array([table["site"] == "c", table["age"] < int(names[1].split()[-1])], float).T
    offset, before = logit(table["p"]), logloss.log_loss(table["y"], table["p"])
    for number in (1, 2):
        row = found.miscalibrated[number - 1]
        fit = sm.GLM(table["y"], columns[:, :number], family=sm.families.Binomial(), offset=offset).fit(tol=1e-12)
        # Newton's steps end at a gain of 1e-3: a hundredth of a standard error.
        assert row["shift"] == pytest.approx(fit.params[-1], abs=0.05 * fit.bse[-1])
        assert (row["shift_high"] - row["shift"]) / found.critical_z == pytest.approx(fit.bse[-1], rel=1e-2)
        after = logloss.log_loss(table["y"], fit.predict(columns[:, :number], offset=offset))
        # Half a unit of log-likelihood is what a shift gains where predictions are right.
        assert row["gain_nats"] == pytest.approx(before - after - 0.5 / 4_000, rel=1e-3)
        before = after
    # The signed root of twice the gain is another statistic of the same hypothesis.
    root = math.sqrt(2 * 4_000 * found.miscalibrated[0]["gain_nats"] + 1)
    assert found.miscalibrated[0]["z"] == pytest.approx(root, rel=0.02)


def test_a_planted_level_is_named_once():
    found = found_in(planted())
    assert found.miscalibrated["segment"] == ["site = c"]
    row = found.miscalibrated[0]
    assert row["p_value"] < 1e-6
    assert row["difference_low"] < row["observed"] - row["predicted"] < row["difference_high"]
    assert row["difference_low"] > 0
    assert "site = c" in repr(found)


def test_a_planted_interval_of_neighbouring_cells_is_named():
    table = planted(8_000, 0.0)
    ages = np.quantile(table["age"], [0.25, 0.625])
    is_in = (table["age"] >= ages[0]) & (table["age"] < ages[1])
    rng = np.random.default_rng(SEED)
    table["y"] = (rng.random(8_000) < expit(logit(table["p"]) - 0.8 * is_in)).astype(int)
    (name,) = found_in(table).miscalibrated["segment"]
    low, high = map(int, name.removeprefix("age ").split("–"))
    chosen = (table["age"] >= low) & (table["age"] <= high)
    assert (chosen & is_in).sum() > 0.8 * (chosen | is_in).sum()


def test_a_planted_pair_is_named_and_not_its_sides():
    table = planted(8_000, 0.0)
    is_in = (table["site"] == "b") & (table["age"] < np.quantile(table["age"], 0.5))
    rng = np.random.default_rng(SEED)
    table["y"] = (rng.random(8_000) < expit(logit(table["p"]) + 1.5 * is_in)).astype(int)
    (name,) = found_in(table).miscalibrated["segment"]
    assert "site = b" in name
    assert "age <" in name


def test_a_shift_of_all_rows_is_told_first_and_once():
    table = planted(8_000, 0.0)
    rng = np.random.default_rng(SEED)
    table["y"] = (rng.random(8_000) < expit(logit(table["p"]) + 0.3)).astype(int)
    assert found_in(table).miscalibrated["segment"] == ["all rows"]


def test_nothing_is_named_where_nothing_is_planted():
    """5% of searches may name something: of ten, five do so with a probability of 6e-5."""
    n_named = sum(bool(len(found_in(planted(1_000, 0.0, seed)).miscalibrated)) for seed in range(10))
    assert n_named < 5


def test_missing_values_are_a_level_of_their_own():
    table = planted(4_000, 0.0)
    rng = np.random.default_rng(SEED)
    is_gap = rng.random(4_000) < 0.2
    table["age"] = np.where(is_gap, np.nan, table["age"])
    table["y"] = (rng.random(4_000) < expit(logit(table["p"]) + 1.0 * is_gap)).astype(int)
    found = found_in(table)
    assert found.miscalibrated["segment"] == ["age is missing"]
    assert found.n_dropped == 0


def test_labels_have_no_part_in_the_family_nor_its_critical_value():
    table = planted()
    other = found_in(table | {"y": 1 - table["y"]})
    assert (other.n_segments, other.critical_z) == (found_in(table).n_segments, found_in(table).critical_z)


def test_weights_count_as_rows_in_rates_and_once_in_tests():
    table = planted(3_000)
    half = found_in(table | {"w": np.full(3_000, 0.5)}, sample_weight="w")
    whole = found_in(table)
    assert half.miscalibrated["segment"] == whole.miscalibrated["segment"]
    np.testing.assert_allclose(half.miscalibrated["z"], whole.miscalibrated["z"], rtol=1e-9)
    np.testing.assert_allclose(half.miscalibrated["gain_nats"], whole.miscalibrated["gain_nats"], rtol=1e-9)


def test_copies_of_rows_in_clusters_do_not_make_a_segment_more_significant():
    """Each row four times: with clusters z stays about that of the rows; without, it doubles."""
    table = planted(3_000)
    four = {name: np.repeat(values, 4) for name, values in table.items()}
    once = found_in(table).miscalibrated[0]
    clustered = found_in(four | {"row": np.repeat(np.arange(3_000), 4)}, cluster="row", features=["site", "age"])
    alone = found_in(four).miscalibrated[0]
    # The standard deviation of 256 buckets has an error of 4%, and rows have four times their weight in the gain.
    assert clustered.miscalibrated[0]["z"] == pytest.approx(once["z"], rel=0.15)
    assert alone["z"] == pytest.approx(2 * once["z"], rel=0.05)
    assert clustered.cluster == ("row",)


def test_every_kind_of_table_and_log_odds_give_the_same(tmp_path):
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    table = planted()
    expected = found_in(table, features=["site", "age", "income"])
    pandas.DataFrame(table).to_csv(tmp_path / "t.csv", index=False)
    options = {"y_true": "y", "features": ["site", "age", "income"]}
    with_logits = table | {"z": logit(table["p"])}
    others = [
        logloss.segments(pandas.DataFrame(table), y_proba="p", **options),
        logloss.segments(polars.DataFrame(table), y_proba="p", **options),
        logloss.segments(tmp_path / "t.csv", y_proba="p", **options),
        logloss.segments(with_logits, y_logit="z", **options),
        logloss.segments(table["y"], table["p"], features={name: table[name] for name in options["features"]}),
    ]
    for other in others:
        assert other.n_segments == expected.n_segments
        assert other.miscalibrated["segment"] == expected.miscalibrated["segment"]
        np.testing.assert_allclose(other.miscalibrated["z"], expected.miscalibrated["z"], rtol=1e-6)


def test_high_losses_are_told_with_what_they_add():
    table = planted(4_000, 0.0)
    table["p"] = np.where(table["site"] == "a", 0.5, np.where(table["y"] == 1, 0.9, 0.1))
    found = found_in(table, features=["site"])
    assert found.high_losses["segment"] == ["site = a"]
    row, is_in = found.high_losses[0], table["site"] == "a"
    own, every = (logloss.log_loss(table["y"][rows], table["p"][rows]) for rows in (is_in, slice(None)))
    assert row["log_loss_nats"] == pytest.approx(own)
    assert row["contribution_nats"] == pytest.approx(is_in.mean() * (own - every))
    assert row["contribution_nats_low"] < row["contribution_nats"] < row["contribution_nats_high"]


def test_cells_of_numbers_are_quantiles_and_a_frequent_value_is_one():
    sample = np.concatenate([np.zeros(900), np.arange(1, 101)])
    column = binned_numbers("gain", 0, 0, sample, lacks=False)
    assert column.edges[0] == 1.0
    assert 3 <= len(column.edges) <= N_BINS
    assert binned_numbers("one", 0, 0, np.ones(5), lacks=False) is None
    few = binned_numbers("few", 0, 0, np.array([1.0, 2.0, 4.0]), lacks=False)
    assert [few.describe(*each) for each in few.ranges()] == ["few < 2", "few < 4", "few 2–3", "few ≥ 2", "few ≥ 4"]


def test_the_null_of_independent_segments_is_that_of_sidak():
    null = LargestOfNull.of(np.eye(256, dtype=np.float32), 4_000)
    expected = stats.norm.ppf(0.5 + 0.5 * (1 - 0.05 / MARGIN) ** (1 / 256))
    # The quantile of 4,000 draws has a standard error of 0.03.
    assert null.critical() == pytest.approx(expected, abs=0.1)
    assert 0.04 < null.p_value(null.critical()) <= 0.05
    assert null.p_value(9.0) < 1e-15


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"features": ["y", "age"]}, '"y" has the labels, and is no feature'),
        ({}, {"features": ["agee"]}, 'Did you mean "age"'),
        ({}, {"most": 0}, "from 1 to 30"),
        ({"y": np.zeros(4_000, int)}, {}, "both classes must occur"),
        ({"id": np.arange(4_000).astype(str)}, {"features": ["id"]}, '"id" has 4,000 levels'),
        ({"one": np.ones(4_000)}, {"features": ["one"]}, "no feature is left to search"),
        ({}, {"exclude": ["age", "site", "income"]}, "no feature is left to search"),
    ],
)
def test_what_cannot_be_searched_is_refused_by_its_words(change, options, message):
    with pytest.raises(logloss.DataError, match=message):
        found_in(planted(4_000) | change, **options)


def test_a_comparison_of_a_feature_is_the_label():
    with pytest.raises(logloss.DataError, match='"age" has the labels, and is no feature'):
        logloss.segments(planted(), y_true="age >= 40", y_proba="p", features=["age"])


def test_arrays_need_features_and_a_forecast():
    with pytest.raises(logloss.DataError, match="columns to search are needed"):
        logloss.segments([0, 1], [0.5, 0.5])
    with pytest.raises(logloss.DataError, match="a forecast is needed"):
        logloss.segments(planted(), y_true="y")


def test_identifiers_and_small_levels_are_left_out_with_a_note():
    table = planted() | {"id": np.arange(4_000).astype(str), "rare": np.array(["x"] * 3_995 + ["five"] * 5)}
    found = found_in(table)
    assert any('"id" has 4,000 levels' in note for note in found.notes)
    assert "id" not in found.columns
    assert all("five" not in name for name in found.miscalibrated["segment"])


def test_a_column_that_holds_the_label_is_a_caution():
    table = planted() | {"outcome": np.where(planted()["y"] == 1, "paid", "not")}
    assert any("hold the label" in each for each in found_in(table).cautions)


def test_many_columns_are_searched_alone_with_a_note():
    rng = np.random.default_rng(SEED)
    table = planted() | {f"x{j}": rng.normal(size=4_000) for j in range(70)}
    found = found_in(table)
    assert not found.has_pairs
    assert any("only single columns" in note for note in found.notes)


def test_infinite_losses_leave_the_search_finite():
    table = planted()
    table["p"][:3], table["y"][:3] = 0.0, 1
    found = found_in(table)
    assert math.isinf(found.log_loss)
    assert all(map(math.isfinite, found.miscalibrated["gain_nats"]))
    json.dumps(found.to_dict(), allow_nan=False)


def test_the_shell_has_the_same_words(tmp_path, capsys, monkeypatch):
    pandas = pytest.importorskip("pandas")
    from logloss import cli

    path = tmp_path / "t.csv"
    pandas.DataFrame(planted()).to_csv(path, index=False)

    def run(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["logloss", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code, capsys.readouterr().out

    code, out = run("segments", path, "-y", "y", "-p", "p", "--json", "-o", tmp_path / "s.json")
    assert code == 0
    assert json.loads(out)["n_miscalibrated"] == 1
    assert run("segments", path, "-y", "y", "-p", "p", "--no-pairs", "--fail-if", "gain_nats > 0")[0] == 1
    assert run("segments", path, "-y", "y", "-p", "p", "--features", "y")[0] == 3
    assert run("segments", path, "-y", "y")[0] == 2
    assert "site = c" in run("show", tmp_path / "s.json")[1]
