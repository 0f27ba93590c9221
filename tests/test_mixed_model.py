"""Pooled levels beside the example that lme4 publishes: glmer, the fixed point in NumPy, and the likelihood by quadrature.

Contagious bovine pleuropneumonia in 15 herds of Ethiopia, `cbpp` of lme4 (Lesnoff et al. 2004, Preventive Veterinary
Medicine 64, 27-40): new cases among so many animals in each of up to four periods.
"""

from __future__ import annotations

import pathlib
from functools import cache

import numpy as np
import pytest
import scipy.optimize
from scipy.special import expit

import logloss

# lme4 1.1: glmer(cbind(incidence, size - incidence) ~ period + (1 | herd), binomial), nAGQ = 1; see ?cbpp.
VARIANCE, FIXED = 0.4123, np.array([-1.3983, -0.9919, -1.1282, -1.5797])
STD_ERRORS = np.array([0.2312, 0.3032, 0.3228, 0.4220])
HERD, CASES, SIZE, PERIOD = np.loadtxt(
    pathlib.Path(__file__).parent / "known_values" / "cbpp.csv", delimiter=",", skiprows=1, dtype=int
).T
PERIODS = np.column_stack([np.ones(56), *(k == PERIOD for k in (2, 3, 4))]).astype(float)
HERDS = (HERD[:, None] == np.arange(1, 16)).astype(float)
# For integrals over a normal distribution: exact for polynomials of degree 61.
POINTS, WEIGHTS = np.polynomial.hermite_e.hermegauss(31)


@cache
def model():
    """Two rows of each herd and period: those with the disease, and those without."""
    table = {
        "herd": np.repeat([f"herd {k:02}" for k in HERD], 2),
        "period": np.repeat(PERIOD.astype(str), 2),
        "y": np.tile([1, 0], 56),
        "animals": np.column_stack([CASES, SIZE - CASES]).ravel(),
    }
    kept = table["animals"] > 0
    table = {name: values[kept] for name, values in table.items()}
    return logloss.fit(table, "y", pooled="herd", counts="animals", tolerance=1e-14)


def variance_of(fitted) -> float:
    return 1 / fitted.shapes["herd"].precisions[0]


def fixed_effects(fitted) -> np.ndarray:
    """Of the first period where a herd has no effect, and of the others less the first."""
    effect = fitted.shapes["period"].effect
    logits = fitted.predict_logit({"herd": ["herd 01"], "period": ["1"]})
    herds = fitted.shapes["herd"]
    # Effects are given against the average row; those that the penalty holds add up to 0.
    return np.array([logits[0] - herds.effect[0] + herds.effect.mean(), *(effect[1:] - effect[0])])


def joint_mode(variance: float) -> tuple[np.ndarray, np.ndarray]:
    """(Fixed effects and those of herds that are likeliest together, the Hessian)."""
    at, rows = np.zeros(19), np.hstack([PERIODS, HERDS])
    penalty = np.array([0.0] * 4 + [1 / variance] * 15)
    for _ in range(30):
        mean = expit(rows @ at)
        hessian = (rows.T * (SIZE * mean * (1 - mean))) @ rows + np.diag(penalty)
        at = at - np.linalg.solve(hessian, rows.T @ (SIZE * mean - CASES) + penalty * at)
    return at, hessian


def loss_of(fixed: np.ndarray, variance: float) -> float:
    """Minus the logarithm of the likelihood, each herd's effect integrated out by adaptive Gauss-Hermite quadrature."""
    modes = np.zeros(15)
    for _ in range(30):
        mean = expit(PERIODS @ fixed + HERDS @ modes)
        curvature = HERDS.T @ (SIZE * mean * (1 - mean)) + 1 / variance
        modes = modes - (HERDS.T @ (SIZE * mean - CASES) + modes / variance) / curvature
    effects = modes[:, None] + POINTS / np.sqrt(curvature)[:, None]
    logits = (PERIODS @ fixed)[:, None] + HERDS @ effects
    of_rows = CASES[:, None] * logits - SIZE[:, None] * np.logaddexp(0, logits)
    logarithm = HERDS.T @ of_rows - effects**2 / (2 * variance) + POINTS**2 / 2
    integrals = np.exp(logarithm) @ WEIGHTS / np.sqrt(2 * np.pi * curvature * variance)
    return -float(np.log(integrals).sum())


def restricted_loss(variance: float) -> float:
    """The same with the fixed effects integrated out, too, by Laplace's approximation: 842 animals determine them."""
    found = scipy.optimize.minimize(loss_of, FIXED, (variance,), options={"gtol": 1e-6})
    steps = 1e-3 * np.eye(4)
    hessian = [
        [
            sum(s * t * loss_of(found.x + s * a + t * b, variance) for s in (1, -1) for t in (1, -1)) / 4e-6
            for a in steps
        ]
        for b in steps
    ]
    return float(found.fun + 0.5 * np.linalg.slogdet(np.array(hessian))[1])


def test_the_rows_are_those_published():
    assert (len(HERD), CASES.sum(), SIZE.sum()) == (56, 99, 842)
    assert model().n_rows == 842


def test_the_variance_is_the_fixed_point_of_the_updates():
    """Fellner and Schall's: at it, squared effects are worth the degrees of freedom that are left to them."""
    variance = VARIANCE
    for _ in range(60):
        at, hessian = joint_mode(variance)
        left = 15 - np.trace(np.linalg.inv(hessian)[4:, 4:]) / variance
        variance = at[4:] @ at[4:] / left
    # Updates end once none moves a logarithm by more than 0.02.
    assert variance_of(model()) == pytest.approx(variance, rel=0.02)
    at, _ = joint_mode(variance_of(model()))
    assert fixed_effects(model()) == pytest.approx(at[:4], abs=1e-6)


def test_the_published_estimates_are_near():
    """glmer maximises the likelihood, and Laplace's approximation is per herd there: neither is the same estimate.

    A fifth of the standard error that glmer gives an effect, and a fifth of the standard error of the variance's
    logarithm, 0.56: nobody would conclude otherwise from the one than from the other.
    """
    assert np.abs(fixed_effects(model()) - FIXED).max() < 0.2 * STD_ERRORS.min()
    assert abs(np.log(variance_of(model()) / VARIANCE)) < 0.2 * 0.56


@pytest.mark.slow
def test_the_variance_is_too_small_by_a_tenth():
    """docs/shapes.md: beside the restricted maximum likelihood, which it approximates, with integrals by quadrature."""
    found = scipy.optimize.minimize_scalar(
        restricted_loss, bounds=(0.2, 1.0), method="bounded", options={"xatol": 1e-3}
    )
    assert found.x == pytest.approx(0.474, abs=2e-3)
    assert variance_of(model()) / found.x == pytest.approx(0.91, abs=0.02)
    likeliest = scipy.optimize.minimize(lambda at: loss_of(at[:4], np.exp(at[4])), [*FIXED, np.log(VARIANCE)])
    # Without the restriction: Laplace's approximation of each herd's integral, as published, is 2% below.
    assert VARIANCE / np.exp(likeliest.x[4]) == pytest.approx(0.983, abs=3e-3)
