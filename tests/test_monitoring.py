"""Watching over time: the detector beside likelihoods of others, figures of periods from rows, alarms, bad input."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.stats
from scipy.special import expit, logit
from test_cli import run  # noqa: F401

import logloss
from logloss import DataError
from logloss.inference.logistic_line import BETA, fitted, labels_inside
from logloss.inference.score_table import score_table_of
from logloss.monitoring.change_detector import SIZES, SPAN, detected
from logloss.monitoring.period_figures import PeriodFigures, Reference
from logloss.monitoring.watch import merged

SEED = 71


def rows(random, n_rows=300, *, slope=1.0, shift=0.0, middle=0.0):
    """Labels, and predictions whose log-odds z have true ones slope·z + shift."""
    z = random.normal(middle, 1, n_rows)
    return (random.random(n_rows) < expit(slope * z + shift)).astype(int), expit(z)


def periods(n, *, seed=SEED, change=None, start=0, **of):
    """Measurements of n periods; change: other rows from period `start` on."""
    random = np.random.default_rng(seed)
    return [logloss.measure(*rows(random, **(of | (change or {}) if k >= start else of))) for k in range(n)]


# The detector.


def log_ratio_of_known_scale(x, w, start, spread):
    """Of the density of contrasts of x, with a change of normal size at `start` and without, by SciPy."""
    contrasts = scipy.linalg.null_space(np.ones((1, len(x)))).T
    step = (np.arange(len(x)) >= start).astype(float)
    null = contrasts @ np.diag(1 / w) @ contrasts.T
    changed = null + spread * np.outer(contrasts @ step, contrasts @ step)
    return [scipy.stats.multivariate_normal(cov=cov).logpdf(contrasts @ x) for cov in (changed, null)]


def log_ratio_of_unknown_scale(x, w, start, spread):
    """The same, both integrated over the logarithm of the scale."""

    at_x, at_0 = (log_ratio_of_known_scale(each, w, start, spread) for each in (x, np.zeros(len(x))))
    tops = [height - (len(x) - 1) / 2 for height in at_0]

    def integrated(which):
        def density(log_scale):
            squares = at_x[which] - at_0[which]
            return math.exp(at_0[which] + squares * math.exp(-2 * log_scale) - (len(x) - 1) * log_scale - tops[which])

        return math.log(scipy.integrate.quad(density, -8, 8, limit=400, epsabs=0, epsrel=1e-10)[0]) + tops[which]

    return integrated(0) - integrated(1)


@pytest.mark.parametrize("has_known_scale", [True, False])
def test_the_detector_mixes_likelihood_ratios_that_do_not_depend_on_the_mean(has_known_scale):
    random = np.random.default_rng(SEED)
    n, n_reference = 6, 3
    w = random.uniform(0.5, 3, n)
    x = 0.7 + random.normal(0, 1, n) / np.sqrt(w)
    x[4:] += 2
    found = detected(x, w, n_reference, has_known_scale=has_known_scale)
    for last in range(n_reference, n):
        total = 0.0
        for start in range(n_reference, last + 1):
            for size in SIZES:
                spread = size**2 / w[:n_reference].mean()
                if has_known_scale:
                    changed, null = log_ratio_of_known_scale(x[: last + 1], w[: last + 1], start, spread)
                    ratio = changed - null
                else:
                    ratio = log_ratio_of_unknown_scale(x[: last + 1], w[: last + 1], start, spread)
                number = start - n_reference + 1
                total += math.exp(ratio) / len(SIZES) * SPAN / ((number + SPAN - 1) * (number + SPAN))
        total += SPAN / (last - n_reference + 1 + SPAN)
        # 1e-8: of the integrals.
        assert found.log_e_values[last - n_reference] == pytest.approx(math.log(total), abs=1e-7)


def test_weights_of_changes_add_up_to_one():
    number = np.arange(1, 10**6)
    left = SPAN / (len(number) + SPAN)
    assert (SPAN / ((number + SPAN - 1) * (number + SPAN))).sum() + left == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("has_known_scale", [True, False])
def test_without_a_change_the_limit_is_reached_in_at_most_5_percent_of_runs(has_known_scale):
    """The mean and, but for the known one, the scale are of any size: nothing of them is known to the detector."""
    random, alarms, times = np.random.default_rng(SEED), 0, 300
    for _ in range(times):
        w = random.uniform(0.3, 3, 50)
        scale = 1.0 if has_known_scale else math.exp(random.normal(0, 3))
        x = random.normal(0, 100) + scale * random.normal(0, 1, 50) / np.sqrt(w)
        alarms += (detected(x, w, 4, has_known_scale=has_known_scale).log_e_values >= math.log(20)).any()
    # More than 25 of 300 have a probability of 0.5% at exactly 5%.
    assert alarms <= 25


@pytest.mark.parametrize("has_known_scale", [True, False])
def test_a_constant_added_to_all_periods_changes_nothing_and_neither_does_the_unknown_unit(has_known_scale):
    random = np.random.default_rng(SEED)
    x, w = random.normal(0, 1, 30), random.uniform(0.5, 2, 30)
    plain = detected(x, w, 5, has_known_scale=has_known_scale)
    moved = detected(x * (1 if has_known_scale else 1e3) + 7, w, 5, has_known_scale=has_known_scale)
    # 7 is added to numbers of order one: what rounding leaves of 50 terms.
    assert moved.log_e_values == pytest.approx(plain.log_e_values, abs=1e-9)
    assert moved.changes.tolist() == plain.changes.tolist()


def test_later_periods_do_not_change_what_was_known_before():
    random = np.random.default_rng(SEED)
    x, w = random.normal(0, 1, 40), random.uniform(0.5, 2, 40)
    whole = detected(x, w, 8, has_known_scale=False)
    for n in (9, 20, 39):
        part = detected(x[:n], w[:n], 8, has_known_scale=False)
        assert part.log_e_values.tolist() == whole.log_e_values[: n - 8].tolist()
    measured = periods(14)
    first, all_of_them = logloss.watch(measured[:11]), logloss.watch(measured)
    assert first.periods["log_e_slope"][8:] == all_of_them.periods["log_e_slope"][8:11]


def test_equal_periods_are_no_change():
    found = detected(np.full(12, 0.3), np.ones(12), 4, has_known_scale=False)
    assert (found.log_e_values <= 0).all()


# Figures of a period.


def test_figures_of_a_period_are_those_of_its_rows():
    random = np.random.default_rng(SEED)
    before, now = rows(random, 2_000, slope=0.7, shift=0.4), rows(random, 500)
    weight = random.uniform(0.5, 2, 500)
    reference = Reference.of(logloss.measure(*before).record)
    line = fitted(labels_inside(score_table_of(logloss.measure(*before).summary.scores)), BETA)
    for w, more in ((np.ones(500), {}), (weight, {"sample_weight": weight})):
        found = PeriodFigures.of(logloss.measure(*now, **more).record, reference)
        y, p = now
        q = expit(line.a * np.log(p) - line.b * np.log1p(-p) + line.c)
        n_effective = w.sum() ** 2 / (w**2).sum()
        share, g = w / w.sum(), logit(p) - reference.middle
        near = {"rel": 1e-9, "abs": 1e-12}
        assert found.expected_base_rate == pytest.approx((share * q).sum(), **near)
        expected = -(share * (q * np.log(p) + (1 - q) * np.log1p(-p))).sum()
        assert found.expected_log_loss == pytest.approx(expected, **near)
        for name, column in (("shift", np.ones(500)), ("slope", g)):
            information = (share * q * (1 - q) * column**2).sum()
            value = (share * (y - q) * column).sum() / information
            assert found.statistics[name] == pytest.approx((value, n_effective * information), **near)
        losses = np.where(y == 1, -np.log(p), -np.log1p(-p))
        assert found.statistics["loss"].value == pytest.approx((share * losses).sum(), **near)
        # The loss less its expectation given the predictions is a sum of the first two statistics.
        gap = (share * losses).sum() - expected
        parts = -(share * (y - q) * g).sum() - reference.middle * (share * (y - q)).sum()
        assert gap == pytest.approx(parts, **near)


def test_losses_and_parts_of_a_period_are_those_of_its_measurement():
    random = np.random.default_rng(SEED)
    measured = [logloss.measure(*rows(random), cluster=np.arange(300) % 40, name=str(k)) for k in range(3)]
    table = logloss.watch(measured).periods
    for m, row in zip(measured, table, strict=True):
        assert (row["log_loss_nats"], row["log_loss_nats_low"], row["log_loss_nats_high"]) == (
            m.log_loss,
            m.log_loss.low,
            m.log_loss.high,
        )
        parts = (row["uncertainty_nats"], row["discrimination_nats"], row["miscalibration_nats"])
        assert parts == (m.uncertainty, m.discrimination, m.miscalibration)
        assert (row["base_rate"], row["mean_proba"], row["rows"]) == (m.base_rate, m.mean_proba, 300)


def test_precisions_are_inverse_variances_of_independent_rows():
    random = np.random.default_rng(SEED)
    reference = Reference.of(logloss.measure(*rows(random, 200_000)).record)
    found = [PeriodFigures.of(logloss.measure(*rows(random, 400)).record, reference).statistics for _ in range(400)]
    for name in ("shift", "slope", "loss"):
        values, precisions = np.array([each[name] for each in found]).T
        # A variance of 400 values: ±7% one standard error.
        assert 1 / np.var(values) == pytest.approx(precisions.mean(), rel=0.25)


def test_the_share_without_labels_is_told_by_period():
    table = {"y": [1.0, 0.0, math.nan, 1.0] * 25, "p": [0.8, 0.3, 0.5, 0.6] * 25}
    some = logloss.measure(table, y_true="y", y_proba="p", missing="drop", name="some")
    whole = logloss.measure({"y": [1, 0, 1] * 25, "p": [0.8, 0.3, 0.6] * 25}, y_true="y", y_proba="p", name="whole")
    found = logloss.watch({"whole": whole, "some": some})
    assert found.periods["share_unlabelled"] == [0.0, 0.25]


# Alarms.


@pytest.mark.parametrize(
    ("change", "statistic", "direction", "words"),
    [
        ({"shift": 0.8}, "shift", "higher", "positives are more frequent than expected given the predictions"),
        ({"shift": -0.8}, "shift", "lower", "positives are less frequent than expected"),
        ({"slope": 0.2}, "slope", "lower", "outcomes depend less on the predictions (overconfident)"),
    ],
)
@pytest.mark.parametrize("within", ["dependent", "independent"])
def test_a_change_is_found_with_what_changed_and_since_when(change, statistic, direction, words, within):
    measured = periods(24, change=change, start=14)
    found = logloss.watch(measured, within=within)
    assert found.alarm
    assert (found.alarm_statistic, found.alarm_direction) == (statistic, direction)
    assert found.change_period in ("14", "15", "16")
    place = int(found.alarm_period)
    assert 15 <= place <= 20
    start = int(found.change_period) - 1
    assert found.change.old.record.summary == merged([m.record for m in measured[:start]]).summary
    assert found.change.new.record.summary == merged([m.record for m in measured[start:place]]).summary
    assert words in repr(found)
    assert f"probably since {found.change_period}" in repr(found)
    assert "= log loss" in repr(found)


def test_a_constant_miscalibration_is_no_change_but_the_loss_of_calibration_is():
    assert not logloss.watch(periods(30, slope=0.5, shift=-0.6)).alarm
    assert logloss.watch(periods(30, slope=0.5, shift=-0.6, change={"slope": 1.0, "shift": 0.0}, start=15)).alarm


def test_another_mix_of_predictions_changes_the_loss_alone():
    """The outcomes given the predictions are as before."""
    found = logloss.watch(periods(30, change={"middle": 2.0}, start=15))
    assert found.alarm_statistic == "loss"
    assert max(found.periods["log_e_shift"][8:]) < found.log_limit
    assert max(found.periods["log_e_slope"][8:]) < found.log_limit


def test_shocks_that_rows_of_a_period_share_are_no_change_unless_rows_are_claimed_to_be_independent():
    random = np.random.default_rng(SEED)
    measured = [logloss.measure(*rows(random, 2_000, shift=random.normal(0, 0.4))) for _ in range(25)]
    assert not logloss.watch(measured).alarm
    assert logloss.watch(measured, within="independent").alarm


def test_few_rows_are_looked_at_together_as_their_predictions_decide():
    found = logloss.watch(periods(31, n_rows=30, middle=-1.0))
    logs = np.array(found.periods["log_e_shift"])
    # About 8 of 30 rows are expected to be positive: three periods together, from the first after the reference on.
    looked_at = np.flatnonzero(np.isfinite(logs))
    assert looked_at[0] == 10
    assert set(np.diff(looked_at)) <= {2, 3}
    assert found.n_waiting == 30 - looked_at[-1]
    # The last ones wait: without them there is the same evidence.
    before = logloss.watch(periods(31, n_rows=30, middle=-1.0)[: looked_at[-1] + 1])
    assert found.n_waiting > 0
    assert before.log_e_values == found.log_e_values
    # No label decides which are: with others the same periods are looked at.
    y, p = np.arange(30) % 4 == 0, np.full(30, 0.25)
    both = (
        logloss.watch([logloss.measure(y if k < 4 else labels, p, name=str(k)) for k in range(12)], reference=4)
        for labels in (y, ~y)
    )
    first, second = (np.isfinite(each.periods["log_e_shift"]).tolist() for each in both)
    assert first == second


def test_too_few_of_a_class_in_the_reference_is_told():
    few = [logloss.measure([1] + [0] * 49, np.linspace(0.01, 0.2, 50), name=str(k)) for k in range(10)]
    found = logloss.watch(few)
    assert not found.alarm
    assert found.reason == "the reference periods have 8 positives; 20 are needed"
    assert "no change can be detected in 10 periods" in repr(found)
    assert found.to_dict()["log_e_shift"] is None


def test_predictions_of_0_and_1_alone_leave_nothing_to_look_at():
    random = np.random.default_rng(SEED)
    draws = random.random((2, 10, 300)) < 0.3
    found = logloss.watch([logloss.measure(y.astype(int), p.astype(float)) for y, p in zip(*draws, strict=True)])
    assert found.reason == "every prediction of the reference periods is 0 or 1"
    assert found.to_dict()["last_expected_base_rate"] is None
    assert "infinite losses" in repr(found)


def test_a_constant_prediction_is_watched_for_its_shift_alone():
    random = np.random.default_rng(SEED)
    rates = [0.5] * 14 + [0.8] * 6
    labels = [(random.random(300) < rate).astype(int) for rate in rates]
    found = logloss.watch([logloss.measure(y, np.full(300, 0.5), name=str(k)) for k, y in enumerate(labels)])
    assert (found.alarm_statistic, found.alarm_direction) == ("shift", "higher")
    assert found.log_e_values["slope"] == found.log_e_values["loss"] == 0.0


def test_infinite_losses_are_counted_and_leave_the_statistics_finite():
    random = np.random.default_rng(SEED)
    measured = [logloss.measure(*rows(random)) for _ in range(10)]
    y, p = rows(random)
    y[0], p[0] = 1, 0.0
    found = logloss.watch([*measured, logloss.measure(y, p)])
    assert found.periods[-1]["n_infinite"] == 1
    assert math.isfinite(found.log_e_values["loss"])
    assert "1 infinite loss" in repr(found)
    assert found.to_dict()["n_infinite"] == 1


# Words, files, wrong input.


def test_an_alarm_is_told_on_the_page_and_in_json():
    found = logloss.watch(periods(24, change={"slope": 0.2}, start=14))
    figures = found.to_dict()
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert (figures["alarm"], figures["alarm_period"]) == (1, found.alarm_period)
    assert figures["log_loss_change_nats"] == float(found.change.log_loss)
    assert len(figures["periods"]) == 24
    page = found.to_html()
    assert "What changed" in page
    assert logloss.drawing(found, "evidence").table("periods")["log_e_slope"][8:] == found.periods["log_e_slope"][8:]
    assert logloss.drawing(found).figures["alarm_at"] == int(found.alarm_period)
    quiet = logloss.watch(periods(10))
    assert "no picture" not in quiet.to_html()
    assert logloss.drawing(quiet, "waterfall").reason == "there is no alarm"


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (lambda m: m[:1], {}, "takes two periods or more, each a measurement of its own rows; got 1"),
        (lambda m: m[0], {}, "takes a list or dict of measurements, one for each period; got a Measurement"),
        (lambda m: ["a.logloss", "b.logloss"], {}, "takes measurements; got a str. Read a file with logloss.load"),
        (
            lambda m: [m[0], m[1], m[0]],
            {},
            'period "3" does not go with those before it: summaries must not share rows',
        ),
        (lambda m: [*m, logloss.measure([1, 0], y_logit=[0.1, 0.2])], {}, "summaries must be of one forecast"),
        (
            lambda m: [
                logloss.measure({"y": [1, 0], "s": [0.1, 0.2]}, y_true="y", **{name: "s"}, name=name)
                for name in ("y_proba", "y_logit")
            ],
            {},
            "summaries must be of one kind of forecast: one holds probabilities",
        ),
        (
            lambda m: [*m, logloss.measure(["a", "b"], [0.1, 0.2], pos_label="a")],
            {},
            "summaries must have the same positive class",
        ),
        (lambda m: m, {"reference": 3}, "3 periods cannot be the `reference` of 3: at least one must come after"),
        (lambda m: m, {"reference": 0}, "`reference` must be a whole number of periods, 1 or more; got 0"),
        (lambda m: m, {"reference": 1.5}, "`reference` must be a whole number"),
        (lambda m: m, {"alpha": 1.0}, "`alpha` must be a probability between 0 and 1; got 1"),
        (lambda m: m, {"alpha": math.nan}, "`alpha` must be a probability between 0 and 1; got nan"),
        (lambda m: m, {"within": "changing"}, '`within` must be "dependent" or "independent"; got "changing"'),
        (
            lambda m: [*m, logloss.measure([1, 0], [0.1, 0.2], cluster=[1, 2])],
            {"within": "independent"},
            "states that rows of a period are independent, `cluster` that some are not",
        ),
    ],
)
def test_what_is_no_run_of_periods_is_refused(given, options, message):
    with pytest.raises(DataError) as caught:
        logloss.watch(given(periods(3)), **options)
    assert message in str(caught.value)


def test_a_folder_is_a_run_in_the_order_of_the_numbers_in_its_names(run, tmp_path):  # noqa: F811
    measured = periods(24, change={"slope": 0.2}, start=14)
    for number, each in enumerate(measured):
        each.save(tmp_path / f"day{number + 1}.logloss")
    code, out, _ = run("watch", tmp_path, "--json", "--fail-if", "alarm == 1")
    assert code == 1
    expected = logloss.watch({f"day{k + 1}": each for k, each in enumerate(measured)}).to_dict()
    assert json.loads(out) == expected
    assert run("watch", tmp_path / "day*.logloss", "--json")[1] == out
    saved = tmp_path / "run.json"
    code, out, err = run(
        "watch", tmp_path, "-o", saved, "--html", tmp_path / "run.html", "--plot", tmp_path / "run.png"
    )
    assert code == 0
    assert "alarm after" in out
    assert "24 periods read and watched" in err
    assert logloss.load(saved).to_dict() == expected
    assert run("show", saved)[1] == out
    assert run("watch", tmp_path, "--reference", 10, "--alpha", 1e-9, "--fail-if", "alarm == true")[0] == 0


def test_what_the_shell_cannot_watch_is_told(run, tmp_path):  # noqa: F811
    first, second, _ = periods(3)
    (tmp_path / "empty").mkdir()
    first.save(tmp_path / "day9.logloss")
    second.save(tmp_path / "day10.logloss")
    code, _, err = run("watch", tmp_path / "empty")
    assert code == 2
    assert "holds no summaries: no file ends in .logloss" in err
    assert run("watch", tmp_path / "none.logloss")[0] == 2
    assert run("watch", tmp_path / "none*.logloss")[0] == 2
    code, _, err = run("watch", tmp_path / "day10.logloss", tmp_path / "day9.logloss")
    assert code == 3
    assert '"day10" stands before "day9"' in err
    code, _, err = run("watch", tmp_path / "day9.logloss")
    assert code == 3
    assert "`logloss watch` takes two periods or more" in err
    code, _, err = run("watch", tmp_path, "--alpha", "0")
    assert code == 2
    assert "--alpha must be a probability between 0 and 1" in err
    code, _, err = run("watch", tmp_path / "day9.logloss", tmp_path / "day9.logloss")
    assert code == 3
    assert 'each period must have a name of its own; "day9" occurs twice' in err
