"""How precisions are chosen: the marginal likelihood and its derivatives, and where Newton's method on it ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.optimize
import scipy.stats

import logloss
from logloss.onepass.summaries.hessian import Hessian
from logloss.training.evaluation import PassHistory
from logloss.training.posterior import MOST, N_USUAL, SPREAD, USUAL, Part, Posterior, QuadraticLoss
from logloss.training.precisions import parts_of, with_precisions
from logloss.training.problem import Problem

# A column of 1, 2 numbers and 4 levels, whose block is diagonal, in two parts beside the first column.
N_FREE, PARTS = 7, (Part("x", np.array([1, 2])), Part("u", np.array([3, 4, 5, 6])))


class PlainDesign:
    """As much of a design as a posterior looks at."""

    width, fit_intercept = N_FREE, True
    scale = np.array([1.0, 2.0, 0.5, 1.0, 1.0, 1.0, 1.0])


def quadratic(*, has_levels: bool, unit: float = 1.0, seed: int = 0) -> QuadraticLoss:
    rng = np.random.default_rng(seed)
    rows = np.hstack([np.ones((40, 1)), rng.normal(size=(40, 2)), np.eye(4)[rng.integers(0, 4, 40)]])
    full = unit * rows.T @ rows / 4
    levels = slice(3, 7)
    own = Hessian(3, np.diag(full)[levels], full[levels, :3], full[:3, :3]) if has_levels else Hessian.of(full)
    problem = Problem(None, None, PlainDesign(), 0.0, 40.0 * unit, 40, 0.5, np.arange(N_FREE))
    return QuadraticLoss(problem, PARTS, own, unit * rows.T @ rng.normal(size=40), unit)


def dense(loss: QuadraticLoss, precisions) -> tuple[np.ndarray, np.ndarray]:
    """(H, Λ) per row of unit weight, in the coordinates of the solver."""
    penalty = np.zeros(N_FREE)
    for part, precision in zip(PARTS, precisions, strict=True):
        penalty[part.places] = precision
    return loss.hessian.full / loss.unit, np.diag(penalty / PlainDesign.scale**2)


@pytest.mark.parametrize("unit", [1.0, 7.0])
@pytest.mark.parametrize("has_levels", [False, True])
def test_the_marginal_likelihood_is_that_of_a_normal_distribution(has_levels, unit):
    """r is drawn from N(0, H + H Λ⁻¹ H) where β is drawn from N(0, Λ⁻¹); the first column is at 0 for this."""
    loss = quadratic(has_levels=has_levels, unit=unit)
    own = replace(loss.problem, free=np.arange(1, N_FREE))
    loss = replace(loss, problem=own)
    values = []
    for precisions in ([1.0, 1.0], [0.3, 20.0]):
        matrix, penalty = (each[1:, 1:] for each in dense(loss, precisions))
        right = loss.right[1:] / unit
        drawn = scipy.stats.multivariate_normal(cov=matrix + matrix @ np.linalg.inv(penalty) @ matrix)
        values.append((Posterior(loss, np.array(precisions)).log_likelihood, drawn.logpdf(right)))
    (own_first, first), (own_second, second) = values
    # Up to a constant; a covariance of 6 rows with a condition of some hundreds loses three digits.
    assert own_second - own_first == pytest.approx(second - first, abs=1e-10)


@pytest.mark.parametrize("unit", [1.0, 7.0])
@pytest.mark.parametrize("has_levels", [False, True])
def test_derivatives_are_those_of_differences(has_levels, unit):
    loss, logs, step = quadratic(has_levels=has_levels, unit=unit), np.array([0.4, -1.1]), 1e-4
    slope, curvature, freedom, _ = Posterior(loss, np.exp(logs)).slopes
    moves = step * np.eye(2)

    def at(move):
        return Posterior(loss, np.exp(logs + move))

    # Central differences: an error of step² times a third derivative of order one, and rounding over the step.
    differences = [(at(m).log_likelihood - at(-m).log_likelihood) / (2 * step) for m in moves]
    assert slope == pytest.approx(differences, abs=1e-7)
    differences = [(at(m).slopes[0] - at(-m).slopes[0]) / (2 * step) for m in moves]
    assert curvature == pytest.approx(np.array(differences), abs=1e-7)
    matrix, penalty = dense(loss, np.exp(logs))
    shares = np.diag(np.linalg.solve(matrix + penalty, matrix))
    assert freedom == pytest.approx([shares[part.places].sum() for part in PARTS], abs=1e-12)
    right = loss.right / unit
    assert at(0.0).mean == pytest.approx(np.linalg.solve(matrix + penalty, right), abs=1e-12)


@pytest.mark.parametrize("out", [0, 1])
@pytest.mark.parametrize("has_levels", [False, True])
def test_a_part_that_is_out_has_no_coefficients_and_comes_in_where_that_gains(has_levels, out):
    for seed in range(20):
        loss = quadratic(has_levels=has_levels, seed=seed)
        precisions = np.ones(2)
        precisions[out] = np.inf
        without = Posterior(loss, precisions)
        assert not without.mean[PARTS[out].places].any()
        comes, gains = without.gains_of_others
        assert np.isinf(comes[1 - out])
        # The likelihood rises from where the part is out, as the variance rises from 0, where it is told to come in.
        precisions[out] = 1e8
        rises = Posterior(loss, precisions).slopes[0][out] < 0
        assert rises == np.isfinite(comes[out]) == (gains[out] > 0)


def test_a_block_of_a_hessian_is_that_of_the_dense_matrix():
    own = quadratic(has_levels=True).hessian
    for rows, columns in (([0, 3, 5], [1, 2, 4, 6]), ([3, 4], [0, 5]), ([1], [0, 2]), ([0, 1, 2], [])):
        rows, columns = np.array(rows, dtype=int), np.array(columns, dtype=int)
        assert own.between(rows, columns).tolist() == own.full[np.ix_(rows, columns)].tolist()


def test_it_ends_at_the_maximum_of_the_marginal_likelihood(monkeypatch):
    """Looked for by a search along each log precision, on the Hessian at the end."""
    monkeypatch.setattr("logloss.training.precisions.LITTLE_GAIN", 1e-9)
    seen = []

    def recorded(problem, *given):
        seen.append(with_precisions(problem, *given))
        return seen[-1]

    monkeypatch.setattr("logloss.training.additive_fit.with_precisions", recorded)
    rng = np.random.default_rng(3)
    x, z, u = rng.uniform(-3, 3, 1500), rng.normal(size=1500), rng.integers(0, 12, 1500).astype(str)
    y = rng.random(1500) < 1 / (1 + np.exp(-2 * np.sin(2 * x) - 0.3 * (u < "5")))
    logloss.fit({"x": x, "z": z, "u": u, "y": y}, "y", shapes="auto", leave_one_out=False)
    problem, at, history = seen[0]
    assert isinstance(history, PassHistory)
    sums = problem.curvature(at)
    parts = parts_of(problem.design)
    own = np.array([problem.precisions[part.places[0]] for part in parts])
    own = np.where(own >= MOST, np.inf, own)
    loss = QuadraticLoss(problem, parts, sums.hessian, sums.hessian.times(at) - sums.gradient, 1.0)
    best = Posterior(loss, own)
    assert best.is_in.sum() >= 2
    for j in range(len(parts)):
        for factor in (0.8, 1.25) if best.is_in[j] else ():
            moved = own.copy()
            moved[j] *= factor
            assert Posterior(loss, moved).log_likelihood < best.log_likelihood
    assert (best.gains_of_others[1] < 1e-3).all()


# Two lines, a curve and levels, which have no prior.
WITH_PRIOR = (
    Part("x", np.array([1]), 0.7, True),
    Part("z", np.array([2]), 1.9, True),
    Part("z", np.array([3, 4]), 0.4),
    Part("u", np.array([5, 6])),
)


def test_the_prior_of_lines_is_normal_around_the_likeliest_mean_and_that_of_all_shapes_half_normal():
    precisions = np.array([3.0, 0.2, 5.0, 1e-3])
    best = Posterior(replace(quadratic(has_levels=False), parts=WITH_PRIOR), precisions)
    deviations = np.array([0.7, 1.9, 0.4]) / np.sqrt(precisions[:3])

    def less(mean):
        # N_USUAL lines more have a log standard deviation of 0.
        logs = [*np.log(deviations[:2]), *[0.0] * int(N_USUAL)]
        return -scipy.stats.norm.logpdf(logs, mean, SPREAD**0.5).sum()

    of_lines = -scipy.optimize.minimize_scalar(less).fun - scipy.stats.norm.logpdf(0.0, 0.0, SPREAD**0.5) * (
        2 + N_USUAL
    )
    of_all = scipy.stats.halfnorm.logpdf(deviations, scale=USUAL).sum() - 3 * scipy.stats.halfnorm.logpdf(
        0.0, scale=USUAL
    )
    # The search for the mean ends within the root of rounding, where its value is right to rounding.
    assert best.prior[0] == pytest.approx(of_lines + of_all, abs=1e-12)


def test_derivatives_with_a_prior_are_those_of_differences():
    loss = replace(quadratic(has_levels=False, unit=7.0), parts=WITH_PRIOR)
    logs, step = np.array([0.4, -1.1, 0.3, -0.2]), 1e-4
    slope, curvature, _, _ = Posterior(loss, np.exp(logs)).slopes
    moves = step * np.eye(4)
    ends = [[Posterior(loss, np.exp(logs + sign * move)) for sign in (1, -1)] for move in moves]
    assert slope == pytest.approx([(a.log_likelihood - b.log_likelihood) / (2 * step) for a, b in ends], abs=1e-7)
    differences = [(a.slopes[0] - b.slopes[0]) / (2 * step) for a, b in ends]
    assert curvature == pytest.approx(np.array(differences), abs=1e-7)


def test_a_line_leaves_where_it_is_less_likely_than_its_absence(monkeypatch):
    """By the difference of the likelihoods with it and without it, which have no prior here."""
    seen = set()
    for seed in range(20):
        loss, precisions = replace(quadratic(has_levels=False, seed=seed), parts=WITH_PRIOR), np.array([0.02, 1, 1, 1])
        plain = replace(loss, parts=[replace(part, size=0.0, is_line=False) for part in WITH_PRIOR])
        with_it, without = (Posterior(plain, np.array([own, 1, 1, 1])).log_likelihood for own in (0.02, np.inf))
        for nats in (-1e-8, 1e-8):
            monkeypatch.setattr("logloss.training.posterior.EVIDENCE", without - with_it + nats)
            assert Posterior(loss, precisions).slopes[3][0] == (nats < 0)
        seen.add(without > with_it)
    assert seen == {True, False}
