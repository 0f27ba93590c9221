"""How exact one row is: known values, the ends of the scales, and a sweep over all binades against higher precision."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import mpmath
import numpy as np
import pytest
from reference import divergences, ulps_apart
from scipy import special

import logloss
from logloss.onepass.kernels import losses, pointwise

KNOWN = json.loads((Path(__file__).parent / "known_values" / "row_losses.json").read_text(encoding="utf-8"))
SEED = 20_260
# The bits of the floats 5e-324 and 1: between them lie, in order, all floats of (0, 1).
FIRST, ONE = 1, np.float64(1.0).view(np.int64)


def loss_of(y: int, p: np.ndarray) -> np.ndarray:
    return logloss.surprisal(np.full(len(p), y, dtype=np.uint8), p)


def loss_of_logit(y: int, z: np.ndarray) -> np.ndarray:
    return logloss.surprisal(np.full(len(z), y, dtype=np.uint8), y_logit=z)


@pytest.mark.parametrize(
    "row", KNOWN["of_probability"], ids=lambda row: f"y={row['y']} p={row['p']} {row.get('type', '')}"
)
def test_known_losses_of_probabilities_are_met(row):
    p = np.array([row["p"]], dtype=row.get("type", "float64"))
    # 1 ULP: the promise for labels 0 and 1.
    assert ulps_apart(float(loss_of(row["y"], p)[0]), float(row["loss"])) <= 1


@pytest.mark.parametrize("row", KNOWN["of_logit"], ids=lambda row: f"y={row['y']} z={row['z']}")
def test_known_losses_of_logits_are_met(row):
    z = np.array([float(row["z"])])
    assert ulps_apart(float(loss_of_logit(row["y"], z)[0]), float(row["loss"])) <= 1


def test_the_known_losses_are_known_rightly():
    """The file itself, against mpmath: its 17 digits are right to their last."""
    wrong = []
    with mpmath.workprec(1200):
        for row in KNOWN["of_probability"]:
            p = mpmath.mpf(float(np.dtype(row.get("type", "float64")).type(row["p"])))
            if 0 < p < 1 and abs(-mpmath.log(p if row["y"] else 1 - p) / mpmath.mpf(row["loss"]) - 1) > 1e-16:
                wrong.append(row)
        for row in KNOWN["of_logit"]:
            u = mpmath.mpf(float(row["z"])) * (-1 if row["y"] else 1)
            if abs(u) < 750:
                exact, message = mpmath.log1p(mpmath.exp(u)), mpmath.mpf(row["loss"])
                # Below the least normal float, a loss is written as the float it is rounded to.
                if abs(exact - message) > max(1e-16 * exact, mpmath.mpf(2) ** -1075):
                    wrong.append(row)
    assert wrong == []


def test_losses_of_nothing_to_learn_are_plus_zero():
    """A perfect forecast costs +0.0: a minus sign would be printed."""
    losses = [*loss_of(1, np.array([1.0])), *loss_of(0, np.array([0.0])), *loss_of_logit(1, np.array([np.inf]))]
    assert [str(float(loss)) for loss in losses] == ["0.0", "0.0", "0.0"]


def test_the_labels_may_be_swapped_with_the_logits():
    """y → 1 − y, z → −z changes no bit."""
    z = np.random.default_rng(SEED).normal(0, 20, 10_000)
    assert np.array_equal(loss_of_logit(1, z), loss_of_logit(0, -z))


def test_the_labels_may_be_swapped_with_the_probabilities():
    """y → 1 − y, p → 1 − p changes no bit where 1 − p is exact: on multiples of 2^-53."""
    p = np.random.default_rng(SEED).integers(1, 2**53, 10_000) * 2.0**-53
    # Two roads to one number, each within 1 ULP of it.
    assert max(map(ulps_apart, loss_of(1, p).tolist(), loss_of(0, 1 - p).tolist())) <= 1


def test_more_probability_never_costs_more():
    """Monotone from float to float: in runs of neighbours from every binade, and at the seams of the algorithm."""
    rng = np.random.default_rng(SEED)
    seams = np.array([2.0**-1022, 2.0**-0.5, 0.5, 1 - 2.0**-30, 2.0**-26]).view(np.int64)
    starts = np.concatenate([rng.integers(FIRST, ONE - 64, 2_000), seams - 32])
    p = np.minimum(starts[:, None] + np.arange(64), ONE).astype(np.int64).view(np.float64)
    costs = loss_of(1, p.ravel()).reshape(p.shape)
    # Rounded functions need not be monotone to the last digit: one step back of 1 ULP is the most two rows can differ.
    assert np.all(np.diff(costs, axis=1) <= np.spacing(costs[:, 1:]))


# The sweep.
#
# mpmath needs 20 µs a point, a million points in both labels 100 s. Where the C type `long double` has 64 bits of
# mantissa, it serves as a sieve: its log, log1p and exp err by less than 4 units of 2^-63 together (glibc's tables name at
# most 2 for each), that is 0.004 ULP of a float64, since an ULP is at least 2^-53 of the value. The sieve is not trusted:
# the worst points it finds and a random choice of the others are computed again by mpmath, and the two must agree to
# 0.01 ULP in all of them. Elsewhere fewer points are looked at, by mpmath alone.
HAS_SIEVE = np.finfo(np.longdouble).nmant >= 63
N_SWEEP = 500_000 if HAS_SIEVE else 3_000
N_WORST = 2_500
N_CHOSEN = 2_500


def swept_probabilities(rng: np.random.Generator) -> np.ndarray:
    """Points of (0, 1): in every binade, subnormals too; as near to 1 as floats come; and evenly."""
    every_binade = rng.integers(FIRST, ONE, N_SWEEP).view(np.float64)
    near_one = 1.0 - rng.integers(1, 2**53, N_SWEEP // 2) * 2.0 ** -(53.0 + rng.integers(0, 53, N_SWEEP // 2))
    even = rng.random(N_SWEEP // 2)
    points = np.concatenate([every_binade, near_one, even])
    return points[(points > 0) & (points < 1)]


def swept_logits(rng: np.random.Generator) -> np.ndarray:
    """Logits of both signs: in every binade up to 2^1023, and evenly over what matters."""
    every_binade = rng.integers(FIRST, np.float64(1e3).view(np.int64), N_SWEEP).view(np.float64)
    beyond = rng.integers(np.float64(1e3).view(np.int64), np.float64(np.inf).view(np.int64), 1_000).view(np.float64)
    size = N_SWEEP // 2
    evenly = [rng.uniform(-746, 746, size), rng.uniform(-60, 60, size), rng.uniform(-2, 2, size)]
    signs = rng.choice([-1.0, 1.0], len(every_binade))
    return np.concatenate([every_binade * signs, beyond, -beyond, *evenly])


def sieved_probabilities(y: int, p: np.ndarray) -> np.ndarray:
    wide = p.astype(np.longdouble)
    return -np.log(wide) if y else -np.log1p(-wide)


def sieved_logits(y: int, z: np.ndarray) -> np.ndarray:
    u = z.astype(np.longdouble) * (-1 if y else 1)
    return np.maximum(u, 0) + np.log1p(np.exp(-np.abs(u)))


def exact_probabilities(y: int, p: float) -> mpmath.mpf:
    return -mpmath.log(p) if y else -mpmath.log1p(-mpmath.mpf(p))


def exact_logits(y: int, z: float) -> mpmath.mpf:
    u = mpmath.mpf(z) * (-1 if y else 1)
    return max(u, mpmath.mpf(0)) + mpmath.log1p(mpmath.exp(-abs(u)))


def largest_error(y, points, losses, sieved, exact, rng) -> tuple[float, float]:
    """The largest error in ULP, and the point where it is; by mpmath where it matters, else by the sieve."""
    ulp = np.spacing(losses)
    by_mpmath = np.arange(len(points))
    by_sieve = np.zeros(len(points))
    if HAS_SIEVE:
        by_sieve = np.abs((losses - sieved(y, points)) / ulp).astype(np.float64)
        worst = np.argpartition(by_sieve, -N_WORST)[-N_WORST:]
        by_mpmath = np.concatenate([worst, rng.choice(len(points), N_CHOSEN, replace=False)])
    errors = by_sieve.copy()
    with mpmath.workprec(160):
        for i in by_mpmath:
            error = abs(mpmath.mpf(float(losses[i])) - exact(y, float(points[i]))) / float(ulp[i])
            errors[i] = float(error)
    if HAS_SIEVE:
        assert np.abs(errors - by_sieve).max() < 0.01
    i = int(np.argmax(errors))
    return float(errors[i]), float(points[i])


@pytest.mark.parametrize("y", [1, 0])
def test_every_loss_of_a_probability_is_right_to_one_ulp(y, capsys):
    rng = np.random.default_rng(SEED + y)
    p = swept_probabilities(rng)
    error, where = largest_error(y, p, loss_of(y, p), sieved_probabilities, exact_probabilities, rng)
    with capsys.disabled():
        print(f"\n  y={y}, {len(p):,} probabilities: at most {error:.3f} ULP (p={where!r}, seed {SEED + y})")
    assert error <= 1


@pytest.mark.parametrize("y", [1, 0])
def test_every_loss_of_a_logit_is_right_to_one_ulp(y, capsys):
    rng = np.random.default_rng(SEED + 2 + y)
    z = swept_logits(rng)
    error, where = largest_error(y, z, loss_of_logit(y, z), sieved_logits, exact_logits, rng)
    with capsys.disabled():
        print(f"\n  y={y}, {len(z):,} logits: at most {error:.3f} ULP (z={where!r}, seed {SEED + 2 + y})")
    assert error <= 1


@pytest.mark.parametrize("y", [1, 0])
def test_float32_probabilities_are_widened_before_anything_is_computed(y):
    """No digit of the answer is lost to the type of the input: the same bits as from the widened column."""
    p = np.random.default_rng(SEED).integers(0, 0x3F800001, 100_000, dtype=np.uint32).view(np.float32)
    assert np.array_equal(loss_of(y, p), loss_of(y, p.astype(np.float64)))


# Soft labels, entropy and KL.


def soft_points(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    shares = swept_probabilities(rng)
    return rng.choice(shares, n), rng.choice(swept_probabilities(rng), n)


def test_entropy_is_right_to_three_ulps(capsys):
    """q·log q, (1−q)·log(1−q): a loss within 1 ULP (0.82 measured), one or two roundings before it, one of the sum."""
    rng = np.random.default_rng(SEED)
    q = rng.choice(swept_probabilities(rng), 6_000)
    found = logloss.entropy(q)
    with mpmath.workprec(160):
        exact = [-x * mpmath.log(x) - (1 - x) * mpmath.log1p(-x) for x in map(mpmath.mpf, q.tolist())]
        error = max(float(abs(a - b) / float(np.spacing(a))) for a, b in zip(found.tolist(), exact, strict=True))
    with capsys.disabled():
        print(f"\n  entropy, {len(q):,} points: at most {error:.3f} ULP (seed {SEED})")
    assert error <= 3


@pytest.mark.parametrize("is_logit", [False, True])
def test_losses_of_soft_labels_are_right_to_three_ulps(is_logit, capsys):
    rng = np.random.default_rng(SEED + is_logit)
    y, p = soft_points(rng, 6_000)
    if is_logit:
        p = rng.choice(swept_logits(rng), 6_000)
        p = p[np.abs(p) < 1e3]
        y = y[: len(p)]
    found = logloss.surprisal(y, y_logit=p) if is_logit else logloss.surprisal(y, p)
    exact_of = exact_logits if is_logit else exact_probabilities
    with mpmath.workprec(160):
        exact = [
            mpmath.mpf(a) * exact_of(1, b) + (1 - mpmath.mpf(a)) * exact_of(0, b)
            for a, b in zip(y.tolist(), p.tolist(), strict=True)
        ]
        error = max(float(abs(a - b) / float(np.spacing(a))) for a, b in zip(found.tolist(), exact, strict=True))
    with capsys.disabled():
        print(f"\n  soft labels, {len(y):,} {'logits' if is_logit else 'probabilities'}: at most {error:.3f} ULP")
    assert error <= 3


def kl_pairs(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Truths and predictions: anywhere, at the ends of the scale, and so near to each other that the terms cancel."""
    shares = swept_probabilities(rng)
    q = rng.choice(shares, n)
    far = rng.choice(swept_probabilities(rng), n)
    near = q * (1 + 10.0 ** rng.uniform(-15, -1, n) * rng.choice([-1.0, 1.0], n))
    # Some as small as floats are: quotients of these have few digits.
    far = np.where(rng.random(n) < 0.1, rng.integers(1, 10_000, n) * 5e-324, far)
    near_one = 1 - (1 - q) * (1 + 10.0 ** rng.uniform(-15, -1, n) * rng.choice([-1.0, 1.0], n))
    p = np.select([rng.random(n) < 0.4, q < 0.5], [far, near], near_one)
    return q, np.clip(p, 5e-324, 1 - 2.0**-53)


# φ(u) = u − log(1+u) outside −0.29 < u < 0.41 is a difference whose parts are at most 6.7 times the result. The logarithm in
# it errs by at most 1 ULP, 2 units of 2^-53, the rest of it by half a unit: 15 units and the rounding of the sum. Inside,
# φ is a product of a few rounded factors. Measured, with the correction of the quotient: 5 units.
KL_UNITS = 16


def test_kl_divergence_keeps_its_digits_near_and_far(capsys):
    """Relative to the value, down to the subnormal results, where the unit of the last place is the measure."""
    q, p = kl_pairs(np.random.default_rng(SEED), 3_000)
    found, exact = logloss.kl_divergence(q, p), np.array(divergences(q, p))
    unit = np.maximum(exact * 2.0**-53, 5e-324)
    with np.errstate(invalid="ignore"):
        error = np.abs(found - exact) / unit
    i = int(np.argmax(np.where(np.isnan(error), np.inf, error)))
    with capsys.disabled():
        print(f"\n  KL, {len(q):,} pairs: at most {error[i]:.1f} units of 2^-53 (q={q[i]!r}, p={p[i]!r}, seed {SEED})")
    assert error[i] <= KL_UNITS


@pytest.mark.parametrize(
    ("q", "p", "exact"),
    [
        (0.5, 0.5 + 2.0**-30, 1.7347234759768071e-18),
        (0.3, 0.3 + 1e-10, 2.3809527746518207e-20),
        (1e-9, 1.0001e-9, 4.99966669666773e-18),
        (0.5, 1e-300, 344.69461676854691),
        (0.5, 1e-17, 18.878826109889443),
        (0.3, 1 - 2.0**-53, 25.104896096719078),
        (5e-324, 0.5, 0.6931471805599453),
        (1e-310, 0.1, 0.10536051565782630),
        (0.9, 5e-324, 669.6709817558517),
        (0.6, 1e-320, 441.4233328675751),
        (0.0, 0.3, 0.35667494393873238),
        (1.0, 0.3, 1.2039728043259360),
        (0.0, 0.0, 0.0),
        (1.0, 1.0, 0.0),
        (0.2, 0.0, np.inf),
        (0.2, 1.0, np.inf),
        (0.0, 1.0, np.inf),
        (1.0, 0.0, np.inf),
    ],
)
def test_known_divergences_are_met(q, p, exact):
    found = logloss.kl_divergence(q, p)
    assert found == exact or abs(found - exact) <= KL_UNITS * 2.0**-53 * exact


def test_a_divergence_from_itself_is_exactly_zero():
    q = swept_probabilities(np.random.default_rng(SEED))[:10_000]
    assert not logloss.kl_divergence(q, q).any()


def test_a_divergence_is_never_negative():
    """Neighbouring floats: the smallest gap there is."""
    q = swept_probabilities(np.random.default_rng(SEED))[:20_000]
    assert (logloss.kl_divergence(q, np.nextafter(q, 0)) >= 0).all()
    assert (logloss.kl_divergence(q, np.nextafter(q, 1)) >= 0).all()


def test_expit_and_logit_agree_with_the_losses():
    """From z = log(p / (1−p)) the loss is that of p, as far as z knows p: its rounding is worth |z|·2^-53 of the loss."""
    p = np.random.default_rng(SEED).uniform(0.001, 0.999, 10_000)
    z = special.logit(p)
    for y in (0, 1):
        # |z| < 7, within 2 ULP from SciPy: the loss moves by at most 7·2^-52 (slope below 1), and both ways by 2 ULP.
        assert np.abs(loss_of_logit(y, z) - loss_of(y, p)).max() <= 7 * 2.0**-52 + 2 * np.spacing(7.0)


# Two ways.

TWO_WAYS = """
import warnings, numpy as np
warnings.simplefilter("ignore")  # numbers of the library NumPy say when they overflow; compiled code does not
from logloss.onepass.kernels import counted_losses, losses, score_keys, weighted_losses
rng = np.random.default_rng(7)
p = np.concatenate([rng.integers(1, 0x3FF0000000000000, 150).view(np.float64), [0.0, 5e-324, 0.5, 1 - 2.0**-53, 1.0]])
z = np.concatenate([rng.normal(0, 30, 150), [-np.inf, -745.2, 0.0, 36.6, np.inf]])
y = rng.integers(0, 2, 155).astype(np.uint8)
q = rng.permutation(p)
out = np.empty(155)
for run in (
    lambda: losses.surprisals(y, p, None, None, out),
    lambda: losses.surprisals(y, p, q, None, out),
    lambda: losses.surprisals(y, z, None, z, out),
    # Slices of ordinary values are computed without what only others need.
    lambda: losses.surprisals(y[:150], p[:150], None, None, out[:150]),
    lambda: losses.surprisals(y[:150], z[:150] / 20, None, z[:150] / 20, out[:150]),
    lambda: losses.soft_surprisals(q, p, None, None, out),
    lambda: losses.soft_surprisals(q, z, None, z, out),
    lambda: losses.entropies(p, out),
    lambda: losses.divergences(q, p, out),
):
    run()
    print(out.tobytes().hex())
limbs, tally = np.zeros((640, 408), np.int64), np.array([0, 0, 0, -1])
w = rng.gamma(1, 1, 155)
weighted_losses.general_sums(q, p, None, None, w, None, limbs, tally)
counted_losses.hard_sums(y, z, None, z, None, limbs, tally)
counted_losses.losses_summed(y.astype(float), z, None, z, limbs, tally)
counted_losses.row_sums(y, z, None, z, None, limbs[3:], tally, counted_losses.room_for_largest(20), None)
score_keys.tally_forecasts(y, p, None, None, limbs[6:].ravel(), None)
print(limbs.tobytes().hex())
print(tally.tolist())
"""


@pytest.mark.slow
def test_compiled_or_not_the_bits_are_the_same():
    """Fused multiply-adds are written out, and nothing else is left to the compiler: equal, not only near."""

    def printed(**settings: str) -> list[str]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **settings}
        run = subprocess.run(
            [sys.executable, "-c", TWO_WAYS], env=environment, capture_output=True, text=True, check=True, timeout=120
        )
        return run.stdout.splitlines()

    assert printed(NUMBA_DISABLE_JIT="1") == printed()


# Witnesses.


def test_scipy_agrees_on_entropy():
    """scipy.special.entr, both terms: right to a few ULP while 1 − q is exact."""
    q = np.random.default_rng(SEED).integers(1, 2**30, 1_000) * 2.0**-30
    # Two terms of 1.5 ULP each, one sum: 4 ULP of the larger.
    expected = special.entr(q) + special.entr(1 - q)
    assert np.abs(logloss.entropy(q) - expected).max() <= 4 * np.spacing(np.log(2))


def test_scipy_loses_small_divergences():
    """scipy.special.kl_div summed over the two classes is noise near zero, and a mean of rel_entr keeps half its digits."""
    q, p = 0.3, 0.3 + 1e-10
    exact = 2.3809527746518207e-20
    noise = special.kl_div(q, p) + special.kl_div(1 - q, 1 - p)
    half = special.rel_entr(q, p) + special.rel_entr(1 - q, 1 - p)
    assert abs(noise / exact - 1) > 1e3
    assert abs(half / exact - 1) > 1e-9
    assert abs(logloss.kl_divergence(q, p) / exact - 1) < 1e-15


def test_scipy_agrees_on_large_divergences():
    rng = np.random.default_rng(SEED)
    q, p = rng.uniform(0.05, 0.45, 1_000), rng.uniform(0.55, 0.95, 1_000)
    expected = special.rel_entr(q, p) + special.rel_entr(1 - q, 1 - p)
    # Terms below 3 in size, each within 4 ULP of itself (2^-51): an absolute error below 2^-47.
    assert np.abs(logloss.kl_divergence(q, p) - expected).max() < 2.0**-47


def test_the_kernels_are_made_of_these_scalars():
    """The scalar functions may be called by themselves: the same bits as in the loops."""
    for p in (0.1, 0.5, 1 - 2.0**-53, 5e-324):
        assert pointwise.surprisal_of_one(p) == loss_of(1, np.array([p]))[0]
        assert pointwise.surprisal_of_zero(p) == loss_of(0, np.array([p]))[0]
    out = np.empty(1)
    losses.entropies(np.array([0.3]), out)
    assert pointwise.entropy_of(0.3) == out[0]
