"""What is known of each period: against the definition in 60 digits, at the ends of the scale, and its bounds."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from strategies import KINDS, two_forecast_tables

import logloss
from logloss.comparison.period_sums import PeriodSums
from logloss.onepass.summaries import ComparisonSummary, pairs_of

SEED = 18
# A loss is right to 1 unit in the last place; differences of two are right to as much of the larger of both.
ROUNDING = 2.0**-51
# What is next to nothing is a multiple of the least float.
SUBNORMAL = 2.0**-1070


def sums_of(y, forecasts, order, sign=1, pair=(0, 1), **options):
    found = logloss.compare(y, **forecasts, order=order, **options)
    return PeriodSums.of(found.summary, pair, sign)


def possible(r, s):
    """The two values of the difference, by the label, in 60 digits."""
    with mpmath.workdps(60):
        r, s = mpmath.mpf(r), mpmath.mpf(s)
        costs = [[mpmath.log1p(mpmath.exp(side * z)) for z in (r, s)] for side in (1, -1)]
        return [first - second for first, second in costs]


LOGITS = [(0.3, -0.2), (700.0, 699.0), (-700.0, 700.0), (-700.0, -3.0), (1e-9, -1e-9), (36.7, 40.0), (2.0, 2.0)]


@pytest.mark.parametrize(("r", "s"), LOGITS)
@pytest.mark.parametrize("y", [0, 1])
def test_what_a_period_could_have_been_is_right_at_every_end_of_the_scale(r, s, y):
    """Each row its own period: the lesser difference and the range of both labels, whichever is observed."""
    weights = np.array([1.0, 3.0])
    found = sums_of(
        np.array([y, 1 - y]),
        {"y_logit": {"a": np.array([r, 0.0]), "b": np.array([s, 0.0])}},
        [1, 2],
        sample_weight=weights,
    )
    differences = possible(r, s)
    slack = ROUNDING * max(abs(r), abs(s), 1.0)
    gap, ranged = float(abs(differences[y])), abs(r - s)
    assert abs(4 * found.least[0] - float(min(*differences, 0))) <= slack
    assert abs(4 * found.ranges[0] - ranged) <= slack
    assert abs(4 * found.deltas[0] - float(differences[y])) <= slack
    assert abs(16 * found.squares[0] - gap**2) <= (2 * gap + slack) * slack
    assert abs(16 * found.squares_of_range[0] - ranged**2) <= (2 * ranged + slack) * slack
    assert found.total == 4


def test_sums_are_those_of_the_rows_of_each_period():
    """By NumPy, of three forecasts, with weights, soft labels and both signs."""
    rng = np.random.default_rng(SEED)
    y, weights, day = rng.random(300), rng.lognormal(0, 1, 300), rng.integers(0, 12, 300)
    logits = rng.normal(0, 2, (3, 300))
    forecasts = {"y_logit": dict(zip("abc", logits, strict=True))}
    for i, j in pairs_of(3):
        for sign in (1, -1):
            found = sums_of(y, forecasts, day, sign, (i, j), sample_weight=weights)
            of_zero = sign * (np.logaddexp(0, logits[i]) - np.logaddexp(0, logits[j]))
            of_one = sign * (np.logaddexp(0, -logits[i]) - np.logaddexp(0, -logits[j]))
            d, low = y * of_one + (1 - y) * of_zero, np.minimum(of_one, of_zero)
            ranges = np.abs(logits[i] - logits[j])
            total = weights.sum()
            for name, rows in (
                ("weights", weights / total),
                ("deltas", weights * d / total),
                ("least", weights * low / total),
                ("ranges", weights * ranges / total),
                ("squares", (weights * d / total) ** 2),
                ("squares_of_range", (weights * ranges / total) ** 2),
                ("n_rows", np.ones(300)),
            ):
                expected = np.bincount(day, rows)
                assert getattr(found, name) == pytest.approx(expected, rel=1e-11, abs=1e-15), name
            assert found.names == tuple(range(12))
            assert not found.n_unbounded.any()


def test_a_row_that_stands_several_times_is_as_many_rows():
    rng = np.random.default_rng(SEED)
    y, p, q, day, times = rng.integers(0, 2, 40), rng.random(40), rng.random(40), np.arange(40) // 8, np.arange(1, 41)
    counted = sums_of(y, {"forecasts": {"a": p, "b": q}}, day, counts=times)
    y, p, q, day = (np.repeat(each, times) for each in (y, p, q, day))
    repeated = sums_of(y, {"forecasts": {"a": p, "b": q}}, day)
    for name in PeriodSums.__dataclass_fields__:
        assert np.array_equal(getattr(counted, name), getattr(repeated, name)), name


def test_rows_without_a_bound_are_counted_and_add_nothing():
    """Where one predicted 0 or 1 and the other did not; where both predicted the same, the difference is 0."""
    y = np.array([1, 1, 0, 1, 0])
    a, b = np.array([1.0, 0.5, 0.0, 1.0, 0.4]), np.array([0.5, 0.5, 0.0, 0.0, 0.6])
    found = sums_of(y, {"forecasts": {"a": a, "b": b}}, [1, 1, 1, 2, 2])
    assert found.n_unbounded.tolist() == [1, 1]
    assert found.n_infinite.tolist() == [[0, 0], [0, 1]]
    one = math.log(0.6 / 0.4)
    assert found.least == pytest.approx([0, -one / 5])
    assert found.ranges == pytest.approx([0, 2 * one / 5])
    assert found.squares == pytest.approx([0, (one / 5) ** 2])
    assert found.squares_of_range == pytest.approx([0, (2 * one / 5) ** 2])


@settings(max_examples=200)
@given(two_forecast_tables(KINDS))
def test_zero_and_the_observed_difference_lie_between_the_bounds(table):
    """At every end of every scale, with every kind of label and weight; the negated difference has the negated bounds."""
    summary = ComparisonSummary.of(table.block(), order="order")
    if not summary.n_rows:
        return
    found, turned = (PeriodSums.of(summary, (0, 1), sign) for sign in (1, -1))
    assert (found.least <= 0).all()
    assert (found.least + found.ranges >= 0).all()
    assert np.isfinite(found.ranges).all()
    assert np.allclose(
        turned.least, -(found.least + found.ranges), rtol=1e-15, atol=ROUNDING * found.ranges + SUBNORMAL
    )
    assert np.array_equal(turned.ranges, found.ranges)
    assert np.array_equal(turned.deltas, -found.deltas)
    is_whole = ~found.n_infinite.any(axis=1) & (found.n_unbounded == 0)
    losses = sum(each.sum("c") / each.sum("w") for each in summary.losses)
    slack = ROUNDING * losses + ROUNDING * found.ranges + SUBNORMAL
    assert (found.deltas >= found.least - slack)[is_whole].all()
    assert (found.deltas <= found.least + found.ranges + slack)[is_whole].all()
