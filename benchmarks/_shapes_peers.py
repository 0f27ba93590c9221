"""Boosted trees beside shapes: EBM (interpret-core) and LightGBM, as shapes.py fits them.

EBM runs with its defaults, which average 14 fits to different training rows (bags); "EBM (one bag)" is one such fit.
LightGBM has a learning rate of 0.03. The number of leaves, the least rows of a leaf and the number of trees are those
with the least log loss on a fifth of the training rows, drawn; then it is fitted to all of them. Both take categories
as such, missing values, weights, and an offset as the initial score, to which the log-odds of the base rate are added.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from _record import CORES
from scipy.optimize import brentq
from scipy.special import expit
from training import Table

import logloss

SEED = 20261130
LEAVES, LEAST_ROWS = (7, 15, 31), (5, 20, 100)
MOST_TREES, PATIENCE = 5000, 100

# Fewer numbers are not worth a second thread or process.
FEW = 100_000

# Rounds of boosting with --quick.
QUICK = 20

# Log-odds of new rows after a fit to others.
Predict = Callable[[Table], Any]


def threads_for(table: Table) -> int:
    """Of a peer."""
    return CORES if table.features.size > FEW else 1


def codes_of(table: Table) -> list[str]:
    """The columns that hold levels."""
    named = table.options.get("categories", ())
    return [
        name
        for name in table.features.columns
        if name in named or not (pd.api.types.is_numeric_dtype(table.features[name]))
    ]


def start_of(table: Table) -> Any:
    """The offset, shifted so that the mean prediction is the base rate: where boosting begins; None without one."""
    if table.offset is None:
        return None
    weight = np.ones(len(table.labels)) if table.weight is None else table.weight
    return brentq(lambda shift: weight @ (expit(table.offset + shift) - table.labels), -50, 50)


def of_ebm(**options: Any) -> Callable[..., Predict]:
    """An explainable boosting machine."""

    def fit(table: Table, *, is_quick: bool) -> Predict:
        from interpret.glassbox import ExplainableBoostingClassifier

        codes = codes_of(table)
        kinds = ["nominal" if name in codes else "continuous" for name in table.features.columns]
        own = options | ({"max_rounds": QUICK} if is_quick else {})
        model = ExplainableBoostingClassifier(feature_types=kinds, n_jobs=threads_for(table), **own)
        shift = start_of(table)
        start = None if shift is None else table.offset + shift
        model.fit(ebm_rows(table, codes), table.labels, sample_weight=table.weight, init_score=start)

        def predict(new: Table) -> Any:
            own = None if shift is None else new.offset + shift
            return np.asarray(model.decision_function(ebm_rows(new, codes), init_score=own), float)

        return predict

    return fit


def ebm_rows(table: Table, codes: list[str]) -> pd.DataFrame:
    """Its features: levels as text, None where they are missing."""
    own = {}
    for name in codes:
        values = table.features[name]
        own[name] = pd.Series(
            [None if lacks else str(value) for value, lacks in zip(values, values.isna(), strict=True)], dtype=object
        )
    return table.features.reset_index(drop=True).assign(**own)


def lightgbm(table: Table, *, is_quick: bool) -> Predict:
    """LightGBM, with the options that are best on a part of the training rows."""
    import lightgbm as lgb

    levels = {name: table.features[name].astype("category").cat.categories for name in codes_of(table)}
    shift = start_of(table)
    start = None if shift is None else table.offset + shift
    rows = lightgbm_rows(table, levels)
    order = np.random.default_rng(SEED).permutation(len(rows))
    held_out, kept = np.sort(order[: len(order) // 5]), np.sort(order[len(order) // 5 :])

    def data_of(places: Any) -> Any:
        own = rows.iloc[places]
        weight, score = (None if each is None else each[places] for each in (table.weight, start))
        return lgb.Dataset(own, table.labels[places], weight=weight, init_score=score, free_raw_data=False)

    fixed = {
        "objective": "binary",
        "learning_rate": 0.03,
        "num_threads": threads_for(table),
        "seed": SEED,
        "verbose": -1,
    }
    found = []
    for leaves, least in itertools.islice(itertools.product(LEAVES, LEAST_ROWS), 1 if is_quick else None):
        own = fixed | {"num_leaves": leaves, "min_data_in_leaf": least, "feature_pre_filter": False}
        stop = lgb.early_stopping(PATIENCE, verbose=False)
        model = lgb.train(
            own, data_of(kept), QUICK if is_quick else MOST_TREES, valid_sets=[data_of(held_out)], callbacks=[stop]
        )
        found.append((model.best_score["valid_0"]["binary_logloss"], len(found), own, model.best_iteration))
    _, _, own, n_trees = min(found)
    model = lgb.train(own, data_of(np.arange(len(rows))), n_trees)

    def predict(new: Table) -> Any:
        logits = model.predict(lightgbm_rows(new, levels), raw_score=True)
        return logits if shift is None else logits + new.offset + shift

    return predict


def lightgbm_rows(table: Table, levels: dict[str, Any]) -> pd.DataFrame:
    """Its features: levels as those of training, and no characters in names that it refuses."""
    own = {name: pd.Categorical(table.features[name], categories=known) for name, known in levels.items()}
    frame = table.features.reset_index(drop=True).assign(**own)
    return frame.set_axis([f"x{j}" for j in range(frame.shape[1])], axis=1)


# By name: the package that must be installed, the fit.
PEERS: dict[str, tuple[str, Callable[..., Predict]]] = {
    "EBM": ("interpret", of_ebm()),
    "EBM (one bag)": ("interpret", of_ebm(outer_bags=1)),
    "LightGBM": ("lightgbm", lightgbm),
}


@cache
def installed(names: tuple[str, ...]) -> dict[str, Callable[..., Predict]]:
    """Those of the peers that are installed; the others are named in print."""
    found = {}
    for name in names:
        package, fit = PEERS[name]
        if importlib.util.find_spec(package) is None:
            print(f"  {name}: left out, {package} is not installed")
        else:
            importlib.import_module(package)
            found[name] = fit
    return found


def loss_of(new: Table, logits: Any) -> float:
    """The held-out log loss, weighted where rows have weights."""
    return float(logloss.log_loss(new.labels, y_logit=logits, sample_weight=new.weight))
