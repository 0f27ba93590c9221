"""Forecasts: probabilities in [0, 1], of one class or of both, or log-odds; without a label yet, or corrected."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from logloss.data.checks.reading import Check
from logloss.data.rows import Array, Column, Forecaster
from logloss.onepass.kernels.pointwise import PAIR_TOLERANCE
from logloss.text import value_text

BITS_OF_ONE = 0x3FF0000000000000
BITS_OF_ONE_FLOAT32 = 0x3F800000
# P(1), P(0) and logits of one forecast, those that there are.
Forecast = tuple[Array | None, Array | None, Array | None]


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Forecasts of rows whose label is not known yet."""

    y_proba: Array | None
    y_proba_of_zero: Array | None
    y_logit: Array | None
    sample_weight: Array | None
    counts: Array | None


def forecast_in(check: Check, of: Forecaster) -> Forecast:
    """P(1), P(0) and logits of a forecast, those that there are, corrected for negatives that training left out."""
    stated = _stated(check, of)
    kept = check.roles.negatives_kept
    return stated if kept == 1 else corrected(*stated, kept)


def _stated(check: Check, of: Forecaster) -> Forecast:
    """The same as they stand in the table."""
    if of.y_logit is not None:
        logit = check.numeric(of.y_logit)
        return None, None, logit
    if of.y_proba is None:
        return None, None, None
    proba = _probabilities(check, of.y_proba)
    if of.y_proba_of_zero is None:
        return proba, None, None
    proba_of_zero = _probabilities(check, of.y_proba_of_zero)
    if proba.dtype != proba_of_zero.dtype:
        proba, proba_of_zero = proba.astype(np.float64), proba_of_zero.astype(np.float64)
    total = proba.astype(np.float64) + proba_of_zero
    bad = ~(np.abs(total - 1.0) <= PAIR_TOLERANCE)
    if bad.any():
        index = int(np.argmax(bad))
        partner = value_text(proba_of_zero[index])
        expected = f"and {check.roles.spoken(of.y_proba_of_zero)} must add up to 1 within 1e-6"
        hint = f"The other is {partner}, the sum {total[index]:.9g}. Probabilities are not renormalised."
        check.fail(of.y_proba, expected, bad, hint)
    return proba, proba_of_zero, None


def corrected(proba: Array | None, proba_of_zero: Array | None, logit: Array | None, negatives_kept: float) -> Forecast:
    """Forecasts of a model whose training kept a share r of the negatives: their odds times r.

    Both probabilities are made, p·r and 1 − p over their sum, so that neither end loses its digits.
    """
    if logit is not None:
        return None, None, logit.astype(np.float64) + math.log(negatives_kept)
    if proba is None:
        return None, None, None
    one = proba.astype(np.float64)
    zero = 1.0 - one if proba_of_zero is None else proba_of_zero.astype(np.float64)
    one = one * negatives_kept
    total = one + zero
    return one / total, zero / total, None


def _probabilities(check: Check, name: str) -> Array:
    """A column of probabilities, float32 or float64."""
    proba = check.numeric(name)
    if name not in check.sound:
        bad = ~((proba >= 0) & (proba <= 1))
        if bad.any():
            check.fail(name, "must lie in [0, 1]", bad, "If it holds log-odds, pass it as `y_logit`.")
    return proba


def is_all_in_unit_interval(column: Column) -> bool:
    """Whether floats are all in [0, 1] and none is NaN, in one look; −0.0 is left to the slower one.

    Seen as unsigned integers, the floats of [0, 1] lie up to the bits of 1; negative ones and NaN lie above.
    """
    if column.missing is not None or column.categories is not None or not column.values.flags.c_contiguous:
        return False
    if column.values.dtype == np.float64:
        return len(column.values) == 0 or bool(column.values.view(np.uint64).max() <= BITS_OF_ONE)
    if column.values.dtype == np.float32:
        return len(column.values) == 0 or bool(column.values.view(np.uint32).max() <= BITS_OF_ONE_FLOAT32)
    return False
