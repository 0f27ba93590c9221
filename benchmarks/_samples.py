"""Rows that programs here draw: forecasts with known true probabilities, and Parquet files of them."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.special import expit

COUNTRIES, CLUSTERS = 50, 2000


def labels_of(random: np.random.Generator, proba: Any) -> Any:
    """A label of each row, 1 with its probability."""
    return (random.random(len(proba)) < proba).astype(np.uint8)


def expected_loss(proba: Any, logit: Any) -> Any:
    """The expected log loss of forecast log-odds, given true probabilities, row by row, in nats."""
    return proba * np.logaddexp(0, -logit) + (1 - proba) * np.logaddexp(0, logit)


def files_of(folder: pathlib.Path, n_rows: int, n_files: int, n_features: int = 0, *, has_keys: bool = False) -> str:
    """Write rows to a new folder: y, p and x0, x1 …, float32; with keys a country and a cluster, too."""
    folder.mkdir()
    random = np.random.default_rng(1)
    names = pa.array([f"country {number}" for number in range(COUNTRIES)])
    slopes = random.normal(size=n_features).astype(np.float32) / np.sqrt(max(n_features, 1))
    for number in range(n_files):
        n = n_rows // n_files
        features = random.standard_normal((n_features, n), dtype=np.float32)
        logit = (slopes @ features).astype(float) if n_features else 1.5 * random.standard_normal(n)
        columns: dict[str, Any] = {"p": expit(logit - 1)}
        columns["y"] = labels_of(random, columns["p"])
        columns |= {f"x{j}": features[j] for j in range(n_features)}
        if has_keys:
            columns["country"] = names.take(pa.array(random.integers(0, COUNTRIES, n)))
            columns["cluster"] = random.integers(0, CLUSTERS, n)
        # Probabilities and features hardly repeat: dictionaries of them would not make files smaller.
        dictionaries = ["y", "country"] if has_keys else ["y"]
        pq.write_table(pa.table(columns), folder / f"{number:04}.parquet", use_dictionary=dictionaries)
    return str(folder)
