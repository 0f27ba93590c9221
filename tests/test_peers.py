"""Right where others are silently wrong: the inputs on which users meet it, and what the usual solvers answer there."""

from __future__ import annotations

import math
import os
import pathlib
import tracemalloc
import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from mpmath import mp
from sklearn.linear_model import LogisticRegression
from test_fit import with_ones

import logloss

SEED = 20251124

# Heinze & Schemper (2002), doi:10.1002/sim.1047: neovasculation, pulsatility index of the uterine artery, height of the
# endometrium, high grade; as printed with Agresti (2015), Foundations of Linear and Generalized Linear Models.
ENDOMETRIAL = pathlib.Path(__file__).parent / "known_values" / "endometrial.csv"


def logistic(random, features, slopes, intercept=0.0):
    """Labels of a logistic model."""
    return (random.random(len(features)) < 1 / (1 + np.exp(-features @ slopes - intercept))).astype(int)


def quietly(model, features, labels):
    """A fit of scikit-learn that must not warn: what is wrong with it, it does not say."""
    with warnings.catch_warnings(action="error"):
        return model.fit(features, labels)


# --- where a tolerance on the mean gradient is no tolerance on the answer ------------------------------------------------


def test_ones_in_a_few_rows():
    """scikit-learn#24752: 20 rows in 200,000, 18 of them ones; a small mean gradient passes at a coefficient of 0."""
    random = np.random.default_rng(0)
    features = np.zeros((200_000, 3))
    features[:, 0], features[:, 1] = random.normal(size=200_000), random.normal(size=200_000)
    features[:20, 2] = 1
    labels = logistic(random, features[:, :1], [1.0], -1.0)
    labels[:20] = [1] * 18 + [0] * 2
    ours = logloss.fit(features, labels)
    assert ours.coefficients["x2"] == pytest.approx(3.667, abs=0.05)
    assert ours.certificate.is_proven
    theirs = quietly(LogisticRegression(C=np.inf), features, labels)
    assert abs(theirs.coef_[0, 2]) < 0.1


def test_a_column_in_small_units():
    random = np.random.default_rng(SEED)
    features = random.normal(size=(2_000, 2))
    labels = logistic(random, features, [2.0, 1.0])
    plain = logloss.fit(features, labels)
    ours = logloss.fit(features * [1e-4, 1], labels)
    assert ours.coefficients["x0"] * 1e-4 == pytest.approx(plain.coefficients["x0"], rel=1e-12)
    theirs = quietly(LogisticRegression(C=np.inf), features * [1e-4, 1], labels)
    assert abs(theirs.coef_[0, 0] * 1e-4) < 0.1


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_column_far_from_zero(dtype):
    """The usual solver says 0.626 in double precision and the null model in single, and warns of nothing."""
    random = np.random.default_rng(SEED)
    features = random.normal(size=(20_000, 1))
    labels = logistic(random, features, [1.5])
    shifted = (features + 1e4).astype(dtype)
    ours = logloss.fit(shifted, labels)
    # float32 leaves 1e4 a spacing of 2^-10: the columns themselves differ by 5e-4.
    assert ours.log_loss == pytest.approx(
        logloss.fit(features, labels).log_loss, abs=1e-10 if dtype is np.float64 else 1e-5
    )
    assert ours.log_loss == logloss.fit(shifted.astype(np.float64), labels).log_loss
    theirs = quietly(LogisticRegression(C=np.inf), shifted, labels)
    assert logloss.log_loss(labels, theirs.predict_proba(shifted)) > ours.log_loss + 0.03


def test_without_end_of_a_penalty_the_base_rate_is_predicted():
    random = np.random.default_rng(SEED)
    features = random.normal(size=(1_000, 2))
    labels = logistic(random, features, [1.0, 1.0], -3.0)
    model = logloss.fit(features, labels, l2=1e300)
    # The intercept is one Newton limit away from the log-odds, and the coefficients are some 1e-298.
    assert model.predict_proba(features) == pytest.approx(np.full(1_000, labels.mean()), rel=1e-14)


def test_numbers_of_any_size():
    """scikit-learn PR#25462: ±1e24 divided by zero."""
    values, labels = np.array([-1e24, 1e24, -1e24, 1e24, 1e24]), [0, 1, 1, 0, 1]
    model = logloss.fit(values, labels)
    # Of the two at −1e24 one is a one, of the three at 1e24 two are.
    assert model.predict_proba(values) == pytest.approx([1 / 2, 2 / 3, 1 / 2, 2 / 3, 2 / 3], rel=1e-14)


# --- tables as they come -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["read-only", "float32", "Fortran order"])
def test_a_matrix_is_read_where_it_stands(kind):
    """No copy of X, whatever its layout: the peak of what NumPy allocates stays far below its size."""
    random = np.random.default_rng(SEED)
    features = random.normal(size=(300_000, 40))
    labels = logistic(random, features, np.linspace(-0.5, 0.5, 40))
    plain = logloss.fit(features, labels, l2=1.0)
    if kind == "float32":
        features = features.astype(np.float32)
    elif kind == "Fortran order":
        features = np.asfortranarray(features)
    features.flags.writeable = False
    tracemalloc.start()
    try:
        model = logloss.fit(features, labels, l2=1.0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A tenth of the rows are drawn for the warm start, and held once more while they are put in order.
    assert peak < 0.6 * features.nbytes
    assert list(model.coefficients.values()) == pytest.approx(
        list(plain.coefficients.values()), abs=1e-6 if kind == "float32" else 1e-11
    )


def test_rows_without_weight_are_no_rows():
    """Whatever they hold: they would separate, and one of them is far away."""
    features, labels = np.array([0.0, 1.0, 2.0, 3.0, 1e30]), [0, 1, 0, 1, 0]
    model = logloss.fit(features, labels, sample_weight=[1, 1, 1, 1, 0])
    plain = logloss.fit(features[:4], labels[:4])
    assert model.coefficients == plain.coefficients
    assert model.n_rows == 4


def test_one_class_is_refused_in_words():
    with pytest.raises(logloss.DataError, match="both classes must occur to fit; all 2 rows are 1"):
        logloss.fit([0.0, 1.0, 2.0], [1, 1, 0], sample_weight=[1, 1, 0])


# --- separation --------------------------------------------------------------------------------------------------------


def test_endometrial_cancer_is_separated_in_part():
    """NV is infinite: R's glm says 18.2 ± 1716 and statsmodels converges. The others have finite coefficients."""
    rows = np.loadtxt(ENDOMETRIAL, delimiter=",", skiprows=1)
    features, labels = rows[:, :3], rows[:, 3].astype(int)
    assert len(rows) == 79
    with pytest.warns(logloss.SeparationWarning, match='"x0" can predict 13 rows'):
        model = logloss.fit(features, labels)
    assert model.separation.columns == ("x0",)
    assert not model.separation.is_complete
    assert model.coefficients["x0"] == math.inf
    # What R's detectseparation and glm print for the finite ones: 4.305, −0.042, −2.903.
    finite = [model.intercept, model.coefficients["x1"], model.coefficients["x2"]]
    assert finite == pytest.approx([4.305, -0.042, -2.903], abs=6e-4)
    rest = logloss.fit(features[rows[:, 0] == 0][:, 1:], labels[rows[:, 0] == 0])
    assert finite == pytest.approx([rest.intercept, *rest.coefficients.values()], rel=1e-12)
    with warnings.catch_warnings(action="ignore"):
        theirs = sm.Logit(labels, with_ones(features)).fit(method="bfgs", disp=0, maxiter=500)
    assert theirs.mle_retvals["converged"]
    assert 8 < theirs.params[1] < 100


def test_mushrooms_are_separated():
    """Poisonous ones can be told apart without fault; the file is not ours to carry: LOGLOSS_DATA names its folder."""
    path = pathlib.Path(os.environ.get("LOGLOSS_DATA", "")) / "agaricus_separable.svm"
    if not path.is_file():
        pytest.skip("LOGLOSS_DATA names no folder with agaricus_separable.svm")
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    features = np.zeros((len(lines), 127))
    for row, line in enumerate(lines):
        features[row, [int(pair.partition(":")[0]) for pair in line[1:]]] = 1
    labels = [int(line[0]) for line in lines]
    with pytest.warns(logloss.SeparationWarning, match="can predict all rows without error"):
        model = logloss.fit(features, labels)
    assert model.separation.is_complete
    assert model.log_loss == 0.0


# --- what statisticians have published -----------------------------------------------------------------------------------


def spector():
    data = sm.datasets.spector.load_pandas()
    return data.exog.to_numpy(float), data.endog.to_numpy(), np.ones(len(data.endog), int)


def fair():
    data = sm.datasets.fair.load_pandas().data
    return data.drop(columns="affairs").to_numpy(float), (data["affairs"] > 0).to_numpy(), np.ones(len(data), int)


def star98():
    data = sm.datasets.star98.load_pandas()
    counts = data.endog.sum(axis=1).to_numpy().astype(int)
    return data.exog.to_numpy(float), data.endog.iloc[:, 0].to_numpy() / counts, counts


def at_fifty_digits(start, design, labels, counts):
    """(Coefficients, standard errors) one Newton step from a start that is right to some 13 digits: then to some 26."""
    with mp.workdps(50):
        rows = np.array([[mp.mpf(float(value)) for value in row] for row in design], object)
        point = np.array([mp.mpf(float(value)) for value in start], object)
        proba = np.array([1 / (1 + mp.exp(-z)) for z in rows @ point], object)
        mass = np.array([mp.mpf(int(count)) for count in counts], object)
        shares = np.array([mp.mpf(float(label)) for label in labels], object)
        slope = rows.T @ (mass * (proba - shares))
        hessian = rows.T @ (rows * (mass * proba * (1 - proba))[:, None])
        inverse = mp.matrix(hessian.tolist()) ** -1
        step = inverse * mp.matrix(slope.tolist())
        best = [float(b - d) for b, d in zip(point, step, strict=True)]
        return best, [float(mp.sqrt(inverse[j, j])) for j in range(len(best))]


@pytest.mark.slow
@pytest.mark.parametrize("data", [spector, fair, star98])
def test_coefficients_to_eleven_digits_and_standard_errors_to_twelve(data):
    """Against Newton's method at 50 digits; printed tables have four to six."""
    features, labels, counts = data()
    model = logloss.fit(features, labels, counts=counts)
    ours = [model.intercept, *model.coefficients.values()]
    best, errors = at_fifty_digits(ours, with_ones(features), labels, counts)
    assert ours == pytest.approx(best, rel=1e-11)
    # star98 has products of its columns: its information matrix, scaled to ones, has a condition of a million, of which
    # the inverse would lose as many digits if it were not corrected (9.9 digits without).
    found = [model.errors.intercept, *model.errors.coefficients.values()]
    assert found == pytest.approx(errors, rel=1e-12)


def test_of_columns_that_depend_on_each_other_only_those_that_separate_are_named():
    """A level with ones only, beside a column for every level: all of them could share its infinity, and need not."""
    random = np.random.default_rng(SEED)
    level = random.integers(0, 5, 400)
    x = random.normal(size=400)
    labels = logistic(random, x[:, None], [1.0])
    labels[level == 3] = 1
    with pytest.warns(logloss.SeparationWarning, match=r'"x4" can predict \d+ rows'):
        model = logloss.fit(np.column_stack([x, np.eye(5)[level]]), labels)
    assert model.separation.columns == ("x4",)
    assert model.separation.n_divided == np.count_nonzero(level == 3)


# --- nearly separated: KDD'99 in small -----------------------------------------------------------------------------------


def nearly_separated(n_rows):
    """Tails of thousands of spreads, rare flags, and a few rows of the wrong label far away."""
    random = np.random.default_rng(SEED)
    near, far = random.normal(0, 1, (n_rows, 4)), np.exp(random.normal(0, 4, (n_rows, 3)))
    flags = (random.random((n_rows, 5)) < 0.001) * 1.0
    margin = near @ [3, -2, 1, 0.5] + 6 * flags[:, 0] + far[:, 0] / 30
    labels = (margin + 0.02 * random.logistic(size=n_rows) > 0).astype(int)
    wrong = random.choice(n_rows, 12, replace=False)
    labels[wrong] = 1 - labels[wrong]
    return np.column_stack([near, far, flags]), labels


@pytest.mark.slow
@pytest.mark.parametrize("l2", [0.0, 1e-6, 1.0])
def test_steps_that_overshoot_cost_tens_of_passes_not_hundreds(l2):
    """Newton's full step makes the loss ten times as large; the answer is certified all the same."""
    features, labels = nearly_separated(60_000)
    model = logloss.fit(features, labels, l2=l2)
    assert model.certificate.is_proven
    assert model.certificate.nats_per_row < 1e-12
    assert len(model.passes) < 60
    losses = [each.log_loss for each in model.passes]
    # The point of the test: without a step that fails it would show nothing.
    assert max(losses) > 2 * model.log_loss
    design, at = with_ones(features), np.array([model.intercept, *model.coefficients.values()])
    proba = 1 / (1 + np.exp(-design @ at))
    slope = design.T @ (proba - labels) + l2 * np.append(0, at[1:])
    hessian = (design.T * (proba * (1 - proba))) @ design + np.diag(np.append(0, np.full(12, l2)))
    # Newton's decrement in plain float64: sums of 60,000 rows are right to some 1e-12 of theirs.
    assert 0.5 * slope @ np.linalg.lstsq(hessian, slope, rcond=None)[0] < 1e-12 * len(labels)
