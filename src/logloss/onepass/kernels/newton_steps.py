"""Newton's method for a logistic regression with a handful of coefficients, on labels by score: maps and lines."""

from __future__ import annotations

import math

import numpy as np

from logloss.onepass.kernels.compiled import compiled, inlined
from logloss.onepass.kernels.exact import N_LIMBS, UNIT_EXPONENT
from logloss.onepass.kernels.losses import logistic_rows

# The expected decrease of the loss by a Newton step is half of its decrement: below this one, it is rounding.
LEAST_DECREMENT = 1e-24
# The largest rounding of a sum of some 100,000 losses, over the sum.
ROUNDING = 1e-14
# Armijo's condition (Nocedal and Wright 2006, Numerical Optimization, section 3.1); thirty halvings: a rise after that
# is rounding.
ARMIJO, SMALLEST_STEP = 1e-4, 1e-9
# Eigenvalues below this share of the largest, for each column, are those of collinear columns.
EPSILON = 2.0**-52
# Sweeps of Jacobi's method, which converges quadratically; fewer than ten are the rule.
MOST_SWEEPS = 30


@inlined
def dot(a, b):
    """Σ a·b in eight sums, which vectorise."""
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    n = a.shape[0]
    whole = n - n % 8
    for i in range(0, whole, 8):
        s0 += a[i] * b[i]
        s1 += a[i + 1] * b[i + 1]
        s2 += a[i + 2] * b[i + 2]
        s3 += a[i + 3] * b[i + 3]
        s4 += a[i + 4] * b[i + 4]
        s5 += a[i + 5] * b[i + 5]
        s6 += a[i + 6] * b[i + 6]
        s7 += a[i + 7] * b[i + 7]
    total = ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))
    for i in range(whole, n):
        total += a[i] * b[i]
    return total


@inlined
def value_of(limbs):
    """A sum that is at least 0, after carrying, as a float to within two units in the last place."""
    for j in range(N_LIMBS - 1, 1, -1):
        if limbs[j] != 0:
            value = (np.float64(limbs[j]) * 2.0**32 + limbs[j - 1]) + limbs[j - 2] * 2.0**-32
            return math.ldexp(value, 32 * (j - 1) - UNIT_EXPONENT)
    return 0.0


@compiled
def derivatives_at(design, offset, share, mass, theta, log_odds, residuals, curvatures, limbs):
    """Σ mass·cost(share, offset + design·theta), and its two derivatives by the log-odds of each place."""
    for i in range(log_odds.shape[0]):
        log_odds[i] = offset[i]
    for j in range(design.shape[0]):
        for i in range(log_odds.shape[0]):
            log_odds[i] += theta[j] * design[j, i]
    for k in range(N_LIMBS):
        limbs[0, k] = 0
    logistic_rows(share, log_odds, mass, None, residuals, curvatures, limbs)
    return value_of(limbs[0])


@inlined
def least_squares_step(hessian, gradient, step):
    """The shortest step of least |hessian·step − gradient|, by the eigenvectors of the Hessian (Jacobi's method).

    Not a solution of equations: the Hessian is singular where columns are collinear under the masses. In place.
    """
    n = gradient.shape[0]
    vectors = np.zeros((n, n))
    for k in range(n):
        vectors[k, k] = 1.0
    for _ in range(MOST_SWEEPS):
        is_diagonal = True
        for p in range(n):
            for q in range(p + 1, n):
                size = math.sqrt(abs(hessian[p, p])) * math.sqrt(abs(hessian[q, q]))
                if not abs(hessian[p, q]) > 2.0**-60 * size:
                    continue
                is_diagonal = False
                ratio = (hessian[q, q] - hessian[p, p]) / (2.0 * hessian[p, q])
                tangent = math.copysign(1.0, ratio) / (abs(ratio) + math.sqrt(ratio * ratio + 1.0))
                cosine = 1.0 / math.sqrt(tangent * tangent + 1.0)
                sine = tangent * cosine
                for k in range(n):
                    one, other = hessian[k, p], hessian[k, q]
                    hessian[k, p], hessian[k, q] = cosine * one - sine * other, sine * one + cosine * other
                for k in range(n):
                    one, other = hessian[p, k], hessian[q, k]
                    hessian[p, k], hessian[q, k] = cosine * one - sine * other, sine * one + cosine * other
                    one, other = vectors[k, p], vectors[k, q]
                    vectors[k, p], vectors[k, q] = cosine * one - sine * other, sine * one + cosine * other
                hessian[p, q] = hessian[q, p] = 0.0
        if is_diagonal:
            break
    largest = 0.0
    for k in range(n):
        largest = max(largest, hessian[k, k])
    for j in range(n):
        step[j] = 0.0
    for k in range(n):
        if hessian[k, k] > n * EPSILON * largest:
            along = 0.0
            for j in range(n):
                along += vectors[j, k] * gradient[j]
            for j in range(n):
                step[j] += vectors[j, k] * (along / hessian[k, k])


@compiled
def newton_steps(design, offset, share, mass, theta, most_steps):
    """Move theta, in place, to where Σ mass·cost(share, offset + design·theta) is least, with steps halved that go up;
    returns (the loss there, the last decrement).

    design: a row for each coefficient, a column for each place. Cost: 20 ns a place and step.
    """
    n_coefficients, n = design.shape
    log_odds, residuals, curvatures = np.empty(n), np.empty(n), np.empty(n)
    bent, tried_residuals, tried_curvatures = np.empty(n), np.empty(n), np.empty(n)
    limbs = np.empty((1, N_LIMBS), np.int64)
    gradient, step, tried = np.empty(n_coefficients), np.empty(n_coefficients), np.empty(n_coefficients)
    hessian = np.empty((n_coefficients, n_coefficients))
    loss = derivatives_at(design, offset, share, mass, theta, log_odds, residuals, curvatures, limbs)
    decrement = np.inf
    for _ in range(most_steps):
        for j in range(n_coefficients):
            gradient[j] = dot(residuals, design[j])
            for i in range(n):
                bent[i] = curvatures[i] * design[j, i]
            for k in range(j + 1):
                hessian[j, k] = hessian[k, j] = dot(bent, design[k])
        least_squares_step(hessian, gradient, step)
        decrement = 0.0
        for j in range(n_coefficients):
            decrement += gradient[j] * step[j]
        if not decrement > max(LEAST_DECREMENT, ROUNDING * ROUNDING * loss):
            break
        size, tried_loss, is_lower = 1.0, loss, False
        while size > SMALLEST_STEP:
            for j in range(n_coefficients):
                tried[j] = theta[j] - size * step[j]
            tried_loss = derivatives_at(
                design, offset, share, mass, tried, log_odds, tried_residuals, tried_curvatures, limbs
            )
            # Where the change of the loss is rounding, a small step is accepted by its direction only.
            is_lower = tried_loss <= loss - ARMIJO * size * decrement + ROUNDING * loss
            if is_lower:
                break
            size /= 2.0
        if not is_lower:
            break
        is_done = tried_loss >= loss and decrement < ROUNDING * loss
        for j in range(n_coefficients):
            theta[j] = tried[j]
        loss = tried_loss
        residuals, tried_residuals = tried_residuals, residuals
        curvatures, tried_curvatures = tried_curvatures, curvatures
        if is_done:
            break
    return loss, max(decrement, 0.0)
