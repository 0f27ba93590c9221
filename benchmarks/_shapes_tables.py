"""The tables of shapes.py: public ones of a folder, and those that scikit-learn and statsmodels ship.

Shipped are 150 to 6,366 rows: breast cancer, wine (the first cultivar), iris (versicolor), digits (even ones, 64
pixels) and diabetes (progression above the median) of scikit-learn; of statsmodels extramarital affairs (Fair), votes
of 1996 (ANES), a visit to a doctor in a year (RAND's health insurance experiment; persons are told apart by their
covariates, and the first year of each is taken), smoking in pregnancy (Cattaneo) and private health insurance of
retired people.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import statsmodels
import statsmodels.api as sm
from sklearn import datasets
from training import Table, adult, car_insurance, covtype, fertility, higgs, kdd, lectures

SEED = 20261130
INSIDE = pathlib.Path(statsmodels.__file__).parent
OF_PREGNANCIES = (
    "mmarried mhisp fhisp foreign alcohol deadkids mage medu fage fedu nprenatal monthslb order mrace frace prenatal "
    "birthmonth fbaby"
)
OF_RETIRED = "age educyr female phylim actlim income totchr bh docvis"


def of_sklearn(load: Callable[..., Any], is_positive: Callable[[Any], Any]) -> Callable[[], Table]:
    """A table of scikit-learn, with a label made of its target."""

    def make() -> Table:
        bunch = load(as_frame=True)
        return Table(bunch.data.rename(columns=str).astype(float), np.asarray(is_positive(bunch.target), np.uint8))

    return make


def fair() -> Table:
    """Whether a married woman has affairs."""
    frame = sm.datasets.fair.load_pandas().data
    return Table(frame.drop(columns="affairs"), (frame["affairs"] > 0).to_numpy(np.uint8))


def anes96() -> Table:
    """Votes of 1996: for Dole."""
    frame = sm.datasets.anes96.load_pandas().data
    return Table(frame.drop(columns=["vote", "popul"]), frame["vote"].to_numpy(np.uint8))


def randhie() -> Table:
    """Whether a person visits a doctor in a year."""
    frame = sm.datasets.randhie.load_pandas().data
    features = frame.drop(columns="mdvis")
    is_first = ~features.duplicated().to_numpy()
    return Table(
        features[is_first].reset_index(drop=True).astype(float), (frame["mdvis"][is_first] > 0).to_numpy(np.uint8)
    )


def pregnancies() -> Table:
    """Whether a pregnant woman smokes: the propensity score of Cattaneo (2010)."""
    frame = pd.read_csv(INSIDE / "treatment/tests/results/cataneo2.csv")
    return Table(frame[OF_PREGNANCIES.split()], (frame["mbsmoke"] == "smoker").to_numpy(np.uint8))


def retired() -> Table:
    """Whether a retired person has private health insurance."""
    frame = pd.read_csv(INSIDE / "sandbox/regression/tests/racd10data_with_transformed.csv")
    return Table(frame[OF_RETIRED.split()].astype(float), frame["private"].to_numpy(np.uint8))


SHIPPED: dict[str, Callable[[], Table]] = {
    "breast cancer": of_sklearn(datasets.load_breast_cancer, lambda target: target),
    "wine": of_sklearn(datasets.load_wine, lambda target: target == 0),
    "iris": of_sklearn(datasets.load_iris, lambda target: target == 1),
    "digits": of_sklearn(datasets.load_digits, lambda target: target % 2 == 0),
    "diabetes": of_sklearn(datasets.load_diabetes, lambda target: target > target.median()),
    "affairs": fair,
    "votes": anes96,
    "visits": randhie,
    "smoking": pregnancies,
    "insurance": retired,
}
REAL: dict[str, Callable[[pathlib.Path], Table]] = {
    "adult": adult,
    "covtype": covtype,
    "higgs": higgs,
    "car insurance": car_insurance,
    "fertility": fertility,
    "KDD'99": kdd,
    "lectures": lectures,
}


def some_of(table: Table, n_rows: int, n_columns: int) -> Table:
    """So many rows, drawn, and so many columns at most."""
    frame = table.features.iloc[:, :n_columns]
    options = {
        name: [each for each in value if each in frame] if name == "categories" else value
        for name, value in table.options.items()
    }
    table = replace(table, features=frame, options=options)
    if len(table.labels) <= n_rows:
        return table
    drawn = np.random.default_rng(SEED).permutation(len(table.labels))[:n_rows]
    return table.taken(np.sort(drawn))
