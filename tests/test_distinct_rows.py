"""Tables in memory of few distinct rows: the fit begins with these."""

import numpy as np
import pandas as pd
import pytest

import logloss

SEED = 77
N_ROWS = 60_000


def repeated(*, is_soft=False):
    """Rows of few values, with labels, weights, counts and an offset of few values."""
    rng = np.random.default_rng(SEED)
    table = pd.DataFrame(
        {
            "level": rng.choice(list("abcde"), N_ROWS, p=[0.5, 0.3, 0.1, 0.0995, 0.0005]),
            "other": rng.choice(["u", "v", None], N_ROWS),
            "x": rng.integers(0, 6, N_ROWS).astype(float),
            "far": np.where(rng.random(N_ROWS) < 1e-4, 1e6, rng.integers(0, 2, N_ROWS)),
            "w": rng.integers(1, 4, N_ROWS) / 2,
            "n": rng.integers(1, 3, N_ROWS),
            "z": rng.integers(0, 3, N_ROWS) / 4,
        }
    )
    table.loc[rng.random(N_ROWS) < 0.1, "x"] = np.nan
    odds = table.x.fillna(1.0) / 2 - 2 + (table.level == "b") + table.z
    table["y"] = (rng.random(N_ROWS) < 1 / (1 + np.exp(-odds))).astype(float)
    if is_soft:
        table.loc[rng.random(N_ROWS) < 0.1, "y"] = 0.25
    return table


FEATURES = ["level", "other", "x"]
OPTIONS = {
    "plain": {},
    "penalty": {"l2": 1.0},
    "outliers": {"features": [*FEATURES, "far"], "l2": 1.0},
    "soft": {"is_soft": True},
    "weights": {"sample_weight": "w"},
    "counts": {"counts": "n"},
    "all": {"is_soft": True, "sample_weight": "w", "counts": "n", "offset": "z"},
    "no intercept": {"fit_intercept": False},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_table_of_few_distinct_rows_has_the_fit_of_the_grouped_table(name):
    """Grouped by pandas, which has too few rows to be begun otherwise than at 0; two passes over all rows at most."""
    options = dict(OPTIONS[name])
    table = repeated(is_soft=options.pop("is_soft", False))
    options = {"features": FEATURES, "missing": "indicator", "leave_one_out": False} | options
    model = logloss.fit(table, "y", **options)
    mass = np.ones(N_ROWS)
    for role in ("sample_weight", "counts"):
        mass = mass * (table[options[role]].to_numpy() if role in options else 1.0)
    columns = [*options["features"], "y", *([options["offset"]] if "offset" in options else [])]
    grouped = table.assign(mass=mass).groupby(columns, dropna=False)["mass"].sum().reset_index()
    assert len(grouped) < 2_000
    options = {key: value for key, value in options.items() if key not in ("sample_weight", "counts")}
    expected = logloss.fit(grouped, "y", sample_weight="mass", **options)
    assert len(model.passes) <= 2 < len(expected.passes)
    assert model.certificate.nats_per_row < 1e-12
    assert model.log_loss == pytest.approx(expected.log_loss, rel=1e-13)
    # Coefficients of a rare level and of a column with outliers are known to fewer digits.
    assert [*model.coefficients.values()] == pytest.approx([*expected.coefficients.values()], rel=1e-8, abs=1e-12)
    assert model.intercept == pytest.approx(expected.intercept, rel=1e-9)


def test_rows_that_differ_in_their_label_or_offset_alone_stay_apart():
    table = pd.DataFrame({"x": np.repeat([0.0, 1.0], N_ROWS // 2), "z": np.tile([0.0, 2.0], N_ROWS // 2)})
    table["k"] = np.where(np.arange(N_ROWS) % 3, "a", "b")
    rng = np.random.default_rng(SEED)
    table["y"] = (rng.random(N_ROWS) < 1 / (1 + np.exp(1 - table.x - table.z))).astype(int)
    model = logloss.fit(table, "y", features=["x", "k"], offset="z", leave_one_out=False)
    assert len(model.passes) <= 2
