"""Sums by category, against their twins."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from logloss.onepass.kernels import category_sums

CODES = st.integers(0, 3)
# Whole numbers: their sums are exact in any order.
NUMBERS = st.integers(-9, 9).map(float)


@pytest.mark.parametrize("width", [0, 1, 3])
@given(st.lists(st.tuples(CODES, NUMBERS, NUMBERS), max_size=12))
def test_segment_sums_equal_their_twin(width, rows):
    codes = np.array([row[0] for row in rows], np.int32)
    weights = np.array([row[1] for row in rows], np.float64)
    numbers = np.array([[row[2] + j for j in range(width)] for row in rows], np.float64).reshape(len(rows), width)
    out = np.zeros((4, width))
    category_sums.segment_sums(codes, weights, numbers, out)
    assert out.tolist() == reference.segment_sums(codes.tolist(), weights.tolist(), numbers.tolist(), out.shape)


@given(st.lists(st.tuples(CODES, CODES, NUMBERS), max_size=12))
def test_cross_tab_equals_its_twin(rows):
    first, second = (np.array([row[j] for row in rows], np.int32) for j in (0, 1))
    weights = np.array([row[2] for row in rows], np.float64)
    out = np.zeros((4, 4))
    category_sums.cross_tab(first, second, weights, out)
    assert out.tolist() == reference.cross_tab(first.tolist(), second.tolist(), weights.tolist(), out.shape)
