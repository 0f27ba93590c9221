"""Shapes and pooled levels: what they are made of, and that their fit is the optimum at the precisions it has chosen."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize
import scipy.special
from mpmath import mp
from sklearn.linear_model import LogisticRegression as Peer

import logloss
from logloss.data.shapes import (
    CYCLIC,
    FEW_KNOTS,
    LINEAR,
    MOST_KNOTS,
    SMOOTH,
    knots_of,
    shape_of,
    weights_at,
)
from logloss.training.certificate import reach_of

ONES = np.ones


# --- one term ---------------------------------------------------------------------------------------------------------


def test_few_values_are_knots_and_of_many_the_tail_has_some():
    few = np.array([3.0, 1.0, 2.0, 2.0])
    assert knots_of(few, ONES(4), 1.0, 3.0).tolist() == [1.0, 2.0, 3.0]
    # Nine in ten rows are 0: quantiles of rows alone would leave no knot between 0 and the largest value.
    rng = np.random.default_rng(0)
    spiky = np.append(np.zeros(9000), rng.uniform(1, 1000, 1000))
    knots = knots_of(spiky, ONES(len(spiky)), 0.0, 1000.0)
    assert len(knots) <= MOST_KNOTS + 2
    assert (np.diff(knots) > 0).all()
    assert np.count_nonzero(knots > 1) > MOST_KNOTS // 2
    # Rows that were not drawn may lie farther out.
    assert knots_of(few, ONES(4), -5.0, 9.0).tolist() == [-5.0, 1.0, 2.0, 3.0, 9.0]


def test_a_weight_is_that_many_rows_to_the_knots():
    values, counts = np.random.default_rng(1).normal(size=500), np.random.default_rng(2).integers(1, 4, 500)
    repeated = np.repeat(values, counts)
    low, high = values.min(), values.max()
    own = knots_of(values, counts.astype(float), low, high)
    assert own.tolist() == knots_of(repeated, ONES(len(repeated)), low, high).tolist()


def test_few_rows_have_few_knots():
    values = np.arange(100.0)
    assert len(knots_of(values, ONES(100), 0.0, 99.0)) == 100
    assert len(knots_of(values, ONES(100), 0.0, 99.0, n_rows=100.0)) <= FEW_KNOTS + 2
    assert len(knots_of(values, ONES(100), 0.0, 99.0, n_rows=49.0**2)) <= 49 // 2 + 2
    assert len(knots_of(values, ONES(100), 0.0, 99.0, n_rows=50.0**2)) == 100
    assert knots_of(values[:9], ONES(9), 0.0, 8.0, n_rows=9.0).tolist() == values[:9].tolist()


def test_the_size_of_a_part_is_the_deviation_of_its_effect_over_the_rows():
    """Of 100,000 draws of the coefficients: five standard errors of their mean square are 2% of it at most."""
    knots, weights = np.array([0.0, 1.0, 3.0, 4.0, 9.0]), np.array([1.0, 5.0, 2.0, 2.0, 7.0, 3.0])
    shape = shape_of("x", SMOOTH, knots, weights, lacks=True)
    drawn = np.random.default_rng(0).normal(size=(3, 100_000))
    for part, coefficients in enumerate((shape.basis[:5, :1] @ drawn[:1], shape.basis[:5, 1:4] @ drawn)):
        squares = np.average((coefficients**2).mean(axis=1), weights=weights[:5])
        assert shape.size_of(part) ** 2 == pytest.approx(squares, rel=0.02)
    assert shape.size_of(2) == 1.0


def test_the_weights_at_knots_add_up_to_those_of_the_rows():
    values = np.array([0.0, 0.25, 1.0, 2.0, np.nan])
    weights = np.array([1.0, 4.0, 2.0, 8.0, 16.0])
    assert weights_at(np.array([0.0, 1.0, 2.0]), values, weights, lacks=True).tolist() == [4.0, 3.0, 8.0, 16.0]


@pytest.mark.parametrize("kind", [SMOOTH, LINEAR, CYCLIC])
@pytest.mark.parametrize("lacks", [False, True])
def test_a_basis_is_centred_and_a_missing_value_is_apart(kind, lacks):
    knots, weights = np.array([0.0, 1.0, 3.0, 4.0, 9.0]), np.array([1.0, 5.0, 2.0, 2.0, 7.0, *([3.0] * lacks)])
    shape = shape_of("x", kind, knots, weights, lacks=lacks)
    assert len(shape.basis) == 5 + lacks
    assert sum(shape.parts) == shape.basis.shape[1]
    # A few dozen roundings of numbers of order ten.
    assert weights[:5] @ shape.basis[:5] == pytest.approx(0.0, abs=1e-12)
    if lacks:
        assert shape.basis[5].tolist() == [0.0] * (shape.basis.shape[1] - 1) + [1.0]
        assert not shape.basis[:5, -1].any()
        assert shape.coefficient_names[-1] == "x is missing"


def test_a_cycle_ends_where_it_begins_and_costs_its_squared_steps_around_the_circle():
    shape = shape_of("hour", CYCLIC, np.arange(7.0), ONES(7), lacks=False)
    assert (shape.basis[0] == shape.basis[-1]).all()
    assert shape.parts == (5,)
    steps = np.diff(shape.basis, axis=0)
    assert steps.T @ steps == pytest.approx(np.eye(5), abs=1e-14)


def test_a_curve_costs_its_squared_steps_without_those_of_its_line():
    """The line is a part by itself, straight in the values. The steps of all others add up to 0."""
    knots = np.array([0.0, 1.0, 2.0, 5.0, 6.0, 7.0])
    shape = shape_of("x", SMOOTH, knots, ONES(6), lacks=False)
    assert shape.parts == (1, 4)
    steps = np.diff(shape.basis, axis=0)
    assert steps[:, 0] == pytest.approx(np.diff(knots) / 7, abs=1e-15)
    assert steps[:, 1:].sum(axis=0) == pytest.approx(0.0, abs=1e-14)
    assert steps[:, 1:].T @ steps[:, 1:] == pytest.approx(np.eye(4), abs=1e-14)


def test_a_column_without_values_has_a_place_for_what_is_missing_only():
    shape = shape_of("x", SMOOTH, np.array([0.0]), np.array([0.0, 9.0]), lacks=True)
    assert shape.basis.tolist() == [[0.0], [1.0]]
    constant = shape_of("x", SMOOTH, np.array([4.0]), np.array([9.0]), lacks=False)
    assert constant.basis.shape == (1, 0)


# --- the fit ----------------------------------------------------------------------------------------------------------


def drawn(n_rows=500, seed=5):
    """Rows of a curve, a cycle and a category, with labels that depend on all of them."""
    rng = np.random.default_rng(seed)
    x, hour, city = rng.uniform(-3, 3, n_rows), rng.uniform(0, 24, n_rows), rng.choice(list("abcdef"), n_rows)
    logits = np.sin(2 * x) + np.cos(hour / 24 * 2 * np.pi) + (city == "a") - (city == "b")
    y = (rng.random(n_rows) < 1 / (1 + np.exp(-logits))).astype(int)
    return {"x": x, "hour": hour, "city": city, "y": y}


SHAPES = {"x": "smooth", "hour": "cyclic"}


def spelled_out(model, table):
    """(The columns that all coefficients multiply, without the intercept, the precision of each), made by interpolation."""
    columns, precisions = [], []
    for term in model.design.terms:
        effect = model.shapes[term.column]
        if hasattr(term, "knots"):
            at_rows = [np.interp(table[term.column], term.knots, own) for own in term.basis[: len(term.knots)].T]
            columns += at_rows
            precisions += np.repeat(effect.precisions, term.parts).tolist()
        else:
            levels = [level for j, level in enumerate(term.levels) if term.is_pooled or j != term.reference]
            columns += [(np.array(table[term.column]) == level).astype(float) for level in levels]
            precisions += [effect.precisions[0]] * len(levels)
    return np.column_stack(columns), np.array(precisions)


def peer_of(columns, precisions, y, weights=None):
    """scikit-learn's fit with the same penalty: each column divided by the root of its precision."""
    peer = Peer(C=1.0, solver="newton-cholesky", tol=1e-14, max_iter=1000)
    return peer.fit(columns / np.sqrt(precisions), y, sample_weight=weights)


def test_the_fit_is_that_of_scikit_learn_on_the_columns_spelled_out():
    table = drawn()
    model = logloss.fit(table, "y", shapes=SHAPES)
    columns, precisions = spelled_out(model, table)
    peer = peer_of(columns, precisions, table["y"])
    # Its steps end where a gradient of some hundred rows is 1e-14.
    logits = model.predict_logit(table)
    assert logits == pytest.approx(peer.decision_function(columns / np.sqrt(precisions)), abs=1e-7)
    assert model.effective_degrees_of_freedom < columns.shape[1]
    weights = np.random.default_rng(0).uniform(0.1, 3.0, len(logits))
    weighted = logloss.fit(table, "y", shapes=SHAPES, sample_weight=weights)
    columns, precisions = spelled_out(weighted, table)
    # Precisions are those of as many rows as weights are worth (Kish).
    of_rows = weights * weights.sum() / (weights**2).sum()
    peer = peer_of(columns, precisions, table["y"], of_rows)
    assert weighted.predict_logit(table) == pytest.approx(
        peer.decision_function(columns / np.sqrt(precisions)), abs=1e-7
    )


def test_numbers_beside_pooled_levels_have_no_penalty():
    table = drawn()
    model = logloss.fit(table, "y", pooled="city")
    assert [term.kind for term in model.terms] == ["number", "number", "pooled levels"]
    precision = model.shapes["city"].precisions[0]
    levels = np.column_stack([table["city"] == level for level in "abcdef"]) / math.sqrt(precision)
    numbers = np.column_stack([table["x"], table["hour"]])
    rows, labels = np.column_stack([np.ones(500), numbers, levels]), table["y"]
    held = np.array([0.0] * 3 + [1.0] * 6)
    peer = scipy.optimize.minimize(
        lambda at: np.sum(np.logaddexp(0, rows @ at) - labels * (rows @ at)) + 0.5 * held @ at**2,
        np.zeros(9),
        jac=lambda at: rows.T @ (scipy.special.expit(rows @ at) - labels) + held * at,
        hess=lambda at: (
            (rows.T * np.exp(-np.abs(rows @ at)) * scipy.special.expit(np.abs(rows @ at)) ** 2) @ rows + np.diag(held)
        ),
        method="trust-exact",
        options={"gtol": 1e-9},
    )
    lines = [model.shapes[name] for name in ("x", "hour")]
    slopes = [(line.effect[-1] - line.effect[0]) / (line.at[-1] - line.at[0]) for line in lines]
    assert slopes == pytest.approx(peer.x[1:3], abs=1e-8)
    effect = peer.x[3:] / math.sqrt(precision)
    own = model.shapes["city"]
    assert own.effect == pytest.approx(effect - np.average(effect, weights=own.weights), abs=1e-8)
    assert model.certificate.is_proven
    assert model.certificate.nats_per_row < 1e-12


def exact_minimum(columns, precisions, y):
    """The least objective, by Newton's method with fifty digits."""
    rows = mp.matrix(np.column_stack([np.ones(len(y)), columns]).tolist())
    held = mp.diag([mp.mpf(0), *map(mp.mpf, precisions.tolist())])
    at = mp.zeros(rows.cols, 1)
    for _ in range(30):
        logits = rows * at
        p = [1 / (1 + mp.exp(-z)) for z in logits]
        gradient = rows.T * mp.matrix([own - int(label) for own, label in zip(p, y, strict=True)]) + held * at
        weighted = rows.copy()
        for i, own in enumerate(p):
            for j in range(rows.cols):
                weighted[i, j] *= own * (1 - own)
        at -= mp.lu_solve(rows.T * weighted + held, gradient)
    logits = rows * at
    loss = sum(mp.log1p(mp.exp(z)) - int(label) * z for z, label in zip(logits, y, strict=True))
    return loss + (at.T * held * at)[0] / 2


@pytest.mark.parametrize("pooled", [None, "city"])
@pytest.mark.parametrize("max_passes", [1, 100])
def test_the_bound_holds_against_fifty_digits(pooled, max_passes):
    """Also where a category, `side`, has no penalty, so that there is no duality gap."""
    rng = np.random.default_rng(8)
    table = {name: rng.choice(list("ab"), 60) for name in ("city", "side")} | {
        "x": rng.integers(0, 5, 60).astype(float)
    }
    table["y"] = (rng.random(60) < 0.2 + 0.15 * table["x"]).astype(int)
    options = {"shapes": "auto", "pooled": pooled, "max_passes": max_passes, "tolerance": 1e-3}
    model = logloss.fit(table, "y", leave_one_out=False, **options)
    design = model.design
    kept = [term.is_pooled for term in design.categories]
    assert kept == [True, pooled is None]
    columns, precisions = spelled_out(model, table)
    fixed = np.setdiff1d(np.arange(design.width), design.free)
    places = np.concatenate([np.arange(span.start, span.stop) for span in design.spans_of_terms])
    values = model.values[places[~np.isin(places, fixed)]]
    with mp.workdps(50):
        least = exact_minimum(columns, precisions, table["y"])
        held = sum(mp.mpf(p) * mp.mpf(v) ** 2 for p, v in zip(precisions, values, strict=True)) / 2
        own = sum(
            mp.log1p(mp.exp(mp.mpf(z))) - int(label) * mp.mpf(z)
            for z, label in zip(model.predict_logit(table).tolist(), table["y"], strict=True)
        )
        excess = float((own + held - least) / 60)
    # Log-odds and precisions as they are printed are rounded.
    assert excess <= model.certificate.nats_per_row + 1e-16
    assert model.certificate.is_proven


def test_every_coefficient_counts_where_the_bound_needs_the_largest_row(monkeypatch):
    """The bound of Newton's method needs the largest size of a row in the metric of the Hessian: of all its parts."""
    seen = []

    def recorded(deviations, largest, groups):
        seen.append((len(deviations), sorted(np.concatenate([groups[0], *groups[1]]).tolist())))
        return reach_of(deviations, largest, groups)

    monkeypatch.setattr("logloss.training.evaluation.reach_of", recorded)
    table = drawn() | {"side": np.random.default_rng(0).choice(list("ab"), 500)}
    logloss.fit(table, "y", shapes=SHAPES, pooled="city", leave_one_out=False)
    assert seen
    assert all(places == list(range(n_free)) for n_free, places in seen)


def test_the_answer_has_the_same_bits_for_any_number_of_threads(monkeypatch):
    table = drawn(3000)
    monkeypatch.setattr("logloss.data.source.PART_ROWS", 700)
    values = []
    for n_threads in (1, 3, 2):
        monkeypatch.setattr("logloss.onepass.run.available_cpus", lambda n=n_threads: n)
        values.append(logloss.fit(table, "y", shapes=SHAPES).values.tolist())
    assert values[0] == values[1] == values[2]


def test_neither_order_nor_cut_changes_more_than_rounding(monkeypatch):
    """Precisions stop within a fiftieth of a logarithm; from sums that differ by rounding they stop at the same place."""
    table = drawn(3000)
    whole = logloss.fit(table, "y", shapes=SHAPES).predict_logit(table)
    order = np.random.default_rng(1).permutation(3000)
    shuffled = logloss.fit({name: values[order] for name, values in table.items()}, "y", shapes=SHAPES)
    assert shuffled.predict_logit(table) == pytest.approx(whole, abs=1e-9)
    monkeypatch.setattr("logloss.data.source.PART_ROWS", 700)
    assert logloss.fit(table, "y", shapes=SHAPES).predict_logit(table) == pytest.approx(whole, abs=1e-9)


# --- weights ----------------------------------------------------------------------------------------------------------


def test_only_ratios_of_weights_count():
    table = drawn()
    weights = np.random.default_rng(0).uniform(0.1, 3.0, 500)
    model, scaled = (logloss.fit(table, "y", shapes=SHAPES, sample_weight=unit * weights) for unit in (1.0, 1000.0))
    assert scaled.predict_logit(table) == pytest.approx(model.predict_logit(table), abs=1e-9)
    assert scaled.out_of_sample.log_loss == pytest.approx(model.out_of_sample.log_loss, rel=1e-9)
    assert scaled.effective_degrees_of_freedom == pytest.approx(model.effective_degrees_of_freedom, rel=1e-9)
    for own, theirs in zip(scaled.terms, model.terms, strict=True):
        assert own.std_error == pytest.approx(theirs.std_error, rel=1e-8)
        assert own.precisions == pytest.approx(theirs.precisions, rel=1e-8)


def test_counts_are_repeated_rows():
    """Also as weights, where these are numbers of rows."""
    table, counts = drawn(), np.random.default_rng(0).integers(1, 4, 500)
    repeated = logloss.fit({name: np.repeat(values, counts) for name, values in table.items()}, "y", shapes=SHAPES)
    for options in ({"counts": counts}, {"sample_weight": counts, "covariance": "information"}):
        model = logloss.fit(table, "y", shapes=SHAPES, leave_one_out=False, **options)
        assert model.predict_logit(table) == pytest.approx(repeated.predict_logit(table), abs=1e-8)
        for own, theirs in zip(model.terms, repeated.terms, strict=True):
            assert own.std_error == pytest.approx(theirs.std_error, rel=1e-7)


# --- leave one out ----------------------------------------------------------------------------------------------------


def test_the_leave_one_out_loss_is_that_of_refits_at_the_same_precisions():
    table = drawn(120)
    model = logloss.fit(table, "y", shapes=SHAPES)
    columns, precisions = spelled_out(model, table)
    y = table["y"]
    losses = []
    for row in range(120):
        kept = np.arange(120) != row
        peer = peer_of(columns[kept], precisions, y[kept])
        z = peer.decision_function(columns[row : row + 1] / np.sqrt(precisions))[0]
        losses.append(np.logaddexp(0, z) - y[row] * z)
    assert model.out_of_sample.kind == "refits"
    assert model.out_of_sample.log_loss == pytest.approx(np.mean(losses), rel=1e-7)


def test_of_many_rows_one_step_is_near_to_refits():
    """Its error is of second order in leverages, the rows' shares of the coefficients."""
    table = drawn(1200)
    model = logloss.fit(table, "y", shapes=SHAPES)
    assert model.out_of_sample.kind == "steps"
    columns, precisions = spelled_out(model, table)
    y, rows = table["y"], np.random.default_rng(0).choice(1200, 40, replace=False)
    whole = model.predict_logit(table)
    p = 1 / (1 + np.exp(-whole))
    wide = np.column_stack([np.ones(1200), columns])
    inverse = np.linalg.inv((wide.T * (p * (1 - p))) @ wide + np.diag([0.0, *precisions]))
    for row in rows:
        kept = np.arange(1200) != row
        z = peer_of(columns[kept], precisions, y[kept]).decision_function(columns[[row]] / np.sqrt(precisions))[0]
        leverage = p[row] * (1 - p[row]) * wide[row] @ inverse @ wide[row]
        step = whole[row] - (y[row] - p[row]) / (p[row] * (1 - p[row])) * leverage / (1 - leverage)
        assert abs(z - step) <= 4 * leverage * abs(step - whole[row]) + 1e-7
    edf = np.trace(inverse @ ((wide.T * (p * (1 - p))) @ wide))
    assert model.effective_degrees_of_freedom == pytest.approx(edf, rel=1e-7)
    assert model.out_of_sample.log_loss - model.log_loss == pytest.approx(edf / 1200, rel=0.5)
