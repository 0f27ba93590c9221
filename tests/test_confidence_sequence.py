"""The confidence sequence and the e-value: what their proofs need, by enumeration; their boundary, against a search."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import logsumexp

from logloss.comparison.confidence_sequence import (
    HALVINGS,
    LARGEST_STAKE,
    SHARE_OF_HOEFFDING,
    PeriodDeltas,
    log_e_value_of,
    psi,
    rates_of,
    sequence_of,
)

# Rounding of a sum of some dozens of exponentials of logarithms up to 100.
ROUNDED = 1e-12


def drawn(seed, n_periods=12, *, by_rows=False):
    """Leads of periods with some ranges, each somewhere between what it could have been."""
    random = np.random.default_rng(seed)
    ranges = random.lognormal(0, 1, n_periods)
    least = -ranges * random.random(n_periods)
    deltas = least + ranges * random.random(n_periods)
    squares = {"squares": deltas**2, "squares_of_ranges": ranges**2} if by_rows else {}
    return PeriodDeltas(random.lognormal(0, 0.5, n_periods), deltas, ranges, least, 0.7, **squares)


@pytest.mark.parametrize("x", [0.0, 1e-9, 1e-3, 0.009999, 0.01, 0.3, 0.99, 1 - 1e-12])
def test_psi_is_its_formula(x):
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(60):
        exact = mpmath.mpf(1) / 2 if x == 0 else (-mpmath.log(1 - mpmath.mpf(x)) - x) / mpmath.mpf(x) ** 2
    # From 0.01 on a difference of numbers of about x, 2 ULP of them, over x²/2.
    assert float(psi(np.array([x]))[0]) == pytest.approx(float(exact), rel=4e-14)


def test_psi_has_no_value_from_1_on():
    assert psi(np.array([1.0, 7.0])).tolist() == [math.inf, math.inf]


def test_no_guess_and_no_probability_make_the_mean_of_a_term_exceed_1():
    """Two outcomes at both ends of the range are the worst case of what lies between them: Jensen's inequality."""
    least, width = -0.7, 1.9
    for share, guess, rate in itertools.product(
        np.linspace(0, 1, 21), np.linspace(least, least + width, 7), np.linspace(0.01, 0.99, 12)
    ):
        outcomes, null_distributions = np.array([least, least + width]), np.array([1 - share, share])
        mean = float(outcomes @ null_distributions)
        for side in (1, -1):
            largest = guess - least if side > 0 else least + width - guess
            if largest == 0:
                continue
            at = rate / largest
            grown = np.exp(side * at * (outcomes - mean) - at**2 * psi(np.array([rate])) * (outcomes - guess) ** 2)
            assert float(grown @ null_distributions) <= 1 + ROUNDED


@pytest.mark.parametrize("by_rows", [False, True])
def test_the_boundary_is_where_the_mean_of_the_terms_reaches_its_bound(by_rows):
    deltas = drawn(3, by_rows=by_rows)
    mean, low, high = sequence_of(deltas, 0.05)
    rates, log_weights = rates_of(deltas)
    weights = np.exp(log_weights)
    assert weights.sum() == pytest.approx(1)
    for last in (0, 4, 11):
        so_far, total = deltas.weights[: last + 1].sum(), deltas.deltas[: last + 1].sum()
        for side, end in ((1, low), (-1, high)):

            def mixed(s, last=last, side=side):
                grown = []
                for rate, weight in zip(rates, weights, strict=True):
                    spent = plain = before = 0.0
                    for t in range(last + 1):
                        a, r, m = deltas.deltas[t], deltas.ranges[t], deltas.least[t]
                        guess = 0.0 if by_rows else deltas.weights[t] * before / deltas.weights[: t + 1].sum()
                        guess = min(max(guess, m), m + r)
                        before += a
                        largest = guess - m if side > 0 else m + r - guess
                        x = rate * (min(largest, r) if by_rows else largest)
                        if x >= 1:
                            spent = math.inf
                        elif x > 0:
                            spent += rate**2 * (-math.log1p(-x) - x) / x**2 * (a - guess) ** 2
                        else:
                            spent += rate**2 / 2 * (a - guess) ** 2
                        plain += rate**2 * r**2 / 8
                    grown.append(math.log(weight * (1 - SHARE_OF_HOEFFDING)) + rate * s - spent)
                    grown.append(math.log(weight * SHARE_OF_HOEFFDING) + rate * s - plain)
                return logsumexp(grown) - math.log(2 / 0.05)

            boundary = brentq(mixed, 0, 1e4, xtol=1e-12)
            assert end[last] == pytest.approx((total - side * boundary) / so_far, rel=1e-8)
        assert mean[last] == pytest.approx(total / so_far, rel=1e-12)


def test_the_unit_of_weights_changes_nothing():
    deltas = drawn(5)
    scaled = PeriodDeltas(
        *(each * 1024.0 for each in (deltas.weights, deltas.deltas, deltas.ranges, deltas.least, deltas.row))
    )
    for mine, other in zip(sequence_of(deltas, 0.05), sequence_of(scaled, 0.05), strict=True):
        assert mine == pytest.approx(other, rel=1e-12)
    assert log_e_value_of(deltas) == pytest.approx(log_e_value_of(scaled), rel=1e-12)


def test_the_e_value_is_1_on_average_whatever_the_dependence_within_a_period():
    """All outcomes of three periods whose rows are all alike: a period is at its least or at its most."""
    ranges, shares = np.array([0.8, 3.0, 0.1]), np.array([0.3, 0.55, 0.8])
    # The probability of the most makes the mean 0: better in no period, worse in none.
    least = -ranges * shares
    mean = 0.0
    for outcome in itertools.product([0, 1], repeat=3):
        best = np.array(outcome)
        null_distribution = float(np.prod(np.where(best, shares, 1 - shares)))
        e_value = log_e_value_of(PeriodDeltas(np.ones(3), least + ranges * best, ranges, least, 1.0))
        mean += null_distribution * math.exp(e_value[-1])
    assert mean == pytest.approx(1, abs=ROUNDED)


def test_the_e_value_of_independent_rows_is_below_1_on_average():
    """Four rows in two periods, each with two outcomes; the bound of each row is below what the row would win."""
    gaps, shares = np.array([[0.4, 1.1], [0.2, 0.9]]), np.array([[0.3, 0.6], [0.5, 0.2]])
    least = -gaps * shares
    mean = 0.0
    for outcome in itertools.product([0, 1], repeat=4):
        best = np.array(outcome).reshape(2, 2)
        rows = least + gaps * best
        deltas = PeriodDeltas(
            np.full(2, 2.0), rows.sum(1), gaps.sum(1), least.sum(1), 1.0, (rows**2).sum(1), (gaps**2).sum(1)
        )
        mean += float(np.prod(np.where(best, shares, 1 - shares))) * math.exp(log_e_value_of(deltas)[-1])
    assert 0.8 < mean <= 1 + ROUNDED


def test_a_stake_is_never_the_whole():
    """A period at its least, at any rate: what is left is positive."""
    deltas = PeriodDeltas(np.ones(40), np.full(40, -5.0), np.full(40, 6.0), np.full(40, -5.0), 1.0)
    assert log_e_value_of(deltas)[-1] >= 40 * math.log1p(-LARGEST_STAKE) - math.log(len(HALVINGS))


def test_nothing_is_seen_before_the_two_differ():
    deltas = PeriodDeltas(
        np.ones(3), np.array([0.0, 0.1, 0.1]), np.array([0.0, 0.2, 0.2]), np.array([0.0, -0.1, -0.1]), 1.0
    )
    _, low, high = sequence_of(deltas, 0.05)
    assert (low[0], high[0]) == (-math.inf, math.inf)
    assert np.isfinite(low[1:]).all()
    same = PeriodDeltas(np.ones(2), np.zeros(2), np.zeros(2), np.zeros(2), 1.0)
    assert not np.isfinite(sequence_of(same, 0.05)[1]).any()
    assert log_e_value_of(same).tolist() == [0, 0]


def test_many_periods_are_taken_in_pieces(monkeypatch):
    deltas = drawn(9, 50)
    whole = *sequence_of(deltas, 0.05), log_e_value_of(deltas)
    monkeypatch.setattr("logloss.comparison.confidence_sequence.PIECE_PERIODS", 7)
    for mine, other in zip((*sequence_of(deltas, 0.05), log_e_value_of(deltas)), whole, strict=True):
        # Sums in another order.
        assert mine == pytest.approx(other, rel=1e-12)
