"""Firth's penalty, FLIC and FLAC: against R's brglm2 and logistf, mpmath and repeated rows; what they refuse and say."""

from __future__ import annotations

import json

import mpmath
import numpy as np
import pandas as pd
import pytest
from separated_tables import KNOWN, TABLES, arguments, known
from test_cli import run  # noqa: F401

import logloss
from logloss.files.fitted_file import fitted_of_fields

RANDOM = np.random.default_rng(20)


def rare(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows with two columns, one of them rarely 1, and a rare label."""
    random = np.random.default_rng(seed)
    x = np.column_stack([random.normal(size=n), random.random(n) < 0.2]).astype(float)
    y = (random.random(n) < 1 / (1 + np.exp(1.5 - x[:, 0]))).astype(np.uint8)
    return x, y


def column(model: logloss.LogisticModel, name: str) -> dict[str, float]:
    return {row["name"]: row[name] for row in model.coefficient_table}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("figure", ["coefficient", "std_error"])
def test_firth_is_that_of_brglm2(name, figure):
    model = logloss.fit(**arguments(name), penalty="firth", interval="wald")
    # The R package stops once scores are below 1e-14; sex2's last digits are those it prints.
    assert column(model, figure) == pytest.approx(known(name, "firth", figure), rel=1e-9)


@pytest.mark.parametrize("name", TABLES)
def test_the_penalised_likelihood_is_that_of_logistf(name):
    model = logloss.fit(**arguments(name), penalty="firth", interval="wald")
    expected = KNOWN[name]["firth"]["penalised_log_likelihood"]
    assert model.penalised_log_likelihood == pytest.approx(expected, rel=1e-12)


def test_flic_is_that_of_logistf():
    model = logloss.fit(**arguments("sex2"), penalty="flic")
    # logistf's flic() starts from a fit that ends at 1e-5 of the score.
    assert column(model, "coefficient") == pytest.approx(known("sex2", "flic", "coefficient"), rel=1e-6)


@pytest.mark.parametrize("name", ["endometrial", "sex2"])
@pytest.mark.parametrize("figure", ["coefficient", "std_error"])
def test_flac_is_that_of_logistf(name, figure):
    model = logloss.fit(**arguments(name), penalty="flac", interval="wald")
    assert column(model, figure) == pytest.approx(known(name, "flac", figure), rel=1e-8)


@pytest.mark.parametrize("penalty", ["flic", "flac"])
def test_the_mean_prediction_is_the_base_rate(penalty):
    x, y = rare()
    model = logloss.fit(x, y, penalty=penalty)
    assert model.predict_proba(x).mean() == pytest.approx(y.mean(), rel=1e-13)
    assert model.mean_predicted == pytest.approx(y.mean(), rel=1e-13)
    plain = logloss.fit(x, y, penalty="firth")
    assert plain.mean_predicted == pytest.approx(plain.predict_proba(x).mean(), rel=1e-13)
    assert abs(plain.mean_predicted - y.mean()) > 1e-3
    assert "equal under the penalties flic and flac" in str(plain)
    assert "equal under the penalties" not in str(model)


def penalised(x, y, counts, offset):
    """Firth's penalised log-likelihood in mpmath, from its definition."""

    def value(*coefficients):
        total, information = mpmath.mpf(0), mpmath.zeros(len(coefficients))
        for row, label, times, shift in zip(x, y, counts, offset, strict=True):
            vector = mpmath.matrix([1, *map(mpmath.mpf, row)])
            z = sum(a * b for a, b in zip(vector, coefficients, strict=True)) + mpmath.mpf(shift)
            total += times * (label * z - mpmath.log(1 + mpmath.exp(z)))
            p = 1 / (1 + mpmath.exp(-z))
            information += times * p * (1 - p) * vector * vector.T
        return total + mpmath.log(mpmath.det(information)) / 2

    return value


@pytest.mark.parametrize("seed", range(3))
def test_coefficients_maximise_the_penalised_likelihood_to_their_last_digits(seed):
    random = np.random.default_rng(seed)
    n = 12
    x, y = random.normal(size=(n, 2)).round(3), random.integers(0, 2, n)
    y[:2] = 0, 1
    counts, offset = random.integers(1, 4, n), random.normal(size=n).round(3)
    model = logloss.fit(x, y, penalty="firth", counts=counts, offset=offset, interval="wald")
    own = [model.intercept, *model.coefficients.values()]
    with mpmath.workdps(40):
        value = penalised(x.tolist(), y.tolist(), counts.tolist(), offset.tolist())

        def slopes(*at):
            return [mpmath.diff(value, at, tuple(int(i == j) for i in range(3))) for j in range(3)]

        exact = mpmath.findroot(slopes, own, tol=1e-30)
        assert float(value(*own)) == pytest.approx(model.penalised_log_likelihood, rel=1e-14)
        # It is a maximum: nothing nearby is higher.
        assert all(value(*exact) > value(*(exact + mpmath.matrix(random.normal(size=3) / 10))) for _ in range(10))
    assert own == pytest.approx([float(each) for each in exact], rel=1e-12, abs=1e-13)


def test_counts_are_copies_and_weights_too():
    random = np.random.default_rng(1)
    x, y = rare()
    counts = random.integers(1, 4, len(y))
    repeated = logloss.fit(x.repeat(counts, axis=0), y.repeat(counts), penalty="flac", leave_one_out=False)
    for options in ({"counts": counts}, {"sample_weight": counts.astype(float), "covariance": "information"}):
        model = logloss.fit(x, y, penalty="flac", leave_one_out=False, **options)
        for figure in ("coefficient", "std_error", "low", "high", "p_value"):
            assert column(model, figure) == pytest.approx(column(repeated, figure), rel=1e-8), figure


def test_a_soft_label_is_two_rows():
    x, y = rare()
    soft = np.where(np.arange(len(y)) % 5 == 0, 0.25, y)
    model = logloss.fit(x, soft, penalty="firth")
    is_soft = soft == 0.25
    rows = np.concatenate([x, x[is_soft]])
    labels = np.concatenate([np.where(is_soft, 1, soft), np.zeros(is_soft.sum())])
    weights = np.concatenate([np.where(is_soft, 0.25, 1.0), np.full(is_soft.sum(), 0.75)])
    twice = logloss.fit(rows, labels, sample_weight=weights, covariance="information", penalty="firth")
    # The leverage of a copy is what counts, whatever its weight.
    assert column(model, "coefficient") == pytest.approx(column(twice, "coefficient"), rel=1e-10)
    assert column(model, "high") == pytest.approx(column(twice, "high"), rel=1e-7)


def test_parquet_gives_the_same(tmp_path):
    random = np.random.default_rng(3)
    frame = pd.DataFrame({"x": random.normal(size=3000), "kind": random.choice(list("abc"), 3000)})
    frame["y"] = (random.random(3000) < 0.02).astype(int)
    frame.to_parquet(tmp_path / "rows.parquet", row_group_size=500)
    read = logloss.fit(str(tmp_path / "rows.parquet"), "y", penalty="firth")
    held = logloss.fit(frame, "y", penalty="firth")
    for figure in ("coefficient", "std_error", "low", "high"):
        assert column(read, figure) == pytest.approx(column(held, figure), rel=1e-9)


def test_separated_labels_have_finite_coefficients():
    x = np.linspace(-2, 2, 20)
    model = logloss.fit(x, x > 0.1, penalty="firth")
    assert np.isfinite(list(model.coefficients.values())).all()
    assert model.separation is None
    with pytest.warns(logloss.SeparationWarning, match='pass penalty="firth" or l2='):
        separated = logloss.fit(x, x > 0.1)
    assert "penalty=&quot;firth&quot; or l2= gives finite coefficients" in separated.to_html()


def test_dependent_columns_are_named_and_change_no_prediction():
    x, y = rare()
    alone = logloss.fit(x, y, penalty="firth")
    model = logloss.fit(np.column_stack([x, x.sum(axis=1)]), y, penalty="firth")
    assert model.collinear == ("x0", "x1", "x2")
    both = np.column_stack([x, x.sum(axis=1)])
    np.testing.assert_allclose(model.predict_proba(both), alone.predict_proba(x), rtol=1e-9)
    assert model.profile.interval() == pytest.approx(alone.profile.interval(), rel=1e-7)
    assert all(np.isnan(model.profile.interval(name)).all() for name in model.collinear)


def test_there_is_no_certificate_but_the_modified_score():
    x, y = rare()
    model = logloss.fit(x, y, penalty="firth")
    assert not model.certificate.is_proven
    assert model.certificate.nats_per_row == np.inf
    assert 0 <= model.modified_score < 1e-25
    line = next(line for line in str(model).splitlines() if line.startswith("optimum"))
    assert "no certificate: Firth's objective is not concave" in line
    assert f"modified score {model.modified_score:.0e} nats per row" in line
    assert "what another step is expected to gain" in model.to_html()
    assert np.isnan(model.aic)
    assert model.passes[-1].log_loss == model.log_loss
    # Each pass shows the penalised loss, which falls.
    objective = [each.log_loss + each.penalty for each in model.passes]
    assert (np.diff(objective) <= 1e-15).all()
    assert -objective[-1] * model.sum_weight == pytest.approx(model.penalised_log_likelihood)


def test_passes_are_limited():
    x, y = rare()
    with pytest.warns(logloss.ConvergenceWarning, match=r"stopped at the limit of 6 passes.*expected to gain"):
        model = logloss.fit(x, y, penalty="firth", max_passes=6)
    assert len(model.passes) <= 6
    for penalty in ("flic", "flac"):
        with pytest.warns(logloss.ConvergenceWarning, match="Raise `max_passes`"):
            assert len(logloss.fit(x, y, penalty=penalty, max_passes=25).passes) <= 25


def test_a_start_changes_passes_and_not_the_result():
    x, y = rare()
    model = logloss.fit(x, y, penalty="firth")
    again = logloss.fit(x, y, penalty="firth", start=model)
    assert len(again.passes) < len(model.passes)
    assert column(again, "coefficient") == pytest.approx(column(model, "coefficient"), rel=1e-12)
    # A start at which no row is uncertain is not begun from.
    far = logloss.fit(x * 1e3, y, l2=1e-9)
    assert column(logloss.fit(x, y, penalty="firth", start=far), "coefficient") == pytest.approx(
        column(model, "coefficient"), rel=1e-12
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"penalty": "l1"}, "`penalty` must be one of firth, flic, flac, auto, or None; got 'l1'"),
        ({"penalty": "firth", "l2": 1.0}, 'pass `l2` or `penalty`, not both; got l2=1 and penalty="firth"'),
        ({"penalty": "firth", "max_passes": 1}, "`penalty` takes two passes for each step; got max_passes=1"),
        ({"interval": "score"}, "`interval` must be one of wald, profile; got 'score'"),
        ({"interval": "profile", "l2": 1.0}, "under an L2 penalty coefficients have no intervals"),
        ({"interval": "profile", "covariance": "HC3"}, "assume a correct model and independent rows"),
        ({"interval": "profile", "cluster": np.arange(60) // 2}, "take rows as independent"),
        ({"interval": "profile", "sample_weight": np.ones(60)}, "take weights as counts of rows"),
    ],
)
def test_what_does_not_go_together_is_refused(options, message):
    x, y = rare()
    with pytest.raises(logloss.DataError, match=message):
        logloss.fit(x, y, **options)


@pytest.mark.parametrize("options", [{"sample_weight": np.full(60, 2.0)}, {"cluster": np.arange(60) // 2}])
def test_robust_errors_keep_their_own_intervals(options):
    x, y = rare()
    model = logloss.fit(x, y, penalty="firth", **options)
    assert model.profile is None
    assert model.errors.kind in ("HC3", "CV3")


def test_the_file_keeps_it_all(tmp_path):
    x, y = rare()
    path = tmp_path / "model.json"
    model = logloss.fit(x, y, penalty="flic")
    model.save(path)
    again = logloss.load(path)
    assert str(again) == str(model)
    assert again.to_dict() == model.to_dict()
    assert list(again.coefficient_table) == list(model.coefficient_table)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("penalty", "ridge"),
        ("l2", 1.0),
        ("modified_score", None),
        ("modified_score", -1.0),
        ("mean_predicted", 2.0),
        ("profile: ratios", {"x0": -1.0, "x1": 0.0}),
        ("profile: highs", {"x0": -9.0, "x1": -9.0}),
        ("profile: lows", {"x0": 0.0}),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, field, value):
    x, y = rare()
    path = tmp_path / "model.json"
    logloss.fit(x, y, penalty="firth").save(path)
    fields = json.loads(path.read_text(encoding="utf-8"))
    *outer, name = field.split(": ")
    inner = fields
    for each in outer:
        inner = inner[each]
    assert name in inner
    inner[name] = value
    with pytest.raises(logloss.DataError, match=f"in {field}"):
        fitted_of_fields(fields, "a.json")


def test_the_command_line_has_both_options(run, tmp_path):  # noqa: F811
    x, y = rare()
    path = tmp_path / "rows.csv"
    pd.DataFrame(x, columns=["a", "b"]).assign(y=y).to_csv(path, index=False)
    code, out, _ = run("fit", str(path), "-y", "y", "--penalty", "flac", "--interval", "profile")
    assert code == 0
    assert "Firth's penalty (FLAC)" in out
    assert "95% CI (profile)" in out
