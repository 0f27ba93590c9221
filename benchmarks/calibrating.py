"""What `calibrate` promises, against what is found: savings on new data, certified gaps, and seconds for many rows.

usage: python benchmarks/calibrating.py [REPETITIONS [ROWS]]

Logits are normal; the truth is a function of them (as they are, over-confident, moved, bent, reversed). What a map
saves on new data is taken from a large sample of scores with known probabilities, without noise of labels. A promise
is unbiased if the mean of (promised − found) is 0 within a few of its standard errors. The certified gap of a map that
was fitted to bins is compared with what its own kind could have cost less on the very rows.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

import logloss

Truth = Callable[[Any], Any]
TRUTHS: dict[str, Truth] = {
    "calibrated": lambda z: z,
    "a little over": lambda z: 0.93 * z,
    "over-confident": lambda z: 0.75 * z,
    "moved": lambda z: z - 0.3,
    "bent": lambda z: np.where(z < 0, 0.6 * z, 1.3 * z),
    "reversed": lambda z: -0.3 * z,
}
SIZES = (200, 1000, 10_000)
N_NEW = 100_000
KINDS = ("shift", "temperature", "platt", "beta")


def drawn(truth: Truth, random: Any, n_rows: int) -> tuple[Any, Any]:
    """Logits, and labels."""
    logits = random.normal(-0.5, 1.5, n_rows)
    return logits, (random.random(n_rows) < expit(truth(logits))).astype(np.uint8)


def cost(share: Any, logits: Any) -> float:
    """Mean log loss of logits where the shares are true."""
    return float(np.mean(share * np.logaddexp(0, -logits) + (1 - share) * np.logaddexp(0, logits)))


def promises(truth: Truth, n_rows: int, method: str, repetitions: int, seed: int = 1) -> dict[str, Any]:
    """Savings promised and found of so many samples."""
    random = np.random.default_rng(seed)
    new = random.normal(-0.5, 1.5, N_NEW)
    share = expit(truth(new))
    before = cost(share, new)
    promised, found, held, methods = [], [], [], Counter()
    for _ in range(repetitions):
        logits, labels = drawn(truth, random, n_rows)
        c = logloss.calibrate(labels, y_logit=logits, method=method, random=random)
        promised.append(float(c.saves))
        found.append(before - cost(share, c.apply_logit(new)))
        methods[c.method] += 1
        if c.saves.has_interval:
            held.append(c.saves.low <= found[-1] <= c.saves.high)
    more = np.array(promised) - np.array(found)
    return {
        "promised": float(np.mean(promised)),
        "found": float(np.mean(found)),
        "bias": float(more.mean()),
        "error": float(more.std(ddof=1) / np.sqrt(repetitions)),
        "spread": float(more.std(ddof=1)),
        "held": float(np.mean(held)) if held else float("nan"),
        "n_held": len(held),
        "methods": dict(methods),
    }


def design(kind: str, log_one: Any, log_zero: Any) -> tuple[Any, Any]:
    """(Columns, what is added to them) of a kind of map."""
    logit, one = log_one + log_zero, np.ones(len(log_one))
    if kind == "shift":
        return one[:, None], logit
    columns = {"temperature": [logit], "platt": [logit, one], "beta": [log_one, log_zero, one]}[kind]
    return np.stack(columns, axis=1), np.zeros(len(logit))


def gap_of(kind: str, logits: Any, labels: Any, c: logloss.Calibration) -> float:
    """How much less the best map of a kind costs the rows, by SciPy, and nothing but rows."""
    log_one, log_zero = -np.logaddexp(0, -logits), np.logaddexp(0, logits)
    matrix, offset = design(kind, log_one, log_zero)
    sign = 2.0 * labels - 1

    def loss(theta: Any) -> tuple[float, Any]:
        margin = sign * (offset + matrix @ theta)
        return float(np.logaddexp(0, -margin).mean()), -(sign * expit(-margin)) @ matrix / len(margin)

    start = {"shift": [c.map.c], "temperature": [c.map.a], "platt": [c.map.a, c.map.c]}
    first = np.array(start.get(kind, [c.map.a, c.map.b, c.map.c]))
    # A map that never decreases: slopes of at least 0.
    bounds = [(None, None) if kind == "shift" or j == len(first) - 1 != 0 else (0, None) for j in range(len(first))]
    options = {"ftol": 1e-16, "gtol": 1e-12, "maxiter": 500}
    best = minimize(loss, first, jac=True, method="L-BFGS-B", bounds=bounds, options=options).fun
    return loss(first)[0] - float(best)


def gaps(n_rows: int, seed: int = 3) -> None:
    """Certified and true gaps of maps that were fitted to bins."""
    random = np.random.default_rng(seed)
    for name, truth in TRUTHS.items():
        logits, labels = drawn(truth, random, n_rows)
        measured = logloss.measure(labels, y_logit=logits)
        for kind in KINDS:
            c = logloss.calibrate(measured, method=kind)
            true = gap_of(kind, logits, labels, c)
            print(f"{name:15} {kind:12} certified {c.gap:.2e}  true {true:.2e}  {'' if c.gap >= true else 'WRONG'}")


def speed(n_rows: int) -> None:
    """Seconds to calibrate from the summary of many rows, beside measuring them; median of five."""
    random = np.random.default_rng(5)
    logits, labels = drawn(TRUTHS["over-confident"], random, n_rows)
    proba = expit(logits)
    began = time.perf_counter()
    measured = logloss.measure(labels, proba)
    print(f"{n_rows:,} rows: measured in {time.perf_counter() - began:.2f} s")
    for method in ("auto", *KINDS, "isotonic"):
        seconds = []
        for _ in range(5):
            began = time.perf_counter()
            logloss.calibrate(measured, method=method)
            seconds.append(time.perf_counter() - began)
        print(f"  calibrated from the summary, {method:12} {np.median(seconds):.3f} s")


def main() -> None:
    """Print all of it."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    n_rows = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000_000
    speed(n_rows)
    gaps(300_000)
    for n in SIZES:
        for name, truth in TRUTHS.items():
            for method in ("auto", "platt", "isotonic"):
                r = promises(truth, n, method, repetitions)
                print(
                    f"n={n:<6} {name:15} {method:9} promised {r['promised']:8.5f}  found {r['found']:8.5f}  "
                    f"bias {r['bias']:8.5f} ± {r['error']:.5f}  spread {r['spread']:.5f}  "
                    f"interval holds {100 * r['held']:.1f} % of {r['n_held']}  {r['methods']}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
