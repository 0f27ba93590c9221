"""The logistic loss of a linear predictor and its derivatives, row by row: what a pass of a fit is made of.

y  labels, 0 or 1, or shares in [0, 1]     z  logits     w  weights or None     n  counts or None
"""

from __future__ import annotations

import numpy as np

from logloss.onepass.kernels.compiled import compiled
from logloss.onepass.kernels.exact import carry, deposit
from logloss.onepass.kernels.losses import soft_cost
from logloss.onepass.kernels.pointwise import exp_minus, softplus_pair
from logloss.onepass.kernels.products import SLICE, part_of


@compiled
def logistic_rows(y, z, w, n, residuals, curvatures, limbs):
    """Loss and its two derivatives in the logit, each times weight and count: the losses are summed exactly.

    residuals: σ(z) − y, without cancellation: (1−y)·σ(z) − y·σ(−z). curvatures: σ(z)·σ(−z). Cost: 5 ns a row.
    """
    # Only the losses are summed here: gradients are products with the features, which BLAS does.
    losses = np.empty(SLICE)
    for start in range(0, y.shape[0], SLICE):
        stop = min(start + SLICE, y.shape[0])
        labels = y[start:stop]
        logits = z[start:stop]
        weights = part_of(w, start, stop)
        counts = part_of(n, start, stop)
        first = residuals[start:stop]
        second = curvatures[start:stop]
        for i in range(stop - start):
            label = np.float64(labels[i])
            weight = 1.0 if w is None else weights[i]
            if n is not None:
                weight *= counts[i]
            # Both σ(z) and σ(−z) from e^−|z|: the smaller one is never 1 less the larger one, which would cancel.
            if_one, if_zero = softplus_pair(logits[i])
            high, _ = exp_minus(abs(logits[i]))
            likelier = 1.0 / (1.0 + high)
            rarer = high * likelier
            one = likelier if logits[i] > 0.0 else rarer
            zero = rarer if logits[i] > 0.0 else likelier
            losses[i] = weight * soft_cost(label, if_one, if_zero)
            first[i] = weight * ((1.0 - label) * one - label * zero)
            # Not one·(1 − one): the digits of the rarer side are kept.
            second[i] = weight * (likelier * rarer)
        deposit(losses[: stop - start], limbs[0])
    carry(limbs)
