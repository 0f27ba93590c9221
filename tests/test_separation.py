"""Separation by levels: verdicts, rows and limits against linear programs of another hand, and how rows are kept."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from scipy.optimize import linprog

import logloss
from logloss.training import separation_program

SEED = 20251129


def drawn_table(rng):
    """A few rows with up to three categories, perhaps a number, weights, labels that may be shares of ones."""
    n_rows = int(rng.integers(5, 40))
    columns = {
        f"c{j}": np.array([f"v{k}" for k in rng.integers(0, rng.integers(2, 9), n_rows)], dtype=object)
        for j in range(int(rng.integers(1, 4)))
    }
    if rng.random() < 0.5:
        columns["number"] = rng.integers(-2, 3, n_rows).astype(float)
    labels = rng.integers(0, 2, n_rows).astype(float)
    if rng.random() < 0.3:
        labels[rng.random(n_rows) < 0.1] = 0.5
    labels[:2] = 0, 1
    weight = rng.choice([0.25, 1.0, 3.0], n_rows) if rng.random() < 0.5 else None
    return pd.DataFrame(columns), labels, weight


def rows_divided(frame, labels):
    """Which rows go to their label in the limit: of rows that no direction has divided yet, all that one can divide.

    Each row has a share between 0 and 1 of its margin; their largest sum has a 1 for every row that some direction
    divides while none is on the wrong side, as a sum of directions is one.
    """
    design = pd.get_dummies(frame, dtype=float).to_numpy()
    design = np.column_stack([np.ones(len(design)), design])
    is_left = np.ones(len(labels), dtype=bool)
    while is_left.any():
        own, y = design[is_left], labels[is_left]
        is_share = (y > 0) & (y < 1)
        signed = np.where(y > 0, 1.0, -1.0)[:, None] * own
        n_hard, width = int((~is_share).sum()), design.shape[1]
        found = linprog(
            np.concatenate([np.zeros(width), -np.ones(n_hard)]),
            A_ub=np.hstack([-signed[~is_share], np.eye(n_hard)]),
            b_ub=np.zeros(n_hard),
            A_eq=np.hstack([own[is_share], np.zeros((is_share.sum(), n_hard))]) if is_share.any() else None,
            b_eq=np.zeros(is_share.sum()) if is_share.any() else None,
            bounds=[(None, None)] * width + [(0, 1)] * n_hard,
        )
        assert found.status == 0
        divided = np.zeros(len(y), dtype=bool)
        divided[~is_share] = found.x[width:] > 0.5
        if not divided.any():
            break
        is_left[np.flatnonzero(is_left)[divided]] = False
    return ~is_left


@pytest.mark.parametrize("seed", range(12))
def test_levels_separate_where_linear_programs_find_it_and_nowhere_else(seed, monkeypatch):
    """Tables of small categories, 40 each time: the number of rows divided, and where each of them is predicted."""
    if seed % 3 == 2:
        # Rows come to the program a few at a time.
        monkeypatch.setattr(separation_program, "ALL_ROWS", 0)
        monkeypatch.setattr(separation_program, "ROWS_ADDED", 3)
    rng = np.random.default_rng([SEED, seed])
    n_separated = 0
    for _ in range(40):
        frame, labels, weight = drawn_table(rng)
        divided = rows_divided(frame, labels)
        with warnings.catch_warnings(action="ignore"):
            model = logloss.fit(frame, labels, sample_weight=weight, leave_one_out=False)
        n_divided = 0 if model.separation is None else model.separation.n_divided
        assert n_divided == np.count_nonzero(divided)
        proba = model.predict_proba(frame)
        assert np.array_equal((proba == 0) | (proba == 1), divided)
        assert np.array_equal(proba[divided], labels[divided])
        n_separated += bool(n_divided)
    assert 0 < n_separated < 40


def test_pure_levels_are_peeled_until_none_is_left():
    """Each level that has one class takes its rows along, which leaves the next column's level with one class."""
    n_pairs = 12
    # Level k of "a" has a row in level k − 1 of "b" and one in level k; the first level of "a" is pure.
    a = np.repeat(np.arange(n_pairs), 2)
    b = np.concatenate([[n_pairs], np.repeat(np.arange(n_pairs - 1), 2), [n_pairs - 1]])
    labels = np.concatenate([[1, 1], np.tile([0, 1], n_pairs - 1)]).astype(float)
    frame = pd.DataFrame({"a": np.array([f"a{k}" for k in a]), "b": np.array([f"b{k}" for k in b])})
    divided = rows_divided(frame, labels)
    with pytest.warns(logloss.SeparationWarning):
        model = logloss.fit(frame, labels)
    assert model.separation.n_divided == np.count_nonzero(divided) > 10


def test_programs_are_given_sparse_rows_of_the_face(monkeypatch):
    """Of 1,200 rows and 60 levels a program has three numbers a row, not 60."""
    seen = []
    program = separation_program._linear_program

    def recorded(limits, objective, rows, **bounds):
        seen.append(rows)
        return program(limits, objective, rows, **bounds)

    monkeypatch.setattr(separation_program, "_linear_program", recorded)
    rng = np.random.default_rng(SEED)
    frame = pd.DataFrame({name: np.array([f"v{k}" for k in rng.integers(0, 30, 1200)]) for name in ("a", "b")})
    labels = rng.integers(0, 2, 1200)
    monkeypatch.setattr("logloss.training.optimum._is_easily_separated", lambda problem: True)
    assert logloss.fit(frame, labels).separation is None
    assert seen
    assert all(scipy.sparse.issparse(rows) for rows in seen)
    assert seen[0].nnz <= 3 * 1200
