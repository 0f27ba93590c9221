"""The levels of a category under one norm: the fit is the optimum, whole categories are 0, no bound is too small."""

from __future__ import annotations

import mpmath
import numpy as np
import pandas as pd
import pytest
import reference
import scipy.special
from test_cli import run  # noqa: F401

import logloss
from logloss.onepass.kernels.group_descent import descend_groups, group_norm
from logloss.onepass.summaries.hessian import Hessian
from logloss.training.group_lasso import GroupQuadratic, Groups, gain_of_groups, least_of_groups

# Of derivatives that are sums of a few hundred products of numbers around 1.
ROUNDING = 1e-10
NEVER = 1e-300


def table(n_rows=500, seed=0):
    """Two numbers and three categories, of which a number and a category matter."""
    random = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "city": random.choice(list("pqrstuv"), n_rows),
            "size": random.choice(list("xyz"), n_rows),
            "shop": random.choice([f"m{k}" for k in range(12)], n_rows),
            "age": random.standard_normal(n_rows),
            "noise": random.standard_normal(n_rows),
        }
    )
    effects = dict(zip("pqrstuv", (1.0, -0.5, 0.3, -1.0, 0.1, 0.0, 0.4), strict=True))
    logits = rows["city"].map(effects) + 0.8 * rows["age"] - 0.3
    rows["y"] = (random.random(n_rows) < scipy.special.expit(logits)).astype(int)
    return rows


ROWS = table()
RANDOM = np.random.default_rng(1)
WEIGHT, OFFSET = RANDOM.random(500) * 3, RANDOM.standard_normal(500)
OPTIONS = {
    "plain": {},
    "elastic net": {"l2": 2.0},
    "weights": {"sample_weight": WEIGHT},
    "counts": {"counts": RANDOM.integers(0, 3, 500)},
    "offset": {"offset": OFFSET},
    "no intercept": {"fit_intercept": False},
    "factors": {"penalty_factors": {"city": 2.0, "noise": 0.0, "shop": 0.5}},
    "a category of factor 0": {"penalty_factors": {"city": 0.0, "noise": 0.0}, "l2": 2.0},
    "categories of factor 0": {"penalty_factors": {"city": 0.0, "size": 0.0}},
}


def spread(rows):
    """(The matrix of numbers and of all levels, the names of its columns, the columns of each group by its name)."""
    parts, names, groups = [], [], {}
    for column in ("city", "size", "shop", "age", "noise"):
        levels = sorted(set(rows[column])) if column in ("city", "size", "shop") else [None]
        groups[column] = np.arange(len(names), len(names) + len(levels))
        parts += [rows[column] if level is None else rows[column] == level for level in levels]
        names += [column if level is None else f"{column}: {level}" for level in levels]
    return np.column_stack([np.asarray(part, float) for part in parts]), names, groups


def assert_optimal(rows, model, l1, options):
    """The conditions of Karush, Kuhn and Tucker, which hold at the minimum and nowhere else."""
    matrix, names, groups = spread(rows)
    # A category without a penalty has a reference, whose coefficient is 0.
    w = np.array([model.coefficients.get(name, 0.0) for name in names])
    mass = options.get("sample_weight", 1.0) * np.asarray(options.get("counts", 1.0))
    residuals = mass * (scipy.special.expit(model.intercept + matrix @ w + options.get("offset", 0.0)) - rows["y"])
    factors = options.get("penalty_factors", {})
    size = 500 * ROUNDING
    if options.get("fit_intercept", True):
        assert abs(residuals.sum()) <= size
    for name, places in groups.items():
        factor = factors.get(name, 1.0)
        slope = residuals @ matrix[:, places] + options.get("l2", 0.0) * factor * w[places]
        weight, norm = l1 * factor * np.sqrt(len(places)), np.linalg.norm(w[places])
        if norm:
            assert np.linalg.norm(slope + weight * w[places] / norm) <= size
            assert np.count_nonzero(w[places]) == len(places) - (factor == 0 and len(places) > 1)
        else:
            assert np.linalg.norm(slope) <= weight + size


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("l1", [0.5, 4.0, 20.0])
def test_the_fit_is_the_optimum(l1, options):
    model = logloss.fit(ROWS, "y", l1=l1, group_levels=True, **options)
    assert_optimal(ROWS, model, l1, options)
    assert model.certificate.nats_per_row <= 1e-12
    assert model.out_of_sample is None


def test_a_category_without_a_penalty_has_a_reference(tmp_path):
    """Its levels would not be determined beside the intercept."""
    options = {"l1": 4.0, "group_levels": True, "reference": {"city": "r"}}
    model = logloss.fit(ROWS, "y", penalty_factors={"city": 0}, **options)
    assert [name for name in model.coefficients if name.startswith("city")] == [f"city: {own}" for own in "pqstuv"]
    assert "city: r" not in model.coefficients
    assert "size: x" in model.coefficients
    model.save(tmp_path / "model.json")
    assert logloss.load(tmp_path / "model.json") == model
    with pytest.raises(logloss.DataError, match='`reference` names a level of "city"'):
        logloss.fit(ROWS, "y", **options)


def test_levels_add_up_to_0_and_categories_are_in_or_out():
    model = logloss.fit(ROWS, "y", l1=7.0, group_levels=True)
    by_column = {name: [model.coefficients[own] for own in all_own] for name, all_own in model.design.variables.items()}
    assert len(by_column["city"]) == 7
    assert by_column["shop"] == [0.0] * 12
    assert by_column["size"] == [0.0] * 3
    assert sum(by_column["city"]) == pytest.approx(0.0, abs=1e-12)
    assert any("kept together" in note for note in model.notes)


def test_neither_names_nor_order_of_levels_matter():
    """Of a fit with a reference they would."""
    own = logloss.fit(ROWS, "y", l1=4.0, group_levels=True)
    renamed = ROWS.assign(city=ROWS["city"].map(dict(zip("pqrstuv", "vutsrqp", strict=True))))
    other = logloss.fit(renamed, "y", l1=4.0, group_levels=True)
    for level, new in zip("pqrstuv", "vutsrqp", strict=True):
        assert own.coefficients[f"city: {level}"] == pytest.approx(other.coefficients[f"city: {new}"], abs=1e-12)


def test_the_objective_is_that_of_proximal_gradients():
    """FISTA with restarts, written here."""
    l1 = 4.0
    matrix, names, groups = spread(ROWS)
    labels = ROWS["y"].to_numpy()
    rows = np.column_stack([np.ones(len(matrix)), matrix])

    def objective(v):
        z = rows @ v
        norms = sum(np.sqrt(len(places)) * np.linalg.norm(v[1 + places]) for places in groups.values())
        return np.sum(np.logaddexp(0, z) - labels * z) + l1 * norms

    step = 4.0 / np.linalg.norm(rows, 2) ** 2
    now = ahead = np.zeros(rows.shape[1])
    t = 1.0
    for _ in range(4000):
        then = ahead - step * (rows.T @ (scipy.special.expit(rows @ ahead) - labels))
        for places in groups.values():
            norm = np.linalg.norm(then[1 + places])
            then[1 + places] *= max(1 - step * l1 * np.sqrt(len(places)) / norm, 0.0) if norm else 0.0
        t = 1.0 if objective(then) > objective(now) else t
        t_then = (1 + np.sqrt(1 + 4 * t * t)) / 2
        ahead, now, t = then + (t - 1) / t_then * (then - now), then, t_then
    model = logloss.fit(ROWS, "y", l1=l1, group_levels=True)
    own = objective(np.array([model.intercept, *(model.coefficients[name] for name in names)]))
    # The gradients end within a few roundings of 300 nats.
    assert own == pytest.approx(objective(now), rel=1e-13)
    assert own <= objective(now) * (1 + 1e-15)


@pytest.mark.parametrize("options", [{}, {"l2": 0.5}, {"fit_intercept": False}])
@pytest.mark.filterwarnings("ignore::logloss.ConvergenceWarning")
def test_no_bound_is_below_the_distance(options):
    """Of every pass; objectives in 40 digits."""
    rows = table(60, seed=3)
    matrix, names, groups = spread(rows)
    l1, l2 = 1.0, options.get("l2", 0.0)

    def objective(model):
        with mpmath.workdps(40):
            w = [mpmath.mpf(model.coefficients[name]) for name in names]
            total = mpmath.mpf(l2) / 2 * sum(each**2 for each in w)
            for places in groups.values():
                total += l1 * mpmath.sqrt(len(places)) * mpmath.sqrt(sum(w[k] ** 2 for k in places))
            for row, label in zip(matrix.tolist(), rows["y"].tolist(), strict=True):
                z = model.intercept + sum(mpmath.mpf(x) * each for x, each in zip(row, w, strict=True))
                total += mpmath.log(1 + mpmath.exp(z)) - label * z
            return total

    fits = [
        logloss.fit(rows, "y", l1=l1, group_levels=True, tolerance=NEVER, max_passes=n, **options) for n in range(1, 8)
    ]
    least = min(map(objective, fits))
    for model in fits:
        assert model.certificate.is_proven
        assert float((objective(model) - least) / 60) <= model.certificate.nats_per_row
    assert fits[-1].certificate.nats_per_row < 1e-12


def test_from_the_stated_l1_on_all_are_0():
    model = logloss.fit(ROWS, "y", l1=1e4, group_levels=True)
    assert not any(model.coefficients.values())
    least = float(next(note for note in model.notes if "at least" in note).rpartition(" ")[2].replace(",", ""))
    assert not any(logloss.fit(ROWS, "y", l1=least * 1.001, group_levels=True).coefficients.values())
    assert any(logloss.fit(ROWS, "y", l1=least * 0.99, group_levels=True).coefficients.values())


def test_a_model_is_saved_shown_and_predicts(tmp_path):
    model = logloss.fit(ROWS, "y", l1=2.0, group_levels=True)
    model.save(tmp_path / "model.json")
    again = logloss.load(tmp_path / "model.json")
    assert again.coefficients == model.coefficients
    matrix, names, _ = spread(ROWS)
    expected = model.intercept + matrix @ [model.coefficients[name] for name in names]
    assert again.predict_logit(ROWS) == pytest.approx(expected, abs=1e-12)
    assert "(reference)" not in repr(model)
    assert model.to_html()
    assert logloss.drawing(model, "coefficients").table("coefficients")


def test_numbers_alone_are_as_without():
    numbers = ["age", "noise"]
    own = logloss.fit(ROWS, "y", features=numbers, l1=4.0, group_levels=True)
    assert own.coefficients == pytest.approx(logloss.fit(ROWS, "y", features=numbers, l1=4.0).coefficients, abs=1e-12)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"l1": 0.0}, "`group_levels` is for an L1 penalty"),
        ({"reference": {"city": "p"}}, r'`reference` names a level of "city".* no level is one'),
        ({"l1": 0.0, "l1_path": 5}, "`group_levels` is not available where `l1` is chosen from several values"),
        ({"group_levels": 1}, "`group_levels` must be True or False; got 1"),
    ],
)
def test_what_does_not_go_together_is_refused(options, words):
    with pytest.raises(logloss.DataError, match=words):
        logloss.fit(ROWS, "y", **{"l1": 1.0, "group_levels": True} | options)


def test_the_norm_of_a_group_is_that_of_the_twin():
    random = np.random.default_rng(4)
    for n in (1, 2, 9):
        for scale in (1e-3, 1.0, 1e3):
            diagonal, pull = random.random(n) * 10.0 ** random.integers(-4, 4, n), random.standard_normal(n) * scale
            own = group_norm(diagonal, pull, 0.7)
            assert own == pytest.approx(reference.group_norm(diagonal.tolist(), pull.tolist(), 0.7), rel=1e-13)
    assert group_norm(np.ones(2), np.array([0.6, 0.8]), 1.0) == 0.0


def quadratic_of(seed=5):
    """Of 3 numbers, a category of 4 levels and one of 2, whose blocks are diagonal."""
    random = np.random.default_rng(seed)
    rows = np.column_stack(
        [random.standard_normal((40, 3)), np.eye(4)[random.integers(0, 4, 40)], np.eye(2)[random.integers(0, 2, 40)]]
    )
    gram = rows.T @ rows + 0.1 * np.eye(9)
    gram[3:7, 3:7], gram[7:, 7:] = np.diag(np.diag(gram)[3:7]), np.diag(np.diag(gram)[7:])
    groups = Groups(np.array([0, 1, 2, 3, 7, 9]), np.array([0.0, 3.0, 3.0, 6.0, 4.0]))
    return GroupQuadratic(Hessian.of(gram), 12 * random.standard_normal(9), groups, random.standard_normal(9))


def test_descent_is_that_of_the_twin():
    quadratic = quadratic_of()
    gram, groups = quadratic.hessian.full, quadratic.groups
    for least, sweeps in ((0.0, 1), (0.0, 3), (1e-6, 500)):
        at, slope = quadratic.at.copy(), quadratic.gradient.copy()
        n = descend_groups(gram, slope, groups.weights, groups.starts, at, least, sweeps)
        twin = reference.descend_groups(
            gram, quadratic.gradient, groups.weights, groups.starts.tolist(), quadratic.at, least, sweeps
        )
        assert n == twin[0]
        assert slope == pytest.approx(twin[1], rel=1e-9, abs=1e-11)
        assert at == pytest.approx(twin[2], rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_a_step_is_least_and_gains_what_is_expected(seed):
    quadratic = quadratic_of(seed)
    groups = quadratic.groups

    def value(at):
        step = at - quadratic.at
        return quadratic.gradient @ step + step @ quadratic.hessian.full @ step / 2 + groups.penalty(at)

    after = least_of_groups(quadratic)
    slope = quadratic.slope(after)
    assert slope + groups.pull(after, slope) == pytest.approx(0.0, abs=1e-11)
    assert gain_of_groups(quadratic, after) == pytest.approx(value(quadratic.at) - value(after), rel=1e-10)


def test_the_command_line_has_it(run, tmp_path):  # noqa: F811
    ROWS.to_csv(tmp_path / "rows.csv", index=False)
    code, out, _ = run("fit", tmp_path / "rows.csv", "-y", "y", "--l1", "7", "--group-levels")
    assert code == 0
    assert "kept together" in out
    code, _, err = run("fit", tmp_path / "rows.csv", "-y", "y", "--group-levels")
    assert code == 3
    assert "--group-levels" in err
