"""What the isotonic fit overfits: against sums over all outcomes, and the intervals of what is left against populations."""

from __future__ import annotations

import itertools
import math
import pickle

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.optimize import isotonic_regression
from scipy.special import expit, logit

from logloss import measure
from logloss.inference import overfitting
from logloss.inference.overfitting import isotonic_of, overfitting_of, smooth_recalibration
from logloss.inference.score_table import ScoreTable, score_table_of

SEED = 20261129


def table_of(y, p, **given) -> ScoreTable:
    return score_table_of(measure(y, p, **given).summary.scores)


def entropy_of(q: float) -> float:
    return -sum(x * math.log(x) for x in (q, 1 - q) if x > 0)


@pytest.mark.parametrize(("n_rows", "shares"), [((50,), (14,)), ((15, 20), (4, 11)), ((12, 10), (7, 5))])
def test_overfitting_is_that_of_all_outcomes(n_rows, shares):
    """One score, two apart and two that the fit pools, where the draws are of the smooth map, not of the pool. Within
    five errors of the mean of the draws."""
    scores = (0.3, 0.6)[: len(n_rows)]
    p = np.repeat(scores, n_rows)
    y = np.concatenate([np.arange(n) < k for n, k in zip(n_rows, shares, strict=True)])
    table = table_of(y, p)
    proba = smooth_recalibration(table)
    best = isotonic_regression(proba, weights=n_rows).x
    mean = 0.0
    for ones in itertools.product(*(range(n + 1) for n in n_rows)):
        null_distribution = math.prod(stats.binom.pmf(k, n, g) for k, n, g in zip(ones, n_rows, proba, strict=True))
        fit = isotonic_regression(np.divide(ones, n_rows), weights=n_rows).x
        for k, n, g, f in zip(ones, n_rows, best, fit, strict=True):
            mean += null_distribution * (-k * math.log(g) - (n - k) * math.log1p(-g) - n * entropy_of(f))
    found = overfitting_of(table)
    assert found.nats == pytest.approx(mean / sum(n_rows), abs=5 * found.error / math.sqrt(overfitting.N_DRAWS))


def test_the_isotonic_map_is_that_of_scipy():
    rng = np.random.default_rng(SEED)
    proba, mass = rng.random(300), rng.gamma(0.5, 1, 300)
    # Masses are cut to 2^-61 of all.
    assert isotonic_of(proba, mass) == pytest.approx(isotonic_regression(proba, weights=mass).x, rel=1e-9)


@pytest.mark.parametrize("bend", [lambda z: 0.6 * z + 0.5, lambda z: z + 0.5 * np.sin(3 * z), lambda z: 0 * z - 1])
def test_the_smooth_recalibration_is_near_the_true_curve(bend):
    """A line, waves, and nothing that is known. The kernel is 0.013 wide, which makes 22 free numbers: χ² / 2n of the
    mean KL of the truth from it, 0.0004, and as much again for what is smoothed."""
    rng = np.random.default_rng(SEED)
    z = np.sort(rng.normal(0, 1.3, 30_000))
    truth = expit(bend(z))
    found = smooth_recalibration(table_of(rng.random(30_000) < truth, expit(z)))
    kl = truth * np.log(truth / found) + (1 - truth) * np.log((1 - truth) / (1 - found))
    assert kl.mean() < 0.0008


def test_what_is_drawn_knows_forecasts_of_0_and_1():
    rng = np.random.default_rng(SEED)
    p = np.concatenate([np.zeros(300), rng.random(400), np.ones(300)])
    y = rng.random(1_000) < p
    m = measure(y, p)
    smooth = smooth_recalibration(score_table_of(m.summary.scores))
    assert 0 < smooth.min() < 0.05
    assert 0.95 < smooth.max() < 1
    assert 0 < m.miscalibration.overfitting < 0.02
    assert m.discrimination.excess.has_interval


def population(bend) -> tuple[float, float]:
    """(Discrimination, miscalibration) where the scores are Beta(2, 3) and the truth rises in them, by quadrature."""

    def mean(of) -> float:
        return integrate.quad(lambda p: stats.beta.pdf(p, 2, 3) * of(p, float(bend(p))), 0, 1, epsabs=1e-10)[0]

    rate, left = mean(lambda p, g: g), mean(lambda p, g: entropy_of(g))
    loss = mean(lambda p, g: -g * math.log(p) - (1 - g) * math.log1p(-p) if 0 < p < 1 else 0.0)
    return entropy_of(rate) - left, loss - left


BENDS = {
    "calibrated": lambda p: p,
    "overconfident": lambda p: expit(0.7 * logit(p)),
    "shifted": lambda p: expit(logit(p) - 0.4),
    "nothing known": lambda p: 0.3 + 0 * p,
}


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.0, 1.0])
@pytest.mark.parametrize("name", BENDS)
def test_intervals_of_the_excess_hold_the_population(name, spread, monkeypatch):
    """Of 200 samples at least 165 where 93 % should: fewer has a chance of 5e-7."""
    monkeypatch.setattr("logloss.inference.null_distribution.N_DRAWS", 2)
    rng = np.random.default_rng(SEED)
    right = population(BENDS[name])
    held = [0, 0]
    for _ in range(200):
        p = rng.beta(2, 3, 1_500)
        given = {"sample_weight": rng.lognormal(0, spread, 1_500)} if spread else {}
        m = measure(rng.random(1_500) < BENDS[name](p), p, **given)
        for k, part in enumerate((m.discrimination, m.miscalibration)):
            held[k] += part.excess.low <= right[k] <= part.excess.high
    assert min(held) >= 165


def test_the_loss_closes_with_the_excess_of_both():
    rng = np.random.default_rng(SEED)
    p = rng.random(500)
    m = measure(rng.random(500) < p**1.3, p)
    assert m.uncertainty - m.discrimination.excess + m.miscalibration.excess == pytest.approx(m.log_loss, abs=1e-14)
    for part in (m.discrimination, m.miscalibration):
        assert part.excess == part - part.overfitting
        assert not part.has_interval
        copy = pickle.loads(pickle.dumps(part))
        assert (type(copy), copy, copy.__dict__.keys()) == (type(part), part, part.__dict__.keys())
        assert (copy.excess.low, copy.excess.high) == (part.excess.low, part.excess.high)
    figures = m.to_dict()
    for name in ("discrimination", "miscalibration"):
        low, value, high = (figures[f"{name}_excess_nats{end}"] for end in ("_low", "", "_high"))
        assert low < value < high
        assert f"{name}_nats_low" not in figures
    assert figures["overfitting_nats"] == m.miscalibration.overfitting


def test_where_nothing_can_be_drawn_the_reason_is_shown():
    soft, one_class = measure([0.3, 0.6, 0.2], [0.4, 0.5, 0.1]), measure([1] * 30, [0.9] * 30)
    for m, reason in ((soft, "soft labels"), (one_class, "one class")):
        for part in (m.discrimination, m.miscalibration):
            assert math.isnan(part.overfitting)
            assert math.isnan(part.excess)
            assert part.excess.reason == reason
    few = measure([0, 1, 1, 0] * 8, [0.2, 0.6, 0.9, 0.5] * 8).miscalibration
    assert few.excess == few - few.overfitting
    assert few.excess.reason == "too few positives (16)"
    infinite = measure([0, 1] * 40, [0.0, 0.7, 1.0, 0.6] * 20)
    assert infinite.miscalibration.excess.reason == "the log loss is infinite"
    assert infinite.discrimination.excess.has_interval


def test_rows_that_are_their_own_clusters_overfit_as_rows_do():
    """By no more than the wild draws stray from those of independent rows: a third, five times their error."""
    rng = np.random.default_rng(SEED)
    p = rng.random(2_000)
    y = rng.random(2_000) < p
    alone = measure(y, p).miscalibration.overfitting
    assert alone <= measure(y, p, cluster=np.arange(2_000)).miscalibration.overfitting < 4 / 3 * alone


def test_clusters_of_repeated_rows_overfit_as_one_of_each():
    """Ten copies of each row: of 3,000 rows as much as of 300, where they would overfit a fifth of that by themselves."""
    rng = np.random.default_rng(SEED)
    p = rng.random(300)
    y = rng.random(300) < p
    one = measure(y, p).miscalibration.overfitting
    copies = np.repeat(np.arange(300), 10)
    # Copies of one score are one place: apart by a little they are ten.
    near = p[copies] + 1e-9 * np.tile(np.arange(10), 300)
    rows = measure(y[copies], near).miscalibration.overfitting
    clustered = measure(y[copies], near, cluster=copies).miscalibration.overfitting
    assert rows < one / 3
    assert one / 2 < clustered < 3 / 2 * one


def test_log_odds_whose_squares_are_no_floats_are_smoothed():
    """Warnings are errors: of forecasts that are all as good as 0 or 1 nothing leaves the floats."""
    m = measure([0, 1], y_logit=[-np.inf, -1.7e308])
    assert 0 <= m.discrimination.overfitting < 1
