"""Monotone shapes: their fit is the optimum under the constraints, its bound holds, and no step goes the wrong way."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from test_cli import run  # noqa: F401

import logloss
from logloss import DataError
from logloss.data.shapes import shape_of
from logloss.files import document
from logloss.training import additive_fit
from logloss.training.evaluation import PassHistory
from logloss.training.monotone import Steps, complementary
from logloss.training.optimum import find_optimum

SIGN = {"increasing": 1, "decreasing": -1}
CST = {"x": 1, "z": -1}
# The log-odds of a row are sums whose order depends on the rows beside it.
SAME = 1e-12


def drawn(n_rows=400, seed=3):
    """Rows of which x rises only in the middle and z not at all, so that many constraints hold a step at 0."""
    rng = np.random.default_rng(seed)
    x, z, u = rng.uniform(-3, 3, n_rows), rng.normal(size=n_rows), rng.uniform(0, 1, n_rows)
    city = rng.choice(list("abcd"), n_rows)
    logits = 1.5 * np.tanh(4 * x) + 0.2 * np.sin(3 * x) + np.sin(6 * u) + (city == "a") - 0.3
    y = (rng.random(n_rows) < scipy.special.expit(logits)).astype(int)
    return {"x": x, "z": z, "u": u, "city": city, "y": y}


@pytest.fixture(scope="module")
def table():
    return drawn()


@pytest.fixture(scope="module")
def model(table):
    return logloss.fit(table, "y", shapes="auto", monotonic_cst=CST)


def steps_of(term):
    """From knot to knot, those of a decreasing term with their sign changed."""
    is_there = [place is not None for place in term.at]
    return SIGN[term.constraint] * np.diff(term.effect[is_there])


# --- what it is -------------------------------------------------------------------------------------------------------


def test_no_step_goes_the_wrong_way_at_the_knots_and_between_them(table, model):
    assert [term.constraint for term in model.terms] == ["increasing", "decreasing", "", ""]
    for name, sign in CST.items():
        steps = steps_of(model.shapes[name])
        # Those that a constraint holds are exactly 0, which rounding would not leave.
        assert (steps >= 0).all()
        assert (steps == 0).any()
        fine = {key: np.repeat(own[:1], 5001) for key, own in table.items() if key != "y"}
        fine[name] = np.linspace(table[name].min() - 1, table[name].max() + 1, 5001)
        # Between two knots a value is a mean of theirs, rounded.
        assert (sign * np.diff(model.predict_logit(fine)) >= -1e-14).all()
    without = logloss.fit(table, "y", shapes="auto")
    assert np.diff(without.shapes["x"].effect).min() < -1e-3
    assert model.log_loss > without.log_loss


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["smooth", "linear"]), st.sampled_from([1, -1]), st.booleans())
def test_random_tables_are_monotone_and_certified(seed, kind, sign, has_gaps):
    rng = np.random.default_rng(seed)
    n_rows = int(rng.integers(20, 200))
    values = [rng.normal(size=n_rows), rng.integers(0, 5, n_rows).astype(float), rng.exponential(size=n_rows) ** 3]
    x = values[rng.integers(0, 3)]
    y = (rng.random(n_rows) < scipy.special.expit(rng.normal() * x / x.std() + rng.normal())).astype(int)
    y[:2] = 0, 1
    x[2 : 2 + 5 * has_gaps] = np.nan
    model = logloss.fit(
        {"x": x, "v": rng.normal(size=n_rows), "y": y},
        "y",
        shapes={"x": kind},
        monotonic_cst={"x": sign},
        missing="indicator",
        leave_one_out=False,
    )
    assert (steps_of(model.shapes["x"]) >= 0).all()
    assert model.certificate.nats_per_row < 1e-12
    assert 0 <= model.shapes["x"].effective_degrees_of_freedom <= len(model.shapes["x"].at)


# --- the optimum ------------------------------------------------------------------------------------------------------


def spelled_out(model, table):
    """(Columns of all coefficients, a root of the penalty, which are steps): of a shape its steps from knot to knot.

    The squares of a root do not cancel, as the entries of a penalty of 1e7 on what bends would among equal steps. A
    monotone curve is its value at the first knot and steps of at least 0, whatever its coefficients are.
    """
    columns, penalties, is_step = [np.ones((len(table["y"]), 1))], [np.zeros((1, 1))], [False]
    for term in model.terms:
        if term.kind in ("pooled levels", "levels"):
            # Levels without a penalty have a reference.
            levels = term.at if term.kind == "pooled levels" else term.at[1:]
            columns.append(np.array([[level == own for level in levels] for own in table[term.column]], float))
            penalties.append(np.sqrt(term.precisions[0]) * np.eye(len(levels)))
            is_step += [False] * len(levels)
            continue
        lacks = term.at[-1] is None
        knots = np.array(term.at[: len(term.at) - lacks])
        shape = shape_of(term.column, term.kind, knots, term.weights, lacks=lacks)
        steps = np.diff(shape.basis[: len(knots)], axis=0)
        if term.kind == "linear":
            steps = steps.sum(axis=0, keepdims=True)
        turn = np.linalg.pinv(steps) * SIGN.get(term.constraint, 1)
        is_step += [bool(term.constraint)] * turn.shape[1]
        if lacks:
            turn = np.column_stack([turn, np.eye(len(turn))[-1]])
            is_step.append(False)
        values = np.array(table[term.column], float)
        places = np.where(np.isnan(values), 0.0, values)
        own = np.column_stack([np.interp(places, knots, each) for each in shape.basis[: len(knots)].T])
        if lacks:
            own[np.isnan(values)] = shape.basis[-1]
        columns.append(own @ turn)
        penalties.append(np.sqrt(np.repeat(term.precisions, shape.parts))[:, None] * turn)
    return np.hstack(columns), scipy.linalg.block_diag(*penalties), np.array(is_step)


def peer_minimum(columns, root, is_step, y, weights=None):
    """The least objective under bounds, by SciPy: L-BFGS-B, then Newton's method among the steps that it leaves free."""
    weights = np.ones(len(y)) if weights is None else weights

    def objective(at):
        logits = columns @ at
        held = root @ at
        loss = weights @ (np.logaddexp(0, logits) - y * logits) + 0.5 * held @ held
        return loss, columns.T @ (weights * (scipy.special.expit(logits) - y)) + root.T @ held

    bounds = [(0, None) if own else (None, None) for own in is_step]
    at, free = np.zeros(columns.shape[1]), ~is_step
    for _ in range(60):
        options = {"maxiter": 20000, "maxfun": 200000, "ftol": 0.0, "gtol": 1e-11, "maxcor": 50}
        at = scipy.optimize.minimize(objective, at, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
        free = ~is_step | (at > 1e-9)
        p = scipy.special.expit(columns @ at)
        hessian = (columns.T * (weights * p * (1 - p))) @ columns + root.T @ root
        step = np.zeros(len(at))
        step[free] = np.linalg.solve(hessian[np.ix_(free, free)], objective(at)[1][free])
        moved = np.where(is_step, np.maximum(at - step, 0.0), at - step)
        if not objective(moved)[0] < objective(at)[0] - 1e-13:
            break
        at = moved
    return min(objective(at)[0], objective(moved)[0])


def objective_of(model, table, penalty_of):
    """The penalised loss that the model has reached, summed."""
    logits = model.predict_logit({name: own for name, own in table.items() if name != "y"})
    return float(np.sum(np.logaddexp(0, logits) - table["y"] * logits)) + penalty_of


@pytest.mark.parametrize("shapes", ["auto", {"x": "linear", "z": "linear"}])
@pytest.mark.parametrize("signs", [(1, -1), (-1, 1)])
@pytest.mark.parametrize("has_gaps", [False, True])
def test_it_is_the_optimum_of_a_solver_with_bounds(table, shapes, signs, has_gaps):
    if has_gaps:
        table = table | {"x": np.where(np.arange(len(table["y"])) % 7 == 0, np.nan, table["x"])}
    found = logloss.fit(
        table, "y", shapes=shapes, monotonic_cst=dict(zip("xz", signs, strict=True)), missing="indicator"
    )
    least = peer_minimum(*spelled_out(found, table), table["y"])
    last = found.passes[-1]
    reached = (last.log_loss + last.penalty) * found.n_rows
    # The peer ends within some 1e-10 nats of 200; ours is certified to 1e-12 of each row.
    assert reached == pytest.approx(least, abs=1e-8)
    assert found.certificate.nats_per_row < 1e-12
    # What is predicted is what the passes have reached.
    assert objective_of(found, table, last.penalty * found.n_rows) == pytest.approx(reached, abs=1e-9)


@pytest.mark.parametrize("n_rows", [60, 400])
@pytest.mark.parametrize("pooled", [None, ["city"]])
def test_the_bound_of_each_pass_is_above_the_true_gap(n_rows, pooled):
    """Also where a category has no penalty, so that there is no duality gap."""
    table = drawn(n_rows, seed=n_rows) | {"w": drawn(n_rows, seed=1)["city"]}
    model = logloss.fit(table, "y", shapes="auto", pooled=pooled, monotonic_cst={"x": -1, "z": 1, "u": 1})
    least = peer_minimum(*spelled_out(model, table), table["y"]) / n_rows
    proved = [each for each in model.passes if np.isfinite(each.bound)]
    assert len(proved) >= 3
    for each in proved:
        # Every monotone curve is above the minimum, so the peer's is, however near it comes; sums of SciPy are rounded.
        assert each.log_loss + each.penalty - least <= each.bound + 1e-14
    # The bounds are about what is left, not merely above it.
    assert proved[0].bound < 1
    assert proved[-1].bound == model.certificate.nats_per_row < 1e-14


def test_the_bound_holds_where_multipliers_meet_steps_that_are_not_0(monkeypatch):
    """Near the optimum, with steps that are not 0 where constraints hold them there: of what is left, first order in these
    steps, their product with the multipliers is nearly all."""

    def from_near_by(problem, at, history, max_passes):
        now, steps = find_optimum(problem, at, history, max_passes).evaluation, Steps.of(problem)
        free = steps.moved(now.coefficients[problem.free], np.maximum(now.steps, 1e-8))
        return find_optimum(problem, problem.full_vector(free), PassHistory.empty(problem), max_passes)

    table = drawn(300, seed=4)
    monkeypatch.setattr(additive_fit, "find_optimum", from_near_by)
    model = logloss.fit(table, "y", shapes="auto", monotonic_cst={"x": -1, "z": 1, "u": 1}, leave_one_out=False)
    least = peer_minimum(*spelled_out(model, table), table["y"]) / model.n_rows
    gaps = [each.log_loss + each.penalty - least for each in model.passes]
    proved = [(gap, each.bound) for gap, each in zip(gaps, model.passes, strict=True) if np.isfinite(each.bound)]
    assert proved[0][0] > 1e-9
    assert proved[0][1] < 2 * proved[0][0]
    assert all(gap <= bound + 1e-14 for gap, bound in proved)


def test_a_constraint_that_holds_nothing_changes_nothing():
    rng = np.random.default_rng(0)
    x, z = rng.uniform(-2, 2, 2000), rng.normal(size=2000)
    y = (rng.random(2000) < scipy.special.expit(3 * x)).astype(int)
    plain = logloss.fit({"x": x, "z": z, "y": y}, "y", shapes={"x": "linear"})
    held = logloss.fit({"x": x, "z": z, "y": y}, "y", shapes={"x": "linear"}, monotonic_cst={"x": 1, "z": 0})
    assert held.shapes["x"].effect == pytest.approx(plain.shapes["x"].effect, abs=1e-10)
    assert held.shapes["x"].std_error == pytest.approx(plain.shapes["x"].std_error, rel=1e-9)
    assert held.effective_degrees_of_freedom == pytest.approx(plain.effective_degrees_of_freedom, rel=1e-9)
    assert held.out_of_sample.log_loss == pytest.approx(plain.out_of_sample.log_loss, abs=1e-12)
    assert held.shapes["z"].constraint == ""


def test_the_wrong_direction_is_a_constant(table):
    model = logloss.fit(table, "y", shapes={"x": "linear"}, monotonic_cst={"x": -1})
    assert (model.shapes["x"].effect == model.shapes["x"].effect[0]).all()
    assert model.shapes["x"].effective_degrees_of_freedom == pytest.approx(0.0, abs=1e-9)
    # The band is that of a line that is free to rise.
    assert model.shapes["x"].std_error[[0, -1]].min() > 0.01


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_multipliers_are_those_of_nonnegative_least_squares(seed, n):
    """|B m + y|² has the gradient 2 (BᵀB m + Bᵀy): its least over m ≥ 0 is complementary."""
    rng = np.random.default_rng(seed)
    root, right = rng.normal(size=(n + 5, n)), rng.normal(size=n + 5)
    expected, _ = scipy.optimize.nnls(root, -right)
    matrix, offset = root.T @ root, root.T @ right
    for guess in (np.zeros(n, bool), np.ones(n, bool), rng.random(n) < 0.5):
        multipliers, steps = complementary(matrix, offset, guess)
        assert multipliers == pytest.approx(expected, abs=1e-8 * max(1.0, expected.max()))
        assert (multipliers * steps == 0).all()
        assert (steps >= 0).all()


# --- what must not matter ---------------------------------------------------------------------------------------------


def test_scaled_weights_and_shuffled_rows_change_nothing(table, model):
    weights = np.random.default_rng(1).uniform(0.5, 2.0, len(table["y"]))
    one = logloss.fit(table, "y", shapes="auto", monotonic_cst=CST, sample_weight=weights)
    other = logloss.fit(table, "y", shapes="auto", monotonic_cst=CST, sample_weight=1000 * weights)
    assert other.shapes["x"].effect == pytest.approx(one.shapes["x"].effect, abs=1e-9)
    assert other.shapes["x"].std_error == pytest.approx(one.shapes["x"].std_error, rel=1e-9)
    order = np.random.default_rng(2).permutation(len(table["y"]))
    shuffled = logloss.fit({name: own[order] for name, own in table.items()}, "y", shapes="auto", monotonic_cst=CST)
    assert shuffled.shapes["x"].effect == pytest.approx(model.shapes["x"].effect, abs=1e-9)
    assert (steps_of(shuffled.shapes["x"]) == 0).tolist() == (steps_of(model.shapes["x"]) == 0).tolist()


def test_a_falling_curve_is_a_rising_one_of_the_negative_column(table, model):
    turned = logloss.fit(table | {"x": -table["x"]}, "y", shapes="auto", monotonic_cst={"x": -1, "z": -1})
    assert turned.log_loss == pytest.approx(model.log_loss, abs=1e-6)
    assert (np.diff(turned.shapes["x"].effect) <= 0).all()


def test_columns_of_an_array_go_by_position(table):
    matrix = np.column_stack([table["x"], table["z"]])
    named = logloss.fit({"x": table["x"], "z": table["z"], "y": table["y"]}, "y", shapes="auto", monotonic_cst=CST)
    logits = named.predict_logit({"x": table["x"], "z": table["z"]})
    for cst in ([1, -1], np.array([1, -1]), {"x0": 1, "x1": -1}):
        model = logloss.fit(matrix, table["y"], shapes="auto", monotonic_cst=cst)
        assert model.predict_logit(matrix) == pytest.approx(logits, abs=SAME)
    alone = logloss.fit(table["x"], table["y"], shapes="auto", monotonic_cst=[1])
    assert (np.diff(alone.terms[0].effect) >= 0).all()


def test_a_missing_value_is_free(table):
    """It has the largest effect of all beside a curve that must not fall."""
    x, y = table["x"].copy(), table["y"].copy()
    x[:60], y[:60] = np.nan, 1
    model = logloss.fit({"x": x, "y": y}, "y", shapes="auto", monotonic_cst=[1], missing="indicator")
    term = model.shapes["x"]
    assert term.at[-1] is None
    assert term.effect[-1] > term.effect[:-1].max()
    assert (steps_of(term) >= 0).all()


def test_leaving_a_row_out_is_near_to_the_fit_without_it():
    """Curves stay flat where they are; refits may bend them there, too, which is of second order."""
    table = drawn(60, seed=8)
    x, y = table["x"], table["y"]
    model = logloss.fit({"x": x, "y": y}, "y", shapes="auto", monotonic_cst=[1])
    shape = model.design.shapes[0]
    columns, root, is_step = spelled_out(model, {"x": x, "y": y})
    penalty = root.T @ root
    turn = np.where(is_step)[0]
    assert len(turn) == len(shape.knots) - 1
    losses = []
    for i in range(len(y)):
        others = np.arange(len(y)) != i
        at = np.zeros(columns.shape[1])

        def objective(at, others=others):
            logits = columns[others] @ at
            loss = np.sum(np.logaddexp(0, logits) - y[others] * logits) + 0.5 * at @ penalty @ at
            return loss, columns[others].T @ (scipy.special.expit(logits) - y[others]) + penalty @ at

        bounds = [(0, None) if own else (None, None) for own in is_step]
        found = scipy.optimize.minimize(objective, at, jac=True, method="L-BFGS-B", bounds=bounds)
        logit = columns[i] @ found.x
        losses.append(np.logaddexp(0, logit) - y[i] * logit)
    increase = np.mean(losses) - model.log_loss
    # Of six tables of 200 rows the largest difference was 2% of the increase.
    assert model.out_of_sample.log_loss - model.log_loss == pytest.approx(increase, rel=0.1)


# --- where it is used -------------------------------------------------------------------------------------------------


def test_text_json_and_file_say_it(model, table, tmp_path):
    assert "smooth, increasing" in repr(model)
    assert "smooth, decreasing" in repr(model.shapes["z"])
    assert [term["constraint"] for term in model.to_dict()["terms"]] == ["increasing", "decreasing", "", ""]
    model.save(tmp_path / "m.json")
    again = logloss.load(tmp_path / "m.json")
    rows = {name: own for name, own in table.items() if name != "y"}
    assert again.predict_logit(rows).tolist() == model.predict_logit(rows).tolist()
    assert [term.constraint for term in again.terms] == [term.constraint for term in model.terms]
    assert repr(again) == repr(model)


def saved(fields, path):
    """A file of these fields with the right checksum."""
    own = {name: value for name, value in fields.items() if name not in document.HEAD}
    path.write_bytes(document.document_bytes("additive", own))
    return path


def test_files_without_constraints_are_read_and_false_ones_refused(table, model, tmp_path):
    plain = logloss.fit(table, "y", shapes="auto")
    plain.save(tmp_path / "m.json")
    fields = json.loads((tmp_path / "m.json").read_text())
    for term in [*fields["terms"], *fields["design"]["terms"]]:
        term.pop("constraint", None)
    old = logloss.load(saved(fields, tmp_path / "old.json"))
    assert repr(old) == repr(plain)
    model.save(tmp_path / "m.json")
    fields = json.loads((tmp_path / "m.json").read_text())
    fields["terms"][0]["constraint"] = "decreasing"
    with pytest.raises(DataError, match="constraint"):
        logloss.load(saved(fields, tmp_path / "false.json"))


def test_the_shell_takes_constraints(table, run, tmp_path):  # noqa: F811
    pd.DataFrame(table).to_csv(tmp_path / "a.csv", index=False)
    words = "fit", tmp_path / "a.csv", "-y", "y", "--shapes", "auto", "--monotonic-cst"
    code, out, _ = run(*words, "x=1, z=-1", "--json")
    assert code == 0
    assert [term["constraint"] for term in json.loads(out)["terms"]] == ["increasing", "decreasing", "", ""]
    code, _, said = run(*words, "x=up")
    assert code == 2
    assert "--monotonic-cst must read like age=1,income=-1" in said


def test_the_estimator_takes_them_by_name_and_by_position(table):
    frame = pd.DataFrame({name: table[name] for name in ("x", "z", "city")})
    for X, cst in ((frame, CST), (frame[["x", "z"]], [1, -1]), (frame[["x", "z"]].to_numpy(), [1, -1])):
        classifier = logloss.AdditiveClassifier(monotonic_cst=cst).fit(X, table["y"])
        assert (steps_of(classifier.model_.terms[0]) >= 0).all()
        assert (steps_of(classifier.model_.terms[1]) >= 0).all()
    pipeline = classifier.model_.to_sklearn()
    assert pipeline.predict_proba(X)[:, 1] == pytest.approx(classifier.predict_proba(X)[:, 1], abs=SAME)


def test_an_engine_gives_the_same(table, model, tmp_path):
    pytest.importorskip("distributed")
    from distributed import Client, LocalCluster

    frame = pd.DataFrame(table)
    for k in range(3):
        frame[k::3].to_parquet(tmp_path / f"{k}.parquet")
    with LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster, Client(cluster) as client:
        own = logloss.fit(str(tmp_path / "*.parquet"), "y", shapes="auto", monotonic_cst=CST, engine=client)
    assert own.log_loss == pytest.approx(model.log_loss, abs=1e-9)
    assert own.shapes["x"].effect == pytest.approx(model.shapes["x"].effect, abs=1e-6)
    assert (steps_of(own.shapes["x"]) >= 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"monotonic_cst": {"x": 1}, "shapes": None}, 'pass shapes="auto"'),
        ({"monotonic_cst": {"x": 1}, "shapes": None, "pooled": "city"}, 'pass shapes="auto"'),
        ({"monotonic_cst": {"age": 1}}, '`monotonic_cst` must name features; "age" is none'),
        ({"monotonic_cst": {"city": 1}}, '"city" is a category'),
        ({"monotonic_cst": {"x": 1}, "shapes": {"x": "cyclic"}}, "cannot be monotone"),
        ({"monotonic_cst": {"x": 2}}, r"1 \(increasing\), -1 \(decreasing\) or 0"),
        ({"monotonic_cst": {"x": "increasing"}}, r"1 \(increasing\), -1 \(decreasing\) or 0"),
        ({"monotonic_cst": [1, -1]}, "one value for each of the 4 columns"),
        ({"monotonic_cst": 1}, "must be a dict of names"),
    ],
)
def test_what_makes_no_sense_is_refused(table, options, message):
    with pytest.raises(DataError, match=message):
        logloss.fit(table, "y", **({"shapes": "auto"} | options))


def test_an_unknown_name_of_no_constraint_is_refused_too(table):
    with pytest.raises(DataError, match="is none"):
        logloss.fit(table, "y", shapes="auto", monotonic_cst={"age": 0})


def test_passes_that_are_too_few_leave_a_monotone_curve(table):
    with pytest.warns(logloss.ConvergenceWarning):
        model = logloss.fit(table, "y", shapes="auto", monotonic_cst=CST, max_passes=1, tolerance=1e-30)
    assert (steps_of(model.shapes["x"]) >= 0).all()
