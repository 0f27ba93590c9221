"""Cases of `fit` with shapes: the 95% bands of curves and pooled levels across the function, the p-values of no effect.

A claim about a band is one about its interval at a row that is drawn at random from those it was trained on: the share
of these that cover is the coverage across the function. What they should cover is the true effect less its mean over
the rows; intervals are given less that, so that the true value is 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from _honesty_claims import CAUTIONED, Answers, Case, effective
from scipy.special import expit, ndtr

import logloss

# The effects of columns that are uniform on 0 … 1, in log-odds.
CURVES: dict[str, Any] = {
    "a line": lambda x: 1.2 * x,
    "a sine": lambda x: 0.8 * np.sin(2 * np.pi * x),
    "a step": lambda x: 1.2 * expit(30 * (x - 0.6)),
    "a bump": lambda x: 1.2 * np.exp(-(((x - 0.4) / 0.1) ** 2)),
    "no effect": lambda x: 0.0 * x,
}
N_LEVELS, SPREAD = 40, 0.5
LEVELS, NO_LEVELS = "pooled levels", "pooled levels without an effect"


def shapes() -> list[Case]:
    """Bands and tests by rows, base rate, correlation of the columns, and sizes of levels."""
    return [
        _case(n, rate, correlation, kind)
        for n in (1000, 5000)
        for rate in (0.5, 0.1)
        for correlation, kind in ((0.0, "equal"), (0.7, "unequal"))
    ]


def _levels(random: np.random.Generator, n: int, kind: str) -> Any:
    """Numbers of levels, all as frequent or each less frequent by a twelfth than the one before."""
    if kind == "equal":
        return random.integers(0, N_LEVELS, n)
    shares = (1 - 1 / 12) ** np.arange(N_LEVELS)
    return random.choice(N_LEVELS, n, p=shares / shares.sum())


def _case(n: int, rate: float, correlation: float, kind: str) -> Case:
    """One case."""
    shared, own = math.sqrt(correlation), math.sqrt(1 - correlation)

    def draw(random: np.random.Generator) -> Answers:
        normal = shared * random.standard_normal((n, 1)) + own * random.standard_normal((n, len(CURVES)))
        columns = dict(zip(CURVES, ndtr(normal).T, strict=True))
        columns |= {name: _levels(random, n, kind) for name in (LEVELS, NO_LEVELS)}
        effects = {name: curve(columns[name]) for name, curve in CURVES.items()}
        effects[LEVELS] = SPREAD * random.standard_normal(N_LEVELS)[columns[LEVELS]]
        effects = {name: values - values.mean() for name, values in effects.items()}
        labels = (random.random(n) < expit(math.log(rate / (1 - rate)) + sum(effects.values()))).astype(np.uint8)
        table = columns | {"y": labels}
        model = logloss.fit(table, "y", shapes="auto", pooled=[LEVELS, NO_LEVELS], leave_one_out=False)
        row = int(random.integers(n))
        answers: Answers = {}
        for name, values in effects.items():
            term, at = model.shapes[name], columns[name][row]
            if name == LEVELS:
                low, high = (own[term.at.index(at)] for own in (term.low, term.high))
            else:
                # Between two knots the band is drawn as the line between its ends there.
                low, high = (float(np.interp(at, term.at, own)) for own in (term.low, term.high))
            answers[f"band of {name}"] = (float(low - values[row]), float(high - values[row]))
        answers |= {f"p of {name}": model.shapes[name].p_value for name in ("no effect", NO_LEVELS)}
        return answers | {CAUTIONED: bool(model.cautions)} | effective(labels)

    def true_values() -> dict[str, float]:
        return {f"band of {name}": 0.0 for name in (*CURVES, LEVELS)}

    columns = "independent columns" if correlation == 0 else f"columns correlated by {correlation}"
    return Case(f"{n:,} rows, base rate {rate}, {columns}, {kind} levels", n, draw, true_values)
