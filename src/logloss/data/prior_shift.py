"""Forecasts by themselves: corrected for negatives that training left out, or without a label yet."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from logloss.data.rows import Array

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
