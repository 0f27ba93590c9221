"""Weights and counts, which decide whether a row is one at all, and offsets."""

from __future__ import annotations

import numpy as np

from logloss.data.checks.reading import Check
from logloss.data.rows import Array

# So that the counts of a block of 2^17 rows add up in 64 bits.
MAX_COUNT = 1 << 40


def weights_of(check: Check) -> Array | None:
    """Weights as float64: finite and ≥ 0, or missing."""
    name = check.roles.sample_weight
    if name is None:
        return None
    weight = check.present(name)
    bad = ~((weight >= 0) & (weight < np.inf) | np.isnan(weight))
    if bad.any():
        check.fail(name, "must be finite and at least 0", bad, "A row of weight 0 counts as no row.")
    return weight


def counts_of(check: Check) -> Array | None:
    """Counts as int64: whole and ≥ 0, or missing (then −1)."""
    name = check.roles.counts
    if name is None:
        return None
    counts = check.present(name)
    bad = ~((counts >= 0) & (counts <= MAX_COUNT) & (counts == np.floor(counts)) | np.isnan(counts))
    if bad.any():
        hint = "Weights that are not whole numbers are `sample_weight`."
        check.fail(name, "must hold whole numbers from 0 to 2^40", bad, hint)
    return np.where(np.isnan(counts), -1, counts).astype(np.int64)


def offset_of(check: Check) -> Array | None:
    """What is added to the log-odds of each row: finite, float64."""
    name = check.roles.offset
    if name is None:
        return None
    values = np.asarray(check.numeric(name), dtype=np.float64)
    bad = ~np.isfinite(values)
    if bad.any():
        check.fail(name, "must be finite", bad, "An offset is added to the log-odds.")
    return values
