"""Files in svmlight format beside scikit-learn's reader; a fit of 100 times as many columns as rows, and its file.

reading: "adult", the indicators of `sparse_rows.py`, and "text", its words, whose values have 16 digits; `of_ours` is
the time of `sklearn.datasets.load_svmlight_file`. columns: words in 10 million columns, as the usual length has them:
seconds of the fit to the default tolerance, and the peak of a process that makes the table, and one that fits it, too.
"all used" is a model of as many columns none of whose coefficients is 0, written to a file and read.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import tempfile
import time
from typing import Any

import numpy as np
import scipy.sparse
from _record import Figures, Lines, in_own_process, peak_mb, ratio, record, turns
from _wide_tables import SEED, indicators, words
from sklearn.datasets import dump_svmlight_file, load_svmlight_file

import logloss
from logloss.data.arrow import open_files

L2 = 1.0


def read_beside(rows: Any, labels: Any, folder: str, rounds: int) -> Figures:
    """Both readers on one file, which must give the same rows."""
    path = os.path.join(folder, "rows.svm")
    dump_svmlight_file(scipy.sparse.csr_matrix(rows), labels, path, zero_based=False)
    own = open_files(path).matrix()
    theirs, _ = load_svmlight_file(path)
    assert own.data.tobytes() == theirs.data.tobytes()
    assert (own.indices == theirs.indices).all()
    times = turns({"ours": lambda: open_files(path).matrix(), "peer": lambda: load_svmlight_file(path)}, rounds)
    return {
        "values": rows.nnz,
        "file_mb": os.path.getsize(path) / 1e6,
        "seconds": min(times["ours"]),
        "of_ours": ratio(times["peer"], times["ours"]),
    }


def reading(requested: argparse.Namespace) -> Lines:
    """Two files."""
    with tempfile.TemporaryDirectory() as folder:
        for name, table in {
            "adult": indicators(requested.rows // 3),
            "text": words(requested.rows // 10, requested.rows // 2, 100),
        }.items():
            yield name, read_beside(*table, folder, requested.rounds)


def fitted(n_rows: int, is_fitted: bool) -> Figures:
    """Words of 100 times as many columns as rows."""
    rows, labels = words(n_rows, 100 * n_rows, 100)
    if not is_fitted:
        return {"made_mb": peak_mb()}
    # So that kernels are compiled.
    logloss.fit(rows[: n_rows // 10, :100], labels[: n_rows // 10], l2=L2)
    began = time.perf_counter()
    model = logloss.fit(rows, labels, l2=L2)
    found = {
        "values": rows.nnz,
        "seconds": time.perf_counter() - began,
        "passes": len(model.passes),
        "products": model.n_products,
        "certificate": model.certificate.nats_per_row,
        "peak_mb": peak_mb(),
    }
    return found | through_a_file(model)


def through_a_file(model: Any) -> Figures:
    """A model written and read."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.json")
        began = time.perf_counter()
        model.save(path)
        saved = time.perf_counter()
        again = logloss.load(path)
        loaded = time.perf_counter()
        assert again.coef.tobytes() == model.coef.tobytes()
        size = os.path.getsize(path) / 1e6
    return {"file_mb": size, "save": saved - began, "load": loaded - saved}


def all_used(n_columns: int) -> Figures:
    """A model none of whose coefficients is 0."""
    random = np.random.default_rng(SEED)
    model = logloss.fit(scipy.sparse.csr_array(np.eye(4)), [0, 1, 1, 0], l2=L2)
    coef, deviations = random.standard_normal(n_columns), random.random(n_columns)
    before = peak_mb()
    found = through_a_file(dataclasses.replace(model, coef=coef, standard_deviations=deviations))
    return found | {"made_mb": before, "peak_mb": peak_mb()}


def columns(requested: argparse.Namespace) -> Lines:
    """The fit, and files."""
    made = in_own_process(fitted, requested.rows, False)
    yield f"{100 * requested.rows:,}", made | in_own_process(fitted, requested.rows, True)
    yield "all used", in_own_process(all_used, 100 * requested.rows)


if __name__ == "__main__":
    record(reading, columns, rows=(100_000, 1000), rounds=(5, 1))
