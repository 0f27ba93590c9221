"""Limits of the probability of a row: the delta method of a model, the Venn–Abers pair of a calibration."""

from __future__ import annotations

import json
import math
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

import logloss
from logloss import DataError, cli
from logloss.calibration.venn_abers import VennAbers
from logloss.files import document
from logloss.inference.score_table import score_table_of

RANDOM = np.random.default_rng(5)
N = 600
X = RANDOM.normal(size=(N, 3)) * [1.0, 20.0, 0.1] + [0.0, 2000.0, 5.0]
C = RANDOM.choice(["a", "b", "c"], N)
Z = X[:, 0] + (X[:, 1] - 2000) / 30 + 0.6 * (C == "b")
Y = (RANDOM.random(N) < expit(Z)).astype(int)
FRAME = pd.DataFrame({"u": X[:, 0], "v": X[:, 1], "c": C, "y": Y})
G = RANDOM.integers(0, 40, N)


def fit(**options):
    return logloss.fit(FRAME, "y", features=["u", "v", "c"], **options)


def design():
    return np.column_stack([np.ones(N), X[:, 0], X[:, 1], C == "b", C == "c"]).astype(float)


@pytest.mark.parametrize("kind", ["nonrobust", "HC0", "HC1"])
@pytest.mark.parametrize("level", [0.95, 0.8])
def test_the_limits_are_those_of_statsmodels(kind, level):
    sm = pytest.importorskip("statsmodels.api")
    model = fit() if kind == "nonrobust" else fit(covariance=kind)
    options = {} if kind == "nonrobust" else {"cov_type": kind}
    # A logistic regression as it is, and its predictions with the interval of the linear predictor transformed.
    found = sm.GLM(Y, design(), family=sm.families.Binomial()).fit(tol=1e-12, **options)
    expected = found.get_prediction(design()).conf_int(alpha=1 - level)
    if kind == "HC1":
        # n / (n − k), which GLM leaves out; and t where they take the normal distribution.
        limits = logit(expected)
        half = (limits[:, 1] - limits[:, 0]) / 2 * math.sqrt(N / (N - 5))
        middle = limits.mean(axis=1)
        expected = expit(np.stack([middle - half, middle + half], axis=1))
    tolerance = 1e-6 if kind == "nonrobust" else 2e-3
    assert model.predict_interval(FRAME, level=level) == pytest.approx(expected, abs=tolerance)


def test_clusters_give_their_covariance():
    model = logloss.fit(FRAME.assign(g=G), "y", features=["u", "v", "c"], cluster="g")
    order = [0, 1, 2, 3, 4]
    variance = np.einsum("ij,jk,ik->i", design(), model.covariance[np.ix_(order, order)], design())
    low, high = model.predict_interval(FRAME).T
    half = (logit(high) - logit(low)) / 2
    ratio = half / np.sqrt(variance)
    # One quantile of t for all rows: above the normal one, and of no fewer than ten clusters.
    assert np.ptp(ratio) < 1e-5
    assert 1.96 < ratio[0] < 2.23
    p = model.predict_proba(FRAME)
    assert ((low < p) & (p < high)).all()


def test_rows_may_come_in_any_form():
    numbers = logloss.fit(X, Y)
    limits = numbers.predict_interval(X)
    assert limits.shape == (N, 2)
    assert np.array_equal(numbers.predict_interval(sparse.csr_array(X)), limits)
    assert np.array_equal(numbers.predict_interval(X[:7]), limits[:7])
    model = fit()
    shuffled = FRAME[["c", "y", "v", "u"]]
    assert np.array_equal(model.predict_interval(shuffled), model.predict_interval(FRAME))


def test_an_offset_moves_the_limits_in_log_odds():
    offset = np.random.default_rng(7).normal(size=N)
    model = logloss.fit(X[:, 0], Y, offset=offset)
    low, high = model.predict_interval(X[:, 0], offset=offset).T
    middle = (logit(low) + logit(high)) / 2
    assert middle == pytest.approx(model.predict_logit(X[:, 0], offset=offset), abs=1e-9)
    with pytest.raises(DataError, match="`offset` has 2 rows and `X` has 600"):
        model.predict_interval(X[:, 0], offset=[0.0, 1.0])


def test_a_new_level_and_a_missing_value():
    model = fit()
    rows = pd.DataFrame({"u": [0.0, np.nan], "v": [2000.0, 2000.0], "c": ["z", "a"]})
    with pytest.warns(UserWarning, match="levels that training did not see"):
        limits = model.predict_interval(rows, missing="drop")
    assert np.isnan(limits[1]).all()
    with pytest.warns(UserWarning, match="levels that training did not see"):
        p = model.predict_proba(rows[:1])[0]
    assert 0 < limits[0, 0] < limits[0, 1] < 1
    assert limits[0, 0] < p < limits[0, 1]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"l2": 1.0}, "under a penalty coefficients are biased toward 0"),
        ({"l1": 1.0}, "under a penalty coefficients are biased toward 0"),
        ({"shapes": "auto"}, "keeps the errors of each term"),
    ],
)
def test_a_model_without_a_covariance_says_why(options, why):
    with pytest.raises(DataError, match=f"no interval of a prediction: .*{why}"):
        fit(**options).predict_interval(FRAME)


def test_wide_and_separated_models_say_why():
    wide = logloss.fit(
        sparse.csr_array(np.random.default_rng(3).poisson(0.2, (200, 50)).astype(float)), Y[:200], l2=1.0
    )
    with pytest.raises(DataError, match="no interval of a prediction"):
        wide.predict_interval(sparse.csr_array((2, 50)))
    with pytest.warns(logloss.SeparationWarning):
        separated = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 0, 1, 1])
    with pytest.raises(DataError, match="the classes are separated"):
        separated.predict_interval([1.0])
    firth = logloss.fit([0.0, 1.0, 2.0, 3.0], [0, 0, 1, 1], penalty="firth")
    assert firth.predict_interval([1.5]) == pytest.approx(np.array([[0.0, 1.0]]), abs=0.5)
    with pytest.raises(DataError, match=r"`level` must lie between 0 and 1, such as 0\.95; got 95"):
        fit().predict_interval(FRAME, level=95)


def test_the_limits_cover_the_probability():
    """Of 400 samples the limits cover at each of five rows in 91.8 to 97.7%: the binomial quantiles of 1 in 1,000."""
    at, beta = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]), np.array([-0.5, 1.0])
    covered, random = np.zeros(5), np.random.default_rng(6)
    for _ in range(400):
        x = random.normal(size=300)
        y = (random.random(300) < expit(beta[0] + beta[1] * x)).astype(int)
        low, high = logloss.fit(x, y, leave_one_out=False).predict_interval(at).T
        true = expit(beta[0] + beta[1] * at)
        covered += (low <= true) & (true <= high)
    assert (covered / 400 >= 0.918).all()
    assert (covered / 400 <= 0.977).all()


# The Venn–Abers pair.

P = np.round(RANDOM.random(400), 2)
L = (RANDOM.random(400) < P**1.3).astype(int)


def two_fits(y, p, at, weight=None, unit=1.0):
    """The pair by its definition: isotonic regression with the new row at either label."""
    weight = np.ones(len(p)) if weight is None else weight
    pair = []
    for label in (0, 1):
        fitted = IsotonicRegression().fit(np.append(p, at), np.append(y, label), np.append(weight, unit))
        pair.append(fitted.predict([at])[0])
    return pair


AT = np.array([0.0, 0.003, 0.01, 0.25, 0.251, 0.5, 0.777, 0.99, 0.998, 1.0])


# With seed 9 the only row at a score of 1 has a share of ½.
@pytest.mark.parametrize("seed", [9, 1])
@pytest.mark.parametrize("kind", ["plain", "weights", "soft", "equal weights", "logit"])
def test_the_pair_is_that_of_two_isotonic_fits(kind, seed):
    random = np.random.default_rng(seed)
    y = np.where(random.random(400) < 0.2, 0.5, L) if kind == "soft" else L
    weight = {"weights": random.lognormal(0, 0.5, 400), "equal weights": np.full(400, 7.0)}.get(kind)
    forecast = {"y_logit": logit(np.clip(P, 0.005, 0.995))} if kind == "logit" else {"y_proba": P}
    p = np.clip(P, 0.005, 0.995) if kind == "logit" else P
    c = logloss.calibrate(y, **forecast, sample_weight=weight)
    # Of unequal weights a new row weighs as one of the effective ones.
    unit = 1.0 if weight is None else float((weight**2).sum() / weight.sum())
    expected = np.array([two_fits(y, p, at, weight, unit) for at in AT])
    assert c.interval(AT) == pytest.approx(expected, abs=1e-12)
    assert c.interval_logit(logit(AT)) == pytest.approx(expected, abs=1e-12)
    assert c.venn_abers(AT) == pytest.approx(expected[:, 1] / (1 - expected[:, 0] + expected[:, 1]), abs=1e-12)


def test_many_scores_are_runs_of_neighbours(monkeypatch):
    random = np.random.default_rng(8)
    p = random.random(3000)
    y = (random.random(3000) < p).astype(int)
    exact = VennAbers.of(score_table_of(logloss.measure(y, p).summary.scores))
    monkeypatch.setattr("logloss.calibration.venn_abers.MOST_SCORES", 1000)
    merged = VennAbers.of(score_table_of(logloss.measure(y, p).summary.scores))
    z = logit(np.linspace(0.1, 0.9, 200))
    for one, other in zip(exact.at(z), merged.at(z), strict=True):
        # Runs of three rows and more: of a pool of a hundred the mean label moves by few of them, of one of ten by more.
        assert np.abs(one - other).mean() < 0.01


def test_binned_scores_have_a_pair(monkeypatch):
    monkeypatch.setattr("logloss.onepass.summaries.scores.MOST_DISTINCT", 50)
    c = logloss.calibrate(L, P)
    assert not c.is_exact
    inside = AT[(AT > 0.02) & (AT < 0.98)]
    assert c.interval(inside) == pytest.approx(np.array([two_fits(L, P, at) for at in inside]), abs=0.03)


def test_one_class_one_row_and_nan():
    c = logloss.calibrate([1] * 10, [0.5] * 10)
    # Ten rows of 1 and one of 0: 10 of 11; below the score it is alone.
    assert c.interval(0.5) == pytest.approx(np.array([10 / 11, 1.0]))
    assert c.interval(0.4) == pytest.approx(np.array([0.0, 1.0]))
    found = c.interval([0.5, np.nan])
    assert found.shape == (2, 2)
    assert np.isnan(found[1]).all()
    assert c.interval(0.5).shape == (2,)
    with pytest.raises(DataError, match="`y_proba` must lie in"):
        c.interval([1.2])


def test_corrections_are_part_of_it():
    m = logloss.measure(L, np.clip(P, 0.01, 0.99), negatives_kept=0.5)
    c = logloss.calibrate(m)
    corrected = expit(logit(np.clip(P, 0.01, 0.99)) + math.log(0.5))
    assert c.interval(0.4) == pytest.approx(
        np.array(two_fits(L, corrected, expit(logit(0.4) + math.log(0.5)))), abs=1e-9
    )


def test_the_file_keeps_it_and_an_older_one_says_so(tmp_path):
    c = logloss.calibrate(L, P)
    c.save(tmp_path / "c.json")
    assert np.array_equal(logloss.load(tmp_path / "c.json").interval(AT), c.interval(AT))
    fields = json.loads((tmp_path / "c.json").read_text())
    del fields["venn_abers_pair"]
    content = {name: value for name, value in fields.items() if name not in document.HEAD}
    (tmp_path / "old.json").write_bytes(document.document_bytes("calibration", content))
    old = logloss.load(tmp_path / "old.json")
    assert old.apply(0.3) == c.apply(0.3)
    with pytest.raises(DataError, match="kept no Venn–Abers pair"):
        old.interval(0.3)


def test_the_member_of_the_label_is_calibrated():
    """Vovk, Petej and Fedorova (2015), theorem 1: E(label) is the mean of the member that belongs to the label."""
    gaps, random = [], np.random.default_rng(9)
    for _ in range(150):
        p = np.round(random.random(60), 1)
        y = (random.random(60) < p**2).astype(int)
        pair = VennAbers.of(score_table_of(logloss.measure(y, p).summary.scores))
        new = np.round(random.random(400), 1)
        label = (random.random(400) < new**2).astype(int)
        with np.errstate(divide="ignore"):
            p0, p1 = pair.at(logit(new))
        gaps.append(np.mean(label - np.where(label == 1, p1, p0)))
    assert abs(np.mean(gaps)) < 4 * np.std(gaps) / math.sqrt(len(gaps))


# The shell.


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command in this process: (exit code, stderr)."""

    def command(*words):
        monkeypatch.setattr(sys, "argv", ["logloss", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code, capsys.readouterr().err

    return command


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("interval")
    FRAME.to_csv(path / "rows.csv", index=False)
    fit().save(path / "model.json")
    fit(l2=1.0).save(path / "ridge.json")
    logloss.calibrate(fit().measure(FRAME, "y")).save(path / "calibration.json")
    return path


def test_the_shell_writes_the_limits(run, folder):
    out = folder / "out.csv"
    rows = ("predict", folder / "model.json", folder / "rows.csv", "-o", out)
    assert run(*rows, "--keep", "u", "--interval", "0.8")[0] == 0
    frame = pd.read_csv(out)
    assert list(frame.columns) == ["u", "y_proba", "y_proba_low", "y_proba_high"]
    assert frame[["y_proba_low", "y_proba_high"]].to_numpy() == pytest.approx(fit().predict_interval(FRAME, level=0.8))
    assert run(*rows[:-2], "--interval", *rows[-2:])[0] == 0
    assert pd.read_csv(out)["y_proba_low"].to_numpy() == pytest.approx(fit().predict_interval(FRAME)[:, 0])


def test_the_shell_writes_the_pair_of_a_calibration(run, folder):
    out = folder / "pair.parquet"
    calibration = folder / "calibration.json"
    rows = ("predict", folder / "ridge.json", folder / "rows.csv", "-o", out)
    assert run(*rows, "--calibration", calibration, "--interval")[0] == 0
    p0, p1 = logloss.load(calibration).interval_logit(fit(l2=1.0).predict_logit(FRAME)).T
    frame = pd.read_parquet(out)
    assert frame["y_proba_low"].to_numpy() == pytest.approx(p0)
    assert frame["y_proba_high"].to_numpy() == pytest.approx(p1)


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("--interval", "95"), 2, "a confidence level such as 0.9; got '95'"),
        (("--calibration", "calibration.json", "--interval", "0.9"), 2, "has no level with --calibration"),
        (("--keep", "y_proba_low", "--interval"), 3, 'the predictions are called "y_proba_low"'),
    ],
)
def test_the_shell_refuses_in_words(run, folder, words, code, why):
    words = [folder / word if word.endswith(".json") else word for word in words]
    found, said = run("predict", folder / "model.json", folder / "rows.csv", "-o", folder / "no.csv", *words)
    assert found == code
    assert why in said


def test_the_shell_says_why_a_model_has_none(run, folder):
    code, said = run("predict", folder / "ridge.json", folder / "rows.csv", "-o", folder / "no.csv", "--interval")
    assert code == 3
    assert "under a penalty coefficients are biased toward 0" in said
    assert not (folder / "no.csv").exists()
