"""Pairs of columns: which are found, the optimum with them, its certificate, and what is known of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize

import logloss
from logloss.answers.estimate import expit
from logloss.data.rows import Roles
from logloss.errors import ConvergenceWarning, DataError
from logloss.onepass.summaries.coded_rows import spread_out
from logloss.training import pair_choice, pair_information
from logloss.training.model_predictions import ModelPredictions

FIT = {"shapes": "auto", "leave_one_out": False}


def crossed(n: int = 3000, seed: int = 0, *, noise: int = 1) -> dict[str, np.ndarray]:
    """Two columns whose product counts, a category that turns it round, and columns that count for nothing."""
    random = np.random.default_rng(seed)
    a, b = random.normal(size=n), random.uniform(-2, 2, n)
    g = random.choice(["p", "q", "r"], n)
    others = {f"c{k}": random.normal(size=n) for k in range(noise)}
    logits = 0.5 * a + 1.2 * a * b + np.where(g == "p", -0.5, 0.4)
    return {"a": a, "b": b, "g": g, **others, "y": (random.random(n) < expit(logits)).astype(int)}


def dense_of(model: ModelPredictions, table: dict[str, np.ndarray]) -> np.ndarray:
    """The rows of a table as the design of a model lays out coefficients, in the user's units."""
    from logloss.data.source import BlockPart, as_source

    design = model.design
    source = as_source(table)
    roles = Roles("y", features=design.columns, categories=tuple(term.column for term in design.categories))
    [part] = source.parts((*design.columns, "y"))
    [block] = BlockPart(part, roles).blocks()
    coded = design.coded(block.features)
    return spread_out(coded, 0, block.n_rows) * design.scale


def penalty_of(model) -> np.ndarray:
    """The precision of each coefficient."""
    design, found = model.design, np.zeros(model.design.width)
    for span, term in zip(design.spans_of_terms, model.terms, strict=True):
        sizes = next((each.parts for each in design.shapes if each.column == term.column), (span.stop - span.start,))
        found[span] = np.repeat(term.precisions, sizes)
    for span, pair in zip(design.pair_spans, model.pair_terms, strict=True):
        found[span] = pair.precision
    return found


def objective_of(rows: np.ndarray, y: np.ndarray, penalty: np.ndarray):
    """The summed loss and the penalty at some coefficients, and its gradient."""

    def both(w):
        z = rows @ w
        value = np.logaddexp(0, z).sum() - y @ z + 0.5 * penalty @ w**2
        return value, rows.T @ (expit(z) - y) + penalty * w

    return both


def least(rows: np.ndarray, y: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    """The minimum by SciPy, polished by Newton's steps with the whole Hessian."""
    both = objective_of(rows, y, penalty)
    w = scipy.optimize.minimize(both, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B").x
    for _ in range(30):
        p = expit(rows @ w)
        hessian = rows.T @ (rows * (p * (1 - p))[:, None]) + np.diag(penalty)
        w = w - np.linalg.solve(hessian, both(w)[1])
    return w


# --- what is found ---


def test_the_pair_that_counts_is_found_first():
    model = logloss.fit(crossed(noise=3), "y", pairs="auto", **FIT)
    assert model.pair_terms[0].columns == ("a", "b")
    assert model.pairs["b", "a"].effective_degrees_of_freedom > 1


def test_pairs_lower_the_loss_of_new_rows():
    train, new = crossed(seed=1), crossed(20000, seed=2)
    truth = new.pop("y")
    losses = []
    for pairs in (None, "auto"):
        p = logloss.fit(train, "y", pairs=pairs, **FIT).predict_proba(new)
        losses.append(logloss.measure(truth, p).log_loss)
    # The product takes the loss from 0.66 to 0.53: a tenth is far more than what 20,000 rows leave uncertain.
    assert losses[1] < 0.9 * losses[0]


def test_without_interactions_hardly_any_pair_stays():
    """Of 20 tables with 10 pairs each; a pair of no effect whose estimate gains half its freedom is kept by chance."""
    n_kept, excess = 0, []
    for seed in range(20):
        random = np.random.default_rng(seed)
        x = random.normal(size=(1000, 5))
        p = expit(x[:, 0] + np.sin(2 * x[:, 1]))
        y = (random.random(1000) < p).astype(int)
        plain, paired = (logloss.fit(x, y, pairs=pairs, **FIT) for pairs in (None, "auto"))
        n_kept += len(paired.pairs)
        new = random.normal(size=(4000, 5))
        truth = expit(new[:, 0] + np.sin(2 * new[:, 1]))
        own = [logloss.cross_entropy(truth, m.predict_proba(new)).mean() for m in (plain, paired)]
        excess.append(own[1] - own[0])
    assert n_kept <= 80
    # Each costs well below a thousandth: those that stay are small.
    assert np.mean(excess) < 2e-3


def test_of_many_columns_those_of_large_effects_are_looked_at(monkeypatch):
    monkeypatch.setattr(pair_choice, "MOST_COLUMNS", 2)
    random = np.random.default_rng(0)
    # First in the table are columns that count for nothing.
    table = {name: random.normal(size=3000) for name in ("c", "d", "e", "a", "b")}
    logits = table["a"] + table["b"] + table["a"] * table["b"]
    model = logloss.fit({**table, "y": (random.random(3000) < expit(logits)).astype(int)}, "y", pairs="auto", **FIT)
    assert list(model.pairs) == [("a", "b")]


@pytest.mark.parametrize("change", ["shuffled", "weighted", "reversed columns"])
def test_neither_order_nor_the_scale_of_weights_matters(change):
    table = crossed(1500)
    first = logloss.fit(table, "y", pairs="auto", **FIT)
    if change == "shuffled":
        order = np.random.default_rng(3).permutation(1500)
        second = logloss.fit({name: own[order] for name, own in table.items()}, "y", pairs="auto", **FIT)
    elif change == "weighted":
        second = logloss.fit({**table, "w": np.full(1500, 7.5)}, "y", pairs="auto", sample_weight="w", **FIT)
    else:
        second = logloss.fit({name: table[name] for name in reversed(table)}, "y", pairs="auto", **FIT)
    assert {frozenset(pair) for pair in first.pairs} == {frozenset(pair) for pair in second.pairs}
    # Sums in another order, of which four updates of precisions are made, each of a step that is not yet the optimum.
    assert second.log_loss == pytest.approx(first.log_loss, abs=1e-6)


# --- the optimum ---


@pytest.fixture(scope="module")
def fitted():
    table = crossed(1200)
    return table, logloss.fit(table, "y", pairs=[("a", "b"), ("g", "a")], **FIT)


def test_the_optimum_is_that_of_a_peer(fitted):
    table, model = fitted
    rows, penalty = dense_of(model, table), penalty_of(model)
    both = objective_of(rows, table["y"], penalty)
    own, other = both(model.values)[0], both(least(rows, table["y"], penalty))[0]
    # Sums of 1,200 losses: 1e-9 of 600 nats is more than their roundings.
    assert own == pytest.approx(other, abs=6e-7)
    assert model.log_loss == pytest.approx((own - 0.5 * penalty @ model.values**2) / 1200, abs=1e-12)


def test_the_certificate_is_above_the_true_distance_at_every_pass(fitted):
    table, _ = fitted
    passes = []
    model = logloss.fit(table, "y", pairs=[("a", "b"), ("g", "a")], on_pass=passes.append, **FIT)
    rows, penalty = dense_of(model, table), penalty_of(model)
    least_value = objective_of(rows, table["y"], penalty)(least(rows, table["y"], penalty))[0] / 1200
    assert model.certificate.is_proven
    assert model.certificate.nats_per_row <= 1e-12
    last = [each for each in passes if math.isfinite(each.bound)][-3:]
    for each in last:
        # Precisions are fixed by then; the rounding of a mean loss is 1e-15 at most.
        assert each.log_loss + each.penalty - least_value <= each.bound + 1e-14


def test_a_fit_that_is_cut_off_says_so():
    with pytest.warns(ConvergenceWarning, match="max_passes"):
        model = logloss.fit(crossed(800), "y", pairs="auto", max_passes=1, **FIT)
    assert not model.certificate.nats_per_row <= 1e-12


def test_all_directions_give_the_inverse_of_the_hessian(fitted, monkeypatch):
    """Standard errors and degrees of freedom, with every direction among those that count: single precision is left."""
    table, _ = fitted
    monkeypatch.setattr(pair_information, "LEAST_OF_FEW", 0.0)
    monkeypatch.setattr(pair_information, "FEW_DIRECTIONS", 10_000)
    model = logloss.fit(table, "y", pairs=[("a", "b")], **FIT)
    rows, penalty = dense_of(model, table), penalty_of(model)
    p = expit(rows @ model.values)
    information = rows.T @ (rows * (p * (1 - p))[:, None])
    covariance = np.linalg.inv(information + np.diag(penalty))
    span, each = model.design.pair_spans[0], model.design.tables[0]
    freedom = np.diag(covariance @ information)
    pair = model.pairs["a", "b"]
    assert pair.effective_degrees_of_freedom == pytest.approx(freedom[span].sum(), rel=1e-3)
    assert model.shapes["a"].effective_degrees_of_freedom == pytest.approx(
        freedom[model.design.spans_of_terms[0]].sum(), rel=1e-3
    )
    products = each.table(np.eye(span.stop - span.start))[:-1, :-1]
    errors = np.sqrt(np.einsum("abi,ij,abj->ab", products, covariance[span, span], products))
    np.testing.assert_allclose(pair.std_error, errors, rtol=1e-3)


def test_directions_that_do_not_count_change_freedom_little(fitted, monkeypatch):
    """Of 20 degrees of freedom: information of less than a third of the penalty leaves a direction less than 1/4."""
    table, model = fitted
    monkeypatch.setattr(pair_information, "LEAST_OF_FEW", 0.3)
    few = logloss.fit(table, "y", pairs=[("a", "b"), ("g", "a")], **FIT)
    assert few.effective_degrees_of_freedom == pytest.approx(model.effective_degrees_of_freedom, rel=0.1)


def test_leave_one_out_is_near_to_refits():
    """Of 20 rows, at the precisions of all: steps of Newton's method leave out what is of second order in a row."""
    table = crossed(400, seed=5)
    model = logloss.fit(table, "y", shapes="auto", pairs=[("a", "b")])
    rows, penalty, y = dense_of(model, table), penalty_of(model), table["y"]
    increase = []
    for i in range(0, 400, 20):
        kept = np.arange(400) != i
        z = rows[i] @ least(rows[kept], y[kept], penalty)
        before = rows[i] @ model.values
        increase.append((np.logaddexp(0, z) - y[i] * z) - (np.logaddexp(0, before) - y[i] * before))
    spread = np.std(increase) / math.sqrt(len(increase))
    assert model.out_of_sample.kind == "steps"
    assert abs(model.out_of_sample.log_loss - model.log_loss - np.mean(increase)) < 3 * spread


def test_pairs_that_were_chosen_have_no_leave_one_out_loss():
    model = logloss.fit(crossed(500), "y", shapes="auto", pairs="auto")
    assert model.out_of_sample is None
    assert "chosen on the same rows" in "\n".join(model.notes)
    assert "chosen on the same rows" in repr(model)


# --- predictions ---


def test_contributions_add_up_to_the_log_odds(fitted):
    table, model = fitted
    parts = model.contributions(table)
    logits = model.predict_logit(table)
    assert "a × b" in parts[0]
    np.testing.assert_allclose([sum(part.values()) for part in parts], logits, atol=1e-12)


def test_what_training_did_not_see_has_no_effect_of_a_pair(fitted):
    _, model = fitted
    with pytest.warns(UserWarning, match="did not see"):
        [parts] = model.contributions({"a": [0.3], "b": [0.1], "g": ["new"], "c0": [0.0]})
    assert parts["g × a"] == 0.0


def test_a_missing_value_has_an_effect_of_its_own_in_a_pair():
    table = crossed(2000, seed=7)
    lost = np.random.default_rng(8).random(2000) < 0.2
    table["y"] = np.where(lost, (table["b"] > 0).astype(int), table["y"])
    table["a"] = np.where(lost, np.nan, table["a"])
    model = logloss.fit(table, "y", pairs=[("a", "b")], missing="indicator", **FIT)
    pair = model.pairs["a", "b"]
    assert pair.at_first[-1] is None
    assert pair.effect[-1, -1] - pair.effect[-1, 0] > 1


def test_each_side_has_0_on_average(fitted):
    """Functions are centred over the rows: a table whose margins were not 0 would take from the terms."""
    _, model = fitted
    pair = model.pairs["a", "b"]
    mass = pair.weights.sum(axis=1)
    np.testing.assert_allclose(mass @ pair.effect / mass.sum(), 0.0, atol=1e-9)


def test_rare_levels_share_a_place():
    random = np.random.default_rng(0)
    n = 4000
    city = np.minimum(random.geometric(0.02, n), 90).astype(str)
    x = random.normal(size=n)
    y = (random.random(n) < expit(x * (city < "3"))).astype(int)
    model = logloss.fit({"city": city, "x": x, "y": y}, "y", pairs=[("city", "x")], **FIT)
    assert len(model.pairs["city", "x"].at_first) == 49
    assert model.pairs["city", "x"].at_first[-1] == "other levels"


def test_a_monotone_column_stays_monotone_beside_pairs():
    table = crossed(2000, noise=2)
    with_it = logloss.fit(table, "y", pairs="auto", monotonic_cst={"c0": 1}, **FIT)
    assert (np.diff(with_it.shapes["c0"].effect) >= 0).all()
    assert not [pair for pair in with_it.pairs if "c0" in pair]
    assert with_it.certificate.nats_per_row <= 1e-12
    rows = {name: np.repeat(own[:1], 50) for name, own in table.items() if name != "y"}
    rows["c0"] = np.linspace(-3, 3, 50)
    assert (np.diff(with_it.predict_logit(rows)) >= -1e-12).all()


def test_files_of_parquet_and_dask_give_the_same(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    table = crossed(1000)
    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table(table), path, row_group_size=300)
    memory, file = (logloss.fit(each, "y", pairs="auto", **FIT) for each in (table, path))
    assert memory.pairs.keys() == file.pairs.keys()
    assert file.log_loss == pytest.approx(memory.log_loss, abs=1e-6)


# --- what is refused ---


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pairs": "auto"}, 'pass shapes="auto"'),
        ({"shapes": "auto", "pairs": "all"}, '"auto" or a list of pairs'),
        ({"shapes": "auto", "pairs": []}, '"auto" or a list of pairs'),
        ({"shapes": "auto", "pairs": [("a", "a")]}, '"auto" or a list of pairs'),
        ({"shapes": "auto", "pairs": [("a", "b", "g")]}, '"auto" or a list of pairs'),
        ({"shapes": "auto", "pairs": [("a", "b"), ("b", "a")]}, "each pair once"),
        ({"shapes": "auto", "pairs": [("a", "z")]}, '"z"'),
        ({"shapes": "auto", "pairs": "auto", "pooled": ["g"]}, "leave `pooled` out"),
        ({"shapes": "auto", "pairs": [("a", "b")], "monotonic_cst": {"a": 1}}, "monotone"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(DataError, match=message):
        logloss.fit(crossed(300), "y", **options)


def test_a_constant_column_has_no_pair():
    table = {**crossed(500), "k": np.ones(500)}
    model = logloss.fit(table, "y", pairs="auto", **FIT)
    assert not [pair for pair in model.pairs if "k" in pair]
    with pytest.raises(DataError, match="constant"):
        logloss.fit(table, "y", pairs=[("a", "k")], **FIT)


def test_one_column_has_no_pairs():
    table = crossed(500)
    model = logloss.fit(table, "y", features=["a"], pairs="auto", **FIT)
    assert len(model.pairs) == 0
    assert model.certificate.is_proven
